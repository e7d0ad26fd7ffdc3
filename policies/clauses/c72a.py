"""7.2a: ALL USB ports of the terminals: every controller, hub and port is enumerated, and default-deny is read back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime

from policies.model import Finding, Verdict
from policies.terminal import (
    CensusController,
    CensusDevice,
    Coverage,
    Hole,
    PortLock,
    Terminal,
    TerminalEvidence,
    compare,
)
from policies.texts import Text, t

CLAUSE = "7.2a"


def judge(terminal: Terminal, evidence: TerminalEvidence | None, today: date) -> Iterator[Finding]:
    """Judge one terminal by its register and its last census; the census's age is the caller's to judge.

    Without an agent no port is enumerated by anything: then the lock's attestation is all there is, through its last
    day (`today`, the site's date), and a person confirms it. That is no pass.
    """
    if not terminal.agent:
        yield Finding(CLAUSE, terminal.name, *attested(terminal, today))
        return
    if evidence is None:
        yield Finding(CLAUSE, terminal.name, Verdict.UNVERIFIED, t("there is no census of its USB ports"))
        return
    at = evidence.report.taken_at
    if evidence.report.terminal != terminal.name:
        text = t("the census is that of the terminal {name}", name=evidence.report.terminal)
        yield Finding(CLAUSE, terminal.name, Verdict.UNVERIFIED, text, at)
        return
    coverage = compared(terminal, evidence)
    found = [
        *_register(terminal, coverage, at),
        *_controllers(terminal.name, coverage, at),
        *_devices(terminal.name, coverage, at),
    ]
    yield from found
    yield _sum(terminal.name, coverage, found, at)


def compared(terminal: Terminal, evidence: TerminalEvidence) -> Coverage:
    """Compare a terminal's register with its census."""
    return compare(terminal.register, evidence.report.census, evidence.bindings, evidence.leased)


def attested(terminal: Terminal, today: date) -> tuple[Verdict, Text]:
    """Judge a terminal without an agent, for every part of 7.2 that is about its ports: attested, or it fails."""
    lock = terminal.lock
    if not terminal.register:
        return Verdict.FAIL, t("it has no agent, and its register names no USB port")
    if not lock.vouched or lock.expires is None:
        return Verdict.FAIL, t("it has no agent, and nobody attests a lock on its USB ports")
    if today > lock.expires:
        return Verdict.FAIL, t(
            "it has no agent, and the attestation of its lock has expired on {day}", day=lock.expires
        )
    if not terminal.photo:
        return Verdict.FAIL, t("it has no agent, and no photo shows its USB ports")
    return Verdict.MANUAL, _vouching(lock, len(terminal.register))


def _vouching(lock: PortLock, count: int) -> Text:
    return t(
        "it has no agent: {person} attests the lock on {count} registered USB ports by {report} through {day};"
        " a person compares them with the photo",
        person=lock.attested_by,
        count=count,
        report=lock.report,
        day=lock.expires,
    )


def _register(terminal: Terminal, coverage: Coverage, at: datetime) -> Iterator[Finding]:
    for hole in coverage.unregistered:
        text = t("this USB port is not in the register")
        if hole.devices:
            text = t("this USB port is not in the register, and {device} is in it", device=_named(hole.devices[0]))
        yield Finding(CLAUSE, _subject(terminal.name, hole), Verdict.FAIL, text, at)
    for hole in coverage.unseen:
        text = t("the register names the USB port {label}, and the census does not show it", label=hole.label)
        yield Finding(CLAUSE, _subject(terminal.name, hole), Verdict.FAIL, text, at)
    for label in coverage.doubled:
        text = t("the register names one USB port twice; the second entry is {label}", label=label)
        yield Finding(CLAUSE, terminal.name, Verdict.FAIL, text, at)


def _controllers(terminal: str, coverage: Coverage, at: datetime) -> Iterator[Finding]:
    for hidden in coverage.hidden:
        text = t("the USB controller {address} has no driver: its ports are not enumerated", address=hidden.address)
        if hidden.driver:
            text = t(
                "the USB controller {address} is handed to {driver}: its ports are not enumerated",
                address=hidden.address,
                driver=hidden.driver,
            )
        yield Finding(CLAUSE, f"{terminal}/{hidden.address}", Verdict.FAIL, text, at)
    for controller in coverage.controllers:
        if controller.unread:
            text = t("whether {bus} refuses new devices could not be read", bus=_bus(controller))
            yield Finding(CLAUSE, f"{terminal}/{controller.name}", Verdict.UNVERIFIED, text, at)
        elif not controller.shut:
            yield Finding(CLAUSE, f"{terminal}/{controller.name}", Verdict.FAIL, _open(controller), at)
    if coverage.new_controllers is None and coverage.controllers:
        text = t("what a controller that is added later does with new devices could not be read")
        yield Finding(CLAUSE, terminal, Verdict.UNVERIFIED, text, at)
    elif coverage.new_controllers not in (0, None):
        text = t("a controller that is added later would admit new devices (usbcore.authorized_default)")
        yield Finding(CLAUSE, terminal, Verdict.FAIL, text, at)


def _open(controller: CensusController) -> Text:
    if controller.authorized_default == 0:
        return t("{bus} admits every interface of an admitted device", bus=_bus(controller))
    if controller.authorized_default == 2:
        return t("{bus} admits new devices on ports that the firmware calls internal", bus=_bus(controller))
    return t("{bus} admits new devices", bus=_bus(controller))


def _devices(terminal: str, coverage: Coverage, at: datetime) -> Iterator[Finding]:
    for device in coverage.stray:
        text = t("{device} is admitted, and neither bound nor on a lease", device=_named(device))
        yield Finding(CLAUSE, f"{terminal}/{device.port or device.path}", Verdict.FAIL, text, at)
    for device in coverage.unread:
        text = t("whether {device} is admitted could not be read", device=_named(device))
        yield Finding(CLAUSE, f"{terminal}/{device.port or device.path}", Verdict.UNVERIFIED, text, at)


def _sum(terminal: str, coverage: Coverage, found: list[Finding], at: datetime) -> Finding:
    """Say the coverage; a machine that shows no USB at all is left to a person, who looks at the case."""
    total = len(coverage.holes)
    if not (total or found or coverage.controllers):
        text = t("neither the register nor the census has a USB port: a person looks at the case")
        return Finding(CLAUSE, terminal, Verdict.MANUAL, text, at)
    failed = any(finding.verdict is Verdict.FAIL for finding in found)
    complete = bool(total) and coverage.covered == total
    unclear = bool(found) or not complete
    verdict = Verdict.FAIL if failed or not total else Verdict.UNVERIFIED if unclear else Verdict.PASS
    text = t(
        "{covered} of {total} USB ports are registered, seen and shut or bound ({percent} %)",
        covered=coverage.covered,
        total=total,
        percent=coverage.percent,
    )
    return Finding(CLAUSE, terminal, verdict, text, at)


def _subject(terminal: str, hole: Hole) -> str:
    return f"{terminal}/{hole.ports[0]}"


def _bus(controller: CensusController) -> str:
    return f"{controller.name} ({controller.address})" if controller.address else controller.name


def _named(device: CensusDevice) -> str:
    """Name a device by its ids and by what it calls itself."""
    ids = f"{device.vendor_id or '????'}:{device.product_id or '????'}"
    return f"{ids} {device.product}" if device.product else ids
