"""Sets and permits for tests, signed by the key of the test site."""

from __future__ import annotations

import secrets
from functools import cache
from typing import Any

from policies.cards.number import CardNumber, CardRule
from policies.offline.tokens import OfflineSet, Permit, sign_permit, sign_set
from policies.offline.verifier import tag, verifier
from policies.usb import Scope
from tests.unit.made_grants import BOOT, KEY

TAGS = bytes(range(64, 96))
WANG, LI, NOBODY = "04A1B2C3", "04A1B2C4", "0BADC0DE"
COPY = Scope(("*",), ("08",), 1, "case", once=True)


@cache
def known(number: str, boot: str = BOOT) -> bytes:
    """Give the verifier of a card at T1; it takes its time, so each is made once."""
    return verifier(tag(CardNumber(number), TAGS), "hq", "T1", boot)


def made_set(iat: float, number: int = 1, permits: int = 1, **changes: Any) -> OfflineSet:
    claims: dict[str, Any] = {
        "iss": "hq", "aud": "T1", "iat": int(iat), "boot": BOOT, "set": number, "permits": permits, "key": TAGS,
        "rule": CardRule(), "answer": 60,
    }  # fmt: skip
    return OfflineSet(**(claims | changes))


def permit(iat: float, number: str = WANG, **changes: Any) -> Permit:
    claims: dict[str, Any] = {
        "iss": "hq", "aud": "T1", "sub": f"card-{number[-1]}", "jti": secrets.token_hex(8), "iat": int(iat),
        "valid": 3600, "boot": BOOT, "set": 1, "bearer": f"person-{number[-1]}", "second": False, "seconds": 600,
        "verifier": known(number), "scope": COPY,
    }  # fmt: skip
    return Permit(**(claims | changes))


def signed(made: OfflineSet | Permit) -> bytes:
    token = sign_set(made, KEY) if isinstance(made, OfflineSet) else sign_permit(made, KEY)
    return token.encode("ascii")
