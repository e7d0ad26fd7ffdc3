"""The operator's view on a pseudo-terminal, in front of the real agent on a real broker: seen, pressed, and left."""

from __future__ import annotations

import signal
import time
from subprocess import Popen

import pytest

from policies.cards.rights import Kind
from policies.grants import Purpose
from tests.replay.agent_controller import Controller
from tests.replay.agent_process import Place, running
from tests.replay.broker_bench import Bench
from tests.replay.pty_screen import viewing

pytest_plugins = ["tests.replay.agent_on_broker"]

WHO = "张**"
WORDS = {
    "zh": {"shut": "已锁 · 请刷卡", "purpose": "请选择用途", "open": "已开放", "again": "已重新锁定",
           "who": "开放人：张**", "refused": "未开放", "why": "该卡已注销"},
    "en": {"shut": "SHUT · PLEASE SWIPE", "purpose": "CHOOSE THE PURPOSE", "open": "OPEN", "again": "LOCKED AGAIN",
           "who": "Opened by 张**", "refused": "NOT OPENED", "why": "The card has been revoked."},
}  # fmt: skip


@pytest.mark.parametrize("language", ["zh", "en"])
def test_an_operator_opens_the_port_in_three_actions_and_locks_it_in_one(
    place: Place, controller: Controller, language: str
) -> None:
    words, actions = WORDS[language], []
    place.tree.unplug("1-1")
    with viewing(place.etc, language) as screen:
        screen.wait_for(words["shut"], "[1]", "[2]", "[3]")
        actions.append("swipe")
        controller.notice(Kind.NEEDS, "purpose", purposes=(Purpose.CASE,), until=int(time.time()) + 60)
        screen.wait_for(words["purpose"], "[1]", gone="[2]")
        actions.append("purpose")
        screen.press("1")
        controller.listen(lambda: bool(controller.requests))
        controller.notice(Kind.GRANT, "granted", jti="g-1", who=WHO)
        controller.grant(jti="g-1")
        screen.wait_for(words["open"], words["who"])
        actions.append("plug")
        place.tree.plug("1-1", "0781", "5567", [(0, "08", "06", "50")], serial="4C53", devnum=9, product="Ultra")
        place.tree.interfaces("1-1")
        screen.wait_for(words["open"], "Ultra", "[e]", "[l]")
        assert place.tree.written("1-1/authorized") == "1"
        assert len(actions) <= 3
        screen.press("l")
        screen.wait_for(words["again"])
        assert place.tree.written("1-1/authorized") == "0"


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_refusal_says_why(place: Place, controller: Controller, language: str) -> None:
    with viewing(place.etc, language) as screen:
        screen.wait_for(WORDS[language]["shut"])
        controller.notice(Kind.DENIED, "revoked")
        screen.wait_for(WORDS[language]["refused"], WORDS[language]["why"])


@pytest.mark.parametrize("kind", ["linux", "xterm", "vt100"])
def test_every_kind_of_terminal_and_size_shows_the_state(place: Place, controller: Controller, kind: str) -> None:
    with viewing(place.etc, "zh", kind=kind) as screen:
        screen.wait_for("已锁 · 请刷卡", "[1] 案件视频调取", "hq · T1")
        for rows, columns in ((40, 132), (24, 80), (12, 30), (6, 20), (30, 100)):
            screen.resize(rows, columns)
            screen.wait_for("已锁 · 请刷卡")
        controller.grant(exp=int(time.time()) + 25)
        screen.wait_for("即将关闭")
        screen.press("q")
        assert screen.ended() == 0
        assert screen.after() == screen.before
        assert b"Traceback" not in screen.raw


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_the_terminal_is_as_it_was_when_the_view_is_told_to_stop(
    place: Place, agent: Popen[str], number: signal.Signals
) -> None:
    with viewing(place.etc, "zh") as screen:
        screen.wait_for("已锁")
        assert screen.after() != screen.before
        screen.process.send_signal(number)
        assert screen.ended() == 0
        assert screen.after() == screen.before
        assert screen.raw.rstrip().endswith(b"\x1b[?1l\x1b>") or b"\x1b[?1049l" in screen.raw
        assert b"Traceback" not in screen.raw


def test_an_agent_that_dies_and_comes_back_is_seen(place: Place, bench: Bench) -> None:
    with running(place), viewing(place.etc, "zh") as screen:
        screen.wait_for("已锁 · 请刷卡")
        bench.broker.stop()
        screen.wait_for("已锁 · 连接中断", "应急码", gone="[1]")
    with running(place) as process, viewing(place.etc, "zh") as screen:
        screen.wait_for("已锁 · 连接中断")
        process.kill()
        screen.wait_for("终端代理无应答", "systemctl start portseal-agent")


def test_without_a_terminal_it_is_one_line(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    from agent.cli.main import run

    assert run(["--lang", "en", "view"], {}, folder=place.etc) == 2
    assert "portseal-agent status" in capsys.readouterr().err
