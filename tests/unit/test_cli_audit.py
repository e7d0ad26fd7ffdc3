"""audit reads, verifies and signs the ledger; a changed entry is named and exits 1."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from controller.cli.audit import moment
from controller.ledger.key import open_ledger
from controller.store.open import open_store
from policies.errors import InputError
from policies.keys import SigningKey
from tests.unit.cli_site import Cli, make_site


@pytest.fixture
def demo(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    made = Cli(make_site(tmp_path / "demo"), capsys, monkeypatch)
    made.loaded()
    assert made("unbind", "cam1").code == 0
    return made


def tamper(demo: Cli, statement: str) -> None:
    with open_store(demo.folder) as store, store.transaction() as connection:
        connection.execute("DROP TRIGGER ledger_no_update")
        connection.execute("DROP TRIGGER ledger_no_delete")
        connection.execute(statement)


def test_the_log_is_filtered_by_kind_subject_and_time_and_limited_to_the_newest(demo: Cli) -> None:
    assert demo.kinds() == ["inventory.import.intent", "inventory.import.done", "unbind.intent", "unbind.done"]
    newest = demo("audit", "log", "--limit", "1", "--json").json["entries"]
    assert [(each["seq"], each["kind"], each["subject"]) for each in newest] == [(4, "unbind.done", "cam1")]
    assert len(demo("audit", "log", "--kind", "inventory", "--json").json["entries"]) == 2
    assert len(demo("audit", "log", "--subject", "cam1", "--json").json["entries"]) == 2
    assert demo("audit", "log", "--until", "2000-01-01").code == 1
    assert len(demo("audit", "log", "--since", "2000-01-01T00:00Z", "--json").json["entries"]) == 4
    assert "unbind.done" in demo("audit", "log").out


def test_a_day_without_a_zone_is_this_machines_and_its_end_is_the_next_midnight() -> None:
    begin, end = moment("2026-03-05", "--since"), moment("2026-03-05", "--until", end=True)
    assert timedelta(hours=22) < end - begin < timedelta(hours=26)
    assert (begin.hour, begin.utcoffset()) == (0, begin.astimezone().utcoffset())
    assert moment("2026-03-05T08:00+08:00", "--since") == datetime(2026, 3, 5, tzinfo=UTC)
    with pytest.raises(InputError):
        moment("9999-12-31", "--until", end=True)


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", "", "2026-1-1", "\x00"])
def test_what_is_no_time_is_refused(demo: Cli, text: str) -> None:
    assert "not a day or time" in demo.refuses(2, "audit", "log", "--since", text)


def test_verify_tells_what_was_proved_and_by_which_key(demo: Cli) -> None:
    ran = demo("audit", "verify", "--json")
    assert (ran.code, ran.json["entries"], ran.json["covered"], ran.json["own_key"]) == (0, 4, 4, True)
    own = demo("audit", "verify", "--key", demo.folder / "keys" / "ledger.pub", "--json").json
    assert (own["fingerprint"], own["own_key"]) == (ran.json["fingerprint"], False)
    assert "4 entries verify" in demo("audit", "verify").out


def test_verify_names_the_first_bad_entry_and_exits_1(demo: Cli) -> None:
    tamper(demo, "UPDATE ledger SET bytes = CAST(replace(bytes, 'cam1', 'cam2') AS BLOB) WHERE seq = 3")
    assert "ledger entry 3" in demo.refuses(1, "audit", "verify")


def test_verify_notices_removed_entries_and_removed_safeguards(demo: Cli) -> None:
    tamper(demo, "SELECT 1")
    ran = demo("audit", "verify")
    assert (ran.code, "removed a safeguard" in ran.err) == (1, True)
    assert demo("audit", "verify", "--json").json["missing_triggers"] == ["ledger_no_delete", "ledger_no_update"]
    with open_store(demo.folder) as store:
        store.execute("DELETE FROM ledger WHERE seq = 4")
    assert "missing" in demo.refuses(1, "audit", "verify")


def test_verify_against_another_key_is_refused(demo: Cli) -> None:
    other = demo.folder.parent / "other.pub"
    other.write_bytes(SigningKey.generate().public.to_pem())
    assert "checkpoint" in demo.refuses(1, "audit", "verify", "--key", other)
    other.write_bytes(bytes(range(256)))
    assert "not an Ed25519 key" in demo.refuses(2, "audit", "verify", "--key", other)
    assert "cannot be read" in demo.refuses(2, "audit", "verify", "--key", demo.folder)
    assert "cannot be read" in demo.refuses(2, "audit", "verify", "--key", demo.folder / "no.pub")


def test_verify_tells_acts_without_outcome_and_a_clock_that_went_back(demo: Cli) -> None:
    times = iter([datetime(2040, 1, 1, tzinfo=UTC), datetime(2039, 1, 1, tzinfo=UTC)])
    with open_store(demo.folder, clock=lambda: next(times)) as store:
        ledger = open_ledger(store, "demo")
        ledger.append("test.intent", "x", {}, "test")
        ledger.append("test.entry", "x", {}, "test")
    ran = demo("audit", "verify", "--json")
    assert (ran.json["orphans"], ran.json["orphan_count"]) == ([5], 1)
    assert [each["seq"] for each in ran.json["clock_backs"]] == [6]
    out = demo("audit", "verify").out
    assert "#5" in out
    assert "the clock went back at entry 6" in out


def test_a_checkpoint_is_printed_as_a_signed_note_and_stays(demo: Cli) -> None:
    ran = demo("audit", "checkpoint", "--json")
    assert (ran.json["size"], ran.json["origin"]) == (4, "demo")
    printed = demo("audit", "checkpoint").out
    assert printed.rstrip("\n") == ran.json["note"].rstrip("\n")
    assert demo("audit", "verify", "--json").json["root"] == ran.json["root"]


def test_a_verification_without_a_database_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = Cli(make_site(tmp_path / "bare"), capsys, monkeypatch)
    bare.refuses(2, "audit", "verify")
    assert not (bare.folder / "portseal.db").exists()
