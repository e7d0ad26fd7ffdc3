"""What a card format is: a name, a parser, and what its source can and cannot tell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from policies.cards import ReaderConfig, Swipe

#: topic (or the path of a webhook), payload, the reader → its swipes. Empty: no swipe. Raises UnreadableSwipe alone.
Parse = Callable[[str, bytes, ReaderConfig], tuple[Swipe, ...]]


@dataclass(frozen=True, slots=True)
class Format:
    """One format; the flags are what its messages have, at their best.

    `decides`: the source's own access decision. `dated`: a time. `numbered`: a number of the event, so that a replay
    shows. `signs`: an HMAC or a signature. `source` names what the parser was written from, `seen` whether that was
    the sender's source code, its documentation, or other people's samples. Nothing was run against real readers.
    """

    name: str
    title: str
    parse: Parse
    decides: bool
    dated: bool
    numbered: bool
    signs: bool
    source: str
    seen: str
