"""A terminal that `portseal-agent install` has set up on a Debian with systemd and udev: what the units do at work."""

from __future__ import annotations

import pytest

from lab.terminal.installed import Installed, Plug
from lab.terminal.sealed import AGENT, Sealed
from lab.terminal.vm import Snapshot
from tests.lab.installed_looks import (
    OPEN,
    RUNNING,
    SHUT,
    TRIAL,
    authorized,
    before,
    changed,
    defaults,
    manifest,
    mounted,
    rating,
    states,
    told,
    value,
)  # fmt: skip
from tests.lab.terminal_usb import DEVICES, LATER, appears, never, read, there, write

pytest_plugins = ["tests.lab.installed_vm"]
pytestmark = [pytest.mark.lab, pytest.mark.usb, pytest.mark.installed]

UNIT = RUNNING[0]
STRANGER = Plug("usb-kbd", "stranger", "3", {"serial": "K-2"})
STICK = Plug("usb-storage", "stick", "1", {"serial": "S-1"})
DISK, MOUNT = "/dev/sda", "/media/stick"
DRIVER = f"{DEVICES}/2-1:1.0/driver"
#: Seconds within which what must happen has happened, on an emulated processor that shares a busy one.
PATIENCE_S = 180.0
#: Written to a stick, and synced by nobody but a relock.
PRECIOUS = "evidence of 02:10"
#: A namespace like that of the units.
PROBE = """[Service]
Type=oneshot
ProtectSystem=strict
ProtectKernelTunables=yes
{more}
ExecStart=/bin/sh -c 'echo change > {devices}/usb1/uevent'
"""
WITNESS = f"""#!/bin/sh
mounts=$(grep -c {MOUNT} /proc/1/mountinfo)
echo "$1 $(cat {DEVICES}/2-1/authorized) $(ls /run/portseal-agent/asleep) $mounts" >> /run/seen
"""


def open_and_write(agent: Sealed, guest: Installed, seconds: int) -> None:
    """Open a lease, mount the stick, and write to it."""
    # Python starts for the first time here, and that takes an emulated processor longer than a relock waits.
    guest.ok("/opt/portseal/bin/python -m agent.usb.storage < /dev/null", PATIENCE_S)
    assert agent.swipe(seconds=seconds)["ok"]
    appears(guest, DISK)
    guest.ok(f"mke2fs -q -t ext4 -F {DISK} && mkdir -p {MOUNT} && mount {DISK} {MOUNT}", 60)
    guest.ok(f"echo '{PRECIOUS}' > {MOUNT}/file")
    assert mounted(guest, MOUNT)


def shut(guest: Installed) -> bool:
    """Tell whether the stick is refused and its storage given back, in the host's namespace."""
    return not there(guest, DISK) and not mounted(guest, MOUNT) and read(guest, f"{DEVICES}/2-1/authorized") == "0"


def kept(guest: Installed) -> bool:
    """Tell whether what was written is on the stick's medium."""
    return PRECIOUS.encode() in (guest.folder / "disk-stick").read_bytes()


def restarted(guest: Installed) -> bool:
    return value(guest, UNIT, "NRestarts") == "1" and states(guest, UNIT) == ["active"]


class TestAtWork:
    @pytest.mark.clause("7.2a")
    def test_everything_is_shut_but_the_bound_keyboard(
        self, installed: Installed, agent: Sealed, installed_snapshot: Snapshot
    ) -> None:
        assert "sealed, on trial" in told(installed_snapshot)
        assert states(installed, *RUNNING, TRIAL) == ["active"] * 4
        assert [value(installed, unit, "NRestarts") for unit in RUNNING[:2]] == ["0", "0"]
        assert defaults(installed) == SHUT
        assert [each for _, each in manifest(installed)["defaults"]] == OPEN
        assert authorized(installed) == {"K-1": "1"}
        assert there(installed, f"{DEVICES}/1-2:1.0/driver")
        installed.plug_in(STRANGER)
        installed.until(lambda: "usb.blocked" in agent.kinds())
        assert authorized(installed) == {"K-1": "1", "K-2": "0"}

    def test_controllers_made_of_software_cannot_be_loaded(self, installed: Installed) -> None:
        for each in ("dummy_hcd", "vhci_hcd"):
            assert installed.sh(f"modprobe {each}").code != 0
        assert not there(installed, f"{DEVICES}/usb3")
        # The control: without the rule that the installation wrote, the kernel has one.
        installed.ok("modprobe -C /run/none dummy_hcd")
        appears(installed, f"{DEVICES}/usb3")

    def test_the_hardened_agent_can_do_all_that_it_must(self, installed: Installed, agent: Sealed) -> None:
        installed.plug("usb-mouse", "mouse", "4", serial="M-1")
        installed.until(lambda: "1-4" in agent.devices())
        never(installed, f"{DEVICES}/1-4:1.0/driver")
        # To the unit /etc is read-only but for the bindings' folder, and /sys but for `authorized`, `drivers_probe` …
        agent.bind("1-4", "mouse", "mouse")
        appears(installed, f"{DEVICES}/1-4:1.0/driver")
        assert "M-1" in installed.ok("cat /etc/portseal-agent/bindings.json")
        # The heartbeat is a write to a root hub's uevent: without it the monitor is told as lost after two seconds.
        kinds = agent.kinds()
        assert "binding.added" in kinds
        assert not {"monitor.lost", "gate.write_failed", "state.corrupt"} & set(kinds)
        for name, more in (("shut", ""), ("open", "ReadWritePaths=/sys/devices")):
            installed.put(
                PROBE.format(more=more, devices=DEVICES).encode(), f"/run/systemd/system/probe-{name}.service"
            )
        installed.ok("systemctl daemon-reload; systemctl start probe-open")
        assert installed.sh("systemctl start probe-shut").code != 0

    def test_systemd_rates_the_live_units_3_or_better(self, installed: Installed) -> None:
        names = ("agent", "keeper", "sleep", "trial", "unmount@1")
        ratings = {name: rating(installed, f"portseal-{name}.service") for name in names}
        assert all(each <= 3.0 for each in ratings.values()), ratings
        assert rating(installed, "portseal-lab-server.service") > 3.0


class TestRelock:
    @pytest.mark.clause("7.2c")
    def test_a_lease_that_ends_unmounts_in_the_hosts_namespace(self, installed: Installed, agent: Sealed) -> None:
        installed.plug_in(STICK)
        never(installed, DISK)
        open_and_write(agent, installed, 30)
        # Control: an unmount in a namespace of its own, as the hardened units have, does not reach the host.
        installed.ok(f"unshare --mount --propagation slave umount {MOUNT}")
        assert mounted(installed, MOUNT)
        assert not kept(installed)
        installed.until(lambda: shut(installed), PATIENCE_S)
        installed.until(lambda: "lease.ended" in agent.kinds())
        assert kept(installed)
        (ended,) = [each for each in agent.events() if each.kind == "lease.ended"]
        assert ended.data["storage"] == "clean"

    def test_a_killed_agent_is_relocked_and_started_again(self, installed: Installed, agent: Sealed) -> None:
        installed.plug_in(STICK)
        open_and_write(agent, installed, 120)
        installed.ok(f"kill -9 {value(installed, UNIT, 'MainPID')}")
        installed.until(lambda: shut(installed), PATIENCE_S)
        assert kept(installed)
        installed.until(lambda: restarted(installed), PATIENCE_S)
        relocked = [each.data["why"] for each in agent.events() if each.kind == "keeper.relocked"]
        assert relocked == ["stopped"]
        # The lease goes on after that. A stop shuts as well, and leaves every default shut; the keyboard works on.
        appears(installed, DRIVER)
        installed.ok(f"systemctl stop {UNIT}", PATIENCE_S)
        assert read(installed, f"{DEVICES}/2-1/authorized") == "0"
        assert defaults(installed) == SHUT
        assert read(installed, f"{DEVICES}/1-2/authorized") == "1"
        installed.plug_in(STRANGER)
        never(installed, f"{DEVICES}/1-3:1.0/driver")

    def test_the_keeper_ends_the_lease_of_an_agent_that_hangs_and_the_watchdog_ends_the_agent(
        self, installed: Installed, agent: Sealed
    ) -> None:
        installed.plug_in(STICK)
        open_and_write(agent, installed, 30)
        before_it = value(installed, UNIT, "MainPID")
        installed.ok(f"kill -STOP {before_it}")
        installed.until(lambda: shut(installed), PATIENCE_S)
        assert kept(installed)
        installed.until(lambda: restarted(installed), PATIENCE_S)
        assert "Watchdog timeout" in installed.ok(f"journalctl --no-pager -u {UNIT}")
        assert value(installed, UNIT, "MainPID") != before_it
        relocked = [each.data["why"] for each in agent.events() if each.kind == "keeper.relocked"]
        # Whoever was first: the keeper at the lease's end, or the end of the agent by its watchdog.
        assert relocked
        assert set(relocked) <= {"ended", "stopped"}
        # What of the lease was left then has run out.
        installed.until(lambda: "lease.ended" in agent.kinds() and shut(installed), PATIENCE_S)


def test_sleep_shuts_before_and_nothing_opens_until_after(installed: Installed, agent: Sealed) -> None:
    installed.plug_in(STICK)
    open_and_write(agent, installed, 120)
    installed.put(WITNESS.encode(), "/usr/lib/systemd/system-sleep/witness", 0o755)
    write(installed, "/sys/power/pm_test", "devices")
    installed.ok("systemctl start suspend.target", PATIENCE_S)
    falling, waking = installed.ok("cat /run/seen").splitlines()
    assert falling == "pre 0 /run/portseal-agent/asleep 0"
    assert waking.startswith("post ")
    assert "/run/portseal-agent/asleep" in waking
    assert installed.goes("/run/portseal-agent/asleep", PATIENCE_S)
    installed.until(agent.answers, PATIENCE_S)
    assert kept(installed)
    # Every device came back as a new one: the bound keyboard works and is no alarm, the stick needs another swipe.
    appears(installed, f"{DEVICES}/1-2:1.0/driver")
    never(installed, DRIVER)
    kinds = agent.kinds()
    assert "power.sleep" in kinds
    assert not [each for each in kinds if each.startswith("tamper.")]
    # Of another card: the first one's lease has had its device, and a second lease of that card only prolongs it.
    assert agent.swipe(seconds=60, sub="card-2")["ok"]
    appears(installed, DRIVER)


def test_what_is_confirmed_stays(installed: Installed, installed_snapshot: Snapshot) -> None:
    sealed = changed(installed, before(installed_snapshot))
    installed.ok([AGENT, "install", "--confirm"])
    assert states(installed, TRIAL) == ["inactive"]
    stays = changed(installed, before(installed_snapshot))
    assert stays == {each for each in sealed if "portseal-trial" not in each} != sealed
    # The end of a trial that was on its way already changes nothing any more.
    assert installed.sh("cd / && /opt/portseal/bin/python -m agent.install.trial").code == 0
    assert manifest(installed)["stage"] == "confirmed"
    assert states(installed, *RUNNING) == ["active"] * 3
    assert read(installed, LATER) == "0"
    assert installed.sh([AGENT, "install"]).code == 4
