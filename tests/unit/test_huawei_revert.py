"""Apply and revert of every kind of change on Huawei's switches: the recording takes no line but the written one."""

from __future__ import annotations

import pytest

from drivers.dialects import dialect
from policies.names import canonical
from tests.conformance.huawei_scripts import VRP5, VRP8, YUNSHAN, Change, Platform
from tests.revert import apply_and_revert, kinds
from tests.scripted import ScriptedEquipment, Terminal

PLATFORMS = {"vrp5": VRP5, "vrp8": VRP8, "yunshan": YUNSHAN}
CONFIRM = ("system-view", "commit persist portseal", "return")
NO_TRIAL = ("display configuration trial status", "Trial status: INACTIVE\r\nTrial time left (sec): 0\r\n")


def logins(on: Platform, change: Change, *, back: bool = False) -> list[Terminal]:
    """Write the logins of one run: the one that changes, and the one that reads back."""
    old, new = (change.after, change.before) if back else (change.before, change.after)
    first = on.terminal().reads(on.shows(old)).types(*on.typed(change, back=back))
    if on.staged:
        first.types(*CONFIRM)
    first.saves().reads(on.shows(new))
    return [first, on.terminal().reads(on.shows(new, saved=old))]


def looks(on: Platform, change: Change, *, back: bool = False) -> Terminal:
    return on.terminal().reads(on.shows(change.before if back else change.after))


@pytest.mark.parametrize(
    ("on", "kind"),
    [
        pytest.param(on, kind, id=f"{name}-{kind}")
        for name, on in PLATFORMS.items()
        for kind in kinds(dialect(on.platform))
    ],
)
def test_a_change_taken_back_leaves_the_switch_as_a_fresh_session_read_it(on: Platform, kind: str) -> None:
    change = on.changes[kind]
    script = [
        looks(on, change, back=True),
        *logins(on, change),
        looks(on, change),
        *logins(on, change, back=True),
        looks(on, change, back=True),
    ]
    equipment = ScriptedEquipment(dialect(on.platform), script)
    apply_and_revert(equipment, dialect(on.platform), kind, canonical(on.port))
    assert equipment.used_up()
