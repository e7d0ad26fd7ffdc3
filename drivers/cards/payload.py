"""Reading what readers send: bytes to text to JSON, and single members, with one typed error for all that is not so.

Devices made for the Chinese market write names in GBK, also inside JSON. Read as broken UTF-8 such a name does harm:
the second byte of some characters is a backslash, which then eats the closing quote. So a text that is no UTF-8 is read
as GB 18030 before it is read with replacements. No name is kept; the numbers around it are what counts.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from policies.cards import Fault, UnreadableSwipe
from policies.texts import Text, t

#: Bytes of a message beyond which it is refused unread.
MAX_MESSAGE = 16_384

Members = dict[str, Any]

#: Names and numbers of devices and events, as they may stand in the id of an event.
_IDENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@-]{0,63}")
_WHOLE = re.compile(r"-?[0-9]{1,18}")


def text_of(payload: bytes, limit: int = MAX_MESSAGE) -> str:
    """Give the payload as text; refuses one of more than `limit` bytes."""
    return decoded(payload, limit)[0]


def decoded(payload: bytes, limit: int = MAX_MESSAGE) -> tuple[str, str]:
    """Give the payload as text, and the encoding that it was read in."""
    if len(payload) > limit:
        raise refused(Fault.SIZE, t("the message is longer than {count} bytes", count=limit))
    for encoding in ("utf-8", "gb18030"):
        try:
            return payload.decode(encoding), encoding
        except UnicodeDecodeError:
            continue
    # One character for each byte, so that ASCII members survive whatever the rest is.
    return payload.decode("latin-1"), "latin-1"


def json_of(text: str) -> object:
    """Read JSON; a name that stands twice in an object is refused, because two readers would see two meanings."""
    value, end = json_at(text.strip(), 0)
    if end != len(text.strip()):
        raise malformed()
    return value


def json_at(text: str, start: int) -> tuple[object, int]:
    """Read the JSON value that begins at `start`, and give it with its end."""
    try:
        return _DECODER.raw_decode(text, start)
    except (ValueError, RecursionError):
        raise malformed() from None


def members(payload: bytes, limit: int = MAX_MESSAGE) -> Members:
    """Read a message that is a JSON object."""
    return an_object(json_of(text_of(payload, limit)))


def an_object(value: object) -> Members:
    """Take a JSON object."""
    if not isinstance(value, dict):
        raise malformed()
    return value


def whole(value: object) -> int | None:
    """Take a whole number, also one written as text; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value if abs(value) < 10**18 else None
    if isinstance(value, str) and _WHOLE.fullmatch(value.strip(" ")):
        return int(value)
    return None


def number_of_card(value: object) -> str | int | None:
    """Take what stands for a card: text or a whole number; None when there is none (absent, empty, blank, 0)."""
    if value is None or value == 0 or (isinstance(value, str) and not value.strip(" 0")):
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise bad_value("card")
    return value


def said(value: object) -> bool | None:
    """Take yes or no, also as the text "true" or "false" (ESP-RFID); None for anything else."""
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}.get(value.lower()) if isinstance(value, str) else None


def ident(value: object) -> str:
    """Take a short name or number that can stand in the id of an event; "" for anything else."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**18:
        return str(value)
    return value if isinstance(value, str) and _IDENT.fullmatch(value) else ""


def picks(wanted: str, *given: object) -> bool:
    """Tell whether a selector of the reader's configuration takes a message whose device or door is `given`."""
    return not wanted or any(wanted == str(each) for each in given if isinstance(each, str | int))


def malformed() -> UnreadableSwipe:
    """Make the error for what is not of the format at all."""
    return refused(Fault.MALFORMED, t("this is no message of the reader's format"))


def bad_value(member: str) -> UnreadableSwipe:
    """Make the error for a member that is missing, or has a type or a value that cannot be."""
    return UnreadableSwipe(
        Fault.VALUE,
        t("the member has a type or a value that cannot be"),
        where=member,
        next_step=t("compare the format set for this reader with what it sends"),
    )


def refused(fault: Fault, what: Text) -> UnreadableSwipe:
    """Make the error."""
    return UnreadableSwipe(fault, what, next_step=t("compare the format set for this reader with what it sends"))


def _no_constant(_: str) -> NoReturn:
    raise ValueError("not a number")


def _once(pairs: list[tuple[str, Any]]) -> Members:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name twice")
    return found


_DECODER = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_constant)
