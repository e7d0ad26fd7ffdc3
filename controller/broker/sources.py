"""The card readers that speak another format than ours, as the broker must know them: their topics and their logins."""

from __future__ import annotations

from collections.abc import Mapping

from controller.broker.mosquitto import Legacy
from controller.broker.passwords import password_file
from controller.cards.readers import passwords
from policies.messages.identities import login_acl
from policies.site import Site


def foreign(site: Site) -> dict[str, tuple[str, ...]]:
    """Give the filters of the readers that publish in a foreign format, by reader."""
    return {each.name: each.topics for each in site.readers if each.topics}


def logins(site: Site) -> dict[str, tuple[str, ...]]:
    """Give the filters that each login may write on the legacy listener: those of all readers of its source."""
    found: dict[str, set[str]] = {}
    for each in site.readers:
        if each.login and each.topics:
            found.setdefault(each.login, set()).update(each.topics)
    return {login: tuple(sorted(listed)) for login, listed in sorted(found.items())}


def legacy(site: Site) -> Legacy | None:
    """Give where readers without certificates are heard; None where no reader has a login, whatever [broker] says."""
    return (
        Legacy(site.broker.legacy_listen, site.broker.legacy_port) if logins(site) and site.broker.legacy_port else None
    )


def legacy_files(site: Site, environment: Mapping[str, str] | None = None) -> tuple[str, str]:
    """Give ACL and password file of the legacy listener; raises ConfigError for a password that cannot be had."""
    allowed = logins(site)
    words = {login: word for login, word in passwords(site, environment).items() if login in allowed}
    return login_acl(allowed), password_file(words)
