"""The verbs that set a terminal up and take it down again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from agent.install.apply import Run, apply_plan, confirm_trial, run_on, undo
from agent.install.facts import read_facts
from agent.install.plan import TRIAL_MINUTES, Facts, plan_install
from policies.texts import Text, t
from policies.usb import UsbBinding, UsbDevice

Say = Callable[[Text], None]
#: Exit codes, by meaning.
DONE, NOTHING, FAILED = 0, 1, 3


@dataclass(frozen=True, slots=True)
class Wish:
    """What the user asked for. `root`: the system's files ("/": this machine); `dry_run`: only show the plan."""

    root: Path = Path("/")
    headless: bool = False
    dry_run: bool = False
    minutes: int = TRIAL_MINUTES


def install(
    wish: Wish,
    say: Say,
    bindings: tuple[UsbBinding, ...],
    devices: tuple[UsbDevice, ...],
    facts: Facts | None = None,
    run: Run | None = None,
) -> int:
    """Seal this machine, on trial. `devices` are plugged in now (none for an image).

    Raises SafetyRefusal (not root, no bound keyboard, a keyboard in use would be shut, set up already), EquipmentError
    (a step failed; all is undone).
    """
    found = facts or read_facts(wish.root)
    plan = plan_install(
        wish.root,
        replace(found, bindings=bindings, devices=devices, headless=wish.headless, minutes=wish.minutes),
    )
    for each in plan.sentences():
        say(each)
    if wish.dry_run:
        say(t("Nothing was changed."))
        return DONE
    apply_plan(plan, wish.root, run or run_on(wish.root))
    say(t("The terminal is sealed, on trial."))
    say(t("Try the keyboard and restart once; then run 'portseal-agent install --confirm'."))
    return DONE


def confirm(root: Path, say: Say, run: Run | None = None) -> int:
    """End the trial: what was set up stays. Raises SafetyRefusal when there is none."""
    confirm_trial(root, run or run_on(root))
    say(t("Confirmed: the terminal stays sealed."))
    return DONE


def uninstall(root: Path, say: Say, run: Run | None = None) -> int:
    """Take everything away again and say what remains; 1 when nothing was set up, 3 when something had to be left."""
    undone = undo(root, run or run_on(root))
    if undone is None:
        say(t("The agent is not set up on this machine."))
        return NOTHING
    for path in undone.restored:
        say(t("{path} is as it was", path=path))
    for each in undone.left:
        say(each)
    say(t("What remains: /etc/portseal-agent (keys, bindings) and /var/lib/portseal-agent (events, counters)."))
    say(t("The USB ports of this machine are open again."))
    return FAILED if undone.left else DONE
