"""MQTT topic filters (MQTT 5.0, section 4.7) of other people's messages: which may stand in site.toml, what they match.

A filter becomes a line of the broker's access rules. So its first level is a name, and none of ours: a reader's own
messages can then never be a swipe of another reader, a grant, or the broker's own `$SYS`.
"""

from __future__ import annotations

import re
from itertools import zip_longest

from policies.errors import InputError
from policies.messages.topics import ROOT
from policies.texts import t

#: UTF-8 bytes of the longest filter.
MAX_FILTER = 200

_OURS = ROOT.split("/", maxsplit=1)[0]
_LEVELS = re.compile(r"[^+#]+|\+|")


def read_filter(text: str) -> str:
    """Give `text` back when it can be a filter for foreign messages; raises InputError."""
    first, *levels = text.split("/")
    if levels and levels[-1] == "#":
        levels.pop()
    plain = text.isprintable() and text == text.strip() and len(text.encode("utf-8", "replace")) <= MAX_FILTER
    if not plain or not first or set("+#$") & set(first) or not all(_LEVELS.fullmatch(each) for each in levels):
        raise InputError(
            t("this cannot be the topic of a reader's messages"),
            next_step=t("write it as the source does, up to {count} bytes; + or # only behind a '/'", count=MAX_FILTER),
        )
    if first == _OURS:
        raise InputError(
            t("topics below '{name}/' are Portseal's own", name=_OURS),
            next_step=t('let the source use another topic, or write format = "native"'),
        )
    return text


def matches(wanted: str, topic: str) -> bool:
    """Tell whether a message on `topic` is in the filter `wanted`."""
    return "+" not in topic and "#" not in topic and overlap(wanted, topic)


def overlap(one: str, other: str) -> bool:
    """Tell whether there is a topic that both filters take."""
    for left, right in zip_longest(one.split("/"), other.split("/")):
        # "a/#" takes "a" too.
        if left == "#" or right == "#":
            return True
        if left is None or right is None or (left != right and "+" not in (left, right)):
            return False
    return True


def is_wild(text: str) -> bool:
    """Tell whether a filter takes more than one topic."""
    return "+" in text or text.endswith("#")
