"""The guard's file and its rules: strict reading, what is allowed, and what the kernel must be found to have."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from agent.egress import rules
from agent.egress.declared import (
    DENY_ALL,
    LAST_GOOD,
    GuardRule,
    load_or_last,
    load_rule,
    refuse_cut_off,
)
from agent.egress.drafting import draft
from agent.egress.places import find_places
from policies.errors import ConfigError, EquipmentError, SafetyRefusal

WHOLE = """\
networks = ["10.1.0.0/24", "10.1.1.0/24", "fd00:1::/64"]
time = ["10.9.9.9", "fd00:9::9"]
dhcp = true
every_seconds = 30
[controls]
icmp = ["10.1.0.2"]
tcp = ["10.1.0.2:8883"]
[canaries]
tcp = ["198.18.0.2:443", "[2001:2::2]:443"]
udp = ["198.18.0.2"]
dns = ["198.18.0.2"]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "guard.toml"
    path.write_text(WHOLE, "utf-8")
    return path


class TestReading:
    def test_a_whole_file(self, file: Path) -> None:
        rule = load_rule(file, ["10.1.1.9", "controller.example"])
        assert [str(each) for each in rule.networks] == ["10.1.0.0/23", "fd00:1::/64"]
        assert (rule.every, rule.tell, rule.outside_name) == (30, 3600, "www.gov.cn")
        assert [f"{each.kind} {each}" for each in rule.canaries] == [
            "tcp 198.18.0.2:443", "tcp [2001:2::2]:443", "udp 198.18.0.2:123", "dns 198.18.0.2:53",
        ]  # fmt: skip
        assert rule.allows(ip_address("10.1.1.255"))
        assert not rule.allows(ip_address("10.1.2.0"))

    @pytest.mark.parametrize(("change", "where", "words"), [
        (('networks = ["10.1.0.0/24"', 'network = ["10.1.0.0/24"'), "network", "is networks meant?"),
        (("[controls]", "[control]"), "control", "is controls meant?"),
        (("icmp =", "imcp ="), "controls.imcp", "is icmp meant?"),
        (("10.1.0.0/24", "10.1.0.1/24"), "networks[1]", "is not a network"),
        (("10.1.0.0/24", "0.0.0.0/0"), "networks[1]", "more, or other, than a site's network"),
        (("10.1.0.0/24", "8.0.0.0/8"), "networks[1]", "more, or other, than a site's network"),
        (("fd00:1::/64", "2000::/3"), "networks[3]", "more, or other, than a site's network"),
        (("fd00:1::/64", "ff02::/16"), "networks[3]", "more, or other, than a site's network"),
        (("10.1.0.0/24", "127.0.0.0/8"), "networks[1]", "more, or other"),
        (('"10.1.0.0/24", "10.1.1.0/24", "fd00:1::/64"', ""), "networks", "no network is named"),
        (('icmp = ["10.1.0.2"]', 'icmp = ["10.2.0.2"]'), "controls.icmp", "is not in the networks"),
        (('icmp = ["10.1.0.2"]', 'icmp = ["10.1.0.2:7"]'), "controls.icmp[1]", "an address without a port"),
        (('tcp = ["10.1.0.2:8883"]', 'tcp = ["10.1.0.2"]'), "controls.tcp[1]", "an address with a port"),
        (("198.18.0.2:443", "10.1.0.9:443"), "canaries.tcp", "so it is no way out"),
        (("198.18.0.2:443", "203.0.113.5:443"), "canaries.tcp[1]", "nobody can ever answer"),
        (("198.18.0.2:443", "www.example.com:443"), "canaries.tcp[1]", "is not an address with a port"),
        (("every_seconds = 30", "every_seconds = 1"), "every_seconds", "out of range"),
        (("dhcp = true", 'dhcp = "yes"'), "dhcp", "must be true or false"),
        (('"10.9.9.9"', '"127.0.0.1"'), "time[1]", "is not the address of one machine"),
    ])  # fmt: skip
    def test_every_mistake_names_file_key_and_what_helps(
        self, file: Path, change: tuple[str, str], where: str, words: str
    ) -> None:
        assert change[0] in WHOLE
        file.write_text(WHOLE.replace(*change, 1), "utf-8")
        with pytest.raises(ConfigError) as caught:
            load_rule(file)
        line = caught.value.line("en")
        assert line.startswith(f"{file}: {where}: ")
        assert words in line

    def test_a_file_that_cuts_the_controller_off_is_refused(self, file: Path) -> None:
        with pytest.raises(ConfigError, match=r"controller's address 10\.2\.0\.2 is in none of the networks"):
            load_rule(file, ["10.2.0.2"])

    def test_where_there_is_none_it_says_how_to_make_one(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="guard sample"):
            load_rule(tmp_path / "guard.toml")

    def test_more_canaries_than_fit_are_refused(self, file: Path) -> None:
        many = ", ".join(f'"198.18.0.{n}"' for n in range(11))
        file.write_text(f'networks = ["10.1.0.0/24"]\n[canaries]\nicmp = [{many}]\n', "utf-8")
        with pytest.raises(ConfigError, match="canaries: there are more than 10"):
            load_rule(file)


class TestLastGood:
    """A damaged file opens nothing and cuts nothing off: the last good one counts."""

    @pytest.mark.parametrize("damage", [
        lambda path: path.write_text("networks = [", "utf-8"),
        lambda path: path.write_bytes(b"\xff\xfe"),
        lambda path: path.write_text('networks = ["0.0.0.0/0"]', "utf-8"),
        lambda path: path.unlink(),
        lambda path: path.write_text('networks = ["10.9.0.0/24"]', "utf-8"),
    ], ids=["syntax", "not text", "everything", "gone", "without the controller"])  # fmt: skip
    def test_whatever_happens_to_the_file(self, file: Path, tmp_path: Path, damage: Callable[[Path], object]) -> None:
        good = load_or_last(file, tmp_path, ["10.1.0.2"])
        assert good.fault is None
        damage(file)
        after = load_or_last(file, tmp_path, ["10.1.0.2"])
        assert after.rule == good.rule
        assert after.fault is not None

    def test_without_a_last_good_one_everything_is_denied(self, file: Path, tmp_path: Path) -> None:
        file.write_text("networks = 7", "utf-8")
        found = load_or_last(file, tmp_path)
        assert found.rule == DENY_ALL
        assert found.fault is not None
        assert not (tmp_path / LAST_GOOD).exists()
        assert rules.shape(found.rule)["sets"] == dict.fromkeys(("networks4", "networks6", "time4", "time6"), ())


class TestNeverLockedOut:
    def test_a_controller_inside_is_right(self, file: Path) -> None:
        refuse_cut_off(load_rule(file), "controller", lambda _: ["10.1.0.2", "fd00:1::2"], "here")

    @pytest.mark.parametrize("addresses", [["10.2.0.2"], ["10.1.0.2", "fd00:2::2"]], ids=["outside", "one of two"])
    def test_one_outside_is_refused_by_its_address(self, file: Path, addresses: list[str]) -> None:
        with pytest.raises(SafetyRefusal, match=rf"cut the terminal off from its controller at {addresses[-1]}"):
            refuse_cut_off(load_rule(file), "controller", lambda _: addresses, "here")

    def test_a_name_that_nobody_knows_is_refused(self, file: Path) -> None:
        def unknown(_: str) -> list[str]:
            raise OSError

        with pytest.raises(SafetyRefusal, match="the address of controller is not known"):
            refuse_cut_off(load_rule(file), "controller", unknown, "here")


class TestRules:
    def test_every_chain_drops_what_it_does_not_accept(self, file: Path) -> None:
        text = rules.script(load_rule(file))
        for chain in rules.CHAINS:
            assert f"type filter hook {chain} priority 0; policy drop;" in text

    def test_the_table_is_replaced_in_one_transaction(self, file: Path) -> None:
        lines = [line for line in rules.script(load_rule(file)).splitlines() if not line.startswith("#")]
        assert lines[:3] == ["table inet portseal", "delete table inet portseal", "table inet portseal {"]

    def test_nothing_is_forwarded(self, file: Path) -> None:
        chains = rules.shape(load_rule(file))["chains"]
        assert isinstance(chains, dict)
        assert chains["forward"] == ("forward", 0, "drop", (("denied", "drop"),))

    def test_without_ipv6_in_the_site_none_of_its_helpers_is_allowed(self, file: Path) -> None:
        rule = load_rule(file)
        four = replace(rule, networks=rule.networks[:1])
        assert "icmpv6" in rules.script(rule)
        assert "fe80" in rules.script(rule)
        assert "icmpv6" not in rules.script(four)
        assert "fe80" not in rules.script(four)

    def test_dhcp_is_allowed_where_it_is_used(self, file: Path) -> None:
        rule = load_rule(file)
        assert "udp dport 67" in rules.script(rule)
        assert "dport 67" not in rules.script(replace(rule, dhcp=False))
        assert "547" not in rules.script(replace(rule, dhcp=False))

    def test_other_rules_have_another_digest(self, file: Path) -> None:
        rule = load_rule(file)
        assert rules.digest(rule) == rules.digest(load_rule(file))
        assert rules.digest(rule) != rules.digest(replace(rule, dhcp=False))


def listing(packets: int = 0, handle: int = 4, verdict: str = "drop") -> bytes:
    table = {"family": "inet", "table": "portseal"}
    return json.dumps({"nftables": [
        {"metainfo": {"version": "1.0.6"}}, {"table": {"family": "inet", "name": "portseal", "handle": handle}},
        {"counter": {**table, "name": "denied_out", "handle": handle, "packets": packets, "bytes": 9}},
        {"set": {**table, "name": "networks4", "type": "ipv4_addr", "handle": handle,
                 "elem": [{"prefix": {"addr": "10.1.0.0", "len": 24}}, "10.2.0.5",
                          {"range": ["10.3.0.1", "10.3.0.9"]}]}},
        {"chain": {**table, "name": "output", "handle": 3, "type": "filter", "hook": "output", "prio": 0,
                   "policy": "drop"}},
        {"rule": {**table, "chain": "output", "handle": 25, "comment": "denied",
                  "expr": [{"counter": "denied_out"}, {verdict: None}]}},
    ]}).encode()  # fmt: skip


class TestReadBack:
    def test_sets_chains_rules_and_counters_are_read(self) -> None:
        found = rules.read_listing(listing(7))
        assert found is not None
        assert found.denied == 7
        assert found.shape == {
            "chains": {"output": ("output", 0, "drop", (("denied", "drop"),))},
            "sets": {"networks4": (("10.1.0.0", "10.1.0.255"), ("10.2.0.5", "10.2.0.5"), ("10.3.0.1", "10.3.0.9"))},
        }

    def test_counts_and_handles_are_no_change_and_a_verdict_is(self) -> None:
        before, counted, other = (rules.read_listing(each) for each in (
            listing(), listing(99, handle=8), listing(verdict="accept")))  # fmt: skip
        assert before is not None
        assert counted is not None
        assert other is not None
        assert before.digest == counted.digest
        assert before.digest != other.digest
        assert before.shape != other.shape

    @given(some.one_of(some.binary(max_size=60), some.sampled_from(range(len(listing()))).map(lambda n: listing()[:n])))
    def test_noise_is_an_error_of_the_equipment_and_nothing_else(self, raw: bytes) -> None:
        with pytest.raises(EquipmentError):
            rules.read_listing(raw)


class TestAround:
    def test_the_agents_declaration_is_read_leniently(self, tmp_path: Path) -> None:
        usual = find_places(tmp_path)
        assert (usual.declared, usual.hosts) == (tmp_path / "guard.toml", ())
        (tmp_path / "agent.toml").write_text(
            'guard = "nets.toml"\nstate = "/s"\nrun = 7\n[broker]\nhost = "10.1.0.2"\n[door]\nhost = "10.1.0.3"\n',
            "utf-8",
        )
        found = find_places(tmp_path)
        assert (found.declared, found.state, found.run) == (tmp_path / "nets.toml", Path("/s"), usual.run)
        assert found.hosts == ("10.1.0.2", "10.1.0.3")
        assert found.broker == ("10.1.0.2", 8883)

    def test_the_first_file_is_one_that_can_be_read(self, tmp_path: Path) -> None:
        rule = load_rule_of(tmp_path)
        lines = draft([*rule.networks], ("10.1.0.2", 8883), "en")
        path = tmp_path / "drafted.toml"
        path.write_text("\n".join(lines), "utf-8")
        made = load_rule(path, ["10.1.0.2"])
        assert [str(each) for each in made.networks] == ["10.1.0.0/23"]
        assert [str(each) for each in made.controls] == ["10.1.0.2", "10.1.0.2:8883", "10.1.0.2:123"]


def load_rule_of(folder: Path) -> GuardRule:
    path = folder / "guard.toml"
    path.write_text(WHOLE, "utf-8")
    return load_rule(path)
