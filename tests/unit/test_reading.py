"""Reading a switch: every command once, older words when the first are refused, and nothing left out silently."""

from __future__ import annotations

from dataclasses import replace

import pytest

from drivers.dialect import Dialect, Fact, Read
from drivers.dialects import dialect
from drivers.reading import Timing, read_state
from policies.errors import CommandRejected, UnparsedOutput
from policies.model import ObservedSwitch
from tests.unit.conversations import Turn, logged_in, session
from tests.unit.switch_states import READ_AT

VLANS = Read(
    "show vlan brief", Fact.VLAN, rows=(r"(?P<vlan>\d+) (?P<name>\w+)",), gives=frozenset({"vlans"}), observe=True
)
RUNNING = Read("show run", Fact.RUNNING, rows=(r"(?P<line>.+)",), observe=True)
INVALID = "% Invalid input detected at '^' marker.\r\n"


def spoken(*reads: Read) -> Dialect:
    return replace(dialect("cisco_ios"), reads=reads)


def read(reads: tuple[Read, ...], *turns: tuple[str, str]) -> ObservedSwitch:
    talk: list[Turn] = [(typed, said, "sw1#") for typed, said in turns]
    with session(spoken(*reads), logged_in(*talk)) as opened:
        return read_state(opened, "sw1", READ_AT, Timing())


def test_a_command_that_several_reads_share_is_asked_once() -> None:
    ports = replace(VLANS, fact=Fact.SYSTEM)
    assert read((VLANS, ports), ("show vlan brief", "100 face\r\n")).vlans == {100: "face"}


def test_what_is_not_part_of_the_state_is_not_asked() -> None:
    assert read((VLANS, replace(RUNNING, observe=False)), ("show vlan brief", "")).vlans == {}


def test_a_model_that_knows_only_the_older_words_is_asked_in_those() -> None:
    older = replace(VLANS, aliases=("show vlan of {port}", "show vlan"))
    seen = read((older,), ("show vlan brief", INVALID), ("show vlan", "100 face\r\n"))
    assert seen.vlans == {100: "face"}
    assert "vlans" in seen.capabilities


def test_a_command_that_cannot_be_done_without_is_an_error_in_its_own_words() -> None:
    older = replace(VLANS, aliases=("show vlan",))
    with pytest.raises(CommandRejected, match="show vlan brief"):
        read((older,), ("show vlan brief", INVALID), ("show vlan", INVALID))


def test_an_optional_command_that_is_not_known_takes_its_capability_away() -> None:
    seen = read((replace(VLANS, optional=True),), ("show vlan brief", INVALID))
    assert seen.vlans is None
    assert "vlans" not in seen.capabilities


@pytest.mark.parametrize("order", [1, -1], ids=["optional first", "optional last"])
def test_a_shared_command_is_optional_only_when_all_who_share_it_say_so(order: int) -> None:
    reads = (replace(VLANS, optional=True), replace(VLANS, fact=Fact.SYSTEM))[::order]
    with pytest.raises(CommandRejected):
        read(reads, ("show vlan brief", INVALID))


def test_an_answer_that_is_not_understood_is_an_error_even_when_it_is_optional() -> None:
    with pytest.raises(UnparsedOutput, match="what is this"):
        read((replace(VLANS, optional=True),), ("show vlan brief", "what is this\r\n"))


def test_the_time_is_the_one_given() -> None:
    assert read((VLANS,), ("show vlan brief", "")).read_at == READ_AT
