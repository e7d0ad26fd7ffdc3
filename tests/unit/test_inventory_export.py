"""Export and preview: what is exported imports again, nothing in it is a formula, and the bins are right."""

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook

from controller.inventory.build import ImportResult, build_import
from controller.inventory.export import export_csv, export_xlsx
from controller.inventory.preview import Sighting, preview
from controller.inventory.rows import clean, guard, unguard
from controller.inventory.sheet import read_bytes
from policies.model import Binding, Device, DeviceRole, Learned, ObservedPort, ObservedSwitch, Oper
from policies.site import Site, Switch, Uplink, Vlan

PORTS = ("GigabitEthernet1/0/1", "GigabitEthernet1/0/2", "GigabitEthernet1/0/3")
SITE = Site(
    "s", Path(), vlans=(Vlan(20, "face", "face"),),
    switches=(
        Switch("sw1", "huawei_vrp", "192.0.2.1", ports=PORTS, uplinks=(Uplink("GigabitEthernet1/0/4"),)),
        Switch("sw2", "huawei_vrp", "192.0.2.2", ports=PORTS),
    ),
)  # fmt: skip
EXPORTS: dict[str, Callable[..., bytes]] = {"csv": export_csv, "xlsx": export_xlsx}

TEXTS = (st.text(st.characters(exclude_categories=["Cs", "Co", "Cn"]), max_size=12) | st.sampled_from(
    ["=1+1", "'=x", "''-", "-", "+86", "@SUM(A1)", "#N/A", "1E5", "007", "_x0041_", "TRUE", "无", "a;b", 'q"q', "a,b"]
)).map(clean)  # fmt: skip


@st.composite
def inventories(draw: st.DrawFn) -> tuple[tuple[Device, ...], tuple[Binding, ...]]:
    names = draw(st.lists(TEXTS.filter(bool), min_size=1, max_size=5, unique_by=str.casefold))
    macs = draw(st.lists(st.integers(1, 2**40 - 1), min_size=len(names), max_size=len(names), unique=True))
    ips = draw(st.lists(st.integers(1, 250), min_size=len(names), max_size=len(names), unique=True))
    devices, bindings = [], []
    for name, mac, ip in zip(names, macs, ips, strict=True):
        role, address = draw(st.sampled_from(DeviceRole)), draw(st.sampled_from([None, f"10.0.0.{ip}"]))
        facts = [draw(TEXTS) for _ in range(4)]
        devices.append(Device(name, role, (mac).to_bytes(6).hex(":"), address, *facts))
        if draw(st.booleans()):
            bindings.append(Binding(name, draw(st.sampled_from(["sw1", "sw2"])), draw(st.sampled_from(PORTS)), 20))
    return tuple(devices), tuple(bindings)


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("form", EXPORTS)
@settings(deadline=None, max_examples=30)
@given(inventory=inventories())
def test_what_is_exported_imports_again(form: str, language: str, inventory: Any) -> None:
    content = EXPORTS[form](*inventory, language)
    result = build_import(read_bytes(content, "export"), SITE)
    assert [problem.line("en") for problem in result.problems] == []
    assert (result.devices, result.bindings) == inventory


DANGEROUS = Device("=HYPERLINK(1)", DeviceRole.CAMERA, "00:11:22:33:44:01", None, "+1", "-1", "@x", "'=y")


def test_no_cell_of_a_csv_starts_a_formula() -> None:
    content = export_csv([DANGEROUS], [], "en")
    assert content.startswith(b"\xef\xbb\xbf")
    cells = [cell for row in csv.reader(io.StringIO(content.decode("utf-8-sig"))) for cell in row]
    assert "'=HYPERLINK(1)" in cells and "''=y" in cells
    assert not [cell for cell in cells if cell[:1] in "=+-@\t\r" and cell]


def test_a_workbook_holds_text_only() -> None:
    sheet = load_workbook(io.BytesIO(export_xlsx([DANGEROUS], [Binding("=HYPERLINK(1)", "sw1", PORTS[0], 20)], "zh")))[
        "设备清单"
    ]
    assert {cell.data_type for row in sheet.iter_rows() for cell in row if cell.value is not None} == {"s"}
    assert [cell.value for cell in sheet[1]][:3] == ["设备名称", "类型", "MAC地址"]
    assert sheet.freeze_panes == "A2"


@given(st.text(st.sampled_from("'=+-@ax"), max_size=6))
def test_guarding_can_be_undone_and_leaves_no_formula(text: str) -> None:
    assert unguard(guard(text)) == text
    assert guard(text)[:1] not in tuple("=+-@")


def device(number: int, name: str | None = None) -> Device:
    return Device(name or f"d{number}", DeviceRole.CAMERA, f"00:11:22:33:44:{number:02x}")


def switch(name: str, **ports: list[tuple[int, int | None, str]]) -> ObservedSwitch:
    seen = {
        f"GigabitEthernet1/0/{key[1:]}": ObservedPort(
            f"GigabitEthernet1/0/{key[1:]}",
            oper=Oper.UP,
            learned=frozenset(Learned(f"00:11:22:33:44:{number:02x}", vlan, kind) for number, vlan, kind in entries),
        )
        for key, entries in ports.items()
    }
    return ObservedSwitch(name, "huawei_vrp", datetime(2025, 1, 31, tzinfo=UTC), seen)


def test_the_bins_tell_where_each_device_is() -> None:
    result = ImportResult(
        tuple(device(number) for number in range(1, 7)),
        (
            Binding("d1", "sw1", PORTS[0], 20), Binding("d2", "sw1", PORTS[1], 20), Binding("d3", "sw1", PORTS[2], 20),
            Binding("d4", "sw1", PORTS[2], 20), Binding("d6", "sw1", PORTS[1], 20),
        ),
    )  # fmt: skip
    observed = switch(
        "sw1",
        p1=[(1, 20, "dynamic"), (2, 20, "secure"), (99, 20, "dynamic"), (98, None, "self")],
        p3=[(5, 20, "dynamic")],
        p4=[(3, 20, "dynamic"), (97, 20, "dynamic")],
        p2=[(1, 20, "dynamic")],
    )
    found = preview(result, [observed], SITE)
    assert [placed.device.name for placed in found.matched] == ["d1"]
    assert [place.port for place in found.matched[0].seen] == [PORTS[0], PORTS[1]]
    assert [(placed.device.name, placed.seen[0].port) for placed in found.elsewhere] == [
        ("d2", PORTS[0]),
        ("d5", PORTS[2]),
    ]
    assert [placed.device.name for placed in found.on_paper_only] == ["d3", "d4", "d6"]
    assert found.on_paper_only[0].seen == (Sighting("sw1", "GigabitEthernet1/0/4", 20, uplink=True),)
    assert [(item.mac, item.seen.port) for item in found.unknown_on_wire] == [("00:11:22:33:44:63", PORTS[0])]
    assert found.unread == ("sw2",)
