"""swap: a replacement in a dead device's place, by an administrator, or at night by a one-time code or a card."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import TYPE_CHECKING

import click

from controller.cli.base import Settings, Speaking, h, settings
from policies.errors import UsageError
from policies.texts import t

if TYPE_CHECKING:
    from controller.context import Context
    from policies.model import Device

_MAX_CODE = 64


@click.command(
    cls=Speaking,
    help=h(
        "Put a replacement in a device's place: same name, port, VLAN and IP, another MAC. With --mac in the inventory,"
        " for 'portseal plan'. With --allow for somebody else: it prints a one-time code, or names the --card that may."
        " With --code by that code, or --swiped by that card's swipe, on the switch at once: what it sees at the"
        " device's port, when it is of the same make."
    ),
)
@click.argument("device")
@click.option("--mac", metavar="MAC", help=h("MAC of the replacement, in any spelling."))
@click.option("--serial", metavar="TEXT", help=h("Serial number of the replacement."))
@click.option("--reason", metavar="TEXT", help=h("Why it is replaced; kept in the ledger."))
@click.option("--allow", is_flag=True, help=h("Allow one swap by a code, or by a card's swipe."))
@click.option("--card", metavar="CARD", help=h("With --allow: the pseudonym of the card that may, or its beginning."))
@click.option(
    "--minutes",
    type=click.IntRange(1, 120),
    default=120,
    show_default=True,
    help=h("For how long it is allowed."),
)
@click.option("--code", is_flag=True, help=h("Swap by a code: at a hidden prompt, or one line of standard input."))
@click.option("--swiped", is_flag=True, help=h("Swap by the card that is allowed to: swipe it at a reader first."))
@click.option("--yes", is_flag=True, help=h("Do not ask."))
@click.pass_context
def swap(context: click.Context, /, device: str, mac: str | None, serial: str | None, **given: object) -> int:
    """See the help text."""
    from controller.cli.session import site_context
    from controller.cli.subjects import device_of

    chosen = settings(context)
    here = bool(given["code"]) or bool(given["swiped"])
    ways = [mac is not None, bool(given["allow"]), bool(given["code"]), bool(given["swiped"])]
    if sum(ways) != 1:
        raise UsageError(
            t("give one of --mac, --allow, --code and --swiped"), next_step=t("see 'portseal swap --help'")
        )
    if given["card"] is not None and not given["allow"]:
        raise UsageError(t("--card goes with --allow"), next_step=t("see 'portseal swap --help'"))
    with site_context(chosen, recovering=here) as site:
        old = device_of(site.store, device)
        if here:
            _on_the_switch(chosen, site, old, by_code=bool(given["code"]), yes=bool(given["yes"]))
        elif mac is not None:
            _in_inventory(chosen, site, old, (mac, serial or ""), _reason(given["reason"]))
        else:
            length, card = timedelta(minutes=int(str(given["minutes"]))), given["card"]
            _allow(chosen, site, old, _reason(given["reason"]), length, None if card is None else str(card))
    return 0


def _reason(text: object) -> str:
    from controller.cli.subjects import reason_given

    return reason_given("" if text is None else str(text))


def _in_inventory(chosen: Settings, site: Context, old: Device, new: tuple[str, str], reason: str) -> None:
    from dataclasses import replace

    from controller.cli.subjects import device_json
    from controller.network.swapping import in_inventory
    from controller.store.inventory import binding_of
    from policies.names import parse_mac

    device = replace(old, mac=parse_mac(new[0]), serial=new[1])
    in_inventory(site, old, device, reason)
    if chosen.json:
        chosen.give({**device_json(device, binding_of(site.store, device.name)), "before": old.mac})
    chosen.say(
        t(
            "{device}: {before} is replaced by {after}. Next: portseal plan",
            device=device.name,
            before=old.mac,
            after=device.mac,
        )
    )


def _allow(
    chosen: Settings, site: Context, device: Device, reason: str, length: timedelta, card: str | None
) -> None:  # fmt: skip
    from controller.cli.card_given import card_given
    from controller.network.swapping import allow
    from policies.codec import stamp

    holder = "" if card is None else card_given(chosen, site, card, number=False)
    code, until = allow(site, device, reason, length, holder)
    if chosen.json:
        told = {"card": holder} if holder else {"code": code}
        chosen.give({"device": device.name, **told, "until": stamp(until)})
    shown = until.astimezone().strftime("%H:%M")
    if holder:
        chosen.say(
            t("One swap of {device} is allowed until {until}, to the holder of card {card}",
              device=device.name, until=shown, card=holder)
        )  # fmt: skip
        chosen.say(
            t("Plug the replacement in at the same port, swipe the card, then: portseal swap {device} --swiped",
              device=device.name)
        )  # fmt: skip
        return
    chosen.say(
        t(
            "One swap of {device} is allowed until {until}, by this code: {code}",
            device=device.name,
            until=shown,
            code=code,
        )
    )
    chosen.say(t("Plug the replacement in at the same port, then: portseal swap {device} --code", device=device.name))


def _on_the_switch(chosen: Settings, site: Context, device: Device, *, by_code: bool, yes: bool) -> None:
    from controller.cli.progress import progress
    from controller.cli.session import worked
    from controller.cli.subjects import agree, device_json
    from controller.network.swapping import carry_out, find

    found = find(site, device, _code(chosen) if by_code else None, worked(chosen, t("read")))
    place = f"{found.binding.switch}/{found.binding.port}"
    question = t(
        "Put {after} in the place of {device} ({before}) at {place} now?",
        after=found.new.mac, device=device.name, before=device.mac, place=place,
    )  # fmt: skip
    agree(chosen, question, yes=yes)
    with progress(chosen) as listener:
        carry_out(site, found, listener)
    if chosen.json:
        chosen.give({**device_json(found.new, found.binding), "before": device.mac})
    done = t(
        "{device}: {before} is replaced by {after}, bound to {place} and read back",
        device=device.name,
        before=device.mac,
        after=found.new.mac,
        place=place,
    )
    chosen.say(done)


def _code(chosen: Settings) -> str:
    """Ask for the code; it never stands on a command line."""
    if sys.stdin.isatty():
        return str(click.prompt(chosen.text(t("Code (not shown)")), hide_input=True, err=True))
    return sys.stdin.readline(_MAX_CODE).strip()
