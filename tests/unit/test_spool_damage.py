"""Damaged, truncated, missing, foreign and older files: set aside, told in the chain, nothing whole is lost."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.link import repair
from agent.link.spool import SpoolPlace, open_spool
from policies.errors import StorageFailed
from policies.grants import Moment
from policies.keys import SigningKey
from policies.messages.event import AgentEvent, Head, read_event, verify_chain

KEY = SigningKey(b"k" * 32)
BOOTS = tuple(f"0b1c2d3e-0000-4000-8000-00000000000{number}" for number in range(4))
NOW = Moment(1_795_341_600.0, 42.0)
WRITTEN = 60


@pytest.fixture
def place(tmp_path: Path) -> SpoolPlace:
    """A memory with sixty events of three boots, closed: its log is moved into the file."""
    place = SpoolPlace(tmp_path / "state", tmp_path / "run", "PC-1", BOOTS[2])
    for boot_id in BOOTS[:3]:
        with open_spool(replace(place, boot_id=boot_id), KEY, NOW) as spool:
            spool.append_all([("usb.blocked", {"n": n, "text": "a" * 300}) for n in range(20)], NOW)
    return place


def reopened(place: SpoolPlace) -> tuple[AgentEvent | None, list[AgentEvent], Head]:
    """Open; check what must hold whatever happened; give the event of trouble, all that waits, and the head."""
    with open_spool(place, KEY, NOW) as spool:
        events = [read_event(raw, KEY.public) for _, raw in spool.unacked(0, 1000)]
        assert [each.seq for each in events] == sorted({each.seq for each in events})
        if spool.trouble is not None:
            assert events[-1] == spool.trouble
            assert spool.state.lost == spool.trouble.seq
            name = spool.trouble.data["file"]
            assert spool.trouble.data["reason"] == "missing" or (place.folder / name).exists()
        made = spool.append("agent.started", {}, NOW)
        assert made is not None
        head = spool.state.head
    with open_spool(place, KEY, NOW) as again:
        assert again.trouble is None
        assert again.state.head == head
    return spool.trouble, events, head


def database(place: SpoolPlace) -> Path:
    return place.folder / "agent.db"


def forget_witnesses(place: SpoolPlace) -> None:
    for folder in (place.run, place.folder):
        (folder / "head").unlink()


def test_nothing_wrong_is_nothing_told(place: SpoolPlace) -> None:
    trouble, events, head = reopened(place)
    assert trouble is None
    assert len(events) == WRITTEN
    assert head.seq == WRITTEN + 1
    assert not list(place.folder.glob("*damaged*"))


def test_a_reboot_is_no_trouble(place: SpoolPlace) -> None:
    shutil.rmtree(place.run)
    trouble, events, _ = reopened(replace(place, boot_id=BOOTS[3]))
    assert (trouble, len(events)) == (None, WRITTEN)


def test_every_flipped_byte_that_matters_is_found_and_what_is_whole_is_kept(place: SpoolPlace, tmp_path: Path) -> None:
    """A byte in free space may pass, and then nothing of what was written has changed."""
    good = database(place).read_bytes()
    found = 0
    for number, offset in enumerate(range(0, len(good), 1709)):
        copy = replace(place, folder=tmp_path / f"s{number}", run=tmp_path / f"r{number}")
        shutil.copytree(place.folder, copy.folder)
        shutil.copytree(place.run, copy.run)
        damaged = bytearray(good)
        damaged[offset] ^= 0x10
        database(copy).write_bytes(bytes(damaged))
        trouble, events, head = reopened(copy)
        if trouble is None:
            assert verify_chain([each.raw for each in events], KEY.public).seq == WRITTEN, offset
            continue
        found += 1
        assert (trouble.kind, trouble.seq, head.seq) == ("state.corrupt", WRITTEN + 1, WRITTEN + 2), offset
        assert trouble.boot == 3
        shutil.rmtree(copy.folder)
    assert found > len(good) / 1709 / 2


def test_one_bad_event_costs_one_event(place: SpoolPlace) -> None:
    raw = database(place).read_bytes()
    forget_witnesses(place)
    at = raw.index(b'"seq":31,')
    database(place).write_bytes(raw[: at + 6] + b"9" + raw[at + 7 :])
    trouble, events, _ = reopened(place)
    assert trouble is not None
    assert (trouble.kind, trouble.data["kept"]) == ("state.corrupt", WRITTEN - 1)
    assert [each.seq for each in events] == [*range(1, 31), *range(32, 62)]
    assert verify_chain([each.raw for each in events[30:]], KEY.public, Head(31, events[30].prev)) == events[-1].head


@pytest.mark.parametrize("page", range(12))
def test_truncated_at_every_page(place: SpoolPlace, page: int) -> None:
    size = database(place).stat().st_size
    assert size // 4096 > 11
    with database(place).open("r+b") as file:
        file.truncate(page * 4096)
    trouble, events, _ = reopened(place)
    assert trouble is not None
    assert (trouble.kind, trouble.seq, trouble.data["known_seq"]) == ("state.corrupt", WRITTEN + 1, WRITTEN)
    assert all(each.terminal == "PC-1" for each in events)


@pytest.mark.parametrize("keep", ["run", "folder"])
def test_a_file_that_is_gone_is_noticed_by_either_witness(place: SpoolPlace, keep: str) -> None:
    database(place).unlink()
    (getattr(place, "folder" if keep == "run" else "run") / "head").unlink()
    trouble, events, _ = reopened(place)
    assert trouble is not None
    assert (trouble.data["reason"], trouble.seq, len(events)) == ("missing", WRITTEN + 1, 1)


def test_without_any_memory_it_is_a_first_start(place: SpoolPlace) -> None:
    database(place).unlink()
    forget_witnesses(place)
    trouble, events, head = reopened(place)
    assert (trouble, events, head.seq) == (None, [], 1)


@pytest.mark.parametrize("keep", ["run", "folder"])
def test_an_older_copy_is_noticed_and_the_chain_goes_on_from_the_known_head(place: SpoolPlace, keep: str) -> None:
    older = database(place).read_bytes()
    with open_spool(place, KEY, NOW) as spool:
        spool.append_all([("usb.removed", {})] * 5, NOW)
        known = spool.state.head
    database(place).write_bytes(older)
    (getattr(place, "folder" if keep == "run" else "run") / "head").unlink()
    trouble, events, _ = reopened(place)
    assert trouble is not None
    assert (trouble.kind, trouble.prev, trouble.seq) == ("state.rolled_back", known.digest, known.seq + 1)
    assert (trouble.data["found_seq"], trouble.data["known_seq"]) == (WRITTEN, WRITTEN + 5)
    assert len(events) == WRITTEN + 1


def test_a_lost_log_is_noticed(place: SpoolPlace) -> None:
    """SQLite takes a log that was cut off, or damaged, for one that ended earlier: commits vanish without an error."""
    spool = open_spool(place, KEY, NOW)
    spool.append_all([("usb.removed", {})] * 5, NOW)
    log = Path(f"{database(place)}-wal")
    saved, bytes_of_log = database(place).read_bytes(), log.read_bytes()
    spool.close()
    for cut in (0, len(bytes_of_log) // 2):
        database(place).write_bytes(saved)
        log.write_bytes(bytes_of_log[:cut])
        trouble, _, head = reopened(place)
        assert trouble is not None
        assert (trouble.kind, head.seq) == ("state.rolled_back", WRITTEN + 7 + (cut > 0) * 2)


def test_another_branch_at_the_same_number_is_noticed(place: SpoolPlace, tmp_path: Path) -> None:
    copy = replace(place, folder=tmp_path / "copy", run=tmp_path / "copied run")
    shutil.copytree(place.folder, copy.folder)
    for each, kind in ((place, "usb.removed"), (copy, "usb.opened")):
        with open_spool(each, KEY, NOW) as spool:
            spool.append(kind, {}, NOW)
    shutil.copy(database(copy), database(place))
    trouble, _, _ = reopened(place)
    assert trouble is not None
    assert trouble.kind == "state.rolled_back"


@pytest.mark.parametrize("other", ["terminal", "key"])
def test_a_file_of_another_terminal_or_key_is_set_aside(place: SpoolPlace, other: str) -> None:
    place = replace(place, terminal="PC-2") if other == "terminal" else place
    key = SigningKey(b"x" * 32) if other == "key" else KEY
    with open_spool(place, key, NOW) as spool:
        assert spool.trouble is not None
        assert (spool.trouble.data["reason"], spool.trouble.seq) == ("foreign", 1)
        assert spool.state.held == 1


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE state SET raw = replace(raw, '\"counter\":0', '\"counter\":7')",
        "DELETE FROM state",
        "DELETE FROM event WHERE seq = 60",
        "DELETE FROM event WHERE seq = 30",
        "DELETE FROM event WHERE seq = 1",
        "DELETE FROM event",
        "UPDATE event SET raw = (SELECT raw FROM event WHERE seq = 2) WHERE seq = 3",
        "UPDATE event SET seq = 1000 WHERE seq = 30",
        "UPDATE event SET raw = 'text' WHERE seq = 30",
        "DROP TABLE event",
        "DROP TABLE state",
        "PRAGMA user_version=2",
        "PRAGMA application_id=1",
    ],
)
def test_a_sound_file_with_other_contents_is_found(place: SpoolPlace, sql: str) -> None:
    with closing(sqlite3.connect(database(place))) as connection, connection:
        connection.execute(sql)
    trouble, events, _ = reopened(place)
    assert trouble is not None
    assert (trouble.kind, trouble.seq) == ("state.corrupt", WRITTEN + 1)
    kept = {"DROP TABLE event": 0, "DELETE FROM event": 0}.get(sql, WRITTEN - 1)
    assert len(events) - 1 >= kept


def test_the_highest_counter_that_is_known_stays(place: SpoolPlace) -> None:
    with open_spool(place, KEY, NOW) as spool:
        spool.commit(NOW, (), lambda state: state.raised(41))
    database(place).write_bytes(b"x" * 9000)
    with open_spool(place, KEY, NOW) as spool:
        assert (spool.state.counter, spool.state.boot) == (41, 3)


def interrupted_after(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the repair die at its n-th renaming, before it is done."""
    real: Callable[..., Any] = Path.rename
    count = iter(range(100))

    def rename(self: Path, target: Path) -> Path:
        if next(count) == number:
            raise OSError(5, "killed here")
        renamed: Path = real(self, target)
        return renamed

    monkeypatch.setattr(Path, "rename", rename)


@pytest.mark.parametrize("number", range(4))
def test_a_repair_that_was_interrupted_is_ended_or_made_again(
    place: SpoolPlace, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = database(place).read_bytes()
    at = raw.index(b'"seq":31,')
    database(place).write_bytes(raw[: at + 6] + b"9" + raw[at + 7 :])
    Path(f"{database(place)}-wal").write_bytes(b"")
    with monkeypatch.context() as patched:
        interrupted_after(number, patched)
        with pytest.raises(StorageFailed):
            open_spool(place, KEY, NOW)
    with open_spool(place, KEY, NOW) as spool:
        kinds = [read_event(each, KEY.public).kind for _, each in spool.unacked(0, 100)]
        assert kinds.count("state.corrupt") == 1
        assert len(kinds) == WRITTEN
    assert len(list(place.folder.glob("*.damaged.db"))) == 1
    assert not list(place.folder.glob("*.ready.db"))
    assert not (place.folder / repair._MAKING).exists()
