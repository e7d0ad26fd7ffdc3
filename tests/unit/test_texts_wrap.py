"""Lines of Chinese and English text: never wider than asked, nothing lost, punctuation where it may stand."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from policies.texts.wrap import columns, has_wide, wrap

MIXED = st.text(st.sampled_from("端口绑定到交换机，。：；（）“” abcXYZ -./,"), max_size=120)


def test_a_chinese_character_takes_two_columns() -> None:
    assert columns("端口 eth1") == 9
    assert has_wide("eth1 端口")
    assert not has_wide("eth1: a port …")


def test_chinese_breaks_anywhere_and_english_at_blanks() -> None:
    assert wrap("把设备绑定到交换机端口", 10) == ["把设备绑定", "到交换机端", "口"]
    assert wrap("run it as root", 10) == ["run it as", "root"]
    assert wrap("请运行 portseal plan 之后再试", 16) == ["请运行 portseal", "plan 之后再试"]


def test_punctuation_stays_with_its_word() -> None:
    assert wrap("端口已绑定，不再变", 10) == ["端口已绑", "定，不再变"]
    assert wrap("端口绑定（例外）", 10) == ["端口绑定", "（例外）"]
    assert wrap("端口绑定（ X", 10) == ["端口绑定", "（ X"]


def test_a_word_that_is_too_long_keeps_a_line_of_its_own() -> None:
    assert wrap("见 /var/lib/portseal/site.toml 一行", 12) == ["见", "/var/lib/portseal/site.toml", "一行"]


def test_an_empty_text_has_no_lines() -> None:
    assert wrap("", 20) == []
    assert wrap("  \n ", 20) == []


@given(MIXED, st.integers(min_value=2, max_value=60))
def test_nothing_is_lost_and_no_line_could_have_been_broken_earlier(text: str, width: int) -> None:
    lines = wrap(text, width)
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert all(line and line == line.strip() for line in lines)
    for line in lines:
        assert columns(line) <= width or wrap(line, 1) == [line]


@given(MIXED)
def test_no_line_begins_with_a_comma_or_ends_with_an_opening_bracket(text: str) -> None:
    lines = wrap(text, 20)
    assert not any(line[0] in "，。：；）”" for line in lines[1:])
    assert not any(line[-1] in "（“" for line in lines[:-1])
