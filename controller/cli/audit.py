"""audit: read, verify and checkpoint the ledger."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from controller.cli.base import NOT_COMPLIANT, Group, Settings, h, settings
from policies.errors import ConfigError, InputError
from policies.texts import t

if TYPE_CHECKING:
    from controller.ledger.verify import VerifyReport
    from policies.keys import PublicKey


@click.group(cls=Group, help=h("Read and verify the ledger."))
def audit() -> None:
    """See the help text."""


@audit.command(help=h("Show ledger entries, the newest at the end."))
@click.option("--kind", metavar="KIND", help=h("Entries of this kind, or whose kind begins so: apply, port.block."))
@click.option("--subject", metavar="SUBJECT", help=h("Entries about this device, switch or SWITCH/PORT."))
@click.option("--since", metavar="TIME", help=h("From this day or time on: 2026-01-31, 2026-01-31T08:00."))
@click.option("--until", metavar="TIME", help=h("Up to this time, or to the end of this day."))
@click.option(
    "--limit",
    type=click.IntRange(1, 1_000_000),
    default=50,
    metavar="N",
    help=h("At most so many, the newest. Default: 50."),
)
@click.pass_context
def log(context: click.Context, /, limit: int, **given: str | None) -> int:
    """See the help text."""
    from controller.cli.session import site_context
    from controller.cli.words import entry_json, local_time
    from controller.ledger.query import Filter, entries

    chosen = settings(context)
    until = given["until"]
    where = Filter(
        kind=given["kind"],
        subject=given["subject"],
        since=None if given["since"] is None else moment(given["since"], "--since"),
        before=None if until is None else moment(until, "--until", end=True),
    )
    with site_context(chosen, recovering=False) as site:
        found = list(entries(site.store, where, newest_first=True, limit=limit))[::-1]
    if chosen.json:
        chosen.give({"entries": [entry_json(entry) for entry in found]})
    elif found:
        rows = [
            (entry.seq, local_time(entry.at), entry.actor, entry.kind, entry.subject, _brief(entry.data))
            for entry in found
        ]
        chosen.table((t("no."), t("time"), t("actor"), t("kind"), t("subject"), t("data")), rows)
    else:
        chosen.say(t("No entry matched."))
    return 0 if found else NOT_COMPLIANT


@audit.command(help=h("Recompute the whole ledger: numbers, bytes, hashes, tree and signatures."))
@click.option("--key", type=click.Path(path_type=Path), metavar="FILE", help=h("Public key. Default: the site's own."))
@click.pass_context
def verify(context: click.Context, key: Path | None) -> int:
    """See the help text."""
    from controller.ledger.key import ledger_public_key
    from controller.ledger.verify import verify as verify_ledger
    from controller.store.open import open_store
    from policies.load import load_site

    chosen = settings(context)
    site = load_site(chosen.site)
    public = ledger_public_key(site.folder) if key is None else _key(key)
    # Read-only: an auditor needs no right to write, and a verification must leave no trace.
    with open_store(site.folder, read_only=True) as store:
        report = verify_ledger(store, site.name, public)
    if chosen.json:
        chosen.give(_report_json(report, own_key=key is None))
    else:
        _show(chosen, report, own_key=key is None)
    return NOT_COMPLIANT if report.missing_triggers else 0


@audit.command(help=h("Sign the ledger as it is now, for good, and print the signed note."))
@click.pass_context
def checkpoint(context: click.Context) -> int:
    """See the help text."""
    from controller.cli.session import site_context

    chosen = settings(context)
    with site_context(chosen, recovering=False) as site:
        signed = site.ledger.checkpoint(keep=True)
    if chosen.json:
        chosen.give(
            {
                "origin": signed.checkpoint.origin,
                "size": signed.checkpoint.size,
                "root": signed.checkpoint.root.hex(),
                "note": signed.note,
            }
        )
    chosen.say(signed.note.rstrip("\n"))
    return 0


def moment(text: str, where: str, *, end: bool = False) -> datetime:
    """Read a day or a time; without a zone it is this machine's. A day's `end` is the next midnight."""
    plain = text.strip()
    try:
        if len(plain) == 10:
            day = date.fromisoformat(plain) + timedelta(days=int(end))
            return datetime(day.year, day.month, day.day).astimezone()  # local midnight is meant
        return datetime.fromisoformat(plain).astimezone()
    except (ValueError, OverflowError):
        raise InputError(
            t("'{text}' is not a day or time", text=text[:60]),
            where=where,
            next_step=t("write it like 2026-01-31 or 2026-01-31T08:00"),
        ) from None


def _key(path: Path) -> PublicKey:
    from policies.keys import PublicKey

    try:
        with path.open("rb") as file:
            pem = file.read(65_536)
    except OSError as error:
        raise ConfigError(
            t("the file {path} cannot be read ({cause})", path=path, cause=error.strerror or ""),
            where="--key",
            next_step=t("name the public key that was handed over at the acceptance"),
        ) from None
    return PublicKey.from_pem(pem, str(path))


def _brief(data: dict[str, object]) -> str:
    import json

    text = json.dumps(data, ensure_ascii=False, separators=(", ", ": "))[1:-1]
    return text if len(text) <= 160 else text[:159] + "…"


def _show(chosen: Settings, report: VerifyReport, *, own_key: bool) -> None:
    chosen.say(
        t(
            "{entries} entries verify, from {first} to {last}",
            entries=report.entries,
            first=report.first_at or "-",
            last=report.last_at or "-",
        )
    )
    chosen.say(t("root {root}", root=report.root.hex()))
    chosen.say(
        t(
            "{count} checkpoints, signed by key {fingerprint}; {uncovered} entries are not covered yet",
            count=report.checkpoints,
            fingerprint=report.fingerprint or "-",
            uncovered=report.uncovered,
        )
    )
    if own_key:
        chosen.say(t("the key is the site's own: an auditor compares the fingerprint with the one handed over"))
    for back in report.clock_backs:
        chosen.say(
            t(
                "the clock went back at entry {seq}: {before} → {after}",
                seq=back.seq,
                before=back.before,
                after=back.after,
            )
        )
    if report.orphan_count:
        numbers = ", ".join(f"#{seq}" for seq in report.orphans)
        chosen.say(t("{count} acts have no outcome: {numbers}", count=report.orphan_count, numbers=numbers))
    for name in report.missing_triggers:
        chosen.note(t("somebody has removed a safeguard from the database: {name}", name=name))


def _report_json(report: VerifyReport, *, own_key: bool) -> dict[str, object]:
    return {
        "entries": report.entries,
        "first_at": report.first_at,
        "last_at": report.last_at,
        "root": report.root.hex(),
        "checkpoints": report.checkpoints,
        "covered": report.covered,
        "uncovered": report.uncovered,
        "fingerprint": report.fingerprint,
        "own_key": own_key,
        "clock_back_count": report.clock_back_count,
        "clock_backs": [{"seq": each.seq, "before": each.before, "after": each.after} for each in report.clock_backs],
        "orphan_count": report.orphan_count,
        "orphans": list(report.orphans),
        "missing_triggers": list(report.missing_triggers),
    }
