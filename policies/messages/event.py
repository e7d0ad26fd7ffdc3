"""An event of a terminal's agent: signed, numbered without a gap, and chained to the event before, over boots too.

On the wire and on disk an event is one JSON object in canonical form (RFC 8785, UTF-8), at most 16 KiB, with exactly
these members; the bytes are what is stored, hashed and sent, never a re-encoding of them:

    at         wall clock in UTC, RFC 3339 with three digits of a second: "2026-11-22T10:00:00.123Z"
    boot       the agent's count of boots of this machine, from 1; it never falls, and rises once per kernel boot
    boot_id    the kernel's boot id (/proc/sys/kernel/random/boot_id)
    data       a flat object: keys in lower case, values null, true, false, integers, strings, or lists of strings
    kind       what happened: "usb.blocked"
    prev       SHA-256, in hex, of the bytes of the event before; 64 zeros for the first
    seq        1 for the first event of a terminal, one more for each further one, whatever boots lie between
    sig        Ed25519 (RFC 8032) by the agent's key, 128 hex digits, over the canonical form of all other members
    terminal   the terminal's name
    typ        "portseal-event/1": no other thing that the key signs can be passed off as an event
    uptime_ms  CLOCK_BOOTTIME in milliseconds (it counts through sleep, and nobody can set it)

(terminal, seq) names an event. Two events with one name and other bytes are a fork: the agent's state was copied or
rolled back, or its key is in other hands. After a lost or rolled-back state the chain says so itself: `state.corrupt`
and `state.rolled_back` are the only kinds at which the boot counter may fall.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from policies import canonical
from policies.errors import InputError
from policies.grants import Moment
from policies.messages import fields
from policies.texts import Text, t

if TYPE_CHECKING:
    from policies.keys import PublicKey, SigningKey

#: The member `typ` of every event.
EVENT_TYPE = "portseal-event/1"
#: Bytes of an event beyond which it is refused unread.
MAX_EVENT = 16_384
#: Members of an event's data, characters of one of its strings, and strings of one of its lists.
MAX_MEMBERS, MAX_STRING, MAX_LIST = 96, 2048, 64
#: `prev` of a terminal's first event.
NO_DIGEST = "0" * 64
#: The kinds that begin the chain anew after the agent's state was lost: the boot counter may fall here.
ANEW = frozenset({"state.corrupt", "state.rolled_back"})

_MEMBERS = frozenset(
    {"at", "boot", "boot_id", "data", "kind", "prev", "seq", "sig", "terminal", "typ", "uptime_ms"}
)  # fmt: skip
_AT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_KEY = re.compile(r"[a-z][a-z0-9_.]{0,63}")
_KIND = re.compile(r"[a-z][a-z0-9_]{0,23}\.[a-z0-9_]{1,32}")
_SIGNATURE = re.compile(r"[0-9a-f]{128}")

Value = None | bool | int | str | tuple[str, ...] | list[str]
Data = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Origin:
    """Who tells: the terminal, the agent's boot counter, and the kernel's boot id."""

    terminal: str
    boot: int
    boot_id: str


@dataclass(frozen=True, slots=True, order=True)
class Head:
    """The end of a chain: the number and the digest of its last event; (0, 64 zeros) before the first."""

    seq: int = 0
    digest: str = NO_DIGEST


@dataclass(frozen=True, slots=True)
class AgentEvent:
    """One event; `raw` is its bytes, and every other field is read from them."""

    terminal: str
    boot: int
    boot_id: str
    seq: int
    at: datetime
    uptime_ms: int
    kind: str
    data: Mapping[str, Any]
    prev: str
    sig: str
    raw: bytes = field(repr=False)

    @property
    def head(self) -> Head:
        """The end of the chain when this is its last event."""
        return Head(self.seq, digest(self.raw))


class Fault(StrEnum):
    """What is wrong with a chain, for machines."""

    UNREADABLE = "unreadable"
    SIGNATURE = "signature"
    TERMINAL = "terminal"
    GAP = "gap"
    FORK = "fork"
    ORDER = "order"
    BOOT = "boot"


class BrokenChain(InputError):
    """Events that do not follow each other; `seq` is the number at which it shows, `fault` what it is."""

    def __init__(self, seq: int, fault: Fault, what: Text, terminal: str = "") -> None:
        super().__init__(
            what,
            where=f"{terminal or '?'} event {seq}",
            next_step=t("keep these events apart as they are, and look into the terminal's agent"),
        )
        self.seq = seq
        self.fault = fault


def digest(raw: bytes) -> str:
    """Give the SHA-256 of an event's bytes in hex: what the next event names as `prev`."""
    return sha256(raw).hexdigest()


def stamp_ms(wall: float) -> str:
    """Write a wall clock (seconds since 1970) as RFC 3339 in UTC with milliseconds; ValueError beyond 1 to 9999."""
    try:
        moment = datetime.fromtimestamp(round(wall * 1000) // 1000, UTC)
    except (OverflowError, OSError):
        raise ValueError("no time of the years 1 to 9999") from None
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{round(wall * 1000) % 1000:03}Z".rjust(24, "0")


def sign_event(key: SigningKey, origin: Origin, after: Head, moment: Moment, kind: str, data: Data) -> AgentEvent:
    """Make the event that follows `after`; raises InputError when it would not be one that :func:`read_event` takes."""
    try:
        members: fields.Members = {
            "at": stamp_ms(moment.wall),
            "boot": origin.boot,
            "boot_id": origin.boot_id,
            "data": dict(data),
            "kind": kind,
            "prev": after.digest,
            "seq": after.seq + 1,
            "terminal": origin.terminal,
            "typ": EVENT_TYPE,
            "uptime_ms": round(moment.boottime * 1000),
        }
        members["sig"] = key.sign(canonical.encode(members)).hex()
        raw = canonical.encode(members)
    except (OverflowError, TypeError, ValueError) as error:
        raise _refused(t("the value cannot be told in an event ({cause})", cause=str(error)), kind) from None
    return _read(raw, kind)


def read_event(raw: bytes, key: PublicKey | None, where: str = "") -> AgentEvent:
    """Read and check one event; without a `key` its signature is not judged.

    Raises InputError, and nothing else, for whatever is not exactly an event of the format above.
    """
    event = _read(raw, where)
    if key is not None and not _signed_by(event, key):
        raise _refused(t("the signature is not that of the terminal's key: edited, or signed by another"), where)
    return event


def verify_chain(events: Iterable[bytes], key: PublicKey | None, after: Head | AgentEvent | None = None) -> Head:
    """Check that events follow each other and `after` (None: from the first on), and give the new head.

    Raises BrokenChain for the first event that does not. Events are read one at a time, so pages can be streamed; to
    go on after a break that was looked into, pass the head that the next good event follows. With the last event
    itself as `after`, the order of boots is judged from there on; with a head alone, from the first event on.
    """
    last = after if isinstance(after, AgentEvent) else None
    head = after.head if isinstance(after, AgentEvent) else after or Head()
    seen: dict[int, str] = {head.seq: head.digest}
    for raw in events:
        event = _next(raw, key, head.seq + 1)
        _follows(event, head, last, seen)
        head, last = event.head, event
        seen[head.seq] = head.digest
    return head


def verify_next(event: AgentEvent, after: AgentEvent | None) -> None:
    """Check that an event, which was read and whose signature was judged, follows `after` (None: it is the first).

    Raises BrokenChain as :func:`verify_chain` does.
    """
    head = Head() if after is None else after.head
    _follows(event, head, after, {head.seq: head.digest})


def _next(raw: bytes, key: PublicKey | None, expected: int) -> AgentEvent:
    try:
        event = _read(raw, "")
    except InputError as error:
        raise BrokenChain(expected, Fault.UNREADABLE, error.what) from None
    if key is not None and not _signed_by(event, key):
        what = t("the signature is not that of the terminal's key: edited, or signed by another")
        raise BrokenChain(event.seq, Fault.SIGNATURE, what, event.terminal)
    return event


def _follows(event: AgentEvent, head: Head, last: AgentEvent | None, seen: dict[int, str]) -> None:
    """Raise BrokenChain unless `event` is the one after `head`."""
    fault: tuple[Fault, Text] | None = None
    if last is not None and event.terminal != last.terminal:
        fault = Fault.TERMINAL, t("it is of another terminal than the event before, {terminal}", terminal=last.terminal)
    elif event.seq in seen and event.seq <= head.seq:
        if seen[event.seq] == digest(event.raw):
            fault = Fault.ORDER, t("it was there before: repeated, or out of order")
        else:
            fault = Fault.FORK, t("a fork: another event with the same number was there before")
    elif event.seq < head.seq:
        fault = Fault.ORDER, t("it comes after event {seq}: out of order", seq=head.seq)
    elif event.seq > head.seq + 1:
        fault = Fault.GAP, t("a gap: events {first} to {last} are missing", first=head.seq + 1, last=event.seq - 1)
    elif event.prev != head.digest:
        fault = Fault.FORK, t("a fork: it follows another event {seq} than the one that was there", seq=head.seq)
    elif last is not None and not _boot_follows(event, last):
        fault = (
            Fault.BOOT,
            t("boot {boot} ({id}) cannot follow boot {last}", boot=event.boot, id=event.boot_id, last=last.boot),
        )
    if fault is not None:
        raise BrokenChain(event.seq, *fault, event.terminal)


def _boot_follows(event: AgentEvent, last: AgentEvent) -> bool:
    """Tell whether one boot has one id, and a later boot a higher count, unless the chain begins anew."""
    if event.kind in ANEW:
        return True
    return event.boot == last.boot if event.boot_id == last.boot_id else event.boot > last.boot


def _signed_by(event: AgentEvent, key: PublicKey) -> bool:
    # The bytes are canonical, so those without the member are the canonical form of what was signed. Behind it come
    # strings in which a quote is escaped, and a number: the last place where it stands is the member itself.
    before, _, behind = event.raw.rpartition(f'"sig":"{event.sig}",'.encode("ascii"))
    return key.verify(bytes.fromhex(event.sig), before + behind)


def _read(raw: bytes, where: str) -> AgentEvent:
    if len(raw) > MAX_EVENT:
        raise _refused(t("an event of more than {count} bytes", count=MAX_EVENT), where)
    members = fields.exact(canonical.decode(raw, where), where, _MEMBERS)
    if members["typ"] != EVENT_TYPE:
        raise _refused(t("this is no event of a terminal's agent"), where)
    event = AgentEvent(
        terminal=fields.name(members, "terminal"),
        boot=fields.whole(members, "boot", 1),
        boot_id=fields.text(members, "boot_id", fields.BOOT),
        seq=fields.whole(members, "seq", 1),
        at=_time(fields.text(members, "at", _AT)),
        uptime_ms=fields.whole(members, "uptime_ms"),
        kind=fields.text(members, "kind", _KIND),
        data=_data(members["data"]),
        prev=fields.text(members, "prev", _DIGEST),
        sig=fields.text(members, "sig", _SIGNATURE),
        raw=bytes(raw),
    )
    if (event.seq == 1) != (event.prev == NO_DIGEST):
        raise _refused(t("the first event of a chain, and only that, follows none"), where)
    return event


def _data(data: object) -> Mapping[str, Any]:
    if not isinstance(data, dict) or len(data) > MAX_MEMBERS:
        raise _refused(t("the data is not an object of at most {count} members", count=MAX_MEMBERS), "data")
    for key, value in data.items():
        if not _KEY.fullmatch(key):
            raise _refused(t("a key in the data is not in lower case, or too long"), "data")
        if not (value is None or isinstance(value, int) or _is_text(value) or _is_list(value)):
            raise _refused(t("the value is none that an event holds, or too long"), f"data.{key}")
    return data


def _is_text(value: object) -> bool:
    return isinstance(value, str) and len(value) <= MAX_STRING


def _is_list(value: object) -> bool:
    return isinstance(value, list) and len(value) <= MAX_LIST and all(_is_text(item) for item in value)


def _time(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise _refused(t("this is no time of the calendar"), "at") from None


def _refused(what: Text, where: str) -> InputError:
    return InputError(what, where=where, next_step=t("an event is taken as the agent wrote it, or not at all"))
