"""The generated parts of docs/agent.md: what a terminal tells, and why it refuses, from the code's own tables."""

from __future__ import annotations

from dataclasses import replace

from agent.usb.gate import CODES as GATE
from policies.cards.reasons import NEXT, SENTENCES
from policies.grants import CODES as GRANT
from policies.messages.kinds import KINDS
from policies.offline.judge import CODES as OFFLINE
from policies.texts import render

_HEADINGS = {
    "en": {
        "events": ("event", "meaning", "alarm"),
        "reasons": ("code", "meaning"),
        "answers": ("code", "the operator reads", "what helps, and whom to ask"),
    },
    "zh": {
        "events": ("事件", "含义", "告警"),
        "reasons": ("代码", "含义"),
        "answers": ("代码", "操作员看到", "怎么办、找谁"),
    },
}


def events_part(language: str) -> str:
    """Write every kind of event."""
    rows = [(f"`{kind}`", render(each.about, language), "●" if each.alarm else "") for kind, each in KINDS.items()]
    return _table("events", rows, language)


def grant_codes_part(language: str) -> str:
    """Write why a grant or a revocation is refused."""
    return _table("reasons", [(f"`{code}`", render(text, language)) for code, text in GRANT.items()], language)


def offline_codes_part(language: str) -> str:
    """Write why a card that is presented without a connection opens nothing."""
    told = {code: replace(text, values=(("seconds", "…"),)) if text.values else text for code, text in OFFLINE.items()}
    return _table("reasons", [(f"`{code}`", render(text, language)) for code, text in told.items()], language)


def operator_codes_part(language: str) -> str:
    """Write what the controller answers a swipe with, and what helps."""
    return _table(
        "answers",
        [
            (f"`{code}`", render(text, language).replace("{reason}", "…"), render(NEXT[code], language))
            for code, text in SENTENCES.items()
        ],
        language,
    )


def gate_codes_part() -> str:
    """Write the gate's decisions about a device."""
    return _table("reasons", [(f"`{code}`", text) for code, text in GATE.items()], "en")


def _table(name: str, rows: list[tuple[str, ...]], language: str) -> str:
    headings = list(_HEADINGS[language][name])
    lines = [_row(headings), _row(["---"] * len(headings)), *(_row(row) for row in rows)]
    return "\n".join(lines) + "\n"


def _row(cells: list[str] | tuple[str, ...]) -> str:
    return "| " + " | ".join(each.replace("|", "\\|") for each in cells) + " |"
