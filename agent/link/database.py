"""The one SQLite file of an agent: its state and the events that wait. What it means is told in spool.py.

SQLite and not a journal of our own, because three things change in one step (an event, the chain's end, a grant's
counter) and a database in one transaction has no half-states of them; measured, a commit costs what its one sync
costs (bench/spool.py). The write-ahead log is synced at every commit (`synchronous=FULL`). SQLite notices damage to
its own structure only; what it stores is guarded here: the state by a SHA-256 beside it, every event by the chain.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from agent.link.state import AgentState
from policies import canonical
from policies.errors import Busy, EquipmentError, InputError, StorageFailed
from policies.keys import PublicKey
from policies.messages.event import NO_DIGEST, AgentEvent, digest, read_event
from policies.texts import Text, t

#: The database, and the file whose lock says that an agent runs.
FILE_NAME = "agent.db"
LOCK_NAME = "agent.lock"
#: "PSA1" in PRAGMA application_id, and the version of the tables in PRAGMA user_version.
APPLICATION_ID, VERSION = 0x50534131, 1
#: Milliseconds to wait when somebody reads the file with another program.
BUSY_TIMEOUT_MS = 5_000

_TABLES = (
    "CREATE TABLE state (id INTEGER PRIMARY KEY CHECK (id = 1), raw BLOB NOT NULL, sha256 BLOB NOT NULL)",
    "CREATE TABLE event (seq INTEGER PRIMARY KEY, raw BLOB NOT NULL)",
    f"PRAGMA application_id={APPLICATION_ID}",
    f"PRAGMA user_version={VERSION}",
)


@dataclass(frozen=True, slots=True)
class SpoolPlace:
    """Where the memory lies (`run` is on a tmpfs), whose it is, and how much may wait.

    `boot_id` is the kernel's (/proc/sys/kernel/random/boot_id).
    """

    folder: Path
    run: Path
    terminal: str
    boot_id: str
    most_events: int = 100_000
    most_bytes: int = 128 << 20

    @property
    def path(self) -> Path:
        """The database."""
        return self.folder / FILE_NAME


class Damaged(EquipmentError):
    """The file is not what this agent wrote; raised while it is examined, and never shown. `reason` is for machines."""

    def __init__(self, what: Text, reason: str = "unreadable") -> None:
        super().__init__(what)
        self.reason = reason


class Database:
    """An open file. Every sqlite3 error leaves it as StorageFailed; a transaction that fails has changed nothing."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        with storage_errors(path):
            if not read_only:
                path.touch(mode=0o600)
            self._connection = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode={'ro' if read_only else 'rw'}",
                uri=True,
                isolation_level=None,
                check_same_thread=False,
                timeout=BUSY_TIMEOUT_MS / 1000,
            )
            try:
                self._connection.execute("PRAGMA trusted_schema=OFF")
                if not read_only:
                    self._connection.execute("PRAGMA journal_mode=WAL")
                    self._connection.execute("PRAGMA synchronous=FULL")
            except BaseException:
                self._connection.close()
                raise

    def close(self) -> None:
        """Close it; a writer that is the last one moves the log into the file."""
        with storage_errors(self.path):
            self._connection.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Write in one commit, durable when this is left without an error."""
        with storage_errors(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            finally:
                # After COMMIT nothing is open; after an error some of SQLite's have rolled back by themselves.
                if self._connection.in_transaction:
                    with contextlib.suppress(sqlite3.Error):
                        self._connection.execute("ROLLBACK")

    def create(self) -> None:
        """Make the tables, inside a transaction."""
        for sql in _TABLES:
            self._connection.execute(sql)

    def save(self, state: AgentState) -> None:
        """Write the state, inside a transaction."""
        raw = state.encode()
        self._connection.execute(
            "INSERT OR REPLACE INTO state (id, raw, sha256) VALUES (1, ?, ?)", (raw, hashlib.sha256(raw).digest())
        )

    def add(self, event: AgentEvent) -> None:
        """Write an event, inside a transaction."""
        self._connection.execute("INSERT INTO event (seq, raw) VALUES (?, ?)", (event.seq, event.raw))

    def remove_to(self, seq: int) -> tuple[int, int]:
        """Remove the events up to `seq`, inside a transaction; gives how many, and their bytes."""
        count, size = self._connection.execute(
            "SELECT count(*), coalesce(sum(length(raw)), 0) FROM event WHERE seq <= ?", (seq,)
        ).fetchone()
        self._connection.execute("DELETE FROM event WHERE seq <= ?", (seq,))
        return count, size

    def page(self, after: int, limit: int) -> tuple[tuple[int, bytes], ...]:
        """Give up to `limit` events beyond `after`, in order."""
        with storage_errors(self.path):
            return tuple(
                self._connection.execute(
                    "SELECT seq, raw FROM event WHERE seq > ? ORDER BY seq LIMIT ?", (after, limit)
                ).fetchall()
            )

    def one(self, seq: int) -> bytes | None:
        """Give the bytes of one event, or None."""
        with storage_errors(self.path):
            row = self._connection.execute("SELECT raw FROM event WHERE seq = ?", (seq,)).fetchone()
            return row[0] if row else None

    def examine(self, terminal: str, key: PublicKey) -> AgentState:
        """Check everything, and give the state.

        The events must be exactly those that the state counts, each with the hash of the one before, up to the head;
        the last one must be signed by `key`, which vouches for all before it. Raises Damaged for anything else, and
        StorageFailed when the machine does not let it be read.
        """
        try:
            return self._examine(terminal, key)
        except sqlite3.Error as error:
            if _is_environment(error):
                what, next_step = _explain(error)
                raise StorageFailed(what, where=str(self.path), next_step=next_step) from error
            raise Damaged(_first_line(error)) from error
        except InputError as error:
            raise Damaged(error.what) from None

    def _examine(self, terminal: str, key: PublicKey) -> AgentState:
        marks = tuple(
            self._connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")
        )
        if marks != (APPLICATION_ID, VERSION):
            raise Damaged(t("the file is not of this program or version"))
        verdict = self._connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if verdict != "ok":
            raise Damaged(t("the database is damaged"))
        state = self._state()
        if (state.terminal, state.key) != (terminal, key.fingerprint):
            raise Damaged(t("the state is of another terminal or key"), "foreign")
        self._walk(state, key)
        return state

    def _state(self) -> AgentState:
        rows = self._connection.execute("SELECT raw, sha256 FROM state").fetchall()
        if len(rows) != 1 or not isinstance(rows[0][0], bytes) or hashlib.sha256(rows[0][0]).digest() != rows[0][1]:
            raise Damaged(t("the state does not have its checksum"))
        return AgentState.decode(rows[0][0])

    def _walk(self, state: AgentState, key: PublicKey) -> None:
        last, before, count, size, raw = 0, NO_DIGEST, 0, 0, b""
        for seq, found in self._connection.execute("SELECT seq, raw FROM event ORDER BY seq"):
            told, prev = _place(found)
            if told != seq or (count and seq == last + 1 and prev != before):
                raise Damaged(t("event {seq} is not the one that was written", seq=seq))
            if count and seq > last + 1:
                # Numbers are missing after a loss that the chain tells of: nothing else vouches for the one before.
                read_event(raw, key)
            last, before, count, size, raw = seq, digest(found), count + 1, size + len(found), found
        if (count, size) != (state.held, state.held_bytes) or (
            count and (last, before) != (state.head.seq, state.head.digest)
        ):
            raise Damaged(t("events are missing"))
        if count:
            read_event(raw, key)

    def readable_state(self) -> AgentState | None:
        """Give the state of a damaged file, if that part of it is whole."""
        try:
            return self._state()
        except (Damaged, InputError, sqlite3.Error):
            return None

    def readable_events(self, terminal: str, key: PublicKey) -> list[AgentEvent]:
        """Give the events of a damaged file that are whole: those of `terminal`, signed by `key`, in order."""
        found: dict[int, AgentEvent] = {}
        for order in ("ASC", "DESC"):  # a broken page in the middle stops the walk: come from both ends
            with contextlib.suppress(sqlite3.Error):
                for seq, raw in self._connection.execute(f"SELECT seq, raw FROM event ORDER BY seq {order}"):  # noqa: S608
                    if seq in found:
                        break
                    with contextlib.suppress(InputError):
                        event = read_event(_bytes(raw), key)
                        if event.terminal == terminal:
                            found[event.seq] = event
        return [found[seq] for seq in sorted(found)]


def _place(raw: object) -> tuple[object, object]:
    """Read where an event stands in the chain; a full reading of all of them would double the time of a start."""
    try:
        members = canonical.load_plain(_bytes(raw).decode("utf-8"))
        return members["seq"], members["prev"]
    except (KeyError, TypeError, ValueError, RecursionError):
        raise InputError(t("this is no event of a terminal's agent")) from None


def _bytes(raw: object) -> bytes:
    if not isinstance(raw, bytes):
        raise InputError(t("an event is not stored as bytes"))
    return raw


def lock_folder(folder: Path) -> int:
    """Take the folder for this process, as long as the file that is given stays open; raises Busy and StorageFailed."""
    path = folder / LOCK_NAME
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise unwritable(path, error) from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise Busy(
            t("another agent runs with this folder"),
            where=str(folder),
            next_step=t("stop it first: systemctl status portseal-agent"),
        ) from None
    return handle


def sync_folder(folder: Path) -> None:
    """Make renames in a folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def unwritable(path: Path, error: OSError) -> StorageFailed:
    """Give the error for a file that the machine does not let us write."""
    return StorageFailed(
        t("the file cannot be written ({cause})", cause=error.strerror or ""),
        where=str(path),
        next_step=t("check free space and the owner and mode of the folder"),
    )


@contextlib.contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn every error of SQLite or the file system inside into StorageFailed: the file, and the remedy."""
    try:
        yield
    except sqlite3.Error as error:
        what, next_step = _explain(error)
        raise StorageFailed(what, where=str(path), next_step=next_step) from error
    except OSError as error:
        raise unwritable(path, error) from error


_ENVIRONMENT: dict[int, tuple[Text, Text]] = {
    sqlite3.SQLITE_FULL: (t("the disk is full"), t("free space on the disk that holds it, then repeat")),
    sqlite3.SQLITE_READONLY: (
        t("the file cannot be written ({cause})", cause="SQLITE_READONLY"),
        t("check free space and the owner and mode of the folder"),
    ),
    sqlite3.SQLITE_CANTOPEN: (
        t("the database cannot be opened"),
        t("check free space and the owner and mode of the folder"),
    ),
    sqlite3.SQLITE_PERM: (
        t("the database cannot be opened"),
        t("check free space and the owner and mode of the folder"),
    ),
    sqlite3.SQLITE_BUSY: (
        t("another process kept the database locked"),
        t("wait for it to finish or stop it, then repeat"),
    ),
    sqlite3.SQLITE_LOCKED: (
        t("another process kept the database locked"),
        t("wait for it to finish or stop it, then repeat"),
    ),
    sqlite3.SQLITE_IOERR: (
        t("the disk failed while reading or writing"),
        t("check free space, and the disk with 'dmesg'"),
    ),
    sqlite3.SQLITE_NOMEM: (t("this machine is out of memory"), t("free memory, then start the agent again")),
}
#: Read errors that mean a file which ends too soon, not a disk that fails (sqlite.org/rescode.html).
_SHORT = frozenset({sqlite3.SQLITE_IOERR_SHORT_READ, sqlite3.SQLITE_IOERR_CORRUPTFS})


def _is_environment(error: sqlite3.Error) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    return isinstance(code, int) and code not in _SHORT and code & 0xFF in _ENVIRONMENT


def _explain(error: sqlite3.Error) -> tuple[Text, Text]:
    code = getattr(error, "sqlite_errorcode", None)
    if isinstance(code, int) and code & 0xFF in _ENVIRONMENT:
        return _ENVIRONMENT[code & 0xFF]
    return _first_line(error), t("start the agent again: it sets a damaged file aside and says so")


def _first_line(error: sqlite3.Error) -> Text:
    return t("the database refused: {detail}", detail=(str(error).splitlines() or [type(error).__name__])[0][:160])
