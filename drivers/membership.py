"""A bridge port's VLANs, as IEEE 802.1Q has them, in the words of an access or a trunk port. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from drivers.parse import Row


def membership(rows: Iterable[Row]) -> Row:
    """Give mode, access_vlan, native_vlan and allowed_vlans of a port with the VLANs of `rows`; see Fact.MEMBERSHIP.

    One VLAN, untagged, that untagged frames go to, makes an access port; tagged ones make a trunk, with or without a native
    VLAN; a port without any VLAN is a trunk that carries none. Untagged VLANs beside the one that untagged frames go to, or a tagged one as this, are no mode that is written:
    all four are then missing, not known.
    """
    pvids: set[int] = set()
    sets: dict[str, set[int]] = {"untagged_vlans": set(), "tagged_vlans": set()}
    for row in rows:
        if isinstance(pvid := row.get("pvid_vlan"), int):
            pvids.add(pvid)
        for name, found in sets.items():
            if isinstance(vlans := row.get(name), frozenset):
                found |= vlans
    untagged, tagged = sets["untagged_vlans"], sets["tagged_vlans"]
    if untagged != pvids or len(pvids) > 1 or tagged & pvids:
        return {}
    if pvids and not tagged:
        return {"mode": "access", "access_vlan": next(iter(pvids))}
    trunk: Row = {"mode": "trunk", "allowed_vlans": frozenset(tagged | pvids)}
    return trunk | ({"native_vlan": next(iter(pvids))} if pvids else {})
