"""A card presented at the terminal's own reader while nobody can be asked: what was signed in advance decides.

What happens here is durable before anything opens: the event, the lease, and that the permits are used up, in one
commit. So an agent that is killed at any moment opens once, and a memory that was put back opens nothing until the
controller has seen it (`lost`). The number of a card is here for as long as it takes to turn it into a verifier; no
event, no file and no answer holds it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from agent.display.notices import Notices
from agent.link.state import AgentState
from agent.offline.cache import FILE, Cache, Stored
from agent.offline.contact import Contact
from agent.offline.memory import OfflineMemory
from agent.terminal import Terminal
from agent.usb.events import Quiet
from agent.usb.gate import is_live
from policies.cards.number import UnreadableSwipe, normalise
from policies.cards.rights import Kind
from policies.grants import Moment, Purpose
from policies.messages.event import Data
from policies.offline import judge
from policies.offline.judge import CODES, Here, Kept, Opens
from policies.offline.tokens import Permit, is_set, read_permit, read_set
from policies.offline.verifier import tag, verifier
from policies.texts import LANGUAGES, Text, render, t
from policies.usb import Lease

Reply = dict[str, Any]

#: Refusals that cost nothing and can come as often as somebody presents a card: told now and then.
_OFTEN = frozenset({"connected", "nothing", "wait", "unreadable", "memory"})
_SWIPE = t("swipe again")
_ADMIN = t("ask the administrator of this site")
_NEXT: Mapping[str, Text] = {
    "connected": t("swipe at the reader beside this terminal"),
    "memory": t("connect the terminal to its controller, or use a rescue code: 'portseal-agent rescue'"),
    "nothing": t("wait until the connection is back, or use a rescue code: 'portseal-agent rescue'"),
    "unknown": t("cards that opened this terminal lately are kept; else use a rescue code: 'portseal-agent rescue'"),
    "used": t("wait until the connection is back, or use a rescue code: 'portseal-agent rescue'"),
    "expired": t("wait until the connection is back, or use a rescue code: 'portseal-agent rescue'"),
    "wait": t("present a kept card then"),
    "terminal_taken": t("wait until it is shut, or have the other card presented again"),
    "no_purpose": t("choose another purpose, or ask the office that issues the cards"),
    "second_same": t("have another person present a card"),
}


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A card that waits for a purpose (`chosen` is None) or for a second person, until a time of CLOCK_BOOTTIME."""

    mine: tuple[Kept, ...]
    chosen: Permit | None
    until: float


class Offline:
    """One terminal's; `connected` says whether the broker is there (None: no broker is declared)."""

    def __init__(
        self, terminal: Terminal, notices: Notices, connected: Callable[[], bool] | None, send: Callable[[], None]
    ) -> None:  # fmt: skip
        config, self._terminal, self._notices = terminal.config, terminal, notices
        self._connected, self._send = connected, send
        self._contact = Contact(terminal.moment.boottime)
        self._quiet = Quiet()
        self._waiting: _Waiting | None = None
        self._purpose: tuple[Purpose, float] | None = None
        self._cache = Cache(config.run / FILE, config.grant_key)
        made = self._cache.stored.made
        if terminal.spool.trouble is not None or made is None or made.set != self._memory.set:
            self._cache.drop()

    @property
    def away(self) -> bool:
        """Whether the controller cannot be asked, so that what was signed in advance counts."""
        self._note()
        return self._connected is not None and self._contact.away(self._terminal.moment.boottime)

    def tick(self) -> None:
        """Look at the connection, and let go of what is over; called at every tick."""
        self._note()
        now = self._terminal.moment
        if self._terminal.spool.state.lost:
            self._cache.drop()
        stored = self._cache.stored
        if stored.made is not None:
            self._cache.put(stored.without(lambda each: now.boottime >= each.ends or now.wall >= each.permit.exp))
        if self._waiting is not None and now.boottime >= self._waiting.until:
            self._waiting = None

    def shown(self) -> Reply | None:
        """Give what `status` tells: how many cards are kept, for how long, and whether they count now; None: none."""
        now, used = self._terminal.moment.boottime, set(self._memory.used)
        kept = [each for each in self._cache.stored.kept if each.permit.jti not in used and each.ends > now]
        if not kept:
            return None
        cards = len({each.permit.sub for each in kept})
        return {"cards": cards, "seconds": int(max(each.ends for each in kept) - now), "counts": self.away}

    # What the controller signs.

    def hear(self, token: bytes) -> str:
        """Take a set or a permit; gives "" or why not, a key of REFUSED. Raises InputError for what is neither."""
        moment, here, key = self._terminal.moment, self._here(), self._terminal.config.grant_key
        if is_set(token):
            made = read_set(token, key)
            code = judge.take_set(made, here, moment)
            if code:
                return code
            # The number first: should the agent die now, the permits of the set before are worth nothing.
            self._remember(moment, (), lambda memory: memory.with_set(made.set), vouched=True)
            self._waiting = self._purpose = None
            self._cache.drop()
            self._took(Stored(made, token.decode("ascii")), moment)
            return ""
        permit = read_permit(token, key)
        found = judge.take_permit(permit, here, moment)
        if isinstance(found, str):
            return found
        stored = self._cache.stored
        if stored.made is None:
            return "set"
        if len(stored.kept) >= stored.made.permits:
            return "" if any(each.permit.jti == permit.jti for each in stored.kept) else "many"
        self._took(stored.adding(found, token.decode("ascii")), moment)
        return ""

    def _took(self, stored: Stored, moment: Moment) -> None:
        """Keep what came; when a set is whole, tell so: the controller's record of what is held here."""
        before = self._cache.stored
        if not self._cache.put(stored) or not stored.complete or stored == before:
            return
        assert stored.made is not None
        cards = len({each.permit.sub for each in stored.kept})
        data: Data = {"set": stored.made.set, "permits": len(stored.kept), "cards": cards}
        self._terminal.spool.append("offline.kept", data, moment)
        self._send()

    # What happens at the terminal.

    def choose(self, purpose: object) -> Reply | None:
        """Take a purpose that the operator says while nobody can be asked; None: it is not for here."""
        made = self._cache.stored.made
        if made is None or not isinstance(purpose, str) or purpose not in set(Purpose) or not self.away:
            return None
        now, waiting = self._terminal.moment.boottime, self._waiting
        if waiting is not None and waiting.chosen is None and now < waiting.until:
            return self._decide(waiting.mine, Purpose(purpose))
        self._purpose = Purpose(purpose), now + made.answer
        self._say(Kind.NEEDS, "chosen", t("the purpose is chosen, and counts for the next swipe"), purpose)
        return {"ok": True, "request": ""}

    def present(self, request: Mapping[str, Any]) -> Reply:
        """Take a card that a reader of this terminal has read; `card` is the number as that reader writes it."""
        moment, made = self._terminal.moment, self._cache.stored.made
        if code := self._unready(moment):
            return self._refuse(code)
        assert made is not None
        number = request.get("card")
        try:
            shown = normalise(number, made.rule) if isinstance(number, (str, int)) and number is not True else None
        except UnreadableSwipe:
            shown = None
        if shown is None:
            return self._refuse("unreadable")
        known = verifier(tag(shown, made.key), made.iss, made.aud, made.boot)
        mine = judge.find(self._cache.stored.kept, known)
        if not mine:
            return self._unknown(moment)
        return self._known(mine, moment)

    def _unready(self, moment: Moment) -> str:
        spool = self._terminal.spool
        checks = (
            ("connected", self.away),
            ("memory", not spool.state.lost),
            ("nothing", self._cache.stored.made is not None),
            ("wait", not self._memory.wait(moment.boottime)),
        )
        return next((code for code, holds in checks if not holds), "")

    def _known(self, mine: tuple[Kept, ...], moment: Moment) -> Reply:
        """Go on with a card that is kept: shut what it has open, stand by as the second one, or decide it."""
        terminal, waiting, card = self._terminal, self._waiting, mine[0].permit.sub
        live = [each for each in terminal.spool.state.leases if self._live(each, moment)]
        own = [each.jti for each in live if each.card == card]
        if own:
            terminal.end(own, "swiped_again")
            terminal.look()
            return {"ok": True, "ended": own}
        if live:
            return self._refuse("terminal_taken", card)
        if waiting is not None and waiting.chosen is not None and moment.boottime < waiting.until:
            return self._second(waiting.chosen, mine)
        purpose, until = self._purpose or (None, 0.0)
        return self._decide(mine, purpose if moment.boottime < until else None)

    def _decide(self, mine: tuple[Kept, ...], purpose: Purpose | None) -> Reply:
        card = mine[0].permit.sub
        if code := judge.counts(mine[0], self._here(), self._terminal.moment):
            return self._refuse(code, card)
        chosen = judge.choose(mine, purpose)
        if chosen is None and purpose is None:
            return self._ask("purpose", t("the card is accepted; the purpose is needed"), mine, None)
        if chosen is None:
            return self._refuse("no_purpose", card)
        found = judge.open_with(chosen.permit, None, self._here())
        if found == "second_person":
            return self._ask("second_person", t("the card is accepted; a second person is needed"), mine, chosen.permit)
        return self._refuse(found, card) if isinstance(found, str) else self._open(found)

    def _second(self, first: Permit, mine: tuple[Kept, ...]) -> Reply:
        """Judge a second person's card; one that does not count leaves the question open."""
        here, moment, card = self._here(), self._terminal.moment, mine[0].permit.sub
        before = next((each for each in self._cache.stored.kept if each.permit == first), None)
        if before is None or judge.counts(before, here, moment):
            self._waiting = None
            return self._refuse("expired", first.sub)
        if code := judge.counts(mine[0], here, moment):
            return self._refuse(code, card)
        chosen = judge.choose(mine, Purpose(first.scope.purpose))
        found = "no_purpose" if chosen is None else judge.open_with(first, chosen.permit, here)
        return self._refuse(found, card) if isinstance(found, str) else self._open(found)

    def _open(self, opens: Opens) -> Reply:
        """Use the permits up, with all others of their cards, and open."""
        terminal, moment = self._terminal, self._terminal.moment
        cards = {each.sub for each in opens.permits}
        spent = tuple(each.permit.jti for each in self._cache.stored.kept if each.permit.sub in cards)
        first, scope = opens.first, opens.scope
        ends = moment.boottime + opens.seconds
        lease = Lease(first.jti, first.sub, scope, terminal.clock.boot, moment.boottime, ends)
        data: dict[str, Any] = {
            "lease": first.jti, "card": first.sub, "set": first.set, "seconds": round(opens.seconds),
            "permits": [each.jti for each in opens.permits], "ports": list(scope.ports), "classes": list(scope.classes),
            "devices": scope.devices, "purpose": scope.purpose, "once": scope.once, "read_only": scope.read_only,
        }  # fmt: skip
        if len(opens.permits) > 1:
            data["second_card"] = opens.permits[1].sub

        def change(state: AgentState) -> AgentState:
            return replace(state, offline=state.offline.of(terminal.clock.boot).spent(spent))

        event = terminal.spool.open_lease(("offline.opened", data), lease, moment, change)
        self._waiting = self._purpose = None
        self._say(Kind.GRANT, "granted", t("the card opens this terminal"))
        self._send()
        terminal.look()
        return {"ok": True, "lease": first.jti, "seq": event.seq, "seconds": round(opens.seconds)}

    def _ask(self, code: str, reason: Text, mine: tuple[Kept, ...], chosen: Permit | None) -> Reply:
        made, now = self._cache.stored.made, self._terminal.moment.boottime
        assert made is not None
        self._waiting = _Waiting(mine, chosen, now + made.answer)
        wanted = [each.value for each in judge.purposes(mine)] if code == "purpose" else []
        self._say(Kind.NEEDS, code, reason, *wanted)
        return {"ok": True, "needs": code, "purposes": wanted}

    def _unknown(self, moment: Moment) -> Reply:
        """Count a card that is not kept: guessing numbers must take longer than the permits last."""
        return self._refuse("unknown", change=lambda memory: memory.wronged(moment.boottime))

    def _refuse(
        self, code: str, card: str = "", change: Callable[[OfflineMemory], OfflineMemory] | None = None
    ) -> Reply:  # fmt: skip
        moment = self._terminal.moment
        reason = CODES[code]
        if code == "wait":
            reason = replace(reason, values=(("seconds", self._memory.wait(moment.boottime)),))
        held = self._quiet.ask(code, moment.boottime) if code in _OFTEN else 0
        if held is not None:
            data: dict[str, Any] = {"code": code, "reason": render(reason, "en")} | ({"card": card} if card else {})
            told = data | ({"held_back": held} if held else {})
            self._remember(moment, (("offline.refused", told),), change)
        waiting = self._waiting
        left = 0.0 if waiting is None else max(0.0, waiting.until - moment.boottime)
        self._notices.local(Kind.DENIED, code, (reason, _NEXT.get(code, _ADMIN)), moment.boottime, left=left)
        return {"ok": False, "code": code, "exit_code": 4, "error": {each: render(reason, each) for each in LANGUAGES}}

    def _say(self, kind: Kind, code: str, reason: Text, *wanted: str) -> None:
        made, now = self._cache.stored.made, self._terminal.moment.boottime
        left = 0.0 if made is None or kind is not Kind.NEEDS else float(made.answer)
        self._notices.local(kind, code, (reason, _SWIPE), now, left=left, purposes=wanted)

    # What is remembered.

    @property
    def _memory(self) -> OfflineMemory:
        return self._terminal.spool.state.offline.of(self._terminal.clock.boot)

    def _here(self) -> Here:
        config, memory = self._terminal.config, self._memory
        return Here(
            config.site, config.terminal, self._terminal.clock.boot, memory.set, frozenset(memory.used),
            self._terminal.spool.state.wall_ms / 1000, config.skew, config.longest_lease,
        )  # fmt: skip

    def _remember(
        self, moment: Moment, told: tuple[tuple[str, Data], ...],
        change: Callable[[OfflineMemory], OfflineMemory] | None, *, vouched: bool = False,
    ) -> None:  # fmt: skip
        """Make events and a change durable; `vouched`: the controller has just signed this time of the wall clock."""
        boot = self._terminal.clock.boot

        def changed(state: AgentState) -> AgentState:
            after = state.seen(moment) if vouched else state
            return after if change is None else replace(after, offline=change(after.offline.of(boot)))

        self._terminal.spool.commit(moment, told, changed)

    def _live(self, lease: Lease, moment: Moment) -> bool:
        return is_live(lease, moment.boottime, self._terminal.clock.boot)

    def _note(self) -> None:
        state = self._terminal.spool.state
        connected = self._connected is not None and self._connected()
        now = self._terminal.moment.boottime
        self._contact.note(connected=connected, acked=state.acked.seq, head=state.head.seq, now=now)
