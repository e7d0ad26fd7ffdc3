"""Sets over a bad way, and to agents that refuse or lie: what got no answer is read back, no port is left between."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from drivers.flow import Flow, Outcome, State
from drivers.snmp.conversation import SnmpWay
from drivers.snmp.failures import SetRefused
from lab.switch.persona.running import RunningPersona, running_persona
from policies.errors import AuthenticationFailed, VerifyFailed
from policies.model import SwitchChanges
from policies.plan import snapshot_digest
from tests.replay.snmp_lossy import NOT_IN_WINDOW, UNKNOWN_USER, Lossy, lossy, report, said_yes
from tests.replay.snmp_written import AgentEquipment, config, way
from tests.replay.test_revert_cisco_snmp import DIALECT, port, text
from tests.revert import NoSafeguard, change_of, observe, told

Strike = Callable[[int, bytes, Lossy], list[bytes]]
PORT = port("dynamic")
#: How many sets a first binding of a port that nobody has touched takes, with those of the save.
SETS = 9


def once(number: int, then: Strike) -> Strike:
    """Strike at one SET only."""
    return lambda seen, data, on: then(seen, data, on) if seen == number else [on.asked(data)]


def from_on(number: int, then: Strike) -> Strike:
    """Strike at one SET and all that follow."""
    return lambda seen, data, on: then(seen, data, on) if seen >= number else [on.asked(data)]


def lost(seen: int, data: bytes, on: Lossy) -> list[bytes]:
    return []


def answer_lost(seen: int, data: bytes, on: Lossy) -> list[bytes]:
    on.asked(data)
    return []


def answer_doubled(seen: int, data: bytes, on: Lossy) -> list[bytes]:
    return [on.asked(data)] * 3


def request_doubled(seen: int, data: bytes, on: Lossy) -> list[bytes]:
    return [on.asked(data), on.asked(data)]


def garbage(seen: int, data: bytes, on: Lossy) -> list[bytes]:
    on.asked(data)
    return [b"\x30\x82\xff\xff\x02\x01"]


def yes_and_no(seen: int, data: bytes, on: Lossy) -> list[bytes]:
    return [said_yes(data)]


@pytest.fixture
def agent() -> Iterator[RunningPersona]:
    with running_persona(config(5, text())) as persona:
        yield persona


def applied(
    agent: RunningPersona, strike: Strike, *, v3: bool = False
) -> tuple[Outcome, AgentEquipment, SwitchChanges, int]:
    """Seal a port whose sets go a bad way; give the outcome, how to look at the switch, and how many sets there were.

    Reads go the good way, and in version 2c, which the lab's agent is much faster at.
    """
    straight = way(agent.snmp_port)
    equipment = AgentEquipment(straight, DIALECT)
    before = observe(equipment)
    changes = change_of("sealed", PORT, before, DIALECT)
    with lossy(agent.snmp_port, strike) as bad:
        over = AgentEquipment(SnmpWay(straight.reading, way(bad.port, v3=v3).writing), DIALECT)
        outcome = Flow(over, NoSafeguard(), told).run(changes)
        seen = bad.seen
    after = observe(equipment)
    if outcome.state is State.DONE:
        assert after.ports[PORT].config.secure is True
        assert after.startup_differs == ()
    if outcome.state is State.ROLLED_BACK:
        assert snapshot_digest(after) == snapshot_digest(before)
    return outcome, equipment, changes, seen


def test_a_straight_way_takes_the_sets_that_the_other_tests_count(agent: RunningPersona) -> None:
    outcome, _, _, seen = applied(agent, lambda seen, data, on: [on.asked(data)])
    assert (outcome.state, seen) == (State.DONE, SETS)


@pytest.mark.parametrize(
    ("strike", "number"),
    [(strike, number) for strike in (lost, answer_lost) for number in range(1, SETS + 1)]
    + [(strike, number) for strike in (answer_doubled, request_doubled, garbage) for number in (1, 5, 8)],
)
def test_one_bad_datagram_anywhere_changes_nothing_in_the_end(
    agent: RunningPersona, strike: Strike, number: int
) -> None:
    outcome, *_ = applied(agent, once(number, strike))
    assert outcome.state is State.DONE, outcome.error


def test_sets_whose_answers_are_all_lost_are_read_back_and_not_repeated(agent: RunningPersona) -> None:
    outcome, _, _, seen = applied(agent, answer_lost)
    assert (outcome.state, seen) == (State.DONE, SETS)


def test_a_way_that_is_dead_from_the_start_leaves_all_as_it_was(agent: RunningPersona) -> None:
    outcome, *_ = applied(agent, lost)
    assert outcome.state is State.ROLLED_BACK
    assert "nothing answers" in str(outcome.error)


@pytest.mark.parametrize("number", range(2, SETS - 1))
def test_a_way_that_dies_half_way_is_said_and_the_next_start_goes_back(agent: RunningPersona, number: int) -> None:
    before = observe(AgentEquipment(way(agent.snmp_port), DIALECT))
    outcome, equipment, changes, _ = applied(agent, from_on(number, lost))
    assert outcome.state is State.UNKNOWN
    ended = Flow(equipment, NoSafeguard(), told).resume(before, changes)
    now = observe(equipment)
    if ended.state is State.DONE:  # all was set, and only the save was missing
        assert now.ports[PORT].config.secure is True
    else:
        assert ended.state is State.ROLLED_BACK
        assert snapshot_digest(now) == snapshot_digest(before)


@pytest.mark.parametrize("number", range(1, 9))
def test_an_agent_that_says_yes_and_does_nothing_is_found_out_and_rolled_back(
    agent: RunningPersona, number: int
) -> None:
    outcome, *_ = applied(agent, once(number, yes_and_no))
    assert outcome.state is State.ROLLED_BACK
    assert isinstance(outcome.error, (VerifyFailed, SetRefused))


@pytest.mark.parametrize("counter", [NOT_IN_WINDOW, UNKNOWN_USER])
@pytest.mark.parametrize("done", [False, True], ids=["not done", "done"])
def test_a_report_instead_of_an_answer_is_no_proof_of_anything(agent: RunningPersona, counter: str, done: bool) -> None:
    def strike(seen: int, data: bytes, on: Lossy) -> list[bytes]:
        if done:
            on.asked(data)
        return [report(data, counter)]

    outcome, *_ = applied(agent, once(3, strike), v3=True)
    assert outcome.state is State.DONE, outcome.error


def test_an_agent_that_knows_no_such_user_is_told_as_that(agent: RunningPersona) -> None:
    outcome, *_ = applied(agent, lambda seen, data, on: [report(data, UNKNOWN_USER)], v3=True)
    assert outcome.state is State.ROLLED_BACK
    assert isinstance(outcome.error, AuthenticationFailed)


STATUSES = (
    "tooBig", "noSuchName", "badValue", "readOnly", "genErr", "noAccess", "wrongType", "wrongLength", "wrongEncoding",
    "wrongValue", "noCreation", "inconsistentValue", "resourceUnavailable", "commitFailed", "undoFailed",
    "authorizationError", "notWritable", "inconsistentName",
)  # fmt: skip


@pytest.mark.parametrize("status", STATUSES)
def test_an_error_status_is_one_error_in_words_and_all_is_rolled_back(agent: RunningPersona, status: str) -> None:
    agent.faults.add("reject", r"9\.9\.315\.1\.2\.1\.1\.8\.", text=status, where="snmp")
    outcome, *_ = applied(agent, lambda seen, data, on: [on.asked(data)])
    assert outcome.state is State.ROLLED_BACK
    assert isinstance(outcome.error, SetRefused)
    assert outcome.error.status == status
    line = str(outcome.error)
    assert line.startswith("swx: the switch refused the SNMP set 'cpsIfViolationAction[GigabitEthernet1/0/5] = ")
    assert f"({status}). Next: " in line
    assert "gives no reason" not in line


def test_a_save_that_fails_says_why_and_is_rolled_back(agent: RunningPersona) -> None:
    agent.faults.add("busy-nvram", where="snmp")
    outcome, *_ = applied(agent, lambda seen, data, on: [on.asked(data)])
    assert outcome.state is State.ROLLED_BACK
    assert "noMem (4)" in str(outcome.error)


def test_a_switch_that_has_not_saved_since_its_start_cannot_claim_to_have(agent: RunningPersona) -> None:
    agent.call(lambda switch: setattr(switch, "saved_at", None))
    assert observe(AgentEquipment(way(agent.snmp_port), DIALECT)).startup_differs is None
    agent.faults.add("lost-save", where="snmp", times=0)
    outcome, *_ = applied(agent, lambda seen, data, on: [on.asked(data)])
    assert outcome.state is State.ROLLED_BACK
    assert "startup still differs" in str(outcome.error)


def test_a_save_that_only_says_that_it_saved_is_found_out(agent: RunningPersona) -> None:
    agent.faults.add("lost-save", where="snmp")
    outcome, equipment, *_ = applied(agent, lambda seen, data, on: [on.asked(data)])
    assert outcome.state is State.ROLLED_BACK
    assert "startup still differs" in str(outcome.error)
    assert observe(equipment).startup_differs == ()
