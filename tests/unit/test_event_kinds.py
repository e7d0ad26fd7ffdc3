"""The table of event kinds is complete: what the agent tells is in it, and nothing else."""

from __future__ import annotations

import ast
from pathlib import Path

from agent.usb.lock import CODES
from agent.usb.tamper import TamperKind
from policies.messages.kinds import KINDS

ROOT = Path(__file__).resolve().parents[2]


def told() -> set[str]:
    """Give every literal of the agent whose first half is that of a known kind, and whose second is no file's."""
    halves = {kind.partition(".")[0] for kind in KINDS}
    files = {"db", "pem", "key", "lock", "toml", "json", "nonce", "sock", "pub"}
    found = set()
    for path in (ROOT / "agent").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                first, dot, second = node.value.partition(".")
                if dot and first in halves and second not in files and second.replace("_", "").isalpha():
                    found.add(node.value)
    return found


def test_every_kind_that_the_agent_tells_has_its_words_and_no_other() -> None:
    assert told() == set(KINDS)


def test_locks_and_tampering_are_in_it() -> None:
    assert set(CODES) <= set(KINDS)
    assert {each.value for each in TamperKind} <= set(KINDS)


def test_every_alarm_of_tampering_is_one() -> None:
    for each in TamperKind:
        assert KINDS[each.value].alarm is (each is not TamperKind.RETURNED)
