"""A terminal set up by `portseal-agent install` on a Debian with systemd, udev and an initramfs: at work, on trial,
over boots and power cuts, and taken down again."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.terminal import cpio, image
from lab.terminal import installed as lab_installed
from lab.terminal.installed import KEYBOARD, Installed, Plug, boots, enrol
from lab.terminal.sealed import AGENT, Sealed
from lab.terminal.vm import Snapshot
from tests.lab.installed_vm import (
    RUNNING, SLOW, authorized, before, files, keep, manifest, mounted, rating, states, told, value,
)  # fmt: skip
from tests.lab.terminal_usb import DEVICES, LATER, appears, never, read, there, vanishes

pytest_plugins = ["tests.lab.installed_vm"]
pytestmark = pytest.mark.lab

STRANGER = Plug("usb-kbd", "stranger", "3", {"serial": "K-2"})
STICK = Plug("usb-storage", "stick", "1", {"serial": "S-1"})
RULE = b"60-portseal-keyboard.rules"
#: Written to a stick and not synced by whoever wrote it.
PRECIOUS = "evidence of 02:10"


class TestAtWork:
    @pytest.mark.clause("7.2a")
    def test_the_units_run_and_everything_is_shut_but_the_bound_keyboard(
        self, installed: Sealed, installed_snapshot: Snapshot
    ) -> None:
        guest = installed.guest
        assert "sealed, on trial" in told(installed_snapshot)
        assert states(guest, *RUNNING, "portseal-trial.timer") == ["active"] * 4
        assert [value(guest, unit, "NRestarts") for unit in RUNNING[:2]] == ["0", "0"]
        places = [LATER, *(f"{DEVICES}/usb{bus}/{name}" for bus in (1, 2)
                           for name in ("authorized_default", "interface_authorized_default"))]  # fmt: skip
        assert [read(guest, path) for path in places] == ["0"] * 5
        assert dict(manifest(guest)["defaults"])[LATER.removeprefix("/")] == "-1"
        assert authorized(guest) == {"K-1": "1"}
        guest.plug_in(STRANGER)  # type: ignore[attr-defined]
        guest.until(lambda: "usb.blocked" in installed.kinds())
        assert authorized(guest) == {"K-1": "1", "K-2": "0"}

    def test_the_hardened_agent_can_do_all_that_it_must(self, installed: Sealed) -> None:
        guest = installed.guest
        guest.plug("usb-mouse", "mouse", "4", serial="M-1")
        guest.until(lambda: "1-4" in installed.devices())
        never(guest, f"{DEVICES}/1-4:1.0/driver")
        # The bindings are on a read-only /etc but for their folder; authorized and drivers_probe are in a read-only /sys.
        installed.bind("1-4", "mouse", "mouse")
        appears(guest, f"{DEVICES}/1-4:1.0/driver")
        assert "M-1" in guest.ok("cat /etc/portseal-agent/bindings.json")
        kinds = installed.kinds()
        assert "binding.added" in kinds
        # The heartbeat is a write to a root hub's uevent: without it the monitor counts as lost after two seconds.
        assert not {"monitor.lost", "gate.write_failed", "state.corrupt"} & set(kinds)
        # Control: what the unit leaves out of its namespace cannot be written there.
        sandbox = "systemd-run --wait -q -p ProtectKernelTunables=yes -p ProtectSystem=strict"
        pulse = f"sh -c 'echo change > {DEVICES}/usb1/uevent'"
        assert guest.sh(f"{sandbox} {pulse}").code != 0
        assert guest.sh(f"{sandbox} -p ReadWritePaths=/sys/devices {pulse}").code == 0

    def test_systemd_rates_the_live_units_3_or_better(self, installed: Sealed) -> None:
        names = ["agent", "keeper", "sleep", "trial", "unmount@1"]
        ratings = {name: rating(installed.guest, f"portseal-{name}.service") for name in names}
        assert all(each <= 3.0 for each in ratings.values()), ratings
        assert rating(installed.guest, "portseal-lab-server.service") > 3.0


@pytest.fixture
def writing(installed: Sealed) -> Iterator[Sealed]:
    """Give a terminal on which a stick is open, mounted and written to."""
    guest = installed.guest
    guest.plug_in(STICK)  # type: ignore[attr-defined]
    guest.until(lambda: "usb.blocked" in installed.kinds())
    never(guest, "/dev/sda")
    yield installed


def write_to(guest: Installed) -> None:
    appears(guest, "/dev/sda")
    guest.ok("mke2fs -q -t ext4 -F /dev/sda && mkdir -p /media/stick && mount /dev/sda /media/stick", 60)
    guest.ok(f"echo '{PRECIOUS}' > /media/stick/file")
