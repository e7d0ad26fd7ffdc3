"""What the product relies on, tried on a real USB stack: each fact with the arm in which the opposite happens."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from lab.terminal import api
from lab.terminal.gadget import Cables, Gadget, Identity
from lab.terminal.guest import Image
from lab.terminal.machine import Machine
from lab.terminal.vm import Snapshot, Terminal
from policies.errors import DeviceTimeout, EquipmentError, NotFound
from tests.lab.terminal_usb import DEVICES, LATER, appears, never, read, there, vanishes, write

pytest_plugins = ["tests.lab.terminal_vm"]
pytestmark = [pytest.mark.lab, pytest.mark.usb]

STICK, KEYBOARD = f"{DEVICES}/2-1", f"{DEVICES}/1-2"
NUMBERS = ("busnum", "devnum")
#: Reads a device's descriptor by a control transfer, then claims its first interface; argv is its file in /dev/bus/usb.
#: USBDEVFS_CONTROL and USBDEVFS_CLAIMINTERFACE, linux/usbdevice_fs.h.
USBFS = """
import ctypes, errno, fcntl, os, struct, sys
device = os.open(sys.argv[1], os.O_RDWR)
data = ctypes.create_string_buffer(18)
asked = struct.pack("=BBHHHI4xQ", 0x80, 6, 0x100, 0, 18, 5000, ctypes.addressof(data))
print(fcntl.ioctl(device, 0xC0185500, bytearray(asked)))
try:
    fcntl.ioctl(device, 0x8004550F, struct.pack("I", 0))
    print("claimed")
except OSError as error:
    print(errno.errorcode[error.errno])
"""


class TestTheKernelsGate:
    def test_a_stick_waits_opens_and_shuts(self, terminal: Terminal) -> None:
        terminal.plug("usb-storage", "stick", "1", drive=terminal.disk("stick"), serial="S-1")
        appears(terminal, STICK)
        never(terminal, "/dev/sda")
        assert read(terminal, f"{STICK}/authorized") == "0"
        assert not there(terminal, f"{STICK}/2-1:*")
        assert read(terminal, f"{STICK}/serial") == "S-1"
        write(terminal, f"{STICK}/authorized", "1")
        appears(terminal, "/dev/sda")
        write(terminal, f"{STICK}/authorized", "0")
        vanishes(terminal, "/dev/sda")
        assert there(terminal, STICK)

    def test_without_the_gate_a_stick_opens_by_itself(self, terminal: Terminal) -> None:
        write(terminal, f"{DEVICES}/usb2/authorized_default", "1")
        terminal.plug("usb-storage", "stick", "1", drive=terminal.disk("stick"))
        appears(terminal, "/dev/sda")

    def test_a_refused_stick_answers_root_at_its_control_endpoint_and_nowhere_else(self, terminal: Terminal) -> None:
        """A limit of USB authorization that docs/threats.md tells of, and where it ends."""
        terminal.plug("usb-storage", "stick", "1", drive=terminal.disk("stick"), serial="S-1")
        appears(terminal, STICK)
        node = "/dev/bus/usb/{:03}/{:03}".format(*(int(read(terminal, f"{STICK}/{each}")) for each in NUMBERS))
        terminal.put(USBFS.encode(), "/run/usbfs.py")
        assert terminal.ok(["python3", "/run/usbfs.py", node]).split() == ["18", "ENOENT"]
        write(terminal, f"{STICK}/authorized", "1")
        appears(terminal, f"{STICK}/2-1:1.0/driver")
        # The control: now there is an interface, and a driver has it.
        assert terminal.ok(["python3", "/run/usbfs.py", node]).split() == ["18", "EBUSY"]

    def test_a_keyboard_is_no_input_until_it_is_let_in(self, terminal: Terminal) -> None:
        events = "/dev/input/by-path/*usb*kbd"
        terminal.plug("usb-kbd", "keyboard", "2")
        appears(terminal, KEYBOARD)
        never(terminal, events)
        assert read(terminal, f"{KEYBOARD}/authorized") == "0"
        write(terminal, f"{KEYBOARD}/authorized", "1")
        appears(terminal, events)
        write(terminal, f"{KEYBOARD}/authorized", "0")
        vanishes(terminal, events)

    def test_without_the_gate_a_keyboard_types_by_itself(self, terminal: Terminal) -> None:
        write(terminal, f"{DEVICES}/usb1/authorized_default", "1")
        terminal.plug("usb-kbd", "keyboard", "2")
        appears(terminal, "/dev/input/by-path/*usb*kbd")

    @pytest.mark.parametrize("later", ["0", "1"])
    def test_a_controller_that_comes_later_takes_the_modules_parameter(self, terminal: Terminal, later: str) -> None:
        """Not what was written to the controllers that were there, which say the opposite here."""
        write(terminal, LATER, later)
        for bus in ("usb1", "usb2"):
            write(terminal, f"{DEVICES}/{bus}/authorized_default", "1" if later == "0" else "0")
        terminal.plug_controller("dock")
        appears(terminal, f"{DEVICES}/usb4")
        assert [read(terminal, f"{DEVICES}/{bus}/authorized_default") for bus in ("usb3", "usb4")] == [later, later]
        terminal.plug("usb-kbd", "keyboard", "1", bus="dock.0")
        appears(terminal, f"{DEVICES}/3-1")
        terminal.until(lambda: read(terminal, f"{DEVICES}/3-1/authorized") == later)
        terminal.unplug("dock")
        vanishes(terminal, f"{DEVICES}/usb3")

    def test_a_stick_with_a_hidden_keyboard_is_seen_before_and_let_in_by_half(self, terminal: Terminal) -> None:
        cables = Cables(terminal)
        bad = Gadget(cables, "bad", Identity(), ("mass_storage", "keyboard"))
        device = f"{DEVICES}/{bad.path}"
        write(terminal, f"{DEVICES}/{cables.buses[0]}/interface_authorized_default", "0")
        bad.plug()
        appears(terminal, f"{device}/descriptors")
        assert read(terminal, f"{device}/authorized") == "0"
        assert interface_classes(terminal.get(f"{device}/descriptors")) == [8, 3]
        assert not there(terminal, f"{device}:*")
        write(terminal, f"{device}/authorized", "1")
        appears(terminal, f"{device}:1.1")
        write(terminal, f"{device}:1.0/authorized", "1")
        write(terminal, "/sys/bus/usb/drivers_probe", f"{bad.path}:1.0")
        appears(terminal, "/dev/sda")
        never(terminal, f"{device}:1.1/driver")
        assert there(terminal, f"{device}:1.0/driver")

    def test_a_stick_with_a_hidden_keyboard_types_when_it_is_let_in_whole(self, terminal: Terminal) -> None:
        bad = Gadget(Cables(terminal), "bad", Identity(), ("mass_storage", "keyboard"))
        bad.plug()
        appears(terminal, f"{DEVICES}/{bad.path}/authorized")
        write(terminal, f"{DEVICES}/{bad.path}/authorized", "1")
        appears(terminal, f"{DEVICES}/{bad.path}:1.1/driver")

    def test_what_comes_back_as_another_is_shut_and_has_other_descriptors(self, terminal: Terminal) -> None:
        stick = Gadget(Cables(terminal), "stick", Identity(), ("mass_storage",))
        device = f"{DEVICES}/{stick.path}"
        shapes = []
        for functions in (("mass_storage",), ("mass_storage",), ("mass_storage", "keyboard")):
            stick.change(Identity(), functions)
            stick.plug()
            appears(terminal, f"{device}/descriptors")
            assert read(terminal, f"{device}/authorized") == "0"
            write(terminal, f"{device}/authorized", "1")
            shapes.append(terminal.get(f"{device}/descriptors"))
            stick.unplug()
            vanishes(terminal, device)
        assert shapes[0] == shapes[1] != shapes[2]

    def test_twins_cannot_be_told_apart(self, terminal: Terminal) -> None:
        cables = Cables(terminal, 2)
        first = Gadget(cables, "first", Identity(), ("mass_storage",), 0)
        second = Gadget(cables, "second", Identity(), ("mass_storage",), 1)
        other = Identity(serial="0002")
        paths = []
        for gadget in (first, second):
            gadget.plug()
            appears(terminal, f"{DEVICES}/{gadget.path}/descriptors")
            paths.append(f"{DEVICES}/{gadget.path}")
        for name in ("descriptors", "serial", "idVendor", "idProduct", "product"):
            assert terminal.get(f"{paths[0]}/{name}") == terminal.get(f"{paths[1]}/{name}")
        second.unplug()
        vanishes(terminal, paths[1])
        second.change(other, ("mass_storage",))
        second.plug()
        appears(terminal, f"{paths[1]}/serial")
        assert read(terminal, f"{paths[1]}/serial") == "0002"


def interface_classes(descriptors: bytes) -> list[int]:
    """Give bInterfaceClass of every interface descriptor (USB 2.0, 9.6.5), in order."""
    found, at = [], 0
    while at < len(descriptors):
        length, kind = descriptors[at], descriptors[at + 1]
        if kind == 4:
            found.append(descriptors[at + 5])
        at += length
    return found


class TestTheGuest:
    def test_the_agent_runs_in_it(self, terminal: Terminal) -> None:
        census = json.loads(terminal.ok("/opt/portseal/bin/portseal-agent census --json"))
        assert [each["authorized_default"] for each in census["controllers"]] == [0, 0]
        assert census["new_controllers"] == 0
        terminal.ok('python3 -c "import agent, cryptography, pyudev, paho; pyudev.Context()"')

    def test_a_command_answers_with_its_code_its_words_and_its_times(self, terminal: Terminal) -> None:
        result = terminal.sh("cat; echo said >&2; sleep 0.2; exit 7", stdin=b"given ")
        assert (result.code, result.output) == (7, "given said\n")
        assert result.ended - result.started >= 0.2
        assert terminal.sh(["printf", "%s", "a b; c"]).output == "a b; c"
        with pytest.raises(EquipmentError, match="failed with 7"):
            terminal.ok("exit 7")

    def test_a_background_job_does_not_hold_the_answer(self, terminal: Terminal) -> None:
        result = terminal.sh("setsid sleep 600 & echo $!", 20)
        assert result.code == 0
        assert terminal.sh(f"kill -0 {int(result.output)}").code == 0

    def test_a_command_that_does_not_end_is_killed_and_the_guest_goes_on(self, terminal: Terminal) -> None:
        with pytest.raises(DeviceTimeout, match="begun"):
            terminal.sh("echo begun; sleep 600", 0.5)
        assert terminal.sh("grep -x sleep /proc/[0-9]*/comm").code == 1
        assert terminal.ok("echo on") == "on\n"

    def test_files_go_in_and_out(self, terminal: Terminal) -> None:
        data = os.urandom(3 << 20)
        terminal.put(data, "/root/new/file", 0o600)
        assert terminal.get("/root/new/file") == data
        assert terminal.ok("stat -c %a /root/new/file") == "600\n"
        with pytest.raises(EquipmentError, match="FileNotFoundError"):
            terminal.get("/root/none")

    def test_every_guest_of_a_snapshot_has_its_own_randomness_boot_and_the_right_time(
        self, terminal_snapshot: Snapshot
    ) -> None:
        ask = "cat /proc/sys/kernel/random/boot_id; head -c 16 /dev/urandom | xxd -p; date +%s"
        answers = []
        for _ in range(2):
            with Terminal.restore(terminal_snapshot) as each:
                answers.append(each.ok(ask).split())
                assert abs(int(answers[-1][2]) - time.time()) < 30
        assert answers[0][0] != answers[1][0]
        assert answers[0][1] != answers[1][1]

    def test_without_setting_the_clock_the_guest_is_in_the_past(
        self, terminal_image: Image, terminal_snapshot: Snapshot, tmp_path: Path
    ) -> None:
        with Terminal.further(terminal_snapshot, Machine(terminal_image), tmp_path) as each:
            each.ok("date -s @1000000000")
            past = each.save(tmp_path)
        with Terminal.restore(past, set_clock=False) as each:
            assert int(each.ok("date +%s")) < 1_000_010_000
        with Terminal.restore(past) as each:
            assert abs(int(each.ok("date +%s")) - time.time()) < 30

    def test_a_snapshot_does_not_fit_another_machine(self, terminal_snapshot: Snapshot, terminal_image: Image) -> None:
        with pytest.raises(EquipmentError, match="another machine"):
            Terminal.restore(terminal_snapshot, Machine(terminal_image, sealed=False))

    def test_the_network_is_shut_unless_it_is_asked_for(
        self, terminal: Terminal, terminal_snapshot: Snapshot, terminal_image: Image, tmp_path: Path
    ) -> None:
        (tmp_path / "index.html").write_text("here", "utf-8")
        server = subprocess.Popen(
            [sys.executable, "-u", "-m", "http.server", "--bind", "127.0.0.1", "--directory", str(tmp_path), "0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            assert server.stdout is not None
            port = server.stdout.readline().split("port ")[1].split()[0]
            lines = (
                "import socket",
                f"line = socket.create_connection(('10.0.2.2', {port}), 5)",
                "line.sendall(b'GET / HTTP/1.0\\r\\n\\r\\n')",
                "print(line.makefile().read().split()[-1])",
            )
            fetch = ["python3", "-c", "\n".join(lines)]
            with Terminal.restore(terminal_snapshot, Machine(terminal_image, reach_host=True)) as other:
                assert other.ok(fetch) == "here\n"
            refused = terminal.sh(fetch)
            assert refused.code != 0
            assert "create_connection" in refused.output
        finally:
            server.kill()
            server.communicate()


class TestPowerLoss:
    def test_what_is_synced_to_the_state_disk_survives_and_the_rest_does_not(
        self, terminal_snapshot: Snapshot, tmp_path: Path
    ) -> None:
        disk = tmp_path / "state.img"
        write_files = "mkdir -p {0} && cd {0} && for n in $(seq 40); do echo $n > f$n; done"
        with Terminal.restore(terminal_snapshot) as first:
            first.attach_state(disk)
            first.mount_state()
            first.ok(f"{write_files.format('/var/lib/portseal/synced')} && sync")
            first.ok(f"{write_files.format('/var/lib/portseal/careless')}; echo lost > /root/file")
            first.kill()
            assert not first.running()
            with pytest.raises(EquipmentError):
                first.sh("true")
        with Terminal.restore(terminal_snapshot) as second:
            second.attach_state(disk)
            second.mount_state()
            for name, whole in (("synced", True), ("careless", False)):
                found = second.sh(f"cd /var/lib/portseal/{name} && cat f*").output.split()
                assert (len(found) == 40) == whole
            assert not there(second, "/root/file")

    def test_a_guest_whose_owner_is_killed_dies_and_its_folder_is_removed(self, terminal_snapshot: Snapshot) -> None:
        code = (
            "import sys, pickle, threading, time\n"
            "from lab.terminal.vm import Terminal\n"
            "snapshot = pickle.load(sys.stdin.buffer)\n"
            "def begin():\n"
            "    guest = Terminal.restore(snapshot)\n"
            "    print(guest.pid, guest.folder, flush=True)\n"
            # A thread that ends must not take the guest with it; the process must.
            "thread = threading.Thread(target=begin); thread.start(); thread.join(); time.sleep(600)\n"
        )
        owner = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            assert owner.stdin is not None
            assert owner.stdout is not None
            import pickle

            owner.stdin.write(pickle.dumps(terminal_snapshot))
            owner.stdin.close()
            pid, folder = owner.stdout.readline().decode().split()
            time.sleep(0.5)
            assert alive(int(pid))
            assert api.Running(Path(folder)) in api.running()
        finally:
            owner.send_signal(signal.SIGKILL)
            owner.wait()
            assert owner.stdout is not None
            owner.stdout.close()
        deadline = time.monotonic() + 20
        while alive(int(pid)) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not alive(int(pid))
        assert api.Running(Path(folder)) not in api.running()
        with Terminal.restore(terminal_snapshot):
            assert not Path(folder).exists()

    def test_the_end_of_the_guest_is_an_error_with_its_last_words(self, terminal: Terminal) -> None:
        terminal.sh("echo 1 > /proc/sys/kernel/sysrq; echo the end > /dev/console")
        with pytest.raises(EquipmentError, match="the end"):
            terminal.sh("poweroff -f; sleep 60")


def alive(pid: int) -> bool:
    """Tell whether a process runs; one that only waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class TestAPersonsTerminal:
    def test_devices_are_plugged_in_and_pulled_out_by_another_process(self, terminal: Terminal) -> None:
        other = api.Running(terminal.folder)
        assert other in api.running()
        for _ in range(2):
            other.plug("stick", "mine", "1", "S-9")
            appears(terminal, f"{STICK}/serial")
            assert read(terminal, f"{STICK}/serial") == "S-9"
            other.unplug("mine")
            vanishes(terminal, STICK)
            time.sleep(0.5)
        with pytest.raises(NotFound, match="stick, keyboard"):
            other.plug("toaster", "mine", "1")

    def test_the_console_has_a_shell_with_the_agent(self, terminal_snapshot: Snapshot) -> None:
        with Terminal.restore(terminal_snapshot) as guest_:
            api.open_shell(guest_)
            typed, keys = os.pipe()
            seen, screen = os.pipe()
            relay = threading.Thread(target=api.console, args=(guest_.folder, typed, screen))
            relay.start()
            os.write(keys, b"echo $((6*7))-$(portseal-agent --version)-\n")
            output = b""
            while b"42-portseal-agent 0" not in output:
                output += os.read(seen, 4096)
            os.write(keys, api.LEAVE)
            relay.join(20)
            assert not relay.is_alive()
            for each in (typed, keys, seen, screen):
                os.close(each)
