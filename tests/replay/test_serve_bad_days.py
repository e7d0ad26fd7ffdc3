"""Bad days of the running controller: clocks apart, a broker that dies, a list in GBK. The agent is the real one."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from policies.messages.identities import Identity, Role
from tests.replay.agent_controller import TOPIC
from tests.replay.agent_process import Place, running
from tests.replay.pty_screen import viewing
from tests.replay.serve_bench import WANG, Site, swipe

READER = Identity(Role.READER, "gate-1")
#: Within 30 s the clocks may differ (skew_seconds of agent.toml).
NEAR, FAR = 20.0, 3600.0
GBK_LIST = f"""卡号,姓名,工号,终端,用途
{WANG},赵誠,P001,T1,案件调取
"""


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    made.start()
    yield made
    made.close()


@pytest.fixture
def place(site: Site, tmp_path: Path) -> Place:
    return site.terminal(tmp_path / "T1")


def stick(place: Place) -> str:
    return place.tree.written("1-1/authorized")


def online(site: Site) -> None:
    site.until(lambda: site.ask(do="terminals")["online"]["T1"], 60)


def opens_and_shuts(site: Site, place: Place) -> None:
    reader = site.client(READER)
    opened, ended = (site.kinds().count(f"terminal.lease.{kind}") for kind in ("opened", "ended"))
    swipe(reader)
    site.wait_for("terminal.lease.opened", opened + 1)
    site.until(lambda: stick(place) == "1")
    time.sleep(1.5)  # within swipe_again_s the same card is the same swipe
    swipe(reader)
    site.wait_for("terminal.lease.ended", ended + 1)
    assert stick(place) == "0"
    reader.close()
    time.sleep(1.5)


@pytest.mark.parametrize("ahead", [NEAR, -NEAR])
def test_a_terminal_whose_clock_is_a_little_wrong_opens(site: Site, place: Place, ahead: float) -> None:
    with running(place, ahead=ahead):
        online(site)
        opens_and_shuts(site, place)


@pytest.mark.parametrize(("ahead", "code"), [(FAR, "expired"), (-FAR, "issued_ahead")], ids=["ahead", "behind"])
def test_a_terminal_whose_clock_is_wrong_refuses_says_why_and_opens_when_it_is_right(
    site: Site, place: Place, ahead: float, code: str
) -> None:
    with running(place, ahead=ahead):
        online(site)
        reader = site.client(READER)
        swipe(reader)
        refused = site.wait_for("terminal.lease.refused").data["event"]["data"]
        granted = site.wait_for("swipe.granted").data["jti"]
        assert (refused["code"], refused["lease"]) == (code, granted)
        assert stick(place) == "0"
        reader.close()
        time.sleep(1.5)
    with running(place):
        site.wait_for("terminal.agent.enforcing", 2, 60)
        online(site)
        opens_and_shuts(site, place)
        assert site.kinds().count("swipe.granted") == 2
        assert site.kinds().count("terminal.lease.opened") == 1


def test_a_broker_that_is_killed_comes_back_with_everybody_and_no_event_is_lost_or_doubled(
    site: Site, place: Place
) -> None:
    with running(place):
        online(site)
        opens_and_shuts(site, place)
        for number in range(2):
            before = site.broker
            os.kill(before, signal.SIGKILL)
            place.tree.plug(f"1-{number + 3}", "0781", "9999", [(0, "08", "06", "50")], devnum=9 + number)
            site.until(lambda before=before: site.broker not in (0, before))  # type: ignore[misc]
            site.until(site.at_work, 60)
            site.wait_for("terminal.usb.blocked", 3 + number, 60)
            opens_and_shuts(site, place)
        told = [each.data["event"]["seq"] for each in site.entries() if "event" in each.data]
        assert told == list(range(1, len(told) + 1))
        assert "terminal.silent" not in site.kinds()


def test_a_thief_with_a_copy_of_a_terminal_s_certificate_cannot_open_it(site: Site, place: Place) -> None:
    """The copy takes the connection over, and the terminal takes it back; it can neither sign a grant nor an event."""
    with running(place):
        online(site)
        thief = site.client(Identity(Role.TERMINAL, "T1"))
        assert thief.say(f"{TOPIC}/grant", b"forged").is_failure
        thief.say(f"{TOPIC}/event", b'{"kind":"lease.opened"}')
        site.wait_for("terminal.chain_unreadable")
        thief.close()
        assert stick(place) == "0"
        online(site)
        site.until(lambda: _comes_back(site, place), 60)
        opens_and_shuts(site, place)


def _comes_back(site: Site, place: Place) -> bool:
    from agent.control import ask

    return ask(place.socket, {"do": "status"})["broker"] == "connected" and bool(
        site.ask(do="terminals")["online"]["T1"]
    )


def test_a_name_of_a_list_in_gbk_is_on_the_operator_s_screen_and_nowhere_else(site: Site, place: Place) -> None:
    """The last byte of 誠 in GBK is a backslash."""
    site.import_cards(GBK_LIST, "gbk")
    place.tree.unplug("1-2")
    with running(place), viewing(place.etc, "zh") as screen:
        online(site)
        screen.wait_for("已锁 · 请刷卡")
        reader = site.client(READER)
        swipe(reader)
        screen.wait_for("已开放", "开放人：赵*")
        assert "誠" not in screen.text()
        for entry in site.entries():
            assert "赵".encode() not in entry.raw
