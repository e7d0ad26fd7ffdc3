"""terminal: what the site declares of its terminals, their censuses, and rescue codes that open one without a card."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click

from controller.cli import enrolling
from controller.cli.base import Group, h, settings
from policies.errors import InputError, NotFound, UsageError
from policies.texts import t

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policies.site import Site
    from policies.terminal import Terminal

#: An id of a person: a staff number or an account. The ledger cannot be erased, so no name of a person gets in.
_PERSON = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._@-]{0,62}[A-Za-z0-9])?")


@click.group(
    cls=Group, help=h("Show and enrol the terminals; take in their censuses; give rescue codes when nobody can swipe.")
)
def terminal() -> None:
    """See the help text."""


@terminal.command("list", help=h("List the declared terminals: lock, level for clause 7.2b, and what is missing."))
@click.pass_context
def list_(context: click.Context) -> int:
    """See the help text."""
    from controller.cli.terminals_shown import views_of
    from policies.load import load_site

    chosen = settings(context)
    views = views_of(load_site(chosen.site))
    if chosen.json:
        chosen.give({"terminals": [view.row(chosen) for view in views]})
        return 0
    if not views:
        chosen.say(t("The site declares no terminal. Next: declare each one in site.toml, as [terminals.NAME]"))
        return 0
    headings = (t("name"), t("platform"), t("agent"), t("place"), t("USB ports"), t("level"), t("missing for 7.2b"))
    chosen.table(
        headings,
        [
            (
                view.of.name,
                view.of.platform.value,
                t("yes") if view.of.agent else t("no"),
                view.of.place,
                len(view.of.register),
                view.level or "-",
                len(view.missing) or "-",
            )
            for view in views
        ],
    )
    return 0


@terminal.command(
    help=h("Show one terminal: register, lock, level for clause 7.2b, what is missing, and its last census.")
)
@click.argument("name")
@click.pass_context
def show(context: click.Context, name: str) -> int:
    """See the help text."""
    from controller.cli.census import census_json, census_of, census_sentences
    from controller.cli.enrolling import Papers
    from controller.cli.terminals_shown import view_of
    from policies.load import load_site

    chosen = settings(context)
    site = load_site(chosen.site)
    view = view_of(site, terminal_of(site, name))
    kept, papers = census_of(site, view.of), Papers(site, view.of)
    if chosen.json:
        chosen.give(
            {
                **view.json(chosen),
                **papers.json(),
                "lock_state": view.state_json(),
                "census": census_json(site, view.of, kept),
            }
        )
        return 0
    for sentence in (*view.sentences(), *papers.sentences(), *census_sentences(site, view.of, kept)):
        chosen.say(sentence)
    return 0


@terminal.command(
    help=h(
        "Take in the signed census in FILE (- for standard input), which 'portseal-agent census --report' has printed"
        " on the terminal, and judge clause 7.2a by it; exit code 1 when the terminal does not comply."
    )
)
@click.argument("name")
@click.argument("file")
@click.option(
    "--key",
    "fingerprint",
    metavar="FINGERPRINT",
    default="",
    help=h("The key that the terminal shows, 16 hex digits or more: trust it, also in place of another one."),
)
@click.pass_context
def census(context: click.Context, name: str, file: str, fingerprint: str) -> int:
    """See the help text."""
    from controller.cli.census import document, show_taken
    from controller.cli.session import site_context
    from controller.network.terminals import take_in

    chosen = settings(context)
    data = document(file)
    with site_context(chosen, recovering=False) as site:
        declared = terminal_of(site.site, name)
        return show_taken(chosen, declared, take_in(site, declared, data, file, fingerprint))


@terminal.command(
    "rescue-key",
    help=h("Make a terminal's rescue secret, once: a file (mode 600) to copy to the terminal. It is never printed."),
)
@click.argument("name")
@click.option("--renew", is_flag=True, help=h("Make another one; until the terminal has it, no code opens anything."))
@click.pass_context
def rescue_key(context: click.Context, name: str, renew: bool) -> int:
    """See the help text."""
    from controller.cli.session import site_context
    from controller.secrets.rescue import make_rescue_secret, rescue_file, secret_exists

    chosen = settings(context)
    with site_context(chosen, recovering=False) as site:
        declared = _with_agent(terminal_of(site.site, name))
        path = rescue_file(site.site.folder, declared.name)
        renewed = path.exists()
        if renewed and not renew:
            raise secret_exists(path)
        with site.ledger.act("terminal.rescue_key", declared.name, {"renewed": renewed}, site.actor) as act:
            make_rescue_secret(site.site.folder, declared.name, renew=renew)
            act.done()
    if chosen.json:
        chosen.give({"terminal": declared.name, "file": str(path), "renewed": renewed})
    chosen.say(t("the rescue secret of {name} is made: {file}", name=declared.name, file=path))
    chosen.say(
        t("Copy it to the terminal as /etc/portseal-agent/rescue.key (root's, mode 600), over a way that you trust")
    )
    return 0


@terminal.command(
    help=h(
        "Give a one-time code that opens a terminal without a card: for two people, in the ledger, and clause 7.2b"
        " fails for it. The terminal shows the challenge with 'portseal-agent rescue'."
    )
)
@click.argument("name")
@click.option(
    "--challenge", metavar="CODE", required=True, help=h("What the terminal shows; case and blanks are free.")
)
@click.option(
    "--person",
    "people",
    metavar="ID",
    multiple=True,
    help=h("Who allows it: twice, two people, by staff number or account, never by name; it is kept in the ledger."),
)
@click.option(
    "--use",
    "uses",
    type=click.Choice(["keyboard", "storage"]),
    multiple=True,
    required=True,
    help=h("What opens, one device each; twice for both."),
)
@click.option("--minutes", type=int, required=True, help=h("How long, 1 to 60; the terminal's own limit counts too."))
@click.option("--reason", metavar="TEXT", required=True, help=h("Why; it is kept in the ledger."))
@click.pass_context
def rescue(context: click.Context, /, name: str, **given: Any) -> int:
    """See the help text."""
    from controller.cli.session import site_context
    from controller.cli.subjects import reason_given
    from controller.secrets.rescue import read_rescue_secret
    from policies.rescue import Permit, RescueUse, read_challenge, rescue_code

    chosen = settings(context)
    why, people = reason_given(given["reason"]), _two(given["people"])
    uses = frozenset(RescueUse(each) for each in given["uses"])
    with site_context(chosen, recovering=False) as site:
        declared = _with_agent(terminal_of(site.site, name))
        challenge = read_challenge(site.site.name, declared.name, given["challenge"])
        permit = Permit(challenge, uses, given["minutes"], people)
        # Made before the act, so that a refusal leaves none; told after it, so that no code is without its entries.
        code = rescue_code(read_rescue_secret(site.site.folder, declared.name), permit)
        told: dict[str, object] = {
            "challenge": challenge.code,
            "uses": sorted(use.value for use in uses),
            "minutes": permit.minutes,
            "people": sorted(people),
            "swipe": False,
            "fails": "7.2b",
        }
        with site.ledger.act("terminal.rescue", declared.name, {**told, "reason": why}, site.actor) as act:
            act.done({"fails": "7.2b"})
    if chosen.json:
        chosen.give({"terminal": declared.name, "code": code, **told})
        return 0
    chosen.say(t("Code for {name}, once: {code}", name=declared.name, code=code))
    chosen.say(
        t("At the terminal: portseal-agent rescue CODE --person {first} --person {second}", first=people[0],
          second=people[1])
    )  # fmt: skip
    chosen.say(t("No card is swiped: clause 7.2b fails for this opening; it is in the ledger."))
    return 0


for _each in enrolling.COMMANDS:
    terminal.add_command(_each)


def terminal_of(site: Site, text: str) -> Terminal:
    """Give the declared terminal called `text`, in any case; raises NotFound with the nearest name."""
    import difflib

    from policies.names.shown import cleaned, shown

    wanted = cleaned(text)
    folded = [each for each in site.terminals if each.name.casefold() == wanted.casefold()]
    found = site.terminal(wanted) or (folded[0] if len(folded) == 1 else None)
    if found is not None:
        return found
    what = t("the site has no terminal called {name}", name=shown(text))
    names = [each.name for each in site.terminals]
    if near := difflib.get_close_matches(wanted[:64], names, n=1):
        raise NotFound(what, next_step=t("is {near} meant?", near=near[0]))
    raise NotFound(
        what, next_step=t("choose one of {names}, or declare it in site.toml", names=", ".join(names) or "-")
    )


def _with_agent(declared: Terminal) -> Terminal:
    if declared.agent:
        return declared
    raise UsageError(
        t("the terminal has no agent, so no code can open anything there"),
        where=declared.name,
        next_step=t("open its lock with the key, and record who did"),
    )


def _two(people: Sequence[str]) -> tuple[str, str]:
    """Give both ids in lower case, as the terminal's event will; that they differ is the rescue's own rule."""
    from policies.names.shown import cleaned, shown

    ids = [cleaned(each).lower() for each in people]
    for each, given in zip(ids, people, strict=True):
        if not _PERSON.fullmatch(each):
            raise InputError(
                t("{text} is not the id of a person", text=shown(given)),
                where="--person",
                next_step=t("write a staff number or an account, not a name: the ledger cannot be erased"),
            )
    if len(ids) != 2:
        raise UsageError(t("a rescue needs two different people"), where="--person", next_step=t("give --person twice"))
    return ids[0], ids[1]
