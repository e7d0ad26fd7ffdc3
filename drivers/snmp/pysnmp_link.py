"""The complete link: pysnmp, for SET, SNMPv3 contexts, and answers that gufo-snmp cannot decode.

lookupMib is always off: looking up MIBs makes pysnmp three times slower and changes values.
"""

from __future__ import annotations

import asyncio
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from drivers.snmp.failures import CircularAnswer
from drivers.snmp.values import Value

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from drivers.snmp.access import ResolvedSnmp

_AUTH = {
    "md5": "usmHMACMD5AuthProtocol", "sha": "usmHMACSHAAuthProtocol", "sha224": "usmHMAC128SHA224AuthProtocol",
    "sha256": "usmHMAC192SHA256AuthProtocol", "sha384": "usmHMAC256SHA384AuthProtocol",
    "sha512": "usmHMAC384SHA512AuthProtocol",
}  # fmt: skip
_PRIV = {
    "des": "usmDESPrivProtocol", "aes128": "usmAesCfb128Protocol", "aes192": "usmAesBlumenthalCfb192Protocol",
    "aes256": "usmAesBlumenthalCfb256Protocol", "aes192c": "usmAesCfb192Protocol", "aes256c": "usmAesCfb256Protocol",
}  # fmt: skip
_T = TypeVar("_T")
_TYPES = {
    "i": "Integer32",
    "u": "Unsigned32",
    "s": "OctetString",
    "p": "OctetString",
    "o": "ObjectIdentifier",
    "a": "IpAddress",
}


class RefusedBySwitch(RuntimeError):
    """The agent answered with an error status; the text is the status's name."""


class PysnmpLink:
    """One SNMP engine for one agent. Raises pysnmp's own exceptions; the session translates them."""

    def __init__(self, access: ResolvedSnmp, address: str) -> None:
        self._access = access
        self._address = address
        self._runner: asyncio.Runner | None = None
        self._engine: Any = None

    def get(self, oids: list[str]) -> dict[str, Value]:
        """Get instances by OID; missing ones are left out."""
        return dict(self._run(self._get(oids)))

    def walk(self, oid: str, repetitions: int) -> list[tuple[str, Value]]:
        """Walk below `oid`, `repetitions` rows for each datagram."""
        return self._run(self._walk(oid, repetitions))

    def set(self, assignments: list[tuple[str, str, int | str | bytes]]) -> dict[str, Value]:
        """Set instances (OID, type letter, value) in one request; give what the agent says that it stored.

        It is sent once: a second copy of a request that was done may be refused for that.
        """
        return dict(self._run(self._set(assignments)))

    def close(self) -> None:
        """End the engine and its event loop."""
        if self._runner is not None:
            if self._engine is not None:
                self._runner.run(self._stop())
            self._runner.close()
        self._runner = self._engine = None

    def _run(self, work: Coroutine[Any, Any, _T]) -> _T:
        if self._runner is None:
            self._runner = asyncio.Runner()
        return self._runner.run(work)

    async def _get(self, oids: list[str]) -> list[tuple[str, Value]]:
        from pysnmp.hlapi.v3arch.asyncio import ObjectIdentity, ObjectType, get_cmd

        asked = [ObjectType(ObjectIdentity(oid)) for oid in oids]
        indication, status, _index, bindings = await get_cmd(*await self._session(), *asked, lookupMib=False)
        _check(indication, status)
        return _values(bindings)

    async def _walk(self, oid: str, repetitions: int) -> list[tuple[str, Value]]:
        from pysnmp.hlapi.v3arch.asyncio import ObjectIdentity, ObjectType, bulk_walk_cmd

        found: dict[str, Value] = {}
        start = ObjectType(ObjectIdentity(oid))
        answers = bulk_walk_cmd(*await self._session(), 0, repetitions, start, lookupMib=False, lexicographicMode=False)
        async for indication, status, _index, bindings in answers:
            _check(indication, status)
            for name, value in _values(bindings):
                if name in found:
                    raise CircularAnswer
                found[name] = value
        return list(found.items())

    async def _set(self, assignments: list[tuple[str, str, int | str | bytes]]) -> list[tuple[str, Value]]:
        from pysnmp.hlapi.v3arch.asyncio import ObjectIdentity, ObjectType, set_cmd
        from pysnmp.proto import rfc1902

        asked = [
            ObjectType(ObjectIdentity(oid), getattr(rfc1902, _TYPES[kind])(_octets(value) if kind == "s" else value))
            for oid, kind, value in assignments
        ]
        session = await self._session(retries=0)
        indication, status, _index, bindings = await set_cmd(*session, *asked, lookupMib=False)
        _check(indication, status)
        return _values(bindings)

    async def _session(self, retries: int | None = None) -> tuple[Any, Any, Any, Any]:
        """Give engine, credentials, target and context: the first arguments of every command."""
        from pysnmp.hlapi.v3arch import asyncio as api

        access = self._access
        again = access.retries if retries is None else retries
        if self._engine is None:
            self._engine = api.SnmpEngine()
            self._engine.cache["mibViewController"] = _without_compiler()
        transport = api.Udp6TransportTarget if ":" in self._address else api.UdpTransportTarget
        target = await transport.create((self._address, access.port), timeout=access.timeout_s, retries=again)
        credentials: Any
        if access.community is not None:
            credentials = api.CommunityData(access.community, mpModel=1)  # noqa: S508 - the site chose v2c
        else:
            auth, priv = access.auth_password is not None, access.priv_password is not None
            credentials = api.UsmUserData(
                access.user or "",
                access.auth_password,
                access.priv_password,
                authProtocol=getattr(api, _AUTH[access.auth_protocol] if auth else "usmNoAuthProtocol"),
                privProtocol=getattr(api, _PRIV[access.priv_protocol] if priv else "usmNoPrivProtocol"),
            )
        return self._engine, credentials, target, api.ContextData(contextName=access.context.encode())

    async def _stop(self) -> None:
        self._engine.close_dispatcher()


class _NoCompiler:
    """Stands where pysnmp puts a MIB compiler, for numeric OIDs too: a second of work, and a look at the internet."""

    def compile(self, *names: str, **options: object) -> dict[str, str]:
        """Compile nothing."""
        del names, options
        return {}


@cache
def _without_compiler() -> Any:
    """Give the view of the MIBs that every command looks its OIDs up in: pysnmp's own modules and no others."""
    from pysnmp.smi import builder, view

    made = builder.MibBuilder()
    made.set_mib_compiler(_NoCompiler(), "")
    return view.MibViewController(made)


def _octets(value: int | str | bytes) -> int | str | bytes:
    """Write text as UTF-8; pysnmp alone would take Latin-1 only."""
    return value.encode() if isinstance(value, str) else value


def _check(indication: Any, status: Any) -> None:
    """Raise what an answer says went wrong: pysnmp's own indication, or the agent's error status by name."""
    if indication:
        raise indication
    if status:
        raise RefusedBySwitch(status.prettyPrint() if hasattr(status, "prettyPrint") else str(status))


def _values(bindings: Any) -> list[tuple[str, Value]]:
    found = ((str(name), _value(given)) for name, given in bindings)
    return [(name, value) for name, value in found if value is not None]


def _value(given: Any) -> Value | None:
    """Turn a pysnmp value into a plain one; None for noSuchObject, noSuchInstance, endOfMibView and NULL."""
    from pyasn1.type import univ
    from pysnmp.proto import rfc1902

    if isinstance(given, univ.Null):
        return None
    if isinstance(given, univ.Integer):
        return int(given)
    if isinstance(given, rfc1902.IpAddress):
        return str(given.prettyPrint())
    return bytes(given) if isinstance(given, univ.OctetString) else str(given)
