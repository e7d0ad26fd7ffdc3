"""Signed notes (C2SP signed-note) and log checkpoints (C2SP tlog-checkpoint), with the signer injected.

A note is a text that ends in a newline, an empty line, and signature lines `— NAME base64(key id || signature)`. A
checkpoint is a note whose text is origin, tree size and base64 root hash, one per line.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol

from policies.errors import InputError
from policies.merkle import HASH_SIZE
from policies.texts import Text, t

#: A note longer than this, or with more signatures, is refused before anything is parsed.
MAX_NOTE = 1_000_000
MAX_SIGNATURES = 100

_ED25519 = b"\x01"
_SIGNATURE = re.compile(r"— (?P<name>[^\s+]+) (?P<value>[A-Za-z0-9+/]+={0,2})")
_SIZE = re.compile(r"0|[1-9][0-9]{0,15}")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")


class Signer(Protocol):
    """Whoever can sign with an Ed25519 key; :class:`policies.keys.SigningKey` is one."""

    def sign(self, data: bytes) -> bytes:
        """Give the 64-byte signature of `data`."""
        ...

    @property
    def public(self) -> Verifier:
        """The public half."""
        ...


class Verifier(Protocol):
    """Whoever can check an Ed25519 signature; :class:`policies.keys.PublicKey` is one."""

    @property
    def raw(self) -> bytes:
        """The 32 bytes of the public key."""
        ...

    def verify(self, signature: bytes, data: bytes) -> bool:
        """Tell whether `signature` is this key's over `data`."""
        ...


@dataclass(frozen=True, slots=True)
class NamedKey:
    """A public key under the name that it signs with (a "vkey" in C2SP words)."""

    name: str
    key: Verifier

    @property
    def key_id(self) -> bytes:
        """The 4-byte key id: SHA-256(name || newline || 0x01 || key), shortened."""
        return key_id(self.name, self.key.raw)

    def __str__(self) -> str:
        """Give NAME+hex id+base64(0x01 || key), the form that other log tools take."""
        encoded = base64.b64encode(_ED25519 + self.key.raw).decode("ascii")
        return f"{self.name}+{self.key_id.hex()}+{encoded}"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree head: which log (`origin`), how many entries, and the root hash over them."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """Give the note text; raises InputError for an origin that would break the format."""
        if not self.origin or "\n" in self.origin or _CONTROL.search(self.origin):
            raise _bad(t("'{origin}' cannot be the name of a log", origin=self.origin))
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode('ascii')}\n"


def key_name(origin: str) -> str:
    """Turn a log's origin into a key name: spaces and plus signs, which the format forbids, become hyphens."""
    name = re.sub(r"[\s+]+", "-", origin.strip())
    if not name:
        raise _bad(t("'{origin}' cannot be the name of a log", origin=origin))
    return name


def key_id(name: str, raw: bytes) -> bytes:
    """Give the 4-byte id of an Ed25519 key under `name`."""
    return sha256(name.encode("utf-8") + b"\n" + _ED25519 + raw).digest()[:4]


def named_key(vkey: str) -> tuple[str, bytes]:
    """Read NAME+id+base64 into the name and the 32 key bytes; raises InputError when it is damaged."""
    parts = vkey.strip().split("+", 2)
    raw = _base64(parts[2]) if len(parts) == 3 else b""
    if len(raw) != 33 or raw[:1] != _ED25519 or key_id(parts[0], raw[1:]).hex() != parts[1]:
        raise _bad(t("this is not a verifier key (NAME+id+base64)"))
    return parts[0], raw[1:]


def sign_note(text: str, name: str, signer: Signer) -> str:
    """Sign `text` (which must end in a newline) as `name`; raises InputError for a text that is no note."""
    _check_text(text)
    if key_name(name) != name:
        raise _bad(t("'{name}' cannot be the name of a key", name=name))
    blob = key_id(name, signer.public.raw) + signer.sign(text.encode("utf-8"))
    return f"{text}\n— {name} {base64.b64encode(blob).decode('ascii')}\n"


def open_note(note: str, keys: Iterable[NamedKey]) -> tuple[str, tuple[str, ...]]:
    """Give a note's text and the names of the known keys that signed it.

    Signatures of unknown keys are skipped, as the format asks. Raises InputError when the note is damaged, when no
    known key signed it, or when the signature of a known key is wrong.
    """
    text, signatures = split_note(note)
    known = {(key.name, key.key_id): key.key for key in keys}
    signed_by: list[str] = []
    for name, blob in signatures:
        key = known.pop((name, blob[:4]), None)
        if key is None:
            continue
        if not key.verify(blob[4:], text.encode("utf-8")):
            raise _bad(t("the signature of {name} does not fit the note", name=name))
        signed_by.append(name)
    if not signed_by:
        raise _bad(t("no known key has signed the note"))
    return text, tuple(signed_by)


def split_note(note: str) -> tuple[str, list[tuple[str, bytes]]]:
    """Split a note into its text and its signatures (name, key id and signature), none of them checked."""
    if len(note) > MAX_NOTE:
        raise _bad(t("the note is too long"))
    cut = note.rfind("\n\n")
    if cut < 0 or not note.endswith("\n"):
        raise _bad(t("the note has no signatures"))
    text = note[: cut + 1]
    _check_text(text)
    lines = note[cut + 2 :].split("\n")[:-1]
    if not 0 < len(lines) <= MAX_SIGNATURES:
        raise _bad(t("the note has no signatures"))
    return text, [_signature(line) for line in lines]


def parse_checkpoint(text: str) -> Checkpoint:
    """Read the text of a checkpoint note; extension lines are allowed and ignored. Raises InputError."""
    lines = text.split("\n")
    if len(lines) < 4 or lines[-1] or not all(lines[:-1]):
        raise _bad(t("a checkpoint is three lines: origin, size, root hash"))
    origin, size, encoded = lines[:3]
    root = _base64(encoded)
    if not _SIZE.fullmatch(size) or len(root) != HASH_SIZE:
        raise _bad(t("the checkpoint's size or root hash is damaged"))
    return Checkpoint(origin, int(size), root)


def open_checkpoint(note: str, key: NamedKey) -> Checkpoint:
    """Check the signature of a checkpoint note by `key` and read it; raises InputError when either fails."""
    return parse_checkpoint(open_note(note, (key,))[0])


def _signature(line: str) -> tuple[str, bytes]:
    match = _SIGNATURE.fullmatch(line)
    blob = _base64(match["value"]) if match else b""
    if match is None or len(blob) < 5:
        raise _bad(t("a signature line of the note is damaged"))
    return match["name"], blob


def _check_text(text: str) -> None:
    if not text.endswith("\n") or _CONTROL.search(text):
        raise _bad(t("a note is text that ends in a newline, without control characters"))
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise _bad(t("a note is text that ends in a newline, without control characters")) from None


def _base64(value: str) -> bytes:
    """Decode strictly: what does not encode back to the same text (odd padding bits) is no base64 here."""
    try:
        raw = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return b""
    return raw if base64.b64encode(raw).decode("ascii") == value else b""


def _bad(what: Text) -> InputError:
    return InputError(what, next_step=t("fetch the note again from where it was published"))
