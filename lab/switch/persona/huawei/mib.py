"""What the SNMP agent shows and sends; the rows and their indexes are those of the recordings."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lab.switch.dataplane import FdbEntry
from lab.switch.persona import mib
from lab.switch.persona.ber import GAUGE, INTEGER, OCTETS, Oid, Value
from lab.switch.persona.huawei import secure
from lab.switch.persona.huawei.edition import Edition
from lab.switch.persona.huawei.switch import ACTIONS, HuaweiSwitch
from lab.switch.persona.mib import Row, oid
from lab.switch.persona.model import Interface, octets
from lab.switch.persona.sets import Setters, alias, number, string
from lab.switch.persona.state import Switch

Q_BRIDGE = oid("1.3.6.1.2.1.17.7.1")
L2MAM = oid("1.3.6.1.4.1.2011.5.25.42.2.1")
ERROR_DOWN = oid("1.3.6.1.4.1.2011.5.25.257")
SECURE_MAC = oid("1.3.6.1.4.1.2011.5.25.315")
#: How the recordings write the VSI of an entry that is in none: a string of one character, "0".
_NO_VSI = (1, 48)
_TARGET = re.compile(
    r"snmp-agent target-host trap address udp-domain (\S+)(?: udp-port (\d+))?.* params securityname(?: cipher)? (\S+)"
)


def _huawei(switch: Switch) -> HuaweiSwitch:
    assert isinstance(switch, HuaweiSwitch)
    return switch


class HuaweiTables:
    """See vendor.Tables. There is one context: Huawei's tables have the VLAN in the index."""

    def __init__(self, edition: Edition) -> None:
        self._edition = edition
        self._setters = Setters(
            edition.if_index,
            {(*mib.SYSTEM, 5, 0): _set_name},
            {(*mib.IF, 7): _set_admin, (*mib.IFX, 18): alias},
        )

    def general(self, switch: Switch, links: dict[str, bool]) -> list[Row]:
        """Build all rows but those of what was learned."""
        edition, running = self._edition, switch.running
        rows: list[Row] = [*mib.system(switch, _described(switch, edition))]
        rows.append((mib.IF_NUMBER, INTEGER, len(running.interfaces)))
        for entry in running.interfaces.values():
            face = mib.Face(edition.if_index(entry.name), entry.name, entry.name)
            rows += mib.interface(switch, entry, face, up=links[entry.name])
            if entry.physical:
                rows.append(((*Q_BRIDGE, 4, 5, 1, 1, edition.base_port(entry.name)), GAUGE, _pvid(entry)))
                rows += self._security(entry)
        rows += self._vlans(switch)
        if running.lldp:
            rows += self._lldp(switch, links)
        return rows

    def _security(self, entry: Interface) -> Iterator[Row]:
        index, held = self._edition.if_index(entry.name), entry.security
        yield (*L2MAM, 11, 1, 2, index), INTEGER, 1 if held.enabled else 2
        yield (*L2MAM, 11, 1, 3, index), INTEGER, ACTIONS[held.violation]
        yield (*L2MAM, 11, 1, 6, index), INTEGER, held.maximum
        for secure_mac in held.macs.values():
            row = (*octets(secure_mac.mac), entry.vlan_of(secure_mac), *_NO_VSI)
            if secure_mac.kind == "dynamic":
                yield (*L2MAM, 3, 1, 4, *row), INTEGER, index
                continue
            columns: list[tuple[int, Value]] = [(4, index), (5, 2), (6, 1)]
            for column, value in columns:
                yield (*L2MAM, 2, 1, column, *row), INTEGER, value

    def _vlans(self, switch: Switch) -> Iterator[Row]:
        for vlan, name in switch.running.vlans.items():
            members = [e for e in switch.running.physical() if e.carries(vlan)]
            untagged = [e for e in members if _pvid(e) == vlan]
            egress, plain = self._port_list(members), self._port_list(untagged)
            yield (*Q_BRIDGE, 4, 2, 1, 3, 0, vlan), GAUGE, vlan
            yield (*Q_BRIDGE, 4, 2, 1, 4, 0, vlan), OCTETS, egress
            yield (*Q_BRIDGE, 4, 2, 1, 5, 0, vlan), OCTETS, plain
            yield (*Q_BRIDGE, 4, 3, 1, 1, vlan), OCTETS, (name or f"VLAN {vlan:04}").encode()
            yield (*Q_BRIDGE, 4, 3, 1, 2, vlan), OCTETS, egress
            yield (*Q_BRIDGE, 4, 3, 1, 4, vlan), OCTETS, plain
            yield (*Q_BRIDGE, 4, 3, 1, 5, vlan), INTEGER, 1

    def _port_list(self, entries: list[Interface]) -> bytes:
        held = bytearray(16)
        for entry in entries:
            bit = self._edition.base_port(entry.name) - 1
            held[bit // 8] |= 0x80 >> bit % 8
        return bytes(held)

    def _lldp(self, switch: Switch, links: dict[str, bool]) -> Iterator[Row]:
        """Number LLDP's ports by their index: neither the bridge port nor 1…n."""
        told = self._edition.description.encode()
        ports = {entry.name: self._edition.if_index(entry.name) for entry in switch.running.physical()}
        yield from mib.lldp_local(switch, told)
        for name, local in ports.items():
            yield from mib.lldp_port(local, name, name)
        yield from mib.lldp_remote(switch, links, ports, told)

    def bridge(self, switch: Switch, vlan: int, learned: list[FdbEntry]) -> list[Row]:
        """Build dot1d and Huawei's table of learned addresses (no recording has dot1qTpFdb)."""
        del vlan
        edition, physical = self._edition, switch.running.physical()
        rows = mib.bridge_base(switch, {edition.base_port(e.name): edition.if_index(e.name) for e in physical})
        names = {entry.port: entry.name for entry in physical if entry.port}
        for entry in physical:
            for held in entry.security.macs.values():
                rows += mib.forwarding(held.mac, edition.base_port(entry.name), 3 if held.kind == "dynamic" else 5)
        for row in learned:
            name = names[row.port]
            rows += mib.forwarding(row.mac, edition.base_port(name), 3)
            index = edition.if_index(name)
            rows.append(((*L2MAM, 3, 1, 4, *octets(row.mac), row.vlan, *_NO_VSI), INTEGER, index))
        return list({row[0]: row for row in rows}.values())

    def context(self, switch: Switch, community_suffix: str | None, name: str) -> int | None:
        """There is only the empty context."""
        del switch
        return 0 if community_suffix is None and not name else None

    def set(self, switch: Switch, asked: list[tuple[Oid, int, Value]]) -> None:
        """Do a SET: the name, a port's state and its description."""
        self._setters.apply(switch, asked)

    def trap(self, switch: Switch, kind: str, entry: Interface | None) -> tuple[Oid, list[Row]] | None:
        """Give the trap of an event: the classic alarm has no MAC, VRP 8 sends a second one that has."""
        if entry is None:
            return (*mib.SNMP_TRAPS, 1), []
        index = self._edition.if_index(entry.name)
        if kind.startswith("link"):
            return mib.link_trap(entry, index, up=kind == "linkUp")
        described: Row = ((*mib.IF, 2, index), OCTETS, entry.name.encode())
        action: Row = ((*L2MAM, 11, 1, 3, index), INTEGER, ACTIONS[entry.security.violation])
        if kind == "secureViolation":
            return (*L2MAM, 7, 6), [described, action]
        if kind == "secureMac":  # HUAWEI-SWITCH-L2MAM-EXT-MIB: ifDescr, hwCfgFdbMac, hwCfgFdbVlanId, the action
            mac, vlan = octets(entry.security.last_mac), entry.security.last_vlan
            row = (*mac, vlan, *_NO_VSI)
            seen: list[Row] = [((*L2MAM, 2, 1, 1, *row), OCTETS, mac), ((*L2MAM, 2, 1, 2, *row), INTEGER, vlan)]
            return (*SECURE_MAC, 3, 2), [described, *seen, action]
        name: Row = ((*mib.IFX, 1, index), OCTETS, entry.name.encode())
        cause: Row = ((*ERROR_DOWN, 1, 1, 0), OCTETS, _huawei(switch).violation_cause.encode())
        return (*ERROR_DOWN, 2, 1 if kind == "errDisable" else 2), [((*mib.IF, 1, index), INTEGER, index), name, cause]

    def targets(self, switch: Switch, kind: str) -> list[tuple[str, int, str]]:
        """Read the target hosts, when traps are on."""
        del kind
        lines = switch.running.extra
        if not any(line.startswith("snmp-agent trap enable") for line in lines):
            return []
        return [(m[1], int(m[2] or 162), m[3]) for m in map(_TARGET.match, lines) if m is not None]


def _pvid(entry: Interface) -> int:
    return entry.native_vlan if entry.trunk else entry.access_vlan


def _described(switch: Switch, edition: Edition) -> mib.Described:
    def kept(word: str) -> str:
        head = f"snmp-agent sys-info {word} "
        return next((line.removeprefix(head) for line in switch.running.extra if line.startswith(head)), "")

    return mib.Described(edition.description.encode(), edition.object_id, kept("contact"), kept("location"))


def _set_name(switch: Switch, tag: int, value: Value) -> None:
    switch.running.hostname = string(tag, value, 63) or "HUAWEI"


def _set_admin(switch: Switch, entry: Interface, tag: int, value: Value) -> None:
    secure.shut(_huawei(switch), entry, down=number(tag, value, 1, 2) == 2)
