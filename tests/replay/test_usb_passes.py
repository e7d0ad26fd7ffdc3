"""The agent's passes on a made-up USB with events: what opens, what shuts, what vanishes, and a flood meanwhile."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from agent.usb.enforce import Enforcer
from agent.usb.events import Moment
from agent.usb.gate import decide
from agent.usb.monitor import Monitor
from agent.usb.sysfs import Usb
from policies.usb import Lease, Scope
from tests.replay.umockdev_bed import ROOT, Bed, in_bed
from tests.unit.usb_tree import Tree, descriptors

STICK = descriptors("0781", "5567", [(0, "08", "06", "50")])
BAD_STICK = descriptors("0781", "5567", [(0, "08", "06", "50"), (1, "03", "01", "01")])


def lease(*classes: str, ends: float = 60.0) -> Lease:
    return Lease("jti-1", "card", Scope(("*",), classes, 2, "case"), "boot", 0.0, ends)


def opening(bed: Bed) -> Any:
    hub = bed.bus(default="1")
    stick = bed.plug(hub, "1-1", "0781", "5567", BAD_STICK)
    enforcer = Enforcer(Usb(), decide)
    told = []
    first = enforcer.run_pass((), (), Moment(1.0, "boot"))
    told.append([[each.kind for each in first.events], bed.read(stick, "authorized"), first.scan.devices[0].port])
    storage, keyboard = bed.interface(stick, 0, "08"), bed.interface(stick, 1, "03")
    # No kernel is there to give it one, and without a driver of its class it is shut again.
    (bed.root / storage.removeprefix("/") / "driver").symlink_to("/sys/bus/usb/drivers/usb-storage")
    opened = enforcer.run_pass((), (lease("08"),), Moment(2.0, "boot"))
    told.append([[each.kind for each in opened.events], bed.read(stick, "authorized")])
    told.append(
        [bed.read(storage, "authorized"), bed.read(keyboard, "authorized"), bed.read(hub, "authorized_default")]
    )
    ended = enforcer.run_pass((), (lease("08"),), Moment(70.0, "boot"))
    told.append([[each.kind for each in ended.events], bed.read(stick, "authorized")])
    return told


def test_a_stick_that_is_a_keyboard_too_opens_in_part_and_shuts() -> None:
    assert in_bed(opening) == [
        [["gate.default_changed", "usb.blocked"], "0", "pci-0000:00:14.0-usbv2-0:1"],
        [["usb.opened", "usb.withheld"], "1"],
        ["1", "0", "0"],
        [["usb.relocked"], "0"],
    ]


def vanishing(bed: Bed) -> Any:
    """The device leaves and another comes to its place, with the same number, between two passes."""
    hub = bed.bus()
    stick = bed.plug(hub, "1-1", "0781", "5567", STICK)
    bed.interface(stick, 0, "08")
    usb = Usb()
    enforcer = Enforcer(usb, decide)
    given = (lease("08"),)
    before = enforcer.run_pass((), given, Moment(1.0, "boot"))
    old = before.scan.devices[0]
    bed.unplug(f"{stick}/1-1:1.0")
    bed.unplug(stick)
    gone = [usb.admit(old, frozenset({0})).outcome, usb.refuse(old).outcome]
    empty = enforcer.run_pass((), given, Moment(2.0, "boot"))
    stick = bed.plug(hub, "1-1", "0781", "5567", BAD_STICK)
    late = usb.admit(old, frozenset({0})).outcome
    shut = bed.read(stick, "authorized")
    after = enforcer.run_pass((), (), Moment(3.0, "boot"))
    return [
        [each.kind for each in before.events], gone, [len(empty.scan.devices), len(empty.problems)],
        late, shut, [each.kind for each in after.events],
    ]  # fmt: skip


def test_a_device_that_vanishes_is_gone_and_its_successor_is_not_taken_for_it() -> None:
    assert in_bed(vanishing) == [["usb.opened"], ["gone", "gone"], [0, 0], "gone", "0", ["usb.blocked"]]


def flooded(bed: Bed) -> Any:
    """2000 events while a lease ends: the pass that shuts needs none of them and is stopped by none."""
    hub = bed.bus()
    stick = bed.plug(hub, "1-1", "0781", "5567", STICK)
    bed.interface(stick, 0, "08")
    enforcer, monitor = Enforcer(Usb(), decide), Monitor(lambda token: True)
    given = (lease("08", ends=30.0),)
    states, passes = [], 0
    for number in range(500):
        for _ in range(4):
            bed.uevent(hub, "change")
        if monitor.drain() and number % 10 == 0:
            enforcer.run_pass((), given, Moment(number / 10, "boot"))
            passes += 1
        states.append(bed.read(stick, "authorized"))
    return [passes, states[0], states[290], states[300], states[-1], [each.kind for each in monitor.events()]]


def test_a_flood_does_not_keep_a_port_open() -> None:
    assert in_bed(flooded) == [50, "1", "1", "0", "0", []]


#: A terminal's idle life in a process of its own: what it costs in memory and time.
IDLE = """
import json, os, resource, sys, time
from pathlib import Path
from agent.usb.enforce import Enforcer, Moment
from agent.usb.gate import decide
from agent.usb.sysfs import Usb
if sys.argv[2] == "monitor":
    from agent.usb.monitor import Monitor
    monitor = Monitor(lambda token: True)
enforcer = Enforcer(Usb(Path(sys.argv[1])), decide)
for number in range(5):
    enforcer.run_pass((), (), Moment(float(number), "boot"))
start = time.process_time()
for number in range(200):
    enforcer.run_pass((), (), Moment(10.0 + number, "boot"))
cost = (time.process_time() - start) / 200
rss = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmRSS"))
print(json.dumps({"milliseconds": cost * 1000, "kilobytes": rss}))
"""


def test_idle_costs_little(tmp_path: Path) -> None:
    """Memory is bounded here; time, which depends on the machine, is for the benchmark, and only told."""
    tree = Tree(tmp_path, parameter="0")
    for bus, place in (("usb1", "0000:00:14.0"), ("usb2", "0000:00:15.0")):
        tree.bus(bus, f"pci0000:00/{place}", "2.00")
        for number in range(1, 11):
            tree.plug(f"{bus[3:]}-{number}", "0781", "5567", [(0, "08", "06", "50")], devnum=number + 1)
            tree.admit(f"{bus[3:]}-{number}", {})
    command = [sys.executable, "-c", IDLE, str(tmp_path), "monitor"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, env={**os.environ})
    told = json.loads(done.stdout)
    sys.stderr.write(f"idle pass over 20 devices: {told['milliseconds']:.2f} ms, {told['kilobytes']} KiB\n")
    assert told["kilobytes"] < 40 * 1024
