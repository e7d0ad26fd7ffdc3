"""7.1c: … and bound: the binding read from the switch equals the inventory, and survives a reboot."""

from __future__ import annotations

from collections.abc import Iterator

from policies.clauses.sight import Sight
from policies.model import (
    ExpectedPort,
    ExpectedSwitch,
    Finding,
    ObservedPort,
    ObservedSwitch,
    Oper,
    PortRole,
    Verdict,
    changed_fields,
)
from policies.plan import SETTINGS, unable, unguarded
from policies.settings import SETTING_WORDS
from policies.texts import Text, t

#: Without these a platform cannot bind a MAC at all; the rest of a binding is used where the switch can.
ESSENTIAL = ("secure", "secure_macs")
#: The sentence about each setting; before anything is bound, every port has half a dozen of them.
_DIFFERS = {name: t("{setting} is not as the inventory demands", setting=SETTING_WORDS[name]) for name in SETTINGS}


def judge(expected: ExpectedSwitch, observed: ObservedSwitch, sight: Sight) -> Iterator[Finding]:
    """Judge every bound port, the platform's missing capabilities, and startup = running.

    `sight` are the readings of all switches: a bound device that is seen on another one is not where it is bound.
    """
    at = observed.read_at
    bound = [port for port in expected.ports.values() if port.role is PortRole.BOUND]
    yield from _capabilities(expected, observed, bound)
    lacking = [name for name in ESSENTIAL if name not in observed.capabilities]
    for wanted in bound:
        seen = observed.ports.get(wanted.name)
        subject = f"{expected.switch}/{wanted.name}"
        if seen is None:
            yield Finding("7.1c", subject, Verdict.FAIL, t("the switch has no such port"), at)
            continue
        wrong = list(_wrong(wanted, seen, observed, sight))
        if wrong:
            for text in wrong:
                yield Finding("7.1c", subject, Verdict.FAIL, text, at)
        elif lacking:
            text = t("the binding could not be read: {settings}", settings=SETTING_WORDS[lacking[0]])
            yield Finding("7.1c", subject, Verdict.UNVERIFIED, text, at)
        else:
            names = ", ".join([device.name for device in wanted.devices])
            yield Finding("7.1c", subject, Verdict.PASS, t("bound to {devices}, as read back", devices=names), at)
    yield _startup(expected, observed)


def _capabilities(expected: ExpectedSwitch, observed: ObservedSwitch, bound: list[ExpectedPort]) -> Iterator[Finding]:
    for name in SETTINGS:
        if name not in observed.capabilities and any(getattr(port.config, name) is not None for port in bound):
            verdict = Verdict.FAIL if name in ESSENTIAL else Verdict.NOT_APPLICABLE
            text = t("{platform} cannot do it here: {setting}", platform=observed.platform, setting=SETTING_WORDS[name])
            yield Finding("7.1c", expected.switch, verdict, text, observed.read_at)


def _wrong(wanted: ExpectedPort, seen: ObservedPort, observed: ObservedSwitch, sight: Sight) -> Iterator[Text]:
    lacking = unable(wanted.config, observed, wanted.name)
    for name in changed_fields(seen.config, wanted.config):
        if name not in lacking:
            yield _DIFFERS[name]
    if unguarded(wanted.config, observed):
        yield t(
            "IP is not bound: the switch does not enforce source guard on VLAN {vlan}; on Cisco, enable DHCP snooping",
            vlan=wanted.config.access_vlan,
        )
    elif wanted.config.source_guard is True and wanted.name in observed.trusted_ports:
        yield t("IP is not bound: DHCP snooping trusts the port, so the switch does not enforce source guard on it")
    if seen.voice_vlan is not None:
        yield t("a voice VLAN {vlan} is open beside the binding", vlan=seen.voice_vlan)
    if seen.oper is Oper.BLOCKED:
        yield t("the switch has shut it ({cause})", cause=seen.blocked_cause or "?")
    here = (observed.switch, wanted.name)
    for device in wanted.devices:
        for switch, port in sight.elsewhere(device.mac, here):
            yield t("{device} is seen on {port} instead", device=device.name, port=f"{switch}/{port}")


def _startup(expected: ExpectedSwitch, observed: ObservedSwitch) -> Finding:
    at, subject = observed.read_at, expected.switch
    if observed.startup_differs is None:
        text = t("the startup configuration could not be compared with the running one")
        return Finding("7.1c", subject, Verdict.UNVERIFIED, text, at)
    if observed.startup_differs:
        text = t("not saved: a reboot would lose {count} lines", count=len(observed.startup_differs))
        return Finding("7.1c", subject, Verdict.FAIL, text, at)
    return Finding("7.1c", subject, Verdict.PASS, t("startup equals running"), at)
