"""reader: the card readers that the site declares, what their swipes prove, and their certificates."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from controller.cli.base import Group, Settings, h, settings
from policies.cards.rights import Trust
from policies.codec import stamp
from policies.errors import NotFound
from policies.texts import Text, t

if TYPE_CHECKING:
    from collections.abc import Iterable

    from controller.cards.reader_notes import Mind
    from controller.ledger.entry import Entry
    from policies.cards.rights import Reader
    from policies.site import Site

_TRUSTS: dict[Trust, Text] = {Trust.AUTHENTICATED: t("proven"), Trust.IDENTIFIED: t("identifies only")}


@click.group(
    cls=Group, help=h("Show the card readers: what their swipes prove, what to mind; make their certificates.")
)
def reader() -> None:
    """See the help text."""


@reader.command("list", help=h("List the declared readers, with what opens at each and when it was last heard."))
@click.pass_context
def list_(context: click.Context) -> int:
    """See the help text."""
    from policies.load import load_site

    chosen = settings(context)
    site = load_site(chosen.site)
    views = list(_views(site, site.readers))
    if chosen.json:
        chosen.give({"readers": [view.json(chosen) for view in views]})
        return 0
    if not views:
        chosen.say(t("The site declares no reader. Next: declare each one in site.toml, as [readers.NAME]"))
        return 0
    headings = (t("name"), t("format"), t("trust"), t("opens"), t("to mind"), t("last swipe"), t("outcome"))
    chosen.table(headings, [view.row() for view in views])
    return 0


@reader.command(help=h("Show one reader: way in, card rule in plain words, what its swipes prove, and what to mind."))
@click.argument("name")
@click.pass_context
def show(context: click.Context, name: str) -> int:
    """See the help text."""
    from policies.load import load_site

    chosen = settings(context)
    site = load_site(chosen.site)
    (view,) = _views(site, (_reader(site, name),))
    if chosen.json:
        chosen.give(view.json(chosen))
        return 0
    for sentence in view.sentences(chosen):
        chosen.say(sentence)
    return 0


@reader.command(
    help=h(
        "Make the certificate of a reader, or of its gateway, for the request in FILE ('openssl req -new'); those"
        " before it end."
    )
)
@click.argument("name")
@click.argument("file", metavar="FILE")
@click.option("--out", metavar="FILE", help=h("Where to write it. Default: NAME.pem in this folder."))
@click.pass_context
def enroll(context: click.Context, name: str, file: str, out: str | None) -> int:
    """See the help text."""
    from controller.broker.reader_certificate import certify
    from controller.cli.certifying import refuse_other_file, request_in
    from controller.cli.session import site_context
    from controller.secrets.files import write_private

    chosen = settings(context)
    request, path = request_in(file), Path(out or f"{name}.pem")
    refuse_other_file(path)
    with site_context(chosen, recovering=False) as site:
        made = certify(site, _reader(site.site, name), request)
        vouching = site.site.folder / "keys/ca.pem"
    write_private(path, made.issued.pem, mode=0o644)
    if chosen.json:
        chosen.give({
            "reader": name, "file": str(path), "serial": made.issued.serial, "expires": stamp(made.issued.expires),
            "authority": str(vouching), "ended": list(made.ended),
        })  # fmt: skip
    chosen.say(t("The certificate of {name} is in {file}, good until {day}.", name=name, file=path,
                 day=made.issued.expires.date()))  # fmt: skip
    chosen.say(t("The reader trusts the broker by {file}.", file=vouching))
    if made.ended:
        chosen.say(t("{count} certificates before it count no more.", count=len(made.ended)))
    return 0


@reader.command(
    help=h("Take a reader's certificates away: its connection ends, and it comes back with a new one only.")
)
@click.argument("name")
@click.option("--reason", metavar="TEXT", required=True, help=h("Why; it is kept in the ledger."))
@click.pass_context
def revoke(context: click.Context, name: str, reason: str) -> int:
    """See the help text."""
    from controller.broker.revocation import revoke as revoke_identity
    from controller.cli.session import site_context
    from controller.cli.subjects import reason_given
    from controller.control import runs
    from policies.messages.identities import Identity, Role

    chosen = settings(context)
    why = reason_given(reason)
    with site_context(chosen, recovering=False) as site:
        done = revoke_identity(site, Identity(Role.READER, name), why)
        running = runs(site.site.folder)
    if chosen.json:
        chosen.give({"reader": name, "serials": list(done.serials), "running": running})
    chosen.say(t("{name}: {count} certificates are revoked.", name=name, count=len(done.serials)))
    return 0


def _reader(site: Site, name: str) -> Reader:
    found = site.reader(name)
    if found is None:
        raise NotFound(t("the site has no such reader"), where=name, next_step=t("see 'portseal reader list'"))
    return found


@dataclass(frozen=True, slots=True)
class _View:
    """A reader with what is known of it; `last` is the newest entry of the ledger about its swipes."""

    of: Reader
    ways: tuple[str, ...]
    proof: str
    warnings: tuple[Mind, ...]
    last: Entry | None

    def row(self) -> tuple[object, ...]:
        """Give the line of the table."""
        when = "-" if self.last is None else self.last.at.strftime("%Y-%m-%d %H:%M:%S")
        return (
            self.of.name, self.of.format, _TRUSTS[self.of.trust], ", ".join(self.of.terminals),
            len(self.warnings) or "-", when, "-" if self.last is None else _outcome(self.last),
        )  # fmt: skip

    def sentences(self, chosen: Settings) -> list[Text]:
        """Say all of it."""
        from controller.cards.reader_notes import PROOFS, rule_words
        from drivers.cards import find_format

        of = self.of
        said = [
            t("{name}: {title}, opens {terminals} for at most {minutes} minutes", name=of.name,
              title=find_format(of.format).title, terminals=", ".join(of.terminals), minutes=of.longest_minutes),
            t("  its messages come by: {ways}", ways=", ".join(self.ways)),
        ]  # fmt: skip
        chosen_by = [f"{key} {value}" for key, value in (("device", of.device), ("door", of.door)) if value]
        if chosen_by:
            said.append(t("  only those with: {parts}", parts=", ".join(chosen_by)))
        comma = "，" if chosen.language == "zh" else ", "
        said += [
            t("  cards: {rule}", rule=comma.join(chosen.text(each) for each in rule_words(of.rule))),
            t("  what proves a swipe: {proof}", proof=PROOFS[self.proof]),
            t("  trust: {trust}", trust=_TRUSTS[of.trust]),
        ]
        said += [t("  mind: {what}", what=each.what) for each in self.warnings]
        if self.last is None:
            said.append(t("  no swipe of it is in the ledger"))
        else:
            at = self.last.at.strftime("%Y-%m-%d %H:%M:%S")
            said.append(t("  last swipe: {at} UTC, {outcome} (entry {seq})", at=at, outcome=_outcome(self.last),
                          seq=self.last.seq))  # fmt: skip
        return said

    def json(self, chosen: Settings) -> dict[str, Any]:
        """Give it as documented JSON."""
        of, rule = self.of, self.of.rule
        return {
            "name": of.name,
            "format": of.format,
            "terminals": list(of.terminals),
            "trust": of.trust.value,
            "proof": self.proof or None,
            "topics": [] if of.webhook_name else list(self.ways),
            "webhook": self.ways[0] if of.webhook_name else None,
            "login": of.login or None,
            "device": of.device or None,
            "door": of.door or None,
            "zone": of.zone,
            "longest_minutes": of.longest_minutes,
            "card": {
                "digits": rule.digits.value, "order": rule.order.value, "length": str(rule.length),
                "parity": rule.parity, "facility": rule.facility, "bytes": rule.size,
            },
            "warnings": [{"code": each.code, "text": chosen.text(each.what)} for each in self.warnings],
            "last": None if self.last is None else _last_json(self.last),
        }  # fmt: skip


def _views(site: Site, wanted: Iterable[Reader]) -> Iterable[_View]:
    from controller.cards.reader_notes import proof_of, warnings_of
    from controller.cards.readers import filters_of

    for each in wanted:
        door = f"https://{site.web.host or site.broker.host or '…'}:{site.web.port}/reader/{each.webhook_name}"
        ways = filters_of(site.name, each) or (door,)
        yield _View(each, ways, proof_of(site, each), warnings_of(site, each), _last(site, each.name))


def _last(site: Site, name: str) -> Entry | None:
    """Give the newest entry about a swipe at a reader; a site without a database stays without."""
    from controller.ledger.query import Filter, entries
    from controller.store.open import FILE_NAME, open_store

    if not (site.folder / FILE_NAME).exists():
        return None
    with open_store(site.folder) as store:
        found = list(entries(store, Filter(kind="swipe", subject=name), newest_first=True, limit=1))
    return found[0] if found else None


def _last_json(entry: Entry) -> dict[str, Any]:
    return {"entry": entry.seq, "at": stamp(entry.at), "kind": entry.kind, "code": _code(entry)}


def _code(entry: Entry) -> str | None:
    code = entry.data.get("code", entry.data.get("cause"))
    return code if isinstance(code, str) else None


def _outcome(entry: Entry) -> str:
    """Give what came of a swipe: the code of the decision, else the kind of entry."""
    return _code(entry) or entry.kind.partition(".")[2]
