"""card: the access-control system's list of cards, imported or kept up with; cards revoked, restored, forgotten."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from controller.cli.base import NOT_COMPLIANT, USAGE, Group, Settings, h, settings
from policies.texts import Text, t

if TYPE_CHECKING:
    from controller.cards.keep import Incoming
    from controller.cli.cards_shown import Shown
    from controller.context import Context
    from policies.cards.rights import Card

_STATUSES = ("active", "suspended", "revoked")


@click.group(cls=Group, help=h("Import and show the access-control system's list of cards; revoke and forget cards."))
def card() -> None:
    """See the help text."""


def one_card(command: Callable[..., Any]) -> Callable[..., Any]:
    """Let a verb name its card by pseudonym, or by its number."""
    number = click.option(
        "--number",
        is_flag=True,
        help=h("Ask for the card's number, as in the list: at a hidden prompt, or one line of standard input."),
    )
    return click.argument("card_", metavar="[CARD]", required=False)(number(command))


@card.command(
    "import",
    help=h(
        "Put a list (CSV, XLSX or JSON) in force, whole or not at all: every problem is told by row and column, and"
        " what changes is shown first. Cards are shown by pseudonyms."
    ),
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help=h("Show problems and preview, and change nothing."))
@click.option("--yes", is_flag=True, help=h("Do not ask."))
@click.option("--force", is_flag=True, help=h("Also when the list takes many cards away."))
@click.pass_context
def import_(context: click.Context, file: Path, dry_run: bool, yes: bool, force: bool) -> int:
    """See the help text."""
    from controller.cards.keep import look, take
    from controller.cards.source import read_file
    from controller.cli.cards_shown import import_json, show_imported, show_incoming, show_problems
    from controller.cli.session import site_context

    chosen = settings(context)
    content = read_file(file)
    with site_context(chosen, recovering=False) as site:
        incoming = look(site, content, file.name)
        if incoming.preview is None:
            if chosen.json:
                chosen.give(import_json(chosen, incoming, None))
            else:
                show_problems(chosen, incoming.read.problems, incoming.read.notes)
            return USAGE
        if not chosen.json:
            show_incoming(chosen, incoming)
        if dry_run:
            imported = None
        else:
            agreed = _agreed(chosen, site, incoming, yes=yes)
            imported = take(site, incoming, force=force or agreed)
    if chosen.json:
        chosen.give(import_json(chosen, incoming, imported))
    elif imported is None:
        chosen.say(t("Nothing was changed."))
    else:
        show_imported(chosen, imported)
    return 0


@card.command(
    help=h(
        "Look at the export that site.toml names, and import it when it is new. Exit code 1: it is old; 2: it has"
        " problems; 3: it cannot be read; 4: it takes too many cards away. The list before stays in force then."
    )
)
@click.option("--force", is_flag=True, help=h("Also when the list takes many cards away."))
@click.pass_context
def sync(context: click.Context, force: bool) -> int:
    """See the help text."""
    from controller.cards.sync import sync as look_at_source
    from controller.cli.cards_shown import LOOKS, show_imported, show_problems, sync_json
    from controller.cli.session import site_context

    chosen = settings(context)
    with site_context(chosen, recovering=False) as site:
        synced = look_at_source(site, force=force)
    sentence, code = LOOKS[synced.look.state]
    if chosen.json:
        chosen.give(sync_json(chosen, synced, code))
    elif code == 0:
        chosen.say(sentence)
    else:
        chosen.note(sentence)
    if synced.problems and not chosen.json:
        show_problems(chosen, synced.problems)
    elif synced.error is not None:
        chosen.note(synced.error.line(chosen.language))
    elif synced.look.problem is not None and code:
        chosen.note(synced.look.problem)
    if synced.imported is not None and not chosen.json:
        show_imported(chosen, synced.imported)
    return code


@card.command("list", help=h("List the cards of the list in force: status, validity, rights. Names are masked."))
@click.option("--status", type=click.Choice(_STATUSES), help=h("Cards of this status only."))
@click.option("--terminal", metavar="NAME", help=h("Cards that have a right at this terminal only."))
@click.option("--names", is_flag=True, help=h("Show holders' names in full."))
@click.pass_context
def list_(context: click.Context, status: str | None, terminal: str | None, names: bool) -> int:
    """See the help text."""
    from controller.cards.sync import last_look
    from controller.cli.cards_shown import listing_json, look_json
    from controller.cli.session import site_context
    from controller.cli.terminal import terminal_of
    from controller.store.cards import authority, listing

    chosen = settings(context)
    with site_context(chosen, recovering=False) as site:
        at = None if terminal is None else terminal_of(site.site, terminal).name
        found, inforce, look = authority(site.store), listing(site.store), last_look(site.store)
        shown = _shown(site, names=names)
    cards = [
        each
        for each in (() if found is None else found.cards)
        if (status is None or each.status == status) and (at is None or any(right.at(at) for right in each.rights))
    ]
    if chosen.json:
        chosen.give(
            {
                "list": listing_json(inforce),
                "source": look_json(chosen, look),
                "cards": [shown.json(each) for each in cards],
            }
        )
    elif inforce is None:
        chosen.say(t("No list of cards was imported yet. Next: portseal card import FILE"))
    else:
        headings = (t("card"), t("holder"), t("status"), t("validity"), t("rights"))
        chosen.table(headings, [shown.row(each) for each in cards])
        chosen.say(
            t(
                "{count} of {cards} cards; list {version} of {at}",
                count=len(cards),
                cards=inforce.cards,
                version=inforce.version,
                at=f"{inforce.imported_at:%Y-%m-%d %H:%M}Z",
            )
        )
        if look is not None and look.problem is not None:
            chosen.note(look.problem)
    return NOT_COMPLIANT if not cards and (status or terminal) else 0


@card.command(help=h("Show one card: holder (masked), status, validity, rights, and whether it is revoked here."))
@one_card
@click.option("--names", is_flag=True, help=h("Show holders' names in full."))
@click.pass_context
def show(context: click.Context, card_: str | None, number: bool, names: bool) -> int:
    """See the help text."""
    from controller.cli.card_given import card_given
    from controller.cli.session import site_context
    from controller.store.cards import authority

    chosen = settings(context)
    with site_context(chosen, recovering=False) as site:
        pseudonym = card_given(chosen, site, card_, number=number)
        found = authority(site.store)
        shown = _shown(site, names=names)
    listed = None if found is None else found.card(pseudonym)
    if chosen.json:
        facts = {"card": pseudonym, "name": shown.name(pseudonym), "revoked_here": shown.revocation_json(pseudonym)}
        chosen.give({**(facts if listed is None else shown.json(listed)), "listed": listed is not None})
        return 0
    _tell(chosen, shown, pseudonym, listed)
    return 0


@card.command(
    help=h(
        "Let a card open nothing from now on, also while the list still has it in force, until 'card restore'. What it"
        " has open is relocked."
    )
)
@one_card
@click.option("--reason", required=True, metavar="TEXT", help=h("Why; kept beside the ledger, for it may name people."))
@click.pass_context
def revoke(context: click.Context, card_: str | None, number: bool, reason: str) -> int:
    """See the help text."""
    from controller.cards.keep import revoke as revoke_card
    from controller.cli.card_given import card_given
    from controller.cli.session import site_context
    from controller.cli.subjects import reason_given

    chosen = settings(context)
    why = reason_given(reason)
    with site_context(chosen, recovering=False) as site:
        pseudonym = card_given(chosen, site, card_, number=number)
        changed = revoke_card(site, pseudonym, why)
    if chosen.json:
        chosen.give({"card": pseudonym, "changed": changed})
    elif changed:
        chosen.say(t("{card}: revoked here; it opens nothing until 'portseal card restore'", card=pseudonym))
    else:
        chosen.say(t("{card}: was revoked here before; nothing was changed", card=pseudonym))
    return 0


@card.command(help=h("Take the site's own revocation of a card back: from then on the list alone counts."))
@one_card
@click.pass_context
def restore(context: click.Context, card_: str | None, number: bool) -> int:
    """See the help text."""
    from controller.cards.keep import restore as restore_card
    from controller.cli.card_given import card_given
    from controller.cli.session import site_context

    chosen = settings(context)
    with site_context(chosen, recovering=False) as site:
        pseudonym = card_given(chosen, site, card_, number=number)
        changed = restore_card(site, pseudonym)
    if chosen.json:
        chosen.give({"card": pseudonym, "changed": changed})
    elif changed:
        chosen.say(t("{card}: the list alone counts again", card=pseudonym))
    else:
        chosen.say(t("{card}: is not revoked here", card=pseudonym))
    return 0 if changed else NOT_COMPLIANT


@card.command(
    help=h(
        "Forget whose card this is, for good: name, number's index and salt go, and the card is unknown. The ledger"
        " keeps the pseudonym, which then means nobody."
    )
)
@one_card
@click.option("--yes", is_flag=True, help=h("Do not ask."))
@click.pass_context
def erase(context: click.Context, card_: str | None, number: bool, yes: bool) -> int:
    """See the help text."""
    from controller.cards.keep import erase as erase_card
    from controller.cli.card_given import card_given
    from controller.cli.session import site_context
    from controller.cli.subjects import agree
    from controller.store.cards import listed

    chosen = settings(context)
    with site_context(chosen, recovering=False) as site:
        pseudonym = card_given(chosen, site, card_, number=number)
        inforce = listed(site.store)
        in_list = inforce is not None and inforce.card(pseudonym) is not None
        if in_list:
            chosen.note(t("the list still has this card: the next one brings it back under another pseudonym"))
        agree(chosen, t("Forget whose card {card} is, for good?", card=pseudonym), yes=yes)
        erased = erase_card(site, pseudonym)
    if not erased.log_empty:
        chosen.note(t("another process reads the database: old bytes stay in its log until that ends"))
    if chosen.json:
        chosen.give({"card": pseudonym, "listed": in_list, "log_empty": erased.log_empty})
    chosen.say(t("{card}: forgotten", card=pseudonym))
    return 0


@card.command(
    help=h(
        "Make the certificate by which the access-control system publishes its list on the broker, for the request in"
        " FILE ('openssl req -new'); those before it end. site.toml must say published = true in [authority]."
    )
)
@click.argument("file", metavar="FILE")
@click.option("--out", metavar="FILE", default="access.pem", help=h("Where to write it. Default: access.pem here."))
@click.option("--anew", is_flag=True, help=h("Its lists count their versions from the beginning again."))
@click.pass_context
def enroll(context: click.Context, file: str, out: str, anew: bool) -> int:
    """See the help text."""
    from controller.broker.certify import certify_access
    from controller.cli.certifying import refuse_other_file, request_in
    from controller.cli.session import site_context
    from controller.secrets.files import write_private
    from policies.codec import stamp

    chosen = settings(context)
    request, path = request_in(file), Path(out)
    refuse_other_file(path)
    with site_context(chosen, recovering=False) as site:
        made = certify_access(site, request, anew=anew)
        vouching = site.site.folder / "keys/ca.pem"
    write_private(path, made.issued.pem, mode=0o644)
    if chosen.json:
        chosen.give({
            "file": str(path), "serial": made.issued.serial, "expires": stamp(made.issued.expires),
            "authority": str(vouching), "ended": list(made.ended), "anew": anew,
        })  # fmt: skip
    chosen.say(t("The certificate of {name} is in {file}, good until {day}.", name="access", file=path,
                 day=made.issued.expires.date()))  # fmt: skip
    chosen.say(t("The access-control system trusts the broker by {file}.", file=vouching))
    if made.ended:
        chosen.say(t("{count} certificates before it count no more.", count=len(made.ended)))
    return 0


def _agreed(chosen: Settings, site: Context, incoming: Incoming, *, yes: bool) -> bool:
    """Ask before a list replaces another one; whether a person has agreed, who was told how many cards go."""
    from controller.cli.subjects import agree

    if yes or incoming.first or not incoming.differs:
        return False
    question = t("Replace the list: {added} added, {changed} changed, {removed} removed?", **incoming.counts)
    if incoming.shrinks(site.site.list_source.most_removed_percent):
        question = t(
            "The list takes away {lost} of {active} cards in force. Replace it?",
            lost=incoming.lost,
            active=incoming.active,
        )
    agree(chosen, question, yes=False)
    return True


def _shown(site: Context, *, names: bool) -> Shown:
    from controller.cli.cards_shown import Shown
    from controller.store import cards

    return Shown(site.site.zone, cards.names(site.store), cards.revocations(site.store), names)


def _tell(chosen: Settings, shown: Shown, pseudonym: str, listed: Card | None) -> None:
    from controller.cli.cards_shown import rights_words

    facts: list[tuple[Text, object]] = [(t("card"), pseudonym), (t("holder"), shown.name(pseudonym) or "-")]
    if listed is not None:
        facts += [
            (t("status"), shown.status(listed)),
            (t("validity"), shown.validity(listed)),
            (t("rights"), rights_words(listed.rights)),
            (t("longest opening"), t("{minutes} min", minutes=listed.limits.seconds // 60)),
            (t("devices"), listed.limits.devices),
        ]
    for label, value in facts:
        chosen.say(t("{label}: {value}", label=label, value=value))
    if listed is None:
        chosen.say(t("the list in force does not have it"))
    revoked = shown.revoked.get(pseudonym)
    if revoked is not None:
        chosen.say(
            t(
                "revoked here by {actor} at {at}: {reason}",
                actor=revoked.actor,
                at=f"{revoked.revoked_at:%Y-%m-%d %H:%M}Z",
                reason=revoked.reason,
            )
        )
