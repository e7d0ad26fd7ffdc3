"""The access-control system's list of cards over the broker: the parts of a file, and what became of the list.

A list is JSON as 'portseal card import' takes it. Its bytes come in parts on the topic `cards`, in order; each part is
one JSON object in canonical form (RFC 8785), at most 64 KiB, with exactly these members:

    data     base64 of this part's bytes (RFC 4648, section 4), 1 to 32,768 of them
    part     its number, from 1
    parts    how many parts the list has
    sha256   SHA-256, in hex, of all bytes of the list
    typ      "portseal-cards/1"
    version  rises with every new list; the same list may be sent again under its version

The answer on `cards/ack` is one such object, at most 4 KiB. It holds no number and no name. A list without an answer is
to be sent again: what the controller has of it is in memory only.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from policies.errors import InputError
from policies.messages import fields
from policies.texts import Text, t

#: The member `typ` of a part, and of an answer.
PART_TYPE, ACK_TYPE = "portseal-cards/1", "portseal-cards-ack/1"
#: Bytes of a whole list, of a list in one part, and of a part's message.
MAX_LIST, MAX_DATA, MAX_PART = 1 << 24, 1 << 15, 1 << 16
#: Parts of a list, problems in one answer, and characters of a problem's text.
MAX_PARTS, MAX_PROBLEMS, MAX_TEXT = 4096, 10, 200
#: Seconds after which a list whose next part does not come is forgotten.
PATIENCE_SECONDS = 60.0

_PART = frozenset({"data", "part", "parts", "sha256", "typ", "version"})
_ACK = frozenset({"code", "list", "sha256", "taken", "typ", "version"})
_ACK_OPTIONAL = frozenset({"problems"})
_PROBLEM = frozenset({"column", "row", "text"})
_BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_TYPES = {PART_TYPE: re.compile(re.escape(PART_TYPE)), ACK_TYPE: re.compile(re.escape(ACK_TYPE))}
#: Blanks of JSON, and the mark that some programs write first: what may stand before a list.
_BEFORE = b"\xef\xbb\xbf \t\r\n"

#: What may become of a list: the code, and the sentence. The first two have been taken.
CODES: Mapping[str, Text] = {
    "imported": t("the list is in force"),
    "same": t("the list in force says the same"),
    "older": t("a list of a higher version came before: an older one never takes its place"),
    "other": t("another list came under this version before"),
    "parts": t("a part is missing, or does not belong to the others"),
    "size": t("the list is too large"),
    "hash": t("the bytes are not those of which the hash was told"),
    "format": t("the list is not JSON"),
    "problems": t("the list has problems"),
    "shrinks": t("the list takes too many cards away"),
    "superseded": t("a newer list came before this one was read"),
    "failed": t("the controller could not do it now; send the list again"),
}
TAKEN = frozenset({"imported", "same"})
_CODE = re.compile("|".join(CODES))


class ListRefused(InputError):
    """A list that is not taken; `code` is a key of CODES."""

    def __init__(self, code: str, version: int, digest: str) -> None:
        super().__init__(CODES[code], next_step=t("see docs/cards.md"))
        self.code, self.version, self.digest = code, version, digest


@dataclass(frozen=True, slots=True)
class ListPart:
    """One part; `digest` is the SHA-256 of the whole list in hex. `data` holds card numbers, and is in no repr."""

    version: int
    digest: str
    part: int
    parts: int
    data: bytes = field(repr=False)

    @property
    def last(self) -> bool:
        """Whether the list is whole with it."""
        return self.part == self.parts

    def encode(self) -> bytes:
        """Give the message; raises InputError for what :func:`read_part` would not read."""
        made = fields.encoded({
            "data": base64.b64encode(self.data).decode("ascii"), "part": self.part, "parts": self.parts,
            "sha256": self.digest, "typ": PART_TYPE, "version": self.version,
        })  # fmt: skip
        read_part(made)
        return made


@dataclass(frozen=True, slots=True)
class PublishedList:
    """A whole list, as it was published, its hash compared."""

    version: int
    digest: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ListProblem:
    """What is wrong with a list, by row and column; the text never repeats what stood there."""

    row: int
    column: str
    text: str


@dataclass(frozen=True, slots=True)
class ListAck:
    """What became of the list `version` with the SHA-256 `digest`; `list` is the version of the list in force here.

    That number is Portseal's own (0: none yet). `problems` are the first ones.
    """

    version: int
    digest: str
    code: str
    list: int
    problems: tuple[ListProblem, ...] = ()

    @property
    def taken(self) -> bool:
        """Whether what is in force is what the list says."""
        return self.code in TAKEN

    def encode(self) -> bytes:
        """Give the message; raises InputError for what :func:`read_ack` would not read."""
        members: fields.Members = {
            "code": self.code, "list": self.list, "sha256": self.digest, "taken": self.taken, "typ": ACK_TYPE,
            "version": self.version,
        }  # fmt: skip
        if self.problems:
            members["problems"] = [
                {"column": each.column[:MAX_TEXT], "row": each.row, "text": each.text[:MAX_TEXT]}
                for each in self.problems[:MAX_PROBLEMS]
            ]
        made = fields.encoded(members)
        if len(made) > fields.MAX_MESSAGE and self.problems:
            return ListAck(self.version, self.digest, self.code, self.list, self.problems[:-1]).encode()
        read_ack(made)
        return made


def split(version: int, content: bytes) -> tuple[bytes, ...]:
    """Give the messages that publish a list; raises InputError for one that is empty or too large."""
    parts = max(1, -(-len(content) // MAX_DATA))
    digest = sha256(content).hexdigest()
    if len(content) > MAX_LIST:
        raise ListRefused("size", version, digest)
    return tuple(
        ListPart(version, digest, n + 1, parts, content[n * MAX_DATA : (n + 1) * MAX_DATA]).encode()
        for n in range(parts)
    )


def read_part(data: bytes) -> ListPart:
    """Read a part; raises InputError, and nothing else, for any other bytes."""
    members = fields.document(data, _PART, most=MAX_PART)
    fields.text(members, "typ", _TYPES[PART_TYPE])
    parts = fields.whole(members, "parts", 1, MAX_PARTS)
    return ListPart(
        version=fields.whole(members, "version", 1),
        digest=fields.text(members, "sha256", _SHA256),
        part=fields.whole(members, "part", 1, parts),
        parts=parts,
        data=_bytes(fields.text(members, "data", _BASE64)),
    )


def read_ack(data: bytes) -> ListAck:
    """Read an answer; raises InputError, and nothing else, for any other bytes."""
    members = fields.document(data, _ACK, _ACK_OPTIONAL)
    fields.text(members, "typ", _TYPES[ACK_TYPE])
    made = ListAck(
        version=fields.whole(members, "version", 1),
        digest=fields.text(members, "sha256", _SHA256),
        code=fields.text(members, "code", _CODE),
        list=fields.whole(members, "list"),
        problems=_problems(members["problems"]) if "problems" in members else (),
    )
    if fields.flag(members, "taken") is not made.taken:
        raise _cannot_be("taken")
    return made


class Collector:
    """Puts one list together out of its parts. What does not belong to it is refused, whatever came before.

    A first part begins anew: who sends a list again need not know how far it came. The same part twice, also of the
    list that was whole last, changes nothing: a broker may deliver it twice.
    """

    def __init__(self) -> None:
        self._first: ListPart | None = None
        self._content = bytearray()
        self._count = 0
        self._at = 0.0
        self._whole: tuple[int, str] | None = None

    def add(self, part: ListPart, now: float) -> PublishedList | None:
        """Take a part at `now` (seconds of a clock that only rises); gives the list when it is whole.

        Raises ListRefused; what there was of that list is forgotten then.
        """
        self.forget_old(now)
        if part.part == 1:
            self._first, self._count, self._whole = part, 0, None
            self._content.clear()
        elif self._first is None and self._whole == (part.version, part.digest):
            return None
        if not self._next(part):
            return None
        self._content += part.data
        self._count, self._at = part.part, now
        if len(self._content) > MAX_LIST:
            raise self._refused("size", part)
        return self._complete(part) if part.last else None

    def forget_old(self, now: float) -> None:
        """Drop a list whose next part has not come for too long."""
        if self._first is not None and now - self._at > PATIENCE_SECONDS and self._count:
            self._drop()

    def _next(self, part: ListPart) -> bool:
        """Tell whether it is the next part; raises ListRefused when it is none of this list's, or one is missing."""
        first = self._first
        if first is None or (first.version, first.digest, first.parts) != (part.version, part.digest, part.parts):
            raise self._refused("parts", part)
        if part.part <= self._count:
            return False
        if part.part != self._count + 1:
            raise self._refused("parts", part)
        return True

    def _complete(self, part: ListPart) -> PublishedList:
        content = bytes(self._content)
        if sha256(content).hexdigest() != part.digest:
            raise self._refused("hash", part)
        if content.lstrip(_BEFORE)[:1] not in (b"{", b"["):
            raise self._refused("format", part)
        self._drop()
        self._whole = (part.version, part.digest)
        return PublishedList(part.version, part.digest, content)

    def _refused(self, code: str, part: ListPart) -> ListRefused:
        self._drop()
        return ListRefused(code, part.version, part.digest)

    def _drop(self) -> None:
        self._first, self._count = None, 0
        self._content.clear()


def _bytes(text: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise _cannot_be("data") from None
    # Bits behind the end that are not zero: another spelling of the same bytes.
    if base64.b64encode(data).decode("ascii") != text or not 0 < len(data) <= MAX_DATA:
        raise _cannot_be("data")
    return data


def _problems(value: object) -> tuple[ListProblem, ...]:
    if not isinstance(value, list) or not 0 < len(value) <= MAX_PROBLEMS:
        raise _cannot_be("problems")
    found = [fields.exact(each, "problems", _PROBLEM) for each in value]
    return tuple(ListProblem(fields.whole(each, "row"), _short(each, "column"), _short(each, "text")) for each in found)


def _short(members: fields.Members, key: str) -> str:
    value = members[key]
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise _cannot_be(key)
    return value


def _cannot_be(key: str) -> InputError:
    return InputError(t("the member has a type or a value that cannot be"), where=key)
