"""The access-control system's list: spellings, encodings, all or nothing, and that no number or name gets through."""

from __future__ import annotations

import io
import json
import pickle
import stat
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from controller.cards.authority import AuthorityImport, Door, import_bytes, import_file, preview
from controller.cards.pseudonyms import KEY_NAME, CardKey, Known, card_key, commitment, identify, pseudonym
from policies.cards.number import CardNumber, CardRule, Digits
from policies.cards.profile import parse_window
from policies.cards.rights import Authority, Card, HolderStatus, Limits, Right, TimeProfile
from policies.errors import ConfigError, InputError
from policies.grants import MAX_DEVICES, Purpose
from policies.site import Site
from policies.terminal import Terminal, TerminalPlatform
from policies.usb import HID, STORAGE

KEY = CardKey(b"k" * 32)
SITE = Site(
    "park",
    Path("/nowhere"),
    terminals=tuple(
        Terminal(name, TerminalPlatform.LINUX, agent=True, place="x", owner="y") for name in ("guard-1", "guard-2")
    ),
    profiles=(TimeProfile("office", (parse_window("mon-fri 08:00-18:00"),)),),
    authority=CardRule(4, Digits.DECIMAL),
)
ZH = (
    "卡号,姓名,工号,状态,生效日期,失效日期,终端,用途,时段,最长分钟,设备数,设备类别,只读,部门\n"
    "0077705923,王丽,A01,正常,2026-01-01,2026-12-31,guard-1,案件调取,office,15,1,存储,否,保卫处\n"
    "0077705923,王丽,A01,正常,2026-01-01,2026-12-31,GUARD-2、guard-1,维护;其他,,15,1,存储,否,保卫处\n"
    "81655381,李雷,A02,挂失,2026/1/1,长期,全部,全部,,,,,是,\n"
)
EN = "Card number,Name,Terminals,Purposes\n77705923,Wang Li,guard-1,case\n81655381,Li Lei,*,maintenance\n"
SECRETS = ("77705923", "81655381", "04A1B2C3", "王丽", "李雷", "Wang", "Li Lei")


def door(known: Known | None = None, version: int = 1, site: Site = SITE) -> Door:
    numbers = count(1)
    return Door(site, KEY, version, known or Known(), fresh=lambda: f"p{version}-{next(numbers)}")


def imported(text: str | bytes, **options: object) -> AuthorityImport:
    content = text.encode() if isinstance(text, str) else text
    return import_bytes(content, "list.csv", door(**options))  # type: ignore[arg-type]


def problems(text: str | bytes) -> list[str]:
    found = imported(text)
    assert (found.authority is None) == bool(found.problems)
    assert found.problems == () or (found.identities, found.bearers) == ((), ())
    return [problem.line("en") for problem in found.problems]


def utc(*when: int) -> datetime:
    return datetime(*when, tzinfo=UTC)  # type: ignore[arg-type,misc]


def found_card(result: AuthorityImport, number: int) -> Card:
    """Find a card as a swipe does: number → index → pseudonym → card."""
    index = KEY.card(CardNumber(f"{number:08X}"))
    known = next(each.card for each in result.identities if each.index == index)
    card = result.require().card(known)
    assert card is not None
    return card


def test_a_list_in_chinese_becomes_cards_with_rights() -> None:
    result = imported(ZH)
    wang, li = found_card(result, 77705923), found_card(result, 81655381)
    assert wang.status is HolderStatus.ACTIVE
    assert set(wang.rights) == {
        Right(("guard-1",), (Purpose.CASE,), "office"),
        Right(("guard-1", "guard-2"), (Purpose.MAINTENANCE, Purpose.OTHER), ""),
    }
    assert wang.limits == Limits(900, 1, (STORAGE,))
    # The last day counts as a whole, by the site's time.
    assert (wang.valid_from, wang.valid_until) == (utc(2025, 12, 31, 16), utc(2026, 12, 31, 16))
    assert li.status is HolderStatus.SUSPENDED
    assert li.rights == (Right(("*",), tuple(Purpose), ""),)
    assert li.limits == Limits(28_800, MAX_DEVICES, (STORAGE,), read_only=True)
    assert (li.valid_from, li.valid_until) == (utc(2025, 12, 31, 16), None)
    assert wang.bearer != li.bearer
    assert [str(note) for note in result.notes] == ["columns that are not imported: 部门"]


def test_the_short_list_in_english_has_cards_in_force() -> None:
    authority = imported(EN).require()
    assert [card.status for card in authority.cards] == [HolderStatus.ACTIVE] * 2
    assert [card.card for card in authority.cards] == sorted(card.card for card in authority.cards)


def workbook(text: str) -> bytes:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for line in text.splitlines():
        sheet.append(line.split(","))
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def as_json(text: str) -> bytes:
    head, *lines = (line.split(",") for line in text.splitlines())
    return json.dumps({"cards": [dict(zip(head, line, strict=True)) for line in lines]}, ensure_ascii=False).encode()


@pytest.mark.parametrize(
    "content",
    [
        ZH.encode("gbk"),
        ZH.encode("utf-8-sig"),
        ZH.replace("\n", "\r\n").replace(",", "\t").encode("utf-16"),
        ZH.replace("维护;其他", "维护、其他").replace(",", ";").encode(),
        ("sep=;\n" + ZH.replace("维护;其他", "维护、其他").replace(",", ";")).encode(),
        ("门禁系统导出\n2026-09-01\n" + ZH).encode(),
        "\n".join("\t".join(f'"{cell}"' for cell in line.split(",")) for line in ZH.splitlines()).encode("gb18030"),
        workbook(ZH),
        as_json(ZH),
    ],
    ids=["GBK", "UTF-8 of Excel", "UTF-16 tabs", "semicolons", "hint", "titles", "quoted tabs", "workbook", "JSON"],
)
def test_every_encoding_and_container_gives_the_same_cards(content: bytes) -> None:
    expected, result = imported(ZH).require(), imported(content)
    assert result.require().cards == expected.cards
    assert result.require().content == expected.content
    assert (result.require().file_mac == expected.file_mac) == (content == ZH.encode())


def test_problems_name_the_row_as_a_person_counts_it() -> None:
    for text in (EN, EN.replace(",", "\t"), "a title\n" + EN, "sep=,\n" + EN):
        broken = text.replace("maintenance", "fun")
        row = broken.splitlines().index(next(line for line in broken.splitlines() if "fun" in line)) + 1
        assert problems(broken)[0].startswith(f"list.csv:{row} Purposes: write one or more of: 案件调取 / case")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("77705923", "", "the card number is missing"),
        ("77705923", "7.77E+07", "the spreadsheet rounded the card number"),
        ("77705923", "0", "the card number is zero"),
        ("77705923", "04A1B2C3", "does not send a decimal number"),
        ("77705923", "99999999999", "does not fit into 32 bits"),
        ("guard-1", "guard-7", "the site has no terminal of this name; is it guard-"),
        ("guard-1", "xyz", "the site has no terminal of this name; declare it"),
        ("guard-1", "", "the terminals are missing"),
        ("case", "fun", "write one or more of"),
        ("case", "", "write one or more of"),
        ("Purposes", "Remarks", "the column 用途 / Purposes is missing"),
        ("Name", "Card validity", "this column may limit cards and is not understood"),
        ("Purposes", "Terminal", "two columns mean the same"),
        ("Name", "Status", "this is no status"),
        ("Name", "Valid from", "this is no date"),
        ("Name", "Hours", "the site has no such time profile; it has: office"),
        ("Name", "Minutes", "write a whole number from 1 to 480"),
        ("Name", "Devices", "write a whole number from 1 to 16"),
        ("Name", "Read only", "write one of: 是 / yes"),
        ("Name", "Classes", "write one or more of: 存储 / storage"),
        ("81655381", "77705923", "row 2 says otherwise of the same card"),
    ],
)  # fmt: skip
def test_with_one_problem_nothing_is_imported_and_no_number_or_name_is_told(old: str, new: str, says: str) -> None:
    assert imported(EN).problems == ()
    lines = problems(EN.replace(old, new, 1))
    assert any(says in line for line in lines), lines
    for line in lines:
        assert not any(secret in line for secret in SECRETS)
    with pytest.raises(InputError, match="nothing was changed") as caught:
        imported(EN.replace(old, new, 1)).require()
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no row has the headings"),
        ("a,b\n1,2\n", "no row has the headings of a list of cards (卡号 / Card number, 终端"),
        ("Card number,Terminals,Purposes\n", "the list has headings but no cards"),
        ("[]", "no row has the headings"),
    ],
)
def test_a_list_without_cards_is_a_problem_and_never_an_empty_authority(text: str, says: str) -> None:
    assert any(says in line for line in problems(text))


@pytest.mark.parametrize(
    ("cell", "until"),
    [
        ("2026-12-31", utc(2026, 12, 31, 16)),
        ("2026年12月31日", utc(2026, 12, 31, 16)),
        ("20261231", utc(2026, 12, 31, 16)),
        ("2026/12/31 18:30", utc(2026, 12, 31, 10, 30)),
        ("2026-12-31T18:30:15", utc(2026, 12, 31, 10, 30, 15)),
        ("9999-12-31", None),
        ("永久", None),
        ("-", None),
        ("", None),
    ],
)
def test_the_end_of_a_card_is_read_by_the_sites_time(cell: str, until: datetime | None) -> None:
    text = f"卡号,终端,用途,有效期至\n77705923,*,维护,{cell}\n"
    assert found_card(imported(text), 77705923).valid_until == until


@pytest.mark.parametrize("cell", ["2026-02-30", "46023", "tomorrow", "1960-01-01", "2026-01-01 25:00", "31.12.2026"])
def test_other_dates_are_problems(cell: str) -> None:
    assert any("this is no date" in line for line in problems(f"卡号,终端,用途,有效期至\n77705923,*,维护,{cell}\n"))


def test_a_card_that_ends_before_it_begins_is_a_problem() -> None:
    text = "卡号,终端,用途,开始日期,结束日期\n77705923,*,维护,2026-02-02,2026-02-01\n"
    assert any("ends before it begins" in line for line in problems(text))


class TestHolders:
    def test_two_cards_of_one_staff_number_are_one_person(self) -> None:
        text = "卡号,工号,姓名,终端,用途\n1,A01,王丽,*,维护\n2,a01,王莉,*,维护\n3,,王丽,*,维护\n"
        one, two, unknown = (found_card(imported(text), number) for number in (1, 2, 3))
        assert one.bearer == two.bearer != ""
        assert unknown.bearer == ""  # by name it might be the first person again, or somebody else

    def test_without_staff_numbers_one_name_is_one_person(self) -> None:
        text = "卡号,姓名,终端,用途\n1,王丽,*,维护\n2,王丽,*,维护\n3,李雷,*,维护\n4,,*,维护\n"
        one, two, other, unknown = (found_card(imported(text), number).bearer for number in (1, 2, 3, 4))
        assert one == two
        assert len({one, other, unknown}) == 3
        assert unknown == ""


class TestPseudonyms:
    def test_nothing_that_leaves_shows_a_number_or_a_name(self) -> None:
        result = imported(ZH)
        shown = repr(result) + repr(result.authority) + repr(door()) + repr(KEY)
        hexes = [f"{int(number):08x}" for number in ("77705923", "81655381")]
        assert not any(secret in shown for secret in (*SECRETS, *hexes, *map(str.upper, hexes)))
        assert "王丽" in {each.name for each in result.identities}  # for the table that can be erased
        stored = pickle.dumps([(each.card, each.index, each.commitment, each.salt) for each in result.identities])
        assert not any(secret.encode() in stored for secret in (*SECRETS, *hexes, *map(str.upper, hexes)))

    def test_cards_keep_their_pseudonyms_over_lists_and_others_never_get_them(self) -> None:
        first = imported(ZH)
        known = Known({each.index: each for each in first.identities}, dict(first.bearers))
        again = imported(EN, known=known, version=2)
        assert {each.card for each in again.identities} == {each.card for each in first.identities}
        assert [each.salt for each in again.identities] == [each.salt for each in first.identities]
        without = imported(EN, version=2)
        assert not {each.card for each in without.identities} & {each.card for each in first.identities}

    def test_a_commitment_shows_the_card_to_who_has_number_and_salt_alone(self) -> None:
        number, other = CardNumber("04A1B2C3"), CardNumber("04A1B2C4")
        one, two = (identify(number, "", KEY, Known(), pseudonym) for _ in range(2))
        assert one.commitment == commitment(number, one.salt)
        assert one.commitment != commitment(other, one.salt)
        assert one.commitment != two.commitment  # another salt
        assert one.card != two.card  # random, not derived
        assert one.index == two.index != KEY.card(other)

    def test_another_sites_key_gives_other_indexes(self) -> None:
        number = CardNumber("04A1B2C3")
        assert CardKey(b"a" * 32).card(number) != CardKey(b"b" * 32).card(number)
        assert KEY.card(number) != KEY.bearer(number.reveal())
        with pytest.raises(ValueError, match="32 bytes"):
            CardKey(b"short")

    def test_the_key_is_made_once_and_for_its_owner_alone(self, tmp_path: Path) -> None:
        number = CardNumber("04A1B2C3")
        made = card_key(tmp_path)
        assert stat.S_IMODE((tmp_path / KEY_NAME).stat().st_mode) == 0o600
        assert card_key(tmp_path).card(number) == made.card(number)
        (tmp_path / KEY_NAME).write_text("nothing")
        with pytest.raises(ConfigError, match="holds no key for cards"):
            card_key(tmp_path)
        (tmp_path / KEY_NAME).chmod(0o644)
        with pytest.raises(ConfigError, match="open to other users"):
            card_key(tmp_path)


class TestJson:
    def test_lists_numbers_and_flags_are_taken(self) -> None:
        cards = [
            {
                "number": 77705923, "terminals": ["guard-1", "guard-2"], "purposes": ["case", "other"],
                "read_only": True, "minutes": 5, "classes": ["storage", "hid"], "status": "revoked", "remark": None,
            }
        ]  # fmt: skip
        result = imported(json.dumps(cards))
        card = found_card(result, 77705923)
        assert card.rights == (Right(("guard-1", "guard-2"), (Purpose.CASE, Purpose.OTHER)),)
        assert card.limits == Limits(300, MAX_DEVICES, (HID, STORAGE), read_only=True)
        assert card.status is HolderStatus.REVOKED

    @pytest.mark.parametrize(
        "text",
        ['{"cards": 1}', "{}", "[1]", '[{"number": 1.5}]', '[{"number": NaN}]', '[{"number": "1", "number": "2"}]',
         "[" * 5000, '[{"number": "77705923"', '{"cards": [[]]}'],
    )  # fmt: skip
    def test_other_json_is_refused(self, text: str) -> None:
        with pytest.raises(InputError) as caught:
            imported(text)
        assert not any(secret in str(caught.value) for secret in SECRETS)

    def test_a_member_of_another_type_is_a_problem_of_its_card(self) -> None:
        text = '[{"number": {"a": 1}, "terminals": "*", "purposes": "case"}]'
        assert problems(text) == [
            "list.csv:1 number: a text, a whole number, true, false, or a list of texts is needed here"
        ]


class TestPreview:
    BEFORE = imported(ZH).require()

    def test_the_first_list_adds_all(self) -> None:
        found = preview(None, self.BEFORE)
        assert (len(found.added), found.changed, found.removed, found.unchanged, found.withdrawn) == (2, (), (), 0, ())

    def test_the_same_list_changes_nothing(self) -> None:
        found = preview(self.BEFORE, self.BEFORE)
        assert (found.added, found.changed, found.removed, found.unchanged, found.withdrawn) == ((), (), (), 2, ())

    @pytest.mark.parametrize(
        ("change", "withdrawn"),
        [
            ({"status": HolderStatus.REVOKED}, True),
            ({"status": HolderStatus.SUSPENDED}, True),
            ({"rights": ()}, True),
            ({"valid_until": utc(2026, 6, 1)}, True),
            ({"valid_from": utc(2026, 6, 1)}, True),
            ({"limits": Limits(60, 1)}, True),
            ({"limits": Limits(900, 1, read_only=True)}, True),
            ({"bearer": "somebody else"}, True),
            ({"valid_until": None}, False),
            ({"valid_from": None}, False),
            ({"limits": Limits(9999, 2)}, False),
        ],
    )
    def test_a_card_that_may_less_is_to_be_relocked_and_one_that_may_more_is_not(
        self, change: dict[str, object], withdrawn: bool
    ) -> None:
        old = next(card for card in self.BEFORE.cards if card.status is HolderStatus.ACTIVE)
        new = replace(old, **change)  # type: ignore[arg-type]
        after = replace(self.BEFORE, cards=tuple(new if card is old else card for card in self.BEFORE.cards))
        found = preview(self.BEFORE, after)
        assert found.changed == (old.card,)
        assert found.withdrawn == ((old.card,) if withdrawn else ())

    def test_a_card_that_is_gone_is_withdrawn(self) -> None:
        found = preview(self.BEFORE, Authority(2, "", "", self.BEFORE.cards[:1]))
        assert found.removed == found.withdrawn == (self.BEFORE.cards[1].card,)


def test_a_file_is_imported_with_its_hash_and_version(tmp_path: Path) -> None:
    path = tmp_path / "cards.csv"
    path.write_bytes(EN.encode())
    authority = import_file(path, door(version=9)).require()
    assert authority.version == 9
    assert authority == import_bytes(EN.encode(), "other name", door(version=9)).authority
    with pytest.raises(InputError, match="the file cannot be read"):
        import_file(tmp_path / "nothing.csv", door())


def test_any_change_of_a_right_changes_the_hash_of_what_was_understood() -> None:
    hashes = {imported(text).require().content for text in (EN, EN.replace("case", "other"), EN + "\n", EN.upper())}
    assert len(hashes) == 2


@settings(max_examples=60)
@given(st.binary(max_size=300) | st.text(max_size=200).map(lambda text: EN.encode() + text.encode("utf-8", "replace")))
def test_noise_is_a_typed_error_or_a_problem(noise: bytes) -> None:
    try:
        result = imported(noise)
    except InputError as error:
        assert str(error).isprintable()
        return
    assert (result.authority is None) == bool(result.problems)
