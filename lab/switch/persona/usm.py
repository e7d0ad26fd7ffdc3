"""SNMPv3 for the agent: pysnmp's engine does the User-based Security Model, the rows come from agent.py."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from pysnmp.carrier.asyncio.dgram.udp import DOMAIN_NAME, UdpTransport, UdpTransportAddress
from pysnmp.entity import config as usm_config
from pysnmp.entity.engine import SnmpEngine
from pysnmp.entity.rfc3413 import cmdrsp, context, ntforg
from pysnmp.error import PySnmpError
from pysnmp.proto import rfc1902, rfc1905
from pysnmp.proto.api import v2c
from pysnmp.smi import error as smi_error

from lab.switch.persona import ber
from lab.switch.persona.config import Config
from lab.switch.persona.sets import SetRefused

if TYPE_CHECKING:
    from lab.switch.persona.agent import Agent

_TYPES: dict[int, Any] = {
    ber.INTEGER: rfc1902.Integer32, ber.OCTETS: rfc1902.OctetString, ber.OBJECT: rfc1902.ObjectIdentifier,
    ber.COUNTER: rfc1902.Counter32, ber.GAUGE: rfc1902.Gauge32, ber.TICKS: rfc1902.TimeTicks,
    ber.COUNTER64: rfc1902.Counter64,
}  # fmt: skip
_EXCEPTIONS: dict[int, Any] = {
    ber.NO_OBJECT: rfc1905.noSuchObject,
    ber.NO_INSTANCE: rfc1905.noSuchInstance,
    ber.END_OF_VIEW: rfc1905.endOfMibView,
}
#: 2020-09-13: keeps the count of seconds inside 31 bits until 2088.
_EPOCH = 1_600_000_000
_TAGS = {kind.tagSet: tag for tag, kind in _TYPES.items()}
_REFUSALS: dict[str, Any] = {
    "wrongType": smi_error.WrongTypeError, "wrongLength": smi_error.WrongLengthError,
    "wrongValue": smi_error.WrongValueError, "noCreation": smi_error.NoCreationError,
    "inconsistentValue": smi_error.InconsistentValueError, "notWritable": smi_error.NotWritableError,
    "genErr": smi_error.GenError, "noAccess": smi_error.NoAccessError, "readOnly": smi_error.ReadOnlyError,
    "resourceUnavailable": smi_error.ResourceUnavailableError, "undoFailed": smi_error.UndoFailedError,
    "authorizationError": smi_error.AuthorizationError, "inconsistentName": smi_error.InconsistentNameError,
}  # fmt: skip


class _Instrument:
    """Gives pysnmp's responders the rows of one VLAN's context."""

    def __init__(self, agent: Agent, vlan: int) -> None:
        self._agent = agent
        self._vlan = vlan

    def read_variables(self, *binds: Any, **_: Any) -> list[Any]:
        """Serve GET."""
        view = self._agent.view(self._vlan)
        return [_typed(self._agent.get(view, tuple(name))) for name, _value in binds]

    def read_next_variables(self, *binds: Any, **_: Any) -> list[Any]:
        """Serve GETNEXT, and one row of GETBULK."""
        view = self._agent.view(self._vlan)
        return [_typed(self._agent.following(view, tuple(name))) for name, _value in binds]

    def write_variables(self, *binds: Any, **_: Any) -> list[Any]:
        """Serve SET."""
        asked: list[tuple[ber.Oid, int, ber.Value]] = []
        for name, value in binds:
            tag = _TAGS.get(value.tagSet, ber.NULL)
            plain = tuple(value) if tag == ber.OBJECT else bytes(value) if tag == ber.OCTETS else int(value)
            asked.append((tuple(name), tag, plain))
        try:
            self._agent.set(asked)
        except SetRefused as refusal:
            problem = _REFUSALS.get(refusal.status, smi_error.CommitFailedError)
            raise problem(idx=refusal.index, name=binds[refusal.index][0]) from None
        return list(binds)


def _typed(row: tuple[ber.Oid, int, ber.Value]) -> tuple[Any, Any]:
    oid, tag, value = row
    if tag in _EXCEPTIONS:
        return rfc1902.ObjectName(oid), _EXCEPTIONS[tag]
    return rfc1902.ObjectName(oid), _TYPES[tag](value)


class _Contexts(context.SnmpContext):  # type: ignore[misc]
    """The contexts that the vendor has: `vlan-N` on a Catalyst, elsewhere the empty one."""

    def __init__(self, engine: SnmpEngine, agent: Agent) -> None:
        super().__init__(engine)
        self._agent = agent

    def get_mib_instrum(self, contextName: Any = b"") -> Any:  # noqa: N803 - pysnmp calls it by this name
        """Find a context."""
        vlan = self._agent.context(bytes(contextName).decode("latin-1"))
        if vlan is None:
            raise PySnmpError("no such context")
        return _Instrument(self._agent, vlan)


class _Borrowed(UdpTransport):  # type: ignore[misc]
    """A pysnmp transport on the agent's own socket."""

    def close_transport(self) -> None:
        """Leave the socket to its owner."""


def _engine(identity: bytes) -> SnmpEngine:
    """Make an engine of a given identity whose boot count rises with every start.

    Given to the constructor, the identity would make pysnmp keep its boot count in a file of a shared folder and leave
    that file open.
    """
    engine = SnmpEngine()
    builder = engine.get_mib_builder()
    held, boots = builder.import_symbols("__SNMP-FRAMEWORK-MIB", "snmpEngineID", "snmpEngineBoots")
    held.syntax = held.syntax.clone(identity)
    engine.snmpEngineID = held.syntax
    boots.syntax = boots.syntax.clone(int(time.time()) - _EPOCH)
    return engine


class Usm:
    """The v3 side of the agent."""

    def __init__(self, agent: Agent, config: Config, mac: bytes) -> None:
        engine = self._engine = _engine(bytes.fromhex("8000000903") + mac)
        usm_config.add_v3_user(
            engine, config.snmp.v3_user,
            usm_config.USM_AUTH_HMAC96_SHA, config.snmp.v3_auth,
            usm_config.USM_PRIV_CFB128_AES, config.snmp.v3_priv,
        )  # fmt: skip
        contexts = _Contexts(engine, agent)
        self._responders = [
            responder(engine, contexts)
            for responder in (
                cmdrsp.GetCommandResponder,
                cmdrsp.NextCommandResponder,
                cmdrsp.BulkCommandResponder,
                cmdrsp.SetCommandResponder,
            )
        ]
        self._originator = ntforg.NotificationOriginator()
        self._targets: set[str] = set()
        usm_config.add_target_parameters(engine, "traps", config.snmp.v3_user, "authPriv")
        self._wire: Any = _Borrowed(loop=asyncio.get_running_loop())
        usm_config.add_transport(engine, DOMAIN_NAME, self._wire)
        engine.transport_dispatcher.job_started(1)

    def attach(self, transport: asyncio.DatagramTransport) -> None:
        """Send through `transport`."""
        self._wire.transport = transport

    def received(self, data: bytes, address: tuple[str, int]) -> None:
        """Take a v3 message."""
        self._wire.datagram_received(data, UdpTransportAddress(address))

    def notify(self, address: tuple[str, int], rows: list[tuple[ber.Oid, int, ber.Value]]) -> None:
        """Send an SNMPv2 trap, authenticated and encrypted; this engine's clock and identity are what counts for it."""
        name = f"{address[0]}:{address[1]}"
        if name not in self._targets:
            self._targets.add(name)
            usm_config.add_target_address(self._engine, name, DOMAIN_NAME, address, "traps")
        pdu = v2c.SNMPv2TrapPDU()
        v2c.apiTrapPDU.set_defaults(pdu)
        v2c.apiTrapPDU.set_varbinds(pdu, [_typed(row) for row in rows])
        self._originator.send_pdu(self._engine, name, None, b"", pdu)

    def close(self) -> None:
        """Stop the engine's timers."""
        self._engine.close_dispatcher()
