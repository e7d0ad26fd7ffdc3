"""Outcomes, findings and verdicts in words, and as documented JSON (docs/json.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from controller.cli.base import EQUIPMENT, NOT_COMPLIANT, REFUSED, Settings
from controller.cli.session import STATES
from controller.network.pool import Answers
from drivers.flow import Outcome, State
from policies.comply import verdict
from policies.errors import PortsealError
from policies.model import Finding, Verdict
from policies.texts import Text, t

#: The verdicts, in the notice's words and in English.
VERDICTS: dict[Verdict, Text] = {
    Verdict.PASS: t("pass"),
    Verdict.FAIL: t("fail"),
    Verdict.UNVERIFIED: t("unverified"),
    Verdict.MANUAL: t("manual"),
    Verdict.NOT_APPLICABLE: t("not applicable"),
}


def show_outcomes(chosen: Settings, plan_id: str, answers: Answers[Outcome], findings: Sequence[Finding]) -> int:
    """Show how an apply ended on each switch, and the verdict after it; gives the exit code."""
    judged = verdict(findings)
    codes = [error.exit_code for error in answers.errors.values()]
    codes += [EQUIPMENT for each in answers.results.values() if each.state is not State.DONE]
    code = max(codes, default=0)
    if chosen.json:
        chosen.give(
            {
                "plan": plan_id,
                "switches": {
                    name: {
                        "state": each.state.value,
                        "error": each.error.line(chosen.language) if each.error is not None else None,
                    }
                    for name, each in sorted(answers.results.items())
                }
                | {
                    name: {
                        "state": "refused" if error.exit_code == REFUSED else "failed",
                        "error": error.line(chosen.language),
                    }
                    for name, error in sorted(answers.errors.items())
                },
                "verdict": judged.value,
                "findings": [finding_json(chosen, finding) for finding in findings],
            }
        )
        return code
    for name, each in sorted(answers.results.items()):
        chosen.say(t("{switch}: {what}", switch=name, what=STATES[each.state]))
        if each.error is not None:
            chosen.note(each.error.line(chosen.language))
    for error in answers.errors.values():
        chosen.note(error.line(chosen.language))
    chosen.say(t("Verdict on 7.1 for these switches: {verdict}", verdict=VERDICTS[judged]))
    return code


def show_check(
    chosen: Settings, findings: Sequence[Finding], errors: Mapping[str, PortsealError], *, everything: bool
) -> int:
    """Show the findings and the verdict; gives the exit code: 3 when a switch could not be read."""
    judged = verdict(findings)
    if chosen.json:
        chosen.give(
            {
                "verdict": judged.value,
                "clauses": {clause: verdict(each).value for clause, each in _by_clause(findings).items()},
                "findings": [finding_json(chosen, finding) for finding in findings],
                "errors": {name: error.line(chosen.language) for name, error in errors.items()},
            }
        )
    else:
        show_findings(chosen, findings, failures_only=not everything)
        for clause, each in _by_clause(findings).items():
            chosen.say(t("{clause}: {verdict}", clause=clause, verdict=VERDICTS[verdict(each)]))
        chosen.say(t("Verdict: {verdict}", verdict=VERDICTS[judged]))
    if errors:
        return EQUIPMENT
    return NOT_COMPLIANT if judged in (Verdict.FAIL, Verdict.UNVERIFIED) else 0


def show_findings(chosen: Settings, findings: Sequence[Finding], *, failures_only: bool) -> None:
    """List findings; what passes is left out unless asked for."""
    quiet = (Verdict.PASS, Verdict.NOT_APPLICABLE) if failures_only else ()
    rows = [
        (finding.clause, finding.subject, VERDICTS[finding.verdict], finding.text)
        for finding in findings
        if finding.verdict not in quiet
    ]
    if rows:
        chosen.table((t("clause"), t("subject"), t("verdict"), t("finding")), rows)


def _by_clause(findings: Sequence[Finding]) -> dict[str, list[Finding]]:
    grouped: dict[str, list[Finding]] = {}
    for finding in sorted(findings, key=lambda each: each.clause):
        grouped.setdefault(finding.clause, []).append(finding)
    return grouped


def finding_json(chosen: Settings, finding: Finding) -> dict[str, object]:
    """Give a finding as documented JSON."""
    return {
        "clause": finding.clause,
        "subject": finding.subject,
        "verdict": finding.verdict.value,
        "text": chosen.text(finding.text),
        "evidence_at": finding.evidence_at.isoformat() if finding.evidence_at is not None else None,
    }
