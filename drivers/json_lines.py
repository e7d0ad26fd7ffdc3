"""JSON answers as lines, for the row patterns of a dialect: what a tool prints for programs is read as such.

Strict (RFC 8259): a member that is there twice, NaN, more than one value or text around it is no answer. Only the
members that a template names are looked at, so that a newer tool may say more.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence

_MEMBER = re.compile(r"\{([\w.]+)\}")


def json_lines(said: Sequence[str], templates: Mapping[str, str]) -> list[str]:
    """Give one line for each object that `templates` reach in the array (of objects) that the lines `said` are.

    A template's key is the path of lists to go down, "" for the array itself: "vlans" gives a line for each object in
    each element's list `vlans`. {name} in a template is a member of the object, or of one that it is in, and {a.b} a
    member of a member: text as it is, numbers in decimal, true and false, lists of texts with commas, nothing where the
    member is missing. Empty objects, which older iproute2 prints for links that a filter left out, give no line.

    Raises:
        ValueError: it is not such JSON, or a member is of no such kind.

    """
    try:
        whole = json.loads("\n".join(said), object_pairs_hook=_once, parse_constant=_no_number)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(whole, list):
        raise _no("array")
    return [
        _line(template, scopes)
        for path, template in templates.items()
        for element in whole
        for scopes in _reached(element, path.split(".") if path else [], ())
    ]


def _line(template: str, scopes: tuple[Mapping[str, object], ...]) -> str:
    return _MEMBER.sub(lambda match: _text(scopes, match[1]), template)


def _reached(
    element: object, path: list[str], above: tuple[Mapping[str, object], ...]
) -> Iterator[tuple[Mapping[str, object], ...]]:
    """Give each object at the end of `path`, with those that it is in behind it."""
    if not isinstance(element, dict):
        raise _no("object")
    scopes = (element, *above)
    if not path:
        if element:
            yield scopes
        return
    members = element.get(path[0], [])
    if not isinstance(members, list):
        raise _no(path[0])
    for member in members:
        yield from _reached(member, path[1:], scopes)


def _text(scopes: tuple[Mapping[str, object], ...], name: str) -> str:
    first, *more = name.split(".")
    value: object = next((scope[first] for scope in scopes if first in scope), None)
    for each in more:
        if value is None:
            break
        if not isinstance(value, dict):
            raise _no(name)
        value = value.get(each)
    return _written(value, name)


def _written(value: object, name: str) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str) and (value.isprintable() or not value):
        return value
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return ",".join(_written(each, name) for each in value)
    raise _no(name)


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member twice")
    return found


def _no(what: str) -> ValueError:
    return ValueError(f"no {what}")


def _no_number(text: str) -> object:
    raise ValueError(text)
