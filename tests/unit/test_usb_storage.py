"""What is used of a USB device's storage, found in made-up sysfs and mount tables with the kernel's own layout."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.usb import release_calls, storage
from agent.usb.mounts import read_mounts
from agent.usb.storage import Host, Outcome, Released
from policies.errors import InputError

#: Root, the stick's partition at two places (one a bind mount), something on top of it, and a LUKS volume of it.
TABLE = rb"""22 1 259:2 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p2 rw
30 22 8:1 / /media/a\040b\134\011c rw,nosuid shared:2 - vfat /dev/sda1 rw
31 22 8:1 /sub /srv/bound rw shared:2 - vfat /dev/sda1 rw
32 30 0:50 / /media/a\040b\134\011c/tmp rw - tmpfs tmpfs rw
33 22 253:0 / /mnt/secret rw - ext4 /dev/mapper/secret rw
34 22 0:60 / /mnt/btr rw - btrfs /dev/sda3 rw
35 33 7:0 / /mnt/image rw - iso9660 /dev/loop0 ro
"""


def block(root: Path, name: str, below: str, dev: str, **files: str) -> Path:
    real = root / "sys/devices" / below / name
    real.mkdir(parents=True)
    (real / "dev").write_text(dev + "\n")
    (real / "ro").write_text(files.get("ro", "0") + "\n")
    listed = root / "sys/class/block"
    listed.mkdir(parents=True, exist_ok=True)
    (listed / name).symlink_to(real)
    return real


@pytest.fixture
def host(tmp_path: Path) -> Host:
    stick = "pci0000:00/usb1/1-2/1-2:1.0/host0/block"
    usb = tmp_path / "sys/devices/pci0000:00/usb1/1-2"
    usb.mkdir(parents=True)
    (usb / "devnum").write_text("7\n")
    (tmp_path / "sys/bus/usb/devices").mkdir(parents=True)
    (tmp_path / "sys/bus/usb/devices/1-2").symlink_to(usb)
    disk = block(tmp_path, "sda", stick, "8:0", ro="1")
    for number in (1, 2, 3):
        part = block(tmp_path, f"sda{number}", f"{stick}/sda", f"8:{number}", ro="1" if number < 3 else "0")
        (part / "partition").write_text(f"{number}\n")
    # Another device's disk, whose name begins alike: 1-2 is not 1-20.
    block(tmp_path, "sdb", "pci0000:00/usb1/1-20/1-20:1.0/host1/block", "8:16")
    mapped = block(tmp_path, "dm-0", "virtual/block", "253:0")
    (mapped / "dm").mkdir()
    (mapped / "dm/name").write_text("secret\n")
    (disk / "sda2/holders").mkdir()
    (disk / "sda2/holders/dm-0").symlink_to(mapped)
    loop = block(tmp_path, "loop0", "virtual/block", "7:0")
    (loop / "loop").mkdir()
    (loop / "loop/backing_file").write_text("/mnt/secret/disc.iso\n")
    proc = tmp_path / "proc"
    (proc / "1").mkdir(parents=True)
    (proc / "1/mountinfo").write_bytes(TABLE)
    (proc / "self").mkdir()
    (proc / "self/mountinfo").write_bytes(TABLE)
    (proc / "swaps").write_bytes(
        b"Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
        b"/dev/nvme0n1p3                          partition\t1\t0\t-2\n"
        b"/mnt/secret/swap\\040file                file\t1\t0\t-3\n"
    )
    return Host(tmp_path / "sys", proc, tmp_path / "dev")


def test_all_that_is_built_on_a_stick_is_found(host: Host) -> None:
    use = storage.in_use("1-2", host)
    assert use.blocks == ("sda", "sda1", "sda2", "sda3")
    assert use.holders == ("dm-0", "loop0")
    assert {each.point for each in use.mounts} == {
        b"/media/a b\\\tc", b"/srv/bound", b"/media/a b\\\tc/tmp", b"/mnt/secret", b"/mnt/btr", b"/mnt/image",
    }  # fmt: skip
    assert use.swaps == (b"/mnt/secret/swap file",)


def test_what_stands_on_another_mount_is_undone_first(host: Host) -> None:
    points = [each.point for each in storage.in_use("1-2", host).mounts]
    assert points.index(b"/media/a b\\\tc/tmp") < points.index(b"/media/a b\\\tc")
    assert points.index(b"/mnt/image") < points.index(b"/mnt/secret")


def test_another_device_whose_name_begins_alike_is_not_touched(host: Host) -> None:
    assert "sdb" not in storage.in_use("1-2", host).blocks
    assert storage.in_use("1-9", host) == storage.Use()


def test_a_hub_has_what_is_behind_it(host: Host) -> None:
    deep = host.sysfs / "devices/pci0000:00/usb1/1-3/1-3.4/1-3.4:1.0/block/sdc"
    deep.mkdir(parents=True)
    (host.sysfs / "class/block/sdc").symlink_to(deep)
    hub = host.sysfs / "devices/pci0000:00/usb1/1-3"
    (host.sysfs / "bus/usb/devices/1-3").symlink_to(hub)
    assert storage.in_use("1-3", host).blocks == ("sdc",)


def test_mounts_of_a_btrfs_over_several_disks_are_found_by_any_of_them(host: Host) -> None:
    disks = host.sysfs / "fs/btrfs/uuid/devices"
    disks.mkdir(parents=True)
    for name in ("sda1", "sdz9"):
        (disks / name).touch()
    table = TABLE + b"40 22 0:61 / /mnt/pool rw - btrfs /dev/sdz9 rw\n"
    (host.proc / "1/mountinfo").write_bytes(table)
    assert b"/mnt/pool" in {each.point for each in storage.in_use("1-2", host).mounts}


def test_a_disk_that_can_be_written_breaks_a_read_only_lease(host: Host) -> None:
    assert storage.writable("1-2", host) == ("sda3",)


@pytest.mark.parametrize("name", ["usb1", "..", "1-2/../..", "1-2:1.0", "", "1-2\n"])
def test_only_devices_below_a_root_hub_are_named(name: str, host: Host) -> None:
    with pytest.raises(InputError):
        storage.in_use(name, host)


@given(st.binary(max_size=200))
def test_noise_in_a_mount_table_is_one_typed_error(noise: bytes) -> None:
    try:
        read_mounts(noise)
    except InputError:
        return


def test_a_helper_in_a_namespace_of_its_own_says_so_and_does_nothing(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = b"\n".join(b"9" + line for line in TABLE.splitlines())
    (host.proc / "self/mountinfo").write_bytes(own)
    called: list[bytes] = []
    monkeypatch.setattr(release_calls, "unmount", lambda point, **_: called.append(point))
    done = storage.release("1-2", 1, host)
    assert (done.outcome, called) == (Outcome.FAILED, [])
    assert "namespace" in done.detail


def test_what_a_disk_left_mounted_that_is_gone_is_taken_away(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """The helper came too late: the device was refused while its storage was mounted."""
    noted = host.proc / "asked"

    def unmount(point: bytes, *, lazily: bool = False) -> int:
        # It runs in a child.
        with noted.open("ab") as file:
            file.write(b"%d %s\n" % (lazily, point))
        return 0

    monkeypatch.setattr(release_calls, "unmount", unmount)
    (host.sysfs / "bus/usb/devices/1-3").mkdir()
    assert storage.release("1-3", 1.0, host) == Released(Outcome.CLEAN)
    for each in ("1", "self"):
        left = b"50 22 8:32 / /media/stick rw - ext4 /dev/sdc rw\n51 50 8:33 / /media/stick/in rw - ext4 /dev/sdc1 rw\n"
        (host.proc / each / "mountinfo").write_bytes(TABLE + left)
    done = storage.release("1-3", 1.0, host)
    assert (done.outcome, done.mounts) == (Outcome.LAZILY, ("/media/stick/in", "/media/stick"))
    assert noted.read_bytes().splitlines() == [b"1 /media/stick/in", b"1 /media/stick"]
    # Nothing is taken for dead when the kernel's list cannot be read.
    noted.unlink()
    assert storage.release("1-3", 1.0, Host(host.proc / "no", host.proc, host.dev)).outcome is Outcome.CLEAN
    assert not noted.exists()


def test_a_device_without_storage_is_clean(host: Host) -> None:
    assert storage.release("1-9", 1, host) == Released(Outcome.CLEAN)


@pytest.mark.parametrize(
    "request_line",
    [
        b"",
        b"{}\n",
        b"[]\n",
        b'{"v":1,"device":"../x","devnum":1,"seconds":1}\n',
        b'{"v":1,"device":"1-2","devnum":true,"seconds":1}\n',
        b'{"v":1,"device":"1-2","devnum":1,"seconds":NaN}\n',
        b'{"v":2,"device":"1-2","devnum":1,"seconds":1}\n',
        b"[" * 5000,
    ],
)
def test_the_helper_refuses_what_is_no_request(request_line: bytes, host: Host) -> None:
    assert json.loads(storage.answer_one(request_line, host))["outcome"] == "failed"


def test_the_helper_does_nothing_to_a_later_enumeration(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    def release(name: str, *_: object) -> Released:
        done.append(name)
        return Released(Outcome.CLEAN)

    monkeypatch.setattr(storage, "release", release)
    line = '{{"v":1,"device":"1-2","devnum":{},"seconds":1}}\n'
    storage.answer_one(line.format(6).encode(), host)
    assert done == []
    storage.answer_one(line.format(7).encode(), host)
    assert done == ["1-2"]


def test_without_a_helper_the_answer_is_failed(tmp_path: Path) -> None:
    assert storage.ask("1-2", 7, 0.1, tmp_path / "nobody").outcome is Outcome.FAILED


def test_a_node_that_cannot_be_opened_counts_as_held_unless_it_is_gone(tmp_path: Path) -> None:
    assert not release_calls.claimed(tmp_path / "gone")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert release_calls.claimed(tmp_path / "loop")
