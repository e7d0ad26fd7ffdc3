"""From rows to devices and bindings: all problems are listed, and with one problem nothing is imported."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby

from controller.inventory.cells import Cells, Problem, read_row
from controller.inventory.columns import REQUIRED, Heading, find_heading, heading_of, nearest_heading
from controller.inventory.rows import SheetRow
from policies.errors import InputError
from policies.model import Binding, Device
from policies.site import Site
from policies.texts import Text, t


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What a list gives. With any problem, `devices` and `bindings` are empty; notes do not hold anything back."""

    devices: tuple[Device, ...] = ()
    bindings: tuple[Binding, ...] = ()
    problems: tuple[Problem, ...] = ()
    notes: tuple[Text, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the list can be imported."""
        return not self.problems

    @property
    def shared_ports(self) -> dict[tuple[str, str], tuple[str, ...]]:
        """The ports that several devices share: (switch, port) → device names."""
        places: dict[tuple[str, str], list[str]] = {}
        for item in self.bindings:
            places.setdefault((item.switch, item.port), []).append(item.device)
        return {place: tuple(names) for place, names in sorted(places.items()) if len(names) > 1}

    def require(self) -> ImportResult:
        """Give the result itself, or raise InputError with the first problem and the number of all."""
        if not self.problems:
            return self
        first = self.problems[0]
        raise InputError(
            t("{problem} (problems in all: {count})", problem=first.text, count=len(self.problems)),
            where=first.where,
            next_step=t("correct the list and import it again; nothing was changed"),
        )


@dataclass(slots=True)
class _Build:
    """What has been found so far, and who came first."""

    site: Site
    devices: list[Device] = field(default_factory=list)
    bindings: list[Binding] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notes: list[Text] = field(default_factory=list)
    first: dict[tuple[str, str], SheetRow] = field(default_factory=dict)
    vlan_at: dict[tuple[str, str], tuple[int, SheetRow]] = field(default_factory=dict)

    def unique(self, cells: Cells, column: str, value: str | None) -> None:
        """Report a value that an earlier row has; names are compared without case."""
        if not value:
            return
        row = self.first.setdefault((column, value.casefold()), cells.row)
        if row is cells.row:
            return
        texts = {
            "name": t("the name {value} is in row {row} already", value=value, row=row.number),
            "mac": t("the MAC address {value} is in row {row} already", value=value, row=row.number),
            "ip": t("the IP address {value} is in row {row} already", value=value, row=row.number),
        }
        cells.problem(column, texts[column])

    def one_vlan(self, cells: Cells, binding: Binding) -> None:
        """Report devices on one port in different VLANs: an access port has one."""
        vlan, row = self.vlan_at.setdefault((binding.switch, binding.port), (binding.vlan, cells.row))
        if vlan != binding.vlan:
            what = t("row {row} puts this port into VLAN {vlan}; a port has one VLAN", row=row.number, vlan=vlan)
            cells.problem("vlan", what)


def build_import(rows: Iterable[SheetRow], site: Site) -> ImportResult:
    """Turn the rows of a list into devices and bindings of `site`.

    Spellings of MACs, ports, roles and VLANs are normalised. Nothing is raised for bad content: every problem is in the
    result, with file, sheet, row and column.
    """
    build = _Build(site)
    listed = list(rows)
    headed = False
    for (file, sheet), group in groupby(listed, key=lambda row: (row.file, row.sheet)):
        part = list(group)
        heading = find_heading([row.cells for row in part])
        if heading is None:
            build.notes.append(t("'{sheet}' has no headings of an inventory and was left out", sheet=sheet or file))
            continue
        headed = True
        _sheet(build, part, heading)
    if not headed:
        build.problems.append(_no_headings(listed))
    elif not build.devices and not build.problems:
        build.problems.append(Problem(listed[0].file, "", 0, "", t("the list has headings but no devices")))
    problems = tuple(sorted(build.problems, key=lambda item: (item.file, item.sheet, item.row)))
    if problems:
        return ImportResult(problems=problems, notes=tuple(build.notes))
    return ImportResult(tuple(build.devices), tuple(build.bindings), (), tuple(build.notes))


def _no_headings(rows: list[SheetRow]) -> Problem:
    if not rows:
        return Problem("", "", 0, "", t("the list is empty"))
    names = ", ".join(heading_of(column, language) for language in ("zh", "en") for column in REQUIRED)
    return Problem(rows[0].file, "", 0, "", t("no row has the headings of an inventory ({names})", names=names))


def _sheet(build: _Build, part: list[SheetRow], heading: Heading) -> None:
    before = len(build.problems)
    build.problems += _heading_problems(part[heading.index], heading)
    if len(build.problems) > before:
        return  # without its columns every row would be wrong
    if heading.unknown:
        names = ", ".join(heading.unknown)
        build.notes.append(t("columns that are not imported: {names}", names=names))
    for row in part[heading.index + 1 :]:
        cells = Cells(row, heading, build.problems)
        if cells.blank or cells.repeats_heading:
            continue
        _row(build, cells)


def _heading_problems(row: SheetRow, heading: Heading) -> list[Problem]:
    wanted = [column for column in REQUIRED if column not in heading.places]
    if ("switch" in heading.places) != ("port" in heading.places):
        wanted += [column for column in ("switch", "port") if column not in heading.places]
    found: list[Problem] = []
    for column in wanted:
        name = f"{heading_of(column, 'zh')} / {heading_of(column, 'en')}"
        near = nearest_heading(column, heading.unknown)
        text = t("the column {name} is missing", name=name)
        if near is not None:
            text = t("the column {name} is missing; is it '{near}'?", name=name, near=near)
        found.append(Problem(row.file, row.sheet, row.number, "", text))
    for doubled in heading.doubled:
        text = t("two columns mean the same; this is the second")
        found.append(Problem(row.file, row.sheet, row.number, doubled, text))
    return found


def _row(build: _Build, cells: Cells) -> None:
    device, binding = read_row(cells, build.site)
    build.unique(cells, "name", cells.text("name"))
    if device is not None:
        build.unique(cells, "mac", device.mac)
        build.unique(cells, "ip", device.ip)
        build.devices.append(device)
    if binding is not None:
        build.one_vlan(cells, binding)
        build.bindings.append(binding)
