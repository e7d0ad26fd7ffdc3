"""The tree of errors: exit codes, one line in both languages, and nothing in it that a terminal would obey."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

import policies.errors
from policies.errors import (
    AuthenticationFailed,
    Busy,
    CommandRejected,
    DeviceTimeout,
    EquipmentError,
    InputError,
    LedgerBroken,
    PortsealError,
    SafetyRefusal,
    StalePlan,
    Unexpected,
    UnparsedOutput,
    Unreachable,
    UsageError,
)
from policies.texts import LANGUAGES, Text, t


def kinds() -> list[type[PortsealError]]:
    return [
        found
        for _, found in inspect.getmembers(policies.errors, inspect.isclass)
        if issubclass(found, PortsealError) and found.__module__ == policies.errors.__name__
    ]


def drawn_tree() -> Iterator[tuple[int, str, str]]:
    """Give (depth, name, exit code) of every line of the tree in the module's docstring."""
    for line in (policies.errors.__doc__ or "").splitlines():
        if match := re.match(r"    ([│ ]*(?:[├└]── )?)([A-Z]\w+)(?:\s+\((\d)\))?", line):
            yield len(match[1]) // 4, match[2], match[3] or ""


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    above: list[type[PortsealError]] = []
    seen = set()
    for depth, name, code in drawn_tree():
        kind: type[PortsealError] = getattr(policies.errors, name)
        del above[depth:]
        if above:
            assert kind.__bases__[0] is above[-1], name
        if code:
            assert kind.exit_code == int(code), name
        above.append(kind)
        seen.add(kind)
    assert seen == set(kinds())


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (UsageError, 2),
        (EquipmentError, 3),
        (SafetyRefusal, 4),
        (StalePlan, 4),
        (Busy, 4),
        (LedgerBroken, 1),
        (Unexpected, 3),
    ],
)
def test_exit_codes_are_the_contract(kind: type[PortsealError], code: int) -> None:
    assert kind.exit_code == code


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.__name__)
def test_every_kind_has_one_of_the_exit_codes_for_failure(kind: type[PortsealError]) -> None:
    assert kind.exit_code in (1, 2, 3, 4)
    assert kind.__doc__


def test_a_line_says_where_what_and_what_next() -> None:
    error = Unreachable(t("nobody answers"), where="sw1 (192.0.2.1:22)", next_step=t("check the cable"))
    assert str(error) == "sw1 (192.0.2.1:22): nobody answers. Next: check the cable"
    assert str(Unreachable(t("nobody answers"))) == "nobody answers"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_line_is_made_in_both_languages(language: str) -> None:
    error = EquipmentError(
        t("{cause}; and the rollback failed too: {error}", cause=t("the port is not blocked"), error=Text("plain")),
        where="sw1",
        next_step=t("try again"),
    )
    line = error.line(language)
    assert line.startswith("sw1: ")
    assert "{" not in line


HOSTILE = st.text(st.characters(codec="utf-8"), max_size=60)


@given(HOSTILE, HOSTILE)
def test_whatever_a_switch_said_a_message_is_one_line_that_no_terminal_obeys(answer: str, where: str) -> None:
    for error in (
        CommandRejected(where, answer, answer),
        UnparsedOutput(where, "show vlan", answer),
        Unexpected(RuntimeError(answer), where=where),
        EquipmentError(t("it said {words}", words=answer), where=where, next_step=t("look at {words}", words=answer)),
    ):
        for language in LANGUAGES:
            assert error.line(language).isprintable()


def test_braces_in_a_switchs_answer_are_not_filled() -> None:
    assert "{answer} {0} %s" in str(CommandRejected("sw1", "x", "{answer} {0} %s"))


def test_a_long_line_that_was_not_understood_is_shortened() -> None:
    assert len(str(UnparsedOutput("sw1", "show vlan", "x" * 10_000))) < 500


def test_an_unexpected_error_names_its_kind_and_is_no_equipment_error() -> None:
    error = Unexpected(KeyError("Gi1/0/7"), where="sw1")
    assert "KeyError" in str(error)
    assert error.where == "sw1"
    assert not isinstance(error, EquipmentError)
    assert error.next_step is not None


def test_errors_that_stand_in_for_built_in_ones_are_caught_as_those() -> None:
    with pytest.raises(TimeoutError):
        raise DeviceTimeout(t("no answer"), where="sw1")
    with pytest.raises(ValueError, match="not understood"):
        raise UnparsedOutput("sw1", "show", "x")
    assert str(DeviceTimeout(t("no answer"), where="sw1")) == "sw1: no answer"


def test_an_error_is_raised_and_caught_with_all_that_it_knows() -> None:
    with pytest.raises(InputError) as caught:
        raise InputError(t("row {row} is wrong", row=7), where="list.csv")
    assert caught.value.what.values == (("row", 7),)
    with pytest.raises(AuthenticationFailed) as refused:
        raise AuthenticationFailed(t("no"), where="sw1")
    assert refused.value.next_step is None
