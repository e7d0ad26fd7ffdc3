"""A reader that speaks Portseal's own format, after policies/messages/schemas/swipe.json (RFC 8785, Ed25519)."""

from __future__ import annotations

import json
from hashlib import sha256

from lab.reader.tap import Sent, Tap


def swipe(tap: Tap) -> Sent:
    """Give the message; signed when the tap has a seed."""
    told: dict[str, object] = {
        "at": tap.epoch,
        "card": tap.card.uid.hex().upper(),
        "granted": tap.granted,
        # Random in a device; here the same tap is the same event, so that a replay can be made.
        "jti": sha256(f"{tap.reader}/{tap.event}/{tap.epoch}".encode()).hexdigest()[:32],
        "reader": tap.reader,
        "typ": "portseal-swipe/1",
    }
    if tap.seed:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        told["sig"] = Ed25519PrivateKey.from_private_bytes(tap.seed).sign(_canonical(told)).hex()
    return Sent(f"portseal/1/{tap.site}/reader/{tap.reader}/swipe", _canonical(told))


def _canonical(told: dict[str, object]) -> bytes:
    return json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
