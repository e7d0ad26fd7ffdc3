"""One switch of each vendor on real frames, from the list to the revert: `python -m tests.lab.vendors_walk FOLDER`.

A process of its own, since which site the lab is is chosen when it is imported. What it proves is on stdout as JSON: a
sentence and whether it held.
"""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ["PORTSEAL_LAB_SITE"] = "vendors"

from controller.cli.base import run
from controller.cli.main import cli
from controller.context import Context, open_context
from controller.network.apply import apply_changes
from controller.network.reading import read_switches
from controller.store.plans import latest_plan
from drivers.flow import State
from lab.api import Lab
from lab.folder import write_site
from lab.site import SITE
from policies.model import ObservedSwitch
from policies.names import canonical
from policies.plan import restore, snapshot_digest

WAIT = 15.0
#: Each emulated switch with its first bound camera, that camera's port, and a free port.
PLACES = {
    name: (
        next(host for host in SITE.hosts if host.switch == name and host.role == "camera"),
        next(port for port, own in SITE.switch[name].ports.items() if own == "p4"),
    )
    for name in SITE.switch
    if name != "sw1"
}
#: What `check` says of a sealed switch; 7.1a wants a person to look at routers.
CLAUSES = {"7.1a": "manual", "7.1b": "pass", "7.1c": "pass"}
#: Switches whose dialect does not read which VLANs an uplink carries: then 7.1a has no evidence, and says so.
UNSEEN = frozenset({"sw7"})
proved: dict[str, bool] = {}


def portseal(site: Path, *arguments: str) -> int:
    """Run a verb; what it says goes to stderr."""
    out, sys.stdout = sys.stdout, sys.stderr
    try:
        return run(cli, ["--site", str(site), "--lang", "en", *arguments])
    finally:
        sys.stdout = out


def answer(site: Path, *arguments: str) -> dict[str, Any]:
    """Run a verb that reads and give what it says as JSON."""
    out, sys.stdout = sys.stdout, io.StringIO()
    try:
        run(cli, ["--site", str(site), "--json", *arguments])
        told: dict[str, Any] = json.loads(sys.stdout.getvalue())
    finally:
        sys.stdout = out
    return told


def arrives(lab: Lab, host: str, **frame: str) -> bool:
    """Tell whether a frame gets to the recorder; one that does not is asked for after one that must, sent later."""
    marker = lab.host(host).send_frame(**frame)  # type: ignore[arg-type]
    if lab.recorder().seen(marker, 1.0):
        return True
    if not lab.recorder().seen(lab.host("srv1").send_frame(), WAIT):
        raise SystemExit("the lab itself is silent")
    return lab.recorder().seen(marker)


def strangers(lab: Lab, expected: bool, when: str) -> None:
    """Plug the laptop in at every vendor's switch: at a camera's port, and with the camera's MAC at a free one."""
    for name, (camera, free) in PLACES.items():
        lab.unplug(camera.name)
        lab.unplug("rogue")
        lab.replug("rogue", name, str(camera.port))
        proved[f"{when}, {name}: a laptop at a camera's port"] = arrives(lab, "rogue") is expected
        lab.unplug("rogue")
        lab.replug("rogue", name, free)
        lab.spoof("rogue", camera.mac)
        proved[f"{when}, {name}: a laptop with the camera's MAC at a free port"] = arrives(lab, "rogue") is expected
        lab.spoof("rogue", None)
        lab.unplug("rogue")
        lab.replug(camera.name, name, free)
        proved[f"{when}, {name}: the camera at another port"] = arrives(lab, camera.name) is expected
        lab.unplug(camera.name)
        lab.replug(camera.name, name, str(camera.port))
        proved[f"{when}, {name}: the camera at its own port"] = any(arrives(lab, camera.name) for _ in range(10))


def readings(context: Context) -> dict[str, ObservedSwitch]:
    """Read all switches anew."""
    answers = read_switches(context, context.site.switches)
    if answers.errors:
        raise SystemExit("; ".join(str(error) for error in answers.errors.values()))
    return dict(answers.results)


def discovered(folder: Path) -> None:
    """Compare what `discover` reads with what the inventory binds."""
    told = {each["switch"]: each for each in answer(folder, "discover")["switches"]}
    for name, spec in SITE.switch.items():
        read = told.get(name)
        proved[f"discovered: {name}"] = read is not None and read["platform"] == spec.platform and not read["oddities"]
    for host in SITE.hosts:
        if host.role == "camera" and host.switch in told:
            ports = {port["name"]: port["secure_macs"] for port in told[host.switch]["ports"]}
            bound = [entry["mac"] for entry in ports[canonical(host.port)] or ()]
            proved[f"discovered: {host.name} is bound at {host.switch}"] = bound == [host.mac]


def checked(folder: Path) -> None:
    """Ask whether the site complies, in all and switch by switch."""
    for name in SITE.switch:
        own = answer(folder, "check", name)["clauses"]
        proved[f"checked: {name}"] = own == CLAUSES | ({"7.1a": "unverified"} if name in UNSEEN else {})
    proved["checked: the site"] = answer(folder, "check")["clauses"] == CLAUSES | {"7.1a": "unverified"}


def walk(lab: Lab, folder: Path) -> None:
    """Go from the contractor's list to the seal, and back again."""
    write_site(folder, [lab.switch(name) for name in SITE.switch], lab.client_key)
    strangers(lab, expected=True, when="before")
    lab.reset()
    proved["found in breach before"] = answer(folder, "check")["clauses"]["7.1c"] == "fail"
    listed = str(folder / "inventory.csv")
    proved["the list is imported"] = portseal(folder, "inventory", "import", listed, "--yes") == 0
    with open_context(folder) as context:
        before = readings(context)
    proved["planned and applied on all"] = [portseal(folder, "plan"), portseal(folder, "apply", "--yes")] == [0, 0]
    with open_context(folder) as context:
        applied = latest_plan(context.store)
    portseal(folder, "plan")
    with open_context(folder) as context:
        again = latest_plan(context.store)
    assert applied is not None
    proved["nothing is left to change"] = again is not None and again.id == applied.id
    strangers(lab, expected=False, when="sealed")
    assert lab.forgotten("rogue")
    discovered(folder)
    checked(folder)
    for name in SITE.switch:
        lab.reboot(name)
    strangers(lab, expected=False, when="sealed and restarted")
    proved["nothing is left to change after a restart"] = answer(folder, "plan")["changes"] == 0
    with open_context(folder) as context:
        now = readings(context)
        for changes in applied.changes.switches:
            name = changes.switch
            switch = context.site.switch(name)
            assert switch is not None
            back = restore(before[name], now[name], changes)
            outcome = apply_changes(context, switch, back, "revert", lambda _: None)
            proved[f"reverted: {name}"] = outcome.state is State.DONE
        after = readings(context)
    for name, old in before.items():
        proved[f"as it was before: {name}"] = snapshot_digest(after[name]) == snapshot_digest(old)


def main(folder: Path) -> None:
    """Walk on a lab of its own."""
    lab = Lab()
    lab.up(owner=os.getpid())
    try:
        walk(lab, folder)
    finally:
        lab.down()
    sys.stdout.write(json.dumps(proved, indent=1))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
