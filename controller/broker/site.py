"""The broker of a site: who may come to it now, its files, the way to it, and a managed one that follows the store.

`portseal serve` calls :meth:`ManagedBroker.look` regularly, so that what another process (the command line, the door)
has written about identities takes effect. A reload is enough, and breaks no connection; so after a revocation the live
connection of that one process is ended too (controller/broker/eviction.py).
"""

from __future__ import annotations

import logging
import os
import ssl
import time
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from hashlib import sha256
from pathlib import Path

from controller.broker.authority import serial_of
from controller.broker.eviction import evict
from controller.broker.files import Pair, authority, broker_pair, own_pair, read_public
from controller.broker.mosquitto import Files, Listener, Mosquitto
from controller.broker.sources import foreign, legacy, legacy_files
from controller.context import Context
from controller.secrets.files import read_private
from controller.store.certificates import certificate, certificates_mark, good_identities, revoked_serials
from policies.errors import ConfigError, InputError, PortsealError
from policies.messages.identities import Identity, Role, acl, parse_identity
from policies.site import BrokerMode, Site
from policies.texts import t

_log = logging.getLogger("portseal.broker")

#: Folder of a managed broker's files, and its log, below the site folder.
FOLDER, LOG = "broker", "broker.log"
#: Where the files are when root starts the broker: it becomes another account, which cannot enter the site folder.
_RUN = Path("/run")
#: Seconds after which everything is compared, although the store shows no change.
_THOROUGH = 600.0


@dataclass(frozen=True, slots=True)
class Standing:
    """What the broker must know now: identities that may come, revoked serials, and its own certificate's serial."""

    identities: frozenset[Identity]
    revoked: frozenset[str]
    own: str


class Look(StrEnum):
    """What a look at the store led to."""

    KEPT = "kept"
    RELOADED = "reloaded"
    RESTARTED = "restarted"


def standing(context: Context) -> Standing:
    """Tell who may come to the broker now: the controller, the command line, declared readers, and who is enrolled.

    The access-control system may where site.toml says that it publishes its list.

    Enrolled is who has a certificate that is not revoked, and is still declared in site.toml: what was taken out of it
    has no rights any more, although its certificate is good.
    """
    site = context.site
    readers = {Identity(Role.READER, each.name) for each in site.readers}
    terminals = {each.name for each in site.terminals}
    enrolled = set()
    for name in good_identities(context.store):
        with suppress(InputError):
            identity = parse_identity(name)
            if identity.role in (Role.TERMINAL, Role.LOCK) and identity.name in terminals:
                enrolled.add(identity)
    access = {Identity(Role.ACCESS)} if site.list_source.published else set()
    identities = frozenset({Identity(Role.CONTROLLER), Identity(Role.CLI), *access, *readers, *enrolled})
    return Standing(identities, revoked_serials(context.store), serial_of(broker_pair(context).certificate))


def broker_files(context: Context, at: Standing | None = None) -> Files:
    """Give the content of a managed broker's files, keys and certificates made where there are none.

    Raises ConfigError for a key that is gone or damaged, or a reader's password that cannot be had, and StorageFailed.
    """
    at = at or standing(context)
    vouching, pair = authority(context), broker_pair(context)
    legacy_acl, passwords = legacy_files(context.site)
    return Files(
        authority=vouching.certificate,
        certificate=pair.certificate,
        key=pair.key,
        revoked=vouching.revocations(at.revoked, context.clock()),
        acl=acl(context.site.name, at.identities, foreign(context.site)),
        legacy_acl=legacy_acl,
        passwords=passwords,
    )


def listener(site: Site) -> Listener:
    """Give where a managed broker listens for processes with certificates."""
    return Listener(site.broker.listen, site.broker.port)


def broker_address(site: Site) -> tuple[str, int]:
    """Give where processes of this machine reach the broker."""
    broker = site.broker
    if broker.mode is BrokerMode.EXTERNAL:
        return broker.host, broker.port
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
    return everywhere.get(broker.listen, broker.listen), broker.port


def client_tls(context: Context, identity: Identity) -> ssl.SSLContext:
    """Give the TLS side of a process of this machine (the controller, the command line) at the broker.

    Raises ConfigError when a file of an external broker cannot be used or a key is gone, and StorageFailed.
    """
    broker, folder = context.site.broker, context.site.folder
    if broker.mode is BrokerMode.EXTERNAL:
        vouching = read_public(folder / broker.authority)
        pair = _theirs(folder / broker.certificate, folder / broker.key) if broker.key else own_pair(context, identity)
    else:
        vouching, pair = authority(context).certificate, own_pair(context, identity)
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        made.load_verify_locations(cadata=vouching.decode("ascii"))
        made.load_cert_chain(pair.certificate_file, pair.key_file)
    except (OSError, ssl.SSLError, ValueError) as error:
        raise ConfigError(
            t("the certificates for the broker cannot be used ({cause})", cause=str(error)[:200]),
            where=str(pair.certificate_file),
            next_step=t("correct the files that [broker] of site.toml names"),
        ) from None
    return made


def _theirs(certificate: Path, key: Path) -> Pair:
    return Pair(read_public(certificate), read_private(key), certificate, key)


def broker_folder(site: Site) -> Path:
    """Give the folder of a managed broker's files, which hold its key: the owner's alone wherever it is."""
    if os.geteuid() != 0:
        return site.folder / FOLDER
    return _RUN / f"portseal-broker-{sha256(os.fsencode(site.folder.absolute())).hexdigest()[:16]}"


class ManagedBroker:
    """The site's own Mosquitto, which follows what the store says of identities."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._standing: Standing | None = None
        self._mark: object = None
        self._thorough = 0.0
        site = context.site
        self.process = Mosquitto(broker_folder(site), listener(site), site.folder / LOG, legacy(site))

    def start(self) -> None:
        """Start it; raises what :meth:`Mosquitto.start` and :func:`broker_files` raise."""
        now = standing(self._context)
        self.process.start(broker_files(self._context, now))
        self._standing = now

    def look(self) -> Look:
        """Let it know what has changed since the last look, and start it again when it has died.

        It is also started again, and every connection breaks and comes back, when it does not do as it is told.
        """
        # At a glance, for this is asked often and there may be thousands of rows. Now and then all is compared: the
        # broker's own certificate may near its end.
        mark, now = (self._context.site, certificates_mark(self._context.store)), time.monotonic()
        if mark == self._mark and now < self._thorough and self.process.running:
            return Look.KEPT
        found = self._follow()
        self._mark, self._thorough = mark, now + _THOROUGH
        return found

    def _follow(self) -> Look:
        before, now = self._standing, standing(self._context)
        if before == now and self.process.running:
            return Look.KEPT
        files = broker_files(self._context, now)
        if before is not None and self.process.running and self._told(files, now.revoked - before.revoked):
            self._standing = now
            return Look.RELOADED
        _log.warning("the broker is started again: it has died, or does not do as it is told")
        self.process.stop()
        self.process.start(files)
        self._standing = now
        return Look.RESTARTED

    def _told(self, files: Files, revoked: frozenset[str]) -> bool:
        """Let it read its files again, and end what revoked certificates have open; tells whether it has done so."""
        self.process.write(files)
        if not self.process.reload():
            return False
        found = [each for each in map(partial(certificate, self._context.store), revoked) if each is not None]
        try:
            for name in sorted({each.identity for each in found}):
                evict(self._context, parse_identity(name), *broker_address(self._context.site))
        except (OSError, PortsealError) as error:
            _log.warning("a revoked connection could not be ended alone: %s", error)
            return False
        return True

    def stop(self) -> None:
        """End it."""
        self.process.stop()
        self._standing = None
