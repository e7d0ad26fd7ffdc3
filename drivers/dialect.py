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
    the canonical interface name; `vlan`, or ending in `_vlan`, `maximum`, `violations`, `current` and `if_index` into
    int; `vlans`, or ending in `_vlans`, into a set of VLAN ids, and `ports`, or ending in `_ports`, into a list of
    canonical names. Fields not listed here are allowed: `portseal dialect parse` shows them.
    """

    # port, the fields of PortConfig; secure_macs rows: mac, vlan, kind; ip_bindings: bound_mac, bound_ip, bound_vlan
    INTERFACE = "interface"
    STATUS = "status"  # port, oper (up|down|blocked), admin_up, mode, description, vlan, blocked_cause, if_index
    # port, pvid_vlan, untagged_vlans, tagged_vlans: a bridge port's VLANs (IEEE 802.1Q), of which mode, access_vlan,
    # native_vlan and allowed_vlans are made; a port without a row has none
    MEMBERSHIP = "membership"
    LEARNED = "learned"  # mac, vlan, port, kind (dynamic|static|secure|self)
    SECURE = "secure"  # port, secure, maximum, violations, violation, last_mac
    SECURE_MAC = "secure_mac"  # port, mac, vlan, kind (configured|sticky|dynamic)
    IP_BINDING = "ip_binding"  # port, mac, ip, vlan
    SOURCE_GUARD = "source_guard"  # port, mac, ip, vlan as enforced
    NEIGHBOUR = "neighbour"  # port, system, neighbour (its port, in its own words), chassis, capabilities
    VLAN = "vlan"  # vlan (or vlans: several at once), name, ports
    VERSION = "version"  # hostname, model, version, serial
    ARP = "arp"  # ip, mac, vlan, port
    SYSTEM = "system"  # hostname and settings of the whole switch; security: False where port security is off for all
    SNOOPING = "snooping"  # DHCP snooping: enabled, vlans, interfaces (port, trusted, rate)
    STARTUP = "startup"  # line: one configuration line of the startup configuration
    RUNNING = "running"  # line: one configuration line of the running configuration


@dataclass(frozen=True, slots=True, eq=False)
class Read:
    """One command and how its answer becomes rows; several reads may share a command, which is then sent once.

    Table: each line that matches one of `rows` is a row (regexes with named groups, tried in order with `match`).
    Records (`start` is set): a line that matches `start` begins a row; later lines that match one of `rows` add their
    groups to it; groups named in `many` are collected in a list (one dict per match when several groups match together,
    under the name `many[group]`), other groups keep the first value they get, sets grow. A line that matches `stop`
    ends the record (a configuration's next section). A line that matches `ignore` says nothing. Any other line is an
    :class:`~policies.errors.UnparsedOutput`, unless `open_text` (a configuration, where most lines are not ours).
    `values` translates a field's text, in its own or in small letters: {"oper": {"connected": "up"}}; a text that it
    does not list is an error unless the mapping has the key "*", whose value it gets; {"*": "*"} keeps the text.
    `defaults` are the values of fields that a row does not mention (a vendor's defaults).
    `observe` marks reads that make up the observed state; `optional` ones may be unknown to a model: then the
    capabilities in `gives` are missing, which is a finding. `wrapped` joins a line that matches it to the line before.
    `skip` are pairs of regexes: lines from one that matches the first to one that matches the second are not read
    (banners, certificates, a neighbour's free text). `complete` is a line that every whole answer has: without it the
    answer was cut short, or is none. `total` has a group `total` that must be the number of rows. `literal` keeps port
    names exactly as they are (Linux, Open vSwitch). `each` names a field: the command, with {port} in it, is asked once
    for every port of which an earlier row has that field and it is not zero. `json` are the templates that make lines
    of an answer in JSON (:func:`drivers.json_lines.json_lines`), for which the regexes then are. Regexes have no
    back-references, since the parser makes one of all. A read is itself, equal to no other.
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
    stop: str = ""
    skip: tuple[tuple[str, str], ...] = ()
    complete: str = ""
    total: str = ""
    literal: bool = False
    each: str = ""
    json: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Set:
    """How one setting is written: commands for a value, and for its absence. {value} and {port} are filled in.

    {value_quoted} is one word for a shell, whatever is in it. Of VLANs, {value} is as in 1,3-5, {value_list} has each
    with commas between, {value_to} is as in 1 3 to 5.

    `by_value` gives the commands of particular values (for flags: True and False). `clear` undoes the setting.
    `leave` gives the commands that come before the setting may leave a value: VRP refuses another link type while the
    port has VLANs of the present one. `default` is the value that the platform gives when nothing is written, and
    `modes` are the port modes in which the setting can be written (none: all); both count only for a setting that a
    change of mode puts back (:attr:`Dialect.mode_resets`).
    """

    value: tuple[str, ...] = ()
    by_value: Mapping[object, tuple[str, ...]] = field(default_factory=dict)
    clear: tuple[str, ...] = ()
    leave: Mapping[object, tuple[str, ...]] = field(default_factory=dict)
    default: object = None
    modes: frozenset[object] = frozenset()


@dataclass(frozen=True, slots=True)
class Items:
    """How the members of a set-valued setting are written; {mac} {ip} {vlan} {port} are filled in.

    `where` is the mode in which the commands are given: "interface" or "config". The sticky forms serve members that
    the switch learned itself, so that a rollback gives back what was there, word for word.
    """

    add: tuple[str, ...]
    remove: tuple[str, ...]
    where: str = "interface"
    add_sticky: tuple[str, ...] = ()
    remove_sticky: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Save:
    """How running becomes startup: the command, questions it may ask with their answers, the proof in its output.

    A question is a regex that fits within the last line.
    """

    command: str
    answers: tuple[tuple[str, str], ...] = ()
    done: str = ""


@dataclass(frozen=True, slots=True)
class Commit:
    """How collected changes take effect, on a platform that collects them first (two-stage configuration).

    `staged` is a regex that the configuration prompt fits while changes are collected: the same system may also be set
    to work at once. `now` lets all that was typed take effect, `discard` forgets it. `trial` lets it take effect until
    the switch takes it back by itself, unless `confirm` comes before, from any session; `abort` takes it back at once.
    `pending` is the command that tells whether a trial is under way, `whole` a regex that every whole answer to it has,
    and `ours` one that it has when the trial is Portseal's own. The parameters {trial_s} (seconds) and {trial_id} are
    the dialect's, or the switch's settings.
    """

    staged: str
    now: str
    discard: str
    trial: str = ""
    confirm: str = ""
    abort: str = ""
    pending: str = ""
    whole: str = ""
    ours: str = ""


@dataclass(frozen=True, slots=True)
class SnmpObject:
    """One object that may be set over SNMP: a column, or a scalar when `index` is empty.

    `kinds` are the types to try, the next one where the agent says wrongType: i INTEGER, u Unsigned32, s text,
    p PortList. `index` tells what becomes of each part that a line names: `if_index` and `bridge_port` of a port,
    `mac`, `number`, `fdb` (the filtering database of a VLAN), `row` (any free row); "" is left out. `shows` maps a
    value to what a read shows after it was written, where that is not the value itself: None when the instance goes.
    `creates` are values that make a row: it must not be there before, or somebody else's would be overwritten.
    """

    oid: str
    kinds: str = "i"
    index: tuple[str, ...] = ("if_index",)
    shows: Mapping[int, int | None] = field(default_factory=dict)
    creates: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class SnmpSaving:
    """How a save that a line has begun is followed: the object `state` is read until it leaves `pending`.

    It has succeeded at `done`; else the object `cause` says why not, in the words of `causes`. `end` frees the row.
    """

    state: str
    pending: frozenset[int]
    done: int
    cause: str
    causes: Mapping[int, str]
    end: str


@dataclass(frozen=True, slots=True)
class SnmpWrites:
    """A dialect that is written in SNMP sets: its lines are `object[part, …] = value`, joined by ` & ` into one SET.

    A value is a number, or a word with the number in brackets: `down(2)`. `+=` and `-=` add and take a port to and from
    a PortList. `identified` tells that the agent must say itself that it is this platform before anything is written.
    `changed` and `saved` are scalars with the sysUpTime at which running and startup were last written ("": not told).
    """

    objects: Mapping[str, SnmpObject]
    identified: bool = True
    saving: SnmpSaving | None = None
    changed: str = ""
    saved: str = ""


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

    `order` lists (setting, phase) pairs in the order in which a port's commands are sent; phase is off, remove, set,
    add or on. `settings` maps PortConfig field names to :class:`Set` or :class:`Items`. `quiesce` names the flags that
    are switched off while members of the settings in it change, and on again last. `spell` maps canonical interface
    kinds to the platform's own word where they differ. `parameters` are defaults of {names} in templates and commands
    that a site may override in a switch's `settings`. `secrets` are regexes whose group 1 is blanked before anything is
    kept; `volatile` are configuration lines that differ between two reads of the same state. `rollback` is device,
    watchdog or none. `failure` are lines by which any command is refused, `failure_config` further ones that count only
    in the answer to a line that configures. An answer to a read is refused on its first line, since what follows may be
    a neighbour's or an admin's own words; on any line where `complains_anywhere` (the tools of a shell).
    `greetings` are questions that the login may ask, `answers` those of a line that configures, each with its reply:
    regexes that fit within the last line. A question that is not listed is never answered. `mode_resets` are the
    settings that a change of the port's mode puts back to the platform's defaults: they are written again. `commit` is
    there where changes are collected and take effect together; with `rollback` device it has a trial. `snmp` is there
    where the lines are SNMP sets and no commands; such a dialect has no prompts and no reads of its own.
    """

    platform: str
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
    quiesce: Mapping[str, frozenset[str]] = field(default_factory=dict)
    spell: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    pager: str = ""
    experimental: bool = False
    failure_config: tuple[str, ...] = ()
    complains_anywhere: bool = False
    greetings: tuple[tuple[str, str], ...] = ()
    answers: tuple[tuple[str, str], ...] = ()
    mode_resets: frozenset[str] = frozenset()
    commit: Commit | None = None
    snmp: SnmpWrites | None = None
