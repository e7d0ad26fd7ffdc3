"""Verifying the whole ledger: one pass over the entries, memory that does not grow with them."""

from __future__ import annotations

import re
import sqlite3
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from controller.ledger.entry import frame
from controller.store.open import Store
from policies import canonical
from policies.errors import InputError, LedgerBroken
from policies.merkle import EMPTY_ROOT, Frontier
from policies.notes import NamedKey, Verifier, key_name, open_checkpoint, parse_checkpoint, split_note
from policies.texts import Text, t

#: How many of each oddity a report names; all are counted.
MAX_NAMED = 100

_AT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)
_KIND = re.compile(r"[a-z][a-z0-9_.]*")
_TRIGGERS = ("checkpoint_no_delete", "checkpoint_no_update", "ledger_gapless", "ledger_no_delete", "ledger_no_update")


@dataclass(frozen=True, slots=True)
class ClockBack:
    """The clock went back between two entries; it happens, and is told rather than judged."""

    seq: int
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What was proved. `covered` entries are under the last checkpoint; those after it have no signature yet.

    `fingerprint` is that of the key which signed all checkpoints, None when no key was given: then nobody's signature
    was checked, and the verdict is unverified. `orphans` are intents without an outcome. `clock_backs` and `orphans`
    name the first hundred; the counts are complete. `missing_triggers` are safeguards that somebody has removed.
    """

    entries: int
    root: bytes
    checkpoints: int
    covered: int
    first_at: str | None
    last_at: str | None
    fingerprint: str | None
    clock_backs: tuple[ClockBack, ...] = ()
    clock_back_count: int = 0
    orphans: tuple[int, ...] = ()
    orphan_count: int = 0
    missing_triggers: tuple[str, ...] = ()

    @property
    def uncovered(self) -> int:
        """How many entries no checkpoint covers yet."""
        return self.entries - self.covered


@dataclass(slots=True)
class _Walk:
    """The state of the pass: the tree so far, and what was odd."""

    frontier: Frontier = field(default_factory=Frontier)
    first_at: str | None = None
    last_at: str = ""
    backs: list[ClockBack] = field(default_factory=list)
    back_count: int = 0
    open_intents: dict[int, None] = field(default_factory=dict)

    def time(self, seq: int, at: str) -> None:
        if at < self.last_at:
            self.back_count += 1
            if len(self.backs) < MAX_NAMED:
                self.backs.append(ClockBack(seq, self.last_at, at))
        if self.first_at is None:
            self.first_at = at
        self.last_at = at

    def act(self, seq: int, kind: str, data: dict[str, Any]) -> None:
        if kind.endswith(".intent"):
            self.open_intents[seq] = None
        elif kind.endswith((".done", ".failed")):
            intent = data.get("intent")
            if isinstance(intent, int):
                self.open_intents.pop(intent, None)


def verify(store: Store, origin: str, key: Verifier | None) -> VerifyReport:
    """Recompute everything from the stored bytes; raises LedgerBroken with the first bad entry or checkpoint.

    Checks: numbers without gap, bytes in canonical form, columns equal to the bytes, leaf hashes, the root of every
    checkpoint and its signature by `key`, and that no checkpoint covers entries which are not there. Removing the last
    entries together with their checkpoints leaves no trace in the database: witnesses tell it (docs/ledger.md).
    """
    named = None if key is None else NamedKey(key_name(origin), key)
    walk = _Walk()
    with store.reader() as connection:
        missing = _missing_triggers(connection)
        roots = _checkpoints(connection, origin, named)
        checked = 0
        for row in connection.execute("SELECT seq, at, actor, kind, subject, bytes, leaf FROM ledger ORDER BY seq"):
            _entry(walk, row)
            root = roots.get(walk.frontier.size)
            if root is not None:
                _compare(walk.frontier, root, checked)
                checked = walk.frontier.size
    last, size = max(roots, default=0), walk.frontier.size
    if last > size:
        what = t("entries {first} to {last} are missing: a checkpoint covers them", first=size + 1, last=last)
        raise _broken(size + 1, what)
    return VerifyReport(
        entries=size,
        root=walk.frontier.root(),
        checkpoints=len(roots),
        covered=last,
        first_at=walk.first_at,
        last_at=walk.last_at or None,
        fingerprint=None if key is None else sha256(key.raw).hexdigest(),
        clock_backs=tuple(walk.backs),
        clock_back_count=walk.back_count,
        orphans=tuple(walk.open_intents)[:MAX_NAMED],
        orphan_count=len(walk.open_intents),
        missing_triggers=missing,
    )


def _entry(walk: _Walk, row: sqlite3.Row) -> None:
    """Check one entry and add it to the tree."""
    seq, at, actor, kind, subject, raw, leaf = row
    wanted = walk.frontier.size + 1
    if seq != wanted:
        raise _broken(wanted, t("the entry is missing; the next one is {found}", found=seq))
    try:
        data = _data(seq, at, (actor, kind, subject), raw)
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise _broken(seq, _what_differs(row)) from None
    if sha256(b"\x00" + raw).digest() != leaf:
        raise _broken(seq, t("the stored hash is not that of the bytes"))
    walk.frontier.append(leaf)
    walk.time(seq, at)
    walk.act(seq, kind, data)


def _data(seq: int, at: str, names: tuple[str, str, str], raw: bytes) -> dict[str, Any]:
    """Take the data out of an entry's bytes; raises ValueError unless they are exactly what the columns say.

    Canonical JSON is unique, so what stands around the data can be compared as text, and only the data is parsed.
    """
    actor, kind, subject = names
    if not (_AT.fullmatch(at) and _KIND.fullmatch(kind)):
        raise ValueError("not a time and a kind")
    head, tail = frame(seq, at, actor=actor, kind=kind, subject=subject)
    text = raw.decode("utf-8")
    inner = text[len(head) : len(text) - len(tail)]
    data = canonical.load_plain(inner)
    if type(data) is not dict or text != head + inner + tail or canonical.dump_plain(data) != inner:
        raise ValueError("not canonical")
    return data


def _what_differs(row: sqlite3.Row) -> Text:
    """Say why an entry was refused, as far as one can tell."""
    try:
        fields = canonical.decode(row["bytes"])
    except (InputError, AttributeError):
        return t("the bytes are not one canonical JSON object")
    if isinstance(fields, dict):
        for name in ("seq", "at", "actor", "kind", "subject"):
            if fields.get(name) != row[name]:
                return t("the column '{name}' is not what the bytes say", name=name)
    return t("the bytes are not an entry of this format")


def _compare(frontier: Frontier, root: bytes, checked: int) -> None:
    if frontier.root() != root:
        raise LedgerBroken(
            t("the entries are not those that the checkpoint was signed over"),
            where=f"ledger entries {checked + 1}-{frontier.size}",
            next_step=_next_step(),
        )


def _checkpoints(connection: sqlite3.Connection, origin: str, key: NamedKey | None) -> dict[int, bytes]:
    """Give the roots of the stored checkpoints by size, their signatures checked when there is a key."""
    roots: dict[int, bytes] = {}
    for size, note in connection.execute("SELECT size, note FROM checkpoint ORDER BY size"):
        where = f"checkpoint {size}"
        try:
            found = parse_checkpoint(split_note(note)[0]) if key is None else open_checkpoint(note, key)
        except InputError as error:
            raise LedgerBroken(error.what, where=where, next_step=_next_step()) from error
        if found.size != size or found.origin != origin:
            raise LedgerBroken(t("the checkpoint is of another log or size"), where=where, next_step=_next_step())
        roots[size] = found.root
    if roots.get(0, EMPTY_ROOT) != EMPTY_ROOT:
        raise LedgerBroken(t("the checkpoint is of another log or size"), where="checkpoint 0", next_step=_next_step())
    return roots


def _missing_triggers(connection: sqlite3.Connection) -> tuple[str, ...]:
    found = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")}
    return tuple(name for name in _TRIGGERS if name not in found)


def _broken(seq: int, what: Text) -> LedgerBroken:
    return LedgerBroken(what, where=f"ledger entry {seq}", next_step=_next_step())


def _next_step() -> Text:
    return t("keep this file as evidence, and restore the database from a backup")
