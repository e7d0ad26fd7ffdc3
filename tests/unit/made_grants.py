"""Grants and tokens for tests: right ones, and wrong ones that are signed all the same."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

from policies import canonical
from policies.grants import GRANT_TYPE, Grant, Moment, Standing
from policies.keys import SigningKey
from policies.usb import Scope

KEY = SigningKey(bytes(range(32)))
OTHER_KEY = SigningKey(bytes(32))
NOW = 1_800_000_000
BOOT = "0f8fad5b-d9cb-469f-a165-70867728950e"
NONCE = "Zm9vYmFyYmF6cXV4MDE"
PORTS = ("pci-0000:00:14.0-usbv2-0:2.4", "pci-0000:00:14.0-usbv3-0:2.4")
SCOPE = Scope(ports=PORTS, classes=("08",), devices=1, purpose="case", once=True)
GRANT = Grant(
    iss="hq", aud="T1", sub="c-9rZk", jti="g-1", iat=NOW, nbf=NOW, exp=NOW + 600, boot=BOOT, nonce=NONCE, ctr=7,
    scope=SCOPE,
)  # fmt: skip
#: A terminal that accepts GRANT at MOMENT.
STANDING = Standing(
    site="hq", terminal="T1", boot=BOOT, nonce=NONCE, counter=6, used=frozenset({"g-0"}), seen=NOW - 60.0,
    longest=600.0, skew=30.0,
)  # fmt: skip
MOMENT = Moment(wall=NOW + 100.0, boottime=5000.0)


def base64url(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def claims(**changed: Any) -> dict[str, Any]:
    """Give the claims of GRANT as JSON has them, some of them changed to whatever is asked."""
    grant, scope = GRANT, GRANT.scope
    made = {
        "iss": grant.iss, "aud": grant.aud, "sub": grant.sub, "jti": grant.jti, "iat": grant.iat, "nbf": grant.nbf,
        "exp": grant.exp, "boot": grant.boot, "nonce": grant.nonce, "ctr": grant.ctr,
        "scope": {
            "ports": list(scope.ports), "classes": list(scope.classes), "devices": scope.devices,
            "purpose": scope.purpose, "once": scope.once, "read_only": scope.read_only,
        },
    }  # fmt: skip
    return made | changed


def scoped(**changed: Any) -> dict[str, Any]:
    """Give the claims of a grant with a changed scope."""
    return claims(scope=claims()["scope"] | changed)


def header(kind: str = GRANT_TYPE, /, **more: Any) -> bytes:
    return base64url(canonical.encode({"alg": "EdDSA", "typ": kind} | more))


def signed(head: bytes, body: bytes, key: SigningKey = KEY) -> bytes:
    """Sign two parts as they are, in base64url already or not."""
    return head + b"." + body + b"." + base64url(key.sign(head + b"." + body))


def token(payload: object, kind: str = GRANT_TYPE, key: SigningKey = KEY) -> bytes:
    """Sign a payload with the right header: bytes as they are, anything else as JSON in canonical order."""
    if not isinstance(payload, bytes):
        # Not canonical.encode: it would refuse what these tests want signed.
        payload = json.dumps(payload, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    return signed(header(kind), base64url(payload), key)


def grant(**changed: Any) -> Grant:
    return replace(GRANT, **changed)
