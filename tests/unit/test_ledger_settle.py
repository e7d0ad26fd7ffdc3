"""Acts that are a change of the database alone: their entry stands or falls with the change."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.ledger import query
from controller.ledger.key import open_ledger
from controller.ledger.ledger import Ledger
from controller.store.open import open_store


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with open_store(tmp_path) as store:
        yield open_ledger(store, "park")


def kinds(ledger: Ledger) -> list[str]:
    return [entry.kind for entry in query.entries(ledger.store)]


def test_the_entry_and_the_change_are_one_transaction(ledger: Ledger) -> None:
    with ledger.act("demo", "s", {}, "local:li") as act, ledger.store.transaction():
        ledger.settle(act, {"found": 1})
    assert kinds(ledger) == ["demo.intent", "demo.done"]
    assert query.entry(ledger.store, 2).data == {"found": 1, "intent": 1}
    assert ledger.store.rows("SELECT * FROM open_act") == []


def test_an_error_before_the_commit_undoes_both_and_is_recorded(ledger: Ledger) -> None:
    with (
        pytest.raises(ZeroDivisionError),
        ledger.act("demo", "s", {}, "local:li") as act,
        ledger.store.transaction(),
    ):
        ledger.settle(act)
        raise ZeroDivisionError
    assert kinds(ledger) == ["demo.intent", "demo.failed"]


def test_an_error_after_the_commit_does_not_deny_what_was_done(ledger: Ledger) -> None:
    with pytest.raises(ZeroDivisionError), ledger.act("demo", "s", {}, "local:li") as act:
        with ledger.store.transaction():
            ledger.settle(act)
        raise ZeroDivisionError
    assert kinds(ledger) == ["demo.intent", "demo.done"]


def test_outside_a_transaction_it_is_a_mistake(ledger: Ledger) -> None:
    with pytest.raises(RuntimeError), ledger.act("demo", "s", {}, "local:li") as act:
        ledger.settle(act)
    assert kinds(ledger) == ["demo.intent", "demo.failed"]
