"""The virtual site in the hands of a test or a demonstration: plug, spoof, send, and ask what arrived."""

from __future__ import annotations

import secrets
import time
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lab import cables, up
from lab import secrets as lab_secrets
from lab.down import down, one_at_a_time
from lab.hosts import frames
from lab.hosts.client import ask
from lab.site import RUN, SITE, STREAM_PORT, HostSpec, SiteSpec
from lab.switch.bare import BRIDGE
from lab.switch.ovs import OvsDataPlane
from lab.switches import SwitchBox
from policies.errors import NotFound, UsageError
from policies.texts import t


class Lab:
    """The one lab of this machine. Making the object starts nothing; :meth:`up` and :meth:`down` do.

    Every method raises EquipmentError when the lab is not up.
    """

    def __init__(self, site: SiteSpec = SITE) -> None:
        self.site = site

    def up(self, owner: int = 0) -> bool:
        """Bring it up; False when it runs already. See :func:`lab.up.up`."""
        return up.up(owner)

    def down(self) -> bool:
        """Remove it; False when there was nothing. UsageError unless this is root."""
        up.require_root()
        with one_at_a_time():
            return down()

    def host(self, name: str) -> Host:
        """Give a host by name; NotFound if there is none."""
        spec = self.site.host.get(name)
        if spec is None:
            raise NotFound(t("the lab has no host '{host}'", host=name))
        return Host(self, spec)

    def recorder(self) -> Host:
        """Give the host to which the cameras stream."""
        return self.host("nvr1")

    def switch(self, name: str) -> SwitchBox:
        """Give a switch with its secrets and folder; NotFound if there is none."""
        spec = self.site.switch.get(name)
        if spec is None:
            raise NotFound(t("the lab has no switch '{switch}'", switch=name))
        return SwitchBox(spec, lab_secrets.load(up.SECRETS)[name], self.site)

    @property
    def client_key(self) -> Path:
        """The private SSH key that the bare switch accepts."""
        return RUN / "netadmin_ed25519"

    def data_plane(self, name: str) -> OvsDataPlane:
        """Open the data plane of a switch from outside; the caller closes it."""
        box = self.switch(name)
        return OvsDataPlane(box.daemons.db, box.daemons.rundir, BRIDGE, netns=box.netns)

    def plugged(self) -> dict[str, cables.Plugged]:
        """Say where every host is plugged in now."""
        return cables.load_cables(up.CABLES)

    def replug(self, host: str, switch: str, port: str) -> None:
        """Move the host's cable to another port (or take the host from the shelf); UsageError if that one is taken."""
        spec = self.host(host).spec
        end = cables.find_port(switch, port, self.site)
        now = self.plugged()
        holder = next((name for name, entry in now.items() if (entry.switch, entry.interface) == end), None)
        if holder == host:
            return
        if holder is not None:
            raise UsageError(t("'{host}' is plugged in there", host=holder), where=f"{switch} {port}")
        mac = now[host].mac if host in now else spec.mac
        self._pull(host, now)
        now[host] = cables.Plugged(*end, mac)
        cables.plug(spec, now[host])
        self._plugged(host, now)

    def unplug(self, host: str) -> None:
        """Pull the host's cable; a host without one is fine."""
        now = self.plugged()
        self._pull(self.host(host).spec.name, now)
        cables.save_cables(up.CABLES, now)

    def spoof(self, host: str, mac: str | None) -> None:
        """Let the host show another MAC in everything that it sends; None: its own again."""
        spec, now = self.host(host).spec, self.plugged()
        if host not in now:
            raise UsageError(t("'{host}' is not plugged in", host=host))
        now[host] = replace(now[host], mac=mac or spec.mac)
        cables.dress(spec, now[host].mac)
        self._plugged(host, now)

    def reboot(self, switch: str) -> None:
        """Cut the switch's power and let it start from what it had saved; returns when it takes logins again."""
        with one_at_a_time():
            self.switch(switch).reboot()

    def reset(self) -> None:
        """Put everything back as the installer left it: cables, MACs, and switches that have saved nothing."""
        with one_at_a_time():
            self._reset()

    def _reset(self) -> None:
        first = cables.first_cables(self.site)
        now = self.plugged()
        for host in [name for name, entry in now.items() if entry != first.get(name)]:
            self.unplug(host)
        now = self.plugged()
        for name, entry in first.items():
            if name not in now:
                now[name] = entry
                cables.plug(self.site.host[name], entry)
                self._plugged(name, now)
        for name in self.site.host:
            self.host(name).stream(True)
        up.all_at_once([self.switch(name).start_afresh for name in self.site.switch])

    def forgotten(self, host: str, timeout: float = 60.0) -> bool:
        """Wait until no switch has a MAC of `host` in its tables any more; False after `timeout` seconds."""
        mac = self.host(host).spec.mac
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if not any(self._knows(name, mac) for name in self.site.switch):
                return True
            time.sleep(0.5)
        return False

    def _knows(self, switch: str, mac: str) -> bool:
        with closing(self.data_plane(switch)) as plane:
            return any(entry.mac == mac for entry in plane.fdb())

    def status(self) -> dict[str, Any]:
        """Say what every host sent and received so far, as the process that plays them counts."""
        hosts: dict[str, Any] = ask(up.HOSTS_SOCKET, "status")["hosts"]
        return hosts

    def _pull(self, host: str, now: dict[str, cables.Plugged]) -> None:
        entry = now.pop(host, None)
        if entry is not None:
            ask(up.HOSTS_SOCKET, "detach", hosts=[host])
            cables.unplug(host, entry)
            # Open vSwitch keeps what it learned on a port without carrier; a switch's hardware does not.
            with closing(self.data_plane(entry.switch)) as plane:
                plane.forget(entry.interface)

    def _plugged(self, host: str, now: dict[str, cables.Plugged]) -> None:
        cables.save_cables(up.CABLES, now)
        ask(up.HOSTS_SOCKET, "attach", hosts=[host])


@dataclass(frozen=True, slots=True)
class Host:
    """One host of the lab."""

    lab: Lab
    spec: HostSpec

    def send_frame(
        self,
        src_mac: str | None = None,
        src_ip: str | None = None,
        dst: str = "nvr1",
        *,
        kind: str = "udp",
        vlan: int | None = None,
    ) -> str:
        """Send one marked frame as it is, and give its marker.

        The sources default to the host's own; `dst` is a host's name or a MAC. `kind` is udp, arp (a request, always
        broadcast) or raw (no IP at all); `vlan` sends it tagged.
        """
        marker = secrets.token_hex(8)
        payload = frames.marked_payload(self.spec.name, marker)
        now = self.lab.plugged().get(self.spec.name)
        source = (src_mac or (now.mac if now else self.spec.mac), src_ip or self.spec.ip)
        peer = self.lab.site.host.get(dst)
        target = (peer.mac, peer.ip) if peer else (dst, "198.18.100.255")
        makers = {
            "udp": lambda: frames.udp(source, target, STREAM_PORT, payload, vlan),
            "arp": lambda: frames.arp(source, target[1], payload, vlan),
            "raw": lambda: frames.raw(source[0], target[0], payload, vlan),
        }
        self.send_bytes(makers[kind]())
        return marker

    def send_bytes(self, *frame: bytes) -> None:
        """Put whole Ethernet frames on the cable."""
        ask(up.HOSTS_SOCKET, "send", host=self.spec.name, frames=[each.hex() for each in frame])

    def seen(self, marker: str, timeout: float = 0.0) -> bool:
        """Tell whether a frame with `marker` arrived here, waiting for it up to `timeout` seconds.

        To show that one did not arrive, send a second one that must by the same way, wait for that, then ask.
        """
        answer = ask(up.HOSTS_SOCKET, "seen", host=self.spec.name, marker=marker, timeout=timeout)
        return int(answer["count"]) > 0

    def received(self, host: str, mac: str = "", ip: str = "") -> int:
        """Count the datagrams of `host`'s stream that arrived here, with source `mac` and `ip` where given."""
        answer = ask(up.HOSTS_SOCKET, "received", host=self.spec.name, source=host, mac=mac, ip=ip)
        return int(answer["count"])

    def await_stream(self, host: str, more: int = 3, timeout: float = 30.0) -> bool:
        """Wait until `more` further datagrams of `host`'s stream arrived here; False after `timeout` seconds."""
        answer = ask(up.HOSTS_SOCKET, "received", host=self.spec.name, source=host, more=more, timeout=timeout)
        return bool(answer["enough"])

    def stream(self, on: bool) -> None:
        """Let the host's stream run or pause."""
        ask(up.HOSTS_SOCKET, "stream", host=self.spec.name, on=on)
