"""Whom a notification is from and what proves it: the receiving side of SNMPv2c and SNMPv3, without a socket.

A trap's authority is the switch's engine, an inform's is ours (RFC 3413, 3414): informs are answered, and whoever must
ask for our engine's identity and clock first is told. What is not accepted is given back with its reason.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from drivers.snmp import ber, messages, usm
from drivers.snmp.ber import Malformed
from drivers.snmp.messages import Flag, Pdu, Secured
from drivers.snmp.usm import UsmUser

#: Seconds by which a message may be older or newer than the engine's clock (RFC 3414, 2.2.3).
WINDOW = 150
#: Engines whose clocks are remembered; only messages with a right digest make one known.
MOST_ENGINES = 4096
_LAST_BOOT = 0x7FFF_FFFF
_MAX_SIZE = 65_507
#: usmStats of RFC 3414, section 5, by what was wrong.
_COUNTERS = "1.3.6.1.6.3.15.1.1."


class Refused(StrEnum):
    """Why a datagram is not taken."""

    MALFORMED = "malformed"
    VERSION = "version"
    COMMUNITY = "community"
    USER = "user"
    LEVEL = "level"
    DIGEST = "digest"
    CIPHER = "cipher"
    STALE = "stale"
    AMBIGUOUS = "ambiguous"


_COUNTER = {
    Refused.LEVEL: "1.0", Refused.STALE: "2.0", Refused.USER: "3.0", Refused.DIGEST: "5.0", Refused.CIPHER: "6.0",
}  # fmt: skip
_UNKNOWN_ENGINE = "4.0"


@dataclass(frozen=True, slots=True)
class Agent:
    """A switch as a sender: what it may prove itself with. Several may share an address; see :meth:`Receiver.take`."""

    name: str
    communities: frozenset[bytes] = field(default=frozenset(), repr=False)
    users: Mapping[bytes, UsmUser] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of a datagram: the switch, the proof and the PDU, or why not; and what to answer ("": nothing).

    `proof` is v2c, noAuth, auth or authPriv. Without a PDU and a reason it was a question for our engine.
    """

    agent: str = ""
    proof: str = ""
    pdu: Pdu | None = None
    refused: Refused | None = None
    reply: bytes = b""


@dataclass(frozen=True, slots=True)
class Engine:
    """Our own engine: its identity, how often it has started (each start durable before it speaks), and since when."""

    identity: bytes
    boots: int
    started: float


@dataclass(slots=True)
class Peer:
    """An engine's clock as its authentic messages told it, at `heard` of our monotonic clock."""

    boots: int
    latest: int
    heard: float

    def now(self, clock: float) -> int:
        """Give the engine's time by our own clock since it was heard."""
        return self.latest + int(clock - self.heard)


class Receiver:
    """Takes datagrams of one socket; not for several threads."""

    def __init__(self, engine: Engine, clock: Callable[[], float]) -> None:
        self.engine, self._clock = engine, clock
        self.peers: dict[bytes, Peer] = {}
        self._counted: dict[str, int] = {}
        self._salt = secrets.randbits(63)

    def take(self, data: bytes, agents: Sequence[Agent]) -> Taken:
        """Take one datagram that came from the address of `agents`.

        Where several share the address, what the message proves must fit exactly one of them.
        """
        try:
            version = messages.version_of(data)
            if version == messages.V2C:
                return self._community(data, agents)
            if version == messages.V3:
                return self._secured(messages.read_secured(data), data, agents)
        except Malformed:
            return Taken(refused=Refused.MALFORMED)
        return Taken(refused=Refused.VERSION)

    def _community(self, data: bytes, agents: Sequence[Agent]) -> Taken:
        community, pdu = messages.read_community(data)
        # Cisco sends what concerns one VLAN with community@vlan.
        plain = community.partition(b"@")[0]
        fitting = [agent for agent in agents if community in agent.communities or plain in agent.communities]
        if len(fitting) != 1:
            return Taken(refused=Refused.AMBIGUOUS if fitting else Refused.COMMUNITY)
        if pdu.tag not in (ber.TRAP, ber.INFORM) or not pdu.trap:
            return Taken(fitting[0].name, "v2c", refused=Refused.MALFORMED)
        reply = messages.community_message(community, messages.answer_pdu(pdu)) if pdu.tag == ber.INFORM else b""
        return Taken(fitting[0].name, "v2c", pdu, reply=reply)

    def _secured(self, message: Secured, data: bytes, agents: Sequence[Agent]) -> Taken:
        ours = message.engine == self.engine.identity
        if not ours and Flag.REPORTABLE in message.flags:
            return Taken(reply=self._report(message, _UNKNOWN_ENGINE))
        fitting = [(agent, user) for agent in agents if (user := agent.users.get(message.user)) is not None]
        if not fitting:
            return self._refuse(message, Refused.USER)
        level = {0: "noAuth", Flag.AUTH: "auth", Flag.AUTH | Flag.PRIV: "authPriv"}.get(message.flags & 3)
        fitting = [each for each in fitting if each[1].level == level]
        if level is None or not fitting:
            return self._refuse(message, Refused.LEVEL)
        if Flag.AUTH in message.flags:
            fitting = [each for each in fitting if usm.authentic(each[1], message, data)]
        if len(fitting) != 1:
            return self._refuse(message, Refused.AMBIGUOUS if fitting else Refused.DIGEST)
        agent, user = fitting[0]
        if Flag.AUTH in message.flags and not self._timely(message, ours=ours):
            return self._refuse(message, Refused.STALE, agent.name, user)
        return self._opened(message, agent, user, ours=ours)

    def _opened(self, message: Secured, agent: Agent, user: UsmUser, *, ours: bool) -> Taken:
        proof = user.level
        body: bytes | None = message.body
        try:
            if Flag.PRIV in message.flags:
                content, _ = ber.octets(message.body, 0, len(message.body))
                body = usm.decrypt(user, message, content)
            if body is None:
                return self._refuse(message, Refused.CIPHER, agent.name)
            scope = messages.read_scope(body)
        except Malformed:
            # With a wrong privacy key what comes out is noise; the digest has said that it is theirs.
            why = Refused.CIPHER if Flag.PRIV in message.flags else Refused.MALFORMED
            return self._refuse(message, why, agent.name)
        pdu = scope.pdu
        wanted = ber.INFORM if ours else ber.TRAP
        if pdu.tag != wanted or not pdu.trap:
            return Taken(agent.name, proof, refused=Refused.MALFORMED)
        reply = b""
        if pdu.tag == ber.INFORM:
            answer = messages.scope(scope.engine, scope.name, messages.answer_pdu(pdu))
            reply = self._sealed(message, user, message.flags & ~Flag.REPORTABLE, answer)
        return Taken(agent.name, proof, pdu, reply=reply)

    def _timely(self, message: Secured, *, ours: bool) -> bool:
        """Tell whether an authentic message is of now (RFC 3414, 3.2, step 7), and remember its engine's clock."""
        if ours:
            near = abs(message.time - self._time()) <= WINDOW
            return message.boots == self.engine.boots and near and message.boots != _LAST_BOOT
        clock, peer = self._clock(), self.peers.get(message.engine)
        if peer is None:
            while len(self.peers) >= MOST_ENGINES:
                del self.peers[next(iter(self.peers))]
            peer = self.peers[message.engine] = Peer(message.boots, message.time, clock)
        elif message.boots > peer.boots or (message.boots == peer.boots and message.time > peer.latest):
            peer.boots, peer.latest, peer.heard = message.boots, message.time, clock
        if message.boots == _LAST_BOOT or message.boots < peer.boots:
            return False
        return message.time >= peer.now(clock) - WINDOW

    def _time(self) -> int:
        return int(self._clock() - self.engine.started)

    def _refuse(self, message: Secured, why: Refused, agent: str = "", user: UsmUser | None = None) -> Taken:
        """Refuse a message; who wants to know why (an inform's sender does) is told in a Report."""
        reply = b""
        if Flag.REPORTABLE in message.flags and why in _COUNTER:
            reply = self._report(message, _COUNTER[why], user if why is Refused.STALE else None)
        return Taken(agent, refused=why, reply=reply)

    def _report(self, message: Secured, counter: str, user: UsmUser | None = None) -> bytes:
        """Make a Report; that of a wrong clock is authentic, or anybody could set the sender's (RFC 3414, 3.2, 7a)."""
        count = self._counted[counter] = self._counted.get(counter, 0) % 0xFFFF_FFFF + 1
        pdu = messages.report_pdu(0, _COUNTERS + counter, count)
        scoped = messages.scope(self.engine.identity, b"", pdu)
        return self._sealed(message, user, Flag.AUTH if user is not None else Flag(0), scoped)

    def _sealed(self, message: Secured, user: UsmUser | None, flags: Flag, scoped: bytes) -> bytes:
        """Give a message of our engine's, in answer to `message`, at the level of `flags`."""
        self._salt = (self._salt + 1) & 0x7FFF_FFFF_FFFF_FFFF
        head = Secured(
            message.message_id, _MAX_SIZE, flags, self.engine.identity, self.engine.boots, self._time(), message.user,
            b"", 0, b"", scoped,
        )  # fmt: skip
        if user is None:
            return messages.secured_message(head)[0]
        keys = user.keys_at(head.engine)
        size = usm.DIGEST_OCTETS[user.auth_protocol] if Flag.AUTH in flags else 0
        salt = self._salt_octets(user) if Flag.PRIV in flags else b""
        head = replace(head, digest=bytes(size), salt=salt)
        if Flag.PRIV in flags:
            head = replace(head, body=ber.tlv(ber.OCTETS, usm.encrypt(user, head, scoped)))
        whole, at = messages.secured_message(head)
        if not size:
            return whole
        return whole[:at] + usm.digest(user, keys.auth, whole, at) + whole[at + size :]

    def _salt_octets(self, user: UsmUser) -> bytes:
        if user.priv_protocol == "des":  # RFC 3414, 8.1.1.1: boots and a counter
            return self.engine.boots.to_bytes(4, "big") + (self._salt & 0xFFFF_FFFF).to_bytes(4, "big")
        return self._salt.to_bytes(8, "big")
