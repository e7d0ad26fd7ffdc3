"""What an enrolment leaves on the terminal: a folder of its own for keys and certificates, and agent.toml.

    agent.toml               names the folder below; replacing it is the one step that counts
    enrolled-XXXXXXXXXXXX/   grant.pub, ca.pem, broker-ca.pem, agent.pem, agent-tls.key
    enrol.pending/           a request that waits for its answer: bundle, request.json, agent-tls.key

All files of a new folder are on disk before agent.toml names it, so that a crash at any moment leaves the old set or
the new one. What the terminal's administrator has written into agent.toml stays, but for what enrolment says itself.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.config import CONFIG_FILE, read_config
from agent.usb.bindings import replace_file
from policies.errors import ConfigError, InputError, SafetyRefusal, StorageFailed
from policies.messages.bundle import At, Bundle, read_bundle, write_bundle
from policies.messages.enrolment import Request, read_request
from policies.texts import t
from policies.toml import read_toml

PENDING = "enrol.pending"
_SETS = re.compile(r"enrolled-[0-9a-f]{16}")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
#: Bytes of the largest file that is read here.
_MOST = 1 << 17


@dataclass(frozen=True, slots=True)
class Pending:
    """A request that waits for its answer, with the bundle that it was made for and the key that it is about."""

    bundle: Bundle
    request: Request
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What is known once the answer is there: PEM, and where broker and door are."""

    site: str
    terminal: str
    grant_key: bytes
    authority: bytes
    broker_authority: bytes
    certificate: bytes
    key: bytes = field(repr=False)
    broker: At
    door: At


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Let one enrolment at a time work in the folder, which is made; raises StorageFailed."""
    try:
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise _unwritable(folder, error) from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def declared(folder: Path) -> dict[str, Any]:
    """Give what agent.toml says now, as TOML's own values; nothing when there is none. Raises ConfigError."""
    path = folder / CONFIG_FILE
    return read_toml(path) if path.exists() else {}


def refuse_another(folder: Path, site: str, terminal: str) -> None:
    """Raise SafetyRefusal when this machine is another terminal than the bundle is for."""
    table = declared(folder)
    if not table or (table.get("site"), table.get("terminal")) == (site, terminal):
        return
    raise SafetyRefusal(
        t("the bundle is for {terminal} of {site}, and this machine is another terminal", terminal=terminal, site=site),
        where=str(folder / CONFIG_FILE),
        next_step=t("take this terminal's bundle; if the machine is to become {terminal}, remove that file first",
                    terminal=terminal),
    )  # fmt: skip


def keep_pending(folder: Path, pending: Pending) -> None:
    """Put a request aside until its answer comes; an older one is forgotten. Raises StorageFailed."""
    place = folder / PENDING
    drop_pending(folder)
    try:
        place.mkdir(mode=0o700)
    except OSError as error:
        raise _unwritable(place, error) from None
    replace_file(place / "agent-tls.key", pending.key)
    replace_file(place / "bundle", write_bundle(pending.bundle))
    replace_file(place / "request.json", pending.request.raw)  # the last one: with it the three are whole


def read_pending(folder: Path) -> Pending | None:
    """Give the request that waits for its answer; None when there is none, or what is there is not whole."""
    place = folder / PENDING
    try:
        request = read_request(read_file(place / "request.json"))
        return Pending(read_bundle(read_file(place / "bundle")), request, read_file(place / "agent-tls.key"))
    except (ConfigError, InputError):
        return None


def drop_pending(folder: Path) -> None:
    """Forget the request that waits; raises StorageFailed."""
    try:
        with suppress(FileNotFoundError):
            (folder / PENDING / "request.json").unlink()
            shutil.rmtree(folder / PENDING)
        with suppress(FileNotFoundError):
            shutil.rmtree(folder / PENDING)
    except OSError as error:
        raise _unwritable(folder / PENDING, error) from None


def install(folder: Path, made: Enrolled, digest: str) -> None:
    """Put all of it in place at once; `digest` (of the request) names the folder. Raises ConfigError, StorageFailed.

    ConfigError: agent.toml has something that the agent would not start with; nothing has changed then.
    """
    table, name = declared(folder), f"enrolled-{digest[:16]}"
    contents = {
        "grant.pub": (made.grant_key, 0o644),
        "ca.pem": (made.authority, 0o644),
        "broker-ca.pem": (made.broker_authority, 0o644),
        "agent.pem": (made.certificate, 0o644),
        "agent-tls.key": (made.key, 0o600),
    }
    _fill(folder / name, contents)
    table |= {"site": made.site, "terminal": made.terminal, "grant_key": f"{name}/grant.pub"}
    table["broker"] = {
        "host": made.broker.host, "port": made.broker.port, "authority": f"{name}/broker-ca.pem",
        "certificate": f"{name}/agent.pem", "key": f"{name}/agent-tls.key",
    }  # fmt: skip
    table["door"] = {"host": made.door.host, "port": made.door.port, "authority": f"{name}/ca.pem"}
    path = folder / CONFIG_FILE
    try:
        read_config(table, path)
        replace_file(path, _written(table).encode("utf-8"), 0o644)
    except BaseException:
        with suppress(OSError):
            shutil.rmtree(folder / name)
        raise
    for old in folder.iterdir():
        if _SETS.fullmatch(old.name) and old.name != name:
            with suppress(OSError):
                shutil.rmtree(old)


def read_file(path: Path) -> bytes:
    """Read a file of ours; raises ConfigError naming it."""
    try:
        with path.open("rb") as file:
            return file.read(_MOST)
    except OSError as error:
        raise ConfigError(
            t("the file {path} cannot be read ({cause})", path=path, cause=error.strerror or ""),
            where=str(path),
            next_step=t("run it as root, for example with sudo; else enrol the terminal anew"),
        ) from None


def _fill(place: Path, contents: Mapping[str, tuple[bytes, int]]) -> None:
    try:
        shutil.rmtree(place, ignore_errors=True)  # left by a crash: agent.toml does not name it
        place.mkdir(mode=0o755)
    except OSError as error:
        raise _unwritable(place, error) from None
    try:
        for name, (content, mode) in contents.items():
            replace_file(place / name, content, mode)
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise


def _written(table: Mapping[str, Any]) -> str:
    """Write what agent.toml can hold: texts, whole numbers, booleans, lists of texts, and tables of these."""
    lines = [
        "# Written by 'portseal-agent enroll'. Your own settings stay when it is written again; comments do not.",
        "",
    ]
    lines += _table(table, ())
    return "\n".join(lines) + "\n"


def _table(table: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    for key, value in table.items():
        if not isinstance(value, Mapping):
            yield f"{_key(key)} = {_value(value)}"
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield f"\n[{'.'.join(_key(each) for each in (*path, key))}]"
            yield from _table(value, (*path, key))


def _key(text: str) -> str:
    return text if _BARE.fullmatch(text) else _value(text)


def _value(value: object) -> str:
    # JSON's strings are TOML's basic strings; U+007F is the one that TOML wants escaped and JSON does not.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _unwritable(path: Path, error: OSError) -> StorageFailed:
    return StorageFailed(
        t("the file cannot be written ({cause})", cause=error.strerror or ""),
        where=str(path),
        next_step=t("run it as root, for example with sudo, and make room on the disk"),
    )
