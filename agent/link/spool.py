"""The terminal's memory: events in order until the controller has them, and the state that must survive.

One process owns the folder (a lock; a second one gets Busy). Everything is one SQLite file (agent/link/database.py
tells why), and every change is one commit that is on the disk when the call returns: `append` returns after its sync,
:meth:`Spool.accept` makes a grant's counter, its jti and the event `lease.opened` durable together, before anything is
opened. What fails has changed nothing, and works again when its cause is gone.

Room. Up to `most_events` and `most_bytes` wait. When they are full the oldest stays: a new event is counted, by kind,
in a record that is as durable as an event, and with the first room that an ack makes the record itself becomes the
event `spool.full`. No lease may be opened then (:meth:`Spool.has_room`; `accept` refuses).

Damage. At the start the file is examined as a whole, and compared with the witnesses (agent/link/state.py). A damaged,
foreign, missing or rolled-back file is renamed, never deleted, and a new one takes its place with what is known: the
chain goes on from its furthest known end, events that are whole are kept, and the next event is `state.corrupt` or
`state.rolled_back`. The new file is made complete under another name first, so a power loss at any moment of this
leaves the damaged file or the new one. `trouble` names the event: whoever runs the agent ends all leases then.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Self

from agent.link.database import Database, SpoolPlace, lock_folder, storage_errors
from agent.link.repair import recall
from agent.link.state import AgentState, Folded, Nonce, Witness
from policies.canonical import MAX_INTEGER
from policies.errors import InputError, StorageFailed
from policies.grants import Grant, Moment
from policies.keys import SigningKey
from policies.messages.event import (
    MAX_EVENT,
    MAX_MEMBERS,
    NO_DIGEST,
    AgentEvent,
    Data,
    Head,
    Value,
    digest,
    read_event,
    sign_event,
    stamp_ms,
)
from policies.texts import t
from policies.usb import Lease

__all__ = ["Spool", "SpoolPlace", "open_spool"]

#: What a lease may still have to tell before it ends: this much must be free before one is opened.
RESERVE_EVENTS, RESERVE_BYTES = 256, 1 << 20
#: Bytes that must be free on the disk before a lease is opened.
RESERVE_DISK = 4 << 20
#: Members and bytes that stay free in an event, so that it can be told again after a roll-back.
AGAIN_MEMBERS, AGAIN_BYTES = 3, 512

Change = Callable[[AgentState], AgentState]
Told = tuple[str, Data]


def open_spool(place: SpoolPlace, key: SigningKey, moment: Moment) -> Spool:
    """Open the memory, repair it where needed, and count the boot.

    Raises Busy when another process has it, and StorageFailed when the machine does not let it be read or written.
    """
    lock = lock_folder(place.folder)
    try:
        with storage_errors(place.run):
            place.run.mkdir(mode=0o700, parents=True, exist_ok=True)
        owner = (place.terminal, key.public.fingerprint)
        witnesses = tuple(Witness(folder / "head", *owner) for folder in (place.run, place.folder))
        state, trouble = recall(place, key, witnesses, moment)
        spool = Spool(place, key, state, lock, witnesses)
    except BaseException:
        os.close(lock)
        raise
    spool.trouble = trouble
    try:
        spool.commit(moment, (), lambda state: state.booted(place.boot_id))
    except BaseException:
        spool.close()
        raise
    return spool


class Spool:
    """The open memory; threads may share it. Use :func:`open_spool`, and close it (it is a context manager).

    `trouble` is the event that tells of a repair at this start, or None. `nonce` is what a grant must carry now.
    """

    def __init__(
        self, place: SpoolPlace, key: SigningKey, state: AgentState, lock: int, witnesses: Sequence[Witness]
    ) -> None:
        self.place = place
        self.trouble: AgentEvent | None = None
        self.nonce = Nonce()
        self._key, self._state, self._lock_file, self._witnesses = key, state, lock, witnesses
        self._database = Database(place.path)
        self._file = _mark(place.path)
        self._lock = threading.RLock()
        self._settle(state)

    def close(self) -> None:
        """Close the files and let the next process in."""
        with self._lock:
            if self._lock_file < 0:
                return
            try:
                self._database.close()
            finally:
                for witness in self._witnesses:
                    witness.close()
                os.close(self._lock_file)
                self._lock_file = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def state(self) -> AgentState:
        """What is durable now."""
        return self._state

    def commit(
        self, moment: Moment, events: Sequence[Told] = (), change: Change | None = None
    ) -> tuple[AgentEvent | None, ...]:
        """Change the state and append events (kind, data) in one commit, durable when this returns.

        Gives the events; None stands for one that had no room and was counted. Raises InputError for an event that
        cannot be told (and whatever `change` raises) and StorageFailed when the disk refuses; then nothing changed.
        """
        with self._lock:
            changed = change(self._state) if change else self._state
            if changed == self._state and not events:
                return ()
            made: list[AgentEvent | None] = []
            with self._database.transaction():
                state = self._unfold(changed, moment)
                for kind, data in events:
                    state, event = self._add(state, moment, kind, data)
                    made.append(event)
                self._database.save(state)
            self._settle(state)
            return tuple(made)

    def append(self, kind: str, data: Data, moment: Moment) -> AgentEvent | None:
        """Append one event; see :meth:`commit`."""
        return self.commit(moment, [(kind, data)])[0]

    def append_all(self, events: Sequence[Told], moment: Moment) -> tuple[AgentEvent | None, ...]:
        """Append events in one commit: all of them or none."""
        return self.commit(moment, events)

    def accept(self, grant: Grant, data: Data, moment: Moment, lease: Lease) -> AgentEvent:
        """Use a grant up, with its lease and the event `lease.opened`, in one commit; only then may anything be opened.

        Raises InputError when the grant was accepted before, and StorageFailed when what the lease does could not be
        told any more, or the disk refuses: then nothing may be opened. Afterwards the nonce is another.
        """
        with self._lock:
            event = self.open_lease(("lease.opened", data), lease, moment, lambda state: state.accepted(grant, moment))
            self.nonce.renew()
            return event

    def open_lease(self, told: Told, lease: Lease, moment: Moment, change: Change) -> AgentEvent:
        """Use up what a lease is opened by (`change`), with the lease and its event, in one commit.

        Raises what `change` raises, and StorageFailed as :meth:`accept`: then nothing may be opened.
        """
        with self._lock:
            if not self.has_room():
                raise StorageFailed(
                    t("there is no room to record what a lease does, so none is opened"),
                    where=str(self.place.folder),
                    next_step=t("connect the terminal to its controller, and free space on its disk"),
                )

            def both(state: AgentState) -> AgentState:
                return replace(change(state), leases=(*state.leases, lease))

            (event,) = self.commit(moment, [told], both)
            assert event is not None  # has_room left space
            return event

    def has_room(self) -> bool:
        """Tell whether the events of a lease could be kept, here and on the disk."""
        state, place = self._state, self.place
        try:
            disk = os.statvfs(place.folder)
        except OSError:
            return False
        return (
            self.is_there()
            and not state.folded.total
            and state.held + RESERVE_EVENTS <= place.most_events
            and state.held_bytes + RESERVE_BYTES <= place.most_bytes
            and disk.f_bavail * disk.f_frsize >= RESERVE_DISK
        )

    def is_there(self) -> bool:
        """Tell whether the file that is written is still the one that the next start will find."""
        return _mark(self.place.path) == self._file

    def unacked(self, after: int = 0, limit: int = 500) -> tuple[tuple[int, bytes], ...]:
        """Give up to `limit` waiting events with a number beyond `after`, in order: (number, bytes)."""
        with self._lock:
            return self._database.page(after, limit)

    def ack(self, seq: int, raw_digest: str, moment: Moment) -> int:
        """Let go of the events up to `seq`, which the controller has in its ledger; gives how many those were.

        `raw_digest` must be that of our event `seq`; else InputError, and nothing is let go (then ask
        :meth:`rolled_back_by`). An ack that is older than one before, or of an event that a damaged file lost, is 0.
        """
        with self._lock:
            if self.rolled_back_by(seq, raw_digest):
                raise InputError(
                    t("the ack is not of an event that this terminal wrote"),
                    where=f"{self.place.terminal} event {seq}",
                    next_step=t("look for a copy of this terminal, or a state that was rolled back"),
                )
            if seq <= self._state.acked.seq or self._database.one(seq) is None:
                return 0
            with self._database.transaction():
                count, size = self._database.remove_to(seq)
                state = self._unfold(self._state.with_ack(Head(seq, raw_digest), count, size), moment)
                self._database.save(state)
            self._settle(state)
            return count

    def rolled_back_by(self, seq: int, raw_digest: str) -> bool:
        """Tell whether the controller has an event (number and digest) that this memory cannot have come after.

        Only the controller's own word may be asked about here: :meth:`rebase` believes it. Raises InputError for what
        names no event.
        """
        if not (0 <= seq <= MAX_INTEGER and len(raw_digest) == len(NO_DIGEST)):
            raise InputError(t("this names no event"), next_step=t("compare the versions of Portseal on both sides"))
        with self._lock:
            known = {head.seq: head.digest for head in (self._state.head, self._state.acked)}
            raw = self._database.one(seq)
            mine = digest(raw) if raw is not None else known.get(seq, raw_digest)
            return seq > self._state.head.seq or mine != raw_digest

    def rebase(self, seq: int, raw_digest: str, moment: Moment, common: int = 0) -> AgentEvent:
        """Go on after the controller's last event when this memory was rolled back; gives `state.rolled_back`.

        What waits here under numbers that the controller has given to other events is told again after it, in order,
        with `first_seq`, `first_at` and `first_boot` in its data. `common` is the last number at which both agree, when
        the controller knows it: without it all that waits is told again, and a reader drops what it has by those three.
        """
        with self._lock:
            if not self.rolled_back_by(seq, raw_digest):
                raise InputError(t("nothing was rolled back"), where=f"{self.place.terminal} event {seq}")
            old = [read_event(raw, None) for _, raw in self._database.page(common, self._state.held)]
            head, found = Head(seq, raw_digest), self._state.head.seq
            state = replace(self._state, head=head, acked=head, held=0, held_bytes=0)
            data: Data = {"reason": "controller", "found_seq": found, "known_seq": seq, "again": len(old)}
            with self._database.transaction():
                self._database.remove_to(max(found, seq))
                state = told = self._tell(state, moment, "state.rolled_back", data)
                for event in old:
                    first: dict[str, Value] = {
                        "first_seq": event.seq,
                        "first_at": stamp_ms(event.at.timestamp()),
                        "first_boot": event.boot,
                    }
                    state = self._tell(state, moment, event.kind, first | dict(event.data))
                state = replace(state, lost=told.head.seq)
                self._database.save(state)
            self._settle(state)
            return read_event(self._database.one(told.head.seq) or b"", None)

    def _add(self, state: AgentState, moment: Moment, kind: str, data: Data) -> tuple[AgentState, AgentEvent | None]:
        event = sign_event(self._key, state.origin, state.head, moment, kind, data)
        if len(event.raw) > MAX_EVENT - AGAIN_BYTES or len(event.data) > MAX_MEMBERS - AGAIN_MEMBERS:
            raise InputError(t("the event is too large"), where=kind, next_step=t("keep the evidence beside it"))
        if state.folded.total or not self._fits(state, event):
            return state.with_folded(kind, moment), None
        self._database.add(event)
        return state.with_event(event), event

    def _tell(self, state: AgentState, moment: Moment, kind: str, data: Data) -> AgentState:
        """Append an event that has no bounds: it stands for others, or was inside them before."""
        event = sign_event(self._key, state.origin, state.head, moment, kind, data)
        self._database.add(event)
        return state.with_event(event)

    def _unfold(self, state: AgentState, moment: Moment) -> AgentState:
        """Tell of the events that had no room, as soon as that itself has room."""
        folded = state.folded
        room = state.held < self.place.most_events and state.held_bytes + MAX_EVENT <= self.place.most_bytes
        if not folded.total or not room:
            return state
        return self._tell(replace(state, folded=Folded()), moment, "spool.full", folded.data())

    def _fits(self, state: AgentState, event: AgentEvent) -> bool:
        size = state.held_bytes + len(event.raw)
        return state.held < self.place.most_events and size <= self.place.most_bytes

    def _settle(self, state: AgentState) -> None:
        self._state = state
        for witness in self._witnesses:
            witness.write(state)


def _mark(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
