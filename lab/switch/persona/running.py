"""Start personas for tests and benches: in this process (a thread with its own loop), or as a process of its own."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from lab.switch.dataplane import DataPlane
from lab.switch.loopback import LoopbackDataPlane
from lab.switch.persona.config import Config, parse
from lab.switch.persona.faults import Faults
from lab.switch.persona.server import Persona
from lab.switch.persona.state import Switch

_Answer = TypeVar("_Answer")


@dataclass(slots=True)
class RunningPersona:
    """A persona that runs in a thread of this process."""

    persona: Persona
    dataplane: DataPlane
    loop: asyncio.AbstractEventLoop

    @property
    def ssh_port(self) -> int:
        """Give the SSH port."""
        return self.persona.ssh_port

    @property
    def snmp_port(self) -> int:
        """Give the SNMP port."""
        return self.persona.snmp_port

    @property
    def faults(self) -> Faults:
        """Give the faults, to add to them."""
        return self.persona.faults

    @property
    def switch(self) -> Switch:
        """Give the switch; change it only inside `call`."""
        return self.persona.switch

    def call(self, function: Callable[[Switch], _Answer]) -> _Answer:
        """Run `function` in the persona's loop and give its answer."""

        async def run() -> _Answer:
            return function(self.persona.switch)

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(timeout=30)

    def settle(self) -> None:
        """Return when everything that was injected before has been handled."""
        self.call(lambda _: None)

    def inject(self, port: str, mac: str, vlan: int | None = None, ip: str | None = None) -> bool:
        """Let a frame arrive at the loopback data plane and return when the switch has acted on it."""
        assert isinstance(self.dataplane, LoopbackDataPlane)
        admitted = self.dataplane.inject(port, mac, vlan, ip)
        self.settle()
        return admitted


@contextmanager
def running_persona(
    config: Config | dict[str, Any], dataplane: DataPlane | None = None, *, now: Callable[[], float] | None = None
) -> Iterator[RunningPersona]:
    """Run a persona on free ports of 127.0.0.1 (or those of `config`) until the block ends.

    Without `dataplane` it gets a LoopbackDataPlane of the configured ports. `now` is its clock in seconds.
    """
    settings = parse({"ssh_port": 0, "snmp_port": 0, **config}) if isinstance(config, dict) else config
    plane = dataplane if dataplane is not None else LoopbackDataPlane([p for p in settings.ports.values() if p])
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=_serve, args=(loop,), name=f"persona-{settings.name}", daemon=True)
    thread.start()
    persona = asyncio.run_coroutine_threadsafe(_make(settings, plane, now), loop).result(timeout=60)
    try:
        yield RunningPersona(persona, plane, loop)
    finally:
        asyncio.run_coroutine_threadsafe(_stop(persona), loop).result(timeout=60)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    loop.run_forever()


async def _make(config: Config, plane: DataPlane, now: Callable[[], float] | None) -> Persona:
    persona = Persona(config, plane, now)
    await persona.start()
    return persona


async def _stop(persona: Persona) -> None:
    await persona.stop()
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    for _ in range(3):  # closed transports let go of their sockets in the loop's next rounds
        await asyncio.sleep(0)


@dataclass(slots=True)
class SpawnedPersona:
    """A persona that runs as a process of its own."""

    process: subprocess.Popen[str]
    ssh_port: int
    snmp_port: int
    control: Path

    def order(self, **order: Any) -> dict[str, Any]:
        """Give an order over the control socket: fault={…}, clear=True, inject={…}, peer={…}, reboot=True."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self.control))
            connection.sendall(json.dumps(order).encode() + b"\n")
            answer: dict[str, Any] = json.loads(connection.makefile().readline())
        if "error" in answer:
            raise ValueError(answer["error"])
        return answer


@contextmanager
def spawned_persona(config: dict[str, Any], folder: Path) -> Iterator[SpawnedPersona]:
    """Run `python -m lab.switch.persona` on free ports (or those of `config`); files go to `folder`."""
    control = folder / f"{config['name']}.control"
    path = folder / f"{config['name']}.json"
    path.write_text(json.dumps({"ssh_port": 0, "snmp_port": 0, "control": str(control), **config}), encoding="utf-8")
    argv = [sys.executable, "-m", "lab.switch.persona", str(path)]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"the persona ended at start with status {process.wait()}")
        ports = json.loads(line)
        yield SpawnedPersona(process, ports["ssh_port"], ports["snmp_port"], control)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)
        process.stdout.close()


def free(config: Config) -> Config:
    """Give the same configuration on free ports of 127.0.0.1."""
    return replace(config, listen="127.0.0.1", ssh_port=0, snmp_port=0)
