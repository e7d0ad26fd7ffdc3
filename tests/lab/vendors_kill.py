"""kill -9 of an apply on each vendor's switch, in the lab: `python -m tests.lab.vendors_kill FOLDER`.

A process of its own, since which site the lab is is chosen when it is imported. What it proves is on stdout as JSON.
"""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import sys
import time
from contextlib import redirect_stdout
from pathlib import Path

os.environ["PORTSEAL_LAB_SITE"] = "vendors"

from controller.context import open_context
from controller.store.jobs import unfinished
from drivers.flow import Step
from lab.api import Lab
from lab.folder import inventory_csv, write_site
from lab.site import SITE
from policies.plan import snapshot_digest
from tests.kill_walk import Walk, apply, judge, moments, read, wait_for_watchdogs, walk_through, watchdogs
from tests.lab.vendors_walk import PLACES, arrives, portseal

#: The least that a trial may last on VRP 8 (command reference, commit trial), and what the lab's clock adds.
TRIAL_S, LATER_S = 60, 20
DEVICE = "sw5"
#: When the watchdog has been sent home: the next start ends the job then.
UNARMED = "before it saves"
proved: dict[str, bool] = {}


def site_of(lab: Lab, folder: Path, name: str) -> Path:
    """Write a site that has one switch and its own lines of the inventory."""
    folder.mkdir(parents=True)
    rows = list(csv.reader(io.StringIO(inventory_csv().decode("gbk"))))
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows([rows[0], *(row for row in rows[1:] if row[5] == name)])
    (folder / "inventory.csv").write_bytes(text.getvalue().encode("gbk"))
    write_site(folder, [lab.switch(name)], lab.client_key)
    if name == DEVICE:
        with (folder / "site.toml").open("a", encoding="utf-8") as file:
            file.write(f'\n[switches.{name}.settings]\ntrial_s = "{TRIAL_S}"\n')
    assert portseal(folder, "inventory", "import", str(folder / "inventory.csv"), "--yes") == 0
    assert portseal(folder, "plan") == 0
    return folder


def moments_of(walk: Walk) -> list[tuple[str, int]]:
    """Choose where to kill: once all that was asked for is there, whoever takes the job up finishes it."""
    applying = moments(walk, Step.APPLY)
    return [
        ("in the middle of its lines", applying[len(applying) // 2]),
        ("after its last line", applying[-1]),
        (UNARMED, moments(walk, Step.SAVE)[0]),
    ]


def killed(lab: Lab, folder: Path, name: str, walk: Walk, when: tuple[str, int]) -> None:
    """Kill an apply; the watchdog or the next start ends the job, and frames go as the switch then says."""
    what = f"{name}, killed {when[0]}"
    assert portseal(folder, "plan") == 0
    done = apply(folder, when[1])
    assert done.returncode == -signal.SIGKILL, (what, done.stderr)
    wait_for_watchdogs(folder)
    with open_context(folder) as context:
        ended = unfinished(context.store) == ()
        proved[f"{what}: whether the watchdog ended the job"] = ended is (when[0] != UNARMED)
    judge(folder, walk)
    state = snapshot_digest(read(folder))
    proved[f"{what}: old or new, saved, and known"] = state in (walk.old, walk.new)
    proved[f"{what}: half-way goes back"] = state == walk.old or "middle" not in what
    frames(lab, name, what, sealed=state == walk.new)
    if state == walk.new:
        lab.switch(name).start_afresh()


def frames(lab: Lab, name: str, what: str, *, sealed: bool) -> None:
    """See that the camera talks, and that a laptop in its place is stopped only by a sealed port."""
    camera, _ = PLACES[name]
    lab.unplug(camera.name)
    lab.unplug("rogue")
    lab.replug("rogue", name, str(camera.port))
    proved[f"{what}: a laptop at the camera's port"] = arrives(lab, "rogue") is not sealed
    lab.unplug("rogue")
    lab.replug(camera.name, name, str(camera.port))
    proved[f"{what}: the camera"] = any(arrives(lab, camera.name) for _ in range(10))


def alone(lab: Lab, folder: Path, walk: Walk) -> None:
    """Kill the watchdog, too: the switch takes back by itself what nobody confirms, and the next start knows it."""
    what = f"{DEVICE}, killed with its watchdog"
    assert apply(folder, moments(walk, Step.READ_BACK)[0]).returncode == -signal.SIGKILL
    for pid in watchdogs(folder):
        os.kill(pid, signal.SIGKILL)
    proved[f"{what}: the trial is in force"] = snapshot_digest(read(folder)) == walk.new
    ends = time.monotonic() + TRIAL_S + LATER_S
    while snapshot_digest(read(folder)) != walk.old and time.monotonic() < ends:
        time.sleep(2)
    proved[f"{what}: the switch went back by itself"] = snapshot_digest(read(folder)) == walk.old
    judge(folder, walk)
    frames(lab, DEVICE, what, sealed=False)


def walk_all(lab: Lab, folder: Path) -> None:
    """Apply once undisturbed on every vendor's switch, start afresh, then kill."""
    sites = {name: site_of(lab, folder / name, name) for name in PLACES}
    walks = {name: walk_through(site) for name, site in sites.items()}
    lab.reset()
    for name, site in sites.items():
        portseal(site, "plan")
        if name == DEVICE:
            alone(lab, site, walks[name])
        for when in moments_of(walks[name]):
            killed(lab, site, name, walks[name], when)


def main(folder: Path) -> None:
    """Walk on a lab of its own."""
    assert set(PLACES) == set(SITE.switch) - {"sw1"}
    lab = Lab()
    lab.up(owner=os.getpid())
    try:
        with redirect_stdout(sys.stderr):
            walk_all(lab, folder)
    finally:
        lab.down()
    print(json.dumps(proved, indent=1))  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]))
