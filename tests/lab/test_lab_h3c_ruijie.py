"""The H3C and the Ruijie switch on real frames: what is typed by hand lets the bound device in and nobody else."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lab.up import requirements
from policies.errors import UsageError
from tests.lab.vendor_bench import VendorBench, vendor_bench
from tests.replay import test_persona_h3c as h3c
from tests.replay import test_persona_ruijie as ruijie
from tests.replay.persona_plain import Plain, plain

pytestmark = [pytest.mark.lab, pytest.mark.clause("7.1c")]

CAMERA, LAPTOP, RECORDER = "00:11:22:33:44:55", "02:ba:d0:00:00:66", "02:ee:00:00:00:01"
OWN, OTHER = "198.18.30.1", "198.18.30.9"


@dataclass(frozen=True)
class Vendor:
    """What to type on one vendor's switch; ports 1 and 2 are in VLAN 30."""

    config: dict[str, Any]
    prompt: str
    enter: tuple[str, ...]
    seal: tuple[str, ...]
    guard: tuple[str, ...]
    shut: tuple[str, ...]
    is_down: str
    down: str
    reopen: tuple[str, ...]


H3C = Vendor(
    h3c.CONFIG,
    h3c.PROMPT,
    ("screen-length disable", "system-view"),
    (
        "port-security enable",
        "interface gi1/0/1",
        "port-security max-mac-count 1",
        "port-security port-mode autolearn",
        "port-security mac-address security sticky 0011-2233-4455 vlan 30",
    ),
    (f"ip source binding ip-address {OWN} mac-address 0011-2233-4455", "ip verify source ip-address mac-address"),
    ("port-security intrusion-mode disableport",),
    "display interface gi1/0/1",
    r"DOWN \( Port Security Disabled \)",
    ("interface gi1/0/1", "undo shutdown"),
)
RUIJIE = Vendor(
    ruijie.CONFIG,
    ruijie.PROMPT,
    ("terminal length 0", "configure terminal"),
    (
        "interface gi0/1",
        "switchport port-security",
        "switchport port-security maximum 1",
        "switchport port-security mac-address 0011.2233.4455 vlan 30",
    ),
    (f"switchport port-security binding 0011.2233.4455 vlan 30 {OWN}",),
    ("switchport port-security violation shutdown",),
    "show interfaces status err-disabled",
    r"GigabitEthernet 0/1 +err-disabled",
    ("errdisable recovery",),
)


@dataclass(frozen=True)
class Bench:
    """A running switch and its vendor."""

    wires: VendorBench
    vendor: Vendor

    def configure(self, *lines: str) -> None:
        """Type lines in configuration mode, where a plain client is told nothing."""

        async def talk() -> None:
            async with self._session() as session:
                await self._enter(session)
                await session.configure(*lines)

        asyncio.run(talk())

    def shows(self, command: str, pattern: str) -> bool:
        """Ask until the answer has `pattern`: a violation is noticed a moment after its frame."""

        async def talk() -> bool:
            async with self._session() as session:
                await self._enter(session)
                for _ in range(200):
                    if re.search(pattern, await session.type(command)):
                        return True
                    await asyncio.sleep(0.1)
            return False

        return asyncio.run(talk())

    def _session(self) -> Any:
        return plain(22, self.vendor.prompt, self.wires.connect())

    async def _enter(self, session: Plain) -> None:
        if session.prompt.endswith(">") and not session.prompt.startswith("<"):
            await ruijie.enable(session)
        for line in self.vendor.enter:
            await session.type(line)


@pytest.fixture(params=[H3C, RUIJIE], ids=["h3c_comware", "ruijie_os"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    """A switch with a cable at each port, as the installer left it."""
    try:
        requirements()
    except UsageError as error:
        pytest.skip(error.line("en"))
    with vendor_bench(request.param.config, tmp_path) as wires:
        made = Bench(wires, request.param)
        assert wires.comes_through(1, 2, LAPTOP), "before anything is bound, everybody gets through"
        yield made


def test_a_bound_camera_gets_through_and_a_stranger_does_not(bench: Bench) -> None:
    bench.configure(*bench.vendor.seal)
    assert bench.wires.comes_through(1, 2, CAMERA)
    assert not bench.wires.arrives(1, 2, LAPTOP)
    assert bench.wires.arrives(1, 2, CAMERA), "the control frame"
    assert bench.wires.comes_through(2, 1, RECORDER), "the other port is open"


def test_a_bound_camera_with_another_address_does_not_get_through(bench: Bench) -> None:
    bench.configure(*bench.vendor.seal, *bench.vendor.guard)
    assert bench.wires.comes_through(1, 2, CAMERA, OWN)
    assert not bench.wires.arrives(1, 2, CAMERA, OTHER)
    assert bench.wires.arrives(1, 2, CAMERA, OWN), "the control frame"


def test_a_stranger_shuts_the_port_until_it_is_opened_by_hand(bench: Bench) -> None:
    bench.configure(*bench.vendor.seal, *bench.vendor.shut)
    assert bench.wires.comes_through(1, 2, CAMERA)
    bench.wires.send(1, LAPTOP)
    assert bench.shows(bench.vendor.is_down, bench.vendor.down)
    assert not bench.wires.arrives(1, 2, CAMERA), "nobody gets through a port that is shut"
    bench.configure(*bench.vendor.reopen)
    assert bench.wires.comes_through(1, 2, CAMERA)
