"""The lab's Linux switch: Debian's own kernel in QEMU and real OpenSSH; only waiting for nothing is virtual.

One guest a process. A login is a shell of its own over the one connection, which saves an emulated processor the keys.
"""

from __future__ import annotations

import atexit
import codecs
import json
import shutil
import tempfile
from functools import cache
from pathlib import Path

import paramiko

from lab.bridge.switch import NAME, Switch
from lab.switch.persona.faults import Faults
from tests.faults.bed import PORTS, Clock, session
from tests.faults.shell_bed import ShellBed, ShellLine
from tests.lab.bridge_bench import connect, shell

#: Seconds that a command of the shell may really take.
_REAL_S = 120.0
_FILE = "/etc/portseal/br0.ports"


#: A connection to a switch that runs already, while somebody lends one.
lent: list[paramiko.SSHClient] = []


def _client() -> paramiko.SSHClient:
    return lent[-1] if lent else _own()


@cache
def _own() -> paramiko.SSHClient:
    """Start a switch and log in; both end with this process."""
    folder = Path(tempfile.mkdtemp(prefix="portseal-faults-"))
    switch = Switch.boot(folder)
    client = connect(switch)
    atexit.register(_end, client, switch, folder)
    return client


def _end(client: paramiko.SSHClient, switch: Switch, folder: Path) -> None:
    client.close()
    switch.close()
    shutil.rmtree(folder, ignore_errors=True)


def _shell(command: str) -> str:
    return shell(_client(), command)


class BridgeBed(ShellBed):
    """The bridge with ports that are open in the face VLAN, and a trunk, or with what another bed had."""

    platform, stem = "linux_bridge", "eth"

    def __init__(self, configuration: str = "") -> None:
        self.clock, self.faults = Clock(), Faults()
        state = json.loads(configuration or _first())
        _put(state["running"])
        _shell("portseal-bridge load br0")
        _put(state["saved"])

    def login(self) -> BridgeLine:
        """See :class:`Bed`."""
        return BridgeLine(self)

    def forwarding(self) -> object:
        """See :class:`Bed`; as iproute2 tells people, whom the dialect does not listen to."""
        said = _shell(
            "bridge -d link show | grep -o '^[0-9]*: eth[0-9]\\|<[A-Z_,]*>\\|learning [a-z]*\\|locked [a-z]*'; "
            "bridge vlan show; bridge fdb show br br0 | grep -v permanent | sort"
        )
        return said.splitlines()

    def running(self) -> tuple[str, ...]:
        """See :class:`Bed`."""
        return tuple(sorted(_shell("portseal-bridge running br0").splitlines()))

    def saved(self) -> tuple[str, ...]:
        """See :class:`Bed`."""
        return tuple(sorted(_shell(f"cat {_FILE}").splitlines()))

    def configuration(self) -> str:
        """See :class:`Bed`."""
        return json.dumps({"running": _shell("portseal-bridge running br0"), "saved": _shell(f"cat {_FILE}")})


def _put(text: str) -> None:
    """Write the file of the saved state."""
    given, said, _ = _client().exec_command(f"cat > {_FILE}", timeout=_REAL_S)
    given.write(text)
    given.channel.shutdown_write()
    assert said.channel.recv_exit_status() == 0


class BridgeLine(ShellLine):
    """A shell of the switch, over the one connection."""

    where, prompt = "linux_bridge", f"root@{NAME}:~# "
    refused = "RTNETLINK answers: Device or resource busy"

    def __init__(self, bed: BridgeBed) -> None:
        self._channel = _client().invoke_shell(width=511)
        self._channel.settimeout(_REAL_S)
        self._decode = codecs.getincrementaldecoder("utf-8")().decode
        super().__init__(bed)

    def _read(self) -> str:
        data = self._channel.recv(65536)
        assert data, "the switch hung up"
        return self._decode(data)

    def _type(self, text: str) -> None:
        self._channel.sendall(text.encode())

    def _hang_up(self) -> None:
        self._channel.close()


@cache
def _first() -> str:
    """Open the ports, save that, and give it."""
    lines = [f"bridge vlan add dev eth{number} vid 100 pvid untagged" for number in range(1, PORTS)]
    lines += [f"bridge vlan add dev eth{PORTS} vid 100"]
    lines += [f"ip link set dev eth{number} up" for number in range(1, PORTS + 1)]
    _shell(" && ".join(lines))
    bed = BridgeBed.__new__(BridgeBed)
    bed.clock, bed.faults = Clock(), Faults()
    with session(bed) as opened:
        opened.save()
    return bed.configuration()
