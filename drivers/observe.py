"""From rows to the observed state: what all reads of one switch say together, for every vendor."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache

from drivers.dialect import Dialect, Fact, Read
from drivers.membership import membership
from drivers.parse import Row
from drivers.redact import blank_secrets
from policies.errors import InputError
from policies.model import (
    IpBinding,
    Learned,
    Neighbour,
    ObservedPort,
    ObservedSwitch,
    Oper,
    PortConfig,
    PortMode,
    SecureMac,
    Violation,
)
from policies.names import is_unicast, parse_interface, port_key
from policies.names.kinds import KINDS
from policies.texts import Text, t

#: Interface kinds that are ports of the switch: the rest of the vendors' kinds are SVIs, tunnels and the like.
_PORT_KINDS = frozenset(
    kind
    for kind in KINDS
    if (kind.endswith(("Ethernet", "GigE", "GE")) and not kind.startswith("Virtual"))
    or kind in {"Port-channel", "Route-Aggregation", "Management"}
)
#: Names in no vendor's list that are no ports either: in a MAC table the switch's own end, in a configuration services.
_NO_PORT = re.compile(
    r"(?:cpu|router|switch|drop|self|sup|vlan|lo|null|tun|bvi|bdi|nve|lisp|async|group|virtual|embedded|service|ucse|"
    r"atm|pos|overlay|control|internal|wlan|dialer|cellular)(?![a-z]*eth)",
    re.IGNORECASE,
)
#: Settings whose row value is the setting's value.
_SETTINGS = (
    "access_vlan",
    "native_vlan",
    "allowed_vlans",
    "secure",
    "maximum",
    "sticky",
    "admin_up",
    "description",
)
#: Facts whose rows are lines, thousands of them, and never name a port.
_CONFIGURATIONS = frozenset({Fact.RUNNING, Fact.STARTUP})
#: What a row's text means; a word of the vendor's own means nothing here.
_OPERS: dict[object, Oper] = {each.value: each for each in Oper}
_MODES: dict[object, PortMode] = {each.value: each for each in PortMode}
_VIOLATIONS: dict[object, Violation] = {each.value: each for each in Violation}


def observe(
    dialect: Dialect, answers: Iterable[tuple[Read, Sequence[Row]]], *, switch: str, read_at: datetime
) -> ObservedSwitch:
    """Merge the rows of all reads that worked into the state of `switch` as it was at `read_at` (aware UTC).

    A read that the model does not know is left out of `answers`: what it `gives` is then no capability, and what it
    alone tells is None. A read that worked and found nothing stays in, with no rows: that is a statement.
    """
    facts = _Facts(dialect, answers)
    ports = facts.ports()
    oddities = facts.oddities()
    return ObservedSwitch(
        switch=switch,
        platform=dialect.platform,
        read_at=read_at,
        ports={name: facts.port(name, oddities) for name in sorted(ports, key=port_key)},
        vlans=facts.vlans(),
        capabilities=facts.capabilities() & dialect.capabilities,
        startup_differs=facts.startup_differs(),
        hostname=facts.first("hostname", Fact.SYSTEM, Fact.VERSION),
        model=facts.first("model", Fact.VERSION, Fact.SYSTEM),
        version=facts.first("version", Fact.VERSION, Fact.SYSTEM),
        oddities=tuple(oddities),
        guarded_vlans=facts.guarded,
        trusted_ports=frozenset(name for name in ports if facts.trusts(name)),
    )


class _Facts:
    """The rows by fact, and by port where they have one."""

    def __init__(self, dialect: Dialect, answers: Iterable[tuple[Read, Sequence[Row]]]) -> None:
        self.dialect = dialect
        self.rows: dict[Fact, list[Row]] = {}
        self.gives: set[str] = set()
        self.literal = False
        self._by_port: dict[Fact, dict[str, list[Row]]] = {fact: defaultdict(list) for fact in Fact}
        for read, rows in answers:
            self.rows.setdefault(read.fact, []).extend(rows)
            self.gives |= read.gives
            self.literal = self.literal or read.literal
            by_port = self._by_port[read.fact]
            for row in rows if read.fact not in _CONFIGURATIONS else ():
                for name in _ports_of(row):
                    by_port[name].append(row)
        self.guarded = self._guarded_vlans()

    def of(self, fact: Fact, port: str) -> list[Row]:
        return self._by_port[fact].get(port, [])

    def first(self, name: str, *facts: Fact) -> str:
        texts = (row.get(name) for fact in facts for row in self.rows.get(fact, []))
        return next((text for text in texts if isinstance(text, str) and text), "")

    def ports(self) -> set[str]:
        """Name the ports; a neighbour's word makes none, and where names are free only the list of ports does."""
        if self.literal:
            return {port for fact in (Fact.INTERFACE, Fact.STATUS) for port in self._by_port[fact]}
        named = (Fact.INTERFACE, Fact.STATUS, Fact.SECURE, Fact.SECURE_MAC, Fact.LEARNED)
        return {port for port in set().union(*(self._by_port[fact] for fact in named)) if _is_port(port)}

    def capabilities(self) -> frozenset[str]:
        both = Fact.RUNNING in self.rows and Fact.STARTUP in self.rows
        given = self.gives if both else self.gives - {"startup"}
        return frozenset(given - {"secure"} if self._waiting() else given)

    def oddities(self) -> list[Text]:
        """Say what is odd about the whole switch."""
        ports = ", ".join(self._waiting())
        said = t("port security is off for the whole switch, and would come into force on {ports}", ports=ports)
        return [said] if ports else []

    def _waiting(self) -> list[str]:
        """Name the ports whose security is configured, but off with that of the whole switch.

        Nobody may turn it on then for another port's sake: these would be sealed without a plan of theirs.
        """
        if not any(row.get("security") is False for row in self.rows.get(Fact.SYSTEM, [])):
            return []
        rows = self.rows.get(Fact.INTERFACE, [])
        return [_text(row, "port") for row in rows if row.get("secure") not in (None, False)]

    def vlans(self) -> dict[int, str] | None:
        if Fact.VLAN not in self.rows:
            return None
        found: dict[int, str] = {}
        for row in self.rows[Fact.VLAN]:
            one, several, name = row.get("vlan"), row.get("vlans"), row.get("name")
            ids = [one] if isinstance(one, int) else sorted(several) if isinstance(several, frozenset) else []
            for vlan in ids:
                found[vlan] = name if isinstance(name, str) else found.get(vlan, "")
        return dict(sorted(found.items()))

    def _guarded_vlans(self) -> frozenset[int] | None:
        """Give the VLANs with DHCP snooping, without which Cisco accepts `ip verify source` and enforces nothing."""
        told = [row for row in self.rows.get(Fact.SYSTEM, []) if "snooping" in row]
        if not told:
            return None
        vlans = [row.get("snooping_vlans") for row in told if row["snooping"] is True]
        return frozenset[int]().union(*(each for each in vlans if isinstance(each, frozenset)))

    def trusts(self, name: str) -> bool:
        """Tell whether DHCP snooping trusts a port: Cisco accepts source guard there (inactive-trust-port) for show."""
        return any(row.get("trusted") is True for row in self.of(Fact.INTERFACE, name))

    def port(self, name: str, oddities: list[Text]) -> ObservedPort:
        status = _merged(self.of(Fact.STATUS, name), last=True)
        security = _merged(self.of(Fact.SECURE, name))
        row = _merged(self.of(Fact.INTERFACE, name))
        config = self._config(name, row, status, security, oddities)
        oper = status.get("oper")
        violations, if_index = security.get("violations"), status.get("if_index")
        violator = _text(security, "last_mac")
        voice_vlan = row.get("voice_vlan")
        return ObservedPort(
            name=name,
            config=config,
            oper=_OPERS.get(oper, Oper.UNKNOWN),
            blocked_cause=_text(status, "blocked_cause"),
            learned=self._learned(name, config),
            neighbours=tuple(dict.fromkeys(_neighbour(row) for row in self.of(Fact.NEIGHBOUR, name))),
            violations=violations if isinstance(violations, int) else None,
            last_violator=violator if violator and is_unicast(violator) else "",
            if_index=if_index if isinstance(if_index, int) else None,
            trunking=_trunking(status),
            channel=_channel(row),
            voice_vlan=voice_vlan if isinstance(voice_vlan, int) else None,
        )

    def _config(self, name: str, row: Row, status: Row, security: Row, oddities: list[Text]) -> PortConfig:
        vlans = membership(self.of(Fact.MEMBERSHIP, name)) if Fact.MEMBERSHIP in self.rows else {}
        told = {**security, **row, **vlans}
        told["secure"] = self._secure(name, row, oddities)
        if Fact.SOURCE_GUARD in self.rows:
            told.setdefault("source_guard", bool(self.of(Fact.SOURCE_GUARD, name)))
        told.setdefault("admin_up", status.get("admin_up"))
        told.setdefault("description", status.get("description"))
        mode = "routed" if status.get("mode") == "routed" else told.get("mode")
        violation, access_vlan = told.get("violation"), told.get("access_vlan")
        access = access_vlan if mode == "access" and isinstance(access_vlan, int) else None
        values: dict[str, object] = {
            **{key: told.get(key) for key in _SETTINGS},
            "mode": _MODES.get(mode),
            "source_guard": self._guard(name, told.get("source_guard"), access),
            "violation": _VIOLATIONS.get(violation),
            "secure_macs": self._secure_macs(name, row, access),
            "ip_bindings": self._ip_bindings(name, row, access),
        }
        return PortConfig(**values)  # type: ignore[arg-type]

    def _guard(self, name: str, said: object, access_vlan: int | None) -> bool | None:
        """Tell whether source guard is on and in force; None for a variant that the templates do not write."""
        if not isinstance(said, bool):
            return None
        return said and (self.guarded is None or access_vlan in self.guarded) and not self.trusts(name)

    def _secure(self, name: str, row: Row, oddities: list[Text]) -> bool | None:
        """Tell whether security is configured and, where the switch lists secured ports, the port is listed.

        None for a variant that the templates do not write (a mode that asks a RADIUS server).
        """
        configured = row.get("secure")
        if isinstance(configured, str):
            return None
        if Fact.SECURE not in self.rows:
            return configured if isinstance(configured, bool) else None
        listed = any(entry.get("secure") is True for entry in self.of(Fact.SECURE, name))
        if configured is True and not listed:
            oddities.append(
                t("{port}: port security is configured, but the switch does not list the port as secured", port=name)
            )
        elif configured is False and listed:
            oddities.append(
                t("{port}: the switch lists the port as secured, but its configuration does not say so", port=name)
            )
        return listed and configured is not False

    def _secure_macs(self, name: str, row: Row, access_vlan: int | None) -> frozenset[SecureMac] | None:
        """Give the MACs that stay: configured and sticky. The VLAN is the table's, else the line's, else the port's.

        None, not known, when a line ties one to another VLAN than the port's own: written back, it would move there; or
        when a row has a `scope`, a way of binding that the templates do not write.
        """
        if "secure_macs" not in row and Fact.SECURE_MAC not in self.rows:
            return None
        listed = [entry for entry in self.of(Fact.SECURE_MAC, name) if entry.get("kind") != "dynamic"]
        if any("scope" in entry for entry in listed):
            return None
        found = {(_text(entry, "mac"), _vlan(entry)): entry.get("kind") == "sticky" for entry in listed}
        configured = row.get("secure_macs", [])
        assert isinstance(configured, list)
        if any("scope" in entry or _vlan(entry) not in (None, access_vlan) for entry in configured):
            return None
        for entry in configured:
            mac, vlan = _text(entry, "mac"), _vlan(entry)
            if not any(mac == other and vlan in (None, its) for other, its in found):
                found[mac, vlan or access_vlan] = entry.get("kind") == "sticky"
        return frozenset(SecureMac(mac, vlan, sticky) for (mac, vlan), sticky in found.items())

    def _ip_bindings(self, name: str, row: Row, access_vlan: int | None) -> frozenset[IpBinding] | None:
        """Give the static pairs; where the platform keeps no VLAN with them, they are in the port's own.

        They are rows of their own, or members of the port's (`bound_mac`, `bound_ip`, `bound_vlan`). None, not known,
        when an address is bound without the other one, or by another feature: a pair could not be given back so.
        """
        members = row.get("ip_bindings", [])
        assert isinstance(members, list)
        if Fact.IP_BINDING not in self.rows and "ip_bindings" not in row:
            return None
        rows = [each for each in self.of(Fact.IP_BINDING, name) if each.get("kind", "static") == "static"]
        rows += [_bound(member) for member in members]
        if any("mac" not in each or "ip" not in each for each in rows):
            return None
        return frozenset(IpBinding(_text(row, "mac"), _text(row, "ip"), _vlan(row) or access_vlan or 0) for row in rows)

    def _learned(self, name: str, config: PortConfig) -> frozenset[Learned]:
        """Give the port's part of the FDB. Switches show a secured MAC as static; here it is secure, which it is."""
        secured = {entry.mac for entry in config.secure_macs or ()}
        secured |= {_text(row, "mac") for row in self.of(Fact.SECURE_MAC, name)}
        found = set()
        for row in self.of(Fact.LEARNED, name):
            mac, kind = _text(row, "mac"), _text(row, "kind") or "dynamic"
            found.add(Learned(mac, _vlan(row), "secure" if kind == "static" and mac in secured else kind))
        return frozenset(found)

    def startup_differs(self) -> tuple[str, ...] | None:
        """Give lines of one configuration only: `+` is running only, `-` startup only, with the section they are in.

        They are compared as they are, so that a changed password is seen, and shown with the secrets blanked.
        """
        if Fact.RUNNING not in self.rows or Fact.STARTUP not in self.rows:
            return None
        if self.rows[Fact.RUNNING] == self.rows[Fact.STARTUP]:
            return ()  # as a rule; where a line belongs is asked only when there are lines to show
        running = Counter(self._sectioned(Fact.RUNNING))
        startup = Counter(self._sectioned(Fact.STARTUP))
        return tuple(
            f"{sign} " + " / ".join(blank_secrets(self.dialect, part) for part in path)
            for sign, these, those in (("+", running, startup), ("-", startup, running))
            for path in (these - those).elements()
        )

    def _sectioned(self, fact: Fact) -> Iterator[tuple[str, ...]]:
        """Give each line with the less indented lines that it belongs to."""
        volatile = re.compile("|".join(f"(?:{pattern})" for pattern in self.dialect.volatile) or r"(?!)")
        above: list[tuple[int, str]] = []
        for row in self.rows[fact]:
            line = _text(row, "line").rstrip()
            text = line.lstrip()
            depth = len(line) - len(text)
            # Also a line that says nothing ends a section: Comware's `#`, after which indented lines belong to no one.
            while text and above and above[-1][0] >= depth:
                above.pop()
            if not line or volatile.search(line):
                continue
            above.append((depth, text))
            yield tuple(part for _, part in above)


@lru_cache(maxsize=16_384)
def _is_port(name: str) -> bool:
    try:
        interface = parse_interface(name)
    except InputError:
        return False
    if interface.sub is not None:
        return False
    return interface.kind in _PORT_KINDS or (interface.kind not in KINDS and not _NO_PORT.match(name))


def _ports_of(row: Row) -> list[str]:
    port, ports = row.get("port"), row.get("ports")
    named = [port] if isinstance(port, str) else []
    if isinstance(ports, list):
        named += [name for name in ports if isinstance(name, str)]
    return named


def _merged(rows: Iterable[Row], *, last: bool = False) -> Row:
    """Merge rows about one subject: a later one adds what is missing, or with `last` replaces what it says."""
    merged: Row = {}
    for row in rows:
        if not merged:  # as a rule there is one row only
            merged = {name: value for name, value in row.items() if value is not None}
            continue
        for name, value in row.items():
            if value is not None and (merged.get(name) is None or (last and value != "")):
                merged[name] = value
    return merged


def _bound(member: object) -> Row:
    """Give a member of a port's `ip_bindings` as a row; one that is no pair, but a vendor's text, has nothing in it."""
    return {key.removeprefix("bound_"): value for key, value in member.items()} if isinstance(member, dict) else {}


def _text(row: Mapping[str, object], name: str) -> str:
    value = row.get(name)
    return value if isinstance(value, str) else ""


def _vlan(row: Mapping[str, object]) -> int | None:
    value = row.get("vlan")
    return value if isinstance(value, int) else None


def _channel(row: Row) -> str:
    """Give the port-channel of which a port is a member; its line says the number only."""
    number = _text(row, "channel")
    return f"Port-channel{number}" if number else ""


def _trunking(status: Row) -> bool | None:
    """Tell whether the list of ports shows it as a trunk now; None where the list does not tell."""
    mode = status.get("mode")
    return True if mode == "trunk" else False if "mode" in status or "vlan" in status else None


def _neighbour(row: Row) -> Neighbour:
    return Neighbour(
        system=_text(row, "system"),
        port=_text(row, "neighbour_mac") or _text(row, "neighbour"),
        chassis=_text(row, "chassis_mac") or _text(row, "chassis"),
        capabilities=_text(row, "capabilities"),
    )
