"""Grants: what the controller signs after a swipe, how a terminal reads them, and whether it follows them.

A grant is a JWT (RFC 7519) of type `portseal-grant+jwt`, a revocation one of type `portseal-revoke+jwt`; both are
signed by the site's grant key. Reading asks who signed and what it says; judging asks whether it counts here and now.
Both are pure: keys, clocks and what the terminal remembers come from the caller.
"""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from dataclasses import dataclass
from enum import StrEnum

from policies import jwt
from policies.errors import InputError
from policies.messages import fields
from policies.notes import Signer, Verifier
from policies.texts import Text, t
from policies.usb import Scope

#: The types of the two tokens (explicit typing, RFC 8725, section 3.11): one can never be taken for the other.
GRANT_TYPE = "portseal-grant+jwt"
REVOKE_TYPE = "portseal-revoke+jwt"
#: In `ports`, alone: every port. As the `jti` of a revocation: every grant.
EVERY = "*"
#: Bounds of a scope; a hub with 16 devices is the most that one grant can open.
MAX_DEVICES, MAX_PORTS, MAX_CLASSES = 16, 32, 16
#: The code of a verdict that lets the lease begin.
ACCEPTED = "accepted"

#: udev's ID_PATH_WITH_USB_REVISION: the controller's place, the root hub's USB generation, up to six ports on the way.
PORT_PATH = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:,@!-]{0,95}-usbv[1-9]-0:[1-9][0-9]{0,2}(?:\.[1-9][0-9]{0,2}){0,5}")
_PORT = re.compile(rf"\*|{PORT_PATH.pattern}")
_CLASS = re.compile(r"[0-9a-f]{2}")
_ID_OR_EVERY = re.compile(rf"\*|{fields.ID.pattern}")
#: The values of :class:`Purpose`.
PURPOSE = re.compile(r"case|maintenance|other")

_CLAIMS = frozenset({"iss", "aud", "sub", "jti", "iat", "nbf", "exp", "boot", "nonce", "ctr", "scope"})
_SCOPE = frozenset({"ports", "classes", "devices", "purpose", "once", "read_only"})
_REVOKE = frozenset({"iss", "aud", "jti", "iat"})

#: Why a grant or a revocation is refused: the code that events and the ledger hold, and the sentence. In the order of
#: the checks; the first that fails is told.
CODES: Mapping[str, Text] = {
    **jwt.CODES,
    "claims": t("a claim is missing, unknown, or has a type or a value that cannot be"),
    "scope": t("the ports, classes, number of devices or purpose in the grant cannot be"),
    "site": t("the grant is of another site"),
    "terminal": t("the grant is for another terminal"),
    "used": t("the grant was used before"),
    "boot": t("the grant is for another boot of this terminal"),
    "nonce": t("the grant does not hold the value that this terminal asks for now"),
    "counter": t("a grant with this counter, or a higher one, was accepted before"),
    "clock_back": t("the clock of this terminal is behind a time that it has seen before"),
    "issued_ahead": t("the grant was issued later than the clock of this terminal says"),
    "not_yet": t("the grant is not valid yet"),
    "expired": t("the grant has expired"),
    "window": t("the grant is valid for longer than this terminal allows, or for no time at all"),
}


class Purpose(StrEnum):
    """What a lease is for; the operator says it, and it is in the ledger."""

    CASE = "case"
    MAINTENANCE = "maintenance"
    OTHER = "other"


#: The purposes in words.
PURPOSES: Mapping[Purpose, Text] = {
    Purpose.CASE: t("video for a case"),
    Purpose.MAINTENANCE: t("maintenance"),
    Purpose.OTHER: t("another purpose"),
}


class GrantRefused(jwt.TokenRefused):
    """A grant or a revocation that is not one of ours; `code` is a key of CODES, `where` the claim, if it is one."""

    def __init__(self, code: str, where: str = "") -> None:
        super().__init__(code, CODES[code], where)


@dataclass(frozen=True, slots=True)
class Grant:
    """The claims of a grant, under their registered names (RFC 7519, section 4.1) where they have one.

    `iss` is the site, `aud` the terminal, `sub` the card's pseudonym, `jti` the grant's own id. `iat` (issued), `nbf`
    (not before) and `exp` (end) are whole seconds since 1970. `boot` is the kernel's boot id and `nonce` the value in
    the terminal's status: the grant answers them. `ctr` rises with every grant for a terminal.
    """

    iss: str
    aud: str
    sub: str
    jti: str
    iat: int
    nbf: int
    exp: int
    boot: str
    nonce: str
    ctr: int
    scope: Scope


@dataclass(frozen=True, slots=True)
class Revoke:
    """The end of a lease, or of all with `jti` "*", on terminal `aud` of site `iss`; `iat` is for the record.

    With `ctr`, grants with a counter up to it do not count any more either, also those that are still on their way: the
    terminal raises its highest counter to it.
    """

    iss: str
    aud: str
    jti: str
    iat: int
    ctr: int | None = None

    def ends(self, jti: str) -> bool:
        """Tell whether the lease of grant `jti` ends."""
        return self.jti in (EVERY, jti)


@dataclass(frozen=True, slots=True)
class Standing:
    """What a terminal is and remembers. `counter` is the highest accepted, `used` holds the jti of every grant used.

    `seen` is the highest wall clock seen (seconds since 1970), also before this boot; `longest` the longest lease
    allowed, `skew` how far the controller's clock and this one may differ, both in seconds.
    """

    site: str
    terminal: str
    boot: str
    nonce: str
    counter: int
    used: Container[str]
    seen: float
    longest: float
    skew: float


@dataclass(frozen=True, slots=True)
class Moment:
    """Both clocks at one moment: `wall` in seconds since 1970, `boottime` in seconds of CLOCK_BOOTTIME."""

    wall: float
    boottime: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """`code` is "accepted" or a key of CODES, `reason` its sentence; `ends` the lease's end on CLOCK_BOOTTIME, or 0."""

    code: str
    reason: Text
    ends: float = 0.0

    @property
    def accepted(self) -> bool:
        """Whether it is followed."""
        return self.code == ACCEPTED


def sign(grant: Grant, key: Signer) -> str:
    """Give the grant as a signed token; raises GrantRefused for claims that no terminal would read."""
    claims: fields.Members = {
        "iss": grant.iss, "aud": grant.aud, "sub": grant.sub, "jti": grant.jti, "iat": grant.iat, "nbf": grant.nbf,
        "exp": grant.exp, "boot": grant.boot, "nonce": grant.nonce, "ctr": grant.ctr,
        "scope": scope_members(grant.scope),
    }  # fmt: skip
    payload = _encoded(claims)
    _grant(payload)
    return _sealed(payload, GRANT_TYPE, key)


def read(token: bytes, key: Verifier) -> Grant:
    """Read a grant that `key` signed; raises GrantRefused, and nothing else, for any other bytes.

    It says that the controller wrote it, not that it counts: that is for :func:`judge`.
    """
    return _grant(_unsealed(token, GRANT_TYPE, key))


def sign_revoke(revoke: Revoke, key: Signer) -> str:
    """Give the revocation as a signed token; raises GrantRefused for claims that no terminal would read."""
    claims: fields.Members = {"iss": revoke.iss, "aud": revoke.aud, "jti": revoke.jti, "iat": revoke.iat}
    if revoke.ctr is not None:
        claims["ctr"] = revoke.ctr
    payload = _encoded(claims)
    _revoke(payload)
    return _sealed(payload, REVOKE_TYPE, key)


def read_revoke(token: bytes, key: Verifier) -> Revoke:
    """Read a revocation that `key` signed; raises GrantRefused, and nothing else, for any other bytes."""
    return _revoke(_unsealed(token, REVOKE_TYPE, key))


def judge(grant: Grant, standing: Standing, now: Moment) -> Verdict:
    """Tell whether the terminal follows a grant that was read, and when the lease ends.

    Two clocks, because each fails where the other does not. Only the wall clock is shared with the controller, so only
    it can tell that a grant is old; but it can be set, and a machine restored from a snapshot wakes up minutes behind.
    CLOCK_BOOTTIME cannot be set and counts through sleep, but starts anew at every boot. So the wall clock, and how far
    it ever came, decides whether the lease begins, and CLOCK_BOOTTIME alone ends it: at the soonest of what is left of
    the window by the wall clock, the window's whole length, and the longest lease allowed. Setting the wall clock back
    afterwards lengthens nothing; the boot id ties the end to this boot.

    An accepted grant must not be opened before its jti, its counter and the wall clock are durable.
    """
    if code := _origin(grant, standing) or _timing(grant, standing, now):
        return Verdict(code, CODES[code])
    left = min(grant.exp - now.wall, grant.exp - grant.nbf, standing.longest)
    return Verdict(ACCEPTED, t("the grant is accepted"), now.boottime + left)


def judge_revoke(revoke: Revoke, standing: Standing) -> Verdict:
    """Tell whether a revocation that was read is for this terminal.

    It needs no freshness: to shut a port once more, by an old message, harms nobody, and a terminal whose clock is
    wrong must still obey.
    """
    code = "site" if revoke.iss != standing.site else "terminal" if revoke.aud != standing.terminal else ""
    if code:
        return Verdict(code, CODES[code])
    return Verdict(ACCEPTED, t("the revocation is followed"))


def _origin(grant: Grant, standing: Standing) -> str:
    """Name the first thing that says the grant is not meant for this terminal, this boot, this once."""
    checks = (
        ("site", grant.iss == standing.site),
        ("terminal", grant.aud == standing.terminal),
        ("used", grant.jti not in standing.used),
        ("boot", grant.boot == standing.boot),
        ("nonce", grant.nonce == standing.nonce),
        ("counter", grant.ctr > standing.counter),
    )
    return next((code for code, holds in checks if not holds), "")


def _timing(grant: Grant, standing: Standing, now: Moment) -> str:
    """Name the first thing that is wrong with the time; a clock that is no number (nan) fails every comparison."""
    checks = (
        ("clock_back", now.wall >= standing.seen - standing.skew),
        ("issued_ahead", grant.iat <= now.wall + standing.skew),
        ("not_yet", grant.nbf <= now.wall + standing.skew),
        ("expired", now.wall < grant.exp),
        ("window", 0 < grant.exp - grant.nbf <= standing.longest),
    )
    return next((code for code, holds in checks if not holds), "")


def _encoded(claims: fields.Members) -> bytes:
    try:
        return fields.encoded(claims)
    except InputError:
        raise GrantRefused("claims") from None


def _sealed(payload: bytes, kind: str, key: Signer) -> str:
    try:
        return jwt.seal(payload, kind, key)
    except jwt.TokenRefused as refused:
        raise GrantRefused(refused.code) from None


def _unsealed(token: bytes, kind: str, key: Verifier) -> bytes:
    try:
        return jwt.unseal(token, kind, key)
    except jwt.TokenRefused as refused:
        raise GrantRefused(refused.code) from None


def _grant(payload: bytes) -> Grant:
    try:
        members = fields.document(payload, _CLAIMS)
        return Grant(
            iss=fields.name(members, "iss"),
            aud=fields.name(members, "aud"),
            sub=fields.text(members, "sub", fields.ID),
            jti=fields.text(members, "jti", fields.ID),
            iat=fields.second(members, "iat"),
            nbf=fields.second(members, "nbf"),
            exp=fields.second(members, "exp"),
            boot=fields.text(members, "boot", fields.BOOT),
            nonce=fields.text(members, "nonce", fields.NONCE),
            ctr=fields.whole(members, "ctr", 1),
            scope=take_scope(members["scope"]),
        )
    except GrantRefused:
        raise
    except InputError as error:
        raise GrantRefused("claims", error.where) from None


def scope_members(scope: Scope) -> fields.Members:
    """Give a scope as the member of a token."""
    return {
        "ports": scope.ports, "classes": scope.classes, "devices": scope.devices, "purpose": scope.purpose,
        "once": scope.once, "read_only": scope.read_only,
    }  # fmt: skip


def take_scope(value: object) -> Scope:
    """Take a scope out of a token; raises GrantRefused.

    Classes are always named one by one: keyboards (03) and hubs (09) open only when they are there.
    """
    try:
        members = fields.exact(value, "scope", _SCOPE)
        ports = fields.texts(members, "ports", _PORT, MAX_PORTS)
        scope = Scope(
            ports=ports,
            classes=fields.texts(members, "classes", _CLASS, MAX_CLASSES),
            devices=fields.whole(members, "devices", 1, MAX_DEVICES),
            purpose=fields.text(members, "purpose", PURPOSE),
            once=fields.flag(members, "once"),
            read_only=fields.flag(members, "read_only"),
        )
    except InputError as error:
        raise GrantRefused("scope", error.where) from None
    if EVERY in ports and len(ports) > 1:
        raise GrantRefused("scope", "ports")
    return scope


def _revoke(payload: bytes) -> Revoke:
    try:
        members = fields.document(payload, _REVOKE, frozenset({"ctr"}))
        return Revoke(
            iss=fields.name(members, "iss"),
            aud=fields.name(members, "aud"),
            jti=fields.text(members, "jti", _ID_OR_EVERY),
            iat=fields.second(members, "iat"),
            ctr=fields.whole(members, "ctr", 1) if "ctr" in members else None,
        )
    except InputError as error:
        raise GrantRefused("claims", error.where) from None
