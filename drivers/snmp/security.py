"""Port security as Cisco, Huawei and H3C agents tell it, and ports that the switch itself shut."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from drivers.snmp import quirks
from drivers.snmp.oids import Oid
from drivers.snmp.tables import Layout, fdb_ids
from drivers.snmp.values import Index, Notes, Tables, mac_of, numbers, rows
from policies.model import SecureMac, Violation
from policies.texts import t

_TRUE = 1
_CPS_SHUTDOWN = 3
_DYNAMIC = 2
_CISCO_ACTION = {1: Violation.SHUTDOWN, 2: Violation.RESTRICT, 3: Violation.PROTECT}
#: hwL2PortSecActionType; the alarm pages confirm this order, the MIB's description contradicts it.
_HUAWEI_ACTION = {1: Violation.RESTRICT, 2: Violation.PROTECT, 3: Violation.SHUTDOWN}
_AUTO_LEARN, _SECURE = 3, 4
#: hh3cSecureIntrusionAction: noAction, disablePort, disablePortTemporarily, blockMac.
_HH3C_ACTION = {2: Violation.PROTECT, 3: Violation.SHUTDOWN, 4: Violation.SHUTDOWN, 6: Violation.RESTRICT}
_PSECURE = "psecure-violation"
#: cErrDisableFeatureID (CISCO-ERR-DISABLE-MIB), the causes that the reference names.
_CAUSES = {2: "bpduguard", 9: _PSECURE, 11: "dhcp-rate-limit", 16: "arp-inspection", 19: "mac-limit"}


@dataclass(frozen=True, slots=True)
class Secured:
    """Port security of one port; None where the agent does not say."""

    secure: bool | None = None
    maximum: int | None = None
    violation: Violation | None = None
    sticky: bool | None = None
    macs: frozenset[SecureMac] | None = None
    violations: int | None = None
    last_violator: str = ""
    blocked_cause: str = ""


@dataclass(slots=True)
class SecureRows:
    """Secure MACs by ifIndex: configured and sticky ones bind, dynamic ones are only learned."""

    bound: dict[int, set[SecureMac]] = field(default_factory=dict)
    dynamic: dict[int, set[SecureMac]] = field(default_factory=dict)


def secured(tables: Tables, platform: str, where: Layout, notes: Notes) -> dict[str, Secured]:
    """Give port security by port name, from whichever vendor's tables were read."""
    if platform == "qbridge":
        return _static_unicast(tables, where, notes)
    by_index: dict[int, Secured] = {}
    _cisco(tables, by_index, notes)
    _huawei(tables, by_index, notes)
    _hh3c(tables, by_index, notes)
    for index, cause in blocked(tables, notes).items():
        by_index[index] = replace(by_index.get(index, Secured()), blocked_cause=cause)
    return {where.ports[index].name: each for index, each in by_index.items() if index in where.ports}


def _cisco(tables: Tables, found: dict[int, Secured], notes: Notes) -> None:
    """Read CISCO-PORT-SECURITY-MIB; secure MACs come from the VLAN table, or from the deprecated one without VLAN."""
    status, last = numbers(tables, Oid.CPS_STATUS, notes), rows(tables, Oid.CPS_LAST_MAC)
    maximum, count = numbers(tables, Oid.CPS_MAXIMUM, notes), numbers(tables, Oid.CPS_COUNT, notes)
    action, violations = numbers(tables, Oid.CPS_ACTION, notes), numbers(tables, Oid.CPS_VIOLATIONS, notes)
    sticky = numbers(tables, Oid.CPS_STICKY, notes)
    macs = cisco_macs(tables, notes)
    for index, enabled in numbers(tables, Oid.CPS_ENABLE, notes).items():
        known = bool(macs.bound or macs.dynamic) or count.get(index) == 0
        if not known and count.get(index):
            notes.add(t("the switch counts secure MACs but does not list them; use its command line to read them"))
        octets = last.get((index,))
        mac = octets.hex(":") if isinstance(octets, bytes) and len(octets) == 6 and any(octets) else ""
        found[index] = Secured(
            enabled == _TRUE,
            maximum.get(index),
            _CISCO_ACTION.get(action.get(index, 0)),
            None if index not in sticky else sticky[index] == _TRUE,
            frozenset(macs.bound.get(index, ())) if known else None,
            violations.get(index),
            mac,
            _PSECURE if status.get(index) == _CPS_SHUTDOWN else "",
        )


def cisco_macs(tables: Tables, notes: Notes) -> SecureRows:
    """Give Cisco's secure MACs by ifIndex."""
    found = SecureRows()
    wrong = 0
    oid = Oid.CPS_VLAN_MAC_TYPE if rows(tables, Oid.CPS_VLAN_MAC_TYPE) else Oid.CPS_MAC_TYPE
    for index, kind in rows(tables, oid).items():
        mac = mac_of(index[1:7])
        vlan = index[7] if len(index) == 8 else None
        if mac is None or len(index) not in {7, 8}:
            wrong += 1
        else:
            rows_of = found.dynamic if kind == _DYNAMIC else found.bound
            rows_of.setdefault(index[0], set()).add(SecureMac(mac, vlan))
    notes.wrong(oid.name, wrong)
    return found


def _huawei(tables: Tables, found: dict[int, Secured], notes: Notes) -> None:
    """Read HUAWEI-L2MAM-MIB's port security; static and sticky MACs are in no table that is known to be complete."""
    action, maximum = numbers(tables, Oid.HW_SECURE_ACTION, notes), numbers(tables, Oid.HW_SECURE_MAXIMUM, notes)
    for index, enabled in numbers(tables, Oid.HW_SECURE_ENABLE, notes).items():
        found[index] = Secured(enabled == _TRUE, maximum.get(index), _HUAWEI_ACTION.get(action.get(index, 0)))


def _hh3c(tables: Tables, found: dict[int, Secured], notes: Notes) -> None:
    """Read HH3C-PORT-SECURITY-MIB; a port at its maximum reports secure instead of autoLearn."""
    action, maximum = numbers(tables, Oid.HH3C_SECURE_INTRUSION, notes), numbers(tables, Oid.HH3C_SECURE_MAXIMUM, notes)
    macs = _hh3c_macs(tables, notes)
    for index, mode in numbers(tables, Oid.HH3C_SECURE_MODE, notes).items():
        found[index] = Secured(
            mode in {_AUTO_LEARN, _SECURE},
            maximum.get(index),
            _HH3C_ACTION.get(action.get(index, 0)),
            macs=frozenset(macs.get(index, ())),
        )


def _hh3c_macs(tables: Tables, notes: Notes) -> dict[int, set[SecureMac]]:
    found: dict[int, set[SecureMac]] = {}
    wrong = 0
    for index in rows(tables, Oid.HH3C_SECURE_MAC):
        mac = mac_of(index[1:7])
        if mac is None or len(index) != 8:
            wrong += 1
        else:
            found.setdefault(index[0], set()).add(SecureMac(mac, index[7]))
    notes.wrong(Oid.HH3C_SECURE_MAC.name, wrong)
    return found


def _static_unicast(tables: Tables, where: Layout, notes: Notes) -> dict[str, Secured]:
    """Read Q-BRIDGE's static unicast entries: a MAC that is to be reached through one port only is bound to it.

    An entry with several ports, or for one receiving port, is somebody's own: what is bound to its ports is not known.
    """
    vlans = {fdb: vlan for vlan, fdb in fdb_ids(tables).items()}
    found: dict[str, set[SecureMac]] = {
        where.ports[i].name: set() for i in where.base_ports.values() if i in where.ports
    }
    others: set[str] = set()
    wrong = 0
    for index, value in rows(tables, Oid.STATIC_UNICAST_PORTS).items():
        mac = mac_of(index[1:7])
        if mac is None or len(index) != 8 or not isinstance(value, bytes):
            wrong += 1
            continue
        ports = [port.name for port in map(where.port_at, sorted(quirks.port_bits(value))) if port is not None]
        if len(ports) == 1 and index[7] == 0:
            found.setdefault(ports[0], set()).add(SecureMac(mac, vlans.get(index[0], index[0])))
        else:
            others.update(ports)
    notes.wrong(Oid.STATIC_UNICAST_PORTS.name, wrong)
    if others:
        notes.add(
            t(
                "static addresses lead to several ports; what is bound to {ports} is not known",
                ports=", ".join(sorted(others)[:8]),
            )
        )
    return {name: Secured(macs=None if name in others else frozenset(macs)) for name, macs in found.items()}


def blocked(tables: Tables, notes: Notes) -> dict[int, str]:
    """Give ifIndex → cause of ports that the switch shut; a row of CISCO-ERR-DISABLE-MIB exists only while shut.

    Index ifIndex.VLAN: VLAN 0 is the whole port, another one only that VLAN on it, which leaves the port up.
    """
    found: dict[int, str] = {}
    for index, value in rows(tables, Oid.ERR_DISABLE_CAUSE).items():
        if not _whole_port(index):
            notes.wrong(Oid.ERR_DISABLE_CAUSE.name, int(len(index) != 2))
        elif isinstance(value, int):
            found[index[0]] = _CAUSES.get(value, f"err-disabled ({value})")
    return found


def _whole_port(index: Index) -> bool:
    return len(index) == 2 and index[1] == 0
