"""A dead camera at two in the morning: a code, the spare at the same port, and nothing that an administrator chose."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from lab.api import Lab
from lab.site import SITE
from tests.lab.test_lab_seal import arrives, portseal, seal

pytestmark = [pytest.mark.lab, pytest.mark.clause("7.1c")]

PLACE = ("sw2", "GigabitEthernet1/0/1")
OLD, NEW = SITE.host["cam05"].mac, SITE.host["cam15"].mac
#: The technician gives the spare the address of the camera that it replaces.
IP = {"src_ip": SITE.host["cam05"].ip}


@pytest.fixture
def site(lab_fresh: Lab, tmp_path: Path) -> Path:
    return seal(lab_fresh, tmp_path / "site")


def code(site: Path, capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    assert portseal(site, "--json", "swap", "cam05", "--allow", "--reason", "no picture since 02:10") == 0
    return str(json.loads(capsys.readouterr().out)["code"])


def swap(site: Path, given: str, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sys, "stdin", io.StringIO(given + "\n"))
    return portseal(site, "swap", "cam05", "--code", "--yes")


def test_the_spare_works_after_three_steps_and_the_old_one_never_again(
    lab_fresh: Lab, site: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = code(site, capsys)
    lab_fresh.unplug("cam05")
    lab_fresh.replug("cam15", *PLACE)
    assert not arrives(lab_fresh, "cam15", **IP)
    assert swap(site, given, monkeypatch) == 0
    assert arrives(lab_fresh, "cam15", **IP)
    assert portseal(site, "check", "sw2") == 0
    capsys.readouterr()
    portseal(site, "--json", "inventory", "show", "cam05")
    assert json.loads(capsys.readouterr().out)["mac"] == NEW
    # Used up, and what it replaced is retired: at its old port it does not get through.
    assert swap(site, given, monkeypatch) == 4
    lab_fresh.unplug("cam15")
    lab_fresh.replug("cam05", *PLACE)
    assert not arrives(lab_fresh, "cam05")
    assert swap(site, code(site, capsys), monkeypatch) == 4
    assert "retired" in capsys.readouterr().err
    capsys.readouterr()
    portseal(site, "--json", "audit", "log", "--kind", "swap")
    entries = json.loads(capsys.readouterr().out)["entries"]
    done = next(each["data"] for each in entries if each["kind"] == "swap.intent")
    assert (done["before"], done["after"], done["reason"]) == (OLD, NEW, "no picture since 02:10")


def test_a_laptop_in_its_place_stays_outside_whoever_has_the_code(
    lab_fresh: Lab, site: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = code(site, capsys)
    lab_fresh.unplug("cam05")
    lab_fresh.replug("rogue", *PLACE)
    assert not arrives(lab_fresh, "rogue", **IP)
    assert swap(site, given, monkeypatch) == 4
    assert "another make" in capsys.readouterr().err
    assert not arrives(lab_fresh, "rogue", **IP)
    assert portseal(site, "plan", "sw2") == 0
    # The code is good still, for the spare.
    lab_fresh.replug("rogue", "sw2", "GigabitEthernet1/0/10")
    lab_fresh.replug("cam15", *PLACE)
    assert not arrives(lab_fresh, "cam15", **IP)
    assert swap(site, given, monkeypatch) == 0
    assert arrives(lab_fresh, "cam15", **IP)
