"""Prompts and secrets of cisco_ios that need a word of their own; the rest is in tests/conformance."""

from __future__ import annotations

import re

import pytest

from drivers.dialects import dialect
from drivers.redact import blank_secrets

CISCO = dialect("cisco_ios")


def test_what_follows_a_secret_that_is_one_word_can_still_be_read() -> None:
    shown = [
        blank_secrets(CISCO, line)
        for line in ("snmp mib community-map PLAIN engineid 80", "crypto isakmp key PLAIN address 10.0.0.1")
    ]
    assert shown == ["snmp mib community-map <secret> engineid 80", "crypto isakmp key <secret> address 10.0.0.1"]


@pytest.mark.parametrize("text", ["SW1#", "edge-07.site_a#", "0#", "SW1-stby>"])
def test_any_host_has_a_prompt(text: str) -> None:
    assert re.fullmatch(CISCO.prompt, text)


@pytest.mark.parametrize("text", ["foo# bar", "<H3C>", "[~HUAWEI]", "SW 1#", "-SW1#", "Switch(rommon)>"])
def test_other_lines_are_no_hosts_prompt(text: str) -> None:
    for pattern in (CISCO.prompt, CISCO.config_prompt, CISCO.interface_prompt):
        assert not re.fullmatch(pattern, text)
