"""A cisco_ios switch of the lab on 127.0.0.1 without frames, and a site that declares it: for tests of flow and CLI."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PASSWORD, ENABLE = "pw-of-the-lab", "en-of-the-lab"

SITE = """
[site]
name = "loopback"
[policy]
rollback_timeout_s = 30
[vlans.face]
id = 100
purpose = "face"
[vlans.blackhole]
id = 999
purpose = "blackhole"
[switches.swx]
platform = "cisco_ios"
host = "127.0.0.1"
port = {port}
username = "admin"
password = "file:switch.password"
enable = "file:switch.enable"
timeout_s = 10
ports = ["Gi1/0/1-{count}"]
uplinks = [{{ port = "Gi1/0/{count}", allowed_vlans = "100" }}]
"""

INVENTORY = """设备名称,类型,MAC地址,IP地址,位置,交换机,端口,VLAN
cam1,摄像机,02-ca-00-00-00-01,198.18.100.1,杆1,swx,Gi1/0/1,100
cam2,摄像机,02ca.0000.0002,198.18.100.2,杆2,swx,Gi1/0/2,100
"""


def initial(count: int) -> str:
    """Give the configuration that a careless installer left: every port open in VLAN 100, an uplink at the end."""
    ports = "".join(
        f"interface GigabitEthernet1/0/{n}\n switchport access vlan 100\n switchport mode access\n!\n"
        for n in range(1, count)
    )
    uplink = f"interface GigabitEthernet1/0/{count}\n switchport mode trunk\n switchport trunk allowed vlan 100\n!\n"
    return f"vlan 100\n name face\n!\n{ports}{uplink}ip dhcp snooping\nip dhcp snooping vlan 100\nend\n"


@dataclass
class LoopbackSwitch:
    """A running persona and the folder that it keeps its startup configuration in."""

    folder: Path
    count: int
    process: subprocess.Popen[str]
    ssh_port: int
    snmp_port: int

    def control(self, **order: object) -> None:
        """Set a fault; see lab/switch/persona/faults.py."""
        import socket

        with socket.socket(socket.AF_UNIX) as link:
            link.connect(str(self.folder / "control.sock"))
            link.sendall((json.dumps(order) + "\n").encode())
            answer = link.recv(65536)
        assert json.loads(answer) in ({"ok": True}, {"admitted": True}), answer


@contextlib.contextmanager
def loopback_switch(folder: Path, count: int = 4, configuration: str = "") -> Iterator[LoopbackSwitch]:
    """Start a persona with `count` ports on free ports of 127.0.0.1, and stop it."""
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "name": "swx",
        "platform": "cisco_ios",
        "hostname": "swx",
        "listen": "127.0.0.1",
        "ssh_port": 0,
        "snmp_port": 0,
        "credentials": {"username": "admin", "password": PASSWORD, "enable": ENABLE},
        "snmp": {"community": "loopback"},
        "ports": {f"GigabitEthernet1/0/{n}": f"p{n}" for n in range(1, count + 1)},
        "initial": configuration or initial(count),
        "state": str(folder / "startup.json"),
        "control": str(folder / "control.sock"),
    }
    (folder / "persona.json").write_text(json.dumps(config), "utf-8")
    process = subprocess.Popen(
        [sys.executable, "-m", "lab.switch.persona", str(folder / "persona.json")], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        ready, _, _ = select.select([process.stdout], [], [], 30)
        assert ready, "the persona did not start"
        ports = json.loads(process.stdout.readline())
        yield LoopbackSwitch(folder, count, process, ports["ssh_port"], ports["snmp_port"])
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)


def write_site(folder: Path, switch: LoopbackSwitch, *, password: str = PASSWORD, extra: str = "") -> Path:
    """Write a site that declares the switch, with its secrets in files."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "site.toml").write_text(SITE.format(port=switch.ssh_port, count=switch.count) + extra, "utf-8")
    for name, text in (("switch.password", password), ("switch.enable", ENABLE)):
        descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
    (folder / "inventory.csv").write_text(INVENTORY, "utf-8")
    return folder
