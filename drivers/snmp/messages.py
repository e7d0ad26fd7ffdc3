"""SNMP messages as they come to whom traps are sent: v2c (RFC 3416) and v3 (RFC 3412, 3414), read and answered.

Nothing here knows a key: :mod:`drivers.snmp.usm` checks and opens what these functions take apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag

from drivers.snmp import ber
from drivers.snmp.ber import Malformed
from drivers.snmp.values import Value

#: msgVersion of SNMPv1, v2c and v3.
V1, V2C, V3 = 0, 1, 3
SYS_UPTIME = "1.3.6.1.2.1.1.3.0"
SNMP_TRAP_OID = "1.3.6.1.6.3.1.1.4.1.0"

_USM = 3
_MOST_BINDS = 256
_LONGEST_NAME = 255
#: INTEGER (0..2147483647) of the message's numbers.
_MOST = 0x7FFF_FFFF


class Flag(IntFlag):
    """msgFlags of RFC 3412."""

    AUTH = 1
    PRIV = 2
    REPORTABLE = 4


@dataclass(frozen=True, slots=True)
class Pdu:
    """A PDU: its tag, its request id, and its variable bindings, read and as they came (`raw_binds`)."""

    tag: int
    request_id: int
    binds: tuple[tuple[str, Value | None], ...]
    raw_binds: bytes

    @property
    def trap(self) -> str:
        """The notification's OID; "" when it is missing. RFC 3416 puts it second; it is found anywhere."""
        for name, given in self.binds:
            if name == SNMP_TRAP_OID:
                return given if isinstance(given, str) else ""
        return ""

    @property
    def about(self) -> tuple[tuple[str, Value | None], ...]:
        """What is said besides sysUpTime.0 and snmpTrapOID.0."""
        return tuple(bind for bind in self.binds if bind[0] not in (SYS_UPTIME, SNMP_TRAP_OID))


@dataclass(frozen=True, slots=True)
class Secured:
    """A v3 message with its security parameters; `auth_at` is where the digest stands, `body` what may be encrypted."""

    message_id: int
    max_size: int
    flags: Flag
    engine: bytes
    boots: int
    time: int
    user: bytes
    digest: bytes
    auth_at: int
    salt: bytes
    body: bytes


@dataclass(frozen=True, slots=True)
class Scope:
    """A scoped PDU: whose context, and the PDU."""

    engine: bytes
    name: bytes
    pdu: Pdu


def version_of(data: bytes) -> int:
    """Give a message's version: V1, V2C, V3 or another number; raises Malformed."""
    start, stop = _message(data)
    return ber.integer(data, start, stop)[0]


def read_community(data: bytes) -> tuple[bytes, Pdu]:
    """Read a v2c message: its community and its PDU; raises Malformed."""
    at, stop = _message(data)
    _, at = ber.integer(data, at, stop)
    community, at = ber.octets(data, at, stop)
    return community, read_pdu(data, at, stop)


def read_secured(data: bytes) -> Secured:
    """Read a v3 message without opening it; raises Malformed, also for another security model than USM."""
    at, stop = _message(data)
    _, at = ber.integer(data, at, stop)
    inner, inner_stop = ber.expect(data, at, stop, ber.SEQUENCE)
    message_id, inner = ber.integer(data, inner, inner_stop)
    max_size, inner = ber.integer(data, inner, inner_stop)
    flags, inner = ber.octets(data, inner, inner_stop)
    model, _ = ber.integer(data, inner, inner_stop)
    if len(flags) != 1 or model != _USM:
        raise Malformed
    at, body = ber.expect(data, inner_stop, stop, ber.OCTETS)
    at, inner_stop = ber.expect(data, at, body, ber.SEQUENCE)
    engine, at = ber.octets(data, at, inner_stop)
    boots, at = ber.integer(data, at, inner_stop)
    time, at = ber.integer(data, at, inner_stop)
    user, at = ber.octets(data, at, inner_stop)
    auth_at, auth_stop = ber.expect(data, at, inner_stop, ber.OCTETS)
    salt, _ = ber.octets(data, auth_stop, inner_stop)
    numbers = (message_id, max_size, boots, time)
    if len(engine) > 32 or len(user) > 32 or not all(0 <= each <= _MOST for each in numbers):
        raise Malformed
    return Secured(
        message_id, max_size, Flag(flags[0] & 7), engine, boots, time, user, data[auth_at:auth_stop], auth_at, salt,
        data[body:stop],
    )  # fmt: skip


def read_scope(data: bytes) -> Scope:
    """Read a scoped PDU in clear; what stands behind it (the padding of a cipher) is left alone. Raises Malformed."""
    at, stop = ber.expect(data, 0, len(data), ber.SEQUENCE)
    engine, at = ber.octets(data, at, stop)
    name, at = ber.octets(data, at, stop)
    if len(name) > _LONGEST_NAME:
        raise Malformed
    return Scope(engine, name, read_pdu(data, at, stop))


def read_pdu(data: bytes, at: int, end: int) -> Pdu:
    """Read a PDU with at most 256 bindings; raises Malformed, also for the PDU of SNMPv1, which has another form."""
    tag, at, end = ber.header(data, at, end)
    if tag & 0xE0 != 0xA0 or tag == ber.TRAP_V1:
        raise Malformed
    request_id, at = ber.integer(data, at, end)
    _, at = ber.integer(data, at, end)
    _, at = ber.integer(data, at, end)
    listed = at
    at, end = ber.expect(data, at, end, ber.SEQUENCE)
    raw, binds = data[listed:end], []
    while at < end:
        inner, at = ber.expect(data, at, end, ber.SEQUENCE)
        start, stop = ber.expect(data, inner, at, ber.OBJECT)
        name = ber.oid(data[start:stop])
        kind, start, stop = ber.header(data, stop, at)
        binds.append((name, ber.value(kind, data[start:stop])))
        if len(binds) > _MOST_BINDS:
            raise Malformed
    return Pdu(tag, request_id, tuple(binds), raw)


def answer_pdu(pdu: Pdu) -> bytes:
    """Encode the Response that acknowledges an inform: its own request id and bindings (RFC 3416, 4.2.7)."""
    head = ber.encode_integer(pdu.request_id) + ber.encode_integer(0) * 2
    return ber.tlv(ber.RESPONSE, head + pdu.raw_binds)


def report_pdu(request_id: int, counter: str, count: int) -> bytes:
    """Encode a Report with one counter, by which an engine says what it could not do (RFC 3414, 3.2)."""
    bind = ber.tlv(ber.SEQUENCE, ber.encode_oid(counter) + ber.encode_integer(count, ber.COUNTER))
    head = ber.encode_integer(request_id) + ber.encode_integer(0) * 2
    return ber.tlv(ber.REPORT, head + ber.tlv(ber.SEQUENCE, bind))


def community_message(community: bytes, pdu: bytes) -> bytes:
    """Encode a v2c message."""
    return ber.tlv(ber.SEQUENCE, ber.encode_integer(V2C) + ber.tlv(ber.OCTETS, community) + pdu)


def scope(engine: bytes, name: bytes, pdu: bytes) -> bytes:
    """Encode a scoped PDU."""
    return ber.tlv(ber.SEQUENCE, ber.tlv(ber.OCTETS, engine) + ber.tlv(ber.OCTETS, name) + pdu)


def secured_message(head: Secured) -> tuple[bytes, int]:
    """Encode a v3 message; gives it and where its digest stands. `auth_at` of `head` is not used."""
    flags = ber.tlv(ber.OCTETS, bytes((head.flags,)))
    globals_ = ber.tlv(
        ber.SEQUENCE,
        ber.encode_integer(head.message_id) + ber.encode_integer(head.max_size) + flags + ber.encode_integer(_USM),
    )
    before = ber.tlv(ber.OCTETS, head.engine) + ber.encode_integer(head.boots) + ber.encode_integer(head.time)
    before += ber.tlv(ber.OCTETS, head.user)
    after = ber.tlv(ber.OCTETS, head.salt)
    parameters = ber.tlv(ber.SEQUENCE, before + ber.tlv(ber.OCTETS, head.digest) + after)
    content = ber.encode_integer(V3) + globals_ + ber.tlv(ber.OCTETS, parameters) + head.body
    whole = ber.tlv(ber.SEQUENCE, content)
    # The digest is the last thing but the salt and the body.
    return whole, len(whole) - len(head.body) - len(after) - len(head.digest)


def _message(data: bytes) -> tuple[int, int]:
    """Give where a message's content begins and ends; octets behind it are noise that some agents send."""
    return ber.expect(data, 0, len(data), ber.SEQUENCE)
