"""Cisco IOS and IOS XE: ports and port security as they are in force. Source: the recordings of the replay tests."""

from __future__ import annotations

from drivers.dialect import Fact, Read
from drivers.dialects.cisco_ios.words import MAC, PORT, RULE

_SECURE_TOTALS = (r"(?:Total Addresses|Max Addresses limit) in System\b", RULE)
_STATUS = (
    "connected|notconnect|disabled|err-disabled|suspended|inactive|monitoring|faulty|sfpAbsent|xcvrAbsen|noOperMem"
)
STATUS = Read(
    command="show interfaces status",
    fact=Fact.STATUS,
    rows=(
        # The name may hold any word, the status's too: greedy, so that the last possible status is the status.
        (
            rf"(?P<port>{PORT})\s+(?P<description>.*\s)?(?P<oper>(?P<admin_up>{_STATUS}))(?::\s*\w*)?\s+"
            r"(?:(?P<vlan>\d+)|(?P<mode>routed|trunk)|[\d,]+|unassigned|unassig|f-path|--)\s+"
            r"(?P<duplex>(?:a-)?(?:full|half)|auto)\s+(?P<speed>(?:a-)?[\d.]+[GM]?|auto|a-auto)(?:\s+(?P<media>\S.*))?$"
        ),
    ),
    ignore=(r"Port\s+Name\s+Status\s+Vlan\b", RULE, r"fc\d\S* is (?:up|down)\b"),
    values={
        "oper": {"connected": "up", "monitoring": "up", "err-disabled": "blocked", "*": "down"},
        "admin_up": {"disabled": False, "*": True},
    },
    defaults={"description": ""},
    complete=r"Port\s+Name\s+Status\s+Vlan\b",
    observe=True,
)

BLOCKED = Read(
    command="show interfaces status err-disabled",
    fact=Fact.STATUS,
    rows=(
        (
            rf"(?P<port>{PORT})\s+(?P<description>.*\s)?(?P<oper>err-disabled)\s+(?P<blocked_cause>\S+)"
            r"(?:\s+(?P<blocked_vlans>\d[\d,\-]*))?\s*$"
        ),
    ),
    ignore=(r"Port\s+Name\s+Status\s+Reason\b", RULE),
    values={"oper": {"err-disabled": "blocked"}},
    observe=True,
    optional=True,
)

SECURE = Read(
    command="show port-security",
    fact=Fact.SECURE,
    rows=(
        (
            rf"\s*(?P<port>{PORT})\s+(?P<maximum>\d+)\s+(?P<current>\d+)\s+(?P<violations>\d+)\s+"
            r"(?P<violation>Shutdown|Restrict|Protect|Shutdown[ -]Vlan)\s*$"
        ),
    ),
    ignore=(r"Secure Port\s+MaxSecureAddr", r"\s+\(Count\)", *_SECURE_TOTALS),
    values={
        "violation": {"shutdown vlan": "shutdown vlan", "shutdown-vlan": "shutdown vlan"}
        | {name: name for name in ("shutdown", "restrict", "protect")}
    },
    defaults={"secure": True},
    complete=r"Secure Port\s+MaxSecureAddr",
    observe=True,
    optional=True,
    gives=frozenset({"secure", "maximum", "violation"}),
)

SECURE_MACS = Read(
    command="show port-security address",
    fact=Fact.SECURE_MAC,
    rows=(
        (
            rf"\s*(?P<vlan>\d+)\s+(?P<mac>{MAC})\s+(?P<kind>[A-Z][A-Za-z]+)\s+(?P<port>{PORT})"
            r"(?:\s+(?P<age>-|\d+(?: \(I\))?))?\s*$"
        ),
    ),
    ignore=(r"\s*Secure Mac Address Table", r"\s*Vlan\s+Mac Address\s+Type", r"\s+\(mins\)", *_SECURE_TOTALS),
    values={
        "kind": {
            "secureconfigured": "configured",
            "dynamicconfigured": "configured",
            "securesticky": "sticky",
            "securedynamic": "dynamic",
        }
    },
    complete=r"\s*Vlan\s+Mac Address\s+Type",
    observe=True,
    optional=True,
    gives=frozenset({"secure_macs", "sticky"}),
)

SECURE_PORT = Read(
    command="show port-security interface {port}",
    fact=Fact.SECURE,
    start=r"Port Security\s+: (?P<secure>\w+)",
    rows=(
        r"Port Status\s+: (?P<status>\S.*)",
        r"Violation Mode\s+: (?P<violation>\S.*)",
        r"Maximum MAC Addresses\s+: (?P<maximum>\d+)",
        r"Total MAC Addresses\s+: (?P<current>\d+)",
        r"Configured MAC Addresses\s+: (?P<configured>\d+)",
        r"Sticky MAC Addresses\s+: (?P<stuck>\d+)",
        rf"Last Source Address(?::Vlan)?\s+: (?P<last_mac>{MAC})(?::(?P<last_vlan>\d+))?",
        r"Security Violation Count\s+: (?P<violations>\d+)",
    ),
    ignore=(r"(?:Aging Time|Aging Type|SecureStatic Address Aging)\s+:",),
    values=dict(SECURE.values) | {"secure": {"enabled": True, "disabled": False}},
    complete=r"Security Violation Count",
    observe=True,
    optional=True,
    each="violations",
)

READS = (STATUS, BLOCKED, SECURE, SECURE_MACS, SECURE_PORT)
