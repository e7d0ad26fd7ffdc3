"""Who may send to a reader's webhook: where site.toml gives its reader a login, only who shows that (RFC 7617)."""

from __future__ import annotations

import base64
import binascii
import hmac

from controller.cards.readers import Readers


def may_post(readers: Readers, webhook: str, authorization: str) -> bool:
    """Tell whether a request with this Authorization header may send to a webhook; an unknown one may not."""
    sources = [each.reader for each in readers.sources.values() if each.reader.webhook_name == webhook]
    if not sources:
        return False
    logins = {each.login for each in sources if each.login}
    if not logins:
        return True
    scheme, _, rest = authorization.partition(" ")
    if scheme.lower() != "basic":
        return False
    try:
        name, colon, password = base64.b64decode(rest.strip(), validate=True).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return False
    wanted = readers.passwords.get(name) if name in logins else None
    given = password.encode()
    return bool(colon) and wanted is not None and hmac.compare_digest(wanted.reveal().encode(), given)
