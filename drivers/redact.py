"""Secrets never leave: what a dialect calls secret is blanked before a line is shown, kept or raised."""

from __future__ import annotations

import re

from drivers.dialect import Dialect


def blank_secrets(dialect: Dialect, line: str) -> str:
    """Replace in `line` what the dialect calls secret (group 1 of its regexes), so that it can be shown."""
    for pattern in dialect.secrets:
        line = re.sub(pattern, _blank, line)
    return line


def _blank(match: re.Match[str]) -> str:
    if match.lastindex is None or match[1] is None:
        return match[0]
    start, end = match.start(1) - match.start(), match.end(1) - match.start()
    return match[0][:start] + "<secret>" + match[0][end:]
