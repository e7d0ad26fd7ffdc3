"""The certificate of a card reader, or of a gateway that speaks for readers; its key never leaves it."""

from __future__ import annotations

from controller.broker import certify as certificates
from controller.broker.certify import Certified
from controller.context import Context
from policies.cards.rights import Reader
from policies.errors import InputError
from policies.messages.identities import Identity, Role
from policies.texts import t


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
    return certificates.certify(context, Identity(Role.READER, reader.name), request)
