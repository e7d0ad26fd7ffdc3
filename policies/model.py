"""The vocabulary: frozen values that rules, drivers and controller pass to each other.

Names follow the field: a *port* is a switch port by canonical ifName (see policies.names), a *binding* ties a device's
MAC (and IP) to a port and VLAN, *expected* is what the inventory demands, *observed* is what was read from the switch.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from operator import attrgetter
from typing import Any

from policies.texts import Text


class Verdict(StrEnum):
    """The five verdicts of the notice's checks; unverified is never shown as a pass."""

    PASS = "pass"
    FAIL = "fail"
    UNVERIFIED = "unverified"
    MANUAL = "manual"
    NOT_APPLICABLE = "not_applicable"


class DeviceRole(StrEnum):
    """What a device of the face-recognition network is."""

    CAMERA = "camera"
    TERMINAL = "terminal"
    SERVER = "server"
    RECORDER = "recorder"
    READER = "reader"
    CONTROLLER = "controller"


class PortRole(StrEnum):
    """What the site says about a port; every port of a declared switch has one (clause 7.1b)."""

    BOUND = "bound"
    UPLINK = "uplink"
    SHUT = "shut"
    EXCEPTED = "excepted"
    UNMANAGED = "unmanaged"


class PortMode(StrEnum):
    """The layer-2 mode of a port; dynamic negotiates and is never acceptable on a bound port.

    Plain dynamic is the platform's default; auto and desirable are configured, and are given back word for word.
    """

    ACCESS = "access"
    TRUNK = "trunk"
    DYNAMIC = "dynamic"
    DYNAMIC_AUTO = "dynamic auto"
    DYNAMIC_DESIRABLE = "dynamic desirable"
    ROUTED = "routed"


class Violation(StrEnum):
    """What the switch does with a foreign MAC on a secured port."""

    PROTECT = "protect"
    RESTRICT = "restrict"
    SHUTDOWN = "shutdown"


class Oper(StrEnum):
    """The operational state of a port; blocked means that the switch itself shut it (err-disabled, error-down)."""

    UP = "up"
    DOWN = "down"
    BLOCKED = "blocked"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Device:
    """A device of the inventory. `mac` is aa:bb:cc:dd:ee:ff; `ip` is dotted or None; `place` is pole, room or rack."""

    name: str
    role: DeviceRole
    mac: str
    ip: str | None = None
    place: str = ""
    serial: str = ""
    vendor: str = ""
    model: str = ""


@dataclass(frozen=True, slots=True)
class Binding:
    """Device MAC (+ IP) ↔ switch port, VLAN (clause 7.1c)."""

    device: str
    switch: str
    port: str
    vlan: int


@dataclass(frozen=True, slots=True)
class ExceptedPort:
    """A port that is excepted from binding: who answers for it, why, and until when (inclusive)."""

    switch: str
    port: str
    owner: str
    reason: str
    expires: date


@dataclass(frozen=True, slots=True)
class SecureMac:
    """A MAC that a port admits; vlan None where the platform keeps none; sticky where the switch learned it itself."""

    mac: str
    vlan: int | None = None
    sticky: bool = False


@dataclass(frozen=True, slots=True)
class IpBinding:
    """A static MAC + IP + VLAN binding on a port (IP source guard)."""

    mac: str
    ip: str
    vlan: int


@dataclass(frozen=True, slots=True)
class PortConfig:
    """The settings of one port that Portseal manages; expected and observed state share this type.

    None means "not known" when observed and "not demanded" when expected. `allowed_vlans` is the set of a trunk's
    VLAN ids, `frozenset()` for none. `maximum` counts the MACs that the port admits while `secure` is on.
    """

    mode: PortMode | None = None
    access_vlan: int | None = None
    native_vlan: int | None = None
    allowed_vlans: frozenset[int] | None = None
    secure: bool | None = None
    maximum: int | None = None
    violation: Violation | None = None
    sticky: bool | None = None
    secure_macs: frozenset[SecureMac] | None = None
    ip_bindings: frozenset[IpBinding] | None = None
    source_guard: bool | None = None
    admin_up: bool | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Learned:
    """A MAC that the switch learned on a port (FDB); `kind` is dynamic, static, secure or self."""

    mac: str
    vlan: int | None
    kind: str = "dynamic"


@dataclass(frozen=True, slots=True)
class Neighbour:
    """What an LLDP or CDP neighbour says of itself; hostile until proved."""

    system: str = ""
    port: str = ""
    chassis: str = ""
    capabilities: str = ""


@dataclass(frozen=True, slots=True)
class ObservedPort:
    """One port as read from the switch: managed settings, and live facts beside them.

    `channel` is the canonical name of the port-channel of which the port is a member ("" for none); `voice_vlan` is a
    second VLAN that it carries for a telephone; `trunking` tells whether it works as a trunk now, whatever its mode
    (None: not known).
    """

    name: str
    config: PortConfig = PortConfig()
    oper: Oper = Oper.UNKNOWN
    blocked_cause: str = ""
    learned: frozenset[Learned] = frozenset()
    neighbours: tuple[Neighbour, ...] = ()
    violations: int | None = None
    last_violator: str = ""
    if_index: int | None = None
    channel: str = ""
    voice_vlan: int | None = None
    trunking: bool | None = None

    @property
    def is_trunk(self) -> bool:
        """Whether it is a trunk: by its configuration, or because it has negotiated one."""
        return self.config.mode is PortMode.TRUNK or self.trunking is True

    @property
    def present(self) -> frozenset[str]:
        """MACs of devices that are there: learned ones, and fixed ones (static, secure) only while the link is up."""
        return frozenset(
            entry.mac
            for entry in self.learned
            if entry.kind == "dynamic" or (entry.kind != "self" and self.oper is Oper.UP)
        )


@dataclass(frozen=True, slots=True)
class ObservedSwitch:
    """One switch as a session read it at `read_at` (aware UTC).

    `capabilities` are names of PortConfig fields (and `vlans`, `startup`) that the platform can read and set here;
    `startup_differs` lists configuration lines that differ between startup and running: empty when saved, None when
    the platform cannot say. `oddities` are sentences about answers that were understood only with a correction.
    `guarded_vlans` are the VLANs on which the switch enforces IP source guard (None: on all): elsewhere the setting is
    accepted and does nothing, so it neither counts nor is planned; nor on `trusted_ports`, which DHCP snooping trusts.
    """

    switch: str
    platform: str
    read_at: datetime
    ports: dict[str, ObservedPort] = field(default_factory=dict)
    vlans: dict[int, str] | None = None
    capabilities: frozenset[str] = frozenset()
    startup_differs: tuple[str, ...] | None = None
    hostname: str = ""
    model: str = ""
    version: str = ""
    oddities: tuple[Text, ...] = ()
    guarded_vlans: frozenset[int] | None = None
    trusted_ports: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ExpectedPort:
    """What the site demands of one port, and why; `protected` says why a plan must never touch it."""

    name: str
    role: PortRole
    config: PortConfig
    reason: Text
    devices: tuple[Device, ...] = ()
    protected: Text | None = None
    edge: bool = False


@dataclass(frozen=True, slots=True)
class ExpectedSwitch:
    """What the site demands of one switch: each declared port by name, and the VLANs that must exist (id → name)."""

    switch: str
    ports: dict[str, ExpectedPort]
    vlans: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PortChange:
    """One port's change from `before` to `after`; fields that are None in `after` are left alone."""

    port: str
    before: PortConfig
    after: PortConfig
    reason: Text
    recover: bool = False

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the settings that change, in the order of PortConfig."""
        return changed_fields(self.before, self.after)

    def inverse(self) -> PortChange:
        """Give the change that undoes this one."""
        undone = {name: getattr(self.before, name) for name in self.fields}
        return PortChange(self.port, self.after, PortConfig(**undone), self.reason)


@dataclass(frozen=True, slots=True)
class VlanChange:
    """A VLAN to create (`before` None) or to remove (`after` None); the strings are VLAN names."""

    vlan: int
    before: str | None
    after: str | None

    def inverse(self) -> VlanChange:
        """Give the change that undoes this one."""
        return VlanChange(self.vlan, self.after, self.before)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Something that the planner will not touch, and why; `question` when the admin can answer it."""

    switch: str
    port: str
    reason: Text
    question: bool = False


@dataclass(frozen=True, slots=True)
class SwitchChanges:
    """All changes of one switch, VLANs first; `digest` is the snapshot's, and the plan is stale without it."""

    switch: str
    digest: str
    vlans: tuple[VlanChange, ...] = ()
    ports: tuple[PortChange, ...] = ()
    save: bool = False

    @property
    def empty(self) -> bool:
        """Whether nothing is to be done on this switch."""
        return not (self.vlans or self.ports or self.save)

    def inverse(self) -> SwitchChanges:
        """Give the change set that undoes this one, ports before VLANs' removal; its digest is not bound."""
        ports = tuple(change.inverse() for change in reversed(self.ports))
        vlans = tuple(change.inverse() for change in reversed(self.vlans))
        return SwitchChanges(self.switch, "", vlans, ports, self.save)


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """What a plan would do, switch by switch, and what it refuses to do."""

    switches: tuple[SwitchChanges, ...] = ()
    refusals: tuple[Refusal, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether no switch would be changed."""
        return all(changes.empty for changes in self.switches)

    @property
    def count(self) -> int:
        """How many ports and VLANs would change; a save alone counts one."""
        return sum((len(s.vlans) + len(s.ports)) or int(s.save) for s in self.switches)


@dataclass(frozen=True, slots=True)
class Finding:
    """One judgement: sub-clause, subject (switch or switch/port), verdict, sentence, and the evidence's time."""

    clause: str
    subject: str
    verdict: Verdict
    text: Text
    evidence_at: datetime | None = None


_SETTINGS = tuple(PortConfig.__dataclass_fields__)
_settings_of = attrgetter(*_SETTINGS)


def changed_fields(before: PortConfig, after: PortConfig) -> tuple[str, ...]:
    """Name the settings that `after` demands and `before` does not already have; see :func:`demands`."""
    return tuple(demands(before, after))


def demands(before: PortConfig, after: PortConfig) -> dict[str, Any]:
    """Give the settings that `after` demands and `before` does not already have, with the value demanded.

    Equivalent states are equal: a sticky MAC and a configured one, a MAC with the VLAN and one without
    (platforms that keep no VLAN with it).
    """
    return {
        name: wanted
        for name, wanted, seen in zip(_SETTINGS, _settings_of(after), _settings_of(before), strict=True)
        if wanted is not None
        and wanted != seen
        and (name != "secure_macs" or seen is None or not _same_macs(wanted, seen))
    }


def _same_macs(wanted: frozenset[SecureMac], seen: frozenset[SecureMac]) -> bool:
    if not (wanted and seen):
        return wanted == seen
    if len(wanted) == len(seen) == 1:  # as a rule: one device on a port
        (ours,), (theirs,) = wanted, seen
        return ours.mac == theirs.mac and (ours.vlan == theirs.vlan or None in (ours.vlan, theirs.vlan))
    return not missing_macs(wanted, seen) and not missing_macs(seen, wanted)


def missing_macs(wanted: frozenset[SecureMac], seen: frozenset[SecureMac]) -> frozenset[SecureMac]:
    """Give the members of `wanted` without an equivalent in `seen` (same MAC, and same VLAN where both say one)."""
    vlans: dict[str, set[int | None]] = {}
    for entry in seen:
        vlans.setdefault(entry.mac, set()).add(entry.vlan)
    return frozenset(
        entry
        for entry in wanted
        if entry.mac not in vlans
        or not (entry.vlan is None or None in vlans[entry.mac] or entry.vlan in vlans[entry.mac])
    )
