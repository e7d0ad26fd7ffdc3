"""The Huawei switches on real frames: what an administrator types by hand lets the bound device in and nobody else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.up import requirements
from policies.errors import UsageError
from tests.lab.vendor_bench import WAIT, VendorBench, vendor_bench
from tests.replay.huawei_session import STEM, config, eventually, terminal

pytestmark = [pytest.mark.lab, pytest.mark.clause("7.1c")]

Placed = tuple[VendorBench, str]
PORT_SECURITY = "display port-security interface"
CAMERA, LAPTOP, RECORDER = "02:ca:00:00:00:01", "02:ba:d0:00:00:66", "02:ee:00:00:00:01"


@pytest.fixture(scope="module", params=["huawei_vrp", "huawei_vrpv8"])
def placed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Placed]:
    """A switch with a cable at each port; ports 1 and 2 are in VLAN 100."""
    try:
        requirements()
    except UsageError as error:
        pytest.skip(error.line("en"))
    with vendor_bench(config(request.param), tmp_path_factory.mktemp("huawei")) as bench:
        yield bench, request.param


@pytest.fixture
def switch(placed: Placed) -> Iterator[Placed]:
    """The switch as the installer left it: port security and bindings are taken away before each test."""
    bench, platform = placed
    undo = ["restart", "undo port-security enable", f"undo {_guard(platform)}"]
    configure(bench, platform, f"interface {STEM[platform]}1", *undo, "quit", "undo user-bind static")
    assert bench.comes_through(1, 2, LAPTOP), "before anything is bound, everybody gets through"
    yield bench, platform


def _guard(platform: str) -> str:
    return f"{'ipv4' if platform.endswith('v8') else 'ip'} source check user-bind enable"


def configure(bench: VendorBench, platform: str, *lines: str) -> None:
    with terminal(22, bench.connect()) as session:
        session.send("system-view")
        for line in lines:
            session.send(line)
        if platform.endswith("v8"):
            session.send("commit")
        session.send("return")


def display(bench: VendorBench, command: str) -> list[str]:
    with terminal(22, bench.connect()) as session:
        return session.output(command)


def bind(platform: str, action: str = "restrict") -> list[str]:
    return [
        f"interface {STEM[platform]}1", "port-security enable", f"port-security protect-action {action}",
        "port-security mac-address sticky", "port-security mac-address sticky 2ca-0-1 vlan 100",
    ]  # fmt: skip


def test_a_bound_camera_gets_through_and_a_stranger_does_not(switch: Placed) -> None:
    bench, platform = switch
    configure(bench, platform, *bind(platform))
    assert bench.comes_through(1, 2, CAMERA)
    assert not bench.arrives(1, 2, LAPTOP)
    assert bench.arrives(1, 2, CAMERA), "the control frame"
    assert bench.comes_through(2, 1, RECORDER), "the other port is open"
    counted = f"{PORT_SECURITY} {STEM[platform]}1"
    assert eventually(lambda: "Security Violation Count   : 0" not in display(bench, counted))
    assert any(line.startswith("02ca-0000-0001") and "sticky" in line for line in display(bench, "display mac-address"))


def test_a_stranger_puts_the_port_into_error_down_and_restart_opens_it(switch: Placed) -> None:
    bench, platform = switch
    configure(bench, platform, *bind(platform, "error-down" if platform.endswith("v8") else "shutdown"))
    assert bench.comes_through(1, 2, CAMERA)
    bench.send(1, LAPTOP)
    down = f"display interface {STEM[platform]}1"
    assert eventually(lambda: "ERROR DOWN" in display(bench, down)[0], WAIT)
    assert not bench.arrives(1, 2, CAMERA), "nobody gets through a port that is down"
    configure(bench, platform, f"interface {STEM[platform]}1", "restart")
    assert bench.comes_through(1, 2, CAMERA)


def test_the_source_check_stops_another_address(switch: Placed) -> None:
    bench, platform = switch
    bound = f"user-bind static ip-address 198.18.100.101 mac-address 2ca-0-1 interface {STEM[platform]}1 vlan 100"
    configure(bench, platform, bound, *bind(platform), _guard(platform))
    assert bench.comes_through(1, 2, CAMERA, "198.18.100.101")
    assert not bench.arrives(1, 2, CAMERA, "198.18.100.250")
    assert bench.arrives(1, 2, CAMERA, "198.18.100.101"), "the control frame"


def test_a_candidate_stops_nobody_before_its_commit(switch: Placed) -> None:
    bench, platform = switch
    if not platform.endswith("v8"):
        configure(bench, platform, *bind(platform))
        assert not bench.arrives(1, 2, LAPTOP), "VRP 5 has no candidate: what is typed takes effect at once"
        return
    with terminal(22, bench.connect()) as session:
        session.send("system-view")
        session.type(*bind(platform))
        assert bench.arrives(1, 2, LAPTOP)
        session.send("commit trial 60")
        assert not bench.arrives(1, 2, LAPTOP)
        session.send("abort trial")
        session.send("y")
    assert bench.comes_through(1, 2, LAPTOP)
