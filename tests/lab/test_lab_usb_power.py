"""Power loss with fifty thousand events that no controller has confirmed: none is lost, none is there twice.

Most of them are written on this machine, by the agent's own spool and in commits of 500, because an emulated processor
takes minutes for as many signatures. Then the disk goes into a guest, whose power is cut twice: while a program writes
events as fast as it can, and while the agent itself does.
"""

from __future__ import annotations

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
from lab.terminal.sealed import NAME, PYTHON, Sealed
from lab.terminal.vm import Terminal
from policies.grants import Moment
from policies.messages import event as events
from policies.messages.event import Data, Head

pytest_plugins = ["tests.lab.terminal_vm"]
pytestmark = [pytest.mark.lab, pytest.mark.usb]

BEFORE, MOST = 49_500, 50_000
STATE = "/var/lib/portseal-agent"
BOOT = "8d3f3c1e-0000-4000-8000-000000000000"

#: Writes commits of 50 events for ever, and says after each how far it is: only what was said counts as confirmed.
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
        made = spool.append_all([("usb.blocked", {{"name": "1-1", "number": number}}) for number in range(50)], now())
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
        for start in range(0, BEFORE, 500):
            told: list[tuple[str, Data]] = [
                ("usb.blocked", {"name": "1-1", "number": start + number}) for number in range(500)
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


def start_again(guest: Terminal, image: Path) -> Sealed:
    guest.attach_state(image)
    guest.mount_state(STATE)
    sealed = Sealed(guest)
    sealed.set_up()
    return sealed


def cut_while_a_program_writes(reader: Reader, guest: Terminal, image: Path) -> None:
    with guest:
        start_again(guest, image)
        guest.put(WRITER.encode(), "/run/writer.py")
        guest.ok(f"setsid env {PYTHON} /run/writer.py > /run/writer.log 2>&1 < /dev/null &")
        deadline = time.monotonic() + 180
        while reader.last < MOST:
            assert time.monotonic() < deadline, guest.ok("cat /run/writer.log")
            # Asked without a pause, it would be the asking that the emulated processor is busy with.
            if guest.sh("sleep 0.3; test -s /run/said").code == 0:
                reader.take_said(guest.get("/run/said"))
        guest.kill()


def cut_while_the_agent_works(reader: Reader, guest: Terminal, image: Path) -> None:
    with guest:
        sealed = start_again(guest, image)
        sealed.start_agent(wait=0)
        guest.until(lambda: guest.sh("sleep 1").code == 0 and sealed.answers(), 240)
        status = sealed.status()
        assert status["boot"] == 3
        assert status["unacked"] >= reader.last
        assert status["fault"] == ""
        reader.take([each.head for each in sealed.events(reader.last)])
        guest.plug("usb-kbd", "keyboard", "2", serial="K-1")
        guest.until(lambda: "usb.blocked" in sealed.kinds(reader.last))
        foreign = sealed.token(aud="terminal-2")
        for _ in range(3):
            sealed.talk(*[{"do": "grant", "token": foreign}] * 10)
            reader.take([each.head for each in sealed.events(reader.last)])
        # More of them are on their way when the power goes.
        asked = b'{"do": "grant", "token": "%s"}\n' % foreign.encode() * 200
        guest.put(asked, "/run/asked")
        guest.ok("setsid sh -c 'cat /run/asked > /run/talk.in; cat /run/talk.out' > /dev/null 2>&1 < /dev/null &")
        guest.ok("sleep 0.5")
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
    cut_while_the_agent_works(reader, Terminal.restore(snapshot), image)
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
