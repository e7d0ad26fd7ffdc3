"""The terminal's USB bindings on disk: /etc/portseal-agent/bindings.json, and the last good copy in the state folder.

A damaged file must not take the keyboard away: what was read last time without a fault is used then, and said.
"""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from policies.errors import InputError, StorageFailed
from policies.texts import Text, t
from policies.usb import UsbBinding, UsbIdentity, UsbRole

#: The copy's name in the state folder.
LAST_GOOD = "bindings.last.json"
_VERSION = 1
_MEMBERS = {"name", "role", "ports", "vendor_id", "product_id", "serial", "descriptors"}
_PORT_PATH = re.compile(r"[\x21-\x7e]{1,128}")
_ID = re.compile(r"[0-9a-f]{4}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_LARGEST = 1 << 20


@dataclass(frozen=True, slots=True)
class Loaded:
    """Bindings that were read; `fault` says what was wrong with the file when they come from the last good copy."""

    bindings: tuple[UsbBinding, ...]
    fault: Text | None = None


def load_bindings(path: Path, state: Path) -> Loaded:
    """Read the bindings; a terminal that has no file yet has none.

    A damaged file gives the last good ones with `fault`; when these are damaged too, none. Nothing is raised: the gate
    must know what to do in any case.
    """
    copy = state / LAST_GOOD
    try:
        data = _content(path)
    except FileNotFoundError:
        # A file that was there before and is gone is damage, not a new terminal.
        return Loaded(()) if not copy.exists() else _last_good(copy, t("the file {file} is gone", file=str(path)))
    except OSError as error:
        return _last_good(copy, t("{file} cannot be read ({cause})", file=str(path), cause=error.strerror or ""))
    try:
        bindings = parse_bindings(data, str(path))
    except InputError as error:
        return _last_good(copy, error.what)
    with suppress(OSError, StorageFailed):  # a full disk: the file itself is good, and is what counts
        if not copy.exists() or _content(copy) != data:
            replace_file(copy, data)
    return Loaded(bindings)


def save_bindings(path: Path, bindings: tuple[UsbBinding, ...]) -> None:
    """Write the bindings, whole or not at all; raises StorageFailed."""
    document = {"v": _VERSION, "bindings": [_row(each) for each in bindings]}
    replace_file(path, (json.dumps(document, ensure_ascii=False, indent=2) + "\n").encode())


def parse_bindings(data: bytes, where: str) -> tuple[UsbBinding, ...]:
    """Read the file's bytes; anything that is not exactly its shape raises InputError."""
    try:
        document = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError):
        raise _wrong(where, t("this is not JSON in UTF-8")) from None
    if not isinstance(document, dict) or document.keys() != {"v", "bindings"} or document["v"] != _VERSION:
        raise _wrong(where, t("this is no list of USB bindings"))
    rows = document["bindings"]
    if not isinstance(rows, list):
        raise _wrong(where, t("this is no list of USB bindings"))
    bindings = tuple(_binding(row, f"{where}: {number}") for number, row in enumerate(rows, 1))
    names = [each.name for each in bindings]
    ports = [port for each in bindings for port in each.ports]
    if len(set(names)) != len(names) or len(set(ports)) != len(ports):
        raise _wrong(where, t("a name or a port is there twice"))
    return bindings


def _binding(row: object, where: str) -> UsbBinding:
    if not isinstance(row, dict) or row.keys() != _MEMBERS:
        raise _wrong(where, t("a binding has exactly the members {members}", members=", ".join(sorted(_MEMBERS))))
    ports = row["ports"]
    texts = [row[member] for member in ("name", "role", "vendor_id", "product_id", "serial", "descriptors")]
    if not (isinstance(ports, list) and ports and all(isinstance(each, str) for each in (*ports, *texts))):
        raise _wrong(where, t("a member of the binding has another type"))
    right = (
        row["role"] in set(UsbRole)
        and row["name"].strip()
        and row["name"].isprintable()
        and all(_PORT_PATH.fullmatch(port) for port in ports)
        and _ID.fullmatch(row["vendor_id"])
        and _ID.fullmatch(row["product_id"])
        and _DIGEST.fullmatch(row["descriptors"])
    )
    if not right:
        raise _wrong(where, t("a member of the binding has a value that cannot be"))
    identity = UsbIdentity(row["vendor_id"], row["product_id"], row["serial"], row["descriptors"])
    return UsbBinding(row["name"], UsbRole(row["role"]), tuple(ports), identity)


def _row(binding: UsbBinding) -> dict[str, Any]:
    identity = binding.identity
    return {
        "name": binding.name,
        "role": binding.role.value,
        "ports": list(binding.ports),
        "vendor_id": identity.vendor_id,
        "product_id": identity.product_id,
        "serial": identity.serial,
        "descriptors": identity.descriptors,
    }


def _last_good(copy: Path, fault: Text) -> Loaded:
    try:
        return Loaded(parse_bindings(_content(copy), str(copy)), fault)
    except (OSError, InputError):
        return Loaded((), fault)


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_LARGEST)


def replace_file(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Replace a file's content so that a reader, or the next start after a power cut, sees the old or the new one."""
    beside = path.with_name(f".{path.name}.new")
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise StorageFailed(
            t("the file cannot be written ({cause})", cause=error.strerror or ""),
            where=str(path),
            next_step=t("make room on the disk, or correct the folder's owner and mode"),
        ) from error


def _wrong(where: str, what: Text) -> InputError:
    return InputError(what, where=where, next_step=t("bind the devices again with 'portseal-agent bind'"))
