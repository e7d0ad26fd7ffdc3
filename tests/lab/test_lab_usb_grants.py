"""Grants on a real kernel: what opens, for whom, how often and how it ends; and everything that must open nothing."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from lab.terminal.guest import Image
from lab.terminal.machine import Machine
from lab.terminal.sealed import COPY, Sealed
from policies.keys import SigningKey
from policies.usb import Scope
from tests.lab.terminal_usb import DEVICES, appears, never, read, there, vanishes

pytest_plugins = ["tests.lab.terminal_vm"]
pytestmark = [pytest.mark.lab, pytest.mark.usb]

STICK = f"{DEVICES}/2-1"
READ_ONLY = Scope(("*",), ("08",), 1, "case", read_only=True)
ONCE = Scope(("*",), ("08",), 2, "case", once=True)
AGAIN = Scope(("*",), ("08",), 2, "case")


def plug_stick(sealed: Sealed, name: str = "stick", port: str = "1", content: bytes = b"") -> Path:
    """Plug a stick in, wait until it is refused, and give its file on this machine."""
    guest = sealed.guest
    guest.plug("usb-storage", name, port, drive=guest.disk(name, 16, content), serial=f"S-{name}")
    guest.until(lambda: refused(sealed, f"2-{port}"))
    return guest.folder / f"disk-{name}"


def refused(sealed: Sealed, name: str) -> bool:
    device = sealed.devices().get(name)
    return device is not None and not device["allowed"]


def told(sealed: Sealed, kind: str, **data: Any) -> bool:
    """Tell whether an event of this kind with these members waits."""
    return any(each.kind == kind and data.items() <= each.data.items() for each in sealed.events())


def codes(sealed: Sealed) -> list[str]:
    """Give the reasons of the refused grants, in order."""
    return [each.data["code"] for each in sealed.events() if each.kind == "lease.refused"]


@pytest.mark.clause("7.2b")
class TestWithoutTheController:
    def test_nothing_opens_by_itself_and_events_wait_on_disk_in_order(self, sealed: Sealed) -> None:
        guest = sealed.guest
        plug_stick(sealed)
        guest.unplug("stick")
        guest.until(lambda: "2-1" not in sealed.devices())
        plug_stick(sealed, "second")
        never(guest, "/dev/sda")
        before = [each.raw for each in sealed.events()]
        sealed.stop()
        sealed.start_agent()
        after = [each.raw for each in sealed.events()]
        assert after[: len(before)] == before
        head = sealed.verify(after)
        assert head.seq == len(after)
        kinds = sealed.kinds()
        assert kinds.count("usb.blocked") >= 2
        assert not {"usb.opened", "lease.opened"} & set(kinds)
        # The same stick opens when a grant does come.
        assert sealed.offer(sealed.token())["ok"]
        appears(guest, "/dev/sda")


@pytest.mark.clause("7.2b")
class TestAnOldGrant:
    def test_is_refused_again_after_a_restart_and_on_another_boot(self, sealed: Sealed, terminal_image: Image) -> None:
        guest = sealed.guest
        plug_stick(sealed)
        token = sealed.token()
        answer = sealed.offer(token)
        assert answer["ok"]
        appears(guest, "/dev/sda")
        sealed.talk({"do": "relock"})
        vanishes(guest, "/dev/sda")
        assert sealed.offer(token)["code"] == "used"
        sealed.stop()
        sealed.start_agent()
        assert sealed.offer(token)["code"] == "used"
        stale = sealed.status()["nonce"]
        assert sealed.offer(sealed.token())["ok"]
        appears(guest, "/dev/sda")
        sealed.talk({"do": "relock"})
        vanishes(guest, "/dev/sda")
        assert sealed.offer(sealed.token(nonce=stale))["code"] == "nonce"
        assert sealed.offer(sealed.token(ctr=1))["code"] == "counter"
        assert sealed.offer(sealed.token(boot="00000000-0000-4000-8000-000000000000"))["code"] == "boot"
        never(guest, "/dev/sda")
        assert codes(sealed) == ["used", "used", "nonce", "counter", "boot"]
        assert all(each.data["lease"] for each in sealed.events() if each.kind == "lease.refused")

    def test_of_the_last_boot_counts_neither_as_token_nor_as_lease(
        self, sealed: Sealed, terminal_image: Image, tmp_path: Path
    ) -> None:
        """The disk is carried into another guest: what survives is what a power cut leaves."""
        guest = sealed.guest
        plug_stick(sealed)
        unused, token = sealed.token(), sealed.token(seconds=600)
        assert sealed.offer(token)["ok"]
        appears(guest, "/dev/sda")
        sealed.stop()
        files = {name: guest.get(f"/var/lib/portseal-agent/{name}") for name in ("agent.db", "agent.key", "head")}
        files["agent.db-wal"] = guest.get("/var/lib/portseal-agent/agent.db-wal")
        guest.close()
        with Sealed.restore(Machine(terminal_image)) as later:
            later.counter = sealed.counter
            reboot(later, files)
            plug_stick(later)
            for each in (token, unused):
                assert later.offer(each)["code"] in ("used", "boot")
            never(later.guest, "/dev/sda")
            assert told(later, "lease.ended", why="reboot")
            assert later.status()["boot"] == 2
            assert later.offer(later.token())["ok"]
            appears(later.guest, "/dev/sda")
            later.verify([each.raw for each in later.events()])


def reboot(sealed: Sealed, files: dict[str, bytes]) -> None:
    """Start the agent as after a power cut: what was on the disk is there, nothing of /run, and another boot id."""
    guest = sealed.guest
    sealed.stop()
    sealed.stop("keeper")
    guest.ok("rm -rf /var/lib/portseal-agent/* /run/portseal-agent/*")
    for name, data in files.items():
        guest.put(data, f"/var/lib/portseal-agent/{name}", 0o600)
    guest.ok("tr -d '\\n' < /proc/sys/kernel/random/uuid > /run/boot_id && echo >> /run/boot_id")
    guest.ok("mount --bind /run/boot_id /proc/sys/kernel/random/boot_id")
    sealed.start_keeper()
    sealed.start_agent()


@pytest.mark.clause("7.2b")
class TestAGrantThatIsNotForThisTerminal:
    def test_opens_nothing_whatever_is_wrong_with_it(self, sealed: Sealed) -> None:
        plug_stick(sealed)
        stranger = SigningKey(hashlib.sha256(b"another site").digest())
        good = sealed.token()
        header, payload, signature = good.split(".")
        none = encoded({"alg": "none", "typ": "portseal-grant+jwt"})
        for token, code in (
            (sealed.token(aud="terminal-2"), "terminal"),
            (sealed.token(iss="elsewhere"), "site"),
            (sealed.token(key=stranger), "signature"),
            (f"{none}.{payload}.", "algorithm"),
            (f"{none}.{payload}.{signature}", "algorithm"),
            (f"{encoded({'alg': 'HS256', 'typ': 'portseal-grant+jwt'})}.{payload}.{signature}", "algorithm"),
            (good[:-1], "malformed"),
            (good[: len(good) // 2], "malformed"),
            (f"{header}.{payload}", "malformed"),
            (f"{header}.{payload[:-4]}.{signature}", "signature"),
            ("x" * 5000, "size"),
        ):
            answer = sealed.offer(token)
            assert (answer["ok"], answer["code"]) == (False, code)
        never(sealed.guest, "/dev/sda")
        assert {"terminal", "site", "signature", "algorithm", "malformed", "size"} == set(codes(sealed))
        assert sealed.offer(good)["ok"]
        appears(sealed.guest, "/dev/sda")

    def test_two_hundred_damaged_ones_leave_the_agent_alive_and_the_gate_shut(self, sealed: Sealed) -> None:
        plug_stick(sealed)
        guest, good = sealed.guest, sealed.token()
        pid = guest.ok("cat /run/agent.pid")
        guest.put(good.encode(), "/run/good")
        assert sealed.finish("fuzz", FUZZ, 120) == 0
        answers = json.loads(guest.read("/run/fuzz.log"))
        assert sum(answers.values()) == 200
        assert not {"accepted", "none"} & answers.keys()
        assert len(answers) >= 4, answers
        assert guest.ok("cat /run/agent.pid") == pid
        never(guest, "/dev/sda")
        assert sealed.status()["leases"] == []
        assert len(codes(sealed)) < 50, "a flood of what nobody signed must not fill the disk"
        assert sealed.offer(good)["ok"]
        appears(guest, "/dev/sda")


#: Sends the token in /run/good 200 times, each time damaged in another way, and counts the answers.
FUZZ = """
import collections, json, random, socket
from pathlib import Path
from agent.control import ask
from policies.errors import PortsealError

place, good, dice = Path("/run/portseal-agent/control.sock"), Path("/run/good").read_text(), random.Random(7)
counted = collections.Counter()
for number in range(196):
    token = list(good)
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(token))
        act = number % 4
        if act == 0:
            token[at] = chr(dice.randrange(1, 256))
        elif act == 1:
            del token[at:at + dice.randint(1, 40)]
        elif act == 2:
            token[at:at] = dice.choices("AZaz09-_.=\\u00e9\\u0000", k=dice.randint(1, 5000))
        else:
            parts = "".join(token).split(".")
            dice.shuffle(parts)
            token = list(".".join(parts[:dice.randint(1, 3)]) + "x") or ["x"]
        if not token:
            token = ["x"]
    answer = ask(place, {"do": "grant", "token": "".join(token)})
    counted["accepted" if answer["ok"] else answer["code"]] += 1
for strange in ({"do": "grant", "token": 5}, {"do": "grant"}, {"do": ["grant"]}, {"do": "grant", "token": ""}):
    answer = ask(place, strange)
    counted["accepted" if answer["ok"] else answer["code"]] += 1
for line in (b"{", b"[" * 60000 + b"\\n", b"null\\n", b"\\xff\\xfe\\n", b"x" * 70000):
    with socket.socket(socket.AF_UNIX) as link:
        link.connect(str(place))
        try:
            link.sendall(line)
        except OSError:
            pass
print(json.dumps(counted))
"""


def encoded(header: dict[str, str]) -> str:
    """Give a token's header as it stands in one."""
    return base64.urlsafe_b64encode(json.dumps(header, separators=(",", ":")).encode()).rstrip(b"=").decode()


@pytest.mark.clause("7.2c")
class TestWhatWasWritten:
    def test_is_on_the_stick_when_the_lease_expires_under_it(self, sealed: Sealed) -> None:
        guest, data = sealed.guest, hashlib.shake_256(b"video").digest(3 << 20)
        image = plug_stick(sealed, content=formatted(sealed))
        assert sealed.offer(sealed.token(seconds=30))["ok"]
        appears(guest, "/dev/sda")
        guest.ok("mkdir -p /mnt && mount /dev/sda /mnt")
        guest.put(data, "/mnt/video.bin")
        # Written a moment ago and synced by nobody: most of it is in memory only.
        assert "/mnt" in guest.ok("cat /proc/mounts")
        vanishes(guest, "/dev/sda")
        guest.until(lambda: told(sealed, "lease.ended", why="expired", storage="clean"))
        assert "/mnt" not in guest.ok("cat /proc/mounts")
        assert data in unfragmented(image, data)
        assert sealed.offer(sealed.token())["ok"]
        appears(guest, "/dev/sda")
        guest.ok("e2fsck -n /dev/sda")
        guest.ok("mount -o ro /dev/sda /mnt")
        assert guest.get("/mnt/video.bin") == data

    def test_a_busy_stick_is_cut_loose_at_the_deadline_and_said_so(self, sealed: Sealed) -> None:
        guest = sealed.guest
        plug_stick(sealed, content=formatted(sealed))
        assert sealed.offer(sealed.token())["ok"]
        appears(guest, "/dev/sda")
        guest.ok("mkdir -p /mnt && mount /dev/sda /mnt && echo whole > /mnt/file")
        guest.ok("setsid sh -c 'exec 9>>/mnt/held; sleep 600' > /dev/null 2>&1 &")
        guest.until(lambda: there(guest, "/mnt/held"))
        sealed.talk({"do": "relock"})
        vanishes(guest, "/dev/sda")
        guest.until(lambda: told(sealed, "lease.ended", why="relocked", storage="lazily"))
        assert "/mnt" not in guest.ok("cat /proc/mounts")


def formatted(sealed: Sealed) -> bytes:
    """Make an ext4 file system in the guest, and give it: this machine may have no mke2fs."""
    sealed.guest.ok("truncate -s 8M /run/fs && mke2fs -q -F -t ext4 -O ^has_journal /run/fs")
    data = sealed.guest.get("/run/fs")
    sealed.guest.ok("rm /run/fs")
    return data


def unfragmented(image: Path, data: bytes) -> bytes:
    """Give the stick's bytes on this machine, from where the data begins on."""
    held = image.read_bytes()
    start = held.find(data[:4096])
    assert start >= 0
    return held[start : start + len(data)]


@pytest.mark.clause("7.2b")
class TestLimits:
    @pytest.mark.parametrize("scope", [READ_ONLY, COPY], ids=["read_only", "writable"])
    def test_a_read_only_lease_cannot_be_written_through(self, sealed: Sealed, scope: Scope) -> None:
        guest = sealed.guest
        image = plug_stick(sealed, content=b"evidence".ljust(4096, b"."))
        assert sealed.offer(sealed.token(scope))["ok"]
        appears(guest, "/dev/sda")
        guest.ok("udevadm settle --timeout=20")
        assert read(guest, "/sys/class/block/sda/ro") == ("1" if scope.read_only else "0")
        wrote = guest.sh("echo changed | dd of=/dev/sda bs=512 count=1 conv=fsync,notrunc")
        assert (wrote.code != 0) == scope.read_only
        assert image.read_bytes().startswith(b"evidence" if scope.read_only else b"changed")

    @pytest.mark.parametrize("scope", [ONCE, AGAIN], ids=["once", "again"])
    def test_once_means_that_a_pulled_stick_does_not_open_again(self, sealed: Sealed, scope: Scope) -> None:
        guest = sealed.guest
        plug_stick(sealed)
        assert sealed.offer(sealed.token(scope))["ok"]
        appears(guest, "/dev/sda")
        guest.unplug("stick")
        vanishes(guest, STICK)
        guest.plug("usb-storage", "again", "1", drive=guest.disk("again"), serial="S-stick")
        appears(guest, STICK)
        if scope.once:
            never(guest, "/dev/sda")
            assert sealed.devices()["2-1"]["code"] == "once"
        else:
            appears(guest, "/dev/sda")

    def test_a_revocation_and_a_second_swipe_end_it_and_a_new_grant_opens_again(self, sealed: Sealed) -> None:
        guest = sealed.guest
        plug_stick(sealed)
        first, second = sealed.token(), ""
        lease = sealed.offer(first)["lease"]
        appears(guest, "/dev/sda")
        assert sealed.revoke("another")["ok"]
        assert read(guest, f"{STICK}/authorized") == "1"
        assert sealed.revoke(lease)["ok"]
        vanishes(guest, "/dev/sda")
        assert told(sealed, "lease.ended", lease=lease, why="revoked")
        second = sealed.token()
        lease = sealed.offer(second)["lease"]
        appears(guest, "/dev/sda")
        assert sealed.ask("relock").code == 0
        vanishes(guest, "/dev/sda")
        assert told(sealed, "lease.ended", lease=lease, why="relocked")
        assert sealed.offer(sealed.token())["ok"]
        appears(guest, "/dev/sda")
        kinds = sealed.kinds()
        assert (kinds.count("usb.opened"), kinds.count("usb.relocked")) == (3, 2)


@pytest.mark.clause("7.2b")
def test_what_root_opens_by_hand_is_shut_by_the_next_pass_and_told(sealed: Sealed) -> None:
    guest = sealed.guest
    plug_stick(sealed)
    assert "gate.foreign_authorise" not in sealed.kinds()
    by_hand = (
        f"echo 1 > {STICK}/authorized; sleep 0.1; echo 1 > {STICK}/2-1:1.0/authorized; "
        "echo 2-1:1.0 > /sys/bus/usb/drivers_probe"
    )
    guest.sh(by_hand)
    guest.until(lambda: read(guest, f"{STICK}/authorized") == "0")
    guest.until(lambda: told(sealed, "gate.foreign_authorise", name="2-1", serial="S-stick"))
    never(guest, "/dev/sda")
    # While the agent is stopped, the same opens it.
    sealed.stop("agent", "STOP")
    guest.ok(by_hand)
    appears(guest, "/dev/sda")
    sealed.stop("agent", "CONT")
    vanishes(guest, "/dev/sda")
