"""The rate at which a port's foreign frames are reported."""

from __future__ import annotations

from lab.switch.watch import Watcher


def test_at_most_fifty_reports_a_second_for_each_port_and_mac() -> None:
    moment = [0.0]
    watcher = Watcher(None, lambda _port, _mac: False, lambda _port: 100, clock=lambda: moment[0])
    assert sum(watcher.allows("p1", "02:00:00:00:00:01") for _ in range(200)) == 50
    assert watcher.allows("p1", "02:00:00:00:00:02"), "another MAC has its own count"
    assert watcher.allows("p2", "02:00:00:00:00:01"), "and another port"
    moment[0] = 1.0
    assert sum(watcher.allows("p1", "02:00:00:00:00:01") for _ in range(200)) == 50
