"""The door of a site, with its certificate, and with enrolment behind it."""

from __future__ import annotations

from collections.abc import Callable

from controller.broker.enrolment import enrol, renew
from controller.broker.files import authority, authority_file, broker_pair
from controller.context import Context
from controller.web.door import Callbacks, Door, Place, Posted


def site_door(context: Context, reader: Callable[[Posted], int]) -> Door:
    """Give the site's door, shut; `reader` takes what readers send. Its callbacks run in threads of the door's.

    They write to the store themselves, each in an act of its own, and so must not be called inside a transaction.
    Raises ConfigError for a key that is gone or damaged, and StorageFailed.
    """
    authority(context)  # made at the first need
    pair, web = broker_pair(context), context.site.web
    files = (str(pair.certificate_file), str(pair.key_file), str(authority_file(context.site)))
    return Door(
        Place(web.listen, web.port, *files),
        Callbacks(
            enrol=lambda body, peer: enrol(context, body, peer=peer),
            renew=lambda body, serial, peer: renew(context, body, serial, peer=peer),
            reader=reader,
        ),
    )
