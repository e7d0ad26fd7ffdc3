"""Starting, stopping and rebooting the lab's switches from outside their namespaces."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.cables import lift
from lab.net import kill, processes
from lab.secrets import SNMP_USER, USERNAMES, SwitchSecrets, make_key, write_private
from lab.site import CONTROLLER, FACE_VLAN, MARK, PREFIX, RUN, SITE, SiteSpec, SwitchSpec
from lab.switch.bare import BRIDGE, furnish, namespaces
from lab.switch.ovs import build_bridge
from lab.switch.ovsd import Daemons
from policies.errors import DeviceTimeout, EquipmentError
from policies.texts import t

_READY_S = 20.0


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
        return self.folder / ("etc/ssh/ssh_host_ed25519_key" if self.spec.bare else "host_key")

    def start(self) -> None:
        """Power it on and return when it takes logins; DeviceTimeout if it does not."""
        self.folder.mkdir(mode=0o755, exist_ok=True)
        lift(self.spec.name, self.site)
        ready = self.folder / ("run/ready" if self.spec.bare else "ready")
        ready.unlink(missing_ok=True)
        process = self._start_bare() if self.spec.bare else self._start_persona()
        self._await(ready, process)

    def stop(self) -> None:
        """Cut its power: everything in its namespace is killed, and its peers lose the link."""
        lift(self.spec.name, self.site, up=False)
        kill(pid for pid, name in processes(PREFIX).items() if name == self.netns)

    def reboot(self) -> None:
        """Cut the power and start again from what it had saved."""
        self.stop()
        if not self.spec.bare:
            shutil.rmtree(self.daemons.rundir, ignore_errors=True)
        self.start()

    def forget(self) -> None:
        """Remove what it had saved; it must be stopped. The next start is a first one."""
        for path in (self.folder / "startup.json", *(self.folder / "etc/openvswitch").glob("*.*")):
            path.unlink(missing_ok=True)

    def _start_bare(self) -> subprocess.Popen[bytes]:
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
        return self._spawn(["unshare", "--uts", sys.executable, "-m", "lab.switch.bare", str(path)])

    def _start_persona(self) -> subprocess.Popen[bytes]:
        self.daemons.start()
        build_bridge(self.daemons.db, BRIDGE, self.spec.ports.values())
        path = self.folder / "config.json"
        write_private(path, json.dumps(persona_config(self), indent=1))
        return self._spawn([sys.executable, "-m", "lab.switch.persona", str(path)])

    def _spawn(self, argv: list[str]) -> subprocess.Popen[bytes]:
        with (self.folder / "console.log").open("ab") as log:
            return subprocess.Popen(
                ["ip", "netns", "exec", self.netns, *argv],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env={**os.environ, MARK: str(self.run)},
                start_new_session=True,
            )

    def _await(self, ready: Path, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _READY_S
        while not ready.exists():
            if process.poll() not in (None, 0):
                said = self._last_words()
                raise EquipmentError(t("the lab switch did not start: {said}", said=said), where=self.spec.name)
            if time.monotonic() > deadline:
                raise DeviceTimeout(
                    t("the lab switch is not ready after {seconds} s.", seconds=f"{_READY_S:g}"),
                    where=self.spec.name,
                    next_step=t("read {file}", file=str(self.folder / "console.log")),
                )
            time.sleep(0.02)

    def _last_words(self) -> str:
        with suppress(OSError):
            lines = (self.folder / "console.log").read_text("utf-8", "replace").strip().splitlines()
            return lines[-1][:300] if lines else ""
        return ""


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
        "initial": cisco_initial(spec, box.site),
        "trap_target": f"{CONTROLLER}:162",
        "state": str(folder / "startup.json"),
        "host_key": str(box.host_key),
        "ready": str(folder / "ready"),
        "control": str(folder / "control.sock"),
    }


def cisco_initial(spec: SwitchSpec, site: SiteSpec) -> str:
    """Write the configuration that a careless installer left: every port an open access port of the face VLAN."""
    uplinks = site.uplink_ports(spec.name)
    lines = [f"hostname {spec.name}", f"vlan {FACE_VLAN}", " name face", "!"]
    for port in spec.ports:
        lines.append(f"interface {port}")
        if port in uplinks:
            carried = ",".join(str(vlan) for vlan in sorted(uplinks[port]))
            lines += [f" switchport trunk allowed vlan {carried}", " switchport mode trunk"]
        else:
            lines += [f" switchport access vlan {FACE_VLAN}", " switchport mode access"]
        lines.append("!")
    return "\n".join([*lines, "end"]) + "\n"
