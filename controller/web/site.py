"""The door of a site, with the broker's certificate."""

from __future__ import annotations

from controller.broker.files import authority, authority_file, broker_pair
from controller.context import Context
from controller.web.door import Callbacks, Door, Place


def site_door(context: Context, callbacks: Callbacks) -> Door:
    """Give the site's door, shut. Raises ConfigError for a key that is gone or damaged, and StorageFailed.

    What enrols writes to the store in acts of its own, so that the callbacks must not be called in a transaction.
    """
    authority(context)  # made at the first need
    pair, web = broker_pair(context), context.site.web
    files = (str(pair.certificate_file), str(pair.key_file), str(authority_file(context.site)))
    return Door(Place(web.listen, web.port, *files), callbacks)
