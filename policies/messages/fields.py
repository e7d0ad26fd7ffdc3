"""Reading the members of a message that somebody else wrote: exact names, exact types, bounded values.

Every message is canonical JSON, so that no two readers see two meanings in one text (a member that is there twice, a
number with a fraction, an escaped letter). What does not fit raises InputError, whose `where` names the member; what
the sender wrote is never repeated in it.
"""

from __future__ import annotations

import re
from typing import Any

from policies import canonical
from policies.errors import InputError
from policies.messages.topics import is_name
from policies.texts import Text, t

#: Bytes of the largest message that is read, but for events.
MAX_MESSAGE = 4096
#: 9999-12-31T23:59:59Z in seconds since 1970: later times cannot be shown.
LAST_SECOND = 253_402_300_799

#: Ids that a machine makes: the letters of base64url, so that a UUID and a random token both fit.
ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
#: A value that is used once must be long enough to be random (16 letters of base64url: 96 bits).
NONCE = re.compile(r"[A-Za-z0-9_-]{16,64}")
#: The kernel's boot id (/proc/sys/kernel/random/boot_id): a UUID in lower case.
BOOT = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")

Members = dict[str, Any]
_NONE: frozenset[str] = frozenset()


def document(
    data: bytes, required: frozenset[str], optional: frozenset[str] = _NONE, most: int = MAX_MESSAGE
) -> Members:
    """Read a whole message: an object of at most `most` bytes, with all of `required`, perhaps of `optional`."""
    if len(data) > most:
        raise _refused("", t("the message is longer than {count} bytes", count=most))
    return exact(_plain(data), "", required, optional)


def encoded(members: Members) -> bytes:
    """Give the message for `members`; raises InputError for values that have no canonical JSON."""
    try:
        return canonical.encode(members)
    except (TypeError, ValueError):
        raise _refused("", t("the member has a type or a value that cannot be")) from None


def exact(value: object, where: str, required: frozenset[str], optional: frozenset[str] = _NONE) -> Members:
    """Take an object with exactly these members."""
    if not isinstance(value, dict):
        raise _refused(where, t("an object is needed here"))
    if not required <= value.keys() or not value.keys() <= required | optional:
        raise _refused(where, t("a member of the object is missing, or is one too many"))
    return value


def text(members: Members, key: str, rule: re.Pattern[str]) -> str:
    """Take a text that `rule` matches as a whole."""
    value = members[key]
    if not isinstance(value, str) or not rule.fullmatch(value):
        raise _cannot_be(key)
    return value


def name(members: Members, key: str) -> str:
    """Take the name of a site or terminal, as it stands in topics."""
    value = members[key]
    if not isinstance(value, str) or not is_name(value):
        raise _cannot_be(key)
    return value


def whole(members: Members, key: str, low: int = 0, high: int = canonical.MAX_INTEGER) -> int:
    """Take a whole number from `low` to `high`; true and false are none."""
    value = members[key]
    if type(value) is not int or not low <= value <= high:
        raise _cannot_be(key)
    return value


def second(members: Members, key: str) -> int:
    """Take a time: whole seconds since 1970."""
    return whole(members, key, 0, LAST_SECOND)


def flag(members: Members, key: str) -> bool:
    """Take true or false."""
    value = members[key]
    if not isinstance(value, bool):
        raise _cannot_be(key)
    return value


def texts(members: Members, key: str, rule: re.Pattern[str], most: int) -> tuple[str, ...]:
    """Take a list of 1 to `most` different texts that `rule` matches."""
    value = members[key]
    if not isinstance(value, list) or not 0 < len(value) <= most:
        raise _cannot_be(key)
    if not all(isinstance(each, str) and rule.fullmatch(each) for each in value) or len(set(value)) != len(value):
        raise _cannot_be(key)
    return tuple(value)


def _plain(data: bytes) -> object:
    """Read canonical JSON. As canonical.decode, in half the time: what was just read from JSON is known to be plain."""
    try:
        value = canonical.load_plain(data.decode("utf-8"))
        same = canonical.dump_plain(value).encode("utf-8") == data
    except (ValueError, RecursionError):
        same, value = False, None
    if not same:
        raise _refused("", t("the message is not canonical JSON"))
    return value


def _cannot_be(key: str) -> InputError:
    return _refused(key, t("the member has a type or a value that cannot be"))


def _refused(where: str, what: Text) -> InputError:
    return InputError(what, where=where, next_step=t("compare the versions of Portseal on both sides"))
