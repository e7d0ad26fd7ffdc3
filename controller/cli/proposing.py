"""What `discover --propose` gives: a list to complete and import, and ports that look like uplinks."""

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
from policies.propose import Confidence, Proposals, propose
from policies.texts import render, t

_WORDS = {
    Confidence.HIGH: t("high"),
    Confidence.MEDIUM: t("medium"),
    Confidence.LOW: t("low"),
}


def give_proposals(chosen: Settings, site: Context, observed: Mapping[str, ObservedSwitch], path: str) -> None:
    """Write the list, which must not be there yet, and tell what it is good for; raises InputError."""
    found = propose(site.site, observed, {each.mac for each in devices(site.store)})
    try:
        with Path(path).open("xb") as file:
            file.write(_list(found, chosen.language))
    except OSError as error:
        raise InputError(
            t("the list cannot be written ({cause})", cause=error.strerror or ""),
            where=path,
            next_step=t("name a file that is not there yet"),
        ) from None
    for port in found.uplinks:
        chosen.note(t("{port} looks like an uplink: {why}", port=f"{port.switch}/{port.port}", why=port.reason))
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
