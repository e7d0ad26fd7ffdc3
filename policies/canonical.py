"""Canonical JSON (RFC 8785, the JSON Canonicalization Scheme) for the values that Portseal stores and signs.

Values are None, bool, int, str, lists and string-keyed mappings. Floating-point numbers are refused on purpose: their
canonical form depends on the ECMAScript printing algorithm, and nothing that Portseal records needs one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn

from policies.errors import InputError
from policies.texts import Text, t

#: The largest magnitude that every JSON reader keeps exactly (RFC 8785, section 3.2.2.3 and RFC 7493, section 2.2).
MAX_INTEGER = 2**53 - 1
#: How deep values may nest; far below Python's recursion limit, far above what an entry needs.
MAX_DEPTH = 64

_LONG_NUMBER = re.compile(r"[0-9]{16}")
_ASTRAL = re.compile("[\U00010000-\U0010ffff]")


def encode(value: object) -> bytes:
    """Give the one canonical encoding of `value`, in UTF-8.

    Raises TypeError for a type that has no canonical form (float, bytes, a key that is not a string) and ValueError for
    an integer beyond 2**53-1, a lone surrogate or nesting deeper than 64: all of them are mistakes of the caller.
    """
    plain = _plain(value, 0)
    text = dump_plain(plain)
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError("a lone surrogate has no canonical JSON form") from None


def encode_object(members: Mapping[str, object], written: Mapping[str, str]) -> str:
    """Give the canonical text of an object some of whose members are canonical text already, and not looked at again.

    `written` are those; a name is in one of the two only. Raises as :func:`encode`.
    """
    texts = {_key(name): encode(value).decode("utf-8") for name, value in members.items()} | dict(written)
    ordered = sorted(texts, key=lambda name: name.encode("utf-16-be"))
    return "{" + ",".join(f"{quote(name)}:{texts[name]}" for name in ordered) + "}"


def decode(data: bytes, where: str = "") -> Any:
    """Read canonical JSON back; raises InputError when `data` is not JSON or not in its one canonical form."""
    try:
        text = data.decode("utf-8")
        value = load_plain(text)
        again = encode(value)
    except (UnicodeDecodeError, ValueError, RecursionError, TypeError) as error:
        raise _refused(where, t("not canonical JSON ({cause})", cause=_short(error))) from None
    if again != data:
        raise _refused(where, t("JSON, but not in its canonical form"))
    return value


def dump_plain(value: object) -> str:
    """Write a value that is known to be plain (as `json` reads it) in canonical form, as text.

    Keys sort by UTF-16 code units (RFC 8785, section 3.2.3), which differs from code-point order only beyond U+FFFF.
    """
    text = "".join(_write(value, 0))
    if text.isascii() or not _ASTRAL.search(text):
        return text
    return _UNSORTED.encode(_sorted_utf16(value))


def load_plain(text: str) -> Any:
    """Read JSON text whose numbers are safe integers; raises ValueError otherwise (floats, NaN, huge integers)."""
    # A hook per integer costs as much as the rest of the parsing, so it is used where a long number may be.
    value, end = (_CHECKED if _LONG_NUMBER.search(text) else _DECODER).raw_decode(text)
    if end != len(text):
        raise ValueError("something follows the JSON value")
    return value


def quote(text: str) -> str:
    """Write one string as JSON, in canonical form."""
    return json.encoder.encode_basestring(text)


def _refused(where: str, what: Text) -> InputError:
    return InputError(what, where=where, next_step=t("take the bytes from where they were written, unchanged"))


def _short(error: Exception) -> str:
    return str(error).splitlines()[0][:120] if str(error) else type(error).__name__


def _plain(value: object, depth: int) -> object:
    """Check `value` and turn tuples, mappings and subclasses (StrEnum) into the plain types that json writes."""
    if depth > MAX_DEPTH:
        raise ValueError("nested too deeply for canonical JSON")
    # By the type alone, as most values go: an event has thirty of them, and is looked through several times.
    kind = type(value)
    if kind is str or value is None or kind is bool:
        return value
    if kind is dict:
        return {_key(key): _plain(item, depth + 1) for key, item in value.items()}  # type: ignore[attr-defined]
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        if abs(value) > MAX_INTEGER:
            raise ValueError("an integer beyond 2**53-1 has no safe JSON form")
        return int(value)
    if isinstance(value, (list, tuple)):
        return [_plain(item, depth + 1) for item in value]
    if isinstance(value, Mapping):
        return {_key(key): _plain(item, depth + 1) for key, item in value.items()}
    raise TypeError(f"{type(value).__name__} has no canonical JSON form here")


def _key(key: object) -> str:
    if type(key) is str:
        return key
    if not isinstance(key, str):
        raise TypeError("keys of canonical JSON are strings")
    return str.__str__(key)


def _sorted_utf16(value: object) -> object:
    if isinstance(value, dict):
        items = sorted(value.items(), key=lambda item: item[0].encode("utf-16-be", "surrogatepass"))
        return {key: _sorted_utf16(item) for key, item in items}
    if isinstance(value, list):
        return [_sorted_utf16(item) for item in value]
    return value


def _no_float(_: str) -> NoReturn:
    raise ValueError("a floating-point number")


def _integer(digits: str) -> int:
    if len(digits) > 17 or abs(value := int(digits)) > MAX_INTEGER:
        raise ValueError("an integer beyond 2**53-1")
    return value


def _writer() -> Callable[[object, int], Iterable[str]]:
    """Give the encoder's inner function, made once: JSONEncoder makes it anew at every call, half of its time."""
    encoder = json.JSONEncoder(
        ensure_ascii=False, allow_nan=False, sort_keys=True, check_circular=False, separators=(",", ":")
    )
    make: Callable[..., Callable[[object, int], Iterable[str]]] | None = getattr(json.encoder, "c_make_encoder", None)
    if make is None:
        return lambda value, _: encoder.iterencode(value)
    return make(None, encoder.default, json.encoder.encode_basestring, None, ":", ",", True, False, False)


_write = _writer()
_UNSORTED = json.JSONEncoder(ensure_ascii=False, allow_nan=False, check_circular=False, separators=(",", ":"))
_DECODER = json.JSONDecoder(parse_float=_no_float, parse_constant=_no_float)
_CHECKED = json.JSONDecoder(parse_float=_no_float, parse_constant=_no_float, parse_int=_integer)
