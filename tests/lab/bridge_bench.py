"""The lab's Linux switch for tests: booted once, brought back to what its installer left, and a site that declares it.

The installer left ports 1 to 3 open in VLAN 100 and port 4 as a trunk, as on any bridge that was set up to work.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import paramiko

from controller.cli.base import run
from controller.cli.main import cli
from lab.bridge.switch import ACCOUNT, NAME, Switch
from policies.errors import EquipmentError

FIRST = "/etc/portseal/first"
INSTALLER = f"""set -e
for n in 1 2 3; do bridge vlan add dev eth$n vid 100 pvid untagged; done
bridge vlan add dev eth4 vid 100
for n in 1 2 3 4; do ip link set dev eth$n up; done
ip link set dev eth3 alias "pole 3, the gate's"
portseal-bridge save br0
cp /etc/portseal/br0.ports {FIRST} && sync
"""
AFRESH = f"cp {FIRST} /etc/portseal/br0.ports && portseal-bridge load br0"
CAM1, CAM2, ROGUE = "02:ca:00:00:00:01", "02:ca:00:00:00:02", "02:bd:00:00:00:66"
UPLINK = 4
#: Seconds in which a frame must come, and those after which one that has not come is lost.
WAIT_S, LOST_S = 10.0, 0.7
INVENTORY = f"""设备名称,类型,MAC地址,IP地址,位置,交换机,端口,VLAN
cam1,摄像机,{CAM1},198.18.100.1,杆1,{NAME},eth1,100
cam2,摄像机,{CAM2},198.18.100.2,杆2,{NAME},eth2,100
"""
_SITE = f"""
[site]
name = "bridge"
[policy]
rollback_timeout_s = 30
[vlans.face]
id = 100
purpose = "face"
[vlans.quarantine]
id = 666
purpose = "quarantine"
[vlans.blackhole]
id = 999
purpose = "blackhole"
[switches.{NAME}]
platform = "linux_bridge"
host = "127.0.0.1"
port = {{port}}
username = "{ACCOUNT}"
password = "file:switch.password"
host_key = "{{host_key}}"
ports = ["eth1-4"]
uplinks = [{{{{ port = "eth4", allowed_vlans = "100" }}}}]
"""


def connect(switch: Switch) -> paramiko.SSHClient:
    """Log in by password, over the host's own key."""
    client = paramiko.SSHClient()
    key = paramiko.Ed25519Key.from_private_key_file(str(switch.keeps / "host_key"))
    client.get_host_keys().add(f"[127.0.0.1]:{switch.port}", "ssh-ed25519", key)
    client.set_missing_host_key_policy(paramiko.RejectPolicy())
    client.connect(
        "127.0.0.1", switch.port, ACCOUNT, switch.password, look_for_keys=False, allow_agent=False, timeout=60
    )
    return client


def shell(client: paramiko.SSHClient, command: str) -> str:
    """Run a line, which must succeed."""
    _, output, errors = client.exec_command(command, timeout=60)
    said = output.read().decode()
    if output.channel.recv_exit_status() != 0:
        raise EquipmentError(f"{command[:60]}: {said} {errors.read().decode()}")  # type: ignore[arg-type]
    return said


class Bench:
    """The running switch. A restart is another guest with the same disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.switch = Switch.boot(folder)

    def shell(self, command: str) -> str:
        """Run a line in a login of its own."""
        with closing(connect(self.switch)) as client:
            return shell(client, command)

    def afresh(self) -> None:
        """Bring back what the installer left."""
        self.shell(AFRESH)

    def cut_power(self) -> None:
        """Start it again from what it has on its disk."""
        self.switch.close()
        self.switch = Switch.boot(self.folder)

    def sends(self, port: int, mac: str) -> str:
        """Put a frame into a port and give its mark."""
        assert self.switch.cables is not None
        return self.switch.cables.send(port, mac)

    def heard(self, last: str, wait: float) -> list[str]:
        """Give the marks that have come out of the uplink, up to the one named or after some seconds."""
        assert self.switch.cables is not None
        return self.switch.cables.heard(UPLINK, last, wait)

    def passes(self, port: int, mac: str) -> bool:
        """Tell whether a frame that comes in at a port goes out at the uplink."""
        mark = self.sends(port, mac)
        return mark in self.heard(mark, WAIT_S)

    def stops(self, port: int, mac: str, own: str) -> bool:
        """Tell whether a frame is lost: one from the port's own device, sent after it, gets through."""
        lost, last = self.sends(port, mac), self.sends(port, own)
        marks = self.heard(last, WAIT_S)
        return last in marks and lost not in marks

    def stops_at(self, port: int, mac: str, witness: tuple[int, str]) -> bool:
        """Tell whether a frame is lost at a port that nothing passes; afterwards a witness's frame gets through."""
        lost = self.sends(port, mac)
        return lost not in self.heard(lost, LOST_S) and self.passes(*witness)

    def site(self, folder: Path) -> Path:
        """Write a site with this switch and its inventory."""
        folder.mkdir(parents=True)
        text = _SITE.format(port=self.switch.port, host_key=self.switch.host_key)
        (folder / "site.toml").write_text(text, "utf-8")
        with os.fdopen(os.open(folder / "switch.password", os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write(self.switch.password)
        (folder / "inventory.csv").write_text(INVENTORY, "utf-8")
        assert run(cli, ["--site", str(folder), "inventory", "import", str(folder / "inventory.csv"), "--yes"]) == 0
        return folder

    def moved(self, folder: Path) -> None:
        """Let a site know the port at which a restarted switch is reached."""
        path = folder / "site.toml"
        lines = path.read_text("utf-8").splitlines()
        path.write_text(
            "\n".join(f"port = {self.switch.port}" if x.startswith("port = ") else x for x in lines), "utf-8"
        )


@contextmanager
def bench(folder: Path) -> Iterator[Bench]:
    """Give the switch until the block ends."""
    made = Bench(folder)
    try:
        made.shell(INSTALLER)
        yield made
    finally:
        made.switch.close()
