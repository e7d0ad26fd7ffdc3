"""Certificate requests and certificates as files on the command line."""

from __future__ import annotations

from pathlib import Path

from policies.errors import InputError, SafetyRefusal
from policies.texts import t

#: Bytes of the largest request that is read.
_MOST = 65_536


def request_in(name: str) -> bytes:
    """Read a request; raises InputError when the file cannot be read."""
    try:
        with Path(name).open("rb") as file:
            return file.read(_MOST)
    except OSError as error:
        raise InputError(
            t("the file {path} cannot be read ({cause})", path=name, cause=error.strerror or ""),
            next_step=t("name the file with the certificate request"),
        ) from None


def refuse_other_file(path: Path) -> None:
    """Only a certificate is overwritten: a slip of the keyboard must not cost a key. Raises SafetyRefusal."""
    if path.exists() and not path.read_bytes().startswith(b"-----BEGIN CERTIFICATE-----"):
        raise SafetyRefusal(
            t("the file is there, and is no certificate"), where=str(path), next_step=t("name another file with --out")
        )
