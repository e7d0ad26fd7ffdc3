"""Agents for the bench of SNMP: one process, many UDP ports, one table whose answers are encoded beforehand.

`python -m bench.snmp_agents COUNT ROWS` prints the ports as JSON and serves until it is killed. An answer of 50 rows
costs some 20 µs (v3: 60 µs), so that the client is measured, not the agent. It checks neither community nor clock.
"""

from __future__ import annotations

import json
import select
import socket
import sys
import time
from bisect import bisect_right
from dataclasses import replace

from drivers.snmp import ber, messages, usm
from drivers.snmp.messages import Flag, Secured
from drivers.snmp.usm import usm_user

#: dot1dTpFdbPort: the column that is walked; behind it stands one object more, so that a walk sees its end.
COLUMN = "1.3.6.1.2.1.17.4.3.1.2"
_BEHIND = "1.3.6.1.2.1.17.4.4.0"
USER, AUTH, PRIV = "bench", "auth-word-1", "priv-word-1"
_MOST = 50
_BULK, _GET = 0xA5, 0xA0


class Table:
    """Rows in their encodings, and the answer to each request that begins at a row."""

    def __init__(self, rows: int) -> None:
        macs = [(2, 0xCA, 0, number >> 16, number >> 8 & 255, number & 255) for number in range(rows)]
        names = [*(f"{COLUMN}.{'.'.join(map(str, mac))}" for mac in macs), _BEHIND]
        self.keys = [tuple(map(int, name.split("."))) for name in names]
        self.binds = [
            ber.tlv(ber.SEQUENCE, ber.encode_oid(name) + ber.encode_integer(number % 48 + 1))
            for number, name in enumerate(names)
        ]
        self.index = {ber.encode_oid(name)[2:]: number + 1 for number, name in enumerate(names)}
        self._answers: dict[tuple[int, int], bytes] = {}

    def after(self, content: bytes) -> int:
        """Give the index of the row behind an OID."""
        known = self.index.get(content)
        if known is not None:
            return known
        return bisect_right(self.keys, tuple(map(int, ber.oid(content).split("."))))

    def answer(self, at: int, repetitions: int) -> bytes:
        """Give the list of bindings of `repetitions` rows from `at`."""
        key = at, min(repetitions, _MOST)
        found = self._answers.get(key)
        if found is None:
            listed = self.binds[at : at + key[1]]
            if len(listed) < key[1]:
                end = ber.tlv(ber.SEQUENCE, ber.encode_oid(_BEHIND) + ber.tlv(0x82, b""))
                listed = [*listed, end]
            found = self._answers[key] = ber.tlv(ber.SEQUENCE, b"".join(listed))
        return found

    def respond(self, data: bytes, at: int, end: int) -> bytes:
        """Answer the PDU at `at`: GETBULK and GETNEXT of one variable; a GET of anything has no such object."""
        tag, at, end = ber.header(data, at, end)
        request, at = ber.integer(data, at, end)
        _, at = ber.integer(data, at, end)
        repetitions, at = ber.integer(data, at, end)
        at, end = ber.expect(data, at, end, ber.SEQUENCE)
        head = ber.encode_integer(request) + ber.encode_integer(0) * 2
        if at == end or tag == _GET:
            return ber.tlv(ber.RESPONSE, head + ber.tlv(ber.SEQUENCE, data[at:end]))
        at, _ = ber.expect(data, at, end, ber.SEQUENCE)
        start, stop = ber.expect(data, at, end, ber.OBJECT)
        wanted = repetitions if tag == _BULK else 1
        return ber.tlv(ber.RESPONSE, head + self.answer(self.after(data[start:stop]), max(wanted, 1)))


class Agent:
    """One agent: its own engine over the common table."""

    def __init__(self, number: int, table: Table) -> None:
        self._table = table
        self._engine = b"\x80\x00\x00\x00\x05" + number.to_bytes(8, "big")
        self._user = usm_user(USER, "sha", AUTH, "aes128", PRIV)
        self._salt = number << 32

    def reply(self, data: bytes) -> bytes:
        """Answer a message; raises Malformed."""
        if messages.version_of(data) == messages.V3:
            return self._secured(data)
        at, stop = ber.expect(data, 0, len(data), ber.SEQUENCE)
        _, at = ber.integer(data, at, stop)
        community, at = ber.octets(data, at, stop)
        return messages.community_message(community, self._table.respond(data, at, stop))

    def _secured(self, data: bytes) -> bytes:
        asked = messages.read_secured(data)
        if asked.engine != self._engine or Flag.PRIV not in asked.flags:
            pdu = messages.report_pdu(0, "1.3.6.1.6.3.15.1.1.4.0", 1)
            scoped = messages.scope(self._engine, b"", pdu)
            return messages.secured_message(self._head(asked, Flag(0), b"", b"", scoped))[0]
        content, _ = ber.octets(asked.body, 0, len(asked.body))
        clear = usm.decrypt(self._user, asked, content) or b""
        at, stop = ber.expect(clear, 0, len(clear), ber.SEQUENCE)
        _, at = ber.octets(clear, at, stop)
        name, at = ber.octets(clear, at, stop)
        scoped = messages.scope(self._engine, name, self._table.respond(clear, at, stop))
        self._salt += 1
        head = self._head(asked, Flag.AUTH | Flag.PRIV, bytes(12), self._salt.to_bytes(8, "big"), b"")
        sealed = ber.tlv(ber.OCTETS, usm.encrypt(self._user, head, scoped))
        # One clock for both: it is part of what the answer is encrypted with.
        whole, place = messages.secured_message(replace(head, body=sealed))
        digest = usm.digest(self._user, self._user.keys_at(self._engine).auth, whole, place)
        return whole[:place] + digest + whole[place + 12 :]

    def _head(self, asked: Secured, flags: Flag, digest: bytes, salt: bytes, body: bytes) -> Secured:
        return Secured(
            asked.message_id, 65_507, flags, self._engine, 1, int(time.monotonic()), asked.user, digest, 0, salt, body
        )


def main(count: int, rows: int) -> None:
    """Serve."""
    table = Table(rows)
    poll = select.epoll()
    agents: dict[int, tuple[socket.socket, Agent]] = {}
    ports = []
    for number in range(count):
        listening = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        listening.bind(("127.0.0.1", 0))
        listening.setblocking(False)
        poll.register(listening, select.EPOLLIN)
        agents[listening.fileno()] = listening, Agent(number + 1, table)
        ports.append(listening.getsockname()[1])
    print(json.dumps(ports), flush=True)
    while True:
        for fd, _ in poll.poll():
            listening, agent = agents[fd]
            try:
                data, address = listening.recvfrom(65_535)
                listening.sendto(agent.reply(data), address)
            except (BlockingIOError, ber.Malformed):
                continue


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
