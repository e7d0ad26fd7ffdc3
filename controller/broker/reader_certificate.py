"""The certificate of a card reader, or of a gateway that speaks for readers: made for a request that it has written.

Its key never leaves it. A reader has one certificate: a new one ends those before, so that a reader that was replaced
is out when its successor is in.
"""

from __future__ import annotations

from dataclasses import dataclass

from controller.broker.authority import Issued
from controller.broker.files import authority, row_of
from controller.context import Context
from controller.store.certificates import put_certificate, revoke_certificates
from policies.cards.rights import Reader
from policies.errors import InputError
from policies.messages.identities import Identity, Role
from policies.texts import t


@dataclass(frozen=True, slots=True)
class Certified:
    """What was issued, and the serials (hex) of the certificates that ended with it."""

    issued: Issued
    ended: tuple[str, ...]


def certify(context: Context, reader: Reader, request: bytes) -> Certified:
    """Answer a certificate request (PKCS #10, P-256) of a declared reader; an act of the ledger, `reader.enroll`.

    Raises InputError for a reader that comes with a login or to the webhook, and for a request that cannot be answered.
    """
    if reader.login or reader.webhook_name:
        raise InputError(
            t("this reader does not come with a certificate"),
            where=reader.name,
            next_step=t("remove login and password in site.toml, or leave it as it is"),
        )
    identity, now = Identity(Role.READER, reader.name), context.clock()
    issued = authority(context).issue(request, identity, now)
    with context.ledger.act("reader.enroll", str(identity), {"serial": issued.serial}, context.actor) as act:
        with context.store.transaction() as connection:
            ended = revoke_certificates(connection, str(identity), now, "replaced")
            put_certificate(connection, row_of(issued, now))
        act.done({"ended": ended})
    return Certified(issued, tuple(ended))
