"""The part of BER (ITU-T X.690) that SNMP messages are made of: strict, and quick enough for a storm of traps.

Reading raises :class:`Malformed` and nothing else, whatever the octets are. Lengths are definite and at most 64 KiB, as
in one datagram (RFC 3417).
"""

from __future__ import annotations

from functools import lru_cache

from drivers.snmp.values import Value
from policies.errors import InputError
from policies.texts import t

#: Tags: universal types, the application types of RFC 2578, and the exceptions of RFC 3416.
INTEGER, OCTETS, NULL, OBJECT, SEQUENCE = 0x02, 0x04, 0x05, 0x06, 0x30
IP, COUNTER, GAUGE, TICKS, OPAQUE, COUNTER64 = 0x40, 0x41, 0x42, 0x43, 0x44, 0x46
#: PDUs of RFC 3416.
RESPONSE, TRAP_V1, INFORM, TRAP, REPORT = 0xA2, 0xA4, 0xA6, 0xA7, 0xA8

_UNSIGNED = frozenset({COUNTER, GAUGE, TICKS, COUNTER64})
_MOST = 65_535
#: Octets of the longest integer (Counter64 with a zero in front), and of the longest OID that is kept.
_LONGEST_INTEGER, _LONGEST_OID = 9, 512


class Malformed(InputError):
    """A datagram that is no SNMP message."""

    def __init__(self) -> None:
        super().__init__(t("the datagram is no SNMP message"))


def header(data: bytes, at: int, end: int) -> tuple[int, int, int]:
    """Read tag and length at `at`: the tag, where the content begins, where it ends (not beyond `end`)."""
    if at + 2 > end:
        raise Malformed
    tag, size, start = data[at], data[at + 1], at + 2
    if size & 0x80:
        count = size & 0x7F
        if not 1 <= count <= 4 or start + count > end:
            raise Malformed
        size = int.from_bytes(data[start : start + count], "big")
        start += count
    stop = start + size
    if size > _MOST or stop > end:
        raise Malformed
    return tag, start, stop


def expect(data: bytes, at: int, end: int, wanted: int) -> tuple[int, int]:
    """Read the header of an element whose tag must be `wanted`: where its content begins and ends."""
    tag, start, stop = header(data, at, end)
    if tag != wanted:
        raise Malformed
    return start, stop


def integer(data: bytes, at: int, end: int) -> tuple[int, int]:
    """Read an INTEGER: its value, and where the next element begins."""
    start, stop = expect(data, at, end, INTEGER)
    return number(data[start:stop]), stop


def octets(data: bytes, at: int, end: int) -> tuple[bytes, int]:
    """Read an OCTET STRING: its content, and where the next element begins."""
    start, stop = expect(data, at, end, OCTETS)
    return data[start:stop], stop


def number(content: bytes, *, signed: bool = True) -> int:
    """Give the value of an integer's content."""
    if not 1 <= len(content) <= _LONGEST_INTEGER:
        raise Malformed
    return int.from_bytes(content, "big", signed=signed)


@lru_cache(maxsize=4096)
def oid(content: bytes) -> str:
    """Give an OID's content as dotted text."""
    if not content or len(content) > _LONGEST_OID or content[-1] & 0x80:
        raise Malformed
    parts: list[int] = []
    part = 0
    for octet in content:
        part = part << 7 | octet & 0x7F
        if not octet & 0x80:
            if part > 0xFFFF_FFFF:
                raise Malformed
            parts.append(part)
            part = 0
    first = min(parts[0] // 40, 2)
    return ".".join(map(str, (first, parts[0] - 40 * first, *parts[1:])))


def value(tag: int, content: bytes) -> Value | None:
    """Give a plain value by its tag; None for NULL and the exceptions, the octets for a type that is not known."""
    if tag == OCTETS:
        return content
    if tag == INTEGER:
        return number(content)
    if tag in _UNSIGNED:
        return number(content, signed=False)
    if tag == OBJECT:
        return oid(content)
    if tag == IP and len(content) == 4:
        return ".".join(map(str, content))
    return content or None


def tlv(tag: int, content: bytes) -> bytes:
    """Put tag and length in front of a content."""
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def encode_integer(given: int, tag: int = INTEGER) -> bytes:
    """Encode a number; unsigned types too, whose first octet must not look negative."""
    return tlv(tag, given.to_bytes(given.bit_length() // 8 + 1, "big", signed=True))


def encode_oid(dotted: str) -> bytes:
    """Encode a dotted OID."""
    first, second, *rest = map(int, dotted.split("."))
    content = bytearray()
    for part in (first * 40 + second, *rest):
        groups = [part & 0x7F]
        while part := part >> 7:
            groups.append(0x80 | part & 0x7F)
        content += bytes(reversed(groups))
    return tlv(OBJECT, bytes(content))
