"""The ids of people who stand for an act: staff numbers or accounts, for the ledger cannot be erased."""

from __future__ import annotations

import re
from collections.abc import Sequence

from policies.errors import InputError
from policies.names.shown import cleaned, shown
from policies.texts import t

_PERSON = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._@-]{0,62}[A-Za-z0-9])?")


def person(given: str) -> str:
    """Give one id in lower case; raises InputError for what may be a name."""
    text = cleaned(given).lower()
    if not _PERSON.fullmatch(text):
        raise InputError(
            t("{text} is not the id of a person", text=shown(given)),
            where="--person",
            next_step=t("write a staff number or an account, not a name: the ledger cannot be erased"),
        )
    return text


def two_people(given: Sequence[str]) -> tuple[str, str]:
    """Give two different ids; raises InputError for one, three, or one person twice."""
    ids = [person(each) for each in given]
    if len(ids) != 2 or ids[0] == ids[1]:
        raise InputError(
            t("an opening without a swipe takes two different people"),
            where="--person",
            next_step=t("give --person twice"),
        )
    return ids[0], ids[1]
