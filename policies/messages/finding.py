"""What somebody should look at, as the controller tells it on the broker: an entry of the ledger, in short.

It is one JSON object in canonical form (RFC 8785), at most 4 KiB. It is a hint for a screen or a pager: the entry in
the ledger is what counts, and nothing is decided by what comes on this topic.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from policies.errors import InputError
from policies.messages import fields
from policies.texts import t

#: The member `typ` of every finding.
FINDING_TYPE = "portseal-finding/1"
#: Characters of a subject and of a text, members of the data, and texts of a list.
MAX_SUBJECT, MAX_STRING, MAX_MEMBERS, MAX_LIST = 200, 512, 16, 16

_MEMBERS = frozenset({"data", "entry", "kind", "subject", "typ"})
_KIND = re.compile(r"[a-z][a-z0-9_]{0,31}(?:\.[a-z0-9_]{1,32}){1,4}")
_TYPE = re.compile(re.escape(FINDING_TYPE))
_KEY = re.compile(r"[a-z][a-z0-9_]{0,31}")


@dataclass(frozen=True, slots=True)
class FindingNote:
    """Entry number `entry` of this `kind` about `subject`; `data` is what it says."""

    entry: int
    kind: str
    subject: str
    data: Mapping[str, object] = field(default_factory=dict)

    def encode(self) -> bytes:
        """Give the message; raises InputError for what :func:`parse` would not read."""
        made = fields.encoded({
            "data": dict(self.data), "entry": self.entry, "kind": self.kind, "subject": self.subject,
            "typ": FINDING_TYPE,
        })  # fmt: skip
        parse(made)
        return made


def parse(data: bytes) -> FindingNote:
    """Read a finding; raises InputError, and nothing else, for any other bytes."""
    members = fields.document(data, _MEMBERS)
    fields.text(members, "typ", _TYPE)
    subject, more = members["subject"], members["data"]
    if not _is_text(subject, MAX_SUBJECT):
        raise _cannot_be("subject")
    if not isinstance(more, dict) or len(more) > MAX_MEMBERS or not all(map(_KEY.fullmatch, more)):
        raise _cannot_be("data")
    for key, value in more.items():
        if not (isinstance(value, int) or _is_text(value, MAX_STRING) or _is_list(value)):
            raise _cannot_be(f"data.{key}")
    return FindingNote(fields.whole(members, "entry", 1), fields.text(members, "kind", _KIND), subject, more)


def _is_text(value: object, most: int) -> bool:
    return isinstance(value, str) and len(value) <= most


def _is_list(value: object) -> bool:
    return isinstance(value, list) and len(value) <= MAX_LIST and all(_is_text(each, MAX_STRING) for each in value)


def _cannot_be(where: str) -> InputError:
    return InputError(t("the member has a type or a value that cannot be"), where=where)
