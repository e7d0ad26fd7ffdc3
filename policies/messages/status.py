"""A terminal's status: retained on its topic, so that the controller knows what a grant must answer.

It is not signed. Who forges one gets a grant for a boot or a nonce that the terminal does not have, which it refuses.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from policies.messages import fields

_MEMBERS = frozenset({"boot", "boots", "nonce", "seq", "ctr", "state"})
_STATE = re.compile(r"shut|open|stopped|offline")


class State(StrEnum):
    """`offline` is the last will, which the broker publishes: its nonce is stale, and no grant is signed for it."""

    SHUT = "shut"
    OPEN = "open"
    STOPPED = "stopped"
    OFFLINE = "offline"


@dataclass(frozen=True, slots=True)
class Status:
    """`boot` is the kernel's boot id, `boots` the agent's boot counter; a grant must hold `boot` and `nonce`.

    `seq` is the sequence of the last event (0: none yet), `ctr` the highest counter of a grant accepted (0: none yet).
    """

    boot: str
    boots: int
    nonce: str
    seq: int
    ctr: int
    state: State

    def encode(self) -> bytes:
        """Give the message; raises InputError for what :func:`parse` would not read."""
        members = {"boot": self.boot, "boots": self.boots, "nonce": self.nonce, "seq": self.seq, "ctr": self.ctr,
                   "state": self.state}  # fmt: skip
        data = fields.encoded(members)
        parse(data)
        return data


def parse(data: bytes) -> Status:
    """Read a status; raises InputError, and nothing else, for any other bytes."""
    members = fields.document(data, _MEMBERS)
    return Status(
        boot=fields.text(members, "boot", fields.BOOT),
        boots=fields.whole(members, "boots", 1),
        nonce=fields.text(members, "nonce", fields.NONCE),
        seq=fields.whole(members, "seq"),
        ctr=fields.whole(members, "ctr"),
        state=State(fields.text(members, "state", _STATE)),
    )
