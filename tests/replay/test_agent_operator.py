"""The operator's half over a real broker: notices in, requests out, the operators' own socket."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest

from agent.cli.main import run
from agent.control import ask
from policies.cards.rights import Kind
from policies.grants import Purpose
from tests.replay.agent_controller import TOPIC, Controller
from tests.replay.agent_process import Place, running
from tests.replay.broker_bench import Bench

pytest_plugins = ["tests.replay.agent_on_broker"]

WHO = "张**"


def until(place: Place, holds: Callable[[dict[str, Any]], bool], seconds: float = 15.0) -> dict[str, Any]:
    """Ask as an operator until the status is as it should be."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        told = ask(place.seat, {"do": "status"})
        if told["ok"] and holds(told):
            return told
        time.sleep(0.1)
    raise AssertionError(ask(place.socket, {"do": "status"}))


def test_a_swipe_s_question_is_answered_and_the_port_opens(place: Place, controller: Controller) -> None:
    ends = int(time.time()) + 60
    controller.notice(Kind.NEEDS, "purpose", purposes=(Purpose.CASE, Purpose.OTHER), until=ends)
    told = until(place, lambda told: bool(told["notices"]))
    assert told["notices"][0]["purposes"] == ["case", "other"]
    assert 40 < told["notices"][0]["left"] <= 60
    assert told["broker"] == "connected"
    assert ask(place.seat, {"do": "request", "purpose": "case"})["ok"]
    controller.listen(lambda: bool(controller.requests))
    assert (controller.requests[0].purpose, controller.requests[0].extend) == (Purpose.CASE, None)
    until(place, lambda told: told["request"]["state"] == "confirmed")
    controller.notice(Kind.GRANT, "granted", jti="g-1", who=WHO)
    controller.grant(jti="g-1")
    told = until(place, lambda told: bool(told["leases"]))
    assert (told["leases"][0]["who"], told["leases"][0]["extendable"]) == (WHO, True)
    assert "lease.refused" not in controller.kinds()


def test_the_name_is_on_no_disk_in_no_event_and_in_no_log(
    place: Place, agent: Popen[str], controller: Controller
) -> None:
    controller.notice(Kind.GRANT, "granted", jti="g-1", who=WHO)
    controller.grant(jti="g-1")
    until(place, lambda told: any(each["who"] for each in told["leases"]))
    ask(place.seat, {"do": "relock"})
    controller.wait_for("lease.ended")
    agent.terminate()
    controller.wait_for("agent.stopped")
    log = "" if agent.stderr is None else agent.stderr.read()
    agent.wait()
    mark = WHO.encode()
    assert not [each for each in place.root.rglob("*") if each.is_file() and mark in each.read_bytes()]
    assert not [event for event in controller.events.values() if mark in event.raw or b"\\u5f20" in event.raw]
    assert WHO not in log


def test_more_time_is_asked_for_and_the_stick_stays_open(place: Place, controller: Controller) -> None:
    controller.grant(exp=int(time.time()) + 8, jti="g-1")
    until(place, lambda told: bool(told["leases"]))
    controller.wait_for("usb.opened")
    assert ask(place.seat, {"do": "request", "extend": "g-1"})["ok"]
    controller.listen(lambda: bool(controller.requests) and controller.statuses[-1].ctr == 1)
    assert controller.requests[0].extend == "g-1"
    controller.grant(jti="g-2")
    controller.listen(lambda: controller.kinds().count("lease.opened") == 2)
    controller.wait_for("lease.ended")
    told = until(place, lambda told: len(told["leases"]) == 1)
    assert (told["leases"][0]["lease"], told["leases"][0]["extendable"]) == ("g-2", False)
    assert place.tree.written("1-1/authorized") == "1"
    assert "usb.relocked" not in controller.kinds()
    assert ask(place.seat, {"do": "request", "extend": "g-2"})["exit_code"] == 4


def test_a_retained_notice_is_not_shown_and_makes_no_event(place: Place, bench: Bench, controller: Controller) -> None:
    bench.hang_up()
    bench.broker.stop()
    until(place, lambda told: told["broker"] == "away")
    bench.broker.start(bench.files())
    again = Controller(bench)
    again.notice(Kind.DENIED, "revoked", retain=True)
    until(place, lambda told: told["broker"] == "connected", 40)
    again.notice(Kind.DENIED, "suspended")
    told = until(place, lambda told: bool(told["notices"]))
    assert [each["code"] for each in told["notices"]] == ["suspended"]


class TestABrokerThatIsAway:
    def test_the_operator_is_told_at_once_and_nothing_is_sent_later(
        self, place: Place, bench: Bench, controller: Controller
    ) -> None:
        bench.hang_up()
        bench.broker.stop()
        until(place, lambda told: told["broker"] == "away")
        refused = ask(place.seat, {"do": "request", "purpose": "case"})
        assert refused["exit_code"] == 3
        assert "connection to the controller is down" in refused["error"]["en"]
        bench.broker.start(bench.files())
        again = Controller(bench)
        until(place, lambda told: told["broker"] == "connected", 40)
        assert ask(place.seat, {"do": "request", "purpose": "other"})["ok"]
        again.listen(lambda: bool(again.requests))
        assert [each.purpose for each in again.requests] == [Purpose.OTHER]

    @pytest.mark.parametrize("hangs", [True, False], ids=["it hangs", "it dies"])
    def test_what_a_broker_does_not_confirm_is_given_up_and_never_sent_again(
        self, place: Place, bench: Bench, controller: Controller, hangs: bool
    ) -> None:
        process = bench.broker._process
        assert process is not None
        os.kill(process.pid, signal.SIGSTOP)
        assert ask(place.seat, {"do": "request", "purpose": "case"})["ok"]
        if hangs:
            until(place, lambda told: told["request"]["state"] == "lost")
        process.kill()  # with what it has not read yet
        bench.hang_up()
        bench.broker.stop()
        bench.broker.start(bench.files())
        again = Controller(bench)
        until(place, lambda told: told["request"]["state"] == "lost")
        until(place, lambda told: told["broker"] == "connected", 40)
        assert ask(place.seat, {"do": "request", "purpose": "other"})["ok"]
        again.listen(lambda: bool(again.requests))
        assert [each.purpose for each in again.requests] == [Purpose.OTHER]


class TestTheOperatorsSocket:
    def test_it_is_its_group_s_and_has_no_verb_of_root_s(self, place: Place, controller: Controller) -> None:
        assert place.seat.stat().st_mode & 0o777 == 0o660
        assert place.socket.stat().st_mode & 0o777 == 0o600
        token = controller.token().decode()
        for verb in ("grant", "bind", "unbind", "ack", "events", "lock", "rescue", "challenge", "devices", "census"):
            answer = ask(place.seat, {"do": verb, "token": token})
            assert (answer["ok"], answer["code"]) == (False, "refused"), verb
        assert place.tree.written("1-1/authorized") == "0"
        controller.client.say(f"{TOPIC}/grant", token.encode())
        controller.wait_for("usb.opened")
        assert ask(place.seat, {"do": "relock"})["ok"]
        controller.wait_for("lease.ended")

    def test_the_group_of_its_folder_is_its_group(self, tmp_path: Path) -> None:
        place = Place(tmp_path / "terminal")
        groups = [each for each in ([4242] if os.geteuid() == 0 else os.getgroups()) if each != os.getegid()]
        assert groups, "this account is in one group only: run it as root"
        os.chown(place.operators, -1, groups[0])
        place.operators.chmod(0o2750)
        with running(place):
            assert place.seat.stat().st_gid == groups[0]

    def test_who_asks_too_often_is_told_so_and_root_is_served(self, place: Place, agent: Popen[str]) -> None:
        answers = [ask(place.seat, {"do": "status"}) for _ in range(150)]
        busy = [each for each in answers if each.get("code") == "busy"]
        assert busy
        assert ask(place.socket, {"do": "status"})["ok"]

    def test_without_its_folder_the_agent_works(self, tmp_path: Path) -> None:
        place = Place(tmp_path / "terminal")
        place.operators.rmdir()
        with running(place):
            assert not place.seat.exists()
            assert ask(place.socket, {"do": "status"})["ok"]

    def test_the_command_line_uses_it(
        self, place: Place, controller: Controller, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run(["status"], {}, folder=place.etc) == 0
        assert capsys.readouterr().out.splitlines()[0] == "已锁 · 请刷卡"
        assert run(["--lang", "en", "request", "maintenance"], {}, folder=place.etc) == 0
        controller.listen(lambda: bool(controller.requests))
        assert controller.requests[0].purpose is Purpose.MAINTENANCE
        assert run(["request"], {}, folder=place.etc) == 2
        assert run(["request", "--extend", "no-such"], {}, folder=place.etc) == 2
        assert run(["relock"], {}, folder=place.etc) == 0
