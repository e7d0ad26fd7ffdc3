"""What the controller has of a terminal's events: up to which one they are in its ledger.

An ack lets the terminal forget, so it is signed: a JWT of type `portseal-ack+jwt` by the site's grant key. A broker
that is in other hands can hold acks back, but cannot make events vanish.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from policies import jwt
from policies.messages import fields
from policies.notes import Signer, Verifier

#: The type of the token (explicit typing, RFC 8725, section 3.11).
ACK_TYPE = "portseal-ack+jwt"

_MEMBERS = frozenset({"iss", "aud", "seq", "digest"})
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Ack:
    """All events of terminal `aud` up to number `seq` are in the ledger of site `iss`.

    `digest` is the SHA-256, in hex, of the bytes of event `seq`.
    """

    iss: str
    aud: str
    seq: int
    digest: str


def sign(ack: Ack, key: Signer) -> str:
    """Give the ack as a signed token; raises InputError for what no terminal would read."""
    payload = fields.encoded({"iss": ack.iss, "aud": ack.aud, "seq": ack.seq, "digest": ack.digest})
    _claims(payload)
    return jwt.seal(payload, ACK_TYPE, key)


def read(token: bytes, key: Verifier) -> Ack:
    """Read an ack that `key` signed; raises InputError, and nothing else, for any other bytes."""
    return _claims(jwt.unseal(token, ACK_TYPE, key))


def _claims(payload: bytes) -> Ack:
    members = fields.document(payload, _MEMBERS)
    return Ack(
        fields.name(members, "iss"),
        fields.name(members, "aud"),
        fields.whole(members, "seq", 1),
        fields.text(members, "digest", _DIGEST),
    )
