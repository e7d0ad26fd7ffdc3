"""dialect: recorded answers become rows without a site, in any encoding, and a wrong one is one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from controller.cli.dialect import decoded, plain
from tests.unit.cli_site import Cli

FDB = """          Mac Address Table
-------------------------------------------

Vlan    Mac Address       Type        Ports
----    -----------       --------    -----
 100    001b.c500.0001    DYNAMIC     Gi1/0/1
 100    001b.c500.0002    STATIC      Gi1/0/2
Total Mac Addresses for this criterion: 2
sw1#"""

RUNNING = """Building configuration...

Current configuration : 400 bytes
!
hostname sw1
!
interface GigabitEthernet1/0/1
 description 东门 camera
 switchport access vlan 100
 switchport mode access
!
interface GigabitEthernet1/0/24
 switchport trunk allowed vlan 100,200-202
 switchport mode trunk
!
end
"""


@pytest.fixture
def here(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    """A command line without any site."""
    return Cli(tmp_path / "none", capsys, monkeypatch)


def test_a_dialect_that_commits_shows_how(here: Cli) -> None:
    told = here("dialect", "show", "huawei_vrpv8", "--json").json
    assert told["rollback"] == "device"
    assert told["templates"]["commit"] == {
        "now": ["commit"],
        "trial": ["commit trial {trial_s} persist {trial_id}"],
        "confirm": ["commit persist {trial_id}"],
        "abort": ["abort trial persist {trial_id}"],
        "discard": ["clear configuration candidate"],
    }
    assert told["templates"]["mode"]["leave access"] == ["undo port default vlan"]


def test_a_recorded_answer_becomes_rows_without_a_site(here: Cli) -> None:
    ran = here("dialect", "parse", "cisco_ios", "show mac address-table", "--json", stdin=FDB.encode())
    assert ran.code == 0
    assert ran.json == {
        "platform": "cisco_ios",
        "command": "show mac address-table",
        "fact": "learned",
        "rows": [
            {"vlan": 100, "mac": "00:1b:c5:00:00:01", "kind": "dynamic", "port": "GigabitEthernet1/0/1"},
            {"vlan": 100, "mac": "00:1b:c5:00:00:02", "kind": "static", "port": "GigabitEthernet1/0/2"},
        ],
    }


def test_netmikos_names_abbreviations_and_the_older_spelling_are_the_same(here: Cli) -> None:
    for platform, command in (("cisco_xe", "sh mac address-t"), ("CISCO_IOS", "show mac-address-table")):
        ran = here("dialect", "parse", platform, command, "--json", stdin=FDB.encode())
        assert (ran.json["platform"], len(ran.json["rows"])) == ("cisco_ios", 2)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "utf-16"])
def test_a_saved_answer_is_read_in_the_encodings_of_terminals(here: Cli, tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "run.txt"
    path.write_bytes(RUNNING.encode(encoding))
    ran = here("dialect", "parse", "cisco_ios", "show running-config", path, "--json")
    assert ran.json["fact"] == "interface"
    assert ran.json["rows"][0]["description"] == "东门 camera"
    assert ran.json["rows"][1]["allowed_vlans"] == [100, 200, 201, 202]


def test_one_answer_about_several_things_gives_the_one_that_is_asked_for(here: Cli) -> None:
    answer = RUNNING.encode()
    system = here("dialect", "parse", "cisco_ios", "show run", "--fact", "system", "--json", stdin=answer).json
    assert system["rows"][0]["hostname"] == "sw1"
    lines = here("dialect", "parse", "cisco_ios", "show run", "--fact", "running", "--json", stdin=answer).json
    assert {"line": "hostname sw1"} in lines["rows"]
    assert "interface" in here.refuses(2, "dialect", "parse", "cisco_ios", "show run", "--fact", "weather")


def test_rows_are_a_table_for_people(here: Cli) -> None:
    ran = here("dialect", "parse", "cisco_ios", "show mac address-table", stdin=FDB.encode())
    assert "00:1b:c5:00:00:01" in ran.out
    assert "2 rows about learned" in ran.out


def test_several_reads_about_one_fact_are_told_together(here: Cli) -> None:
    flows = (
        b" cookie=0x5ea1, priority=100,in_port=p1 actions=drop\n"
        b" cookie=0x5ea1, priority=250,ip,in_port=p1 actions=drop\n"
        b" cookie=0x5ea1, priority=200,in_port=p1,dl_src=00:1b:c5:00:00:01 actions=NORMAL\n"
        b" priority=0 actions=NORMAL\n"
    )
    command = "ovs-ofctl --names --no-stats --sort dump-flows {bridge}"
    found: dict[str, Any] = here("dialect", "parse", "openvswitch", command, "--json", stdin=flows).json
    assert found["fact"] == "interface"
    assert [sorted(set(row) & {"secure", "source_guard"}) for row in found["rows"]] == [["secure"], ["source_guard"]]
    macs = here("dialect", "parse", "openvswitch", command, "--fact", "secure_mac", "--json", stdin=flows).json
    assert [row["mac"] for row in macs["rows"]] == ["00:1b:c5:00:00:01"]


def test_a_line_that_is_not_known_is_one_line_and_exit_code_3(here: Cli) -> None:
    noise = FDB.replace("001b.c500.0002", "001b.c500.00zz").encode()
    said = here.refuses(3, "dialect", "parse", "cisco_ios", "show mac address-table", stdin=noise)
    assert "001b.c500.00zz" in said


@pytest.mark.parametrize("stdin", [b"", bytes(range(256)) * 10, b"% Invalid input detected at '^' marker.\n"])
def test_what_is_no_answer_is_refused_in_one_line(here: Cli, stdin: bytes) -> None:
    here.refuses(3, "dialect", "parse", "cisco_ios", "show mac address-table", stdin=stdin)


def test_unknown_platforms_commands_and_files_are_refused(here: Cli) -> None:
    parse = ("dialect", "parse")
    assert "cisco_ios" in here.refuses(2, *parse, "cisco_asa", "show version")
    assert "does not read" in here.refuses(2, *parse, "cisco_ios", "show weather")
    assert "may mean" in here.refuses(2, *parse, "cisco_ios", "show ip")[:0] + here.refuses(
        2, *parse, "cisco_ios", "show interfaces s"
    )
    assert "cannot be read" in here.refuses(2, *parse, "cisco_ios", "show version", here.folder / "no.txt")
    assert "cannot be read" in here.refuses(2, *parse, "cisco_ios", "show version", here.folder.parent)
    assert "closed" in here.refuses(2, *parse, "cisco_ios", "show version", stdin=None)


def test_list_and_show_tell_what_a_dialect_can_and_where_it_was_tested(here: Cli) -> None:
    listed = here("dialect", "list", "--json").json["dialects"]
    assert {"cisco_ios", "openvswitch"} <= {each["platform"] for each in listed}
    for each in listed:
        ran = here("dialect", "show", each["platform"], "--json")
        assert ran.json["tested_on"]
        assert {"secure_macs", "admin_up"} <= set(ran.json["capabilities"])
        assert "shutdown" in json.dumps(ran.json["templates"]) or each["platform"] != "cisco_ios"
        assert here("dialect", "show", each["platform"]).code == 0
    assert "cisco_ios" in here("dialect", "list").out
    assert "choose one of" in here.refuses(2, "dialect", "show", "x")


def test_rows_become_plain_json_with_sorted_lists() -> None:
    row = {"vlans": frozenset({10, 2}), "many": [{"macs": {"b", "a"}}], "none": None, "on": True}
    assert plain(row) == {"vlans": [2, 10], "many": [{"macs": ["a", "b"]}], "none": None, "on": True}


def test_bytes_that_no_encoding_knows_are_kept_as_marks() -> None:
    assert decoded("端口".encode("gbk")) == "端口"
    assert decoded(b"ok \xff\xff").startswith("ok ")
