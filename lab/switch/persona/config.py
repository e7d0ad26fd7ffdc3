"""The configuration file of a persona: what it is called, where it listens, what it is wired to."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who may log in; `enable` empty: the enable command asks for nothing."""

    username: str = "admin"
    password: str = field(default="admin", repr=False)
    enable: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Snmp:
    """SNMP access: `community` reads and writes over v2c; `v3_user` empty: no v3 user (authPriv, SHA-1 and AES-128)."""

    community: str = field(default="public", repr=False)
    v3_user: str = ""
    v3_auth: str = field(default="", repr=False)
    v3_priv: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Neighbour:
    """An LLDP neighbour; `chassis` is a MAC."""

    system: str
    port: str
    chassis: str


@dataclass(frozen=True, slots=True)
class Config:
    """One persona. Ports 0 mean any free one. `bridge` None: no frames, the loopback data plane.

    `trap_target` gets every trap, whatever the switch is told to send to others: under the v3 user with `trap_v3`, else
    under the community.
    """

    name: str
    hostname: str
    ports: dict[str, str]
    platform: str = "cisco_ios"
    listen: str = "127.0.0.1"
    ssh_port: int = 22
    snmp_port: int = 161
    credentials: Credentials = Credentials()
    snmp: Snmp = Snmp()
    bridge: dict[str, str] | None = None
    initial: str = ""
    trap_target: tuple[str, int] | None = None
    trap_v3: bool = False
    state: Path | None = None
    ready: Path | None = None
    control: Path | None = None
    neighbours: dict[str, Neighbour] = field(default_factory=dict)
    faults: tuple[dict[str, Any], ...] = ()
    link_poll: float = 2.0


def _path(value: object) -> Path | None:
    return Path(str(value)) if value else None


def _target(value: object) -> tuple[str, int] | None:
    if not value:
        return None
    host, _, port = str(value).rpartition(":")
    return host, int(port)


def parse(raw: dict[str, Any]) -> Config:
    """Make a Config from a configuration file's content; raises ValueError for a missing key."""
    missing = {"name", "hostname", "ports"} - raw.keys()
    if missing:
        raise ValueError(f"missing: {', '.join(sorted(missing))}")
    return Config(
        name=raw["name"],
        hostname=raw["hostname"],
        ports=dict(raw["ports"]),
        platform=raw.get("platform", "cisco_ios"),
        listen=raw.get("listen", "127.0.0.1"),
        ssh_port=int(raw.get("ssh_port", 22)),
        snmp_port=int(raw.get("snmp_port", 161)),
        credentials=Credentials(**raw.get("credentials", {})),
        snmp=Snmp(**raw.get("snmp", {})),
        bridge=raw.get("bridge"),
        initial=raw.get("initial", ""),
        trap_target=_target(raw.get("trap_target")),
        trap_v3=bool(raw.get("trap_v3")),
        state=_path(raw.get("state")),
        ready=_path(raw.get("ready")),
        control=_path(raw.get("control")),
        neighbours={name: Neighbour(**entry) for name, entry in raw.get("neighbours", {}).items()},
        faults=tuple(raw.get("faults", ())),
        link_poll=float(raw.get("link_poll", 2.0)),
    )


def load(path: Path) -> Config:
    """Read a configuration file; raises ValueError or OSError."""
    return parse(json.loads(path.read_text(encoding="utf-8")))
