"""The anti-plug lock: its open contract, and the alarms when lock, leases and gate do not say the same."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib import resources
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.usb.lock import (
    CODES,
    GRACE_SECONDS,
    LOW_BATTERY,
    SILENT_SECONDS,
    Lock,
    LockLevel,
    disagree,
    level,
    news,
    sensed,
)
from policies import jwt
from policies.errors import InputError
from policies.keys import SigningKey
from policies.messages import lock as contract
from policies.messages.lock import LEVELS, LockOp, LockRefused, LockReport, LockSet, LockStanding, LockState
from policies.usb import Lease, Scope

BOOT = "boot-1"
PORT = "pci-0000:00:14.0-usbv2-0:1"
KEY = SigningKey(bytes(range(32)))
REPORT = LockReport(
    "lock-1", "T1", boot=3, seq=7, at=1_700_000_000, state=LockState.CLOSED, tamper=False, ctr=4, battery=80
)
COMMAND = LockSet("hq", "T1", "lock-1", "j-1", iat=1000, exp=1060, ctr=5, op=LockOp.OPEN, hold=600)
STANDING = LockStanding("hq", "T1", "lock-1", counter=4)
LEASE = Lease("L1", "card", Scope((PORT,), ("08",), 1, "case"), BOOT, opened=100.0, ends=200.0)
NOTHING: frozenset[str] = frozenset()
AT_PORT = frozenset({PORT})


def lock(state: LockState = LockState.CLOSED, heard: float = 150.0, **changes: Any) -> Lock:
    return Lock("lock-1", heard, replace(REPORT, state=state, **changes))


def codes(*locks: Lock, leases: tuple[Lease, ...] = (), now: float = 150.0, gate_open: frozenset[str] = NOTHING
          ) -> list[str]:  # fmt: skip
    return [each.code for each in disagree(locks, leases, now, BOOT, gate_open)]


OPEN, CLOSED = lock(LockState.OPEN), lock()
#: Each alarm beside the same world with one thing put right.
CASES: dict[str, tuple[list[str], list[str]]] = {
    "lock.open_without_lease": (codes(OPEN), codes(OPEN, leases=(LEASE,))),
    "lock.closed_during_lease": (codes(CLOSED, leases=(LEASE,)), codes(OPEN, leases=(LEASE,))),
    "lock.forced": (codes(lock(LockState.FORCED)), codes(CLOSED)),
    "lock.fault": (codes(lock(LockState.FAULT)), codes(CLOSED)),
    "lock.silent": (codes(lock(heard=150.0 - SILENT_SECONDS - 0.1)), codes(lock(heard=150.0 - SILENT_SECONDS))),
    "lock.battery_low": (codes(lock(battery=LOW_BATTERY - 1)), codes(lock(battery=LOW_BATTERY))),
    "lock.gate_disagrees": (codes(gate_open=AT_PORT), codes(leases=(LEASE,), gate_open=AT_PORT)),
}


class TestAlarms:
    @pytest.mark.parametrize("code", sorted(CODES))
    def test_every_alarm_has_its_case_and_its_control(self, code: str) -> None:
        wrong, right = CASES[code]
        assert wrong == [code]
        assert right == []

    def test_a_lock_and_a_gate_that_agree_are_quiet(self) -> None:
        assert codes(CLOSED) == []
        assert codes(OPEN, leases=(LEASE,), gate_open=AT_PORT) == []

    def test_the_lock_may_take_a_moment_to_open_and_to_close(self) -> None:
        edge = 100.0 + GRACE_SECONDS
        assert codes(CLOSED, leases=(LEASE,), now=edge, gate_open=AT_PORT) == []
        assert codes(CLOSED, leases=(LEASE,), now=edge + 0.1) == ["lock.closed_during_lease"]
        late = lock(LockState.OPEN, heard=200.0)
        assert codes(late, leases=(LEASE,), now=200.0 + GRACE_SECONDS - 0.1) == []
        assert codes(late, leases=(LEASE,), now=200.0 + GRACE_SECONDS) == ["lock.open_without_lease"]

    def test_a_closed_lock_with_an_open_gate_behind_it_disagrees(self) -> None:
        assert codes(CLOSED, leases=(LEASE,), gate_open=AT_PORT) == ["lock.closed_during_lease", "lock.gate_disagrees"]
        assert codes(lock(heard=201.0), leases=(LEASE,), now=201.0, gate_open=AT_PORT) == []
        assert codes(lock(heard=206.0), leases=(LEASE,), now=206.0, gate_open=AT_PORT) == ["lock.gate_disagrees"] * 2

    def test_an_open_case_is_force(self) -> None:
        assert codes(lock(tamper=True)) == ["lock.forced"]

    def test_a_lock_on_mains_has_no_low_battery(self) -> None:
        assert codes(lock(battery=None)) == []
        assert codes(lock(battery=0)) == ["lock.battery_low"]

    def test_a_lock_that_never_spoke_is_silent_after_the_same_time(self) -> None:
        assert codes(Lock("lock-1", 100.0), now=100.0 + SILENT_SECONDS) == []
        assert codes(Lock("lock-1", 100.0), now=101.0 + SILENT_SECONDS) == ["lock.silent"]
        assert codes(CLOSED, now=float("nan")) == ["lock.silent"]

    def test_force_stays_an_alarm_when_the_lock_falls_silent(self) -> None:
        assert codes(lock(LockState.FORCED, heard=0.0)) == ["lock.silent", "lock.forced"]
        assert codes(lock(heard=0.0), leases=(LEASE,)) == ["lock.silent"]

    def test_a_lease_for_other_ports_does_not_concern_a_lock(self) -> None:
        other = replace(CLOSED, ports=("elsewhere",))
        assert codes(other, leases=(LEASE,)) == []
        assert codes(replace(OPEN, ports=("elsewhere",)), leases=(LEASE,)) == ["lock.open_without_lease"]
        everywhere = replace(LEASE, scope=replace(LEASE.scope, ports=("*",)))
        assert codes(other, leases=(everywhere,)) == ["lock.closed_during_lease"]

    def test_a_lease_of_another_boot_opens_nothing(self) -> None:
        assert codes(OPEN, leases=(replace(LEASE, boot="boot-2"),)) == ["lock.open_without_lease"]
        assert codes(OPEN, leases=(replace(LEASE, opened=151.0),)) == ["lock.open_without_lease"]

    def test_an_alarm_is_news_once_while_it_lasts(self) -> None:
        alarms = disagree((OPEN,), (), 150.0, BOOT, NOTHING)
        kept, fresh = news(frozenset(), alarms)
        assert [each.code for each in fresh] == ["lock.open_without_lease"]
        assert news(kept, alarms) == (kept, ())
        gone, fresh = news(kept, ())
        assert (gone, fresh) == (frozenset(), ())
        assert len(news(gone, alarms)[1]) == 1


class TestLevels:
    def test_the_gate_alone_is_the_lowest_and_a_driven_lock_the_highest(self) -> None:
        assert level(attested=False, sensed=False) is LockLevel.L1
        assert level(attested=True, sensed=False) is LockLevel.L2
        assert level(attested=False, sensed=True) is level(attested=True, sensed=True) is LockLevel.L3
        assert set(LEVELS) == set(LockLevel)
        assert "there is none" in str(LEVELS[LockLevel.L1])

    def test_a_lock_is_sensed_when_it_speaks_knows_and_obeys(self) -> None:
        assert sensed((CLOSED, OPEN), 150.0)
        for wrong in (lock(LockState.FAULT), lock(LockState.FORCED), lock(tamper=True), lock(ctr=0), lock(heard=0.0),
                      Lock("lock-2", 150.0)):  # fmt: skip
            assert not sensed((CLOSED, wrong), 150.0)
        assert not sensed((), 150.0)


class TestState:
    def test_a_report_is_the_same_after_sending(self) -> None:
        for report in (REPORT, replace(REPORT, battery=None, at=0, state=LockState.FORCED)):
            assert contract.parse_state(report.encode()) == report

    def test_reports_are_ordered_by_the_locks_own_count(self) -> None:
        assert replace(REPORT, seq=8).newer(REPORT)
        assert replace(REPORT, boot=4, seq=1).newer(REPORT)
        assert not REPORT.newer(REPORT)

    @pytest.mark.parametrize(
        ("member", "value"),
        [("v", 2), ("v", True), ("lock", ""), ("lock", "a/b"), ("terminal", "a#"), ("boot", -1), ("seq", 0), ("at", -1),
         ("state", "ajar"), ("state", 1), ("tamper", 0), ("ctr", "4"), ("battery", 101), ("battery", None), ("x", 1)],
    )  # fmt: skip
    def test_a_value_that_cannot_be_is_refused(self, member: str, value: object) -> None:
        members = json.loads(REPORT.encode())
        with pytest.raises(InputError):
            contract.parse_state(json.dumps({**members, member: value}, sort_keys=True, separators=(",", ":")).encode())

    @given(st.binary(max_size=200))
    def test_noise_is_one_typed_error(self, data: bytes) -> None:
        with pytest.raises(InputError):
            contract.parse_state(data)


class TestSet:
    def test_a_command_is_read_with_its_key_alone(self) -> None:
        token = contract.sign_set(COMMAND, KEY).encode()
        assert contract.read_set(token, KEY.public) == COMMAND
        with pytest.raises(LockRefused) as caught:
            contract.read_set(token, SigningKey(bytes(32)).public)
        assert caught.value.code == "signature"

    @given(st.data())
    def test_a_flipped_bit_is_refused(self, data: st.DataObject) -> None:
        token = bytearray(contract.sign_set(COMMAND, KEY).encode())
        token[data.draw(st.integers(0, len(token) - 1))] ^= 1 << data.draw(st.integers(0, 7))
        with pytest.raises(LockRefused):
            contract.read_set(bytes(token), KEY.public)

    def test_a_token_of_another_type_is_no_command(self) -> None:
        payload = jwt.unseal(contract.sign_set(COMMAND, KEY).encode(), contract.SET_TYPE, KEY.public)
        with pytest.raises(LockRefused) as caught:
            contract.read_set(jwt.seal(payload, "portseal-grant+jwt", KEY).encode(), KEY.public)
        assert caught.value.code == "type"
        assert contract.read_set(jwt.seal(payload, contract.SET_TYPE, KEY).encode(), KEY.public) == COMMAND

    @pytest.mark.parametrize(
        "changes",
        [{"hold": 0}, {"op": LockOp.CLOSE}, {"hold": contract.LONGEST_HOLD + 1}, {"ctr": 0}, {"lock": "a b"},
         {"iss": ""}, {"exp": -1}],
    )  # fmt: skip
    def test_claims_that_no_lock_would_read_are_not_signed(self, changes: dict[str, Any]) -> None:
        with pytest.raises(LockRefused) as caught:
            contract.sign_set(replace(COMMAND, **changes), KEY)
        assert caught.value.code == "claims"

    def test_to_close_needs_no_hold(self) -> None:
        close = replace(COMMAND, op=LockOp.CLOSE, hold=0)
        assert contract.read_set(contract.sign_set(close, KEY).encode(), KEY.public) == close

    @pytest.mark.parametrize(
        ("changes", "now", "code"),
        [({}, 1010.0, ""), ({}, None, ""), ({"iss": "x"}, 1010.0, "site"), ({"aud": "x"}, 1010.0, "terminal"),
         ({"lock": "x"}, 1010.0, "lock"), ({"ctr": 4}, 1010.0, "counter"), ({"ctr": 4}, None, "counter"),
         ({}, 1060.0, "expired"), ({}, 969.0, "issued_ahead"), ({}, 970.0, ""),
         ({"op": LockOp.CLOSE, "hold": 0}, 9999.0, ""), ({"op": LockOp.CLOSE, "hold": 0, "ctr": 4}, 1010.0, "counter")],
    )  # fmt: skip
    def test_a_lock_obeys_what_is_for_it_and_new(self, changes: dict[str, Any], now: float | None, code: str) -> None:
        assert contract.refusal(replace(COMMAND, **changes), STANDING, now) == code
        assert not code or code in contract.CODES


class TestSchemas:
    @pytest.mark.parametrize(("name", "document"), [
        ("lock_state", REPORT.encode()),
        ("lock_set", jwt.unseal(contract.sign_set(COMMAND, KEY).encode(), contract.SET_TYPE, KEY.public)),
    ])  # fmt: skip
    def test_a_schema_names_what_is_sent(self, name: str, document: bytes) -> None:
        schema = json.loads(resources.files("policies.messages").joinpath(f"schemas/{name}.json").read_text("utf-8"))
        members = json.loads(document)
        assert schema["properties"].keys() == members.keys()
        assert set(schema["required"]) == members.keys() - {"battery"}
        assert schema["additionalProperties"] is False

    def test_the_words_and_bounds_are_those_of_the_code(self) -> None:
        folder = resources.files("policies.messages").joinpath("schemas")
        state = json.loads(folder.joinpath("lock_state.json").read_text("utf-8"))["properties"]
        command = json.loads(folder.joinpath("lock_set.json").read_text("utf-8"))["properties"]
        assert state["state"]["enum"] == list(LockState)
        assert command["op"]["enum"] == list(LockOp)
        assert command["hold"]["maximum"] == contract.LONGEST_HOLD
        assert state["terminal"]["pattern"] == command["aud"]["pattern"]
