"""Terminals: taking in a signed census, however it came here, and judging clause 7.2a by what is kept."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import timedelta

from controller.context import Context
from controller.findings.egress import sights_of
from controller.findings.openings import lists_of, uses_of
from controller.store.terminals import SKEW, has_revoked_key, kept_censuses, put_census, refuse_older, trusted_key
from policies.codec import stamp
from policies.comply import comply_egress, comply_openings, comply_terminals, verdict
from policies.errors import InputError, SafetyRefusal, UsageError
from policies.keys import PublicKey
from policies.messages.evidence import SignedCensus, read_evidence
from policies.model import Finding
from policies.names.shown import cleaned, shown
from policies.terminal import Coverage, Terminal, compare
from policies.texts import t

#: Digits of a fingerprint that are enough to compare by: nobody finds two keys that share 64 bits of it at will.
_LEAST_DIGITS = 16
_FINGERPRINT = re.compile(rf"[0-9a-f]{{{_LEAST_DIGITS},64}}")


@dataclass(frozen=True, slots=True)
class Taken:
    """A census that was taken in. `trust` is "known", "compared" (by a person) or "first_use"."""

    signed: SignedCensus
    trust: str
    coverage: Coverage
    findings: tuple[Finding, ...]


def terminal_findings(context: Context, days: int | None = None) -> list[Finding]:
    """Judge every declared terminal for 7.2a to 7.2d: by its kept census, and by the ledger over `days` back.

    One that the site does not declare (any more) is judged as long as its census is fresh: then it still reports.
    """
    now, declared = context.clock(), {terminal.name for terminal in context.site.terminals}
    oldest = now - timedelta(seconds=context.site.parameters.evidence_max_age_s)
    evidence = {
        name: kept.signed.evidence
        for name, kept in kept_censuses(context.store).items()
        if name in declared or kept.signed.taken_at >= oldest
    }
    since = now - timedelta(days=days or context.site.parameters.openings_days)
    uses, lists = uses_of(context, since), lists_of(context)
    return [
        *comply_terminals(context.site, evidence, now),
        *comply_openings(context.site, evidence, uses, lists, now),
        *comply_egress(context.site, sights_of(context, since), now),
    ]


def take_in(context: Context, terminal: Terminal, data: bytes, where: str, fingerprint: str = "") -> Taken:
    """Check a signed census and keep it, in one act of the ledger; what is refused leaves no trace.

    The first document decides which key is the terminal's, unless a person gives the `fingerprint` that the terminal
    shows (at least 16 digits of it): then it must be that one, and it also takes the place of another key.

    Raises:
        InputError: it is damaged, another terminal's or site's, from a time to come, or no newer than the kept one.
        UsageError: the site says that this terminal has no agent.
        SafetyRefusal: it is signed by another key than the terminal's.

    """
    signed = read_evidence(data, where)
    _refuse_foreign(context, terminal, signed, where)
    before = trusted_key(context.store, terminal.name)
    if before is None and not fingerprint and has_revoked_key(context.store, terminal.name):
        raise SafetyRefusal(
            t("the key of this terminal was revoked, so nothing that it signs counts"),
            where=terminal.name,
            next_step=t("when it is in your hands again, enrol it with 'portseal terminal enroll'"),
        )
    trust = _trust(terminal.name, signed.key, before, fingerprint)
    refuse_older(context.store, signed)
    coverage = coverage_of(terminal, signed)
    site = replace(context.site, terminals=(terminal,))
    findings = comply_terminals(site, {terminal.name: signed.evidence}, context.clock())
    told: dict[str, object] = {
        "digest": signed.digest,
        "taken_at": stamp(signed.taken_at),
        "boot": signed.evidence.report.boot,
        "agent": signed.running,
        "fingerprint": signed.key.fingerprint,
        "trust": trust,
    }
    if before is not None and before != signed.key:
        told["replaces"] = before.fingerprint
    with context.ledger.act("terminal.census", terminal.name, told, context.actor) as act:
        put_census(context.store, signed, before)
        act.done({"covered": coverage.covered, "ports": len(coverage.holes), "verdict": verdict(findings).value})
    return Taken(signed, trust, coverage, tuple(findings))


def coverage_of(terminal: Terminal, signed: SignedCensus) -> Coverage:
    """Compare the terminal's register with a census of it."""
    evidence = signed.evidence
    return compare(terminal.register, evidence.report.census, evidence.bindings, evidence.leased)


def _refuse_foreign(context: Context, terminal: Terminal, signed: SignedCensus, where: str) -> None:
    """Raise for a census that cannot be this terminal's of now."""
    if not terminal.agent:
        raise UsageError(
            t("the site says that the terminal has no agent, so no census of it counts"),
            where=terminal.name,
            next_step=t("write agent = true in site.toml when it has one"),
        )
    if (signed.site, signed.terminal) != (context.site.name, terminal.name):
        raise InputError(
            t("it is the census of {terminal} at the site {site}", terminal=shown(signed.terminal),
              site=shown(signed.site)),
            where=where,
            next_step=t("name that terminal, or take the file of {name}", name=terminal.name),
        )  # fmt: skip
    if signed.taken_at > context.clock() + SKEW:
        raise InputError(
            t("it was taken at {at}, which is yet to come", at=stamp(signed.taken_at)),
            where=where,
            next_step=t("set the clock right, there or here, and take the census anew"),
        )


def _trust(terminal: str, key: PublicKey, before: PublicKey | None, fingerprint: str) -> str:
    """Say why the key is trusted; raises SafetyRefusal when it is not."""
    if fingerprint:
        given = cleaned(fingerprint).lower().replace(":", "").replace(" ", "")
        if not _FINGERPRINT.fullmatch(given):
            raise InputError(
                t("{text} is no fingerprint of a key", text=shown(fingerprint)),
                where="--key",
                next_step=t(
                    "write at least 16 hex digits of what the terminal shows with 'portseal-agent census --report'"
                ),
            )
        if not key.fingerprint.startswith(given):
            raise SafetyRefusal(
                t("it is signed by another key: {fingerprint}", fingerprint=key.fingerprint),
                where=terminal,
                next_step=t("take the census anew, and compare at the terminal itself"),
            )
        return "known" if key == before else "compared"
    if before is None:
        return "first_use"
    if key == before:
        return "known"
    raise SafetyRefusal(
        t(
            "it is signed by the key {new}, and that of this terminal is {old}",
            new=key.fingerprint,
            old=before.fingerprint,
        ),
        where=terminal,
        next_step=t(
            "find out why; if the terminal was installed anew, enrol it with 'portseal terminal enroll', or compare the"
            " fingerprint at the terminal and repeat with --key FINGERPRINT"
        ),
    )
