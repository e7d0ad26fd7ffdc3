"""Probes: canaries towards the outside, which must fail, and controls inside the site, which must succeed.

All probes of a round go out at one moment and are waited for together. They carry our mark and our code point
(policies/egress.py), so that neither the guard's count nor a watch on the wire takes them for somebody's attempt.
"""

from __future__ import annotations

import errno
import os
import selectors
import socket
import struct
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from agent.egress.declared import Target
from policies.egress import PROBE_DSCP, PROBE_MARK
from policies.messages.proof import Probed, ProbeKind, Result, Role

#: Seconds for an answer: a site's network answers in milliseconds, a satellite link in less than one.
PATIENCE = 2.0
_NO_ROUTE = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL, errno.EHOSTDOWN})
_DENIED = frozenset({errno.EPERM, errno.EACCES})
_NO_FAMILY = frozenset({errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT})
#: A client's question of NTP version 4 (RFC 5905, section 7.3), which every time server answers.
_NTP = bytes([0x23]) + bytes(47)
#: The types of an echo request, by version; its reply is 0 and 129.
_ECHO = {4: 8, 6: 128}
_NAME = "www.gov.cn"


@dataclass(frozen=True, slots=True)
class Probe:
    """One probe to make; `name` is what a DNS server is asked for."""

    role: Role
    target: Target
    name: str = _NAME

    def result(self, result: Result) -> Probed:
        """Give what came of it."""
        return Probed(self.role, self.target.kind, str(self.target), result)


class _Open:
    """A probe under way."""

    def __init__(self, probe: Probe, number: int) -> None:
        self.probe, self.number = probe, number
        self.kind, self.address, self.port = probe.target.kind, str(probe.target.address), probe.target.port
        self.version = probe.target.address.version
        self.result = Result.SILENT
        self.socket: socket.socket | None = None

    def begin(self) -> bool:
        """Send it; False when it has failed at once, and `result` says how."""
        try:
            self.socket = self._made()
            self._send(self.socket)
        except OSError as error:
            self.result = _result(error.errno)
            return False
        return True

    def go_on(self) -> bool:
        """Read what came; False when there is more to wait for."""
        assert self.socket is not None
        try:
            if self.kind is ProbeKind.TCP:
                code = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                self.result = Result.ANSWERED if code == 0 else _result(code)
                return True
            data = self.socket.recv(2048)
        except BlockingIOError:
            return False
        except OSError as error:
            self.result = _result(error.errno)
            return True
        return self._understood(data)

    def end(self) -> Probed:
        """Close it."""
        if self.socket is not None:
            self.socket.close()
        return self.probe.result(self.result)

    def _made(self) -> socket.socket:
        family = socket.AF_INET if self.version == 4 else socket.AF_INET6
        if self.kind is ProbeKind.ICMP:
            protocol = socket.IPPROTO_ICMP if family == socket.AF_INET else socket.IPPROTO_ICMPV6
            made = socket.socket(family, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
        else:
            kind = socket.SOCK_STREAM if self.kind is ProbeKind.TCP else socket.SOCK_DGRAM
            made = socket.socket(family, kind | socket.SOCK_CLOEXEC)
        made.setblocking(False)
        with suppress(OSError):  # without CAP_NET_ADMIN the guard counts the probe as an attempt, no more
            made.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, PROBE_MARK)
        if family == socket.AF_INET:
            made.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, PROBE_DSCP << 2)
        else:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, PROBE_DSCP << 2)
        return made

    def _send(self, made: socket.socket) -> None:
        code = made.connect_ex((self.address, self.port))
        if code not in (0, errno.EINPROGRESS):
            raise OSError(code, os.strerror(code))
        if self.kind is ProbeKind.ICMP:
            made.send(_echo(self.version, self.number))
        elif self.kind is ProbeKind.UDP:
            made.send(_NTP)
        elif self.kind in (ProbeKind.DNS, ProbeKind.NAME):
            made.send(_question(self.probe.name, self.number))

    def _understood(self, data: bytes) -> bool:
        """Take an answer for what it is; False for one that is somebody else's (raw sockets hear all)."""
        if self.kind is ProbeKind.ICMP:
            body = data[(data[0] & 0xF) * 4 :] if self.version == 4 else data
            if len(body) < 8 or body[0] != (0, 129)[self.version == 6] or body[4:8] != _echo(6, self.number)[4:8]:
                return False
            self.result = Result.ANSWERED
        elif self.kind is ProbeKind.NAME:
            answers = struct.unpack(">H", data[6:8])[0] if len(data) >= 12 else 0
            self.result = Result.ANSWERED if answers else Result.UNRESOLVED
        else:
            self.result = Result.ANSWERED
        return True


def probe_all(probes: Sequence[Probe], patience: float = PATIENCE) -> tuple[Probed, ...]:
    """Make all probes together and give their results in order; it takes `patience` seconds at most."""
    begun = [_Open(each, number) for number, each in enumerate(probes, 1)]
    with selectors.DefaultSelector() as selector:
        for each in begun:
            if each.begin() and each.socket is not None:
                wanted = selectors.EVENT_WRITE if each.kind is ProbeKind.TCP else selectors.EVENT_READ
                selector.register(each.socket, wanted, each)
        ends = time.monotonic() + patience
        while selector.get_map() and (left := ends - time.monotonic()) > 0:
            for key, _ in selector.select(left):
                if key.data.go_on():
                    selector.unregister(key.fileobj)
    return tuple(each.end() for each in begun)


def planned(
    controls: Iterable[Target], canaries: Iterable[Target], resolvers: Iterable[Target], name: str
) -> list[Probe]:
    """Give the probes of a round: those that are declared, and the outside name at each resolver in use."""
    return [
        *(Probe(Role.CONTROL, each, name) for each in controls),
        *(Probe(Role.CANARY, each, name) for each in canaries),
        *(Probe(Role.CANARY, each, name) for each in resolvers),
    ]


def _result(code: int | None) -> Result:
    if code == errno.ECONNREFUSED:
        return Result.REFUSED
    if code in _DENIED:
        return Result.BLOCKED
    if code in _NO_ROUTE:
        return Result.NO_ROUTE
    if code in _NO_FAMILY:
        return Result.NO_FAMILY
    return Result.SILENT if code == errno.ETIMEDOUT else Result.FAILED


def _echo(version: int, number: int) -> bytes:
    """Make an echo request (RFC 792, RFC 4443); the kernel sums ICMPv6 up by itself."""
    body = struct.pack(">HH", os.getpid() & 0xFFFF, number) + b"portseal"
    kind = _ECHO[version]
    return struct.pack(">BBH", kind, 0, _sum(struct.pack(">BBH", kind, 0, 0) + body)) + body


def _sum(data: bytes) -> int:
    """RFC 1071's checksum of an even number of bytes."""
    total: int = sum(struct.unpack(f">{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def _question(name: str, number: int) -> bytes:
    """Make a recursive question for a name's address (RFC 1035, section 4.1)."""
    labels = b"".join(bytes([len(each)]) + each for each in (part.encode("ascii") for part in name.split(".")) if each)
    return struct.pack(">6H", number, 0x0100, 1, 0, 0, 0) + labels + struct.pack(">BHH", 0, 1, 1)
