"""`portseal-agent census`: what USB this machine has; it changes nothing and needs no agent."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from agent.cli.base import DONE, NOTHING, Spot
from policies.texts import Text, t

if TYPE_CHECKING:
    from agent.usb.census import Census, Controller, Port

#: What a controller does with a device that is plugged in, by its `authorized_default`.
_DEFAULTS = {
    0: t("refuses new devices"),
    1: t("admits every new device"),
    2: t("admits new devices on internal ports only"),
}


def verbs(spot: Spot) -> list[click.Command]:
    """Make the verb."""

    def census(as_json: bool) -> int:
        from agent.usb.census import take_census

        taken = take_census(spot.sysfs)
        if as_json:
            spot.give(asdict(taken))
        else:
            for text in told(taken):
                spot.say(text)
        return DONE if taken.controllers else NOTHING

    about = t("List every USB controller, hub and port of this machine, and what is in it.")
    return [spot.verb("census", t("List this machine's USB."), about, census, [spot.json_option()])]


def told(census: Census) -> list[Text]:
    """Say the census in sentences: controllers, each port with what is in it, and the sum."""
    hidden = [
        t(
            "{address}: a controller that shows no bus (driver: {driver})",
            address=each.address,
            driver=each.driver or "-",
        )
        for each in census.hidden
    ]
    if not census.controllers:
        return [*hidden, t("This machine has no USB.")]
    sentences = [*(_controller(each) for each in census.controllers), *hidden]
    sentences += [_port(each) for each in census.ports]
    sentences.append(
        t(
            "{controllers} controllers, {hubs} hubs, {ports} ports, {used} in use",
            controllers=len(census.controllers),
            hubs=len(census.hubs),
            ports=len(census.ports),
            used=sum(port.device is not None for port in census.ports),
        )
    )
    if any(each.authorized_default != 0 for each in census.controllers):
        sentences.append(t("New devices are not refused everywhere. This command changes nothing."))
    return sentences


def _controller(each: Controller) -> Text:
    does = _DEFAULTS.get(-1 if each.authorized_default is None else each.authorized_default, t("unknown default"))
    return t("{name} ({address}, {speed} Mbit/s): {does}", name=each.name, address=each.address or "-",
             speed=each.speed_mbps or "?", does=does)  # fmt: skip


def _port(each: Port) -> Text:
    device = each.device
    if device is None:
        what: Text = t("empty")
    else:
        states = {True: t("authorised"), False: t("refused"), None: t("unknown")}
        what = t(
            "{vendor}:{product} {name} ({state})",
            vendor=device.vendor_id or "????",
            product=device.product_id or "????",
            name=device.product or "-",
            state=states[device.authorized],
        )
    return t("  {path} on {hub}, {port}: {what}", path=each.path, hub=each.hub, port=each.port, what=what)
