"""Opening the database: what is refused and how, that every sqlite3 error is one line, and that writers stay apart."""

import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from controller.store import open as store_open
from controller.store.open import APPLICATION_ID, FILE_NAME, VERSION, open_store, storage_errors
from policies.errors import ConfigError, StorageFailed


def test_a_new_database_is_private_durable_and_complete(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        assert (tmp_path / FILE_NAME).stat().st_mode & 0o777 == 0o600
        assert store.rows("PRAGMA journal_mode")[0][0] == "wal"
        assert store.rows("PRAGMA synchronous")[0][0] == 2
        assert store.rows("PRAGMA foreign_keys")[0][0] == 1
        assert store.rows("PRAGMA application_id")[0][0] == APPLICATION_ID
        assert store.rows("PRAGMA integrity_check")[0][0] == "ok"


def test_the_version_counts_the_migrations(tmp_path: Path) -> None:
    from controller.store.schema import migrations

    with open_store(tmp_path) as store:
        names = [row["name"] for row in store.rows("SELECT name FROM _sqlite_migrations ORDER BY id")]
    assert names == [migration.name for migration in migrations._migrations]
    assert len(names) == VERSION


def test_opening_an_up_to_date_database_does_not_load_sqlite_utils(tmp_path: Path) -> None:
    open_store(tmp_path).close()
    code = (
        "import sys; from pathlib import Path; from controller.store.open import open_store\n"
        "open_store(Path(sys.argv[1])).close(); sys.exit('sqlite_utils' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False).returncode == 0


def test_a_failed_upgrade_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from controller.store import schema

    monkeypatch.setattr(schema, "_LEDGER", (*schema._LEDGER, "CREATE TABLE broken ("))
    with pytest.raises(StorageFailed):
        open_store(tmp_path)
    monkeypatch.undo()
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as raw:
        assert raw.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    open_store(tmp_path).close()


def test_two_processes_may_make_the_database_at_once(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from controller.store.open import open_store\n"
        "open_store(Path(sys.argv[1])).close()"
    )
    both = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stderr=subprocess.PIPE) for _ in range(2)]
    errors = [process.communicate()[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], errors


def test_a_newer_database_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        store.rows(f"PRAGMA user_version={VERSION + 1}")
    with pytest.raises(ConfigError, match=r"newer Portseal.*upgrade Portseal"):
        open_store(tmp_path)


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as raw:
        raw.execute("CREATE TABLE bookmarks (url TEXT)")
    with pytest.raises(ConfigError, match="another program"):
        open_store(tmp_path)


def test_a_missing_folder_and_a_missing_database_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="portseal init"):
        open_store(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match="no database yet"):
        open_store(tmp_path, read_only=True)


def test_an_older_database_is_not_upgraded_by_a_reader(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        store.rows("PRAGMA user_version=0")
    with pytest.raises(ConfigError, match="older Portseal"):
        open_store(tmp_path, read_only=True)


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    open_store(tmp_path).close()
    with open_store(tmp_path, read_only=True) as store, pytest.raises(StorageFailed, match="cannot be written"):
        store.execute("DELETE FROM lease")


@pytest.mark.parametrize("content", [b"this is a shopping list" * 100, b"SQLite format 3\x00" + b"\xff" * 4096])
def test_a_file_that_is_no_database_is_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE_NAME).write_bytes(content)
    with pytest.raises(StorageFailed) as caught:
        open_store(tmp_path)
    assert FILE_NAME in str(caught.value) and "\n" not in str(caught.value)


def test_a_damaged_page_is_one_line(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        for number in range(200):
            store.execute("INSERT INTO observation VALUES (?, 'x', ?)", (f"sw{number}", "y" * 500))
    path = tmp_path / FILE_NAME
    content = bytearray(path.read_bytes())
    content[4096 * 4 :] = b"\x5a" * (len(content) - 4096 * 4)
    path.write_bytes(content)
    with pytest.raises(StorageFailed, match="damaged"), open_store(tmp_path) as store:
        store.rows("SELECT * FROM observation")


def test_a_full_disk_is_one_line_and_undoes_the_transaction(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        pages = store.rows("PRAGMA page_count")[0][0]
        store.rows(f"PRAGMA max_page_count={pages + 1}")
        with pytest.raises(StorageFailed, match="disk is full"), store.transaction() as connection:
            connection.execute("INSERT INTO observation VALUES ('sw1', 'x', 'small')")
            connection.execute("INSERT INTO observation VALUES ('sw2', 'x', ?)", ("y" * 100_000,))
        assert store.rows("SELECT * FROM observation") == []
        assert not store.in_transaction


def test_a_transaction_joins_the_one_around_it_and_both_go_together(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        with pytest.raises(RuntimeError), store.transaction():
            store.execute("INSERT INTO observation VALUES ('sw1', 'x', 'y')")
            raise RuntimeError
        assert store.rows("SELECT * FROM observation") == []


def test_threads_share_the_connection_without_losing_a_write(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:

        def write(first: int) -> None:
            for number in range(first, first + 25):
                store.execute("INSERT INTO observation VALUES (?, 'x', 'y')", (f"sw{number}",))

        threads = [threading.Thread(target=write, args=(start,)) for start in range(0, 100, 25)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert store.rows("SELECT count(*) FROM observation")[0][0] == 100


def test_a_lock_held_by_another_process_is_told_after_the_timeout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_store(tmp_path).close()
    monkeypatch.setattr(store_open, "BUSY_TIMEOUT_MS", 1)
    with closing(sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)) as other, open_store(tmp_path) as store:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageFailed, match="another process"):
            store.execute("DELETE FROM lease")


def test_use_after_closing_is_one_line(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.close()
    with pytest.raises(StorageFailed):
        store.rows("SELECT 1")


def sqlite_exceptions() -> list[type[sqlite3.Error]]:
    found, queue = [], [sqlite3.Error]
    while queue:
        kind = queue.pop()
        found.append(kind)
        queue += kind.__subclasses__()
    return sorted(found, key=lambda kind: kind.__name__)


@pytest.mark.parametrize("kind", sqlite_exceptions(), ids=lambda kind: kind.__name__)
def test_every_exception_of_sqlite3_becomes_one_line(kind: Any, tmp_path: Path) -> None:
    with pytest.raises(StorageFailed) as caught, storage_errors(tmp_path / FILE_NAME):
        raise kind("first line\nsecond line")
    for language in ("en",):
        assert "first line" in caught.value.line(language) and "second" not in caught.value.line(language)
