"""A bad way from a manager's sets to an agent: datagrams are lost, doubled, or answered by somebody else.

Messages are read and made with pysnmp's own ASN.1. A SET is known by its PDU (2c), or by being authenticated (3): only
the sets of a test go this way, its reads go to the agent directly.
"""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

from pyasn1.codec.ber import decoder, encoder
from pysnmp.proto import api, rfc1902, rfc1905
from pysnmp.proto.mpmod.rfc3412 import SNMPv3Message
from pysnmp.proto.secmod.rfc3414.service import UsmSecurityParameters

SIZE = 65535
#: Counters of usmStats (RFC 3414): what an agent reports when it did not take a message.
NOT_IN_WINDOW, UNKNOWN_USER = "1.3.6.1.6.3.15.1.1.2.0", "1.3.6.1.6.3.15.1.1.3.0"


@dataclass
class Lossy:
    """The way; `strike` gets each SET with the agent's side and gives what goes back to the manager."""

    port: int
    agent: int
    strike: Callable[[int, bytes, Lossy], list[bytes]]
    seen: int = 0
    errors: list[Exception] = field(default_factory=list)

    def asked(self, data: bytes) -> bytes:
        """Let the agent have a message; give its answer."""
        with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as link:
            link.settimeout(10)
            link.sendto(data, ("127.0.0.1", self.agent))
            return link.recv(SIZE)


def is_set(data: bytes) -> bool:
    """Tell a SET from a message that only finds the engine out."""
    if int(api.decodeMessageVersion(data)) == 1:
        message, _ = decoder.decode(data, asn1Spec=api.v2c.Message())
        return bool(api.v2c.apiMessage.get_pdu(message).tagSet == api.v2c.SetRequestPDU.tagSet)
    return bool(bytes(_v3(data)["msgGlobalData"]["msgFlags"])[0] & 1)


def said_yes(data: bytes) -> bytes:
    """Give the answer of an agent that says yes to a SET of version 2c without doing it."""
    message, _ = decoder.decode(data, asn1Spec=api.v2c.Message())
    answer = api.v2c.apiMessage.get_response(message)
    asked = api.v2c.apiMessage.get_pdu(message)
    api.v2c.apiPDU.set_varbinds(api.v2c.apiMessage.get_pdu(answer), api.v2c.apiPDU.get_varbinds(asked))
    return bytes(encoder.encode(answer))


def report(data: bytes, counter: str) -> bytes:
    """Give a report PDU for a version 3 message, unauthenticated, as anybody on the way can make one."""
    asked = _v3(data)
    pdu = rfc1905.ReportPDU()
    api.v2c.apiPDU.set_defaults(pdu)
    api.v2c.apiPDU.set_varbinds(pdu, [(rfc1902.ObjectName(counter), rfc1902.Counter32(7))])
    made = SNMPv3Message()
    made["msgVersion"] = 3
    head = made["msgGlobalData"]
    head["msgID"] = asked["msgGlobalData"]["msgID"]
    head["msgMaxSize"], head["msgFlags"], head["msgSecurityModel"] = SIZE, b"\x00", 3
    security, _ = decoder.decode(bytes(asked["msgSecurityParameters"]), asn1Spec=UsmSecurityParameters())
    security["msgAuthenticationParameters"] = security["msgPrivacyParameters"] = b""
    made["msgSecurityParameters"] = encoder.encode(security)
    scoped = made["msgData"]["plaintext"]
    scoped["contextEngineId"] = security["msgAuthoritativeEngineId"]
    scoped["contextName"] = b""
    scoped["data"]["report"] = pdu
    made["msgData"]["plaintext"] = scoped
    return bytes(encoder.encode(made))


def _v3(data: bytes) -> SNMPv3Message:
    message, _ = decoder.decode(data, asn1Spec=SNMPv3Message())
    return message


@contextmanager
def lossy(agent: int, strike: Callable[[int, bytes, Lossy], list[bytes]]) -> Iterator[Lossy]:
    """Run the way to the agent's port until the block ends."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as front, closing(_Bell()) as bell:
        front.bind(("127.0.0.1", 0))
        made = Lossy(front.getsockname()[1], agent, strike)
        thread = threading.Thread(target=_serve, args=(made, front, bell), daemon=True)
        thread.start()
        yield made
        bell.ring()
        thread.join(30)
        assert not made.errors, made.errors


class _Bell:
    """Ends the server's wait."""

    def __init__(self) -> None:
        self.ear, self._mouth = socket.socketpair()

    def ring(self) -> None:
        self._mouth.send(b"x")

    def close(self) -> None:
        self.ear.close()
        self._mouth.close()


def _serve(way: Lossy, front: socket.socket, bell: _Bell) -> None:
    while True:
        ready, _, _ = select.select([front, bell.ear], [], [])
        if bell.ear in ready:
            return
        data, manager = front.recvfrom(SIZE)
        try:
            if is_set(data):
                way.seen += 1
                answers = way.strike(way.seen, data, way)
            else:
                answers = [way.asked(data)]
        except Exception as error:  # noqa: BLE001 - the test fails with it, when the way is closed
            way.errors.append(error)
            continue
        for answer in answers:
            front.sendto(answer, manager)
