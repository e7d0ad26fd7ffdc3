"""Switches for the bench of audits: one process, many of the lab's emulated switches behind real SSH servers.

`python -m bench.audit_fleet FOLDER FIRST COUNT` prints name, platform, port and host key of each, and serves until its
input ends; then it writes what was answered to FOLDER/said-FIRST.json. A switch answers a command from what it said the
first time, since nobody changes it: the client is measured, not the emulation.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncssh

from drivers.dialects import dialect
from lab.switch.loopback import LoopbackDataPlane
from lab.switch.persona.config import parse
from lab.switch.persona.server import Persona
from lab.switch.persona.session import Session

USER, PASSWORD = "admin", "bench-password"
PORTS, VLAN = 50, 100
#: Platforms in turn, with the stem of their ports' names.
STEMS = {
    "cisco_ios": "GigabitEthernet1/0/",
    "huawei_vrp": "GigabitEthernet0/0/",
    "h3c_comware": "GigabitEthernet1/0/",
    "huawei_vrpv8": "GE1/0/",
    "ruijie_os": "GigabitEthernet 0/",
}
_HEAD = {
    "cisco_ios": "hostname {name}\nvlan 100\n name face\n!\n",
    "huawei_vrp": "#\nsysname {name}\n#\nvlan batch 100\n#\n",
    "huawei_vrpv8": "#\nsysname {name}\n#\nvlan batch 100\n#\n",
    "h3c_comware": "#\n sysname {name}\n#\n port-security enable\n#\nvlan 100\n name face\n#\n",
    "ruijie_os": "hostname {name}\n!\nvlan 100\n name face\n!\n",
}
_HUAWEI = """interface {port}
 description pole {number}
 port link-type access
 port default vlan 100
 port-security enable
 port-security mac-address sticky
 port-security mac-address sticky {dashed} vlan 100
#
"""
_PORT = {
    "cisco_ios": """interface {port}
 description pole {number}
 switchport access vlan 100
 switchport mode access
 switchport port-security violation restrict
 switchport port-security mac-address {dotted}
 switchport port-security
!
""",
    "huawei_vrp": _HUAWEI,
    "huawei_vrpv8": _HUAWEI,
    "h3c_comware": """interface {port}
 port link-mode bridge
 description pole {number}
 port access vlan 100
 port-security intrusion-mode blockmac
 port-security max-mac-count 1
 port-security port-mode autolearn
 port-security mac-address security sticky {dashed} vlan 100
#
""",
    "ruijie_os": """interface {port}
 description pole {number}
 switchport access vlan 100
 switchport port-security
 switchport port-security maximum 1
 switchport port-security violation restrict
 switchport port-security mac-address {dotted} vlan 100
!
""",
}
_END = {"cisco_ios": "end\n", "ruijie_os": "end\n"}


def platform_of(number: int) -> str:
    """Give the platform of the switch with this number."""
    return list(STEMS)[number % len(STEMS)]


def commands(platform: str) -> list[str]:
    """Give the commands that an audit asks of every switch of the platform, each once."""
    reads = dialect(platform).reads
    return list(dict.fromkeys(read.command for read in reads if read.observe and not read.each))


def config(number: int) -> dict[str, Any]:
    """Give the configuration of one switch: every port bound to one device."""
    platform, name = platform_of(number), f"sw{number}"
    text = _HEAD[platform].format(name=name)
    for port in range(1, PORTS + 1):
        digits = mac(number, port).replace(":", "")
        parts = digits[:4], digits[4:8], digits[8:]
        text += _PORT[platform].format(
            port=f"{STEMS[platform]}{port}", number=port, dotted=".".join(parts), dashed="-".join(parts)
        )
    return {
        "name": name,
        "hostname": name,
        "platform": platform,
        "ssh_port": 0,
        "snmp_port": 0,
        "credentials": {"username": USER, "password": PASSWORD, "enable": ""},
        "ports": {f"{STEMS[platform]}{port}": f"p{port}" for port in range(1, PORTS + 1)},
        "initial": text + _END.get(platform, "return\n"),
        "link_poll": 3600,
    }


def mac(number: int, port: int) -> str:
    """Give the MAC of the device at a port."""
    return f"02:ca:00:{number:02x}:00:{port:02x}"


class _Steady(Persona):
    """A switch that nobody changes: what it has once said to a command it says again."""

    def __init__(self, number: int) -> None:
        settings = parse(config(number))
        self.plane = LoopbackDataPlane(list(settings.ports.values()))
        super().__init__(settings, self.plane)
        said: dict[str, str] = {}
        shell: type[Session] = self._vendor.session

        class Kept(shell):  # type: ignore[misc, valid-type]
            """The vendor's session."""

            async def do(self, line: str) -> str:
                """Answer from memory what was asked before; a mistake is none and is made anew."""
                if not line.startswith(("show ", "display ")):
                    return str(await super().do(line))
                if line not in said:
                    said[line] = str(await super().do(line))
                return said[line]

        self.said = said
        self._vendor = replace(self._vendor, session=Kept)


async def _serve(folder: Path, first: int, count: int) -> None:
    switches = [_Steady(number) for number in range(first, first + count)]
    told = []
    for number, switch in enumerate(switches, first):
        await switch.start()
        for port in range(1, PORTS + 1):
            switch.plane.inject(f"p{port}", mac(number, port))
        key = await asyncssh.get_server_host_key("127.0.0.1", switch.ssh_port)
        assert key is not None
        text = key.export_public_key("openssh").decode().strip()
        told.append({
            "name": switch.config.name, "platform": switch.config.platform, "port": switch.ssh_port, "key": text,
        })  # fmt: skip
    print(json.dumps(told), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    answers = {switch.config.name: {line: digest(text) for line, text in switch.said.items()} for switch in switches}
    (folder / f"said-{first}.json").write_text(json.dumps(answers), "utf-8")


def digest(text: str) -> str:
    """Give what tells two answers apart: blanks at the ends of lines and lines around the answer do not."""
    lines = [line.rstrip() for line in text.replace("\r", "").split("\n")]
    return hashlib.sha256("\n".join(lines).strip("\n").encode()).hexdigest()[:16]


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
