"""From a message of the broker, or a body of a webhook, to swipes: whose it is, what proves it, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from controller.broker import sources
from controller.broker.mosquitto import Legacy
from controller.cards.readers import Readers
from drivers.cards import uhppoted
from drivers.cards.native import NativeSwipe
from policies.cards import Fault, Swipe, UnreadableSwipe
from policies.cards.rights import Reader, Trust
from policies.errors import ConfigError
from policies.keys import SigningKey
from policies.load import load_site
from policies.messages.identities import Identity, Role, acl
from policies.site import Site
from tests.unit.card_samples import DAHUA_DATA, ESP, HIKVISION, UHPPOTED_EVENT, dahua, raw

HMAC = "a secret of the gateway"
KEY = SigningKey(bytes(range(32)))
ENVIRONMENT = {"HMAC": HMAC, "PASSWORD": "eight888"}
HEAD = """
[site]
name = "park"
[terminals.guard-1]
platform = "linux"
agent = true
place = "gate"
owner = "office"
"""
READERS = """
[broker]
legacy_port = 1883
[readers.own]
format = "native"
terminals = "guard-1"
trust = "authenticated"
[readers.signed]
format = "native"
terminals = "guard-1"
trust = "authenticated"
public_key = "signed.pem"
[readers.plain]
format = "native"
terminals = "guard-1"
[readers.in]
format = "uhppoted"
terminals = "guard-1"
trust = "authenticated"
topic = "uhppoted/gateway/events/live"
secret = "env:HMAC"
door = "4"
digits = "dec"
[readers.out]
format = "uhppoted"
terminals = "guard-1"
topic = "uhppoted/gateway/events/live"
secret = "env:HMAC"
door = "3"
digits = "dec"
[readers.boards]
format = "esp-rfid"
terminals = "guard-1"
topic = ["esp/+/send", "esp/old"]
login = "esp"
password = "env:PASSWORD"
digits = "hex-unpadded"
[readers.panel]
format = "hikvision"
terminals = "guard-1"
login = "panel"
password = "env:PASSWORD"
digits = "dec"
[readers.dahua-in]
format = "dahua"
terminals = "guard-1"
webhook = "vto"
door = "1"
[readers.dahua-out]
format = "dahua"
terminals = "guard-1"
webhook = "vto"
door = "2"
"""
LIVE = "uhppoted/gateway/events/live"


def site_of(folder: Path, text: str = READERS) -> Site:
    (folder / "signed.pem").write_bytes(KEY.public.to_pem())
    (folder / "site.toml").write_text(HEAD + text, "utf-8")
    return load_site(folder)


@pytest.fixture
def readers(tmp_path: Path) -> Readers:
    return Readers.load(site_of(tmp_path), environment=ENVIRONMENT)


def native(name: str) -> tuple[str, NativeSwipe]:
    swipe = NativeSwipe(name, "04A1B2C3", 1760000000, "0123456789abcdef", True)
    return f"portseal/1/park/reader/{name}/swipe", swipe


def one(found: tuple[Swipe, ...]) -> Swipe:
    assert len(found) == 1
    return found[0]


def refused(readers: Readers, topic: str, payload: bytes, *, retained: bool = False) -> UnreadableSwipe:
    with pytest.raises(UnreadableSwipe) as caught:
        readers.swipes(topic, payload, retained)
    assert caught.value.exit_code == 2
    return caught.value


class TestTopics:
    def test_are_those_of_the_declaration_and_the_native_ones_each_once(self, readers: Readers) -> None:
        assert readers.topics() == (
            "esp/+/send", "esp/old", *(f"portseal/1/park/reader/{name}/swipe" for name in ("own", "plain", "signed")),
            LIVE,
        )  # fmt: skip
        assert readers.webhooks() == ("panel", "vto")

    def test_the_broker_is_told_who_may_write_what(self, tmp_path: Path) -> None:
        site, esp = site_of(tmp_path), ("esp/+/send", "esp/old")
        assert sources.foreign(site) == {"in": (LIVE,), "out": (LIVE,), "boards": esp}
        rules = acl("park", [Identity(Role.CONTROLLER), Identity(Role.READER, "own")], sources.foreign(site))
        for each in ("portseal/1/park/reader/+/swipe", LIVE, *esp):
            assert f"topic read {each}\n" in rules
        allowed, words = sources.legacy_files(site, ENVIRONMENT)
        assert allowed == "user esp\ntopic write esp/+/send\ntopic write esp/old\n"
        assert [line.split(":")[0] for line in words.splitlines()] == ["esp"]  # a webhook's login is not the broker's
        assert sources.legacy(site) == Legacy("127.0.0.1", 1883)
        assert sources.legacy(site_of(tmp_path, "[broker]\nport = 8883\n")) is None

    def test_a_site_without_readers_hears_nothing(self, tmp_path: Path) -> None:
        assert Readers.load(site_of(tmp_path, "")).topics() == ()

    @pytest.mark.parametrize("topic", ["esp/x/y/send", "esp", "portseal/1/park/reader/nobody/swipe", "", "esp/+/send",
                                       "portseal/1/other/reader/own/swipe", "Esp/old", "#"])  # fmt: skip
    def test_another_topic_is_nobodys(self, readers: Readers, topic: str) -> None:
        error = refused(readers, topic, raw(ESP))
        assert (error.fault, error.reader) == (Fault.TOPIC, "")
        assert len(readers.swipes("esp/old", raw(ESP), retained=False)) == 1

    def test_a_filter_takes_each_of_its_topics(self, readers: Readers) -> None:
        for topic in ("esp/a/send", "esp/门/send", "esp//send", "esp/old"):
            assert one(readers.swipes(topic, raw(ESP), retained=False)).reader == "boards"

    def test_a_shared_topic_is_the_readers_whose_door_it_is(self, readers: Readers) -> None:
        for door, name in ((b"4", "in"), (b"3", "out")):
            message = UHPPOTED_EVENT.replace(b'"door-id":4', b'"door-id":' + door)
            assert one(readers.swipes(LIVE, uhppoted.seal(message, HMAC.encode()), retained=False)).reader == name
        other = UHPPOTED_EVENT.replace(b'"door-id":4', b'"door-id":2')
        assert readers.swipes(LIVE, uhppoted.seal(other, HMAC.encode()), retained=False) == ()


class TestProof:
    def test_the_certificate_behind_a_native_topic_proves_a_swipe_where_the_site_trusts_it(
        self, tmp_path: Path, readers: Readers
    ) -> None:
        proven = {}
        for name in ("own", "plain"):
            topic, swipe = native(name)
            proven[name] = one(readers.swipes(topic, swipe.encode(), retained=False)).authenticated
        assert proven == {"own": True, "plain": False}
        # Somebody else's broker may let anybody write anything.
        other = Readers.load(site_of(tmp_path), certified=False, environment=ENVIRONMENT)
        topic, swipe = native("own")
        assert not one(other.swipes(topic, swipe.encode(), retained=False)).authenticated

    def test_a_reader_with_a_key_signs_whatever_the_broker_says(self, readers: Readers) -> None:
        topic, swipe = native("signed")
        assert one(readers.swipes(topic, swipe.encode(KEY), retained=False)).authenticated
        assert refused(readers, topic, swipe.encode()).fault is Fault.UNSIGNED
        assert refused(readers, topic, swipe.encode(SigningKey(bytes(32)))).fault is Fault.SIGNATURE

    def test_a_gateway_with_a_secret_proves_every_message(self, readers: Readers) -> None:
        assert one(readers.swipes(LIVE, uhppoted.seal(UHPPOTED_EVENT, HMAC.encode()), retained=False)).authenticated
        assert refused(readers, LIVE, uhppoted.seal(UHPPOTED_EVENT, b"")).fault is Fault.UNSIGNED
        assert refused(readers, LIVE, uhppoted.seal(UHPPOTED_EVENT, b"x" * 16)).fault is Fault.SIGNATURE

    def test_other_formats_prove_nothing(self, readers: Readers) -> None:
        assert not one(readers.swipes("esp/old", raw(ESP), retained=False)).authenticated
        assert not one(readers.webhook("panel", "application/json", raw(HIKVISION))).authenticated


class TestRefusals:
    def test_a_retained_swipe_is_a_replay_whatever_is_in_it(self, readers: Readers) -> None:
        topic, swipe = native("own")
        for where, payload in ((topic, swipe.encode()), ("esp/old", raw(ESP)), (LIVE, b"\xff")):
            error = refused(readers, where, payload, retained=True)
            assert error.fault is Fault.RETAINED
        assert error.reader == "in"
        assert "retain" in str(error)

    def test_the_error_names_reader_and_member_and_nothing_of_the_message(self, readers: Readers) -> None:
        error = refused(readers, "esp/old", raw(ESP | {"uid": "4a1f3"}))
        assert (error.fault, error.reader) == (Fault.CARD, "boards")
        assert str(error).startswith("boards: ")
        assert "4a1f3" not in repr(error) + str(error)
        broken = UHPPOTED_EVENT.replace(b'"event-id":50', b'"event-id":""')
        error = refused(readers, LIVE, uhppoted.seal(broken, HMAC.encode()))
        assert (error.fault, error.where) == (Fault.VALUE, "in: event-id")

    def test_what_is_no_swipe_is_no_error(self, readers: Readers) -> None:
        assert readers.swipes("esp/old", raw({"type": "heartbeat"}), retained=False) == ()


class TestWebhook:
    def test_is_the_readers_own_name_or_the_one_that_readers_share(self, readers: Readers) -> None:
        assert one(readers.webhook("panel", "application/json", raw(HIKVISION))).card.reveal() == "0000000B"
        for door, name in (("1", "dahua-in"), ("2", "dahua-out")):
            body = dahua(DAHUA_DATA | {"ReaderID": door})
            assert one(readers.webhook("vto", "text/plain", body)).reader == name
        assert readers.webhook("vto", "text/plain", dahua(DAHUA_DATA | {"ReaderID": "3"})) == ()
        for name in ("dahua-in", "own", ""):
            with pytest.raises(UnreadableSwipe) as caught:
                readers.webhook(name, "application/json", raw(HIKVISION))
            assert caught.value.fault is Fault.TOPIC

    @pytest.mark.parametrize("quoted", [b"MIME_boundary", b'"MIME_boundary"'])
    def test_a_preamble_before_the_first_boundary_is_skipped(self, readers: Readers, quoted: bytes) -> None:
        part = b'Content-Disposition: form-data; name="event_log"\r\nContent-Type: application/json\r\n\r\n'
        body = b"--MIME_boundary\r\n" + part + raw(HIKVISION) + b"\r\n--MIME_boundary--\r\n"
        kind = "multipart/form-data; boundary=" + quoted.decode()
        for sent in (body, b"\r\n" + body, b"This is a preamble.\r\n" + body):
            assert one(readers.webhook("panel", kind, sent)).source_event_id == "192.168.1.11/139"
        with pytest.raises(UnreadableSwipe) as caught:
            readers.webhook("panel", "text/plain", b"This is a preamble.\r\n" + body)
        assert (caught.value.fault, caught.value.reader) == (Fault.MALFORMED, "panel")

    def test_xml_is_answered_with_what_to_set(self, readers: Readers) -> None:
        with pytest.raises(UnreadableSwipe, match="set its HTTP listener to JSON"):
            readers.webhook("panel", 'application/xml; charset="UTF-8"', b"<EventNotificationAlert/>")


class TestLoading:
    def test_no_secret_is_in_a_repr(self, readers: Readers) -> None:
        shown = repr(readers) + repr(readers.sources) + repr(readers.passwords)
        assert HMAC not in shown
        assert "eight888" not in shown
        assert str(KEY.public.raw) not in shown
        assert readers.passwords["esp"].reveal() == "eight888"

    @pytest.mark.parametrize(
        ("environment", "where"),
        [
            ({"PASSWORD": "eight888"}, "readers.in.secret"),
            ({"HMAC": HMAC}, "readers.boards.password"),
            ({"HMAC": "x" * 15, "PASSWORD": "eight888"}, "readers.in.secret"),
            ({"HMAC": HMAC, "PASSWORD": "seven77"}, "readers.boards.password"),
        ],
    )
    def test_a_secret_that_is_missing_or_short_is_refused_at_its_key(
        self, tmp_path: Path, environment: dict[str, str], where: str
    ) -> None:
        with pytest.raises(ConfigError) as caught:
            Readers.load(site_of(tmp_path), environment=environment)
        assert caught.value.where == f"{tmp_path / 'site.toml'}: {where}"
        assert caught.value.next_step is not None
        assert not any(value in str(caught.value) for value in environment.values())

    @pytest.mark.parametrize("content", [None, b"", b"-----BEGIN PUBLIC KEY-----", KEY.to_pem()])
    def test_a_key_that_is_none_is_refused_at_its_key(self, tmp_path: Path, content: bytes | None) -> None:
        site = site_of(tmp_path)
        (tmp_path / "signed.pem").unlink()
        if content is not None:
            (tmp_path / "signed.pem").write_bytes(content)
        with pytest.raises(ConfigError) as caught:
            Readers.load(site, environment=ENVIRONMENT)
        assert caught.value.where.endswith("site.toml: readers.signed.public_key")

    def test_the_readers_clock_is_the_zone_of_the_site_or_its_own(self, tmp_path: Path) -> None:
        text = '[readers.t]\nformat = "tasmota"\ntopic = "t/SENSOR"\nterminals = "guard-1"\nzone = "+06:00"\n'
        message = {"Time": "2026-01-23T13:10:50", "RC522": {"UID": "BA839D07", "Data": "", "Type": "MIFARE 1KB"}}
        for toml, hour in ((text, 7), (text.replace('zone = "+06:00"\n', ""), 5)):
            swipe = one(Readers.load(site_of(tmp_path, toml)).swipes("t/SENSOR", raw(message), retained=False))
            assert swipe.at == datetime(2026, 1, 23, hour, 10, 50, tzinfo=UTC)

    def test_a_declaration_in_code_is_read_too(self, tmp_path: Path) -> None:
        """As tests and the lab make it: nothing in it depends on the loader."""
        made = Reader("r", "esphome", ("guard-1",), Trust.IDENTIFIED, site_of(tmp_path).authority, topics=("a/b",))
        readers = Readers.load(replace(site_of(tmp_path, ""), readers=(made,)))
        assert one(readers.swipes("a/b", b"74-10-37-94", retained=False)).card.reveal() == "74103794"


@pytest.mark.parametrize(
    ("zone", "word", "hour"),
    [("+08:00", "CST", 8), ("-06:00", "CST", 22), ("-08:00", "PST", 0), ("+08:00", "PST", 8), ("+08:00", "PDT", 23),
     ("+05:30", "IST", None), ("+07:00", "CST", -1)],
)  # fmt: skip
def test_an_abbreviation_counts_as_the_readers_own_zone(tmp_path: Path, zone: str, word: str, hour: int | None) -> None:
    """A gateway in Shanghai writes CST; site.toml gives its zone as an offset, which has no name."""
    text = READERS.replace('door = "4"', f'door = "4"\nzone = "{zone}"')
    readers = Readers.load(site_of(tmp_path, text), environment=ENVIRONMENT)
    event = json.loads(UHPPOTED_EVENT)
    event["event"]["event"]["timestamp"] = f"2026-01-10 16:00:00 {word}"
    at = one(readers.swipes(LIVE, uhppoted.seal(raw(event), HMAC.encode()), retained=False)).at
    if hour == -1:
        assert at is None
        return
    assert at is not None
    assert at.strftime("%H:%M") == ("10:30" if hour is None else f"{hour:02}:00")
