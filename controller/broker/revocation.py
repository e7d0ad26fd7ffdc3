"""Taking a process's right to come to the broker away: a lost terminal, a reader that was stolen.

With a terminal's certificates goes the trust in the key of its events: whoever has the machine has that key too, and
what it signs from then on is refused, on whatever way it comes.

The store is all that is written here. A running controller sees it at its next look (:class:`ManagedBroker`), tells the
broker and ends the live connection; one that does not run starts with it.
"""

from __future__ import annotations

from dataclasses import dataclass

from controller.context import Context
from controller.store.certificates import certificates, revoke_certificates
from controller.store.enrolments import drop_enrolment, enrolment
from controller.store.terminals import revoke_key
from policies.errors import NotFound
from policies.messages.identities import Identity, Role
from policies.texts import t


@dataclass(frozen=True, slots=True)
class Revoked:
    """What was taken away: serial numbers (hex) of certificates, and whether a bundle waited to be used.

    `fingerprint` is that of the key whose events are not trusted any more; "" for what has none.
    """

    identity: Identity
    serials: tuple[str, ...]
    bundle: bool
    fingerprint: str = ""


def revoke(context: Context, identity: Identity, reason: str) -> Revoked:
    """Revoke every certificate of an identity, and the bundle that waits to be used; an act of the ledger.

    Raises NotFound when there is nothing to revoke. The identity may be one that site.toml does not declare any more.
    """
    terminal = identity.name if identity.role is Role.TERMINAL else ""
    good = [each for each in certificates(context.store, str(identity)) if each.revoked_at is None]
    waiting = enrolment(context.store, terminal) if terminal else None
    if not good and (waiting is None or waiting.used_at is not None):
        raise NotFound(
            t("{name} has no certificate that could be revoked", name=str(identity)),
            next_step=_NEXT.get(identity.role, t("see 'portseal terminal show'")),
        )
    with context.ledger.act("certificate.revoke", str(identity), {"reason": reason}, context.actor) as act:
        now = context.clock()
        with context.store.transaction() as connection:
            serials = revoke_certificates(connection, str(identity), now, reason)
            bundle = drop_enrolment(connection, terminal) if terminal else False
            key = revoke_key(connection, terminal, now) if terminal else None
        fingerprint = "" if key is None else key.fingerprint
        act.done({"serials": serials, "bundle": bundle, **({"fingerprint": fingerprint} if fingerprint else {})})
    return Revoked(identity, tuple(serials), bundle, fingerprint)


#: Where to see what can be revoked.
_NEXT = {Role.READER: t("see 'portseal reader list'")}
