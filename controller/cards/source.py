"""The bytes of a list as rows: CSV and XLSX by the inventory's reader, JSON as rows under a heading row.

JSON is a list of objects, or an object whose member `cards` is one; their members are named as columns are.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

from controller.cards.columns import find_heading
from controller.inventory.columns import HEADING_WITHIN
from controller.inventory.rows import MAX_BYTES, MAX_ROWS, SheetRow, clean, too_large
from controller.inventory.sheet import read_bytes
from policies.errors import InputError
from policies.texts import Text, t

_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_MARKS = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be", b"\xef\xbb\xbf": "latin-1"}
_HINT = "sep="
_DELIMITERS = (",", "\t", ";")
_TAB = "\x01"
#: Lines from the top that tell the delimiter: more than a heading row may be below the top.
_TOP = 2 * HEADING_WITHIN


def read_file(path: Path) -> bytes:
    """Read a list's bytes; raises InputError when that cannot be, or it is too large."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError(
            t("the file cannot be read ({cause})", cause=error.strerror or ""),
            where=str(path),
            next_step=t("check the path and that you may read it"),
        ) from None
    return content


def read_list(content: bytes, name: str) -> tuple[SheetRow, ...]:
    """Read a list from its bytes, by what is in it; raises InputError, which repeats none of it."""
    if len(content) > MAX_BYTES:
        raise too_large(name)
    if content.startswith(_WORKBOOKS):
        return read_bytes(content, name)
    if content.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"["):
        return _read_json(content, name)
    return _read_text(content, name)


def _read_text(content: bytes, name: str) -> tuple[SheetRow, ...]:
    """Read CSV. The reader tells delimiters apart by an inventory's headings, so Excel's hint tells it which one."""
    mark = next((mark for mark in _MARKS if content.startswith(mark)), b"")
    encoding = _MARKS.get(mark, "latin-1")
    # Latin-1 stands for any bytes here: none of the delimiters is part of a character in UTF-8 or GB 18030.
    try:
        body = content[len(mark) :].decode(encoding)
    except UnicodeDecodeError:
        return read_bytes(content, name)  # which says what is wrong with it
    if body[:5].lower().startswith(_HINT):
        return read_bytes(content, name)
    delimiter, failure = _delimiter(body, name, lambda text: mark + text.encode(encoding))
    if delimiter is None:
        # The top alone cannot be read (a quoted cell goes on below it): the whole list tells.
        delimiter, failure = _delimiter(body, name, lambda text: mark + text.encode(encoding), whole=True)
    if delimiter is None:
        assert failure is not None
        raise failure
    rows = read_bytes(mark + _hinted(body, delimiter).encode(encoding), name)
    # The hint was a line of ours.
    return tuple([replace(row, number=row.number - 1) for row in rows])


def _delimiter(
    body: str, name: str, encode: Callable[[str], bytes], *, whole: bool = False
) -> tuple[str | None, InputError | None]:
    """Find the delimiter with which the top of a list has the most headings; None, and why, when none has two."""
    top = body if whole else "\n".join(body.split("\n", _TOP)[:_TOP])
    best, most = None, -1
    failure: InputError | None = None
    for delimiter in _DELIMITERS:
        try:
            rows = read_bytes(encode(_hinted(top, delimiter)), name)
        except InputError as error:
            failure = failure or InputError(error.what, where=name, next_step=error.next_step)
            continue
        heading = find_heading([row.cells for row in rows])
        found = 0 if heading is None else len(heading.places)
        if found > most:
            best, most = delimiter, found
    return (None, failure) if failure is not None and most < 2 else (best, failure)


def _hinted(body: str, delimiter: str) -> str:
    # "sep=" and a tab is no hint: the reader strips the line.
    if delimiter == "\t":
        return f"{_HINT}{_TAB}\n{body.replace(delimiter, _TAB)}"
    return f"{_HINT}{delimiter}\n{body}"


def _read_json(content: bytes, name: str) -> tuple[SheetRow, ...]:
    try:
        value = json.loads(
            content.decode("utf-8-sig"), object_pairs_hook=_members, parse_float=_refuse, parse_constant=_refuse,
            parse_int=str,
        )  # fmt: skip
    except (ValueError, RecursionError):
        raise InputError(
            t("the list is not JSON in UTF-8, or a member stands twice in an object"),
            where=name,
            next_step=t("write card numbers as text in quotes, and each member once"),
        ) from None
    cards = value.get("cards") if isinstance(value, dict) else value
    if not isinstance(cards, list) or not all(isinstance(each, dict) for each in cards):
        raise InputError(
            t("the list has no cards"),
            where=name,
            next_step=t("write a list of objects, or an object with the member 'cards'"),
        )
    if len(cards) > MAX_ROWS:
        raise too_large(name)
    columns = list(dict.fromkeys(key for card in cards for key in card))
    heading = SheetRow(name, "", 0, tuple(clean(column) for column in columns))
    return (heading, *(_row(name, number, card, columns) for number, card in enumerate(cards, 1)))


def _row(name: str, number: int, card: Mapping[str, Any], columns: list[str]) -> SheetRow:
    cells: list[str] = []
    flaws: list[tuple[int, Text]] = []
    for place, column in enumerate(columns):
        text = _cell(card.get(column))
        if text is None:
            flaws.append((place, t("a text, a whole number, true, false, or a list of texts is needed here")))
        cells.append(text or "")
    return SheetRow(name, "", number, tuple(cells), tuple(flaws))


def _cell(value: object) -> str | None:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return ",".join(clean(each) for each in value)
    return None


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member stands twice")
    return found


def _refuse(_: str) -> NoReturn:
    raise ValueError("a number with a fraction")
