"""Events of an agent: one form, one signature, one chain; whatever else is refused with one kind of error."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies import canonical
from policies.errors import InputError
from policies.grants import Moment
from policies.keys import SigningKey
from policies.messages import event as module
from policies.messages.event import (
    EVENT_TYPE,
    MAX_EVENT,
    NO_DIGEST,
    AgentEvent,
    BrokenChain,
    Data,
    Fault,
    Head,
    Origin,
    digest,
    read_event,
    sign_event,
    stamp_ms,
    verify_chain,
)

KEY, OTHER = SigningKey(b"k" * 32), SigningKey(b"o" * 32)
BOOTS = ("0b1c2d3e-0000-4000-8000-000000000001", "0b1c2d3e-0000-4000-8000-000000000002")
NOW = Moment(1_795_341_600.123, 42.5)
DATA: Data = {
    "port": "pci-0000:00:14.0-usbv2-0:2.4",
    "interfaces": ["03:01:01"],
    "count": 2,
    "bound": False,
    "serial": None,
}


def chain(count: int, *, terminal: str = "门卫-1", boot: int = 1, after: Head | None = None) -> list[AgentEvent]:
    made: list[AgentEvent] = []
    for number in range(count):
        head = made[-1].head if made else after or Head()
        origin = Origin(terminal, boot, BOOTS[boot - 1])
        made.append(sign_event(KEY, origin, head, NOW, "usb.blocked", dict(DATA) | {"n": number}))
    return made


def raws(events: list[AgentEvent]) -> list[bytes]:
    return [each.raw for each in events]


def forged(change: Callable[[dict[str, Any]], object], key: SigningKey = KEY) -> bytes:
    """Change a good event's members and sign again, as who has the key could."""
    members = canonical.decode(chain(1)[0].raw)
    change(members)
    members.pop("sig", None)
    members["sig"] = key.sign(canonical.encode(members)).hex()
    return canonical.encode(members)


def test_an_event_reads_back_as_it_was_signed() -> None:
    made = chain(2)[1]
    read = read_event(made.raw, KEY.public)
    assert read == made
    assert (read.terminal, read.boot, read.seq, read.uptime_ms, read.kind) == ("门卫-1", 1, 2, 42_500, "usb.blocked")
    assert read.prev == digest(chain(1)[0].raw)
    assert dict(read.data) == dict(DATA) | {"n": 1}
    assert stamp_ms(read.at.timestamp()) == "2026-11-22T10:00:00.123Z"
    assert read.head == Head(2, digest(made.raw))
    assert "raw" not in repr(read)


def test_the_signature_is_over_the_canonical_rest_with_its_type() -> None:
    members = canonical.decode(chain(1)[0].raw)
    signature = bytes.fromhex(members.pop("sig"))
    assert members["typ"] == EVENT_TYPE
    assert KEY.public.verify(signature, canonical.encode(members))


@pytest.mark.parametrize("wall", [0.0, -62_135_596_800.0, 253_402_300_799.999, 1.0005])
def test_every_time_of_the_calendar_can_be_told(wall: float) -> None:
    made = sign_event(KEY, Origin("t", 1, BOOTS[0]), Head(), Moment(wall, 0), "a.b", {})
    assert stamp_ms(made.at.timestamp()) == stamp_ms(wall)


@pytest.mark.parametrize(
    ("moment", "kind", "data"),
    [
        (Moment(float("nan"), 0), "a.b", {}),
        (Moment(float("inf"), 0), "a.b", {}),
        (Moment(1e18, 0), "a.b", {}),
        (Moment(0, -1), "a.b", {}),
        (NOW, "blocked", {}),
        (NOW, "a.b", {"Upper": 1}),
        (NOW, "a.b", {"x": 1.5}),
        (NOW, "a.b", {"x": {"deep": 1}}),
        (NOW, "a.b", {"x": [1]}),
        (NOW, "a.b", {"x": "\ud800"}),
        (NOW, "a.b", {"x": 2**53}),
        (NOW, "a.b", {"x": "a" * 2049}),
        (NOW, "a.b", {"x": ["a"] * 65}),
        (NOW, "a.b", {f"k{n}": n for n in range(97)}),
        (NOW, "a.b", {f"k{n}": "a" * 2048 for n in range(8)}),
    ],
)
def test_what_no_reader_would_take_is_not_signed(moment: Moment, kind: str, data: Any) -> None:
    with pytest.raises(InputError):
        sign_event(KEY, Origin("t", 1, BOOTS[0]), Head(), moment, kind, data)


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.update(extra=1),
        lambda m: m.pop("boot"),
        lambda m: m.update(typ="portseal-grant+jwt"),
        lambda m: m.update(boot=0),
        lambda m: m.update(boot=True),
        lambda m: m.update(seq=0),
        lambda m: m.update(seq=2),
        lambda m: m.update(prev="1" * 64),
        lambda m: m.update(prev="0" * 63),
        lambda m: m.update(boot_id="x"),
        lambda m: m.update(at="2026-02-30T10:00:00.000Z"),
        lambda m: m.update(at="2026-11-22T10:00:00Z"),
        lambda m: m.update(at=1),
        lambda m: m.update(terminal="a/b"),
        lambda m: m.update(terminal=""),
        lambda m: m.update(data=[]),
        lambda m: m.update(kind="A.b"),
        lambda m: m.update(uptime_ms=-1),
    ],
)
def test_a_member_that_cannot_be_is_refused_even_when_signed(change: Callable[[dict[str, Any]], object]) -> None:
    assert read_event(forged(lambda members: None), KEY.public).seq == 1
    with pytest.raises(InputError):
        read_event(forged(change), KEY.public)


def test_another_form_of_the_same_object_is_refused() -> None:
    raw = chain(1)[0].raw
    for other in (raw + b"\n", json.dumps(json.loads(raw)).encode(), b" " + raw, b"[]", b"1", b"\xff", b""):
        with pytest.raises(InputError):
            read_event(other, None)


def test_an_event_that_is_too_long_is_refused_unread() -> None:
    with pytest.raises(InputError, match="16384"):
        read_event(b"{" * (MAX_EVENT + 1), None)


def test_another_keys_signature_is_refused_and_without_a_key_it_is_not_judged() -> None:
    raw = forged(lambda members: None, OTHER)
    with pytest.raises(InputError, match="signature"):
        read_event(raw, KEY.public)
    assert read_event(raw, None).seq == 1
    assert read_event(raw, OTHER.public).seq == 1


def test_every_flipped_bit_is_refused() -> None:
    raw = chain(1)[0].raw
    for bit in range(len(raw) * 8):
        flipped = bytearray(raw)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(InputError):
            read_event(bytes(flipped), KEY.public)


@given(st.binary(max_size=400))
def test_noise_raises_nothing_else(noise: bytes) -> None:
    with pytest.raises(InputError):
        read_event(noise, KEY.public)


TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(sorted(module._MEMBERS)), JSON)
def test_any_value_of_any_member_is_read_or_refused(name: str, value: Any) -> None:
    members = canonical.decode(chain(1)[0].raw)
    members[name] = value
    raw = canonical.encode(members)
    try:
        assert read_event(raw, None).raw == raw
    except InputError as error:
        assert len(error.line("en").splitlines()) == 1


class TestChain:
    def test_a_chain_over_boots_has_its_head(self) -> None:
        first = chain(3)
        second = chain(2, boot=2, after=first[-1].head)
        assert verify_chain(raws(first + second), KEY.public) == second[-1].head
        assert verify_chain(raws(second), KEY.public, first[-1].head) == second[-1].head
        assert verify_chain(raws(second), KEY.public, first[-1]) == second[-1].head
        assert verify_chain([], KEY.public) == Head(0, NO_DIGEST)

    def broken(self, events: list[bytes], after: Head | AgentEvent | None = None) -> BrokenChain:
        with pytest.raises(BrokenChain) as caught:
            verify_chain(events, KEY.public, after)
        assert f"event {caught.value.seq}:" in caught.value.line("en")
        return caught.value

    def test_a_gap_names_what_is_missing(self) -> None:
        events = raws(chain(5))
        fault = self.broken(events[:1] + events[4:])
        assert (fault.seq, fault.fault) == (5, Fault.GAP)
        assert "events 2 to 4 are missing" in str(fault)
        assert self.broken(events[1:]).fault == Fault.GAP

    def test_two_events_with_one_number_are_a_fork(self) -> None:
        first = chain(3)
        other = sign_event(KEY, Origin("门卫-1", 1, BOOTS[0]), first[1].head, NOW, "usb.removed", {})
        after = sign_event(KEY, Origin("门卫-1", 1, BOOTS[0]), other.head, NOW, "usb.removed", {})
        fault = self.broken([*raws(first), other.raw])
        assert (fault.seq, fault.fault) == (3, Fault.FORK)
        fault = self.broken([*raws(first), after.raw])
        assert (fault.seq, fault.fault) == (4, Fault.FORK)
        assert self.broken([other.raw], first[2].head).fault == Fault.FORK

    def test_repeated_and_out_of_order(self) -> None:
        events = raws(chain(4))
        assert self.broken([events[0], events[0]]).fault == Fault.ORDER
        assert self.broken([events[0], events[2], events[1]]).fault == Fault.GAP
        fault = self.broken([events[0]], chain(3)[-1].head)
        assert (fault.seq, fault.fault) == (1, Fault.ORDER)

    def test_an_edited_event_has_no_good_signature(self) -> None:
        events = raws(chain(3))
        events[1] = events[1].replace(b'"n":1', b'"n":7')
        fault = self.broken(events)
        assert (fault.seq, fault.fault) == (2, Fault.SIGNATURE)
        with pytest.raises(BrokenChain) as caught:
            verify_chain(events, None)
        assert (caught.value.seq, caught.value.fault) == (3, Fault.FORK)

    def test_what_is_no_event_is_named_by_its_place(self) -> None:
        fault = self.broken([*raws(chain(2)), b"{}"])
        assert (fault.seq, fault.fault) == (3, Fault.UNREADABLE)

    def test_another_terminals_event(self) -> None:
        first = chain(1)
        other = chain(1, terminal="B", after=first[-1].head)
        assert self.broken(raws(first + other)).fault == Fault.TERMINAL

    @pytest.mark.parametrize(("boot", "boot_id"), [(1, BOOTS[0]), (1, BOOTS[1]), (2, BOOTS[0]), (3, BOOTS[1])])
    def test_boots_never_fall_and_keep_their_id(self, boot: int, boot_id: str) -> None:
        first = chain(1)
        second = chain(1, boot=2, after=first[-1].head)
        third = sign_event(KEY, Origin("门卫-1", boot, boot_id), second[-1].head, NOW, "usb.removed", {})
        events = [*raws(first + second), third.raw]
        assert self.broken(events).fault == Fault.BOOT
        assert self.broken([third.raw], second[-1]).fault == Fault.BOOT

    def test_only_an_event_that_tells_of_a_lost_state_may_begin_boots_anew(self) -> None:
        second = chain(1, boot=2)
        anew = sign_event(KEY, Origin("门卫-1", 1, BOOTS[0]), second[-1].head, NOW, "state.corrupt", {})
        assert verify_chain([second[0].raw, anew.raw], KEY.public) == anew.head

    def test_after_a_break_one_can_go_on(self) -> None:
        events = chain(5)
        assert verify_chain(raws(events[3:]), KEY.public, Head(3, events[3].prev)) == events[-1].head


def test_the_schema_tells_the_same_as_the_reader() -> None:
    schema = json.loads((Path(module.__file__).parent / "schemas/event.json").read_text("utf-8"))
    assert set(schema["properties"]) == set(schema["required"]) == module._MEMBERS
    assert schema["additionalProperties"] is False
    assert schema["properties"]["typ"]["const"] == EVENT_TYPE
    assert schema["properties"]["data"]["maxProperties"] == module.MAX_MEMBERS
    members = json.loads(chain(1)[0].raw)
    for name, rule in schema["properties"].items():
        if "pattern" in rule:
            assert re.search(rule["pattern"], members[name]), name
    for name, pattern in (
        ("kind", module._KIND),
        ("prev", module._DIGEST),
        ("sig", module._SIGNATURE),
        ("at", module._AT),
    ):
        assert schema["properties"][name]["pattern"] == f"^{pattern.pattern}$"
