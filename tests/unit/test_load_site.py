"""What a loaded site says, what becomes of files that are no site.toml, and the sample."""

from __future__ import annotations

import re
import tomllib
from datetime import date, time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import policies
from policies.errors import ConfigError, InputError
from policies.layout import layout
from policies.load import load_site, sample_site_toml
from policies.model import ExceptedPort, Violation
from policies.platforms import literal_names, parse_platform, platform_aliases, platforms
from policies.site import Parameters, Site, SnmpAccess, Uplink, Vlan
from policies.texts import t
from policies.toml import Place, Section, wrong_type

DATA = Path(__file__).parent / "data"


def loaded(tmp_path: Path, text: str) -> Site:
    (tmp_path / "site.toml").write_text(text, encoding="utf-8")
    return load_site(tmp_path)


def refused(tmp_path: Path, content: bytes) -> str:
    (tmp_path / "site.toml").write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load_site(tmp_path)
    return str(caught.value)


def test_a_whole_file_becomes_the_declaration(tmp_path: Path) -> None:
    site = loaded(tmp_path, (DATA / "good" / "whole.toml").read_text(encoding="utf-8"))
    assert (site.name, site.language, site.folder) == ("park-7", "en", tmp_path)
    assert site.parameters == Parameters(Violation.SHUTDOWN, False, False, 3600, 300)
    assert site.vlans == (Vlan(100, "face", "face"), Vlan(999, "unused", "blackhole"))
    gate, ovs = site.switches
    assert (gate.name, gate.platform, gate.host, gate.port) == ("东门-1", "huawei_vrp", "2001:db8::2", 2222)
    assert (gate.username, gate.password, gate.key) == ("portseal", "env:GATE_PASSWORD", "file:keys/gate 1")
    assert gate.enable == "secret:gate-1.enable"
    assert gate.host_key == "SHA256:uNiVztksCsDhcc0u9e8BrrJXVGDqHA0TDvEqqvTDwbE"
    assert gate.timeout_s == 5.0
    assert len(gate.ports) == 26
    assert gate.ports[0] == "GigabitEthernet0/0/1"
    assert gate.ports[-2:] == ("TenGigabitEthernet0/0/1", "Port-channel1")
    assert gate.uplinks == (
        Uplink("TenGigabitEthernet0/0/1"),
        Uplink("Port-channel1", frozenset({100, 999}), 999),
    )
    assert gate.management_ports == {"GigabitEthernet0/0/24", "Vlan10", "Management0/0/1"}
    assert gate.edge_ports == {"GigabitEthernet0/0/20"}
    assert dict(gate.settings) == {
        "reload_in": "5", "commit_label": "portseal", "save_twice": "true", "agent_token": "env:TOKEN",
    }  # fmt: skip
    assert gate.excepted == (
        ExceptedPort("东门-1", "GigabitEthernet0/0/23", "property office", "lift intercom", date(2020, 1, 31)),
    )
    assert gate.snmp == SnmpAccess(
        "2001:db8::2", 161, None, "portseal", "sha256", "secret:gate-1.auth", "aes256", "secret:gate-1.priv", "vlan-100"
    )  # fmt: skip
    assert ovs.snmp == SnmpAccess("198.18.0.13", 1161, "file:community")


def test_ports_of_open_vswitch_keep_the_names_that_their_owner_gave(tmp_path: Path) -> None:
    site = loaded(tmp_path, (DATA / "good" / "whole.toml").read_text(encoding="utf-8"))
    assert site.switches[1].ports == ("gi1", "gi2", "gi3", "gi4", "vlan100", "p1")
    assert site.switches[1].management_ports == {"gi4"}


def test_a_site_without_policy_has_the_defaults_of_the_notice(tmp_path: Path) -> None:
    site = loaded(tmp_path, '[site]\nname = "x"\n')
    assert site.parameters == Parameters()
    assert site.language == "zh"
    assert site.switches == ()
    assert site.vlans == ()


def test_a_switch_without_options_has_the_defaults_of_the_declaration(tmp_path: Path) -> None:
    site = loaded(tmp_path, '[site]\nname = "x"\n[switches.a]\nplatform = "cisco_xe"\nhost = "h"\n')
    switch = site.switches[0]
    assert (switch.platform, switch.port, switch.timeout_s, switch.snmp, switch.settings) == (
        "cisco_ios", 22, 30.0, None, (),
    )  # fmt: skip


def test_netmikos_names_are_aliases_of_the_platforms() -> None:
    wanted = {
        "cisco_xe": "cisco_ios", "huawei": "huawei_vrp", "hp_comware": "h3c_comware", "ovs_linux": "openvswitch",
        "linux": "linux_bridge", "Cisco_IOS": "cisco_ios",
    }  # fmt: skip
    assert {name: parse_platform(name) for name in wanted} == wanted
    assert set(platform_aliases().values()) == set(platforms())
    assert [name for name in platforms() if literal_names(name)] == ["openvswitch", "linux_bridge"]


def test_no_two_platforms_share_an_alias() -> None:
    table = tomllib.loads((Path(policies.__file__).parent / "data" / "platforms.toml").read_text())
    names = [*table, *(alias for entry in table.values() for alias in entry["aliases"])]
    assert len(names) == len(set(names))


def test_a_missing_file_says_how_to_create_it(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=re.escape("the file does not exist. Next: create the site with 'portseal init'")
    ):
        load_site(tmp_path)


def test_a_folder_in_the_place_of_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "site.toml").mkdir()
    with pytest.raises(ConfigError, match="the file cannot be read: Is a directory"):
        load_site(tmp_path)


def test_gbk_text_is_refused_with_the_remedy(tmp_path: Path) -> None:
    assert "save it again as UTF-8" in refused(tmp_path, '[site]\nname = "东门"\n'.encode("gbk"))


def test_a_string_without_end_is_told(tmp_path: Path) -> None:
    assert "Unterminated string (at end of document)" in refused(tmp_path, b'[site]\nname = """x')


def test_endless_nesting_is_a_config_error(tmp_path: Path) -> None:
    assert "nested too deeply" in refused(tmp_path, b"x = " + b"[" * 100_000)


def test_a_number_of_thousands_of_digits_is_a_config_error(tmp_path: Path) -> None:
    assert "TOML syntax error" in refused(tmp_path, b"x = " + b"9" * 10_000)


def test_every_kind_of_toml_value_has_a_name_in_errors() -> None:
    place = Place("site.toml", ("x", 0))
    raws: tuple[object, ...] = (True, 1, 1.5, "x", [], {}, date(2030, 1, 1), time(7))
    names = [str(wrong_type(raw, t("a table"), place)) for raw in raws]
    assert all(name.startswith("site.toml: x[1]: must be a table, not ") for name in names)
    assert len(set(names)) == len(raws)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")))
def test_noise_is_refused_with_a_config_error(tmp_path: Path, noise: bytes) -> None:
    line = refused(tmp_path, noise)
    assert line.isprintable()


_TOML_VALUES = st.sampled_from(
    ["true", "1", "-1", "1.5", "nan", "inf", '""', '"x"', "[]", "[1]", '["x"]', "{}", "{ a = 1 }", "2030-01-01",
     "07:30:00", '"env:X"', "[[]]", "[{}]", '"\\u0000"', "9223372036854775808"]
)  # fmt: skip
_HEADERS = ["site", "policy", "vlans", "vlans.a", "switches", "switches.a", "switches.a.snmp"]


def _key_names(section: Section) -> list[str]:
    return [key.name for key in section.keys] + [name for below in section.sections for name in _key_names(below)]


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    header=st.sampled_from(_HEADERS),
    lines=st.dictionaries(st.sampled_from(sorted(set(_key_names(layout())))), _TOML_VALUES, max_size=6),
)
def test_well_formed_nonsense_loads_or_is_refused_with_a_config_error(
    tmp_path: Path, header: str, lines: dict[str, str]
) -> None:
    text = f"[{header}]\n" + "".join(f"{key} = {value}\n" for key, value in lines.items())
    (tmp_path / "site.toml").write_text(text)
    try:
        site = load_site(tmp_path)
    except ConfigError as error:
        assert str(error).isprintable()
    else:
        assert site.name == "x"


def _options(sample: str, *, without: tuple[str, ...]) -> str:
    """Take the '#' from every option of a sample; prose is dropped."""
    lines = [line.removeprefix("#") for line in sample.splitlines() if not line.startswith("# ")]
    return "\n".join(line for line in lines if not line.startswith(without)) + "\n"


def test_the_sample_loads_as_it_is(tmp_path: Path) -> None:
    site = loaded(tmp_path, sample_site_toml("en"))
    assert site.parameters == Parameters()


#: A user of notifications has passwords, whatever the switches' own agents speak.
_VERSION_3 = ("user =", "auth_", "priv_", "[[traps.users]]", 'name = "portseal-traps"')


@pytest.mark.parametrize("without", [("community", "write_community"), _VERSION_3], ids=["version-3", "version-2c"])
def test_the_sample_loads_with_every_option_taken(tmp_path: Path, without: tuple[str, ...]) -> None:
    # A broker is managed or external; a reader has a topic or a webhook, an HMAC or a key: the sample says so at each.
    others = ('authority = "', 'certificate = "', 'key = "keys/', "webhook", "public_key")
    site = loaded(tmp_path, _options(sample_site_toml("en"), without=(*without, *others)))
    switch = site.switches[0]
    assert switch.snmp is not None
    assert (switch.snmp.community is None) == ("community" in without)
    assert len(switch.ports) == 24
    assert switch.excepted[0].expires == date(2026, 12, 31)
    assert site.parameters == Parameters()


def test_the_samples_options_are_the_defaults_where_there_are_any() -> None:
    """An option that is shown with another value than its default would change the site when its '#' is taken."""

    def check(section: Section) -> None:
        for key in section.keys:
            if key.default not in (None, "", ()):
                shown = key.sample.strip('"')
                assert shown == (str(key.default).lower() if isinstance(key.default, bool) else str(key.default))
        for below in section.sections:
            check(below)

    check(layout())


def test_the_sample_explains_every_key_with_values_and_default() -> None:
    sample = sample_site_toml("en")
    for name in _key_names(layout()):
        found = re.search(rf"((?:^# .*\n)+)#?{name} = ", sample, re.MULTILINE)
        assert found, name
        assert "# Values: " in found[1]
        assert "# Required." in found[1] or "# Default: " in found[1]


def test_keys_that_hold_secrets_or_open_ports_have_a_security_note() -> None:
    noted = set(re.findall(r"^# Security: .*\n(?:# .*\n)*#?([a-z_0-9]+) = ", sample_site_toml("en"), re.MULTILINE))
    assert {"password", "key", "host_key", "community", "uplinks", "ports", "expires", "violation"} <= noted


def test_the_samples_lines_fit_a_terminal() -> None:
    assert max(len(line) for line in sample_site_toml("en").splitlines()) <= 120


def test_the_sample_in_chinese_has_the_same_options() -> None:
    try:
        chinese = sample_site_toml("zh")
    except FileNotFoundError:
        pytest.skip("the Chinese catalogue is not compiled here: build the project (uv sync) first")
    assert _options(chinese, without=()) == _options(sample_site_toml("en"), without=())


def test_a_platform_that_is_far_from_all_gets_the_list() -> None:
    with pytest.raises(InputError, match="choose one of cisco_ios, huawei_vrp"):
        parse_platform("???")


@pytest.mark.parametrize(
    ("switch", "suggested"), [("gate-1", "gate-1.password"), ("东门", "x.password"), ("__a b" * 9, "a-b__a-b")]
)
def test_the_name_suggested_for_a_secret_is_one_that_the_store_takes(
    tmp_path: Path, switch: str, suggested: str
) -> None:
    text = f'[site]\nname = "x"\n[switches."{switch}"]\nplatform = "linux"\nhost = "h"\npassword = "in clear"\n'
    line = refused(tmp_path, text.encode())
    found = re.search(r'write "(secret:(.+?))"', line)
    assert found
    assert found[2].startswith(suggested)
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", found[2])
    site = loaded(tmp_path, text.replace("in clear", found[1]))
    assert site.switches[0].password == found[1]
