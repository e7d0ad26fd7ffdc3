"""The terminal as a whole: what a grant opens, what ends it, and what is told, over restarts, clocks and full disks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.locks import DeclaredLock
from agent.usb import keeper
from policies.errors import StorageFailed
from policies.grants import Revoke, sign_revoke
from policies.keys import SigningKey
from policies.messages.lock import LockReport, LockState
from policies.texts import t
from policies.usb import Scope
from tests.unit.terminal_bench import BOARD, BOOT, KEY, Bench

OTHER_BOOT = "00000000-d9cb-469f-a165-70867728950e"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.spool.close()


class TestGrants:
    def test_a_grant_opens_what_it_names_until_its_end(self, bench: Bench) -> None:
        assert not bench.is_open("1-1")
        answer = bench.grant(seconds=60)
        assert answer["ok"]
        assert bench.is_open("1-1")
        assert not bench.is_open("1-2")
        bench.look(59)
        assert bench.is_open("1-1")
        bench.look(1.5)
        assert not bench.is_open("1-1")
        assert bench.unmounted == ["1-1"]
        assert bench.told("lease.ended") == [
            {"lease": answer["lease"], "card": "card-1", "why": "expired", "devices": 1, "storage": "clean"}
        ]

    def test_the_end_is_announced_once_half_a_minute_before(self, bench: Bench) -> None:
        bench.grant(seconds=60)
        bench.look(29)
        assert bench.told("lease.ending") == []
        bench.look(2)
        bench.look(2)
        assert [data["seconds"] for data in bench.told("lease.ending")] == [29]

    def test_the_chain_from_grant_to_relock_is_told_in_order(self, bench: Bench) -> None:
        bench.grant(seconds=10)
        bench.look(11)
        kinds = [kind for kind in bench.kinds() if kind.startswith(("lease.", "usb.opened", "usb.relocked"))]
        assert kinds == ["lease.opened", "usb.opened", "usb.relocked", "lease.ended"]
        assert {data["lease"] for kind, data in bench.events() if kind in kinds} == {
            bench.told("lease.opened")[0]["lease"]
        }

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"aud": "T2"}, "terminal"),
            ({"iss": "other"}, "site"),
            ({"boot": OTHER_BOOT}, "boot"),
            ({"nonce": "0" * 32}, "nonce"),
            ({"exp": 1_800_000_000 + 99_999}, "window"),
        ],
    )
    def test_a_grant_that_is_not_for_here_and_now_opens_nothing(
        self, bench: Bench, changes: dict[str, Any], code: str
    ) -> None:
        answer = bench.grant(**changes)
        assert (answer["ok"], answer["code"], answer["exit_code"]) == (False, code, 4)
        assert not bench.is_open("1-1")
        assert bench.told("lease.refused")[0]["code"] == code
        assert bench.grant()["ok"]

    def test_the_same_grant_does_not_count_twice(self, bench: Bench) -> None:
        token = bench.token(seconds=10)
        assert bench.ask("grant", token=token)["ok"]
        bench.look(11)
        answer = bench.ask("grant", token=token)
        assert answer["code"] == "used"
        assert not bench.is_open("1-1")

    def test_noise_is_refused_and_fills_no_spool(self, bench: Bench) -> None:
        for _ in range(50):
            assert bench.ask("grant", token="x.y.z")["code"] == "malformed"
        assert len(bench.told("lease.refused")) == 1

    def test_another_key_is_refused(self, bench: Bench) -> None:
        from policies.grants import read, sign

        stolen = sign(read(bench.token().encode(), KEY.public), SigningKey(bytes(32)))
        assert bench.ask("grant", token=stolen)["code"] == "signature"
        assert not bench.is_open("1-1")

    def test_sixteen_leases_are_enough(self, bench: Bench) -> None:
        nowhere = Scope(("pci-0000:00:14.0-usbv2-0:9",), ("08",), 1, "case")
        assert all(bench.grant(nowhere)["ok"] for _ in range(16))
        assert bench.grant(nowhere)["code"] == "too_many"


class TestEnds:
    def test_a_revocation_shuts_at_once_and_takes_what_is_on_its_way(self, bench: Bench) -> None:
        late = bench.token()
        bench.grant()
        revoke = sign_revoke(Revoke("hq", "T1", "*", 1_800_000_000, ctr=bench.counter), KEY)
        assert len(bench.ask("revoke", token=revoke)["ended"]) == 1
        assert not bench.is_open("1-1")
        assert bench.told("lease.ended")[0]["why"] == "revoked"
        assert bench.ask("grant", token=late)["code"] in ("nonce", "counter")

    def test_a_revocation_for_another_terminal_shuts_nothing(self, bench: Bench) -> None:
        bench.grant()
        revoke = sign_revoke(Revoke("hq", "T2", "*", 1_800_000_000), KEY)
        assert bench.ask("revoke", token=revoke)["code"] == "terminal"
        assert bench.is_open("1-1")

    def test_relock_ends_all(self, bench: Bench) -> None:
        bench.grant()
        assert len(bench.ask("relock")["ended"]) == 1
        assert not bench.is_open("1-1")

    def test_setting_the_clock_back_lengthens_nothing(self, bench: Bench) -> None:
        bench.grant(seconds=60)
        bench.clock.pass_by(30, wall=-7200)
        bench.terminal.look()
        assert bench.told("clock.back") == [{"seconds": 7200}]
        assert bench.is_open("1-1")
        bench.look(31)
        assert not bench.is_open("1-1")

    def test_sleep_counts(self, bench: Bench) -> None:
        bench.grant(seconds=60)
        bench.clock.pass_by(1, slept=600)
        bench.terminal.look()
        assert not bench.is_open("1-1")
        assert bench.told("power.resume") == [{"slept_seconds": 600}]

    def test_nothing_is_open_while_the_machine_falls_asleep(self, bench: Bench) -> None:
        bench.grant(seconds=60)
        (bench.config.run / keeper.ASLEEP).touch()
        bench.look()
        assert not bench.is_open("1-1")
        assert "power.sleep" in bench.kinds()
        (bench.config.run / keeper.ASLEEP).unlink()
        bench.look()
        assert bench.is_open("1-1")

    @pytest.mark.parametrize("asleep", [True, False])
    def test_a_sleep_that_fails_resets_the_controllers_and_is_no_alarm(self, bench: Bench, asleep: bool) -> None:
        bench.ask("bind", at="1-2", name="board", role="keyboard")
        bench.look()
        if asleep:
            (bench.config.run / keeper.ASLEEP).touch()
        bench.tree.unplug("1-2")
        bench.tree.plug("1-2", "046d", "c31c", BOARD, devnum=4)
        bench.look()
        (bench.config.run / keeper.ASLEEP).unlink(missing_ok=True)
        bench.look()
        assert ("tamper.replugged" in bench.kinds()) is not asleep

    @pytest.mark.parametrize("asleep", [True, False])
    def test_so_is_one_that_held_the_agent_for_a_minute(self, bench: Bench, asleep: bool) -> None:
        bench.ask("bind", at="1-2", name="board", role="keyboard")
        flag = bench.config.run / keeper.ASLEEP
        if asleep:
            flag.touch()
        bench.look()
        bench.tree.unplug("1-2")
        bench.tree.plug("1-2", "046d", "c31c", BOARD, devnum=4)
        flag.unlink(missing_ok=True)
        bench.look(60)
        bench.look()
        assert ("tamper.replugged" in bench.kinds()) is not asleep


class TestRestarts:
    def test_a_lease_survives_the_agent(self, bench: Bench) -> None:
        bench.grant(seconds=60)
        bench.restart()
        assert bench.is_open("1-1")
        bench.look(61)
        assert not bench.is_open("1-1")

    def test_a_lease_does_not_survive_the_boot(self, bench: Bench) -> None:
        bench.grant(seconds=60)
        bench.restart(OTHER_BOOT)
        assert not bench.is_open("1-1")
        assert bench.told("lease.ended")[0]["why"] == "reboot"

    def test_a_grant_from_before_a_restart_does_not_count(self, bench: Bench) -> None:
        token = bench.token()
        bench.restart()
        assert bench.ask("grant", token=token)["code"] == "nonce"
        assert bench.grant()["ok"]

    def test_a_damaged_memory_ends_every_lease_and_says_so(self, bench: Bench) -> None:
        bench.grant(seconds=60)
        bench.spool.close()
        path = next(bench.config.state.glob("agent.db"))
        path.write_bytes(b"\0" * 100)
        bench.restart()
        assert not bench.is_open("1-1")
        assert "state.corrupt" in bench.kinds()
        bench.look()
        assert bench.grant()["ok"]

    def test_the_keeper_knows_a_device_before_it_opens(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        seen: list[object] = []
        usb = bench.terminal._enforcer._usb
        admit = usb.admit

        def watched(device: Any, interfaces: frozenset[int], *, bound: bool) -> Any:
            seen.append(json.loads((bench.config.run / keeper.LEASES).read_bytes())["leases"][0]["devices"])
            return admit(device, interfaces, bound=bound)

        monkeypatch.setattr(usb, "admit", watched)
        bench.grant()
        assert seen == [[{"name": "1-1", "devnum": 2}]]

    def test_what_the_keeper_did_is_told_once(self, bench: Bench) -> None:
        record = {"v": 1, "boot": BOOT, "jti": "j", "name": "1-1", "devnum": 2, "why": "ended", "outcome": "clean",
                  "mounts": ["/media/x"], "detail": "", "authorized": False, "at": 5}  # fmt: skip
        folder = bench.config.state / keeper.RECORDS
        folder.mkdir()
        (folder / "a.json").write_text(json.dumps(record))
        bench.look()
        bench.look()
        assert [data["lease"] for data in bench.told("keeper.relocked")] == ["j"]
        assert not list(folder.iterdir())


class TestBadDays:
    def test_a_full_disk_opens_nothing_and_loses_no_event(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        bench.ask("bind", at="1-2", name="board", role="keyboard")
        token = bench.token()
        commit = bench.spool.commit

        def full(*_: object, **__: object) -> Any:
            raise StorageFailed(t("the disk is full"))

        monkeypatch.setattr(bench.spool, "commit", full)
        assert not bench.ask("grant", token=token)["ok"]
        bench.tree.plug("1-3", "0781", "5567", [(0, "08", "06", "50")], devnum=9)
        bench.look()
        assert not bench.is_open("1-1")
        assert not bench.is_open("1-3")
        assert bench.is_open("1-2")
        assert "full" in bench.ask("status")["fault"]
        monkeypatch.setattr(bench.spool, "commit", commit)
        bench.look()
        assert [data["name"] for data in bench.told("usb.blocked")].count("1-3") == 1
        assert bench.ask("status")["fault"] == ""
        assert bench.ask("grant", token=token)["ok"]

    def test_a_run_folder_that_cannot_be_written_opens_no_lease(self, bench: Bench) -> None:
        leases = bench.config.run / keeper.LEASES
        leases.unlink()
        leases.mkdir()
        (leases / "in-the-way").touch()
        bench.grant()
        assert not bench.is_open("1-1")
        assert bench.ask("status")["fault"]
        (leases / "in-the-way").unlink()
        leases.rmdir()
        bench.look()
        assert bench.is_open("1-1")

    def test_a_damaged_list_of_bindings_keeps_the_keyboard_and_says_so(self, bench: Bench) -> None:
        bench.ask("bind", at="1-2", name="board", role="keyboard")
        bench.look()
        bench.config.bindings.write_bytes(b"\xff")
        bench.look()
        bench.look()
        assert bench.is_open("1-2")
        assert len(bench.told("state.corrupt")) == 1


class TestDevices:
    def test_binding_opens_and_unbinding_shuts(self, bench: Bench) -> None:
        assert bench.ask("bind", at="1-2", name="键盘", role="keyboard")["ok"]
        assert bench.is_open("1-2")
        assert bench.ask("unbind", name="键盘")["ok"]
        assert not bench.is_open("1-2")
        assert bench.ask("unbind", name="键盘")["exit_code"] == 2

    def test_binding_what_is_not_there_is_one_line(self, bench: Bench) -> None:
        answer = bench.ask("bind", at="1-9", name="x", role="keyboard")
        assert answer["exit_code"] == 2
        assert "1-9" in answer["error"]["en"]
        assert bench.ask("bind", at="1-2", name="x", role="toaster")["exit_code"] == 2

    def test_a_bound_device_that_is_pulled_is_told_within_a_second(self, bench: Bench) -> None:
        bench.ask("bind", at="1-2", name="board", role="keyboard")
        bench.look()
        bench.tree.unplug("1-2")
        bench.look(0.1)
        assert bench.told("tamper.removed") == []
        assert bench.terminal.wait() < 0.7
        bench.look(0.6)
        assert bench.told("tamper.removed")[0]["bindings"] == ["board"]
        assert bench.ask("status")["away"] == ["board"]


class TestLocks:
    def test_a_lock_that_disagrees_is_told_once(self, tmp_path: Path) -> None:
        bench = Bench(tmp_path, locks=(DeclaredLock("front"),))
        try:
            self._say(bench, 1, LockState.CLOSED)
            bench.look()
            assert [kind for kind in bench.kinds() if kind.startswith("lock.")] == []
            self._say(bench, 2, LockState.OPEN)
            bench.look()
            assert [kind for kind in bench.kinds() if kind.startswith("lock.")] == ["lock.open_without_lease"]
            bench.grant()
            self._say(bench, 3, LockState.OPEN)
            assert bench.ask("status")["locks"] == [{"lock": "front", "state": "open"}]
            assert not bench.ask("lock", report=self._report(1, LockState.CLOSED))["heard"]
        finally:
            bench.spool.close()

    @staticmethod
    def _report(seq: int, state: LockState) -> str:
        return LockReport("front", "T1", 1, seq, 0, state, tamper=False, ctr=1).encode().decode()

    def _say(self, bench: Bench, seq: int, state: LockState) -> None:
        assert bench.ask("lock", report=self._report(seq, state))["heard"]


class TestEventsOut:
    def test_events_leave_when_they_are_acknowledged(self, bench: Bench) -> None:
        raw = bench.ask("events")["events"]
        last = json.loads(raw[-1])["seq"]
        from policies.messages.event import digest

        assert bench.ask("ack", seq=last, digest="0" * 64)["exit_code"] == 2
        assert bench.ask("ack", seq=last, digest=digest(raw[-1].encode()))["acked"] == len(raw)
        assert bench.ask("events")["events"] == []

    @pytest.mark.parametrize(
        "request_", [{}, {"do": 1}, {"do": "grant"}, {"do": "events", "after": -1}, {"do": "bind"}]
    )
    def test_nonsense_is_an_answer(self, bench: Bench, request_: dict[str, Any]) -> None:
        answer = bench.answers.answer(request_)
        assert answer["ok"] is False
        assert answer["exit_code"] == 2
