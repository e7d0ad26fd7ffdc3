"""7.1b: the network ports of all connected devices are managed: every port has a role, and is what the role demands."""

from __future__ import annotations

from collections.abc import Iterator

from policies.model import ExpectedPort, ExpectedSwitch, Finding, ObservedPort, ObservedSwitch, Oper, PortRole, Verdict
from policies.plan import likely_uplink
from policies.texts import t


def judge(expected: ExpectedSwitch, observed: ObservedSwitch) -> Iterator[Finding]:
    """Judge the coverage: declared ports without a role, unused ports that are open, ports that nobody declared."""
    at = observed.read_at
    failures: list[Finding] = []
    for name, wanted in expected.ports.items():
        seen = observed.ports.get(name)
        subject = f"{expected.switch}/{name}"
        if seen is None:
            failures.append(Finding("7.1b", subject, Verdict.FAIL, t("the switch has no such port"), at))
        elif not _by_its_channel(expected, seen):
            failures.extend(_port(subject, wanted, seen, observed))
    undeclared = [name for name in observed.ports if name not in expected.ports]
    for name in undeclared:
        port = observed.ports[name]
        if _by_its_channel(expected, port):
            continue
        if port.oper is not Oper.DOWN or port.config.admin_up is not False:
            in_use = t("the port is in use, but the site does not declare it")
            text = t("the site does not declare the port, and it is not shut") if port.oper is Oper.DOWN else in_use
            failures.append(Finding("7.1b", f"{expected.switch}/{name}", Verdict.FAIL, text, at))
    yield from failures
    total = len(expected.ports) + len(undeclared)
    bad = {finding.subject for finding in failures}
    covered = total - len(bad)
    percent = round(100 * covered / total, 1) if total else 0.0
    failed = not total or any(finding.verdict is Verdict.FAIL for finding in failures)
    verdict = Verdict.FAIL if failed else Verdict.UNVERIFIED if bad else Verdict.PASS
    text = t("{covered} of {total} ports are managed ({percent} %)", covered=covered, total=total, percent=percent)
    yield Finding("7.1b", expected.switch, verdict, text, at)


def _by_its_channel(expected: ExpectedSwitch, port: ObservedPort) -> bool:
    """Tell whether a port is managed as a member of a port-channel that is declared and in use."""
    channel = expected.ports.get(port.channel) if port.channel else None
    return channel is not None and channel.role in (PortRole.UPLINK, PortRole.BOUND, PortRole.EXCEPTED)


def _port(subject: str, wanted: ExpectedPort, seen: ObservedPort, observed: ObservedSwitch) -> Iterator[Finding]:
    at = observed.read_at
    if wanted.role is PortRole.UNMANAGED:
        yield Finding("7.1b", subject, Verdict.FAIL, t("nothing is bound to it, and it is left open"), at)
    elif wanted.role is PortRole.SHUT and seen.config.admin_up is None:
        yield Finding("7.1b", subject, Verdict.UNVERIFIED, t("whether it is shut could not be read"), at)
    elif wanted.role is PortRole.SHUT and seen.config.admin_up:
        yield Finding(
            "7.1b", subject, Verdict.FAIL, t("it must be shut, and is open: {reason}", reason=wanted.reason), at
        )
    elif wanted.role is PortRole.SHUT and _elsewhere(wanted, seen, observed):
        text = t(
            "it is shut, but in VLAN {seen} instead of {wanted}",
            seen=seen.config.access_vlan,
            wanted=wanted.config.access_vlan,
        )
        yield Finding("7.1b", subject, Verdict.FAIL, text, at)
    elif wanted.role is PortRole.BOUND and not wanted.edge and not seen.config.secure:
        why = likely_uplink(seen, len(wanted.devices))
        if why is not None:
            yield Finding("7.1b", subject, Verdict.FAIL, t("it looks like an undeclared uplink: {why}", why=why), at)


def _elsewhere(wanted: ExpectedPort, seen: ObservedPort, observed: ObservedSwitch) -> bool:
    vlan = wanted.config.access_vlan
    return vlan is not None and "access_vlan" in observed.capabilities and seen.config.access_vlan != vlan
