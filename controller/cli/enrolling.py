"""terminal enroll, answer, revoke, attest: a terminal's certificate, and the evidence for its lock."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from controller.cli.base import Settings, Speaking, h, settings
from policies.errors import ConfigError, InputError, SafetyRefusal, UsageError
from policies.texts import t

if TYPE_CHECKING:
    from collections.abc import Iterator

    from controller.broker.revocation import Revoked
    from controller.context import Context
    from controller.network.attestation import Attestation
    from controller.store.certificates import Certificate
    from controller.store.enrolments import Enrolment
    from policies.site import Site
    from policies.terminal import Terminal
    from policies.texts import Text

#: Bytes of the largest request that is read.
_MOST = 65_536


@click.command(
    cls=Speaking,
    help=h(
        "Make a bundle: a file (mode 600) with which the terminal enrols itself, once. It holds a one-time token, which"
        " is never printed; an earlier bundle counts no more."
    ),
)
@click.argument("name")
@click.option("--out", metavar="FILE", help=h("Where to write it. Default: NAME.bundle in this folder."))
@click.option("--hours", type=click.IntRange(1, 336), default=24, show_default=True, help=h("How long it counts."))
@click.pass_context
def enroll(context: click.Context, name: str, out: str | None, hours: int) -> int:
    """See the help text."""
    from controller.broker.enrolment import open_enrolment
    from controller.cli.session import site_context
    from controller.cli.terminal import terminal_of
    from controller.secrets.files import write_private
    from policies.messages.bundle import write_bundle
    from policies.messages.identities import Identity, Role

    chosen = settings(context)
    with site_context(chosen, recovering=False) as site:
        declared = terminal_of(site.site, name)
        path = Path(out or f"{declared.name}.bundle")
        _refuse_other_file(path)
        opened = open_enrolment(site, declared, hours)
        present = _present(site, Identity(Role.TERMINAL, declared.name))
    write_private(path, write_bundle(opened.bundle))
    bundle = opened.bundle
    if chosen.json:
        chosen.give({
            "terminal": declared.name, "file": str(path), "expires": bundle.expires.isoformat(),
            "fingerprint": bundle.fingerprint, "door": str(bundle.door), "broker": str(bundle.broker),
            "replaces": opened.replaces, "enrolled": present is not None,
        })  # fmt: skip
    if opened.replaces:
        chosen.say(t("An earlier bundle was not used yet; it counts no more."))
    if present is not None:
        chosen.say(t("The terminal has a certificate until {day}; with this bundle it gets another one, and that one"
                     " ends.", day=present.expires.date()))  # fmt: skip
    for sentence in (
        t("The bundle of {name} is in {file}; it counts once, until {end}.", name=declared.name, file=path,
          end=bundle.expires.isoformat(timespec="minutes")),
        t("Carry it to the terminal over a way that you trust: who has it can enrol in its place."),
        t("The terminal shows the same: {fingerprint}", fingerprint=bundle.fingerprint),
        t("On the terminal: portseal-agent enroll {file}", file=path.name),
        t("  it asks {door}; without a way there, add --request FILE and answer that file here with"
          " 'portseal terminal answer'", door=str(bundle.door)),
    ):  # fmt: skip
        chosen.say(sentence)
    return 0


@click.command(
    cls=Speaking,
    help=h("Answer the request in FILE, which 'portseal-agent enroll BUNDLE --request FILE' has written."),
)
@click.argument("file", metavar="FILE")
@click.option("--out", metavar="ANSWER", help=h("Where to write the answer. Default: FILE.answer."))
@click.pass_context
def answer(context: click.Context, file: str, out: str | None) -> int:
    """See the help text."""
    from controller.broker.enrolment import enrol
    from controller.cli.session import site_context
    from controller.secrets.files import write_private
    from policies.messages.enrolment import read_request

    chosen = settings(context)
    data = _request(file)
    path = Path(out or f"{file}.answer")
    if path.exists() and path.resolve() == Path(file).resolve():
        raise UsageError(t("this is the request itself"), where="--out", next_step=t("name another file"))
    with site_context(chosen, recovering=False) as site:
        token = enrol(site, data, file)
    write_private(path, token.encode("ascii") + b"\n", mode=0o644)
    request = read_request(data)
    assert request.key is not None
    if chosen.json:
        chosen.give({"terminal": request.terminal, "file": str(path), "fingerprint": request.key.fingerprint})
    chosen.say(t("{name} is enrolled; the answer is in {file}.", name=request.terminal, file=path))
    chosen.say(t("The key of its events: {fingerprint}", fingerprint=request.key.fingerprint))
    chosen.say(t("On the terminal: portseal-agent enroll --answer {file}", file=path.name))
    return 0


@click.command(
    cls=Speaking,
    help=h(
        "Take a terminal's certificates away: its connection ends, and it comes back only after a new enrolment. Also"
        " for one that site.toml does not declare any more."
    ),
)
@click.argument("name")
@click.option("--reason", metavar="TEXT", required=True, help=h("Why; it is kept in the ledger."))
@click.pass_context
def revoke(context: click.Context, name: str, reason: str) -> int:
    """See the help text."""
    from controller.broker.revocation import revoke as revoke_identity
    from controller.cli.session import site_context
    from controller.cli.subjects import reason_given
    from controller.cli.terminal import terminal_of
    from controller.control import runs
    from controller.store.certificates import certificates
    from policies.messages.identities import Identity, Role

    chosen = settings(context)
    why = reason_given(reason)
    with site_context(chosen, recovering=False) as site:
        gone = site.site.terminal(name) is None and bool(certificates(site.store, f"terminal.{name}"))
        identity = Identity(Role.TERMINAL, name if gone else terminal_of(site.site, name).name)
        done = revoke_identity(site, identity, why)
        running = runs(site.site.folder)
    _tell_revoked(chosen, done, running=running)
    return 0


def _tell_revoked(chosen: Settings, done: Revoked, *, running: bool) -> None:
    name = done.identity.name
    if chosen.json:
        chosen.give(
            {"terminal": name, "serials": list(done.serials), "bundle": done.bundle, "running": running,
             "fingerprint": done.fingerprint or None}
        )  # fmt: skip
    chosen.say(t("{name}: {count} certificates are revoked.", name=name, count=len(done.serials)))
    if done.fingerprint:
        chosen.say(t("Events signed by its key {fingerprint} are refused from now on.", fingerprint=done.fingerprint))
    if done.bundle:
        chosen.say(t("A bundle that was not used yet counts no more."))
    chosen.say(
        t("The running controller ends its connection within a few seconds.")
        if running
        else t("The controller does not run here; a broker that it starts does not let the terminal in.")
    )


@click.command(
    cls=Speaking,
    help=h(
        "Record in the ledger that a person vouches for a terminal's mechanical lock (L2): site.toml must say the same,"
        " and the report and the photo are kept as SHA-256."
    ),
)
@click.argument("name")
@click.option(
    "--person", "by", metavar="ID", required=True,
    help=h("Who vouches: a staff number or an account, never a name; it is kept in the ledger."),
)  # fmt: skip
@click.option("--report", "number", metavar="TEXT", required=True, help=h("The report's number, as in site.toml."))
@click.option("--file", "report", metavar="FILE", required=True, help=h("The report itself: a scan or a PDF."))
@click.pass_context
def attest(context: click.Context, name: str, by: str, number: str, report: str) -> int:
    """See the help text."""
    from controller.cards.people import person
    from controller.cli.session import site_context
    from controller.cli.terminal import terminal_of
    from controller.network.attestation import attest as record

    chosen = settings(context)
    who = person(by)
    with site_context(chosen, recovering=False) as site:
        declared = terminal_of(site.site, name)
        made = record(site, declared, who, number.strip(), Path(report))
    if chosen.json:
        chosen.give({"terminal": declared.name, **attestation_json(made)})
    chosen.say(t("{name}: the attestation is entry {entry} of the ledger.", name=declared.name, entry=made.entry))
    chosen.say(t("  report: SHA-256 {digest}", digest=made.report_sha256))
    chosen.say(t("  photo: SHA-256 {digest}", digest=made.photo_sha256))
    return 0


def attestation_json(made: Attestation) -> dict[str, object]:
    """Give an attestation as documented JSON."""
    return {
        "entry": made.entry, "at": made.at.isoformat(), "by": made.by, "report_sha256": made.report_sha256,
        "photo_sha256": made.photo_sha256, "current": made.current,
    }  # fmt: skip


class Papers:
    """What the store has of a terminal beside its census: certificate, bundle, attestation of its lock."""

    def __init__(self, site: Site, terminal: Terminal) -> None:
        from controller.network.attestation import attestation
        from controller.store.certificates import certificates
        from controller.store.enrolments import enrolment
        from controller.store.open import FILE_NAME, open_store

        self.terminal = terminal
        self.certificate: Certificate | None = None
        self.bundle: Enrolment | None = None
        self.attestation: Attestation | None = None
        self.revoked = False
        if not (site.folder / FILE_NAME).exists():
            return
        with open_store(site.folder) as store:
            found = certificates(store, f"terminal.{terminal.name}")
            good = [each for each in found if each.revoked_at is None]
            self.certificate = good[-1] if good else None
            self.revoked = bool(found) and not good
            last = enrolment(store, terminal.name)
            self.bundle = last if last is not None and last.open(store.clock()) else None
            self.attestation = attestation(store, site, terminal)

    def json(self) -> dict[str, object]:
        """Give all of it, as documented JSON."""
        good, bundle, attested = self.certificate, self.bundle, self.attestation
        return {
            "certificate": None if good is None else {"serial": good.serial, "expires": good.expires.isoformat()},
            "revoked": self.revoked,
            "bundle_until": None if bundle is None else bundle.expires.isoformat(),
            "attestation": None if attested is None else attestation_json(attested),
        }

    def sentences(self) -> Iterator[Text]:
        """Say it in words."""
        if self.terminal.agent:
            if self.certificate is not None:
                yield t("  certificate: until {day}", day=self.certificate.expires.date())
            else:
                yield t("  certificate: revoked") if self.revoked else t("  certificate: none")
            if self.bundle is not None:
                yield t(
                    "  a bundle waits to be used, until {end}", end=self.bundle.expires.isoformat(timespec="minutes")
                )
        if not self.terminal.lock.vouched:
            return
        made = self.attestation
        if made is None:
            yield t("  the ledger has no attestation of the lock: 'portseal terminal attest' records it")
        elif made.current:
            yield t("  attested in the ledger: entry {entry}, {day}, by {person}", entry=made.entry,
                    day=made.at.date(), person=made.by)  # fmt: skip
        else:
            yield t("  entry {entry} of the ledger attests something else than site.toml says now", entry=made.entry)


def _present(site: Context, identity: object) -> Certificate | None:
    from controller.store.certificates import certificates

    good = [each for each in certificates(site.store, str(identity)) if each.revoked_at is None]
    return good[-1] if good else None


def _refuse_other_file(path: Path) -> None:
    """Only a bundle is overwritten: a slip of the keyboard must not cost site.toml."""
    from policies.messages.bundle import MAX_FILE, read_bundle

    if not path.exists():
        return
    try:
        with path.open("rb") as file:
            read_bundle(file.read(MAX_FILE + 1))
    except (OSError, InputError):
        raise SafetyRefusal(
            t("the file is there, and is no bundle"), where=str(path), next_step=t("name another file with --out")
        ) from None


def _request(name: str) -> bytes:
    try:
        with Path(name).open("rb") as file:
            return file.read(_MOST)
    except OSError as error:
        raise ConfigError(
            t("the file {path} cannot be read ({cause})", path=name, cause=error.strerror or ""),
            next_step=t("name the file that the terminal has written"),
        ) from None


#: What `portseal terminal` takes from here.
COMMANDS = (enroll, answer, revoke, attest)
