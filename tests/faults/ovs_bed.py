"""Open vSwitch itself, with its dummy data path (no frames, no root's devices), behind a real shell.

Its database, its flow tables and its tools are the real ones; only time is virtual. One pair of daemons a process.
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from drivers.transports.local import LocalChannel
from lab.net import environment
from lab.switch.ovsd import Daemons
from lab.switch.persona.faults import Faults
from tests.faults.bed import PORTS, Clock, session
from tests.faults.shell_bed import ShellBed, ShellLine

#: Seconds that a command of the shell may really take.
_REAL_S = 30.0
_SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"


@cache
def _rundir() -> Path:
    """Start the daemons and give their folder; both end with this process."""
    folder = Path(tempfile.mkdtemp(prefix="portseal-faults-"))
    daemons = Daemons(folder, folder / "conf.db")
    places = {name: str(folder) for name in ("OVS_RUNDIR", "OVS_LOGDIR", "OVS_DBDIR")}
    detached = ["--detach", "--no-chdir", "-vconsole:off", "-vsyslog:off"]
    for argv in (
        ["ovsdb-tool", "create", str(daemons.conf), _SCHEMA],
        ["ovsdb-server", str(daemons.conf), f"--remote=punix:{folder}/db.sock", f"--pidfile={folder}/ovsdb-server.pid",
         *detached],
        ["ovs-vsctl", "--no-wait", "init"],
        ["ovs-vswitchd", "--enable-dummy=override", "--disable-system", daemons.db,
         f"--pidfile={folder}/ovs-vswitchd.pid", *detached],
    ):  # fmt: skip
        subprocess.run(argv, env=environment() | places, check=True, stdout=subprocess.DEVNULL)
    atexit.register(_end, daemons)
    return folder


def _end(daemons: Daemons) -> None:
    for pid in daemons.pids():
        os.kill(pid, signal.SIGKILL)
    shutil.rmtree(daemons.rundir, ignore_errors=True)
    for path in _files():
        path.unlink(missing_ok=True)


def _bridge() -> str:
    return f"fault{os.getpid()}"


def _files() -> list[Path]:
    """Name what the dialect saves, and each with what it is written into first."""
    saved = [f"/etc/openvswitch/portseal-{_bridge()}.{kind}" for kind in ("flows", "ports")]
    return [Path(path + new) for path in saved for new in ("", ".new")]


def _tool(*argv: str, given: str | None = None) -> list[str]:
    """Run one of the tools and give the lines that it prints."""
    places = environment() | {"OVS_RUNDIR": str(_rundir())}
    done = subprocess.run(argv, env=places, check=True, capture_output=True, text=True, input=given)
    return done.stdout.splitlines()


class OvsBed(ShellBed):
    """The bridge with ports that are open in the face VLAN, and a trunk, or with what another bed had."""

    platform, stem = "openvswitch", "eth"

    def __init__(self, configuration: str = "") -> None:
        self.clock, self.faults = Clock(), Faults()
        self.parameters = {"bridge": _bridge()}
        self._load(json.loads(configuration or _first()))

    def _load(self, state: dict[str, list[str]]) -> None:
        words: list[str] = []
        for row in state["ports"]:
            name, tag, trunks, mode = row.split(",")
            words += ["--", "set", "Port", name, f"tag=[{tag}]", f"trunks=[{','.join(trunks.split())}]"]
            words.append(f"vlan_mode={mode or '[]'}")
        _tool("ovs-vsctl", *words[1:])
        _tool("ovs-ofctl", "replace-flows", _bridge(), "-", given="\n".join(state["flows"]) + "\n")
        for row in state["admin"]:
            _tool("ovs-ofctl", "mod-port", _bridge(), *row.split(","))
        for path, text in zip(_files(), state["files"], strict=True):
            path.unlink(missing_ok=True)
            if text:
                path.write_text(text, "utf-8")

    def login(self) -> OvsLine:
        """See :class:`Bed`."""
        return OvsLine(self)

    def _state(self) -> dict[str, list[str]]:
        table = ["ovs-vsctl", "--no-headings", "--format=csv", "--data=bare"]
        ports = _tool(*table, "--columns=name,tag,trunks,vlan_mode", "list", "Port")
        admin = _tool(*table, "--columns=name,admin_state", "list", "Interface")
        flows = _tool("ovs-ofctl", "--no-stats", "dump-flows", _bridge())
        return {
            "ports": sorted(row for row in ports if row.startswith("eth")),
            "admin": sorted(row for row in admin if row.startswith("eth")),
            "flows": sorted(line.strip() for line in flows if "actions=" in line),
        }

    def forwarding(self) -> object:
        """See :class:`Bed`."""
        return self._state()

    def running(self) -> tuple[str, ...]:
        """See :class:`Bed`."""
        return tuple(line for lines in self._state().values() for line in lines)

    def saved(self) -> tuple[str, ...]:
        """See :class:`Bed`."""
        return tuple(sorted(line for path in _files()[::2] if path.exists() for line in path.read_text().splitlines()))

    def configuration(self) -> str:
        """See :class:`Bed`."""
        return json.dumps(self._state() | {"files": [path.read_text() if path.exists() else "" for path in _files()]})


class OvsLine(ShellLine):
    """A shell of this machine, with the bed's own tools."""

    where, prompt = "openvswitch", f"{socket.gethostname().split('.')[0]}# "
    refused = "ovs-vsctl: unix:/var/run/openvswitch/db.sock: database connection failed (Connection refused)"

    def __init__(self, bed: OvsBed) -> None:
        bash = ["/bin/bash", "--norc", "--noprofile", "--noediting"]
        self._shell = LocalChannel(["/usr/bin/env", f"OVS_RUNDIR={_rundir()}", f"PATH={environment()['PATH']}", *bash])
        super().__init__(bed)

    def _read(self) -> str:
        return self._shell.read(_REAL_S)

    def _type(self, text: str) -> None:
        self._shell.write(text)

    def _hang_up(self) -> None:
        self._shell.close()


@cache
def _first() -> str:
    """Make the bridge, save what it does, and give that."""
    words = ["add-br", _bridge(), "--", "set", "bridge", _bridge(), "datapath_type=dummy"]
    for number in range(1, PORTS + 1):
        mode = ["tag=100", "vlan_mode=access"] if number < PORTS else ["trunks=100", "vlan_mode=trunk"]
        words += ["--", "add-port", _bridge(), f"eth{number}", *mode]
    _tool("ovs-vsctl", *words)
    bed = OvsBed.__new__(OvsBed)
    bed.clock, bed.faults = Clock(), Faults()
    bed.parameters = {"bridge": _bridge()}
    with session(bed) as opened:
        opened.save()
    return bed.configuration()
