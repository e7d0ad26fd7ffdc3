"""The traps of readers that cannot sign: each springs where it should, beside a message that it leaves alone."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta, timezone

import pytest

from drivers.cards import dahua as dahua_cgi
from drivers.cards import dahua_vto, esp_rfid, esphome, hikvision, tasmota
from drivers.cards import zigbee2mqtt as z2m
from policies.cards import CardMismatch, CardNumber, CardRule, Digits, Fault, Order, Swipe, UnreadableSwipe, Wiegand
from tests.unit.card_samples import (
    DAHUA_DATA,
    DECIMAL,
    DOOR_CARD,
    ESP,
    HEX,
    HIKVISION,
    KEYPAD,
    TASMOTA,
    UNPADDED,
    config,
    dahua,
    fault,
    one,
    raw,
)


class TestEspRfid:
    def read(self, change: dict[str, object], topic: str = "rfid/send", **more: object) -> tuple[Swipe, ...]:
        return esp_rfid.parse(topic, raw(ESP | change), config(UNPADDED, **more))

    @pytest.mark.parametrize(
        ("change", "granted"),
        [
            ({"isKnown": "true", "access": "Always"}, True),
            ({"isKnown": "true", "access": "Admin"}, True),
            ({"isKnown": True, "access": "Always"}, True),
            ({"isKnown": "false", "access": "Always"}, False),
            ({"isKnown": "no", "access": "Always"}, False),
            ({"isKnown": None, "access": "Always"}, False),
            ({"isKnown": "true", "access": "Disabled"}, False),
            ({"isKnown": "true", "access": "Expired"}, False),
            ({"isKnown": "true", "access": "Wrong pin code"}, False),
            ({"isKnown": "false", "access": "Denied", "username": "Unknown"}, False),
        ],
    )
    def test_booleans_are_texts_and_only_two_words_are_a_yes(self, change: dict[str, object], granted: bool) -> None:
        assert one(self.read(change)).granted is granted

    @pytest.mark.parametrize("kind", ["boot", "heartbeat", "WARN", "INFO", "adduser", None])
    def test_other_messages_on_the_topic_are_no_swipes(self, kind: str | None) -> None:
        assert self.read({"type": kind}) == ()

    def test_a_door_that_a_button_opened_is_no_swipe(self) -> None:
        assert self.read({"username": "Button", "uid": " "}) == ()
        assert self.read({"username": "MQTT", "uid": " "}) == ()

    @pytest.mark.parametrize(
        ("access", "doors", "door", "granted"),
        [
            (["Always", "Always"], ["a", "b"], "", True),
            (["Always", "Disabled"], ["a", "b"], "", False),
            (["Always", "Disabled"], ["a", "b"], "a", True),
            (["Always", "Disabled"], ["a", "b"], "b", False),
            (["Always"], ["a", "b"], "a", False),
            ([], [], "", False),
            (["Always", 1], ["a", "b"], "", False),
        ],
    )
    def test_several_doors_are_lists(self, access: list[object], doors: list[str], door: str, granted: bool) -> None:
        assert one(self.read({"access": access, "doorName": doors}, door=door)).granted is granted

    def test_a_door_that_is_not_the_readers_is_left_out(self) -> None:
        assert self.read({"doorName": ["a", "b"], "access": ["Always", "Always"]}, door="c") == ()
        assert self.read({"hostname": "east"}, device="west") == ()
        assert len(self.read({"hostname": "west"}, device="west")) == 1

    def test_without_a_type_only_the_tag_topic_of_home_assistant_counts(self) -> None:
        told = {key: value for key, value in ESP.items() if key not in ("type", "isKnown")}
        assert esp_rfid.parse("rfid/send", raw(told), config(UNPADDED)) == ()
        assert one(esp_rfid.parse("rfid/tag", raw(told), config(UNPADDED))).granted is True
        assert one(esp_rfid.parse("rfid/tag", raw(told | {"access": "Denied"}), config(UNPADDED))).granted is False

    def test_the_short_uid_of_the_documentation_may_be_of_several_cards(self) -> None:
        assert fault(esp_rfid.parse, "rfid", raw(ESP | {"uid": "4a1f3"}), config(UNPADDED)) is Fault.CARD
        assert one(self.read({"uid": "4a1f3bc7"})).card.reveal() == "4A1F3BC7"


class TestEsphomeAndKeypads:
    def test_bare_text_is_a_card_or_nothing(self) -> None:
        assert one(esphome.parse("t", b" 74-10-37-94\r\n", config())).card.reveal() == "74103794"
        assert esphome.parse("t", b"", config()) == ()
        for noise in (b"online", b'{"uid":"74-10-37-94"}', b"74-10-37-94" * 30, "７４".encode()):
            assert fault(esphome.parse, "t", noise, config()) is Fault.MALFORMED
        assert fault(esphome.parse, "t", b"7616525", config()) is Fault.CARD

    def test_an_rdm6300_and_a_pn532_need_their_own_rule(self) -> None:
        with pytest.raises(CardMismatch) as caught:
            esphome.parse("t", b"74-10-37-94", config(DECIMAL))
        assert caught.value.setting == "digits"

    def test_a_keypads_tag_is_a_swipe_and_its_state_is_none(self) -> None:
        for quiet in (
            {"action": ""},
            {"action": None},
            {"action_code": None},
            {"action_code": ""},
            {"action": "panic"},
        ):
            assert z2m.parse("zigbee2mqtt/pad", raw(KEYPAD | quiet), config()) == ()
        assert z2m.parse("zigbee2mqtt/pad", raw({"battery": 90}), config()) == ()
        assert z2m.parse("zigbee2mqtt/pad/set", raw(KEYPAD), config()) == ()
        assert len(z2m.parse("zigbee2mqtt/pad", raw(KEYPAD), config())) == 1

    def test_a_typed_code_is_no_card_and_is_not_repeated(self) -> None:
        with pytest.raises(CardMismatch) as caught:
            z2m.parse("zigbee2mqtt/pad", raw(KEYPAD | {"action_code": "739164"}), config())
        assert "739164" not in str(caught.value)

    def test_a_keypad_is_answered_with_its_own_transaction(self) -> None:
        topic, yes = z2m.answer("zigbee2mqtt/pad", raw(KEYPAD), granted=True)
        assert (topic, json.loads(yes)) == ("zigbee2mqtt/pad/set", {"arm_mode": {"transaction": 99, "mode": "disarm"}})
        _, no = z2m.answer("zigbee2mqtt/pad", raw(KEYPAD), granted=False)
        assert json.loads(no)["arm_mode"]["mode"] == "invalid_code"


class TestTasmota:
    TOPIC = "tele/t/SENSOR"
    W34 = config(CardRule(Wiegand.W34, Digits.DECIMAL))

    def wiegand(self, uid: object, size: object) -> bytes:
        return raw({"Time": "2021-01-23T13:10:50", "Wiegand": {"UID": uid, "Size": size}})

    def test_old_and_new_firmware_give_one_card(self) -> None:
        spellings = (7774312, "7774312", "76A068h", 4302741608, "4302741608")
        found = {one(tasmota.parse(self.TOPIC, self.wiegand(uid, 34), self.W34)).card for uid in spellings}
        assert found == {CardNumber("0076A068")}

    def test_a_33rd_bit_that_is_no_parity_is_refused(self) -> None:
        assert fault(tasmota.parse, self.TOPIC, self.wiegand(4302741608 ^ 1 << 20, 34), self.W34) is Fault.CARD
        assert fault(tasmota.parse, self.TOPIC, self.wiegand(1 << 34, 34), self.W34) is Fault.CARD

    @pytest.mark.parametrize(("uid", "size"), [(1234, 4), (5, 8), (0, 26), ("0h", 34), (0, 34)])
    def test_keys_and_misreads_are_no_swipes(self, uid: object, size: int) -> None:
        assert tasmota.parse(self.TOPIC, self.wiegand(uid, size), self.W34) == ()

    def test_another_length_than_the_rules_names_the_setting(self) -> None:
        for wrong in (self.W34, config(HEX), config(DECIMAL)):
            with pytest.raises(CardMismatch) as caught:
                tasmota.parse(self.TOPIC, self.wiegand(7748328, 26), wrong)
            assert caught.value.setting == "length"

    def test_other_sensors_are_no_swipes(self) -> None:
        assert (
            tasmota.parse(self.TOPIC, raw({"Time": "2021-01-23T13:10:50", "AM2301": {"Humidity": 50.5}}), config())
            == ()
        )
        assert fault(tasmota.parse, self.TOPIC, raw(TASMOTA | {"RC522": "BA839D07"}), config()) is Fault.MALFORMED

    def test_its_time_is_the_boards_own(self) -> None:
        west = replace(config(), zone=timezone(timedelta(hours=-7)))
        here, there = (one(tasmota.parse(self.TOPIC, raw(TASMOTA), reader)).at for reader in (config(), west))
        assert here is not None
        assert there is not None
        assert there - here == timedelta(hours=15)

    def test_reversed_bytes_are_a_setting(self) -> None:
        swipe = one(tasmota.parse(self.TOPIC, raw(TASMOTA), config(CardRule(4, order=Order.REVERSED))))
        assert swipe.card.reveal() == "079D83BA"


class TestHikvision:
    READER = config(DECIMAL)

    def event(self, outer: dict[str, object] | None = None, **inner: object) -> dict[str, object]:
        acs = HIKVISION["AccessControllerEvent"]
        assert isinstance(acs, dict)
        return HIKVISION | {"AccessControllerEvent": acs | inner} | (outer or {})

    def read(self, outer: dict[str, object] | None = None, **inner: object) -> tuple[Swipe, ...]:
        return hikvision.parse("/x", raw(self.event(outer, **inner)), self.READER)

    @pytest.mark.parametrize("minor", [38, 75, 21, 22, 23, 0, 0x10, 999, None, "x"])
    def test_fingerprints_faces_doors_and_locks_are_no_swipes(self, minor: object) -> None:
        assert self.read(subEventType=minor) == ()

    @pytest.mark.parametrize(
        ("minor", "granted"), [(1, True), (2, True), (3, False), (6, False), (9, False), (60, True)]
    )
    def test_a_card_is_a_swipe_whatever_the_door_said(self, minor: int, granted: bool) -> None:
        assert one(self.read(subEventType=minor)).granted is granted

    def test_another_major_type_is_no_swipe(self) -> None:
        assert self.read(majorEventType=2) == ()
        assert self.read(majorEventType="5") != ()

    def test_an_event_of_the_past_is_no_swipe(self) -> None:
        for past in (False, "false"):
            assert self.read(currentEvent=past) == ()
        for now in (True, "true"):
            assert len(self.read(currentEvent=now)) == 1
        assert self.read({"eventState": "inactive"}) == ()

    def test_without_a_card_there_is_no_swipe(self) -> None:
        for none in ("", "0", None):
            assert self.read(cardNo=none) == ()
        assert self.read({"eventType": "heartBeat"}) == ()

    def test_a_repetition_has_the_same_serial_number(self) -> None:
        first, again, other = one(self.read()), one(self.read({"activePostCount": 2})), one(self.read(serialNo=140))
        assert first.repeat_keys == again.repeat_keys
        assert first.source_event_id != other.source_event_id

    def test_a_reader_is_chosen_by_its_number(self) -> None:
        payload = raw(self.event(cardReaderNo=2))
        assert hikvision.parse("/x", payload, replace(self.READER, door="1")) == ()
        assert len(hikvision.parse("/x", payload, replace(self.READER, door="2", device="gate"))) == 1
        assert hikvision.parse("/x", payload, replace(self.READER, device="other")) == ()

    def test_multipart_gives_its_json_and_leaves_the_picture(self) -> None:
        picture = b'Content-Disposition: form-data; name="Picture"\r\nContent-Type: image/jpeg\r\n\r\n\xff\xd8{"a":'
        log = b'Content-Disposition: form-data; name="event_log"\r\nContent-Type: application/json\r\n\r\n'
        event = raw(self.event())
        body = (
            b"--MIME_boundary\r\n" + log + event + b"\r\n--MIME_boundary\r\n" + picture + b"\r\n--MIME_boundary--\r\n"
        )
        assert one(hikvision.parse("/x", body, self.READER)).card.reveal() == "0000000B"
        assert one(hikvision.parse("/x", log + event, self.READER)).card.reveal() == "0000000B"
        wrapped = raw({"EventNotificationAlert": self.event()})
        assert one(hikvision.parse("/x", wrapped, self.READER)).source_event_id == "192.168.1.11/139"
        assert fault(hikvision.parse, "/x", body.replace(event, event[:-1]), self.READER) is Fault.MALFORMED

    def test_xml_says_what_to_change(self) -> None:
        with pytest.raises(UnreadableSwipe, match="JSON"):
            hikvision.parse("/x", b"<EventNotificationAlert/>", self.READER)

    @pytest.mark.parametrize("encoding", ["utf-8", "gbk", "gb18030", "utf-16-le", "latin-1"])
    def test_a_name_in_another_encoding_does_no_harm(self, encoding: str) -> None:
        # The last byte of 誠 in GBK is a backslash, which would eat the quote behind it.
        name = "é誠".encode("latin-1", "ignore") if encoding == "latin-1" else "赵誠".encode(encoding)
        payload = json.dumps(self.event(name="NAME")).encode().replace(b"NAME", name)
        if encoding == "utf-16-le":
            # No reader of ours knows it, and JSON does not allow it: refused, never another card.
            assert fault(hikvision.parse, "/x", payload.replace(b"8", b"\x00", 1), self.READER) is Fault.MALFORMED
            return
        swipe = one(hikvision.parse("/x", payload, self.READER))
        assert swipe.card.reveal() == "0000000B"
        assert "赵" not in repr(swipe)


class TestDahua:
    @pytest.mark.parametrize("method", [0, 4, 5, 6, 15, 29, 39, None, "4"])
    def test_only_a_card_that_was_shown_is_a_swipe(self, method: object) -> None:
        assert dahua_cgi.parse("/x", dahua(DAHUA_DATA | {"Method": method}), config()) == ()
        assert len(dahua_cgi.parse("/x", dahua(DAHUA_DATA | {"Method": 1}), config())) == 1

    @pytest.mark.parametrize(
        ("change", "granted"),
        [
            ({}, True),
            ({"ErrorCode": None}, True),
            ({"Status": 0}, False),
            ({"Status": 0, "ErrorCode": 16}, False),
            ({"Status": 1, "ErrorCode": 18}, False),
            ({"Status": None}, False),
            ({"ErrorCode": "x"}, False),
        ],
    )
    def test_status_and_error_code_are_the_decision(self, change: dict[str, object], granted: bool) -> None:
        assert one(dahua_cgi.parse("/x", dahua(DAHUA_DATA | change), config())).granted is granted

    def test_json_over_several_lines_and_several_events_are_read(self) -> None:
        second = dahua(DAHUA_DATA | {"CardNo": "01020304"}, indent=2)
        payload = b"--b\r\nContent-Type: text/plain\r\n\r\n" + dahua(DAHUA_DATA, indent=2) + b"\r\n--b\r\n\r\n" + second
        found = dahua_cgi.parse("/x", payload + b"\r\nHeartbeat", config())
        assert [swipe.card.reveal() for swipe in found] == ["AABB1122", "01020304"]

    def test_an_event_in_a_name_is_no_event(self) -> None:
        injected = dahua(DAHUA_DATA | {"CardNo": "01020304"}).decode()
        payload = dahua(DAHUA_DATA | {"CardName": injected, "Method": 4})
        assert dahua_cgi.parse("/x", payload, config()) == ()
        assert [
            each.card.reveal() for each in dahua_cgi.parse("/x", dahua(DAHUA_DATA | {"CardName": injected}), config())
        ] == ["AABB1122"]

    def test_other_codes_and_ends_are_no_swipes(self) -> None:
        assert dahua_cgi.parse("/x", dahua(DAHUA_DATA, "VideoMotion"), config()) == ()
        assert dahua_cgi.parse("/x", dahua(DAHUA_DATA).replace(b"=Pulse", b"=Stop"), config()) == ()
        assert dahua_cgi.parse("/x", b"Heartbeat", config()) == ()
        assert dahua_cgi.parse("/x", dahua(DAHUA_DATA | {"CardNo": ""}), config()) == ()

    def test_an_upload_in_json_is_the_same_event(self) -> None:
        told = {"Code": "AccessControl", "Action": "Pulse", "Index": 0, "Data": DAHUA_DATA}
        assert one(dahua_cgi.parse("/x", raw(told), config())).card.reveal() == "AABB1122"

    def test_a_bare_read_has_no_decision(self) -> None:
        told = {"Action": "Pulse", "Data": DOOR_CARD, "Index": 0}
        assert one(dahua_vto.parse("vto/DoorCard/Event", raw(told), config())).granted is None

    def test_topic_and_code_agree(self) -> None:
        told = {"Action": "Pulse", "Data": DAHUA_DATA, "Code": "AccessControl"}
        assert len(dahua_vto.parse("vto/AccessControl/Event", raw(told), config())) == 1
        assert fault(dahua_vto.parse, "vto/DoorCard/Event", raw(told), config()) is Fault.VALUE
        for topic in ("vto/VideoMotion/Event", "vto/MagneticLock/Status", "Event", ""):
            assert dahua_vto.parse(topic, raw(told), config()) == ()

    def test_a_reader_is_chosen_by_its_id(self) -> None:
        for door, count in (("1", 1), ("2", 0)):
            assert len(dahua_cgi.parse("/x", dahua(DAHUA_DATA), config(door=door))) == count
