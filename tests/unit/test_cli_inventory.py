"""inventory: an import is whole or nothing, says what it would replace, and comes back from an export unchanged."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from controller.store.inventory import bindings, devices
from controller.store.open import open_store
from tests.unit.cli_site import LIST, Cli, make_site, reading


@pytest.fixture
def demo(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    return Cli(make_site(tmp_path / "demo"), capsys, monkeypatch)


def kept(demo: Cli) -> tuple[object, ...]:
    with open_store(demo.folder) as store:
        return devices(store), bindings(store)


def test_an_import_into_an_empty_inventory_needs_no_agreement_and_is_in_the_ledger(demo: Cli) -> None:
    path = demo.list_file()
    ran = demo("inventory", "import", path, "--json")
    assert ran.code == 0
    assert ran.json["imported"] is True
    assert ran.json["added"] == ["cam1", "cam2", "pc1"]
    entries = demo("audit", "log", "--json").json["entries"]
    assert [entry["kind"] for entry in entries] == ["inventory.import.intent", "inventory.import.done"]
    assert entries[0]["data"]["sha256"] == sha256(path.read_bytes()).hexdigest()
    assert entries[1]["data"] == {"bindings": 2, "devices": 3, "intent": 1}


def test_the_name_of_the_file_is_not_in_the_ledger(demo: Cli) -> None:
    assert demo("inventory", "import", demo.list_file(name="李四的清单.csv")).code == 0
    assert "李四" not in demo("audit", "log", "--json").out


def test_every_problem_is_listed_with_its_place_and_nothing_is_written(demo: Cli) -> None:
    bad = LIST.replace("02ca.0000.0002", "02ca.0000.000").replace("GE1/0/2", "GE1/0/8").replace("终端", "冰箱")
    ran = demo("inventory", "import", demo.list_file(bad), "--yes")
    assert ran.code == 2
    lines = ran.err.splitlines()
    assert [line.partition(": ")[0] for line in lines[:3]] == [
        "devices.csv:3 MAC地址",
        "devices.csv:3 端口",
        "devices.csv:4 类型",
    ]
    assert kept(demo) == ((), ())
    assert demo.kinds() == []


def test_problems_are_json_too(demo: Cli) -> None:
    ran = demo("inventory", "import", demo.list_file(LIST.replace("摄像机", "冰箱", 1)), "--json")
    assert ran.code == 2
    assert [(each["row"], each["column"]) for each in ran.json["problems"]] == [(2, "类型")]
    assert ran.json["imported"] is False
    assert ran.json["removed"] == []


def test_a_dry_run_changes_nothing(demo: Cli) -> None:
    ran = demo("inventory", "import", demo.list_file(), "--dry-run")
    assert ran.code == 0
    assert kept(demo) == ((), ())
    assert demo.kinds() == []


def test_replacing_an_inventory_without_a_terminal_needs_yes(demo: Cli) -> None:
    demo.loaded()
    before = kept(demo)
    other = demo.list_file(LIST.replace("198.18.100.1", "198.18.100.9").replace("pc1", "pc9"))
    assert "--yes" in demo.refuses_with_talk(4, "inventory", "import", other)
    assert kept(demo) == before
    ran = demo("inventory", "import", other, "--yes", "--json")
    assert (ran.json["added"], ran.json["changed"], ran.json["removed"]) == (["pc9"], ["cam1"], ["pc1"])
    assert kept(demo) != before


def test_a_moved_binding_counts_as_a_change(demo: Cli) -> None:
    demo.loaded()
    ran = demo("inventory", "import", demo.list_file(LIST.replace("GE1/0/2", "GE1/0/3")), "--dry-run", "--json")
    assert (ran.json["added"], ran.json["changed"], ran.json["removed"]) == ([], ["cam2"], [])


def test_the_same_list_again_changes_nothing_and_asks_nothing(demo: Cli) -> None:
    demo.loaded()
    ran = demo("inventory", "import", demo.list_file())
    assert (ran.code, "like this already" in ran.out) == (0, True)
    assert demo.kinds().count("inventory.import.intent") == 1


def test_the_preview_sorts_the_list_by_the_latest_readings(demo: Cli) -> None:
    demo.saw(reading())
    found = demo("inventory", "import", demo.list_file(), "--dry-run", "--json").json["preview"]
    assert [each["device"] for each in found["matched"]] == ["cam1"]
    assert [each["device"] for each in found["elsewhere"]] == ["cam2"]
    assert [each["device"] for each in found["on_paper_only"]] == ["pc1"]
    assert [each["mac"] for each in found["unknown_on_wire"]] == ["02:ca:00:00:00:99"]
    assert found["unread"] == ["ovs1"]
    told = demo("inventory", "import", demo.list_file(), "--dry-run").out
    assert "1 matched, 1 seen elsewhere, 1 on paper only, 1 unknown on the wire" in told


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (bytes(range(256)) * 40, "neither text"),
        (b"PK\x03\x04" + b"\x00" * 400, "damaged"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 400, ".xls"),
        (b"a,b\n1,2\n", "headings"),
    ],
)
def test_what_is_no_list_is_refused_in_one_line(demo: Cli, content: bytes, said: str) -> None:
    path = demo.folder.parent / "bad.csv"
    path.write_bytes(content)
    ran = demo("inventory", "import", path)
    assert ran.code == 2
    assert said in ran.err.splitlines()[0]
    assert "Traceback" not in ran.err


def test_a_missing_file_and_a_folder_are_refused(demo: Cli) -> None:
    assert "cannot be read" in demo.refuses(2, "inventory", "import", demo.folder / "nothing.csv")
    assert "cannot be read" in demo.refuses(2, "inventory", "import", demo.folder)


def test_one_sheet_of_a_workbook_can_be_chosen(demo: Cli) -> None:
    from openpyxl import Workbook

    book = Workbook()
    book.active.title = "旧"  # type: ignore[union-attr]
    for name in ("旧", "新"):
        sheet = book[name] if name in book.sheetnames else book.create_sheet(name)
        sheet.append(["Name", "Type", "MAC"])
        sheet.append([f"cam-{name}", "camera", "02:ca:00:00:00:01" if name == "旧" else "02:ca:00:00:00:02"])
    path = demo.folder.parent / "two.xlsx"
    book.save(path)
    ran = demo("inventory", "import", path, "--sheet", "新", "--json")
    assert ran.json["added"] == ["cam-新"]
    assert "旧, 新" in demo.refuses(2, "inventory", "import", path, "--sheet", "x")


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_an_export_comes_back_unchanged(demo: Cli, suffix: str, lang: str) -> None:
    demo.loaded()
    path = demo.folder.parent / f"out{suffix}"
    assert demo("inventory", "export", path, lang=lang).code == 0
    ran = demo("inventory", "import", path, "--dry-run", "--json")
    assert (ran.json["added"], ran.json["changed"], ran.json["removed"]) == ([], [], [])


def test_an_export_goes_to_a_file_of_a_known_kind_in_a_folder_that_exists(demo: Cli) -> None:
    assert ".csv" in demo.refuses(2, "inventory", "export", demo.folder / "x.pdf")
    assert "folder that exists" in demo.refuses(2, "inventory", "export", demo.folder / "nowhere" / "x.csv")
    (demo.folder / "dir.csv").mkdir()
    assert "folder that exists" in demo.refuses(2, "inventory", "export", demo.folder / "dir.csv")


def test_list_shows_all_or_one_role_in_either_language(demo: Cli) -> None:
    assert "empty" in demo("inventory", "list").out
    demo.loaded()
    assert [each["name"] for each in demo("inventory", "list", "--json").json["devices"]] == ["cam1", "cam2", "pc1"]
    assert [each["name"] for each in demo("inventory", "list", "--role", "终端", "--json").json["devices"]] == ["pc1"]
    assert demo("inventory", "list", "--role", "server").code == 1
    assert "choose one of" in demo.refuses(2, "inventory", "list", "--role", "toaster")


def test_a_table_shows_macs_and_names_as_they_are(demo: Cli) -> None:
    tricky = LIST.replace("cam1", "[/cam]").replace("02-ca-00-00-00-01", "00:ab:cd:00:00:01").replace("杆1", ":a:")
    demo.loaded(tricky)
    out = demo("inventory", "list").out
    assert "00:ab:cd:00:00:01" in out
    assert "[/cam]" in out
    assert ":a:" in out


def test_show_tells_a_device_with_where_it_was_seen(demo: Cli) -> None:
    demo.loaded()
    demo.saw(reading())
    ran = demo("inventory", "show", "CAM2", "--json")
    assert ran.json["binding"] == {"switch": "sw1", "port": "GigabitEthernet1/0/2", "vlan": 100}
    assert [each["port"] for each in ran.json["seen"]] == ["GigabitEthernet1/0/3"]
    assert "02:ca:00:00:00:02 is on sw1/GigabitEthernet1/0/3" in demo("inventory", "show", "cam2").out
    assert "is cam2 meant?" in demo.refuses(2, "inventory", "show", "camm2")
