"""JSON answers as lines: strict where a member is looked at, deaf to the rest."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.dialect import Fact, Read
from drivers.json_lines import json_lines
from drivers.parse import CutShort, parse
from policies.errors import UnparsedOutput

READ = Read(command="x -j", fact=Fact.VLAN, json={"": "{name} {vlan}"}, rows=(r"(?P<name>\w+) (?P<vlan>\d+)$",))


def lines(text: str, **templates: str) -> list[str]:
    return json_lines(text.splitlines(), templates or {"": "{a}"})


class TestTemplates:
    @pytest.mark.parametrize(
        ("member", "shown"),
        [
            ('"eth1"', "eth1"),
            ("7", "7"),
            ("true", "true"),
            ("false", "false"),
            ('["UP","LOWER_UP"]', "UP,LOWER_UP"),
            ("[]", ""),
            ("null", ""),
            ('""', ""),
        ],
    )
    def test_a_member_is_shown_as_what_it_is(self, member: str, shown: str) -> None:
        assert lines(f'[{{"a":{member}}}]') == [shown]

    def test_a_member_that_is_missing_is_nothing(self) -> None:
        assert json_lines(['[{"b":1}]'], {"": "<{a}> <{b.c.d}> <{x.y}>".replace("{b.c.d}", "")}) == ["<> <> <>"]

    def test_a_member_of_a_member_is_found(self) -> None:
        assert json_lines(['[{"a":{"b":{"c":5}}},{}]'], {"": "{a.b.c}"}) == ["5"]

    def test_each_element_of_a_list_is_a_line_that_may_name_what_it_is_in(self) -> None:
        text = '[{"p":"e1","v":[{"id":1},{"id":2,"end":4}]},{"p":"e2","v":[]},{"p":"e3"}]'
        assert json_lines([text], {"v": "{p} {id}-{end}"}) == ["e1 1-", "e1 2-4"]

    def test_an_answer_over_several_lines_is_one(self) -> None:
        assert lines('[ {\n  "a": 1\n} ]\n') == ["1"]


class TestStrictness:
    @pytest.mark.parametrize(
        "text",
        [
            "",
            "{}",
            "7",
            "[1]",
            "[[]]",
            '[{"a":1}',
            '[{"a":1}] x',
            '[{"a":1}][{"a":2}]',
            '[{"a":1,"a":2}]',
            '[{"a":1.5}]',
            '[{"a":NaN}]',
            '[{"b":NaN}]',
            '[{"a":{"b":1}}]',
            '[{"a":[1]}]',
            '[{"a":"x\\ny"}]',
            '[{"a":"\\u001b[2J"}]',
            "[" * 100_000,
        ],
    )
    def test_what_is_no_such_answer_is_an_error(self, text: str) -> None:
        with pytest.raises(ValueError):
            lines(text)

    def test_a_list_that_is_none_and_a_member_of_a_text_are_errors(self) -> None:
        for templates in ({"a": "{b}"}, {"": "{a.b}"}):
            with pytest.raises(ValueError):
                json_lines(['[{"a":"x"}]'], templates)

    def test_a_member_that_nobody_looks_at_may_be_anything(self) -> None:
        assert lines('[{"a":1,"timer":0.00,"b":[{"c":null}]}]') == ["1"]

    @given(st.text() | st.text('[]{}":,a01.e+-\\ \n'))
    def test_any_text_gives_lines_or_the_error(self, text: str) -> None:
        try:
            found = lines(text)
        except ValueError:
            return
        assert all(line.isprintable() for line in found)


class TestRows:
    def test_rows_are_of_the_lines_and_the_echo_is_none(self) -> None:
        text = 'x -j\r\n[{"name":"face","vlan":100,"more":{}}]\r\n'
        assert parse(READ, text) == [{"name": "face", "vlan": 100}]

    def test_an_empty_array_is_an_answer_without_rows(self) -> None:
        assert parse(READ, "[]\n") == []

    @pytest.mark.parametrize("text", ["", '[{"name":"face","vl', '[{"name":"face","vlan":1}'])
    def test_half_an_answer_is_cut_short(self, text: str) -> None:
        with pytest.raises(CutShort):
            parse(READ, text)

    @pytest.mark.parametrize("text", ["command not found\n", '[{"name":"face"}]', '[{"name":"face","vlan":"x"}]'])
    def test_another_answer_is_shown(self, text: str) -> None:
        with pytest.raises(UnparsedOutput):
            parse(READ, text)
