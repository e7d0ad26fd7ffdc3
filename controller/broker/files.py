"""The site's keys and certificates for the network, in keys/: the authority's, the broker's, and this machine's own.

Each is made at the first need. A key is never made anew: one that is gone while its certificate is there, or while the
store knows of certificates, is an error that names the file. A certificate is made anew, of the same key, when it nears
its end, when it is lost, or when the broker got another name.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from controller.broker.authority import (
    BROKER_DAYS,
    PROCESS_DAYS,
    Authority,
    Issued,
    broker_key,
    hosts_of,
    load_key,
    private_pem,
    valid_until,
)
from controller.context import Context
from controller.secrets.files import create_private, read_private, write_private
from controller.secrets.signing import lost_key
from controller.store.certificates import Certificate, certificates, put_certificate
from policies.errors import ConfigError, InputError
from policies.messages.identities import Identity, Role
from policies.site import Site
from policies.texts import t

AUTHORITY, BROKER = "ca", "broker"
#: A certificate with less than this part of its life left is made anew.
_LEFT = 1 / 3
#: Under which names processes of this machine reach the broker.
_LOCAL = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key, as PEM and as the files that hold them."""

    certificate: bytes = field(repr=False)
    key: bytes = field(repr=False)
    certificate_file: Path
    key_file: Path


def authority(context: Context) -> Authority:
    """Give the site's certificate authority, making it at the first need.

    Raises ConfigError for a key that is gone or damaged, and StorageFailed.
    """
    folder = context.site.folder
    key_file, certificate_file = _files(folder, AUTHORITY)
    if not key_file.exists():
        if certificate_file.exists() or certificates(context.store):
            raise lost_key(key_file)
        create_private(key_file, private_pem(broker_key()))
    key = read_private(key_file)
    if not certificate_file.exists():
        made, _ = Authority.create(context.site.name, context.clock(), key, str(key_file))
        # Two that come here at once agree on one certificate: it is the same key and name in any case.
        create_private(certificate_file, made.certificate)
    return Authority(key, read_public(certificate_file), str(key_file))


def authority_file(site: Site) -> Path:
    """Give the file of the authority's certificate."""
    return _files(site.folder, AUTHORITY)[1]


def broker_file(site: Site) -> Path:
    """Give the file of the broker's certificate."""
    return _files(site.folder, BROKER)[1]


def broker_pair(context: Context) -> Pair:
    """Give the broker's key and certificate, for the names in site.toml; the HTTPS door shows the same."""
    vouching, now = authority(context), context.clock()
    key_file, certificate_file = _files(context.site.folder, BROKER)
    if not key_file.exists():
        create_private(key_file, private_pem(broker_key()))
    raw = read_private(key_file)
    key = load_key(raw, str(key_file))
    names = broker_names(context.site)
    pem = read_public(certificate_file) if certificate_file.exists() else b""
    good = _fresh(vouching, pem, now, BROKER_DAYS) and hosts_of(pem) == names
    if not good or not _belongs(pem, raw):
        pem = vouching.issue_broker(key, names, now).pem
        write_private(certificate_file, pem, mode=0o644)
    return Pair(pem, raw, certificate_file, key_file)


def broker_names(site: Site) -> tuple[str, ...]:
    """Give every name and address under which the broker and the door may be reached, sorted."""
    wanted = {*_LOCAL, site.broker.host, *site.broker.names, site.web.host, site.broker.listen, site.web.listen}
    return tuple(sorted({_spelt(name) for name in wanted} - {"", "0.0.0.0", "::"}))  # noqa: S104


def own_pair(context: Context, identity: Identity) -> Pair:
    """Give the key and certificate of a process on this machine: the controller's, or the command line's."""
    if identity.role not in (Role.CONTROLLER, Role.CLI):
        raise InputError(t("{name} makes its key itself", name=str(identity)), next_step=t("enrol it"))
    vouching, now = authority(context), context.clock()
    key_file, certificate_file = _files(context.site.folder, identity.role.value)
    if not key_file.exists():
        create_private(key_file, private_pem(broker_key()))
    raw = read_private(key_file)
    pem = read_public(certificate_file) if certificate_file.exists() else b""
    if not _fresh(vouching, pem, now, PROCESS_DAYS) or not _belongs(pem, raw):
        _, issued = vouching.issue_own(identity, now, load_key(raw, str(key_file)))
        with context.store.transaction() as connection:
            put_certificate(connection, row_of(issued, now))
        pem = issued.pem
        write_private(certificate_file, pem, mode=0o644)
    return Pair(pem, raw, certificate_file, key_file)


def row_of(issued: Issued, now: datetime) -> Certificate:
    """Give what the store keeps of a certificate."""
    return Certificate(issued.serial, issued.identity, now, issued.expires)


def read_public(path: Path) -> bytes:
    """Read a file that everybody may read; raises ConfigError that says what to do."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(
            t("the file {path} cannot be read ({cause})", path=path, cause=error.strerror or ""),
            where=str(path),
            next_step=t("check that it exists and belongs to the user who runs Portseal"),
        ) from None


def _files(folder: Path, name: str) -> tuple[Path, Path]:
    return folder / f"keys/{name}.key", folder / f"keys/{name}.pem"


def _spelt(name: str) -> str:
    """Spell an address as a certificate does, so that the two can be compared."""
    name = name.partition("%")[0].lower()
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        return name


def _fresh(vouching: Authority, pem: bytes, now: datetime, days: int) -> bool:
    """Tell whether it is this authority's and has long to live yet."""
    if not pem or not vouching.knows(pem):
        return False
    return valid_until(pem) - now > timedelta(days=days) * _LEFT


def _belongs(pem: bytes, key: bytes) -> bool:
    """Tell whether the certificate is that of the key."""
    from cryptography import x509

    return x509.load_pem_x509_certificate(pem).public_key() == load_key(key).public_key()
