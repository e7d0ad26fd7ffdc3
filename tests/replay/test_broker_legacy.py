"""The listener for card readers without certificates, on a real Mosquitto: they write their own topics, and no more."""

from __future__ import annotations

import ssl
import subprocess
import time
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import MQTTProtocolVersion

from controller.broker.passwords import password_file
from controller.secrets.value import Secret
from policies.errors import ConfigError, InputError
from policies.messages.identities import Access, Identity, Right, Role, acl, login_acl, rights
from policies.messages.topics import Kind, Topic
from tests.replay.broker_bench import SITE, Bench, Client, Sources

CONTROLLER, T1, GATEWAY = Identity(Role.CONTROLLER), Identity(Role.TERMINAL, "guard-1"), Identity(Role.READER, "gw")
NATIVE = Identity(Role.READER, "gate-1")
WORD = "of-the-board-1"
SOURCES = Sources(
    foreign={"gw": ("uhppoted/gateway/events/live",), "esp": ("esp/+/send",), "pads": ("zigbee2mqtt/east pad",)},
    logins={"esp": (WORD, ("esp/+/send",)), "z2m": ("another-word", ("zigbee2mqtt/east pad",))},
)
VERSIONS = [mqtt.MQTTv31, mqtt.MQTTv311, mqtt.MQTTv5]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    made = Bench(tmp_path_factory.mktemp("legacy"), T1, GATEWAY, NATIVE, sources=SOURCES)
    yield made
    made.close()


@pytest.fixture
def fresh(bench: Bench) -> Iterator[Bench]:
    """Give the broker with its right files."""
    if not bench.broker.running:
        bench.broker.start(bench.files())
    yield bench
    bench.hang_up()


def concrete(topic: str) -> str:
    return topic.replace("+", "a").replace("east a", "east pad")


def lines(text: str, user: str) -> list[str]:
    section = text.split(f"user {user}\n")[1].split("\n\n", maxsplit=1)[0]
    return [line for line in section.splitlines() if line]


def without(text: str, user: str, line: str) -> str:
    at = text.index(line + "\n", text.index(f"user {user}\n"))
    return text[:at] + text[at + len(line) + 1 :]


FOREIGN = [
    *[(GATEWAY, right) for right in rights(SITE, GATEWAY, SOURCES.foreign)],
    *[(CONTROLLER, right) for right in rights(SITE, CONTROLLER, SOURCES.foreign) if "portseal/" not in right.topic],
]


def test_the_rights_tried_here_are_those_of_the_sources() -> None:
    assert [(str(who), right.access, right.topic) for who, right in FOREIGN] == [
        ("reader.gw", Access.WRITE, "uhppoted/gateway/events/live"),
        ("controller", Access.READ, "esp/+/send"),
        ("controller", Access.READ, "uhppoted/gateway/events/live"),
        ("controller", Access.READ, "zigbee2mqtt/east pad"),
    ]
    # A gateway with a certificate says nothing in our own format, and another reader nothing in a foreign one.
    assert rights(SITE, NATIVE, SOURCES.foreign) == rights(SITE, NATIVE)


def heard(bench: Bench, speaker: Client, topic: str) -> bool:
    """Tell whether the controller hears what `speaker` says on a topic."""
    controller = bench.client(CONTROLLER)
    controller.subscribe(topic)
    speaker.say(concrete(topic), b"x")
    return controller.hear(0.4) == (concrete(topic), b"x", False)


@pytest.mark.parametrize(("identity", "right"), FOREIGN, ids=lambda each: str(getattr(each, "topic", each)))
def test_each_foreign_line_of_the_acl_works_and_is_needed(fresh: Bench, identity: Identity, right: Right) -> None:
    whole = acl(SITE, fresh.identities, SOURCES.foreign)
    cut = without(whole, str(identity), f"topic {right.access} {right.topic}")
    # The other side may do all of it, so that the one line decides.
    other = f"user controller\ntopic readwrite {right.topic}\n" if identity != CONTROLLER else ""
    other += f"user terminal.guard-1\ntopic readwrite {right.topic}\n" if identity == CONTROLLER else ""
    for rules, passes in ((whole + other, True), (cut + other, False)):
        fresh.broker.stop()
        fresh.broker.start(replace(fresh.files(), acl=rules))
        speaker = fresh.client(identity if right.access is Access.WRITE else T1)
        assert heard(fresh, speaker, right.topic) is passes
        fresh.hang_up()
    fresh.broker.stop()


@pytest.mark.parametrize("login", sorted(SOURCES.logins))
def test_each_line_of_the_logins_works_and_is_needed(fresh: Bench, login: str) -> None:
    whole = fresh.files().legacy_acl
    word, topics = SOURCES.logins[login]
    assert lines(whole, login) == [f"topic write {each}" for each in topics]
    for rules, passes in ((whole, True), (without(whole, login, f"topic write {topics[0]}"), False)):
        fresh.broker.stop()
        fresh.broker.start(replace(fresh.files(), legacy_acl=rules))
        assert heard(fresh, fresh.plain(login, word), topics[0]) is passes
        fresh.hang_up()
    fresh.broker.stop()


@pytest.mark.parametrize("version", VERSIONS)
def test_a_login_says_nothing_on_our_topics_nor_on_another_ones(fresh: Bench, version: MQTTProtocolVersion) -> None:
    controller = fresh.client(CONTROLLER)
    for right in rights(SITE, CONTROLLER, SOURCES.foreign):
        controller.subscribe(right.topic)
    terminal = fresh.client(T1)
    terminal.subscribe("portseal/1/hq/terminal/guard-1/grant")
    board = fresh.plain("esp", WORD, version=version)
    ours = [Topic(SITE, kind, "guard-1" if kind.named else "") for kind in Kind]
    others = ["uhppoted/gateway/events/live", "zigbee2mqtt/east pad", "esp/a", "esp/a/b/send", "$SYS/broker/uptime"]
    for topic in [*map(str, ours), *others]:
        board.say(topic, b"forged")
    board.say("esp/door/send", b"mine")
    assert controller.hear() == ("esp/door/send", b"mine", False)
    assert (controller.hear(0.3), terminal.hear(0.1)) == (None, None)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_login_hears_nothing_at_all(fresh: Bench, version: MQTTProtocolVersion) -> None:
    board, controller = fresh.plain("esp", WORD, version=version), fresh.client(CONTROLLER)
    for topic in ("#", "portseal/#", "portseal/1/hq/terminal/+/grant", "esp/+/send", "$SYS/#", "uhppoted/#"):
        board.subscribe(topic)
    gateway, native = fresh.client(GATEWAY), fresh.client(NATIVE)
    for topic in ("portseal/1/hq/reader/gate-1/swipe", "uhppoted/gateway/events/live", "esp/+/send"):
        controller.subscribe(topic)
    controller.say("portseal/1/hq/terminal/guard-1/grant", b"for the terminal")
    native.say("portseal/1/hq/reader/gate-1/swipe", b"of another reader")
    gateway.say("uhppoted/gateway/events/live", b"of the gateway")
    fresh.plain("z2m", "another-word").say("zigbee2mqtt/east pad", b"of a keypad")
    board.say("esp/door/send", b"its own")
    assert len([controller.hear() for _ in range(3)]) == 3
    assert board.hear(0.4) is None


def test_with_a_line_more_a_login_would_hear_the_brokers_own_words(fresh: Bench) -> None:
    """The control arm of the test above: these subscriptions do hear something where they may."""
    rules = fresh.files().legacy_acl.replace("user esp\n", "user esp\ntopic read $SYS/#\ntopic read esp/+/send\n")
    fresh.broker.stop()
    fresh.broker.start(replace(fresh.files(), legacy_acl=rules))
    board = fresh.plain("esp", WORD)
    board.subscribe("$SYS/#")
    assert board.hear() is not None
    fresh.broker.stop()


@pytest.mark.parametrize(
    ("login", "word"),
    [
        ("esp", "wrong-word"),
        ("esp", ""),
        ("esp", "another-word"),
        ("controller", WORD),
        ("reader.gate-1", WORD),
        ("", ""),
    ],
)
def test_another_name_or_word_gets_nowhere(fresh: Bench, login: str, word: str) -> None:
    victim = fresh.plain("esp", WORD)
    stranger = fresh.plain(login, word)
    assert stranger.code.is_failure
    assert not victim.ended.wait(0.3)
    assert not fresh.plain("z2m", "another-word").code.is_failure


@pytest.mark.parametrize("stolen", ["controller", "terminal.guard-1", "z2m"])
def test_a_client_id_of_another_one_takes_no_session_over(fresh: Bench, stolen: str) -> None:
    """Ids are one space over all listeners: a board that calls itself "controller" would cut everybody off."""
    victims = [fresh.client(CONTROLLER), fresh.client(T1), fresh.plain("z2m", "another-word")]
    thief = fresh.plain("esp", WORD, stolen)
    assert not thief.code.is_failure
    assert not any(victim.ended.wait(0.2) for victim in victims)


def test_a_login_opens_nothing_on_the_listener_for_certificates(fresh: Bench) -> None:
    context = ssl.create_default_context(cadata=fresh.authority.certificate.decode())
    with pytest.raises((ssl.SSLError, OSError)):
        Client(fresh.broker.listener.port, context, "", login=("esp", WORD))
    # With a certificate, the certificate is who it is, whatever name stands beside it.
    both = Client(fresh.broker.listener.port, fresh.context(T1), "", login=("esp", WORD))
    fresh.clients.append(both)
    controller = fresh.client(CONTROLLER)
    for topic in ("esp/+/send", "portseal/1/hq/terminal/+/event"):
        controller.subscribe(topic)
    assert both.say("esp/door/send", b"x").is_failure
    assert not both.say("portseal/1/hq/terminal/guard-1/event", b"y").is_failure
    assert controller.hear() == ("portseal/1/hq/terminal/guard-1/event", b"y", False)


@pytest.mark.parametrize("version", VERSIONS[1:])
def test_a_board_whose_last_will_is_elsewhere_connects_all_the_same(fresh: Bench, version: MQTTProtocolVersion) -> None:
    """Tasmota has one on tele/…/LWT, ESPHome on …/status: it may not be said, and that must not keep them out."""
    controller = fresh.client(CONTROLLER)
    for right in rights(SITE, CONTROLLER, SOURCES.foreign):
        controller.subscribe(right.topic)
    wills = ("tele/board/LWT", "portseal/1/hq/reader/gate-1/swipe", "esp/door/send")
    for will in wills:
        board = fresh.plain("esp", WORD, version=version, will=will, keepalive=120)
        assert not board.code.is_failure
        sock = board.mqtt.socket()
        assert sock is not None
        sock.close()  # without a word: the broker says its will
    assert controller.hear() == ("esp/door/send", b"offline", False)
    assert controller.hear(0.3) is None
    fresh.broker.stop()  # the will was kept


def test_a_new_login_comes_in_by_a_reload_with_all_connections_kept(fresh: Bench) -> None:
    kept, controller = fresh.plain("esp", WORD), fresh.client(CONTROLLER)
    logins = {**SOURCES.logins, "new": ("a-new-word", ("new/topic",))}
    new = Sources({**SOURCES.foreign, "new": ("new/topic",)}, logins)
    fresh.sources = new
    try:
        fresh.broker.write(fresh.files())
        fresh.broker.reload()
        ends = time.monotonic() + 10
        while fresh.plain("new", "a-new-word").code.is_failure:
            assert time.monotonic() < ends, "the broker has not read its files again"
        controller.subscribe("new/topic")
        fresh.plain("new", "a-new-word").say("new/topic", b"x")
        assert controller.hear() == ("new/topic", b"x", False)
        assert not kept.ended.is_set()
        assert not controller.ended.is_set()
    finally:
        fresh.sources = SOURCES
        fresh.broker.stop()


def test_no_password_is_in_a_file_or_log(fresh: Bench) -> None:
    fresh.plain("esp", WORD)
    files = {path.name: path for path in fresh.broker.folder.iterdir()}
    assert {"passwords", "legacy_acl"} <= set(files)
    assert {path.stat().st_mode & 0o777 for path in files.values()} == {0o600}
    assert not [name for name, path in files.items() if WORD.encode() in path.read_bytes()]
    assert WORD not in (fresh.root / "broker.log").read_text("utf-8", "replace")


def test_the_hash_is_that_of_mosquittos_own_program(tmp_path: Path) -> None:
    file = tmp_path / "passwords"
    file.write_text(f"esp:{WORD}\n门-ö:密码密码密码\n")
    file.chmod(0o600)
    subprocess.run(["mosquitto_passwd", "-U", file], check=True, capture_output=True)
    for line, (login, word) in zip(
        file.read_text().splitlines(), (("esp", WORD), ("门-ö", "密码密码密码")), strict=True
    ):
        salt = b64decode(line.split("$")[3])
        assert password_file({login: Secret(word)}, lambda _, salt=salt: salt) == line + "\n"  # type: ignore[misc]
    assert password_file({"a": Secret(WORD)}) != password_file({"a": Secret(WORD)})


@pytest.mark.parametrize(("login", "word"), [("a:b", WORD), ("a\nb", WORD), ("a", ""), ("a", "x" * 513)])
def test_what_would_break_the_password_file_is_refused(login: str, word: str) -> None:
    with pytest.raises(ConfigError) as caught:
        password_file({login: Secret(word)})
    assert WORD not in str(caught.value)


@pytest.mark.parametrize(
    ("login", "topic"), [("controller", "a/b"), ("reader.x", "a/b"), ("a", "portseal/1/hq/finding"), ("a", "#")]
)
def test_no_login_is_written_that_could_be_one_of_ours(login: str, topic: str) -> None:
    assert login_acl({"a": ("a/b",)}) == "user a\ntopic write a/b\n"
    with pytest.raises(InputError):
        login_acl({login: (topic,)})
