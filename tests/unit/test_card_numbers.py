"""Card numbers: one canonical text per card and rule, nothing guessed, nothing shown."""

from __future__ import annotations

import copy
import pickle
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from policies.cards import (
    CardMismatch,
    CardNumber,
    CardRule,
    Digits,
    Order,
    Wiegand,
    normalise,
    read_length,
)
from policies.cards.number import on_wire, pack, unpack
from policies.errors import ConfigError, InputError

LAYOUTS = st.sampled_from(list(Wiegand))
UIDS = st.sampled_from([4, 7, 10]).flatmap(lambda size: st.binary(min_size=size, max_size=size)).filter(any)


def written(uid: bytes, digits: Digits) -> str:
    """Write a UID as a reader does."""
    number = int.from_bytes(uid, "big")
    return {
        Digits.HEX: uid.hex(),
        Digits.HEX_NUMBER: f"{number:x}",
        Digits.HEX_UNPADDED: "".join(f"{byte:x}" for byte in uid),
        Digits.DECIMAL: str(number),
    }[digits]


def refused(given_: str | int, rule: CardRule) -> CardMismatch:
    with pytest.raises(CardMismatch) as caught:
        normalise(given_, rule)
    return caught.value


class TestCanonical:
    @pytest.mark.parametrize(
        ("text", "rule", "canonical"),
        [
            ("04A1B2C3", CardRule(), "04A1B2C3"),
            ("04-a1-b2-c3", CardRule(), "04A1B2C3"),
            ("04 A1 B2 C3", CardRule(), "04A1B2C3"),
            ("04a1b2c3", CardRule(order=Order.REVERSED), "C3B2A104"),
            ("77705923", CardRule(4, Digits.DECIMAL), "04A1B2C3"),
            ("0077705923", CardRule(4, Digits.DECIMAL), "04A1B2C3"),
            (77705923, CardRule(4, Digits.DECIMAL), "04A1B2C3"),
            ("4a1b2c3", CardRule(4, Digits.HEX_NUMBER), "04A1B2C3"),
            ("04a1b2c3d4e580", CardRule(7), "04A1B2C3D4E580"),
            ("123,00042", CardRule(Wiegand.W26, Digits.FACILITY), "7B002A"),
            ("12300042", CardRule(Wiegand.W26, Digits.FACILITY), "7B002A"),
            (12300042, CardRule(Wiegand.W26, Digits.FACILITY), "7B002A"),
            ("42", CardRule(Wiegand.W26, Digits.DECIMAL, facility=123), "7B002A"),
            ("8060970", CardRule(Wiegand.W26, Digits.DECIMAL), "7B002A"),
            ("65535:524287", CardRule(Wiegand.W37, Digits.FACILITY), "07FFFFFFFF"),
        ],
    )
    def test_every_spelling_of_a_card_gives_one_text(self, text: str | int, rule: CardRule, canonical: str) -> None:
        assert normalise(text, rule).reveal() == canonical

    def test_a_26_bit_number_and_a_uid_with_the_same_value_are_two_cards(self) -> None:
        wiegand = normalise("8060970", CardRule(Wiegand.W26, Digits.DECIMAL))
        uid = normalise("8060970", CardRule(4, Digits.DECIMAL))
        assert (wiegand.size, uid.size) == (3, 4)
        assert wiegand != uid

    @given(UIDS, st.sampled_from([Digits.HEX, Digits.HEX_NUMBER, Digits.DECIMAL]), st.sampled_from(Order))
    def test_a_uid_comes_back_from_every_spelling(self, uid: bytes, digits: Digits, order: Order) -> None:
        card = normalise(written(uid, digits), CardRule(len(uid), digits, order))
        assert bytes.fromhex(card.reveal()) == (uid if order is Order.AS_READ else uid[::-1])

    @given(UIDS)
    def test_unpadded_digits_give_the_card_or_nothing(self, uid: bytes) -> None:
        try:
            card = normalise(written(uid, Digits.HEX_UNPADDED), CardRule(len(uid), Digits.HEX_UNPADDED))
        except CardMismatch as error:
            assert error.setting == "digits"
            assert not all(byte > 15 for byte in uid)
        else:
            assert bytes.fromhex(card.reveal()) == uid

    @given(st.data(), st.sampled_from([Digits.HEX, Digits.HEX_NUMBER, Digits.HEX_UNPADDED, Digits.DECIMAL]))
    def test_two_cards_never_give_one_number(self, data: st.DataObject, digits: Digits) -> None:
        size = data.draw(st.sampled_from([4, 7]))
        # Small bytes are where zeros get lost.
        byte = st.sampled_from([0, 1, 10, 16, 26, 161, 255])
        one, other = (bytes(data.draw(st.lists(byte, min_size=size, max_size=size))) for _ in range(2))
        assume(one != other)
        numbers = []
        for uid in (one, other):
            try:
                numbers.append(normalise(written(uid, digits), CardRule(size, digits)))
            except CardMismatch:
                return
        assert numbers[0] != numbers[1]

    def test_what_unpadded_digits_collide_on_is_refused(self) -> None:
        assert written(b"\x0a\x1b\xcc\xdd", Digits.HEX_UNPADDED) == written(b"\xa1\x0b\xcc\xdd", Digits.HEX_UNPADDED)
        error = refused("a1bccdd", CardRule(4, Digits.HEX_UNPADDED))
        assert error.setting == "digits"
        assert normalise("a1bccddd", CardRule(4, Digits.HEX_UNPADDED)).reveal() == "A1BCCDDD"
        assert normalise("a1bc", CardRule(4, Digits.HEX_UNPADDED)).reveal() == "0A010B0C"


class TestWiegand:
    @given(LAYOUTS, st.data())
    def test_facility_and_number_come_back(self, layout: Wiegand, data: st.DataObject) -> None:
        facility = data.draw(st.integers(0, 2**layout.facility_bits - 1))
        number = data.draw(st.integers(0 if facility else 1, 2**layout.number_bits - 1))
        card = pack(layout, facility, number)
        assert unpack(card, layout) == (facility, number)
        assert normalise(f"{facility},{number}", CardRule(layout, Digits.FACILITY)) == card
        assert normalise(str(number), CardRule(layout, Digits.DECIMAL, facility=facility)) == card
        line = on_wire(card, layout)
        with_parity = CardRule(layout, Digits.DECIMAL, parity=True)
        assert normalise(line, with_parity) == card
        assert normalise(f"{line:x}", replace(with_parity, digits=Digits.HEX_NUMBER)) == card

    @given(LAYOUTS, st.data())
    def test_one_wrong_bit_on_the_line_is_refused(self, layout: Wiegand, data: st.DataObject) -> None:
        card = pack(layout, data.draw(st.integers(1, 2**layout.facility_bits - 1)), 42)
        wrong = on_wire(card, layout) ^ 1 << data.draw(st.integers(0, layout.bits - 1))
        assert refused(wrong, CardRule(layout, Digits.DECIMAL, parity=True)).setting == "parity"

    @pytest.mark.parametrize(
        ("layout", "facility", "number", "line"),
        [
            # 1 | 01111011 0000 | 000000101010 | 0: six ones and an even bit 0; three ones and an odd bit 0
            (Wiegand.W26, 123, 42, 0b0_01111011_0000000000101010_0),
            (Wiegand.W26, 1, 1, 0b1_00000001_0000000000000001_0),
            (Wiegand.W34, 1, 0, 0b1_0000000000000001_0000000000000000_1),
            # The middle bit of 35 counts in both halves: it is the second bit of the number.
            (Wiegand.W37, 0, 1 << 17, 0b1_0000000000000000_0100000000000000000_0),
        ],
    )
    def test_the_parity_bits_are_those_of_the_standard_layouts(
        self, layout: Wiegand, facility: int, number: int, line: int
    ) -> None:
        assert on_wire(pack(layout, facility, number), layout) == line

    def test_facility_codes_and_numbers_out_of_range_name_the_setting(self) -> None:
        assert refused("256,1", CardRule(Wiegand.W26, Digits.FACILITY)).setting == "digits"
        # The sample of uhppoted-mqtt: its last five places are 65538, so it is one number.
        assert refused("8165538", CardRule(Wiegand.W26, Digits.FACILITY)).setting == "digits"
        assert refused("65536", CardRule(Wiegand.W26, Digits.DECIMAL, facility=1)).setting == "facility"
        assert refused("123456789", CardRule(Wiegand.W37, Digits.FACILITY)).setting == "digits"
        with pytest.raises(CardMismatch):
            pack(Wiegand.W26, 256, 1)
        with pytest.raises(CardMismatch):
            unpack(CardNumber("04A1B2C3"), Wiegand.W26)


class TestRefusals:
    @pytest.mark.parametrize(
        ("text", "rule", "setting"),
        [
            ("04A1B2C3D4E580", CardRule(4), "length"),
            ("4A1B2C3", CardRule(4), "length"),
            ("04A1B2C3", CardRule(7), "length"),
            ("04A1B2CG", CardRule(4), "digits"),
            ("04-A1:B2-C3", CardRule(4), "digits"),
            ("04A1B2C3", CardRule(4, Digits.DECIMAL), "digits"),
            ("4294967296", CardRule(4, Digits.DECIMAL), "length"),
            ("16777216", CardRule(Wiegand.W26, Digits.DECIMAL), "length"),
            (-1, CardRule(4, Digits.DECIMAL), "length"),
            (77705923, CardRule(4), "digits"),
            ("", CardRule(), "digits"),
            ("0" * 65, CardRule(), "digits"),
            ("00000000", CardRule(), "digits"),
            (0, CardRule(4, Digits.DECIMAL), "digits"),
            ("٠٤", CardRule(4, Digits.DECIMAL), "digits"),
            (1 << 30, CardRule(Wiegand.W26, Digits.DECIMAL, parity=True), "length"),
        ],
    )
    def test_what_does_not_fit_names_the_setting_and_not_the_number(
        self, text: str | int, rule: CardRule, setting: str
    ) -> None:
        error = refused(text, rule)
        assert error.setting == setting
        assert error.next_step is not None
        if len(str(text)) > 3:
            assert str(text) not in str(error)
            assert str(text) not in repr(error)

    @given(st.text(max_size=80) | st.integers(), st.sampled_from(Digits), st.sampled_from([4, 7, *Wiegand]))
    def test_any_text_gives_a_number_of_the_rules_size_or_the_typed_error(
        self, given_: str | int, digits: Digits, length: int | Wiegand
    ) -> None:
        try:
            rule = CardRule(length, digits)
        except ConfigError:
            return
        try:
            assert normalise(given_, rule).size == rule.size
        except CardMismatch as error:
            assert error.setting in ("digits", "length", "facility", "parity", "order")

    @pytest.mark.parametrize(
        ("settings", "wrong"),
        [
            ({"length": 2}, "length"),
            ({"length": 11}, "length"),
            ({"length": 4, "parity": True}, "length"),
            ({"length": 4, "facility": 1}, "length"),
            ({"length": 4, "digits": Digits.FACILITY}, "length"),
            ({"length": Wiegand.W37, "order": Order.REVERSED}, "order"),
            ({"length": Wiegand.W26, "digits": Digits.HEX_UNPADDED}, "digits"),
            ({"length": Wiegand.W26, "digits": Digits.FACILITY, "parity": True}, "digits"),
            ({"length": Wiegand.W26, "facility": 256}, "facility"),
            ({"length": Wiegand.W26, "facility": 1, "parity": True}, "facility"),
        ],
    )
    def test_settings_that_exclude_each_other_are_a_configuration_error(
        self, settings: dict[str, object], wrong: str
    ) -> None:
        with pytest.raises(ConfigError) as caught:
            CardRule(**settings)  # type: ignore[arg-type]
        assert caught.value.where == wrong

    def test_lengths_are_read_as_they_are_written(self) -> None:
        assert read_length("4") == 4
        assert read_length(" Wiegand-26 ") is Wiegand.W26
        for text in ("", "2", "11", "26", "wiegand", "4 bytes", "٤"):
            with pytest.raises(InputError):
                read_length(text)


class TestSecrecy:
    CARD = CardNumber("04A1B2C3")

    def test_nothing_but_reveal_shows_it(self) -> None:
        shown = [repr(self.CARD), str(self.CARD), f"{self.CARD}", f"{self.CARD:>20}", repr([self.CARD])]
        assert not any("04A1" in text for text in shown)
        assert self.CARD.reveal() == "04A1B2C3"
        for act in (pickle.dumps, copy.deepcopy):
            with pytest.raises(TypeError, match="not pickled"):
                act(self.CARD)

    def test_it_is_compared_by_its_number(self) -> None:
        assert CardNumber("04A1B2C3") == self.CARD
        assert hash(CardNumber("04A1B2C3")) == hash(self.CARD)
        assert self.CARD not in ("04A1B2C3", CardNumber("04A1B2C4"))

    @pytest.mark.parametrize("text", ["", "04A1", "04a1b2c3", "04A1B2C", "04A1B2C3" * 3, "04-A1-B2"])
    def test_only_canonical_text_is_one(self, text: str) -> None:
        with pytest.raises(ValueError, match="3 to 10 bytes"):
            CardNumber(text)
