"""Between the socket's thread and the controller's loop: notifications of one round, counted by what they say.

A storm of one kind on one port is one key with a count, however many datagrams it is; what grows with the datagrams
(distinct ports, MACs, senders, answers) has a limit, and what is beyond is counted too.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

from drivers.snmp.messages import Pdu
from drivers.snmp.notifications import Refused
from drivers.snmp.traps.reader import Binds, hints
from drivers.snmp.traps.words import Hint, Kind

#: Limits of one round, which lasts a second at most while the loop runs.
MOST_KEYS, MOST_MACS, MOST_SENDERS, MOST_REPLIES = 10_000, 32, 1000, 10_000

#: What is kept of a notification to be shown: a datagram of 64 KiB would be too much for each key.
_MOST_BINDS, _LONGEST_VALUE = 24, 200

Address = tuple[str, int]
#: A refused datagram's sender, reason, and the switch of that address or "".
Turned = tuple[str, Refused | str, str]


@dataclass(frozen=True, slots=True)
class Key:
    """What a notification says, without what varies: the switch, where, what. Unknown ones are told apart by name."""

    switch: str
    port: str
    if_index: int | None
    base_port: int | None
    kind: Kind
    cause: str


@dataclass(slots=True)
class Heard:
    """All notifications of one key in one round; `macs` are the first ones with their VLANs, `last` the last one's."""

    name: str
    proof: str
    sender: str
    first: datetime
    last: datetime
    binds: Binds
    count: int = 0
    macs: dict[str, int | None] = field(default_factory=dict)
    more_macs: int = 0
    vlan: int | None = None

    def add(self, hint: Hint) -> None:
        """Count one."""
        self.count += 1
        self.vlan = hint.vlan or self.vlan
        if hint.mac and hint.mac not in self.macs:
            if len(self.macs) < MOST_MACS:
                self.macs[hint.mac] = hint.vlan
            else:
                self.more_macs += 1


@dataclass(slots=True)
class Totals:
    """Counters since the start, for people."""

    received: int = 0
    taken: int = 0
    refused: int = 0
    lost: int = 0
    overflow: int = 0


@dataclass(slots=True)
class Round:
    """What came since the last round. `crowded` counts by switch what had no place any more."""

    heard: dict[Key, Heard] = field(default_factory=dict)
    refused: dict[Turned, int] = field(default_factory=dict)
    crowded: dict[str, int] = field(default_factory=dict)
    replies: list[tuple[bytes, Address]] = field(default_factory=list)
    lost: int = 0

    @property
    def empty(self) -> bool:
        """Whether nothing came."""
        return not (self.heard or self.refused or self.crowded or self.replies or self.lost)


@lru_cache(maxsize=512)
def _read(oid: str, binds: Binds) -> tuple[tuple[Hint, ...], Binds]:
    """Read a notification, and cut what is kept of it; in a storm the same comes again and again."""
    kept = tuple(
        (name, given[:_LONGEST_VALUE] if isinstance(given, (bytes, str)) else given)
        for name, given in binds[:_MOST_BINDS]
    )
    return hints(oid, binds), kept


class Gather:
    """Takes from one thread and gives to another."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._round = Round()
        self.totals = Totals()

    def take(self, switch: str, proof: str, pdu: Pdu, sender: str, now: datetime) -> bool:
        """Count a notification; True when it says something that this round has not heard yet."""
        found, about = _read(pdu.trap, pdu.about)
        news = False
        with self._lock:
            self.totals.taken += 1
            for hint in found:
                cause = hint.name if hint.kind is Kind.UNKNOWN else hint.cause
                key = Key(switch, hint.port, hint.if_index, hint.base_port, hint.kind, cause)
                heard = self._round.heard.get(key)
                if heard is None:
                    news = True
                    if len(self._round.heard) >= MOST_KEYS:
                        self.totals.overflow += 1
                        self._round.crowded[switch] = self._round.crowded.get(switch, 0) + 1
                        continue
                    heard = self._round.heard[key] = Heard(hint.name, proof, sender, now, now, about)
                heard.last, heard.binds = now, about
                heard.add(hint)
        return news

    def refuse(self, sender: str, reason: Refused | str, switch: str) -> bool:
        """Count a datagram that is not taken; True when it is this sender's first in this round."""
        with self._lock:
            self.totals.refused += 1
            turned = self._round.refused
            key: Turned = (sender, reason, switch)
            if key not in turned and len(turned) >= MOST_SENDERS and not switch:
                key = ("*", reason, "")
            turned[key] = turned.get(key, 0) + 1
            return turned[key] == 1

    def answer(self, reply: bytes, address: Address) -> None:
        """Keep an inform's answer until what it told is written down; one beyond the limit is asked for again."""
        with self._lock:
            if len(self._round.replies) < MOST_REPLIES:
                self._round.replies.append((reply, address))

    def lost(self, count: int) -> None:
        """Count datagrams that the kernel had no room for."""
        with self._lock:
            self.totals.lost += count
            self._round.lost += count

    @property
    def waiting(self) -> bool:
        """Whether something waits to be written down."""
        return not self._round.empty

    def next(self, most: int = MOST_KEYS) -> Round:
        """Give what came, and begin anew; keys beyond `most` stay, and answers with them."""
        with self._lock:
            done, self._round = self._round, Round()
            if len(done.heard) > most:
                for key in list(done.heard)[most:]:
                    self._round.heard[key] = done.heard.pop(key)
                self._round.replies, done.replies = done.replies, []
        return done

    def put_back(self, done: Round) -> None:
        """Take a round that could not be written down together with what came meanwhile."""
        with self._lock:
            newer, self._round = self._round, done
            for key, heard in newer.heard.items():
                _merge(done, key, heard)
            for turned, count in newer.refused.items():
                done.refused[turned] = done.refused.get(turned, 0) + count
            for switch, count in newer.crowded.items():
                done.crowded[switch] = done.crowded.get(switch, 0) + count
            done.replies += newer.replies[: max(0, MOST_REPLIES - len(done.replies))]
            done.lost += newer.lost


def _merge(done: Round, key: Key, heard: Heard) -> None:
    known = done.heard.get(key)
    if known is None:
        if len(done.heard) < MOST_KEYS:
            done.heard[key] = heard
        else:
            done.crowded[key.switch] = done.crowded.get(key.switch, 0) + heard.count
        return
    known.count += heard.count
    known.last, known.binds, known.vlan = heard.last, heard.binds, heard.vlan or known.vlan
    for mac, vlan in heard.macs.items():
        if mac in known.macs or len(known.macs) < MOST_MACS:
            known.macs.setdefault(mac, vlan)
        else:
            known.more_macs += 1
    known.more_macs += heard.more_macs
