"""The verbs that set a terminal up and take it down again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent.cli.base import Spot
from agent.install.plan import TRIAL_MINUTES
from policies.errors import UsageError
from policies.texts import Text, t
from policies.usb import HID, HUB, UsbBinding, UsbDevice, UsbRole

if TYPE_CHECKING:
    from agent.install.apply import Run
    from agent.install.plan import Facts
    from agent.usb.sysfs import Scan

Say = Callable[[Text], None]
#: Exit codes, by meaning.
DONE, NOTHING, FAILED = 0, 1, 3
#: What people type and point with: HID interfaces with a boot protocol (USB HID 1.11, section 4.3).
_DESK = {(HID, "01", "01"): UsbRole.KEYBOARD, (HID, "01", "02"): UsbRole.MOUSE}
_LONGEST_TRIAL = 1440


@dataclass(frozen=True, slots=True)
class Wish:
    """What the user asked for. `root`: the system's files ("/": this machine); `dry_run`: only show the plan."""

    root: Path = Path("/")
    headless: bool = False
    dry_run: bool = False
    minutes: int = TRIAL_MINUTES


def verbs(spot: Spot) -> list[click.Command]:
    """Make the verbs."""

    def set_up(confirm_it: bool, bind: bool, headless: bool, dry_run: bool, minutes: int) -> int:
        if confirm_it:
            if bind or headless or dry_run:
                raise UsageError(t("--confirm goes alone"), next_step=t("run 'portseal-agent install --confirm'"))
            return confirm(Path("/"), spot.say)
        return _set_up(spot, Wish(Path("/"), headless, dry_run, minutes), bind=bind)

    def take_down() -> int:
        return uninstall(Path("/"), spot.say)

    params = [
        spot.option("--confirm", "confirm_it", about=t("End the trial: what was set up stays."), is_flag=True),
        spot.option("--bind", about=t("Bind the keyboards, mice and their hubs that are in use now, first."),
                    is_flag=True),
        spot.option("--headless", about=t("This machine needs no keyboard."), is_flag=True),
        spot.option("--dry-run", about=t("Only say what would be done."), is_flag=True),
        spot.option("--minutes", about=t("How long the trial lasts."), type=click.IntRange(1, _LONGEST_TRIAL),
                    default=TRIAL_MINUTES, show_default=True),
    ]  # fmt: skip
    about = t(
        "Seal this machine: the kernel refuses every USB device from power-on, bound keyboards work, the agent is a"
        " service. It is a trial, which undoes itself unless it is confirmed."
    )
    back = t("Take everything away that 'install' has set up, and open the USB ports again.")
    return [
        spot.verb("install", t("Seal this machine, on trial."), about, set_up, params),
        spot.verb("uninstall", t("Take the seal away."), back, take_down),
    ]


def _set_up(spot: Spot, wish: Wish, *, bind: bool) -> int:
    """Install with what the terminal's files and the kernel tell."""
    from agent.config import load_config
    from agent.install.apply import refuse_second
    from agent.usb.bindings import load_bindings, save_bindings
    from agent.usb.sysfs import Usb

    # Without a declaration the agent would not start, and the installation would be undone at its end.
    config = load_config(spot.folder)
    loaded = load_bindings(config.bindings, config.state)
    if loaded.fault is not None:
        spot.say(loaded.fault)
    if not wish.dry_run:
        refuse_second(wish.root)
    _check_guard(spot)
    scan = Usb(spot.sysfs).scan()
    bindings = loaded.bindings
    if bind:
        bindings = (*bindings, *in_use(scan, bindings))
        for each in bindings[len(loaded.bindings) :]:
            spot.say(t("bind {name} at {ports}", name=each.name, ports=", ".join(each.ports)))

        if not wish.dry_run:
            save_bindings(config.bindings, bindings)
    return install(wish, spot.say, bindings, scan.devices)


def _check_guard(spot: Spot) -> None:
    """Refuse a network guard whose file is wrong, or that would cut the terminal off from its controller."""
    from agent.cli.guard import refuse_cutting_off
    from agent.egress.declared import load_rule
    from agent.egress.places import find_places

    places = find_places(spot.folder)
    if places.declared.exists():
        refuse_cutting_off(load_rule(places.declared, places.hosts), places)


def in_use(scan: Scan, bindings: tuple[UsbBinding, ...]) -> tuple[UsbBinding, ...]:
    """Give bindings for the keyboards and mice that are admitted now, and for the hubs on their way, where none is."""
    taken = {port for each in bindings for port in each.ports}
    desk = {each.name: role for each in scan.devices if each.authorized and (role := _role(each)) is not None}
    found = []
    for each in scan.devices:
        role = desk.get(each.name)
        if role is None and each.hub and any(name.startswith(f"{each.name}.") for name in desk):
            role = UsbRole.HUB
        if role is not None and each.port not in taken:
            peer = scan.peers.get(each.port)
            ports = (each.port,) if peer is None or peer in taken else (each.port, peer)
            found.append(UsbBinding(f"{role.value} {each.name}", role, ports, each.identity))
    return tuple(found)


def _role(device: UsbDevice) -> UsbRole | None:
    if HUB in device.classes and device.hub:
        return None
    kinds = {_DESK.get((each.usb_class, each.subclass, each.protocol)) for each in device.interfaces}
    return next((role for role in (UsbRole.KEYBOARD, UsbRole.MOUSE) if role in kinds), None)


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
    from agent.install.apply import apply_plan, run_on
    from agent.install.facts import read_facts
    from agent.install.plan import plan_install

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
    from agent.install.apply import confirm_trial, run_on

    confirm_trial(root, run or run_on(root))
    say(t("Confirmed: the terminal stays sealed."))
    return DONE


def uninstall(root: Path, say: Say, run: Run | None = None) -> int:
    """Take everything away again and say what remains; 1 when nothing was set up, 3 when something had to be left."""
    from agent.install.apply import run_on, undo

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
