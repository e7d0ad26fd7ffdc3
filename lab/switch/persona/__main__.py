"""`python -m lab.switch.persona CONFIG.json`: run one vendor switch until SIGTERM."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path

from lab.switch.dataplane import DataPlane
from lab.switch.loopback import LoopbackDataPlane
from lab.switch.persona.config import Config, load
from lab.switch.persona.server import Persona


def _dataplane(config: Config) -> DataPlane:
    if config.bridge is None:
        return LoopbackDataPlane([port for port in config.ports.values() if port])
    from lab.switch.ovs import OvsDataPlane  # not needed, and not always there, without a bridge

    return OvsDataPlane(config.bridge["db"], config.bridge["rundir"], config.bridge.get("name", "br0"))


async def _run(config: Config) -> None:
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, over.set)
    persona = Persona(config, _dataplane(config))
    await persona.start()
    print(json.dumps({"ssh_port": persona.ssh_port, "snmp_port": persona.snmp_port}), flush=True)  # noqa: T201
    await over.wait()
    await persona.stop()


def main() -> int:
    """Run the program; 2 when the configuration cannot be used."""
    if len(sys.argv) != 2:
        sys.stderr.write("usage: python -m lab.switch.persona CONFIG.json\n")
        return 2
    try:
        config = load(Path(sys.argv[1]))
    except (OSError, ValueError, TypeError) as error:
        sys.stderr.write(f"{sys.argv[1]}: {error}\n")
        return 2
    asyncio.run(_run(config))
    return 0


if __name__ == "__main__":
    sys.exit(main())
