"""Opening portseal.db: one SQLite file per site, write-ahead log, every commit synced to disk.

A :class:`Store` owns one connection that all threads share under a lock; other processes are kept apart by SQLite's own
write lock (BEGIN IMMEDIATE). Every sqlite3 error leaves this module as one line of :class:`StorageFailed`.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from policies.errors import ConfigError, StorageFailed
from policies.texts import Text, t

#: File name of the database inside the site folder.
FILE_NAME = "portseal.db"
#: How many steps :mod:`controller.store.schema` has; kept in the file as PRAGMA user_version.
VERSION = 9
#: "PSL1" in PRAGMA application_id, so that another program's database is not mistaken for ours.
APPLICATION_ID = 0x50534C31
#: Milliseconds to wait for another process's write.
BUSY_TIMEOUT_MS = 10_000

Row = sqlite3.Row
Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Give the wall clock as aware UTC; what runs in production passes this one."""
    return datetime.now(UTC)


class Store:
    """The open database. `path` is the file; use :func:`open_store`, and close it (it is a context manager)."""

    def __init__(self, path: Path, connection: sqlite3.Connection, clock: Clock) -> None:
        self.path = path
        self.clock = clock
        self._connection = connection
        self._lock = threading.RLock()
        self._depth = 0

    def close(self) -> None:
        """Close the connection; further use raises StorageFailed."""
        with self._lock:
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def lock(self) -> threading.RLock:
        """The lock under which one thread at a time uses the connection."""
        return self._lock

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open; meaningful only to who holds the lock."""
        return self._depth > 0

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Write in one transaction, alone among threads and processes; an exception undoes all of it.

        Inside another transaction of the same thread it joins that one. Raises StorageFailed when the disk or the
        database refuses, and then nothing was written.
        """
        with self._lock:
            if self._depth:
                yield self._connection
                return
            with storage_errors(self.path):
                self._connection.execute("BEGIN IMMEDIATE")
                self._depth = 1
                try:
                    yield self._connection
                    self._connection.execute("COMMIT")
                finally:
                    self._depth = 0
                    # After COMMIT nothing is open; after an error some of SQLite's have rolled back by themselves.
                    if self._connection.in_transaction:
                        self._connection.execute("ROLLBACK")

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[Row]:
        """Give all rows of a small query."""
        with self._lock, storage_errors(self.path):
            return list(self._connection.execute(sql, values))

    def row(self, sql: str, values: Sequence[object] = ()) -> Row | None:
        """Give the first row of a query, or None."""
        with self._lock, storage_errors(self.path):
            found: Row | None = self._connection.execute(sql, values).fetchone()
            return found

    def execute(self, sql: str, values: Sequence[object] = ()) -> int:
        """Write one statement in a transaction; gives the number of rows that it touched."""
        with self.transaction() as connection:
            return connection.execute(sql, values).rowcount

    def empty_log(self) -> bool:
        """Write the log ahead into the database and empty it: what was erased is left in no file then.

        False when a long reading by others held it up for a second; the log is emptied later then.
        """
        with storage_errors(self.path):
            connection = _connect(self.path, read_only=False)
            try:
                connection.execute("PRAGMA busy_timeout=1000")
                return bool(connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0)
            finally:
                connection.close()

    @contextlib.contextmanager
    def reader(self) -> Iterator[sqlite3.Connection]:
        """Read through a connection of one's own, all statements on one consistent snapshot; for long streams."""
        with storage_errors(self.path):
            connection = _connect(self.path, read_only=True)
            try:
                connection.execute("BEGIN")
                yield connection
            finally:
                connection.close()


def open_store(folder: Path, *, read_only: bool = False, clock: Clock = utc_now) -> Store:
    """Open the site's database, making or upgrading it unless `read_only`.

    Raises ConfigError when the file is another program's or of a newer Portseal, or missing while `read_only`, and
    StorageFailed when it is damaged, cannot be opened or cannot be written.
    """
    path = folder / FILE_NAME
    if not folder.is_dir():
        raise ConfigError(
            t("there is no such site folder"), where=str(folder), next_step=t("make one with 'portseal init'")
        )
    if read_only and not path.exists():
        raise ConfigError(t("the site has no database yet"), where=str(path), next_step=t("run 'portseal serve' once"))
    with storage_errors(path):
        connection = _connect(path, read_only=read_only)
        try:
            _check_and_upgrade(connection, path, read_only=read_only)
        except BaseException:
            connection.close()
            raise
    return Store(path, connection, clock)


def _connect(path: Path, *, read_only: bool) -> sqlite3.Connection:
    if not read_only and not path.exists():
        # SQLite makes the -wal and -shm files with the mode of the main file: personal data stays the owner's.
        with contextlib.suppress(OSError):
            path.touch(mode=0o600, exist_ok=True)
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={'ro' if read_only else 'rwc'}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        timeout=BUSY_TIMEOUT_MS / 1000,
    )
    try:
        connection.row_factory = sqlite3.Row
        for pragma in ("foreign_keys=ON", f"busy_timeout={BUSY_TIMEOUT_MS}", "trusted_schema=OFF"):
            connection.execute(f"PRAGMA {pragma}")
        if not read_only:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            # What is erased is overwritten: not every SQLite is built so that it does this by itself.
            connection.execute("PRAGMA secure_delete=ON")
    except BaseException:
        connection.close()
        raise
    return connection


def _check_and_upgrade(connection: sqlite3.Connection, path: Path, *, read_only: bool) -> None:
    version = _pragma(connection, "user_version")
    application = _pragma(connection, "application_id")
    empty = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
    if not empty and application != APPLICATION_ID:
        raise ConfigError(
            t("this database was made by another program"),
            where=str(path),
            next_step=t("move it away, or name another site folder with --site"),
        )
    if version > VERSION:
        raise ConfigError(
            t("the database is of a newer Portseal (schema {found}, known {known})", found=version, known=VERSION),
            where=str(path),
            next_step=t("upgrade Portseal on this machine"),
        )
    if version == VERSION:
        return
    if read_only:
        raise ConfigError(
            t("the database is of an older Portseal and must be upgraded first"),
            where=str(path),
            next_step=t("run 'portseal doctor' as the site's owner"),
        )
    _upgrade(connection)


def _upgrade(connection: sqlite3.Connection) -> None:
    """Apply what is missing in one transaction that no other process can enter; on failure nothing has changed."""
    from sqlite_utils import Database

    from controller.store.schema import migrations

    connection.execute("BEGIN IMMEDIATE")
    try:
        if _pragma(connection, "user_version") < VERSION:
            migrations.apply(Database(connection, execute_plugins=False))
            connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version={VERSION}")
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


@contextlib.contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn every sqlite3 error inside into StorageFailed with one line that names the file and the remedy."""
    try:
        yield
    except sqlite3.Error as error:
        what, next_step = _explain(error)
        raise StorageFailed(what, where=str(path), next_step=next_step) from error


_CAUSES: dict[int, tuple[Text, Text]] = {
    sqlite3.SQLITE_FULL: (t("the disk is full"), t("free space on the disk that holds it, then repeat")),
    sqlite3.SQLITE_READONLY: (
        t("the database cannot be written"),
        t("check the owner and mode of the site folder and whether the disk is mounted read-only"),
    ),
    sqlite3.SQLITE_CANTOPEN: (
        t("the database cannot be opened"),
        t("check the owner and mode of the site folder"),
    ),
    sqlite3.SQLITE_PERM: (t("the database cannot be opened"), t("check the owner and mode of the site folder")),
    sqlite3.SQLITE_NOTADB: (
        t("the file is damaged or not a database"),
        t("restore it with 'portseal restore'"),
    ),
    sqlite3.SQLITE_CORRUPT: (t("the database is damaged"), t("restore it with 'portseal restore'")),
    sqlite3.SQLITE_BUSY: (
        t("another process kept the database locked"),
        t("wait for it to finish or stop it, then repeat"),
    ),
    sqlite3.SQLITE_LOCKED: (
        t("another process kept the database locked"),
        t("wait for it to finish or stop it, then repeat"),
    ),
    sqlite3.SQLITE_IOERR: (t("the disk failed while reading or writing"), t("check the disk with 'dmesg'")),
}


def _explain(error: sqlite3.Error) -> tuple[Text, Text]:
    code: Any = getattr(error, "sqlite_errorcode", None)
    # The low byte is the primary result code; the rest says more than a user needs (sqlite.org/rescode.html).
    known = _CAUSES.get(code & 0xFF) if isinstance(code, int) else None
    if known:
        return known
    detail = (str(error).splitlines() or [type(error).__name__])[0][:160]
    return t("the database refused: {detail}", detail=detail), t("run 'portseal doctor'")
