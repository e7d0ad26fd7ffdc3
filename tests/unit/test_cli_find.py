"""find takes any spelling; explain and port show say what must be, what is, what a plan would do, and why."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.cli.search import mac_digits
from controller.store.blocks import block
from controller.store.open import open_store
from policies.model import Learned
from policies.names import mac_dashed4, mac_dotted
from tests.unit.cli_site import GIG, Cli, make_site, reading


@pytest.fixture
def demo(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    made = Cli(make_site(tmp_path / "demo"), capsys, monkeypatch)
    made.loaded()
    made.saw(reading())
    return made


@given(st.binary(min_size=6, max_size=6))
def test_every_spelling_of_a_mac_is_the_same_query(octets: bytes) -> None:
    mac = octets.hex(":")
    plain = octets.hex()
    spellings = (mac, mac.upper(), mac_dotted(mac), mac_dashed4(mac), mac.replace(":", "-"), plain, f"0x{plain}")
    assert {mac_digits(each) for each in spellings} == {plain}


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("02:CA:00:00:00:01", ["cam1"]),
        ("02ca-0000-0001", ["cam1"]),
        ("0000.0002", ["cam2"]),
        ("198.18.100.2", ["cam2"]),
        ("198.18.100", ["cam1", "cam2"]),
        ("CAM1", ["cam1"]),
        ("杆2", ["cam2"]),
        ("sn-002", ["cam2"]),
        ("GE1/0/1", ["cam1"]),
        ("sw1/gi1/0/2", ["cam2"]),
        ("１９８.18.100.2", ["cam2"]),
    ],
)
def test_one_box_finds_devices_by_anything(demo: Cli, query: str, names: list[str]) -> None:
    ran = demo("find", query, "--json")
    assert ran.code == 0
    assert [each["name"] for each in ran.json["devices"]] == names


def test_the_edge_port_comes_before_the_uplink_with_the_confidence_said(demo: Cli) -> None:
    seen = demo("find", "cam1", "--json").json["seen"]
    assert [(each["port"], each["confidence"], each["uplink"]) for each in seen] == [
        (GIG + "1", "high", None),
        (GIG + "8", "low", "declared"),
    ]


def test_an_old_reading_is_less_certain(demo: Cli) -> None:
    with open_store(demo.folder) as store:
        store.execute("DELETE FROM observation")
    demo.saw(reading(datetime.now(UTC) - timedelta(days=3)))
    seen = demo("find", "cam1", "--json").json["seen"]
    assert (seen[0]["confidence"], seen[0]["fresh"]) == ("medium", False)
    assert "long ago" in demo("find", "cam1").out


def test_a_mac_that_only_violated_or_is_only_admitted_is_found(demo: Cli) -> None:
    assert [each["kind"] for each in demo("find", "02ca000000ff", "--json").json["seen"]] == ["violator"]
    assert [each["kind"] for each in demo("find", "02ca0000000a", "--json").json["seen"]] == ["bound"]


def test_a_learned_mac_names_its_device_also_when_it_is_bound_elsewhere(demo: Cli) -> None:
    seen = demo("find", "sw1/gi1/0/3", "--json").json["seen"]
    assert [(each["mac"], each["device"]) for each in seen] == [("02:ca:00:00:00:02", "cam2")]


def test_switches_and_ports_are_found_and_what_is_not_there_exits_1(demo: Cli) -> None:
    assert demo("find", "SW1", "--json").json["switches"] == ["sw1"]
    assert demo("find", "gi1/0/5", "--json").json["ports"] == [{"switch": "sw1", "port": GIG + "5"}]
    assert demo("find", "p1", "--json").json["ports"] == [{"switch": "ovs1", "port": "p1"}]
    ran = demo("find", "nowhere")
    assert (ran.code, ran.out.strip()) == (1, "Nothing matched.")
    assert demo("find", "nowhere", "--json").code == 1
    assert "empty" in demo.refuses(2, "find", " ")


def test_three_hex_digits_are_no_part_of_a_mac(demo: Cli) -> None:
    assert demo("find", "2ca").code == 1


def test_explain_tells_a_device_its_port_the_differences_and_the_plan(demo: Cli) -> None:
    out = demo("explain", "cam1").out
    assert "cam1: camera, MAC 02:ca:00:00:00:01" in out
    assert f"bound to sw1/{GIG}1, VLAN 100" in out
    assert "differs: port security: must be on, is off" in out
    assert "a plan would change: port security" in out


def test_explain_says_that_a_device_is_seen_elsewhere(demo: Cli) -> None:
    assert f"it is seen on sw1/{GIG}3 instead" in demo("explain", "02ca.0000.0002").out


def test_explain_tells_why_a_port_is_refused_or_asked_about(demo: Cli) -> None:
    asked = demo("explain", f"sw1/{GIG}5", "--json").json["ports"][0]["plan"]["refusals"]
    assert [each["question"] for each in asked] == [True]
    assert "a plan asks: is it an uplink?" in demo("explain", "sw1/gi1/0/5").out
    assert "the switch has no such port; correct site.toml" in demo("explain", "sw1/gi1/0/7").out


def test_a_hostile_neighbour_cannot_steer_the_terminal(demo: Cli) -> None:
    out = demo("explain", "sw1/gi1/0/5").out
    assert "\x1b" not in out
    assert "\\x1b[2Jevil" in out


def test_explain_tells_a_switch_by_its_counts_and_what_is_not_saved(demo: Cli) -> None:
    ran = demo("explain", "sw1", "--json")
    assert ran.json["kind"] == "switch"
    assert ran.json["roles"] == {"bound": 2, "uplink": 2, "shut": 3, "excepted": 1, "unmanaged": 0}
    assert any("a reboot would lose 1 lines" in sentence for sentence in ran.json["statements"])
    assert "never read" in demo("explain", "ovs1").out


def test_explain_refuses_what_nobody_knows(demo: Cli) -> None:
    assert "portseal find" in demo.refuses(2, "explain", "nobody")
    assert "neither in the inventory nor on any switch" in demo.refuses(2, "explain", "02:00:00:00:00:77")
    assert "no such port" in demo.refuses(2, "explain", "sw1/gi1/0/44")
    assert "not an interface name" in demo.refuses(2, "explain", "sw1/")


def test_port_show_tells_one_port_with_its_block_and_ledger_entries(demo: Cli) -> None:
    with open_store(demo.folder) as store:
        block(store, "sw1", GIG + "1", "local:li", "lamp post hit")
    assert demo("unbind", "cam2").code == 0
    assert demo("bind", "cam2", "sw1", "gi1/0/1").code == 0
    ran = demo("port", "show", "sw1", "1/0/1", "--json")
    assert ran.json["blocked"]["reason"] == "lamp post hit"
    assert ran.json["devices"] == ["cam1", "cam2"]
    assert {each["setting"] for each in ran.json["differences"]} >= {"secure", "secure_macs", "admin_up"}
    assert ran.json["observed"]["learned"] == [{"mac": "02:ca:00:00:00:01", "vlan": 100, "kind": "dynamic"}]
    out = demo("port", "show", "sw1", "gi1/0/1").out
    assert "blocked by local:li" in out


def test_port_show_tells_what_the_switch_itself_has_shut(demo: Cli) -> None:
    out = demo("port", "show", "sw1", "gi1/0/4").out
    assert "shut by the switch (psecure-violation)" in out
    assert "violations: 3, the last from 02:ca:00:00:00:ff" in out


def test_port_show_lists_a_switch_in_the_order_in_which_people_count(demo: Cli) -> None:
    ran = demo("port", "show", "sw1", "--json")
    assert [each["port"] for each in ran.json["ports"]] == [f"{GIG}{n}" for n in range(1, 9)]
    assert ran.json["fresh"] is True
    assert "settings differ" in demo("port", "show", "sw1").out
    never = demo("port", "show", "ovs1", "--json").json
    assert (never["read_at"], never["fresh"]) == (None, False)
    assert "never read" in demo("port", "show", "ovs1").out


def test_port_show_refuses_what_is_not_there(demo: Cli) -> None:
    assert "is sw1 meant?" in demo.refuses(2, "port", "show", "sw11")
    assert "no such port" in demo.refuses(2, "port", "show", "sw1", "gi1/0/77")


def test_explain_tells_of_a_stranger_where_it_could_be_bound_how_sure_and_why(demo: Cli) -> None:
    seen, mac, name = reading(), "02:ca:00:00:00:77", GIG + "6"
    port = replace(seen.ports[GIG + "3"], name=name, learned=frozenset({Learned(mac, 100)}))
    demo.saw(replace(seen, ports={**seen.ports, name: port}))
    sentence = f"it could be bound to sw1/{name}: confidence high, alone at an access port, link up"
    assert sentence in demo("explain", mac).out
    assert sentence in demo("explain", "sw1/gi1/0/6").out
    (told,) = demo("explain", mac, "--json").json["proposals"]
    assert told == {
        "mac": mac, "switch": "sw1", "port": name, "vlan": 100, "confidence": "high",
        "reason": "alone at an access port, link up",
    }  # fmt: skip
    assert demo("explain", "02ca.0000.0099", "--json").json["proposals"] == []  # it is behind a bridge
