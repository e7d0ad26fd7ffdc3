"""SNMPv2 traps: to the lab's own target always, to `snmp-server host` lines when `snmp-server enable traps` says so."""

from __future__ import annotations

import re
import socket

from lab.switch.persona import ber, mib, names
from lab.switch.persona.ber import GAUGE, INTEGER, OBJECT, OCTETS, TICKS
from lab.switch.persona.model import Interface
from lab.switch.persona.state import Switch

_TRAP_OID = mib.oid("1.3.6.1.6.3.1.1.4.1.0")
_SNMP_TRAPS = mib.oid("1.3.6.1.6.3.1.1.5")
_SECURE = mib.oid("1.3.6.1.4.1.9.9.315.0.0.1")
_ERR_DISABLE = mib.oid("1.3.6.1.4.1.9.9.548.0.2")
_HOST = re.compile(r"snmp-server host (\S+)(?: (?:traps|informs))?(?: version (?:1|2c))? (\S+)(?: udp-port (\d+))?")
#: The word of `snmp-server enable traps` that each event needs.
_KIND = {
    "coldStart": "snmp", "linkUp": "snmp", "linkDown": "snmp", "secureViolation": "port-security",
    "errDisable": "errdisable",
}  # fmt: skip


class TrapSender:
    """Sends what happens to a switch."""

    def __init__(self, switch: Switch) -> None:
        self._switch = switch
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
        if entry is not None and kind.startswith("link") and "no snmp trap link-status" in entry.extra:
            return
        for host, port, community in self._targets(kind):
            self._request += 1
            try:
                assert self._socket is not None
                self._socket.sendto(self._message(kind, entry, community), (host, port))
            except OSError as error:
                self._switch.log(f"%SNMP-3-TRAPSEND: trap to {host} was lost: {error.strerror}")

    def _targets(self, kind: str) -> list[tuple[str, int, str]]:
        config, lines = self._switch.config, self._switch.running.extra
        found = []
        if config.trap_target is not None:
            found.append((*config.trap_target, config.snmp.community))
        if any(line == "snmp-server enable traps" or f"enable traps {_KIND[kind]}" in line for line in lines):
            found += [(m[1], int(m[3] or 162), m[2]) for m in map(_HOST.match, lines) if m is not None]
        return found

    def _message(self, kind: str, entry: Interface | None, community: str) -> bytes:
        ticks = int((self._switch.now() - self._switch.booted) * 100)
        trap, rows = self._rows(kind, entry)
        binds = ber.varbind(mib.UPTIME, TICKS, ticks) + ber.varbind(_TRAP_OID, OBJECT, trap)
        binds += b"".join(ber.varbind(*row) for row in rows)
        pdu = ber.encode(INTEGER, self._request) + ber.encode(INTEGER, 0) * 2 + ber.tlv(ber.SEQUENCE, binds)
        head = ber.encode(INTEGER, 1) + ber.tlv(OCTETS, community.encode())
        return ber.tlv(ber.SEQUENCE, head + ber.tlv(ber.TRAP, pdu))

    def _rows(self, kind: str, entry: Interface | None) -> tuple[ber.Oid, list[mib.Row]]:
        if entry is None:
            return (*_SNMP_TRAPS, 1), []
        index = names.if_index(entry.name)
        if kind == "secureViolation":
            # ifIndex goes out as a Gauge32, as real switches send it (packetfence #2199).
            return _SECURE, [
                ((*mib.IF, 1, index), GAUGE, index),
                ((*mib.IFX, 1, index), OCTETS, names.short(entry.name).encode()),
                ((*mib.CPS_IF, 10, index), OCTETS, names.octets(entry.security.last_mac)),
            ]
        if kind == "errDisable":
            return _ERR_DISABLE, [((*mib.ERR_IF, 2, index, 0), INTEGER, 9)]
        up = kind == "linkUp"
        return (*_SNMP_TRAPS, 4 if up else 3), [
            ((*mib.IF, 1, index), INTEGER, index),
            ((*mib.IF, 7, index), INTEGER, 2 if entry.shutdown else 1),
            ((*mib.IF, 8, index), INTEGER, 1 if up else 2),
            ((*mib.IF, 2, index), OCTETS, entry.name.encode()),
        ]
