"""find and explain: one box for whatever somebody has in hand, and the reasons behind a port or device."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from controller.cli.base import NOT_COMPLIANT, Settings, Speaking, h, settings
from policies.errors import UsageError
from policies.texts import t

if TYPE_CHECKING:
    from controller.cli.search import Hits
    from controller.context import Context


@click.command(
    cls=Speaking,
    help=h(
        "Find a MAC in any spelling (or four digits of one), an IP address, a name, place, serial number, switch or"
        " port, or a card by its pseudonym: in the inventory, the list of cards and the latest readings."
    ),
)
@click.argument("query", nargs=-1, required=True)
@click.pass_context
def find(context: click.Context, query: tuple[str, ...]) -> int:
    """See the help text."""
    from controller.cli.search import search
    from controller.cli.session import site_context

    chosen = settings(context)
    text = " ".join(query).strip()
    if not text:
        raise UsageError(t("the query is empty"), next_step=t("give a MAC, IP, name, place, serial, switch or port"))
    with site_context(chosen, recovering=False) as site:
        hits = search(site, text)
        if chosen.json:
            chosen.give(_json(text, hits))
        else:
            _show(chosen, site, hits)
    if not hits.any and not chosen.json:
        chosen.say(t("Nothing matched."))
    return 0 if hits.any else NOT_COMPLIANT


@click.command(
    cls=Speaking,
    help=h(
        "Say in plain words what a device, MAC, SWITCH/PORT or SWITCH must be and why, what was read, what differs,"
        " and what a plan would do or refuse; of a lease (its id) or a decision (#NUMBER of its entry), why the swipe"
        " opened or not, decided again, and all that came of it."
    ),
)
@click.argument("subject")
@click.pass_context
def explain(context: click.Context, subject: str) -> int:
    """See the help text."""
    from controller.cli.explaining import explanation
    from controller.cli.session import site_context
    from controller.cli.trails import show_trail, trail_or_none

    chosen = settings(context)
    with site_context(chosen, recovering=False) as site:
        if (trail := trail_or_none(site.store, subject)) is not None:
            return show_trail(chosen, trail)
        told = explanation(site, subject)
        if chosen.json:
            chosen.give(told.json(chosen))
            return 0
        for sentence in told.sentences:
            chosen.say(sentence)
        for port in told.ports:
            for sentence in port.sentences(site):
                chosen.say(sentence)
    return 0


def _show(chosen: Settings, site: Context, hits: Hits) -> None:
    from controller.cli.words import DEVICE_ROLES

    for name in hits.switches:
        chosen.say(t("switch {name}", name=name))
    for switch, port in hits.ports:
        chosen.say(t("port {switch}/{port}", switch=switch, port=port))
    for card in hits.cards:
        chosen.say(t("card {card}. Next: portseal card show {card}", card=card))
    if hits.devices:
        rows = [
            (
                hit.device.name,
                DEVICE_ROLES[hit.device.role],
                hit.device.mac,
                hit.device.ip or "-",
                hit.device.place,
                f"{hit.binding.switch}/{hit.binding.port}" if hit.binding is not None else "-",
            )
            for hit in hits.devices
        ]
        chosen.table((t("name"), t("role"), t("MAC"), t("IP"), t("place"), t("bound to")), rows)
    now = site.clock()
    for seen in hits.seen:
        chosen.say(seen.sentence(now))
    unseen = [hit.device.name for hit in hits.devices if not any(each.mac == hit.device.mac for each in hits.seen)]
    if unseen:
        chosen.say(t("not seen on any switch: {names}", names=", ".join(unseen)))


def _json(query: str, hits: Hits) -> dict[str, object]:
    from controller.cli.search import seen_json
    from controller.cli.subjects import device_json

    return {
        "query": query,
        "devices": [{**device_json(hit.device, hit.binding), "matched": list(hit.matched)} for hit in hits.devices],
        "seen": [{**seen_json(each), "device": hits.names.get(each.mac)} for each in hits.seen],
        "ports": [{"switch": switch, "port": port} for switch, port in hits.ports],
        "switches": list(hits.switches),
        "cards": list(hits.cards),
    }
