"""The table [terminals.NAME.offline] in site.toml: openings by cards while the controller cannot be asked."""

from __future__ import annotations

from typing import Any

from policies import values
from policies.layout_reader import card_rule, rule_keys
from policies.offline.rule import MOST_CARDS, MOST_DAYS, MOST_LEASE_MINUTES, MOST_VALID_MINUTES, OfflineRule
from policies.texts import Text, t
from policies.toml import Key, Place, Section

_RULE = ("digits", "order", "length", "parity", "facility")


def offline() -> Section:
    """Give the table of [terminals.NAME.offline]; without it nothing opens there without a connection."""
    return Section(
        name="offline",
        about=t(
            "Openings by card while the terminal reaches nobody, by what the controller signed before. Without this"
            " table there are none; two people and a rescue code are always left."
        ),
        keys=(*_keys(), *rule_keys(t("the numbers at the terminal's own reader"))),
        build=build,
        optional=True,
    )


def _keys() -> tuple[Key, ...]:
    default = OfflineRule()
    return (
        _number(
            "valid_minutes", 1, MOST_VALID_MINUTES, default.valid_minutes,
            t("How long what was signed counts; while the terminal is connected it is signed anew in time."),
            t("So long a card that was revoked meanwhile still opens a terminal that is cut off."),
        ),
        _number(
            "lease_minutes", 1, MOST_LEASE_MINUTES, default.lease_minutes, t("No such opening is longer."), None
        ),
        _number(
            "cards", 1, MOST_CARDS, default.cards, t("How many cards are kept: those that opened it last."),
            t("Each kept card is one opening that nobody can forbid while the terminal is cut off."),
        ),
        _number(
            "days", 1, MOST_DAYS, default.days, t("How many days ago a kept card may have opened the terminal last."),
            None,
        ),
        Key(
            "second_person", values.flag,
            about=t("Open storage only for two kept cards of two people."),
            values=t("true or false"), sample="true", default=default.second_person,
            security=t("A card number is no proof: whoever copies one card opens alone where this is false."),
        ),
    )  # fmt: skip


def _number(name: str, low: int, high: int, default: int, about: Text, security: Text | None) -> Key:
    wanted = t("a whole number from {low} to {high}", low=low, high=high)
    if name.endswith("_minutes"):
        wanted = t("whole minutes from {low} to {high}", low=low, high=high)
    return Key(name, values.integer(low, high), about, wanted, str(default), default=default, security=security)


def build(found: dict[str, Any], place: Place) -> OfflineRule:
    """Build [terminals.NAME.offline]."""
    rule = card_rule({name: found.pop(name) for name in _RULE}, place)
    return OfflineRule(**found, rule=rule)
