"""What the operator asks for at the terminal, before or after the swipe: a purpose, more time, a second card.

It is not signed and grants nothing: the controller decides, by the swipe and its own rules.
"""

from __future__ import annotations

from dataclasses import dataclass

from policies.grants import PURPOSE, Purpose
from policies.messages import fields

#: Seconds after which the broker throws a request away that it could not deliver: what it asks for is asked now.
EXPIRY_SECONDS = 5

_MEMBERS = frozenset({"id", "purpose", "second_card"})
_OPTIONAL = frozenset({"extend"})


@dataclass(frozen=True, slots=True)
class Request:
    """`id` tells a request from its repetition (QoS 1 may deliver twice); `extend` is the jti of the lease to prolong.

    `second_card`: the next swipe is meant as a second person's, for what one card alone does not open.
    """

    id: str
    purpose: Purpose
    extend: str | None = None
    second_card: bool = False

    def encode(self) -> bytes:
        """Give the message; raises InputError for what :func:`parse` would not read."""
        members: fields.Members = {"id": self.id, "purpose": self.purpose, "second_card": self.second_card}
        if self.extend is not None:
            members["extend"] = self.extend
        data = fields.encoded(members)
        parse(data)
        return data


def parse(data: bytes) -> Request:
    """Read a request; raises InputError, and nothing else, for any other bytes."""
    members = fields.document(data, _MEMBERS, _OPTIONAL)
    return Request(
        id=fields.text(members, "id", fields.ID),
        purpose=Purpose(fields.text(members, "purpose", PURPOSE)),
        extend=fields.text(members, "extend", fields.ID) if "extend" in members else None,
        second_card=fields.flag(members, "second_card"),
    )
