"""7.2b: by USB anti-plug devices, authenticated by card swipe: every opening maps to an authorised swipe.

A lock is judged by levels (policies.messages.lock): the kernel's gate alone (L1) fails, for the sentence names a
device; one that a person attests (L2) or that is sensed and driven by the swipe (L3) does not.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from policies.cards.case import read_case
from policies.cards.decide import replay
from policies.cards.rights import Kind
from policies.clauses import c72a
from policies.codec import stamp
from policies.errors import InputError
from policies.messages.lock import LEVELS, SILENT_SECONDS, LockLevel, LockState
from policies.model import Finding, Verdict
from policies.openings import Decision, Incident, ListsSight, LockSight, Opening, TerminalUse
from policies.terminal import LockLevel as Declared
from policies.terminal import Terminal
from policies.texts import Text, t

CLAUSE = "7.2b"

#: What a terminal or its controller tells that is an opening by something else than a lease, or a lock that does not
#: hold what the gate says.
_FOREIGN = {
    "terminal.gate.foreign_authorise": t("somebody else than the agent let a device in at {about}"),
    "terminal.lock.forced": t("the anti-plug lock {about} was opened by force"),
    "terminal.lock.open_without_lease": t("the anti-plug lock {about} was open without a lease"),
    "terminal.lock.gate_disagrees": t("the anti-plug lock {about} and the kernel's gate said different things"),
    "offline.unexplained": t("it was opened without a connection, by what nobody here has signed"),
    "lock.forced": t("the anti-plug lock {about} was opened by force"),
    "lock.open_without_lease": t("the anti-plug lock {about} was open without a lease"),
    "lock.gate_disagrees": t("the anti-plug lock {about} and the kernel's gate said different things"),
}
#: What makes the record of a terminal incomplete, so that an opening may be missing in it.
_HOLES = {
    "terminal.chain_gap": t("{about} of its events are missing"),
    "terminal.chain_fork": t("its events contradict each other: a copy of it, or its memory was put back"),
    "terminal.state.corrupt": t("its memory was lost: events may be missing"),
    "terminal.state.rolled_back": t("its memory was put back: events may be missing"),
    "terminal.spool.full": t("it had no room for some of its events"),
}
_WRONG = {
    "open_without_lease": t("the anti-plug lock is open, and no lease is"),
    "gate_disagrees": t("the anti-plug lock and the kernel's gate say different things"),
}


def judge(terminal: Terminal, use: TerminalUse | None, lists: ListsSight, now: datetime) -> Iterator[Finding]:
    """Judge one terminal by what the ledger says of it; `use` None: nothing was looked up.

    Without an agent no opening is told by anything: the lock's attestation is all there is, and a person confirms it.
    The age of the evidence is the caller's to judge.
    """
    if not terminal.agent:
        yield Finding(CLAUSE, terminal.name, *c72a.attested(terminal, now.date()))
        return
    level, lock = (LockLevel.L1, []) if use is None else _lock(terminal, use, now)
    if use is None or use.heard_at is None:
        yield Finding(CLAUSE, terminal.name, Verdict.UNVERIFIED, t("its agent was never heard"))
        yield from (Finding(CLAUSE, terminal.name, verdict, text) for verdict, text in lock)
        return
    at = use.heard_at
    found = [
        *(Finding(CLAUSE, terminal.name, verdict, text, at) for verdict, text in (*lock, *_ways(use))),
        *(
            Finding(CLAUSE, f"{terminal.name}/#{entry}", verdict, text, at)
            for entry, verdict, text in (*_openings(use, lists), *_incidents(use))
        ),
    ]
    yield from found
    yield _sum(terminal.name, use, found, level, at)


def judge_lists(site: str, lists: ListsSight) -> Finding:
    """Judge the authority: there is a list of the access-control system's own, and it is what that system says."""
    if not lists.current:
        return Finding(CLAUSE, site, Verdict.FAIL, t("no list of the access-control system is in force"))
    if lists.problem is not None:
        text = t("list {version} is in force, and may not be what the access-control system says: {problem}",
                 version=lists.current, problem=lists.problem)  # fmt: skip
        return Finding(CLAUSE, site, Verdict.UNVERIFIED, text)
    text = t("list {version} of the access-control system is in force", version=lists.current)
    return Finding(CLAUSE, site, Verdict.PASS, text)


def _ways(use: TerminalUse) -> Iterator[tuple[Verdict, Text]]:
    if not use.readers:
        yield Verdict.FAIL, t("no card reader of the site opens it")


def _lock(terminal: Terminal, use: TerminalUse, now: datetime) -> tuple[LockLevel, list[tuple[Verdict, Text]]]:
    """Give the level that counts now, and what is wrong about it."""
    declared, sight = terminal.lock, use.lock
    if declared.level is Declared.SENSED:
        wrong = lacks(sight, now)
        if not wrong:
            return LockLevel.L3, []
        # A sensed lock that cannot be heard holds plugs as one that a person has attested.
        if wrong[0][0] is not Verdict.UNVERIFIED or not (declared.vouched and sight.attested):
            return LockLevel.L1, wrong
    if declared.level is Declared.NONE:
        return LockLevel.L1, [(Verdict.FAIL, LEVELS[LockLevel.L1])]
    if not declared.vouched or declared.expires is None or not sight.attested:
        text = t("the lock is declared, and the ledger has no attestation of it that fits: portseal terminal attest")
        return LockLevel.L1, [(Verdict.FAIL, text)]
    if now.date() > declared.expires:
        text = t("the attestation of its lock has expired on {day}", day=declared.expires)
        return LockLevel.L1, [(Verdict.FAIL, text)]
    return LockLevel.L2, []


def lacks(sight: LockSight, now: datetime) -> list[tuple[Verdict, Text]]:
    """Say what a lock that is declared as sensed lacks for L3; nothing when it is sensed and driven."""
    report, heard = sight.report, sight.heard_at
    if report is None or heard is None:
        return [(Verdict.UNVERIFIED, t("the lock is declared as sensed, and none was ever heard"))]
    wrong = [(Verdict.FAIL, _WRONG[code]) for code in sight.wrong if code in _WRONG]
    if report.tamper or report.state is LockState.FORCED:
        wrong.append((Verdict.FAIL, t("the anti-plug lock was opened by force")))
    if wrong:
        return wrong
    if now - heard > timedelta(seconds=SILENT_SECONDS):
        return [
            (Verdict.UNVERIFIED, t("the lock is declared as sensed, and its last state is of {at}", at=stamp(heard)))
        ]
    if report.state is LockState.FAULT:
        return [(Verdict.UNVERIFIED, t("the anti-plug lock reports a fault"))]
    if not report.ctr:
        return [(Verdict.UNVERIFIED, t("the lock reports, and has never obeyed a command: no swipe drives it"))]
    return []


def _openings(use: TerminalUse, lists: ListsSight) -> Iterator[tuple[int, Verdict, Text]]:
    known = {each.jti for each in use.openings}
    for each in use.openings:
        if each.at >= use.since and not each.rescue:
            yield from ((each.entry, *wrong) for wrong in _opening(use.terminal, each, lists))
    for incident in use.of("terminal.usb.opened"):
        if incident.about not in known:
            yield incident.entry, Verdict.FAIL, t("a device was let in on a lease that was never opened")


def _opening(terminal: str, opening: Opening, lists: ListsSight) -> Iterator[tuple[Verdict, Text]]:
    decision = opening.decision
    if decision is None:
        yield Verdict.FAIL, t("it was opened, and no entry before it decided so")
    elif decision.entry >= opening.entry or decision.terminal != terminal:
        yield Verdict.FAIL, t("it was opened, and the decision about it is later, or another terminal's")
    elif not decision.case:
        yield Verdict.FAIL, _ordered(decision.people)
    else:
        yield from _decided(opening, decision, lists)


def _ordered(people: tuple[str, ...]) -> Text:
    if len(set(people)) < 2:
        return t("it was opened without a swipe, and without two people")
    return t("it was opened without a swipe, by order of {one} and {other}", one=people[0], other=people[1])


def _decided(opening: Opening, decision: Decision, lists: ListsSight) -> Iterator[tuple[Verdict, Text]]:
    """Decide the swipe again, and compare: the card, the list, and what was written down then."""
    try:
        case, outcome = read_case(decision.case), replay(decision.case)
    except InputError as error:
        yield Verdict.UNVERIFIED, t("its decision cannot be made again: {cause}", cause=error.what)
        return
    if outcome.kind is not Kind.GRANT or outcome.code != decision.code:
        yield Verdict.FAIL, t("decided again, the swipe opens nothing: {reason}", reason=outcome.reason)
    elif case.terminal.name != decision.terminal or case.presented.card != opening.card:
        yield Verdict.FAIL, t("it was opened for another card or terminal than was decided")
    elif lists.lists.get(case.version) != (case.file_mac, case.content):
        text = t("its card was authorised by list {version}, of which the ledger has no import", version=case.version)
        yield Verdict.FAIL, text


def _incidents(use: TerminalUse) -> Iterator[tuple[int, Verdict, Text]]:
    for each in use.incidents:
        if each.kind == "terminal.rescue.used":
            yield each.entry, Verdict.FAIL, _rescued(each, use)
        elif each.kind in _FOREIGN:
            yield each.entry, Verdict.FAIL, _about(_FOREIGN[each.kind], each)
        elif each.kind in _HOLES:
            yield each.entry, Verdict.UNVERIFIED, _about(_HOLES[each.kind], each)


def _about(text: Text, incident: Incident) -> Text:
    return Text(text.message, (("about", incident.about or "?"),)) if "{about}" in text.message else text


def _rescued(incident: Incident, use: TerminalUse) -> Text:
    if incident.about not in use.codes:
        return t("a rescue code opened it without a swipe, and no entry says who gave the code")
    if len(set(incident.people)) < 2:
        return t("a rescue code opened it without a swipe, and without two people")
    return t("a rescue code opened it without a swipe, for {one} and {other}",
             one=incident.people[0], other=incident.people[1])  # fmt: skip


def _sum(terminal: str, use: TerminalUse, found: list[Finding], level: LockLevel, at: datetime) -> Finding:
    verdicts = {finding.verdict for finding in found}
    verdict = next((each for each in (Verdict.FAIL, Verdict.UNVERIFIED) if each in verdicts), Verdict.PASS)
    opened = [each for each in use.openings if each.at >= use.since]
    text = t(
        "{count} openings since {day}, {wrong} findings; level {level} ({meaning})",
        count=len(opened), day=use.since.date(), wrong=len(found), level=level, meaning=LEVELS[level],
    )  # fmt: skip
    return Finding(CLAUSE, terminal, verdict, text, at)
