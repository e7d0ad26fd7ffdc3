"""Looking at the access-control system's own export again and again: what is new is imported, what is wrong is said.

Fail closed: a list that is missing, unreadable or suspiciously short leaves the one before in force. Each look is kept,
so that it can be told since when the source is wrong, and the ledger gets an entry when that changes.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from controller.cards.keep import SUBJECT, Imported, look, shrunk, take
from controller.cards.pseudonyms import card_key
from controller.cards.source import read_file
from controller.context import Context
from controller.inventory.cells import Problem
from controller.store import cards
from controller.store.open import Store
from policies.codec import from_plain, moment_of, stamp, to_plain
from policies.errors import ConfigError, InputError, PortsealError
from policies.site import Site
from policies.texts import Text, t

#: A file that was written less than this ago may be half of itself; how often, and how long, that is waited for.
_SETTLE_S, _TRIES, _PAUSE_S = 2.0, 4, 1.0


class SourceState(StrEnum):
    """What a look found: the list in force, one that was imported now, or why the list before stays in force.

    refused: it takes too many cards away. unreadable: it has problems. writing: it is being written just now.
    missing: the file is not there, or cannot be read. old: it is the list in force, and its export is too old.
    """

    SAME = "same"
    IMPORTED = "imported"
    REFUSED = "refused"
    UNREADABLE = "unreadable"
    WRITING = "writing"
    MISSING = "missing"
    OLD = "old"

    @property
    def good(self) -> bool:
        """Whether what is in force is what the access-control system has."""
        return self in (SourceState.SAME, SourceState.IMPORTED)


@dataclass(frozen=True, slots=True)
class Look:
    """The last look at the source: since when it is so, when the export was written (if known), and what is wrong.

    `file_mac` is the export's hash by the site's key ("": it could not be read), `version` that of the list in force.
    """

    looked_at: datetime
    state: SourceState
    since: datetime
    written_at: datetime | None = None
    file_mac: str = ""
    version: int = 0
    problem: Text | None = None


@dataclass(frozen=True, slots=True)
class Synced:
    """One look, and what it brought. `problems` are those of an unreadable list, by row and column."""

    look: Look
    imported: Imported | None = None
    problems: tuple[Problem, ...] = ()
    error: PortsealError | None = None


@dataclass(frozen=True, slots=True)
class Export:
    """A list's bytes, when they were written (or came), what problems call it, and how it came (sync, topic)."""

    content: bytes = field(repr=False)
    written_at: datetime
    name: str
    source: str = "sync"


def sync(context: Context, *, force: bool = False, sleep: Callable[[float], None] = time.sleep) -> Synced:
    """Look at the export, and import it when it is new; `force` also when it takes too many cards away.

    What is wrong with the source is in the result. Raises ConfigError when the site declares no source, Busy when cards
    are changed meanwhile, and StorageFailed; the list before stays in force then.
    """
    path = source_of(context.site)
    try:
        export = _export(path, sleep)
    except InputError as error:
        return _kept(context, Synced(_look(context, SourceState.MISSING, problem=error.what), error=error))
    if export is None:
        # Kept is what the last whole look found: a source that is wrong is not told anew behind every write.
        return Synced(_look(context, SourceState.WRITING, problem=t("the export is being written just now")))
    return look_at(context, export, force=force)


def look_at(context: Context, export: Export, *, force: bool = False) -> Synced:
    """Compare a list with the one in force, import it when it is new, keep the look; raises as :func:`sync` does."""
    return _kept(context, _compared(context, export, force=force))


def overdue(context: Context) -> None:
    """Keep that a published list has grown old: the access-control system has sent none for `oldest_s`."""
    before, now = last_look(context.store), context.clock()
    if before is None or before.written_at is None or not before.state.good:
        return
    if now - before.written_at > timedelta(seconds=context.site.list_source.oldest_s):
        problem = t("the access-control system has sent no list since {at}", at=stamp(before.written_at))
        found = _look(context, SourceState.OLD, before.written_at, before.file_mac, before.version, problem)
        _kept(context, Synced(found))


def last_look(store: Store) -> Look | None:
    """Give the last look at the source; None before the first one."""
    row = store.row("SELECT looked_at, state, since, written_at, file_mac, version, problem FROM card_source")
    if row is None:
        return None
    return Look(
        moment_of(row["looked_at"]),
        SourceState(row["state"]),
        moment_of(row["since"]),
        None if row["written_at"] is None else moment_of(row["written_at"]),
        row["file_mac"],
        row["version"],
        None if row["problem"] is None else from_plain(Text, json.loads(row["problem"])),
    )


def source_of(site: Site) -> Path:
    """Give the export's path; raises ConfigError when the site declares none."""
    if site.list_source.published:
        raise ConfigError(
            t("the access-control system sends its list itself; there is no file to look at"),
            where="site.toml: authority.published",
            next_step=t("see what came last with 'portseal card list'; let the system send it again"),
        )
    if not site.list_source.file:
        raise ConfigError(
            t("the site declares no export of the access-control system"),
            where="site.toml: authority.source",
            next_step=t("declare it, or import a list with 'portseal card import'"),
        )
    return site.folder / site.list_source.file


def _export(path: Path, sleep: Callable[[float], None]) -> Export | None:
    """Read the export once it holds still; None when it is being written all the time."""
    for attempt in range(_TRIES):
        if attempt:
            sleep(_PAUSE_S)
        before = _facts(path)
        content = read_file(path)
        # A file from the future has another machine's clock, which says nothing about now.
        settled = not 0 <= time.time() - before.st_mtime < _SETTLE_S
        after = _facts(path)
        same = (before.st_ino, before.st_size, before.st_mtime_ns) == (after.st_ino, after.st_size, after.st_mtime_ns)
        if settled and same:
            return Export(content, datetime.fromtimestamp(before.st_mtime, UTC), path.name)
    return None


def _facts(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except OSError as error:
        raise InputError(
            t("the export is not there ({cause})", cause=error.strerror or ""),
            where=str(path),
            next_step=t("look whether the access-control system still writes it, and whether Portseal may read it"),
        ) from None


def _compared(context: Context, export: Export, *, force: bool) -> Synced:
    mac = card_key(context.site.folder).file(export.content)
    before, inforce = last_look(context.store), cards.listing(context.store)
    version = 0 if inforce is None else inforce.version
    age = context.clock() - export.written_at
    good = SourceState.OLD if age > timedelta(seconds=context.site.list_source.oldest_s) else SourceState.SAME

    def look_of(state: SourceState, version: int = version, problem: Text | None = None) -> Look:
        if state is SourceState.OLD:
            problem = t("the export is of {at}: its job may have stopped", at=stamp(export.written_at))
        return _look(context, state, export.written_at, mac, version, problem)

    if before is not None and (before.file_mac, before.version) == (mac, version) and version and _settled(before):
        return Synced(look_of(good))
    try:
        incoming = look(context, export.content, export.name)
    except InputError as error:
        return Synced(look_of(SourceState.UNREADABLE, problem=error.what), error=error)
    if incoming.preview is None:
        first = incoming.read.problems[0]
        return Synced(look_of(SourceState.UNREADABLE, problem=first.text), problems=incoming.read.problems)
    percent = context.site.list_source.most_removed_percent
    if incoming.differs and not force and incoming.shrinks(percent):
        refusal = shrunk(incoming, percent)
        return Synced(look_of(SourceState.REFUSED, problem=refusal.what), error=refusal)
    imported = take(context, incoming, export.source, force=force)
    state = SourceState.IMPORTED if imported.written and good is SourceState.SAME else good
    return Synced(look_of(state, imported.version), imported)


def _settled(look: Look) -> bool:
    return look.state.good or look.state is SourceState.OLD


def _look(
    context: Context,
    state: SourceState,
    written_at: datetime | None = None,
    file_mac: str = "",
    version: int = 0,
    problem: Text | None = None,
) -> Look:
    """Make a look of now; one that finds what the last one found says since when it is so."""
    now, before = context.clock(), last_look(context.store)
    same = before is not None and (before.state is state or (before.state.good and state.good))
    return Look(
        now, state, before.since if same and before is not None else now, written_at, file_mac, version, problem
    )


def _kept(context: Context, synced: Synced) -> Synced:
    """Keep the look; an entry tells the ledger when it found something else than the one before."""
    now = synced.look
    before = last_look(context.store)
    with context.store.transaction() as connection:
        connection.execute(
            """INSERT OR REPLACE INTO card_source
            (one, looked_at, state, since, written_at, file_mac, version, problem) VALUES (1, ?, ?, ?, ?, ?, ?, ?)""",
            (
                stamp(now.looked_at), now.state.value, stamp(now.since),
                None if now.written_at is None else stamp(now.written_at), now.file_mac, now.version,
                None if now.problem is None else json.dumps(to_plain(now.problem), ensure_ascii=False),
            ),
        )  # fmt: skip
        if _told(before) != _told(now):
            data = {"state": now.state.value, "file_mac": now.file_mac, "version": now.version}
            context.ledger.append("cards.source", SUBJECT, data, context.actor)
    return synced


def _told(look: Look | None) -> tuple[str, str]:
    """Give what an entry says: of a good source nothing new, of a wrong one also which export it was."""
    if look is None or look.state.good:
        return "", ""
    return look.state.value, "" if look.state is SourceState.OLD else look.file_mac
