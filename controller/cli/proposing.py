"""Proposals for what the inventory lacks: shown with how sure they are and why, or as a list to complete and import."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path

from controller.cli.base import Settings
from controller.context import Context
from controller.inventory.columns import heading_of
from controller.inventory.rows import guard
from controller.store.inventory import devices
from policies.errors import InputError
from policies.model import ObservedSwitch
from policies.propose import Confidence, Proposal, Proposals, propose
from policies.texts import Text, render, t

_WORDS = {
    Confidence.HIGH: t("high"),
    Confidence.MEDIUM: t("medium"),
    Confidence.LOW: t("low"),
}


def proposals_of(site: Context, observed: Mapping[str, ObservedSwitch]) -> Proposals:
    """Give what could be bound, by readings of the site's switches, and is not in the inventory."""
    return propose(site.site, observed, {each.mac for each in devices(site.store)})


def proposals_json(chosen: Settings, found: Proposals) -> dict[str, object]:
    """Give proposals as documented JSON."""
    return {
        "bindings": [proposal_json(chosen, each) for each in found.bindings],
        "uplinks": [
            {"switch": each.switch, "port": each.port, "reason": chosen.text(each.reason)} for each in found.uplinks
        ],
    }


def proposal_json(chosen: Settings, each: Proposal) -> dict[str, object]:
    """Give one proposal as documented JSON."""
    return {
        "mac": each.mac,
        "switch": each.switch,
        "port": each.port,
        "vlan": each.vlan,
        "confidence": each.confidence.value,
        "reason": chosen.text(each.reason),
    }


def show_proposals(chosen: Settings, found: Proposals) -> None:
    """Show them to a person: the surest ones first, then the ports that look like uplinks."""
    order = list(Confidence)
    rows = [
        (_WORDS[each.confidence], each.mac, f"{each.switch}/{each.port}", "?" if each.vlan is None else each.vlan,
         each.reason)
        for each in sorted(found.bindings, key=lambda each: order.index(each.confidence))
    ]  # fmt: skip
    if rows:
        chosen.table((t("confidence"), t("MAC"), t("port"), t("VLAN"), t("reason")), rows)
    else:
        chosen.say(t("Nothing is proposed: every MAC is in the inventory, or only passes through."))
    for port in found.uplinks:
        chosen.note(t("{port} looks like an uplink: {why}", port=f"{port.switch}/{port.port}", why=port.reason))


def proposal_sentence(each: Proposal) -> Text:
    """Say one proposal: where, how sure, why."""
    return t(
        "it could be bound to {place}: confidence {confidence}, {reason}",
        place=f"{each.switch}/{each.port}",
        confidence=_WORDS[each.confidence],
        reason=each.reason,
    )


def write_proposals(chosen: Settings, found: Proposals, path: str) -> None:
    """Write the list, which must not be there yet, and tell what it is good for; raises InputError."""
    try:
        with Path(path).open("xb") as file:
            file.write(_list(found, chosen.language))
    except OSError as error:
        raise InputError(
            t("the list cannot be written ({cause})", cause=error.strerror or ""),
            where=path,
            next_step=t("name a file that is not there yet"),
        ) from None
    chosen.say(
        t(
            "{count} devices are proposed in {path}. Next: complete names and types, then 'portseal inventory import'",
            count=len(found.bindings),
            path=path,
        )
    )


def _list(found: Proposals, language: str) -> bytes:
    """Give the list as an import reads it, with two columns more for a person: UTF-8 with a byte-order mark."""
    columns = ("name", "role", "mac", "ip", "place", "switch", "port", "vlan")
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    reasons = [render(t("confidence"), language), render(t("reason"), language)]
    writer.writerow([*(heading_of(each, language) for each in columns), *reasons])
    for each in found.bindings:
        vlan = "" if each.vlan is None else str(each.vlan)
        told = [render(_WORDS[each.confidence], language), render(each.reason, language)]
        row = ["", "", each.mac, "", "", each.switch, each.port, vlan, *told]
        writer.writerow([guard(cell) for cell in row])
    return text.getvalue().encode("utf-8-sig")
