"""A terminal's evidence for clause 7.2a: census, bindings and what leases hold open, signed by its agent's key.

It is one JSON object in canonical form (RFC 8785, UTF-8), at most 1 MiB, with exactly these members. Carried as a file
or by a broker, the bytes are the same; they are what is hashed and stored, never a re-encoding of them:

    agent     "running"; or "not running": then nobody says what is bound or leased, and both lists are empty
    evidence  report (terminal, taken_at, boot, census), bindings, leased: what policies.terminal calls TerminalEvidence
    key       the public half of the agent's key, 64 hex digits
    sig       Ed25519 (RFC 8032) by that key, 128 hex digits, over the canonical form of all other members
    site      the site's name
    typ       "portseal-census/1": no other thing that the key signs can be passed off as a census

A right signature says that the holder of `key` took the census. Whether it is the terminal's key, the receiver knows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256

from policies import canonical
from policies.census_json import check_report, check_texts
from policies.codec import from_plain, to_plain
from policies.errors import ConfigError, InputError
from policies.keys import PublicKey, SigningKey
from policies.messages import fields
from policies.messages.topics import is_name
from policies.terminal import TerminalEvidence
from policies.texts import Text, t
from policies.usb import UsbBinding, UsbIdentity

#: The member `typ` of every such document.
EVIDENCE_TYPE = "portseal-census/1"
#: Bytes of a document beyond which it is refused unread.
MAX_EVIDENCE = 1 << 20

_MEMBERS = frozenset({"agent", "evidence", "key", "sig", "site", "typ"})
_RUNNING, _NOT_RUNNING = "running", "not running"
_AGENT = re.compile(f"{_RUNNING}|{_NOT_RUNNING}")
_KEY = re.compile(r"[0-9a-f]{64}")
_SIGNATURE = re.compile(r"[0-9a-f]{128}")
_ID = re.compile(r"[0-9a-f]{4}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_PORT_PATH = re.compile(r"[!-.0-~]{1,128}")


@dataclass(frozen=True, slots=True)
class SignedCensus:
    """One document; `raw` is its bytes, and every other field is read from them. `running`: the agent ran."""

    site: str
    evidence: TerminalEvidence
    running: bool
    key: PublicKey
    raw: bytes = field(repr=False)

    @property
    def terminal(self) -> str:
        """The terminal's name."""
        return self.evidence.report.terminal

    @property
    def taken_at(self) -> datetime:
        """When the census was taken, by the terminal's clock (aware UTC)."""
        return self.evidence.report.taken_at

    @property
    def digest(self) -> str:
        """SHA-256 of the document in hex: what the ledger keeps of it."""
        return sha256(self.raw).hexdigest()


def sign_evidence(key: SigningKey, site: str, evidence: TerminalEvidence, *, running: bool) -> SignedCensus:
    """Make the document; raises InputError when it would not be one that :func:`read_evidence` takes."""
    try:
        members: fields.Members = {
            "agent": _RUNNING if running else _NOT_RUNNING,
            "evidence": to_plain(evidence),
            "key": key.public.raw.hex(),
            "site": site,
            "typ": EVIDENCE_TYPE,
        }
        members["sig"] = key.sign(canonical.encode(members)).hex()
        raw = canonical.encode(members)
    except (TypeError, ValueError) as error:
        raise InputError(t("the value cannot be told in a census ({cause})", cause=str(error))) from None
    return read_evidence(raw)


def read_evidence(data: bytes, where: str = "") -> SignedCensus:
    """Read a document and check its signature by the key that it names.

    Raises InputError, and nothing else, for whatever is not exactly a document of the format above.
    """
    try:
        return _read(data)
    except InputError as error:
        place = ": ".join(each for each in (where, error.where) if each)
        step = t("take the census anew with 'portseal-agent census --report', and carry the file unchanged")
        raise InputError(error.what, where=place, next_step=step) from None


def _read(data: bytes) -> SignedCensus:
    if len(data) > MAX_EVIDENCE:
        raise _refused(t("a census of more than {count} bytes", count=MAX_EVIDENCE))
    members = canonical.decode(data)
    if not isinstance(members, dict) or members.get("typ") != EVIDENCE_TYPE:
        raise _refused(t("this is no signed census of a terminal"))
    members = fields.exact(members, "", _MEMBERS)
    key = _key(fields.text(members, "key", _KEY))
    signature = bytes.fromhex(fields.text(members, "sig", _SIGNATURE))
    if not key.verify(signature, canonical.encode({name: members[name] for name in _MEMBERS - {"sig"}})):
        raise _refused(t("the signature is not that of the key in it: edited, or damaged on the way"), "sig")
    evidence = from_plain(TerminalEvidence, members["evidence"], "evidence")
    # A member left out where it has a default, or null where none is: another spelling of the same census.
    if to_plain(evidence) != members["evidence"]:
        raise _refused(t("a member of the object is missing, or is one too many"), "evidence")
    running = fields.text(members, "agent", _AGENT) == _RUNNING
    if not running and (evidence.bindings or evidence.leased):
        raise _refused(t("the agent did not run, and bindings or leases are told all the same"), "evidence")
    _check(evidence)
    return SignedCensus(fields.name(members, "site"), evidence, running, key, bytes(data))


def _check(evidence: TerminalEvidence) -> None:
    """Refuse what no agent would say; the census itself is checked as one that comes alone."""
    report, bindings = evidence.report, evidence.bindings
    check_texts(to_plain([bindings, evidence.leased]), "evidence")
    check_report(report, "evidence.report")
    if not is_name(report.terminal):
        raise _cannot_be("evidence.report.terminal")
    if not fields.BOOT.fullmatch(report.boot):
        raise _cannot_be("evidence.report.boot")
    for binding in bindings:
        if not binding.name.strip() or not binding.ports or not _is_identity(binding.identity):
            raise _cannot_be("evidence.bindings")
    paths = [path for binding in bindings for path in binding.ports]
    if _twice(paths) or _twice(_names(bindings)):
        raise _refused(t("a name or a port is there twice"), "evidence.bindings")
    for each in evidence.leased:
        if each.devnum < 0 or not _is_identity(each.identity):
            raise _cannot_be("evidence.leased")
    if not all(_PORT_PATH.fullmatch(path) for path in (*paths, *(each.port for each in evidence.leased))):
        raise _cannot_be("evidence")


def _is_identity(identity: UsbIdentity) -> bool:
    numbers = _ID.fullmatch(identity.vendor_id) and _ID.fullmatch(identity.product_id)
    return bool(numbers and _DIGEST.fullmatch(identity.descriptors))


def _names(bindings: Iterable[UsbBinding]) -> list[str]:
    return [binding.name for binding in bindings]


def _twice(texts: list[str]) -> bool:
    return len(set(texts)) != len(texts)


def _key(text: str) -> PublicKey:
    try:
        return PublicKey(bytes.fromhex(text))
    except ConfigError as error:
        raise _refused(error.what, "key") from None


def _cannot_be(where: str) -> InputError:
    return _refused(t("the member has a type or a value that cannot be"), where)


def _refused(what: Text, where: str = "") -> InputError:
    return InputError(what, where=where)
