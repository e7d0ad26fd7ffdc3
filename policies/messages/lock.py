"""The open contract of an anti-plug lock: what any vendor's lock says of itself, and what it is told to do.

A lock is the part that a hand feels: it holds plugs in or keeps them out. It says its state on `lock/<terminal>/state`,
at every change and at least every 30 seconds, and obeys commands on `lock/<terminal>/set`. A command is a JWT of type
`portseal-lock+jwt`, signed by the site's grant key. A lock needs no clock that survives: it closes by itself after the
`hold` seconds of the command, counted by its own timer, and a rising counter makes an old command worthless.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from policies import jwt
from policies.errors import InputError
from policies.messages import fields
from policies.notes import Signer, Verifier
from policies.texts import Text, t

#: The type of a command (explicit typing, RFC 8725, section 3.11): no grant is ever taken for one.
SET_TYPE = "portseal-lock+jwt"
#: A lock says its state at least this often, in seconds.
EVERY_SECONDS = 30
#: A lock that said nothing for this long is silent: three of its messages are missing.
SILENT_SECONDS = 3.0 * EVERY_SECONDS + 5.0
#: How long the lock and the gate may take to follow a lease that began or ended, in seconds.
GRACE_SECONDS = 5.0
#: A battery with less than this, in per cent, is low.
LOW_BATTERY = 20
#: No command holds a lock open for longer, in seconds.
LONGEST_HOLD = 8 * 3600

_VERSION = 1
_STATE = frozenset({"v", "lock", "terminal", "boot", "seq", "at", "state", "tamper", "ctr"})
_STATE_OPTIONAL = frozenset({"battery"})
_SET = frozenset({"iss", "aud", "lock", "jti", "iat", "exp", "ctr", "op", "hold"})
_STATES = re.compile(r"open|closed|forced|fault")
_OPS = re.compile(r"open|close")

#: Why a command is refused: the code, and the sentence. In the order of the checks; the first that fails is told.
CODES: Mapping[str, Text] = {
    **jwt.CODES,
    "claims": t("a claim is missing, unknown, or has a type or a value that cannot be"),
    "site": t("the command is of another site"),
    "terminal": t("the command is for another terminal"),
    "lock": t("the command is for another lock"),
    "counter": t("a command with this counter, or a higher one, was obeyed before"),
    "issued_ahead": t("the command was issued later than the clock here says"),
    "expired": t("the command has expired"),
}


class LockState(StrEnum):
    """`forced`: it was opened without a command; `fault`: it cannot tell, or cannot move."""

    OPEN = "open"
    CLOSED = "closed"
    FORCED = "forced"
    FAULT = "fault"


class LockOp(StrEnum):
    """What a lock is told."""

    OPEN = "open"
    CLOSE = "close"


class LockLevel(StrEnum):
    """How far clause 7.2b is met by something that is a device."""

    L1 = "L1"
    L2 = "L2"
    L3 = "L3"


#: What a level means for clause 7.2b; L1 alone fails it.
LEVELS: Mapping[LockLevel, Text] = {
    LockLevel.L1: t("the kernel's gate alone: the clause names an anti-plug device, and there is none"),
    LockLevel.L2: t("a mechanical lock that a person has attested"),
    LockLevel.L3: t("a sensed lock that the swipe drives"),
}


@dataclass(frozen=True, slots=True)
class LockReport:
    """One message of a lock. `boot` counts its starts and `seq` its messages since then, so the two order them.

    `at` is seconds since 1970 by the lock's clock (0: it has none), for people only. `battery` is per cent, None on
    mains power. `tamper` is its case switch. `ctr` is the counter of the last command that it obeyed (0: none).
    """

    lock: str
    terminal: str
    boot: int
    seq: int
    at: int
    state: LockState
    tamper: bool
    ctr: int
    battery: int | None = None

    def newer(self, other: LockReport) -> bool:
        """Tell whether this one was said after `other`, by the lock's own count."""
        return (self.boot, self.seq) > (other.boot, other.seq)

    def encode(self) -> bytes:
        """Give the message; raises InputError for what :func:`parse_state` would not read."""
        members: fields.Members = {
            "v": _VERSION, "lock": self.lock, "terminal": self.terminal, "boot": self.boot, "seq": self.seq,
            "at": self.at, "state": self.state, "tamper": self.tamper, "ctr": self.ctr,
        }  # fmt: skip
        if self.battery is not None:
            members["battery"] = self.battery
        data = fields.encoded(members)
        parse_state(data)
        return data


@dataclass(frozen=True, slots=True)
class LockSet:
    """The claims of a command: site `iss`, terminal `aud`, `lock`, id `jti`, `iat` and `exp` in seconds since 1970.

    `ctr` rises with every command for a lock. `hold` is how many seconds it stays open at most (0 for close).
    """

    iss: str
    aud: str
    lock: str
    jti: str
    iat: int
    exp: int
    ctr: int
    op: LockOp
    hold: int = 0


@dataclass(frozen=True, slots=True)
class LockStanding:
    """What a lock is and remembers: names, and the highest counter obeyed. `skew` is how far clocks may differ (s)."""

    site: str
    terminal: str
    lock: str
    counter: int
    skew: float = 30.0


class LockRefused(jwt.TokenRefused):
    """A command that is not followed; `code` is a key of CODES, `where` the claim, if it is one."""

    def __init__(self, code: str, where: str = "") -> None:
        super().__init__(code, CODES[code], where)


def parse_state(data: bytes) -> LockReport:
    """Read a lock's message; raises InputError, and nothing else, for any other bytes."""
    members = fields.document(data, _STATE, _STATE_OPTIONAL)
    fields.whole(members, "v", _VERSION, _VERSION)
    return LockReport(
        lock=fields.text(members, "lock", fields.ID),
        terminal=fields.name(members, "terminal"),
        boot=fields.whole(members, "boot"),
        seq=fields.whole(members, "seq", 1),
        at=fields.second(members, "at"),
        state=LockState(fields.text(members, "state", _STATES)),
        tamper=fields.flag(members, "tamper"),
        ctr=fields.whole(members, "ctr"),
        battery=fields.whole(members, "battery", 0, 100) if "battery" in members else None,
    )


def sign_set(command: LockSet, key: Signer) -> str:
    """Give the command as a signed token; raises LockRefused for claims that no lock would read."""
    claims: fields.Members = {
        "iss": command.iss, "aud": command.aud, "lock": command.lock, "jti": command.jti, "iat": command.iat,
        "exp": command.exp, "ctr": command.ctr, "op": command.op, "hold": command.hold,
    }  # fmt: skip
    try:
        payload = fields.encoded(claims)
    except InputError:
        raise LockRefused("claims") from None
    _claims(payload)
    try:
        return jwt.seal(payload, SET_TYPE, key)
    except jwt.TokenRefused as refused:
        raise LockRefused(refused.code, refused.where) from None


def read_set(token: bytes, key: Verifier) -> LockSet:
    """Read a command that `key` signed; raises LockRefused, and nothing else, for any other bytes.

    It says that the controller wrote it, not that it counts: that is for :func:`refusal`.
    """
    try:
        payload = jwt.unseal(token, SET_TYPE, key)
    except jwt.TokenRefused as refused:
        raise LockRefused(refused.code, refused.where) from None
    return _claims(payload)


def refusal(command: LockSet, standing: LockStanding, now: float | None) -> str:
    """Give the code of why a lock does not obey a command that was read, or "".

    `now` is its wall clock, or None when it has none: the counter alone must then keep old commands out. To close is
    obeyed at any time and by any clock: it harms nobody. The counter must be durable before the lock moves.
    """
    checks = [
        ("site", command.iss == standing.site),
        ("terminal", command.aud == standing.terminal),
        ("lock", command.lock == standing.lock),
        ("counter", command.ctr > standing.counter),
    ]
    if now is not None and command.op is LockOp.OPEN:
        checks += [("issued_ahead", command.iat <= now + standing.skew), ("expired", now < command.exp)]
    return next((code for code, holds in checks if not holds), "")


def level(*, attested: bool, sensed: bool) -> LockLevel:
    """Give the level of a terminal: `attested` by a person and not yet expired, `sensed` by fresh states of a lock."""
    if sensed:
        return LockLevel.L3
    return LockLevel.L2 if attested else LockLevel.L1


def _claims(payload: bytes) -> LockSet:
    try:
        members = fields.document(payload, _SET)
        command = LockSet(
            iss=fields.name(members, "iss"),
            aud=fields.name(members, "aud"),
            lock=fields.text(members, "lock", fields.ID),
            jti=fields.text(members, "jti", fields.ID),
            iat=fields.second(members, "iat"),
            exp=fields.second(members, "exp"),
            ctr=fields.whole(members, "ctr", 1),
            op=LockOp(fields.text(members, "op", _OPS)),
            hold=fields.whole(members, "hold", 0, LONGEST_HOLD),
        )
    except InputError as error:
        raise LockRefused("claims", error.where) from None
    # An opening without an end would stay open when the line breaks.
    if (command.op is LockOp.OPEN) != (command.hold > 0):
        raise LockRefused("claims", "hold")
    return command
