"""Credentials: what is accepted, what is never shown, and how a VLAN's view is asked for."""

from __future__ import annotations

from typing import Any

import pytest

from drivers.snmp.access import ResolvedSnmp, resolve
from policies.errors import ConfigError
from policies.site import SnmpAccess

V3: dict[str, Any] = {"user": "reader", "auth_password": "auth-secret-1", "priv_password": "priv-secret-1"}


def test_no_secret_is_in_the_repr() -> None:
    shown = repr(ResolvedSnmp("192.0.2.1", community="community-1")) + repr(ResolvedSnmp("192.0.2.1", **V3))
    assert "secret" not in shown
    assert "community-1" not in shown
    assert "192.0.2.1" in shown


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"community": "c", "user": "u"},
        {"user": "u", "priv_password": "priv-secret-1"},
        {"user": "u", "auth_password": "short"},
        {**V3, "auth_protocol": "sha3"},
        {**V3, "priv_protocol": "rot13"},
    ],
)
def test_settings_that_cannot_work_are_refused_without_showing_a_secret(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        ResolvedSnmp("192.0.2.1", **wrong)
    assert "192.0.2.1:161" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_references_of_the_site_are_revealed_once_each() -> None:
    asked: list[str] = []

    def reveal(reference: str) -> str:
        asked.append(reference)
        return f"revealed {reference}"

    access = SnmpAccess("192.0.2.1", user="u", auth_password="env:A", priv_password="file:B", context="c")
    resolved = resolve(access, reveal)
    assert (resolved.auth_password, resolved.priv_password) == ("revealed env:A", "revealed file:B")
    assert (resolved.community, resolved.context) == (None, "c")
    assert asked == ["env:A", "file:B"]


def test_a_vlan_is_a_suffix_of_the_community_or_a_context() -> None:
    assert ResolvedSnmp("192.0.2.1", community="public").for_vlan(12).community == "public@12"
    assert ResolvedSnmp("192.0.2.1", **V3).for_vlan(12).context == "vlan-12"
    assert ResolvedSnmp("192.0.2.1", **V3, vlan_context="vlan_{vlan}").for_vlan(12).context == "vlan_12"
