"""All readings of a site at once: what one switch alone cannot say of a MAC that it learned."""

from __future__ import annotations

from collections.abc import Mapping

from policies.model import ExpectedSwitch, ObservedPort, ObservedSwitch, Oper, PortRole
from policies.site import Site, Switch

#: A link that may carry frames.
_MAY_BE_UP = (Oper.UP, Oper.UNKNOWN)


class Sight:
    """Where MACs are, over every reading that there is.

    `unread` names the declared switches without a reading. A port "leads on" when the site declares it, or the
    port-channel of which it is a member, as an uplink or as the management path: what is learned there is at home on
    another switch.
    """

    def __init__(
        self, site: Site, expected: Mapping[str, ExpectedSwitch], observed: Mapping[str, ObservedSwitch]
    ) -> None:
        self.face = frozenset(vlan.id for vlan in site.vlans if vlan.purpose == "face")
        self._face_or_own = self.face | {None}
        self.unread = tuple(switch.name for switch in site.switches if switch.name not in observed)
        self._site, self._expected = site, expected
        self._places: dict[str, set[tuple[str, str]]] = {}
        self._judged: dict[str, set[str]] = {}
        self._own: set[str] = set()
        for name, seen in observed.items():
            self._look(name, seen)

    def elsewhere(self, mac: str, here: tuple[str, str]) -> list[tuple[str, str]]:
        """Give the (switch, port) but `here` on whose own wire the MAC is now.

        That is where it is learned, the link is up, and the port is neither a trunk nor leads on.
        """
        places = self._places.get(mac)
        if not places or (len(places) == 1 and here in places):
            return []
        return sorted(places - {here})

    def judged_elsewhere(self, mac: str, switch: str) -> bool:
        """Tell whether a MAC behind an uplink of `switch` is at home on another switch, and judged there.

        That is so on a port of another switch that does not lead on, and for the address of a switch itself.
        """
        return mac in self._own or bool(self._judged.get(mac, set()) - {switch})

    def leads_on(self, switch: str, port: ObservedPort) -> bool:
        """Tell whether the site declares `port`, or its port-channel, as an uplink or as the management path."""
        names = (port.name, port.channel) if port.channel else (port.name,)
        wanted = self._expected.get(switch)
        if wanted is not None:
            ports = wanted.ports
            return any(name in ports and ports[name].role is PortRole.UPLINK for name in names)
        declared = self._site.switch(switch)
        return declared is not None and any(_declared_to_lead_on(declared, name) for name in names)

    def on_face_vlan(self, port: ObservedPort) -> set[str]:
        """Give the MACs that the port learned in a VLAN with purpose face; one without a VLAN is in the port's own."""
        if not port.learned:
            return set()
        face: frozenset[int | None] = self.face
        if port.config.access_vlan in face or port.voice_vlan in face:
            face = self._face_or_own
        return {entry.mac for entry in port.learned if entry.vlan in face and entry.kind != "self"}

    def _look(self, switch: str, seen: ObservedSwitch) -> None:
        judged = switch in self._expected
        for name, port in seen.ports.items():
            if not port.learned:
                continue
            self._own.update([entry.mac for entry in port.learned if entry.kind == "self"])
            if self.leads_on(switch, port):
                continue
            if judged:
                for mac in self.on_face_vlan(port):
                    self._judged.setdefault(mac, set()).add(switch)
            if port.oper in _MAY_BE_UP and not port.is_trunk:
                here = switch, name
                for entry in port.learned:
                    if entry.kind == "dynamic":
                        self._places.setdefault(entry.mac, set()).add(here)


def _declared_to_lead_on(switch: Switch, port: str) -> bool:
    return switch.uplink(port) is not None or port in switch.management_ports
