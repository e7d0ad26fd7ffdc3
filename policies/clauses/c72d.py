"""7.2d: no real-time networking with other applications through the internet: a fresh proof of each terminal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from policies.codec import stamp
from policies.egress import judge_proof
from policies.messages.proof import Proof, Role
from policies.model import Finding, Verdict
from policies.terminal import Terminal
from policies.texts import Text, t

CLAUSE = "7.2d"
#: What interrupts a guard, by the kind of the entry: each is counted over the period.
INTERRUPTIONS = frozenset(
    {"terminal.egress.tampered", "terminal.egress.not_applied", "terminal.egress.leak", "terminal.egress.file_broken"}
)
#: After these nothing is proved until the guard tells something again.
ENDINGS = frozenset({"terminal.egress.stopped", "terminal.egress.silent"})


@dataclass(frozen=True, slots=True)
class EgressSight:
    """What the ledger says of one terminal's ways out, from `since` on.

    `proof` is the last one, measured at `measured` by the terminal's clock, in entry number `entry`; None: none was
    told, or it cannot be read (`unreadable`). `interruptions` counts entries of :data:`INTERRUPTIONS`, the last of them
    at `last_interruption`. `ended` is when the guard was stopped or fell silent, None while it goes on.
    """

    since: datetime
    proof: Proof | None = None
    measured: datetime | None = None
    entry: int = 0
    unreadable: bool = False
    interruptions: int = 0
    last_interruption: datetime | None = None
    ended: datetime | None = None


def judge(terminal: Terminal, sight: EgressSight | None) -> Iterator[Finding]:
    """Judge one terminal by its last proof; the proof's age is the caller's to judge."""
    if not terminal.agent:
        text = t("it has no agent, so nothing is read back: a person must confirm that it has no way to the internet")
        yield Finding(CLAUSE, terminal.name, Verdict.MANUAL, text)
        return
    if sight is None or sight.proof is None:
        known = sight is not None and sight.unreadable
        text = t("its last proof cannot be read") if known else t("its network guard has proved nothing yet")
        yield Finding(CLAUSE, terminal.name, Verdict.UNVERIFIED, text)
        return
    at = sight.measured
    wrong = judge_proof(sight.proof)
    if sight.ended is not None:
        text = t("its network guard has proved nothing since {at}: stopped, or silent", at=stamp(sight.ended))
        wrong.append((Verdict.UNVERIFIED, text))
    for verdict, text in wrong:
        yield Finding(CLAUSE, f"{terminal.name}/#{sight.entry}", verdict, text, at)
    yield Finding(CLAUSE, terminal.name, _worst(wrong), _sum(sight.proof, sight), at)


def _worst(wrong: list[tuple[Verdict, Text]]) -> Verdict:
    found = {verdict for verdict, _ in wrong}
    return next((each for each in (Verdict.FAIL, Verdict.UNVERIFIED, Verdict.MANUAL) if each in found), Verdict.PASS)


def _sum(proof: Proof, sight: EgressSight) -> Text:
    canaries, controls = proof.of(Role.CANARY), proof.of(Role.CONTROL)
    counted = t(
        "{failed} of {canaries} canaries failed, {answered} of {controls} controls answered; since {day} {count}"
        " interruptions",
        failed=sum(not each.reached for each in canaries),
        canaries=len(canaries),
        answered=sum(each.reached for each in controls),
        controls=len(controls),
        day=sight.since.date(),
        count=sight.interruptions,
    )
    if sight.last_interruption is None:
        return counted
    return t("{counted}, the last at {at}", counted=counted, at=stamp(sight.last_interruption))
