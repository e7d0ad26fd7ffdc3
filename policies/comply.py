"""comply(expected, observed) and comply_terminals(evidence) → findings by sub-clause: one file each in clauses/."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from policies.clauses import c71a, c71b, c71c, c72a, c72b, c72c, c72d
from policies.clauses.c72d import EgressSight
from policies.clauses.sight import Sight
from policies.expected import stray_bindings
from policies.model import Binding, Device, ExpectedSwitch, Finding, ObservedSwitch, Verdict
from policies.openings import ListsSight, TerminalUse
from policies.site import Site
from policies.terminal import TerminalEvidence
from policies.texts import t

#: How far a reading may lie ahead of the clock: two machines' clocks differ a little.
_SKEW = timedelta(minutes=5)


def comply(
    site: Site,
    expected: Mapping[str, ExpectedSwitch],
    observed: Mapping[str, ObservedSwitch],
    devices: Iterable[Device],
    bindings: Iterable[Binding],
    now: datetime,
) -> list[Finding]:
    """Judge every switch of `expected` (by name) against 7.1a, 7.1b and 7.1c.

    A switch without a reading is unverified; what passed in one that is older than the site's `evidence_max_age_s`, or
    from a time to come, is unverified too. `devices` and `bindings` are the whole inventory: a device that is bound
    nowhere fails, whichever switches are judged.
    """
    known = {device.mac: device for device in devices}
    findings = list(_unbound(site, known.values(), bindings, now))
    sight = Sight(site, expected, observed)
    for name, wanted in expected.items():
        seen = observed.get(name)
        if seen is None:
            findings.extend(
                Finding(clause, name, Verdict.UNVERIFIED, t("the switch was not read"))
                for clause in ("7.1a", "7.1b", "7.1c")
            )
            continue
        judged = [
            *c71a.judge(site, wanted, seen, known, sight),
            *c71b.judge(wanted, seen),
            *c71c.judge(wanted, seen, sight),
        ]
        findings.extend(_aged(judged, site, seen.read_at, now))
    return findings


def comply_terminals(site: Site, evidence: Mapping[str, TerminalEvidence], now: datetime) -> list[Finding]:
    """Judge every terminal that the site declares against 7.2a, by what is known of it (by name).

    One with an agent and without a census is unverified; what passed in a census that is older than the site's
    `evidence_max_age_s`, or from a time to come, is unverified too. Evidence under a name that the site does not
    declare fails: there is a terminal outside the coverage. `now` is aware; its date is the last day's.
    """
    findings: list[Finding] = []
    for terminal in site.terminals:
        known = evidence.get(terminal.name)
        judged = list(c72a.judge(terminal, known, now.date()))
        if known is not None and terminal.agent:
            judged = _aged(judged, site, known.report.taken_at, now)
        findings.extend(judged)
    declared = {terminal.name for terminal in site.terminals}
    for name in sorted(evidence.keys() - declared):
        text = t("this terminal reports, but the site does not declare it")
        findings.append(Finding(c72a.CLAUSE, name, Verdict.FAIL, text, evidence[name].report.taken_at))
    return findings


def comply_openings(
    site: Site,
    evidence: Mapping[str, TerminalEvidence],
    uses: Mapping[str, TerminalUse],
    lists: ListsSight,
    now: datetime,
) -> list[Finding]:
    """Judge every declared terminal against 7.2b and 7.2c, by its census and by what the ledger says of its openings.

    What passed by evidence that is older than `evidence_max_age_s`, or from a time to come, is unverified. Where a
    terminal has an agent, the access-control system's list is judged too.
    """
    findings: list[Finding] = []
    for terminal in site.terminals:
        known, use = evidence.get(terminal.name), uses.get(terminal.name)
        for found in (*c72b.judge(terminal, use, lists, now), *c72c.judge(terminal, known, use, now)):
            aged = found.evidence_at is not None and terminal.agent
            findings.extend(_aged([found], site, found.evidence_at, now) if aged and found.evidence_at else [found])
    if any(terminal.agent for terminal in site.terminals):
        findings.append(c72b.judge_lists(site.name, lists))
    return findings


def comply_egress(site: Site, sights: Mapping[str, EgressSight], now: datetime) -> list[Finding]:
    """Judge every declared terminal against 7.2d, by the last proof that it has told (by name).

    What passed by a proof that is older than `evidence_max_age_s`, or from a time to come, is unverified.
    """
    findings: list[Finding] = []
    for terminal in site.terminals:
        for found in c72d.judge(terminal, sights.get(terminal.name)):
            at = found.evidence_at
            findings.extend([found] if at is None else _aged([found], site, at, now))
    return findings


def _unbound(site: Site, devices: Iterable[Device], bindings: Iterable[Binding], now: datetime) -> Iterator[Finding]:
    """Fail each device of the inventory whose binding is in force nowhere, in the clauses that demand one."""
    bound = {binding.device: binding for binding in bindings}
    strays = {stray.binding.device: stray for stray in stray_bindings(site, bound.values())}
    for device in sorted(devices, key=lambda each: each.name):
        if device.name in strays:
            stray = strays[device.name]
            text = t("its binding to {where} is not in force: {why}", where=stray.where, why=stray.why)
        elif device.name not in bound:
            text = t("not bound to any port")
        else:
            continue
        yield from (Finding(clause, device.name, Verdict.FAIL, text, now) for clause in ("7.1b", "7.1c"))


def verdict(findings: Iterable[Finding]) -> Verdict:
    """Give the worst verdict: fail, then unverified, then manual, then pass; nothing judged is unverified."""
    order = (Verdict.FAIL, Verdict.UNVERIFIED, Verdict.MANUAL, Verdict.PASS)
    present = {finding.verdict for finding in findings}
    return next((each for each in order if each in present), Verdict.UNVERIFIED)


def _aged(judged: list[Finding], site: Site, at: datetime, now: datetime) -> list[Finding]:
    age = now - at
    if age > timedelta(seconds=site.parameters.evidence_max_age_s) or age < -_SKEW:
        return [_stale(finding, at, age) for finding in judged]
    return judged


def _stale(finding: Finding, read_at: datetime, age: timedelta) -> Finding:
    if finding.verdict is not Verdict.PASS:
        return finding
    if age < timedelta():
        text = t("{text}, but that was read {at}, which is yet to come", text=finding.text, at=read_at.isoformat())
    else:
        text = t("{text}, but that was read {at}: too old to count", text=finding.text, at=read_at.isoformat())
    return replace(finding, verdict=Verdict.UNVERIFIED, text=text)
