"""The receiver of notifications of one site: senders and their secrets, put together and kept up to date."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from controller.broker.say import Say
from controller.context import Context
from controller.network.equipment import LOCAL
from controller.secrets.resolve import resolve
from controller.store import traps as store
from controller.traps.desk import Desk
from controller.traps.gather import Gather
from controller.traps.readings import Read, Readings, read_authentic
from controller.traps.receiver import Agents, Listener
from drivers.snmp.notifications import Agent, Engine, Peer, Receiver
from drivers.snmp.usm import UsmUser, usm_user
from policies.errors import StorageFailed
from policies.site import Switch, Traps

_log = logging.getLogger("portseal.traps")

#: Seconds between two look-ups of switches whose address is a name, and between two notes of engines' clocks.
RESOLVE, NOTE = 600.0, timedelta(seconds=60)


class TrapReceiver:
    """Everything of [traps]; `work` is the loop's chore. Raises ConfigError for secrets that lead nowhere."""

    def __init__(self, context: Context, news: Callable[[], None], read: Read = read_authentic) -> None:
        self._context, self._news = context, news
        declared = context.site.traps
        self._agents = _agents(context, declared)
        self.gather = Gather()
        self.readings = Readings(context, news, read)
        identity, boots = store.start_engine(context.store)
        clock = time.monotonic
        self._receiver = Receiver(Engine(identity, boots, clock()), clock)
        for engine, peer_boots, latest in store.peers(context.store):
            # A clock that stands since then: later messages set it right, earlier ones are not believed.
            self._receiver.peers[engine] = Peer(peer_boots, latest, clock())
        address = (declared.listen, declared.port)
        self.listener = Listener(address, self._receiver, self.gather, context.clock, news)
        self._desk = Desk(context, self.gather, self.readings, self.listener.send)
        self._noted: datetime | None = None
        self._closed = threading.Event()

    @property
    def engine(self) -> bytes:
        """Our SNMP engine's identity, which switches that send SNMPv3 informs may have to be told."""
        return self._receiver.engine.identity

    def start(self) -> None:
        """Begin to receive."""
        self.listener.agents = by_address(self._context.site.switches, self._agents)
        self.readings.learn_names()
        self.listener.start()
        threading.Thread(target=self._resolve, name="trap-senders", daemon=True).start()

    def close(self) -> None:
        """Stop receiving; what was gathered is written down."""
        self._closed.set()
        self.listener.close()
        self.readings.close()
        try:
            while self.gather.waiting:
                self._desk.work(self._context.clock())
        except StorageFailed as error:
            _log.error("the last notifications could not be written down: %s", error)

    def work(self, now: datetime) -> list[Say]:
        """Write down what came; raises StorageFailed, and keeps it then."""
        said = self._desk.work(now)
        if self.gather.waiting:
            self._news()
        if self._noted is None or now - self._noted >= NOTE:
            self._noted = now
            self._note(now)
        return said

    def status(self) -> dict[str, object]:
        """Give the counters since the start, for people."""
        totals = self.gather.totals
        return {
            "listen": self._context.site.traps.listen, "port": self.listener.port, "present": self.listener.present,
            "engine": self.engine.hex(),
            "received": totals.received, "taken": totals.taken, "refused": totals.refused, "lost": totals.lost,
            "overflow": totals.overflow,
        }  # fmt: skip

    def _note(self, now: datetime) -> None:
        """Keep the engines' clocks: after a restart nothing older is believed."""
        peers = [(engine, peer.boots, peer.latest) for engine, peer in list(self._receiver.peers.items())]
        if peers:
            store.put_peers(self._context.store, peers, now)

    def _resolve(self) -> None:
        """Look names of switches up again from time to time: an address may have been given to another one."""
        while not self._closed.wait(RESOLVE):
            self.listener.agents = by_address(self._context.site.switches, self._agents)


def by_address(switches: tuple[Switch, ...], agents: dict[str, Agent]) -> Agents:
    """Give the switches by the addresses that their notifications come from; several may share one."""
    found: dict[str, dict[str, Agent]] = {}
    for switch in switches:
        hosts = {"127.0.0.1" if switch.host == LOCAL else switch.host, *switch.trap_sources}
        if switch.snmp is not None:
            hosts.add(switch.snmp.host)
        for host in hosts:
            for address in _addresses(host):
                found.setdefault(address, {})[switch.name] = agents[switch.name]
    return {address: tuple(each.values()) for address, each in found.items()}


def _addresses(host: str) -> set[str]:
    try:
        infos = socket.getaddrinfo(host, None, type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError) as error:
        _log.warning("notifications of %s cannot be told from a stranger's: %s", host, error)
        return set()
    return {str(info[4][0]).partition("%")[0] for info in infos}


def _agents(context: Context, declared: Traps) -> dict[str, Agent]:
    """Give each switch with what may prove its notifications: what the site has for all, and its own.

    Where two switches share an address only what one of them has alone tells them apart (see Receiver.take).
    """

    def secret(reference: str, where: str) -> str:
        return resolve(reference, context.site.folder, where=where).reveal()

    communities = {
        secret(reference, f"traps.communities[{index}]").encode()
        for index, reference in enumerate(declared.communities, 1)
    }
    users: dict[bytes, UsmUser] = {}
    for user in declared.users:
        where = f"traps.users.{user.name}"
        auth = None if user.auth_password is None else secret(user.auth_password, f"{where}.auth_password")
        priv = None if user.priv_password is None else secret(user.priv_password, f"{where}.priv_password")
        users[user.name.encode()] = usm_user(user.name, user.auth_protocol, auth, user.priv_protocol, priv)
    return {switch.name: _agent(switch, communities, users, secret) for switch in context.site.switches}


def _agent(
    switch: Switch, communities: set[bytes], users: dict[bytes, UsmUser], secret: Callable[[str, str], str]
) -> Agent:  # fmt: skip
    access, where = switch.snmp, f"switches.{switch.name}.snmp"
    if access is None:
        return Agent(switch.name, frozenset(communities), users)
    if access.community is not None:
        own = secret(access.community, f"{where}.community").encode()
        return Agent(switch.name, frozenset({own, *communities}), users)
    assert access.user is not None
    auth = None if access.auth_password is None else secret(access.auth_password, f"{where}.auth_password")
    priv = None if access.priv_password is None else secret(access.priv_password, f"{where}.priv_password")
    own_user = usm_user(access.user, access.auth_protocol, auth, access.priv_protocol, priv)
    return Agent(switch.name, frozenset(communities), {**users, access.user.encode(): own_user})
