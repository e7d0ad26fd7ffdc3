"""What the flow verifies: the snapshot before, the state read back, the state after a rollback. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from policies.errors import StalePlan, VerifyFailed
from policies.model import ObservedSwitch, Oper, PortChange, PortConfig, SwitchChanges, changed_fields
from policies.plan import along, exact_differences, restore, snapshot_digest, within
from policies.settings import SETTING_WORDS
from policies.texts import Text, listed, t


def differences(observed: ObservedSwitch, changes: SwitchChanges) -> tuple[Text, ...]:
    """Name what `changes` demands and `observed` does not show: settings of ports, shut or missing ports, VLANs."""
    found: list[Text] = []
    for change in changes.ports:
        port = observed.ports.get(change.port)
        if port is None:
            found.append(t("{port} is gone", port=change.port))
            continue
        found.extend(_setting(change.port, name) for name in changed_fields(port.config, change.after))
        if change.recover and port.oper is Oper.BLOCKED:
            found.append(t("{port} is shut by the switch", port=change.port))
    found.extend(
        t("VLAN {vlan}", vlan=vlan.vlan)
        for vlan in changes.vlans
        if (vlan.vlan in (observed.vlans or {})) != (vlan.after is not None)
    )
    return tuple(found)


def left_off(before: ObservedSwitch, now: ObservedSwitch, changes: SwitchChanges) -> tuple[Text, ...]:
    """Name what a run put out of force while it worked and has not put back, though `changes` demands nothing of it.

    Port security is off while its MACs change: a port that has its new MACs already may still be open to everybody.
    """
    return tuple(
        _setting(change.port, name)
        for change in changes.ports
        if change.port in now.ports
        for name in exact_differences(before.ports[change.port].config, now.ports[change.port].config)
        if name in within(change) - along(change)
    )


def verify_fresh(before: ObservedSwitch, changes: SwitchChanges) -> None:
    """Raise StalePlan unless the snapshot is the one that the change set was planned on."""
    if snapshot_digest(before) != changes.digest:
        raise StalePlan(
            t("the switch changed since the plan was made"),
            where=changes.switch,
            next_step=t("run 'portseal plan' again and look at what is different"),
        )


def verify_applied(before: ObservedSwitch, after: ObservedSwitch, changes: SwitchChanges) -> None:
    """Raise VerifyFailed unless `after` is as planned, and nothing else has changed since `before`."""
    wrong = list(differences(after, changes))
    touched = {change.port: change for change in changes.ports}
    wrong.extend(
        _setting(name, setting)
        for name, port in before.ports.items()
        if name in after.ports
        for setting in _foreign(port.config, after.ports[name].config, touched.get(name))
    )
    if wrong:
        raise _not_as_planned(wrong, changes)


def verify_kept(after: ObservedSwitch, changes: SwitchChanges) -> None:
    """Raise VerifyFailed unless all that `changes` demands is still there: a trial may end while it is confirmed."""
    if wrong := differences(after, changes):
        raise _not_as_planned(wrong, changes)


def _not_as_planned(wrong: Sequence[Text], changes: SwitchChanges) -> VerifyFailed:
    return VerifyFailed(
        t("read back, these are not as planned: {settings}", settings=listed([*wrong][:6])),
        where=changes.switch,
        next_step=t("see whether somebody else is changing the switch, then plan again"),
    )


def _foreign(before: PortConfig, after: PortConfig, change: PortChange | None) -> Iterator[str]:
    """Name what somebody else changed on a port; what it learned, and what comes along with the change, is none."""
    ours = along(change) if change is not None else frozenset()
    for setting in exact_differences(after, before):
        learned = setting == "secure_macs" and before.sticky and _configured(before) == _configured(after)
        if not learned and setting not in ours:
            yield setting


def _configured(config: PortConfig) -> frozenset[str]:
    return frozenset(f"{entry.mac} {entry.vlan}" for entry in config.secure_macs or () if not entry.sticky)


def verify_restored(before: ObservedSwitch, now: ObservedSwitch, changes: SwitchChanges) -> None:
    """Raise VerifyFailed unless the touched ports and VLANs are word for word as in `before`."""
    undo = restore(before, now, changes)
    wrong: list[Text] = []
    for change in undo.ports:
        left = [_setting(change.port, name) for name in exact_differences(change.before, change.after)]
        wrong.extend(left or [t("{port} is shut by the switch", port=change.port)])
    wrong.extend(t("{port} is gone", port=change.port) for change in changes.ports if change.port not in now.ports)
    wrong.extend(t("VLAN {vlan}", vlan=vlan.vlan) for vlan in undo.vlans)
    if wrong:
        raise VerifyFailed(
            t("the rollback left these unlike before: {settings}", settings=listed(wrong[:6])),
            where=changes.switch,
            next_step=t("look at these ports now; 'portseal plan' shows the difference"),
        )


def _setting(port: str, name: str) -> Text:
    return t("{port} {setting}", port=port, setting=SETTING_WORDS[name])
