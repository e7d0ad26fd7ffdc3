"""Which card a person means: the beginning of a pseudonym, or a number that is never on the command line."""

from __future__ import annotations

import sys

import click

from controller.cards.keep import card_by_number, unknown
from controller.cli.base import Settings
from controller.context import Context
from controller.store.cards import matching
from policies.errors import InputError, UsageError
from policies.texts import t

_LEAST = 4
#: More than this is no card number.
_MOST_BYTES = 256


def card_given(chosen: Settings, site: Context, text: str | None, *, number: bool) -> str:
    """Give the pseudonym that is meant; raises UsageError, InputError and NotFound, none of which repeats a number."""
    if (text is None) is not number:
        raise UsageError(
            t("name the card by its pseudonym, or ask for its number"),
            where="CARD",
            next_step=t("write the first letters of the pseudonym, or --number and nothing else"),
        )
    if text is None:
        return card_by_number(site, _number(chosen))
    beginning = text.strip()
    if len(beginning) < _LEAST:
        raise InputError(t("the beginning of a pseudonym has at least {count} letters", count=_LEAST), where="CARD")
    found = matching(site.store, beginning, 2)
    if beginning in found or len(found) == 1:
        return beginning if beginning in found else found[0]
    if found:
        raise InputError(t("several cards begin like this"), where="CARD", next_step=t("write more of the pseudonym"))
    raise unknown("")


def _number(chosen: Settings) -> str:
    if sys.stdin is None or sys.stdin.closed:
        raise UsageError(
            t("standard input is closed"),
            where="--number",
            next_step=t("type the number at a terminal, or pipe it in"),
        )
    if sys.stdin.isatty():
        prompt = chosen.text(t("Card number as in the list (not shown)"))
        return str(click.prompt(prompt, hide_input=True, err=True))
    content = sys.stdin.buffer.read(_MOST_BYTES + 1)
    lines = content.decode("utf-8", "replace").splitlines()
    if len(content) > _MOST_BYTES or len(lines) != 1:
        raise InputError(
            t("one line with a card number is needed"), where="--number", next_step=t("pipe the number alone in")
        )
    return lines[0].strip()
