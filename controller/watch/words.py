"""A sighting in words: what it is, and one sentence with its particulars."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from controller.watch.lines import Sighting
from policies.texts import Text, t
from policies.watch.sighting import OTHERS, Confidence, Kind

Facts = Mapping[str, Any]

#: What was seen, in words.
KINDS: Mapping[Kind, Text] = {
    Kind.UNKNOWN_MAC: t("unknown MAC"),
    Kind.UNKNOWN_IP: t("unknown IP"),
    Kind.MOVED: t("on another port than bound"),
    Kind.DUPLICATE_MAC: t("one MAC at two places"),
    Kind.DUPLICATE_IP: t("one IP of two MACs"),
    Kind.ARP_SPOOF: t("ARP spoofing"),
    Kind.ROGUE_DHCP: t("rogue DHCP server"),
    Kind.ROGUE_RA: t("rogue router advertisement"),
    Kind.SECOND_VLAN: t("frames of a second VLAN"),
    Kind.HUB: t("hub behind a port"),
    Kind.NAT: t("several stations behind one MAC"),
    Kind.GATEWAY: t("gateway where none may be"),
    Kind.OUTSIDE: t("traffic to outside the site"),
    Kind.FORBIDDEN_FLOW: t("forbidden flow"),
    Kind.IDENTITY: t("identity drift"),
    Kind.MALFORMED: t("malformed frames"),
    Kind.LOST: t("frames not seen"),
}
#: How sure a sighting is, in words.
CONFIDENCES: Mapping[Confidence, Text] = {
    Confidence.CERTAIN: t("certain"),
    Confidence.HIGH: t("confidence high"),
    Confidence.MEDIUM: t("confidence medium"),
    Confidence.LOW: t("confidence low"),
}
#: Roles and reasons that facts name, in words; a peer's name is its own.
_WORDS: Mapping[str, Text] = {
    "camera": t("camera"),
    "terminal": t("terminal"),
    "server": t("server"),
    "recorder": t("recorder"),
    "reader": t("reader"),
    "controller": t("controller"),
    "foreign_source": t("packets with addresses that are not the site's"),
    "redirect": t("it redirects others, or advertises itself as a router"),
}


def sentence(sighting: Sighting) -> Text | None:
    """Say what is particular about a sighting; None where kind and addresses say all."""
    if sighting.mac == OTHERS:
        return t("more MACs than have a line of their own: a flood; the counts of all of them are in this line")
    said = _SENTENCES.get(sighting.kind)
    return None if said is None else said(sighting, sighting.facts)


def _owner(sighting: Sighting, facts: Facts) -> Text:
    if "claims_mac" in facts:
        return t("says in ARP to be {mac}", mac=_said(facts, "claims_mac"))
    return t("the address belongs to {owner} ({mac})", owner=_said(facts, "bound_to"), mac=sighting.other)


def _flow(sighting: Sighting, facts: Facts) -> Text:
    return t(
        "{source} to {target} {ip}, {protocol} {ports}: the matrix of allowed flows has no line for it",
        source=_word(facts, "from"),
        target=_word(facts, "to"),
        ip=sighting.other,
        protocol=_said(facts, "protocol"),
        ports="→".join(map(str, facts.get("ports") or ())) or "-",
    )


def _identity(_: Sighting, facts: Facts) -> Text:
    """Show both fingerprints side by side: what is known of the device, and what was seen instead."""
    kept = facts.get("fingerprint")
    known = ", ".join(f"{name}={value}" for name, value in sorted(kept.items())) if isinstance(kept, dict) else "-"
    return t(
        "known: {known}; seen: {trait}={seen}. Another device may use its MAC; a clone that copies these manners too"
        " would not be seen",
        known=known,
        trait=_said(facts, "trait"),
        seen=_said(facts, "seen"),
    )


def _said(facts: Facts, name: str) -> str:
    value = facts.get(name)
    return "-" if value in (None, "") else str(value)


def _word(facts: Facts, name: str) -> Text | str:
    said = _said(facts, name)
    return _WORDS.get(said, said)


def _listed(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) and value else "-"


_SENTENCES: Mapping[Kind, Callable[[Sighting, Facts], Text]] = {
    Kind.UNKNOWN_IP: lambda _, facts: t("bound is {ip}", ip=_said(facts, "bound")),
    Kind.MOVED: lambda sighting, facts: t(
        "bound to {bound}, learned at {port}", bound=_said(facts, "bound"), port=sighting.other
    ),
    Kind.DUPLICATE_MAC: lambda _, facts: t("learned at {places} at the same time", places=_listed(facts.get("places"))),
    Kind.HUB: lambda _, facts: t("behind this port are {macs}", macs=_listed(facts.get("macs"))),
    Kind.ARP_SPOOF: _owner,
    Kind.DUPLICATE_IP: _owner,
    Kind.ROGUE_DHCP: lambda _, facts: t("offers the router {router}", router=_said(facts, "router")),
    Kind.ROGUE_RA: lambda _, facts: t(
        "offers the prefixes {prefixes} for {seconds} s",
        prefixes=_listed(facts.get("prefixes")),
        seconds=_said(facts, "lifetime_s"),
    ),
    Kind.SECOND_VLAN: lambda sighting, _: t("tagged with VLAN {vlan}", vlan=sighting.other),
    Kind.GATEWAY: lambda _, facts: t(
        "sends what comes from {source} ({why})", source=_said(facts, "source"), why=_word(facts, "why")
    ),
    Kind.OUTSIDE: lambda _, facts: t(
        "to {targets} through {mac}", targets=_listed(facts.get("targets")), mac=_said(facts, "through")
    ),
    Kind.FORBIDDEN_FLOW: _flow,
    Kind.IDENTITY: _identity,
    Kind.NAT: lambda _, facts: t(
        "its packets look like those of several stations ({hints}): NAT behind the port, or a clone of its MAC",
        hints=_listed(facts.get("hints")),
    ),
    Kind.MALFORMED: lambda sighting, _: t("what is wrong with them: {what}", what=sighting.other),
    Kind.LOST: lambda _, facts: t(
        "{lost} frames had no room in this machine, {unjudged} were not looked at: what they were is not known",
        lost=_said(facts, "lost"),
        unjudged=_said(facts, "unjudged"),
    ),
}
