"""What a terminal, a log or a refusal puts around the rows, on the reads of cisco_ios and on small ones."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.dialect import Fact, Read
from drivers.dialects.cisco_ios.reads import READS
from drivers.parse import parse
from policies.errors import UnparsedOutput

REFUSALS = (
    "                ^\n% Invalid input detected at '^' marker.\n",
    "% Incomplete command.\n",
    '% Ambiguous command:  "show int"\n',
    "% Unknown command or computer name, or unable to find computer address\n",
    "Command authorization failed.\n",
    "% Authorization failed.\n",
    "Error: Unrecognized command found at '^' position.\n",
)


@pytest.mark.parametrize("answer", REFUSALS)
@pytest.mark.parametrize("read", READS, ids=lambda read: f"{read.command}-{read.fact}")
def test_an_answer_that_says_no_never_parses_as_no_rows(read: Read, answer: str) -> None:
    with pytest.raises(UnparsedOutput):
        parse(read, answer)
    with pytest.raises(UnparsedOutput):
        parse(read, f"edge-07#{read.command}\r\n{answer}\r\nedge-07#".replace("\n", "\r\n"))


def test_an_empty_answer_is_no_empty_table() -> None:
    may_be_empty = {read.command for read in READS if read.observe and not _fails(read, "")}
    assert may_be_empty == {"show interfaces status err-disabled", "show lldp neighbors detail"}


def _fails(read: Read, text: str) -> bool:
    try:
        parse(read, text)
    except UnparsedOutput:
        return True
    return False


@pytest.mark.parametrize("read", READS, ids=lambda read: f"{read.command}-{read.fact}")
@given(text=st.text(max_size=300) | st.text("GgiVlan0123/.:-% \n\x08\r\t#>", max_size=300))
def test_any_text_gives_rows_or_the_typed_error(read: Read, text: str) -> None:
    try:
        found = parse(read, text)
    except UnparsedOutput as error:
        assert "\n" not in str(error)
    else:
        assert isinstance(found, list)


SMALL = Read(command="display thing", fact=Fact.VLAN, rows=(r"\s*(?P<vlan>\d+)\s+(?P<name>\w+)$",))


@pytest.mark.parametrize(
    "noise",
    [
        "%Jul  5 14:16:55:203 2026 H3C IFNET/3/PHY_UPDOWN: Physical state changed to up.",
        "Mar 12 2026 10:00:00+08:00 HUAWEI %%01IFNET/4/LINK_STATE(l)[12]:The line protocol has entered UP.",
        "00:12:34: %LINEPROTO-5-UPDOWN: Line protocol on Interface Gi1/0/1, changed state to down",
        "1w2d: %SYS-5-CONFIG_I: Configured from console",
        "",
        "   ",
    ],
)
def test_log_messages_of_every_vendor_are_understood_between_rows(noise: str) -> None:
    assert len(parse(SMALL, f"10 one\n{noise}\n20 two\n")) == 2


@pytest.mark.parametrize(
    "pager",
    [
        " --More-- \b\b\b\b\b\b\b\b\b        \b\b\b\b\b\b\b\b\b",
        " --More--         ",
        "  ---- More ----\x1b[42D                                          \x1b[42D",
        "--More--\r        \r",
        "<--- More --->\r              \r",
    ],
)
def test_a_pager_leaves_the_line_as_it_was(pager: str) -> None:
    read = Read(command="x", fact=Fact.RUNNING, rows=(r"(?P<line>.*\S)",))
    assert parse(read, f"interface A1\n{pager}interface B2\n{pager} shutdown\n") == [
        {"line": "interface A1"},
        {"line": "interface B2"},
        {"line": " shutdown"},
    ]


@pytest.mark.parametrize("prompt", ["SW-1#", "SW-1>", "<H3C>", "[~HUAWEI]", "[*HUAWEI-vlan10]", "SW(config-if)# "])
def test_echo_and_prompt_are_understood(prompt: str) -> None:
    assert parse(SMALL, f"{prompt}display thing\n10 one\n{prompt}") == [{"vlan": 10, "name": "one"}]
    assert parse(SMALL, f"dis thing\n10 one\n{prompt}\n") == [{"vlan": 10, "name": "one"}]
    with pytest.raises(UnparsedOutput):
        parse(SMALL, f"10 one\n{prompt}\n20 two\n")


def test_names_stay_as_they_are_where_they_are_free() -> None:
    read = Read(command="x", fact=Fact.STATUS, rows=(r"(?P<port>\S+)$",))
    assert parse(read, "gi1/0/1")[0]["port"] == "GigabitEthernet1/0/1"
    assert parse(replace(read, literal=True), "gi1/0/1")[0]["port"] == "gi1/0/1"


def test_values_that_are_not_listed_are_errors_unless_a_star_takes_them() -> None:
    read = Read(command="x", fact=Fact.STATUS, rows=(r"(?P<oper>\w+)$",), values={"oper": {"on": "up"}})
    assert parse(read, "ON") == [{"oper": "up"}]
    with pytest.raises(UnparsedOutput, match="half"):
        parse(read, "half")
    assert parse(replace(read, values={"oper": {"on": "up", "*": "down"}}), "half") == [{"oper": "down"}]
    assert parse(replace(read, values={"oper": {"*": "*"}}), "half") == [{"oper": "half"}]


def test_the_first_regex_that_fits_is_the_row_whatever_groups_the_regexes_have() -> None:
    read = Read(
        command="x",
        fact=Fact.VLAN,
        rows=(
            r"(a|b)(c)?-(?P<vlan>\d+)(?: (?P<name>\w+)(!)?)?$",
            r"[a-z]*-(?P<vlan>\d+) (?P<name>(?P<owner>\w+) of .*)",
            r"\(\?P<(?P<name>\w+)>",
        ),
        ignore=("(a|b)-none$", "c-none$"),
        total=r"(all|total) (?P<total>\d+)",
    )
    text = "ac-1\na-2 two!\nb-none\nb-3 dog of war\nz-4 cat of peace\n(?P<odd>\nc-none\ntotal 5\n"
    assert parse(read, text) == [
        {"vlan": 1},
        {"vlan": 2, "name": "two"},
        {"vlan": 3, "name": "dog of war", "owner": "dog"},
        {"vlan": 4, "name": "cat of peace", "owner": "cat"},
        {"name": "odd"},
    ]
    with pytest.raises(UnparsedOutput, match="total 6"):
        parse(read, text.replace("total 5", "total 6"))
    with pytest.raises(UnparsedOutput, match="c-5"):
        parse(read, text + "c-5\n")


def test_in_a_record_start_comes_before_stop_and_stop_before_the_rows() -> None:
    read = Read(
        command="x",
        fact=Fact.VLAN,
        start=r"vlan (?P<vlan>\d+)",
        stop=r"\S",
        rows=(r" name (?P<name>\w+)", r"name (?P<name>\w+)"),
        ignore=(" name ghost",),
        open_text=True,
    )
    text = " name ghost\nvlan 1\n name one\nvlan 2\nname lost\n name astray\nvlan 3\n name three\n name four\n"
    assert parse(read, text) == [{"vlan": 1, "name": "one"}, {"vlan": 2}, {"vlan": 3, "name": "three"}]


def test_a_line_is_whole_whatever_groups_its_regex_has() -> None:
    rows = (r"(#)?(?P<line>.*\S)",)
    assert parse(Read(command="x", fact=Fact.RUNNING, rows=rows), "# a\n b \n") == [{"line": " a"}, {"line": " b"}]
