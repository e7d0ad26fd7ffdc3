"""The kernel's filter: a classic BPF program that drops what is known to be good, and passes all else to the watch.

Dropped is what a bound device sends under its MAC and IP, with the TTL that it was learned to have, to whom the matrix
lets it talk. Nothing is dropped that the judgement (:mod:`policies.watch.wire`) would have made a sighting of; a test
holds one against the other. Always passed: DHCP, LLDP and CDP, the beginnings of TCP connections, RTSP's answers, WS-
Discovery, IPv6, and whatever is not understood, for there is the evidence of who a device is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Network, ip_network

from policies.watch import bpf
from policies.watch.bpf import Assembler, Instruction
from policies.watch.flows import Gate
from policies.watch.frame import ACK, ETH_ARP, ETH_IPV4, ICMP, SYN, TCP, UDP
from policies.watch.rules import GROUPS, Index, Known

#: Octets of a frame that are handed over: a whole one, with tags.
SNAP = 1600
#: Offsets in an untagged frame: Ethernet, then IPv4 without options, then TCP, UDP or ICMP.
_TYPE, _SOURCE, _IP, _FLAGS, _TTL, _PROTOCOL, _FROM, _TO, _L4 = 12, 6, 14, 20, 22, 23, 26, 30, 34
#: No TTL is this: a device whose TTL is not known yet has it.
_NO_TTL = 256
_ROLE, _TTL_TCP, _TTL_UDP = range(3)
#: Leaves of a tree that share one way out.
_LEAVES = 32
_PASS, _DROP = "pass", "drop"
_DHCP, _RTSP, _DISCOVERY = (67, 68), 554, 3702
_DISCOVERY_GROUP = 0xEFFFFFFA
_ANY = "*"
#: Roles that a program has at most, for the length of its tables.
_MOST_ROLES = 24

#: The TTL of each MAC's TCP and UDP, None where it is not known.
Ttls = Mapping[str, tuple[int | None, int | None]]


@dataclass(frozen=True, slots=True)
class Filter:
    """A program, how many devices it knows, and how many had no room: all that those send passes."""

    program: tuple[Instruction, ...]
    devices: int
    left_out: int


def known_good(index: Index, ttls: Ttls) -> Filter:
    """Make the filter. It fits the kernel's limit: devices that have no room are left out, the last by MAC."""
    devices = sorted((each for each in index.rules.devices if each.ip is not None), key=lambda each: each.mac)
    program = _Writer(index, devices, ttls).program()
    if len(program) <= bpf.MOST:
        return Filter(program, len(devices), 0)
    fits, too_many = 0, len(devices)
    while too_many - fits > 1:
        middle = (fits + too_many) // 2
        tried = _Writer(index, devices[:middle], ttls).program()
        if len(tried) <= bpf.MOST:
            fits = middle
        else:
            too_many = middle
    return Filter(_Writer(index, devices[:fits], ttls).program(), fits, len(devices) - fits)


def _mac(device: Known) -> int:
    return int(device.mac.replace(":", ""), 16)


def _number(ip: str) -> int:
    first, second, third, fourth = ip.split(".")
    return int(first) << 24 | int(second) << 16 | int(third) << 8 | int(fourth)


class _Writer:
    """Writes one program."""

    def __init__(self, index: Index, devices: Sequence[Known], ttls: Ttls) -> None:
        self._index, self._devices, self._ttls = index, devices, ttls
        names = [*sorted({each.role for each in devices}), *(peer.name for peer in index.rules.peers)]
        self._roles = {name: number for number, name in enumerate(dict.fromkeys(names[:_MOST_ROLES]))}
        self._a = Assembler()
        self._tails: dict[tuple[int, int, int], str] = {}

    def program(self) -> tuple[Instruction, ...]:
        """Write all parts, in the order of the jumps."""
        self._head()
        self._macs()
        self._write_tails()
        self._common()
        self._arp()
        self._ipv4()
        self._targets()
        self._end()
        return self._a.assemble()

    def _head(self) -> None:
        a = self._a
        a.emit(bpf.LD_W, bpf.VLAN_PRESENT)
        a.test(bpf.JEQ, 0, "untagged")
        a.emit(bpf.LD_W, bpf.VLAN_TAG)
        a.emit(bpf.AND, 0x0FFF)
        for vlan in sorted({0, *self._index.rules.vlans}):
            a.test(bpf.JEQ, vlan, "untagged")
        a.emit(bpf.RET, SNAP)
        a.label("untagged")
        a.emit(bpf.LD_LEN)
        a.test(bpf.JGE, _L4 + 8, "", "early")
        a.emit(bpf.LD_H, _TYPE)
        a.test(bpf.JEQ, ETH_ARP, "macs")
        a.test(bpf.JEQ, ETH_IPV4, "macs")
        a.label("early")
        a.emit(bpf.RET, SNAP)
        a.label("macs")

    def _macs(self) -> None:
        """Find the source MAC: its upper 16 bits, then the rest."""
        groups: dict[int, list[Known]] = {}
        for device in self._devices:
            groups.setdefault(_mac(device) >> 32, []).append(device)
        self._a.emit(bpf.LD_H, _SOURCE)
        self._tree([(upper, partial(self._a.go, f"group {upper}")) for upper in sorted(groups)])
        for upper, devices in groups.items():
            self._a.label(f"group {upper}")
            self._a.emit(bpf.LD_W, _SOURCE + 2)
            self._tree([
                (_mac(device) & 0xFFFFFFFF, partial(self._found, device)) for device in devices
            ])  # fmt: skip

    def _tree(self, leaves: list[tuple[int, Callable[[], None]]]) -> None:
        """Find A among sorted values; one that is none of them passes."""
        if len(leaves) <= _LEAVES:
            out = self._a.fresh()
            self._branch(leaves, out)
            self._a.label(out)
            self._a.emit(bpf.RET, SNAP)
            return
        middle, right = len(leaves) // 2, self._a.fresh()
        self._a.test(bpf.JGE, leaves[middle][0], right)
        self._tree(leaves[:middle])
        self._a.label(right)
        self._tree(leaves[middle:])

    def _branch(self, leaves: list[tuple[int, Callable[[], None]]], out: str) -> None:
        if len(leaves) > 1:
            middle, right = len(leaves) // 2, self._a.fresh()
            self._a.test(bpf.JGE, leaves[middle][0], right)
            self._branch(leaves[:middle], out)
            self._a.label(right)
            self._branch(leaves[middle:], out)
        elif leaves:
            self._a.test(bpf.JEQ, leaves[0][0], "", out)
            leaves[0][1]()

    def _found(self, device: Known) -> None:
        assert device.ip is not None
        tcp, udp = self._ttls.get(device.mac, (None, None))
        role = self._roles.get(device.role, len(self._roles))
        key = (role, _NO_TTL if tcp is None else tcp, _NO_TTL if udp is None else udp)
        self._a.emit(bpf.LDX_IMM, _number(device.ip))
        self._a.go(self._tails.setdefault(key, f"tail {len(self._tails)}"))

    def _write_tails(self) -> None:
        for key, name in self._tails.items():
            self._a.label(name)
            for place, value in zip((_ROLE, _TTL_TCP, _TTL_UDP), key, strict=True):
                self._a.emit(bpf.LD_IMM, value)
                self._a.emit(bpf.ST, place)
            self._a.go("common")

    def _common(self) -> None:
        self._a.label("common")
        self._a.emit(bpf.LD_H, _TYPE)
        self._a.test(bpf.JEQ, ETH_IPV4, "ipv4", "arp")

    def _arp(self) -> None:
        """Drop an ARP packet whose sender is the pair that is bound; X is the bound IP."""
        a = self._a
        a.label("arp")
        for code, at, value in ((bpf.LD_W, _IP, 0x00010800), (bpf.LD_H, _IP + 4, 0x0604)):
            a.emit(code, at)
            a.test(bpf.JEQ, value, "", _PASS)
        a.emit(bpf.LD_W, _IP + 14)
        a.test(bpf.JEQ_X, 0, "", _PASS)
        for code, source, sender in ((bpf.LD_W, _SOURCE, _IP + 8), (bpf.LD_H, _SOURCE + 4, _IP + 12)):
            a.emit(code, source)
            a.emit(bpf.TAX)
            a.emit(code, sender)
            a.test(bpf.JEQ_X, 0, "", _PASS)
        a.emit(bpf.LD_H, _IP + 6)
        a.test(bpf.JEQ, 1, _DROP)
        a.test(bpf.JEQ, 2, _DROP, _PASS)

    def _ipv4(self) -> None:
        a = self._a
        a.label("ipv4")
        a.emit(bpf.LD_B, _IP)
        a.test(bpf.JEQ, 0x45, "", _PASS)
        a.emit(bpf.LD_W, _FROM)
        a.test(bpf.JEQ_X, 0, "", _PASS)
        a.emit(bpf.LD_H, _FLAGS)
        a.test(bpf.JSET, 0x1FFF, _PASS)
        a.emit(bpf.LD_B, 0)
        a.test(bpf.JSET, 1, "to group")
        a.emit(bpf.LD_B, _PROTOCOL)
        for protocol, label in ((TCP, "tcp"), (UDP, "udp"), (ICMP, "icmp")):
            a.test(bpf.JEQ, protocol, label)
        a.go(_PASS)
        self._to_group()
        self._icmp()
        self._udp()
        self._tcp()

    def _to_group(self) -> None:
        """Drop what goes to a group of the site's own, but for discovery, which tells who a device is."""
        a = self._a
        a.label("to group")
        for group in GROUPS:
            network = IPv4Network(group)
            a.emit(bpf.LD_W, _TO)
            a.emit(bpf.AND, int(network.netmask))
            a.test(bpf.JEQ, int(network.network_address), "own group")
        a.go(_PASS)
        a.label("own group")
        a.emit(bpf.LD_W, _TO)
        a.test(bpf.JEQ, _DISCOVERY_GROUP, _PASS)
        a.emit(bpf.LD_B, _PROTOCOL)
        a.test(bpf.JEQ, UDP, "", _PASS)
        a.emit(bpf.LD_H, _L4)
        for port in _DHCP:
            a.test(bpf.JEQ, port, _PASS)
        a.go(_DROP)

    def _icmp(self) -> None:
        """Let echoes and "unreachable" be traffic; redirects and router advertisements are looked at."""
        a = self._a
        a.label("icmp")
        a.emit(bpf.LD_B, _L4)
        for kind in (0, 3, 8):
            a.test(bpf.JEQ, kind, "target")
        a.go(_PASS)

    def _udp(self) -> None:
        a = self._a
        a.label("udp")
        a.emit(bpf.LD_H, _L4)
        for port in (*_DHCP, _DISCOVERY):
            a.test(bpf.JEQ, port, _PASS)
        a.emit(bpf.LD_H, _L4 + 2)
        for port in _DHCP:
            a.test(bpf.JEQ, port, _PASS)
        self._same_ttl(_TTL_UDP)
        a.go("target")

    def _tcp(self) -> None:
        """Look at the head's length, at the TTL, and pass the first packet of a connection."""
        a = self._a
        a.label("tcp")
        a.emit(bpf.LD_LEN)
        a.test(bpf.JGE, _L4 + 20, "", _PASS)
        a.emit(bpf.LD_B, _L4 + 12)
        a.emit(bpf.AND, 0xF0)
        a.test(bpf.JGE, 0x50, "", _PASS)
        a.emit(bpf.RSH, 2)
        a.emit(bpf.TAX)
        a.emit(bpf.LD_LEN)
        a.emit(bpf.SUB, _L4)
        a.test(bpf.JGE_X, 0, "", _PASS)
        self._same_ttl(_TTL_TCP)
        a.emit(bpf.LD_B, _L4 + 13)
        a.test(bpf.JSET, SYN, "", "target")
        a.test(bpf.JSET, ACK, "target", _PASS)

    def _same_ttl(self, place: int) -> None:
        self._a.emit(bpf.LDX_MEM, place)
        self._a.emit(bpf.LD_B, _TTL)
        self._a.test(bpf.JEQ_X, 0, "", _PASS)

    def _targets(self) -> None:
        """Find who has the target address, and whether the matrix lets the device talk to them."""
        a = self._a
        a.label("target")
        a.emit(bpf.LD_W, _TO)
        segments = self._segments()
        self._ranges(segments)
        blocks: list[tuple[str, Gate]] = []
        for role in dict.fromkeys(name for _, name in segments if name in self._roles):
            a.label(f"to {role}")
            a.emit(bpf.LD_MEM, _ROLE)
            for source, number in self._roles.items():
                gate = self._index.matrix.get((source, role))
                if gate is not None and gate.anything:
                    a.test(bpf.JEQ, number, "good")
                elif gate is not None:
                    blocks.append((f"from {source} to {role}", gate))
                    a.test(bpf.JEQ, number, blocks[-1][0])
            a.go(_PASS)
        for label, gate in blocks:
            self._ports(label, gate)

    def _ports(self, label: str, gate: Gate) -> None:
        a = self._a
        a.label(label)
        a.emit(bpf.LD_B, _PROTOCOL)
        a.test(bpf.JEQ, ICMP, "good")
        for protocol in sorted({protocol for protocol, _, _ in gate.ports}):
            other = a.fresh()
            a.emit(bpf.LD_B, _PROTOCOL)
            a.test(bpf.JEQ, protocol, "", other)
            for side in (0, 1):
                a.emit(bpf.LD_H, _L4 + 2 * side)
                for port in sorted(each for p, s, each in gate.ports if (p, s) == (protocol, side)):
                    a.test(bpf.JEQ, port, "good")
            a.go(_PASS)
            a.label(other)
        a.go(_PASS)

    def _ranges(self, segments: Sequence[tuple[int, str]]) -> None:
        if len(segments) == 1:
            name = segments[0][1]
            self._a.go(f"to {name}" if name in self._roles else "good" if name == _ANY else _PASS)
            return
        middle, right = len(segments) // 2, self._a.fresh()
        self._a.test(bpf.JGE, segments[middle][0], right)
        self._ranges(segments[:middle])
        self._a.label(right)
        self._ranges(segments[middle:])

    def _segments(self) -> list[tuple[int, str]]:
        """Give the address space in order, each part by its first address: the role there, "*", or "" to pass.

        An address of the site's networks that nobody has ("*") makes no sighting, so that it may be dropped or passed;
        it joins the part before it, or else the table would have a line for every device.
        """
        inside = [net for each in self._index.rules.networks if isinstance(net := ip_network(each, False), IPv4Network)]
        peers = [
            net
            for peer in self._index.rules.peers
            for each in peer.networks
            if isinstance(net := ip_network(each, False), IPv4Network)
        ]
        hosts = {_number(ip): device.role for ip, device in self._index.by_ip.items()}
        starts = {0, *hosts, *(number + 1 for number in hosts)}
        for network in (*inside, *peers):
            starts |= {int(network.network_address), int(network.broadcast_address) + 1}
        found: list[tuple[int, str]] = []
        for start in sorted(start for start in starts if start <= 0xFFFFFFFF):
            name = hosts.get(start) or self._at(start)
            if found and (name == found[-1][1] or (name == _ANY and found[-1][1] != "")):
                continue
            if found and found[-1][1] == _ANY and name in self._roles:
                found[-1] = (found[-1][0], name)
                continue
            found.append((start, name))
        return found

    def _at(self, start: int) -> str:
        address = ".".join(str(start >> shift & 0xFF) for shift in (24, 16, 8, 0))
        return self._index.role(address) or (_ANY if self._index.inside(address) else "")

    def _end(self) -> None:
        """Pass what a camera answers over RTSP, which names its software; an answer is no media (RFC 2326, 10.12)."""
        a = self._a
        a.label("good")
        a.emit(bpf.LD_B, _PROTOCOL)
        a.test(bpf.JEQ, TCP, "", _DROP)
        a.emit(bpf.LD_H, _L4)
        a.test(bpf.JEQ, _RTSP, "", _DROP)
        a.emit(bpf.LD_B, _L4 + 12)
        a.emit(bpf.AND, 0xF0)
        a.emit(bpf.RSH, 2)
        a.emit(bpf.TAX)
        a.emit(bpf.LD_W_X, _L4)
        a.test(bpf.JEQ, int.from_bytes(b"RTSP"), _PASS, _DROP)
        a.label(_PASS)
        a.emit(bpf.RET, SNAP)
        a.label(_DROP)
        a.emit(bpf.RET, 0)
