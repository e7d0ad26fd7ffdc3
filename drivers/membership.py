"""A bridge port's VLANs, as IEEE 802.1Q has them, in the words of an access or a trunk port. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from drivers.parse import Row


def membership(rows: Iterable[Row]) -> Row:
    """Give mode, access_vlan, native_vlan and allowed_vlans of a port with the VLANs of `rows`; see Fact.MEMBERSHIP.

    One VLAN, untagged, that untagged frames go to, makes an access port; tagged ones make a trunk, with or without a
    native VLAN; a port without any VLAN is a trunk that carries none. Untagged VLANs beside the one that untagged
    frames go to, or a tagged one as this, are no mode that is written: all four are then missing, not known.
    """
    pvids: set[int] = set()
    untagged: set[int] = set()
    tagged: set[int] = set()
    for row in rows:
        if isinstance(pvid := row.get("pvid_vlan"), int):
            pvids.add(pvid)
        untagged |= _vlans(row, "untagged_vlans")
        tagged |= _vlans(row, "tagged_vlans")
    if untagged != pvids or len(pvids) > 1 or tagged & pvids:
        return {}
    if pvids and not tagged:
        return {"mode": "access", "access_vlan": next(iter(pvids))}
    trunk: Row = {"mode": "trunk", "allowed_vlans": frozenset(tagged | pvids)}
    return trunk | ({"native_vlan": next(iter(pvids))} if pvids else {})


def _vlans(row: Row, name: str) -> frozenset[int]:
    vlans = row.get(name)
    return vlans if isinstance(vlans, frozenset) else frozenset()
