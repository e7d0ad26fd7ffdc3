"""What a vendor file may say. A dialect is data: it never opens a connection and never decides.

A platform folder `drivers/dialects/<platform>/` holds `dialect.py` (DIALECT, a :class:`Dialect`: modes, prompts,
templates), and `reads.py` (READS, a tuple of :class:`Read`). Field names are those of :mod:`policies.model`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Fact(StrEnum):
    """What one row of a read is about, with the groups (fields) that a row may have.

    A field called `mac`, or ending in `_mac`, is turned into aa:bb:cc:dd:ee:ff, and `port`, or ending in `_port`, into
    the canonical interface name; `vlan`, or ending in `_vlan`, `maximum` and `violations` into int; `allowed_vlans` into
    a set of VLAN ids. Fields not listed here are allowed: `portseal dialect parse` shows them.
    """

    INTERFACE = "interface"  # port, the fields of PortConfig; secure_macs rows: mac, vlan
    STATUS = "status"  # port, oper (up|down|blocked), admin_up, description, vlan, blocked_cause
    LEARNED = "learned"  # mac, vlan, port, kind (dynamic|static|secure|self)
    SECURE = "secure"  # port, secure, maximum, violations, violation, last_mac
    SECURE_MAC = "secure_mac"  # port, mac, vlan, kind (configured|sticky|dynamic)
    IP_BINDING = "ip_binding"  # port, mac, ip, vlan
    SOURCE_GUARD = "source_guard"  # port, mac, ip, vlan as enforced
    NEIGHBOUR = "neighbour"  # port, system, neighbour (its port, in its own words), chassis, capabilities
    VLAN = "vlan"  # vlan, name, ports
    VERSION = "version"  # hostname, model, version, serial
    ARP = "arp"  # ip, mac, vlan, port
    STARTUP = "startup"  # line: one configuration line of the startup configuration
    RUNNING = "running"  # line: one configuration line of the running configuration


@dataclass(frozen=True, slots=True)
class Read:
    """One command and how its answer becomes rows.

    Table: each line that matches one of `rows` is a row (regexes with named groups, tried in order with `match`).
    Records (`start` is set): a line that matches `start` begins a row; later lines that match one of `rows` add their
    groups to it; groups named in `many` are collected in a list (one dict per match when several groups match together,
    under the name `many[group]`). A line that matches `ignore` says nothing. Any other line is an
    :class:`~policies.errors.UnparsedOutput`, unless `open_text` (a configuration, where most lines are not ours).
    `values` translates a field's text: {"oper": {"connected": "up"}}; a text that it does not list is an error unless
    the mapping has the key "*". `defaults` are the values of fields that a row does not mention (a vendor's defaults).
    `observe` marks reads that make up the observed state; `optional` ones may be unknown to a model: then the
    capabilities in `gives` are missing, which is a finding. `wrapped` joins a line that matches it to the line before.
    """

    command: str
    fact: Fact
    rows: tuple[str, ...] = ()
    start: str = ""
    ignore: tuple[str, ...] = ()
    many: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    defaults: Mapping[str, object] = field(default_factory=dict)
    open_text: bool = False
    observe: bool = False
    optional: bool = False
    gives: frozenset[str] = frozenset()
    wrapped: str = ""
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Set:
    """How one setting is written: commands for a value, and for its absence. {value} and {port} are filled in.

    `by_value` gives the commands of particular values (for flags: True and False). `clear` undoes the setting.
    """

    value: tuple[str, ...] = ()
    by_value: Mapping[object, tuple[str, ...]] = field(default_factory=dict)
    clear: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Items:
    """How the members of a set-valued setting are written; {mac} {ip} {vlan} {port} are filled in.

    `where` is the mode in which the commands are given: "interface" or "config".
    """

    add: tuple[str, ...]
    remove: tuple[str, ...]
    where: str = "interface"


@dataclass(frozen=True, slots=True)
class Save:
    """How running becomes startup: the command, questions it may ask with their answers, and the proof in its output."""

    command: str
    answers: tuple[tuple[str, str], ...] = ()
    done: str = ""


@dataclass(frozen=True, slots=True)
class Tested:
    """Where a dialect has been seen to work: `how` is recorded, emulated or documentation."""

    model: str
    firmware: str
    date: str
    how: str
    source: str = ""


@dataclass(frozen=True, slots=True)
class Dialect:
    """One platform. Regexes are anchored on the last line for prompts; templates are filled with str.format.

    `order` lists (setting, phase) pairs in the order in which a port's commands are sent; phase is remove, set, add,
    off or on. `settings` maps PortConfig field names to :class:`Set` or :class:`Items`. `spell` maps canonical interface
    kinds to the platform's own word where they differ. `secrets` are regexes whose group 1 is blanked before anything
    is kept. `rollback` is device, watchdog or none.
    """

    platform: str
    aliases: tuple[str, ...]
    title: str
    prompt: str
    config_prompt: str
    interface_prompt: str
    on_open: tuple[str, ...]
    enter_config: tuple[str, ...]
    leave_config: tuple[str, ...]
    enter_interface: str
    leave_interface: tuple[str, ...]
    failure: tuple[str, ...]
    settings: Mapping[str, Set | Items]
    order: tuple[tuple[str, str], ...]
    vlan_add: tuple[str, ...]
    vlan_remove: tuple[str, ...]
    recover: tuple[str, ...]
    save: Save | None
    reads: tuple[Read, ...]
    capabilities: frozenset[str]
    rollback: str
    secrets: tuple[str, ...]
    volatile: tuple[str, ...]
    tested_on: tuple[Tested, ...]
    enable: tuple[str, str] | None = None
    spell: Mapping[str, str] = field(default_factory=dict)
    pager: str = ""
    experimental: bool = False
