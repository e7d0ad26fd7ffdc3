"""The MQTT topics, `portseal/1/<site>/…`: built from names, and read back into names.

The 1 is the version of all messages. A name that could be read as another topic or as a filter (MQTT 5.0, section 4.7)
is refused in both directions: the access rules of the broker stand on these names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from policies.errors import InputError
from policies.texts import t

#: What every topic of ours begins with.
ROOT = "portseal/1"
#: UTF-8 bytes of the longest name of a site, terminal, reader or lock.
MAX_NAME = 64

_NAME = re.compile(r"[^\s/+#](?:[^/+#]{0,62}[^\s/+#])?")


class Kind(StrEnum):
    """What is said on a topic; the value is what stands behind the site, `*` in place of the name."""

    SWIPE = "reader/*/swipe"
    GRANT = "terminal/*/grant"
    REVOKE = "terminal/*/revoke"
    REQUEST = "terminal/*/request"
    EVENT = "terminal/*/event"
    EVENT_ACK = "terminal/*/event/ack"
    STATUS = "terminal/*/status"
    LOCK_SET = "lock/*/set"
    LOCK_STATE = "lock/*/state"
    CARDS = "cards"
    CARDS_ACK = "cards/ack"
    FINDING = "finding"
    CHECKPOINT = "checkpoint"

    @property
    def named(self) -> bool:
        """Whether its topics name a terminal, reader or lock."""
        return "*" in self.value


#: Kinds whose last message the broker keeps. On any other topic a retained message is a replay, and is refused.
RETAINED = frozenset({Kind.STATUS, Kind.CHECKPOINT})


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic of `site`; `name` is the terminal, reader or lock (a lock has its terminal's name), "" without one."""

    site: str
    kind: Kind
    name: str = ""

    def __str__(self) -> str:
        """Give it as MQTT's text; raises InputError for a name that cannot be."""
        return f"{ROOT}/{_checked(self.site)}/{_filled(self.kind, self.name)}"


@lru_cache(maxsize=4096)
def parse(topic: str) -> Topic:
    """Read a topic; raises InputError for one that is not ours, of another version, or with a name that cannot be."""
    levels = topic.split("/")
    if "/".join(levels[:2]) != ROOT or len(levels) < 4:
        raise _not_ours()
    _, _, site, collection, *rest = levels
    plain = _KINDS.get("/".join((collection, *rest)))
    if plain is not None and not plain.named:
        return Topic(_checked(site), plain)
    kind = _KINDS.get("/".join((collection, "*", *rest[1:]))) if rest else None
    if kind is None:
        raise _not_ours()
    return Topic(_checked(site), kind, _checked(rest[0]))


def every(site: str, kind: Kind) -> str:
    """Give the filter for the topics of one kind, whatever the name; raises InputError for a bad site name."""
    return f"{ROOT}/{_checked(site)}/{kind.value.replace('*', '+')}"


def is_name(text: str) -> bool:
    """Tell whether `text` can be a name: 1 to 64 bytes of UTF-8, printable, without `/ + #` and blanks at its ends."""
    # isprintable refuses NUL, other controls, lone surrogates, and invisible marks that make two names look alike.
    return text.isprintable() and _NAME.fullmatch(text) is not None and len(text.encode("utf-8")) <= MAX_NAME


def _filled(kind: Kind, name: str) -> str:
    if not kind.named:
        if name:
            raise _bad_name()
        return kind.value
    return kind.value.replace("*", _checked(name))


def _checked(name: str) -> str:
    if not is_name(name):
        raise _bad_name()
    return name


def _bad_name() -> InputError:
    return InputError(
        t("a name in the topic cannot be"),
        next_step=t("write 1 to 64 bytes without '/', '+', '#', and no blank at the ends"),
    )


def _not_ours() -> InputError:
    return InputError(t("this is no topic of Portseal"), next_step=t("compare the versions of Portseal on both sides"))


_KINDS = {kind.value: kind for kind in Kind}
