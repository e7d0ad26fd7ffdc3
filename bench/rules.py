"""expected, plan and comply over 500 ports: microseconds a port, without any I/O."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from bench.result import Line, most
from policies.comply import comply
from policies.expected import expected
from policies.model import (
    Binding,
    Device,
    DeviceRole,
    Learned,
    ObservedPort,
    ObservedSwitch,
    Oper,
    PortConfig,
    PortMode,
    Violation,
)
from policies.plan import plan
from policies.site import Site, Switch, Vlan

SWITCHES, PORTS = 12, 42
#: A port as a session reads it before anything was bound to it.
FACTORY = PortConfig(
    mode=PortMode.ACCESS,
    access_vlan=100,
    native_vlan=1,
    allowed_vlans=frozenset(range(1, 4095)),
    secure=False,
    maximum=1,
    violation=Violation.SHUTDOWN,
    sticky=False,
    secure_macs=frozenset(),
    ip_bindings=frozenset(),
    source_guard=False,
    admin_up=True,
    description="",
)
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def measure() -> Iterator[Line]:
    """Judge a site of which half the ports are bound, none sealed yet."""
    names = tuple(f"GigabitEthernet1/0/{n}" for n in range(1, PORTS + 1))
    switches = tuple(Switch(f"sw{n}", "cisco_ios", "192.0.2.1", ports=names) for n in range(SWITCHES))
    vlans = (Vlan(100, "face", "face"), Vlan(999, "blackhole", "blackhole"))
    site = Site("bench", Path(), vlans=vlans, switches=switches)
    devices = {}
    bindings = []
    for s, switch in enumerate(switches):
        for p, port in enumerate(names[: PORTS // 2]):
            name = f"cam{s}-{p}"
            devices[name] = Device(name, DeviceRole.CAMERA, f"02:ca:00:00:{s:02x}:{p:02x}", f"198.18.{s}.{p + 1}")
            bindings.append(Binding(name, switch.name, port, 100))
    able = frozenset(PortConfig.__dataclass_fields__) | {"vlans", "startup"}
    by_port = {(binding.switch, binding.port): devices[binding.device].mac for binding in bindings}
    observed = {
        switch.name: ObservedSwitch(
            switch.name,
            "cisco_ios",
            NOW,
            {
                port: ObservedPort(
                    port,
                    FACTORY,
                    Oper.UP,
                    learned=frozenset({Learned(mac, 100)} if (mac := by_port.get((switch.name, port))) else ()),
                )
                for port in names
            },
            {1: "default", 100: "face"},
            able,
            (),
        )
        for switch in switches
    }
    times = []
    for _ in range(9):
        started = time.process_time()
        wanted = {switch.name: expected(site, switch, devices, bindings, NOW.date()) for switch in switches}
        changes = plan(wanted, observed)
        findings = comply(site, wanted, observed, devices.values(), bindings, NOW)
        times.append((time.process_time() - started) / (SWITCHES * PORTS) * 1e6)
        assert changes.count == SWITCHES * (PORTS + 1)
        assert findings
    # The least of the rounds is what the rules cost; the others had a neighbour on the processor (timeit's advice).
    yield most(f"rules over {SWITCHES * PORTS} ports", min(times), 50, "µs a port")
    yield Line(f"median of {len(times)} rounds: {statistics.median(times):.0f} µs a port")
