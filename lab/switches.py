"""Starting, stopping and rebooting the lab's switches from outside their namespaces."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.cables import lift
from lab.initial import initial
from lab.net import kill, processes
from lab.secrets import SNMP_USER, USERNAMES, SwitchSecrets, make_key, write_private
from lab.site import CONTROLLER, FACE_VLAN, PREFIX, RUN, SITE, TRAP_PORT, SiteSpec, SwitchSpec
from lab.spawn import Started, python, spawn
from lab.switch.bare import BRIDGE, furnish, namespaces
from lab.switch.ovs import build_bridge
from lab.switch.ovsd import Daemons


@dataclass(frozen=True, slots=True)
class SwitchBox:
    """One switch of the site with its folder in the run folder."""

    spec: SwitchSpec
    secrets: SwitchSecrets
    site: SiteSpec = SITE
    run: Path = RUN

    @property
    def folder(self) -> Path:
        """The switch's own folder."""
        return self.run / self.spec.name

    @property
    def netns(self) -> str:
        """The switch's network namespace."""
        return PREFIX + self.spec.name

    @property
    def daemons(self) -> Daemons:
        """Its Open vSwitch, as seen from outside."""
        if self.spec.bare:
            return Daemons(self.folder / "run/openvswitch", self.folder / "etc/openvswitch/conf.db", self.netns)
        return Daemons(self.folder / "ovs", self.folder / "ovs/conf.db", self.netns)

    @property
    def host_key(self) -> Path:
        """Its SSH host key (private part)."""
        return self.folder / ("etc/ssh/ssh_host_ed25519_key" if self.spec.bare else "startup.hostkey")

    def start(self) -> None:
        """Power it on and return when it takes logins; EquipmentError if it does not come up."""
        self.folder.mkdir(mode=0o755, exist_ok=True)
        lift(self.spec.name, self.site)
        ready = self.folder / ("run/ready" if self.spec.bare else "ready")
        ready.unlink(missing_ok=True)
        started = self._start_bare() if self.spec.bare else self._start_persona()
        started.until(ready.exists)

    def stop(self) -> None:
        """Cut its power: everything in its namespace is killed, and its peers lose the link."""
        lift(self.spec.name, self.site, up=False)
        kill(pid for pid, name in processes(PREFIX).items() if name == self.netns)

    def well(self, alive: Container[int]) -> bool:
        """Tell whether its data plane is among the processes `alive` and somebody listens for logins."""
        pids = self.daemons.pids()
        if len(pids) < 2 or not all(pid in alive for pid in pids):
            return False
        try:
            socket.create_connection((self.spec.host, 22), 2.0).close()
        except OSError:
            return False
        return True

    def reboot(self) -> None:
        """Cut the power and start again from what it had saved."""
        self.stop()
        if not self.spec.bare:
            shutil.rmtree(self.daemons.rundir, ignore_errors=True)
        self.start()

    def start_afresh(self) -> None:
        """Cut the power, forget what was saved, and start as the installer left it."""
        self.stop()
        self.forget()
        self.start()

    def forget(self) -> None:
        """Remove what it had saved; it must be stopped. The next start is a first one."""
        for path in (self.folder / "startup.json", *(self.folder / "etc/openvswitch").glob("*.*")):
            path.unlink(missing_ok=True)

    def _start_bare(self) -> Started:
        client = self.run / "netadmin_ed25519"
        make_key(client, USERNAMES["openvswitch"])
        public = client.with_suffix(".pub").read_text("ascii")
        furnish(self.folder, self.spec.name, self.spec.host, self.secrets, public)
        uplinks = {port: sorted(vlans) for port, vlans in self.site.uplink_ports(self.spec.name).items()}
        config: dict[str, Any] = {
            "folder": str(self.folder),
            "name": self.spec.name,
            "vlan": FACE_VLAN,
            "uplinks": uplinks,
        }
        config["outside"] = namespaces()
        path = self.folder / "config.json"
        path.write_text(json.dumps({**config, "ports": list(self.spec.ports.values())}), "utf-8")
        return self._spawn(["unshare", "--uts", *python("lab.switch.bare", str(path))])

    def _start_persona(self) -> Started:
        self.daemons.start()
        build_bridge(self.daemons.db, BRIDGE, self.spec.ports.values())
        path = self.folder / "config.json"
        write_private(path, json.dumps(persona_config(self), indent=1))
        return self._spawn(python("lab.switch.persona", str(path)))

    def _spawn(self, argv: list[str]) -> Started:
        return spawn(self.spec.name, self.netns, argv, self.folder / "console.log")


def persona_config(box: SwitchBox) -> dict[str, Any]:
    """Give the configuration of the process that plays a vendor's switch."""
    spec, secrets, folder = box.spec, box.secrets, box.folder
    return {
        "name": spec.name,
        "hostname": spec.name,
        "platform": spec.platform,
        "listen": spec.host,
        "ssh_port": 22,
        "snmp_port": 161,
        "credentials": {
            "username": USERNAMES[spec.platform],
            "password": secrets.password,
            "enable": secrets.enable,
        },
        "snmp": {
            "community": secrets.community,
            "v3_user": SNMP_USER,
            "v3_auth": secrets.snmp_auth,
            "v3_priv": secrets.snmp_priv,
        },
        "bridge": {"db": box.daemons.db, "rundir": str(box.daemons.rundir), "name": BRIDGE},
        "ports": spec.ports,
        "uplink": sorted(box.site.uplink_ports(spec.name)),
        "neighbours": neighbours(spec, box.site),
        "initial": initial(spec, box.site),
        "trap_target": f"{CONTROLLER}:{TRAP_PORT}",
        "trap_v3": True,
        "state": str(folder / "startup.json"),
        "ready": str(folder / "ready"),
        "control": str(folder / "control.sock"),
    }


def neighbours(spec: SwitchSpec, site: SiteSpec) -> dict[str, dict[str, str]]:
    """Say which switch's port is at the other end of each uplink of `spec`, as its LLDP would tell."""
    found = {}
    for link in site.uplinks:
        for (name, port), (peer, far) in ((link.a, link.b), (link.b, link.a)):
            if name == spec.name:
                number = list(site.switch).index(peer) + 1
                found[port] = {"system": peer, "port": far, "chassis": f"02:05:00:00:00:{number:02d}"}
    return found
