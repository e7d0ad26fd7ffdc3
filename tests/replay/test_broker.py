"""The managed broker: a real Mosquitto with the site's certificates. Every right is tried by receiving."""

from __future__ import annotations

import resource
import socket
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from controller.broker.authority import Authority
from controller.broker.mosquitto import Mosquitto
from policies.errors import EquipmentError
from policies.messages.identities import Access, Identity, Right, Role, acl, rights
from tests.replay.broker_bench import NOW, SITE, Bench

T1, T2 = Identity(Role.TERMINAL, "guard-1"), Identity(Role.TERMINAL, "终端 2")
LOCK, READER, CLI = Identity(Role.LOCK, "guard-1"), Identity(Role.READER, "gate-1"), Identity(Role.CLI)
CONTROLLER, ACCESS = Identity(Role.CONTROLLER), Identity(Role.ACCESS)
EVERYBODY = (CONTROLLER, T1, T2, LOCK, READER, CLI, ACCESS)
#: Who says what a wildcard right is tried with.
NAMES = ("guard-1", "gate-1")


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    made = Bench(tmp_path_factory.mktemp("broker"), *EVERYBODY[1:])
    yield made
    made.close()


def concrete(topic: str) -> str:
    """Give a topic that a filter covers."""
    return topic.replace("+", "gate-1" if "/reader/" in topic else "guard-1")


ALL = [(identity, right) for identity in EVERYBODY for right in rights(SITE, identity)]


@pytest.mark.parametrize(("identity", "right"), ALL, ids=lambda each: str(getattr(each, "topic", each)))
def test_each_line_of_the_acl_works_and_is_needed(bench: Bench, identity: Identity, right: Right) -> None:
    """Received with the line, not received without it: SUBACK and PUBACK prove nothing."""
    everything = acl(SITE, bench.identities)
    line = f"topic {right.access} {right.topic}"
    mine = everything.index(f"user {identity}\n")
    at = everything.index(line + "\n", mine)
    without = everything[:at] + everything[at + len(line) + 1 :]
    helpers = "user controller\n" + f"topic readwrite {right.topic}\n" if identity != CONTROLLER else ""
    other = "user cli\n" + f"topic readwrite {right.topic}\n" if identity == CONTROLLER else ""
    assert _passes(bench, identity, right, everything + helpers + other)
    assert not _passes(bench, identity, right, without + helpers + other)


def _passes(bench: Bench, identity: Identity, right: Right, rules: str) -> bool:
    _use(bench, rules)
    partner = bench.client(CLI if identity == CONTROLLER else CONTROLLER)
    mine = bench.client(identity)
    speaker, listener = (mine, partner) if right.access is Access.WRITE else (partner, mine)
    try:
        listener.subscribe(right.topic)
        speaker.say(concrete(right.topic), b"x")
        return listener.hear(0.4) == (concrete(right.topic), b"x", False)
    finally:
        bench.hang_up()


def _use(bench: Bench, rules: str) -> None:
    """Start the broker anew with these rules: a reload is noticed by nothing that a test could wait for."""
    from dataclasses import replace

    bench.broker.stop()
    bench.broker.start(replace(bench.files(), acl=rules))


@pytest.fixture
def fresh(bench: Bench) -> Iterator[Bench]:
    """Give the broker with its right files."""
    _use(bench, acl(SITE, bench.identities))
    yield bench
    bench.hang_up()


def test_a_terminal_cannot_speak_for_another_one(fresh: Bench) -> None:
    controller, first = fresh.client(CONTROLLER), fresh.client(T1)
    controller.subscribe("portseal/1/hq/terminal/+/event")
    refused = first.say(f"portseal/1/hq/terminal/{T2.name}/event", b"forged")
    assert refused.is_failure
    assert not first.say("portseal/1/hq/terminal/guard-1/event", b"mine").is_failure
    assert controller.hear() == ("portseal/1/hq/terminal/guard-1/event", b"mine", False)
    assert controller.hear(0.2) is None


def test_nobody_else_publishes_a_list_of_cards_or_hears_one(fresh: Bench) -> None:
    controller, access, others = fresh.client(CONTROLLER), fresh.client(ACCESS), (T1, LOCK, READER, CLI)
    controller.subscribe("portseal/1/hq/cards")
    listeners = [fresh.client(each) for each in others]
    for each in listeners:
        each.subscribe("portseal/1/hq/cards")
        assert each.say("portseal/1/hq/cards", b"forged").is_failure
    assert not access.say("portseal/1/hq/cards", b"list").is_failure
    assert controller.hear() == ("portseal/1/hq/cards", b"list", False)
    assert controller.hear(0.2) is None
    assert [each.hear(0.2) for each in listeners] == [None] * len(others)


def test_a_terminal_cannot_listen_to_another_one(fresh: Bench) -> None:
    controller, first = fresh.client(CONTROLLER), fresh.client(T1)
    for topic in ("#", "portseal/1/hq/#", "portseal/1/hq/terminal/+/grant", f"portseal/1/hq/terminal/{T2.name}/grant"):
        first.subscribe(topic)  # the broker says "granted"
    controller.say(f"portseal/1/hq/terminal/{T2.name}/grant", b"not for you")
    controller.say("portseal/1/hq/terminal/guard-1/grant", b"for you")
    heard = list(iter(lambda: first.hear(0.5), None))
    assert {payload for _, payload, _ in heard} == {b"for you"}


def test_no_certificate_and_one_of_another_authority_get_nowhere(fresh: Bench) -> None:
    plain = ssl.create_default_context(cadata=fresh.authority.certificate.decode())
    with (
        socket.create_connection(("127.0.0.1", fresh.broker.listener.port)) as link,
        pytest.raises((ssl.SSLError, ConnectionError)),
        plain.wrap_socket(link, server_hostname="127.0.0.1") as wrapped,
    ):
        wrapped.sendall(b"\x10\x00")
        if not wrapped.recv(1):
            raise ConnectionResetError
    stranger, _ = Authority.create(SITE, NOW)
    with pytest.raises(OSError):
        fresh.client(T1, authority=stranger)
    fresh.client(T1).close()


def test_a_revoked_certificate_gets_nowhere(fresh: Bench) -> None:
    context = fresh.context(T1)
    from tests.replay.broker_bench import Client

    Client(fresh.broker.listener.port, context, "").close()
    fresh.revoked.append(fresh.last_serial)
    try:
        fresh.broker.stop()
        fresh.broker.start(fresh.files())
        with pytest.raises(OSError):
            Client(fresh.broker.listener.port, context, "")
        fresh.client(T1).close()  # the same terminal with a new certificate
    finally:
        fresh.revoked.clear()


def test_the_broker_makes_no_session_tickets_and_so_nobody_comes_back_without_a_certificate(fresh: Bench) -> None:
    """Nobody wants them, and to make them is half of the broker's work in a storm."""
    context = fresh.context(T1)
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context.maximum_version = version
        with _connected(fresh, context) as first:
            session = first.session
            assert session is None or not session.has_ticket
        with _connected(fresh, context, session) as second:
            assert not second.session_reused


@contextmanager
def _connected(bench: Bench, context: ssl.SSLContext, session: ssl.SSLSession | None = None) -> Iterator[ssl.SSLSocket]:
    """Connect and ping, so that whatever belongs to the handshake has come."""
    link = socket.create_connection(("127.0.0.1", bench.broker.listener.port), timeout=10)
    with context.wrap_socket(link, server_hostname="127.0.0.1", session=session) as wrapped:
        wrapped.sendall(b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01x")
        assert wrapped.recv(4)[:1] == b"\x20"
        wrapped.sendall(b"\xc0\x00")
        assert wrapped.recv(2) == b"\xd0\x00"
        yield wrapped


def test_more_connections_than_a_shell_lets_a_process_have(fresh: Bench) -> None:
    """A service starts with 1,024 open files; here it is fewer, so that the test is short."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    strangers: list[socket.socket] = []
    fresh.broker.stop()
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
        fresh.broker.start(fresh.files())
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
        place = ("127.0.0.1", fresh.broker.listener.port)
        strangers += [socket.create_connection(place, timeout=10) for _ in range(300)]
        assert fresh.client(T1).code == 0
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
        for each in strangers:
            each.close()


def test_a_stolen_client_id_takes_no_session_over(fresh: Bench) -> None:
    victim = fresh.client(T1)
    thief = fresh.client(T2, client_id=str(T1))
    assert not victim.ended.wait(0.5)
    controller = fresh.client(CONTROLLER)
    victim.subscribe("portseal/1/hq/terminal/guard-1/grant")
    controller.say("portseal/1/hq/terminal/guard-1/grant", b"x")
    assert victim.hear() is not None
    assert thief.hear(0.2) is None


def test_a_message_expires(fresh: Bench) -> None:
    controller = fresh.client(CONTROLLER)
    assert not controller.say("portseal/1/hq/terminal/guard-1/grant", b"late", expiry=1).is_failure
    late = fresh.client(T1)
    late.subscribe("portseal/1/hq/terminal/guard-1/grant")
    assert late.hear(0.3) is None


def test_a_broker_that_cannot_start_says_why(tmp_path: Path, fresh: Bench) -> None:
    # A folder of its own, or it would take the first broker for one that a dead controller has left.
    with tempfile.TemporaryDirectory(prefix="portseal-broker-") as folder:
        second = Mosquitto(Path(folder) / "broker", fresh.broker.listener, tmp_path / "log")
        Path(folder).chmod(0o755)
        with pytest.raises(EquipmentError, match=r"did not start.*[Aa]ddress"):
            second.start(fresh.files())
        second.stop()
    assert fresh.broker.running


def test_keys_are_the_brokers_alone(fresh: Bench) -> None:
    modes = {path.name: path.stat().st_mode & 0o777 for path in fresh.broker.folder.iterdir()}
    assert set(modes.values()) == {0o600}
    assert "PRIVATE" not in (fresh.root / "broker.log").read_text("utf-8", "replace")
