"""What comes to the controller repeated, kept, late, reordered, forged or from abroad; beside each, what is right.

The agent is the real one: what a wrong swipe might open is its stick. Events are those of a second terminal, played
here, whose key and certificate a thief may have.
"""

from __future__ import annotations

import secrets
import ssl
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from drivers.cards.native import NativeSwipe
from policies.grants import Moment, Purpose
from policies.keys import SigningKey
from policies.messages.event import AgentEvent, Head, Origin, sign_event
from policies.messages.identities import Identity, Role
from policies.messages.request import Request
from tests.replay.agent_process import Place, running
from tests.replay.broker_bench import Client
from tests.replay.serve_bench import WANG, Site

GATE, OTHER, SIGNED = "gate-1", "gate-2", "signed"
READER_KEY, FORGER, AGENT_2 = (SigningKey(bytes([number] * 32)) for number in (1, 2, 3))
BOOT = "0f8fad5b-d9cb-469f-a165-70867728950e"
MORE = (
    "".join(
        f'[readers.{name}]\nformat = "native"\ntrust = "authenticated"\nterminals = ["T1"]\n{key}'
        for name, key in ((OTHER, ""), (SIGNED, 'public_key = "signed.pub"\n'))
    )
    + '[terminals.T2]\nplatform = "linux"\nagent = true\nplace = "office"\nowner = "security office"\n'
)


@dataclass
class Guard:
    """The site at work: its readers, and the stick at T1."""

    site: Site
    place: Place
    readers: dict[str, Client] = field(default_factory=dict)

    @property
    def stick(self) -> str:
        return self.place.tree.written("1-1/authorized")

    def codes(self) -> list[str]:
        """Give what became of each swipe, in order."""
        told = [each for each in self.site.entries() if each.kind.startswith("swipe.")]
        return [str(each.data.get("code") or each.data["cause"]) for each in told]

    def swipe(self, name: str = GATE, at: float = 0.0, key: SigningKey | None = None, **more: str) -> bytes:
        """Swipe Wang's card at a reader, by that reader's own connection; gives the message."""
        made = NativeSwipe(
            more.get("says", name), WANG, int(at or time.time()), more.get("jti") or secrets.token_urlsafe(16)
        )
        self.send(name, made.encode(key))
        return made.encode(key)

    def send(self, name: str, message: bytes, topic: str = "", *, retain: bool = False) -> None:
        self.readers[name].say(topic or f"portseal/1/hq/reader/{name}/swipe", message, retain=retain)

    def decided(self, before: int) -> list[str]:
        self.site.until(lambda: len(self.codes()) > before, 30)
        return self.codes()[before:]

    def settled(self, state: str) -> None:
        """Wait until the stick is open ("1") or shut, and the ledger has the terminal's word for each lease."""
        self.site.until(lambda: self.stick == state)
        opened, ended = ("terminal.lease.opened", "terminal.lease.ended")
        self.site.until(lambda: self._count(opened) == self._count("swipe.granted"))
        self.site.until(lambda: self._count(opened) - self._count(ended) == int(state))
        time.sleep(1.2)  # within swipe_again_s the same card is the same swipe

    def _count(self, kind: str) -> int:
        return self.site.kinds().count(kind)

    def opens_and_shuts(self, name: str = GATE, key: SigningKey | None = None) -> None:
        """Swipe as one should: it opens, and the next swipe shuts."""
        for code, state in (("granted", "1"), ("already_open", "0")):
            before = len(self.codes())
            self.swipe(name, key=key)
            assert self.decided(before) == [code]
            self.settled(state)


@pytest.fixture(scope="module")
def guard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guard]:
    site = Site(MORE)
    try:
        (site.folder / "signed.pub").write_bytes(READER_KEY.public.to_pem())
        site.trust("T2", AGENT_2)
        site.enrol(Identity(Role.TERMINAL, "T2"))  # the broker knows it from its start
        site.start()
        place = site.terminal(tmp_path_factory.mktemp("guard") / "T1")
        with running(place):
            site.until(lambda: site.ask(do="terminals")["online"]["T1"], 40)
            made = Guard(site, place)
            for name in (GATE, OTHER, SIGNED):
                made.readers[name] = site.client(Identity(Role.READER, name))
            yield made
    finally:
        site.close()


def test_a_swipe_that_is_delivered_twice_opens_once_and_later_not_again(guard: Guard) -> None:
    before = len(guard.codes())
    message = guard.swipe()
    guard.send(GATE, message)
    guard.site.until(lambda: len(guard.codes()) == before + 2)
    assert guard.codes()[before:] == ["granted", "replayed"]
    guard.settled("1")
    guard.swipe()
    guard.settled("0")
    before = len(guard.codes())
    guard.send(GATE, message)
    assert guard.decided(before)[0] in ("replayed", "swipe_old")
    assert guard.stick == "0"
    guard.opens_and_shuts()


@pytest.mark.parametrize(("shift", "code"), [(-60, "swipe_old"), (60, "swipe_future")])
def test_a_swipe_of_the_past_or_of_a_time_to_come_opens_nothing(guard: Guard, shift: int, code: str) -> None:
    before = len(guard.codes())
    guard.swipe(at=time.time() + shift)
    assert guard.decided(before) == [code]
    assert guard.stick == "0"
    guard.opens_and_shuts()


def test_of_two_swipes_that_overtook_each_other_the_older_one_never_opens(guard: Guard) -> None:
    """It shuts what the newer one has opened, at the worst: a person swipes again."""
    before = len(guard.codes())
    now = time.time()
    guard.swipe(at=now)
    assert guard.decided(before) == ["granted"]
    guard.settled("1")
    guard.swipe(at=now - 3)
    guard.site.until(lambda: len(guard.codes()) == before + 2)
    if guard.codes()[-1] != "already_open":
        guard.swipe()
    guard.settled("0")
    assert guard.codes()[before:].count("granted") == 1
    guard.opens_and_shuts()


def test_a_swipe_that_the_broker_keeps_is_no_swipe_when_the_controller_comes_back(guard: Guard) -> None:
    kept = NativeSwipe(GATE, "0BADC0DE", int(time.time()), secrets.token_urlsafe(16)).encode()
    before = len(guard.codes())
    guard.send(GATE, kept, retain=True)
    assert guard.decided(before) == ["unknown_card"]
    # Whoever comes under a name takes its connection over: the controller loses its own, and subscribes anew.
    guard.site.client(Identity(Role.CONTROLLER)).close()
    guard.site.until(guard.site.at_work, 40)
    try:
        guard.opens_and_shuts()
        assert guard.codes()[before:].count("unknown_card") == 1
    finally:
        before = len(guard.codes())
        guard.send(GATE, b"", retain=True)  # the broker lets go of it, and hands the empty message on like any other
        assert guard.decided(before) == ["malformed"]


@pytest.mark.parametrize(
    ("what", "key"), [("unsigned", None), ("signature", FORGER)], ids=["without a signature", "with another key's"]
)
def test_a_reader_with_a_key_is_believed_with_its_signature_only(
    guard: Guard, what: str, key: SigningKey | None
) -> None:
    before = len(guard.codes())
    guard.swipe(SIGNED, key=key)
    assert guard.decided(before) == [what]
    assert guard.stick == "0"
    guard.opens_and_shuts(SIGNED, READER_KEY)


def test_a_reader_speaks_for_no_other_one_and_for_no_other_site(guard: Guard) -> None:
    before = len(guard.codes())
    made = NativeSwipe(GATE, WANG, int(time.time()), secrets.token_urlsafe(16)).encode()
    guard.send(OTHER, made, f"portseal/1/hq/reader/{GATE}/swipe")  # the broker drops it
    guard.send(OTHER, made, f"portseal/1/elsewhere/reader/{GATE}/swipe")
    guard.send(OTHER, made)
    assert len(guard.decided(before)) == 1
    assert guard.site.entries()[-1].kind == "swipe.unreadable"
    assert guard.stick == "0"
    guard.opens_and_shuts(OTHER)


def test_a_stolen_client_id_disturbs_nobody(guard: Guard) -> None:
    """The name in the certificate is the client id, whatever a process says that it is."""
    thief = _client(guard, Identity(Role.READER, OTHER), f"reader.{GATE}")
    for victim in ("controller", "terminal.T1"):
        _client(guard, Identity(Role.READER, OTHER), victim)
    assert not guard.readers[GATE].ended.is_set()
    guard.opens_and_shuts()
    assert thief.hear(0.2) is None
    # They were the second gate's own name: that one's connection is what they ended.
    guard.readers[OTHER] = guard.site.client(Identity(Role.READER, OTHER))
    guard.opens_and_shuts(OTHER)


def _client(guard: Guard, identity: Identity, client_id: str) -> Client:
    vouching, certificate, key = guard.site.enrol(identity)
    context = ssl.create_default_context(cadata=vouching.decode())
    with tempfile.NamedTemporaryFile() as file:
        file.write(certificate + key)
        file.flush()
        context.load_cert_chain(file.name)
    made = Client(guard.site.port, context, client_id)
    guard.site.clients.append(made)
    return made


def test_a_terminal_asks_for_no_other_one_and_a_request_that_is_kept_or_repeated_asks_once(guard: Guard) -> None:
    other = guard.site.client(Identity(Role.TERMINAL, "T2"))
    before = len(guard.site.entries())
    jti = "no-such-lease"
    assert other.say("portseal/1/hq/terminal/T1/request", Request("forged", Purpose.CASE, jti).encode()).is_failure
    mine = Request("r-1", Purpose.CASE, jti).encode()
    for _ in range(3):
        other.say("portseal/1/hq/terminal/T2/request", mine)
    other.say("portseal/1/hq/terminal/T2/request", mine, retain=True)
    guard.site.client(Identity(Role.CONTROLLER)).close()  # it subscribes anew
    guard.site.until(guard.site.at_work, 40)
    other.say("portseal/1/hq/terminal/T2/request", Request("r-2", Purpose.CASE, jti).encode())
    guard.site.wait_for("lease.extension_denied", 2)
    told = [each.subject for each in guard.site.entries()[before:] if each.kind == "lease.extension_denied"]
    assert told == ["T2", "T2"]
    other.say("portseal/1/hq/terminal/T2/request", b"", retain=True)
    other.close()


class Chain:
    """Events of T2, each after the one before."""

    def __init__(self) -> None:
        self.head = Head()

    def next(self, kind: str = "usb.blocked", key: SigningKey = AGENT_2, name: str = "T2") -> AgentEvent:
        made = sign_event(key, Origin(name, 1, BOOT), self.head, Moment(time.time(), 100.0), kind, {})
        if key is AGENT_2:
            self.head = made.head
        return made


def test_events_that_are_repeated_reordered_forged_or_forked_are_each_there_once_in_order(guard: Guard) -> None:
    site, chain = guard.site, Chain()
    terminal = site.client(Identity(Role.TERMINAL, "T2"))
    terminal.subscribe("portseal/1/hq/terminal/T2/event/ack")

    def tell(event: AgentEvent, topic: str = "portseal/1/hq/terminal/T2/event") -> None:
        assert not terminal.say(topic, event.raw).is_failure

    def seqs() -> list[int]:
        return [each.data["event"]["seq"] for each in site.entries() if each.kind == "terminal.usb.blocked"
                and each.subject == "T2"]  # fmt: skip

    first, second, third = chain.next(), chain.next(), chain.next()
    tell(second)  # it waits for the one before, and comes again
    for each in (first, first, third, second, third, first):
        tell(each)
    site.until(lambda: seqs() == [1, 2, 3])
    tell(chain.next(key=FORGER))
    site.wait_for("terminal.chain_unreadable")
    tell(Chain().next("usb.opened"))  # another first event
    site.wait_for("terminal.chain_fork")
    abroad = Chain()
    tell(abroad.next(name="T9"))
    site.wait_for("terminal.chain_terminal")
    assert terminal.say("portseal/1/hq/terminal/T1/event", first.raw).is_failure
    tell(chain.next())
    site.until(lambda: seqs() == [1, 2, 3, 4])
    acks = [heard for heard in iter(lambda: terminal.hear(0.3), None) if b"." in heard[1]]
    assert acks
    terminal.close()
