"""`portseal-agent rescue`: the challenge to read out, and the code that comes back."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import click

from agent.cli.base import DONE, Spot
from policies.errors import UsageError
from policies.texts import Text, t

#: Characters of a line from standard input; a code has 24.
_LONGEST = 200


def verbs(spot: Spot) -> list[click.Command]:
    """Make the verb."""

    def rescue(code: str | None, person: tuple[str, ...], as_json: bool) -> int:
        if code is None and not person:
            told = spot.ask({"do": "challenge"})
            sentences = _challenge(told)
        else:
            if len(person) != 2:
                raise UsageError(
                    t("a rescue names the two people who gave the code"),
                    next_step=t("add --person A --person B, as at the controller"),
                )
            given = _typed(spot) if code in (None, "-") else code
            told = spot.ask({"do": "rescue", "code": given, "people": list(person)})
            sentences = _opened(told, spot)
        if as_json:
            spot.give(told)
            return DONE
        for text in sentences:
            spot.say(text)
        return DONE

    about = t(
        "Open this terminal when nobody can swipe. Without arguments: show the challenge to read out. With CODE (- or"
        " nothing: a line of standard input): open, once, what two people have allowed. Clause 7.2b fails for it."
    )
    person = spot.option(
        "--person", about=t("Who gave the code, by the id used at the controller; twice."), metavar="ID", multiple=True
    )
    params = [click.Argument(["code"], required=False), person, spot.json_option()]
    return [spot.verb("rescue", t("Open without a card, by a code from two people."), about, rescue, params)]


def _typed(spot: Spot) -> str:
    if sys.stdin is None or sys.stdin.closed:
        raise UsageError(t("no rescue code was given"), next_step=t("type the code that was read out"))
    if sys.stdin.isatty():
        return str(click.prompt(spot.words(t("Code")), err=True))
    try:
        return sys.stdin.readline(_LONGEST).strip()
    except (OSError, UnicodeDecodeError):
        raise UsageError(t("no rescue code was given"), next_step=t("type the code that was read out")) from None


def _challenge(told: Mapping[str, Any]) -> list[Text]:
    sentences = [
        t("Challenge of {terminal}: {challenge}", terminal=told["terminal"], challenge=told["challenge"]),
        t("Read it to two people at the controller. What they allow ends after {minutes} minutes at the latest:",
          minutes=told["minutes"]),
        t("  portseal terminal rescue {terminal} --challenge {challenge} --person A --person B --use keyboard"
          " --minutes {minutes} --reason TEXT",
          terminal=told["terminal"], challenge=told["challenge"], minutes=told["minutes"]),
        t("Then type here: portseal-agent rescue CODE --person A --person B"),
    ]  # fmt: skip
    if told["wait"]:
        sentences.append(t("Wrong codes were typed: the next one counts in {seconds} seconds.", seconds=told["wait"]))
    return sentences


def _opened(told: Mapping[str, Any], spot: Spot) -> list[Text]:
    words: dict[str, Text] = {"keyboard": t("a keyboard or mouse"), "storage": t("a storage device")}
    named = ", ".join(spot.words(words[use]) if use in words else use for use in told["uses"])
    return [
        t("OPEN for {minutes} minutes: {uses}, one each.", minutes=told["minutes"], uses=named),
        t("No card was swiped: clause 7.2b fails for this opening, and the ledger will say so."),
    ]
