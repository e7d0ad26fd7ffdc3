"""Frames as the lab's hosts send and recognise them: Ethernet II, ARP (RFC 826), IPv4 (RFC 791) and UDP (RFC 768)."""

from __future__ import annotations

import ipaddress
import re
import struct
from dataclasses import dataclass

BROADCAST = "ff:ff:ff:ff:ff:ff"
_IPV4, _ARP, _DOT1Q, _EXPERIMENTAL = 0x0800, 0x0806, 0x8100, 0x88B5
_UDP = 17
#: Every payload of the lab says who made it: S for a stream's datagram with its number, M for a marked frame.
_TAG = re.compile(rb"PSL:([SM]):([\w-]{1,32}):(\w{1,32});")


@dataclass(frozen=True, slots=True)
class Heard:
    """What one received frame says: `kind` S or M, the `host` that made it, its `mark`, and its source addresses."""

    kind: str
    host: str
    mark: str
    mac: str
    ip: str


def stream_payload(host: str, number: int) -> bytes:
    """Make the payload of a stream's datagram."""
    return b"PSL:S:%s:%d;" % (host.encode("ascii"), number)


def marked_payload(host: str, marker: str) -> bytes:
    """Make the payload of a frame that a test looks for."""
    return b"PSL:M:%s:%s;" % (host.encode("ascii"), marker.encode("ascii"))


def ethernet(source: str, target: str, ethertype: int, payload: bytes, vlan: int | None = None) -> bytes:
    """Make an Ethernet frame, padded to the minimum; `vlan` adds an IEEE 802.1Q tag."""
    tag = struct.pack("!HH", _DOT1Q, vlan) if vlan is not None else b""
    frame = _mac(target) + _mac(source) + tag + struct.pack("!H", ethertype) + payload
    return frame.ljust(60, b"\0")


def raw(source: str, target: str, payload: bytes, vlan: int | None = None) -> bytes:
    """Make a frame that is not IP (EtherType 0x88b5, for local experiments)."""
    return ethernet(source, target, _EXPERIMENTAL, payload, vlan)


def udp(source: tuple[str, str], target: tuple[str, str], port: int, payload: bytes, vlan: int | None = None) -> bytes:
    """Make a UDP frame between two (MAC, IPv4) ends, from and to `port`; the UDP checksum is left out (RFC 768)."""
    body = struct.pack("!HHHH", port, port, 8 + len(payload), 0) + payload
    addresses = _ip(source[1]) + _ip(target[1])
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 0, 0, 64, _UDP, 0) + addresses
    head = head[:10] + struct.pack("!H", _checksum(head)) + head[12:]
    return ethernet(source[0], target[0], _IPV4, head + body, vlan)


def arp(source: tuple[str, str], target_ip: str, payload: bytes, vlan: int | None = None) -> bytes:
    """Make a broadcast ARP request by (MAC, IPv4) `source`; `payload` rides in the padding."""
    body = struct.pack("!HHBBH", 1, _IPV4, 6, 4, 1) + _mac(source[0]) + _ip(source[1]) + bytes(6) + _ip(target_ip)
    return ethernet(source[0], BROADCAST, _ARP, body + payload, vlan)


def heard(frame: bytes) -> Heard | None:
    """Recognise a frame that a host of the lab made; None for any other."""
    match = _TAG.search(frame)
    if match is None:
        return None
    ip = ""
    if frame[12:14] == b"\x08\x00" and len(frame) >= 34:
        ip = str(ipaddress.IPv4Address(frame[26:30]))
    elif frame[12:14] == b"\x08\x06" and len(frame) >= 42:
        ip = str(ipaddress.IPv4Address(frame[28:32]))
    kind, host, mark = (part.decode("ascii") for part in match.groups())
    return Heard(kind, host, mark, frame[6:12].hex(":"), ip)


def _mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))


def _ip(text: str) -> bytes:
    return ipaddress.IPv4Address(text).packed


def _checksum(head: bytes) -> int:
    total: int = sum(struct.unpack(f"!{len(head) // 2}H", head))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
