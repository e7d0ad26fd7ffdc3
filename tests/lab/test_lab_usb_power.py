"""Power loss with fifty thousand events that no controller has confirmed: none is lost, none is there twice.

Most of them are written on this machine, by the agent's own spool and in commits of 300, because an emulated processor
takes minutes for as many signatures. Then the disk goes into a guest, whose power is cut twice: while a program writes
events as fast as it can, and, after a start from cold, while the agent itself does. The disk has a cache that a power
cut empties: what was not flushed is lost by halves.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from agent.link.identity import agent_key
from agent.link.spool import Spool, SpoolPlace, open_spool
from lab.terminal.fleet import golden
from lab.terminal.guest import Image
from lab.terminal.machine import Machine
from lab.terminal.sealed import NAME, Sealed
from lab.terminal.vm import Terminal
from policies.grants import Moment
from policies.messages import event as events
from policies.messages.event import Data, Head
from tests.lab.terminal_usb import appears

pytest_plugins = ["tests.lab.terminal_vm"]
pytestmark = [pytest.mark.lab, pytest.mark.usb]

BEFORE, MOST = 49_800, 50_000
_COMMIT = 300
STATE = "/var/lib/portseal-agent"
BOOT = "8d3f3c1e-0000-4000-8000-000000000000"

#: Writes commits of 20 events for ever, and says after each how far it is: only what was said counts as confirmed.
WRITER = f"""
import time
from pathlib import Path
from agent.link.identity import agent_key
from agent.link.spool import SpoolPlace, open_spool
from policies.grants import Moment

def now():
    return Moment(time.time(), time.clock_gettime(time.CLOCK_BOOTTIME))

folder, boot = Path("{STATE}"), Path("/proc/sys/kernel/random/boot_id").read_text().strip()
spool = open_spool(SpoolPlace(folder, Path("/run/portseal-agent"), "{NAME}", boot), agent_key(folder), now())
assert spool.trouble is None
with open("/run/said", "w") as said:
    while True:
        made = spool.append_all([("usb.blocked", {{"name": "1-1", "number": number}}) for number in range(20)], now())
        for each in made:
            said.write(f"{{each.head.seq}} {{each.head.digest}}\\n")
        said.flush()
"""


def moment() -> Moment:
    return Moment(time.time(), time.clock_gettime(time.CLOCK_BOOTTIME))


def opened(folder: Path, run: Path) -> Spool:
    """Open the memory on this machine, as if it were another boot of the terminal."""
    return open_spool(SpoolPlace(folder, run, NAME, BOOT), agent_key(folder), moment())


class Reader:
    """The controller's end: what was confirmed to it, by number; nothing may come twice or change."""

    def __init__(self) -> None:
        self.confirmed: dict[int, str] = {}

    @property
    def last(self) -> int:
        return max(self.confirmed, default=0)

    def after(self, seq: int) -> dict[int, str]:
        """Give what was confirmed after this number."""
        return {each: digest for each, digest in self.confirmed.items() if each > seq}

    def take(self, heads: list[Head]) -> None:
        """Confirm these."""
        for each in heads:
            assert each.seq == self.last + 1, "out of order, missing or doubled"
            self.confirmed[each.seq] = each.digest

    def take_said(self, said: bytes) -> None:
        """Confirm whole lines of what the writer said that are new."""
        lines = said.decode("ascii").split("\n")[:-1]
        found = [Head(int(seq), digest) for seq, _, digest in (line.partition(" ") for line in lines)]
        self.take([each for each in found if each.seq > self.last])


def full_disk_image(reader: Reader, folder: Path) -> Path:
    """Make a state disk on which BEFORE events wait."""
    memory = folder / "memory"
    memory.mkdir(0o700)
    with opened(memory, folder / "run") as spool:
        for start in range(0, BEFORE, _COMMIT):
            told: list[tuple[str, Data]] = [
                ("usb.blocked", {"name": "1-1", "number": start + number}) for number in range(_COMMIT)
            ]
            reader.take([each.head for each in spool.append_all(told, moment()) if each is not None])
    image = folder / "state.img"
    with image.open("wb") as file:
        file.truncate(192 << 20)
    subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", "-d", str(memory), str(image)], check=True)
    return image


def on_the_disk(image: Path, folder: Path) -> Path:
    """Give the state folder as the next mount would find it: the file system's own journal is played first."""
    done = subprocess.run(["e2fsck", "-p", str(image)], check=False, capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stdout
    found = folder / "found"
    found.mkdir()
    subprocess.run(["debugfs", "-R", f"rdump / {found}", str(image)], check=True, capture_output=True)
    return found


#: Hands a grant over, again and again, until the power goes.
ASKER = """
import socket, sys
line = sys.stdin.buffer.read()
open("/run/asked", "w").close()
while True:
    with socket.socket(socket.AF_UNIX) as link:
        link.connect("/run/portseal-agent/control.sock")
        link.sendall(line)
        link.recv(65536)
"""


def cut_while_a_program_writes(reader: Reader, guest: Terminal, image: Path) -> None:
    with guest:
        guest.attach_state(image)
        guest.mount_state(STATE)
        sealed = Sealed(guest)
        sealed.set_up()
        sealed.begin("writer", WRITER)
        deadline = time.monotonic() + 180
        while reader.last < MOST:
            assert time.monotonic() < deadline, guest.ok("cat /run/writer.log")
            # Asked without a pause, it would be the asking that the emulated processor is busy with.
            time.sleep(0.3)
            if guest.there("/run/said"):
                reader.take_said(guest.get("/run/said"))
        assert guest.state is not None
        assert guest.state.flushes > 0
        guest.kill()


def cut_while_the_agent_works(reader: Reader, guest: Terminal) -> None:
    """The disk is mounted already: this guest has started from cold with it, and nothing of the last run is in it."""
    with guest:
        sealed = Sealed(guest)
        guest.mount_state(STATE)
        sealed.set_up()
        sealed.start_agent(wait=240)
        status = sealed.status()
        assert status["boot"] == 3
        assert status["unacked"] >= reader.last
        assert status["fault"] == ""
        # What the agent gives is what was confirmed before the cut, event by event; after it, what nobody had seen.
        given = sealed.events(BEFORE)
        assert [each.seq for each in given] == list(range(BEFORE + 1, BEFORE + 1 + len(given)))
        known = [each for each in given if each.seq <= reader.last]
        assert {each.seq: events.digest(each.raw) for each in known} == reader.after(BEFORE)
        reader.take([each.head for each in given[len(known) :]])
        guest.plug("usb-kbd", "keyboard", "2", serial="K-1")
        guest.until(lambda: "usb.blocked" in sealed.kinds(reader.last))
        foreign = {"do": "grant", "token": sealed.token(aud="terminal-2")}
        for _ in range(3):
            sealed.talk(*[foreign] * 10)
            reader.take([each.head for each in sealed.events(reader.last)])
        # More of them are on their way when the power goes.
        guest.put(ASKER.encode(), "/run/asker.py")
        guest.put(json.dumps(foreign).encode() + b"\n", "/run/question")
        guest.ok("setsid python3 -I -S /run/asker.py < /run/question > /run/asker.log 2>&1 &")
        appears(guest, "/run/asked")
        time.sleep(0.5)
        guest.kill()


@pytest.mark.clause("7.2c")
def test_power_cuts_with_fifty_thousand_waiting_events_lose_and_double_none(
    terminal_image: Image, tmp_path: Path
) -> None:
    if missing := [each for each in ("mke2fs", "e2fsck", "debugfs") if shutil.which(each) is None]:
        pytest.skip(f"{', '.join(missing)} not found: apt-get install e2fsprogs")
    snapshot, reader = golden(Machine(terminal_image)), Reader()
    image = full_disk_image(reader, tmp_path)
    cut_while_a_program_writes(reader, Terminal.restore(snapshot), image)
    cut_while_the_agent_works(reader, Terminal.boot(Machine(terminal_image), image))
    assert reader.last >= MOST
    folder = on_the_disk(image, tmp_path)
    with opened(folder, tmp_path / "another run") as spool:
        assert spool.trouble is None
        raw = [each for _, each in spool.unacked(0, 1_000_000)]
        # Each confirmed one once, in order; after them only what was written but never confirmed.
        assert [events.digest(each) for each in raw[: reader.last]] == list(reader.confirmed.values())
        head = events.verify_chain(raw, None)
        assert head == spool.state.head
        assert head.seq == len(raw) == spool.state.held
        events.read_event(raw[-1], agent_key(folder).public)
        # The ledger has them: they go, and the rest stays.
        assert spool.ack(reader.last, reader.confirmed[reader.last], moment()) == reader.last
        assert spool.state.held == len(raw) - reader.last


def test_an_event_that_is_taken_off_the_disk_would_be_noticed(tmp_path: Path) -> None:
    """The same checks on a memory in which one event is missing, and on a reader that is told one twice."""
    reader = Reader()
    (tmp_path / "memory").mkdir(0o700)
    with opened(tmp_path / "memory", tmp_path / "run") as spool:
        made = spool.append_all([("usb.blocked", {"number": number}) for number in range(5)], moment())
        reader.take([each.head for each in made if each is not None])
        raw = [each for _, each in spool.unacked()]
    with pytest.raises(events.BrokenChain, match="gap"):
        events.verify_chain([*raw[:2], *raw[3:]], None)
    with pytest.raises(AssertionError, match="doubled"):
        reader.take([events.read_event(raw[-1], None).head])
