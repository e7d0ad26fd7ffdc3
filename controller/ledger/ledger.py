"""Writing to the ledger: single entries, many in one commit, acts with intent and outcome, and checkpoints."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from controller.ledger.entry import Draft, Entry
from controller.store.open import Row, Store
from controller.store.process import Process
from policies.codec import stamp
from policies.errors import InputError, LedgerBroken, PortsealError
from policies.merkle import Frontier, leaf_hash
from policies.notes import Checkpoint, NamedKey, Signer, key_name, open_checkpoint, sign_note
from policies.texts import Text, t

_log = logging.getLogger("portseal.ledger")

#: At least one checkpoint in this many entries is kept for good; those between give way to the next.
KEEP_EVERY = 1000
_REASON_LENGTH = 500


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    """A checkpoint and the note that proves it."""

    checkpoint: Checkpoint
    note: str


@dataclass(slots=True)
class Act:
    """An act under way; call :meth:`done` (or :meth:`fail`) before leaving the `with` block.

    An act that is nothing but a change of the database ends with :meth:`Ledger.settle` instead.
    """

    intent: int
    kind: str
    subject: str
    actor: str
    _outcome: str = "failed"
    _data: dict[str, object] = field(default_factory=lambda: {"reason": "left without an outcome"})

    def done(self, data: Mapping[str, object] | None = None) -> None:
        """Say that the act succeeded, and what came of it."""
        self._outcome, self._data = "done", dict(data or {})

    def fail(self, reason: Text | str, data: Mapping[str, object] | None = None) -> None:
        """Say that the act failed although no exception tells so."""
        self._outcome, self._data = "failed", {"reason": str(reason)[:_REASON_LENGTH], **(data or {})}

    def _interrupted_by(self, error: BaseException) -> None:
        self._outcome, self._data = "failed", {"error": type(error).__name__, "reason": _reason(error)}


@dataclass(slots=True)
class _Waiting:
    draft: Draft
    entry: Entry | None = None
    error: BaseException | None = None


class Ledger:
    """The ledger of one site; `origin` is the site's name. Safe for threads and beside other processes.

    Without a `signer` entries are appended, but no checkpoint is signed.
    """

    def __init__(self, store: Store, origin: str, signer: Signer | None = None) -> None:
        self.store = store
        self.origin = origin
        self._signer = signer
        self._key = None if signer is None else NamedKey(key_name(origin), signer.public)
        self._frontier: Frontier | None = None
        self._queue: list[_Waiting] = []
        self._queue_lock = threading.Lock()

    def append(self, kind: str, subject: str, data: Mapping[str, object], actor: str) -> Entry:
        """Append one entry and give it; it is on disk when this returns.

        Threads that append at the same time share one commit. Inside a transaction of the same thread the entry
        belongs to that one. Raises SafetyRefusal for secrets or personal data, and StorageFailed.
        """
        draft = Draft.make(kind, subject, data, actor)
        if self._nested():
            return self._write([draft])[0]
        waiting = _Waiting(draft)
        with self._queue_lock:
            self._queue.append(waiting)
        with self.store.lock:
            if waiting.entry is None and waiting.error is None:
                self._commit_queue()
        if waiting.error is not None:
            raise waiting.error
        assert waiting.entry is not None
        return waiting.entry

    def append_many(self, drafts: Iterable[Draft]) -> list[Entry]:
        """Append entries in one commit: all of them or none. Raises StorageFailed."""
        return self._write(list(drafts))

    @contextlib.contextmanager
    def act(self, kind: str, subject: str, data: Mapping[str, object], actor: str) -> Iterator[Act]:
        """Record KIND.intent, run the block, record KIND.done or KIND.failed, and sign a checkpoint.

        The intent is on disk before the block starts. Leaving by an exception, or without `done`, is a failure; the
        exception goes on. A process that is killed leaves the intent alone: see :meth:`close_orphans`.
        """
        if self._nested():
            raise RuntimeError("an act begins outside a transaction, or its intent would not be on disk")
        draft = Draft.make(f"{kind}.intent", subject, data, actor)
        with self.store.transaction() as connection:
            intent = self._write([draft])[0].seq
            connection.execute("INSERT INTO open_act (intent, process) VALUES (?, ?)", (intent, str(Process.current())))
        act = Act(intent, kind, subject, actor)
        try:
            yield act
        except BaseException as error:
            act._interrupted_by(error)
            with self._reported(subject):
                self._close(act)
            raise
        self._close(act)

    def settle(self, act: Act, data: Mapping[str, object] | None = None) -> None:
        """Record KIND.done in the transaction that is open: what was done and its entry are on disk, or neither is.

        When the transaction is undone after all, leaving the `with` block records the failure.
        """
        if not self._nested():
            raise RuntimeError("an act is settled inside the transaction that does it")
        draft = Draft.make(f"{act.kind}.done", act.subject, {**(data or {}), "intent": act.intent}, act.actor)
        with self.store.transaction() as connection:
            self._write([draft])
            connection.execute("DELETE FROM open_act WHERE intent = ?", (act.intent,))

    def close_orphans(self) -> list[Entry]:
        """Record KIND.failed, reason interrupted, for acts whose process is gone; at every start."""
        closed: list[Entry] = []
        with self.store.transaction() as connection:
            for row in connection.execute("SELECT intent, process FROM open_act ORDER BY intent").fetchall():
                if not Process.parse(row["process"]).gone():
                    continue
                connection.execute("DELETE FROM open_act WHERE intent = ?", (row["intent"],))
                found = connection.execute("SELECT * FROM ledger WHERE seq = ?", (row["intent"],)).fetchone()
                if found is not None:
                    closed += self._write([_interrupted(found)])
        if closed:
            self._checkpoint_if_signing(keep=False)
        return closed

    def checkpoint(self, *, keep: bool = True) -> SignedCheckpoint:
        """Sign the present state; a `keep` checkpoint stays for good. Costs what was appended since the last one.

        Raises LedgerBroken when the ledger is not an extension of the last checkpoint, InputError without a signer.
        """
        if self._signer is None or self._key is None:
            raise InputError(
                t("there is no key to sign checkpoints with"),
                where=self.origin,
                next_step=t("run it where keys/ledger.key can be read"),
            )
        nested = self._nested()
        with self.store.transaction() as connection:
            frontier, last = self._advanced(connection, self._key)
            if last is not None and last["size"] == frontier.size:
                if keep and not last["kept"]:
                    connection.execute("UPDATE checkpoint SET kept = 1 WHERE size = ?", (frontier.size,))
                signed = SignedCheckpoint(Checkpoint(self.origin, frontier.size, frontier.root()), last["note"])
            else:
                signed = self._sign(connection, frontier, self._signer, keep=keep)
        if not nested:
            self._frontier = frontier
        return signed

    def _sign(
        self, connection: sqlite3.Connection, frontier: Frontier, signer: Signer, *, keep: bool
    ) -> SignedCheckpoint:
        checkpoint = Checkpoint(self.origin, frontier.size, frontier.root())
        note = sign_note(checkpoint.text(), key_name(self.origin), signer)
        row = connection.execute("SELECT COALESCE(MAX(size), 0) FROM checkpoint WHERE kept = 1").fetchone()
        kept = keep or frontier.size - row[0] >= KEEP_EVERY
        connection.execute(
            "INSERT INTO checkpoint (size, at, note, frontier, kept) VALUES (?, ?, ?, ?, ?)",
            (frontier.size, stamp(self.store.clock()), note, frontier.dump(), int(kept)),
        )
        connection.execute("DELETE FROM checkpoint WHERE kept = 0 AND size < ?", (frontier.size,))
        return SignedCheckpoint(checkpoint, note)

    def _advanced(self, connection: sqlite3.Connection, key: NamedKey) -> tuple[Frontier, Row | None]:
        """Bring a copy of the frontier up to the last entry; the last checkpoint must be part of the same tree."""
        last: Row | None = connection.execute("SELECT * FROM checkpoint ORDER BY size DESC LIMIT 1").fetchone()
        size: int = connection.execute("SELECT COALESCE(MAX(seq), 0) FROM ledger").fetchone()[0]
        frontier = self._frontier.copy() if self._frontier is not None else _trusted(last, key)
        if frontier.size > size or (last is not None and last["size"] > size):
            raise LedgerBroken(
                t("entries are missing that a checkpoint covers"),
                where=f"ledger entry {size + 1}",
                next_step=t("run 'portseal audit verify', and restore the database from a backup"),
            )
        for row in connection.execute("SELECT seq, leaf FROM ledger WHERE seq > ? ORDER BY seq", (frontier.size,)):
            if row["seq"] != frontier.size + 1:
                raise LedgerBroken(t("the entry is missing"), where=f"ledger entry {frontier.size + 1}")
            frontier.append(row["leaf"])
        return frontier, last

    def _close(self, act: Act) -> None:
        if self.store.row("SELECT 1 FROM open_act WHERE intent = ?", (act.intent,)) is None:
            self._checkpoint_if_signing(keep=False)  # settled
            return
        try:
            draft = Draft.make(
                f"{act.kind}.{act._outcome}", act.subject, {**act._data, "intent": act.intent}, act.actor
            )
        except (PortsealError, TypeError, ValueError) as error:
            # What came of the act cannot be recorded: that is a failure of the act, and must not leave it open.
            reason = {"intent": act.intent, "error": type(error).__name__, "reason": _reason(error)}
            self._finish(Draft.make(f"{act.kind}.failed", act.subject, reason, act.actor), act.intent)
            raise
        self._finish(draft, act.intent)

    def _finish(self, draft: Draft, intent: int) -> None:
        with self.store.transaction() as connection:
            self._write([draft])
            connection.execute("DELETE FROM open_act WHERE intent = ?", (intent,))
        self._checkpoint_if_signing(keep=False)

    def _checkpoint_if_signing(self, *, keep: bool) -> None:
        if self._signer is not None:
            self.checkpoint(keep=keep)

    @contextlib.contextmanager
    def _reported(self, subject: str) -> Iterator[None]:
        """Log what goes wrong while a failure is recorded: the failure itself must reach the caller."""
        try:
            yield
        except PortsealError as error:
            _log.error("%s: the failure could not be recorded: %s", subject, error)

    def _nested(self) -> bool:
        """Whether this very thread has a transaction open."""
        if not self.store.lock.acquire(blocking=False):
            return False
        try:
            return self.store.in_transaction
        finally:
            self.store.lock.release()

    def _commit_queue(self) -> None:
        with self._queue_lock:
            batch, self._queue = self._queue, []
        try:
            entries = self._write([waiting.draft for waiting in batch])
        except BaseException as error:
            for waiting in batch:
                waiting.error = error
            if not isinstance(error, PortsealError):
                raise
            return
        for waiting, entry in zip(batch, entries, strict=True):
            waiting.entry = entry

    def _write(self, drafts: Sequence[Draft]) -> list[Entry]:
        entries: list[Entry] = []
        with self.store.transaction() as connection:
            seq: int = connection.execute("SELECT COALESCE(MAX(seq), 0) FROM ledger").fetchone()[0]
            for draft in drafts:
                seq += 1
                at = self.store.clock()
                raw = draft.encode(seq, stamp(at))
                entries.append(Entry(seq, at, draft.actor, draft.kind, draft.subject, raw, leaf_hash(raw)))
            connection.executemany(
                "INSERT INTO ledger (seq, at, actor, kind, subject, bytes, leaf) VALUES (?, ?, ?, ?, ?, ?, ?)",
                [(e.seq, stamp(e.at), e.actor, e.kind, e.subject, e.raw, e.leaf) for e in entries],
            )
        return entries


def _trusted(last: Row | None, key: NamedKey) -> Frontier:
    """Take the tree of the last checkpoint, once its signature and root prove it."""
    if last is None:
        return Frontier()
    try:
        checkpoint = open_checkpoint(last["note"], key)
        frontier = Frontier.load(last["size"], last["frontier"])
    except (InputError, ValueError) as error:
        cause: object = error.what if isinstance(error, InputError) else str(error)
        raise _bad_checkpoint(last["size"], cause) from error
    if checkpoint.size != frontier.size or checkpoint.root != frontier.root():
        raise _bad_checkpoint(last["size"], t("it does not fit the entries"))
    return frontier


def _bad_checkpoint(size: int, cause: object) -> LedgerBroken:
    return LedgerBroken(
        t("the checkpoint cannot be trusted ({cause})", cause=cause),
        where=f"checkpoint {size}",
        next_step=t("run 'portseal audit verify', and restore the database from a backup"),
    )


def _interrupted(row: Row) -> Draft:
    kind = row["kind"].removesuffix(".intent") + ".failed"
    return Draft.make(kind, row["subject"], {"intent": row["seq"], "reason": "interrupted"}, row["actor"])


def _reason(error: BaseException) -> str:
    """Give one line; the words of a foreign exception may hold anything, so only those of the system are taken."""
    if isinstance(error, PortsealError):
        return str(error).replace("\n", " ")[:_REASON_LENGTH]
    if isinstance(error, OSError) and error.strerror:
        return error.strerror[:_REASON_LENGTH]
    return "unexpected error"
