"""Portseal's own format: topic `portseal/1/<site>/reader/<id>/swipe`, canonical JSON (RFC 8785), at most 4 KiB.

    at       the reader's time, whole seconds since 1970
    card     the card number, as the reader's rule says (by default whole bytes in hex)
    granted  true or false when the reader has an access decision; else the member is not there
    jti      names the event: 16 to 64 letters of base64url, never used again
    reader   the reader's name: that of the topic, and of the site's configuration
    sig      Ed25519 (RFC 8032), 128 hex digits, over the canonical form of all other members; only with a key
    typ      "portseal-swipe/1": nothing else that the key signs can be passed off as a swipe

A reader with a key must sign. Without a key the broker's certificate is what stands behind the topic's name, and the
swipe says that no signature was verified.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime

from drivers.cards.form import Format
from drivers.cards.payload import bad_value, refused
from policies import canonical
from policies.cards import Fault, ReaderConfig, Swipe, UnreadableSwipe, normalise
from policies.errors import InputError
from policies.messages import fields, topics
from policies.notes import Signer
from policies.texts import t

#: The member `typ` of every swipe.
SWIPE_TYPE = "portseal-swipe/1"

_REQUIRED = frozenset({"at", "card", "jti", "reader", "typ"})
_OPTIONAL = frozenset({"granted", "sig"})
_CARD = re.compile(r"[0-9A-Za-z,:-]{1,64}")
_SIGNATURE = re.compile(r"[0-9a-f]{128}")
_TYPE = re.compile(re.escape(SWIPE_TYPE))


@dataclass(frozen=True, slots=True)
class NativeSwipe:
    """What a native reader tells."""

    reader: str
    card: str = field(repr=False)
    at: int
    jti: str
    granted: bool | None = None

    def encode(self, key: Signer | None = None) -> bytes:
        """Give the message, signed when there is a key; raises InputError for what :func:`parse` would not read."""
        members: fields.Members = {
            "at": self.at, "card": self.card, "jti": self.jti, "reader": self.reader, "typ": SWIPE_TYPE,
        }  # fmt: skip
        if self.granted is not None:
            members["granted"] = self.granted
        if key is not None:
            members["sig"] = key.sign(fields.encoded(members)).hex()
        data = fields.encoded(members)
        _read(data)
        return data


def parse(topic: str, payload: bytes, config: ReaderConfig) -> tuple[Swipe, ...]:
    """Read a swipe of a native reader; raises UnreadableSwipe."""
    try:
        place = topics.parse(topic)
        swipe, signature = _read(payload)
    except UnreadableSwipe:
        raise
    except InputError as error:
        raise UnreadableSwipe(Fault.MALFORMED, error.what, where=error.where, next_step=error.next_step) from None
    if place.kind is not topics.Kind.SWIPE or place.name != config.reader or swipe.reader != config.reader:
        raise bad_value("reader")
    if config.key is not None:
        _verify(payload, signature, config)
    return (
        Swipe(
            config.reader,
            normalise(swipe.card, config.rule),
            swipe.granted,
            datetime.fromtimestamp(swipe.at, UTC),
            swipe.jti,
            FORMAT.name,
            authenticated=config.key is not None,
        ),
    )


def _read(payload: bytes) -> tuple[NativeSwipe, str | None]:
    members = fields.document(payload, _REQUIRED, _OPTIONAL)
    fields.text(members, "typ", _TYPE)
    swipe = NativeSwipe(
        reader=fields.name(members, "reader"),
        card=fields.text(members, "card", _CARD),
        at=fields.second(members, "at"),
        jti=fields.text(members, "jti", fields.NONCE),
        granted=fields.flag(members, "granted") if "granted" in members else None,
    )
    return swipe, fields.text(members, "sig", _SIGNATURE) if "sig" in members else None


def _verify(payload: bytes, signature: str | None, config: ReaderConfig) -> None:
    if signature is None:
        raise refused(Fault.UNSIGNED, t("the swipe is not signed, and this reader has a key"))
    told = canonical.load_plain(payload.decode("utf-8"))
    del told["sig"]
    if config.key is None or not config.key.verify(bytes.fromhex(signature), canonical.encode(told)):
        raise refused(Fault.SIGNATURE, t("the signature of the swipe is not that of the reader's key"))


FORMAT = Format(
    name="native",
    title="Portseal",
    parse=parse,
    decides=True,
    dated=True,
    numbered=True,
    signs=True,
    source="this module",
    seen="own",
)
