"""What an operator does who has never seen the view: one thing at a time, and only what the screen says then."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.replay.agent_process import Place
from tests.replay.broker_bench import Client
from tests.replay.pty_screen import Terminal
from tests.replay.serve_bench import LI, WANG, Site, swipe

#: What the screen says in Chinese, and the purpose that the operator has come for.
SWIPE, CHOOSE, OPEN, RELOCKED, PURPOSE = "请刷卡", "请选择用途", "已开放", "已重新锁定", "案件视频调取"
STICK = "Ultra"


@dataclass
class Operator:
    """Somebody with a card and a stick in front of a terminal; `actions` are what was done, in order."""

    site: Site
    place: Place
    screen: Terminal
    reader: Client
    card: str
    actions: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def swipe(self) -> None:
        self.screen.wait_for(SWIPE)
        self._do("swipe", lambda: swipe(self.reader, self.card))

    def choose(self, *, asked: bool) -> None:
        """Press the key that the screen shows for the purpose; `asked`: when the screen asks for it."""
        text = self.screen.wait_for(*([CHOOSE] if asked else []), PURPOSE)
        line = "".join(text.split())
        key = re.search(rf"\[(\w)\]{PURPOSE}", line)
        assert key is not None, text
        self._do("choose", lambda: self.screen.press(key[1]))

    def plug(self) -> None:
        self.screen.wait_for(OPEN)
        self._do("plug", self._plugged)

    def seen(self) -> None:
        """See that the stick is open, and on the screen."""
        self.screen.wait_for(OPEN, STICK)
        self.screen.until(lambda: self.place.tree.written("1-1/authorized") == "1")
        self.seconds = time.monotonic() - self._begun

    def lock(self) -> None:
        """Lock with the key that the screen shows, and pull the stick."""
        self.screen.wait_for("[l]")
        self.screen.press("l")
        self.screen.wait_for(RELOCKED)
        assert self.place.tree.written("1-1/authorized") == "0"

    def _do(self, what: str, act: Callable[[], object]) -> None:
        if not self.actions:
            self._begun = time.monotonic()
        self.actions.append(what)
        act()

    def _plugged(self) -> None:
        self.place.tree.plug(
            "1-1", "0781", "5567", [(0, "08", "06", "50")], serial="4C53", devnum=9, product=STICK
        )  # fmt: skip
        self.place.tree.interfaces("1-1")


def walk_and_answer(operator: Operator) -> None:
    """Swipe, say what for when the screen asks, and plug the stick in."""
    operator.swipe()
    operator.choose(asked=True)
    operator.plug()
    operator.seen()


def walk_with_purpose(operator: Operator) -> None:
    """Say what for first, as the screen says that one may; swipe, and plug the stick in."""
    operator.choose(asked=False)
    operator.screen.wait_for("已选用途")
    operator.swipe()
    operator.plug()
    operator.seen()


def walk_with_one_right(operator: Operator) -> None:
    """Swipe a card for which one purpose is left, and plug the stick in."""
    operator.swipe()
    operator.plug()
    operator.seen()


#: Ways to an open port, and whose card: Li's has two purposes at this terminal, Wang's has one.
WALKS: dict[str, tuple[Callable[[Operator], None], str]] = {
    "the screen asks what for": (walk_and_answer, LI),
    "the purpose is chosen first": (walk_with_purpose, LI),
    "the card leaves one purpose": (walk_with_one_right, WANG),
}
