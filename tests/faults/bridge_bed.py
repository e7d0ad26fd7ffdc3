"""The lab's Linux switch: Debian's own kernel in QEMU and real OpenSSH; only waiting for nothing is virtual.

One guest a process. A login is a shell of its own over the one connection, which saves an emulated processor the keys.
"""

from __future__ import annotations

import atexit
import json
import shutil
import tempfile
from functools import cache
from pathlib import Path

import paramiko

from lab.bridge.switch import NAME, Switch
from lab.switch.persona.faults import Faults
from policies.errors import DeviceTimeout, Unreachable
from policies.texts import t
from tests.faults.bed import PORTS, Bed, Clock, session
from tests.lab.bridge_bench import connect, shell

#: Seconds that a command of the shell may really take.
_REAL_S = 120.0
_FILE = "/etc/portseal/br0.ports"
_PROMPT = f"root@{NAME}:~# "
_REFUSED = "RTNETLINK answers: Device or resource busy"


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


class BridgeBed(Bed):
    """The bridge with ports that are open in the face VLAN, and a trunk, or with what another bed had."""

    platform, stem = "linux_bridge", "eth"

    def __init__(self, configuration: str = "") -> None:
        self.clock, self.faults = Clock(), Faults()
        state = json.loads(configuration or _first())
        _put(state["running"])
        _shell("portseal-bridge load br0")
        _put(state["saved"])

    def advance(self, seconds: float) -> None:
        """See :class:`Bed`."""
        self.clock.now += seconds

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


class BridgeLine:
    """A shell; what is typed has been done, and all of its answer has come, when `write` returns."""

    where = "linux_bridge"

    def __init__(self, bed: BridgeBed) -> None:
        self.bed, self._closed = bed, False
        self._channel = _client().invoke_shell(width=511)
        self._channel.settimeout(_REAL_S)
        self._shown = self._answer()

    def _answer(self) -> str:
        text = b""
        while not text.endswith(_PROMPT.encode()):
            data = self._channel.recv(65536)
            assert data, "the switch hung up"
            text += data
        return text.decode()

    def write(self, text: str) -> None:
        """See :class:`drivers.transports.Channel`."""
        if self._closed:
            raise self._gone()
        if self.bed.faults.take("reject", text) is not None:
            self._shown += f"{text.rstrip()}\r\n{_REFUSED}\r\n{_PROMPT}"
            return
        self._channel.sendall(text.encode())
        self._shown += self._answer()

    def read(self, timeout: float) -> str:
        """See :class:`drivers.transports.Channel`."""
        if self._closed:
            raise self._gone()
        if not self._shown:
            self.bed.advance(timeout)
            raise DeviceTimeout(t("no answer for {seconds} s", seconds=timeout), where=self.where)
        shown, self._shown = self._shown, ""
        return shown

    def close(self) -> None:
        """See :class:`drivers.transports.Channel`."""
        self._closed = True
        self._channel.close()

    def _gone(self) -> Unreachable:
        return Unreachable(t("the connection was closed"), where=self.where)


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
