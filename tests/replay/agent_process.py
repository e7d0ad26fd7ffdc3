"""The agent as a process of its own, on a tree of plain files in place of the kernel's."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.control import OPERATORS_SOCKET, SOCKET, ask
from policies.errors import EquipmentError
from policies.keys import SigningKey
from tests.unit.usb_tree import Tree

KEY = SigningKey(bytes(range(32)))
STICK, BOARD = [(0, "08", "06", "50")], [(0, "03", "01", "01")]
_SERVE = """
import os, sys, time
from pathlib import Path
# The wall clock of this terminal, which may be wrong; the clocks since boot are the kernel's.
wrong, right = float(os.environ.get("CLOCK_AHEAD", "0")), time.time
time.time = lambda: right() + wrong
from agent.cli.main import run
sys.exit(run(["--lang", "en", "run"], {}, Path(sys.argv[2]), Path(sys.argv[1])))
"""


class Place:
    """The folders of one terminal below `root`, with a stick (1-1) and a keyboard (1-2), both refused."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(exist_ok=True)
        self.tree = Tree(root / "sys", parameter="1")
        self.tree.bus("usb1", "pci0000:00/0000:00:14.0", "2.00", authorized_default="1")
        self.tree.plug("1-1", "0781", "5567", STICK, serial="4C53")
        self.tree.plug("1-2", "046d", "c31c", BOARD, devnum=3)
        for name in ("1-1", "1-2"):
            self.tree.interfaces(name)  # the kernel would make them at once; plain files do not
        self.operators = root / "operators"
        self.operators.mkdir()
        self.etc = root / "etc"
        self.etc.mkdir()
        (self.etc / "grant.pub").write_bytes(KEY.public.to_pem())
        self.declare()

    @property
    def socket(self) -> Path:
        return self.root / "run" / SOCKET

    @property
    def seat(self) -> Path:
        """The operators' socket."""
        return self.operators / OPERATORS_SOCKET

    def declare(self, state: str = "") -> None:
        """Write agent.toml."""
        where = state or f"{self.root}/state"
        text = f'site = "hq"\nterminal = "T1"\nstate = "{where}"\nrun = "{self.root}/run"\n'
        text += f'operators = "{self.operators}"\n'
        (self.etc / "agent.toml").write_text(text, "utf-8")

    def command(self, python: Path | str = sys.executable) -> list[str]:
        """Give the command that runs the agent here."""
        return [str(python), "-c", _SERVE, str(self.etc), str(self.root / "sys")]

    def default(self) -> str:
        """Give what the bus does with a new device now."""
        return self.tree.written("usb1/authorized_default")


@contextmanager
def running(
    place: Place, python: Path | str = sys.executable, *, ahead: float = 0.0
) -> Iterator[subprocess.Popen[str]]:
    """Run the agent until it answers, and end it; its wall clock is so many seconds `ahead`."""
    environment = {**os.environ, "CLOCK_AHEAD": str(ahead)}
    with subprocess.Popen(
        place.command(python), stderr=subprocess.PIPE, text=True, cwd="/", env=environment
    ) as process:
        try:
            until_answers(place, process)
            yield process
        finally:
            process.kill()


def until_answers(place: Place, process: subprocess.Popen[str], seconds: float = 30.0) -> None:
    """Wait until the agent answers."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends and process.poll() is None:
        try:
            if ask(place.socket, {"do": "status"})["ok"]:
                return
        except EquipmentError:
            time.sleep(0.05)
    raise AssertionError(f"the agent does not answer: {process.poll()}")
