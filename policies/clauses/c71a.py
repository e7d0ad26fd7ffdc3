"""7.1a: a dedicated network (a VLAN segment of its own is allowed): nothing foreign on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from policies.clauses.sight import Sight
from policies.model import (
    Device,
    ExpectedPort,
    ExpectedSwitch,
    Finding,
    ObservedPort,
    ObservedSwitch,
    Oper,
    PortMode,
    PortRole,
    Verdict,
)
from policies.site import Site, Switch
from policies.texts import Text, t

#: How many of a port's unknown MACs a sentence names: a flood brings a hundred thousand.
_NAMED = 5


def judge(
    site: Site, expected: ExpectedSwitch, observed: ObservedSwitch, known: Mapping[str, Device], sight: Sight
) -> Iterator[Finding]:
    """Judge from what the switch shows: foreign MACs in the face VLANs, VLANs on uplinks that may not be there.

    `known` are the inventory's devices by MAC; `sight` are the readings of all switches, by which a MAC behind an
    uplink is judged where it is at home. Whether there is a way out through a router is not in this reading; that
    part is left to a person and said so.
    """
    at = observed.read_at
    face = sight.face
    failures = [
        *_foreign(expected, observed, known, sight),
        *_undeclared(expected, observed, sight),
        *_uplinks(site.switch(expected.switch), expected, observed),
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
    expected: ExpectedSwitch, observed: ObservedSwitch, known: Mapping[str, Device], sight: Sight
) -> Iterator[Finding]:
    for name, port in observed.ports.items():
        macs = sight.on_face_vlan(port).difference(known)
        if not macs:
            continue
        verdict, where = Verdict.FAIL, None
        if sight.leads_on(expected.switch, port):
            macs = {mac for mac in macs if not sight.judged_elsewhere(mac, expected.switch)}
            where = t("behind this uplink, and on no other switch's port")
            if sight.unread:
                verdict, where = (
                    Verdict.UNVERIFIED,
                    t("behind this uplink, and {switch} was not read", switch=sight.unread[0]),
                )
        if macs:
            text = _unknown(macs) if where is None else t("{what}: {where}", what=_unknown(macs), where=where)
            yield Finding("7.1a", f"{expected.switch}/{name}", verdict, text, observed.read_at)


def _unknown(macs: set[str]) -> Text:
    if len(macs) == 1:
        return t("the unknown MAC {mac} is on the face VLAN", mac=next(iter(macs)))
    shown = ", ".join([*sorted(macs)[:_NAMED], *(["…"] if len(macs) > _NAMED else [])])
    return t("{count} unknown MACs are on the face VLAN: {macs}", count=len(macs), macs=shown)


def _undeclared(expected: ExpectedSwitch, observed: ObservedSwitch, sight: Sight) -> Iterator[Finding]:
    for name, port in observed.ports.items():
        if name in expected.ports or sight.leads_on(expected.switch, port):
            continue
        if port.oper is Oper.UP and _carried(port) & sight.face:
            text = t("an undeclared port is open on the face VLAN")
            yield Finding("7.1a", f"{expected.switch}/{name}", Verdict.FAIL, text, observed.read_at)


def _carried(port: ObservedPort) -> frozenset[int]:
    """Give the VLANs that a port may carry; one that negotiates, or whose mode is not known, may be either kind."""
    config = port.config
    access = frozenset(vlan for vlan in (config.access_vlan, port.voice_vlan) if vlan is not None)
    trunk = config.allowed_vlans or frozenset()
    if config.mode is PortMode.ROUTED:
        return frozenset()
    return {PortMode.ACCESS: access, PortMode.TRUNK: trunk}.get(config.mode or PortMode.DYNAMIC, access | trunk)


def _uplinks(declared: Switch | None, expected: ExpectedSwitch, observed: ObservedSwitch) -> Iterator[Finding]:
    for name, wanted in expected.ports.items():
        seen = observed.ports.get(name)
        if wanted.role is not PortRole.UPLINK or seen is None or _management_only(declared, name):
            continue
        for verdict, text in _uplink(wanted, seen):
            yield Finding("7.1a", f"{expected.switch}/{name}", verdict, text, observed.read_at)


def _management_only(declared: Switch | None, port: str) -> bool:
    return declared is not None and declared.uplink(port) is None and port in declared.management_ports


def _uplink(wanted: ExpectedPort, seen: ObservedPort) -> Iterator[tuple[Verdict, Text]]:
    """Judge one declared uplink: a trunk, with the VLANs and the native VLAN that the site says."""
    if wanted.config.allowed_vlans is None:
        yield Verdict.UNVERIFIED, t("the site does not say which VLANs this uplink may carry")
    elif seen.config.mode in (PortMode.ACCESS, PortMode.ROUTED) and not seen.trunking:
        yield Verdict.FAIL, t("the site declares an uplink with VLANs, and the port is no trunk")
        return
    elif not seen.is_trunk:
        yield Verdict.UNVERIFIED, t("it is not known whether this uplink is a trunk now")
    else:
        yield from _vlans(wanted.config.allowed_vlans, seen.config.allowed_vlans)
    yield from _native(wanted.config.native_vlan, seen.config.native_vlan)


def _vlans(wanted: frozenset[int], seen: frozenset[int] | None) -> Iterator[tuple[Verdict, Text]]:
    if seen is None:
        yield Verdict.UNVERIFIED, t("the VLANs that this uplink carries could not be read")
    elif extra := seen - wanted:
        yield Verdict.FAIL, t("the uplink carries {count} VLANs that the site does not allow on it", count=len(extra))
    elif missing := wanted - seen:
        shown = ", ".join(str(vlan) for vlan in sorted(missing))
        yield Verdict.FAIL, t("the uplink does not carry VLAN {vlans}", vlans=shown)


def _native(wanted: int | None, seen: int | None) -> Iterator[tuple[Verdict, Text]]:
    if wanted is None or wanted == seen:
        return
    if seen is None:
        yield Verdict.UNVERIFIED, t("the native VLAN of this uplink could not be read")
    else:
        yield Verdict.FAIL, t("its native VLAN is {seen} instead of {wanted}", seen=seen, wanted=wanted)
