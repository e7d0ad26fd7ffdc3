"""The verbs that start the agent and speak to the one that runs: status, bindings, grants, events."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import click

from agent.cli.base import DONE, NOTHING, Spot
from policies.texts import Text, t
from policies.usb import UsbRole


def verbs(spot: Spot) -> list[click.Command]:
    """Make the verbs."""
    return [*_serving(spot), *_looking(spot), *_binding(spot), *_granting(spot), *_telling(spot)]


def _serving(spot: Spot) -> list[click.Command]:
    def run() -> int:
        from agent.loop import serve

        serve(spot.folder, spot.sysfs)
        return DONE

    about = t("Keep the USB ports of this terminal shut until stopped; the service manager starts it.")
    return [spot.verb("run", t("Run the agent."), about, run)]


def _looking(spot: Spot) -> list[click.Command]:
    def status(as_json: bool) -> int:
        told = spot.ask({"do": "status"}, operator=True)
        if as_json:
            spot.give(told)
        else:
            for text in _status(told, spot):
                spot.say(text)
        return DONE

    def devices(as_json: bool) -> int:
        told = spot.ask({"do": "devices"})["devices"]
        if as_json:
            spot.give(told)
        else:
            for each in told:
                spot.say(_device(each, spot))
        return DONE if told else NOTHING

    return [
        spot.verb("status", t("Say what is shut and what is open."),
                  t("Say whether this terminal's USB is shut or open, for how long, and what is wrong."), status,
                  [spot.json_option()]),
        spot.verb("devices", t("List what is plugged in."),
                  t("List every USB device, what the gate decided about it, and why."), devices, [spot.json_option()]),
    ]  # fmt: skip


def _binding(spot: Spot) -> list[click.Command]:
    def bind(at: str, name: str, role: str) -> int:
        done = spot.ask({"do": "bind", "at": at, "name": name, "role": role})
        spot.say(t("{name} is bound to {ports}.", name=name, ports=", ".join(done["ports"])))
        return DONE

    def unbind(name: str) -> int:
        spot.ask({"do": "unbind", "name": name})
        spot.say(t("{name} is not bound any more.", name=name))
        return DONE

    roles = click.Choice([each.value for each in UsbRole])
    role = spot.option("--role", about=t("What it is for."), type=roles, default=UsbRole.OTHER.value, show_default=True)
    return [
        spot.verb("bind", t("Bind a device to its port."),
                  t("Bind the device that is plugged in at AT (1-2.4, or a port path) to that port, as NAME."),
                  bind, [click.Argument(["at"]), click.Argument(["name"]), role]),
        spot.verb("unbind", t("Release a bound device."), t("Release the device that is bound as NAME."), unbind,
                  [click.Argument(["name"])]),
    ]  # fmt: skip


def _granting(spot: Spot) -> list[click.Command]:
    def grant(file: Any) -> int:
        done = spot.ask({"do": "grant", "token": file.read().strip()})
        spot.say(t("The grant is accepted: open for {seconds} s.", seconds=done["seconds"]))
        return DONE

    def revoke(file: Any) -> int:
        return _ended(spot.ask({"do": "revoke", "token": file.read().strip()}))

    def relock() -> int:
        return _ended(spot.ask({"do": "relock"}, operator=True))

    def _ended(done: Mapping[str, Any]) -> int:
        spot.say(t("{count} leases ended; what they opened is shut.", count=len(done["ended"])))
        return DONE

    file = click.Argument(["file"], type=click.File("r", encoding="ascii", errors="replace"), default="-")
    return [
        spot.verb("grant", t("Hand a grant to the agent."),
                  t("Hand the signed grant in FILE (- for standard input) to the agent, for work without a broker."),
                  grant, [file]),
        spot.verb("revoke", t("Hand a revocation to the agent."),
                  t("Hand the signed revocation in FILE (- for standard input) to the agent."), revoke, [file]),
        spot.verb("relock", t("End every lease now."),
                  t("End every lease now: what they opened is written out, unmounted and shut."), relock),
    ]  # fmt: skip


def _telling(spot: Spot) -> list[click.Command]:
    def events(after: int, ack: str | None) -> int:
        if ack is not None:
            number, _, digest = ack.partition(":")
            seq = int(number) if number.isascii() and number.isdecimal() else 0
            spot.ask({"do": "ack", "seq": seq, "digest": digest or "?"})
            return DONE
        some = False
        while True:
            page = spot.ask({"do": "events", "after": after})["events"]
            for raw in page:
                sys.stdout.write(raw + "\n")
                after = _seq(raw)
                some = True
            if not page:
                return DONE if some else NOTHING

    options = [
        spot.option("--after", about=t("Only events with a higher number."), type=click.IntRange(0), default=0),
        spot.option("--ack", about=t("Let go of the events up to SEQ:DIGEST."), metavar="SEQ:DIGEST"),
    ]
    about = t("Print the events that the controller has not acknowledged, one in a line, as they were signed.")
    return [spot.verb("events", t("Give the signed events that wait."), about, events, options)]


def _seq(raw: str) -> int:
    import json

    return int(json.loads(raw)["seq"])


def _status(told: Mapping[str, Any], spot: Spot) -> list[Text | str]:
    from agent.display.scene import compose

    scene = compose(told, spot.language)
    counted = t("{allowed} of {all} devices are admitted; {waiting} events wait for the controller.",
                allowed=sum(each["allowed"] for each in told["devices"]), all=len(told["devices"]),
                waiting=told["unacked"])  # fmt: skip
    return [f"{scene.word} {scene.clock}".rstrip(), *scene.lines, *scene.alarms, counted]


def _device(each: Mapping[str, Any], spot: Spot) -> Text:
    return t(
        "{name} {vid}:{pid} {product}: {state} ({reason}) {port}",
        name=each["name"],
        vid=each["vid"],
        pid=each["pid"],
        product=each["product"] or "-",
        state=t("admitted") if each["allowed"] else t("refused"),
        reason=each["reason"][spot.language],
        port=each["port"],
    )
