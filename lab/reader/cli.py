"""lab reader: hold a card of the lab to a reader that is not there."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from controller.cli.base import DONE, EQUIPMENT, Settings, Speaking, h, settings
from policies.errors import InputError
from policies.texts import t

if TYPE_CHECKING:
    from lab.reader.send import Way
    from lab.reader.tap import Sent, Tap

_FORMATS = (
    "native", "uhppoted", "esp-rfid", "esphome", "tasmota", "zigbee2mqtt", "hikvision", "dahua", "dahua-vto",
)  # fmt: skip


def _file(name: str, help_: str) -> Any:
    return click.option(name, type=click.Path(path_type=Path, dir_okay=False), help=help_)


_OPTIONS = (
    click.argument("form", metavar="FORMAT", type=click.Choice(_FORMATS)),
    click.option("--uid", default="04A1B2C3", show_default=True, help=h("The card's UID in hex: a made-up one.")),
    click.option("--number", default="81,65535", show_default=True, help=h("Its facility code and number.")),
    click.option("--name", default="gate-1", show_default=True, help=h("The reader's name (native).")),
    click.option("--event", default=1, show_default=True, help=h("The device's number of the event.")),
    click.option("--door", default=1, show_default=True, help=h("The device's number of the door.")),
    click.option("--deny", is_flag=True, help=h("The device itself refuses the card.")),
    click.option("--topic", default="", help=h("Another topic than the device's own.")),
    click.option("--retain", is_flag=True, help=h("Let the broker keep the message.")),
    click.option("--to", default="", metavar="HOST:PORT", help=h("The broker; without it and --url nothing is sent.")),
    click.option("--url", default="", help=h("The webhook, for hikvision and dahua.")),
    _file("--ca", h("The certificate of the site's authority.")),
    _file("--certificate", h("The reader's certificate.")),
    _file("--key", h("The key of that certificate.")),
    click.option("--login", default="", help=h("The reader's login.")),
    click.option("--password", default="", metavar="env:NAME|file:PATH", help=h("Where its password is.")),
    click.option("--hmac", default="", metavar="env:NAME|file:PATH", help=h("Where the HMAC's key is (uhppoted).")),
    _file("--sign", h("A file with the 32 bytes of an Ed25519 key in hex (native).")),
)


def _options(command: Any) -> Any:
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@click.command(
    "reader",
    cls=Speaking,
    help=h(
        "Swipe a card at a reader that is not there: send, or print, the bytes that a device of FORMAT sends. The card"
        " is the lab's own; never give the number of a real one."
    ),
)
@_options
@click.pass_context
def reader(context: click.Context, /, form: str, **given: Any) -> int:
    """See the help text."""
    from lab.reader import DEVICES

    chosen = settings(context)
    tap = _tap(chosen, given)
    sent = DEVICES[form](tap)
    if given["topic"] and sent.topic:
        sent = replace(sent, topic=given["topic"])
    return _send(chosen, sent, given)


def _tap(chosen: Settings, given: dict[str, Any]) -> Tap:
    from lab.reader.tap import Plastic, Tap

    try:
        facility, number = map(int, given["number"].split(","))
        plastic = Plastic(bytes.fromhex(given["uid"]), facility, number)
        seed = bytes.fromhex(given["sign"].read_text("ascii").strip()) if given["sign"] else b""
    except (ValueError, OSError):
        raise InputError(
            t("a UID is hex digits, a number is FACILITY,NUMBER, and a key 64 hex digits in a file"),
            next_step=t("see 'portseal lab reader --help'"),
        ) from None
    return Tap(
        plastic, datetime.now(timezone(timedelta(hours=8))), event=given["event"], granted=not given["deny"],
        reader=given["name"],
        site=_site_name(chosen), door=given["door"], secret=_secret(chosen, given["hmac"]), seed=seed,
    )  # fmt: skip


def _site_name(chosen: Settings) -> str:
    from policies.load import SITE_FILE, load_site

    return load_site(chosen.site).name if (chosen.site / SITE_FILE).exists() else "lab"


def _secret(chosen: Settings, reference: str) -> str:
    from controller.secrets.resolve import resolve

    return resolve(reference, chosen.site, environment=os.environ).reveal() if reference else ""


def _send(chosen: Settings, sent: Sent, given: dict[str, Any]) -> int:
    from lab.reader.send import post, publish

    status, where = None, given["url"] or given["to"]
    if given["url"] and not sent.topic:
        status = post(given["url"], sent, _way(chosen, given))
    elif given["to"] and sent.topic:
        publish(_way(chosen, given), [sent], retain=given["retain"])
    elif where:
        raise InputError(
            t("this format goes to a webhook") if given["to"] else t("this format goes to a broker"),
            next_step=t("give --url") if given["to"] else t("give --to"),
        )
    if chosen.json:
        told = {"topic": sent.topic, "content_type": sent.content_type, "payload": sent.payload.decode("latin-1")}
        chosen.give({**told, "sent": bool(where), "status": status})
    elif not where:
        click.echo((sent.topic or sent.content_type).encode() + b"\n" + sent.payload)
    elif status is None:
        chosen.say(t("sent to {where}", where=where))
    else:
        chosen.say(t("sent to {where}: HTTP {status}", where=where, status=status))
    return DONE if status is None or 200 <= status < 300 else EQUIPMENT


def _way(chosen: Settings, given: dict[str, Any]) -> Way:
    from lab.reader.send import Way

    host, _, port = (given["to"] or ":0").rpartition(":")
    if not port.isdecimal():
        raise InputError(t("--to is HOST:PORT"))
    return Way(
        host, int(port), given["ca"], given["certificate"], given["key"], given["login"],
        _secret(chosen, given["password"]),
    )  # fmt: skip
