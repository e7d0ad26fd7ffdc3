"""The two processes of one lab switch, ovsdb-server and ovs-vswitchd, each switch with a database of its own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lab.net import environment, run

_SCHEMAS = (
    Path("/usr/share/openvswitch/vswitch.ovsschema"),
    Path("/usr/local/share/openvswitch/vswitch.ovsschema"),
)
#: The programs that the lab starts; all come with the package openvswitch-switch.
PROGRAMS = ("ovsdb-tool", "ovsdb-server", "ovs-vswitchd", "ovs-vsctl", "ovs-ofctl", "ovs-appctl")


def missing_programs() -> list[str]:
    """Name what Open vSwitch lacks on this machine; empty when it is all there."""
    missing = [name for name in PROGRAMS if shutil.which(name, path=environment()["PATH"]) is None]
    if not any(schema.exists() for schema in _SCHEMAS):
        missing.append("vswitch.ovsschema")
    return missing


@dataclass(frozen=True, slots=True)
class Daemons:
    """Where a switch's Open vSwitch lives: `rundir` for sockets, pid files and logs, `conf` for the database file.

    The file names in `rundir` are those that the tools look for by default, so that in a mount namespace where it is
    /var/run/openvswitch they need no options.
    """

    rundir: Path
    conf: Path
    netns: str | None = None

    @property
    def db(self) -> str:
        """The database's address, as `ovs-vsctl --db=` takes it."""
        return f"unix:{self.rundir}/db.sock"

    def start(self) -> None:
        """Start both and return when they serve; with a new, empty database if there is none at `conf`."""
        self.rundir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.conf.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self.conf.exists():
            schema = next(schema for schema in _SCHEMAS if schema.exists())
            run(["ovsdb-tool", "create", str(self.conf), str(schema)])
        self._spawn("ovsdb-server", [str(self.conf), f"--remote=punix:{self.rundir}/db.sock"])
        # One thread each: the lab runs several switches on a small machine, at a few hundred frames a second.
        threads = ["other_config:n-handler-threads=1", "other_config:n-revalidator-threads=1"]
        run(["ovs-vsctl", f"--db={self.db}", "--no-wait", "init", "--", "set", "Open_vSwitch", ".", *threads])
        self._spawn("ovs-vswitchd", [self.db])

    def _spawn(self, program: str, arguments: Sequence[str]) -> None:
        log = [f"--log-file={self.rundir}/{program}.log", "-vconsole:off", "-vfile:warn"]
        argv = [program, *arguments, f"--pidfile={self.rundir}/{program}.pid", *log, "--detach", "--no-chdir"]
        inside = ["ip", "netns", "exec", self.netns] if self.netns else []
        places = {
            "OVS_RUNDIR": str(self.rundir),
            "OVS_LOGDIR": str(self.rundir),
            "OVS_DBDIR": str(self.conf.parent),
        }
        settings = [f"{name}={value}" for name, value in places.items()]
        run([*inside, "env", *settings, *argv])

    def pids(self) -> set[int]:
        """Give the process ids of those of the two that said so and did not end in order."""
        found = set()
        for program in ("ovsdb-server", "ovs-vswitchd"):
            with suppress(OSError, ValueError):
                found.add(int((self.rundir / f"{program}.pid").read_text("ascii")))
        return found


def control(rundir: Path, program: str = "ovs-vswitchd") -> str:
    """Give the control socket of `program` as `ovs-appctl -t` takes it."""
    pid = (rundir / f"{program}.pid").read_text("ascii").strip()
    return os.fspath(rundir / f"{program}.{pid}.ctl")
