"""A night swap: what may take a dead device's place, and how long a code is good."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from controller.store import inventory, swaps
from controller.store.open import Store, open_store
from policies.errors import SafetyRefusal
from policies.model import Device, DeviceRole, Learned, ObservedPort
from policies.swap import replacement

pytestmark = pytest.mark.clause("7.1c")

NOW = datetime(2026, 3, 1, 2, 10, tzinfo=UTC)
OLD, NEW, OTHER = "02:ca:00:00:00:05", "02:ca:00:00:00:15", "02:ba:d0:00:00:66"
CAM = Device("cam05", DeviceRole.CAMERA, OLD, "198.18.100.105")


def port(*learned: str, violator: str = "", kind: str = "dynamic") -> ObservedPort:
    macs = frozenset(Learned(mac, 100, kind) for mac in learned)
    return ObservedPort("Gi1/0/1", learned=macs, last_violator=violator)


def taken(seen: ObservedPort, inventory: tuple[str, ...] = (OLD,), retired: tuple[str, ...] = ()) -> str:
    return replacement(CAM, seen, "sw2/Gi1/0/1", inventory, retired)


@pytest.mark.parametrize("seen", [port(NEW), port(violator=NEW), port(NEW, violator=OTHER)])
def test_what_the_switch_sees_takes_the_place(seen: ObservedPort) -> None:
    assert taken(seen) == NEW


def test_a_bound_mac_that_the_switch_keeps_is_not_a_device_that_is_there() -> None:
    seen = port(OLD, violator=NEW, kind="static")
    assert taken(seen) == NEW


@pytest.mark.parametrize(
    ("seen", "inventory", "retired", "words"),
    [
        (port(), (OLD,), (), "no new device"),
        (port(violator=OLD), (OLD,), (), "no new device"),
        (port(OLD, NEW), (OLD,), (), "still there"),
        (port(NEW, OTHER), (OLD,), (), "2 MACs"),
        (port(NEW), (OLD, NEW), (), "another device"),
        (port(NEW), (OLD,), (NEW,), "retired"),
        (port(OTHER), (OLD,), (), "another make"),
        (port("ff:ff:ff:ff:ff:ff"), (OLD,), (), "no new device"),
    ],
)
def test_anything_else_is_refused(
    seen: ObservedPort, inventory: tuple[str, ...], retired: tuple[str, ...], words: str
) -> None:
    with pytest.raises(SafetyRefusal, match=words):
        taken(seen, inventory, retired)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path, clock=lambda: NOW) as made:
        inventory.add_device(made, CAM)
        yield made


def permit(store: Store) -> str:
    return swaps.make_permit(store, swaps.Allowance("cam05", OLD, "root", "no picture", NOW + timedelta(hours=2)))


def good(store: Store, code: str, after: timedelta = timedelta(0)) -> bool:
    found = swaps.permit_of(store, "cam05", NOW + after)
    return found is not None and swaps.fits(store, found, code)


def test_a_code_is_good_for_two_hours_however_it_is_written(store: Store) -> None:
    code = permit(store)
    assert good(store, code)
    assert good(store, f" {code.lower().replace('-', ' ')}")
    assert good(store, code, timedelta(hours=2, seconds=-1))
    assert not good(store, code, timedelta(hours=2))


def test_a_code_is_nowhere_in_the_database(store: Store, tmp_path: Path) -> None:
    code = permit(store)
    kept = b"".join(each.read_bytes() for each in tmp_path.iterdir())
    assert code.encode() not in kept
    assert code.replace("-", "").encode() not in kept


def test_after_five_wrong_codes_the_right_one_is_not_taken(store: Store) -> None:
    code = permit(store)
    wrong = ("0" if code[0] != "0" else "1") + code[1:]
    assert [good(store, wrong) for _ in range(swaps.MOST_TRIES - 1)] == [False] * (swaps.MOST_TRIES - 1)
    assert good(store, code)
    assert not good(store, wrong)
    assert not good(store, code)


def test_a_code_is_used_up_and_comes_back_when_it_was_for_nothing(store: Store) -> None:
    code = permit(store)
    found = swaps.permit_of(store, "cam05", NOW)
    assert found is not None
    swaps.use_permit(store, "cam05")
    assert not good(store, code)
    swaps.give_back(store, found)
    assert good(store, code)


def test_a_second_code_takes_the_place_of_the_first(store: Store) -> None:
    first, second = permit(store), permit(store)
    assert (good(store, first), good(store, second)) == (False, True)


def test_what_is_in_the_inventory_is_not_retired(store: Store) -> None:
    swaps.retire(store, NEW, "cam05")
    assert swaps.retired(store) == {NEW}
    inventory.add_device(store, Device("cam15", DeviceRole.CAMERA, NEW, None))
    assert swaps.retired(store) == frozenset()
