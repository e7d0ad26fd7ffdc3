"""The lines of an answer as a terminal shows them, for all dialects: noise is understood here, rows are not.

Pagers and their backspaces, log messages in the middle of a table, and the prompt at the end are gone; blocks that are
not to be read are left out, and wrapped lines are joined.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

#: A prompt of any vendor, privileged or not.
PROMPT = (
    r"(?:[A-Za-z0-9][\w.\-/:@+]{0,79}(?:\([\w.\-/:@+ ]{0,79}\))?[>#]"
    r"|<[^<>\s]{1,80}>|\[[~*]?[A-Za-z][^\[\]\s]{0,79}\])"
)
_TRAILING_PROMPT = re.compile(PROMPT + r"\s*", re.ASCII)
_CLOCK = r"\d{1,2}:\d\d:\d\d(?:[.:]\d{1,6})?"
#: Log messages that a terminal shows between two lines. IOS: an optional sequence number and time, then %FACILITY-
#: SEVERITY-MNEMONIC. Comware: %date host MODULE/level/. VRP: date host %%version MODULE/level/.
_LOG = re.compile(
    rf"(?:\d{{1,10}}: )?(?:[*.]?(?:[A-Z][a-z]{{2}} {{1,2}}\d{{1,2}} (?:\d{{4}} )?)?{_CLOCK}(?: [A-Z]{{1,5}})?: "
    r"|(?:\d+[ywdh]){1,4}: )?%[A-Z][A-Z0-9_]*(?:-[A-Z0-9_]+)*-[0-7]-[A-Z0-9_]+: "
    rf"|%[A-Z][a-z]{{2}} {{1,2}}\d{{1,2}} {_CLOCK} \d{{4}} \S+ [A-Z0-9]+/\d/"
    rf"|[A-Z][a-z]{{2}} {{1,2}}\d{{1,2}} \d{{4}} {_CLOCK}(?:[+-]\d\d:\d\d)? \S+ %%\d\d[A-Z0-9]+/\d/",
    re.ASCII,
)
#: A pager's question that was not erased. IOS overwrites " --More-- " with eight blanks when backspaces are lost.
_PAGER = re.compile(r" ?(?:-{2,4} ?More ?-{2,4}|<-{1,3} ?More ?-{1,3}>) ?(?: {8})?", re.IGNORECASE)
_TERMINAL = re.compile(r"\x1b\[(?P<count>\d*)[0-9;?]*(?P<action>[A-Za-z])|\x1b[=>]|[\x00-\x1f\x7f]")

#: Pairs of regexes: lines from one that matches the first to one that matches the second are not read.
Blocks = tuple[tuple[re.Pattern[str], re.Pattern[str]], ...]


def is_log(line: str) -> bool:
    """Tell whether `line` is a log message that a terminal shows between two lines of an answer."""
    return "%" in line and _LOG.match(line) is not None


@lru_cache(maxsize=32)
def said(text: str) -> tuple[str, ...]:
    """Give the lines that say something; kept, since several reads share one answer (a running configuration: four).

    Blanks at the end of lines, empty lines, log messages and the prompt at the end are left out.
    """
    lines = [line for line in _on_screen(text) if line]
    if lines and _TRAILING_PROMPT.fullmatch(lines[-1]):
        del lines[-1]
    return tuple(line for line in lines if not is_log(line)) if "%" in text else tuple(lines)


@lru_cache(maxsize=32)
def outside(lines: tuple[str, ...], blocks: Blocks) -> tuple[str, ...]:
    """Leave out the lines of `blocks`; kept like :func:`said`."""
    first_of_any = re.compile("|".join(f"(?:{first.pattern})" for first, _ in blocks), re.ASCII)
    if not any(map(first_of_any.match, lines)):
        return lines  # as a rule
    found: list[str] = []
    end: re.Pattern[str] | None = None
    for line in lines:
        if end is not None:
            end = None if end.match(line) else end
        elif first_of_any.match(line) is None:
            found.append(line)
        else:
            end = next(last for first, last in blocks if first.match(line))
    return tuple(found)


def joined(lines: Iterable[str], wrapped: re.Pattern[str]) -> list[str]:
    """Join each line that matches `wrapped` to the line before it."""
    found: list[str] = []
    for line in lines:
        if found and wrapped.match(line):
            found[-1] = f"{found[-1].rstrip()} {line.strip()}"
        else:
            found.append(line)
    return found


def _on_screen(text: str) -> Iterable[str]:
    """Give the lines as a terminal would show them: what backspaces and carriage returns overwrite is gone."""
    lines = [raw.rstrip("\r\n\t ") for raw in text.split("\n")]
    if "".join(lines).isprintable() and "more" not in text.lower():
        return lines  # no control character and no pager: as a rule there is nothing to turn, in thousands of lines
    return map(_shown, lines)


def _shown(line: str) -> str:
    line = line.replace("\x03", "^C")  # the mark around banners, which IOS writes both ways
    if not line.isprintable() and _TERMINAL.search(line):
        line = _overwritten(line).rstrip()
    return _PAGER.sub("", line, count=1) if _PAGER.match(line) else line


def _overwritten(line: str) -> str:
    cells: list[str] = []
    column = position = 0
    while position < len(line):
        match = _TERMINAL.match(line, position)
        if match is None or match.group() == "\t":
            cells[column : column + 1] = line[position]
            column, position = column + 1, position + 1
            continue
        position = match.end()
        if match.group() == "\r":
            column = 0
        elif match.group() == "\b" or match["action"] == "D":
            column = max(0, column - int(match["count"] or 1))
        elif match["action"] == "K":
            del cells[column:]
    return "".join(cells)
