"""The fast link: gufo-snmp, for GET and bulk walks. It knows no SNMPv3 contexts and no SET (0.13)."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, TypeVar

from drivers.snmp.failures import CircularAnswer
from drivers.snmp.values import Value

if TYPE_CHECKING:
    from gufo.snmp import User
    from gufo.snmp.sync import SnmpSession as Client
    from gufo.snmp.user import BaseAuthKey, BaseKey

    from drivers.snmp.access import ResolvedSnmp

_Key = TypeVar("_Key", bound="BaseKey")


class GufoLink:
    """One UDP socket to one agent. Raises gufo's own exceptions; the session translates them."""

    def __init__(self, access: ResolvedSnmp, address: str) -> None:
        self._access = access
        self._address = address
        self._client: Client | None = None

    def get(self, oids: list[str]) -> dict[str, Value]:
        """Get instances by OID; missing ones are left out."""
        found = self._connected().get_many(oids)
        return {oid: value for oid, given in found.items() if (value := _value(given)) is not None}

    def walk(self, oid: str, repetitions: int) -> list[tuple[str, Value]]:
        """Walk below `oid`, `repetitions` rows for each datagram."""
        found: dict[str, float | str | bytes | None] = {}
        for name, given in self._connected().getbulk(oid, repetitions):
            if name in found:
                # gufo-snmp 0.13 asks on for ever when an agent's OIDs do not increase.
                raise CircularAnswer
            found[name] = given
        return [(name, value) for name, given in found.items() if (value := _value(given)) is not None]

    def close(self) -> None:
        """Forget the socket; the next request opens another one (and discovers the v3 engine again)."""
        self._client = None

    def discovered(self) -> bool:
        """Tell whether a v3 agent has told its engine id, which it does before it looks at any password."""
        return self._client is not None and self._access.user is not None and bool(self._client.get_engine_id())

    def _connected(self) -> Client:
        if self._client is None:
            from gufo.snmp.sync import SnmpSession as Client

            access = self._access
            self._client = Client(
                self._address,
                access.port,
                community=access.community or "",
                user=_user(access) if access.user else None,
                timeout=access.timeout_s,
            )
            self._client.refresh()
        return self._client


def _user(access: ResolvedSnmp) -> User:
    from gufo import snmp
    from gufo.snmp.user import KeyType

    auth = {
        "md5": snmp.Md5Key, "sha": snmp.Sha1Key, "sha224": snmp.Sha224Key, "sha256": snmp.Sha256Key,
        "sha384": snmp.Sha384Key, "sha512": snmp.Sha512Key,
    }  # fmt: skip
    priv = {"des": snmp.DesKey, "aes128": snmp.Aes128Key, "aes192": snmp.Aes192Key, "aes256": snmp.Aes256Key}
    protocol = access.priv_protocol.removesuffix("c")
    cisco = protocol != access.priv_protocol
    hashed = auth[access.auth_protocol]

    def made(kind: type[_Key], password: str | None) -> _Key | None:
        return None if password is None else kind(_master(hashed, password), KeyType.Master)

    return snmp.User(
        access.user or "",
        auth_key=made(hashed, access.auth_password or None),
        priv_key=made(priv[protocol], access.priv_password or None),
        key_expansion=snmp.KeyExpansion.Cisco if cisco else snmp.KeyExpansion.Blumenthal,
    )


@cache
def _master(hashed: type[BaseAuthKey], password: str) -> bytes:
    """Give a password's key before it is an engine's own: a megabyte is hashed for it, once and not in every session.

    What is kept is as secret as the passwords, which this process holds too.
    """
    return bytes(hashed.get_master_key(password.encode()))


def _value(given: float | str | bytes | None) -> Value | None:
    return str(given) if isinstance(given, float) else given
