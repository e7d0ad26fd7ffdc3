"""Writing to the ledger: final bytes, guard, acts, orphans, threads and processes, checkpoints."""

import hashlib
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from controller.ledger import query
from controller.ledger.entry import Draft
from controller.ledger.key import ledger_key, ledger_public_key, open_ledger
from controller.ledger.ledger import KEEP_EVERY, Ledger
from controller.ledger.query import Filter
from controller.ledger.verify import verify
from controller.store.open import Store, open_store
from policies import merkle, notes
from policies.errors import ConfigError, InputError, LedgerBroken, NotFound, SafetyRefusal, StorageFailed, VerifyFailed
from policies.texts import t

SITE = "浦东一号"
START = datetime(2025, 1, 31, 2, 0, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path, clock=Clock()) as opened:
        yield opened


@pytest.fixture
def ledger(store: Store) -> Ledger:
    return open_ledger(store, SITE)


def kinds(store: Store) -> list[str]:
    return [entry.kind for entry in query.entries(store)]


def test_the_bytes_of_an_entry_are_final(ledger: Ledger) -> None:
    entry = ledger.append("reader.swipe", "terminal-7", {"reader": "东门", "n": 1, "ok": True, "b": None}, "broker")
    assert (
        entry.raw
        == (
            '{"actor":"broker","at":"2025-01-31T02:00:00.001000Z","data":{"b":null,"n":1,"ok":true,"reader":"东门"},'
            '"kind":"reader.swipe","seq":1,"subject":"terminal-7","v":1}'
        ).encode()
    )
    assert entry.leaf == hashlib.sha256(b"\x00" + entry.raw).digest()
    assert entry.leaf.hex() == "b66afdd9b5e259964f206317974b590d216a55e1ad70827d3f36d85cfbed3868"
    assert query.entry(ledger.store, 1) == entry
    assert entry.data == {"reader": "东门", "n": 1, "ok": True, "b": None}


@pytest.mark.parametrize("kind", ["", "Apply", "apply.", ".x", "a b", "a" * 40, "1x"])
def test_kinds_outside_the_grammar_are_a_mistake(ledger: Ledger, kind: Any) -> None:
    with pytest.raises(ValueError, match="kind"):
        ledger.append(kind, "s", {}, "a")


@pytest.mark.parametrize("data", [{"x": 1.5}, {"x": b""}, {"x": 2**60}, {"x": "y" * 70_000}])
def test_data_without_final_bytes_is_a_mistake(ledger: Ledger, data: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        ledger.append("apply", "s", data, "a")
    with pytest.raises(ValueError):
        ledger.append("apply", "\ud800", {}, "a")
    assert kinds(ledger.store) == []


@pytest.mark.parametrize(
    "data",
    [
        {"password": "x"}, {"snmp": {"Community": "x"}}, {"list": [{"auth_password": "x"}]}, {"card_number": "1"},
        {"Card No.": "1"}, {"holder_name": "x"}, {"姓名": "x"}, {"token": "x"}, {"pin": "1"}, {"private-key": "x"},
        {"note": "-----BEGIN PRIVATE KEY-----"}, {"enable secret": "x"}, {"uid": "04:aa"}, {"持卡人手机": "1"},
    ],
)  # fmt: skip
def test_secrets_and_personal_data_never_get_in(ledger: Ledger, data: Any) -> None:
    with pytest.raises(SafetyRefusal, match="never holds secrets"):
        ledger.append("card.import", "c", data, "a")
    with pytest.raises(SafetyRefusal), ledger.act("card.import", "c", data, "a"):
        pytest.fail("the act must not begin")
    assert kinds(ledger.store) == []


def test_harmless_keys_pass_the_guard(ledger: Ledger) -> None:
    data = {
        "card": "pseudonym",
        "commitment": "x",
        "port": "p1",
        "pinned": 1,
        "mac": "00:11:22:33:44:55",
        "name": "cam",
    }
    ledger.append("card.import", "c", data, "a")


def test_an_act_writes_its_intent_first_and_its_outcome_after(ledger: Ledger) -> None:
    with ledger.act("apply", "sw1", {"plan": "k3m9p2"}, "admin") as act:
        assert kinds(ledger.store) == ["apply.intent"]
        act.done({"ports": 3})
    done = query.entry(ledger.store, 2)
    assert (done.kind, done.data) == ("apply.done", {"intent": 1, "ports": 3})
    assert [item.size for item in query.checkpoints(ledger.store)] == [2]


def test_an_act_that_raises_is_recorded_as_failed_and_the_error_goes_on(ledger: Ledger) -> None:
    with pytest.raises(VerifyFailed), ledger.act("apply", "sw1", {}, "admin") as act:
        act.done()
        raise VerifyFailed(t("port differs"), where="sw1/p1")
    data = query.entry(ledger.store, 2).data
    assert data == {"error": "VerifyFailed", "intent": 1, "reason": "sw1/p1: port differs"}


def test_the_words_of_foreign_exceptions_stay_out(ledger: Ledger) -> None:
    with pytest.raises(RuntimeError), ledger.act("apply", "sw1", {}, "admin"):
        raise RuntimeError("login admin/hunter2 refused")
    with pytest.raises(FileNotFoundError), ledger.act("apply", "sw1", {}, "admin"):
        raise FileNotFoundError(2, "No such file or directory", "/home/someone/secret")
    with pytest.raises(KeyboardInterrupt), ledger.act("apply", "sw1", {}, "admin"):
        raise KeyboardInterrupt
    reasons = [entry.data["reason"] for entry in query.entries(ledger.store, Filter(kind="apply.failed"))]
    assert reasons == ["unexpected error", "No such file or directory", "unexpected error"]


def test_leaving_without_an_outcome_is_a_failure_and_so_is_saying_so(ledger: Ledger) -> None:
    with ledger.act("apply", "sw1", {}, "admin"):
        pass
    with ledger.act("apply", "sw1", {}, "admin") as act:
        act.fail(t("{n} ports differ", n=2), {"ports": 2})
    assert kinds(ledger.store) == ["apply.intent", "apply.failed"] * 2
    assert query.entry(ledger.store, 2).data["reason"] == "left without an outcome"
    assert query.entry(ledger.store, 4).data == {"intent": 3, "ports": 2, "reason": "2 ports differ"}


def test_an_outcome_that_must_not_be_recorded_fails_the_act(ledger: Ledger) -> None:
    with pytest.raises(SafetyRefusal), ledger.act("apply", "sw1", {}, "admin") as act:
        act.done({"password": "x"})
    assert kinds(ledger.store) == ["apply.intent", "apply.failed"]
    assert ledger.store.rows("SELECT * FROM open_act") == []


def test_an_act_inside_a_transaction_is_a_mistake_but_an_entry_belongs_to_it(ledger: Ledger) -> None:
    with ledger.store.transaction(), pytest.raises(RuntimeError), ledger.act("a", "s", {}, "x"):
        pass
    with pytest.raises(ZeroDivisionError), ledger.store.transaction():
        ledger.append("inventory.import", "s", {}, "x")
        ledger.checkpoint()
        raise ZeroDivisionError
    assert kinds(ledger.store) == [] and query.checkpoints(ledger.store) == ()
    ledger.append("other", "s", {}, "x")
    ledger.checkpoint()
    assert verify(ledger.store, SITE, ledger_public_key(ledger.store.path.parent)).covered == 1


def test_an_act_of_a_killed_process_is_closed_as_interrupted_at_the_next_start(tmp_path: Path, ledger: Ledger) -> None:
    code = """
import os, signal, sys
from pathlib import Path
from controller.ledger.key import open_ledger
from controller.store.open import open_store
store = open_store(Path(sys.argv[1]))
with open_ledger(store, sys.argv[2]).act("apply", "sw1", {"plan": "x"}, "admin"):
    os.kill(os.getpid(), signal.SIGKILL)
"""
    ended = subprocess.run([sys.executable, "-c", code, str(tmp_path), SITE], check=False)
    assert ended.returncode == -9
    key = ledger_public_key(tmp_path)
    assert verify(ledger.store, SITE, key).orphans == (1,)
    with ledger.act("bind", "sw2", {}, "admin") as mine:
        closed = ledger.close_orphans()
        assert [(entry.kind, entry.subject, entry.actor) for entry in closed] == [("apply.failed", "sw1", "admin")]
        assert closed[0].data == {"intent": 1, "reason": "interrupted"}
        mine.done()
    assert ledger.close_orphans() == []
    report = verify(ledger.store, SITE, key)
    assert (report.orphan_count, report.uncovered) == (0, 0)


def test_threads_that_append_at_once_share_commits_and_lose_nothing(ledger: Ledger) -> None:
    seen: list[int] = []

    def write(name: str) -> None:
        seen.extend(ledger.append("event", name, {"n": n}, "agent").seq for n in range(40))

    threads = [threading.Thread(target=write, args=(f"t{i}",)) for i in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == list(range(1, 201))
    assert verify(ledger.store, SITE, None).entries == 200


def test_processes_append_to_one_gapless_ledger(tmp_path: Path, ledger: Ledger) -> None:
    code = """
import sys
from pathlib import Path
from controller.ledger.key import open_ledger
from controller.store.open import open_store
with open_store(Path(sys.argv[1])) as store:
    ledger = open_ledger(store, sys.argv[2])
    for n in range(20):
        with ledger.act("apply", "sw1", {"n": n}, "admin") as act:
            act.done()
"""
    both = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path), SITE]) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    report = verify(ledger.store, SITE, ledger_public_key(tmp_path))
    assert (report.entries, report.covered, report.orphan_count) == (80, 80, 0)


def test_a_full_disk_fails_the_append_and_leaves_the_ledger_whole(ledger: Ledger) -> None:
    ledger.append("event", "s", {}, "a")
    pages = ledger.store.rows("PRAGMA page_count")[0][0]
    ledger.store.rows(f"PRAGMA max_page_count={pages}")
    with pytest.raises(StorageFailed, match="disk is full"):
        ledger.append_many([Draft.make("event", "s", {"x": "y" * 1000}, "a") for _ in range(100)])
    with pytest.raises(StorageFailed, match="disk is full"):
        for _ in range(20):
            ledger.append("event", "s", {"x": "y" * 1000}, "a")
    ledger.store.rows("PRAGMA max_page_count=100000")
    size = query.size(ledger.store)
    assert ledger.append("event", "s", {}, "a").seq == size + 1
    verify(ledger.store, SITE, None)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE ledger SET actor = 'x'", "DELETE FROM ledger", "DELETE FROM ledger WHERE seq = 1",
        "INSERT OR REPLACE INTO ledger SELECT 1, at, actor, kind, subject, bytes, leaf FROM ledger WHERE seq = 2",
        "INSERT INTO ledger SELECT 9, at, actor, kind, subject, bytes, leaf FROM ledger WHERE seq = 2",
        "UPDATE checkpoint SET note = ''", "DELETE FROM checkpoint", "UPDATE checkpoint SET kept = 0",
    ],
)  # fmt: skip
def test_the_database_itself_refuses_to_change_what_was_written(ledger: Ledger, sql: str) -> None:
    ledger.append("event", "s", {}, "a")
    ledger.append("event", "s", {}, "a")
    ledger.checkpoint()
    with pytest.raises(StorageFailed, match=r"append-only|no gaps|final"):
        ledger.store.execute(sql)
    assert verify(ledger.store, SITE, None).covered == 2


def test_checkpoints_between_give_way_and_kept_ones_stay(ledger: Ledger) -> None:
    for _ in range(3):
        ledger.append("event", "s", {}, "a")
        ledger.checkpoint(keep=False)
    assert [item.size for item in query.checkpoints(ledger.store)] == [3]
    first = ledger.checkpoint()
    assert first == ledger.checkpoint(keep=False)
    ledger.append("event", "s", {}, "a")
    ledger.checkpoint(keep=False)
    assert [item.size for item in query.checkpoints(ledger.store)] == [3, 4]
    ledger.append_many(Draft.make("event", "s", {}, "a") for _ in range(KEEP_EVERY))
    ledger.checkpoint(keep=False)
    ledger.append("event", "s", {}, "a")
    ledger.checkpoint(keep=False)
    assert [item.size for item in query.checkpoints(ledger.store)] == [3, KEEP_EVERY + 4, KEEP_EVERY + 5]
    assert verify(ledger.store, SITE, ledger_public_key(ledger.store.path.parent)).checkpoints == 3


def test_a_restarted_ledger_continues_the_tree_and_an_empty_one_can_be_signed(tmp_path: Path, store: Store) -> None:
    key = ledger_key(tmp_path)
    assert Ledger(store, SITE, key).checkpoint().checkpoint.root == merkle.EMPTY_ROOT
    for _ in range(5):
        restarted = Ledger(store, SITE, key)
        restarted.append("event", "s", {}, "a")
        signed = restarted.checkpoint()
        assert notes.open_checkpoint(signed.note, notes.NamedKey(SITE, key.public)) == signed.checkpoint
        assert signed.checkpoint.root == query.root(store, signed.checkpoint.size)
    assert verify(store, SITE, key.public).checkpoints == 6


def test_without_a_signer_entries_are_written_and_no_checkpoint(store: Store) -> None:
    ledger = Ledger(store, SITE)
    with ledger.act("apply", "sw1", {}, "admin") as act:
        act.done()
    assert query.latest_checkpoint(store) is None
    with pytest.raises(InputError, match="no key"):
        ledger.checkpoint()


def test_a_ledger_shorter_than_its_checkpoint_is_not_signed_again(tmp_path: Path, store: Store, ledger: Ledger) -> None:
    for _ in range(3):
        ledger.append("event", "s", {}, "a")
    ledger.checkpoint()
    store.rows("DROP TRIGGER ledger_no_delete")
    store.execute("DELETE FROM ledger WHERE seq = 3")
    for again in (ledger, open_ledger(store, SITE)):
        with pytest.raises(LedgerBroken, match="ledger entry 3"):
            again.checkpoint()


def test_a_checkpoint_of_another_key_or_tree_is_not_built_upon(
    tmp_path: Path, store: Store, ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    ledger.append("event", "s", {}, "a")
    ledger.checkpoint()
    ledger.append("event", "s", {}, "a")
    from policies.keys import SigningKey

    with pytest.raises(LedgerBroken, match="checkpoint 1"):
        Ledger(store, SITE, SigningKey.generate()).checkpoint()
    with pytest.raises(ZeroDivisionError), Ledger(store, SITE, SigningKey.generate()).act("a", "s", {}, "x"):
        raise ZeroDivisionError
    assert "could not be recorded" in caplog.text
    store.rows("DROP TRIGGER checkpoint_no_update")
    for frontier in (bytes(32), b""):
        store.execute("UPDATE checkpoint SET frontier = ?", (frontier,))
        with pytest.raises(LedgerBroken, match="checkpoint 1"):
            open_ledger(store, SITE).checkpoint()


def test_the_key_is_private_made_once_and_its_public_half_is_beside_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"ledger\.pub"):
        ledger_public_key(tmp_path)
    key = ledger_key(tmp_path)
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "keys/ledger.key").stat().st_mode & 0o777 == 0o600
    assert ledger_key(tmp_path).public == key.public == ledger_public_key(tmp_path)
    (tmp_path / "keys/ledger.key").chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        ledger_key(tmp_path)


def test_entries_are_found_by_kind_subject_actor_time_and_text(store: Store, ledger: Ledger) -> None:
    ledger.append("apply.intent", "sw1", {"plan": "k3m9p2"}, "admin")
    middle = ledger.append("apply.done", "sw2", {"place": "东门"}, "duty")
    ledger.append("applying", "sw1", {}, "admin")

    def found(**conditions: Any) -> list[int]:
        return [entry.seq for entry in query.entries(store, Filter(**conditions))]

    assert found() == [1, 2, 3]
    assert found(kind="apply") == [1, 2] and found(kind="apply.done") == [2] and found(kind="appl") == []
    assert found(subject="sw1") == [1, 3] and found(actor="duty") == [2] and found(text="东门") == [2]
    assert found(since=middle.at) == [2, 3] and found(before=middle.at) == [1] and found(after_seq=2) == [3]
    assert [entry.seq for entry in query.entries(store, newest_first=True, limit=2)] == [3, 2]


def test_proofs_from_the_database_verify(store: Store, ledger: Ledger) -> None:
    ledger.append_many(Draft.make("event", "s", {"n": n}, "a") for n in range(21))
    leaves = [entry.leaf for entry in query.entries(store)]
    root = query.root(store, 21)
    for seq in range(1, 22):
        proof = query.inclusion_proof(store, seq, 21)
        assert merkle.verify_inclusion(leaves[seq - 1], seq - 1, 21, proof, root)
        proof = query.consistency_proof(store, seq, 21)
        assert merkle.verify_consistency((seq, 21), (query.root(store, seq), root), proof)
    for call in (
        lambda: query.inclusion_proof(store, 0, 21),
        lambda: query.inclusion_proof(store, 3, 22),
        lambda: query.consistency_proof(store, 5, 22),
        lambda: query.entry(store, 22),
    ):
        with pytest.raises(NotFound):
            call()
    assert json.loads(next(query.entries(store)).raw)["seq"] == 1
