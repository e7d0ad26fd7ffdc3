"""The part of BER (X.690) that SNMPv2c messages need, with a cache: a table is encoded once, not per request."""

from __future__ import annotations

from functools import lru_cache

Oid = tuple[int, ...]
#: Tags of RFC 2578 types and RFC 3416 exceptions.
INTEGER, OCTETS, NULL, OBJECT, SEQUENCE = 0x02, 0x04, 0x05, 0x06, 0x30
IP, COUNTER, GAUGE, TICKS, COUNTER64 = 0x40, 0x41, 0x42, 0x43, 0x46
NO_OBJECT, NO_INSTANCE, END_OF_VIEW = 0x80, 0x81, 0x82
GET, NEXT, RESPONSE, SET, BULK, TRAP = 0xA0, 0xA1, 0xA2, 0xA3, 0xA5, 0xA7

Value = int | bytes | Oid | None


class Malformed(Exception):
    """A datagram that is no BER."""


def tlv(tag: int, content: bytes) -> bytes:
    """Put tag and length in front of a content."""
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + content


@lru_cache(maxsize=65536)
def varbind(oid: Oid, tag: int, value: Value) -> bytes:
    """Encode a variable binding."""
    return tlv(SEQUENCE, tlv(OBJECT, oid_content(oid)) + encode(tag, value))


def encode(tag: int, value: Value) -> bytes:
    """Encode a value."""
    if isinstance(value, int):
        return tlv(tag, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))
    if isinstance(value, tuple):
        return tlv(tag, oid_content(value))
    return tlv(tag, value or b"")


def oid_content(oid: Oid) -> bytes:
    """Encode the sub-identifiers of an OID."""
    out = bytearray((oid[0] * 40 + oid[1],)) if len(oid) > 1 else bytearray((0,))
    for part in oid[2:]:
        if part < 0x80:
            out.append(part)
            continue
        groups = [part & 0x7F]
        while part := part >> 7:
            groups.append(0x80 | part & 0x7F)
        out += bytes(reversed(groups))
    return bytes(out)


def read(data: bytes, at: int) -> tuple[int, bytes, int]:
    """Read one element at `at`: tag, content, where the next begins; raises Malformed."""
    try:
        tag, size, start = data[at], data[at + 1], at + 2
        if size & 0x80:
            count = size & 0x7F
            size, start = int.from_bytes(data[start : start + count], "big"), start + count
    except IndexError:
        raise Malformed from None
    if start + size > len(data):
        raise Malformed
    return tag, data[start : start + size], start + size


def items(content: bytes) -> list[tuple[int, bytes]]:
    """Read all elements of a sequence."""
    out, at = [], 0
    while at < len(content):
        tag, inside, at = read(content, at)
        out.append((tag, inside))
    return out


def number(content: bytes) -> int:
    """Read an integer."""
    return int.from_bytes(content, "big", signed=True)


def oid(content: bytes) -> Oid:
    """Read an OID; raises Malformed."""
    if not content:
        raise Malformed
    out = [min(content[0] // 40, 2)]
    out.append(content[0] - out[0] * 40)
    part = 0
    for octet in content[1:]:
        part = part << 7 | octet & 0x7F
        if not octet & 0x80:
            out.append(part)
            part = 0
    return tuple(out)


def decode(tag: int, content: bytes) -> Value:
    """Read a value by its tag."""
    if tag in {INTEGER, COUNTER, GAUGE, TICKS, COUNTER64}:
        return number(content) if tag == INTEGER else int.from_bytes(content, "big")
    if tag == OBJECT:
        return oid(content)
    return None if tag in {NULL, NO_OBJECT, NO_INSTANCE, END_OF_VIEW} else content
