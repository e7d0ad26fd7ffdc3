"""The site's card readers: from a message of the broker, or a body of a webhook, to swipes, by one look into a table.

What stands between is here and nowhere else: retained messages are refused (a replay that the broker keeps), each
topic's reader is found, and whether the broker's own access rules prove who spoke is said. The card formats are
:mod:`drivers.cards`; what a swipe is worth is :mod:`policies.cards.decide`'s.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from controller.secrets.resolve import resolve
from controller.secrets.value import Secret
from drivers.cards import Format, find_format
from policies.cards import Fault, ReaderConfig, Swipe, UnreadableSwipe
from policies.cards.profile import zone_of
from policies.cards.rights import Reader, Trust
from policies.errors import ConfigError, PortsealError
from policies.keys import PublicKey
from policies.load import SITE_FILE
from policies.messages import filters, topics
from policies.site import Site
from policies.texts import t

#: Characters of the shortest password and HMAC key that are taken: shorter ones are found by trying.
SHORTEST_PASSWORD, SHORTEST_SECRET = 8, 16
#: Bytes of the largest file that can hold a public key.
_MAX_PEM = 4096
_BOUNDARY = re.compile(r'boundary="?([A-Za-z0-9\'()+_,./:=? -]{1,70})"?', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Source:
    """One reader as messages are read for it; `certified`: that it spoke is proven by the broker."""

    reader: Reader
    form: Format
    config: ReaderConfig
    certified: bool = False

    def read(self, topic: str, payload: bytes) -> tuple[Swipe, ...]:
        """Parse; the error that a message ends in names this reader."""
        try:
            found = self.form.parse(topic, payload, self.config)
        except UnreadableSwipe as error:
            raise error.of(self.reader.name) from None
        return tuple(replace(each, authenticated=True) for each in found) if self.certified else found


_Table = dict[str, tuple[Source, ...]]


@dataclass(frozen=True, slots=True)
class Readers:
    """Every reader of a site, ready to read; its repr shows names only."""

    sources: Mapping[str, Source] = field(repr=False)
    passwords: Mapping[str, Secret] = field(repr=False)
    _exact: _Table = field(repr=False)
    _wild: tuple[tuple[str, tuple[Source, ...]], ...] = field(repr=False)
    _webhooks: _Table = field(repr=False)

    @classmethod
    def load(cls, site: Site, *, certified: bool = True, environment: Mapping[str, str] | None = None) -> Readers:
        """Make the readers of `site`, their secrets and keys resolved; raises ConfigError at the key to correct.

        `certified`: the broker's access rules are ours (broker.mode "managed"), so that a native topic was written by
        the holder of this reader's certificate. Without that only a signature proves a swipe.
        """
        known = {
            each.name: Source(
                each, find_format(each.format), _config(site, each, environment), _proven(each, certified)
            )
            for each in site.readers
        }
        by_filter: dict[str, list[Source]] = {}
        by_webhook: dict[str, list[Source]] = {}
        for source in known.values():
            for each in filters_of(site.name, source.reader):
                by_filter.setdefault(each, []).append(source)
            if source.reader.webhook_name:
                by_webhook.setdefault(source.reader.webhook_name, []).append(source)
        return cls(
            sources=known,
            passwords=passwords(site, environment),
            _exact={each: tuple(found) for each, found in by_filter.items() if not filters.is_wild(each)},
            _wild=tuple((each, tuple(found)) for each, found in by_filter.items() if filters.is_wild(each)),
            _webhooks={name: tuple(found) for name, found in by_webhook.items()},
        )

    def topics(self) -> tuple[str, ...]:
        """Give the MQTT filters to subscribe to, each once, sorted: native topics too. No two of them overlap."""
        return tuple(sorted([*self._exact, *(each for each, _ in self._wild)]))

    def dated(self, topic: str) -> bool:
        """Tell whether all messages of a filter say when their card was swiped."""
        sources = self._exact.get(topic) or dict(self._wild).get(topic, ())
        return all(source.form.dated for source in sources)

    def terminals_of(self, topic: str) -> tuple[str, ...]:
        """Give the terminals that swipes on an MQTT topic can open; none for another topic."""
        sources = self._exact.get(topic) or self._matching(topic)
        return tuple({name: None for source in sources for name in source.reader.terminals})

    def webhooks(self) -> tuple[str, ...]:
        """Give the names to which devices may send, sorted."""
        return tuple(sorted(self._webhooks))

    def swipes(self, topic: str, payload: bytes, retained: bool) -> tuple[Swipe, ...]:
        """Read one message of the broker; empty when it is none of a card. Raises UnreadableSwipe.

        The error names the reader (`reader`) and the fault, and repeats nothing of topic and payload.
        """
        sources = self._exact.get(topic) or self._matching(topic)
        if not sources:
            raise UnreadableSwipe(
                Fault.TOPIC,
                t("no reader of the site has this topic"),
                next_step=t("compare the key topic of the readers in site.toml with what the source publishes"),
            )
        if retained:
            raise UnreadableSwipe(
                Fault.RETAINED,
                t("a swipe that the broker has kept is a replay"),
                next_step=t("turn 'retain' off at the source for its swipes"),
            ).of(sources[0].reader.name)
        if len(sources) == 1:
            return sources[0].read(topic, payload)
        return tuple(swipe for source in sources for swipe in source.read(topic, payload))

    def webhook(self, name: str, content_type: str, body: bytes) -> tuple[Swipe, ...]:
        """Read what a device has sent to the webhook `name`; as :meth:`swipes`.

        `content_type` is that of the request ("" without one): its boundary says where the first part begins.
        """
        sources = self._webhooks.get(name)
        if not sources:
            raise UnreadableSwipe(
                Fault.TOPIC,
                t("no reader of the site has this webhook"),
                next_step=t("compare the address that is set in the device with the readers in site.toml"),
            )
        content = _from_boundary(content_type, body)
        return tuple(swipe for source in sources for swipe in source.read(name, content))

    def _matching(self, topic: str) -> tuple[Source, ...]:
        # Filters of different sources do not overlap: the first that takes it is the only one.
        return next((found for wanted, found in self._wild if filters.matches(wanted, topic)), ())


def filters_of(site: str, reader: Reader) -> tuple[str, ...]:
    """Give the MQTT filters on which a reader's messages come; none for a webhook."""
    return (str(topics.Topic(site, topics.Kind.SWIPE, reader.name)),) if reader.native else reader.topics


def _proven(reader: Reader, certified: bool) -> bool:
    """Whether the broker proves who spoke: a native topic can be written with this reader's certificate alone."""
    return certified and reader.native and not reader.public_key and reader.trust is Trust.AUTHENTICATED


def _config(site: Site, reader: Reader, environment: Mapping[str, str] | None) -> ReaderConfig:
    place = _places(site, reader)
    secret = b""
    if reader.secret is not None:
        secret = resolve(reader.secret, site.folder, where=place("secret"), environment=environment).reveal().encode()
        if len(secret) < SHORTEST_SECRET:
            raise _too_short(place("secret"), SHORTEST_SECRET)
    return ReaderConfig(
        reader=reader.name,
        rule=reader.rule,
        zone=zone_of(reader.zone),
        secret=secret,
        key=_public_key(site.folder / reader.public_key, place("public_key")) if reader.public_key else None,
        device=reader.device,
        door=reader.door,
    )


def passwords(site: Site, environment: Mapping[str, str] | None = None) -> dict[str, Secret]:
    """Give the password of each login of the site's readers; raises ConfigError at the key to correct."""
    found: dict[str, Secret] = {}
    for reader in site.readers:
        if reader.password is None or reader.login in found:
            continue
        where = _places(site, reader)("password")
        found[reader.login] = resolve(reader.password, site.folder, where=where, environment=environment)
        if len(found[reader.login].reveal()) < SHORTEST_PASSWORD:
            raise _too_short(where, SHORTEST_PASSWORD)
    return found


def _places(site: Site, reader: Reader) -> Callable[[str], str]:
    return lambda key: f"{site.folder / SITE_FILE}: readers.{reader.name}.{key}"


def _public_key(path: Path, where: str) -> PublicKey:
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_PEM)
    except OSError as error:
        raise ConfigError(
            t("the file {path} cannot be read ({cause})", path=path, cause=error.strerror or ""),
            where=where,
            next_step=t("put the reader's public key there"),
        ) from None
    try:
        return PublicKey.from_pem(content)
    except PortsealError as error:
        raise ConfigError(
            error.what, where=where, next_step=t("let the reader write it with 'openssl pkey -pubout' (Ed25519)")
        ) from None


def _too_short(where: str, least: int) -> ConfigError:
    return ConfigError(
        t("the secret is shorter than {count} characters", count=least),
        where=where,
        next_step=t("make a random one: openssl rand -hex 16"),
    )


def _from_boundary(content_type: str, body: bytes) -> bytes:
    """Drop what stands before the first boundary of a multipart body: RFC 2046 lets a preamble be there."""
    found = _BOUNDARY.search(content_type) if content_type[:10].lower() == "multipart/" else None
    if found is None:
        return body
    start = body.find(b"--" + found[1].strip().encode())
    return body[start:] if start > 0 else body
