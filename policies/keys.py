"""Ed25519 keys as bytes in, bytes out. The cryptography package is imported when a key is used, not before.

Where a key lies, and with which file mode, is the business of who keeps it.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from policies.errors import ConfigError
from policies.texts import t

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey


class PublicKey:
    """The public half of an Ed25519 key; equal when the 32 bytes are."""

    __slots__ = ("_key", "raw")

    def __init__(self, raw: bytes) -> None:
        """Take the 32 raw bytes; raises ConfigError when they are no key."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        try:
            self._key: Ed25519PublicKey = Ed25519PublicKey.from_public_bytes(raw)
        except ValueError:
            raise _unusable("") from None
        self.raw = bytes(raw)

    @classmethod
    def from_pem(cls, pem: bytes, where: str = "") -> PublicKey:
        """Read a SubjectPublicKeyInfo PEM; raises ConfigError naming `where` when it is no Ed25519 public key."""
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        from cryptography.hazmat.primitives.serialization import load_pem_public_key

        try:
            key = load_pem_public_key(pem)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise _unusable(where) from None
        if not isinstance(key, Ed25519PublicKey):
            raise _unusable(where)
        return cls(key.public_bytes_raw())

    def to_pem(self) -> bytes:
        """Write SubjectPublicKeyInfo PEM."""
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        return self._key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the 32 raw bytes in hex: what an auditor brings on paper."""
        return sha256(self.raw).hexdigest()

    def verify(self, signature: bytes, data: bytes) -> bool:
        """Tell whether `signature` is this key's over `data`."""
        from cryptography.exceptions import InvalidSignature

        try:
            self._key.verify(signature, data)
        except InvalidSignature:
            return False
        return True

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PublicKey) and other.raw == self.raw

    def __hash__(self) -> int:
        return hash(self.raw)

    def __repr__(self) -> str:
        return f"PublicKey({self.fingerprint[:16]}…)"


class SigningKey:
    """A private Ed25519 key; its repr shows the public fingerprint only."""

    __slots__ = ("_key", "public")

    def __init__(self, seed: bytes) -> None:
        """Take the 32-byte seed; raises ConfigError when it is not one."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        try:
            self._key: Ed25519PrivateKey = Ed25519PrivateKey.from_private_bytes(seed)
        except ValueError:
            raise _unusable("") from None
        self.public = PublicKey(self._key.public_key().public_bytes_raw())

    @classmethod
    def generate(cls) -> SigningKey:
        """Make a new key from the system's randomness."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        return cls(Ed25519PrivateKey.generate().private_bytes_raw())

    @classmethod
    def from_pem(cls, pem: bytes, where: str = "") -> SigningKey:
        """Read unencrypted PKCS #8 PEM; raises ConfigError naming `where` when it is no Ed25519 private key."""
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        try:
            key = load_pem_private_key(pem, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise _unusable(where) from None
        if not isinstance(key, Ed25519PrivateKey):
            raise _unusable(where)
        return cls(key.private_bytes_raw())

    def to_pem(self) -> bytes:
        """Write unencrypted PKCS #8 PEM; the file that takes it must be 0600."""
        from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

        return self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def sign(self, data: bytes) -> bytes:
        """Give the 64-byte signature of `data`."""
        return self._key.sign(data)

    def __repr__(self) -> str:
        return f"SigningKey(public {self.public.fingerprint[:16]}…)"


def _unusable(where: str) -> ConfigError:
    return ConfigError(
        t("this is not an Ed25519 key that can be used"),
        where=where,
        next_step=t("restore the key from the backup of the site folder"),
    )
