"""What a terminal must not forget, as a value; the witnesses that notice forgetting; the nonce."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.link.state import MAX_CODES, MAX_FOLDED, MAX_USED, AgentState, Nonce, Witness, forgot, merged
from policies import canonical
from policies.errors import InputError
from policies.grants import Grant, Moment, judge
from policies.messages.event import Head
from policies.usb import Lease, Scope, UsbAppearance, UsbIdentity

BOOT = "0b1c2d3e-0000-4000-8000-000000000001"
NOW = Moment(1_795_341_600.0, 42.0)
STATE = AgentState("PC-1", "ab" * 32).booted(BOOT)


def grant(counter: int, jti: str = "", nonce: str = "n" * 32) -> Grant:
    at = int(NOW.wall)
    scope = Scope(("*",), ("08",), 1, "case")
    return Grant("shop", "PC-1", "card", jti or f"j{counter}", at, at, at + 600, BOOT, nonce, counter, scope)


def test_a_boot_counts_once() -> None:
    assert STATE.boot == 1
    assert STATE.booted(BOOT) is STATE
    assert STATE.booted(BOOT[:-1] + "2").boot == 2


def test_an_accepted_grant_is_refused_the_second_time_also_by_the_judge() -> None:
    fresh = STATE.standing("shop", "n" * 32, 3600, 30)
    assert judge(grant(5), fresh, NOW).accepted
    state = STATE.accepted(grant(5), NOW)
    assert (state.counter, state.used_jti, state.wall_ms) == (5, frozenset({"j5"}), int(NOW.wall) * 1000)
    assert judge(grant(5), state.standing("shop", "n" * 32, 3600, 30), NOW).code == "used"
    assert judge(grant(5, "other"), state.standing("shop", "n" * 32, 3600, 30), NOW).code == "counter"
    for again in (grant(5), grant(4, "x"), grant(6, "j5")):
        with pytest.raises(InputError):
            state.accepted(again, NOW)
    assert state.raised(9).counter == 9
    assert state.raised(1).counter == 5


def test_the_clock_never_falls_and_used_grants_are_bounded() -> None:
    state = STATE.accepted(grant(1), NOW)
    assert state.seen(Moment(NOW.wall - 100, 0)).wall_ms == state.wall_ms
    later = Moment(NOW.wall + 10_000, 0)
    assert state.accepted(grant(2), later).used_jti == {"j2"}
    for counter in range(2, MAX_USED + 10):
        state = state.accepted(grant(counter), NOW)
    assert len(state.used) == MAX_USED
    assert f"j{MAX_USED + 9}" in state.used_jti


def test_a_rescue_code_works_once_and_failures_count() -> None:
    state = STATE.rescue_refused(NOW).rescue_refused(NOW)
    assert (state.rescue_failed, state.rescue_last_ms) == (2, int(NOW.wall) * 1000)
    state = state.rescued("code-1", NOW)
    assert state.rescue_failed == 0
    with pytest.raises(InputError):
        state.rescued("code-1", NOW)
    for number in range(MAX_CODES):
        state = state.rescued(f"c{number}", NOW)
    assert len(state.rescue_used) == MAX_CODES


def test_folded_events_are_counted_by_kind_within_bounds() -> None:
    state = STATE
    for number in range(MAX_FOLDED + 5):
        state = state.with_folded(f"k.{number}", Moment(NOW.wall + number, 0))
    state = state.with_folded("k.0", NOW)
    data = state.folded.data()
    assert data["events"] == MAX_FOLDED + 6
    assert data["count.k.0"] == 2
    assert data["count.other"] == 5
    assert data["first_at"] == "2026-11-22T10:00:00.000Z"


def full() -> AgentState:
    state = STATE.accepted(grant(7), NOW).with_folded("usb.blocked", NOW).rescue_refused(NOW).rescued("c", NOW)
    used = UsbAppearance("p", 3, UsbIdentity("0781", "5567", "S", "d" * 64))
    lease = Lease("j7", "card", grant(7).scope, BOOT, 42.0, 642.0, (used,))
    return replace(
        state, leases=(lease,), head=Head(9, "a" * 64), acked=Head(3, "b" * 64), held=6, held_bytes=600, lost=4
    )


def test_the_state_reads_back_and_every_other_form_is_refused() -> None:
    assert AgentState.decode(full().encode()) == full()
    assert AgentState.decode(STATE.encode()) == STATE
    members = canonical.decode(full().encode())
    for name in members:
        wrong: list[object] = [None, -1, "x", [], {}, [1], ["x"], [[1, 2]], [{}], [{"jti": 1}]]
        for bad in wrong:
            raw = canonical.encode(members | {name: bad})
            try:
                assert AgentState.decode(raw).encode() == raw
            except InputError:
                continue
    for raw in (b"", b"{}", b"[]", b"1", canonical.encode({**members, "more": 1})):
        with pytest.raises(InputError):
            AgentState.decode(raw)


@given(st.binary(max_size=200))
def test_noise_is_no_state(noise: bytes) -> None:
    with pytest.raises(InputError):
        AgentState.decode(noise)


def test_a_witness_gives_back_what_counts_and_never_raises(tmp_path: Path) -> None:
    witness = Witness(tmp_path / "head", "PC-1", "ab" * 32)
    assert witness.read() is None
    witness.write(STATE)
    witness.write(full())
    read = witness.read()
    assert read is not None
    assert (read.head, read.counter, read.boot, read.boot_id) == (Head(9, "a" * 64), 7, 1, BOOT)
    assert Witness(tmp_path / "head", "PC-2", "ab" * 32).read() is None
    assert Witness(tmp_path / "head", "PC-1", "cd" * 32).read() is None
    assert (tmp_path / "head").stat().st_size == 512
    witness.close()
    witness.close()
    Witness(tmp_path / "none" / "head", "PC-1", "").write(STATE)


def test_the_longest_name_fits_a_witness_and_a_damaged_one_is_none(tmp_path: Path) -> None:
    name, most = "\U00020000" * 64, 2**53 - 1
    witness = Witness(tmp_path / "head", name, "ab" * 32)
    state = AgentState(name, "ab" * 32, most, BOOT, most, wall_ms=most, head=Head(most, "a" * 64))
    witness.write(state)
    assert witness.read() == state
    good = (tmp_path / "head").read_bytes()
    for place in range(0, len(good), 7):
        flipped = bytearray(good)
        flipped[place] ^= 4
        (tmp_path / "head").write_bytes(bytes(flipped))
        assert witness.read() in (None, state)
    for size in (0, 1, 64, 100, 511, 513):
        (tmp_path / "head").write_bytes((good + b" ")[:size])
        assert witness.read() is None
    witness.close()


def test_forgetting_is_an_older_number_or_another_branch() -> None:
    state = full()
    assert not forgot(state, state)
    assert not forgot(state, replace(state, head=Head(8, "c" * 64), counter=6))
    assert forgot(state, replace(state, head=Head(10, "c" * 64)))
    assert forgot(state, replace(state, head=Head(9, "c" * 64)))
    assert forgot(state, replace(state, counter=8))
    assert forgot(state, replace(state, boot=2))


def test_incomplete_memories_know_together_the_highest_of_each() -> None:
    blank = AgentState("PC-1", "ab" * 32)
    best = merged([blank, replace(blank, head=Head(5, "c" * 64), counter=9), full()])
    assert (best.head, best.counter, best.boot, best.boot_id) == (Head(9, "a" * 64), 9, 1, BOOT)
    assert merged([full()]) == full()


def test_a_nonce_is_new_each_time() -> None:
    nonce = Nonce()
    values = {nonce.value, nonce.renew(), nonce.value, Nonce().value}
    assert len(values) == 3
    assert all(len(value) == 32 for value in values)
