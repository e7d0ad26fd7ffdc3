"""The SNMP agent: v2c answered from encoded tables, v3 (USM) through pysnmp over the same tables.

The v2c path does not go through pysnmp because its responder takes some 100 µs per value, which would make a bench
measure the agent instead of the client; the RFC 3416 rules here are small, and net-snmp checks them in the tests.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import Any, cast

from lab.switch.dataplane import FdbEntry
from lab.switch.persona import ber, mib
from lab.switch.persona.ber import Malformed, Oid, Value
from lab.switch.persona.sets import SetRefused
from lab.switch.persona.state import Switch
from lab.switch.persona.vendor import Row, Tables

#: A response stays within `snmp-server packetsize`'s default of 1500 octets.
_ROOM = 1400
#: Links and the forwarding database are read again after this many seconds, and at once after any change here.
_FRESH = 1.0
_ERRORS = {
    "tooBig": 1, "noSuchName": 2, "badValue": 3, "readOnly": 4, "genErr": 5, "noAccess": 6, "wrongType": 7,
    "wrongLength": 8, "wrongEncoding": 9, "wrongValue": 10, "noCreation": 11, "inconsistentValue": 12,
    "resourceUnavailable": 13, "commitFailed": 14, "undoFailed": 15, "authorizationError": 16, "notWritable": 17,
    "inconsistentName": 18,
}  # fmt: skip


@dataclass(slots=True)
class View:
    """Sorted rows with their encodings."""

    oids: list[Oid]
    rows: list[Row]

    @classmethod
    def of(cls, rows: list[Row]) -> View:
        """Sort rows."""
        rows = sorted(rows, key=lambda row: row[0])
        return cls([row[0] for row in rows], rows)

    def find(self, oid: Oid) -> Row | None:
        """Give the row of exactly `oid`."""
        at = bisect_left(self.oids, oid)
        return self.rows[at] if at < len(self.oids) and self.oids[at] == oid else None

    def after(self, oid: Oid) -> int:
        """Give the index of the first row behind `oid`."""
        return bisect_right(self.oids, oid)


class Agent:
    """The agent of one switch."""

    def __init__(self, switch: Switch, tables: Tables) -> None:
        self.switch = switch
        self.tables = tables
        self._read_at = -_FRESH
        self._version = -1
        self._general: tuple[object, list[Row]] = (None, [])
        self._views: dict[int, View] = {}
        self._state: object = None
        self._learned: list[FdbEntry] = []
        self._usm: Any = None
        self._transport: asyncio.DatagramTransport | None = None

    async def start(self) -> int:
        """Listen; give the port."""
        config = self.switch.config
        loop = asyncio.get_running_loop()
        usm = None
        if config.snmp.v3_user:
            from lab.switch.persona.usm import Usm  # pysnmp takes 0.3 s to import

            usm = self._usm = Usm(self, config, self.switch.bridge_mac())
        protocol = _Protocol(self, usm)
        transport, _ = await loop.create_datagram_endpoint(
            lambda: protocol, local_addr=(config.listen, config.snmp_port)
        )
        self._transport = transport
        return int(transport.get_extra_info("sockname")[1])

    def stop(self) -> None:
        """Stop listening."""
        if self._transport is not None:
            self._transport.close()
        if self._usm is not None:
            self._usm.close()

    def notify(self, address: tuple[str, int], rows: list[Row]) -> None:
        """Send a trap under the v3 user; without one, or before the agent listens, it is lost."""
        if self._usm is not None and self._transport is not None:
            self._usm.notify(address, rows)

    # -- tables ---------------------------------------------------------------------------------------------------

    def view(self, vlan: int) -> View:
        """Give the rows as seen in the context of `vlan`."""
        now = self.switch.now()
        if self._version != self.switch.version or now - self._read_at >= _FRESH:
            self._refresh(now)
        found = self._views.get(vlan)
        if found is None:
            rows = self.tables.bridge(self.switch, vlan, self._learned)
            found = self._views[vlan] = View.of([*self._general[1], *rows])
        return found

    def _refresh(self, now: float) -> None:
        links = self.switch.links()
        self._learned = self.switch.learned()
        learned = tuple((row.vlan, row.mac, row.port) for row in self._learned)
        key = (self.switch.version, tuple(links.values()))
        if key != self._general[0]:
            self._general = (key, self.tables.general(self.switch, links))
            self._state = None
        if self._state != (key, learned):
            self._state = (key, learned)
            self._views.clear()
        self._read_at, self._version = now, self.switch.version

    def row(self, row: Row) -> Row:
        """Fill in what changes with time."""
        if row[0] == mib.UPTIME:
            return row[0], row[1], int((self.switch.now() - self.switch.booted) * 100)
        return row

    def context(self, name: str) -> int | None:
        """Give the VLAN of a v3 context; None when the switch has no such context."""
        return self.tables.context(self.switch, None, name)

    # -- requests -------------------------------------------------------------------------------------------------

    def answer(self, data: bytes) -> bytes | None:
        """Answer a v2c message; None for what is dropped silently, such as an unknown community."""
        message = ber.items(ber.read(data, 0)[1])
        if len(message) != 3 or ber.number(message[0][1]) != 1:
            return None
        community = message[1][1].decode("latin-1")
        vlan = self._community(community)
        if vlan is None:
            return None
        kind, fields = message[2][0], ber.items(message[2][1])
        first, second = ber.number(fields[1][1]), ber.number(fields[2][1])
        binds = [ber.items(content) for _, content in ber.items(fields[3][1])]
        asked = [(ber.oid(bind[0][1]), bind[1][0], ber.decode(*bind[1])) for bind in binds]
        status, index, out = self._respond(kind, vlan, (first, second), asked)
        pdu = ber.encode(ber.INTEGER, ber.number(fields[0][1])) + ber.encode(ber.INTEGER, status)
        pdu += ber.encode(ber.INTEGER, index) + ber.tlv(ber.SEQUENCE, b"".join(out))
        head = ber.encode(ber.INTEGER, 1) + ber.tlv(ber.OCTETS, message[1][1])
        return ber.tlv(ber.SEQUENCE, head + ber.tlv(ber.RESPONSE, pdu))

    def _community(self, given: str) -> int | None:
        name, at, suffix = given.partition("@")
        if name != self.switch.config.snmp.community:
            return None
        return self.tables.context(self.switch, suffix if at else None, "")

    def _respond(
        self, kind: int, vlan: int, counts: tuple[int, int], asked: list[tuple[Oid, int, Value]]
    ) -> tuple[int, int, list[bytes]]:
        if kind == ber.SET:
            echoed = [ber.varbind(*bind) for bind in asked]
            try:
                self.set(asked)
            except SetRefused as refusal:
                return _ERRORS[refusal.status], refusal.index + 1, echoed
            return 0, 0, echoed
        view = self.view(vlan)
        if kind == ber.GET:
            return 0, 0, [ber.varbind(*self.get(view, oid)) for oid, _, _ in asked]
        if kind == ber.NEXT:
            return 0, 0, [ber.varbind(*self.following(view, oid)) for oid, _, _ in asked]
        if kind == ber.BULK:
            return 0, 0, self._bulk(view, max(counts[0], 0), max(counts[1], 0), [oid for oid, _, _ in asked])
        raise Malformed

    def get(self, view: View, oid: Oid) -> Row:
        """Give the row of `oid`, or the exception of RFC 3416 in its place."""
        found = view.find(oid)
        if found is not None:
            return self.row(found)
        at = view.after(oid[:-1])
        known = at < len(view.oids) and view.oids[at][: len(oid) - 1] == oid[:-1]
        return oid, ber.NO_INSTANCE if known else ber.NO_OBJECT, None

    def following(self, view: View, oid: Oid) -> Row:
        """Give the row behind `oid`, or endOfMibView."""
        at = view.after(oid)
        return self.row(view.rows[at]) if at < len(view.rows) else (oid, ber.END_OF_VIEW, None)

    def _bulk(self, view: View, single: int, repetitions: int, oids: list[Oid]) -> list[bytes]:
        out = [ber.varbind(*self.following(view, oid)) for oid in oids[:single]]
        room = _ROOM - sum(len(bind) for bind in out)
        columns = [view.after(oid) for oid in oids[single:]]
        last = list(oids[single:])
        for _ in range(repetitions):
            ended = True
            for column, at in enumerate(columns):
                if at < len(view.rows):
                    row = self.row(view.rows[at])
                    last[column], columns[column], ended = row[0], at + 1, False
                else:
                    row = (last[column], ber.END_OF_VIEW, None)
                bind = ber.varbind(*row)
                room -= len(bind)
                if room < 0 and out:
                    return out
                out.append(bind)
            if ended:
                break
        return out

    def set(self, asked: list[tuple[Oid, int, Value]]) -> None:
        """Do a SET as a whole or not at all; raises SetRefused. A test may have it refused, or not done after all."""
        line = " & ".join(f"{'.'.join(map(str, oid))} = {value!r}" for oid, _tag, value in asked)
        refused = self.switch.faults.take("reject", line, "snmp")
        if refused is not None:
            raise SetRefused(refused.text or "genErr")
        if self.switch.faults.take("ignore", line, "snmp") is not None:
            return
        before = self.switch.body()
        self.tables.set(self.switch, asked)
        if self.switch.body() != before:
            self.switch.configured("snmp")


class _Protocol(asyncio.DatagramProtocol):
    """Takes datagrams: v2c is answered here, v3 goes to pysnmp."""

    def __init__(self, agent: Agent, usm: Any) -> None:
        self._agent = agent
        self._usm = usm
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.DatagramTransport", transport)
        if self._usm is not None:
            self._usm.attach(self._transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer one datagram; noise is dropped silently."""
        assert self._transport is not None
        if re.match(rb"\x30(?:[\x00-\x7f]|\x81.|\x82..)\x02\x01\x03", data, re.DOTALL):
            if self._usm is not None:
                self._usm.received(data, addr)
            return
        answer = None
        with contextlib.suppress(Malformed, IndexError):
            answer = self._agent.answer(data)
        if answer is not None:
            self._transport.sendto(answer, addr)
