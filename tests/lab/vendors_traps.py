"""A violation on each vendor's switch, from the frame to the ledger: `python -m tests.lab.vendors_traps FOLDER`.

A process of its own, since which site the lab is is chosen when it is imported. What it proves is on stdout as JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

os.environ["PORTSEAL_LAB_SITE"] = "vendors"

from controller.control import ask
from controller.ledger.entry import Entry
from controller.ledger.query import entries
from controller.store.open import open_store
from lab.api import Lab
from lab.folder import write_site
from lab.site import SITE
from policies.errors import PortsealError
from policies.names import canonical
from tests.lab.vendors_walk import PLACES, portseal
from tests.replay.broker_bench import free_port

WAIT = 90.0
ROGUE, SECOND = SITE.host["rogue"].mac, "02:ba:d0:00:00:67"
#: What a reading shows of a violation: these dialects read counters or names, the others' commands tell neither.
SHOWN = frozenset({"cisco_ios", "huawei_vrpv8", "h3c_comware"})
proved: dict[str, bool] = {}


def holds(true: Callable[[], bool], seconds: float = WAIT) -> bool:
    """Wait until something holds; False when it never did."""
    ends = time.monotonic() + seconds
    while not true():
        if time.monotonic() > ends:
            return False
        time.sleep(0.1)
    return True


@contextmanager
def serving(folder: Path) -> Iterator[None]:
    """Run the controller."""
    command = [sys.executable, "-m", "tests.replay.serve_process", str(folder)]
    with (folder / "serve.log").open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        if not holds(lambda: bool(status(folder))):
            raise SystemExit((folder / "serve.log").read_text("utf-8", "replace")[-2000:])
        yield
    finally:
        process.terminate()
        process.wait(30)


def status(folder: Path) -> dict[str, Any]:
    """Ask the controller about notifications; nothing while it does not answer."""
    try:
        return dict(ask(folder, {"do": "traps"}))
    except PortsealError:  # not there yet, or not all of it
        return {}


def told(folder: Path, kind: str, subject: str) -> list[Entry]:
    """Give the entries of a kind about a port, or its whole switch."""
    with open_store(folder, read_only=True) as store:
        about = (subject, subject.partition("/")[0])
        return [each for each in entries(store) if each.kind == kind and each.subject in about]


def violate(lab: Lab, folder: Path, name: str) -> None:
    """Plug the laptop in where the camera was, and look at what becomes of its frame."""
    camera = PLACES[name][0]
    subject = f"{name}/{canonical(camera.port)}"
    lab.unplug(camera.name)
    lab.unplug("rogue")
    lab.replug("rogue", name, str(camera.port))
    # Beside a static secure MAC, a Huawei port learns the first stranger; the next one is a violation.
    for mac in (ROGUE, SECOND):
        lab.host("rogue").send_frame(src_mac=mac)
    proved[f"{name}: its notification is in the ledger"] = holds(lambda: bool(told(folder, "trap.violation", subject)))
    claims = told(folder, "trap.violation", subject)
    proved[f"{name}: authenticated and encrypted"] = bool(claims) and claims[0].data["proof"] == "authPriv"
    judged = ("violation.confirmed", "violation.unconfirmed", "violation.unread")
    outcome = [""]

    def known() -> bool:
        found = [each for kind in judged for each in told(folder, kind, subject)]
        outcome[0] = found[0].kind if found else ""
        return bool(found)

    proved[f"{name}: read over SSH and judged"] = holds(known)
    shown = SITE.switch[name].platform in SHOWN
    proved[f"{name}: as the reading shows"] = outcome[0] == f"violation.{'' if shown else 'un'}confirmed"
    lab.unplug("rogue")
    lab.replug(camera.name, name, str(camera.port))


def walk(lab: Lab, folder: Path) -> None:
    """Seal the site, then violate every vendor's port."""
    write_site(folder, [lab.switch(name) for name in SITE.switch], lab.client_key)
    with (folder / "site.toml").open("a", encoding="utf-8") as file:
        file.write(f'\n[broker]\nhost = "127.0.0.1"\nlisten = "127.0.0.1"\nport = {free_port()}\n')
        file.write(f'\n[web]\nlisten = "127.0.0.1"\nport = {free_port()}\n')
    listed = str(folder / "inventory.csv")
    assert portseal(folder, "inventory", "import", listed, "--yes") == 0
    assert [portseal(folder, "plan"), portseal(folder, "apply", "--yes")] == [0, 0]
    with serving(folder):
        proved["the address is there while the lab is up"] = status(folder)["present"] is True
        for name in PLACES:
            violate(lab, folder, name)
        proved["nothing was refused"] = status(folder)["refused"] == 0
    lab.down()
    with serving(folder):
        proved["the controller starts without the lab, and says so"] = status(folder)["present"] is False


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
