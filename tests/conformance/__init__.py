"""What every dialect must hold to, as data: one module a platform, and a folder of transcripts.

A module `tests/conformance/<platform>.py` has DATA, a :class:`Conformance`. The tests that use it are the same for all:
`tests/unit/test_conformance*.py` and `tests/replay/test_conformance_recordings.py`. A transcript is a folder with one
file a command; its first line says where the text is from: a recording, or a vendor's document.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib import import_module
from pathlib import Path

from drivers.dialect import Dialect, Read
from drivers.dialects import PLATFORMS, dialect
from drivers.observe import observe
from drivers.parse import Row, parse
from drivers.render import fill
from policies.model import ObservedSwitch, PortConfig

NOW = datetime(2026, 11, 30, tzinfo=UTC)
FOLDER = Path(__file__).parent / "transcripts"
#: The switch is one that no text can show: real Open vSwitch behind real SSH, in tests/lab.
REAL = frozenset({"openvswitch"})

Facts = list[tuple[object, ...]]
#: Folder of recordings → (a second reader of the text, what of a row it is compared with).
Readers = Mapping[str, tuple[Callable[[str], Facts], Callable[[Row], tuple[object, ...]]]]


@dataclass(frozen=True)
class Seen:
    """What a transcript says of one port: its settings, and other attributes of ObservedPort by name."""

    config: PortConfig
    more: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Transcript:
    """A switch as its answers show it: the folder's name, and what is in it.

    `switch` are attributes of ObservedSwitch, `ports` some of its ports; `count` is the number of all ports.
    """

    name: str
    ports: Mapping[str, Seen]
    count: int
    switch: Mapping[str, object]


@dataclass(frozen=True)
class Conformance:
    """The data sets of one dialect.

    `prompts` are (text, kind) of the host `host`, `no_prompts` lines that are none. `refused` and `refused_config` are
    answers that refuse any command, or only a line that configures; `not_refused` do not. `secret` lines have PLAIN
    where the secret is, `not_secret` stay as they are. `questions` are (text, set, reply): a question's last line, the
    set of the dialect that knows it (greetings, answers, save), and what is answered; `not_asked` lines are never
    answered. `same` are pairs of running and startup configurations without a difference, `drift` are those with one,
    and the lines that are shown of it. `hosts` are prompts of other hosts at which a login is understood; `saved` are
    answers to the save that say that it was done, `not_saved` do not. `recorded_as` is the recordings' name for the
    platform, where it is another.
    """

    platform: str
    host: str
    prompts: tuple[tuple[str, str], ...]
    no_prompts: tuple[str, ...]
    refused: tuple[str, ...]
    not_refused: tuple[str, ...]
    secret: tuple[str, ...]
    not_secret: tuple[str, ...]
    refused_config: tuple[str, ...] = ()
    questions: tuple[tuple[str, str, str], ...] = ()
    not_asked: tuple[str, ...] = ()
    same: tuple[tuple[str, str], ...] = ()
    drift: tuple[tuple[str, str, tuple[str, ...]], ...] = ()
    transcripts: tuple[Transcript, ...] = ()
    readers: Readers = field(default_factory=dict)
    hosts: tuple[str, ...] = ()
    saved: tuple[str, ...] = ()
    not_saved: tuple[str, ...] = ()
    recorded_as: str = ""

    @property
    def dialect(self) -> Dialect:
        """The dialect."""
        return dialect(self.platform)


@cache
def conformance(platform: str) -> Conformance:
    """Give the data of one platform."""
    found: Conformance = import_module(f"tests.conformance.{platform}").DATA
    return found


def every() -> list[Conformance]:
    """Give the data of all platforms that text can show."""
    return [conformance(platform) for platform in PLATFORMS if platform not in REAL]


def anchored(data: Conformance, kind: str) -> str:
    """Give a prompt's regex as a session has it once it knows the host."""
    pattern: str = getattr(data.dialect, kind)
    return re.sub(r"\(\?P<host>(?:[^()\\]|\\.)*\)", re.escape(data.host), pattern)


def typed(spoken: Dialect, command: str) -> str:
    """Give a command as it is typed where the site has set nothing: with the dialect's own parameters in it."""
    return fill(command, spoken.parameters)


def answers_of(platform: str, transcript: str) -> dict[str, str]:
    """Give the answers of a transcript by command, as it was typed.

    The first line of a file is its source and is left out.
    """
    return {
        path.stem.replace("_", " "): path.read_text("utf-8").partition("\n")[2]
        for path in (FOLDER / platform / transcript).glob("*.txt")
    }


def seen(spoken: Dialect, said: Mapping[str, str]) -> ObservedSwitch:
    """Give the state that these answers show; a command that has none is one that the model does not know."""
    answers: list[tuple[Read, list[Row]]] = []
    for read in spoken.reads:
        if not read.observe or read.each:
            continue
        words = [typed(spoken, each) for each in (read.command, *read.aliases)]
        known = next((each for each in words if each in said), None)
        if known is not None:
            answers.append((read, parse(read, said[known], where="transcript")))
        else:
            assert read.optional, read.command
    return observe(spoken, answers, switch="sw", read_at=NOW)
