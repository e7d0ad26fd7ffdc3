"""Reading .xlsx with openpyxl, streaming. Imported only when a workbook is read."""

from __future__ import annotations

import datetime as dt
import io
import re
import zipfile
from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import ParseError

from openpyxl import load_workbook

from controller.inventory.rows import MAX_ROWS, SheetRow, clean, too_large, unguard
from policies.errors import InputError
from policies.texts import Text, t

#: Unpacked bytes beyond which a workbook is refused before it is unpacked (a zip bomb, or pictures).
_MAX_UNPACKED = 512 * 1024 * 1024
_FORMULA = re.compile(rb"<(?:\w+:)?f[ >/]")
_BLANK_ROWS_END = 5_000
#: What openpyxl raises for a file that is not quite a workbook; each was seen with a truncated or edited file.
_DAMAGED = (
    zipfile.BadZipFile, KeyError, ValueError, TypeError, IndexError, AttributeError, EOFError, OSError, ParseError,
    NotImplementedError, AssertionError,
)  # fmt: skip


def read_workbook(content: bytes, name: str) -> tuple[SheetRow, ...]:
    """Read all sheets that are not hidden; raises InputError when the file is damaged or too large."""
    try:
        with_formulas = _inspect(content, name)
        values = load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        formulas = load_workbook(io.BytesIO(content), read_only=True) if with_formulas else None
        try:
            rows: list[SheetRow] = []
            for sheet in values.worksheets:
                if sheet.sheet_state == "visible":
                    rows += _rows(sheet, None if formulas is None else formulas[sheet.title], name)
            return tuple(rows)
        finally:
            values.close()
            if formulas is not None:
                formulas.close()
    except _DAMAGED:
        raise InputError(
            t("the workbook is damaged"), where=name, next_step=t("open it in Excel or WPS and save it again as .xlsx")
        ) from None


def _inspect(content: bytes, name: str) -> bool:
    """Tell whether a formula is in any sheet, which costs a second pass; raises InputError for a bomb."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if sum(item.file_size for item in archive.infolist()) > _MAX_UNPACKED:
            raise too_large(name)
        sheets = [item for item in archive.namelist() if item.startswith("xl/worksheets/")]
        return any(_FORMULA.search(archive.read(item)) for item in sheets)


def _rows(sheet: Any, formulas: Any, name: str) -> Iterator[SheetRow]:
    # The size that the file claims is often wrong (one row, or a million): read what is there.
    sheet.reset_dimensions()
    twins: Iterator[Any] = iter(())
    if formulas is not None:
        formulas.reset_dimensions()
        twins = formulas.iter_rows()
    blank = 0
    for number, cells in enumerate(sheet.iter_rows(), 1):
        twin = next(twins, ())
        row = _row(cells, twin, (name, sheet.title, number))
        if any(row.cells) or row.flaws:
            blank = 0
            yield row
            continue
        blank += 1
        if blank > _BLANK_ROWS_END:
            return
        if number > MAX_ROWS:
            raise too_large(name)


def _row(cells: tuple[Any, ...], twin: tuple[Any, ...], place: tuple[str, str, int]) -> SheetRow:
    texts: list[str] = []
    flaws: list[tuple[int, Text]] = []
    for position, cell in enumerate(cells):
        if cell.data_type == "e":
            flaws.append((position, t("the cell holds the error {value}", value=str(cell.value))))
            texts.append("")
            continue
        if cell.value is None and position < len(twin) and twin[position].data_type == "f":
            flaws.append((position, t("the cell holds a formula whose result was not saved")))
        texts.append(_text(cell.value))
    return SheetRow(place[0], place[1], place[2], tuple(texts), tuple(flaws))


def _text(value: object) -> str:
    """Give a cell's value as a person would type it: 123.0 is 123, a date is 2025-01-31."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    if isinstance(value, dt.datetime):
        return value.date().isoformat() if value.time() == dt.time() else value.isoformat(sep=" ")
    if isinstance(value, (dt.date, dt.time)):
        return value.isoformat()
    text = clean(str(value))
    return unguard(text) if isinstance(value, str) else text
