"""Work on several switches: what fails on one is one line and leaves the others alone, whatever it was."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from controller.network.pool import on_each
from policies.errors import Busy, EquipmentError, PortsealError, Unexpected, Unreachable
from policies.site import Switch
from policies.texts import t


def switches(count: int) -> list[Switch]:
    return [Switch(f"sw{number}", "cisco_ios", "192.0.2.1") for number in range(1, count + 1)]


def failing(name: str, error: Exception) -> Callable[[Switch], str]:
    def work(switch: Switch) -> str:
        if switch.name == name:
            raise error
        return switch.name

    return work


def test_every_switch_gives_its_answer_under_its_name() -> None:
    answers = on_each(switches(30), lambda switch: switch.name.upper())
    assert answers.results == {f"sw{number}": f"SW{number}" for number in range(1, 31)}
    assert answers.errors == {}
    assert answers.worst() is None


def test_no_switches_are_no_work() -> None:
    assert on_each([], lambda switch: switch.name).results == {}


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (Unreachable(t("nobody answers"), where="sw2"), Unreachable, 3),
        (Busy(t("somebody else"), where="sw2"), Busy, 4),
        (KeyError("Gi1/0/7"), Unexpected, 3),
        (RuntimeError("two\nlines \x1b[2J"), Unexpected, 3),
        (AssertionError(), Unexpected, 3),
        (StopIteration(), Unexpected, 3),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_a_failure_of_any_kind_stays_with_its_switch(error: Exception, kind: type[PortsealError], code: int) -> None:
    heard: dict[str, PortsealError | None] = {}
    answers = on_each(switches(3), failing("sw2", error), heard.__setitem__)
    assert set(answers.results) == {"sw1", "sw3"}
    assert type(answers.errors["sw2"]) is kind
    assert answers.errors["sw2"].exit_code == code
    assert str(answers.errors["sw2"]).isprintable()
    assert str(answers.errors["sw2"]).startswith("sw2: ")
    assert heard == {"sw1": None, "sw2": answers.errors["sw2"], "sw3": None}


def test_a_failure_that_nobody_foresaw_shows_no_traceback_but_keeps_it_for_the_log(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level("DEBUG", logger="portseal"):
        on_each(switches(1), failing("sw1", KeyError("Gi1/0/7")))
    assert [record.name for record in caplog.records] == ["portseal.network.pool"]
    assert caplog.records[0].exc_info is not None
    assert capfd.readouterr() == ("", "")


def test_the_worst_error_decides_the_exit_code() -> None:
    def work(switch: Switch) -> None:
        raise {"sw1": EquipmentError(t("x")), "sw2": Busy(t("y"))}[switch.name]

    worst = on_each(switches(2), work).worst()
    assert isinstance(worst, Busy)


def test_an_interrupt_lets_the_switches_under_way_finish_and_begins_no_other() -> None:
    begun: list[str] = []
    ended: list[str] = []
    go_on = threading.Event()

    def work(switch: Switch) -> None:
        begun.append(switch.name)
        if switch.name != "sw1":
            go_on.wait(20)
        ended.append(switch.name)

    def interrupted(name: str, error: PortsealError | None) -> None:
        go_on.set()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        on_each(switches(200), work, interrupted)
    assert sorted(begun) == sorted(ended)
    assert len(begun) < 200
