"""Every kind of change of a dialect, applied and taken back: shared by the rings that have a switch of that dialect.

The kinds are the dialect's own settings, so a setting that is added without a case here fails the tests that use this.
"""

from __future__ import annotations

from dataclasses import replace

from drivers.dialect import Dialect
from drivers.flow import Equipment, Event, Flow, Outcome, S, State
from policies.model import (
    IpBinding,
    ObservedSwitch,
    PortChange,
    PortConfig,
    PortMode,
    SecureMac,
    SwitchChanges,
    Violation,
    VlanChange,
)
from policies.plan import SETTINGS, exact_differences, restore, snapshot_digest
from policies.texts import t

MACS = frozenset({SecureMac("02:ca:00:00:00:51", 100), SecureMac("02:ca:00:00:00:52", 100)})
PAIRS = frozenset({IpBinding("02:ca:00:00:00:51", "198.18.100.51", 100)})

#: setting → what it is changed to (with what the platform wants beside it).
CHANGES: dict[str, PortConfig] = {
    "mode": PortConfig(mode=PortMode.TRUNK),
    "access_vlan": PortConfig(access_vlan=200),
    "native_vlan": PortConfig(mode=PortMode.TRUNK, native_vlan=100),
    "allowed_vlans": PortConfig(mode=PortMode.TRUNK, allowed_vlans=frozenset({100, 200})),
    "maximum": PortConfig(maximum=3),
    "violation": PortConfig(violation=Violation.PROTECT),
    "sticky": PortConfig(sticky=True),
    "secure_macs": PortConfig(maximum=2, secure_macs=MACS),
    "secure": PortConfig(secure=True),
    "ip_bindings": PortConfig(ip_bindings=PAIRS),
    "source_guard": PortConfig(source_guard=True),
    "admin_up": PortConfig(admin_up=False),
    "description": PortConfig(description="pole 7 / by the gate"),
}
#: Everything at once, as a first binding does it.
SEALED = PortConfig(
    mode=PortMode.ACCESS,
    access_vlan=100,
    secure=True,
    maximum=2,
    violation=Violation.RESTRICT,
    secure_macs=MACS,
    ip_bindings=PAIRS,
    source_guard=True,
    admin_up=True,
)


class NoSafeguard:
    """A safeguard for tests of the flow alone: nothing outlives it."""

    def journal(self, before: ObservedSwitch, changes: SwitchChanges) -> None:
        """Nothing to keep."""

    def arm(self) -> None:
        """Nothing to arm."""

    def disarm(self) -> None:
        """Nothing to disarm."""

    def close(self, outcome: Outcome) -> None:
        """Nothing to keep."""


def told(event: Event) -> None:
    """Nobody listens."""


def observe(equipment: Equipment[S]) -> ObservedSwitch:
    """Read through a fresh session."""
    with equipment.session() as session:
        return equipment.observe(session)


def kinds(dialect: Dialect) -> list[str]:
    """Give the kinds of change of a dialect: its settings, a VLAN, and a whole first binding."""
    return [*(name for name in SETTINGS if name in dialect.settings), *(["vlan"] if dialect.vlan_add else []), "sealed"]


def change_of(kind: str, port: str, now: ObservedSwitch, dialect: Dialect) -> SwitchChanges:
    """Make the change set of one kind on `port`."""
    vlans: tuple[VlanChange, ...] = ()
    ports: tuple[PortChange, ...] = ()
    if kind == "vlan" or (dialect.vlan_add and 200 not in (now.vlans or {})):
        vlans = (VlanChange(200, None, "two-hundred"),)
    if kind != "vlan":
        wanted = SEALED if kind == "sealed" else CHANGES[kind]
        lacking = {name: None for name in SETTINGS if name not in dialect.settings}
        ports = (PortChange(port, now.ports[port].config, replace(wanted, **lacking), t("a test"), False),)
    save = dialect.save is not None
    return SwitchChanges(now.switch, snapshot_digest(now), vlans, ports, save)


def apply_and_revert(equipment: Equipment[S], dialect: Dialect, kind: str, port: str) -> None:
    """Apply one kind of change, see that it is there, take it back, and compare with the snapshot word for word."""
    before = observe(equipment)
    changes = change_of(kind, port, before, dialect)
    done = Flow(equipment, NoSafeguard(), told).run(changes)
    assert done.state is State.DONE, done.error
    after = observe(equipment)
    assert snapshot_digest(after) != snapshot_digest(before), "the change changed nothing"
    back = restore(before, after, changes)
    undone = Flow(equipment, NoSafeguard(), told).run(replace(back, save=changes.save))
    assert undone.state is State.DONE, undone.error
    again = observe(equipment)
    for name, seen in before.ports.items():
        assert not exact_differences(again.ports[name].config, seen.config), name
    assert again.vlans == before.vlans
    assert snapshot_digest(again) == snapshot_digest(before)
    assert again.startup_differs in ((), before.startup_differs)
