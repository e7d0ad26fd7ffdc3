"""One-time codes for swaps, and the MACs that were replaced.

Of a code only a slow hash is kept (scrypt, RFC 7914): whoever reads the database finds no code in the two hours for
which it is good. A few wrong ones, and it is good no more.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from datetime import datetime

from controller.store.open import Row, Store
from policies.codec import moment_of, stamp

#: Wrong codes after which the right one is not taken any more.
MOST_TRIES = 5
#: Letters of a code: Crockford's base 32, without those that are read for another.
_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LENGTH = 8
_MISREAD = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})


@dataclass(frozen=True, slots=True)
class SwapPermit:
    """A swap of one device that an administrator has allowed; `mac` is the device's when it was.

    `card` is the pseudonym of the card that may do it, "" where a code may.
    """

    device: str
    mac: str
    actor: str
    reason: str
    made_at: datetime
    expires: datetime
    tries: int
    salt: bytes = field(repr=False)
    digest: bytes = field(repr=False)
    card: str = ""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is allowed: the swap of `device`, which has `mac`, by `actor` for `reason`, until `expires`.

    With `card`, the pseudonym of a card, its holder's swipe takes the place of a code.
    """

    device: str
    mac: str
    actor: str
    reason: str
    expires: datetime
    card: str = ""


def make_permit(store: Store, given: Allowance) -> str:
    """Keep a permit in the place of one before, and give its code, XXXX-XXXX: it is shown once, and kept nowhere.

    The code of one for a card is told to nobody.
    """
    code = "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))
    salt, now = secrets.token_bytes(16), store.clock()
    digest = _digest(code, salt)
    _keep(store, SwapPermit(given.device, given.mac, given.actor, given.reason, now, given.expires, 0, salt, digest,
                            given.card))  # fmt: skip
    return f"{code[:4]}-{code[4:]}"


def permit_of(store: Store, device: str, now: datetime) -> SwapPermit | None:
    """Give the permit for a device that is good now: not run out, and not tried too often."""
    row = store.row("SELECT * FROM swap_permit WHERE device = ? AND expires > ?", (device, stamp(now)))
    found = None if row is None else _permit(row)
    return None if found is None or found.tries >= MOST_TRIES else found


def fits(store: Store, permit: SwapPermit, code: str) -> bool:
    """Tell whether a code is the permit's; a wrong one counts, before this says so."""
    right = hmac.compare_digest(_digest(code.upper().translate(_MISREAD), permit.salt), permit.digest)
    if not right:
        store.execute("UPDATE swap_permit SET tries = tries + 1 WHERE device = ?", (permit.device,))
    return right


def use_permit(store: Store, device: str) -> None:
    """Let a permit be good no more, inside the transaction that uses it."""
    store.execute("DELETE FROM swap_permit WHERE device = ?", (device,))


def give_back(store: Store, permit: SwapPermit) -> None:
    """Let a permit be good again that was used for nothing: the switch was rolled back."""
    if store.row("SELECT 1 FROM swap_permit WHERE device = ?", (permit.device,)) is None:
        _keep(store, permit)


def retire(store: Store, mac: str, device: str) -> None:
    """Remember a MAC that was replaced: no code brings it back, until an administrator puts it in the inventory."""
    store.execute(
        "INSERT OR REPLACE INTO retired_mac (mac, device, at) VALUES (?, ?, ?)", (mac, device, stamp(store.clock()))
    )


def retired(store: Store) -> frozenset[str]:
    """Give the MACs that were replaced."""
    return frozenset(row["mac"] for row in store.rows("SELECT mac FROM retired_mac"))


def _keep(store: Store, permit: SwapPermit) -> None:
    store.execute(
        """INSERT OR REPLACE INTO swap_permit
        (device, mac, actor, reason, made_at, expires, tries, salt, digest, card)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        (
            permit.device, permit.mac, permit.actor, permit.reason, stamp(permit.made_at), stamp(permit.expires),
            permit.tries, permit.salt, permit.digest, permit.card,
        ),
    )  # fmt: skip


def _digest(code: str, salt: bytes) -> bytes:
    return hashlib.scrypt(code.encode("utf-8"), salt=salt, n=1 << 14, r=8, p=1)


def _permit(row: Row) -> SwapPermit:
    made, expires = moment_of(row["made_at"]), moment_of(row["expires"])
    return SwapPermit(
        row["device"], row["mac"], row["actor"], row["reason"], made, expires, row["tries"], row["salt"],
        row["digest"], row["card"],
    )  # fmt: skip
