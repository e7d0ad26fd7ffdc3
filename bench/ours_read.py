"""Portseal's side: read every switch of a site through its own pool and drivers, then plan and judge."""

from __future__ import annotations

import json
import resource
import sys
import time
from importlib import import_module
from pathlib import Path

from controller.context import open_context
from controller.network.equipment import SwitchEquipment
from controller.network.planning import findings_for, plan_for
from controller.network.pool import on_each
from drivers.reading import Timing, read_state
from policies.model import ObservedSwitch
from policies.site import Switch


def main(folder: str) -> None:
    """Read, plan, judge, and print the figures as JSON."""
    spent: list[Timing] = []
    with open_context(Path(folder)) as context:

        def read(switch: Switch) -> ObservedSwitch:
            timing = Timing()
            started = time.perf_counter()
            with SwitchEquipment(context.site, switch, context.clock).terminal() as session:
                login = time.perf_counter() - started - session.network_s
                observed = read_state(session, switch.name, context.clock(), timing)
                timing.network_s = login + session.network_s
            spent.append(timing)
            return observed

        # The peer imports Netmiko before its clock starts; so do we.
        import_module("drivers.transports.ssh")
        switches = list(context.site.switches)
        plan_for(context, switches, {})
        started = time.perf_counter()
        answers = on_each(switches, read)
        wall = time.perf_counter() - started
        assert not answers.errors, [error.line("en") for error in answers.errors.values()]
        started = time.process_time()
        plan_for(context, switches, answers.results)
        findings_for(context, switches, answers.results)
        rules = time.process_time() - started
    ports = sum(len(each.ports) for each in answers.results.values())
    figures = {
        "wall": wall,
        "network": sum(each.network_s for each in spent),
        "parse": sum(each.parse_s for each in spent),
        "rules_us": rules / ports * 1e6,
        "ports": ports,
        "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main(sys.argv[1])
