"""What a terminal asks to be enrolled, or to get a new certificate, and what the controller answers.

A request is one JSON object in canonical form (RFC 8785), at most 4 KiB; the bytes are the same in a file and over
HTTPS. `typ` "portseal-enrol-request/1":

    bundle    SHA-256 in hex of what the terminal's bundle says, but for the token
    csr       certificate request (PKCS #10, RFC 2986) in DER, base64
    key       the public half of the key that signs the terminal's events, 64 hex digits
    proof     Ed25519 by that key, 128 hex digits, over the canonical form of all others but `proof` and `sig`
    sig       Ed25519 by the key that is derived from the bundle's token, over the canonical form of all but `sig`
    site, terminal, typ

`typ` "portseal-renew-request/1" has csr, site, terminal, typ and `sig` by the terminal's event key: it comes over TLS
with the certificate that is to be replaced.

The answer is a JWT of type `portseal-enrol-answer+jwt` by the site's grant key. It names the request by its SHA-256, so
that it counts for this one only.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from hashlib import sha256

from policies import canonical, jwt
from policies.errors import ConfigError, InputError
from policies.keys import PublicKey, SigningKey
from policies.messages import fields
from policies.messages.bundle import Bundle
from policies.notes import Signer, Verifier
from policies.texts import Text, t

#: The member `typ` of requests, and the type of the answer's token (explicit typing, RFC 8725, section 3.11).
ENROL_TYPE, RENEW_TYPE = "portseal-enrol-request/1", "portseal-renew-request/1"
ANSWER_TYPE = "portseal-enrol-answer+jwt"

_ENROL = frozenset({"bundle", "csr", "key", "proof", "sig", "site", "terminal", "typ"})
_RENEW = frozenset({"csr", "sig", "site", "terminal", "typ"})
_ANSWER = frozenset({"iss", "aud", "request", "certificate"})
_HEX = re.compile(r"[0-9a-f]{64}")
_SIGNATURE = re.compile(r"[0-9a-f]{128}")
_BASE64 = re.compile(r"[A-Za-z0-9+/]{4,2800}={0,2}")


@dataclass(frozen=True, slots=True)
class Request:
    """A request; `csr` is DER. `key` is the terminal's event key, `bundle` the digest: both None or "" to renew."""

    site: str
    terminal: str
    csr: bytes = field(repr=False)
    raw: bytes = field(repr=False)
    key: PublicKey | None = None
    bundle: str = ""

    @property
    def digest(self) -> str:
        """SHA-256 of the bytes in hex: what the answer names."""
        return sha256(self.raw).hexdigest()

    def signed_by(self, key: Verifier) -> bool:
        """Tell whether `key` signed it: that of the token, or the event key to renew."""
        members = canonical.decode(self.raw)
        signature = bytes.fromhex(members.pop("sig"))
        return key.verify(signature, canonical.encode(members))


@dataclass(frozen=True, slots=True)
class Answer:
    """The certificate (DER) of terminal `aud` of site `iss`, for the request whose digest is `request`."""

    iss: str
    aud: str
    request: str
    certificate: bytes = field(repr=False)


def make_request(bundle: Bundle, csr: bytes, agent: SigningKey) -> Request:
    """Ask to be enrolled, with the bundle's token as proof; `agent` signs the terminal's events."""
    members: fields.Members = {
        "bundle": bundle.digest,
        "csr": base64.b64encode(csr).decode("ascii"),
        "key": agent.public.raw.hex(),
        "site": bundle.site,
        "terminal": bundle.terminal,
        "typ": ENROL_TYPE,
    }
    members["proof"] = agent.sign(canonical.encode(members)).hex()
    members["sig"] = bundle.key.sign(canonical.encode(members)).hex()
    return read_request(canonical.encode(members))


def make_renewal(site: str, terminal: str, csr: bytes, agent: SigningKey) -> Request:
    """Ask for a new certificate in place of the present one."""
    members: fields.Members = {
        "csr": base64.b64encode(csr).decode("ascii"), "site": site, "terminal": terminal, "typ": RENEW_TYPE,
    }  # fmt: skip
    members["sig"] = agent.sign(canonical.encode(members)).hex()
    return read_request(canonical.encode(members))


def read_request(data: bytes, where: str = "") -> Request:
    """Read a request of either kind; who signed it is still to be asked (:meth:`Request.signed_by`).

    Raises InputError, and nothing else, for whatever is not exactly one.
    """
    try:
        return _read(data.rstrip(b"\r\n"))
    except (InputError, ConfigError):
        raise _damaged(where, t("this is no request of a terminal, or it was damaged on the way")) from None


def _read(data: bytes) -> Request:
    if len(data) > fields.MAX_MESSAGE:
        raise InputError(t("the file is too large"))
    members = canonical.decode(data)
    if not isinstance(members, dict):
        raise InputError(t("an object is needed here"))
    renewing = members.get("typ") == RENEW_TYPE
    fields.exact(members, "", _RENEW if renewing else _ENROL)
    fields.text(members, "sig", _SIGNATURE)
    names = fields.name(members, "site"), fields.name(members, "terminal")
    csr = _bytes(members, "csr")
    if renewing:
        return Request(*names, csr, data)
    if members["typ"] != ENROL_TYPE:
        raise InputError(t("the file is of another version"))
    key = PublicKey(bytes.fromhex(fields.text(members, "key", _HEX)))
    proof = bytes.fromhex(fields.text(members, "proof", _SIGNATURE))
    proved = {name: value for name, value in members.items() if name not in ("proof", "sig")}
    if not key.verify(proof, canonical.encode(proved)):
        raise InputError(t("the terminal does not hold the key that it names"))
    return Request(*names, csr, data, key, fields.text(members, "bundle", _HEX))


def sign_answer(answer: Answer, key: Signer) -> str:
    """Give the answer as a signed token; raises InputError for what no terminal would read."""
    payload = fields.encoded({
        "iss": answer.iss, "aud": answer.aud, "request": answer.request,
        "certificate": base64.b64encode(answer.certificate).decode("ascii"),
    })  # fmt: skip
    _answer(payload)
    return jwt.seal(payload, ANSWER_TYPE, key)


def read_answer(token: bytes, key: Verifier, where: str = "") -> Answer:
    """Read an answer that `key`, the site's grant key, signed; raises InputError, and nothing else, for other bytes."""
    try:
        return _answer(jwt.unseal(token.rstrip(b"\r\n"), ANSWER_TYPE, key))
    except InputError:
        raise _damaged(where, t("this is no answer of this terminal's controller, or it was damaged")) from None


def _answer(payload: bytes) -> Answer:
    members = fields.document(payload, _ANSWER)
    request = fields.text(members, "request", _HEX)
    return Answer(fields.name(members, "iss"), fields.name(members, "aud"), request, _bytes(members, "certificate"))


def _bytes(members: fields.Members, name: str) -> bytes:
    try:
        raw = base64.b64decode(fields.text(members, name, _BASE64), validate=True)
    except binascii.Error:
        raw = b""
    if not raw or base64.b64encode(raw).decode("ascii") != members[name]:
        raise InputError(t("the member has a type or a value that cannot be"), where=name)
    return raw


def _damaged(where: str, what: Text) -> InputError:
    return InputError(what, where=where, next_step=t("carry the file unchanged, or begin again with a new bundle"))
