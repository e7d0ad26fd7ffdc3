"""By what a terminal knows a card again without holding its number.

Card numbers are short: who has everything that a terminal needs to check one can try them all. So what is kept there is
of two steps, and neither is on the terminal's disk:

    tag       HMAC-SHA-256 (RFC 2104) over the canonical number, by a key of this terminal alone
    verifier  scrypt (RFC 7914; N 2^14, r 8, p 1: 16 MiB) over the tag, salted with site, terminal and boot id

The key makes what one terminal holds worthless for another one's; the boot id makes it worthless after a restart; the
second step lets each try cost some hundredths of a second. What that leaves is told in docs/threats.md.
"""

from __future__ import annotations

import hashlib
import hmac

from policies import canonical
from policies.cards.number import CardNumber

#: Bytes of a terminal's key for tags, of a tag, and of a verifier.
SIZE = 32
_COST, _BLOCK, _PARALLEL = 1 << 14, 8, 1
#: OpenSSL wants room beyond the 16 MiB that the parameters take.
_MEMORY = 32 << 20


def tag(number: CardNumber, key: bytes) -> bytes:
    """Give what stands for a card at the terminal whose key is `key` (32 bytes)."""
    return hmac.digest(key, b"portseal offline 1\x00" + number.reveal().encode("ascii"), "sha256")


def verifier(tagged: bytes, site: str, terminal: str, boot: str) -> bytes:
    """Give what a permit holds in place of a card; takes some hundredths of a second, and other threads run on."""
    salt = hashlib.sha256(canonical.encode([site, terminal, boot])).digest()
    return hashlib.scrypt(tagged, salt=salt, n=_COST, r=_BLOCK, p=_PARALLEL, maxmem=_MEMORY, dklen=SIZE)
