"""Breaking lines of Chinese and English text alike: a Chinese character takes two columns and stands without blanks.

The standard library's textwrap counts characters and breaks at blanks only, so Chinese lines come out twice as wide as
the terminal. The rules for punctuation at the ends of a line are those of GB/T 15834-2011, section 5.1.
"""

from __future__ import annotations

import unicodedata

#: May not begin a line; may not end one.
_NOT_FIRST = frozenset("，。；：、！？）》」』】〕”’…,.;:!?)]}")
_NOT_LAST = frozenset("（《「『【〔“‘([{")


def columns(text: str) -> int:
    """Give the columns that `text` takes in a terminal."""
    return sum(2 if _wide(character) else 1 for character in text if not unicodedata.combining(character))


def has_wide(text: str) -> bool:
    """Tell whether a character of `text` takes two columns."""
    return any(map(_wide, text))


def wrap(text: str, width: int) -> list[str]:
    """Break one paragraph into lines of at most `width` columns; a longer word (a path, a URL) keeps its own line."""
    lines: list[str] = []
    line = ""
    for unit in _units(" ".join(text.split())):
        if line and columns(line + unit.rstrip()) > width:
            lines.append(line.rstrip())
            line = unit.lstrip()
        else:
            line += unit
    return [*lines, line.rstrip()] if line.strip() else lines


def _wide(character: str) -> bool:
    return unicodedata.east_asian_width(character) in "WF"


def _units(text: str) -> list[str]:
    """Cut `text` where a line may break; what belongs together, a blank behind it included, stays one unit."""
    units: list[str] = []
    for character in text:
        # A blank behind an opening bracket hides nothing: the bracket would still be the last of its line.
        if units and not (_may_break(units[-1][-1], character) and units[-1].rstrip()[-1:] not in _NOT_LAST):
            units[-1] += character
        else:
            units.append(character)
    return units


def _may_break(left: str, right: str) -> bool:
    if right == " " or right in _NOT_FIRST or left in _NOT_LAST:
        return False
    return left == " " or _wide(left) or _wide(right) or left in _NOT_FIRST - frozenset(",.;:!?)]}")
