"""A bridge port's VLANs in the words of access and trunk ports."""

from __future__ import annotations

import pytest

from drivers.membership import membership
from drivers.parse import Row


def port(pvid: int | None = None, untagged: str = "", tagged: str = "") -> list[Row]:
    """Give rows as a read has them: one for each VLAN or range."""
    rows: list[Row] = []
    for name, vlans in (("untagged_vlans", untagged), ("tagged_vlans", tagged)):
        rows.extend({name: frozenset({int(each)})} for each in vlans.split())
    if pvid is not None:
        rows.append({"pvid_vlan": pvid})
    return rows


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (port(100, "100"), {"mode": "access", "access_vlan": 100}),
        (port(), {"mode": "trunk", "allowed_vlans": frozenset()}),
        (port(None, "", "100 200"), {"mode": "trunk", "allowed_vlans": frozenset({100, 200})}),
        (port(1, "1", "100"), {"mode": "trunk", "native_vlan": 1, "allowed_vlans": frozenset({1, 100})}),
    ],
)
def test_what_a_template_can_write_has_its_name(rows: list[Row], told: Row) -> None:
    assert membership(rows) == told


@pytest.mark.parametrize(
    "rows",
    [
        port(100, "", "100"),  # untagged frames go in, and come out tagged
        port(100, "100 200"),
        port(None, "100"),
        port(None, "100", "200"),
        port(7, "100"),
        [*port(1, "1"), *port(2, "2")],
    ],
)
def test_anything_else_is_not_known(rows: list[Row]) -> None:
    assert membership(rows) == {}
