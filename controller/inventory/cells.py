"""One row of a list: each cell checked against what the site declares, each problem with its place."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass

from controller.inventory.columns import ROLES, Heading, column_of, role_of
from controller.inventory.rows import SheetRow
from policies.errors import InputError
from policies.model import Binding, Device, DeviceRole
from policies.names import canonical, is_host_ip, is_multicast, parse_interface, parse_ip, parse_mac
from policies.site import Site, Switch, Vlan
from policies.texts import Text, render, t

#: What people write into a cell that has nothing to say.
_NOTHING = frozenset({"-", "--", "—", "——", "/", "\\", "无", "暂无", "未知", "n/a", "na", "none", "null"})
_DATE = re.compile(r"\d{4}-\d\d-\d\d( .*)?")
_VLAN_WORD = re.compile(r"(?:vlan)?[ _-]*(\d{1,5})", re.IGNORECASE)
_MAX_TEXT = 200
_NO_DEVICES = frozenset({"blackhole", "quarantine"})


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, and where: `row` as a person counts (0: the whole file), `column` by its heading."""

    file: str
    sheet: str
    row: int
    column: str
    text: Text

    @property
    def where(self) -> str:
        """The place in one line: file [sheet]:row column."""
        place = f"{self.file} [{self.sheet}]" if self.sheet else self.file
        if self.row:
            place += f":{self.row}"
        return f"{place} {self.column}".strip() if self.column else place

    def line(self, language: str) -> str:
        """Give the whole problem in one line, in `language` (zh, en)."""
        text = render(self.text, language)
        return f"{self.where}: {text}" if self.where else text


class Cells:
    """A row seen through its headings, with the list that its problems go to."""

    __slots__ = ("_heading", "_problems", "row")

    def __init__(self, row: SheetRow, heading: Heading, problems: list[Problem]) -> None:
        self.row = row
        self._heading = heading
        self._problems = problems

    @property
    def blank(self) -> bool:
        """Whether no column that is imported has anything in this row (a remark at the bottom is no device)."""
        if any(map(self._at, self._heading.places.values())):
            return False
        flawed = {position for position, _ in self.row.flaws}
        return not any(place in flawed for place in self._heading.places.values())

    @property
    def repeats_heading(self) -> bool:
        """Whether the heading row stands here again, as on printed pages."""
        return all(column_of(self._at(place)) == column for column, place in self._heading.places.items())

    def text(self, column: str) -> str:
        """Give the cell of a column; empty when the list has no such column."""
        place = self._heading.places.get(column)
        return "" if place is None else self._at(place)

    def given(self, column: str) -> str:
        """Give the cell of a column, empty also for a dash or another way to say nothing."""
        text = self.text(column)
        return "" if text.casefold() in _NOTHING else text

    def problem(self, column: str, text: Text) -> None:
        """Report a problem in this row; `column` is the column's own name, the heading is looked up."""
        heading = self._heading.texts.get(column, column)
        self._problems.append(Problem(self.row.file, self.row.sheet, self.row.number, heading, text))

    def flaws(self) -> bool:
        """Report the cells that could not be read; whether there are any."""
        columns = {place: column for column, place in self._heading.places.items()}
        found = [(columns[place], text) for place, text in self.row.flaws if place in columns]
        for column, text in found:
            self.problem(column, text)
        return bool(found)

    def _at(self, place: int) -> str:
        return self.row.cells[place] if place < len(self.row.cells) else ""


def read_row(cells: Cells, site: Site) -> tuple[Device | None, Binding | None]:
    """Give the device and the binding of a row; what has a problem is None and was reported."""
    if cells.flaws():
        return None, None
    name = _name(cells)
    role, mac, ip = _role(cells), _mac(cells), _ip(cells)
    facts = [_fact(cells, column) for column in ("place", "serial", "vendor", "model")]
    binding = _binding(cells, name or "", site)
    if not name or role is None or mac is None:
        return None, None
    place, serial, vendor, model = facts
    return Device(name, role, mac, ip, place, serial, vendor, model), binding


def _name(cells: Cells) -> str | None:
    name = cells.text("name")
    if not name:
        cells.problem("name", t("the name is missing"))
        return None
    if len(name) > 100:
        cells.problem("name", t("the text is longer than {limit} characters", limit=100))
        return None
    return name


def _fact(cells: Cells, column: str) -> str:
    text = cells.text(column)
    if len(text) > _MAX_TEXT:
        cells.problem(column, t("the text is longer than {limit} characters", limit=_MAX_TEXT))
    return text


def _role(cells: Cells) -> DeviceRole | None:
    text = cells.given("role")
    role = role_of(text) if text else None
    if role is None:
        words = ", ".join(f"{words[0]} / {words[1]}" for words in ROLES.values())
        cells.problem("role", t("'{text}' is not a type of device; write one of: {words}", text=text, words=words))
    return role


def _mac(cells: Cells) -> str | None:
    text = cells.given("mac")
    try:
        mac = parse_mac(text)
    except InputError as error:
        cells.problem("mac", error.what)
        return None
    if is_multicast(mac):
        cells.problem("mac", t("{mac} is a multicast address; no device has it", mac=mac))
        return None
    if mac == "00:00:00:00:00:00":
        cells.problem("mac", t("{mac} is no device's address", mac=mac))
        return None
    return mac


def _ip(cells: Cells) -> str | None:
    text = cells.given("ip")
    if not text:
        return None
    try:
        ip = parse_ip(text)
    except InputError as error:
        cells.problem("ip", error.what)
        return None
    if not is_host_ip(ip):
        cells.problem("ip", t("{ip} is not an address that a device can have", ip=ip))
        return None
    return ip


def _binding(cells: Cells, name: str, site: Site) -> Binding | None:
    switch_text, port_text = cells.given("switch"), cells.given("port")
    if not switch_text and not port_text:
        return None
    if not switch_text or not port_text:
        cells.problem("port" if switch_text else "switch", t("switch and port go together; one of them is missing"))
        return None
    switch = _switch(cells, switch_text, site)
    port = _port(cells, port_text, switch) if switch is not None else None
    vlan = _vlan(cells, site)
    if switch is None or port is None or vlan is None:
        return None
    return Binding(name, switch.name, port, vlan)


def _switch(cells: Cells, text: str, site: Site) -> Switch | None:
    found = [item for item in site.switches if item.name == text]
    found = found or [item for item in site.switches if text.casefold() in (item.name.casefold(), item.host.casefold())]
    if len(found) == 1:
        return found[0]
    near = difflib.get_close_matches(text, [item.name for item in site.switches], n=1)
    if near:
        cells.problem("switch", t("the site has no switch '{text}'; is it {near}?", text=text, near=near[0]))
    else:
        cells.problem("switch", t("the site has no switch '{text}'; declare it in site.toml", text=text))
    return None


def _port(cells: Cells, text: str, switch: Switch) -> str | None:
    if _DATE.fullmatch(text):
        cells.problem("port", t("the spreadsheet turned the port into the date {text}; format it as text", text=text))
        return None
    declared = set(switch.ports) | {uplink.port for uplink in switch.uplinks} | switch.management_ports
    try:
        port = text if text in declared else canonical(text)
    except InputError as error:
        cells.problem("port", error.what)
        return None
    problem = None
    if port not in declared:
        port, problem = _by_numbers(port, switch)
    problem = problem or _port_problem(port, declared, switch)
    if problem is not None:
        cells.problem("port", problem)
        return None
    return port


def _by_numbers(port: str, switch: Switch) -> tuple[str, Text | None]:
    """Take "1/0/7" for the port for devices that has these numbers, when there is one."""
    same = [name for name in switch.ports if _tail(name) == port and switch.uplink(name) is None]
    if len(same) > 1:
        return port, t("'{port}' may be any of {names}; write the whole name", port=port, names=", ".join(same))
    return (same[0] if same else port), None


def _tail(name: str) -> str:
    try:
        return parse_interface(name).tail
    except InputError:
        return ""


def _port_problem(port: str, declared: set[str], switch: Switch) -> Text | None:
    if switch.uplink(port) is not None:
        return t("{port} is an uplink of {switch}; no device is bound to it", port=port, switch=switch.name)
    if port in switch.management_ports:
        return t("{port} carries the way to {switch} itself; no device is bound to it", port=port, switch=switch.name)
    excepted = next((item for item in switch.excepted if item.port == port), None)
    if excepted is not None:
        values = {"port": port, "owner": excepted.owner}
        return t("{port} is excepted from binding ({owner}); remove one of the two", **values)
    if port not in declared:
        return t("{port} is not declared for {switch} in site.toml", port=port, switch=switch.name)
    return None


def _vlan(cells: Cells, site: Site) -> int | None:
    text = cells.given("vlan")
    if not text:
        face = [vlan for vlan in site.vlans if vlan.purpose == "face"]
        if len(face) == 1:
            return face[0].id
        cells.problem("vlan", t("the VLAN is missing"))
        return None
    vlan = _declared_vlan(text, site)
    if vlan is None:
        known = ", ".join(str(item.id) for item in site.vlans)
        cells.problem("vlan", t("VLAN '{text}' is not declared; the site has {known}", text=text, known=known))
        return None
    if vlan.purpose in _NO_DEVICES:
        cells.problem(
            "vlan", t("VLAN {vlan} is where nothing may work ({purpose})", vlan=vlan.id, purpose=vlan.purpose)
        )
        return None
    return vlan.id


def _declared_vlan(text: str, site: Site) -> Vlan | None:
    named = next((vlan for vlan in site.vlans if vlan.name.casefold() == text.casefold()), None)
    match = _VLAN_WORD.fullmatch(text)
    if named is not None or match is None:
        return named
    return next((vlan for vlan in site.vlans if vlan.id == int(match[1])), None)
