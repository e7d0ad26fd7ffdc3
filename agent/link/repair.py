"""Finding the terminal's memory at the start: sound, new, or damaged and then set aside and replaced.

A replacement is made under a name of its own and synced (`agent.making.db`), gets the name that says it is whole
(`agent.TIME.ready.db`), and only then the damaged files are renamed (`agent.TIME.damaged.db`) and it takes their place.
Killed at any moment, the next start either makes it again or ends the renaming; nothing is ever deleted but a
replacement that was not whole.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from agent.link.database import FILE_NAME, Damaged, Database, SpoolPlace, storage_errors, sync_folder
from agent.link.state import AgentState, Witness, forgot, merged
from policies.grants import Moment
from policies.keys import PublicKey, SigningKey
from policies.messages.event import AgentEvent, Data, digest, sign_event, stamp_ms
from policies.texts import Text, t

_log = logging.getLogger("portseal.link")

_MAKING = "agent.making.db"
_READY, _DAMAGED = ".ready.db", ".damaged.db"
#: A database is these files. The log goes first: beside a new database, an old log would be read as its own.
_SUFFIXES = ("-wal", "-shm", "")


@dataclass(frozen=True, slots=True)
class _Found:
    """What the file holds: `state` as far as it can be read, and what is wrong with it ("" and None: nothing)."""

    state: AgentState | None = None
    events: tuple[AgentEvent, ...] = ()
    reason: str = ""
    detail: Text | None = None


def recall(
    place: SpoolPlace, key: SigningKey, witnesses: Sequence[Witness], moment: Moment
) -> tuple[AgentState, AgentEvent | None]:
    """Make sure that a sound database lies at `place.path`; gives its state, and the event that tells of a repair.

    Raises StorageFailed when the machine does not let it be read or written.
    """
    with storage_errors(place.folder):
        _end_renaming(place.folder)
        seen = [state for each in witnesses if (state := each.read()) is not None]
        found = _look(place, key.public, seen)
        if found.state is not None and not found.reason:
            return found.state, None
        state, event = _anew(place, key, found, seen, moment)
        _replace(place.folder, state, [*found.events, *([event] if event else [])], moment)
    if event is not None:
        _log.error("%s: %s; it was set aside", place.path, found.detail)
    return state, event


def _look(place: SpoolPlace, key: PublicKey, seen: Sequence[AgentState]) -> _Found:
    """Examine the file, and compare it with what the witnesses saw."""
    if not place.path.exists():
        return _Found(reason="missing" if seen else "", detail=t("the database is gone"))
    with contextlib.closing(Database(place.path, read_only=True)) as database:
        try:
            state = database.examine(place.terminal, key)
        except Damaged as damage:
            known = database.readable_state()
            ours = known if known and (known.terminal, known.key) == (place.terminal, key.fingerprint) else None
            events = database.readable_events(place.terminal, key)
            return _Found(ours, tuple(events), damage.reason, damage.what)
        for each in seen:
            raw = database.one(each.head.seq)
            if forgot(state, each) or (raw is not None and digest(raw) != each.head.digest):
                what = t("the database is older than what this terminal had reached")
                return _Found(state, tuple(database.readable_events(place.terminal, key)), "rolled_back", what)
        return _Found(state)


def _anew(
    place: SpoolPlace, key: SigningKey, found: _Found, seen: Sequence[AgentState], moment: Moment
) -> tuple[AgentState, AgentEvent | None]:
    """Give the state to go on from, and the event that tells of the loss; None for a terminal's very first start."""
    blank = AgentState(place.terminal, key.public.fingerprint)
    state = merged([found.state or blank, *seen])
    if found.events and (last := found.events[-1]).seq > state.head.seq:
        state = replace(state, head=last.head)
    if found.events and (last := found.events[-1]).boot > state.boot:
        state = replace(state, boot=last.boot, boot_id=last.boot_id)
    size = sum(len(each.raw) for each in found.events)
    state = replace(state.booted(place.boot_id), held=len(found.events), held_bytes=size)
    if not found.reason:
        return state, None
    kind = "state.rolled_back" if found.reason == "rolled_back" else "state.corrupt"
    data: Data = {
        "reason": found.reason,
        "detail": str(found.detail)[:400],
        "file": _unused(place.folder, moment) + _DAMAGED,
        "found_seq": found.state.head.seq if found.state else None,
        "known_seq": state.head.seq,
        "kept": len(found.events),
        "kept_first": found.events[0].seq if found.events else None,
        "kept_last": found.events[-1].seq if found.events else None,
        "counter": state.counter,
    }
    event = sign_event(key, state.origin, state.head, moment, kind, data)
    return replace(state.with_event(event), lost=event.seq), event


def _replace(folder: Path, state: AgentState, events: Sequence[AgentEvent], moment: Moment) -> None:
    making, ready = folder / _MAKING, folder / (_unused(folder, moment) + _READY)
    with contextlib.closing(Database(making)) as database, database.transaction():
        database.create()
        for event in events:
            database.add(event)
        database.save(state)
    making.rename(ready)
    sync_folder(folder)
    _end_renaming(folder)


def _end_renaming(folder: Path) -> None:
    """Put a replacement that is whole in its place, and the files that are there aside."""
    for suffix in (*_SUFFIXES, "-journal"):
        (folder / (_MAKING + suffix)).unlink(missing_ok=True)
    for ready in sorted(folder.glob(f"agent.*{_READY}")):
        aside = ready.name.removesuffix(_READY) + _DAMAGED
        for suffix in _SUFFIXES:
            with contextlib.suppress(FileNotFoundError):
                (folder / (FILE_NAME + suffix)).rename(folder / (aside + suffix))
        sync_folder(folder)
        ready.rename(folder / FILE_NAME)
        sync_folder(folder)


def _unused(folder: Path, moment: Moment) -> str:
    """Give the first part of a name that no file in the folder has yet: agent.20261122T100000Z."""
    stem = f"agent.{stamp_ms(moment.wall)[:19].replace('-', '').replace(':', '')}Z"
    taken = {each.name for each in folder.iterdir()}
    names = (stem if number == 1 else f"{stem}-{number}" for number in range(1, 1_000_000))
    return next(name for name in names if name + _DAMAGED not in taken and name + _READY not in taken)
