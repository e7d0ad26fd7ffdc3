"""Recordings of real switches: an independent reading of their text, and snmpsim to answer from them."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

from drivers.snmp.access import ResolvedSnmp
from drivers.snmp.oids import Oid
from drivers.snmp.session import SnmpSession
from policies.errors import Unreachable
from policies.names import canonical

SYSTEM = "1.3.6.1.2.1.1"
INTERFACES = "1.3.6.1.2.1.2.2.1"
NAMES = "1.3.6.1.2.1.31.1.1.1"
BRIDGE = "1.3.6.1.2.1.17"
VIRTUAL = ("Vl", "VLAN", "Null", "Nu", "Lo", "InLoop", "Bl", "Stack", "Console", "unrouted")


def folder() -> Path:
    root = os.environ.get("PORTSEAL_FIXTURES")
    if not root:
        pytest.skip("PORTSEAL_FIXTURES is not set: run 'make test', or set it to the folder of recordings")
    found = Path(root) / "snmprec"
    if not found.is_dir():
        pytest.skip(f"there is no folder snmprec in PORTSEAL_FIXTURES ({root})")
    return found


class Recording:
    """The text of one snmprec file: OID|tag|value, the value in hex when the tag ends in x."""

    def __init__(self, path: Path) -> None:
        self.rows: dict[str, bytes] = {}
        for line in path.read_bytes().splitlines():
            oid, tag, value = line.split(b"|", 2) if line.count(b"|") >= 2 else (b"", b"", b"")
            if tag.endswith(b"x"):
                value = bytes.fromhex(value[: len(value) // 2 * 2].decode("ascii"))
            if oid:
                self.rows[oid.decode("ascii")] = value

    def column(self, oid: str) -> dict[tuple[int, ...], bytes]:
        start = oid + "."
        return {
            tuple(map(int, name[len(start) :].split("."))): value
            for name, value in self.rows.items()
            if name.startswith(start)
        }

    def numbers(self, oid: str) -> dict[int, int]:
        return {index[0]: int(value) for index, value in self.column(oid).items()}

    @property
    def base_ports(self) -> dict[int, int]:
        return self.numbers(f"{BRIDGE}.1.4.1.2")

    def ports(self) -> dict[int, str]:
        """Canonical name by ifIndex of all ports; of two with one name the bridge port, else the first."""
        types, bridged = self.numbers(f"{INTERFACES}.3"), set(self.base_ports.values())
        named: dict[str, int] = {}
        texts = self.column(f"{INTERFACES}.2") | {i: v for i, v in self.column(f"{NAMES}.1").items() if v}
        for (index,), text in sorted(texts.items()):
            if (types[index] in {6, 117, 161} or index in bridged) and text.strip():
                name = text.decode()
                before = named.get(canonical(name))
                if not name.startswith(VIRTUAL) and (before is None or (index in bridged and before not in bridged)):
                    named[canonical(name)] = index
        return {index: name for name, index in named.items()}


@cache
def recording(name: str) -> Recording:
    path = folder() / f"{name}.snmprec"
    if not path.is_file():
        pytest.skip(f"the recording {name} is missing from {path.parent}")
    return Recording(path)


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def simulating(data: Path, work: Path, community: str) -> Iterator[int]:
    """Run snmpsim on the recordings in `data` and give its UDP port; the community is the file's stem."""
    program = Path(sys.executable).with_name("snmpsim-command-responder")
    if not program.is_file():
        pytest.skip("snmpsim is not installed: run 'make test', which installs the development tools")
    if importlib.util.find_spec("pysmi") is None:
        pytest.skip("snmpsim 1.2.2 needs pysmi and does not say so: install pysmi 2 into the environment")
    port = free_port()
    command = [
        str(program), f"--data-dir={data}", f"--cache-dir={work}", f"--agent-udpv4-endpoint=127.0.0.1:{port}",
        "--log-level=error", f"--logging-method=file:{work}/log",
    ]  # fmt: skip
    if os.geteuid() == 0:
        # snmpsim refuses to stay root unasked; another user could not read a Python that lives in root's home.
        command += ["--process-user=root", "--process-group=root"]
    with (work / "output").open("w") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, env={**os.environ, "PYTHONWARNINGS": "ignore"}
        )
    try:
        wait_for(process, port, community, work / "output")
        yield port
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(work, ignore_errors=True)


def wait_for(process: subprocess.Popen[bytes], port: int, community: str, output: Path) -> None:
    """Wait until a recording answers; a simulator that ends instead fails with its last words."""
    access = ResolvedSnmp("127.0.0.1", port, community=community, timeout_s=0.5, retries=0)
    for _attempt in range(240):
        with SnmpSession(access) as session:
            try:
                session.get(Oid.SYS_OBJECT_ID)
            except Unreachable:
                pass
            else:
                return
        try:
            process.wait(0.25)
        except subprocess.TimeoutExpired:
            continue
        pytest.fail(f"snmpsim ended: {output.read_text()[-500:]}")
    pytest.fail("snmpsim does not answer")
