"""A controller that receives notifications, an emulated switch that sends its own, and others that send by hand."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controller.ledger.entry import Entry
from controller.store.open import open_store
from controller.store.traps import RefusedSender, Told, refused_senders, told_rows
from drivers.snmp import ber, messages
from lab.switch.persona.running import RunningPersona, running_persona
from policies.names import parse_mac
from tests.replay.serve_bench import Site

CAMERA, LAPTOP = "00:11:22:33:44:55", "66:77:88:99:aa:bb"
COMMUNITY, AUTH, PRIV = "trap-word-1", "auth-word-1", "priv-word-1"
V3 = ["-v3", "-u", "traps", "-l", "authPriv", "-a", "SHA-256", "-A", AUTH, "-x", "AES", "-X", PRIV]
VIOLATION = "1.3.6.1.4.1.9.9.315.0.0.1"
CPS_LAST_MAC = "1.3.6.1.4.1.9.9.315.1.2.1.1.10"

_PORT = """interface GigabitEthernet1/0/{number}
 switchport access vlan 30
 switchport mode access
 switchport port-security violation {mode}
 switchport port-security mac-address {mac}
 switchport port-security
"""
MACS = {1: "0011.2233.4455", 2: "0011.2233.4402", 3: "0011.2233.4403"}


def persona_config(trap_port: int) -> dict[str, Any]:
    """Give a switch of twelve ports, three of which are bound: 1 and 3 in mode restrict, 2 in mode shutdown."""
    bound = "".join(
        _PORT.format(number=number, mac=mac, mode="shutdown" if number == 2 else "restrict")
        for number, mac in MACS.items()
    )
    return {
        "name": "sw2",
        "hostname": "sw2",
        "ports": {f"GigabitEthernet1/0/{number}": f"p{number}" for number in range(1, 13)},
        "credentials": {"username": "admin", "password": "login-word", "enable": "enable-word"},
        "snmp": {"community": COMMUNITY, "v3_user": "reader", "v3_auth": AUTH, "v3_priv": PRIV},
        "initial": f"vlan 30\n name CAMERAS\n{bound}end\n",
        "trap_target": f"127.0.0.1:{trap_port}",
    }


@dataclass
class TrapSite:
    """A site whose controller receives notifications at `port`."""

    site: Site
    port: int
    persona: RunningPersona | None = None

    def rows(self, **given: Any) -> tuple[Told, ...]:
        with open_store(self.site.folder) as store:
            return told_rows(store, limit=100_000, **given)

    def refused(self) -> tuple[RefusedSender, ...]:
        with open_store(self.site.folder) as store:
            return refused_senders(store)

    def of(self, kind: str) -> list[Entry]:
        return [each for each in self.site.entries() if each.kind == kind]

    def status(self) -> dict[str, Any]:
        return self.site.ask(do="traps")

    def send(self, *datagrams: bytes) -> None:
        """Send datagrams from 127.0.0.1."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for each in datagrams:
                sender.sendto(each, ("127.0.0.1", self.port))

    def net_snmp(self, program: str, access: list[str], *words: str) -> int:
        """Run snmptrap or snmpinform; gives its exit code."""
        argv = [program, *access, "-t", "5", "-r", "2", f"127.0.0.1:{self.port}", "", *words]
        return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False).returncode


def free_udp_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def private(folder: Path, name: str, text: str) -> None:
    """Write a secret's file."""
    descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)


def traps_toml(port: int, listen: str) -> str:
    return f"""
[vlans.face]
id = 30
purpose = "face"
[traps]
listen = "{listen}"
port = {port}
communities = ["file:community"]
[[traps.users]]
name = "traps"
auth_protocol = "sha256"
auth_password = "file:auth"
priv_password = "file:priv"
"""


@contextlib.contextmanager
def trap_site(
    *, with_switch: bool = True, snmp: str = "", login: bool = True, listen: str = "127.0.0.1"
) -> Iterator[TrapSite]:
    """Run a controller that receives notifications of one switch at 127.0.0.1, an emulated one when asked for."""
    port = free_udp_port()
    with contextlib.ExitStack() as stack:
        persona = stack.enter_context(running_persona(persona_config(port))) if with_switch else None
        ssh = persona.ssh_port if persona is not None else 9
        access = 'username = "admin"\npassword = "file:login"\nenable = "file:enable"\n' if login else ""
        agent = snmp.format(port=persona.snmp_port if persona is not None else 9)
        more = traps_toml(port, listen) + (
            f'[switches.sw2]\nplatform = "cisco_ios"\nhost = "127.0.0.1"\nport = {ssh}\ntimeout_s = 20\n{access}'
            f'ports = ["Gi1/0/1-12"]\n{agent}'
        )
        site = Site(more)
        stack.callback(site.close)
        words = {
            "community": COMMUNITY, "auth": AUTH, "priv": PRIV, "login": "login-word", "enable": "enable-word",
        }  # fmt: skip
        for name, text in words.items():
            private(site.folder, name, text)
        _inventory(site)
        site.start()
        yield TrapSite(site, port, persona)


def _inventory(site: Site) -> None:
    from controller.context import open_context

    with open_context(site.folder) as context:
        for number, mac in MACS.items():
            context.store.execute(
                "INSERT INTO device VALUES (?, 'camera', ?, ?, '', '', '', '')",
                (f"cam{number}", parse_mac(mac), f"10.0.30.{number}"),
            )
            context.store.execute(
                "INSERT INTO binding (device, switch, port, vlan) VALUES (?, 'sw2', ?, 30)",
                (f"cam{number}", f"GigabitEthernet1/0/{number}"),
            )


def trap(oid: str, *binds: tuple[str, int, bytes], community: str = COMMUNITY) -> bytes:
    """Make a v2c trap; a variable is OID, tag, content."""
    listed = ber.tlv(ber.SEQUENCE, ber.encode_oid(messages.SYS_UPTIME) + ber.encode_integer(1, ber.TICKS))
    listed += ber.tlv(ber.SEQUENCE, ber.encode_oid(messages.SNMP_TRAP_OID) + ber.encode_oid(oid))
    for name, tag, content in binds:
        listed += ber.tlv(ber.SEQUENCE, ber.encode_oid(name) + ber.tlv(tag, content))
    pdu = ber.tlv(ber.TRAP, ber.encode_integer(1) + ber.encode_integer(0) * 2 + ber.tlv(ber.SEQUENCE, listed))
    return messages.community_message(community.encode(), pdu)


def violation(number: int, mac: str) -> bytes:
    """Make a Cisco switch's notification of a violation at port Gi1/0/`number`."""
    index = 10100 + number
    return trap(
        VIOLATION,
        (f"1.3.6.1.2.1.2.2.1.1.{index}", ber.GAUGE, index.to_bytes(2, "big")),
        (f"1.3.6.1.2.1.31.1.1.1.1.{index}", ber.OCTETS, f"Gi1/0/{number}".encode()),
        (f"{CPS_LAST_MAC}.{index}", ber.OCTETS, bytes.fromhex(mac.replace(":", ""))),
    )


def dumped(entry: Entry) -> str:
    return json.dumps(entry.data)
