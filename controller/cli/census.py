"""A terminal's signed census on the command line: reading the file, and what it says in words and as JSON."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from controller.cli.base import NOT_COMPLIANT, Settings
from controller.cli.verdicts import VERDICTS, finding_json, show_findings
from controller.cli.words import age, local_time
from controller.network.terminals import Taken, coverage_of
from controller.store.open import FILE_NAME, open_store, utc_now
from controller.store.terminals import SKEW, KeptCensus, kept_census
from policies.codec import stamp
from policies.comply import verdict
from policies.errors import InputError, UsageError
from policies.messages.evidence import MAX_EVIDENCE
from policies.model import Verdict
from policies.site import Site
from policies.terminal import Terminal
from policies.texts import Text, t


def document(file: str) -> bytes:
    """Read a document from `file`, "-" for standard input; a line end behind it, which a shell adds, is not of it.

    Raises InputError when it cannot be read; what is too long is cut, and refused by its reader.
    """
    try:
        if file != "-":
            with Path(file).open("rb") as stream:
                content = stream.read(MAX_EVIDENCE + 3)
        elif sys.stdin is None or sys.stdin.closed:
            raise UsageError(t("standard input is closed"), next_step=t("name a file, or pipe the census in"))
        else:
            content = sys.stdin.buffer.read(MAX_EVIDENCE + 3)
    except (OSError, ValueError) as error:
        raise InputError(
            t("the file cannot be read ({cause})", cause=getattr(error, "strerror", None) or ""),
            where=file,
            next_step=t("check the path and that you may read it"),
        ) from None
    return content.removesuffix(b"\n").removesuffix(b"\r")


def show_taken(chosen: Settings, terminal: Terminal, taken: Taken) -> int:
    """Show what was taken in and how it is judged; gives the exit code."""
    signed, coverage, judged = taken.signed, taken.coverage, verdict(taken.findings)
    code = NOT_COMPLIANT if judged in (Verdict.FAIL, Verdict.UNVERIFIED) else 0
    if chosen.json:
        chosen.give(
            {
                "terminal": terminal.name,
                "taken_at": stamp(signed.taken_at),
                "agent": signed.running,
                "digest": signed.digest,
                "fingerprint": signed.key.fingerprint,
                "trust": taken.trust,
                "covered": coverage.covered,
                "ports": len(coverage.holes),
                "percent": coverage.percent,
                "verdict": judged.value,
                "findings": [finding_json(chosen, finding) for finding in taken.findings],
            }
        )
        return code
    if taken.trust != "known":
        chosen.note(_trusted(terminal, taken))
    if not signed.running:
        chosen.note(t("The agent did not run when it was taken: no binding and no lease counts"))
    chosen.say(
        t(
            "{terminal}: {percent} % of {total} USB ports are covered, by the census of {at}",
            terminal=terminal.name,
            percent=coverage.percent,
            total=len(coverage.holes),
            at=local_time(signed.taken_at),
        )
    )
    show_findings(chosen, taken.findings, failures_only=False)
    chosen.say(t("{clause}: {verdict}", clause="7.2a", verdict=VERDICTS[judged]))
    return code


def _trusted(terminal: Terminal, taken: Taken) -> Text:
    fingerprint = taken.signed.key.fingerprint
    if taken.trust == "compared":
        return t("{terminal}: the key {fingerprint} is trusted from now on", terminal=terminal.name,
                 fingerprint=fingerprint)  # fmt: skip
    return t(
        "{terminal}: its first census; the key {fingerprint} is trusted from now on. Compare it with what the terminal"
        " shows: enrolment is not built yet",
        terminal=terminal.name,
        fingerprint=fingerprint,
    )


def census_of(site: Site, terminal: Terminal) -> KeptCensus | None:
    """Give the last census that was taken in, if there is one; a site without a database stays without."""
    if not (site.folder / FILE_NAME).exists():
        return None
    with open_store(site.folder) as store:
        return kept_census(store, terminal.name)


def census_json(site: Site, terminal: Terminal, kept: KeptCensus | None) -> dict[str, object] | None:
    """Give the last census of a terminal as documented JSON."""
    if kept is None:
        return None
    coverage = coverage_of(terminal, kept.signed)
    return {
        "taken_at": stamp(kept.signed.taken_at),
        "received_at": stamp(kept.received_at),
        "fresh": _is_fresh(site, kept),
        "agent": kept.signed.running,
        "fingerprint": kept.signed.key.fingerprint,
        "covered": coverage.covered,
        "ports": len(coverage.holes),
        "percent": coverage.percent,
    }


def census_sentences(site: Site, terminal: Terminal, kept: KeptCensus | None) -> Iterator[Text]:
    """Say the last census of a terminal in words; one that has no agent has none."""
    if kept is None:
        if terminal.agent:
            yield t("  census for 7.2a: none; 'portseal terminal census {name} FILE' takes one in", name=terminal.name)
        return
    signed, coverage = kept.signed, coverage_of(terminal, kept.signed)
    yield t(
        "  census for 7.2a: {percent} % of {total} USB ports covered, {age} ({at})",
        percent=coverage.percent,
        total=len(coverage.holes),
        age=age(signed.taken_at, utc_now()),
        at=local_time(signed.taken_at),
    )
    if not _is_fresh(site, kept):
        yield t("    too old to count, or from a time to come: take a new one")
    if not signed.running:
        yield t("    the agent did not run when it was taken: no binding and no lease counts")


def _is_fresh(site: Site, kept: KeptCensus) -> bool:
    """Tell whether the census counts as evidence by its age, as `check` judges it."""
    age_now = utc_now() - kept.signed.taken_at
    return -SKEW <= age_now <= timedelta(seconds=site.parameters.evidence_max_age_s)
