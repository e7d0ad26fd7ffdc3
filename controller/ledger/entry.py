"""One entry: its fields, and the bytes that are hashed. The bytes are final; docs/ledger.md tells them to auditors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from controller.ledger.guard import check
from policies import canonical

#: The version of the entry format; it changes only with a new format, next to the old one.
ENTRY_VERSION = 1
#: Bytes of an entry's data beyond which it is refused: evidence is kept beside the ledger, its hash in the entry.
MAX_DATA = 65_536

_quote = canonical.quote
_KIND = re.compile(r"[a-z][a-z0-9_]{0,31}(\.[a-z0-9_]{1,32}){0,4}")


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry as it is kept: `raw` is its canonical JSON, `leaf` the hash of that in the Merkle tree."""

    seq: int
    at: datetime
    actor: str
    kind: str
    subject: str
    raw: bytes
    leaf: bytes

    @property
    def data(self) -> dict[str, Any]:
        """What the entry says, read from its bytes."""
        found: dict[str, Any] = canonical.load_plain(self.raw.decode("utf-8"))["data"]
        return found


@dataclass(frozen=True, slots=True)
class Draft:
    """An entry to be: checked and with its data in canonical form, waiting for its number and time."""

    kind: str
    subject: str
    actor: str
    data: str

    @classmethod
    def make(
        cls, kind: str, subject: str, data: Mapping[str, object], actor: str, written: Mapping[str, str] | None = None
    ) -> Draft:  # fmt: skip
        """Check and encode; raises SafetyRefusal for secrets or personal data, ValueError or TypeError for misuse.

        `written` are further members of the data, as canonical text of values that hold neither: by their type, as a
        decision's case knows pseudonyms only, or because they were checked, as a terminal's event is.
        """
        if not _KIND.fullmatch(kind):
            raise ValueError(f"'{kind}' is not a kind of entry")
        check(data)
        text = canonical.encode_object(data, written) if written else canonical.encode(data).decode("utf-8")
        if len(text) > MAX_DATA:
            raise ValueError(f"the data of a {kind} entry is too large; keep it beside the ledger and record its hash")
        for name in (subject, actor):
            name.encode("utf-8")  # a lone surrogate is refused here, not in the middle of a commit
        return cls(kind, subject, actor, text)

    def encode(self, seq: int, at: str) -> bytes:
        """Give the entry's final bytes: canonical JSON, whose keys sort as they stand here."""
        head, tail = frame(seq, at, actor=self.actor, kind=self.kind, subject=self.subject)
        return (head + self.data + tail).encode("utf-8")


def frame(seq: int, at: str, *, actor: str, kind: str, subject: str) -> tuple[str, str]:
    """Give what stands before and after the data in an entry's bytes."""
    return (
        f'{{"actor":{_quote(actor)},"at":"{at}","data":',
        f',"kind":"{kind}","seq":{seq},"subject":{_quote(subject)},"v":{ENTRY_VERSION}}}',
    )
