"""The verbs for whoever works at the terminal: the full-screen view, notes on the desktop, and requests."""

from __future__ import annotations

import click

from agent.cli.base import DONE, Spot
from policies.errors import UsageError
from policies.grants import Purpose
from policies.texts import t


def verbs(spot: Spot) -> list[click.Command]:
    """Make the verbs."""

    def view() -> int:
        from agent.display.feed import Feed
        from agent.display.screen import show

        show(Feed(spot.seat, spot.language))
        return DONE

    def notify() -> int:
        from agent.display.desktop import watch

        watch(spot.seat, spot.language)
        return DONE

    return [
        spot.verb("view", t("Show the operator's view."),
                  t("Fill the screen with what the operator must know: please swipe, open and for how long, locked"
                    " again and why. One key is one action; q leaves."), view),
        spot.verb("notify", t("Tell of changes on the desktop."),
                  t("Show notes on the desktop of this session (D-Bus): opened, 30 s left, locked again, refused and"
                    " why. It is started with the session."), notify),
        _request(spot),
    ]  # fmt: skip


def _request(spot: Spot) -> click.Command:
    def request(purpose: str | None, extend: str | None, second_card: bool) -> int:
        if purpose is None and extend is None and not second_card:
            raise UsageError(t("nothing is asked for"), next_step=t("name a purpose, or say --extend or --second-card"))
        asks = {"do": "request", "purpose": purpose, "extend": extend, "second_card": second_card}
        spot.ask({name: value for name, value in asks.items() if value is not None}, operator=True)
        spot.say(t("The request is on its way; the controller decides."))
        return DONE

    params = [
        click.Argument(["purpose"], type=click.Choice([each.value for each in Purpose]), required=False),
        spot.option("--extend", about=t("The open lease that should last longer, as 'status --json' names it."),
                    metavar="LEASE"),
        spot.option("--second-card", "second_card", about=t("The next swipe is meant as the second person's."),
                    is_flag=True),
    ]  # fmt: skip
    about = t(
        "Tell the controller what the swipe is for (PURPOSE), or ask for more time. It opens nothing by itself, and it"
        " is sent now or not at all."
    )
    return spot.verb("request", t("Ask the controller for something."), about, request, params)
