"""Signed tokens: JWS compact serialisation (RFC 7515) with Ed25519 (EdDSA, RFC 8037), and nothing else of that family.

The header is not data here. `alg` and `typ` are pinned (RFC 8725, sections 3.1 and 3.11), so a header has exactly one
spelling per type and is compared, not interpreted: no other algorithm, no `none`, no key that the sender brings along
(`jwk`, `kid`, `x5c`), no extension (`crit`). A token has exactly one spelling too: base64url without padding and with
zero bits at its end, so that the hash of a token, or a list of tokens seen, means something.
"""

from __future__ import annotations

import binascii
from collections.abc import Mapping
from functools import cache

from policies import canonical
from policies.errors import InputError
from policies.notes import Signer, Verifier
from policies.texts import Text, t

#: The one algorithm.
ALGORITHM = "EdDSA"
#: Bytes of the longest token that is looked at.
MAX_TOKEN = 4096
#: 64 bytes of signature in base64url.
_SIGNATURE_LENGTH = 86
# The base64 module's own functions for base64url take twice the time of these two tables.
_TO_URL, _FROM_URL = bytes.maketrans(b"+/", b"-_"), bytes.maketrans(b"-_", b"+/")

#: Why a token is refused before anything in it counts: the code for machines, and the sentence.
CODES: Mapping[str, Text] = {
    "size": t("the token is longer than 4096 bytes"),
    "malformed": t("this is no token: three parts in base64url without padding, joined by dots"),
    "algorithm": t("the token is signed by another algorithm than EdDSA"),
    "type": t("the token is of another type"),
    "header": t("the token's header has more than algorithm and type, or another spelling"),
    "signature": t("the token's signature is not of the key that this machine trusts"),
}


class TokenRefused(InputError):
    """A token that is not followed; `code` is a key of CODES, or of the module that reads the claims.

    `where` names the offending member, never its content.
    """

    def __init__(self, code: str, sentence: Text, where: str = "") -> None:
        super().__init__(
            sentence,
            where=where,
            next_step=t("swipe the card again; when it stays so, compare the grant key here with the controller's"),
        )
        self.code = code


def seal(payload: bytes, kind: str, key: Signer) -> str:
    """Sign `payload` as a token of type `kind`; raises TokenRefused when it would be longer than a reader takes."""
    signed = _header(kind) + b"." + _encode(payload)
    token = signed + b"." + _encode(key.sign(signed))
    if len(token) > MAX_TOKEN:
        raise _refused("size")
    return token.decode("ascii")


def unseal(token: bytes, kind: str, key: Verifier) -> bytes:
    """Give the payload of a token of type `kind` that `key` signed; its signature is checked before it is decoded.

    Raises TokenRefused, and nothing else, for any other bytes.
    """
    if len(token) > MAX_TOKEN:
        raise _refused("size")
    parts = token.split(b".")
    if len(parts) != 3:
        raise _refused("malformed")
    header, payload, signature = parts
    if header != _header(kind):
        raise _refused(_why_not(header, kind))
    if len(signature) != _SIGNATURE_LENGTH:
        raise _refused("malformed")
    # The signature is the only part that is decoded before it has been checked.
    if not key.verify(_decode(signature), token[: len(header) + 1 + len(payload)]):
        raise _refused("signature")
    return _decode(payload)


def says(token: bytes, kind: str) -> bool:
    """Tell whether a token says that it is of type `kind`, in the one spelling; it proves nothing before `unseal`."""
    return token.partition(b".")[0] == _header(kind)


@cache
def _header(kind: str) -> bytes:
    return _encode(canonical.encode({"alg": ALGORITHM, "typ": kind}))


def _why_not(header: bytes, kind: str) -> str:
    """Name what is wrong with a header that is not ours, for the event; nothing is done with what it says."""
    try:
        read = canonical.load_plain(_decode(header).decode("utf-8"))
    except (ValueError, RecursionError, TokenRefused):
        return "malformed"
    if not isinstance(read, dict):
        return "malformed"
    if read.get("alg") != ALGORITHM:
        return "algorithm"
    return "type" if read.get("typ") != kind else "header"


def _encode(raw: bytes) -> bytes:
    return binascii.b2a_base64(raw, newline=False).rstrip(b"=").translate(_TO_URL)


def _decode(text: bytes) -> bytes:
    """Decode strictly: what does not encode back to the same bytes (blanks, padding, odd last bits) is refused."""
    try:
        raw = binascii.a2b_base64(text.translate(_FROM_URL) + b"=" * (-len(text) % 4))
    except binascii.Error:
        raise _refused("malformed") from None
    if _encode(raw) != text:
        raise _refused("malformed")
    return raw


def _refused(code: str) -> TokenRefused:
    return TokenRefused(code, CODES[code])
