"""Inventory lists: good and bad files, encodings and workbooks made on the spot, and no noise gets through."""

import datetime as dt
import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook

from controller.inventory import workbook
from controller.inventory.build import ImportResult, build_import
from controller.inventory.columns import COLUMNS, column_of, role_of
from controller.inventory.rows import SheetRow
from controller.inventory.sheet import read_bytes, read_sheet
from policies.errors import InputError
from policies.model import Binding, Device, DeviceRole, ExceptedPort
from policies.site import Site, Switch, Uplink, Vlan

DATA = Path(__file__).parent / "data" / "inventory"
PORTS = tuple(f"GigabitEthernet1/0/{number}" for number in range(1, 25))
SWITCH = Switch(
    "sw1", "huawei_vrp", "192.0.2.1", ports=PORTS, uplinks=(Uplink("TenGigabitEthernet1/0/1"),),
    management_ports=frozenset({"GigabitEthernet1/0/24"}),
    excepted=(ExceptedPort("sw1", "GigabitEthernet1/0/8", "owner", "reason", dt.date(2030, 1, 1)),),
)  # fmt: skip
SITE = Site(
    "s", Path(), vlans=(Vlan(20, "face", "face"), Vlan(999, "hole", "blackhole")),
    switches=(SWITCH, Switch("ovs", "openvswitch", "192.0.2.2", ports=("patch-very-long-name", "p1"))),
)  # fmt: skip
CAMERA, TERMINAL = DeviceRole.CAMERA, DeviceRole.TERMINAL
GOOD = {
    "chinese_titles": (
        (
            Device("东门摄像机", CAMERA, "00:11:22:33:44:01", "10.20.0.11", "1号杆", "SN0001", "海康威视", "DS-2CD"),
            Device("西门摄像机", CAMERA, "00:11:22:33:44:02", "10.20.0.12", "2号杆", "SN0002", "大华", "IPC"),
            Device("比对终端", TERMINAL, "00:11:22:33:44:03", "10.20.0.13", "机房"),
            Device("硬盘录像机", DeviceRole.RECORDER, "00:11:22:33:44:04", "10.20.0.14"),
        ),
        tuple(
            Binding(name, "sw1", PORTS[i], 20)
            for i, name in enumerate(("东门摄像机", "西门摄像机", "比对终端", "硬盘录像机"))
        ),
    ),
    "english_semicolon": (
        (
            Device("gate-camera", CAMERA, "00:11:22:33:44:01", "10.20.0.11", "pole 1"),
            Device("reader; east", DeviceRole.READER, "00:11:22:33:44:05"),
            Device("door-1", DeviceRole.CONTROLLER, "00:11:22:33:44:06"),
        ),
        (Binding("gate-camera", "sw1", PORTS[0], 20), Binding("door-1", "sw1", PORTS[0], 20)),
    ),
    "tabs_only_required": (
        (
            Device("server-1", DeviceRole.SERVER, "00:11:22:33:44:07"),
            Device("two lines", TERMINAL, "00:11:22:33:44:08"),
        ),
        (),
    ),
}


def lines(result: ImportResult) -> list[str]:
    return [problem.line("en") for problem in result.problems]


def new_book() -> tuple[Workbook, Any]:
    book = Workbook()
    return book, book["Sheet"]


def made(
    rows: Any, *, name: str = "list.xlsx", change: Callable[[Workbook], None] | None = None
) -> tuple[SheetRow, ...]:
    book, sheet = new_book()
    for row in rows:
        sheet.append(row)
    if change:
        change(book)
    content = io.BytesIO()
    book.save(content)
    return read_bytes(content.getvalue(), name)


@pytest.mark.parametrize("path", sorted((DATA / "good").glob("*.csv")), ids=lambda path: path.stem)
def test_a_good_list_gives_its_devices_and_bindings(path: Path) -> None:
    result = build_import(read_sheet(path), SITE)
    assert lines(result) == []
    assert (result.devices, result.bindings) == GOOD[path.stem]
    assert result.require() is result


@pytest.mark.parametrize("path", sorted((DATA / "bad").glob("*.csv")), ids=lambda path: path.stem)
def test_a_bad_list_gives_every_problem_with_its_place_and_nothing_else(path: Path) -> None:
    result = build_import(read_sheet(path), SITE)
    assert lines(result) == path.with_suffix(".expected").read_text(encoding="utf-8").splitlines()
    assert (result.ok, result.devices, result.bindings) == (False, (), ())
    with pytest.raises(InputError, match="nothing was changed"):
        result.require()


def test_the_corpus_is_complete() -> None:
    assert {path.stem for path in (DATA / "good").glob("*.csv")} == set(GOOD)
    bad = DATA / "bad"
    assert {path.stem for path in bad.glob("*.csv")} == {path.stem for path in bad.glob("*.expected")} != set()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16"])
def test_encodings_of_excel_and_wps_are_told_apart(encoding: str) -> None:
    text = (DATA / "good/chinese_titles.csv").read_text(encoding="utf-8").replace("\n", "\r\n")
    result = build_import(read_bytes(text.encode(encoding), "list.csv"), SITE)
    assert (result.devices, result.bindings) == GOOD["chinese_titles"]


def test_a_workbook_gives_what_its_cells_show() -> None:
    rows = [
        ["设备清单"], [],
        ["名称", "类型", "MAC", "IP", "安装位置", "序列号", "交换机", "端口", "VLAN"],
        ["东门", "摄像机", "001122334401", None, True, 123456789012, "sw1", "1/0/1", 20.0],
        ["西门", "摄像机", "001122334402", None, dt.date(2025, 1, 31), 1.5, "sw1", "1/0/2", 20],
    ]  # fmt: skip
    result = build_import(made(rows, change=lambda book: book["Sheet"].merge_cells("A1:I1")), SITE)
    assert lines(result) == []
    assert [(d.place, d.serial) for d in result.devices] == [("TRUE", "123456789012"), ("2025-01-31", "1.5")]
    assert result.bindings == (Binding("东门", "sw1", PORTS[0], 20), Binding("西门", "sw1", PORTS[1], 20))


def test_a_port_that_excel_made_a_date_and_cells_with_errors_are_reported() -> None:
    rows = [
        ["名称", "类型", "MAC", "交换机", "端口"],
        ["东门", "摄像机", "001122334401", "sw1", dt.date(2025, 1, 1)],
        ["西门", "摄像机", "=A2", "sw1", "1/0/2"],
        ["南门", "摄像机", "#N/A", "sw1", "1/0/2"],
    ]
    assert lines(build_import(made(rows), SITE)) == [
        "list.xlsx [Sheet]:2 端口: the spreadsheet turned the port into the date 2025-01-01; format it as text",
        "list.xlsx [Sheet]:3 MAC: the cell holds a formula whose result was not saved",
        "list.xlsx [Sheet]:4 MAC: the cell holds the error #N/A",
    ]


def test_the_saved_result_of_a_formula_counts() -> None:
    content = io.BytesIO()
    book, sheet = new_book()
    sheet.append(["name", "type", "mac"])
    sheet.append(["a", "camera", '=CONCAT("x")'])
    book.save(content)
    patched = io.BytesIO()
    with zipfile.ZipFile(content) as old, zipfile.ZipFile(patched, "w") as new:
        for item in old.namelist():
            data = old.read(item)
            if item == "xl/worksheets/sheet1.xml":
                data = data.replace(b'<c r="C2"><f>', b'<c r="C2" t="str"><f>').replace(b"<v></v>", b"<v />")
                assert b"<v />" in data
                data = data.replace(b"<v />", b"<v>001122334401</v>")
            new.writestr(item, data)
    result = build_import(read_bytes(patched.getvalue(), "list.xlsx"), SITE)
    assert [device.mac for device in result.devices] == ["00:11:22:33:44:01"], lines(result)


def test_hidden_sheets_and_sheets_without_headings_are_left_out_and_the_latter_said() -> None:
    def change(book: Workbook) -> None:
        notes = book.create_sheet("说明")
        notes.append(["填写说明"])
        hidden = book.create_sheet("旧")
        hidden.append(["名称", "类型", "MAC"])
        hidden.append(["x", "y", "z"])
        hidden.sheet_state = "hidden"

    result = build_import(made([["名称", "类型", "MAC"], ["a", "摄像机", "001122334401"]], change=change), SITE)
    assert len(result.devices) == 1
    assert [str(note) for note in result.notes] == ["'说明' has no headings of an inventory and was left out"]


def test_two_sheets_make_one_list_and_are_checked_against_each_other() -> None:
    def change(book: Workbook) -> None:
        second = book.create_sheet("二期")
        second.append(["MAC", "名称", "类型"])
        second.append(["001122334401", "b", "摄像机"])

    result = build_import(made([["名称", "类型", "MAC"], ["a", "摄像机", "001122334401"]], change=change), SITE)
    assert lines(result) == ["list.xlsx [二期]:2 MAC: the MAC address 00:11:22:33:44:01 is in row 2 already"]


def test_columns_that_are_not_imported_are_said_and_repeated_headings_skipped() -> None:
    text = "名称,类型,MAC,备注\na,摄像机,001122334401,x\n名称,类型,MAC,备注\n,,,本页完\nb,终端,001122334402,\n"
    result = build_import(read_bytes(text.encode(), "list.csv"), SITE)
    assert [device.name for device in result.devices] == ["a", "b"]
    assert [str(note) for note in result.notes] == ["columns that are not imported: 备注"]


def test_literal_port_names_and_switch_addresses_are_understood() -> None:
    text = "name,type,mac,switch,port\na,pc,001122334401,192.0.2.2,patch-very-long-name\nb,pc,001122334402,OVS,p1\n"
    result = build_import(read_bytes(text.encode(), "list.csv"), SITE)
    assert [(b.switch, b.port, b.vlan) for b in result.bindings] == [
        ("ovs", "patch-very-long-name", 20),
        ("ovs", "p1", 20),
    ]
    assert result.shared_ports == {}


def test_bare_numbers_that_fit_two_ports_are_a_problem() -> None:
    switch = Switch("sw1", "x", "192.0.2.1", ports=("GigabitEthernet1/0/1", "TenGigabitEthernet1/0/1"))
    site = Site("s", Path(), vlans=(Vlan(20, "a", "face"),), switches=(switch,))
    text = "name,type,mac,switch,port\na,pc,001122334401,sw1,1/0/1\n"
    assert lines(build_import(read_bytes(text.encode(), "l.csv"), site)) == [
        "l.csv:2 port: '1/0/1' may be any of GigabitEthernet1/0/1, TenGigabitEthernet1/0/1; write the whole name"
    ]


def test_devices_on_one_port_share_its_vlan() -> None:
    site = Site("s", Path(), vlans=(Vlan(20, "a", "face"), Vlan(21, "b", "face")), switches=(SWITCH,))
    text = "name,type,mac,switch,port,vlan\na,pc,001122334401,sw1,1/0/1,20\nb,pc,001122334402,sw1,1/0/1,{}\n"
    shared = build_import(read_bytes(text.format("20").encode(), "l.csv"), site)
    assert shared.shared_ports == {("sw1", PORTS[0]): ("a", "b")}
    assert lines(build_import(read_bytes(text.format("21").encode(), "l.csv"), site)) == [
        "l.csv:3 vlan: row 2 puts this port into VLAN 20; a port has one VLAN"
    ]
    assert lines(build_import(read_bytes(text.format("").encode(), "l.csv"), site)) == [
        "l.csv:3 vlan: the VLAN is missing"
    ]


@pytest.mark.parametrize("column", COLUMNS)
def test_every_heading_names_its_column_also_decorated(column: str) -> None:
    for heading in COLUMNS[column]:
        for text in (heading, heading.upper(), f" {heading} ", f"*{heading}（必填）", f"{heading}:"):
            assert column_of(text) == column


@pytest.mark.parametrize("role", DeviceRole)
def test_every_role_is_known_by_its_own_word(role: DeviceRole) -> None:
    assert role_of(role.value) is role


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1old", "old .xls"),
        (b"PK\x03\x04 and no more", "damaged"),
        (b"\x00\x01\x02\x03", "neither text"),
        (b"\xff\xfe\x00\xd8", "neither text"),
        (b"\xff\x80\x81", "neither text"),
        (b'name,type,mac\n"a,camera,001122334401\n', r"list:\d+: .*quotation mark"),
    ],
)
def test_files_that_are_no_list_are_one_line(content: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read_bytes(content, "list")
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.csv"):
        read_sheet(tmp_path / "nowhere.csv")


def test_a_truncated_or_edited_workbook_is_one_line() -> None:
    content = io.BytesIO()
    book, sheet = new_book()
    sheet.append(["name", "type", "mac"])
    book.save(content)
    whole = content.getvalue()
    for cut in range(10, len(whole), 97):
        with pytest.raises(InputError, match="damaged"):
            read_bytes(whole[:cut], "list.xlsx")


def test_a_zip_bomb_is_refused_before_it_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "_MAX_UNPACKED", 1000)
    with pytest.raises(InputError, match="too large"):
        made([["x" * 50] * 20] * 20)


@given(st.binary(max_size=200))
def test_noise_gives_problems_or_one_error(noise: Any) -> None:
    try:
        rows = read_bytes(noise, "noise")
    except InputError:
        return
    result = build_import(rows, SITE)
    assert not result.ok and all("\n" not in problem.line("en") for problem in result.problems)


@given(
    st.lists(
        st.lists(st.text(max_size=8) | st.sampled_from(["a", "camera", "001122334401", "sw1", "1/0/1"]), max_size=7),
        max_size=4,
    )
)
def test_noise_under_good_headings_never_raises(rows: Any) -> None:
    book = "name,type,mac,ip,switch,port,vlan\n" + "\n".join(
        ",".join(f'"{c.replace(chr(34), "")}"' for c in row) for row in rows
    )
    try:
        content = book.encode()
    except UnicodeEncodeError:
        return
    try:
        result = build_import(read_bytes(content, "noise.csv"), SITE)
    except InputError:
        return
    assert result.ok == (not result.problems)
