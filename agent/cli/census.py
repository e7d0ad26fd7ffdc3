"""`portseal-agent census`: what USB this machine has; it changes nothing and needs no agent.

With --report it is one signed document for the controller (policies/messages/evidence.py).
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent.cli.base import DONE, NOTHING, Spot
from policies.errors import ConfigError, InputError, StorageFailed, Unreachable, UsageError
from policies.texts import Text, t

if TYPE_CHECKING:
    from agent.usb.census import Census, Controller, Port
    from policies.keys import SigningKey
    from policies.messages.evidence import SignedCensus
    from policies.usb import UsbAppearance, UsbBinding

    Held = tuple[tuple[UsbBinding, ...], tuple[UsbAppearance, ...]]

#: How often it is read anew when what leases hold open has changed meanwhile.
_TRIES = 5

#: What a controller does with a device that is plugged in, by its `authorized_default`.
_DEFAULTS = {
    0: t("refuses new devices"),
    1: t("admits every new device"),
    2: t("admits new devices on internal ports only"),
}


def verbs(spot: Spot) -> list[click.Command]:
    """Make the verb."""

    def census(as_json: bool, report: bool) -> int:
        from agent.usb.census import take_census

        if report and as_json:
            raise UsageError(t("--report and --json are two different outputs"), next_step=t("choose one of them"))
        if report:
            return _report(spot)
        taken = take_census(spot.sysfs)
        if as_json:
            spot.give(asdict(taken))
        else:
            for text in told(taken):
                spot.say(text)
        return DONE if taken.controllers else NOTHING

    about = t("List every USB controller, hub and port of this machine, and what is in it.")
    signed = spot.option(
        "--report",
        about=t("Print one signed document for the controller, with the bindings and what leases hold open (root)."),
        is_flag=True,
    )
    return [spot.verb("census", t("List this machine's USB."), about, census, [spot.json_option(), signed])]


def _report(spot: Spot) -> int:
    """Print the signed document on standard output, byte for byte, and whose key it is on standard error."""
    made = signed_census(spot)
    try:
        # Bytes, whatever the locale says: what was signed is UTF-8.
        sys.stdout.buffer.write(made.raw + (b"\n" if sys.stdout.isatty() else b""))
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        # What is left in the buffer would fail once more, with a traceback, when the interpreter ends.
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise StorageFailed(
            t("the census cannot be written ({cause})", cause=error.strerror or ""),
            next_step=t("make room on the disk, or name another file"),
        ) from None
    if not made.running:
        click.echo(spot.words(t("The agent does not run: no binding and no lease is told.")), err=True)
    told = t("Signed by the key of {terminal}: {fingerprint}", terminal=made.terminal, fingerprint=made.key.fingerprint)
    click.echo(spot.words(told), err=True)
    return DONE


def signed_census(spot: Spot) -> SignedCensus:
    """Take the census and sign it, with what the running agent says of bindings and leases at that moment.

    Raises ConfigError for a machine that is no terminal or has no key yet, and EquipmentError when the agent hangs.
    """
    from agent.clock import Clock
    from agent.config import load_config
    from agent.usb.census import take_census
    from policies.messages.evidence import sign_evidence
    from policies.terminal import CensusReport, TerminalEvidence

    config = load_config(spot.folder)
    key, boot = _key(config.state), Clock().boot

    def look() -> CensusReport:
        return CensusReport(config.terminal, datetime.now(UTC), boot, take_census(spot.sysfs))

    before = _held(spot)
    report, held = look(), _held(spot)
    for _ in range(_TRIES):
        if held == before:
            break
        before, report, held = held, look(), _held(spot)
    bindings, leased = held or ((), ())
    return sign_evidence(key, config.site, TerminalEvidence(report, bindings, leased), running=held is not None)


def _key(state: Path) -> SigningKey:
    """Read the terminal's key; only the agent makes it, so that two of them are never made at one time."""
    from agent.link.identity import KEY_FILE, agent_key

    try:
        there = (state / KEY_FILE).exists()
    except OSError:  # not root: reading it says so
        there = True
    if not there:
        raise ConfigError(
            t("this terminal has no key yet"),
            where=str(state / KEY_FILE),
            next_step=t("start the agent once, which makes it: systemctl start portseal-agent"),
        )
    return agent_key(state)


def _held(spot: Spot) -> Held | None:
    """Ask the agent what is bound and what leases hold open; None when it does not run."""
    from policies.codec import from_plain
    from policies.usb import UsbAppearance, UsbBinding

    try:
        told = spot.ask({"do": "census"})
    except Unreachable:
        return None
    bindings, leased = told.get("bindings"), told.get("leased")
    if not isinstance(bindings, list) or not isinstance(leased, list):
        raise InputError(t("the agent gave no answer"), next_step=t("restart it: systemctl restart portseal-agent"))
    return (
        tuple(from_plain(UsbBinding, each, "bindings") for each in bindings),
        tuple(from_plain(UsbAppearance, each, "leased") for each in leased),
    )


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
