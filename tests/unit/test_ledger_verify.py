"""Verifying: every way to tamper with the database is found, at the first bad entry."""

import hashlib
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller.ledger.entry import Draft
from controller.ledger.key import ledger_public_key, open_ledger
from controller.ledger.verify import VerifyReport, verify
from controller.store.open import open_store
from policies.errors import LedgerBroken
from policies.keys import PublicKey, SigningKey

SITE = "浦东一号"
START = datetime(2025, 1, 31, 2, 0, tzinfo=UTC)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A site whose ledger has 12 entries, checkpoints over 5 and 10, and no safeguard left."""
    moments = iter(START + timedelta(seconds=n) for n in range(1000))
    with open_store(tmp_path, clock=lambda: next(moments)) as store:
        ledger = open_ledger(store, SITE)
        for size in (5, 5, 2):
            ledger.append_many(
                Draft.make("event", f"terminal-{n}", {"n": n, "地": "东门"}, "agent") for n in range(size)
            )
            if size == 5:
                ledger.checkpoint()
        for name in (
            "ledger_no_update",
            "ledger_no_delete",
            "ledger_gapless",
            "checkpoint_no_update",
            "checkpoint_no_delete",
        ):
            store.rows(f"DROP TRIGGER {name}")
    return tmp_path


def check(folder: Path, key: PublicKey | None = None) -> VerifyReport:
    with open_store(folder, read_only=True) as store:
        return verify(store, SITE, key or ledger_public_key(folder))


def tamper(folder: Path, *statements: str) -> None:
    with closing(sqlite3.connect(folder / "portseal.db", isolation_level=None)) as raw:
        raw.create_function("leaf", 1, lambda data: hashlib.sha256(b"\x00" + data).digest())
        for statement in statements:
            raw.execute(statement)


def test_an_untouched_ledger_verifies_and_says_what_is_covered(site: Path) -> None:
    report = check(site)
    assert (report.entries, report.checkpoints, report.covered, report.uncovered) == (12, 2, 10, 2)
    assert report.fingerprint == ledger_public_key(site).fingerprint
    assert report.first_at == "2025-01-31T02:00:00.000000Z"
    assert report.orphans == () and report.clock_backs == ()
    assert len(report.missing_triggers) == 5


def test_an_empty_ledger_verifies(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        report = verify(store, SITE, None)
    assert (report.entries, report.first_at, report.fingerprint, report.missing_triggers) == (0, None, None, ())


EDIT = "bytes = CAST(replace(CAST(bytes AS TEXT), '\"n\":2', '\"n\":3') AS BLOB)"


def replaced(seq: int, old: str, new: str) -> str:
    return f"UPDATE ledger SET bytes = CAST(replace(CAST(bytes AS TEXT), '{old}', '{new}') AS BLOB) WHERE seq = {seq}"


CASES = {
    "an edited column": (["UPDATE ledger SET actor = 'nobody' WHERE seq = 3"], "ledger entry 3: .*column 'actor'"),
    "an edited time": (
        ["UPDATE ledger SET at = '2025-01-31T02:00:09.000000Z' WHERE seq = 3"],
        "ledger entry 3: .*'at'",
    ),
    "edited bytes": ([f"UPDATE ledger SET {EDIT} WHERE seq = 3"], "ledger entry 3: .*hash"),
    "an edited hash": (["UPDATE ledger SET leaf = zeroblob(32) WHERE seq = 4"], "ledger entry 4: .*hash"),
    "bytes edited with their hash": (
        [f"UPDATE ledger SET {EDIT} WHERE seq = 3", "UPDATE ledger SET leaf = leaf(bytes) WHERE seq = 3"],
        "ledger entries 1-5",
    ),
    "bytes edited after the first checkpoint": (
        [f"UPDATE ledger SET {EDIT} WHERE seq = 8", "UPDATE ledger SET leaf = leaf(bytes) WHERE seq = 8"],
        "ledger entries 6-10",
    ),
    "a deleted entry": (["DELETE FROM ledger WHERE seq = 4"], "ledger entry 4: .*missing"),
    "the first entry deleted": (["DELETE FROM ledger WHERE seq = 1"], "ledger entry 1: .*missing"),
    "an entry deleted and the rest renumbered": (
        ["DELETE FROM ledger WHERE seq = 4", "UPDATE ledger SET seq = seq - 1 WHERE seq > 4"],
        "ledger entry 4: .*'seq'",
    ),
    "entries swapped": (
        [f"UPDATE ledger SET seq = {new} WHERE seq = {old}" for old, new in ((2, 99), (3, 2), (99, 3))],
        "ledger entry 2: .*'seq'",
    ),
    "an inserted entry": (
        ["INSERT INTO ledger SELECT seq + 50, at, actor, kind, subject, bytes, leaf FROM ledger WHERE seq = 12"],
        "ledger entry 13: .*missing",
    ),
    "the end cut off": (["DELETE FROM ledger WHERE seq > 7"], "ledger entry 8: .*entries 8 to 10 are missing"),
    "bytes that are not JSON": (
        ["UPDATE ledger SET bytes = x'00' WHERE seq = 6"],
        "ledger entry 6: .*not one canonical",
    ),
    "bytes that are no object": (
        ["UPDATE ledger SET bytes = CAST('7' AS BLOB) WHERE seq = 6"],
        "ledger entry 6: .*not an entry",
    ),
    "bytes with a blank": (
        [replaced(6, ',"at"', ', "at"')],
        "ledger entry 6: .*not one canonical",
    ),
    "bytes of a newer format": (
        [replaced(6, '"v":1', '"v":2')],
        "ledger entry 6: .*not an entry of this format",
    ),
    "data that is not canonical": (
        [replaced(6, "东", "\\u4e1c")],
        "ledger entry 6: .*not one canonical",
    ),
    "data that is a list": (
        [replaced(6, '"data":{', '"data":[{'), replaced(6, '},"k', '}],"k')],
        "ledger entry 6: .*not an entry",
    ),
    "a checkpoint's root edited": (
        ["UPDATE checkpoint SET note = replace(note, '5', '6') WHERE size = 5"],
        "checkpoint 5",
    ),
    "a checkpoint moved": (["UPDATE checkpoint SET size = 7 WHERE size = 5"], "checkpoint 7: .*another log or size"),
    "a checkpoint that is noise": (["UPDATE checkpoint SET note = 'x'"], "checkpoint 5"),
    "a checkpoint over nothing": (["UPDATE checkpoint SET size = 0 WHERE size = 5"], "checkpoint 0"),
}


@pytest.mark.parametrize("case", CASES, ids=lambda name: name.replace(" ", "_"))
def test_tampering_is_found_at_the_first_bad_entry(site: Path, case: str) -> None:
    statements, where = CASES[case]
    tamper(site, *statements)
    with pytest.raises(LedgerBroken, match=where) as caught:
        check(site)
    assert caught.value.exit_code == 1 and "\n" not in str(caught.value)


def test_a_checkpoint_by_another_key_is_found_only_with_the_right_key(site: Path) -> None:
    with pytest.raises(LedgerBroken, match="no known key"):
        check(site, SigningKey.generate().public)
    with open_store(site, read_only=True) as store:
        assert verify(store, SITE, None).fingerprint is None
        with pytest.raises(LedgerBroken, match="another log"):
            verify(store, "another site", None)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(st.integers(1, 10), st.sampled_from(["bytes", "leaf"]), st.data())
def test_one_flipped_bit_anywhere_breaks_it(site: Path, seq: int, column: str, data: st.DataObject) -> None:
    with closing(sqlite3.connect(site / "portseal.db", isolation_level=None)) as raw:
        (before,) = raw.execute(f"SELECT {column} FROM ledger WHERE seq = ?", (seq,)).fetchone()
        bit = data.draw(st.integers(0, len(before) * 8 - 1))
        after = bytearray(before)
        after[bit // 8] ^= 1 << bit % 8
        raw.execute(f"UPDATE ledger SET {column} = ? WHERE seq = ?", (bytes(after), seq))
        try:
            with pytest.raises(LedgerBroken, match=f"ledger entry {seq}:"):
                check(site)
        finally:
            raw.execute(f"UPDATE ledger SET {column} = ? WHERE seq = ?", (before, seq))
    assert check(site).entries == 12


def test_a_clock_that_went_back_is_told_and_not_judged(tmp_path: Path) -> None:
    moments = iter([START, START + timedelta(hours=1), START + timedelta(minutes=1), START + timedelta(minutes=2)])
    with open_store(tmp_path, clock=lambda: next(moments)) as store:
        ledger = open_ledger(store, SITE)
        for _ in range(4):
            ledger.append("event", "s", {}, "a")
        report = verify(store, SITE, None)
    assert report.clock_back_count == 1
    assert [(back.seq, back.before[11:19], back.after[11:19]) for back in report.clock_backs] == [
        (3, "03:00:00", "02:01:00")
    ]
