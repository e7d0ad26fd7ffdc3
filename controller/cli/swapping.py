"""swap: a replacement in a dead device's place, by an administrator or by a one-time code at two in the morning."""

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
        " for 'portseal plan'. With --allow for somebody else: it prints a one-time code. With --code by that code, on"
        " the switch at once: what it sees at the device's port, when it is of the same make."
    ),
)
@click.argument("device")
@click.option("--mac", metavar="MAC", help=h("MAC of the replacement, in any spelling."))
@click.option("--serial", metavar="TEXT", help=h("Serial number of the replacement."))
@click.option("--reason", metavar="TEXT", help=h("Why it is replaced; kept in the ledger."))
@click.option("--allow", is_flag=True, help=h("Allow one swap by a code."))
@click.option(
    "--minutes",
    type=click.IntRange(1, 120),
    default=120,
    show_default=True,
    help=h("For how long the code is good."),
)
@click.option("--code", is_flag=True, help=h("Swap by a code: at a hidden prompt, or one line of standard input."))
@click.option("--yes", is_flag=True, help=h("Do not ask."))
@click.pass_context
def swap(context: click.Context, /, device: str, mac: str | None, serial: str | None, **given: object) -> int:
    """See the help text."""
    from controller.cli.session import site_context
    from controller.cli.subjects import device_of

    chosen = settings(context)
    ways = [mac is not None, bool(given["allow"]), bool(given["code"])]
    if sum(ways) != 1:
        raise UsageError(t("give one of --mac, --allow and --code"), next_step=t("see 'portseal swap --help'"))
    with site_context(chosen, recovering=bool(given["code"])) as site:
        old = device_of(site.store, device)
        if given["code"]:
            _by_code(chosen, site, old, yes=bool(given["yes"]))
        elif mac is not None:
            _in_inventory(chosen, site, old, (mac, serial or ""), _reason(given["reason"]))
        else:
            _allow(chosen, site, old, _reason(given["reason"]), timedelta(minutes=int(str(given["minutes"]))))
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


def _allow(chosen: Settings, site: Context, device: Device, reason: str, length: timedelta) -> None:
    from controller.network.swapping import allow
    from policies.codec import stamp

    code, until = allow(site, device, reason, length)
    if chosen.json:
        chosen.give({"device": device.name, "code": code, "until": stamp(until)})
    shown = until.astimezone().strftime("%H:%M")
    chosen.say(
        t(
            "One swap of {device} is allowed until {until}, by this code: {code}",
            device=device.name,
            until=shown,
            code=code,
        )
    )
    chosen.say(t("Plug the replacement in at the same port, then: portseal swap {device} --code", device=device.name))


def _by_code(chosen: Settings, site: Context, device: Device, *, yes: bool) -> None:
    from controller.cli.progress import progress
    from controller.cli.session import worked
    from controller.cli.subjects import agree, device_json
    from controller.network.swapping import carry_out, find

    found = find(site, device, _code(chosen), worked(chosen, t("read")))
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
