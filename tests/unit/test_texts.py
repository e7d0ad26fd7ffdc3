"""Sentences with named values: rendered in the language of whoever reads them, and only there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.texts import LANGUAGES, Text, render, t


def test_a_text_keeps_its_message_and_values_apart() -> None:
    text = t("{count} ports of {switch}", count=3, switch="sw1")
    assert text == Text("{count} ports of {switch}", (("count", 3), ("switch", "sw1")))
    assert str(text) == "3 ports of sw1"


def test_texts_are_values() -> None:
    assert t("a {b}", b=1) == t("a {b}", b=1)
    assert hash(t("a {b}", b=1)) == hash(t("a {b}", b=1))
    assert t("a {b}", b=1) != t("a {b}", b=2)


def test_a_text_in_a_text_is_rendered_in_the_same_language() -> None:
    outer = t("{what}. Next: {next_step}", what=t("the port is not blocked"), next_step=t("try again"))
    assert render(outer, "en") == "the port is not blocked. Next: try again"
    assert render(outer, "zh") != render(outer, "en")
    assert render(t("try again"), "zh") in render(outer, "zh")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_sentence_without_a_translation_is_shown_in_english(language: str) -> None:
    assert render(Text("zxq {n} zxq", (("n", 1),)), language) == "zxq 1 zxq"


@given(st.text(max_size=40))
def test_a_devices_own_words_pass_unchanged(words: str) -> None:
    for language in LANGUAGES:
        assert render(words, language) == words
        assert render(Text("{words}", (("words", words),)), language) == words


def test_a_sentence_without_values_may_hold_braces() -> None:
    assert render(Text("write {name} here"), "en") == "write {name} here"


def test_the_order_of_values_does_not_matter_to_a_translation() -> None:
    assert str(t("{b} before {a}", a=1, b=2)) == "2 before 1"


def test_a_value_may_be_called_like_a_parameter_of_the_translator() -> None:
    assert str(t("{text} in {language}", text="x", language="y")) == "x in y"
