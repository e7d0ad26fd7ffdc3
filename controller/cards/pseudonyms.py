"""The door through which card numbers and names come in, and behind which only pseudonyms are known.

A pseudonym is random. To find it again when a card is swiped, the number is hashed with a key of the site's own
(HMAC-SHA-256, RFC 2104): card numbers are short enough to be tried out, so that a hash without a key would be no
secret. The commitment that the ledger holds is salted for each card; with the salt erased it says nothing any more.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from controller.secrets.files import create_private, read_private
from policies.cards.number import CardNumber
from policies.errors import ConfigError
from policies.texts import t

#: The key's file in the site folder (0600): 64 hex digits.
KEY_NAME = "keys/cards.key"
_KEY_BYTES = 32
_SALT_BYTES = 32


class CardKey:
    """The site's key for finding cards; it is in no repr and never leaves the controller."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        if len(key) != _KEY_BYTES:
            raise ValueError("the key for cards has 32 bytes")
        self._key = key

    def card(self, number: CardNumber) -> str:
        """Give the index of a card: 64 hex digits."""
        return self._index(b"card", number.reveal())

    def bearer(self, identity: str) -> str:
        """Give the index of a holder, by what the list tells people apart with: 64 hex digits."""
        return self._index(b"holder", identity)

    def event(self, identity: str) -> str:
        """Give what a swipe is remembered by, from what names it: 64 hex digits."""
        return self._index(b"event", identity)

    def file(self, content: bytes) -> str:
        """Give the hash by which a list's file is known again: 64 hex digits that say nothing without the key."""
        return self.told(sha256(content).digest())

    def told(self, digest: bytes) -> str:
        """Give the same of a file of which only the SHA-256 is there yet."""
        return hmac.digest(self._key, b"file\x00" + digest, "sha256").hex()

    def tags(self, terminal: str) -> bytes:
        """Give the key (32 bytes) by which one terminal, and no other, knows cards again without a connection."""
        return hmac.digest(self._key, b"offline\x00" + terminal.encode("utf-8"), "sha256")

    def sealed(self, card: str, terminal: str, tag: bytes) -> bytes:
        """Seal what stands for a card at a terminal, or open it again: without this key the store tells nothing.

        The terminal's own key is not enough to try numbers out on a copy of the database. One pad for one card and
        terminal is right here: it only ever covers the same 32 bytes.
        """
        named = f"{card}\x00{terminal}".encode()
        pad = hmac.digest(self._key, b"offline tag\x00" + named, "sha256")
        return bytes(one ^ other for one, other in zip(tag, pad, strict=True))

    def _index(self, kind: bytes, text: str) -> str:
        return hmac.digest(self._key, kind + b"\x00" + text.encode("utf-8"), "sha256").hex()

    def __repr__(self) -> str:
        return "CardKey(•••)"


@dataclass(frozen=True, slots=True)
class CardIdentity:
    """What is kept of a card beside the ledger, and can be erased: pseudonym, index, salt, and its holder's name.

    `commitment` is HMAC-SHA-256 with the salt as key over the canonical number: the ledger may hold it.
    """

    card: str
    index: str
    commitment: str
    salt: str = field(repr=False)
    name: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Known:
    """Who is known from lists before: identities of cards by index, pseudonyms of holders by index."""

    cards: Mapping[str, CardIdentity] = field(default_factory=dict)
    bearers: Mapping[str, str] = field(default_factory=dict)


def card_key(site_folder: Path) -> CardKey:
    """Give the site's key for cards, making it at the first use; raises ConfigError and StorageFailed."""
    path = site_folder / KEY_NAME
    if not path.exists():
        create_private(path, (secrets.token_hex(_KEY_BYTES) + "\n").encode("ascii"))
    try:
        return CardKey(bytes.fromhex(read_private(path).decode("ascii").strip()))
    except ValueError:
        raise ConfigError(
            t("this file holds no key for cards"),
            where=str(path),
            next_step=t("restore it from a backup: without it no card of the list is found"),
        ) from None


def commitment(number: CardNumber, salt: str) -> str:
    """Give the salted commitment to a number; `salt` is hex. Who has both can show that an entry means this card."""
    return hmac.digest(bytes.fromhex(salt), number.reveal().encode("ascii"), "sha256").hex()


def identify(number: CardNumber, name: str, key: CardKey, known: Known, fresh: Callable[[], str]) -> CardIdentity:
    """Give the card's identity: the one that it had before, with the name as it is now, or a new random one."""
    index = key.card(number)
    before = known.cards.get(index)
    if before is not None:
        return CardIdentity(before.card, index, before.commitment, before.salt, name)
    salt = secrets.token_hex(_SALT_BYTES)
    return CardIdentity(fresh(), index, commitment(number, salt), salt, name)


def pseudonym() -> str:
    """Give a new random pseudonym: 128 bits, in the letters that grants and topics take.

    None begins with a hyphen: on a command line it would be taken for an option.
    """
    while (made := secrets.token_urlsafe(16)).startswith("-"):
        pass
    return made
