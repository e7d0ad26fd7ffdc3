"""The site's declaration: what site.toml says, as frozen values. :mod:`policies.load` reads the file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from policies.model import ExceptedPort, Violation
from policies.terminal import Terminal


@dataclass(frozen=True, slots=True)
class Parameters:
    """Policy parameters: defaults ship in policies/data/notice.toml, `[policy]` of site.toml overrides them.

    violation: what a switch does with a foreign MAC (protect, restrict, shutdown).
    bind_ip: also bind IP to MAC and port where the platform can.
    shut_unused: shut ports that nothing is bound to (and park them in the blackhole VLAN).
    evidence_max_age_s: seconds after which what was read turns 未验证.
    rollback_timeout_s: seconds for which the watchdog tries to finish or roll back an apply that died.
    """

    violation: Violation = Violation.RESTRICT
    bind_ip: bool = True
    shut_unused: bool = True
    evidence_max_age_s: int = 86_400
    rollback_timeout_s: int = 120


@dataclass(frozen=True, slots=True)
class Vlan:
    """A declared VLAN; `purpose` is face, blackhole, quarantine, management or other."""

    id: int
    name: str
    purpose: str


@dataclass(frozen=True, slots=True)
class Uplink:
    """A declared uplink: never touched by a plan; `allowed_vlans` and `native_vlan` are checked where given."""

    port: str
    allowed_vlans: frozenset[int] | None = None
    native_vlan: int | None = None


@dataclass(frozen=True, slots=True)
class SnmpAccess:
    """How to ask a switch over SNMP: exactly one of `community` (v2c) and `user` (v3); secrets are references."""

    host: str
    port: int = 161
    community: str | None = None
    user: str | None = None
    auth_protocol: str = "sha"
    auth_password: str | None = None
    priv_protocol: str = "aes128"
    priv_password: str | None = None
    context: str = ""


@dataclass(frozen=True, slots=True)
class Switch:
    """A declared switch. `ports` are the canonical names that the site declares; others are never touched.

    `password`, `key` and `enable` are references (env:NAME, file:PATH, secret:NAME), never the secret itself.
    `management_ports` carry the controller's own way to the switch. `edge_ports` answer the planner's question "is this
    an uplink?" with no: a device that speaks LLDP, or a small hub, is on them.
    """

    name: str
    platform: str
    host: str
    port: int = 22
    username: str = ""
    password: str | None = None
    key: str | None = None
    enable: str | None = None
    host_key: str | None = None
    timeout_s: float = 30.0
    ports: tuple[str, ...] = ()
    uplinks: tuple[Uplink, ...] = ()
    management_ports: frozenset[str] = frozenset()
    edge_ports: frozenset[str] = frozenset()
    excepted: tuple[ExceptedPort, ...] = ()
    snmp: SnmpAccess | None = None
    settings: tuple[tuple[str, str], ...] = ()

    def uplink(self, port: str) -> Uplink | None:
        """Give the declared uplink at `port`, if it is one."""
        return next((uplink for uplink in self.uplinks if uplink.port == port), None)


@dataclass(frozen=True, slots=True)
class Site:
    """The whole declaration of a site folder."""

    name: str
    folder: Path
    language: str = "zh"
    parameters: Parameters = Parameters()
    vlans: tuple[Vlan, ...] = ()
    switches: tuple[Switch, ...] = ()
    terminals: tuple[Terminal, ...] = ()

    def switch(self, name: str) -> Switch | None:
        """Give the switch called `name`, if it is declared."""
        return next((switch for switch in self.switches if switch.name == name), None)

    def terminal(self, name: str) -> Terminal | None:
        """Give the terminal called `name`, if it is declared."""
        return next((terminal for terminal in self.terminals if terminal.name == name), None)

    def vlan(self, purpose: str) -> Vlan | None:
        """Give the first VLAN with this purpose, if one is declared."""
        return next((vlan for vlan in self.vlans if vlan.purpose == purpose), None)
