"""7.2c: bound and managed: device ↔ port ↔ terminal; unplugging a bound device is an event; openings expire."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from policies.clauses import c72a
from policies.codec import stamp
from policies.model import Finding, Verdict
from policies.openings import Opening, TerminalUse
from policies.terminal import Terminal, TerminalEvidence
from policies.texts import Text, t
from policies.usb import UsbBinding, UsbIdentity

CLAUSE = "7.2c"

#: What a terminal tells of a bound device that is not in its place, and what ends that.
_AWAY = frozenset(
    {"terminal.tamper.removed", "terminal.tamper.moved", "terminal.tamper.swapped", "terminal.tamper.hub"}
)
_BACK = frozenset({"terminal.tamper.returned", "terminal.tamper.replugged", "terminal.binding.removed"})
#: Everything of that kind: each is an alarm that was told.
_TOLD = _AWAY | {"terminal.tamper.replugged", "terminal.tamper.duplicate"}


def judge(
    terminal: Terminal, evidence: TerminalEvidence | None, use: TerminalUse | None, now: datetime
) -> Iterator[Finding]:
    """Judge one terminal by its last census and by what the ledger says of it.

    Without an agent no device is bound by anything: the lock's attestation is all there is. The age of the evidence is
    the caller's to judge.
    """
    if not terminal.agent:
        yield Finding(CLAUSE, terminal.name, *c72a.attested(terminal, now.date()))
        return
    if evidence is None or use is None or use.heard_at is None:
        what = t("there is no census of its USB ports") if evidence is None else t("its agent was never heard")
        yield Finding(CLAUSE, terminal.name, Verdict.UNVERIFIED, what)
        return
    at = min(evidence.report.taken_at, use.heard_at)
    found = [
        *(Finding(CLAUSE, f"{terminal.name}/{name}", *wrong, at) for name, wrong in _bindings(terminal, evidence, use)),
        *(Finding(CLAUSE, f"{terminal.name}/#{entry}", *wrong, at) for entry, wrong in _openings(use, now)),
    ]
    if use.stopped is not None:
        text = t("its agent was stopped at {at}: a bound device that is pulled is no event", at=stamp(use.stopped))
        found.append(Finding(CLAUSE, terminal.name, Verdict.UNVERIFIED, text, at))
    yield from found
    yield _sum(terminal.name, evidence, use, found, at)


def _bindings(
    terminal: Terminal, evidence: TerminalEvidence, use: TerminalUse
) -> Iterator[tuple[str, tuple[Verdict, Text]]]:  # fmt: skip
    """Judge every bound device: its port is in the register, and it is there, by the census or a later event."""
    away = _away(use, evidence.report.taken_at)
    coverage = c72a.compared(terminal, evidence)
    registered = {port for hole in coverage.holes if hole.registered for port in hole.ports}
    there = {(each.port, each.identity) for each in evidence.report.census.devices}
    for binding in evidence.bindings:
        if registered.isdisjoint(binding.ports):
            text = t("it is bound to {port}, which the register does not name", port=binding.ports[0])
            yield binding.name, (Verdict.FAIL, text)
        if binding.name in away:
            text = t("the bound device was pulled, moved or swapped at {at}, and is not back", at=away[binding.name])
            yield binding.name, (Verdict.FAIL, text)
        elif not _present(binding, there) and binding.name not in _returned(use, evidence.report.taken_at):
            yield binding.name, (Verdict.FAIL, t("the census does not show the bound device at its port"))


def _present(binding: UsbBinding, there: set[tuple[str, UsbIdentity]]) -> bool:
    return any((port, binding.identity) in there for port in binding.ports)


def _away(use: TerminalUse, census: datetime) -> dict[str, str]:
    """Give the bound devices whose last event, told after the census, is that they are not in their place, and when."""
    found: dict[str, str] = {}
    for each in use.of(*_AWAY, *_BACK):
        if each.at < census:
            continue
        for name in each.names:
            found.pop(name, None)
            if each.kind in _AWAY:
                found[name] = stamp(each.at)
    return found


def _returned(use: TerminalUse, census: datetime) -> frozenset[str]:
    return frozenset(name for each in use.of(*_BACK) if each.at >= census for name in each.names)


def _openings(use: TerminalUse, now: datetime) -> Iterator[tuple[int, tuple[Verdict, Text]]]:
    for each in use.openings:
        if (wrong := _opening(each, use, now)) is not None:
            yield each.entry, wrong


def _opening(opening: Opening, use: TerminalUse, now: datetime) -> tuple[Verdict, Text] | None:
    """Judge one opening: it is over when its time is, or still within it."""
    if not opening.overdue(now):
        return None
    if opening.ended is not None:
        text = t("it was to end at {ends}, and ended at {ended}", ends=stamp(opening.ends), ended=stamp(opening.ended))
        return Verdict.FAIL, text
    if use.heard_at is not None and use.heard_at > opening.ends:
        return Verdict.FAIL, t("it was to end at {ends}, and no end was told", ends=stamp(opening.ends))
    # The terminal's own clock and the keeper end it; that they did is told when the terminal is back.
    return Verdict.UNVERIFIED, t("it was to end at {ends}, and nothing was heard since", ends=stamp(opening.ends))


def _sum(terminal: str, evidence: TerminalEvidence, use: TerminalUse, found: list[Finding], at: datetime) -> Finding:
    verdicts = {finding.verdict for finding in found}
    verdict = next((each for each in (Verdict.FAIL, Verdict.UNVERIFIED) if each in verdicts), Verdict.PASS)
    text = t(
        "{bound} devices are bound to their ports; since {day} {alarms} alarms were told of them, and {ended} of"
        " {count} openings have ended",
        bound=len(evidence.bindings),
        day=use.since.date(),
        alarms=len(use.of(*_TOLD)),
        ended=sum(each.ended is not None for each in use.openings),
        count=len(use.openings),
    )
    return Finding(CLAUSE, terminal, verdict, text, at)
