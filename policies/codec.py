"""The frozen values of :mod:`policies.model` as plain JSON data and back, strictly.

Fields are named as in the dataclass; a field that is None is left out, sets are sorted lists (large sets of numbers in
what is kept: ranges), times are RFC 3339 in UTC. Reading refuses unknown and missing keys and wrong types with one
InputError that names the place.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from datetime import UTC, date, datetime
from enum import Enum
from functools import cache, lru_cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from policies.errors import InputError
from policies.names.vlans import format_vlans
from policies.texts import Text, t

T = TypeVar("T")

#: A set of fewer numbers than this is written as a list also where ranges are wanted; none has more than _MOST.
_FEW, _MOST = 16, 100_000
_RANGES = re.compile(r"[0-9]{1,9}(?:-[0-9]{1,9})?(?:,[0-9]{1,9}(?:-[0-9]{1,9})?)*", re.ASCII)


def to_plain(value: object) -> Any:
    """Turn a frozen value into dicts, lists, strings, integers, booleans and None; floats are refused (TypeError)."""
    return _PLAIN.write(value)


def to_compact(value: object) -> Any:
    """Do the same, but write large sets of numbers as ranges, "1-4094": what is kept and not shown to anybody.

    A trunk that carries every VLAN would be 20 kB of digits otherwise, and a switch has dozens of them.
    """
    return _COMPACT.write(value)


class _Writer:
    """How values become plain; the way is chosen once for each type, for decisions are written by the thousand."""

    def __init__(self, many: Callable[[frozenset[Any]], str]) -> None:
        self._many = many
        self._known: dict[type, Callable[[Any], object]] = {}

    def write(self, value: object) -> Any:
        """Write any value."""
        writer = self._known.get(type(value))
        if writer is None:
            writer = self._known[type(value)] = self._writer_of(type(value))
        return writer(value)

    def _writer_of(self, kind: type) -> Callable[[Any], object]:
        if issubclass(kind, Enum):
            return lambda value: value.value
        if issubclass(kind, (NoneType, bool, int, str)):
            return lambda value: value
        for known, writer in self._containers():
            if issubclass(kind, known):
                return writer
        if is_dataclass(kind):
            names = tuple(item.name for item in fields(kind))
            return lambda value: {
                name: self.write(item) for name in names if (item := getattr(value, name)) is not None
            }  # fmt: skip
        raise TypeError(f"{kind.__name__} cannot be stored")

    def _containers(self) -> tuple[tuple[type | tuple[type, ...], Callable[[Any], object]], ...]:
        return (
            (datetime, stamp),
            (date, date.isoformat),
            (Text, self._text),
            (dict, lambda pairs: {str(key): self.write(item) for key, item in pairs.items()}),
            ((set, frozenset), self._set),
            ((list, tuple), lambda items: list(map(self.write, items))),
        )

    def _text(self, text: Text) -> object:
        return {"message": text.message, "values": [[name, self._loose(item)] for name, item in text.values]}

    def _loose(self, value: object) -> object:
        """Values of a sentence are of any type: a sentence stays one, scalars stay, all else is what it prints as."""
        if isinstance(value, Text):
            return {"text": self.write(value)}
        if value is None or isinstance(value, (bool, int)) or type(value) is str:
            return value
        return str(value)

    def _set(self, items: frozenset[Any]) -> list[Any] | str:
        """Give the members in order; numbers are plain already."""
        if len(items) >= _FEW and (text := self._many(items)):
            return text
        if set(map(type, items)) == {int}:
            return sorted(items)
        return sorted(map(self.write, items), key=_order)


def from_plain(kind: type[T], data: object, where: str = "") -> T:
    """Read what :func:`to_plain` wrote; raises InputError whose `where` names the first wrong place."""
    return cast("T", _read(kind, data, where or kind.__name__))


def stamp(moment: datetime) -> str:
    """Write an aware time as RFC 3339, UTC, six digits of a second and Z; such texts sort as the times do."""
    if moment.tzinfo is None:
        raise ValueError("a time without a zone is not a time")
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return moment.isoformat(timespec="microseconds")[:-6] + "Z"


def moment_of(text: str, where: str = "") -> datetime:
    """Read what :func:`stamp` wrote; raises InputError for any other spelling."""
    try:
        moment = datetime.fromisoformat(text)
        if stamp(moment) == text:
            return moment
    except (ValueError, OverflowError):
        pass
    raise _bad(where, t("'{text}' is not a time like 2025-01-31T08:00:00.000000Z", text=text))


@lru_cache(maxsize=64)
def _as_ranges(items: frozenset[Any]) -> str:
    """Write numbers as ranges, "" for other members; kept, since most ports have the same set."""
    return format_vlans(items) if set(map(type, items)) == {int} and min(items) >= 0 else ""


@lru_cache(maxsize=64)
def _of_ranges(text: str) -> frozenset[int] | None:
    """Read what `_as_ranges` wrote; None for any other text."""
    if not _RANGES.fullmatch(text):
        return None
    pairs = [(int(first), int(last or first)) for first, _, last in (part.partition("-") for part in text.split(","))]
    if sum(last - first + 1 for first, last in pairs) > _MOST:
        return None
    numbers = frozenset(number for first, last in pairs for number in range(first, last + 1))
    return numbers if _as_ranges(numbers) == text else None


def _order(plain: Any) -> Any:
    if isinstance(plain, dict):
        return [(key, str(item)) for key, item in sorted(plain.items())]
    return plain


def _bad(where: str, what: Text) -> InputError:
    return InputError(what, where=where, next_step=t("make it again with this version of Portseal"))


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _read(kind: Any, data: object, where: str) -> object:
    if kind is Text:
        return _text(data, where)
    if is_dataclass(kind):
        return _dataclass(cast("type", kind), data, where)
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        return _optional(get_args(kind), data, where)
    if origin in _CONTAINERS:
        return _CONTAINERS[origin](get_args(kind), data, where)
    return _scalar(kind, data, where)


def _scalar(kind: Any, data: object, where: str) -> object:
    if isinstance(kind, type) and issubclass(kind, Enum):
        try:
            return kind(data)
        except ValueError:
            raise _bad(where, t("'{value}' is not one of the known words", value=str(data)[:60])) from None
    if kind is datetime and isinstance(data, str):
        return moment_of(data, where)
    if kind is date and isinstance(data, str):
        try:
            return date.fromisoformat(data)
        except ValueError:
            raise _bad(where, t("'{value}' is not a date", value=data[:60])) from None
    if type(data) is kind and kind in (bool, int, str):
        return data
    raise _bad(where, t("the value has the wrong type"))


def _optional(kinds: tuple[Any, ...], data: object, where: str) -> object:
    if data is None and NoneType in kinds:
        return None
    (kind,) = (item for item in kinds if item is not NoneType)
    return _read(kind, data, where)


def _dataclass(kind: type, data: object, where: str) -> object:
    if not isinstance(data, dict):
        raise _bad(where, t("the value has the wrong type"))
    hints = _hints(kind)
    known = {item.name: item for item in fields(kind)}
    for key in data:
        if key not in known:
            raise _bad(where, t("the key '{key}' is unknown", key=str(key)[:60]))
    values: dict[str, object] = {}
    for name, item in known.items():
        if name in data:
            values[name] = _read(hints[name], data[name], f"{where}.{name}")
        elif _may_be_none(hints[name]):
            values[name] = None
        elif item.default is MISSING and item.default_factory is MISSING:
            raise _bad(where, t("the key '{key}' is missing", key=name))
    return kind(**values)


def _may_be_none(hint: Any) -> bool:
    return get_origin(hint) in (Union, UnionType) and NoneType in get_args(hint)


def _list(data: object, where: str) -> list[object]:
    if not isinstance(data, list):
        raise _bad(where, t("the value has the wrong type"))
    return data


def _tuple(kinds: tuple[Any, ...], data: object, where: str) -> tuple[object, ...]:
    return tuple(_read(kinds[0], item, f"{where}[{i}]") for i, item in enumerate(_list(data, where)))


def _frozenset(kinds: tuple[Any, ...], data: object, where: str) -> frozenset[object]:
    if kinds[0] is int and isinstance(data, list) and set(map(type, data)) <= {int}:
        return frozenset(data)
    if kinds[0] is int and isinstance(data, str):
        numbers = _of_ranges(data)
        if numbers is None:
            raise _bad(where, t("'{text}' is no list of numbers", text=data[:60]))
        return numbers
    return frozenset(_tuple(kinds, data, where))


def _dict(kinds: tuple[Any, ...], data: object, where: str) -> dict[object, object]:
    if not isinstance(data, dict):
        raise _bad(where, t("the value has the wrong type"))
    return {_dict_key(kinds[0], key, where): _read(kinds[1], item, f"{where}[{key}]") for key, item in data.items()}


def _dict_key(kind: Any, key: str, where: str) -> object:
    if kind is not int:
        return key
    if not (key.isascii() and key.isdigit() and len(key) < 10):
        raise _bad(where, t("the key '{key}' is unknown", key=key[:60]))
    return int(key)


def _text(data: object, where: str) -> Text:
    if not isinstance(data, dict) or set(data) != {"message", "values"} or not isinstance(data["message"], str):
        raise _bad(where, t("the value has the wrong type"))
    pairs: list[tuple[str, object]] = []
    for pair in _list(data["values"], where):
        if not (isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], str)):
            raise _bad(where, t("the value has the wrong type"))
        pairs.append((pair[0], _value(pair[1], where)))
    return Text(data["message"], tuple(pairs))


def _value(data: object, where: str) -> object:
    if isinstance(data, dict):
        return _text(data.get("text"), where)
    if data is None or isinstance(data, (bool, int, str)):
        return data
    raise _bad(where, t("the value has the wrong type"))


_CONTAINERS: dict[Any, Callable[[tuple[Any, ...], object, str], object]] = {
    tuple: _tuple,
    frozenset: _frozenset,
    dict: _dict,
}
_PLAIN, _COMPACT = _Writer(lambda _: ""), _Writer(_as_ranges)
