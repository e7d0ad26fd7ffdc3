"""A terminal that `portseal-agent install` has set up, over boots: its initramfs, its trial, a power cut halfway."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.terminal.installed import KEYBOARD, Cached, Installed, Plug, boots, enrol, files_of
from lab.terminal.sealed import AGENT, Sealed
from lab.terminal.vm import Snapshot
from tests.lab.installed_looks import (
    MANIFEST,
    OPEN,
    RUNNING,
    SHUT,
    SLOW,
    TRIAL,
    authorized,
    before,
    changed,
    defaults,
    initramfs,
    manifest,
    states,
)  # fmt: skip
from tests.lab.terminal_usb import DEVICES, appears, there

pytest_plugins = ["tests.lab.installed_vm"]
pytestmark = [pytest.mark.lab, pytest.mark.usb, pytest.mark.installed]

STRANGER = Plug("usb-kbd", "stranger", "3", {"serial": "K-2"})
STICK = Plug("usb-storage", "stick", "1", {"serial": "S-1"})
PARAMETER = "usbcore.authorized_default=0"
RULES = b"60-portseal-keyboard.rules"


def seen_in_initramfs(guest: Installed) -> list[str]:
    """Give what there was, and what worked, when a passphrase would be asked for."""
    return guest.ok("cat /run/initramfs/portseal").splitlines()


def run_out(guest: Installed) -> None:
    """Let the trial's time run out now, and wait until it is undone."""
    guest.put(b"[Timer]\nOnActiveSec=\nOnActiveSec=1s\n", "/run/systemd/system/portseal-trial.timer.d/soon.conf")
    # Building an initramfs outlasts what systemd gives to a service that says nothing of its own.
    guest.put(b"[Manager]\nDefaultTimeoutStartSec=15s\n", "/run/systemd/system.conf.d/short.conf")
    guest.ok("systemctl daemon-reload; systemctl restart portseal-trial.timer")
    guest.ok(f"while [ -e {MANIFEST} ]; do sleep 1; done", SLOW)
    assert "failed" not in states(guest, "portseal-trial.service")


def usable(guest: Installed) -> None:
    """Wait until an unbound keyboard and a stick work again, without a boot."""
    assert defaults(guest) == OPEN
    assert set(authorized(guest).values()) == {"1"}
    appears(guest, "/dev/sda")


@pytest.mark.clause("7.2a")
def test_a_boot_on_trial_seals_from_power_on_and_the_trials_end_gives_all_back(
    installed: Installed, installed_snapshot: Snapshot, bare_snapshot: Snapshot, tmp_path: Path
) -> None:
    disk = installed.shut_down(tmp_path / "disk")
    installed.close()
    sealed = boots(disk)
    assert PARAMETER in sealed.options
    assert PARAMETER not in bare_snapshot.machine.options
    assert RULES in initramfs(sealed)
    with Installed.start(disk, (KEYBOARD, STRANGER, STICK), options="portseal.lab=3") as guest:
        seen = seen_in_initramfs(guest)
        assert {each for each in seen if each.startswith("usb ")} == {"usb K-1 1", "usb K-2 0", "usb S-1 0"}
        assert [each for each in seen if "usb-" in each] == ["input usb-0000:00:01.0-2/input0"]
        assert "parameter 0" in seen
        assert not [each for each in seen if each.startswith("block sda")]
        guest.until(lambda: states(guest, *RUNNING, TRIAL) == ["active"] * 4, 180)
        assert authorized(guest) == {"K-1": "1", "K-2": "0", "S-1": "0"}
        assert defaults(guest) == SHUT
        # The keyboard of the initramfs was taken over as it was, and the stick has never been a disk.
        log = guest.ok("dmesg")
        assert "USB disconnect" not in log
        assert "[sda]" not in log
        agent = Sealed(guest)
        assert agent.kinds().count("usb.blocked") == 2
        assert manifest(guest)["stage"] == "trial"
        run_out(guest)
        assert changed(guest, before(installed_snapshot)) == set()
        assert "initramfs.rules" not in guest.ok("ls /etc/portseal-agent")
        assert set(states(guest, *RUNNING, TRIAL)) == {"inactive"}
        assert manifest(guest) == {}
        usable(guest)
        appears(guest, f"{DEVICES}/1-3:1.0/driver")
        guest.shut_down(disk)
    opened = boots(disk)
    assert PARAMETER not in opened.options
    assert RULES not in initramfs(opened)


def test_a_power_cut_halfway_leaves_a_terminal_that_works_and_can_be_given_back(
    bare_snapshot: Snapshot, tmp_path: Path
) -> None:
    with Cached.restore(bare_snapshot) as guest:
        enrol(guest)
        then = files_of(guest).splitlines()
        guest.ok(f"setsid {AGENT} install --bind > /dev/null 2>&1 < /dev/null &")
        assert guest.comes("/var/tmp/mkinitramfs_*", 240)
        disk = guest.cut(tmp_path / "disk")
    # What the boot loader finds is the old way to boot: nothing is open or shut by halves.
    old = boots(disk)
    assert PARAMETER not in old.options
    assert RULES not in initramfs(old)
    with Installed.start(disk, (KEYBOARD, STICK)) as guest:
        guest.until(lambda: states(guest, *RUNNING, TRIAL) == ["active"] * 4, 180)
        assert manifest(guest)["stage"] == "installing"
        assert authorized(guest) == {"K-1": "1", "S-1": "0"}
        assert there(guest, f"{DEVICES}/1-2:1.0/driver")
        # The end of the trial, above, builds the old initramfs; here it is enough that the builder is called.
        guest.put(b'#!/bin/sh\necho "$@" >> /run/builder\n', "/usr/sbin/update-initramfs", 0o755)
        said = guest.ok([AGENT, "--lang", "en", "uninstall"], SLOW)
        assert "/etc/modprobe.d/portseal.conf is as it was" in said
        assert guest.read("/run/builder") == "-u -k all"
        assert changed(guest, then) == set()
        assert set(states(guest, *RUNNING, TRIAL)) == {"inactive"}
        usable(guest)
        assert guest.sh([AGENT, "uninstall"]).code == 1
