"""One agent, asked synchronously: GET, walks, SET, and Cisco's per-VLAN views.

GET and walks go through gufo-snmp, many times faster than pysnmp; what it cannot do (SNMPv3 contexts) or decode goes
through pysnmp. Both links are private: whoever uses a session sees plain values and Portseal's errors.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self, TypeVar

from drivers.snmp.access import ResolvedSnmp
from drivers.snmp.failures import CircularAnswer, Kind, SetRefused, kind_of, translate, wrong_credentials
from drivers.snmp.gufo_link import GufoLink
from drivers.snmp.oids import LONG_VALUES, label
from drivers.snmp.pysnmp_link import PysnmpLink, RefusedBySwitch
from drivers.snmp.values import Index, Value
from policies.errors import EquipmentError

_log = logging.getLogger("portseal.snmp")

_T = TypeVar("_T")
#: An OID, an SNMP type (i integer, u unsigned, s octets, p a PortList's octets, o OID, a IP address), and the value.
Setting = tuple[str, str, int | str | bytes]
#: Rows for each datagram when the first try is not answered or not decoded: large rows do not fit, and old agents
#: drop large requests.
_FEWER = (10, 1)
_LONG_REPETITIONS = 4


class _Link(Protocol):
    def get(self, oids: list[str]) -> dict[str, Value]: ...
    def walk(self, oid: str, repetitions: int) -> list[tuple[str, Value]]: ...
    def close(self) -> None: ...


class SnmpSession:
    """An SNMP session with one agent.

    Errors: Unreachable (nobody answers, or the port is closed), DeviceTimeout (it stopped answering),
    AuthenticationFailed (SNMPv3), CommandRejected (an error status), UnparsedOutput (an answer that cannot be decoded).
    """

    def __init__(self, access: ResolvedSnmp) -> None:
        self.access = access
        self.answered = False
        self._address: str | None = None
        self._gufo: GufoLink | None = None
        self._pysnmp: PysnmpLink | None = None

    def __enter__(self) -> Self:
        """Give the session itself; nothing is sent before the first request."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the sockets."""
        self.close()

    def close(self) -> None:
        """Close the sockets; the session may be used again."""
        for link in (self._gufo, self._pysnmp):
            if link is not None:
                link.close()

    def get(self, *oids: str) -> dict[str, Value]:
        """Get instances by OID in one request; those that the agent does not have are left out."""
        asked = list(oids)
        return self._asked(asked[0] if asked else "", "GET", lambda link, _repetitions: link.get(asked))

    def walk(self, oid: str) -> list[tuple[str, Value]]:
        """Get every instance below the column `oid`, as (OID, value) in the agent's order."""
        return self._asked(oid, "GETBULK", lambda link, repetitions: link.walk(oid, repetitions))

    def column(self, oid: str) -> dict[Index, Value]:
        """Get a column: index → value, the index being the rest of each instance's OID."""
        start = len(oid) + 1
        return {tuple(map(int, name[start:].split("."))): value for name, value in self.walk(oid)}

    def set(self, *settings: Setting, line: str = "", where: str = "") -> None:
        """Set instances in one request, all or none (RFC 3416). It is sent once; drivers.snmp.sets makes it certain.

        `line` and `where` name it in errors instead of OIDs and address. SetRefused when the agent says no, or says yes
        and gives nothing back.
        """
        place = where or f"{self.access.where} {label(settings[0][0])}"
        request = line or ", ".join(f"{oid} = {value!r}" for oid, _kind, value in settings)
        try:
            stored = self._complete().set(list(settings))
        except RefusedBySwitch as error:
            self.answered = True
            raise SetRefused(place, request, str(error)) from error
        except Exception as error:
            raise self._translated(error, place, f"SET {request}") from error
        self.answered = True
        if any(oid not in stored for oid, _kind, _value in settings):
            # snmpsim, and agents with broken set routines, answer without an error and with noSuchInstance.
            raise SetRefused(place, request, "notStored")

    def for_vlan(self, vlan: int) -> SnmpSession:
        """Give a session with the view of `vlan` (Cisco): community@vlan, or an SNMPv3 context."""
        return SnmpSession(self.access.for_vlan(vlan))

    def _asked(self, oid: str, request: str, ask: Callable[[_Link, int], _T]) -> _T:
        where = f"{self.access.where} {label(oid)}"
        try:
            answer = self._tried(oid, ask)
        except Exception as error:
            raise self._translated(error, where, f"{request} {oid}") from error
        self.answered = True
        return answer

    def _translated(self, error: Exception, where: str, request: str) -> Exception:
        """Give Portseal's error; what is neither the network's nor a library's comes back unchanged."""
        if kind_of(error) is None and not isinstance(error, EquipmentError):
            return error
        return translate(error, where, request, answered=self.answered)

    def _tried(self, oid: str, ask: Callable[[_Link, int], _T]) -> _T:
        """Ask through gufo with fewer rows after each failure, then through pysnmp what gufo cannot decode."""
        fast = self._fast()
        repetitions = self._repetitions(oid)
        if fast is None:
            return ask(self._complete(), repetitions)
        unanswered = 0
        while True:
            try:
                return ask(fast, repetitions)
            except Exception as error:  # the libraries' exceptions have no common base; _weigh sorts them
                discovered = fast.discovered()
                if (kind := self._weigh(fast, error)) is not Kind.UNREADABLE:
                    unanswered += 1
                    if unanswered > self.access.retries:
                        if discovered and kind is Kind.SILENT and not self.answered and self.access.priv_password:
                            # The agent told its engine id, took the authentication and dropped what it could not
                            # decrypt, each time: one datagram that is lost says nothing of passwords.
                            raise wrong_credentials(self.access.where) from error
                        raise
                elif repetitions == 1:
                    _log.info("%s: gufo-snmp cannot decode %s, asking through pysnmp", self.access.where, label(oid))
                    return ask(self._complete(), 1)
            repetitions = next((fewer for fewer in _FEWER if fewer < repetitions), 1)

    def _weigh(self, fast: GufoLink, error: Exception) -> Kind:
        """Tell what `error` means when another attempt makes sense; raise it when none does."""
        kind = kind_of(error)
        fast.close()
        # Credentials that were good a moment ago: the agent has restarted, and its engine's clock with it.
        again = {Kind.SILENT, Kind.UNREADABLE, *([Kind.CREDENTIALS] if self.answered else [])}
        if kind is None or kind not in again or isinstance(error, CircularAnswer):
            raise error
        return kind

    def _repetitions(self, oid: str) -> int:
        return (
            min(self.access.max_repetitions, _LONG_REPETITIONS) if oid in LONG_VALUES else self.access.max_repetitions
        )

    def _fast(self) -> GufoLink | None:
        """Give the gufo link, None where gufo-snmp is not installed or a context is wanted."""
        if self.access.context:
            return None
        if self._gufo is None:
            try:
                import gufo.snmp.sync  # noqa: F401
            except ImportError:
                return None
            self._gufo = GufoLink(self.access, self._resolved())
        return self._gufo

    def _complete(self) -> PysnmpLink:
        if self._pysnmp is None:
            self._pysnmp = PysnmpLink(self.access, self._resolved())
        return self._pysnmp

    def _resolved(self) -> str:
        """Give the numeric address: gufo-snmp takes no names."""
        if self._address is None:
            try:
                infos = socket.getaddrinfo(self.access.host, self.access.port, type=socket.SOCK_DGRAM)
            except (socket.gaierror, UnicodeError) as error:
                raise translate(OSError(str(error)), self.access.where, "") from error
            self._address = str(infos[0][4][0])
        return self._address
