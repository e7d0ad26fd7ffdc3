"""Which platform a switch is, before anything is known of it: over SNMP, else at its command line. Nothing is changed.

At a command line one command is typed, `show version` or `display version` as the prompt suggests, and only where a
prompt waits: an answer to a question is never given. What is not certain is said as a question, and is no guess.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass

from drivers.snmp import quirks
from drivers.snmp.oids import SYSTEM, Oid
from drivers.snmp.platforms import identify
from drivers.snmp.session import SnmpSession
from drivers.snmp.values import as_text
from drivers.terminal import plain, shown, without_echo
from drivers.transports import Channel
from policies.errors import DeviceTimeout

#: Platform → what its version command says, in words that no other platform's answer has.
SAYS: tuple[tuple[str, str], ...] = (
    ("cisco_nxos", r"Cisco Nexus Operating System|NX-OS"),
    ("cisco_ios", r"Cisco (?:IOS|Internetwork Operating System) Software|Cisco IOS XE Software|^IOS \(tm\)"),
    ("huawei_vrpv8", r"YunShan OS|VRP \(R\) software, ?Version 8\."),
    ("huawei_vrp", r"VRP \(R\) [Ss]oftware, ?Version [1-7]\."),
    ("h3c_comware", r"Comware (?:Platform )?Software"),
    ("ruijie_os", r"Ruijie|RGOS"),
    ("arista_eos", r"^ ?Arista "),
    ("aruba_aoscx", r"ArubaOS-CX"),
    ("openvswitch", r"ovs-vsctl \(Open vSwitch\)"),
)
#: The prompt's last line → the commands to try, in order.
_ASKS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"[<\[][^\s<>\[\]]+[>\]] ?\Z", ("display version",)),
    (r"[\w.\-/()~:@]+[>#] ?\Z", ("show version", "ovs-vsctl --version")),
    (r"\$ ?\Z", ("ovs-vsctl --version",)),
)
_MORE = re.compile(r"-+ ?[Mm]ore ?-+[^\n]*\Z")
#: Seconds of silence after which an answer is taken to be whole.
_QUIET_S = 1.0
_MOST = 65_536


@dataclass(frozen=True, slots=True)
class Detected:
    """What a switch is. `platforms` has one name when it is certain, several when its words fit several, or none.

    `said` is what it rests on, on one line, and `way` how it was asked: snmp or ssh.
    """

    way: str
    platforms: tuple[str, ...]
    said: str = ""

    @property
    def platform(self) -> str:
        """The platform, "" while it is not certain."""
        return self.platforms[0] if len(self.platforms) == 1 else ""


def judge(text: str) -> tuple[str, ...]:
    """Name the platforms whose words are in the answer to a version command."""
    return tuple(platform for platform, says in SAYS if re.search(says, text, re.MULTILINE))


def over_snmp(session: SnmpSession) -> Detected:
    """Ask for sysObjectID and sysDescr; errors are those of the session."""
    system = session.get(*SYSTEM)
    value = system.get(Oid.SYS_DESCR)
    description = quirks.without_quotes(value.decode("utf-8", "replace") if isinstance(value, bytes) else "")
    found = identify(as_text(system.get(Oid.SYS_OBJECT_ID)), description).platform
    named = tuple(name for name in judge(description) if found and name != found and (name, found) not in _KIN)
    return Detected("snmp", (found, *named) if found else judge(description), _words(description[:200]))


#: Words that a reseller's, or the same maker's, other system has in its sysDescr, too.
_KIN = frozenset({("huawei_vrp", "huawei_vrpv8")})


def at_terminal(channel: Channel, timeout: float) -> Detected:
    """Ask at a command line that has just been opened; `timeout` is in seconds.

    Raises:
        Unreachable, DeviceTimeout: the line failed.

    """
    greeting = _settled(channel, timeout)
    prompt = greeting.rsplit("\n", 1)[-1]
    commands = next((asks for pattern, asks in _ASKS if re.search(pattern, prompt)), ())
    found, said = judge(greeting), _words(greeting)
    for command in commands:
        channel.write(command + "\n")
        answer, _ = without_echo(_settled(channel, timeout), command)
        if _MORE.search(answer.rstrip()):
            channel.write("q")  # the first page says it
            _settled(channel, timeout)
        if told := judge(answer):
            return Detected("ssh", told, _line_of(answer, told))
    return Detected("ssh", found, said)


def _line_of(answer: str, platforms: Sequence[str]) -> str:
    """Give the line that the first of `platforms` was known by."""
    pattern = re.compile(dict(SAYS)[platforms[0]], re.MULTILINE)
    return _words(next((line for line in answer.split("\n") if pattern.search(line)), ""))


def _words(text: str) -> str:
    """Give a device's words on one line, with nothing in them that a terminal obeys."""
    return shown("".join(character if character.isprintable() else " " for character in text))


def _settled(channel: Channel, timeout: float) -> str:
    """Read until nothing comes for a while; the first piece may take `timeout` seconds."""
    text = channel.read(timeout)
    ends = time.monotonic() + timeout
    while len(text) < _MOST and time.monotonic() < ends:
        try:
            text += channel.read(_QUIET_S)
        except DeviceTimeout:
            break
    return plain(text)
