"""How to ask one agent, with the secrets at hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from policies.errors import ConfigError
from policies.site import SnmpAccess
from policies.texts import Text, t

AUTH_PROTOCOLS = ("md5", "sha", "sha224", "sha256", "sha384", "sha512")
#: aes192c and aes256c extend short keys as Cisco and Huawei do (draft-reeder-snmpv3-usm-3desede), not as Blumenthal's
#: draft, which net-snmp follows.
PRIV_PROTOCOLS = ("des", "aes128", "aes192", "aes256", "aes192c", "aes256c")
_SHORTEST_PASSWORD = 8


@dataclass(frozen=True, slots=True)
class ResolvedSnmp:
    """An agent's address and credentials: `community` (v2c) or `user` (v3); secrets are never in the repr.

    `timeout_s` is waited for each of `retries` + 1 attempts. `vlan_context` names the v3 context of a Cisco VLAN:
    `vlan-{vlan}` on most releases, `vlan_{vlan}` on some.
    """

    host: str
    port: int = 161
    community: str | None = field(default=None, repr=False)
    user: str | None = None
    auth_protocol: str = "sha"
    auth_password: str | None = field(default=None, repr=False)
    priv_protocol: str = "aes128"
    priv_password: str | None = field(default=None, repr=False)
    context: str = ""
    timeout_s: float = 2.0
    retries: int = 2
    max_repetitions: int = 50
    vlan_context: str = "vlan-{vlan}"

    def __post_init__(self) -> None:
        problem = self._problem()
        if problem is not None:
            raise ConfigError(problem, where=self.where, next_step=t("correct the switch's SNMP settings"))

    def _problem(self) -> Text | None:
        if bool(self.community) == bool(self.user):
            return t("SNMP needs either a community or a user, not both")
        if self.priv_password and not self.auth_password:
            return t("an SNMP privacy password needs an authentication password")
        if self.auth_protocol not in AUTH_PROTOCOLS or self.priv_protocol not in PRIV_PROTOCOLS:
            return t(
                "the SNMP protocol is not known: authentication is one of {auth}, privacy one of {priv}",
                auth=", ".join(AUTH_PROTOCOLS),
                priv=", ".join(PRIV_PROTOCOLS),
            )
        if any(password and len(password.encode()) < _SHORTEST_PASSWORD for password in self._passwords):
            return t("an SNMPv3 password has at least {count} characters", count=_SHORTEST_PASSWORD)
        return None

    @property
    def _passwords(self) -> tuple[str | None, str | None]:
        return self.auth_password, self.priv_password

    @property
    def where(self) -> str:
        """Host and port, for messages."""
        return f"{self.host}:{self.port}"

    def for_vlan(self, vlan: int) -> ResolvedSnmp:
        """Give the access to one VLAN's view of BRIDGE-MIB: community@vlan (v2c) or a context (v3)."""
        if self.community is not None:
            return replace(self, community=f"{self.community}@{vlan}")
        return replace(self, context=self.vlan_context.format(vlan=vlan))


def resolve(access: SnmpAccess, reveal: Callable[[str], str]) -> ResolvedSnmp:
    """Give the access of a declared switch; `reveal` turns a reference (env:, file:, secret:) into the secret."""

    def secret(reference: str | None) -> str | None:
        return None if reference is None else reveal(reference)

    return ResolvedSnmp(
        access.host,
        access.port,
        secret(access.community),
        access.user,
        access.auth_protocol,
        secret(access.auth_password),
        access.priv_protocol,
        secret(access.priv_password),
        access.context,
    )


def resolve_writing(access: SnmpAccess, reveal: Callable[[str], str]) -> ResolvedSnmp:
    """Give the access by which a declared switch is written: as it is read over v3, with its write community over v2c.

    Raises:
        ConfigError: it may not be written over SNMP (no privacy, no write community).

    """
    resolved = resolve(access, reveal)
    if not access.may_write:
        raise ConfigError(
            t("sets over SNMP need authentication and privacy (SNMPv3)"),
            where=resolved.where,
            next_step=t("correct the switch's SNMP settings"),
        )
    if access.write_community is not None:
        return replace(resolved, community=reveal(access.write_community))
    return resolved
