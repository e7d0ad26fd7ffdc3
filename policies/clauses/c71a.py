"""7.1a: a dedicated network (a VLAN segment of its own is allowed): nothing foreign on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from policies.model import (
    Device,
    ExpectedSwitch,
    Finding,
    ObservedPort,
    ObservedSwitch,
    Oper,
    PortConfig,
    PortMode,
    PortRole,
    Verdict,
)
from policies.site import Site
from policies.texts import t


def judge(
    site: Site, expected: ExpectedSwitch, observed: ObservedSwitch, known: Mapping[str, Device]
) -> Iterator[Finding]:
    """Judge from what the switch shows: foreign MACs in the face VLANs, VLANs on uplinks that may not be there.

    `known` are the inventory's devices by MAC. Whether there is a way out through a router is not in this reading; that
    part is left to a person and said so.
    """
    at = observed.read_at
    face = {vlan.id for vlan in site.vlans if vlan.purpose == "face"}
    failures = [
        *_foreign(expected, observed, known, face),
        *_undeclared(expected, observed, face),
        *_uplinks(expected, observed),
    ]
    yield from failures
    if not face:
        yield Finding("7.1a", expected.switch, Verdict.FAIL, t("the site declares no VLAN with purpose face"), at)
    elif not failures:
        shown = ", ".join(str(vlan) for vlan in sorted(face))
        yield Finding("7.1a", expected.switch, Verdict.PASS, t("nothing foreign is on VLAN {vlans}", vlans=shown), at)
    yield Finding(
        "7.1a",
        expected.switch,
        Verdict.MANUAL,
        t("routes, SVIs and access lists out of the VLAN were not read: a person confirms that there is no way out"),
        at,
    )


def _foreign(
    expected: ExpectedSwitch, observed: ObservedSwitch, known: Mapping[str, Device], face: set[int]
) -> Iterator[Finding]:
    for name, port in observed.ports.items():
        wanted = expected.ports.get(name)
        if wanted is not None and wanted.role in (PortRole.UPLINK, PortRole.EXCEPTED):
            continue
        for mac in sorted(_macs(port, face) - set(known)):
            text = t("the unknown MAC {mac} is on the face VLAN", mac=mac)
            yield Finding("7.1a", f"{expected.switch}/{name}", Verdict.FAIL, text, observed.read_at)


def _macs(port: ObservedPort, face: set[int]) -> set[str]:
    vlan = port.config.access_vlan
    return {
        entry.mac
        for entry in port.learned
        if entry.kind != "self" and (entry.vlan in face or (entry.vlan is None and vlan in face))
    }


def _undeclared(expected: ExpectedSwitch, observed: ObservedSwitch, face: set[int]) -> Iterator[Finding]:
    for name, port in observed.ports.items():
        if name not in expected.ports and port.oper is Oper.UP and _carried(port.config) & face:
            text = t("an undeclared port is open on the face VLAN")
            yield Finding("7.1a", f"{expected.switch}/{name}", Verdict.FAIL, text, observed.read_at)


def _carried(config: PortConfig) -> frozenset[int]:
    """Give the VLANs that a port may carry; one that negotiates, or whose mode is not known, may be either kind."""
    access = frozenset() if config.access_vlan is None else frozenset({config.access_vlan})
    trunk = config.allowed_vlans or frozenset()
    if config.mode is PortMode.ROUTED:
        return frozenset()
    return {PortMode.ACCESS: access, PortMode.TRUNK: trunk}.get(config.mode or PortMode.DYNAMIC, access | trunk)


def _uplinks(expected: ExpectedSwitch, observed: ObservedSwitch) -> Iterator[Finding]:
    for name, wanted in expected.ports.items():
        seen = observed.ports.get(name)
        if wanted.role is not PortRole.UPLINK or wanted.config.allowed_vlans is None or seen is None:
            continue
        allowed = seen.config.allowed_vlans
        subject = f"{expected.switch}/{name}"
        if allowed is None:
            text = t("the VLANs that this uplink carries could not be read")
            yield Finding("7.1a", subject, Verdict.UNVERIFIED, text, observed.read_at)
        elif extra := allowed - wanted.config.allowed_vlans:
            text = t("the uplink carries {count} VLANs that the site does not allow on it", count=len(extra))
            yield Finding("7.1a", subject, Verdict.FAIL, text, observed.read_at)
        elif missing := wanted.config.allowed_vlans - allowed:
            shown = ", ".join(str(vlan) for vlan in sorted(missing))
            text = t("the uplink does not carry VLAN {vlans}", vlans=shown)
            yield Finding("7.1a", subject, Verdict.FAIL, text, observed.read_at)
