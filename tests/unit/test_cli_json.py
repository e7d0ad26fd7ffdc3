"""docs/json.md says what the verbs print: same keys, same types, at every level."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from controller.store.blocks import block
from controller.store.open import open_store
from tests.unit.cli_site import GIG, Cli, make_site, reading

DOCUMENT = Path(__file__).parents[2] / "docs" / "json.md"
#: Objects whose keys depend on what is told: only their values' types are fixed.
OPEN = {"settings", "templates", "parameters", "data", "rows", "roles"}
#: Places where the value of any setting may stand.
VALUES = ("differences.expected", "differences.observed")
#: Lists whose elements are told elsewhere in the document.
ELSEWHERE = {("port show SWITCH", "ports")}
FDB = b"Vlan    Mac Address       Type        Ports\n 100    001b.c500.0001    DYNAMIC     Gi1/0/1\n"

VERBS: dict[str, tuple[str, ...]] = {
    "errors": ("unbind", "nobody"),
    "doctor": ("doctor", "--offline"),
    "inventory import": ("inventory", "import", "{list}", "--dry-run"),
    "inventory list": ("inventory", "list"),
    "inventory show": ("inventory", "show", "cam1"),
    "inventory export": ("inventory", "export", "{out}"),
    "bind": ("bind", "pc1", "sw1", "Gi1/0/3"),
    "unbind": ("unbind", "cam1"),
    "swap": ("swap", "cam1", "--mac", "02:ca:00:00:99:15", "--reason", "no picture"),
    "port show SWITCH": ("port", "show", "sw1"),
    "port show SWITCH PORT": ("port", "show", "sw1", "Gi1/0/1"),
    "find": ("find", "cam1"),
    "explain": ("explain", "cam2"),
    "audit log": ("audit", "log"),
    "audit verify": ("audit", "verify"),
    "audit checkpoint": ("audit", "checkpoint"),
    "secret set": ("secret", "set", "sw1"),
    "secret list": ("secret", "list"),
    "dialect list": ("dialect", "list"),
    "dialect show": ("dialect", "show", "cisco_ios"),
    "dialect parse": ("dialect", "parse", "cisco_ios", "show mac address-table"),
}


def examples() -> dict[str, Any]:
    parts = re.split(r"^## ", DOCUMENT.read_text("utf-8"), flags=re.MULTILINE)[1:]
    found = {}
    for part in parts:
        match = re.search(r"^```json\n(.*?)^```", part, re.MULTILINE | re.DOTALL)
        if match is not None:
            found[part.partition("\n")[0]] = json.loads(match[1])
    return found


@pytest.fixture
def demo(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    made = Cli(make_site(tmp_path / "demo"), capsys, monkeypatch)
    made.loaded()
    made.saw(reading())
    with open_store(made.folder) as store:
        block(store, "sw1", GIG + "1", "local:li", "lamp post hit")
    return made


def same(told: Any, real: Any, where: str, verb: str) -> None:
    """Compare shapes; null stands for any type, and a list's first element for all."""
    if told is None or real is None or where.endswith(VALUES):
        return
    assert type(told) is type(real), where
    name = where.rpartition(".")[2]
    if isinstance(told, dict) and name not in OPEN:
        assert list(told) == list(real), where
        for key, value in told.items():
            same(value, real[key], f"{where}.{key}", verb)
    elif isinstance(told, list) and told and name not in OPEN and (verb, name) not in ELSEWHERE:
        for each in real:
            same(told[0], each, where, verb)


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_prints_what_the_document_says(demo: Cli, tmp_path: Path, verb: str) -> None:
    fill = {"list": str(demo.list_file()), "out": str(tmp_path / "out.csv")}
    ran = demo(*(argument.format(**fill) for argument in VERBS[verb]), "--json", stdin=FDB if "parse" in verb else b"x")
    same(examples()[verb], ran.json, verb, verb)


def test_init_prints_what_the_document_says(demo: Cli, tmp_path: Path) -> None:
    same(examples()["init"], demo("init", tmp_path / "new", "--json").json, "init", "init")


def test_every_port_of_a_switch_is_told_as_one_port_without_its_entries(demo: Cli) -> None:
    told = {key: value for key, value in examples()["port show SWITCH PORT"].items() if key != "entries"}
    for each in demo("port", "show", "sw1", "--json").json["ports"]:
        same(told, each, "port", "port")


@pytest.mark.parametrize("subject", ["sw1", "sw1/Gi1/0/5", "02ca.0000.0099"])
def test_what_explain_tells_begins_and_ends_alike_for_every_kind(demo: Cli, subject: str) -> None:
    told, real = examples()["explain"], demo("explain", subject, "--json").json
    assert set(told) - {"device", "seen"} <= set(real)
    for each in real["ports"]:
        same(examples()["port show SWITCH PORT"], each, "port", "explain")


def test_a_problem_of_an_import_has_the_keys_that_the_document_names(demo: Cli) -> None:
    ran = demo("inventory", "import", demo.list_file("Name,Type,MAC\nx,toaster,1\n"), "--json")
    assert [list(each) for each in ran.json["problems"]] == [["file", "sheet", "row", "column", "text"]] * 2
