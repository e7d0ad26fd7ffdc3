"""The certificate of a process that makes its own key: issued for the request that it has written (PKCS #10, P-256).

One process has one certificate: a new one ends those before, so that what was replaced is out when its successor is in.
"""

from __future__ import annotations

from dataclasses import dataclass

from controller.broker.authority import Issued
from controller.broker.files import authority, row_of
from controller.context import Context
from controller.store.certificates import put_certificate, revoke_certificates
from controller.store.published import forget_mark
from policies.errors import ConfigError
from policies.messages.identities import Identity, Role
from policies.texts import t


@dataclass(frozen=True, slots=True)
class Certified:
    """What was issued, and the serials (hex) of the certificates that ended with it."""

    issued: Issued
    ended: tuple[str, ...]


def certify(context: Context, identity: Identity, request: bytes) -> Certified:
    """Answer a certificate request; an act of the ledger, `ROLE.enroll`. Raises InputError for what is no request."""
    now = context.clock()
    issued = authority(context).issue(request, identity, now)
    told = {"serial": issued.serial}
    with context.ledger.act(f"{identity.role}.enroll", str(identity), told, context.actor) as act:
        with context.store.transaction() as connection:
            ended = revoke_certificates(connection, str(identity), now, "replaced")
            put_certificate(connection, row_of(issued, now))
        act.done({"ended": ended})
    return Certified(issued, tuple(ended))


def certify_access(context: Context, request: bytes, *, anew: bool = False) -> Certified:
    """Answer the access-control system's request; with `anew` the versions of its lists begin anew, in an entry.

    Raises ConfigError when site.toml does not say that it publishes its list.
    """
    if not context.site.list_source.published:
        raise ConfigError(
            t("the site does not say that the access-control system publishes its list"),
            where="site.toml: authority.published",
            next_step=t("write published = true in [authority]"),
        )
    made = certify(context, Identity(Role.ACCESS), request)
    if anew:
        with context.store.transaction() as connection:
            highest = forget_mark(connection)
            context.ledger.append("cards.versions_anew", "cards", {"highest": highest}, context.actor)
    return made
