"""The site's certificate authority: the broker's certificate, one for each process, and the list of revoked ones.

Keys are P-256 (RFC 5480): every TLS library of a reader knows it. A process makes its own key and sends a request
(PKCS #10); of the request only the public key is taken, the name is ours to give.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from policies.errors import ConfigError, InputError
from policies.messages.identities import Identity, parse_identity
from policies.texts import t

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

#: How long certificates are valid: the authority's, the broker's, and a process's.
AUTHORITY_DAYS, BROKER_DAYS, PROCESS_DAYS = 3650, 825, 400
#: Certificates begin this much earlier: the clock of a terminal may be behind.
_EARLIER = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate that was made: its serial number in hex, whose it is, and until when."""

    pem: bytes
    serial: str
    identity: str
    expires: datetime


class Authority:
    """The authority's key and certificate; its repr shows neither."""

    __slots__ = ("_certificate", "_key")

    def __init__(self, key_pem: bytes, certificate_pem: bytes, where: str = "") -> None:
        """Take both as PEM; raises InputError naming `where` when they are not a key and its certificate."""
        from cryptography import x509

        key = load_key(key_pem, where)
        try:
            self._certificate = x509.load_pem_x509_certificate(certificate_pem)
        except ValueError:
            raise _unusable(where) from None
        if key.public_key() != self._certificate.public_key():
            raise _unusable(where)
        self._key: EllipticCurvePrivateKey = key

    @classmethod
    def create(cls, site: str, now: datetime, key_pem: bytes = b"", where: str = "") -> tuple[Authority, bytes]:
        """Make a new authority, of `key_pem` when there is one; gives it with its key as PEM, for a file of mode 0600.

        The name and the key are the same then, so that what was issued before is still issued by it.
        """
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes

        key = load_key(key_pem, where) if key_pem else _new_key()
        name = _name(f"Portseal {site}"[:64])
        usage = _usage(key_cert_sign=True, crl_sign=True)
        certificate = (
            _builder(name, name, key.public_key(), now, AUTHORITY_DAYS)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        pem = private_pem(key)
        return cls(pem, _pem(certificate)), pem

    @property
    def certificate(self) -> bytes:
        """The certificate that everybody trusts, as PEM."""
        return _pem(self._certificate)

    def issue(self, request: bytes, identity: Identity, now: datetime, days: int = PROCESS_DAYS) -> Issued:
        """Answer a certificate request (PEM or DER) for `identity`; raises InputError for one damaged or weak."""
        from cryptography import x509
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey

        try:
            load = x509.load_pem_x509_csr if request.startswith(b"-----") else x509.load_der_x509_csr
            read = load(request)
            sound = read.is_signature_valid
            public = read.public_key()
        except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion):
            raise _bad_request() from None
        if not sound or not isinstance(public, EllipticCurvePublicKey) or not isinstance(public.curve, SECP256R1):
            raise _bad_request()
        return self._issue(public, str(identity), now, days, (), server=False)

    def issue_own(
        self, identity: Identity, now: datetime, key: EllipticCurvePrivateKey | None = None, days: int = PROCESS_DAYS
    ) -> tuple[bytes, Issued]:
        """Make a key (unless given), as PEM, and its certificate, for a process of the controller's own machine."""
        key = key or _new_key()
        issued = self._issue(key.public_key(), str(identity), now, days, (), server=False)
        return private_pem(key), issued

    def issue_broker(self, key: EllipticCurvePrivateKey, names: Iterable[str], now: datetime) -> Issued:
        """Make the broker's certificate for the host names and addresses under which processes reach it."""
        return self._issue(key.public_key(), "broker", now, BROKER_DAYS, tuple(names), server=True)

    def _issue(
        self, public: object, name: str, now: datetime, days: int, hosts: tuple[str, ...], *, server: bool
    ) -> Issued:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes
        from cryptography.x509.oid import ExtendedKeyUsageOID

        purpose = ExtendedKeyUsageOID.SERVER_AUTH if server else ExtendedKeyUsageOID.CLIENT_AUTH
        builder = (
            _builder(_name(name), self._certificate.subject, public, now, days)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(digital_signature=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        if hosts:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([_host(each) for each in hosts]), critical=False
            )
        made = builder.sign(self._key, hashes.SHA256())
        return Issued(_pem(made), format(made.serial_number, "x"), name, made.not_valid_after_utc)

    def revocations(self, serials: Iterable[str], now: datetime) -> bytes:
        """Give the list of revoked certificates (RFC 5280, section 5) as PEM."""
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes

        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self._certificate.subject)
            .last_update(now - _EARLIER)
            .next_update(now + timedelta(days=AUTHORITY_DAYS))
        )
        for serial in sorted(set(serials)):
            revoked = x509.RevokedCertificateBuilder().serial_number(int(serial, 16)).revocation_date(now).build()
            builder = builder.add_revoked_certificate(revoked)
        from cryptography.hazmat.primitives.serialization import Encoding

        return builder.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM)

    def knows(self, certificate_pem: bytes) -> bool:
        """Tell whether a certificate is one of this authority's, whatever its dates."""
        from cryptography import x509
        from cryptography.exceptions import InvalidSignature

        try:
            x509.load_pem_x509_certificate(certificate_pem).verify_directly_issued_by(self._certificate)
        except (ValueError, TypeError, InvalidSignature):
            return False
        return True

    def __repr__(self) -> str:
        return "Authority()"


def identity_of(certificate_pem: bytes) -> Identity:
    """Read whose certificate it is; raises InputError when it is none of ours."""
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    try:
        subject = x509.load_pem_x509_certificate(certificate_pem).subject
    except ValueError:
        raise InputError(t("this is no certificate")) from None
    names = subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return parse_identity(str(names[0].value) if names else "")


def hosts_of(certificate_pem: bytes) -> tuple[str, ...]:
    """Give the host names and addresses that a certificate is for, sorted; none when it has none."""
    from cryptography import x509

    read = x509.load_pem_x509_certificate(certificate_pem)
    try:
        names = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(sorted(str(each.value) for each in names))


def valid_until(certificate_pem: bytes) -> datetime:
    """Give the end of a certificate's life (aware UTC); raises InputError for what is none."""
    from cryptography import x509

    try:
        return x509.load_pem_x509_certificate(certificate_pem).not_valid_after_utc
    except ValueError:
        raise InputError(t("this is no certificate")) from None


def serial_of(certificate_pem: bytes) -> str:
    """Give a certificate's serial number in hex, as the store keeps it; raises InputError for what is none."""
    from cryptography import x509

    try:
        return format(x509.load_pem_x509_certificate(certificate_pem).serial_number, "x")
    except ValueError:
        raise InputError(t("this is no certificate")) from None


def serial_of_der(certificate: bytes) -> str:
    """Give the serial number of a certificate that TLS has checked, in hex."""
    from cryptography import x509

    return format(x509.load_der_x509_certificate(certificate).serial_number, "x")


def broker_key() -> EllipticCurvePrivateKey:
    """Make the broker's key."""
    return _new_key()


def load_key(pem: bytes, where: str = "") -> EllipticCurvePrivateKey:
    """Read an unencrypted private key on P-256; raises ConfigError naming `where` for anything else."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise _unusable(where) from None
    if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
        raise _unusable(where)
    return key


def private_pem(key: EllipticCurvePrivateKey) -> bytes:
    """Write a key as unencrypted PKCS #8 PEM; the file that takes it must be 0600."""
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _new_key() -> EllipticCurvePrivateKey:
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.generate_private_key(ec.SECP256R1())


def _builder(
    subject: x509.Name, issuer: x509.Name, public: object, now: datetime, days: int
) -> x509.CertificateBuilder:
    from cryptography import x509

    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)  # type: ignore[arg-type]
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _EARLIER)
        .not_valid_after(now + timedelta(days=days))
    )


def _usage(**given: bool) -> x509.KeyUsage:
    from cryptography import x509

    names = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
             "key_cert_sign", "crl_sign", "encipher_only", "decipher_only")  # fmt: skip
    return x509.KeyUsage(**{name: given.get(name, False) for name in names})


def _name(common: str) -> x509.Name:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _host(name: str) -> x509.GeneralName:
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _pem(certificate: x509.Certificate) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.PEM)


def _bad_request() -> InputError:
    return InputError(
        t("this is not a certificate request that can be answered"),
        next_step=t("make it anew on the terminal with 'portseal-agent enroll'"),
    )


def _unusable(where: str) -> ConfigError:
    return ConfigError(
        t("this is not the key, or not the certificate, that belongs here"),
        where=where,
        next_step=t("restore the key from the backup of the site folder"),
    )
