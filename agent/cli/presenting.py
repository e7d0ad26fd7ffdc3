"""`portseal-agent present`: a card that a reader of this terminal has read, from the program that serves the reader."""

from __future__ import annotations

import sys

import click

from agent.cli.base import DONE, Spot
from policies.texts import Text, t

#: Characters of a line that holds a card number.
_LONGEST = 100
_NEEDS: dict[object, Text] = {
    "purpose": t("the card is accepted; the purpose is needed"),
    "second_person": t("the card is accepted; a second person is needed"),
}


def verbs(spot: Spot) -> list[click.Command]:
    """Make the verb."""

    def present() -> int:
        done = spot.ask({"do": "present", "card": _number(spot)})
        if "needs" in done:
            spot.say(_NEEDS.get(done["needs"], str(done["needs"])))
        elif "ended" in done:
            spot.say(t("{count} leases ended; what they opened is shut.", count=len(done["ended"])))
        else:
            spot.say(t("Open for {seconds} s without a connection; the controller is told later.",
                       seconds=done["seconds"]))  # fmt: skip
        return DONE

    about = t(
        "Hand over a card's number, as a line of standard input, while the controller cannot be asked: it opens what"
        " was signed before, if the site says so. It is for the program that serves a reader of this terminal."
    )
    return [spot.verb("present", t("Hand over a card that this terminal's own reader has read."), about, present)]


def _number(spot: Spot) -> str:
    """Read one line. Never an argument: it would stay in the shell's history, and others would see it meanwhile."""
    if sys.stdin is None or sys.stdin.closed:
        return ""
    if sys.stdin.isatty():
        return str(click.prompt(spot.words(t("Card number")), hide_input=True, err=True)).strip()
    try:
        return sys.stdin.readline(_LONGEST).strip()
    except (OSError, UnicodeDecodeError):
        return ""
