"""docs/json.md says what discover, plan, apply and check print, on a real session: same keys, same types."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from controller.cli.base import run
from controller.cli.main import cli
from tests.replay.switch_on_loopback import LoopbackSwitch, loopback_switch, write_site

DOCUMENT = Path(__file__).parents[2] / "docs" / "json.md"
#: Objects whose keys are names of the site, not of the format.
OPEN = {"settings", "clauses", "errors", "switches by name"}


def example(heading: str) -> Any:
    part = DOCUMENT.read_text("utf-8").split(f"\n## {heading}\n", 1)[1]
    found = re.search(r"^```json\n(.*?)^```", part, re.MULTILINE | re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def same(told: Any, real: Any, where: str) -> None:
    if told is None or real is None:
        return
    assert type(told) is type(real), where
    if isinstance(told, dict):
        if where.rpartition(".")[2] in OPEN or where == "apply.switches":
            return
        assert set(told) == set(real), where
        for key, value in told.items():
            same(value, real[key], f"{where}.{key}")
    elif isinstance(told, list) and told:
        for each in real:
            same(told[0], each, f"{where}[]")


@pytest.fixture(scope="module")
def switch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoopbackSwitch]:
    with loopback_switch(tmp_path_factory.mktemp("json") / "switch") as started:
        yield started


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    capsys.readouterr()
    assert run(cli, ["--json", *arguments]) == 0
    return json.loads(capsys.readouterr().out)


def test_the_network_verbs_print_what_the_document_says(
    switch: LoopbackSwitch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = write_site(tmp_path / "site", switch)
    here = ["--site", str(site)]
    assert run(cli, [*here, "inventory", "import", str(site / "inventory.csv"), "--yes"]) == 0
    same(example("discover"), answer(capsys, *here, "discover"), "discover")
    planned = answer(capsys, *here, "plan")
    same(example("plan"), planned, "plan")
    applied = answer(capsys, *here, "apply", planned["plan"], "--yes")
    same(example("apply"), applied, "apply")
    assert applied["switches"] == {"swx": {"state": "done", "error": None}}
    same(example("check"), answer(capsys, *here, "check"), "check")
    by_ssh = answer(capsys, *here, "discover")
    same(example("discover"), by_ssh, "discover")


def test_proposals_are_shown_to_a_person_and_told_as_the_document_says(
    switch: LoopbackSwitch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = write_site(tmp_path / "proposals", switch)
    here = ["--site", str(site), "--lang", "en"]
    switch.control(inject={"port": "p1", "mac": "02:ca:00:00:00:01", "vlan": 100})
    told = answer(capsys, *here, "discover", "--proposals")
    assert set(told) == {*example("discover"), "proposals"}
    bindings = told["proposals"]["bindings"]
    assert bindings
    same(example("discover --proposals")["proposals"]["bindings"], bindings, "discover --proposals")
    assert run(cli, [*here, "discover", "--propose", str(tmp_path / "list.csv")]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    for each in bindings:
        assert f"{each['confidence']} {each['mac']} {each['switch']}/{each['port']} {each['vlan']} " in shown
    assert (tmp_path / "list.csv").read_text("utf-8-sig").count("\n") == 1 + len(bindings)


def test_one_switch_by_address_needs_no_site_and_has_two_flat_lists(
    switch: LoopbackSwitch, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COMMUNITY", "loopback")
    told = answer(capsys, "discover", "--snmp", f"127.0.0.1:{switch.snmp_port}", "--community", "env:COMMUNITY")
    one = example("discover")["switches"][0]
    same(one, {key: value for key, value in told.items() if key not in ("fdb", "neighbours")}, "discover --snmp")
    assert {"fdb", "neighbours"} <= set(told)
    for entry in told["fdb"]:
        assert set(entry) == {"mac", "vlan", "port", "kind"}


def test_a_community_in_clear_works_and_warns(switch: LoopbackSwitch, capsys: pytest.CaptureFixture[str]) -> None:
    address = f"127.0.0.1:{switch.snmp_port}"
    assert run(cli, ["--lang", "en", "discover", "--snmp", address, "--community", "loopback"]) == 0
    assert "visible to every user" in capsys.readouterr().err


def test_a_wrong_community_is_one_line_and_exit_code_3(
    switch: LoopbackSwitch, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMMUNITY", "wrong-community")
    address = f"127.0.0.1:{switch.snmp_port}"
    assert run(cli, ["--lang", "en", "discover", "--snmp", address, "--community", "env:COMMUNITY"]) == 3
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "Next:" in said
    assert "wrong-community" not in said


@pytest.mark.parametrize("address", ["nonsense", "127.0.0.1:0", "127.0.0.1:99999", ":161", "127.0.0.1:abc"])
def test_a_bad_address_is_one_line_and_exit_code_2_or_3(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = run(cli, ["--lang", "en", "discover", "--snmp", address, "--community", "loopback"])
    assert code == (3 if address == "nonsense" else 2)
    assert "Traceback" not in capsys.readouterr().err
