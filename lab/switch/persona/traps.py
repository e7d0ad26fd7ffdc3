"""Traps: to the lab's own target always (v2c or v3), and over v2c to whom the running configuration names."""

from __future__ import annotations

import socket
from collections.abc import Callable

from lab.switch.persona import ber, mib
from lab.switch.persona.ber import INTEGER, OBJECT, OCTETS, TICKS, Oid
from lab.switch.persona.model import Interface
from lab.switch.persona.state import Switch
from lab.switch.persona.vendor import Row, Tables

#: Sends a trap (its OID and its rows) over v3 to an address.
Notify = Callable[[tuple[str, int], list[Row]], None]

_TRAP_OID = mib.oid("1.3.6.1.6.3.1.1.4.1.0")


class TrapSender:
    """Sends what happens to a switch."""

    def __init__(self, switch: Switch, tables: Tables, notify: Notify) -> None:
        self._switch = switch
        self._tables = tables
        self._notify = notify
        self._socket: socket.socket | None = None
        self._request = 0

    def start(self) -> None:
        """Begin to listen to events."""
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._switch.event_listeners.append(self.send)

    def stop(self) -> None:
        """Stop."""
        if self._socket is not None:
            self._switch.event_listeners.remove(self.send)
            self._socket.close()
            self._socket = None

    def send(self, kind: str, entry: Interface | None) -> None:
        """Send one event to whom it concerns; what cannot be sent is lost, as a trap is."""
        trap = self._tables.trap(self._switch, kind, entry)
        if trap is None:
            return
        config = self._switch.config
        rows = self._rows(trap)
        own: list[tuple[str, int, str]] = []
        if config.trap_target is not None and config.trap_v3:
            self._notify(config.trap_target, rows)
        elif config.trap_target is not None:
            own = [(*config.trap_target, config.snmp.community)]
        for host, port, community in [*own, *self._tables.targets(self._switch, kind)]:
            self._request += 1
            try:
                assert self._socket is not None
                self._socket.sendto(self._message(rows, community), (host, port))
            except OSError as error:
                self._switch.log(f"%SNMP-3-TRAPSEND: trap to {host} was lost: {error.strerror}")

    def _rows(self, trap: tuple[Oid, list[Row]]) -> list[Row]:
        """Put the two rows in front that every trap begins with (RFC 3416, section 4.2.6)."""
        ticks = int((self._switch.now() - self._switch.booted) * 100)
        kind, rows = trap
        return [(mib.UPTIME, TICKS, ticks), (_TRAP_OID, OBJECT, kind), *rows]

    def _message(self, rows: list[Row], community: str) -> bytes:
        binds = b"".join(ber.varbind(*row) for row in rows)
        pdu = ber.encode(INTEGER, self._request) + ber.encode(INTEGER, 0) * 2 + ber.tlv(ber.SEQUENCE, binds)
        head = ber.encode(INTEGER, 1) + ber.tlv(OCTETS, community.encode())
        return ber.tlv(ber.SEQUENCE, head + ber.tlv(ber.TRAP, pdu))
