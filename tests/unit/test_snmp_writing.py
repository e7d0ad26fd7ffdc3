"""Writing over SNMP: what the site must say, how a line is read, and what a plan refuses where SNMP sets less."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from drivers.dialect import SnmpObject, SnmpWrites
from drivers.snmp import quirks
from drivers.snmp.access import resolve_writing
from drivers.snmp.lines import parse_line
from policies.errors import ConfigError
from policies.load import load_site
from policies.model import ObservedPort, PortConfig, PortMode
from policies.plan import plan_switch
from policies.site import SnmpAccess
from tests.unit.switch_states import CAM, FACTORY, bound, expected, observed

HEAD = '[site]\nname = "x"\n[switches.sw1]\nplatform = "{platform}"\nhost = "192.0.2.1"\nwrite = "{write}"\n'
V3 = '[switches.sw1.snmp]\nuser = "u"\nauth_password = "env:A"\npriv_password = "env:P"\n'


def loaded(folder: Path, text: str) -> SnmpAccess:
    (folder / "site.toml").write_text(text, "utf-8")
    access = load_site(folder).switches[0].snmp
    assert access is not None
    return access


def test_a_site_says_how_a_switch_is_written_over_snmp(tmp_path: Path) -> None:
    head = HEAD.format(platform="cisco_ios", write="snmp")
    assert loaded(tmp_path, head + V3).may_write
    v2c = loaded(tmp_path, head + '[switches.sw1.snmp]\ncommunity = "env:R"\nwrite_community = "env:W"\n')
    assert resolve_writing(v2c, lambda reference: f"word of {reference}").community == "word of env:W"


@pytest.mark.parametrize(
    ("platform", "write", "snmp", "words"),
    [
        ("cisco_ios", "snmp", "", "needs the switch's SNMP access"),
        ("cisco_ios", "snmp", '[switches.sw1.snmp]\ncommunity = "env:R"\n', "authentication and privacy"),
        (
            "cisco_ios",
            "snmp",
            '[switches.sw1.snmp]\nuser = "u"\nauth_password = "env:A"\n',
            "authentication and privacy",
        ),
        ("cisco_ios", "snmp", V3 + 'write_community = "env:W"\n', "belongs to SNMPv2c"),
        ("cisco_ios", "telnet", V3, "ssh, snmp"),
        ("qbridge", "ssh", V3, "over SNMP only"),
    ],
)
def test_what_may_not_be_written_over_snmp_is_refused_where_it_stands(
    platform: str, write: str, snmp: str, words: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        loaded(tmp_path, HEAD.format(platform=platform, write=write) + snmp)
    assert "switches.sw1" in str(caught.value)


def test_an_access_without_privacy_is_refused_also_when_nobody_checked_the_site() -> None:
    with pytest.raises(ConfigError):
        resolve_writing(SnmpAccess("h", user="u", auth_password="env:A"), lambda _: "long-enough")


WRITES = SnmpWrites(
    {
        "flag": SnmpObject("1.2.1", "i"),
        "name": SnmpObject("1.2.2", "s"),
        "ports": SnmpObject("1.2.3", "p", ("number",)),
        "all": SnmpObject("1.2.4.0", "iu", ()),
    }
)


def test_a_line_is_one_or_several_objects() -> None:
    (flag,) = parse_line("flag[Gi1/0/1] = up(1)", WRITES, where="sw1")
    assert (flag.parts, flag.act, flag.value) == (("Gi1/0/1",), "=", 1)
    first, second = parse_line("ports[100] += Gi1/0/1 & ports[1] -= Gi1/0/1", WRITES, where="sw1")
    assert [(each.act, each.parts, each.value) for each in (first, second)] == [
        ("+=", ("100",), "Gi1/0/1"),
        ("-=", ("1",), "Gi1/0/1"),
    ]
    (number,) = parse_line("all = 7", WRITES, where="sw1")
    assert (number.parts, number.value) == ((), 7)


@pytest.mark.parametrize("text", ["", "pole 7 & flag[x] = 1", "= & =", "东门 [3]"])
def test_a_text_goes_to_the_end_of_the_line_whatever_is_in_it(text: str) -> None:
    (name,) = parse_line(f"name[Gi1/0/1] = {text}", WRITES, where="sw1")
    assert name.value == text


@pytest.mark.parametrize(
    "line",
    [
        "",
        "no shutdown",
        "other[1] = 1",
        "flag = 1",
        "flag[a, b] = 1",
        "flag[a] = one",
        "flag[a] += 1",
        "flag[a] = 1 & ",
    ],
)
def test_what_is_no_set_is_refused(line: str) -> None:
    with pytest.raises(ConfigError, match="no SNMP set"):
        parse_line(line, WRITES, where="sw1")


@pytest.mark.parametrize("ports", [set(), {1}, {8, 9}, {1, 7, 8, 16, 17, 53}])
def test_a_port_list_is_read_as_it_was_written(ports: set[int]) -> None:
    assert quirks.port_bits(quirks.port_list(ports, 1)) == ports
    assert len(quirks.port_list(ports, 16)) == 16


LESS = frozenset({"access_vlan", "secure_macs", "admin_up"})


def test_a_vlan_that_is_not_there_and_cannot_be_made_is_refused_by_its_number() -> None:
    seen = replace(observed(ObservedPort("Gi1", FACTORY)), capabilities=LESS, vlans={1: "default"})
    changes, refusals = plan_switch(expected(bound("Gi1", CAM)), seen)
    assert changes.ports == ()
    assert [str(each.reason) for each in refusals] == [
        "the switch has no VLAN 100, and it cannot be made here; make it by hand"
    ]


def test_a_trunk_whose_mode_cannot_be_set_is_left_alone() -> None:
    trunk = PortConfig(mode=PortMode.TRUNK, native_vlan=1, allowed_vlans=frozenset({1, 100}))
    ready = replace(trunk, secure_macs=frozenset(), admin_up=False)
    seen = replace(observed(ObservedPort("Gi1", ready)), capabilities=LESS, vlans={1: "default", 100: "face"})
    changes, refusals = plan_switch(expected(bound("Gi1", CAM)), seen)
    assert changes.ports == ()
    assert "its mode cannot be set here" in str(refusals[0].reason)
