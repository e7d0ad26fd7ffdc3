"""The controller's notices as the agent keeps them for whoever stands at the terminal: the last few, in memory only.

A notice may hold a masked name, so nothing here is written to disk, to an event or to a log. It changes nothing either:
what opens and shuts are grants and revocations alone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from agent.config import Config
from policies import jwt
from policies.cards.rights import Kind
from policies.grants import Moment
from policies.messages import notice as notices
from policies.messages.notice import NOTICE_TYPE, Notice
from policies.texts import LANGUAGES, Text, render, t

#: Notices that are kept, and for how many seconds; their ids are remembered for longer than a repetition can be fresh.
MOST, KEPT_SECONDS, MOST_IDS = 8, 120.0, 256
#: Seconds for which a question may be open: the most that a site can declare (`swipe_answer_s`).
LONGEST_ANSWER = 300.0
#: Seconds that the name of a grant's holder waits for the grant itself.
WAIT_SECONDS = 60.0

#: What helps when the terminal itself does not follow a grant of the controller's.
AGAIN = t("swipe again; if it happens again, ask the administrator of this site to compare clocks and keys")


def is_notice(token: bytes) -> bool:
    """Tell whether a token on the topic of grants says that it is a notice."""
    return jwt.says(token, NOTICE_TYPE)


@dataclass(frozen=True, slots=True)
class _Heard:
    """What came at `at` (seconds of CLOCK_BOOTTIME): a notice's words, and until when (CLOCK_BOOTTIME) it waits."""

    at: float
    kind: str
    code: str
    reason: Text
    next_step: Text
    purposes: tuple[str, ...] = ()
    until: float = 0.0
    jti: str = ""


class Notices:
    """The last notices for one terminal."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._heard: deque[_Heard] = deque(maxlen=MOST)
        self._ids: deque[str] = deque(maxlen=MOST_IDS)
        self._who: dict[str, tuple[str, float]] = {}

    def hear(self, token: bytes, now: Moment) -> bool:
        """Take a notice, and tell whether it counts: for this terminal, fresh, and not a repetition.

        Raises InputError (TokenRefused, when it is not signed by the site) for what is no notice.
        """
        told = notices.read(token, self._config.grant_key)
        meant = (told.iss, told.aud) == (self._config.site, self._config.terminal)
        if not meant or abs(now.wall - told.iat) > self._config.skew or told.id in self._ids:
            return False
        self._ids.append(told.id)
        self._keep(told, now)
        return True

    def refused(self, code: str, reason: Text, now: Moment) -> None:
        """Keep why this terminal itself did not follow a grant that the controller has signed."""
        self._heard.append(_Heard(now.boottime, Kind.DENIED, code, reason, AGAIN))

    def local(
        self, kind: Kind, code: str, said: tuple[Text, Text], now: float, *, left: float = 0.0,
        purposes: Collection[str] = (),
    ) -> None:  # fmt: skip
        """Keep what the terminal itself answers while nobody can be asked: the reason and what helps.

        `left` are the seconds for which it waits for an answer; `now` is CLOCK_BOOTTIME.
        """
        until = now + left if left else 0.0
        self._heard.append(_Heard(now, kind, code, *said, tuple(purposes), until))

    def who(self, jti: str) -> str:
        """Give the masked name of who opened a lease, or ""."""
        return self._who.get(jti, ("", 0.0))[0]

    def forget(self, open_leases: Collection[str], now: float) -> None:
        """Drop what is over: names with their lease, and notices that are old. `now` is CLOCK_BOOTTIME."""
        self._who = {jti: kept for jti, kept in self._who.items() if jti in open_leases or now - kept[1] < WAIT_SECONDS}
        while self._heard and now > max(self._heard[0].at + KEPT_SECONDS, self._heard[0].until):
            self._heard.popleft()

    def shown(self, now: float) -> list[dict[str, Any]]:
        """Give the notices as `status` tells them, the newest last. `now` is CLOCK_BOOTTIME."""
        return [
            {
                "kind": each.kind, "code": each.code, "seconds": int(now - each.at),
                "left": max(0, int(each.until - now)), "purposes": list(each.purposes), "lease": each.jti,
                "reason": _both(each.reason), "next": _both(each.next_step),
            }
            for each in self._heard
        ]  # fmt: skip

    def _keep(self, told: Notice, now: Moment) -> None:
        if told.jti and told.who:
            self._who[told.jti] = told.who, now.boottime
        # By the wall clock only once: it may be set while the operator thinks.
        until = now.boottime + min(max(0.0, told.until - now.wall), LONGEST_ANSWER) if told.until else 0.0
        purposes = tuple(each.value for each in told.purposes)
        self._heard.append(
            _Heard(now.boottime, told.kind, told.code, told.reason, told.next_step, purposes, until, told.jti)
        )


def _both(text: Text) -> dict[str, str]:
    return {language: render(text, language) for language in LANGUAGES}
