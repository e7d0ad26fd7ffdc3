"""One request to the controller's HTTPS door, whose certificate is checked against the site's authority alone."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from agent.enrol.keys import clock_is_wrong
from policies.errors import ConfigError, EquipmentError, SafetyRefusal, Unreachable
from policies.messages.bundle import At
from policies.messages.refusals import CODES, NEXT
from policies.texts import t

#: Seconds for each step of the exchange, and bytes of the longest answer.
SECONDS, _MOST = 20.0, 8192
#: OpenSSL's words for a certificate that is not valid yet, and one that has expired (X509_V_ERR_…).
_CLOCK = frozenset({9, 10})


def post(at: At, path: str, body: bytes, authority: bytes, client: tuple[Path, Path] | None = None) -> bytes:
    """Send `body` and give the answer. `authority` is PEM; `client` are the files of certificate and key to show.

    Raises SafetyRefusal when the door is not the site's or refuses, ConfigError for files that cannot be used,
    Unreachable and EquipmentError.
    """
    connection = http.client.HTTPSConnection(at.host, at.port, timeout=SECONDS, context=_context(authority, client))
    try:
        connection.request("POST", path, body, {"Content-Type": "application/octet-stream"})
        answer = connection.getresponse()
        status, content = answer.status, answer.read(_MOST)
    except ssl.SSLCertVerificationError as error:
        raise _stranger(at, error) from None
    except ssl.SSLError as error:
        # The controller hangs up on a certificate that it does not know, or that has expired.
        raise EquipmentError(
            t("the controller ended the TLS connection ({cause})", cause=error.reason or ""),
            where=str(at),
            next_step=t("enrol the terminal anew when its certificate has expired"),
        ) from None
    except (OSError, http.client.HTTPException) as error:
        cause = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise Unreachable(
            t("the controller does not answer ({cause})", cause=str(cause)[:120]),
            where=str(at),
            next_step=t("check the network, and that 'portseal serve' runs there; or use --request and --answer"),
        ) from None
    finally:
        connection.close()
    if status == http.HTTPStatus.OK:
        return content
    raise _refused(at, status, content)


def _context(authority: bytes, client: tuple[Path, Path] | None) -> ssl.SSLContext:
    # Not create_default_context: nobody but the site's authority is believed, whatever the system trusts.
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        made.load_verify_locations(cadata=authority.decode("ascii"))
        if client is not None:
            made.load_cert_chain(*client)
    except (OSError, ssl.SSLError, ValueError) as error:
        raise ConfigError(
            t("the certificates for the controller cannot be used ({cause})", cause=str(error)[:200]),
            where="" if client is None else str(client[0].parent),
            next_step=t("enrol the terminal anew"),
        ) from None
    return made


def _stranger(at: At, error: ssl.SSLCertVerificationError) -> SafetyRefusal:
    if error.verify_code in _CLOCK:
        return clock_is_wrong(datetime.now(UTC))
    return SafetyRefusal(
        t("who answers is not this site's controller ({cause})", cause=error.verify_message),
        where=str(at),
        next_step=t("find out who answers there; when the controller has moved, make a new bundle"),
    )


def _refused(at: At, status: int, content: bytes) -> SafetyRefusal | EquipmentError:
    try:
        told = json.loads(content)
    except (ValueError, RecursionError):
        told = None
    code = told.get("code") if isinstance(told, Mapping) else None
    if not isinstance(code, str) or code not in CODES:
        return EquipmentError(
            t("the controller gave no answer (HTTP {status})", status=status),
            where=str(at),
            next_step=t("check address and port of the door"),
        )
    kind = EquipmentError if code == "failed" else SafetyRefusal
    return kind(CODES[code], where=str(at), next_step=NEXT[code])
