"""The keeper and the unmount helper as processes: on files for a USB tree, and, as root, on a real file system."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.usb import keeper, release_calls, storage
from agent.usb.keeper import Keeper, Places
from agent.usb.mounts import read_mounts
from agent.usb.storage import Host, Outcome, Released

BOOT = "6f1a"
ROOT = Path(__file__).parents[2]
#: The watching process on made-up places.
WATCH = """
import sys
from pathlib import Path
from agent.usb.keeper import Places, main
root = Path(sys.argv[1])
main(sys.argv[2:], Places(root / "sys", root / "boot_id", root / "run", root / "state", root / "bindings.json"))
"""


def waited(truth: Callable[[], bool], seconds: float = 30) -> bool:
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        if truth():
            return True
        time.sleep(0.02)
    return truth()


@pytest.fixture
def places(tmp_path: Path) -> Places:
    found = Places(
        tmp_path / "sys", tmp_path / "boot_id", tmp_path / "run", tmp_path / "state", tmp_path / "bindings.json"
    )
    for folder in (found.run, found.state, found.sysfs / "bus/usb/devices"):
        folder.mkdir(parents=True)
    found.boot_id.write_text(f"{BOOT}\n")
    return found


def plug(places: Places, name: str, devnum: int = 5, *, stores: bool = False) -> Path:
    folder = places.sysfs / "bus/usb/devices" / name
    folder.mkdir()
    (folder / "devnum").write_text(f"{devnum}\n")
    (folder / "authorized").write_text("1\n")
    if stores:
        (folder / "1/block/sda").mkdir(parents=True)
    return folder / "authorized"


def lease(places: Places, ends: float, *devices: tuple[str, int]) -> None:
    rows = [{"jti": "j1", "ends": ends, "devices": [{"name": name, "devnum": number} for name, number in devices]}]
    (places.run / keeper.LEASES).write_text(json.dumps({"v": 1, "boot": BOOT, "leases": rows}))


def shut(authorized: Path) -> bool:
    return authorized.read_text().strip() == "0"


@contextmanager
def watching(places: Places, *arguments: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-c", WATCH, str(places.run.parent), *arguments], cwd=ROOT, env={**os.environ, **environment}
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.wait(30)


def boottime() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def test_the_process_ends_a_lease_by_itself_and_leaves_a_record(places: Places) -> None:
    over, running = plug(places, "2-1"), plug(places, "2-2")
    lease(places, boottime() - 100, ("2-1", 5))
    with watching(places):
        assert waited(lambda: shut(over) and bool(keeper.records(places)))
    assert not shut(running)
    (record,) = keeper.records(places)
    assert (record.jti, record.name, record.why, record.outcome, record.authorized) == (
        "j1", "2-1", "ended", Outcome.CLEAN, False,
    )  # fmt: skip


def test_a_lease_that_runs_is_left_alone_until_it_is_over(places: Places) -> None:
    first, second = plug(places, "2-1"), plug(places, "2-2")
    lease(places, boottime() + 3600, ("2-1", 5))
    with watching(places) as process:
        time.sleep(1.5)
        assert not shut(first)
        process.kill()
        process.wait(30)
    lease(places, boottime() - 100, ("2-1", 5), ("2-2", 5))
    with watching(places):
        assert waited(lambda: shut(first) and shut(second))


def test_it_tells_the_service_manager_that_it_lives(places: Places) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(places.run / "notify"))
        manager.settimeout(30)
        with watching(places, NOTIFY_SOCKET=str(places.run / "notify")):
            assert [manager.recv(64), manager.recv(64), manager.recv(64)] == [b"READY=1", b"WATCHDOG=1", b"WATCHDOG=1"]


def test_relock_all_ends_every_lease_and_empties_the_file(places: Places) -> None:
    devices = [plug(places, f"2-{number}") for number in (1, 2, 3)]
    other = plug(places, "1-1")
    lease(places, boottime() + 3600, *((f"2-{number}", 5) for number in (1, 2, 3)))
    with watching(places, "--relock-all") as process:
        assert process.wait(60) == 0
    assert all(shut(each) for each in devices)
    assert not shut(other)
    assert json.loads((places.run / keeper.LEASES).read_text()) == {"v": 1, "boot": BOOT, "leases": []}
    assert {each.why for each in keeper.records(places)} == {"stopped"}


def test_before_sleep_nothing_leased_is_open_and_the_flag_stands_until_after_it(places: Places) -> None:
    device = plug(places, "2-1")
    lease(places, boottime() + 3600, ("2-1", 5))
    with watching(places, "--before-sleep") as process:
        assert process.wait(60) == 0
    assert shut(device)
    assert (places.run / keeper.ASLEEP).exists()
    with watching(places, "--after-sleep") as process:
        assert process.wait(60) == 0
    assert not (places.run / keeper.ASLEEP).exists()


def test_a_device_that_hangs_keeps_no_other_one_open(places: Places) -> None:
    """An unmount that never answers, as one in the kernel's D state: its own child waits, the pass does not."""
    plug(places, "2-1", stores=True)
    quick = plug(places, "2-2")
    lease(places, 0, ("2-1", 5), ("2-2", 5))

    def hang(*_: object) -> Released:
        signal.pause()
        raise AssertionError

    watched = Keeper(places, hang)
    try:
        watched.look()
        assert waited(lambda: shut(quick))
        before = dict(watched._children)
        watched.look()
        assert watched._children[("2-1", 5)] == before[("2-1", 5)]
    finally:
        for child in watched._children.values():
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def test_a_failed_unmount_does_not_keep_a_device_open_and_is_told(places: Places) -> None:
    device = plug(places, "2-1", stores=True)
    lease(places, 0, ("2-1", 5))
    watched = Keeper(places, lambda *_: Released(Outcome.LAZILY, ("/media/x",)))
    assert watched.refuse_all("stopped")
    assert shut(device)
    (record,) = keeper.records(places)
    assert (record.outcome, record.mounts) == (Outcome.LAZILY, ("/media/x",))


def test_a_full_disk_leaves_the_record_in_the_run_folder(places: Places) -> None:
    device = plug(places, "2-1")
    lease(places, 0, ("2-1", 5))
    places.state.rmdir()
    places.state.write_text("a file where the folder should be")
    assert Keeper(places, lambda *_: Released(Outcome.CLEAN)).refuse_all("ended")
    assert shut(device)
    assert [each.path.parent for each in keeper.records(places)] == [places.run / keeper.RECORDS]


def test_it_is_small(places: Places) -> None:
    """An idle keeper stays below 20 MB, most of which is the interpreter."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(places.run / "notify"))
        manager.settimeout(30)
        with watching(places, NOTIFY_SOCKET=str(places.run / "notify")) as process:
            manager.recv(64)
            manager.recv(64)
            status = Path(f"/proc/{process.pid}/status").read_text()
    resident = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))
    assert resident < 20_000, f"{resident} kB"


def test_the_helper_answers_over_its_socket(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen()

        def serve() -> None:
            link, _ = listener.accept()
            with link:
                subprocess.run(
                    [sys.executable, "-m", "agent.usb.storage"],
                    stdin=link.fileno(),
                    stdout=link.fileno(),
                    check=True,
                    cwd=ROOT,
                    timeout=60,
                )

        server = threading.Thread(target=serve)
        server.start()
        told = storage.ask("99-9", 1, 20, path)
        server.join(60)
    assert told == Released(Outcome.CLEAN, (), "it has left")


def test_a_helper_that_never_answers_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "_LAZY_SECONDS", 0.1)
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen()
        assert storage.ask("1-1", 1, 0.1, path).outcome is Outcome.FAILED


class Disk:
    """A file system on a loop device that a made-up USB tree shows as a stick's disk."""

    def __init__(self, folder: Path) -> None:
        image = folder / "stick.img"
        image.write_bytes(bytes(8 << 20))
        subprocess.run(["mkfs.ext4", "-q", str(image)], check=True)
        shown = subprocess.run(["losetup", "-f", "--show", str(image)], check=True, capture_output=True, text=True)
        self.node = Path(shown.stdout.strip())
        self.point = folder / "a stick \\ of\ttwo"
        self.point.mkdir()
        subprocess.run(["mount", str(self.node), str(self.point)], check=True)
        usb = folder / "sys/devices/usb1/1-1"
        real = usb / "block" / self.node.name
        real.mkdir(parents=True)
        (real / "dev").write_text(Path(f"/sys/class/block/{self.node.name}/dev").read_text())
        for listed, target in (("bus/usb/devices/1-1", usb), (f"class/block/{self.node.name}", real)):
            link = folder / "sys" / listed
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(target)
        self.host = Host(sysfs=folder / "sys", pid="self")

    def mounted(self) -> bool:
        return any(each.source == os.fsencode(self.node) for each in read_mounts(
            Path("/proc/self/mountinfo").read_bytes()))  # fmt: skip

    def remove(self) -> None:
        subprocess.run(["umount", "-l", str(self.point)], check=False, capture_output=True)
        subprocess.run(["losetup", "-d", str(self.node)], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    if os.geteuid() != 0 or not Path("/dev/loop-control").exists() or shutil.which("losetup") is None:
        pytest.skip("needs root and loop devices: run make test as root")
    made = Disk(tmp_path)
    yield made
    made.remove()


def test_an_idle_stick_is_written_out_and_unmounted(disk: Disk) -> None:
    (disk.point / "video").write_bytes(b"x" * 100_000)
    subprocess.run(["mount", "--bind", str(disk.point), str(disk.point)], check=True)
    done = storage.release("1-1", 10, disk.host)
    assert (done.outcome, set(done.mounts)) == (Outcome.CLEAN, {str(disk.point)})
    assert not disk.mounted()
    assert not release_calls.claimed(disk.node)


def test_a_busy_stick_is_cut_loose_at_the_deadline(disk: Disk) -> None:
    with (disk.point / "open").open("wb") as busy:
        busy.write(b"kept until the end")
        done = storage.release("1-1", 0.5, disk.host)
        assert done.outcome is Outcome.LAZILY
        assert not disk.mounted()
        assert release_calls.claimed(disk.node)


def test_a_stick_that_becomes_idle_in_time_is_clean(disk: Disk) -> None:
    # A process of its own: what this one has open, the child that unmounts would have open too.
    with subprocess.Popen(
        ["sh", "-c", "exec 3>open; echo ready; sleep 0.5"], cwd=disk.point, stdout=subprocess.PIPE
    ) as busy:
        assert busy.stdout is not None
        assert busy.stdout.readline() == b"ready\n"
        assert storage.release("1-1", 30, disk.host).outcome is Outcome.CLEAN


def test_a_stick_that_is_mounted_in_another_namespace_is_not_called_clean(disk: Disk) -> None:
    with subprocess.Popen(
        ["unshare", "-m", "--propagation", "private", "sh", "-c", "echo ready; read _"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as other:  # fmt: skip
        assert other.stdout is not None
        assert other.stdout.readline() == b"ready\n"
        assert storage.release("1-1", 0.5, disk.host).outcome is Outcome.LAZILY
        assert not disk.mounted()
        other.communicate(b"\n")


def test_from_a_namespace_of_its_own_nothing_is_unmounted(disk: Disk) -> None:
    """What a unit with ProtectSystem= would do: its unmount does not reach the host, so it must not be called done."""
    script = (
        "import sys; from pathlib import Path; from agent.usb.storage import Host, release\n"
        "print(release('1-1', 1, Host(sysfs=Path(sys.argv[1]), pid=sys.argv[2])).outcome)"
    )
    run = [sys.executable, "-c", script, str(disk.host.sysfs), str(os.getpid())]
    own = subprocess.run(["unshare", "-m", "--propagation", "slave", *run], capture_output=True, text=True, check=True,
                         cwd=ROOT)  # fmt: skip
    assert own.stdout.strip() == "failed"
    assert disk.mounted()
    same = subprocess.run(run, capture_output=True, text=True, check=True, cwd=ROOT)
    assert same.stdout.strip() == "clean"
    assert not disk.mounted()


def test_a_child_that_hangs_is_given_up_at_the_deadline() -> None:
    def hang() -> bool:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.pause()
        return True

    assert storage._in_child(hang, time.monotonic() + 0.1) is False
    assert storage._in_child(lambda: True, time.monotonic() + 30) is True
