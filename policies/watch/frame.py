"""The heads of one frame: Ethernet II, VLAN tags, ARP, IPv4, IPv6, TCP, UDP and ICMP; whatever else is only named.

Frames come from anybody: bytes that are no such frame raise :class:`BadFrame` and nothing else. Addresses are text in
the spelling of :mod:`policies.names` (IPv6: RFC 5952). Sources: IEEE 802.3, 802.1Q; RFC 826, 791, 8200, 9293, 768.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv6Address
from struct import Struct

ETH_IPV4, ETH_ARP, ETH_IPV6, ETH_LLDP = 0x0800, 0x0806, 0x86DD, 0x88CC
#: Tags of a VLAN: IEEE 802.1Q, 802.1ad, and what switches used before that.
TAGS = frozenset({0x8100, 0x88A8, 0x9100})
ICMP, TCP, UDP, ICMP6 = 1, 6, 17, 58
SYN, ACK = 0x02, 0x10
#: Longest IEEE 802.3 length; from here on the two octets are an EtherType.
_LONGEST = 1500
_MOST_TAGS, _MOST_EXTENSIONS = 3, 8
#: IPv6 extension headers that are walked over: hop-by-hop, routing, fragment, authentication, destination.
_HOP, _ROUTING, _FRAGMENT, _AUTHENTICATION, _DESTINATION = 0, 43, 44, 51, 60
_EXTENSIONS = frozenset({_HOP, _ROUTING, _FRAGMENT, _AUTHENTICATION, _DESTINATION})
_ARP = Struct("!HHBBH6s4s6s4s")
_PORTS = Struct("!HH")
#: TCP options by kind (IANA): only these have a name, others are their number.
_OPTIONS = {1: "nop", 2: "mss", 3: "ws", 4: "sok", 5: "sack", 8: "ts"}


class BadFrame(ValueError):
    """The bytes are no frame of the kind that they begin as; `code` says what is wrong, from a small set."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Arp:
    """An ARP packet for IPv4 over Ethernet; `op` 1 asks, 2 answers."""

    op: int
    sender_mac: str
    sender_ip: str
    target_mac: str
    target_ip: str


@dataclass(frozen=True, slots=True)
class Packet:
    """An IP packet: `ports` are source and target of TCP and UDP, `icmp` the type of ICMP, None where there is none.

    `payload` is where the transport's data begins in the frame (the ICMP message itself); `flags` are TCP's. `options`
    is the order of a TCP SYN's options, such as "mss,sok,ts,nop,ws". A later `fragment` has no ports.
    """

    version: int
    source: str
    target: str
    ttl: int
    protocol: int
    fragment: bool = False
    ports: tuple[int, int] | None = None
    icmp: int | None = None
    flags: int = 0
    options: str = ""
    payload: int = 0


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame. `vlans` are the ids of its tags, the outermost first; `ethertype` 0 is a frame of IEEE 802.2."""

    source: str
    target: str
    vlans: tuple[int, ...]
    ethertype: int
    arp: Arp | None = None
    packet: Packet | None = None

    @property
    def to_group(self) -> bool:
        """Whether it is sent to a group of stations, or all."""
        return bool(int(self.target[1], 16) & 1)


def parse(data: bytes, outer: int | None = None) -> Frame:
    """Read a frame; `outer` is the id of the tag that the kernel has taken off. Raises BadFrame."""
    if len(data) < 14:
        raise BadFrame("short")
    vlans = () if outer is None else (outer,)
    at, ethertype = 12, int.from_bytes(data[12:14])
    while ethertype in TAGS:
        if len(vlans) >= _MOST_TAGS or len(data) < at + 6:
            raise BadFrame("tags")
        vlans = (*vlans, int.from_bytes(data[at + 2 : at + 4]) & 0x0FFF)
        at += 4
        ethertype = int.from_bytes(data[at : at + 2])
    target, source = data[:6].hex(":"), data[6:12].hex(":")
    if data[6] & 1:
        raise BadFrame("group source")
    at += 2
    if ethertype == ETH_ARP:
        return Frame(source, target, vlans, ethertype, arp=_arp(data, at))
    if ethertype == ETH_IPV4:
        return Frame(source, target, vlans, ethertype, packet=_ipv4(data, at))
    if ethertype == ETH_IPV6:
        return Frame(source, target, vlans, ethertype, packet=_ipv6(data, at))
    return Frame(source, target, vlans, 0 if ethertype <= _LONGEST else ethertype)


def dotted(octets: bytes) -> str:
    """Spell four octets as an IPv4 address."""
    return f"{octets[0]}.{octets[1]}.{octets[2]}.{octets[3]}"


def _arp(data: bytes, at: int) -> Arp:
    if len(data) < at + _ARP.size:
        raise BadFrame("arp short")
    hardware, protocol, hardware_octets, protocol_octets, op, sha, spa, tha, tpa = _ARP.unpack_from(data, at)
    if (hardware, protocol, hardware_octets, protocol_octets) != (1, ETH_IPV4, 6, 4):
        raise BadFrame("arp kind")
    return Arp(op, sha.hex(":"), dotted(spa), tha.hex(":"), dotted(tpa))


def _ipv4(data: bytes, at: int) -> Packet:
    if len(data) < at + 20:
        raise BadFrame("ip short")
    head = (data[at] & 0x0F) * 4
    if data[at] >> 4 != 4 or head < 20 or len(data) < at + head:
        raise BadFrame("ip head")
    protocol, ttl = data[at + 9], data[at + 8]
    source, target = dotted(data[at + 12 : at + 16]), dotted(data[at + 16 : at + 20])
    if int.from_bytes(data[at + 6 : at + 8]) & 0x1FFF:
        return Packet(4, source, target, ttl, protocol, fragment=True)
    return _transport(data, at + head, Packet(4, source, target, ttl, protocol))


def _ipv6(data: bytes, at: int) -> Packet:
    if len(data) < at + 40:
        raise BadFrame("ip short")
    if data[at] >> 4 != 6:
        raise BadFrame("ip head")
    source, target = str(IPv6Address(data[at + 8 : at + 24])), str(IPv6Address(data[at + 24 : at + 40]))
    protocol, ttl = data[at + 6], data[at + 7]
    at += 40
    for _ in range(_MOST_EXTENSIONS):
        if protocol not in _EXTENSIONS:
            return _transport(data, at, Packet(6, source, target, ttl, protocol))
        if len(data) < at + 8:
            raise BadFrame("extension short")
        if protocol == _FRAGMENT and int.from_bytes(data[at + 2 : at + 4]) & 0xFFF8:
            return Packet(6, source, target, ttl, data[at], fragment=True)
        octets = _extension(protocol, data[at + 1])
        protocol, at = data[at], at + octets
    raise BadFrame("extensions")


def _extension(protocol: int, length: int) -> int:
    """Give the octets of an extension header whose second octet is `length`."""
    if protocol == _FRAGMENT:
        return 8
    return (length + 2) * 4 if protocol == _AUTHENTICATION else (length + 1) * 8


def _transport(data: bytes, at: int, packet: Packet) -> Packet:
    if packet.protocol == TCP:
        return _tcp(data, at, packet)
    if packet.protocol == UDP:
        if len(data) < at + 8:
            raise BadFrame("udp short")
        return _with(packet, ports=_PORTS.unpack_from(data, at), payload=at + 8)
    if packet.protocol in (ICMP, ICMP6):
        if len(data) < at + 4:
            raise BadFrame("icmp short")
        return _with(packet, icmp=data[at], payload=at)
    return packet


def _tcp(data: bytes, at: int, packet: Packet) -> Packet:
    if len(data) < at + 20:
        raise BadFrame("tcp short")
    head, flags = (data[at + 12] >> 4) * 4, data[at + 13]
    if head < 20 or len(data) < at + head:
        raise BadFrame("tcp head")
    options = _options(data[at + 20 : at + head]) if flags & SYN and not flags & ACK else ""
    return _with(packet, ports=_PORTS.unpack_from(data, at), flags=flags, options=options, payload=at + head)


def _options(data: bytes) -> str:
    """Give the order of TCP's options; what is cut off or has no length ends it."""
    found, at = [], 0
    while at < len(data) and data[at]:
        found.append(_OPTIONS.get(data[at], str(data[at])))
        if data[at] == 1:
            at += 1
            continue
        if at + 1 >= len(data) or data[at + 1] < 2:
            break
        at += data[at + 1]
    return ",".join(found)


def _with(
    packet: Packet, *, payload: int, ports: tuple[int, int] | None = None, icmp: int | None = None,
    flags: int = 0, options: str = "",
) -> Packet:  # fmt: skip
    return Packet(
        packet.version, packet.source, packet.target, packet.ttl, packet.protocol, False, ports, icmp, flags, options,
        payload,
    )  # fmt: skip
