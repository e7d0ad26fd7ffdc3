"""The vocabulary of notifications: kinds, what a variable binding holds, and the hint that is made of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """What a notification says has happened. All of it is a hint: only a reading of the switch tells."""

    VIOLATION = "violation"
    BLOCKED = "blocked"
    RECOVERED = "recovered"
    MAC_LEARNED = "mac_learned"
    MAC_REMOVED = "mac_removed"
    MAC_MOVED = "mac_moved"
    LINK_UP = "link_up"
    LINK_DOWN = "link_down"
    CONFIG = "config"
    STARTED = "started"
    LOGIN = "login"
    UNKNOWN = "unknown"


class Role(StrEnum):
    """What a variable's value is; `row` where only its index says something."""

    IF_INDEX = "if_index"
    NAME = "name"
    BASE_PORT = "base_port"
    MAC = "mac"
    VLAN = "vlan"
    CAUSE = "cause"
    CHANGES_11 = "changes_11"
    CHANGES_12 = "changes_12"
    CHANGES_14 = "changes_14"
    CHANGES_HUAWEI = "changes_huawei"
    ROW = "row"


@dataclass(frozen=True, slots=True)
class Column:
    """A variable: what its value is, and what its index is made of, in order.

    Parts of an index are `if` (ifIndex), `mac` (six numbers), `vlan`, `port` (dot1dBasePort) and `-` (nothing of ours);
    what is missing at the end is left alone.
    """

    role: Role
    index: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Trap:
    """A notification: its name in its MIB module, its kind, and its cause where the notification itself says it."""

    name: str
    kind: Kind
    cause: str = ""


@dataclass(frozen=True, slots=True)
class Vendor:
    """What one vendor's modules say: notifications and variables by OID, and the words for numbers that are causes."""

    traps: Mapping[str, Trap]
    columns: Mapping[str, Column] = field(default_factory=dict)
    causes: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Hint:
    """One thing that a notification says. Everything in it is a stranger's word until the switch was read.

    `port` is the interface's name as the switch wrote it, "" where it gave only `if_index` or `base_port`; `mac` is
    canonical or ""; `cause` a short word of ours, or the switch's own.
    """

    kind: Kind
    name: str
    if_index: int | None = None
    port: str = ""
    base_port: int | None = None
    mac: str = ""
    vlan: int | None = None
    cause: str = ""
