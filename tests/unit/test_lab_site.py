"""The virtual site as data: consistent in itself, readable by Portseal's own loader, delivered as contractors do."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from lab.cables import find_port, first_cables, loose_name
from lab.folder import HEADER, earlier_secrets, inventory_csv, of_the_lab, site_toml
from lab.initial import initial
from lab.secrets import SwitchSecrets, load, make, save
from lab.site import DEFAULT, PREFIX, SITE, VENDORS, SiteSpec
from lab.switch.loopback import LoopbackDataPlane
from lab.switch.persona.config import parse
from lab.switch.persona.vendor import find
from lab.switches import SwitchBox, neighbours, persona_config
from policies.errors import ConfigError, NotFound, UsageError
from policies.load import load_site
from policies.names.mac import parse_mac

SITES = pytest.mark.parametrize("site", [DEFAULT, VENDORS], ids=["default", "vendors"])


@SITES
def test_every_port_has_one_cable_and_every_address_one_owner(site: SiteSpec) -> None:
    ends = [(entry.switch, entry.interface) for entry in first_cables(site).values()]
    ends += [(name, site.switch[name].interface(port)) for link in site.uplinks for name, port in (link.a, link.b)]
    assert len(ends) == len(set(ends))
    for field in ("name", "mac", "ip"):
        assert len({getattr(host, field) for host in site.hosts}) == len(site.hosts)
    assert {int(host.mac[:2], 16) & 3 for host in site.hosts} == {2}, "locally administered, not a group"
    assert len({switch.host for switch in site.switches}) == len(site.switches)


@SITES
def test_names_fit_the_kernel(site: SiteSpec) -> None:
    for switch in site.switches:
        for interface in switch.ports.values():
            assert len(loose_name(switch.name, interface)) <= 15
    assert all(name.startswith(PREFIX) for name in site.namespaces())
    assert len(set(site.namespaces())) == 2 + len(site.switches) + len(site.hosts)


@pytest.mark.parametrize("name", [switch.name for switch in VENDORS.switches if not switch.bare])
def test_every_vendors_switch_starts_as_the_installer_left_it(name: str, tmp_path: Path) -> None:
    box = SwitchBox(VENDORS.switch[name], make(), VENDORS, tmp_path)
    box.folder.mkdir()
    config = parse(persona_config(box))
    plane = LoopbackDataPlane(list(config.ports.values()))
    switch = find(config.platform).switch(config, plane)
    switch.boot()
    assert [line for line in switch.log_lines if "passed over" in line] == []
    uplink = box.spec.interface(next(iter(VENDORS.uplink_ports(name))))
    assert plane.state(uplink).trunk == (1, frozenset({100}))
    assert {plane.state(port).access for port in plane.ports() if port != uplink} == {100}


def test_the_declaration_loads_and_says_what_the_site_is(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text(site_toml(list(SITE.switches)), "utf-8")
    site = load_site(tmp_path)
    assert {vlan.purpose: vlan.id for vlan in site.vlans} == {"face": 100, "quarantine": 998, "blackhole": 999}
    for spec in SITE.switches:
        declared = site.switch(spec.name)
        assert declared is not None
        assert (declared.platform, declared.host) == (spec.platform, spec.host)
        assert declared.ports == tuple(spec.ports)
        assert {uplink.port: uplink.allowed_vlans for uplink in declared.uplinks} == SITE.uplink_ports(spec.name)
        assert declared.password == f"file:secrets/{spec.name}.password"


def test_the_inventory_lists_all_but_the_rogue_and_the_spare_in_every_spelling() -> None:
    rows = list(csv.DictReader(inventory_csv().decode("gbk").splitlines()))
    assert {row["设备名称"] for row in rows} == {host.name for host in SITE.hosts} - {"rogue", "cam15"}
    assert {row["类型"] for row in rows} == {"摄像机", "录像机", "服务器", "终端"}
    for row in rows:
        host = SITE.host[row["设备名称"]]
        assert parse_mac(row["MAC地址"]) == host.mac
        assert (row["IP地址"], row["交换机"], row["VLAN"]) == (host.ip, host.switch, "100")
    shapes = {"".join("x" if letter.isalnum() else letter for letter in row["MAC地址"]) for row in rows}
    assert len(shapes) == 5


def test_a_careless_installer_left_every_port_open_in_the_face_vlan() -> None:
    lines = initial(SITE.switch["sw2"], SITE).splitlines()
    assert lines.count(" switchport access vlan 100") == 22
    assert lines.count(" switchport trunk allowed vlan 100") == 2
    assert not [line for line in lines if "port-security" in line]


def test_neighbours_of_an_uplink_are_each_others() -> None:
    assert neighbours(SITE.switch["sw3"], SITE)["GigabitEthernet1/0/24"]["system"] == "sw2"
    assert {entry["system"] for entry in neighbours(SITE.switch["sw2"], SITE).values()} == {"sw1", "sw3"}


def test_the_personas_configuration_is_one_that_it_reads(tmp_path: Path) -> None:
    box = SwitchBox(SITE.switch["sw2"], make(), SITE, tmp_path)
    config = parse(persona_config(box))
    assert (config.listen, config.ssh_port, config.snmp_port) == ("198.18.0.12", 22, 161)
    assert config.ports["GigabitEthernet1/0/24"] == "p24"
    assert config.bridge is not None
    assert config.state == tmp_path / "sw2/startup.json"


def test_a_port_is_found_by_either_name_and_uplinks_are_not_for_hosts() -> None:
    assert find_port("sw2", "GigabitEthernet1/0/7") == find_port("sw2", "p7") == ("sw2", "p7")
    with pytest.raises(NotFound):
        find_port("sw9", "p7")
    with pytest.raises(NotFound):
        find_port("sw2", "p25")
    with pytest.raises(UsageError):
        find_port("sw2", "p24")


def test_secrets_are_private_and_never_shown(tmp_path: Path) -> None:
    entry = make()
    assert len({entry.password, entry.enable, entry.community, entry.snmp_auth, entry.snmp_priv}) == 5
    assert entry.password not in repr(entry)
    save(tmp_path / "kept.json", {"sw1": entry})
    assert (tmp_path / "kept.json").stat().st_mode & 0o777 == 0o600
    assert load(tmp_path / "kept.json") == {"sw1": entry}


@pytest.mark.parametrize("content", ["", "[]", '{"sw1": 1}', '{"sw1": {"password": "x"}}', "\0"])
def test_damaged_secrets_are_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "kept.json").write_text(content, "utf-8")
    with pytest.raises(ConfigError, match=r"kept\.json"):
        load(tmp_path / "kept.json")


def test_a_site_folder_of_somebody_else_is_refused_and_an_empty_one_is_fresh(tmp_path: Path) -> None:
    assert earlier_secrets(tmp_path) == ({}, None)
    (tmp_path / "site.toml").write_text("[site]\n", "utf-8")
    with pytest.raises(ConfigError, match="another site"):
        earlier_secrets(tmp_path)
    (tmp_path / "site.toml").write_text(HEADER + "\n", "utf-8")
    assert of_the_lab(tmp_path)
    (tmp_path / "secrets").mkdir()
    kept = {"sw1": SwitchSecrets("a", "b", "c", "d", "e")}
    save(tmp_path / "secrets/lab.json", kept)
    assert earlier_secrets(tmp_path) == (kept, tmp_path / "secrets")
