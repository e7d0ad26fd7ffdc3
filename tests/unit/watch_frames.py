"""Frames by hand, the small site that they belong to, and classic BPF in Python as an oracle for the filter."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address

from policies.watch.bpf import Instruction
from policies.watch.rules import Known, Peer, Rules

ALL = "ff:ff:ff:ff:ff:ff"
CAMERA, RECORDER, TERMINAL = "02:00:00:00:00:11", "02:00:00:00:00:12", "02:00:00:00:01:13"
CONTROLLER, OTHER_CAMERA, ROGUE = "0a:00:00:00:00:14", "02:00:00:00:00:15", "66:77:88:99:aa:bb"
IPS = {
    CAMERA: "10.7.0.11", RECORDER: "10.7.0.12", TERMINAL: "10.7.0.13", CONTROLLER: "10.7.0.14",
    OTHER_CAMERA: "10.7.0.15",
}  # fmt: skip
ROLES = {
    CAMERA: "camera", RECORDER: "recorder", TERMINAL: "terminal", CONTROLLER: "controller", OTHER_CAMERA: "camera",
}  # fmt: skip
PLATFORM, OUTSIDE = "10.9.0.5", "203.0.113.9"


def rules(**changed: object) -> Rules:
    devices = tuple(
        Known(ROLES[mac] + mac[-2:], ROLES[mac], mac, ip, "sw1", f"GigabitEthernet0/{number}", 100)
        for number, (mac, ip) in enumerate(IPS.items(), 1)
    )
    given = {
        "devices": devices, "networks": ("10.7.0.0/24",), "vlans": frozenset({100}),
        "peers": (Peer("platform", ("10.9.0.0/29",)),), **changed,
    }  # fmt: skip
    return Rules(**given)  # type: ignore[arg-type]


def octets(mac: str) -> bytes:
    return bytes.fromhex(mac.replace(":", ""))


def ethernet(source: str, target: str, ethertype: int, payload: bytes, tags: Sequence[int] = ()) -> bytes:
    tagged = b"".join(struct.pack("!HH", 0x8100, tag) for tag in tags)
    return (octets(target) + octets(source) + tagged + struct.pack("!H", ethertype) + payload).ljust(60, b"\0")


def arp(mac: str, ip: str, target: str = "10.7.0.12", *, op: int = 1, sender: str = "", to: str = ALL) -> bytes:
    body = struct.pack("!HHBBH", 1, 0x0800, 6, 4, op) + octets(sender or mac) + IPv4Address(ip).packed
    return ethernet(mac, to, 0x0806, body + bytes(6) + IPv4Address(target).packed)


def ipv4(
    mac: str, source: str, target: str, protocol: int, body: bytes, *, ttl: int = 64, to: str = RECORDER,
    flags: int = 0x4000, tags: Sequence[int] = (),
) -> bytes:  # fmt: skip
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 7, flags, ttl, protocol, 0)
    packed = head + IPv4Address(source).packed + IPv4Address(target).packed + body
    return ethernet(mac, to, 0x0800, packed, tags)


def udp_body(ports: tuple[int, int], payload: bytes = b"x" * 20) -> bytes:
    return struct.pack("!HHHH", *ports, 8 + len(payload), 0) + payload


def udp(mac: str, target: str, ports: tuple[int, int] = (5000, 5001), *, payload: bytes = b"x" * 20, ttl: int = 64,
        source: str = "", to: str = RECORDER, tags: Sequence[int] = ()) -> bytes:  # fmt: skip
    return ipv4(mac, source or IPS.get(mac, "10.7.0.66"), target, 17, udp_body(ports, payload), ttl=ttl, to=to,
                tags=tags)  # fmt: skip


def tcp(mac: str, target: str, ports: tuple[int, int] = (40000, 554), *, flags: int = 0x10, options: bytes = b"",
        payload: bytes = b"", ttl: int = 64, source: str = "") -> bytes:  # fmt: skip
    body = struct.pack("!HHIIBBHHH", *ports, 1, 1, (20 + len(options)) // 4 << 4, flags, 64240, 0, 0)
    return ipv4(mac, source or IPS.get(mac, "10.7.0.66"), target, 6, body + options + payload, ttl=ttl)


def icmp(mac: str, target: str, kind: int = 8) -> bytes:
    return ipv4(mac, IPS.get(mac, "10.7.0.66"), target, 1, bytes([kind, 0, 0, 0, 0, 1, 0, 1]))


def dhcp(mac: str, options: bytes, *, reply: bool = False, source: str = "0.0.0.0") -> bytes:
    head = bytes([2 if reply else 1, 1, 6, 0]) + bytes(24) + octets(mac) + bytes(202) + b"\x63\x82\x53\x63"
    ports = (67, 68) if reply else (68, 67)
    body = udp_body(ports, head + options + b"\xff")
    return ipv4(mac, source, "255.255.255.255", 17, body, to=ALL)


def ipv6(mac: str, source: str, target: str, protocol: int, body: bytes, to: str = "33:33:00:00:00:01") -> bytes:
    head = struct.pack("!IHBB", 6 << 28, len(body), protocol, 255)
    return ethernet(mac, to, 0x86DD, head + IPv6Address(source).packed + IPv6Address(target).packed + body)


def router_advertisement(mac: str) -> bytes:
    prefix = bytes([3, 4, 64, 0xC0]) + struct.pack("!III", 3600, 3600, 0) + IPv6Address("2001:db8::").packed
    return ipv6(mac, "fe80::66", "ff02::1", 58, struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0) + prefix)


def run(program: Sequence[Instruction], frame: bytes, vlan: int | None = None) -> int:
    """Run a classic BPF program as the kernel does: a load beyond the frame ends it with 0."""
    accumulator = index = at = 0
    memory = [0] * 16
    while True:
        each = program[at]
        at += 1
        code, k = each.code, each.k
        if code == 0x06:
            return k
        if code & 0x07 == 0x00:
            found = _load(code, k, frame, vlan, index, memory)
            if found is None:
                return 0
            accumulator = found
        elif code & 0x07 == 0x05:
            at += k if code == 0x05 else each.true if _holds(code, k, accumulator, index) else each.false
        elif code == 0x02:
            memory[k] = accumulator
        elif code in (0x01, 0x61):
            index = k if code == 0x01 else memory[k]
        elif code == 0x07:
            index = accumulator
        else:
            accumulator = {0x54: accumulator & k, 0x74: accumulator >> k, 0x14: (accumulator - k) & 0xFFFFFFFF}[code]


def _load(code: int, k: int, frame: bytes, vlan: int | None, index: int, memory: list[int]) -> int | None:
    if code == 0x00:
        return k
    if code == 0x60:
        return memory[k]
    if code == 0x80:
        return len(frame)
    if k == 0xFFFFF030:
        return int(vlan is not None)
    if k == 0xFFFFF02C:
        return vlan or 0
    size = {0x20: 4, 0x28: 2, 0x30: 1, 0x40: 4}[code]
    start = k + (index if code == 0x40 else 0)
    return int.from_bytes(frame[start : start + size]) if start + size <= len(frame) else None


def _holds(code: int, k: int, accumulator: int, index: int) -> bool:
    value = index if code & 0x08 else k
    return {
        0x10: accumulator == value, 0x20: accumulator > value, 0x30: accumulator >= value,
        0x40: bool(accumulator & value),
    }[code & 0xF0]  # fmt: skip
