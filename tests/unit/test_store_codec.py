"""Model values as JSON: what the model can say comes back equal, what it cannot say is refused with its place."""

import contextlib
import copy
import json
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies import changeset_json
from policies.codec import from_plain, moment_of, stamp, to_compact, to_plain
from policies.errors import InputError
from policies.model import (
    ChangeSet,
    ExceptedPort,
    Finding,
    IpBinding,
    Learned,
    Neighbour,
    ObservedPort,
    ObservedSwitch,
    Oper,
    PortChange,
    PortConfig,
    PortMode,
    Refusal,
    SecureMac,
    SwitchChanges,
    Verdict,
    Violation,
    VlanChange,
)  # fmt: skip
from policies.texts import Text, t

WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
VLANS = st.integers(1, 4094)
MACS = st.integers(0, 2**48 - 1).map(lambda n: n.to_bytes(6).hex(":"))
MOMENTS = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001
SCALARS = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | WORDS


@st.composite
def texts(draw: st.DrawFn, depth: int = 2) -> Text:
    inner = SCALARS if depth == 0 else SCALARS | texts(depth - 1)
    return Text(draw(WORDS), tuple(draw(st.lists(st.tuples(WORDS, inner), max_size=3))))


CONFIGS = st.builds(
    PortConfig,
    mode=st.none() | st.sampled_from(PortMode),
    access_vlan=st.none() | VLANS,
    allowed_vlans=st.none() | st.frozensets(VLANS, max_size=4),
    secure=st.none() | st.booleans(),
    violation=st.none() | st.sampled_from(Violation),
    secure_macs=st.none() | st.frozensets(st.builds(SecureMac, MACS, st.none() | VLANS), max_size=3),
    ip_bindings=st.none() | st.frozensets(st.builds(IpBinding, MACS, WORDS, VLANS), max_size=3),
    description=st.none() | WORDS,
)
PORT_CHANGES = st.builds(PortChange, WORDS, CONFIGS, CONFIGS, texts(), st.booleans())
VLAN_CHANGES = st.builds(VlanChange, VLANS, st.none() | WORDS, st.none() | WORDS)
SWITCH_CHANGES = st.builds(
    SwitchChanges, WORDS, WORDS, st.lists(VLAN_CHANGES, max_size=2).map(tuple),
    st.lists(PORT_CHANGES, max_size=2).map(tuple), st.booleans(),
)  # fmt: skip
CHANGESETS = st.builds(
    ChangeSet,
    st.lists(SWITCH_CHANGES, max_size=2).map(tuple),
    st.lists(st.builds(Refusal, WORDS, WORDS, texts(), st.booleans()), max_size=2).map(tuple),
)
PORTS = st.builds(
    ObservedPort, WORDS, CONFIGS, st.sampled_from(Oper), WORDS,
    st.frozensets(st.builds(Learned, MACS, st.none() | VLANS, WORDS), max_size=3),
    st.lists(st.builds(Neighbour, WORDS, WORDS), max_size=2).map(tuple), st.none() | st.integers(0, 9), WORDS,
)  # fmt: skip
OBSERVED = st.builds(
    ObservedSwitch, WORDS, WORDS, MOMENTS, st.dictionaries(WORDS, PORTS, max_size=2),
    st.none() | st.dictionaries(VLANS, WORDS, max_size=3), st.frozensets(WORDS, max_size=3),
    st.none() | st.lists(WORDS, max_size=2).map(tuple),
)  # fmt: skip

SAMPLE = ChangeSet(
    (
        SwitchChanges(
            "sw1",
            "abc",
            (VlanChange(20, None, "face"),),
            (PortChange("p1", PortConfig(), PortConfig(access_vlan=20), t("bound to {device}", device="cam")),),
        ),
    )
)


@given(CHANGESETS)
def test_a_change_set_comes_back_equal_and_its_text_is_one(changes: ChangeSet) -> None:
    text = changeset_json.dump_changeset(changes)
    assert changeset_json.load_changeset(text) == changes
    assert changeset_json.dump_changeset(changeset_json.load_changeset(text)) == text


@given(OBSERVED)
def test_an_observed_switch_comes_back_equal(observed: ObservedSwitch) -> None:
    assert changeset_json.load_observed(changeset_json.dump_observed(observed)) == observed


def test_none_is_not_the_same_as_empty() -> None:
    observed = ObservedSwitch("sw1", "x", datetime(2025, 1, 1, tzinfo=UTC), vlans=None, startup_differs=())
    again = changeset_json.load_observed(changeset_json.dump_observed(observed))
    assert again.vlans is None and again.startup_differs == ()


def test_findings_and_exceptions_are_kept_too() -> None:
    finding = Finding("7.1c", "sw1/p1", Verdict.FAIL, t("x"), datetime(2025, 1, 1, tzinfo=UTC))
    assert from_plain(Finding, to_plain(finding)) == finding
    excepted = ExceptedPort("sw1", "p1", "owner", "reason", date(2025, 1, 31))
    assert from_plain(ExceptedPort, to_plain(excepted)) == excepted


def plain() -> Any:
    return json.loads(changeset_json.dump_changeset(SAMPLE))


def set_at(data: Any, path: tuple[Any, ...], value: Any) -> None:
    *parents, last = path
    for step in parents:
        data = data[step]
    if value is KeyError:
        del data[last]
    else:
        data[last] = value


@pytest.mark.parametrize(
    ("path", "value", "where"),
    [
        (("surprise",), 1, "ChangeSet"),
        (("switches",), {}, "ChangeSet.switches"),
        (("switches", 0), [], r"ChangeSet.switches\[0\]"),
        (("switches", 0, "digest"), KeyError, r"ChangeSet.switches\[0\].*digest"),
        (("switches", 0, "save"), 1, r"\.save"),
        (("switches", 0, "vlans", 0, "vlan"), True, r"vlans\[0\].vlan"),
        (("switches", 0, "vlans", 0, "vlan"), "20", r"vlans\[0\].vlan"),
        (("switches", 0, "ports", 0, "after", "mode"), "acces", "acces"),
        (("switches", 0, "ports", 0, "reason"), "text", r"\.reason"),
        (("switches", 0, "ports", 0, "reason", "values", 0), ["device"], r"\.reason"),
        (("switches", 0, "ports", 0, "reason", "values", 0, 1), ["x"], r"\.reason"),
        (("switches", 0, "ports", 0, "reason", "values", 0, 1), {"text": 1}, r"\.reason"),
    ],
)
def test_what_was_not_written_by_us_is_refused_with_its_place(path: tuple[Any, ...], value: Any, where: str) -> None:
    data = copy.deepcopy(plain())
    set_at(data, path, value)
    with pytest.raises(InputError, match=where):
        changeset_json.load_changeset(json.dumps(data))


@given(st.text(max_size=40))
def test_noise_raises_the_one_error(noise: str) -> None:
    for text in (noise, f'{{"switches":[{noise}]}}', json.dumps({"switch": noise, "read_at": noise})):
        if text in ("{}", '{"switches":[]}'):
            continue
        with contextlib.suppress(InputError):
            assert isinstance(changeset_json.load_changeset(text), ChangeSet)
        with pytest.raises(InputError):
            changeset_json.load_observed(text)


def test_observed_dates_and_vlan_keys_are_strict() -> None:
    good = json.loads(
        changeset_json.dump_observed(ObservedSwitch("sw1", "x", datetime(2025, 1, 1, tzinfo=UTC), {}, {1: "a"}))
    )
    for key, value in (("read_at", "2025-01-01"), ("vlans", {"one": "a"}), ("vlans", []), ("read_at", 5)):
        with pytest.raises(InputError):
            changeset_json.load_observed(json.dumps(good | {key: value}))
    with pytest.raises(InputError):
        from_plain(ExceptedPort, {"switch": "", "port": "", "owner": "", "reason": "", "expires": "tomorrow"})


def test_values_of_sentences_that_json_has_no_type_for_become_their_text() -> None:
    text = t("{a} {b}", a=PortMode.ACCESS, b=1.5)
    assert str(from_plain(Text, to_plain(text))) == "access 1.5"


def test_floats_and_strangers_are_not_stored() -> None:
    for value in (1.5, object()):
        with pytest.raises(TypeError):
            to_plain(value)


@given(MOMENTS, MOMENTS)
def test_times_keep_their_order_as_text(first: datetime, second: datetime) -> None:
    assert (stamp(first) < stamp(second)) == (first < second)
    assert moment_of(stamp(first)) == first


def test_times_are_written_in_utc_and_need_a_zone() -> None:
    shanghai = datetime(2025, 1, 31, 8, tzinfo=timezone(timedelta(hours=8)))
    assert stamp(shanghai) == "2025-01-31T00:00:00.000000Z"
    with pytest.raises(ValueError):
        stamp(datetime(2025, 1, 31))  # noqa: DTZ001
    for text in ("2025-01-31T00:00:00Z", "2025-01-31T00:00:00.0Z", "2025-1-31T00:00:00.000000Z", ""):
        with pytest.raises(InputError):
            moment_of(text)


@given(st.frozensets(st.integers(1, 4094) | st.integers(0, 20), max_size=200))
def test_many_numbers_are_kept_as_ranges_and_come_back(numbers: frozenset[int]) -> None:
    """A trunk that carries every VLAN is 20 kB of digits as a list; older databases have such lists."""
    config = PortConfig(mode=PortMode.TRUNK, allowed_vlans=numbers)
    kept = to_compact(config)
    assert from_plain(PortConfig, kept) == from_plain(PortConfig, to_plain(config)) == config
    assert isinstance(kept["allowed_vlans"], str) == (len(numbers) >= 16)


def test_every_vlan_is_a_short_text() -> None:
    assert to_compact(frozenset(range(1, 4095))) == "1-4094"
    assert to_compact(frozenset({*range(1, 20), 30})) == "1-19,30"


@pytest.mark.parametrize(
    "text", ["", "1-", "2-1", "1,1", "1-2,3-4", "3,1", "01-20", "1-999999999", "1 - 20", "x", "1-20\n"]
)
def test_ranges_in_another_spelling_are_refused(text: str) -> None:
    """Two spellings of one state would be two states for whoever compares the texts."""
    with pytest.raises(InputError):
        from_plain(PortConfig, {"mode": "trunk", "allowed_vlans": text})
