"""Discovery over SNMP: read a switch's tables, and put them together as its observed state."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from drivers.snmp import neighbours, oids, quirks, security, tables, vlans
from drivers.snmp.access import ResolvedSnmp
from drivers.snmp.oids import Oid
from drivers.snmp.platforms import identify
from drivers.snmp.security import Secured
from drivers.snmp.session import SnmpSession
from drivers.snmp.tables import Fdb, Interface, Layout
from drivers.snmp.values import Notes, Rows, as_text, rows
from drivers.snmp.vlans import Carried
from policies.errors import CommandRejected, DeviceTimeout, Unreachable
from policies.model import Learned, Neighbour, ObservedPort, ObservedSwitch, Oper, PortConfig
from policies.texts import t

_log = logging.getLogger("portseal.snmp")

#: Per-VLAN views that stay silent in a row before the rest is given up: each costs every timeout and retry.
_SILENT_VIEWS = 3
_SETTINGS = tuple(PortConfig.__dataclass_fields__)


def discover_address(access: ResolvedSnmp, *, now: datetime, switch: str = "") -> ObservedSwitch:
    """Discover the agent at `access`, without a site; `switch` names it, by default its address does.

    Errors are those of :class:`~drivers.snmp.session.SnmpSession`.
    """
    with SnmpSession(access) as session:
        return discover(session, switch=switch or access.where, now=now)


def discover(session: SnmpSession, *, switch: str, now: datetime, platform: str = "") -> ObservedSwitch:
    """Read the whole observed state of one switch; what was understood only with a correction is in `oddities`.

    `platform` is what to read it as, whatever the agent says that it is; by default that is what counts.
    Errors are those of the session; a column that the agent refuses (no access) is an oddity.
    """
    notes = Notes()
    system = session.get(*oids.SYSTEM)
    who = identify(as_text(system.get(Oid.SYS_OBJECT_ID)), quirks.without_quotes(_lines(system.get(Oid.SYS_DESCR))))
    who = replace(who, platform=platform or who.platform)
    if not who.platform:
        notes.add(t("the vendor of the switch is not known; only standard tables were read"))
    read = _read(session, who.platform, notes)
    found = assemble(read, who.platform, notes)
    _vlan_views(session, read, found, who.platform, notes)
    ports = {port.name: port for port in found.observed()}
    return ObservedSwitch(
        switch=switch,
        platform=who.platform,
        read_at=now,
        ports=ports,
        vlans=vlans.vlan_names(read),
        capabilities=_capabilities(ports, read),
        hostname=as_text(system.get(Oid.SYS_NAME)),
        model=who.model,
        version=who.version,
        oddities=notes.texts,
    )


def _lines(value: object) -> str:
    """Give sysDescr with its line breaks, which tell the model from the platform on Huawei."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value or "")


class Found:
    """What the pure functions made of the tables, by port name."""

    def __init__(self, where: Layout, notes: Notes) -> None:
        self.where = where
        self.notes = notes
        self.carried: dict[str, Carried] = {}
        self.secured: dict[str, Secured] = {}
        self.learned: Fdb = {}
        self.neighbours: dict[str, list[Neighbour]] = {}

    def observed(self) -> Iterable[ObservedPort]:
        """Give each port with all that is known of it, in ifIndex order."""
        for interface in self.where.ports.values():
            yield self._port(interface)

    def _port(self, interface: Interface) -> ObservedPort:
        name = interface.name
        safe = self.secured.get(name, Secured())
        carries = self.carried.get(name, Carried())
        config = replace(
            carries.config(),
            secure=safe.secure,
            maximum=safe.maximum,
            violation=safe.violation,
            sticky=safe.sticky,
            secure_macs=safe.macs,
            admin_up=interface.admin_up,
            description=interface.description,
        )
        return ObservedPort(
            name,
            config,
            oper=Oper.BLOCKED if safe.blocked_cause else interface.oper,
            blocked_cause=safe.blocked_cause,
            learned=frozenset(self.learned.get(name, ())),
            neighbours=tuple(self.neighbours.get(name, ())),
            violations=safe.violations,
            last_violator=safe.last_violator,
            if_index=interface.index,
            trunking=True if carries.trunking else None,
        )


def assemble(read: dict[str, Rows], platform: str, notes: Notes) -> Found:
    """Put the tables of one walk together; pure, so that recordings and noise need no agent."""
    found = Found(tables.layout(read, platform, notes), notes)
    found.carried = vlans.carried(read, platform, found.where, notes)
    found.secured = security.secured(read, platform, found.where, notes)
    found.neighbours = neighbours.lldp(read, found.where, notes)
    for name, told in neighbours.cdp(read, found.where).items():
        found.neighbours.setdefault(name, []).extend(told)
    tables.merge(found.learned, tables.forwarding(read, platform, found.where, notes))
    tables.merge(found.learned, _secure_learned(read, found.where))
    vlans.tell_missing(found.carried, vlans.vlan_names(read), notes)
    return found


def _secure_learned(read: dict[str, Rows], where: Layout) -> Fdb:
    """Give Cisco's dynamically learned secure MACs, which no other table lists."""
    dynamic = security.cisco_macs(read, Notes()).dynamic
    return {
        where.ports[index].name: {Learned(each.mac, each.vlan, "secure") for each in macs}
        for index, macs in dynamic.items()
        if index in where.ports
    }


def _read(session: SnmpSession, platform: str, notes: Notes) -> dict[str, Rows]:
    """Walk the columns that this platform has something in, and those that another column asks for."""
    read = _columns(session, (*oids.COMMON, *oids.BY_PLATFORM.get(platform, ())), notes)
    if neighbours.has_lldp(read):
        read |= _columns(session, oids.LLDP_LOCAL, notes)
    if rows(read, Oid.VLAN_STATIC_NAME) and not rows(read, Oid.VLAN_CURRENT_EGRESS):
        read |= _columns(session, oids.STATIC_MEMBERSHIP, notes)
    return read


def _columns(session: SnmpSession, wanted: Iterable[Oid], notes: Notes) -> dict[str, Rows]:
    read: dict[str, Rows] = {}
    for oid in wanted:
        try:
            column = session.column(oid)
        except CommandRejected as error:
            notes.add(t("the switch refuses to give {column}: {answer}", column=oid.name, answer=error.answer))
            continue
        if column:
            read[oid] = column
    return read


def _vlan_views(session: SnmpSession, read: dict[str, Rows], found: Found, platform: str, notes: Notes) -> None:
    """Read the FDB of each VLAN where BRIDGE-MIB shows one VLAN at a time (Cisco IOS)."""
    if platform != "cisco_ios" or rows(read, Oid.QBRIDGE_FDB_PORT):
        return
    unread: list[int] = []
    silent = 0
    for vlan in vlans.views(read):
        if silent == _SILENT_VIEWS:
            unread.append(vlan)
            continue
        try:
            with session.for_vlan(vlan) as view:
                seen = _columns(view, oids.VLAN_VIEW, notes)
        except (DeviceTimeout, Unreachable) as error:
            _log.info("%s: no view of VLAN %d: %s", session.access.where, vlan, error)
            silent += 1
            unread.append(vlan)
            continue
        silent = 0
        tables.merge(found.learned, tables.forwarding_of_vlan(seen, vlan, found.where, notes))
    if unread:
        listed = ", ".join(map(str, unread))
        notes.add(t("MACs learned in VLANs {vlans} are not known: their views do not answer", vlans=listed))


def _capabilities(ports: dict[str, ObservedPort], read: dict[str, Rows]) -> frozenset[str]:
    """Name the settings that at least one port was read with, and vlans where they were listed."""
    given = {name for name in _SETTINGS if any(getattr(port.config, name) is not None for port in ports.values())}
    return frozenset(given | ({"vlans"} if vlans.vlan_names(read) is not None else set()))
