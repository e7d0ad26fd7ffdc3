"""Grants read per second, beside the bare check of the same signatures (and beside PyJWT, where it is installed)."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from bench.result import Line, ratio
from policies import grants
from policies.keys import SigningKey
from policies.usb import Scope

ROUNDS, COUNT = 101, 20
NOW = 1_800_000_000


def measure() -> Iterator[Line]:
    """Check the same tokens in every way, interleaved, and compare the fastest rounds."""
    key = SigningKey.generate()
    tokens = [grants.sign(grant(number), key).encode("ascii") for number in range(1, COUNT + 1)]
    parts = [signature_and_signed(token) for token in tokens]
    bare_key = bare(key)
    ways: dict[str, Callable[[int], object]] = {
        "ours": lambda number: grants.read(tokens[number], key.public),
        "bare": lambda number: bare_key.verify(*parts[number]),
    }
    if find_spec("jwt"):
        pyjwt = import_module("jwt")
        ways["pyjwt"] = lambda number: pyjwt.decode(tokens[number], bare_key, ["EdDSA"], **CHECKED)
    times = interleaved(ways)
    yield Line(f"grants read per second: {1e6 / times['ours']:.0f}")
    yield ratio("a grant read / the bare Ed25519 check", times["ours"], times["bare"], 1.5, "us")
    if "pyjwt" in times:
        yield ratio("a grant read / PyJWT's decode", times["ours"], times["pyjwt"], 1.0, "us")
    else:
        yield Line("PyJWT is not installed: not compared")


#: What PyJWT is asked to check: the window by a clock of its own cannot be, for the grants are of a fixed day.
CHECKED: dict[str, Any] = {
    "audience": "T-0001",
    "issuer": "hq",
    "options": {"verify_exp": False, "verify_nbf": False, "verify_iat": False, "require": ["exp", "nbf", "iat", "jti"]},
}


def grant(number: int) -> grants.Grant:
    """Give a usual grant: one stick in either half of one port, for ten minutes."""
    ports = ("pci-0000:00:14.0-usbv2-0:2.4", "pci-0000:00:14.0-usbv3-0:2.4")
    return grants.Grant(
        iss="hq",
        aud="T-0001",
        sub="c-9rZkX2mQ",
        jti=f"grant-{number:08d}",
        iat=NOW,
        nbf=NOW,
        exp=NOW + 600,
        boot="0f8fad5b-d9cb-469f-a165-70867728950e",
        nonce="Zm9vYmFyYmF6cXV4MDE",
        ctr=number,
        scope=Scope(ports=ports, classes=("08",), devices=1, purpose="case", once=True),
    )


def signature_and_signed(token: bytes) -> tuple[bytes, bytes]:
    """Split a token into the 64 bytes of signature and what is signed."""
    signed, _, signature = token.rpartition(b".")
    return base64.urlsafe_b64decode(signature + b"=="), signed


def bare(key: SigningKey) -> Any:
    """Give the key as the cryptography package has it, without our class around."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    return Ed25519PublicKey.from_public_bytes(key.public.raw)


def interleaved(ways: dict[str, Callable[[int], object]]) -> dict[str, float]:
    """Give the microseconds per token of each way: of its fastest round, all ways taking turns in one run.

    A machine that is busy with something else slows interpreted code more than it slows the arithmetic of a signature,
    so only undisturbed rounds can be compared (as the timeit module's documentation says of repeats).
    """
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, run in ways.items():
            started = time.perf_counter()
            for number in range(COUNT):
                run(number)
            times[name].append((time.perf_counter() - started) / COUNT * 1e6)
    return {name: min(each) for name, each in times.items()}
