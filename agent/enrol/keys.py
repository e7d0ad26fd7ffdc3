"""The terminal's TLS key, its certificate request, and whether a certificate that came back is the right one.

The key is on P-256 (RFC 5480), made here, and never leaves the machine; of the request only the public key counts.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from policies.codec import stamp
from policies.errors import InputError, SafetyRefusal
from policies.messages.identities import Identity, Role
from policies.texts import Text, t


@dataclass(frozen=True, slots=True)
class TlsKey:
    """A new key (PKCS #8, PEM, for a file of mode 0600) and the request for its certificate (PKCS #10, DER)."""

    pem: bytes = field(repr=False)
    csr: bytes = field(repr=False)


def make_key(terminal: str) -> TlsKey:
    """Make a key and its request."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, str(Identity(Role.TERMINAL, terminal)))])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    return TlsKey(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), request.public_bytes(Encoding.DER)
    )


def checked_certificate(der: bytes, key_pem: bytes, authority_pem: bytes, terminal: str, now: datetime) -> bytes:
    """Give the certificate as PEM when it is this terminal's, for this key, by this authority, and good now.

    Raises InputError when it is not, and SafetyRefusal when only this machine's clock does not fit.
    """
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    from cryptography.x509.oid import NameOID

    try:
        read = x509.load_der_x509_certificate(der)
        read.verify_directly_issued_by(x509.load_pem_x509_certificate(authority_pem))
        mine = load_pem_private_key(key_pem, None).public_key() == read.public_key()
        names = read.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        raise _wrong(t("the certificate in the answer is not by the authority in the bundle")) from None
    if not mine or [each.value for each in names] != [str(Identity(Role.TERMINAL, terminal))]:
        raise _wrong(t("the certificate in the answer is for another key or terminal"))
    if not read.not_valid_before_utc <= now <= read.not_valid_after_utc:
        raise clock_is_wrong(now)
    return ssl.DER_cert_to_PEM_cert(der).encode("ascii")


def due(certificate_pem: bytes, now: datetime) -> bool:
    """Tell whether less than a third of a certificate's life is left; an unreadable one is due as well."""
    from cryptography import x509

    try:
        read = x509.load_pem_x509_certificate(certificate_pem)
    except ValueError:
        return True
    whole: timedelta = read.not_valid_after_utc - read.not_valid_before_utc
    return read.not_valid_after_utc - now < whole / 3


def valid_until(certificate_pem: bytes) -> datetime:
    """Give the end of a certificate's life (aware UTC)."""
    from cryptography import x509

    return x509.load_pem_x509_certificate(certificate_pem).not_valid_after_utc


def clock_is_wrong(now: datetime) -> SafetyRefusal:
    """Give the refusal to go on with a clock by which good certificates are not good."""
    return SafetyRefusal(
        t("by the clock of this machine ({now}) the controller's certificates are not valid", now=stamp(now)),
        next_step=t("set the clock right, here or at the controller, and repeat"),
    )


def _wrong(what: Text) -> InputError:
    return InputError(what, next_step=t("begin again with a new bundle"))
