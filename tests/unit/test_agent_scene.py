"""What the operator sees: the state for every status of the agent, and pages that fit every size of screen."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.display.page import Piece, cut, lay_out
from agent.display.scene import WORDS, Face, Scene, compose, gone
from policies.cards.reasons import NEXT, SENTENCES
from policies.texts import LANGUAGES, render
from policies.texts.wrap import columns

WORDS_OF_LEASE = {"zh": "仅限存储设备；设备数：1", "en": "only storage; number of devices: 1"}


def told(**changes: Any) -> dict[str, Any]:
    """Make the agent's status: shut, connected, nothing happened."""
    return {
        "site": "hq", "terminal": "T1", "leases": [], "fault": "", "away": [], "devices": [], "broker": "connected",
        "notices": [], "request": None, "ended": None, **changes,
    }  # fmt: skip


def lease(seconds: int = 200, **changes: Any) -> dict[str, Any]:
    return {"lease": "L1", "seconds": seconds, "total": 300, "devices": 1, "purpose": "case", "who": "张**",
            "allows": WORDS_OF_LEASE, "extendable": True, **changes}  # fmt: skip


def notice(kind: str, code: str, seconds: int = 1, **changes: Any) -> dict[str, Any]:
    both = {name: {each: render(table[code], each) for each in LANGUAGES} for name, table in
            (("reason", SENTENCES), ("next", NEXT))}  # fmt: skip
    return {"kind": kind, "code": code, "seconds": seconds, "left": 0, "purposes": [], "lease": "", **both, **changes}


def device(*, allowed: bool, **changes: Any) -> dict[str, Any]:
    return {"binding": "", "lease": "L1" if allowed else "", "allowed": allowed, "product": "Ultra", "vid": "0781",
            "pid": "5581", "reason": {"zh": "它充当键盘", "en": "it acts as a keyboard"}, **changes}  # fmt: skip


def asked(seconds: int = 0, **changes: Any) -> dict[str, Any]:
    return {"purpose": "case", "extend": None, "second_card": False, "state": "confirmed", "seconds": seconds,
            **changes}  # fmt: skip


def ended(seconds: int = 1, why: str = "expired", storage: str = "clean") -> dict[str, Any]:
    return {"lease": "L1", "why": why, "storage": storage, "seconds": seconds}


QUESTION = notice("needs", "purpose", left=40, purposes=["case", "other"])
STATES = {
    "shut": (told(), Face.SHUT),
    "purpose": (told(notices=[QUESTION]), Face.PURPOSE),
    "purpose, too late": (told(notices=[QUESTION | {"left": 0}]), Face.SHUT),
    "purpose, answered": (told(notices=[QUESTION], request=asked()), Face.WAITING),
    "purpose, answered before it was asked": (told(notices=[QUESTION], request=asked(9)), Face.PURPOSE),
    "purpose, the answer was lost": (told(notices=[QUESTION], request=asked(state="lost")), Face.PURPOSE),
    "purpose, another card swiped": (told(notices=[QUESTION, notice("denied", "terminal_taken", left=40)]),
                                     Face.PURPOSE),
    "second, a card that does not count": (told(notices=[notice("needs", "second_person", 5, left=30),
                                                         notice("denied", "second_same", left=30)]), Face.SECOND),
    "second": (told(notices=[notice("needs", "second_person", left=30)]), Face.SECOND),
    "granted, not open yet": (told(notices=[notice("grant", "granted")]), Face.WAITING),
    "granted, and it never came": (told(notices=[notice("grant", "granted", 11)]), Face.SHUT),
    "open": (told(leases=[lease()]), Face.OPEN),
    "open, the last 30 s": (told(leases=[lease(30)]), Face.ENDING),
    "open twice": (told(leases=[lease(10), lease(90, lease="L2")]), Face.OPEN),
    "relocked": (told(ended=ended()), Face.RELOCKED),
    "relocked, long ago": (told(ended=ended(61)), Face.SHUT),
    "relocked by the card": (told(ended=ended(why="revoked"), notices=[notice("relock", "already_open")]),
                             Face.RELOCKED),
    "relocked, then swiped": (told(ended=ended(9), notices=[QUESTION]), Face.PURPOSE),
    "refused": (told(notices=[notice("denied", "revoked")]), Face.REFUSED),
    "refused, long ago": (told(notices=[notice("denied", "revoked", 31)]), Face.SHUT),
    "away": (told(broker="away"), Face.AWAY),
    "fault": (told(fault="the disk is full"), Face.FAULT),
    "fault and refused": (told(fault="x", notices=[notice("denied", "revoked")]), Face.FAULT),
}  # fmt: skip


@pytest.mark.parametrize("name", STATES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_status_is_one_state_with_a_sentence(name: str, language: str) -> None:
    status, face = STATES[name]
    scene = compose(status, language)
    assert scene.face is face
    assert scene.word == render(WORDS[face], language)
    assert scene.lines
    assert all(scene.lines)


def test_every_state_is_reached_and_has_its_own_word_in_chinese() -> None:
    reached = {face for _, face in STATES.values()} | {gone("x", "zh").face}
    assert reached == set(Face)
    words = [render(each, "zh") for each in WORDS.values()]
    assert len(set(words)) == len(words)
    assert not [each for each in words if each.isascii()]


class TestSentences:
    @pytest.mark.parametrize("code", sorted(SENTENCES.keys() - {"chosen"}))
    def test_a_refusal_says_why_and_whom_to_ask(self, code: str) -> None:
        scene = compose(told(notices=[notice("denied", code)]), "zh")
        assert scene.face is Face.REFUSED
        assert render(SENTENCES[code], "zh") in scene.lines[0]
        assert render(NEXT[code], "zh") in scene.lines[1]
        assert all(each.endswith("。") for each in scene.lines)

    def test_open_says_who_what_for_what_and_what_to_do(self) -> None:
        scene = compose(told(leases=[lease(277)]), "zh")
        assert scene.lines == ("开放人：张**，用途：案件视频调取", "允许：仅限存储设备；设备数：1", "请插入设备。")
        assert (scene.clock, scene.total) == ("04:37", 300)
        assert [key.letter for key in scene.keys] == ["e", "l"]

    def test_a_connected_device_and_one_that_stays_shut_are_told(self) -> None:
        scene = compose(told(leases=[lease()], devices=[device(allowed=True), device(allowed=False)]), "en")
        assert scene.lines[2:] == ("Ultra is connected.", "Ultra stays shut: it acts as a keyboard")

    def test_bound_devices_are_none_of_the_operator_s_business(self) -> None:
        keyboard = device(allowed=True, binding="keyboard", lease="", product="Model M")
        assert "Model M" not in str(compose(told(leases=[lease()], devices=[keyboard]), "en").lines)

    def test_a_device_s_name_steers_no_terminal(self) -> None:
        evil = device(allowed=True, product="\x1b[2J\u202eevil")
        scene = compose(told(leases=[lease()], devices=[evil]), "en")
        assert "\\x1b[2J\\x202eevil is connected." in scene.lines

    @pytest.mark.parametrize("storage", ["clean", "lazily", "unwritten"])
    def test_a_relock_says_whether_the_copy_is_whole(self, storage: str) -> None:
        lines = compose(told(ended=ended(storage=storage)), "zh").lines
        assert lines[0] == "时间已到。"
        assert ("可以拔出设备" in lines[1]) == (storage == "clean")

    def test_a_relock_by_the_card_gives_the_controller_s_reason(self) -> None:
        status, _ = STATES["relocked by the card"]
        assert compose(status, "en").lines[0] == "The same card was swiped again: the terminal is shut."

    def test_a_refused_extension_is_told_while_it_is_open(self) -> None:
        denied = notice("denied", "outside_hours", 1)
        scene = compose(told(leases=[lease()], notices=[denied], request=asked(2, extend="L1")), "en")
        assert scene.face is Face.OPEN
        assert "The card does not open anything at this hour." in scene.lines

    @pytest.mark.parametrize(("changes", "said"), [
        ({"away": ["键盘"]}, "告警：键盘 不在原位。"),
        ({"broker": "away"}, "与控制器的连接已中断。"),
        ({"fault": "disk"}, "故障，一律不开放：disk"),
    ])  # fmt: skip
    def test_what_is_wrong_beside_it_is_told_too(self, changes: dict[str, Any], said: str) -> None:
        assert compose(told(leases=[lease()], **changes), "zh").alarms == (said,)


class TestKeys:
    def test_a_purpose_has_the_same_number_whatever_may_be_chosen(self) -> None:
        assert [key.letter for key in compose(told(), "zh").keys] == ["1", "2", "3"]
        keys = compose(told(notices=[QUESTION]), "zh").keys
        assert [(key.letter, key.asks["purpose"]) for key in keys] == [("1", "case"), ("3", "other")]

    def test_alone_a_kept_card_may_open_and_a_purpose_may_be_chosen(self) -> None:
        kept = {"cards": 2, "seconds": 600, "counts": True}
        scene = compose(told(broker="away", offline=kept), "en")
        assert scene.face is Face.AWAY
        assert "own reader" in scene.lines[1]
        assert [key.letter for key in scene.keys] == ["1", "2", "3"]
        waits = compose(told(broker="away", offline=kept | {"counts": False}), "en")
        assert (waits.face, waits.keys) == (Face.AWAY, ())
        chosen = notice("needs", "chosen", 5, left=50, purposes=["case"])
        assert "已选用途：案件视频调取" in compose(told(broker="away", offline=kept, notices=[chosen]), "zh").lines
        used = compose(told(broker="away", offline=kept, notices=[chosen, notice("grant", "granted", 20)]), "zh")
        assert "已选用途：案件视频调取" not in used.lines

    def test_a_choice_before_the_swipe_is_shown_until_something_used_it_up(self) -> None:
        assert "已选用途：案件视频调取" in compose(told(request=asked(5)), "zh").lines
        # Without the controller's word nothing is promised; with it, for as long as that says and no longer.
        assert "已选用途：案件视频调取" not in compose(told(request=asked(61)), "zh").lines
        counts = notice("needs", "chosen", 60, left=130)
        assert "已选用途：案件视频调取" in compose(told(request=asked(61), notices=[counts]), "zh").lines
        over = compose(told(request=asked(61), notices=[counts | {"left": 0}]), "zh")
        assert "已选用途：案件视频调取" not in over.lines
        assert over.face is Face.SHUT
        used = told(request=asked(50), notices=[counts, notice("grant", "granted", 40)])
        assert "已选用途：案件视频调取" not in compose(used, "zh").lines
        held = told(request=asked(50), notices=[counts | {"seconds": 50}, notice("denied", "revoked", 40)])
        assert "已选用途：案件视频调取" in compose(held, "zh").lines

    def test_a_lost_choice_is_told(self) -> None:
        assert "选择未送达控制器，请重新按键。" in compose(told(request=asked(state="lost")), "zh").lines

    @pytest.mark.parametrize("name", ["away", "fault"])
    def test_nothing_is_offered_that_cannot_be_done(self, name: str) -> None:
        assert compose(STATES[name][0], "zh").keys == ()
        assert [key.letter for key in compose(told(leases=[lease(extendable=False)]), "zh").keys] == ["l"]

    def test_a_terminal_without_a_broker_offers_no_purpose(self) -> None:
        assert compose(told(broker="none"), "zh").keys == ()

    def test_a_second_card_that_does_not_count_says_why_and_the_question_stays(self) -> None:
        scene = compose(STATES["second, a card that does not count"][0], "en")
        assert scene.lines[:2] == ("Both cards belong to the same person.", "Have another person swipe.")
        assert scene.keys == ()


def test_the_mark_changes_with_what_happens_and_not_with_the_time() -> None:
    marks = [compose(told(leases=[lease(seconds)]), "zh").mark for seconds in (200, 199, 30, 29)]
    assert marks[0] == marks[1] != marks[2] == marks[3]


def cells(pieces: tuple[Piece, ...], rows: int, width: int) -> list[str]:
    """Fill a grid, as a terminal would; a piece outside of it or over another's text is a mistake."""
    grid = [[" "] * width for _ in range(rows)]
    for piece in pieces:
        column = piece.column
        for character in piece.text:
            for place in range(columns(character)):
                assert grid[piece.row][column + place].strip() == "", (piece, grid[piece.row])
                grid[piece.row][column + place] = character if place == 0 else "\x00"
            column += columns(character)
    return ["".join(row).replace("\x00", "") for row in grid]


@pytest.mark.parametrize(("rows", "width"), [(24, 80), (25, 132), (50, 160), (16, 60), (12, 30), (5, 20), (1, 10)])
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", STATES)
def test_every_state_fits_every_screen_and_shows_its_word(name: str, language: str, rows: int, width: int) -> None:
    scene = compose(STATES[name][0], language)
    page = cells(lay_out(scene, rows, width, message="x" * 200, stamp="10:32"), rows, width)
    shown = "".join(page).replace(" ", "")
    if width >= 60:
        assert scene.word.replace(" ", "") in shown
    if (rows, width) == (24, 80):
        whole = cells(lay_out(scene, rows, width, stamp="10:32"), rows, width)
        for line in (*scene.lines, *(key.about for key in scene.keys)):
            assert line.replace(" ", "") in "".join(whole).replace(" ", ""), line


def test_the_alarms_and_the_keys_stay_when_there_is_too_much_to_say() -> None:
    scene = Scene(Face.OPEN, "OPEN", ("word " * 400,), compose(told(), "en").keys, 60, 60, ("ALARM",), "hq")
    page = "\n".join(cells(lay_out(scene, 24, 80), 24, 80))
    assert "ALARM" in page
    assert "[3] another purpose" in page


@settings(max_examples=80)
@given(st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Z"])), st.integers(0, 40))
def test_cutting_never_takes_more_columns_than_there_are(text: str, width: int) -> None:
    taken = cut(text, width)
    assert text.startswith(taken)
    assert columns(taken) <= width
