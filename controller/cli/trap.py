"""trap: what switches' SNMP notifications told, what readings made of it, and who was not believed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from controller.cli.base import NOT_COMPLIANT, Group, h, settings
from policies.errors import NotFound
from policies.texts import Text, t

if TYPE_CHECKING:
    from controller.store.traps import RefusedSender, Told

#: What notifications tell of, in words.
KINDS: dict[str, Text] = {
    "violation": t("violation"), "blocked": t("port shut by the switch"), "recovered": t("port opened again"),
    "mac_learned": t("MAC learned"), "mac_removed": t("MAC aged"), "mac_moved": t("MAC moved"),
    "link_up": t("link up"), "link_down": t("link down"), "config": t("configuration changed"),
    "started": t("switch started"), "login": t("login refused"), "unknown": t("not known"),
}  # fmt: skip
#: What a reading made of it, in words.
READINGS: dict[str, Text] = {
    "none": t("not needed"), "waiting": t("waits for a reading"), "confirmed": t("confirmed"),
    "unconfirmed": t("not seen on the switch"), "read": t("was read"), "failed": t("could not be read"),
}  # fmt: skip
#: Why a datagram is refused, in words.
REASONS: dict[str, Text] = {
    "sender": t("no switch of the site has this address"), "malformed": t("no SNMP notification"),
    "version": t("SNMPv1; send version 2c or 3"), "community": t("another community"), "user": t("another user"),
    "level": t("less protection than the user has"), "digest": t("wrong authentication password or protocol"),
    "cipher": t("wrong privacy password or protocol"), "stale": t("an old message, or the switch's clock went back"),
    "ambiguous": t("several switches have this address; give each one a user or community of its own"),
}  # fmt: skip


@click.group(cls=Group, help=h("Show what switches' SNMP notifications told, and what readings made of it."))
def trap() -> None:
    """See the help text."""


@trap.command("list", help=h("List what was told, the newest first, unknown ones too. Exit code 1 when there is none."))
@click.argument("switches", nargs=-1, metavar="[SWITCH]...")
@click.option("--kind", type=click.Choice(list(KINDS)), default=None, help=h("Of one kind."))
@click.option("--open", "only_open", is_flag=True, help=h("Only what still goes on."))
@click.option("--limit", type=click.IntRange(1, 100_000), default=50, metavar="N", help=h("At most so many."))
@click.pass_context
def list_(context: click.Context, switches: tuple[str, ...], kind: str | None, only_open: bool, limit: int) -> int:
    """See the help text."""
    from controller.cli.session import site_context
    from controller.network.reading import chosen as named
    from controller.store.traps import told_rows

    chosen = settings(context)
    with site_context(chosen, recovering=False) as site:
        names = [each.name for each in named(site, switches)] if switches else []
        found = told_rows(site.store, switches=names, kind=kind or "", everything=not only_open, limit=limit)
    if chosen.json:
        chosen.give({"traps": [told_json(each) for each in found]})
    elif found:
        headings = (t("id"), t("last"), t("switch"), t("port"), t("what"), t("cause"), t("count"), t("MACs"),
                    t("reading"))  # fmt: skip
        chosen.table(headings, [_line(each) for each in found])
    else:
        chosen.say(t("Nothing was told."))
    return 0 if found else NOT_COMPLIANT


@trap.command(help=h("Show one of them: who told it, with what proof, its variables, and what the reading found."))
@click.argument("number", type=click.IntRange(1), metavar="ID")
@click.pass_context
def show(context: click.Context, number: int) -> int:
    """See the help text."""
    from controller.cli.session import site_context
    from controller.store.traps import told_row

    chosen = settings(context)
    with site_context(chosen, recovering=False) as site:
        found = told_row(site.store, number)
    if found is None:
        raise NotFound(t("there is no such row"), where=f"#{number}", next_step=t("see 'portseal trap list'"))
    if chosen.json:
        chosen.give({**told_json(found), "said": _said_json(found)})
        return 0
    for sentence in _sentences(found):
        chosen.say(sentence)
    return 0


@trap.command(help=h("List who sent what was refused, and why. Exit code 1 when there is nobody."))
@click.pass_context
def refused(context: click.Context) -> int:
    """See the help text."""
    from controller.cli.session import site_context
    from controller.cli.words import local_time
    from controller.store.traps import refused_senders

    chosen = settings(context)
    with site_context(chosen, recovering=False) as site:
        found = refused_senders(site.store)
    if chosen.json:
        chosen.give({"refused": [_refused_json(each) for each in found]})
    elif found:
        headings = (t("sender"), t("switch"), t("count"), t("first"), t("last"), t("why"))
        rows = [
            (each.sender, each.switch or "-", each.count, local_time(each.first_at), local_time(each.last_at),
             REASONS.get(each.reason, each.reason))
            for each in found
        ]  # fmt: skip
        chosen.table(headings, rows)
    else:
        chosen.say(t("Nothing was refused."))
    return 0 if found else NOT_COMPLIANT


@trap.command(help=h("Say where notifications are received, and how many came. Needs the running controller."))
@click.pass_context
def status(context: click.Context) -> int:
    """See the help text."""
    from controller.control import ask
    from policies.load import load_site

    chosen = settings(context)
    site = load_site(chosen.site)
    if not site.traps.listen:
        raise NotFound(
            t("the site receives no notifications"),
            where=str(chosen.site / "site.toml"),
            next_step=t("give 'listen' in [traps]"),
        )
    found = ask(site.folder, {"do": "traps"})
    told = {name: found.get(name) for name in ("listen", "port", "present", "engine", "received", "taken", "refused",
                                                "lost", "overflow")}  # fmt: skip
    if chosen.json:
        chosen.give(told)
        return 0
    chosen.say(t("Notifications are received at {listen}, UDP port {port}.", listen=told["listen"], port=told["port"]))
    if not told["present"]:
        chosen.say(
            t("But this machine has no such address now: none can come before it has. Is an interface or the lab down?")
        )
    chosen.say(
        t(
            "{received} datagrams came: {taken} taken, {refused} refused, {lost} lost by this machine,"
            " {overflow} beyond the limits.",
            received=told["received"], taken=told["taken"], refused=told["refused"], lost=told["lost"],
            overflow=told["overflow"],
        )
    )  # fmt: skip
    chosen.say(t("Our SNMP engine is {engine}; some switches must be told it to send informs.", engine=told["engine"]))
    return 0


def told_json(told: Told) -> dict[str, Any]:
    """Give a row as documented JSON."""
    from policies.codec import stamp

    return {
        "id": told.id,
        "switch": told.switch,
        "port": told.port or None,
        "kind": told.kind,
        "cause": told.cause or None,
        "notification": told.name or None,
        "proof": told.proof,
        "sender": told.sender or None,
        "first_at": stamp(told.first_at),
        "last_at": stamp(told.last_at),
        "count": told.count,
        "macs": list(told.macs),
        "more_macs": told.more_macs,
        "vlan": told.vlan,
        "open": told.open,
        "entry": told.entry or None,
        "reading": told.reading,
        "read_at": None if told.read_at is None else stamp(told.read_at),
        "found": {name: value for name, value in told.found.items() if name != "outcome"},
    }


def _said_json(told: Told) -> list[dict[str, Any]]:
    return [{"oid": oid, "type": kind, "value": value} for oid, kind, value in told.said]


def _refused_json(refused: RefusedSender) -> dict[str, Any]:
    from policies.codec import stamp

    return {
        "sender": refused.sender,
        "switch": refused.switch or None,
        "reason": refused.reason,
        "count": refused.count,
        "first_at": stamp(refused.first_at),
        "last_at": stamp(refused.last_at),
    }


def _line(told: Told) -> tuple[object, ...]:
    from controller.cli.words import local_time

    macs = ", ".join(told.macs[:2]) + (" …" if len(told.macs) > 2 or told.more_macs else "")
    cause = told.name if told.kind == "unknown" else told.cause
    return (
        told.id, local_time(told.last_at), told.switch, told.port or "-", KINDS.get(told.kind, told.kind), cause or "-",
        told.count, macs or "-", READINGS[told.reading],
    )  # fmt: skip


def _sentences(told: Told) -> list[Text]:
    from controller.cli.words import local_time

    said = [
        t("{subject}: {what} ({cause})", subject=told.subject, what=KINDS.get(told.kind, told.kind),
          cause=told.cause or "-"),
        t("  told by {name} from {sender}, proof: {proof}", name=told.name or "-", sender=told.sender or "-",
          proof=told.proof),
        t("  {count} times, from {first} to {last}", count=told.count, first=local_time(told.first_at),
          last=local_time(told.last_at)),
    ]  # fmt: skip
    if told.macs:
        said.append(t("  MACs: {macs}", macs=", ".join(told.macs)))
    if told.more_macs:
        said.append(t("  and {count} more", count=told.more_macs))
    said.append(t("  the switch: {reading}", reading=READINGS[told.reading]))
    found = [f"{name}={value}" for name, value in told.found.items() if name != "outcome" and value not in (None, [])]
    if found:
        said.append(t("  found: {found}", found=", ".join(found)))
    if told.entry:
        said.append(t("  ledger entry: {entry}", entry=told.entry))
    said += [t("  variable {oid}: {value}", oid=oid, value=value) for oid, _, value in told.said]
    return said
