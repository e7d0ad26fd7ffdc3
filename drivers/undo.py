"""What a rollback may take back: only what its own job can have left on the switch. Pure.

Between the kill of an apply and its recovery people go on working. A setting whose present value is neither what it
was, nor what the job asked for, nor something in between, is somebody else's by now: nothing is touched then.
"""

from __future__ import annotations

from policies.errors import SafetyRefusal
from policies.model import ObservedSwitch, PortChange, SwitchChanges
from policies.plan import restore
from policies.settings import SETTING_WORDS
from policies.texts import Text, listed, t


def own_work(before: ObservedSwitch, now: ObservedSwitch, changes: SwitchChanges) -> None:
    """Make sure that what a rollback would change is the job's own work.

    Raises:
        SafetyRefusal: somebody else has changed a touched setting since; the message names the first ones.

    """
    touched = {change.port: change for change in changes.ports}
    foreign: list[Text] = []
    for undo in restore(before, now, changes).ports:
        change = touched[undo.port]
        foreign.extend(
            t("{port} {setting}", port=undo.port, setting=SETTING_WORDS[name])
            for name in undo.fields
            if not _between(change, name, getattr(undo.before, name))
        )
    if foreign:
        raise SafetyRefusal(
            t("since the apply was interrupted, somebody else has changed: {settings}", settings=listed(foreign[:6])),
            where=changes.switch,
            next_step=t("look at these ports, then run 'portseal plan'; the interrupted apply is left as it is"),
        )


def _between(change: PortChange, name: str, value: object) -> bool:
    """Tell whether the job can have left this value: the old, the new, a part of a set on its way, or a flag off."""
    old, new = getattr(change.before, name), getattr(change.after, name)
    if value in (old, new) or value is False or value is None:
        return True
    if isinstance(value, frozenset):
        possible = {_plain(item) for each in (old, new) if isinstance(each, frozenset) for item in each}
        return {_plain(item) for item in value} <= possible
    # A setting that only comes along (a mode's VLAN, the maximum of a port whose security goes) has no new value.
    return new is None and name not in change.fields


def _plain(item: object) -> object:
    """Compare MACs without VLAN and stickiness, which a platform may show differently half-way."""
    return getattr(item, "mac", item), getattr(item, "ip", None)
