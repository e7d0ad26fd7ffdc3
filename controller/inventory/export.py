"""Writing the inventory as CSV or XLSX, with headings that an import reads back."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator

from controller.inventory.columns import COLUMNS, heading_of, role_word
from controller.inventory.rows import guard
from policies.model import Binding, Device


def export_csv(devices: Iterable[Device], bindings: Iterable[Binding], language: str) -> bytes:
    """Write CSV as Excel opens it: UTF-8 with a byte-order mark, CRLF; nothing in it runs as a formula."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows(_table(devices, bindings, language))
    return text.getvalue().encode("utf-8-sig")


def export_xlsx(devices: Iterable[Device], bindings: Iterable[Binding], language: str) -> bytes:
    """Write one sheet of text cells with a fixed heading row and a filter."""
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Font

    book = Workbook(write_only=True)
    sheet = book.create_sheet("设备清单" if language == "zh" else "Inventory")
    sheet.freeze_panes = "A2"
    for column, width in zip("ABCDEFGHIJK", _WIDTHS, strict=True):
        sheet.column_dimensions[column].width = width
    count = 0
    for count, row in enumerate(_table(devices, bindings, language)):
        cells = [WriteOnlyCell(sheet, value=text) for text in row]
        for cell in cells:
            # openpyxl guesses types from texts: "#N/A" would become an error value.
            cell.data_type = "s"
            cell.number_format = "@"
            if count == 0:
                cell.font = Font(bold=True)
        sheet.append(cells)
    sheet.auto_filter.ref = f"A1:K{count + 1}"
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


_WIDTHS = (22, 12, 20, 16, 24, 20, 14, 18, 18, 26, 8)


def _table(devices: Iterable[Device], bindings: Iterable[Binding], language: str) -> Iterator[list[str]]:
    bound = {binding.device: binding for binding in bindings}
    yield [heading_of(column, language) for column in COLUMNS]
    for device in devices:
        binding = bound.get(device.name)
        place = ["", "", ""] if binding is None else [binding.switch, binding.port, str(binding.vlan)]
        facts = [device.place, device.serial, device.vendor, device.model]
        cells = [device.name, role_word(device.role, language), device.mac, device.ip or "", *facts, *place]
        yield [guard(cell) for cell in cells]
