"""The spool under kill -9 and on real full disks: what was told to be durable is there once, in one sound chain."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.link.spool import SpoolPlace, open_spool
from policies.errors import StorageFailed
from policies.grants import Moment
from policies.keys import SigningKey
from policies.messages.event import Head, digest, read_event, verify_chain

KEY = SigningKey(b"k" * 32)
BOOT = "0b1c2d3e-0000-4000-8000-000000000001"
NOW = Moment(1_795_341_600.0, 42.0)
ROUNDS = 20

#: Appends as fast as it can and prints what is durable; with "ack", a second thread lets go of what is old.
CHILD = """
import os, sys, threading
from pathlib import Path
from agent.link.spool import SpoolPlace, open_spool
from policies.grants import Moment
from policies.keys import SigningKey
from policies.messages.event import digest
folder, acks, limit = Path(sys.argv[1]), sys.argv[2] == "ack", int(sys.argv[3])
now = Moment(1_795_341_600.0, 42.0)
place = SpoolPlace(folder / "state", folder / "run", "PC-1", "0b1c2d3e-0000-4000-8000-000000000001")
spool = open_spool(place, SigningKey(b"k" * 32), now)
os.write(1, b"opened\\n")
def let_go():
    while True:
        waiting = spool.unacked(0, 20)
        if len(waiting) == 20:
            seq, raw = waiting[9]
            os.write(1, b"acking %d\\n" % seq)
            spool.ack(seq, digest(raw), now)
            os.write(1, b"acked %d %s\\n" % (seq, digest(raw).encode()))
if acks:
    threading.Thread(target=let_go, daemon=True).start()
if limit:
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
number = 0
while True:
    number += 1
    try:
        if number % 3:
            made = [spool.append("usb.blocked", {"n": number, "text": "a" * (number * 37 % 900)}, now)]
        else:
            made = spool.append_all([("usb.removed", {"n": number}), ("usb.opened", {"n": number})], now)
    except Exception as error:
        os.write(1, b"refused %s %s\\n" % (type(error).__name__.encode(), str(error).encode()))
        sys.exit(0)
    for each in made:
        os.write(1, b"%d %s\\n" % (each.seq, each.head.digest.encode()))
"""


@pytest.fixture
def place(tmp_path: Path) -> SpoolPlace:
    return SpoolPlace(tmp_path / "state", tmp_path / "run", "PC-1", BOOT)


def start(folder: Path, *, acks: bool = False, limit: int = 0) -> subprocess.Popen[bytes]:
    arguments = [sys.executable, "-c", CHILD, str(folder), "ack" if acks else "", str(limit)]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=Path(__file__).parents[2])


def killed(folder: Path, after: float, *, acks: bool) -> list[list[str]]:
    """Run the child, kill it `after` seconds from its opening, and give the whole lines that it printed."""
    with start(folder, acks=acks) as child:
        assert child.stdout is not None
        lines: list[bytes] = []
        opened = threading.Event()

        def read() -> None:
            assert child.stdout is not None
            for line in child.stdout:
                lines.append(line)
                opened.set()

        reader = threading.Thread(target=read)
        reader.start()
        assert opened.wait(30)
        time.sleep(after)
        child.send_signal(signal.SIGKILL)
        child.wait(30)
        reader.join(30)
    return [line.decode().split() for line in lines if line.endswith(b"\n")][1:]


@pytest.mark.parametrize("acks", [False, True], ids=["append", "append and ack"])
def test_what_was_said_to_be_durable_is_there_once_after_kill_9(place: SpoolPlace, acks: bool) -> None:
    chance = random.Random(4)
    durable: dict[int, str] = {}
    kept = Head()
    for _ in range(ROUNDS // 2):
        told = killed(place.folder.parent, chance.uniform(0, 0.25), acks=acks)
        begun = max((int(line[1]) for line in told if line[0] == "acking"), default=0)
        for line in told:
            if line[0] == "acked":
                kept = Head(int(line[1]), line[2])
            elif line[0] != "acking":
                assert int(line[0]) not in durable
                durable[int(line[0])] = line[1]
        with open_spool(place, KEY, NOW) as spool:
            assert spool.trouble is None
            waiting = spool.unacked(0, 1_000_000)
            # An ack, and one commit of at most two events, may be durable without having been told.
            assert spool.state.acked.seq in (kept.seq, begun)
            kept = spool.state.acked
            assert verify_chain((raw for _, raw in waiting), KEY.public, kept) == spool.state.head
            there = {seq: digest(raw) for seq, raw in waiting}
        missing = {seq for seq, name in durable.items() if seq > kept.seq and there.get(seq) != name}
        assert missing == set()
        untold = {seq: name for seq, name in there.items() if seq not in durable}
        assert len(untold) <= 2
        durable |= untold
    assert len(durable) > ROUNDS
    assert sorted(durable) == list(range(1, len(durable) + 1))
    assert (kept.seq > 0) == acks


@pytest.mark.parametrize("limit", [60_000, 100_000, 200_000])
def test_a_file_that_may_not_grow_is_one_line_and_later_all_is_there(place: SpoolPlace, limit: int) -> None:
    """RLIMIT_FSIZE: the write fails for whoever runs this, root or not."""
    with start(place.folder.parent, limit=limit) as child:
        out, err = child.communicate(timeout=60)
    lines = [line.split() for line in out.decode().splitlines()][1:]
    assert err == b""
    assert lines[-1][:2] == ["refused", "StorageFailed"]
    assert "Next:" in lines[-1]
    with open_spool(place, KEY, NOW) as spool:
        assert spool.trouble is None
        assert {str(seq): digest(raw) for seq, raw in spool.unacked(0, 100_000)} == dict(map(tuple, lines[:-1]))  # type: ignore[arg-type]
        assert spool.append("usb.blocked", {}, NOW) is not None


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("a small disk is mounted for this: run it as root, for example with sudo")
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "portseal-test", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path, leaving: int) -> Path:
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 4096)
        except OSError:
            file.truncate(max(0, file.tell() - leaving))
    return ballast


def test_a_real_full_disk_refuses_and_then_works_again(small_disk: Path, tmp_path: Path) -> None:
    place = SpoolPlace(small_disk / "state", tmp_path / "run", "PC-1", BOOT)
    with open_spool(place, KEY, NOW) as spool:
        spool.append("usb.blocked", {"n": 0}, NOW)
        assert not spool.has_room()
        ballast = fill(small_disk, 40_000)
        made = 1
        with pytest.raises(StorageFailed, match=r"full.*Next:"):
            for number in range(1, 2000):
                spool.append("usb.blocked", {"n": number, "text": "a" * 500}, NOW)
                made += 1
        assert made > 1
        head = spool.state.head
        for _ in range(3):
            with pytest.raises(StorageFailed):
                spool.append_all([("usb.blocked", {"text": "a" * 2000})] * 50, NOW)
        assert (spool.state.head, len(spool.unacked(0, 5000))) == (head, made)
        ballast.unlink()
        assert spool.append("usb.removed", {}, NOW) is not None
    with open_spool(place, KEY, NOW) as spool:
        assert spool.trouble is None
        events = [raw for _, raw in spool.unacked(0, 5000)]
        assert len(events) == made + 1
        assert verify_chain(events, KEY.public) == spool.state.head


@pytest.mark.parametrize("leaving", [0, 4096, 8192, 16384, 32768, 65536, 131072])
def test_a_disk_that_is_full_at_the_start_leaves_a_first_start_or_none(
    small_disk: Path, tmp_path: Path, leaving: int
) -> None:
    place = SpoolPlace(small_disk / "state", tmp_path / "run", "PC-1", BOOT)
    ballast = fill(small_disk, leaving)
    try:
        open_spool(place, KEY, NOW).close()
        opened = True
    except StorageFailed as error:
        assert "Next:" in str(error)
        opened = False
    assert opened == (leaving >= 65536) or 4096 <= leaving <= 32768
    ballast.unlink()
    with open_spool(place, KEY, NOW) as spool:
        assert spool.trouble is None
        assert spool.append("agent.started", {}, NOW) is not None


def test_a_damaged_file_on_a_full_disk_is_repaired_when_there_is_space(small_disk: Path, tmp_path: Path) -> None:
    place = SpoolPlace(small_disk / "state", tmp_path / "run", "PC-1", BOOT)
    with open_spool(place, KEY, NOW) as spool:
        spool.append_all([("usb.blocked", {"text": "a" * 500})] * 50, NOW)
    with (place.folder / "agent.db").open("r+b") as file:
        file.truncate(20_480)
    ballast = fill(small_disk, 0)
    with pytest.raises(StorageFailed):
        open_spool(place, KEY, NOW)
    ballast.unlink()
    with open_spool(place, KEY, NOW) as spool:
        assert spool.trouble is not None
        assert (spool.trouble.kind, spool.trouble.seq) == ("state.corrupt", 51)
        assert read_event(spool.unacked(0, 100)[-1][1], KEY.public) == spool.trouble
