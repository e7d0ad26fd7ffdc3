"""Reading an inventory list: CSV in the encodings and delimiters that Excel writes in China and elsewhere, or XLSX."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from controller.inventory.columns import HEADING_WITHIN, count_headings
from controller.inventory.rows import MAX_BYTES, MAX_ROWS, SheetRow, clean, too_large, unguard
from policies.errors import InputError
from policies.texts import t

_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_DELIMITERS = (",", "\t", ";")
_MOST_SEEN = 10_000


def read_sheet(path: Path) -> tuple[SheetRow, ...]:
    """Read a list; what is in the file decides, not its name. Raises InputError when it cannot be read as a list."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError(
            t("the file cannot be read ({cause})", cause=error.strerror or ""),
            where=str(path),
            next_step=t("check the path and that you may read it"),
        ) from None
    if len(content) > MAX_BYTES:
        raise too_large(path.name)
    return read_bytes(content, path.name)


def read_bytes(content: bytes, name: str) -> tuple[SheetRow, ...]:
    """Read a list from its bytes (an upload); `name` is what error messages call it."""
    if content.startswith(_ZIP):
        from controller.inventory.workbook import read_workbook

        return read_workbook(content, name)
    if content.startswith(_OLE):
        raise InputError(
            t("an old .xls file or one with a password"), where=name, next_step=t("save it as .xlsx without a password")
        )
    return _read_csv(_decode(content, name), name)


def _decode(content: bytes, name: str) -> str:
    """Decode UTF-8 (with or without a byte-order mark), UTF-16 with one ("Unicode text" of Excel), or GB 18030.

    GBK and GB 2312 are part of GB 18030. Valid UTF-8 with Chinese text is practically never valid by accident.
    """
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encodings: tuple[str, ...] = ("utf-16",)
    else:
        encodings = ("utf-8-sig", "gb18030")
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" not in text:
            return text
    raise InputError(
        t("neither text in UTF-8 or GBK nor a workbook"), where=name, next_step=t("save it as CSV UTF-8 or as .xlsx")
    )


def _read_csv(text: str, name: str) -> tuple[SheetRow, ...]:
    first, _, rest = text.partition("\n")
    offset = 0
    delimiters: tuple[str, ...] = _DELIMITERS
    # Excel's own hint, which it does not count as a row of the list but shows no more either.
    if first.strip().lower().startswith("sep=") and len(first.strip()) == 5:
        delimiters, text, offset = (first.strip()[4],), rest, 1
    best: tuple[int, tuple[SheetRow, ...]] | None = None
    failure: InputError | None = None
    for delimiter in delimiters:
        try:
            rows = _split(text, delimiter, name, offset)
        except InputError as error:
            failure = failure or error
            continue
        score = max((count_headings(row.cells) for row in rows[:HEADING_WITHIN]), default=0)
        if best is None or score > best[0]:
            best = (score, rows)
    if best is None or (best[0] < 2 and failure is not None):
        assert failure is not None
        raise failure
    return best[1]


def _split(text: str, delimiter: str, name: str, offset: int) -> tuple[SheetRow, ...]:
    rows: list[SheetRow] = []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    number = offset
    # Most cells of a long list say what another one says; a bound, for those that do not.
    seen: dict[str, str] = {}
    try:
        for number, cells in enumerate(reader, offset + 1):
            if number > MAX_ROWS:
                raise too_large(name)
            plain = tuple([cell and (seen.get(cell) or _kept(cell, seen)) for cell in cells])
            if any(plain):
                rows.append(SheetRow(name, "", number, plain))
    except csv.Error as error:
        raise InputError(
            t("the row cannot be split into cells ({cause})", cause=str(error)),
            where=f"{name}:{number + 1}",
            next_step=t("look for a quotation mark that is not closed"),
        ) from None
    return tuple(rows)


def _kept(cell: str, seen: dict[str, str]) -> str:
    plain = unguard(clean(cell))
    if len(seen) < _MOST_SEEN:
        seen[cell] = plain
    return plain
