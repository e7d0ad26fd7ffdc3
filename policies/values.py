"""Readers of single configuration values: raw TOML in, a checked value out, ConfigError with the place otherwise."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from datetime import date, datetime
from pathlib import PurePosixPath
from typing import TypeVar

from policies.errors import ConfigError
from policies.names import parse_vlans
from policies.names.shown import shown
from policies.names.vlans import FIRST_VLAN, LAST_VLAN
from policies.texts import t
from policies.toml import Place, Reader, a_list, a_table, wrong_type

_LONGEST_TEXT = 200
_REFERENCE = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]{0,127}|file:[^\s].*|secret:[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
#: Settings whose names say that they hold a secret.
_SECRETIVE = re.compile(
    r"pass(?:word|wd|phrase)?$|pwd|secret|communit|token|psk|private|credential|(?:^|[_.-])key$", re.IGNORECASE
)
_SETTING = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
#: No slash (subjects are switch/port), no MQTT wildcard, nothing invisible, no blank at an end.
_NAME = re.compile(r"[^\s/+#](?:[^/+#]{0,62}[^\s/+#])?")
_HOST = re.compile(r"[A-Za-z0-9_:][A-Za-z0-9_.:%-]{0,252}")
_HOST_AND_PORT = re.compile(r"[^:]+:[0-9]+|\[.*\]:[0-9]+")
_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")
_LOGIN = re.compile(r"[^\s-][^\s]{0,63}")
_Result = TypeVar("_Result")


def text(raw: object, place: Place) -> str:
    """Read text of 1 to 200 printable characters."""
    given = _string(raw, place)
    if not given.strip() or len(given) > _LONGEST_TEXT or not given.isprintable():
        raise place.error(t("must be one line of text"), t("write 1 to {count} characters", count=_LONGEST_TEXT))
    return given.strip()


def name(raw: object, place: Place) -> str:
    """Read a name of a site, switch or VLAN: it becomes part of subjects and topics."""
    given = _string(raw, place)
    if not _NAME.fullmatch(given) or not given.isprintable():
        raise place.error(
            t("{text} cannot be a name", text=shown(given)),
            t("write 1 to 64 characters without '/', '+', '#', and no blank at the ends"),
        )
    return given


def parsed(parse: Callable[[str], _Result]) -> Reader:
    """Make a reader of text that `parse` understands (its InputError becomes the place's ConfigError)."""
    return lambda raw, place: place.checked(parse, _string(raw, place))


def choice(*options: str) -> Reader:
    """Make a reader of one of `options`."""

    def read(raw: object, place: Place) -> str:
        given = _string(raw, place)
        if given in options:
            return given
        near = difflib.get_close_matches(given[:64].lower(), options, n=1)
        raise place.error(
            t("{text} is none of {options}", text=shown(given), options=", ".join(options)),
            t("is {near} meant?", near=near[0]) if near else t("write one of them"),
        )

    return read


def flag(raw: object, place: Place) -> bool:
    """Read true or false."""
    if isinstance(raw, bool):
        return raw
    raise wrong_type(raw, t("true or false"), place)


def integer(low: int, high: int) -> Reader:
    """Make a reader of a whole number from `low` to `high`."""

    def read(raw: object, place: Place) -> int:
        if isinstance(raw, bool) or not isinstance(raw, int):
            raise wrong_type(raw, t("a whole number"), place)
        if not low <= raw <= high:
            raise _out_of_range(low, high, place)
        return raw

    return read


vlan_id = integer(FIRST_VLAN, LAST_VLAN)


def number(low: float, high: float) -> Reader:
    """Make a reader of a number (whole or decimal) from `low` to `high`."""

    def read(raw: object, place: Place) -> float:
        if isinstance(raw, bool) or not isinstance(raw, (int, float)):
            raise wrong_type(raw, t("a number"), place)
        # An order comparison with nan is False, so nan is refused here as well.
        if not low <= raw <= high:
            raise _out_of_range(low, high, place)
        return float(raw)

    return read


def day(raw: object, place: Place) -> date:
    """Read a date without time, written without quotes: 2026-12-31."""
    if isinstance(raw, date) and not isinstance(raw, datetime):
        return raw
    raise wrong_type(raw, t("a date such as 2026-12-31, without quotes"), place)


def host(raw: object, place: Place) -> str:
    """Read a host name or an IP address; the message never repeats it, for it may hold user:password@host."""
    given = _string(raw, place)
    if _HOST_AND_PORT.fullmatch(given):
        raise place.error(t("the host holds a port number"), t("write the number under the key port"))
    if not _HOST.fullmatch(given):
        raise place.error(t("not a host name or an IP address"), t("write it alone, for example 192.168.10.2"))
    return given


def login(raw: object, place: Place) -> str:
    """Read a user name: no blanks, and no leading dash, which a program could take for an option."""
    given = _string(raw, place)
    if not _LOGIN.fullmatch(given) or not given.isprintable():
        raise place.error(t("not a user name"), t("write 1 to 64 characters without blanks and without a leading dash"))
    return given


def fingerprint(raw: object, place: Place) -> str:
    """Read an SSH host key's fingerprint as OpenSSH prints it; base64 padding is dropped."""
    given = _string(raw, place).rstrip("=")
    if not _FINGERPRINT.fullmatch(given):
        raise place.error(
            t("not the fingerprint of an SSH host key"),
            t("write SHA256:… as 'ssh-keygen -lf' prints it for the switch's key"),
        )
    return given


def secret(raw: object, place: Place) -> str:
    """Read a reference to a secret: env:NAME, file:PATH or secret:NAME. The secret itself is refused, unseen."""
    if isinstance(raw, str) and _REFERENCE.fullmatch(raw):
        return raw
    suggested = ".".join(re.sub(r"[^A-Za-z0-9_-]+", "-", str(key)).strip("-_")[:31] or "x" for key in place.keys[-2:])
    raise place.error(
        t("a secret may not stand here in clear; the value is not shown"),
        t(
            'run \'portseal secret set {name}\' and write "secret:{name}", or write "env:NAME" or "file:PATH"',
            name=suggested,
        ),
    )


def site_path(raw: object, place: Place) -> str:
    """Read a path below the site folder; whether the file is there is the question of who opens it."""
    given = text(raw, place)
    path = PurePosixPath(given)
    if path.is_absolute() or ".." in path.parts or "\\" in given or path == PurePosixPath():
        raise place.error(
            t("{text} is not a path in the site folder", text=shown(given)),
            t("put the file into the site folder and write its path from there"),
        )
    return str(path)


def strings(raw: object, place: Place) -> tuple[str, ...]:
    """Read a list of texts; one text alone is a list of one."""
    items = [raw] if isinstance(raw, str) else a_list(raw, place)
    return tuple(_string(item, place.at(index)) for index, item in enumerate(items))


def vlan_list(raw: object, place: Place) -> frozenset[int]:
    """Read VLAN ids as text ("100,200-210") or as a list of numbers ([100, 200])."""
    if isinstance(raw, str):
        return place.checked(parse_vlans, raw)
    return frozenset(vlan_id(item, place.at(index)) for index, item in enumerate(a_list(raw, place)))


def settings(raw: object, place: Place) -> tuple[tuple[str, str], ...]:
    """Read a table of a platform's own settings; those named like secrets must be references."""
    read = []
    for key, value in a_table(raw, place).items():
        here = place.at(key)
        if not _SETTING.fullmatch(key):
            raise here.error(t("not a setting's name"), t("write letters, digits, '_', '.' and '-' only"))
        if _SECRETIVE.search(key):
            read.append((key, secret(value, here)))
        elif isinstance(value, bool):
            read.append((key, "true" if value else "false"))
        elif isinstance(value, int):
            read.append((key, str(value)))
        else:
            read.append((key, text(value, here)))
    return tuple(read)


def _string(raw: object, place: Place) -> str:
    if isinstance(raw, str):
        return raw
    raise wrong_type(raw, t("text"), place)


def _out_of_range(low: float, high: float, place: Place) -> ConfigError:
    return place.error(t("the number is out of range"), t("write a number from {low} to {high}", low=low, high=high))
