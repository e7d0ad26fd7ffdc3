"""Reading a TOML file by a table of known keys: every refusal names file, dotted key and what to do.

A :class:`Section` lists its keys and sub-sections; :func:`read_section` checks a parsed table against it and hands
the values to the section's builder. A new section of site.toml is new data, not new code here.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, TypeVar

from policies.errors import ConfigError, InputError
from policies.names.shown import shown
from policies.texts import Text, t

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_PROBLEM = re.compile(r"(?P<problem>.*) \(at line (?P<line>[0-9]+), column [0-9]+\)", re.DOTALL)
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a configuration file: the file, and the dotted way to a key."""

    file: str
    keys: tuple[str | int, ...] = ()

    def at(self, key: str | int) -> Place:
        """Give the place of `key` (a name, or an index of a list counted from 0) below this one."""
        return Place(self.file, (*self.keys, key))

    def error(self, what: Text, next_step: Text | None = None) -> ConfigError:
        """Make the ConfigError for this place."""
        return ConfigError(what, where=str(self), next_step=next_step)

    def checked(self, parse: Callable[[str], _Result], text: str) -> _Result:
        """Give `parse(text)`, its InputError turned into the ConfigError of this place."""
        try:
            return parse(text)
        except InputError as error:
            raise self.error(error.what, error.next_step) from None

    def __str__(self) -> str:
        """Give `site.toml: switches.gate-1.ports[2]`; list items count from 1 as people do."""
        dotted = ""
        for key in self.keys:
            if isinstance(key, int):
                dotted += f"[{key + 1}]"
            else:
                dotted += ("." if dotted else "") + (key if _BARE_KEY.fullmatch(key) else shown(key))
        return f"{self.file}: {dotted}" if dotted else self.file


#: Turns the raw TOML value at a place into what the program uses, or raises ConfigError.
Reader = Callable[[object, Place], Any]


@dataclass(frozen=True, slots=True)
class Key:
    """A known key: how it is read and how the sample explains it.

    `values` says what may be written, `sample` is a TOML value to show, `security` what to consider. `default` is used
    when an optional key is absent. `instead` names the key that this one replaces: a file has only one of the two.
    """

    name: str
    read: Reader
    about: Text
    values: Text
    sample: str
    default: object = None
    required: bool = False
    security: Text | None = None
    instead: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """A table of the file. `build` makes the value from the keys' values (sub-sections by name, `name` when named).

    `named` sections are tables by name ([vlans.NAME]), `many` ones arrays of tables ([[…]]); `optional` ones are None
    when absent. `sample_name` is the NAME that the sample shows.
    """

    name: str
    about: Text
    keys: tuple[Key, ...]
    build: Callable[[dict[str, Any], Place], Any]
    sections: tuple[Section, ...] = ()
    named: Reader | None = None
    many: bool = False
    optional: bool = False
    sample_name: str = ""


def read_toml(path: Path) -> dict[str, Any]:
    """Parse a TOML file; unreadable, not UTF-8, or wrong syntax raises ConfigError with the line."""
    try:
        # utf-8-sig: Windows' Notepad begins files with a byte order mark, which TOML does not know.
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise ConfigError(
            t("the file does not exist"), where=str(path), next_step=t("create the site with 'portseal init'")
        ) from None
    except OSError as error:
        raise ConfigError(
            t("the file cannot be read: {problem}", problem=error.strerror or type(error).__name__),
            where=str(path),
            next_step=t("check that it is a file, and its owner and mode"),
        ) from None
    except UnicodeDecodeError:
        raise ConfigError(
            t("the file is not UTF-8 text"),
            where=str(path),
            next_step=t("save it again as UTF-8 (editors on Windows may have saved GBK)"),
        ) from None
    except RecursionError:
        raise ConfigError(
            t("the file is nested too deeply"), where=str(path), next_step=t("remove the surplus brackets")
        ) from None
    except ValueError as error:  # TOMLDecodeError, and int() on thousands of digits
        raise _syntax_error(path, str(error)) from None


def _syntax_error(path: Path, message: str) -> ConfigError:
    match = _PROBLEM.fullmatch(message)
    problem, line = (match["problem"], match["line"]) if match else (message, None)
    printable = "".join(c if c.isprintable() else " " for c in problem)
    return ConfigError(
        t("TOML syntax error: {problem}", problem=printable),
        where=f"{path}:{line}" if line else str(path),
        next_step=t("correct the line; text stands in quotes, a list in [brackets], a section as [name]"),
    )


def read_section(section: Section, raw: object, place: Place) -> Any:
    """Check and build one section from what the file has for it (None when absent)."""
    if raw is None and section.optional:
        return None
    if section.named is not None:
        tables = a_table({} if raw is None else raw, place)
        return tuple(
            _read_table(section, table, place.at(name), {"name": section.named(name, place.at(name))})
            for name, table in tables.items()
        )
    if section.many:
        items = a_list([] if raw is None else raw, place)
        return tuple(_read_table(section, item, place.at(index), {}) for index, item in enumerate(items))
    return _read_table(section, {} if raw is None else raw, place, {})


def _read_table(section: Section, raw: object, place: Place, values: dict[str, Any]) -> Any:
    table = a_table(raw, place)
    known = [key.name for key in section.keys] + [below.name for below in section.sections]
    for name in table:
        if name not in known:
            raise _unknown(name, known, place)
    for key in section.keys:
        if key.name in table:
            values[key.name] = key.read(table[key.name], place.at(key.name))
        elif key.required:
            raise place.at(key.name).error(
                t("the required key {key} is missing", key=key.name),
                t("add it: {values}", values=key.values),
            )
        else:
            values[key.name] = key.default
    for below in section.sections:
        values[below.name] = read_section(below, table.get(below.name), place.at(below.name))
    return section.build(values, place)


def _unknown(name: str, known: list[str], place: Place) -> ConfigError:
    near = difflib.get_close_matches(name[:64], known, n=1)
    next_step = (
        t("is {near} meant?", near=near[0]) if near else t("known keys here: {keys}", keys=", ".join(sorted(known)))
    )
    return place.at(name).error(t("unknown key {key}", key=shown(name)), next_step)


def a_table(raw: object, place: Place) -> Mapping[str, object]:
    """Give `raw` as a table, or raise ConfigError."""
    if isinstance(raw, dict):
        return raw
    raise wrong_type(raw, t("a table"), place)


def a_list(raw: object, place: Place) -> list[object]:
    """Give `raw` as a list, or raise ConfigError."""
    if isinstance(raw, list):
        return raw
    raise wrong_type(raw, t("a list"), place)


def wrong_type(raw: object, wanted: Text, place: Place) -> ConfigError:
    """Make the error for a value of another type; it names types only, for the value may be a secret."""
    return place.error(
        t("must be {wanted}, not {found}", wanted=wanted, found=_type_name(raw)),
        t("see the sample that 'portseal init' writes"),
    )


def _type_name(raw: object) -> Text:
    # bool before int and datetime before date: each is a subclass of the other.
    names: tuple[tuple[type, Text], ...] = (
        (bool, t("true or false")),
        (int, t("a whole number")),
        (float, t("a decimal number")),
        (str, t("text")),
        (list, t("a list")),
        (dict, t("a table")),
        (datetime, t("a date with time")),
        (date, t("a date")),
        (time, t("a time of day")),
    )
    return next(name for kind, name in names if isinstance(raw, kind))
