"""A sheet as rows of clean text: what every reader gives and every rule reads."""

from __future__ import annotations

import re
from dataclasses import dataclass

from policies.errors import InputError
from policies.texts import Text, t

#: A list longer than this, or a file larger than this many bytes, is refused: the largest sites have 50,000 devices.
MAX_ROWS = 200_000
MAX_BYTES = 64 * 1024 * 1024

#: Full-width forms that input methods produce, and the ideographic space.
_HALF = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20, 0xA0: 0x20}
#: Characters that nobody sees: zero-width, direction marks, byte-order mark, soft hyphen, controls.
_UNSEEN = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\ufff9-\ufffb]")
_BLANKS = re.compile(r"\s+")
_GUARDED = re.compile(r"'+[=+\-@]")
_DANGEROUS = re.compile(r"'*[=+\-@]")


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One row as a person counts it (`number` from 1). `sheet` is empty for CSV.

    `flaws` are cells that cannot be read (a formula without result, an error value): (position from 0, what it is).
    """

    file: str
    sheet: str
    number: int
    cells: tuple[str, ...]
    flaws: tuple[tuple[int, Text], ...] = ()


def clean(text: str) -> str:
    """Give a cell's text with half-width letters, single blanks and without anything that cannot be seen."""
    if text.isalnum() and text.isascii():
        return text
    return _BLANKS.sub(" ", _UNSEEN.sub("", text.translate(_HALF))).strip()


def guard(text: str) -> str:
    """Put an apostrophe before what a spreadsheet would run as a formula (= + - @, also behind apostrophes)."""
    return f"'{text}" if _DANGEROUS.match(text) else text


def unguard(text: str) -> str:
    """Take away the apostrophe that :func:`guard` put there."""
    return text[1:] if _GUARDED.match(text) else text


def too_large(file: str) -> InputError:
    """Say that a list is beyond all sense."""
    return InputError(
        t("the list is too large"), where=file, next_step=t("give at most {rows} rows, without pictures", rows=MAX_ROWS)
    )
