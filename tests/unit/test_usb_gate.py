"""What the gate admits: every reason with a control beside it, and the properties that no scan may break."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.usb import gate
from agent.usb.gate import CODES, MOST_DEVICES, claim, decide, is_live, limits, places, remaining, spend
from policies.usb import Decision, Lease, Scope, UsbBinding, UsbDevice, UsbIdentity, UsbInterface, UsbRole

BOOT, OTHER_BOOT = "boot-1", "boot-2"
V2, V3 = "pci-0000:00:14.0-usbv2-0:", "pci-0000:00:14.0-usbv3-0:"
STORAGE, KEYS, HUB_CLASS = "08:06:50", "03:01:01", "09:00:01"


def identity(model: str = "stick", serial: str = "S1") -> UsbIdentity:
    return UsbIdentity("0781", f"{sum(model.encode()):04x}", serial, model.encode().hex().ljust(64, "0"))


def faces(*classes: str) -> tuple[UsbInterface, ...]:
    """Make interfaces 0, 1, … of one configuration from "cc:ss:pp"."""
    return tuple(UsbInterface(1, number, 0, *each.split(":")) for number, each in enumerate(classes))


def device(port: str, who: UsbIdentity | None = None, *classes: str, devnum: int = 2) -> UsbDevice:
    shown = faces(*(classes or (STORAGE,)))
    hub = any(each.usb_class == "09" for each in shown)
    return UsbDevice(port.replace(V2, "1-").replace(V3, "2-"), port, devnum, who or identity(), shown, hub, False)


def lease(*, ports: tuple[str, ...] = ("*",), classes: tuple[str, ...] = ("08",), devices: int = 1, jti: str = "L1",
          once: bool = False, used: tuple[UsbDevice, ...] = ()) -> Lease:  # fmt: skip
    scope = Scope(ports, classes, devices, "case", once=once)
    return Lease(jti, "card", scope, BOOT, 100.0, 200.0, tuple(each.appearance for each in used))


BOARD = identity("keyboard", "")
BOUND = UsbBinding("keyboard", UsbRole.KEYBOARD, (f"{V2}1", f"{V3}1"), BOARD)
KEYBOARD = device(f"{V2}1", BOARD, KEYS)
STICK = device(f"{V2}2")


def judge(devices: list[UsbDevice], *leases: Lease, bindings: tuple[UsbBinding, ...] = (BOUND,), now: float = 150.0,
          boot: str = BOOT) -> list[Decision]:  # fmt: skip
    return list(decide(devices, bindings, leases, now, boot))


def codes(devices: list[UsbDevice], *leases: Lease, now: float = 150.0) -> list[str]:
    return [each.code for each in judge(devices, *leases, now=now)]


@dataclass(frozen=True)
class Case:
    """A code: the scan that gives it to its last device, and a control that differs by one thing."""

    code: str
    given: Callable[[], list[Decision]]
    control: Callable[[], list[Decision]]
    control_code: str
    alarms: tuple[str, ...] = ()


MIXED = device(f"{V2}2", None, STORAGE, KEYS)
HUB = device(f"{V2}2", identity("hub", ""), HUB_CLASS)
CHILD = device(f"{V2}2.1", identity("inner", "S9"))
SIXTEEN = [device(f"{V2}{number + 2}", identity(serial=f"S{number}")) for number in range(MOST_DEVICES)]
LAST = device(f"{V2}99", identity(serial="last"))
PLAIN, WRITTEN = replace(STICK, interfaces=()), replace(STICK, released=frozenset({0}))
READ_ONLY = replace(lease(), scope=Scope(("*",), ("08",), 1, "case", read_only=True))
TWO_LEASES = (lease(devices=16, used=tuple(SIXTEEN)), lease(devices=16, jti="L2"))

CASES = [
    Case("bound", lambda: judge([KEYBOARD]), lambda: judge([KEYBOARD], bindings=()), "unknown"),
    Case("lease", lambda: judge([STICK], lease()), lambda: judge([STICK]), "unknown"),
    Case("composite", lambda: judge([MIXED], lease()), lambda: judge([MIXED], lease(classes=("03", "08"))), "lease"),
    Case("unknown", lambda: judge([STICK]), lambda: judge([STICK], lease()), "lease"),
    Case("expired", lambda: judge([STICK], lease(used=(STICK,)), now=200.0),
         lambda: judge([STICK], lease(used=(STICK,)), now=199.999), "lease"),
    Case("expired", lambda: judge([STICK], lease(used=(STICK,)), boot=OTHER_BOOT),
         lambda: judge([STICK], lease(used=(STICK,))), "lease"),
    Case("gone", lambda: judge([replace(STICK, authorized=None)], lease()), lambda: judge([STICK], lease()), "lease"),
    Case("malformed", lambda: judge([PLAIN], lease()), lambda: judge([STICK], lease()), "lease"),
    Case("writable", lambda: judge([WRITTEN], READ_ONLY), lambda: judge([STICK], READ_ONLY), "lease"),
    Case("malformed", lambda: judge([replace(KEYBOARD, interfaces=())]), lambda: judge([KEYBOARD]), "bound"),
    Case("swapped", lambda: judge([replace(STICK, port=f"{V2}1")], lease()), lambda: judge([STICK], lease()), "lease",
         ("tamper.swapped",)),
    Case("moved", lambda: judge([replace(KEYBOARD, port=f"{V2}2")], lease(classes=("03",))),
         lambda: judge([KEYBOARD], lease(classes=("03",))), "bound", ("tamper.moved",)),
    Case("duplicate", lambda: judge([KEYBOARD, replace(KEYBOARD, name="1-3", port=f"{V2}3")], lease(classes=("03",))),
         lambda: judge([KEYBOARD, device(f"{V2}3", identity("another", ""), KEYS)], lease(classes=("03",))), "lease",
         ("tamper.duplicate",)),
    Case("duplicate", lambda: judge([STICK, device(f"{V2}3")], lease(devices=2)),
         lambda: judge([STICK, device(f"{V2}3", identity(serial="S2"))], lease(devices=2)), "lease",
         ("tamper.duplicate",)),
    Case("port", lambda: judge([STICK], lease(ports=(f"{V2}3",))), lambda: judge([STICK], lease(ports=(f"{V2}2",))),
         "lease"),
    Case("hub", lambda: judge([HUB], lease()), lambda: judge([HUB], lease(classes=("08", "09"))), "lease"),
    Case("class", lambda: judge([STICK], lease(classes=("03",))), lambda: judge([STICK], lease()), "lease"),
    Case("once", lambda: judge([replace(STICK, devnum=3)], lease(devices=2, once=True, used=(STICK,))),
         lambda: judge([replace(STICK, devnum=3)], lease(devices=2, used=(STICK,))), "lease"),
    Case("behind", lambda: judge([HUB, CHILD], lease(ports=(f"{V2}2.1",), classes=("08", "09"))),
         lambda: judge([HUB, CHILD], lease(classes=("08", "09"), devices=2)), "lease"),
    Case("count", lambda: judge([replace(STICK, devnum=3)], lease(used=(STICK,))),
         lambda: judge([replace(STICK, devnum=3)], lease(devices=2, used=(STICK,))), "lease"),
    Case("cap", lambda: judge([*SIXTEEN, LAST], *TWO_LEASES), lambda: judge([*SIXTEEN[1:], LAST], *TWO_LEASES),
         "lease"),
]  # fmt: skip
ALLOWING = {"bound", "lease", "composite"}


@pytest.mark.parametrize("case", CASES, ids=[f"{place}-{case.code}" for place, case in enumerate(CASES)])
def test_every_reason_has_its_case_and_its_control(case: Case) -> None:
    last, control = case.given()[-1], case.control()[-1]
    assert last.code == case.code
    assert last.allowed == (case.code in ALLOWING)
    assert last.alarms == case.alarms
    assert str(last.reason)
    assert (control.code, control.alarms) == (case.control_code, ())
    assert control.allowed == (case.control_code in ALLOWING)


def test_every_code_is_told_and_tested() -> None:
    assert {case.code for case in CASES} == set(CODES)
    assert all(CODES.values())


class TestBound:
    def test_a_bound_device_has_all_its_interfaces(self) -> None:
        whole = device(f"{V2}1", BOARD, KEYS, "03:00:00", "ff:00:00")
        (decision,) = judge([whole])
        assert decision.interfaces == {0, 1, 2}
        assert (decision.binding, decision.lease) == ("keyboard", "")

    def test_both_peers_of_its_hole_are_its_port(self) -> None:
        assert codes([replace(KEYBOARD, port=f"{V3}1")]) == ["bound"]
        assert codes([replace(KEYBOARD, port=f"{V3}2")]) == ["moved"]

    @pytest.mark.parametrize("part", ["vendor_id", "product_id", "serial", "descriptors"])
    def test_every_part_of_the_identity_counts(self, part: str) -> None:
        other = replace(BOARD, **{part: "f" * 4})
        (decision,) = judge([replace(KEYBOARD, identity=other)])
        assert (decision.code, decision.allowed, decision.binding) == ("swapped", False, "keyboard")

    def test_a_clone_elsewhere_takes_nothing_from_the_bound_device(self) -> None:
        clone = replace(KEYBOARD, name="1-3", port=f"{V2}3", authorized=True)
        for devices in ([KEYBOARD, clone], [clone, KEYBOARD]):
            found = {each.device.port: each for each in judge(devices, lease(classes=("03",)))}
            assert found[f"{V2}1"].interfaces == {0}
            assert found[f"{V2}1"].alarms == ()
            assert not found[f"{V2}3"].allowed
            assert found[f"{V2}3"].alarms == ("tamper.duplicate",)

    def test_a_clone_of_the_serial_with_other_descriptors_is_a_clone(self) -> None:
        bound = UsbBinding("dongle", UsbRole.DONGLE, (f"{V2}1",), identity("dongle", "D1"))
        real, fake = device(f"{V2}1", identity("dongle", "D1")), device(f"{V2}2", identity("dongle", "D1"))
        fake = replace(fake, identity=replace(fake.identity, descriptors="e" * 64))
        assert [each.code for each in judge([real, fake], lease(), bindings=(bound,))] == ["bound", "duplicate"]
        assert [each.code for each in judge([fake], lease(), bindings=(bound,))] == ["moved"]

    def test_two_alike_at_both_peers_of_one_hole_are_one_too_many(self) -> None:
        running = replace(KEYBOARD, port=f"{V3}1", authorized=True)
        found = judge([KEYBOARD, running])
        assert [each.code for each in found] == ["duplicate", "bound"]

    def test_two_mice_of_one_model_without_serial_are_both_bound(self) -> None:
        mouse = identity("mouse", "")
        bindings = tuple(UsbBinding(f"m{port}", UsbRole.MOUSE, (f"{V2}{port}",), mouse) for port in (4, 5))
        pair = [device(f"{V2}{port}", mouse, "03:01:02") for port in (4, 5)]
        found = judge(pair, bindings=bindings)
        assert [(each.code, each.alarms) for each in found] == [("bound", ()), ("bound", ())]
        third = judge([*pair, device(f"{V2}6", mouse, "03:01:02")], bindings=bindings)[-1]
        assert (third.code, third.alarms) == ("duplicate", ("tamper.duplicate",))
        assert judge([pair[0], device(f"{V2}6", mouse)], bindings=bindings)[-1].code == "moved"

    def test_a_bound_device_at_another_bound_port_is_swapped_and_moved(self) -> None:
        dongle = UsbBinding("dongle", UsbRole.DONGLE, (f"{V2}4",), identity("dongle", "D"))
        (decision,) = judge([replace(KEYBOARD, port=f"{V2}4")], bindings=(BOUND, dongle))
        assert (decision.code, decision.alarms) == ("swapped", ("tamper.swapped", "tamper.moved"))

    def test_hubs_in_front_of_bound_devices_are_named_when_they_are_not_bound(self) -> None:
        deep = UsbBinding("deep", UsbRole.KEYBOARD, (f"{V2}3.4.1", f"{V3}3.4.1"), BOARD)
        assert (gate.enclosing(f"{V2}1"), gate.enclosing(f"{V2}1.8.7")) == ((), (f"{V2}1", f"{V2}1.8"))
        assert gate.unbound_hubs((deep,)) == (f"{V2}3", f"{V2}3.4")
        inner = UsbBinding("inner", UsbRole.HUB, (f"{V2}3.4",), identity("hub", ""))
        outer = UsbBinding("outer", UsbRole.HUB, (f"{V2}3",), identity("hub", ""))
        assert gate.unbound_hubs((deep, inner)) == (f"{V2}3",)
        assert gate.unbound_hubs((deep, inner, outer, BOUND)) == ()


class TestComposite:
    def test_a_stick_that_is_a_keyboard_opens_as_a_stick_only(self) -> None:
        (decision,) = judge([MIXED], lease())
        assert [*decision.interfaces, *decision.withheld] == [0, 1]
        assert str(decision.reason) == "this device also acts as a keyboard; only this opens: storage"

    @pytest.mark.parametrize("hidden", ["03:00:00", "e0:01:01", "ff:00:00", "02:06:00"])
    def test_whatever_else_it_is_stays_shut(self, hidden: str) -> None:
        (decision,) = judge([device(f"{V2}2", None, hidden, STORAGE)], lease())
        assert [decision.code, *decision.interfaces, *decision.withheld] == ["composite", 1, 0]

    def test_a_number_that_is_something_else_in_another_setting_is_withheld(self) -> None:
        for sly in (UsbInterface(1, 0, 1, "03", "01", "01"), UsbInterface(2, 0, 0, "03", "01", "01")):
            (alone,) = judge([replace(STICK, interfaces=(*STICK.interfaces, sly))], lease())
            assert (alone.code, alone.allowed) == ("class", False)
            more = UsbInterface(1, 1, 0, "08", "06", "50")
            (part,) = judge([replace(STICK, interfaces=(*STICK.interfaces, sly, more))], lease())
            assert [part.code, *part.interfaces, *part.withheld] == ["composite", 1, 0]
        honest = UsbInterface(2, 0, 0, "08", "06", "62")
        assert judge([replace(STICK, interfaces=(*STICK.interfaces, honest))], lease())[0].code == "lease"

    def test_a_device_with_a_class_of_the_vendors_own_is_refused_with_words(self) -> None:
        odd = replace(STICK, interfaces=(*STICK.interfaces, UsbInterface(1, 0, 0, "ff", "00", "00")))
        (decision,) = judge([odd], lease())
        assert decision.code == "class"
        assert "vendor's own kind" in str(decision.reason)

    def test_a_hub_with_a_part_that_is_allowed_is_still_a_hub(self) -> None:
        both = device(f"{V2}2", None, STORAGE, HUB_CLASS)
        assert codes([both], lease()) == ["hub"]


class TestLease:
    def test_a_device_stays_open_until_it_is_pulled(self) -> None:
        spent = spend(lease(), judge([STICK], lease()))
        assert spent.used == (STICK.appearance,)
        assert spend(spent, judge([STICK], spent)) == spent
        assert codes([STICK], spent) == ["lease"]
        assert codes([replace(STICK, devnum=3)], spent) == ["count"]
        assert codes([replace(STICK, port=f"{V2}3")], spent) == ["count"]

    def test_once_is_for_the_device_and_not_for_another_one(self) -> None:
        used = lease(devices=2, once=True, used=(STICK,))
        assert codes([STICK], used) == ["lease"]
        assert codes([replace(STICK, port=f"{V2}3", devnum=9)], used) == ["once"]
        assert codes([device(f"{V2}2", identity(serial="S2"))], used) == ["lease"]

    def test_what_was_open_first_stays_when_a_clone_comes(self) -> None:
        clone = device(f"{V2}3", devnum=7)
        found = judge([clone, STICK], lease(devices=2, used=(STICK,)))
        assert [(each.code, each.alarms) for each in found] == [("duplicate", ("tamper.duplicate",)), ("lease", ())]
        new = judge([clone, STICK], lease(devices=2))
        assert [(each.code, each.allowed) for each in new] == [("duplicate", False)] * 2

    def test_a_lease_that_used_more_than_it_may_keeps_the_first(self) -> None:
        second = device(f"{V2}3", identity(serial="S2"))
        assert codes([second, STICK], lease(devices=1, used=(STICK, second))) == ["count", "lease"]
        assert codes([second, STICK], lease(devices=1)) == ["count", "lease"]

    def test_every_port_is_meant_only_when_it_stands_alone(self) -> None:
        assert codes([STICK], lease(ports=("*", f"{V2}9"))) == ["port"]

    def test_of_two_leases_the_one_that_fits_is_taken(self) -> None:
        first, second = lease(classes=("03",)), lease(jti="L2")
        assert [each.lease for each in judge([STICK], first, second)] == ["L2"]
        assert codes([replace(STICK, devnum=5)], first, replace(second, used=(STICK.appearance,))) == ["count"]

    def test_hubs_are_judged_before_what_is_behind_them(self) -> None:
        wide = lease(classes=("08", "09"), devices=2)
        assert codes([CHILD, HUB], wide) == ["lease", "lease"]
        assert codes([CHILD, HUB], replace(wide, scope=replace(wide.scope, classes=("08",)))) == ["behind", "hub"]
        bound = UsbBinding("hub", UsbRole.HUB, (HUB.port,), HUB.identity)
        assert [each.code for each in judge([CHILD, HUB], lease(), bindings=(bound,))] == ["lease", "bound"]

    def test_a_lease_of_another_boot_or_not_begun_is_none(self) -> None:
        assert is_live(lease(), 100.0, BOOT)
        assert not is_live(lease(), 99.9, BOOT)
        assert not is_live(lease(), 200.0, BOOT)
        assert not is_live(lease(), 150.0, OTHER_BOOT)
        assert not is_live(lease(), float("nan"), BOOT)

    def test_what_is_left_is_told(self) -> None:
        left = remaining(lease(devices=3, used=(STICK,)), 190.0)
        assert (left.seconds, left.devices) == (10.0, 2)
        assert str(left.limits) == "only storage; number of devices: 3"
        assert remaining(lease(), 300.0).devices == 0
        assert str(limits(replace(lease(), scope=replace(lease().scope, read_only=True)))).count("read-only")


PORTS = tuple(f"{V2}{way}" for way in ("1", "2", "3", "2.1", "2.2", "4"))
IDENTITIES = (BOARD, identity(), identity(serial="S2"), identity("mouse", ""), identity("hub", ""))
SHAPES = ((STORAGE,), (KEYS,), (STORAGE, KEYS), (HUB_CLASS,), ("ff:00:00",), (STORAGE, "e0:01:01"))


@st.composite
def scans(draw: st.DrawFn) -> list[UsbDevice]:
    found = []
    for port in draw(st.lists(st.sampled_from(PORTS), unique=True)):
        made = device(port, draw(st.sampled_from(IDENTITIES)), *draw(st.sampled_from(SHAPES)))
        found.append(
            replace(made, authorized=draw(st.sampled_from((True, False, None))), devnum=draw(st.integers(1, 3)))
        )
    return found


@st.composite
def binding_lists(draw: st.DrawFn) -> tuple[UsbBinding, ...]:
    ports = draw(st.lists(st.sampled_from(PORTS), unique=True, max_size=3))
    return tuple(UsbBinding(f"b-{port}", UsbRole.OTHER, (port,), draw(st.sampled_from(IDENTITIES))) for port in ports)


@st.composite
def lease_of(draw: st.DrawFn, devices: list[UsbDevice], jti: str = "L1") -> Lease:
    ports = draw(st.one_of(st.just(("*",)), st.lists(st.sampled_from(PORTS), unique=True).map(tuple)))
    classes = draw(st.lists(st.sampled_from(("03", "08", "09", "ff", "e0")), unique=True).map(tuple))
    used = draw(st.lists(st.sampled_from(devices), unique=True)) if devices else []
    scope = Scope(ports, classes, draw(st.integers(0, 5)), "case", once=draw(st.booleans()))
    return Lease(jti, "card", scope, draw(st.sampled_from((BOOT, BOOT, OTHER_BOOT))), 100.0, 200.0,
                 tuple(each.appearance for each in used))  # fmt: skip


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[UsbDevice], tuple[UsbBinding, ...], tuple[Lease, ...]]:
    devices = draw(scans())
    leases = tuple(draw(lease_of(devices, jti)) for jti in draw(st.sampled_from(((), ("L1",), ("L1", "L2")))))
    return devices, draw(binding_lists()), leases


World = tuple[list[UsbDevice], tuple[UsbBinding, ...], tuple[Lease, ...]]


@settings(max_examples=60)
@given(worlds(), st.one_of(st.just(150.0), st.floats()))
def test_nothing_is_admitted_without_a_binding_or_a_live_lease(world: World, now: float) -> None:
    devices, bindings, leases = world
    live = {each.jti: each for each in leases if is_live(each, now, BOOT)}
    for decision in decide(devices, bindings, leases, now, BOOT):
        assert decision.code in CODES
        assert not decision.interfaces & decision.withheld
        if not decision.allowed:
            continue
        assert decision.binding or 100.0 <= now < 200.0
        shown = decision.device
        if decision.binding:
            (mine,) = (each for each in bindings if each.name == decision.binding)
            assert shown.port in mine.ports
            assert shown.identity == mine.identity
            continue
        scope = live[decision.lease].scope
        assert scope.ports == ("*",) or shown.port in scope.ports
        assert {e.usb_class for e in shown.interfaces if e.number in decision.interfaces} <= set(scope.classes)
        assert claim(shown.identity) not in {claim(each.identity) for each in bindings}
        assert shown.port not in {port for each in bindings for port in each.ports}


@settings(max_examples=60)
@given(worlds())
def test_a_lease_never_admits_more_appearances_than_it_may(world: World) -> None:
    devices, bindings, leases = world
    decisions = decide(devices, bindings, leases, 150.0, BOOT)
    for each in leases:
        spent = spend(each, decisions)
        assert len(spent.used) <= max(each.scope.devices, len(each.used))
        assert sum(one.lease == each.jti for one in decisions if one.allowed) <= each.scope.devices
        # And once more with what was kept: a second look at the same scan changes nothing.
        again = decide(devices, bindings, [spend(one, decisions) for one in leases], 150.0, BOOT)
        assert [one.allowed for one in again] == [one.allowed for one in decisions]


@settings(max_examples=60)
@given(worlds())
def test_no_lease_and_nothing_plugged_in_elsewhere_closes_a_bound_device(world: World) -> None:
    devices, bindings, leases = world
    for name, mine in places(devices, bindings).items():
        (decision,) = decide([mine], bindings, (), 150.0, BOOT)
        together = {each.device: each for each in decide(devices, bindings, leases, 150.0, BOOT)}
        assert together[mine].interfaces == decision.interfaces
        assert together[mine].binding == name


@settings(max_examples=60)
@given(worlds(), st.randoms())
def test_the_order_of_the_scan_changes_nothing(world: World, random: Random) -> None:
    devices, bindings, leases = world
    shuffled = random.sample(devices, len(devices))
    key = {each.device: each for each in decide(devices, bindings, leases, 150.0, BOOT)}
    assert {each.device: each for each in decide(shuffled, bindings, leases, 150.0, BOOT)} == key


@settings(max_examples=60)
@given(worlds(), st.data())
def test_a_smaller_scope_opens_no_more(world: World, data: st.DataObject) -> None:
    """Of one lease: no device shows more of itself, and no more devices are open (another one may take the place)."""
    devices, bindings, _ = world
    wide = data.draw(lease_of(devices))
    scope = wide.scope
    ports = data.draw(st.lists(st.sampled_from(PORTS if scope.ports == ("*",) else scope.ports), unique=True)
                      ) if scope.ports else []  # fmt: skip
    classes = data.draw(st.lists(st.sampled_from(scope.classes), unique=True)) if scope.classes else []
    narrow = Scope(tuple(ports), tuple(classes), data.draw(st.integers(0, scope.devices)), "case", once=True)
    before = {each.device: each for each in decide(devices, bindings, [wide], 150.0, BOOT)}
    after = decide(devices, bindings, [replace(wide, scope=narrow)], 150.0, BOOT)
    assert sum(each.allowed for each in after) <= sum(each.allowed for each in before.values())
    for each in after:
        assert not before[each.device].allowed or each.interfaces <= before[each.device].interfaces
