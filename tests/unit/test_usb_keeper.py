"""When the keeper refuses a device, and what it takes for the worst; its refusals themselves are recorded here."""

from __future__ import annotations

import json
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.usb import keeper
from agent.usb.bindings import save_bindings
from agent.usb.keeper import GRACE, LEFT_GRACE, Keeper, Leased, Places, read_leases
from agent.usb.storage import Outcome, Released
from policies.errors import InputError
from policies.usb import UsbBinding, UsbIdentity, UsbRole

BOOT = "6f1a"


class Watched(Keeper):
    """A keeper that notes what it would refuse, and whose clock is set by hand."""

    def __init__(self, places: Places) -> None:
        self.now, self.refused = 1000.0, list[tuple[str, int, str]]()
        super().__init__(places, lambda *_: Released(Outcome.CLEAN), lambda: self.now)

    def _start(self, each: Leased, why: str) -> None:
        self.refused.append((each.name, each.devnum, why))

    def at(self, now: float) -> list[tuple[str, int, str]]:
        self.now, self.refused = now, []
        self.look()
        return self.refused


def plug(
    places: Places, name: str, *, devnum: int = 5, authorized: str = "1", classes: tuple[str, ...] = ("08",)
) -> Path:
    folder = places.sysfs / "bus/usb/devices" / name
    folder.mkdir(parents=True)
    for file, text in (("devnum", str(devnum)), ("authorized", authorized), ("idVendor", "0781"), ("idProduct", "5567"),
                       ("serial", name)):  # fmt: skip
        (folder / file).write_text(f"{text}\n")
    (folder / "descriptors").write_bytes(name.encode())
    for number, each in enumerate(classes):
        (folder / f"{name}:1.{number}").mkdir()
        (folder / f"{name}:1.{number}/bInterfaceClass").write_text(f"{each}\n")
    return folder


def bind(places: Places, *names: str) -> None:
    bindings = tuple(
        UsbBinding(name, UsbRole.OTHER, (f"pci-{name}",),
                   UsbIdentity("0781", "5567", name, sha256(name.encode()).hexdigest()))
        for name in names
    )  # fmt: skip
    places.bindings.parent.mkdir(parents=True, exist_ok=True)
    save_bindings(places.bindings, bindings)


def lease(places: Places, *devices: tuple[str, int], ends: float = 1100.0, jti: str = "j1", **more: Any) -> None:
    listed = [{"name": name, "devnum": devnum} for name, devnum in devices]
    document = {"v": 1, "boot": BOOT, "leases": [{"jti": jti, "ends": ends, "devices": listed, **more}]}
    (places.run / keeper.LEASES).write_text(json.dumps(document))


@pytest.fixture
def places(tmp_path: Path) -> Places:
    found = Places(
        tmp_path / "sys", tmp_path / "boot_id", tmp_path / "run", tmp_path / "state", tmp_path / "etc/b.json"
    )
    found.run.mkdir()
    found.state.mkdir()
    (found.sysfs / "bus/usb/devices/usb1").mkdir(parents=True)
    (found.sysfs / "bus/usb/devices/usb1/authorized").write_text("1\n")
    found.boot_id.write_text(f"{BOOT}\n")
    return found


def test_a_device_is_refused_when_its_lease_is_over_and_not_before(places: Places) -> None:
    plug(places, "2-1")
    lease(places, ("2-1", 5), ends=1100)
    watched = Watched(places)
    assert watched.at(1100 + GRACE - 0.1) == []
    assert watched.at(1100 + GRACE) == [("2-1", 5, "ended")]


def test_what_is_refused_already_or_is_another_enumeration_is_left_alone(places: Places) -> None:
    plug(places, "2-1", authorized="0")
    plug(places, "2-2", devnum=6)
    lease(places, ("2-1", 5), ("2-2", 5), ("2-3", 9))
    assert Watched(places).at(5000) == []


def test_a_device_that_left_the_list_is_refused_after_a_grace_unless_it_was_bound_meanwhile(places: Places) -> None:
    plug(places, "2-1")
    plug(places, "2-2")
    lease(places, ("2-1", 5), ("2-2", 5), ends=9000)
    watched = Watched(places)
    assert watched.at(1000) == []
    lease(places, ends=9000)
    bind(places, "2-2")
    assert watched.at(1001) == []
    assert watched.at(1001 + LEFT_GRACE - 0.5) == []
    assert watched.at(1001 + LEFT_GRACE) == [("2-1", 5, "left")]


def test_deleting_the_file_does_not_keep_a_device_open(places: Places) -> None:
    plug(places, "2-1")
    lease(places, ("2-1", 5), ends=9000)
    watched = Watched(places)
    watched.at(1000)
    (places.run / keeper.LEASES).unlink()
    watched.at(1001)
    assert watched.at(1001 + LEFT_GRACE) == [("2-1", 5, "left")]


def test_before_the_first_lease_there_is_no_file_and_nothing_to_do(places: Places) -> None:
    plug(places, "1-1", classes=("03",))
    assert Watched(places).at(1000) == []


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b'{"v":1,"boot":"other","leases":[]}', b"[]"])
def test_an_unreadable_file_shuts_all_that_is_not_bound_at_once(content: bytes, places: Places) -> None:
    for name, classes in (("1-1", ("09",)), ("1-1.4", ("03",)), ("2-1", ("08",)), ("2-2", ("03",))):
        plug(places, name, classes=classes)
    plug(places, "2-3", authorized="0")
    bind(places, "1-1.4")
    (places.run / keeper.LEASES).write_bytes(content)
    assert [each[0] for each in Watched(places).at(1000)] == ["2-1", "2-2"]


def test_damaged_bindings_fall_back_to_the_last_good_ones(places: Places) -> None:
    plug(places, "1-1", classes=("03",))
    plug(places, "2-1", classes=("03",))
    bind(places, "1-1")
    places.bindings.rename(places.state / "bindings.last.json")
    places.bindings.write_text("{")
    (places.run / keeper.LEASES).write_text("{")
    assert [each[0] for each in Watched(places).at(1000)] == ["2-1"]


def test_without_any_bindings_only_what_types_stays(places: Places) -> None:
    plug(places, "1-1", classes=("03",))
    plug(places, "1-2", classes=("03", "08"))
    plug(places, "1-3", classes=())
    (places.run / keeper.LEASES).write_text("{")
    assert [each[0] for each in Watched(places).at(1000)] == ["1-2", "1-3"]


def test_while_the_machine_falls_asleep_nothing_leased_stays_open(places: Places) -> None:
    plug(places, "2-1")
    lease(places, ("2-1", 5), ends=9000)
    watched = Watched(places)
    (places.run / keeper.ASLEEP).touch()
    assert watched.at(1000) == [("2-1", 5, "sleep")]
    (places.run / keeper.ASLEEP).unlink()
    assert watched.at(1001) == []


def test_members_of_the_agents_own_do_not_matter(places: Places) -> None:
    lease(places, ("2-1", 5), scope={"ports": ["*"]}, used=[])
    assert read_leases((places.run / keeper.LEASES).read_bytes(), BOOT) == (Leased("j1", "2-1", 5, 1100.0),)


@pytest.mark.parametrize(
    ("member", "value"),
    [("ends", "soon"), ("ends", True), ("ends", None), ("jti", 5), ("devices", {}), ("devices", [{"name": "2-1"}]),
     ("devices", [{"name": "usb1", "devnum": 1}]), ("devices", [{"name": "../x", "devnum": 1}]),
     ("devices", [{"name": "2-1", "devnum": "1"}]), ("devices", [5])],
)  # fmt: skip
def test_a_member_of_another_kind_makes_the_file_unreadable(member: str, value: object) -> None:
    row: dict[str, object] = {"jti": "j", "ends": 5, "devices": [], member: value}
    with pytest.raises(InputError):
        read_leases(json.dumps({"v": 1, "boot": BOOT, "leases": [row]}).encode(), BOOT)


def test_an_end_that_never_comes_makes_the_file_unreadable() -> None:
    for ends in ("Infinity", "NaN", "1e999"):
        text = f'{{"v":1,"boot":"{BOOT}","leases":[{{"jti":"j","ends":{ends},"devices":[]}}]}}'
        with pytest.raises(InputError):
            read_leases(text.encode(), BOOT)


@given(st.binary(max_size=300) | st.recursive(st.none() | st.integers() | st.text(), lambda inner: st.lists(inner)
       | st.dictionaries(st.sampled_from(["v", "boot", "leases", "jti", "ends", "devices"]), inner)).map(
           lambda value: json.dumps(value).encode()))  # fmt: skip
def test_noise_is_one_typed_error(noise: bytes) -> None:
    try:
        read_leases(noise, BOOT)
    except InputError:
        return


def test_a_damaged_record_is_put_aside_and_the_others_are_read(places: Places) -> None:
    folder = places.state / keeper.RECORDS
    folder.mkdir()
    (folder / "a.json").write_text("{")
    good = {"boot": BOOT, "jti": "j", "name": "2-1", "devnum": 5, "why": "ended", "outcome": "lazily",
            "mounts": ["/media/x"], "authorized": False, "at": 7}  # fmt: skip
    (folder / "b.json").write_text(json.dumps(good))
    (found,) = keeper.records(places)
    assert (found.jti, found.outcome, found.mounts, found.authorized) == ("j", Outcome.LAZILY, ("/media/x",), False)
    keeper.forget(found)
    assert keeper.records(places) == ()
    assert [each.name for each in folder.iterdir()] == ["a.broken"]


def test_it_loads_nothing_but_the_standard_library_and_the_policies() -> None:
    script = "import sys, agent.usb.keeper\nprint(sorted({name.split('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True, cwd="/")
    names = {name for name in json.loads(done.stdout.replace("'", '"')) if not name.startswith("_")}
    assert names - set(sys.stdlib_module_names) <= {"agent", "policies", "sitecustomize"}


def test_it_can_only_write_refusals() -> None:
    source = Path(keeper.__file__).read_text("utf-8")
    assert source.count("write_text(") == 1
    assert '/ "authorized").write_text("0")' in source
