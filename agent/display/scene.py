"""What the operator sees, as a pure function of the agent's status: the state in a word, sentences, time left, keys.

The full-screen view, `portseal-agent status` and the desktop's notes all show a :class:`Scene`, so that the three never
say different things. It is made from the document that `status` gives (docs/agent.md), in the reader's language.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from policies.grants import PURPOSES, Purpose
from policies.texts import Text, render, t

#: Seconds before its end from which an opening is shown as closing soon.
SOON = 30
#: For how many seconds a refusal, a relock, a swipe without an answer, and a request that was lost are shown.
REFUSED_SECONDS, RELOCKED_SECONDS, WAITING_SECONDS, LOST_SECONDS = 30, 60, 10, 20

Told = Mapping[str, Any]


class Face(StrEnum):
    """The states that an operator can tell apart."""

    SHUT = "shut"
    PURPOSE = "purpose"
    SECOND = "second"
    WAITING = "waiting"
    OPEN = "open"
    ENDING = "ending"
    RELOCKED = "relocked"
    REFUSED = "refused"
    AWAY = "away"
    FAULT = "fault"
    GONE = "gone"


#: The state in a word, to be read from afar.
WORDS: Mapping[Face, Text] = {
    Face.SHUT: t("SHUT · PLEASE SWIPE"),
    Face.PURPOSE: t("CHOOSE THE PURPOSE"),
    Face.SECOND: t("SECOND PERSON: PLEASE SWIPE"),
    Face.WAITING: t("ONE MOMENT"),
    Face.OPEN: t("OPEN"),
    Face.ENDING: t("CLOSING SOON"),
    Face.RELOCKED: t("LOCKED AGAIN"),
    Face.REFUSED: t("NOT OPENED"),
    Face.AWAY: t("SHUT · NO CONNECTION"),
    Face.FAULT: t("SHUT · FAULT"),
    Face.GONE: t("THE AGENT DOES NOT ANSWER"),
}
#: Why a lease ended, by the word in the event.
_WHY: Mapping[str, Text] = {
    "expired": t("The time is over."),
    "revoked": t("It was ended by the controller."),
    "relocked": t("It was locked at this terminal."),
    "reboot": t("The machine was restarted."),
    "lost": t("The agent's memory was lost or damaged."),
}
#: What became of the storage, by the word in the event.
_STORAGE: Mapping[str, Text] = {
    "clean": t("Everything was written: the device may be unplugged."),
    "lazily": t("The device was still in use: what was copied last may be incomplete."),
    "unwritten": t("The device could not be written out: files may be missing."),
}


@dataclass(frozen=True, slots=True)
class Key:
    """One key, one action: its letter, what it does in words, and what is asked of the agent."""

    letter: str
    about: str
    asks: Mapping[str, Any] = field(hash=False)


@dataclass(frozen=True, slots=True)
class Scene:
    """One picture. `left` and `total` are the seconds of an opening (None: nothing is open).

    `mark` changes exactly when something new has happened, for whoever tells of changes. `alarms` are sentences about
    what is wrong beside the state.
    """

    face: Face
    word: str
    lines: tuple[str, ...]
    keys: tuple[Key, ...] = ()
    left: int | None = None
    total: int = 0
    alarms: tuple[str, ...] = ()
    place: str = ""
    mark: str = ""

    @property
    def clock(self) -> str:
        """The time left as mm:ss, or ""."""
        return "" if self.left is None else f"{self.left // 60:02d}:{self.left % 60:02d}"


def gone(sentence: str, language: str) -> Scene:
    """Give the picture when the agent cannot be asked; `sentence` says why, and what to do."""
    stays = t("What is shut stays shut: the kernel keeps it so. Nothing can be opened until the agent is back.")
    return Scene(Face.GONE, render(WORDS[Face.GONE], language), (sentence, render(stays, language)), mark="gone")


def compose(told: Told, language: str) -> Scene:
    """Give the picture of what the agent's `status` told, in `language`."""
    return _Composer(told, language).scene()


class _Composer:
    def __init__(self, told: Told, language: str) -> None:
        self._told, self._language = told, language
        notices: list[Told] = list(told.get("notices", ()))
        # That a purpose is chosen is no news of its own: it is said beside the state.
        self._notices = [each for each in notices if each["code"] != "chosen"]
        settled = max((place for place, each in enumerate(notices) if each["kind"] in _SETTLED), default=-1)
        self._held = [each for each in notices[settled + 1 :] if each["code"] == "chosen"]
        self._request: Told = told.get("request") or {}

    def scene(self) -> Scene:
        """Look at what weighs most first: what is open, a fault, what just happened, the connection, and rest."""
        if self._told["leases"]:
            return self._open()
        if self._told["fault"]:
            fault = t("Nothing opens: {fault}", fault=str(self._told["fault"]))
            return self._shut(Face.FAULT, (fault, t("Ask the administrator of this site.")), mark="fault")
        happened = self._happened()
        if happened is not None:
            return happened
        alone = (self._told.get("offline") or {}).get("counts", False)
        if alone:
            return self._shut(Face.AWAY, (*_ALONE, *self._chosen()), self._purposes(), mark="away")
        if self._told.get("broker", "none") == "away":
            return self._shut(Face.AWAY, _AWAY, mark="away")
        return self._shut(Face.SHUT, tuple(self._at_rest()), self._purposes(), mark="shut")

    # What is open.

    def _open(self) -> Scene:
        leases: list[Told] = self._told["leases"]
        longest = max(leases, key=lambda each: each["seconds"])
        left = int(longest["seconds"])
        face = Face.ENDING if left <= SOON else Face.OPEN
        lines: list[Text | str] = []
        who = next((each["who"] for each in (longest, *leases) if each.get("who")), "")
        if who:
            lines.append(t("Opened by {who}, for: {purpose}", who=who, purpose=_purpose(longest["purpose"])))
        else:
            lines.append(t("Opened for: {purpose}", purpose=_purpose(longest["purpose"])))
        lines += [t("Allowed: {limits}", limits=self._said(longest["allows"])), *self._devices()]
        if face is Face.ENDING:
            lines.append(t("Finish copying: at the end everything is written out, and the port is shut."))
        lines += self._about_extension(longest)
        keys = []
        if longest.get("extendable"):
            asks = {"do": "request", "extend": longest["lease"]}
            keys.append(Key("e", self._say(t("more time, once")), asks))
        keys.append(Key("l", self._say(t("lock now")), {"do": "relock"}))
        mark = f"{face} {longest['lease']}"
        return self._picture(face, lines, tuple(keys), mark, (left, int(longest.get("total", left))))

    def _devices(self) -> Iterator[Text | str]:
        """Say what the leases have let in, and what they have not."""
        devices = [each for each in self._told["devices"] if not each["binding"]]
        for each in devices:
            name = each["product"] or f"{each['vid']}:{each['pid']}"
            if each["allowed"] and each["lease"]:
                yield t("{device} is connected.", device=name)
            elif not each["allowed"]:
                yield t("{device} stays shut: {reason}", device=name, reason=self._said(each["reason"]))
        if not any(each["allowed"] and each["lease"] for each in devices):
            yield t("Plug in the device now.")

    def _about_extension(self, lease: Told) -> Iterator[Text | str]:
        asked = self._request.get("extend") == lease["lease"]
        # A refusal that came after the question is its answer.
        refusal = self._newest("denied", REFUSED_SECONDS)
        if refusal is not None and refusal["seconds"] <= self._request.get("seconds", 0):
            yield from self._refusal(refusal)
        elif asked and self._request["state"] == "lost":
            yield from self._lost()
        elif asked and self._request["seconds"] <= WAITING_SECONDS:
            yield t("More time was asked for; the controller decides.")

    # What has just happened.

    def _happened(self) -> Scene | None:
        """Show the newest of a notice and a lease's end, as long as it is news."""
        notice = self._notices[-1] if self._notices else None
        ended = self._told.get("ended")
        if ended and (notice is None or ended["seconds"] <= notice["seconds"] or notice["kind"] == "relock"):
            relock = notice if notice and notice["kind"] == "relock" else None
            return self._relocked(ended, relock) if ended["seconds"] <= RELOCKED_SECONDS else None
        return None if notice is None else self._noticed(notice)

    def _noticed(self, notice: Told) -> Scene | None:
        kind, age = notice["kind"], notice["seconds"]
        waiting = [each for each in self._notices if each["kind"] == "needs" and each["left"] > 0]
        # A card that does not count leaves the question open, and says until when.
        if kind == "needs" or (kind == "denied" and notice["left"] > 0):
            return self._needs(waiting[-1], notice) if waiting else None
        if kind == "denied" and age <= REFUSED_SECONDS:
            mark = f"refused {notice['code']}"
            return self._shut(Face.REFUSED, tuple(self._refusal(notice)), self._purposes(), mark=mark)
        if kind == "grant" and age <= WAITING_SECONDS:
            return self._shut(Face.WAITING, (t("The card is accepted; the port opens."),), mark="waiting")
        return None

    def _relocked(self, ended: Told, notice: Told | None) -> Scene:
        why: Text | str = _WHY.get(ended["why"], _WHY["revoked"])
        if notice is not None and ended["why"] == "revoked":
            why = _sentence(self._said(notice["reason"]))
        lines: list[Text | str] = [why]
        if ended["storage"] in _STORAGE:
            lines.append(_STORAGE[ended["storage"]])
        lines += [t("To open again, swipe the card."), *self._chosen()]
        return self._shut(Face.RELOCKED, tuple(lines), self._purposes(), mark=f"relocked {ended['lease']}")

    def _needs(self, question: Told, notice: Told) -> Scene:
        """Ask what the controller asks; what was answered since then waits for its answer."""
        wrong = tuple(self._refusal(notice)) if notice["kind"] == "denied" else ()
        left = t("Time to answer: {seconds} s", seconds=question["left"])
        if question["code"] != "purpose":
            return self._shut(Face.SECOND, (*(wrong or self._refusal(question)), left), mark=f"second {notice['code']}")
        if self._request and self._request["seconds"] <= question["seconds"] and not self._is_lost() and not wrong:
            return self._shut(Face.WAITING, (*self._chosen(), t("The controller decides.")), mark="waiting")
        lines = (*wrong, t("The card is accepted. What is it for? Press the number."), left, *self._lost())
        mark = f"purpose {notice['code']}"
        return self._shut(Face.PURPOSE, lines, self._purposes(question["purposes"]), mark=mark)

    def _refusal(self, notice: Told) -> Iterator[Text | str]:
        yield _sentence(self._said(notice["reason"]))
        yield _sentence(self._said(notice["next"]))

    # At rest.

    def _at_rest(self) -> Iterator[Text | str]:
        if self._told.get("broker", "none") == "none":
            yield t("This terminal has no broker: it opens for a grant that is handed over here.")
            return
        yield t("Swipe an authorised card at the reader, and plug in the device.")
        chosen = tuple(self._chosen())
        yield from chosen or (t("The purpose may be chosen before the swipe: press its number."),)

    def _chosen(self) -> Iterator[Text | str]:
        """Say what was chosen before the swipe, as long as it counts, and whether the controller can know."""
        request = self._request
        if not request and self._held and self._held[-1]["left"] > 0:
            yield t("Purpose chosen: {purpose}", purpose=_purpose(self._held[-1]["purposes"][0]))
        if not request or request["extend"]:
            return
        if request["state"] == "lost":
            yield from self._lost()
            return
        if not self._is_held(request):
            return
        if any(each["kind"] in _SETTLED and each["seconds"] < request["seconds"] for each in self._notices):
            return
        yield t("Purpose chosen: {purpose}", purpose=_purpose(request["purpose"]))

    def _is_held(self, request: Told) -> bool:
        """Tell whether the choice counts: the controller says for how long; until it has, for the time of an answer."""
        answers = [each for each in self._held if each["seconds"] <= request["seconds"]]
        return bool(answers[-1]["left"] > 0) if answers else bool(request["seconds"] <= WAITING_SECONDS)

    def _is_lost(self) -> bool:
        return bool(self._request) and self._request["state"] == "lost"

    def _lost(self) -> Iterator[Text | str]:
        if self._is_lost() and self._request["seconds"] <= LOST_SECONDS:
            yield t("The choice did not reach the controller. Press the key again.")

    def _purposes(self, allowed: Sequence[str] = ()) -> tuple[Key, ...]:
        """Give the keys of the purposes; a purpose has the same number everywhere."""
        if self._told.get("broker", "none") == "none":
            return ()
        return tuple(
            Key(str(number), self._say(PURPOSES[each]), {"do": "request", "purpose": each.value})
            for number, each in enumerate(Purpose, 1)
            if not allowed or each in allowed
        )

    def _newest(self, kind: str, seconds: int) -> Told | None:
        found = [each for each in self._notices if each["kind"] == kind and each["seconds"] <= seconds]
        return found[-1] if found else None

    # The picture.

    def _shut(self, face: Face, lines: Sequence[Text | str], keys: tuple[Key, ...] = (), *, mark: str) -> Scene:
        return self._picture(face, lines, keys, mark)

    def _picture(
        self, face: Face, lines: Sequence[Text | str], keys: tuple[Key, ...], mark: str,
        time: tuple[int, int] | None = None,
    ) -> Scene:  # fmt: skip
        alarms = [t("ALARM: {name} is not in its place.", name=each) for each in self._told["away"]]
        if self._told["fault"] and face is not Face.FAULT:
            alarms.append(t("FAULT, nothing opens: {fault}", fault=str(self._told["fault"])))
        alarms += self._network()
        if self._told.get("broker") == "away" and face is not Face.AWAY:
            alarms.append(t("The connection to the controller is down."))
        return Scene(
            face=face,
            word=self._say(WORDS[face]),
            lines=tuple(self._say(each) for each in lines),
            keys=keys,
            left=None if time is None else time[0],
            total=0 if time is None else time[1],
            alarms=tuple(self._say(each) for each in alarms),
            place=f"{self._told['site']} · {self._told['terminal']}",
            mark=mark,
        )

    def _network(self) -> Iterator[Text]:
        """Say what is wrong with the network guard, and the ways out that it has found; the rest is the inspector's."""
        guard: Told = self._told.get("guard") or {}
        if guard.get("guard") == "silent":
            yield t("The network guard does not run: nothing proves that there is no way to the internet.")
        if guard.get("fault"):
            yield t("NETWORK GUARD: {fault}", fault=self._said(guard["fault"]))
        for each in guard.get("wrong", ()):
            if each["verdict"] == "fail":
                yield t("NETWORK: {what}", what=_sentence(self._said(each["text"])))

    def _say(self, text: Text | str) -> str:
        return printable(render(text, self._language))

    def _said(self, both: Mapping[str, str]) -> str:
        return str(both[self._language])


#: The notices after which the controller has forgotten what was chosen before.
_SETTLED = frozenset({"grant", "relock"})
_AWAY = (
    t("The connection to the controller is down: a swiped card opens nothing now."),
    t("It connects by itself when the network is back. Look at the network cable, then ask the administrator."),
    t("When it cannot wait: two people and a rescue code, 'portseal-agent rescue'."),
)
#: The same, where the site lets cards that opened the terminal lately open it once more.
_ALONE = (
    t("The connection to the controller is down. A card that opened this terminal lately may open it once."),
    t("Present it at this terminal's own reader; the purpose may be chosen before."),
    _AWAY[1],
)


def printable(text: str) -> str:
    """Show what would steer the terminal (a device names itself) instead of obeying it."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def _purpose(value: str) -> Text | str:
    if value in set(Purpose):
        return PURPOSES[Purpose(value)]
    return t("a rescue code, without a card") if value == "rescue" else value


def _sentence(text: str) -> str:
    """Make a sentence of a reason, which begins small and has no full stop."""
    if not text:
        return text
    end = "" if text[-1] in ".。!?！？" else "。" if ord(text[-1]) > 0x2E7F else "."
    return text[0].upper() + text[1:] + end
