"""Prompts, failure markers and secrets of cisco_ios: what must match, and what must not."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from drivers.dialects import dialect
from drivers.dialects.cisco_ios.secrets import SECRETS
from drivers.redact import blank_secrets

CISCO = dialect("cisco_ios")
WITH_SECRETS = replace(CISCO, secrets=SECRETS)

LINES_WITH_SECRETS = (
    "enable secret 5 $1$PLAIN",
    "enable secret PLAIN",
    "enable password PLAIN",
    "enable password level 15 7 PLAIN",
    " password 7 PLAIN",
    " secret 9 PLAIN",
    "username admin privilege 15 secret 9 $9$PLAIN",
    "username admin privilege 15 password 0 PLAIN",
    "username admin common-criteria-policy P secret 5 PLAIN",
    "username admin algorithm-type scrypt secret PLAIN",
    "snmp-server community PLAIN RO",
    "snmp-server community PLAIN view V RO 10",
    "snmp-server host 10.0.0.9 PLAIN",
    "snmp-server host 10.0.0.9 version 2c PLAIN port-security",
    "snmp-server host 10.0.0.9 vrf Mgmt-vrf version 2c PLAIN",
    "snmp-server host 10.0.0.9 traps version 2c PLAIN",
    "snmp-server host 10.0.0.9 informs version 3 priv PLAIN",
    "snmp-server user u g v3 auth sha PLAIN priv aes 128 PLAIN",
    "snmp-server user u g v3 encrypted auth md5 PLAIN priv des PLAIN access 10",
    "snmp-server user u g v3 auth sha-2 256 PLAIN",
    "tacacs-server host 10.0.0.8 key 7 PLAIN",
    "tacacs-server key PLAIN",
    "radius-server host 10.0.0.8 auth-port 1812 acct-port 1813 key 7 PLAIN",
    " key 7 PLAIN",
    " server-private 10.0.0.1 key 7 PLAIN",
    " pac key 7 PLAIN",
    "  key-string 7 PLAIN",
    "ntp authentication-key 1 md5 PLAIN 7",
    "ntp authentication-key 1 hmac-sha2-256 PLAIN 7",
    " ip ospf message-digest-key 1 md5 7 PLAIN",
    " ip ospf authentication-key PLAIN",
    " standby 1 authentication md5 key-string 7 PLAIN",
    " standby 1 authentication PLAIN",
    " vrrp 1 authentication text PLAIN",
    " neighbor 10.0.0.1 password 7 PLAIN",
    "crypto isakmp key PLAIN address 0.0.0.0",
    "  pre-shared-key address 0.0.0.0 0.0.0.0 key PLAIN",
    "  pre-shared-key local PLAIN",
    " wpa-psk ascii 0 PLAIN",
    " ppp chap password 0 PLAIN",
    "vtp password PLAIN",
    "ip ftp password 7 PLAIN",
    " client 10.1.1.1 server-key 7 PLAIN",
    " client 10.1.1.1 vrf Mgmt-vrf server-key PLAIN",
    " server-key 0 PLAIN and PLAIN",
    " security wpa psk set-key ascii 0 PLAIN",
    " ip nhrp authentication PLAIN",
    " vrrp 1 authentication PLAIN",
    " glbp 1 authentication text PLAIN",
    " vrrp 1 authentication md5 key-string 0 PLAIN timeout 30",
    "snmp mib community-map PLAIN engineid 80000009030000",
    "event manager environment _mail_pw PLAIN PLAIN",
    "event manager environment Backup_Password PLAIN",
    "enable password 0 PLAIN horse PLAIN",
    "enable secret PLAIN PLAIN",
    "username bob password 0 PLAIN PLAIN",
    "tacacs-server key PLAIN PLAIN",
    " path scp://backup:PLAIN@10.0.0.1/conf",
)
LINES_WITHOUT_SECRETS = (
    "service password-encryption",
    "no service password-recovery",
    "key chain uplinks",
    "ip ssh rsa keypair-name edge",
    "snmp-server enable traps port-security trap-rate 1",
    " switchport port-security mac-address 0011.2233.4455",
    "ip source binding 0011.2233.4455 vlan 10 10.1.10.7 interface GigabitEthernet1/0/1",
    " standby 1 authentication md5 key-chain uplinks",
    " vrrp 1 authentication md5 key-chain uplinks",
    " glbp 1 authentication md5 key-chain uplinks",
    "crypto key pubkey-chain rsa",
    "event manager environment _mail_server 10.0.0.25",
    "security passwords min-length 10",
    "ip nhrp network-id 1",
    "aaa authentication login default group tacacs+ local",
    " description http://10.0.0.1/camera",
)


@pytest.mark.parametrize("line", LINES_WITH_SECRETS)
def test_a_secret_vanishes_and_the_rest_of_its_line_stays(line: str) -> None:
    shown = blank_secrets(WITH_SECRETS, line)
    assert "PLAIN" not in shown
    assert "<secret>" in shown
    assert shown.split()[0] == line.split(maxsplit=1)[0]


def test_what_follows_a_secret_that_is_one_word_can_still_be_read() -> None:
    shown = [
        blank_secrets(WITH_SECRETS, line)
        for line in ("snmp mib community-map PLAIN engineid 80", "crypto isakmp key PLAIN address 10.0.0.1")
    ]
    assert shown == ["snmp mib community-map <secret> engineid 80", "crypto isakmp key <secret> address 10.0.0.1"]


@pytest.mark.parametrize("line", LINES_WITHOUT_SECRETS)
def test_a_line_without_a_secret_stays_as_it_is(line: str) -> None:
    assert blank_secrets(WITH_SECRETS, line) == line


def test_secrets_vanish_from_a_whole_configuration_line_by_line() -> None:
    shown = "\n".join(LINES_WITH_SECRETS)
    for pattern in SECRETS:
        assert re.compile(pattern).groups == 1
        shown = re.sub(pattern, lambda match: match[0].replace(match[1], "<secret>"), shown, flags=re.MULTILINE)
    assert "PLAIN" not in shown
    assert shown.count("\n") == len(LINES_WITH_SECRETS) - 1


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("SW1#", "prompt"),
        ("SW1>", "prompt"),
        ("SW1# ", "prompt"),
        ("edge-07.site_a#", "prompt"),
        ("0#", "prompt"),
        ("SW1-stby>", "prompt"),
        ("Switch(config)#", "config_prompt"),
        ("Switch(config-if)#", "interface_prompt"),
        ("Switch(config-if-range)#", "interface_prompt"),
        ("Switch(config-vlan)#", "interface_prompt"),
    ],
)
def test_prompts_are_known_and_each_is_of_one_mode(text: str, kind: str) -> None:
    kinds = ("prompt", "config_prompt", "interface_prompt")
    assert [name for name in kinds if re.fullmatch(getattr(CISCO, name), text)] == [kind]


@pytest.mark.parametrize(
    "text",
    [
        "#",
        ">",
        " --More-- ",
        "Password:",
        "Destination filename [startup-config]? ",
        "[confirm]",
        "% Invalid input detected at '^' marker.",
        "foo# bar",
        "<H3C>",
        "[~HUAWEI]",
        "SW 1#",
        "-SW1#",
        "interface GigabitEthernet1/0/1",
        " description ends in #",
        "Switch(rommon)>",
    ],
)
def test_other_lines_are_no_prompt(text: str) -> None:
    for pattern in (CISCO.prompt, CISCO.config_prompt, CISCO.interface_prompt):
        assert not re.fullmatch(pattern, text)


@pytest.mark.parametrize(
    "answer",
    [
        "        ^\n% Invalid input detected at '^' marker.",
        "% Incomplete command.",
        '% Ambiguous command:  "sh i"',
        "Command rejected: GigabitEthernet1/0/1 is a dynamic port.",
    ],
)
def test_a_refusal_is_a_failure(answer: str) -> None:
    assert any(re.search(pattern, answer, re.MULTILINE) for pattern in CISCO.failure)


@pytest.mark.parametrize("answer", ["Found duplicate mac-address 0011.2233.4455.", "%Failed to do it"])
def test_some_answers_are_failures_of_configuration_only(answer: str) -> None:
    assert any(re.search(pattern, answer, re.MULTILINE) for pattern in CISCO.failure_config)
    assert not any(re.search(pattern, answer, re.MULTILINE) for pattern in CISCO.failure)


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "*Mar  1 00:01:12.345: %LINK-3-UPDOWN: Interface GigabitEthernet1/0/1, changed state to up",
        "%PM-4-ERR_DISABLE: psecure-violation error detected on Gi1/0/2, putting Gi1/0/2 in err-disable state",
        "%SYS-5-CONFIG_I: Configured from console by vty0 (10.0.0.5)",
        "Building configuration...\n[OK]",
        "% Access VLAN does not exist. Creating vlan 10",
    ],
)
def test_a_log_message_or_a_notice_is_no_failure(answer: str) -> None:
    markers = CISCO.failure + CISCO.failure_config
    assert not any(re.search(pattern, answer, re.MULTILINE) for pattern in markers)
