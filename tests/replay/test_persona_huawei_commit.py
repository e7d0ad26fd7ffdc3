"""VRP 8's candidate, commit and trial, as a plain client sees them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.switch.persona.huawei.switch import HuaweiSwitch
from lab.switch.persona.running import RunningPersona, running_persona
from lab.switch.persona.state import Switch
from tests.replay.huawei_session import Terminal, config, eventually, terminal

PORT = "GE1/0/1"


class Clock:
    """The persona's clock, which the test turns."""

    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def persona(clock: Clock) -> Iterator[RunningPersona]:
    with running_persona(config("huawei_vrpv8", link_poll=0.05), now=clock) as running:
        yield running


@pytest.fixture
def session(persona: RunningPersona) -> Iterator[Terminal]:
    with terminal(persona.ssh_port) as opened:
        opened.send("system-view")
        yield opened


def shut(persona: RunningPersona) -> bool:
    return persona.call(lambda switch: switch.running.interfaces[PORT].shutdown)


def trial(switch: Switch) -> bool:
    assert isinstance(switch, HuaweiSwitch)
    return switch.trial is not None


def on_trial(session: Terminal, *words: str) -> None:
    """Shut the port on trial."""
    session.type(f"interface {PORT}", "shutdown")
    told = session.output(" ".join(["commit trial 60", *words]))
    assert told[0] == "Info: The system enters the trial configuration mode."


def test_nothing_takes_effect_before_the_commit(persona: RunningPersona, session: Terminal) -> None:
    assert session.send(f"interface {PORT}").endswith(f"[~acc1-{PORT}]")
    assert session.send("shutdown").endswith(f"[*acc1-{PORT}]")
    assert not shut(persona)
    assert " shutdown" not in session.output(f"display current-configuration interface {PORT}")
    assert " shutdown" in session.output("display configuration candidate")
    assert session.send("commit").endswith(f"[~acc1-{PORT}]")
    assert shut(persona)
    assert session.send("undo shutdown").endswith(f"[*acc1-{PORT}]")
    assert session.send("shutdown").endswith(f"[~acc1-{PORT}]"), "a candidate that changes nothing is none"


def test_leaving_with_a_candidate_asks_what_becomes_of_it(persona: RunningPersona, session: Terminal) -> None:
    session.type("vlan 7", "quit")
    assert session.send("quit").endswith("before exiting? [Y(yes)/N(no)/C(cancel)]:")
    assert session.send("what").endswith("[Y/N/C]:")
    assert session.send("c").endswith("[*acc1]")
    session.send("return")
    assert session.send("n").endswith("<acc1>")
    assert 7 not in persona.call(lambda switch: switch.running.vlans)
    session.send("system-view")
    session.type("vlan 8")
    session.send("return")
    assert session.send("y").endswith("<acc1>")
    assert 8 in persona.call(lambda switch: switch.running.vlans)


def test_a_lost_session_leaves_nothing_of_its_candidate(persona: RunningPersona) -> None:
    with terminal(persona.ssh_port) as lost:
        lost.send("system-view")
        lost.type(f"interface {PORT}", "shutdown")
    with terminal(persona.ssh_port) as session:
        assert session.send("system-view").endswith("[~acc1]")
    assert not shut(persona)


def test_a_trial_that_nobody_confirms_goes_back(persona: RunningPersona, session: Terminal, clock: Clock) -> None:
    on_trial(session)
    assert shut(persona)
    clock.time += 59
    assert shut(persona)
    clock.time += 1
    assert eventually(lambda: not shut(persona))
    assert not persona.call(trial)


def test_a_trial_that_is_confirmed_stays(persona: RunningPersona, session: Terminal, clock: Clock) -> None:
    on_trial(session)
    assert session.output("commit") == []
    clock.time += 120
    persona.call(lambda switch: switch.tick())
    assert shut(persona)
    assert session.output("display configuration trial status") == [
        "Trial status: INACTIVE ",
        "Trial time left (sec): 0",
    ]


def test_a_trial_is_aborted_after_a_question(persona: RunningPersona, session: Terminal) -> None:
    on_trial(session)
    assert session.send("abort trial").endswith(
        "Warning: The trial configuration will be rolled back. Continue? [Y/N]:"
    )
    assert "Info: The trial configuration rollback succeeded." in session.send("y")
    assert not shut(persona)


def test_a_lost_session_ends_its_trial_unless_it_has_a_name(persona: RunningPersona, clock: Clock) -> None:
    with terminal(persona.ssh_port) as lost:
        lost.send("system-view")
        on_trial(lost)
        assert shut(persona)
    assert eventually(lambda: not shut(persona))
    with terminal(persona.ssh_port) as lost:
        lost.send("system-view")
        on_trial(lost, "persist portseal")
    with terminal(persona.ssh_port) as session:
        assert session.output("display configuration trial status") == [
            "Trial status: ACTIVE",
            "Persist id: portseal",
            "Trial time left (sec): 60",
        ]
        session.send("system-view")
        assert shut(persona)
        session.type("commit persist portseal")
    clock.time += 120
    persona.call(lambda switch: switch.tick())
    assert shut(persona)


def test_another_session_cannot_commit_during_a_trial(persona: RunningPersona, session: Terminal) -> None:
    on_trial(session)
    with terminal(persona.ssh_port) as other:
        other.send("system-view")
        other.type("vlan 9")
        assert other.output("commit")[0].startswith("Error:")
        other.send("clear configuration candidate")
    assert shut(persona)


def test_a_reboot_ends_a_trial(persona: RunningPersona, session: Terminal) -> None:
    on_trial(session, "persist portseal")
    persona.call(lambda switch: switch.boot())
    assert not shut(persona)
    assert not persona.call(trial)


def test_a_commit_whose_ground_was_taken_away_changes_nothing(persona: RunningPersona, session: Terminal) -> None:
    lines = ("port-security enable", "port-security mac-address sticky")
    session.type("interface GE1/0/2", *lines)
    session.send("commit")
    session.type("description half", "port-security mac-address sticky 2ca-0-1 vlan 100")
    with terminal(persona.ssh_port) as other:
        other.send("system-view")
        other.type(f"interface {PORT}", *lines, "port-security mac-address sticky 2ca-0-1 vlan 100")
        other.send("commit")
    told = session.output("commit")
    assert told[0] == "Error: Failed to generate committed config."
    assert persona.call(lambda switch: switch.running.interfaces["GE1/0/2"].description) == ""


def test_commits_are_listed(session: Terminal) -> None:
    session.type("vlan 7")
    session.send("commit label first")
    listed = session.output("display configuration commit list verbose")
    assert listed[0] == "1) CommitId: 1000000001"
    assert "        Label: first" in listed


def test_a_restart_of_a_port_waits_for_no_commit(persona: RunningPersona, session: Terminal) -> None:
    session.type(
        f"interface {PORT}", "port-security enable", "port-security protect-action error-down",
        "port-security mac-address sticky", "port-security mac-address sticky 2ca-0-1 vlan 100",
    )  # fmt: skip
    session.send("commit")
    persona.inject("p1", "02:ba:d0:00:00:66")
    assert persona.call(lambda switch: switch.running.interfaces[PORT].err_disabled) == "portsec-reachedlimit"
    assert session.send("restart").endswith(f"[~acc1-{PORT}]")
    assert persona.call(lambda switch: switch.running.interfaces[PORT].err_disabled) == ""
