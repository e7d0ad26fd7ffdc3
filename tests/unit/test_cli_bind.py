"""bind and unbind change the inventory, refuse what the declaration excludes, and leave acts in the ledger."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.store.inventory import binding_of, devices
from controller.store.open import open_store
from policies.model import Binding
from tests.unit.cli_site import GIG, Cli, make_site

NEW = ("--mac", "00-00-5E-00-53-01", "--role", "摄像机")


@pytest.fixture
def demo(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    made = Cli(make_site(tmp_path / "demo"), capsys, monkeypatch)
    made.loaded()
    return made


def bound(demo: Cli, device: str) -> Binding | None:
    with open_store(demo.folder) as store:
        return binding_of(store, device)


def test_a_device_is_bound_in_the_face_vlan_and_the_next_step_is_the_plan(demo: Cli) -> None:
    ran = demo("bind", "PC1", "SW1", "1/0/3")
    assert (ran.code, "portseal plan sw1" in ran.out) == (0, True)
    assert bound(demo, "pc1") == Binding("pc1", "sw1", GIG + "3", 100)
    assert demo.kinds()[-2:] == ["bind.intent", "bind.done"]


def test_a_new_device_is_added_with_its_binding(demo: Cli) -> None:
    ran = demo("bind", "cam9", "sw1", "gi1/0/4", *NEW, "--ip", "198.18.100.9", "--json")
    assert (ran.json["added"], ran.json["mac"], ran.json["before"]) == (True, "00:00:5e:00:53:01", None)
    assert bound(demo, "cam9") == Binding("cam9", "sw1", GIG + "4", 100)


def test_binding_again_to_the_same_port_changes_nothing(demo: Cli) -> None:
    before = demo.kinds()
    ran = demo("bind", "cam1", "sw1", "Gi1/0/1", "--json")
    assert (ran.code, ran.json["changed"]) == (0, False)
    assert demo.kinds() == before


def test_a_device_that_is_bound_elsewhere_needs_move(demo: Cli) -> None:
    said = demo.refuses(2, "bind", "cam1", "sw1", "Gi1/0/3")
    assert f"bound to sw1/{GIG}1 now" in said
    assert "--move" in said
    ran = demo("bind", "cam1", "sw1", "Gi1/0/3", "--move", "--json")
    assert ran.json["before"] == f"sw1/{GIG}1"
    assert bound(demo, "cam1") == Binding("cam1", "sw1", GIG + "3", 100)


def test_a_literal_platform_keeps_names_as_they_are(demo: Cli) -> None:
    assert demo("bind", "pc1", "ovs1", "p2").code == 0
    assert bound(demo, "pc1") == Binding("pc1", "ovs1", "p2", 100)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("pc1", "sw9", "Gi1/0/3"), "is sw1 meant?"),
        (("pc1", "sw1", "Gi1/0/9"), "does not declare"),
        (("pc1", "sw1", "Gi1/0/8"), "uplink"),
        (("pc1", "sw1", "Gi1/0/7"), "management path"),
        (("pc1", "sw1", "Gi1/0/6"), "property office"),
        (("pc1", "sw1", "!!"), "not an interface name"),
        (("pc1", "sw1", "Gi1/0/3", "--vlan", "200"), "no VLAN '200'"),
        (("pc1", "sw1", "Gi1/0/3", "--vlan", "blackhole"), "nothing may work"),
        (("pc1", "sw1", "Gi1/0/3", "--mac", "02:00:00:00:00:09"), "the inventory says"),
        (("pc1", "sw1", "Gi1/0/3", "--role", "camera"), "the inventory says terminal"),
        (("nobody", "sw1", "Gi1/0/3"), "--mac and --role"),
        (("nobody", "sw1", "Gi1/0/3", "--mac", "02:00:00:00:00:09"), "needs --mac and --role"),
        (("nobody", "sw1", "Gi1/0/3", "--role", "x", "--mac", "02:00:00:00:00:09"), "not a role"),
        (("nobody", "sw1", "Gi1/0/3", "--role", "camera", "--mac", "zz"), "not a MAC"),
        (("nobody", "sw1", "Gi1/0/3", "--role", "camera", "--mac", "01:00:5e:00:00:01"), "no device's address"),
        (("nobody", "sw1", "Gi1/0/3", *NEW, "--ip", "10.0.0"), "not an IPv4 address"),
        (("nobody", "sw1", "Gi1/0/3", *NEW, "--ip", "224.0.0.1"), "not an address that a device"),
        (("cam8", "sw1", "Gi1/0/3", "--mac", "02:ca:00:00:00:01", "--role", "camera"), "belongs to cam1"),
        ((" ", "sw1", "Gi1/0/3", *NEW), "name of a device"),
    ],
)
def test_what_cannot_be_bound_is_refused_and_nothing_changes(demo: Cli, arguments: tuple[str, ...], said: str) -> None:
    with open_store(demo.folder) as store:
        before = devices(store)
    assert said in demo.refuses(2, "bind", *arguments)
    with open_store(demo.folder) as store:
        assert devices(store) == before
    assert bound(demo, "pc1") is None


def test_a_shared_port_has_one_vlan(tmp_path: Path, demo: Cli) -> None:
    declaration = demo.folder / "site.toml"
    extra = '\n[vlans.second]\nid = 101\npurpose = "other"\n'
    declaration.write_text(declaration.read_text("utf-8") + extra, "utf-8")
    assert "VLAN 100" in demo.refuses(2, "bind", "pc1", "sw1", "Gi1/0/1", "--vlan", "second")
    assert demo("bind", "pc1", "sw1", "Gi1/0/1").code == 0


def test_unbind_takes_the_binding_away_and_keeps_the_device(demo: Cli) -> None:
    ran = demo("unbind", "cam1", "--json")
    assert ran.json == {"device": "cam1", "before": {"switch": "sw1", "port": GIG + "1", "vlan": 100}}
    assert bound(demo, "cam1") is None
    assert demo.kinds()[-2:] == ["unbind.intent", "unbind.done"]
    assert "bound nowhere" in demo.refuses(2, "unbind", "cam1")
    assert "no device called" in demo.refuses(2, "unbind", "nobody")


def test_swap_gives_the_replacement_the_place_and_keeps_both_macs_in_the_ledger(demo: Cli) -> None:
    before = demo("inventory", "show", "cam1", "--json").json
    ran = demo("swap", "cam1", "--mac", "02-CA-00-00-99-15", "--reason", "no picture since 02:10", "--json")
    after = demo("inventory", "show", "cam1", "--json").json
    assert ran.code == 0
    assert (before["mac"], after["mac"]) == (ran.json["before"], "02:ca:00:00:99:15")
    assert {key: value for key, value in after.items() if key not in ("mac", "serial")} == {
        key: value for key, value in before.items() if key not in ("mac", "serial")
    }
    entries = demo("audit", "log", "--kind", "swap", "--json").json["entries"]
    assert [entry["kind"] for entry in entries] == ["swap.intent", "swap.done"]
    assert entries[0]["data"]["reason"] == "no picture since 02:10"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nobody", "--mac", "02:ca:00:00:99:15", "--reason", "x"), "nobody"),
        (("cam1", "--mac", "broken", "--reason", "x"), "MAC"),
        (("cam1", "--mac", "02:ca:00:00:99:15", "--reason", " "), "reason"),
        (("cam1", "--mac", "02:ca:00:00:99:15"), "--reason"),
    ],
)
def test_a_swap_that_cannot_be_is_one_line_and_exit_code_2(demo: Cli, arguments: tuple[str, ...], words: str) -> None:
    ran = demo("--lang", "en", "swap", *arguments)
    assert ran.code == 2
    assert words in ran.err
    assert "Traceback" not in ran.err
