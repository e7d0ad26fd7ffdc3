"""The one-time rescue code: how a terminal opens when nobody can swipe, because the network is down.

The terminal shows a challenge. Two people on the controller's side read it in, choose what it is for and for how long,
and read a code back over the telephone:

    challenge   40 bits of this boot's nonce, 32 bits of a counter that never goes back   16 symbols with the check
    code        5 bits of uses, 10 bits of minutes, 80 bits of HMAC-SHA256                20 symbols with the check

Both are Crockford's base32 with his check symbol (modulo 37: it finds every single wrong symbol and every swapped
pair), in groups of four; O is read as 0, I and L as 1, case and blanks do not matter. The HMAC (RFC 2104, key of 32
bytes per terminal) is over site, terminal, nonce, counter, uses, minutes and both people. An opening without a swipe
fails clause 7.2b, and the event says so.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import unicodedata
from dataclasses import dataclass, field
from enum import StrEnum

from policies import canonical
from policies.errors import InputError, SafetyRefusal
from policies.names.shown import cleaned, shown
from policies.texts import Text, t
from policies.usb import HID, STORAGE, Lease, Scope

#: The card of a lease that no swipe has opened.
CARD = "rescue"
#: No rescue is longer than this, whatever a code says.
LONGEST_MINUTES = 60
#: Wrong codes that are free; every further one doubles the wait before the next.
FREE_TRIES = 5
#: Seconds: the first wait, and the longest one.
FIRST_WAIT, LONGEST_WAIT = 60, 3600
#: Bytes of a terminal's rescue secret, and of the nonce that it draws at every boot.
SECRET_BYTES, NONCE_BYTES = 32, 5

_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_CHECKS = _DIGITS + "*~$=U"
_HEARD = str.maketrans({"O": "0", "I": "1", "L": "1"})
_MAC_BITS, _MINUTES_BITS, _USES_BITS, _COUNTER_BITS = 80, 10, 5, 32
_CHALLENGE_SYMBOLS, _CODE_SYMBOLS = 15, 19
_DOMAIN = "portseal rescue 1"


class RescueUse(StrEnum):
    """What a rescue may open, one device each; all else stays shut. `usb_class` is the interface class."""

    KEYBOARD = "keyboard"
    STORAGE = "storage"

    @property
    def usb_class(self) -> str:
        """The interface class as two hex digits; a keyboard is HID, and so is a mouse."""
        return {RescueUse.KEYBOARD: HID, RescueUse.STORAGE: STORAGE}[self]


#: The bit of each use in a code; a bit is never given to another use.
_BITS = {RescueUse.KEYBOARD: 1, RescueUse.STORAGE: 2}


class RescueRefusal(StrEnum):
    """Why a code opens nothing: the reason for machines."""

    TYPO = "typo"
    WAIT = "wait"
    WRONG = "wrong"
    TOO_LONG = "too_long"


@dataclass(frozen=True, slots=True, eq=False)
class RescueSecret:
    """A terminal's rescue secret, shared with the controller; it is in no repr."""

    key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        """Refuse a key of another length: a truncated file must not become a guessable secret."""
        if len(self.key) != SECRET_BYTES:
            raise ValueError("a rescue secret has 32 bytes")


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a terminal asks: `nonce` is drawn at every boot, `counter` is one more than that of the last rescue."""

    site: str
    terminal: str
    nonce: bytes
    counter: int

    def __post_init__(self) -> None:
        """Refuse what the code of a challenge cannot hold."""
        if len(self.nonce) != NONCE_BYTES or not 0 <= self.counter < 1 << _COUNTER_BITS:
            raise ValueError("a challenge has a nonce of 5 bytes and a counter of 32 bits")

    @property
    def code(self) -> str:
        """What the terminal shows, and a person reads out."""
        return _written((int.from_bytes(self.nonce, "big") << _COUNTER_BITS) | self.counter, _CHALLENGE_SYMBOLS)


@dataclass(frozen=True, slots=True)
class Permit:
    """What two people allow in answer to a challenge."""

    challenge: Challenge
    uses: frozenset[RescueUse]
    minutes: int
    people: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Moment:
    """When a code is tried: the kernel's boot id, seconds of CLOCK_BOOTTIME, and the longest rescue allowed here."""

    boot: str
    now: float
    longest: int = LONGEST_MINUTES


@dataclass(frozen=True, slots=True)
class Tries:
    """Wrong codes so far; `until` is when the next may be tried, in seconds of CLOCK_BOOTTIME of the boot `boot`."""

    wrong: int = 0
    boot: str = ""
    until: float = 0.0

    def wait(self, boot: str, now: float) -> float:
        """Give the seconds that are left to wait; a reboot begins the whole wait anew, or it would end it."""
        until = self.until if boot == self.boot else _wait(self.wrong)
        return max(0.0, until - now)


@dataclass(frozen=True, slots=True)
class RescueOutcome:
    """What a typed code led to: a permit, or a refusal with its sentence.

    `tries` and `counter` are to be made durable before anything is opened or answered: the counter of the next
    challenge is `counter`, and with it this code is worth nothing any more.
    """

    tries: Tries
    counter: int
    permit: Permit | None = None
    refusal: RescueRefusal | None = None
    reason: Text | None = None


def read_challenge(site: str, terminal: str, text: str) -> Challenge:
    """Read the challenge that a person types at the controller; a mistyped one raises InputError."""
    number = _read(text, _CHALLENGE_SYMBOLS)
    nonce, counter = number >> _COUNTER_BITS, number & ((1 << _COUNTER_BITS) - 1)
    if nonce >> (8 * NONCE_BYTES):
        raise _mistyped(text)
    return Challenge(site, terminal, nonce.to_bytes(NONCE_BYTES, "big"), counter)


def rescue_code(secret: RescueSecret, permit: Permit, longest: int = LONGEST_MINUTES) -> str:
    """Give the code for a permit.

    Raises SafetyRefusal when it is not two different people, nothing is named to open, or it is longer than `longest`.
    """
    first, second = (_person(each) for each in permit.people)
    if not first or not second or first == second:
        raise SafetyRefusal(
            t("a rescue needs two different people"), next_step=t("ask a second person who may give rescues")
        )
    if not permit.uses:
        raise SafetyRefusal(t("a rescue names what it opens"), next_step=t("choose keyboard, storage, or both"))
    if not 1 <= permit.minutes <= longest:
        raise SafetyRefusal(
            t("a rescue takes 1 to {longest} minutes, not {minutes}", longest=longest, minutes=permit.minutes),
            next_step=t("choose fewer minutes; another challenge can follow"),
        )
    uses = sum(_BITS[use] for use in permit.uses)
    head = (uses << _MINUTES_BITS) | permit.minutes
    return _written((head << _MAC_BITS) | _mac(secret, permit), _CODE_SYMBOLS)


def try_code(
    secret: RescueSecret, challenge: Challenge, typed: str, people: tuple[str, str], tries: Tries, moment: Moment
) -> RescueOutcome:
    """Judge a code that was typed at the terminal in answer to `challenge`, with the two people who gave it.

    A mistyped code (wrong length, symbol or check) says so and costs no try: its check symbol is no secret. A code that
    is well written and wrong costs one. The comparison takes the same time wherever the first difference is.
    """
    left = tries.wait(moment.boot, moment.now)
    if left > 0:
        seconds = math.ceil(left)
        text = t("too many wrong codes: wait {seconds} seconds", seconds=seconds)
        return RescueOutcome(tries, challenge.counter, refusal=RescueRefusal.WAIT, reason=text)
    try:
        number = _read(typed, _CODE_SYMBOLS)
    except InputError as error:
        return RescueOutcome(tries, challenge.counter, refusal=RescueRefusal.TYPO, reason=error.what)
    head, mac = number >> _MAC_BITS, number & ((1 << _MAC_BITS) - 1)
    bits, minutes = head >> _MINUTES_BITS, head & ((1 << _MINUTES_BITS) - 1)
    uses = frozenset(use for use, bit in _BITS.items() if bits & bit)
    permit = Permit(challenge, uses, minutes, people)
    right = hmac.compare_digest(_mac(secret, permit).to_bytes(10, "big"), mac.to_bytes(10, "big"))
    two = _person(people[0]) != _person(people[1]) and all(map(_person, people))
    # The HMAC is over the uses by name: a bit that no use has must not ride along.
    if not (right and two and 1 <= bits <= sum(_BITS.values())):
        wrong = tries.wrong + 1
        after = Tries(wrong, moment.boot, moment.now + _wait(wrong))
        text = t("the code is not the answer to this challenge, or other people gave it")
        return RescueOutcome(after, challenge.counter, refusal=RescueRefusal.WRONG, reason=text)
    # A right answer is used up, also when this terminal allows less than the people on the other side.
    if not 1 <= minutes <= moment.longest:
        text = t("a rescue takes 1 to {longest} minutes, not {minutes}", longest=moment.longest, minutes=minutes)
        return RescueOutcome(Tries(), challenge.counter + 1, refusal=RescueRefusal.TOO_LONG, reason=text)
    return RescueOutcome(Tries(), challenge.counter + 1, permit=permit)


def rescue_leases(permit: Permit, moment: Moment) -> tuple[Lease, ...]:
    """Give one lease for each use: one device, one class, at any port, not again once pulled.

    They are apart so that a stick that is a keyboard too gets one of the two, never both.
    """
    ends = moment.now + 60 * min(permit.minutes, moment.longest)
    return tuple(
        Lease(
            jti=f"rescue-{permit.challenge.counter}-{use.value}",
            card=CARD,
            scope=Scope(("*",), (use.usb_class,), 1, CARD, once=True),
            boot=moment.boot,
            opened=moment.now,
            ends=ends,
        )
        for use in sorted(permit.uses)
    )


def rescue_event(challenge: Challenge, outcome: RescueOutcome) -> dict[str, object]:
    """Give the data of the event `rescue.used` (with a permit) or `rescue.refused`: plain JSON, nothing typed in it.

    `swipe` false and `fails` 7.2b are what the controller judges by: no card opened this terminal.
    """
    data: dict[str, object] = {"challenge": challenge.code, "counter": challenge.counter}
    if outcome.permit is None:
        refusal = outcome.refusal.value if outcome.refusal is not None else ""
        return data | {"reason": refusal, "wrong": outcome.tries.wrong}
    permit = outcome.permit
    return data | {
        "card": CARD,
        "swipe": False,
        "fails": "7.2b",
        "uses": sorted(use.value for use in permit.uses),
        "minutes": permit.minutes,
        "people": sorted(map(_person, permit.people)),
    }


def _mac(secret: RescueSecret, permit: Permit) -> int:
    """Give the first 80 bits; the order of the two people does not matter."""
    challenge = permit.challenge
    told = canonical.encode(
        {
            "for": _DOMAIN,
            "site": challenge.site,
            "terminal": challenge.terminal,
            "nonce": challenge.nonce.hex(),
            "counter": challenge.counter,
            "uses": sorted(use.value for use in permit.uses),
            "minutes": permit.minutes,
            "people": sorted(map(_person, permit.people)),
        }
    )
    return int.from_bytes(hmac.digest(secret.key, told, hashlib.sha256)[: _MAC_BITS // 8], "big")


def _person(name: str) -> str:
    """Give the name in one spelling: as it is typed at two keyboards, in any case."""
    plain = "".join(c for c in cleaned(name) if c.isprintable())
    return " ".join(unicodedata.normalize("NFKC", plain).casefold().split())


def _wait(wrong: int) -> float:
    return float(min(FIRST_WAIT << min(wrong - FREE_TRIES, 16), LONGEST_WAIT)) if wrong >= FREE_TRIES else 0.0


def _written(number: int, symbols: int) -> str:
    body = "".join(_DIGITS[number >> (5 * place) & 31] for place in reversed(range(symbols)))
    whole = body + _CHECKS[number % 37]
    return "-".join(whole[start : start + 4] for start in range(0, len(whole), 4))


def _read(text: str, symbols: int) -> int:
    """Read `symbols` symbols and their check symbol, as a person heard and typed them; raises InputError."""
    given = "".join(cleaned(text[:200]).upper().split()).replace("-", "").translate(_HEARD)
    body, check = given[:-1], given[-1:]
    if len(body) != symbols or not set(body) <= set(_DIGITS) or check not in _CHECKS:
        raise _mistyped(text)
    number = 0
    for symbol in body:
        number = number << 5 | _DIGITS.index(symbol)
    if _CHECKS[number % 37] != check:
        raise _mistyped(text)
    return number


def _mistyped(text: str) -> InputError:
    return InputError(
        t("the code is mistyped: a symbol is wrong, missing or too many"),
        where=shown(text),
        next_step=t("read it out again, group by group"),
    )
