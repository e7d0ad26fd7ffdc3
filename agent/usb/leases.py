"""Leases as they are kept: in the agent's state (they survive the agent, not the boot), and in the run folder.

The run folder's `leases.json` is for the keeper, which ends leases when the agent cannot: it must name a device before
that device is opened. Its shape is in agent/usb/keeper.py. The folder `read-only` beside it marks, by the kernel's
name, what must not be written; a udev rule looks there before anybody is told of the disk.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from agent.usb.bindings import replace_file
from agent.usb.keeper import LEASES
from policies.errors import InputError
from policies.grants import Grant
from policies.texts import t
from policies.usb import Decision, Lease, Scope, UsbAppearance, UsbIdentity

#: The folder of marks in the run folder.
READ_ONLY = "read-only"


def lease_of(grant: Grant, opened: float, ends: float) -> Lease:
    """Make the lease of an accepted grant; `opened` and `ends` are seconds of CLOCK_BOOTTIME."""
    return Lease(grant.jti, grant.sub, grant.scope, grant.boot, opened, ends)


def to_members(lease: Lease) -> dict[str, Any]:
    """Give the lease as plain values; times are whole milliseconds, rounded so that the lease never gets longer."""
    scope = lease.scope
    return {
        "jti": lease.jti,
        "card": lease.card,
        "boot": lease.boot,
        "opened_ms": -int(-lease.opened * 1000 // 1),
        "ends_ms": int(lease.ends * 1000),
        "ports": list(scope.ports),
        "classes": list(scope.classes),
        "devices": scope.devices,
        "purpose": scope.purpose,
        "once": scope.once,
        "read_only": scope.read_only,
        "used": [
            [each.port, each.devnum, *_plain(each.identity)] for each in lease.used
        ],
    }  # fmt: skip


def from_members(members: Mapping[str, Any]) -> Lease:
    """Read what `to_members` gave; raises InputError for anything else."""
    try:
        scope = Scope(
            _texts(members["ports"]), _texts(members["classes"]), _whole(members["devices"]), str(members["purpose"]),
            members["once"] is True, members["read_only"] is True,
        )  # fmt: skip
        used = tuple(
            UsbAppearance(str(port), _whole(devnum), UsbIdentity(*_texts(identity)))
            for port, devnum, *identity in members["used"]
        )
        opened, ends = _whole(members["opened_ms"]) / 1000, _whole(members["ends_ms"]) / 1000
        return Lease(str(members["jti"]), str(members["card"]), scope, str(members["boot"]), opened, ends, used)
    except (KeyError, TypeError, ValueError):
        raise InputError(t("this is not a lease")) from None


def publish(run: Path, boot: str, leases: Iterable[Lease], decisions: Iterable[Decision]) -> None:
    """Write what the keeper must know, and the marks of read-only devices, where they differ from what is there.

    It is called before anything is opened, with the decisions that are about to be carried out. Raises StorageFailed;
    then nothing may be opened.
    """
    decided = tuple(decisions)
    by_jti = {lease.jti: lease for lease in leases}
    opening = [each for each in decided if each.allowed and each.lease in by_jti]
    rows = [
        {
            "jti": lease.jti,
            "ends": lease.ends,
            "devices": [
                {"name": each.device.name, "devnum": each.device.devnum} for each in opening if each.lease == lease.jti
            ],
        }
        for lease in by_jti.values()
    ]
    document = json.dumps({"v": 1, "boot": boot, "leases": rows}).encode() + b"\n"
    path = run / LEASES
    if not _holds(path, document):
        replace_file(path, document)
    _mark(run / READ_ONLY, {each.device.name for each in opening if by_jti[each.lease].scope.read_only})


def _mark(folder: Path, names: set[str]) -> None:
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    there = {entry.name for entry in os.scandir(folder)}
    for name in names - there:
        (folder / name).touch(mode=0o600)
    for name in there - names:
        (folder / name).unlink(missing_ok=True)


def _holds(path: Path, content: bytes) -> bool:
    try:
        return path.read_bytes() == content
    except OSError:
        return False


def _plain(identity: UsbIdentity) -> tuple[str, str, str, str]:
    return (identity.vendor_id, identity.product_id, identity.serial, identity.descriptors)


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise TypeError
    return tuple(value)


def _whole(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise TypeError
    return value
