"""The bundle that a terminal is enrolled with: whom to trust, where to go, and a one-time token that proves it.

It is one JSON object in canonical form (RFC 8785, UTF-8), at most 64 KiB, with exactly these members:

    authority   the certificate of the site's authority, PEM: who vouches for the door, and for certificates
    broker      host, port; authority: PEM, who vouches for the broker (the same, but for an external one)
    check       HMAC-SHA256 with the token, hex, over the canonical form of all other members: damage shows
    door        host, port: where to enrol
    expires     when the token ends, by the controller's clock
    grant_key   the public half of the site's grant key, 64 hex digits
    site, terminal
    token       256 random bits in hex: whoever has it can enrol as this terminal, once
    typ         "portseal-bundle/1"

The token never leaves the terminal. A key is derived from it, which signs the request, and of which the controller has
the public half only: who reads the controller's database, or a request on its way, cannot enrol.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256

from policies import canonical
from policies.codec import moment_of, stamp
from policies.errors import ConfigError, InputError
from policies.keys import PublicKey, SigningKey
from policies.messages import fields
from policies.texts import t

#: The member `typ` of every bundle.
BUNDLE_TYPE = "portseal-bundle/1"
#: Bytes of a bundle, a request or an answer beyond which it is refused unread.
MAX_FILE = 1 << 16
#: Bytes of a token.
TOKEN_BYTES = 32

_PUBLIC = frozenset({"authority", "broker", "door", "expires", "grant_key", "site", "terminal", "typ"})
_MEMBERS = _PUBLIC | {"check", "token"}
_HEX = re.compile(r"[0-9a-f]{64}")
_PEM = re.compile(r"(?:-----BEGIN CERTIFICATE-----\n(?:[A-Za-z0-9+/=]{1,76}\n)+-----END CERTIFICATE-----\n)+")
_HOST = re.compile(r"[A-Za-z0-9_:][A-Za-z0-9_.:%-]{0,252}")
_TIME = re.compile(r"[0-9T:.Z-]{20,27}")
_DOMAIN = b"portseal enrolment token 1\n"


@dataclass(frozen=True, slots=True)
class At:
    """A host name or address, and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        """Give host:port, an IPv6 address in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Bundle:
    """What enrols `terminal` of `site`; `authority` and `broker_authority` are PEM, `expires` is aware UTC."""

    site: str
    terminal: str
    authority: str
    broker: At
    broker_authority: str
    door: At
    grant_key: PublicKey
    expires: datetime
    token: bytes = field(repr=False)

    @property
    def digest(self) -> str:
        """SHA-256, in hex, of all but the token: the terminal tells it, so that a changed bundle shows."""
        return sha256(canonical.encode(_public(self))).hexdigest()

    @property
    def fingerprint(self) -> str:
        """What both sides show for a person to compare: 32 hex digits in groups of four."""
        return " ".join(re.findall("....", self.digest[:32]))

    @property
    def key(self) -> SigningKey:
        """The key that is derived from the token."""
        return token_key(self.token)


def token_key(token: bytes) -> SigningKey:
    """Derive the key that proves the token; the token is random, so one hash is enough."""
    return SigningKey(sha256(_DOMAIN + token).digest())


def write_bundle(bundle: Bundle) -> bytes:
    """Give the bundle's bytes, for a file of mode 0600; raises InputError for what no terminal would read."""
    members = _public(bundle) | {"token": bundle.token.hex()}
    try:
        data = canonical.encode(members | {"check": _check(members, bundle.token)}) + b"\n"
    except (TypeError, ValueError) as error:
        raise InputError(t("the value cannot be told in a bundle ({cause})", cause=str(error))) from None
    read_bundle(data)
    return data


def read_bundle(data: bytes, where: str = "") -> Bundle:
    """Read a bundle; raises InputError, which repeats nothing of it, for whatever is not exactly one."""
    try:
        return _read(data)
    except (InputError, ConfigError):
        raise InputError(
            t("this is no bundle of Portseal, or it was damaged on the way"),
            where=where,
            next_step=t("copy it again, or make another one with 'portseal terminal enroll'"),
        ) from None


def _read(data: bytes) -> Bundle:
    if len(data) > MAX_FILE:
        raise InputError(t("the file is too large"))
    members = fields.exact(canonical.decode(data.rstrip(b"\r\n")), "", _MEMBERS)
    token = bytes.fromhex(fields.text(members, "token", _HEX))
    told = fields.text(members, "check", _HEX)
    if not hmac.compare_digest(told, _check({name: members[name] for name in members if name != "check"}, token)):
        raise InputError(t("the check sum is wrong"))
    if members["typ"] != BUNDLE_TYPE:
        raise InputError(t("the file is of another version"))
    broker = fields.exact(members["broker"], "broker", frozenset({"host", "port", "authority"}))
    door = fields.exact(members["door"], "door", frozenset({"host", "port"}))
    return Bundle(
        site=fields.name(members, "site"),
        terminal=fields.name(members, "terminal"),
        authority=fields.text(members, "authority", _PEM),
        broker=_at(broker),
        broker_authority=fields.text(broker, "authority", _PEM),
        door=_at(door),
        grant_key=PublicKey(bytes.fromhex(fields.text(members, "grant_key", _HEX))),
        expires=moment_of(fields.text(members, "expires", _TIME)),
        token=token,
    )


def _at(members: fields.Members) -> At:
    return At(fields.text(members, "host", _HOST), fields.whole(members, "port", 1, 65_535))


def _public(bundle: Bundle) -> fields.Members:
    return {
        "authority": bundle.authority,
        "broker": {
            "host": bundle.broker.host, "port": bundle.broker.port, "authority": bundle.broker_authority,
        },
        "door": {"host": bundle.door.host, "port": bundle.door.port},
        "expires": stamp(bundle.expires),
        "grant_key": bundle.grant_key.raw.hex(),
        "site": bundle.site,
        "terminal": bundle.terminal,
        "typ": BUNDLE_TYPE,
    }  # fmt: skip


def _check(members: fields.Members, token: bytes) -> str:
    return hmac.new(token, canonical.encode(members), sha256).hexdigest()
