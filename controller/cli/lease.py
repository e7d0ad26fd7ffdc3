"""lease: what is open on terminals, what was, and ending it; grant: opening one without a swipe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from controller.cli.base import NOT_COMPLIANT, Group, Speaking, h, settings
from policies.texts import Text, t

if TYPE_CHECKING:
    from controller.store.grants import KeptGrant

#: What became of a grant, in words.
_STATES: dict[str, Text] = {
    "signed": t("sent"), "open": t("open"), "refused": t("refused by the terminal"), "ended": t("ended"),
    "lapsed": t("not answered"),
}  # fmt: skip


@click.group(cls=Group, help=h("Show what is open on terminals, and end it."))
def lease() -> None:
    """See the help text."""


@lease.command("list", help=h("List what is open now; --all: the last ones too. Exit code 1 when there is none."))
@click.option("--all", "everything", is_flag=True, help=h("Also those that have ended, the newest first."))
@click.option("--terminal", metavar="NAME", default="", help=h("Those of one terminal."))
@click.option("--limit", type=click.IntRange(1, 100_000), default=50, metavar="N", help=h("At most so many."))
@click.pass_context
def list_(context: click.Context, everything: bool, terminal: str, limit: int) -> int:
    """See the help text."""
    from controller.cli.session import site_context
    from controller.cli.words import local_time
    from controller.store.grants import live_grants, recent_grants

    chosen = settings(context)
    with site_context(chosen, recovering=False) as site:
        name = terminal and terminal_name(site.site, terminal)
        live = live_grants(site.store, site.clock(), name)
        found = recent_grants(site.store, limit, name) if everything else live[:limit]
    if chosen.json:
        chosen.give({"leases": [lease_json(each) for each in found]})
    elif found:
        rows = [
            (
                each.jti, each.terminal, ", ".join(card[:8] for card in each.cards), each.reader or "-", each.purpose,
                local_time(each.signed_at), local_time(each.expires), _STATES[each.state], each.why or each.ending,
            )
            for each in found
        ]  # fmt: skip
        headings = (t("id"), t("terminal"), t("cards"), t("reader"), t("purpose"), t("from"), t("until"), t("state"),
                    t("why"))  # fmt: skip
        chosen.table(headings, rows)
    else:
        chosen.say(t("Nothing is open."))
    return 0 if found else NOT_COMPLIANT


@lease.command(help=h("End a lease now: the terminal gives storage back and shuts. Needs the running controller."))
@click.argument("lease_id", metavar="ID")
@click.option("--reason", metavar="TEXT", required=True, help=h("Why; it is kept in the ledger."))
@click.pass_context
def revoke(context: click.Context, lease_id: str, reason: str) -> int:
    """See the help text."""
    from controller.cards.trail import find_grant
    from controller.cli.session import site_context
    from controller.cli.subjects import reason_given
    from controller.control import ask

    chosen = settings(context)
    why = reason_given(reason)
    with site_context(chosen, recovering=False) as site:
        grant = find_grant(site.store, lease_id)
        root, actor, folder = grant.extends or grant.jti, site.actor, site.site.folder
    told = ask(folder, {"do": "lease.revoke", "jti": root, "reason": why, "actor": actor})
    if chosen.json:
        chosen.give({"lease": root, "terminal": grant.terminal, "ended": told["ended"]})
    elif told["ended"]:
        chosen.say(t("{terminal} is told to shut; 'portseal lease list' shows when it has.", terminal=grant.terminal))
    else:
        chosen.say(t("The lease has ended already."))
    return 0 if told["ended"] else NOT_COMPLIANT


@click.command(
    cls=Speaking,
    help=h(
        "Open one storage device on TERMINAL without a swipe: for two people, in the ledger, and clause 7.2b fails for"
        " it. Needs the running controller."
    ),
)
@click.argument("terminal")
@click.option(
    "--person",
    "people",
    metavar="ID",
    multiple=True,
    help=h("Who allows it: twice, two people, by staff number or account, never by name; it is kept in the ledger."),
)
@click.option("--purpose", type=click.Choice(["case", "maintenance", "other"]), required=True, help=h("What for."))
@click.option("--minutes", type=click.IntRange(1, 60), required=True, help=h("How long, 1 to 60."))
@click.option("--reason", metavar="TEXT", required=True, help=h("Why; it is kept in the ledger."))
@click.option("--yes", is_flag=True, help=h("Do not ask."))
@click.pass_context
def grant(context: click.Context, /, terminal: str, yes: bool, **given: Any) -> int:
    """See the help text."""
    from controller.cards.people import two_people
    from controller.cli.session import site_context
    from controller.cli.subjects import agree, reason_given
    from controller.control import ask

    chosen = settings(context)
    why, people = reason_given(given["reason"]), two_people(given["people"])
    with site_context(chosen, recovering=False) as site:
        name, actor, folder = terminal_name(site.site, terminal), site.actor, site.site.folder
    agree(chosen, t("Open {terminal} without a swipe? Clause 7.2b fails for it.", terminal=name), yes=yes)
    asked = {
        "do": "grant", "terminal": name, "people": list(people), "purpose": given["purpose"],
        "minutes": given["minutes"], "reason": why, "actor": actor,
    }  # fmt: skip
    told = ask(folder, asked)
    if chosen.json:
        chosen.give({"lease": told["lease"], "terminal": name, "minutes": given["minutes"], "fails": "7.2b"})
    chosen.say(t("{terminal} is told to open: lease {lease}.", terminal=name, lease=told["lease"]))
    chosen.say(t("No card is swiped: clause 7.2b fails for this opening; it is in the ledger."))
    return 0


def terminal_name(site: Any, text: str) -> str:
    """Give the declared terminal's name; raises NotFound."""
    from controller.cli.terminal import terminal_of

    return terminal_of(site, text).name


def lease_json(grant: KeptGrant) -> dict[str, object]:
    """Give a lease as documented JSON."""
    from policies.codec import stamp

    return {
        "lease": grant.jti,
        "terminal": grant.terminal,
        "cards": list(grant.cards),
        "reader": grant.reader or None,
        "purpose": grant.purpose,
        "signed_at": stamp(grant.signed_at),
        "expires": stamp(grant.expires),
        "state": grant.state.value,
        "state_at": stamp(grant.state_at or grant.signed_at),
        "why": grant.why or None,
        "ending": grant.ending or None,
        "extends": grant.extends or None,
        "entry": grant.entry,
    }
