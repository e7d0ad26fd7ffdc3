"""Bound devices that are pulled, moved, swapped or replugged: one event each, in time, and none for sleep."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.usb import tamper
from agent.usb.gate import decide
from agent.usb.tamper import RESUME_SECONDS, START_SECONDS, Tamper, TamperState, due, from_json, to_json, unknown, watch
from policies.errors import InputError
from policies.usb import Lease, Scope, UsbBinding, UsbDevice, UsbIdentity, UsbInterface, UsbRole

BOOT = "boot-1"
V2, V3 = "pci-0000:00:14.0-usbv2-0:", "pci-0000:00:14.0-usbv3-0:"
SETTLED = tamper.SETTLE_SECONDS + 0.01


def identity(model: str, serial: str = "") -> UsbIdentity:
    return UsbIdentity("046d", f"{sum(model.encode()):04x}", serial, model.encode().hex().ljust(64, "0"))


def device(way: str, model: str, serial: str = "", devnum: int = 2) -> UsbDevice:
    usb_class = "09" if model.startswith("hub") else "03"
    shown = (UsbInterface(1, 0, 0, usb_class, "01", "01"),)
    return UsbDevice(f"1-{way}", f"{V2}{way}", devnum, identity(model, serial), shown, usb_class == "09", True)


def bind(*devices: UsbDevice) -> tuple[UsbBinding, ...]:
    return tuple(
        UsbBinding(f"{each.name}", UsbRole.OTHER, (each.port, each.port.replace(V2, V3)), each.identity)
        for each in devices
    )


BOARD, MOUSE = device("1", "board"), device("2", "mouse")
BOTH = bind(BOARD, MOUSE)


class Bench:
    """A terminal under watch: scans at moments, and all that was told."""

    def __init__(self, devices: Iterable[UsbDevice] = (BOARD, MOUSE), bindings: tuple[UsbBinding, ...] = BOTH) -> None:
        self.bindings = bindings
        self.state = TamperState(BOOT)
        self.told: list[tuple[float, Tamper]] = []
        self.scan(0.0, *devices)

    def scan(self, moment: float, *devices: UsbDevice, resumed: bool = False, interval: float = 0.1) -> list[str]:
        self.state, found = watch(self.state, devices, self.bindings, moment, resumed, interval)
        self.told += [(moment, each) for each in found]
        return [f"{each.kind.value.removeprefix('tamper.')} {' '.join(each.bindings)}" for each in found]

    def restart(self, boot: str = BOOT) -> None:
        self.state = from_json(to_json(self.state), boot)


class TestRemoved:
    def test_a_pulled_device_is_told_once_and_within_a_second(self) -> None:
        bench = Bench()
        assert bench.scan(5.0, MOUSE) == []
        moment = due(bench.state)
        assert moment is not None
        assert moment - 5.0 <= tamper.SETTLE_SECONDS < tamper.DEADLINE_SECONDS
        assert bench.scan(moment, MOUSE) == ["removed 1-1"]
        assert [bench.scan(moment + later, MOUSE) for later in (1.0, 2.0, 3000.0)] == [[], [], []]
        ((_, event),) = bench.told
        assert (event.port, event.since, event.device, event.alarm) == (BOARD.port, 5.0, None, True)
        assert str(event.reason) == "1-1 was pulled"

    def test_nothing_is_told_while_nothing_changes(self) -> None:
        bench = Bench()
        state = bench.state
        assert [bench.scan(float(moment), BOARD, MOUSE) for moment in range(1, 5)] == [[]] * 4
        assert bench.state == state
        assert due(bench.state) is None

    def test_it_is_told_at_once_when_the_next_scan_would_be_too_late(self) -> None:
        bench = Bench()
        assert bench.scan(5.0, MOUSE, interval=2.0) == ["removed 1-1"]

    def test_a_device_that_is_back_is_told_and_may_be_pulled_again(self) -> None:
        bench = Bench()
        bench.scan(5.0, MOUSE)
        bench.scan(5.0 + SETTLED, MOUSE)
        assert bench.scan(9.0, replace(BOARD, devnum=3), MOUSE) == ["returned 1-1"]
        assert not bench.told[-1][1].alarm
        bench.scan(20.0, MOUSE)
        assert bench.scan(20.0 + SETTLED, MOUSE) == ["removed 1-1"]

    def test_what_left_while_it_was_read_is_not_taken_for_another_device(self) -> None:
        bench = Bench()
        half = replace(BOARD, authorized=None, identity=identity("", ""))
        assert bench.scan(5.0, half, MOUSE) == []
        assert bench.scan(5.1, BOARD, MOUSE) == []
        bench.scan(6.0, half, MOUSE)
        assert bench.scan(6.0 + SETTLED, half, MOUSE) == ["removed 1-1"]

    def test_two_that_are_pulled_at_different_ports_are_two(self) -> None:
        bench = Bench()
        assert bench.scan(5.0) == []
        assert bench.scan(5.0 + SETTLED) == ["removed 1-1", "removed 1-2"]


class TestReplugged:
    @pytest.mark.parametrize(("before", "after"), [(2, 3), (127, 1), (9, 8)])
    def test_another_number_is_a_replug_though_no_gap_was_seen(self, before: int, after: int) -> None:
        bench = Bench((replace(BOARD, devnum=before), MOUSE))
        assert bench.scan(1.0, replace(BOARD, devnum=before), MOUSE) == []
        assert bench.scan(2.0, replace(BOARD, devnum=after), MOUSE) == ["replugged 1-1"]
        assert bench.scan(3.0, replace(BOARD, devnum=after), MOUSE) == []

    def test_off_and_on_within_the_settle_time_is_one_replug(self) -> None:
        bench = Bench()
        again = replace(BOARD, devnum=3)
        assert [bench.scan(5.0, MOUSE), bench.scan(5.3, again, MOUSE)] == [[], ["replugged 1-1"]]
        assert [bench.scan(5.0 + SETTLED, again, MOUSE), bench.scan(9.0, again, MOUSE)] == [[], []]

    def test_its_other_peer_is_its_place_too_and_another_device_there_is_told(self) -> None:
        bench = Bench()
        peer = BOARD.port.replace(V2, V3)
        assert Bench().scan(1.0, replace(BOARD, port=peer, devnum=4), MOUSE) == ["replugged 1-1"]
        fake = replace(device("1", "fake"), port=peer)
        assert [bench.scan(1.0, BOARD, MOUSE, fake), bench.scan(2.0, BOARD, MOUSE, fake)] == [["swapped 1-1"], []]
        assert [bench.scan(3.0, MOUSE), bench.scan(3.0 + SETTLED, MOUSE)] == [[], ["removed 1-1"]]

    def test_a_scan_that_missed_it_is_no_event(self) -> None:
        bench = Bench()
        assert [bench.scan(5.0, MOUSE), bench.scan(5.2, BOARD, MOUSE), bench.scan(9.0, BOARD, MOUSE)] == [[], [], []]


class TestSwappedAndMoved:
    def test_another_device_in_its_place_is_told_at_once_and_instead_of_the_removal(self) -> None:
        bench = Bench()
        fake = device("1", "fake", devnum=9)
        bench.scan(5.0, MOUSE)
        assert bench.scan(5.2, fake, MOUSE) == ["swapped 1-1"]
        assert [bench.scan(6.0, fake, MOUSE), bench.scan(7.0, MOUSE), bench.scan(9.0, MOUSE)] == [[], [], []]
        assert bench.scan(10.0, replace(fake, devnum=10), MOUSE) == ["swapped 1-1"]
        assert bench.scan(11.0, replace(BOARD, devnum=11), MOUSE) == ["returned 1-1"]

    def test_a_device_at_another_port_is_moved(self) -> None:
        bench = Bench()
        there = replace(BOARD, name="1-3", port=f"{V2}3", devnum=9)
        assert [bench.scan(5.0, MOUSE, there), bench.scan(6.0, MOUSE, there)] == [["moved 1-1"], []]
        assert bench.told[-1][1].port == f"{V2}3"

    def test_a_clone_beside_the_real_one_is_a_duplicate(self) -> None:
        bench = Bench()
        clone = replace(BOARD, name="1-3", port=f"{V2}3", devnum=9)
        assert [bench.scan(moment, BOARD, MOUSE, clone) for moment in (5.0, 6.0)] == [["duplicate 1-1"], []]
        assert bench.scan(8.0, BOARD, MOUSE, device("3", "stranger")) == []

    def test_two_bound_ones_of_one_model_are_no_duplicates(self) -> None:
        pair = (device("4", "mouse"), device("5", "mouse"))
        bench = Bench(pair, bind(*pair))
        assert bench.scan(5.0, *pair) == []
        third = device("6", "mouse", devnum=9)
        assert bench.scan(6.0, *pair, third) == ["duplicate 1-4"]
        assert Bench(pair, bind(*pair)).scan(6.0, pair[0], third) == ["moved 1-5"]
        bench = Bench(pair, bind(*pair))
        assert bench.scan(6.0, third) == ["moved 1-4"]
        assert bench.scan(6.0 + SETTLED, third) == ["removed 1-5"]
        assert Bench(pair, bind(*pair)).scan(6.0, third, device("7", "mouse")) == ["moved 1-4", "moved 1-5"]

    def test_two_that_changed_places_are_swapped_and_moved(self) -> None:
        bench = Bench()
        exchanged = (replace(BOARD, port=MOUSE.port, devnum=8), replace(MOUSE, port=BOARD.port, devnum=9))
        assert sorted(bench.scan(5.0, *exchanged)) == ["moved 1-1", "moved 1-2", "swapped 1-1", "swapped 1-2"]


def dock(inner: int = 0) -> list[UsbDevice]:
    """Give a hub with seven devices, or with an inner hub and devices behind it too, parents first."""
    top = [device("1", "hub"), *(device(f"1.{port}", f"dev{port}") for port in range(1, 8))]
    return top if not inner else [*top, device("1.8", "hub-inner"),
                                  *(device(f"1.8.{port}", f"in{port}") for port in range(1, inner + 1))]  # fmt: skip


class TestHubs:
    def test_a_pulled_hub_is_one_alarm_that_names_all_behind_it(self) -> None:
        devices = dock()
        bench = Bench(devices, bind(*devices))
        gone_at = {each.name: 10.0 + 0.05 * place for place, each in enumerate((*devices[1:], devices[0]))}
        moment = 10.0
        while moment < 13.0:
            bench.scan(moment, *(each for each in devices if gone_at[each.name] > moment))
            moment = round(moment + 0.05, 3)
        ((when, event),) = bench.told
        assert event.kind.value == "tamper.hub"
        assert event.port == devices[0].port
        assert set(event.bindings) == {each.name for each in devices}
        assert when - 10.0 <= tamper.DEADLINE_SECONDS

    def test_sixteen_devices_that_go_slowly_are_one_alarm_in_time(self) -> None:
        """The kernel needs up to 1.4 s for them on a slow machine, and takes the hub last."""
        devices = dock(inner=7)
        assert len(devices) == 16
        leaves_first = [*devices[1:8], *devices[9:], devices[8], devices[0]]
        bench = Bench(devices, bind(*devices))
        gone_at = {each.name: 10.0 + 1.4 * place / 15 for place, each in enumerate(leaves_first)}
        for step in range(100):
            bench.scan(10.0 + step * 0.05, *(each for each in devices if gone_at[each.name] > 10.0 + step * 0.05))
        ((when, event),) = bench.told
        assert (event.kind.value, event.port) == ("tamper.hub", devices[0].port)
        assert set(event.bindings) == {each.name for each in devices}
        assert when - 10.0 <= tamper.DEADLINE_SECONDS
        assert due(bench.state) is None

    def test_a_hub_that_is_not_bound_is_named_by_its_port(self) -> None:
        hub, board = device("1", "hub"), device("1.2", "board")
        bench = Bench((hub, board, MOUSE), bind(board, MOUSE))
        bench.scan(5.0, MOUSE)
        assert bench.scan(5.0 + SETTLED, MOUSE) == ["hub 1-1.2"]
        assert bench.told[0][1].port == hub.port

    def test_one_device_behind_a_hub_that_stays_is_a_removal(self) -> None:
        devices = dock()
        bench = Bench(devices, bind(*devices))
        bench.scan(5.0, *devices[:-1])
        assert bench.scan(5.0 + SETTLED, *devices[:-1]) == ["removed 1-1.7"]

    def test_a_device_that_goes_later_behind_a_hub_that_stays_is_told_by_itself(self) -> None:
        devices = dock()
        bench = Bench(devices, bind(*devices))
        bench.scan(5.0, *devices[:-2])
        assert bench.scan(5.0 + SETTLED, *devices[:-2]) == ["hub " + " ".join(each.name for each in devices)]
        assert bench.scan(5.9, *devices[:-3]) == []
        assert bench.scan(5.95, *devices[:-3], replace(devices[-3], devnum=60)) == ["returned 1-1.5"]
        assert bench.scan(6.0, *devices[:-3]) == []
        later = [each for step in range(30) for each in bench.scan(6.1 + step * 0.1, *devices[:-3])]
        assert later == ["removed 1-1.5"]

    def test_what_was_behind_a_hub_and_comes_back_is_told(self) -> None:
        devices = dock()
        bench = Bench(devices, bind(*devices))
        assert [len(bench.scan(5.0)), len(bench.scan(5.0 + SETTLED))] == [0, 1]
        assert bench.scan(9.0, *(replace(each, devnum=60) for each in devices)) == [
            f"returned {e.name}" for e in devices
        ]


class TestSleep:
    def test_devices_that_come_back_are_no_alarm_after_sleep_only(self) -> None:
        for resumed, told in ((True, []), (False, ["replugged 1-1", "replugged 1-2"])):
            bench = Bench()
            assert bench.scan(5000.0, MOUSE, resumed=resumed) == []
            assert bench.scan(5003.0, replace(BOARD, devnum=40), replace(MOUSE, devnum=41)) == told
            assert bench.scan(5100.0, replace(BOARD, devnum=40), replace(MOUSE, devnum=41)) == []

    def test_a_device_that_does_not_come_back_is_told_when_the_time_is_over(self) -> None:
        bench = Bench()
        bench.scan(5000.0, MOUSE, resumed=True)
        assert due(bench.state) == 5000.0 + RESUME_SECONDS
        assert bench.scan(5000.0 + RESUME_SECONDS - 0.1, MOUSE, interval=0.05) == []
        assert bench.scan(5000.0 + RESUME_SECONDS, MOUSE) == ["removed 1-1"]

    def test_a_swap_during_sleep_is_told_at_once(self) -> None:
        bench = Bench()
        assert bench.scan(5000.0, device("1", "fake"), MOUSE, resumed=True) == ["swapped 1-1"]
        assert Bench().scan(5000.0, replace(BOARD, port=f"{V2}7"), MOUSE, resumed=True) == ["moved 1-1"]

    def test_a_hub_that_comes_back_slowly_after_sleep_is_no_alarm(self) -> None:
        devices = dock()
        bench = Bench(devices, bind(*devices))
        bench.scan(700.0, resumed=True)
        for step in range(8):
            bench.scan(701.0 + step, *(replace(each, devnum=60) for each in devices[: step + 1]))
        assert bench.told == []


class TestStart:
    def test_what_is_missing_at_the_start_is_told_once_in_a_boot(self) -> None:
        assert Bench(()).scan(START_SECONDS - 0.1, BOARD, MOUSE) == []
        bench = Bench((MOUSE,))
        assert bench.scan(START_SECONDS - 0.1, MOUSE) == []
        assert bench.scan(START_SECONDS, MOUSE) == ["removed 1-1"]
        assert str(bench.told[0][1].reason) == "1-1 was not there when the agent started"
        bench.restart()
        assert [bench.scan(moment, MOUSE) for moment in (20.0, 40.0, 60.0)] == [[], [], []]
        bench.restart("boot-2")
        bench.scan(1.0, MOUSE)
        assert bench.scan(1.0 + START_SECONDS, MOUSE) == ["removed 1-1"]

    def test_a_replug_while_the_agent_was_dead_is_told(self) -> None:
        bench = Bench()
        bench.restart()
        assert bench.scan(50.0, replace(BOARD, devnum=3), MOUSE) == ["replugged 1-1"]

    def test_a_removal_that_was_held_back_at_a_crash_is_told(self) -> None:
        bench = Bench()
        bench.scan(5.0, MOUSE)
        bench.restart()
        assert bench.scan(8.0, MOUSE) == ["removed 1-1"]

    def test_a_binding_that_is_made_anew_begins_anew(self) -> None:
        bench, other = Bench(), device("1", "other")
        bench.bindings = bind(other, MOUSE)
        assert bench.scan(5.0, other, MOUSE) == []
        bench.bindings = bind(MOUSE)
        assert [bench.scan(6.0, MOUSE), bench.scan(60.0, MOUSE)] == [[], []]


class TestState:
    def test_it_is_the_same_after_writing_and_reading(self) -> None:
        devices = dock()
        bench = Bench(devices, bind(*devices))
        bench.scan(5.0, *devices[:4], device("9", "dev1"), resumed=True)
        assert from_json(to_json(bench.state), BOOT) == bench.state
        assert from_json(to_json(bench.state), "boot-2") == TamperState("boot-2")

    @pytest.mark.parametrize(
        "data",
        [b"", b"[]", b"{}", b'{"boot":"boot-1"}', b"\xff", b"[" * 100_000, to_json(TamperState(BOOT)) + b" ",
         to_json(TamperState(BOOT)).replace(b'"quiet":0', b'"quiet":"0"'),
         to_json(TamperState(BOOT)).replace(b'"quiet":0', b'"quiet":0,"x":1')],
    )  # fmt: skip
    def test_damage_is_one_typed_error(self, data: bytes) -> None:
        with pytest.raises(InputError):
            from_json(data, BOOT)

    @given(st.integers(0, 10_000), st.integers(0, 255))
    def test_a_changed_byte_is_read_or_refused(self, place: int, value: int) -> None:
        whole = bytearray(to_json(Bench().state))
        whole[place % len(whole)] = value
        try:
            watch(from_json(bytes(whole), BOOT), (BOARD, MOUSE), BOTH, 50.0)
        except InputError as error:
            assert str(error)

    def test_stored_times_that_cannot_be_silence_nothing(self) -> None:
        bench = Bench()
        bench.scan(5.0, MOUSE)
        late = tuple(replace(each, since=10**12) for each in bench.state.watched)
        bench.state = replace(bench.state, quiet=10**12, watched=late)
        bench.scan(6.0, MOUSE)
        assert bench.scan(6.0 + SETTLED, MOUSE) == ["removed 1-1"]


class TestUnknown:
    STICK = device("3", "stick", "S")

    def blocked(self, state: TamperState, *devices: UsbDevice, lease: Lease | None = None
                ) -> tuple[TamperState, list[str]]:  # fmt: skip
        decisions = decide(devices, BOTH, (lease,) if lease else (), 150.0, BOOT)
        state, found = unknown(state, devices, decisions)
        return state, [f"{each.kind} {each.decision.device.name}" for each in found]

    def lease(self, devices: int = 1) -> Lease:
        return Lease("L", "card", Scope(("*",), ("03",), devices, "case"), BOOT, 100.0, 200.0)

    def test_a_stranger_is_told_once_per_appearance(self) -> None:
        state, found = self.blocked(TamperState(BOOT), BOARD, MOUSE, self.STICK)
        assert found == ["usb.blocked 1-3"]
        state, found = self.blocked(from_json(to_json(state), BOOT), BOARD, MOUSE, self.STICK)
        assert found == []
        state, found = self.blocked(state, BOARD, MOUSE, replace(self.STICK, devnum=9))
        assert found == ["usb.blocked 1-3"]
        half = replace(self.STICK, devnum=9, authorized=None)
        state, found = self.blocked(state, BOARD, half)
        assert (found, self.blocked(state, BOARD, replace(self.STICK, devnum=9))[1]) == ([], [])

    def test_what_was_let_in_is_no_stranger_when_the_lease_ends(self) -> None:
        state, found = self.blocked(TamperState(BOOT), self.STICK, lease=self.lease())
        assert (found, self.blocked(state, self.STICK)[1]) == ([], [])

    def test_two_with_one_identity_are_an_alarm_when_a_lease_would_open_them(self) -> None:
        pair = (self.STICK, replace(self.STICK, name="1-4", port=f"{V2}4"))
        state, found = self.blocked(TamperState(BOOT), *pair)
        assert found == ["usb.blocked 1-3", "usb.blocked 1-4"]
        state, found = self.blocked(state, *pair, lease=self.lease(2))
        assert found == ["tamper.duplicate 1-3", "tamper.duplicate 1-4"]
        assert self.blocked(state, *pair, lease=self.lease(2))[1] == []

    def test_what_the_watch_tells_is_not_told_twice(self) -> None:
        assert self.blocked(TamperState(BOOT), device("1", "fake"), replace(MOUSE, port=f"{V2}6"))[1] == []


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(2, 4)), max_size=40))
def test_alarms_and_returns_alternate_and_a_long_absence_is_always_told(steps: list[tuple[bool, bool, int]]) -> None:
    """Whatever the scans show: away is told once, back is told once, and what stays away is told in the end."""
    bench = Bench()
    moment, away = 1.0, False
    for board, mouse, number in [*steps, (False, False, 2), (False, False, 2)]:
        moment += 0.4 if steps else 0.7
        shown = [*((replace(BOARD, devnum=number),) if board else ()), *((MOUSE,) if mouse else ())]
        for told in bench.scan(moment, *shown):
            if told == "removed 1-1":
                assert not away
                away = True
            if told == "returned 1-1":
                assert away
                away = False
    bench.scan(moment + 5.0)
    removed = sum(each.kind.value == "tamper.removed" for _, each in bench.told)
    returned = sum(each.kind.value == "tamper.returned" for _, each in bench.told)
    assert removed - returned == 2
