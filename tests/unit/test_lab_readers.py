"""The lab's readers against the parsers: two hands wrote them, from the devices' documents and from the samples."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from controller.cli.base import run
from controller.cli.main import cli
from drivers.cards import FORMATS, find_format
from drivers.cards.dahua import EventStream
from lab.reader import DEVICES, dahua, esp_rfid, esphome, hikvision, native, tasmota, uhppoted, zigbee2mqtt
from lab.reader.tap import Plastic, Sent, Tap, with_parity
from policies.cards import CardMismatch, CardRule, Digits, Fault, ReaderConfig, Swipe, UnreadableSwipe, Wiegand
from policies.cards.number import on_wire, pack
from policies.keys import SigningKey

ROOT = Path(__file__).parents[2]
CHINA = timezone(timedelta(hours=8))
AT = datetime(2026, 9, 7, 10, 0, 5, tzinfo=CHINA)
CARD = Plastic(bytes.fromhex("74103794"), facility=81, number=65535)
TAP = Tap(CARD, AT, event=4711, holder="王小明", device="405419896")
SEED = bytes(range(32))
UID, PRINTED = CardRule(4), CardRule(Wiegand.W26, Digits.DECIMAL)
DECIMAL, LONG = CardRule(4, Digits.DECIMAL), CardRule(Wiegand.W34, Digits.DECIMAL)

#: What is swiped, the rule of the reader, and the number that comes of it: one piece of plastic, two numbers.
Row = tuple[str, Callable[[], Sent], CardRule, str]
TABLE: dict[str, Row] = {
    "native": ("native", lambda: native.swipe(TAP), UID, "74103794"),
    "uhppoted": (
        "uhppoted", lambda: uhppoted.live(TAP), CardRule(Wiegand.W26, Digits.FACILITY), "51FFFF",
    ),
    "esp-rfid 1": ("esp-rfid", lambda: esp_rfid.access(TAP), CardRule(4, Digits.HEX_UNPADDED), "74103794"),
    "esp-rfid 1 wiegand": ("esp-rfid", lambda: esp_rfid.access(TAP, chip="wiegand"), PRINTED, "51FFFF"),
    "esp-rfid 2": ("esp-rfid", lambda: esp_rfid.access_2(TAP), UID, "74103794"),
    "esp-rfid 2 gbk": ("esp-rfid", lambda: esp_rfid.access_2(TAP, gbk=True), UID, "74103794"),
    "esp-rfid 2 two doors": ("esp-rfid", lambda: esp_rfid.access_2(TAP, doors=("gate", "back")), UID, "74103794"),
    "esp-rfid 2 home assistant": ("esp-rfid", lambda: esp_rfid.access_2(TAP, home_assistant=True), UID, "74103794"),
    "esphome": ("esphome", lambda: esphome.tag(TAP), UID, "74103794"),
    "esphome rdm6300": ("esphome", lambda: esphome.rdm6300(TAP), DECIMAL, "74103794"),
    "tasmota": ("tasmota", lambda: tasmota.rc522(TAP), UID, "74103794"),
    "tasmota verbose": ("tasmota", lambda: tasmota.rc522(TAP, verbose=True), UID, "74103794"),
    "tasmota wiegand": ("tasmota", lambda: tasmota.wiegand(TAP), PRINTED, "51FFFF"),
    "tasmota wiegand hex": ("tasmota", lambda: tasmota.wiegand(TAP, hexadecimal=True), PRINTED, "51FFFF"),
    "tasmota wiegand 34": (
        "tasmota", lambda: tasmota.wiegand(TAP, 34), LONG, "0051FFFF",
    ),
    "tasmota wiegand 34 old": (
        "tasmota", lambda: tasmota.wiegand(TAP, 34, before_2022=True), LONG, "0051FFFF",
    ),
    "zigbee2mqtt": ("zigbee2mqtt", lambda: zigbee2mqtt.request(TAP), UID, "74103794"),
    "zigbee2mqtt plain": ("zigbee2mqtt", lambda: zigbee2mqtt.request(TAP, plus=False), UID, "74103794"),
    "hikvision": ("hikvision", lambda: hikvision.listener(TAP), DECIMAL, "74103794"),
    "hikvision gbk": ("hikvision", lambda: hikvision.listener(TAP, encoding="gb18030"), DECIMAL, "74103794"),
    "hikvision json": ("hikvision", lambda: hikvision.plain(TAP), DECIMAL, "74103794"),
    "dahua": ("dahua", lambda: dahua.upload(TAP), UID, "74103794"),
    "dahua stream": ("dahua", lambda: dahua.attached(TAP), UID, "74103794"),
    "dahua stream gbk": ("dahua", lambda: dahua.attached(TAP, encoding="gb18030"), UID, "74103794"),
    "dahua-vto": ("dahua-vto", lambda: dahua.station(TAP), UID, "74103794"),
}  # fmt: skip


def read(form: str, sent: Sent, rule: CardRule = UID, **more: object) -> tuple[Swipe, ...]:
    config = replace(ReaderConfig("gate-1", rule), **more)  # type: ignore[arg-type]
    return find_format(form).parse(sent.topic or "gate-1", sent.payload, config)


def one(found: tuple[Swipe, ...]) -> Swipe:
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize("row", TABLE)
def test_a_device_sends_what_the_parser_reads(row: str) -> None:
    form, make, rule, card = TABLE[row]
    swipe, known = one(read(form, make(), rule)), find_format(form)
    assert swipe.card.reveal() == card
    assert swipe.at == (AT.astimezone(UTC) if known.dated else None)
    assert swipe.granted is (True if known.decides else None)
    assert (swipe.source_event_id is not None) is known.numbered
    # The holder's name is in the message of some of them, and nowhere in what is read of it.
    assert "王小明" not in repr(swipe)


def test_every_format_has_a_device_and_the_other_way_round() -> None:
    assert set(DEVICES) == {each.name for each in FORMATS} == {row[0] for row in TABLE.values()}


def test_one_piece_of_plastic_has_two_numbers_that_never_meet() -> None:
    """A Wiegand line gives what is printed, a chip reader the UID: no rule turns one into the other."""
    numbers = {card for _, _, _, card in TABLE.values()}
    assert numbers == {"74103794", "51FFFF", "0051FFFF"}
    assert pack(Wiegand.W26, 81, 65535).reveal() == "51FFFF"
    # 34 bits carry 32: as long as a UID, so that a reader which sends the UID itself there gives the card's own.
    same = one(read("tasmota", tasmota.wiegand(replace(TAP, card=Plastic(CARD.uid, 0x7410, 0x3794)), 34),
                    CardRule(Wiegand.W34, Digits.DECIMAL)))  # fmt: skip
    assert same.card == one(read("tasmota", tasmota.rc522(TAP))).card
    # The wrong rule is an error, and never another card.
    with pytest.raises(CardMismatch) as caught:
        read("tasmota", tasmota.wiegand(TAP), UID)
    assert caught.value.setting == "length"
    assert "5373951" not in str(caught.value)


@pytest.mark.parametrize("layout", [Wiegand.W26, Wiegand.W34])
@pytest.mark.parametrize("number", [0, 1, 255, 42, 65535])
def test_both_compute_the_same_parity(layout: Wiegand, number: int) -> None:
    card = pack(layout, 200, number)
    assert with_parity(int(card.reveal(), 16), layout.bits) == on_wire(card, layout)


@pytest.mark.parametrize("form", sorted({"uhppoted", "esp-rfid", "hikvision", "dahua", "dahua-vto", "native"}))
def test_what_the_device_has_refused_is_a_no(form: str) -> None:
    rule = next(row[2] for row in TABLE.values() if row[0] == form)
    assert one(read(form, DEVICES[form](replace(TAP, granted=False)), rule)).granted is False


def test_signatures_and_hmacs_are_what_the_parsers_check() -> None:
    key = SigningKey(SEED).public
    signed = native.swipe(replace(TAP, seed=SEED))
    assert one(read("native", signed, key=key)).authenticated
    sealed = uhppoted.live(replace(TAP, secret="x" * 16))
    rule = CardRule(Wiegand.W26, Digits.FACILITY)
    assert one(read("uhppoted", sealed, rule, secret=b"x" * 16)).authenticated
    for form, sent, more in (("native", signed, {"key": key}), ("uhppoted", sealed, {"secret": b"x" * 16})):
        forged = replace(sent, payload=sent.payload.replace(b"true", b"false", 1))
        with pytest.raises(UnreadableSwipe) as caught:
            read(form, forged, rule, **more)
        assert caught.value.fault is Fault.SIGNATURE


def test_what_devices_send_besides_cards_is_no_swipe() -> None:
    face, door = hikvision.listener(TAP, minor=75), hikvision.listener(TAP, minor=21)
    for form, sent in (
        ("uhppoted", uhppoted.live(TAP, kind=2)),
        ("uhppoted", uhppoted.live(TAP, topic=uhppoted.FEED)),
        ("esp-rfid", esp_rfid.button(TAP)),
        ("esp-rfid", esp_rfid.heartbeat(TAP)),
        ("tasmota", tasmota.key(TAP, 5)),
        ("zigbee2mqtt", zigbee2mqtt.state()),
        ("hikvision", face),
        ("hikvision", door),
        ("hikvision", hikvision.plain(TAP, current=False)),
        ("dahua", dahua.upload(TAP, method=6)),
        ("dahua-vto", dahua.station(TAP, method=4)),
    ):
        assert read(form, sent, DECIMAL) == (), form
    with pytest.raises(UnreadableSwipe, match="set its HTTP listener to JSON"):
        read("hikvision", hikvision.xml(TAP))


def test_a_code_that_is_typed_and_fits_is_taken_for_a_card() -> None:
    """Which is why such a reader has the lowest trust, and 'reader show' says so."""
    assert one(read("zigbee2mqtt", zigbee2mqtt.typed(TAP, "74103794"))).card.reveal() == "74103794"
    with pytest.raises(CardMismatch):
        read("zigbee2mqtt", zigbee2mqtt.typed(TAP, "1234"))


@pytest.mark.parametrize("uid", ["0a1b2c3d", "04a10203", "10203040"])
def test_bytes_that_lose_their_zero_are_refused_or_right(uid: str) -> None:
    """ESP-RFID 1 sends a1b2c3d for 0A 1B 2C 3D: it may be another card's, and is refused."""
    told = esp_rfid.access(replace(TAP, card=Plastic(bytes.fromhex(uid))))
    if len(json.loads(told.payload)["uid"]) == 8:
        assert one(read("esp-rfid", told, CardRule(4, Digits.HEX_UNPADDED))).card.reveal() == uid.upper()
        return
    with pytest.raises(CardMismatch):
        read("esp-rfid", told, CardRule(4, Digits.HEX_UNPADDED))


def test_a_card_that_stays_comes_again_and_nothing_names_the_event() -> None:
    found = [one(read("esphome", sent)) for sent in esphome.stays(TAP, 4)]
    assert len(found) == 4
    assert {each.repeat_keys for each in found} == {()}


@pytest.mark.parametrize("cut", [1, 7, 61, 4096])
@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_a_stream_is_cut_into_its_events_wherever_the_network_cuts_it(cut: int, encoding: str) -> None:
    taps = [replace(TAP, event=number, holder=name) for number, name in ((1, "王小明"), (2, "誠"), (3, 'Code="{x'))]
    cutter = EventStream()
    swipes: list[Swipe] = []
    for piece in dahua.stream(*(dahua.event(each, encoding=encoding) for each in taps), cut=cut):
        for whole in cutter.feed(piece):
            swipes += read("dahua", Sent("", whole))
    assert [each.source_event_id for each in swipes] == ["/1", "/2", "/3"]
    assert {each.card.reveal() for each in swipes} == {"74103794"}


def test_the_devices_know_nothing_of_the_parsers() -> None:
    for form in {*DEVICES, "tap"}:
        # dahua-vto is in the file of its maker.
        path = ROOT / f"lab/reader/{form.removesuffix('-vto').replace('-', '_')}.py"
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [each.name for each in node.names] if isinstance(node, ast.Import) else []
            assert not [name for name in names if name.startswith(("drivers", "policies.cards", "policies.messages"))]


class TestVerb:
    @pytest.mark.parametrize("form", DEVICES)
    def test_without_a_way_the_bytes_are_printed_and_are_what_the_parser_reads(
        self, form: str, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
    ) -> None:
        assert run(cli, ["--site", str(tmp_path), "lab", "reader", form, "--uid", "74103794"]) == 0
        head, _, payload = capfdbinary.readouterr().out.partition(b"\n")
        rule = next(row[2] for row in TABLE.values() if row[0] == form)
        topic = head.decode() if form not in ("hikvision", "dahua") else ""
        assert len(read(form, Sent(topic, payload.removesuffix(b"\n")), rule)) == 1

    @pytest.mark.parametrize(
        "arguments",
        [("tasmota", "--uid", "xyz"), ("tasmota", "--number", "1"), ("tasmota", "--to", "nowhere"),
         ("tasmota", "--url", "https://127.0.0.1/reader/x"), ("dahua", "--to", "127.0.0.1:1883"),
         ("dahua", "--url", "x"), ("tasmota", "--password", "in clear", "--to", "127.0.0.1:1"), ("toaster",)],
    )  # fmt: skip
    def test_what_cannot_be_sent_is_refused_with_a_line(
        self, arguments: tuple[str, ...], tmp_path: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        assert run(cli, ["--site", str(tmp_path), "--lang", "en", "lab", "reader", *arguments]) == 2
        said = capfd.readouterr().err
        assert said.startswith("portseal: ")
        assert "in clear" not in said.replace("never in clear", "")
