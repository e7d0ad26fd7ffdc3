"""Two-stage configuration: changes are collected, committed on trial, confirmed, or taken back by whoever is left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from drivers.dialects import dialect
from drivers.flow import Flow, Outcome, State, Step
from drivers.render import Command, commands, script
from drivers.session import Session
from drivers.transports.replay import Exchange, ReplayChannel
from policies.errors import EquipmentError
from policies.model import ObservedSwitch, PortChange, PortConfig, SwitchChanges
from policies.names import canonical
from policies.texts import t
from tests.conformance.huawei_scripts import VRP8, YUNSHAN
from tests.revert import change_of, observe
from tests.scripted import ScriptedEquipment, Terminal
from tests.unit.flow_runs import Book

SPOKEN = dialect("huawei_vrpv8")
PORT = canonical(VRP8.port)
CHANGE = VRP8.changes["violation"]
STATUS = "display configuration trial status"
IDLE = (STATUS, "Trial status: INACTIVE \r\nTrial time left (sec): 0\r\n")
OURS = (STATUS, "Trial status:  ACTIVE\r\nPersist id: portseal\r\nTrial time left (sec): 251\r\n")
THEIRS = (STATUS, "Trial status: ACTIVE\r\nPersist id: portseal-2\r\nTrial time left (sec): 30\r\n")
BARE = (STATUS, "Trial status:  ACTIVE\r\nTrial time left (sec): 51\r\n")
ABORT = (
    "system-view",
    ("abort trial persist portseal", "Warning: The trial configuration will be rolled back. Continue? [Y/N]:", "y"),
    "return",
)
CONFIRM = "commit persist portseal"
CONFIRMED = (
    "system-view",
    (CONFIRM, "Warning: The trial configuration will be confirmed. Continue? [Y/N]:", "y"),
    "return",
)
IN_PORT = ("system-view", f"interface {VRP8.port}")


def fresh() -> Terminal:
    return VRP8.terminal()


def old(terminal: Terminal) -> Terminal:
    return terminal.reads(VRP8.shows(CHANGE.before))


def new(terminal: Terminal, *, saved: bool = False) -> Terminal:
    return terminal.reads(VRP8.shows(CHANGE.after, saved=None if saved else CHANGE.before))


def applied(terminal: Terminal) -> Terminal:
    return old(terminal).types(*VRP8.typed(CHANGE))


def planned() -> tuple[ObservedSwitch, SwitchChanges]:
    before = observe(ScriptedEquipment(SPOKEN, [old(fresh())]))
    return before, change_of("violation", PORT, before, SPOKEN)


class Run:
    """One run over written logins."""

    def __init__(self, *logins: Terminal, parameters: Mapping[str, str] | None = None) -> None:
        self.equipment = ScriptedEquipment(SPOKEN, logins, parameters)
        self.book = Book()
        self.lines: list[tuple[Step, str]] = []
        self.flow = Flow(
            self.equipment,
            self.book,
            lambda event: self.lines.append((event.step, event.line)) if event.phase == "before" else None,
        )

    def forward(self) -> Outcome:
        _, changes = planned()
        return self._ended(self.flow.run(changes))

    def resume(self) -> Outcome:
        return self._ended(self.flow.resume(*planned()))

    def _ended(self, outcome: Outcome) -> Outcome:
        assert self.equipment.used_up(), outcome.error
        return outcome


def rolled_back(outcome: Outcome, cause: str) -> None:
    assert outcome.state is State.ROLLED_BACK, outcome.error
    assert cause in str(outcome.error)


# -- forward -----------------------------------------------------------------------------------------------------------


def test_what_was_committed_on_trial_is_confirmed_when_a_fresh_session_has_read_it_and_then_saved() -> None:
    first = new(applied(fresh()).types(*CONFIRMED).saves(), saved=True)
    run = Run(first, new(fresh()))
    assert run.forward().state is State.DONE
    assert (Step.APPLY, "commit trial 300 persist portseal") in run.lines
    assert (Step.DISARM, CONFIRM) in run.lines
    assert run.book.calls == ["journal", "arm", "disarm", "close"]


def test_a_site_may_set_how_long_the_trial_lasts() -> None:
    typed = [
        line if line != "commit trial 300 persist portseal" else "commit trial 900 persist p"
        for line in VRP8.typed(CHANGE)
    ]
    first = new(old(fresh()).types(*typed).types("system-view", "commit persist p", "return").saves(), saved=True)
    run = Run(first, new(fresh()), parameters={"trial_s": "900", "trial_id": "p"})
    assert run.forward().state is State.DONE


def test_a_switch_that_works_at_once_is_asked_for_no_commit() -> None:
    campus = YUNSHAN
    first = campus.terminal().reads(campus.shows(CHANGE.before)).types(*campus.typed(CHANGE)).saves()
    first.reads(campus.shows(CHANGE.after))
    run = Run(first, campus.terminal().reads(campus.shows(CHANGE.after, saved=CHANGE.before)))
    assert run.forward().state is State.DONE
    assert not [line for _, line in run.lines if "commit" in line]


# -- what fails --------------------------------------------------------------------------------------------------------


def test_what_is_not_as_planned_is_taken_back_by_another_session_at_once() -> None:
    back = old(old(fresh().types(OURS, *ABORT, IDLE)))
    run = Run(applied(fresh()), old(fresh()), back)
    rolled_back(run.forward(), "not as planned")
    assert [line for step, line in run.lines if step is Step.ROLL_BACK] == ["system-view", ABORT[1][0], "return"]


@pytest.mark.parametrize("said", ["Error: Unrecognized command found at '^' position.\r\n", "Error: busy.\r\n"])
def test_a_line_that_is_refused_leaves_nothing_in_the_candidate(said: str) -> None:
    line = ("port-security protect-action protect", said)
    first = old(fresh()).types(*IN_PORT, line, "clear configuration candidate", "quit", "return")
    rolled_back(Run(first, old(old(fresh().types(IDLE)))).forward(), "rejected")


def test_a_commit_that_is_refused_leaves_nothing_in_the_candidate() -> None:
    commit = ("commit trial 300 persist portseal", "Error: The configuration is locked by another user.\r\n")
    inner = VRP8.typed(CHANGE)[:-2]
    first = old(fresh()).types(*inner, commit, "clear configuration candidate", "return")
    rolled_back(Run(first, old(old(fresh().types(IDLE)))).forward(), "locked")


def test_a_commit_whose_answer_is_lost_is_taken_back() -> None:
    first = old(fresh()).types(*VRP8.typed(CHANGE)[:-2]).breaks("commit trial 300 persist portseal")
    back = old(old(fresh().types(OURS, *ABORT, IDLE)))
    rolled_back(Run(first, back).forward(), "closed")


def test_a_trial_that_ran_out_before_it_was_confirmed_is_a_rollback() -> None:
    first = applied(fresh()).types("system-view", (CONFIRM, "Error: The persist ID does not exist.\r\n"), "return")
    rolled_back(Run(first, new(fresh()), old(old(fresh().types(IDLE)))).forward(), "does not exist")


def test_a_trial_that_ran_out_while_it_was_confirmed_is_seen_after_the_save() -> None:
    first = old(applied(fresh()).types("system-view", CONFIRM, "return").saves())
    rolled_back(Run(first, new(fresh()), old(old(fresh().types(IDLE)))).forward(), "not as planned")


def test_a_confirmation_whose_answer_is_lost_is_written_back_when_it_was_heard() -> None:
    undo = ("system-view", f"interface {VRP8.port}", *CHANGE.back, "quit", "commit", "return")
    back = old(new(fresh().types(IDLE)).types(*undo))
    first = applied(fresh()).types("system-view").breaks(CONFIRM)
    rolled_back(Run(first, new(fresh()), back).forward(), "closed")


def test_a_trial_that_does_not_end_is_not_called_rolled_back() -> None:
    run = Run(applied(fresh()), old(fresh()), fresh().types(OURS, *ABORT, OURS))
    outcome = run.forward()
    assert outcome.state is State.UNKNOWN
    assert "on trial" in str(outcome.error)
    assert "disarm" not in run.book.calls


# -- what a killed controller leaves -----------------------------------------------------------------------------------


def test_a_trial_of_a_killed_controller_is_taken_back_by_whoever_takes_up_the_job() -> None:
    run = Run(old(fresh().types(OURS, *ABORT, IDLE)), old(old(fresh().types(IDLE))))
    assert run.resume().state is State.ROLLED_BACK


def test_a_trial_that_ran_out_meanwhile_leaves_nothing_to_do() -> None:
    assert Run(old(fresh().types(IDLE)), old(old(fresh().types(IDLE)))).resume().state is State.ROLLED_BACK


def test_what_was_confirmed_is_saved_by_whoever_takes_up_the_job() -> None:
    run = Run(new(new(fresh().types(IDLE)).saves(), saved=True))
    assert run.resume().state is State.DONE


UNKNOWN = (STATUS, "Error: Unrecognized command found at '^' position.\r\n")


@pytest.mark.parametrize("status", [(THEIRS,), (BARE,), (UNKNOWN, UNKNOWN)], ids=["named", "without a name", "unknown"])
def test_a_trial_of_somebody_else_is_left_alone(status: tuple[tuple[str, str], ...]) -> None:
    assert Run(old(fresh().types(*status)), old(old(fresh().types(*status)))).resume().state is State.ROLLED_BACK


def test_a_switch_that_was_busy_is_asked_again_whether_a_trial_is_under_way() -> None:
    busy = (STATUS, "Error: The system is busy. Please wait.\r\n")
    run = Run(old(fresh().types(busy, OURS, *ABORT, IDLE)), old(old(fresh().types(IDLE))))
    assert run.resume().state is State.ROLLED_BACK


@pytest.mark.parametrize("said", ["", "Trial status:  ACTIVE\r\n", "Trial status:  ACTIVE\r\nPersist id: portseal\r\n"])
def test_an_answer_that_was_cut_does_not_pass_for_no_trial(said: str) -> None:
    run = Run(fresh().types((STATUS, said)))
    with pytest.raises(EquipmentError, match="by halves"):
        run.resume()
    assert run.book.calls == []


# -- what is shown and typed -------------------------------------------------------------------------------------------


def test_a_port_is_opened_again_after_the_commit_since_before_it_the_old_binding_would_shut_it() -> None:
    before = PortConfig(secure=True, maximum=1, admin_up=True)
    change = PortChange(PORT, before, PortConfig(maximum=2), t("a test"), recover=True)
    made = commands(SPOKEN, SwitchChanges("sw", "", (), (change,)))
    typed = [
        *IN_PORT,
        "port-security enable maximum 2",
        "quit",
        "commit trial 300 persist portseal",
        f"interface {VRP8.port}",
        "restart",
        "quit",
        "return",
    ]
    assert script(SPOKEN, made) == typed
    heard: list[str] = []
    channel = ReplayChannel(fresh().types(*typed).exchanges)
    with Session(channel, SPOKEN, switch="sw") as session:
        session.configure(made, lambda phase, line: heard.append(line) if phase == "before" else None, trial=True)
    assert heard == typed


def test_a_switch_that_collects_nothing_is_given_the_lines_in_the_order_in_which_they_come() -> None:
    made = [Command("a", PORT), Command("restart", PORT, acts=True), Command("b", PORT)]
    channel = ReplayChannel(YUNSHAN.terminal().types(*IN_PORT, "a", "restart", "b", "quit", "return").exchanges)
    with Session(channel, SPOKEN, switch="sw") as session:
        session.configure(made, trial=True)
        assert not session.tried


def test_a_platform_without_trial_confirms_and_withdraws_nothing() -> None:
    plain = replace(SPOKEN, commit=None)
    with Session(ReplayChannel(fresh().exchanges), plain, switch="sw") as session:
        session.confirm(lambda *_: None)
        session.withdraw()


@pytest.mark.parametrize(
    "asks",
    [
        "Warning: The initial password poses security risks.\r\nThe password needs to be changed. Change now? [Y/N]:",
        "Warning: There are security risks in the configuration file. Are you sure to save now?[Y/N]: ",
    ],
)
def test_a_login_that_offers_to_change_something_is_told_no(asks: str) -> None:
    prompt = fresh().exchanges
    greeting = [Exchange("", f"\r\n{asks}"), Exchange("n", f"n\r\nInfo: welcome\r\n{prompt[0].received[-8:]}")]
    with Session(ReplayChannel([*greeting, *prompt[1:]]), SPOKEN, switch="sw") as session:
        assert session.hostname == "HUAWEI"
