"""The User-based Security Model: keys, digests and ciphers of SNMPv3 (RFC 3414, 3826, 7860).

What a switch sends is checked here, not by pysnmp's engine: that takes some 2 ms for each message, and a storm of traps
comes at thousands a second. Hashes are hashlib's, ciphers cryptography's.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from functools import lru_cache

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from drivers.snmp.messages import Secured

try:
    from cryptography.hazmat.decrepit.ciphers.modes import CFB
except ImportError:  # before cryptography 47
    from cryptography.hazmat.primitives.ciphers.modes import CFB

#: Octets of the digest that is sent (RFC 3414, 6.3.1 and 7.3.1; RFC 7860, 4.1).
DIGEST_OCTETS = {"md5": 12, "sha": 12, "sha224": 16, "sha256": 24, "sha384": 32, "sha512": 48}
_HASH = {"sha": "sha1"}
_KEY_OCTETS = {"des": 16, "aes128": 16, "aes192": 24, "aes256": 32, "aes192c": 24, "aes256c": 32}
_EXPANDED = 1_048_576
_SALT_OCTETS = 8


@dataclass(frozen=True, slots=True)
class LocalKeys:
    """A user's keys at one engine; empty where the user has none."""

    auth: bytes = field(repr=False)
    priv: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class UsmUser:
    """A user with the keys made of the passwords (Ku); they are never in the repr. Make one with :func:`usm_user`."""

    name: bytes
    auth_protocol: str
    priv_protocol: str
    auth_key: bytes = field(repr=False)
    priv_key: bytes = field(repr=False)

    @property
    def level(self) -> str:
        """The security level that the user's messages must have: noAuth, auth or authPriv."""
        return "authPriv" if self.priv_key else "auth" if self.auth_key else "noAuth"

    def keys_at(self, engine: bytes) -> LocalKeys:
        """Give the keys at an engine (RFC 3414, 2.6)."""
        return _localized(self, engine)


def usm_user(
    name: str, auth_protocol: str, auth_password: str | None, priv_protocol: str, priv_password: str | None
) -> UsmUser:
    """Make a user of passwords; takes some milliseconds, as it is meant to."""
    auth = password_key(auth_protocol, auth_password) if auth_password else b""
    priv = password_key(auth_protocol, priv_password) if auth_password and priv_password else b""
    return UsmUser(name.encode(), auth_protocol, priv_protocol, auth, priv)


def password_key(protocol: str, password: str) -> bytes:
    """Give Ku: the hash of the password, repeated to a megabyte (RFC 3414, A.2)."""
    return _stretched(protocol, password.encode())


def _stretched(protocol: str, given: bytes) -> bytes:
    return _hashed(protocol, (given * (_EXPANDED // len(given) + 1))[:_EXPANDED])


def _hashed(protocol: str, data: bytes) -> bytes:
    return hashlib.new(_HASH.get(protocol, protocol), data, usedforsecurity=False).digest()


def _at_engine(protocol: str, key: bytes, engine: bytes) -> bytes:
    return _hashed(protocol, key + engine + key)


@lru_cache(maxsize=4096)
def _localized(user: UsmUser, engine: bytes) -> LocalKeys:
    auth = _at_engine(user.auth_protocol, user.auth_key, engine) if user.auth_key else b""
    if not user.priv_key:
        return LocalKeys(auth, b"")
    wanted, priv = _KEY_OCTETS[user.priv_protocol], _at_engine(user.auth_protocol, user.priv_key, engine)
    while len(priv) < wanted:
        if user.priv_protocol.endswith("c"):  # Cisco and Huawei: draft-reeder-snmpv3-usm-3desede
            priv += _at_engine(user.auth_protocol, _stretched(user.auth_protocol, priv), engine)
        else:  # draft-blumenthal-aes-usm
            priv += _hashed(user.auth_protocol, priv)
    return LocalKeys(auth, priv[:wanted])


def digest(user: UsmUser, key: bytes, whole: bytes, at: int) -> bytes:
    """Give the digest of a message whose digest field, at `at`, counts as zeros."""
    size = DIGEST_OCTETS[user.auth_protocol]
    zeroed = whole[:at] + bytes(size) + whole[at + size :]
    return hmac.digest(key, zeroed, _HASH.get(user.auth_protocol, user.auth_protocol))[:size]


def authentic(user: UsmUser, message: Secured, whole: bytes) -> bool:
    """Tell whether the digest of a message is the one that the user's key gives."""
    if len(message.digest) != DIGEST_OCTETS[user.auth_protocol]:
        return False
    wanted = digest(user, user.keys_at(message.engine).auth, whole, message.auth_at)
    return hmac.compare_digest(wanted, message.digest)


def decrypt(user: UsmUser, message: Secured, content: bytes) -> bytes | None:
    """Give a message's scoped PDU in clear, from the content of its OCTET STRING; None when it cannot be encrypted."""
    if len(message.salt) != _SALT_OCTETS or not content:
        return None
    if user.priv_protocol == "des" and len(content) % 8:
        return None
    context = _cipher(user, message).decryptor()
    return _through(context, content)


def encrypt(user: UsmUser, message: Secured, clear: bytes) -> bytes:
    """Encrypt a scoped PDU under the engine, boots, time and salt of `message`."""
    if user.priv_protocol == "des":
        clear += bytes(-len(clear) % 8)
    return _through(_cipher(user, message).encryptor(), clear)


def _through(context: CipherContext, data: bytes) -> bytes:
    return context.update(data) + context.finalize()


def _cipher(user: UsmUser, message: Secured) -> Cipher[CBC] | Cipher[CFB]:
    key = user.keys_at(message.engine).priv
    if user.priv_protocol == "des":  # RFC 3414, 8.1.1: the second half of the key masks the salt
        vector = bytes(mask ^ salt for mask, salt in zip(key[8:16], message.salt, strict=True))
        return Cipher(TripleDES(key[:8] * 3), CBC(vector))
    head = message.boots.to_bytes(4, "big") + message.time.to_bytes(4, "big")
    return Cipher(AES(key), CFB(head + message.salt))  # RFC 3826, 3.1.2.1
