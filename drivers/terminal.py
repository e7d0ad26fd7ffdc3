"""What a terminal's text says: the end where a prompt can be, control sequences, log messages, the echo. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from drivers.lines import is_log

#: What a terminal obeys and does not show: window titles, colours, bracketed paste, character sets, bell.
_CONTROL = re.compile(r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|\x1b\([A-Z0-9]|\x07|\x00")
_BACKSPACES = re.compile(r"[^\n\x08]\x08")


def at_end(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    """Search a prompt, a pager's line or a question where it can be: on the last line, with the line end before it."""
    return pattern.search(text, max(0, text.rfind("\n", 0, len(text.rstrip()))))


def plain(text: str) -> str:
    """Give what a terminal would show, but for cursor moves that only a pager makes."""
    lines = text.replace("\r\n", "\n")
    if lines.replace("\n", "").isprintable():
        return lines  # as a rule a switch sends nothing else, and a long answer need not be searched thrice
    text = re.sub(r"(^|\n)\r+", r"\1", re.sub(r"\r+\n", "\n", _CONTROL.sub("", text)))
    while "\x08" in text:
        shorter = _BACKSPACES.sub("", text)
        if shorter == text:
            return text.replace("\x08", "")
        text = shorter
    return text


def without_logs(text: str) -> str:
    """Drop log messages. IOS shows no prompt again after one, so the prompt before it is the end of the answer."""
    if "%" not in text:
        return text
    lines = text.split("\n")
    logs = {number for number, line in enumerate(lines) if "%" in line and is_log(line)}
    if not logs:
        return text
    end = len(lines)
    while end and (not lines[end - 1] or end - 1 in logs):
        end -= 1
    trailing = lines[end:] if not any(number >= end for number in logs) else []
    return "\n".join([line for number, line in enumerate(lines[:end]) if number not in logs] + trailing)


def without_echo(text: str, echo: str) -> tuple[str, bool]:
    """Cut off the echoed command; a terminal may have wrapped it with carriage returns or blanks."""
    typed = text.find(echo)  # as a rule it is there as it was typed, and no character need be looked at by itself
    if typed >= 0:
        end = text.find("\n", typed + len(echo))
        return (text[end:], True) if end >= 0 else (text, False)
    wanted = "".join(echo.split())
    places = [place for place, character in enumerate(text) if not character.isspace()]
    at = "".join(text[place] for place in places).find(wanted)
    if at < 0 or not wanted:
        return text, not wanted
    end = text.find("\n", places[at + len(wanted) - 1])
    return (text[end:], True) if end >= 0 else (text, False)


def first_line(answer: str) -> str:
    """Give the first line that says something; IOS shows a mistake's place (`    ^`) above the sentence about it."""
    return next((line for line in answer.split("\n") if line.strip(" ^")), "")


def any_of(patterns: Sequence[str]) -> re.Pattern[str]:
    """Make one regex of several, each of which may fit any line."""
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.MULTILINE)


def shown(text: str) -> str:
    """Give the end of `text` on one line, for an error message."""
    return " ".join(text.split())[-120:]
