"""Mosquitto as a child of the controller: its files, its start and stop, and what to do when it dies.

Persistence is off: durable queues are ours, on disk at both ends, and a swipe is worth nothing after seconds. The
broker sees no secret but its own key. Options: mosquitto.conf(5).
"""

from __future__ import annotations

import os
import pwd
import resource
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from policies.errors import ConfigError, DeviceTimeout, EquipmentError
from policies.texts import t

#: Seconds until a started broker must take connections, and until a stopped one must be gone.
_READY, _GONE = 10.0, 5.0
_CONFIG, _TLS = "mosquitto.conf", "openssl.cnf"
#: The account that the Debian package makes; a broker that root starts becomes it.
_ACCOUNT = "mosquitto"
#: Connections that readers without certificates may have: strangers can open them too, before they log in.
_MOST_LEGACY = 256
#: Open files, and so connections, that the broker may have, where the system lets it.
_MOST_FILES = 65536
_GENERAL = (
    "persistence false",
    # Without it small messages wait 40 ms now and then for Nagle's algorithm.
    "set_tcp_nodelay true",
    "max_packet_size 65536",
    # What comes faster than the controller commits waits here: a queue that is full drops what is new.
    "max_queued_messages 100000",
    "max_queued_bytes 134217728",
    "max_inflight_messages 1000",
    "max_keepalive 60",
    "log_dest stderr",
    "log_type error",
    "log_type warning",
    "log_type notice",
    "log_type information",  # says "running", for which the start waits
)
#: The TLS library's own settings (openssl.cnf(5)), for which mosquitto.conf has no words: no session tickets. No one
#: of ours resumes a session, and to make two tickets takes about as long as the rest of a handshake: that is what the
#: broker works at when a thousand terminals come at once.
_LIBRARY = """# Written by portseal serve; changes are lost.
openssl_conf = settings
[settings]
ssl_conf = all
[all]
system_default = tls
[tls]
MinProtocol = TLSv1.2
NumTickets = 0
Options = -SessionTicket
"""
#: Where it may be: the Debian package puts it where only root looks.
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class Listener:
    """Where the broker listens for processes with certificates."""

    host: str = "127.0.0.1"
    port: int = 8883


@dataclass(frozen=True, slots=True)
class Legacy:
    """Where it listens for card readers without certificates: plain TCP, with name and password in clear."""

    host: str = "127.0.0.1"
    port: int = 1883


@dataclass(frozen=True, slots=True)
class Files:
    """The content of the broker's files: PEM, the revocation list too, and the ACL; both files of the legacy listener.

    `passwords` is :func:`controller.broker.passwords.password_file`'s, `legacy_acl` that of
    :func:`policies.messages.identities.login_acl`.
    """

    authority: bytes = field(repr=False)
    certificate: bytes = field(repr=False)
    key: bytes = field(repr=False)
    revoked: bytes = field(repr=False)
    acl: str = field(repr=False)
    legacy_acl: str = field(repr=False, default="")
    passwords: str = field(repr=False, default="")


def configuration(listener: Listener, folder: Path, account: str = "", legacy: Legacy | None = None) -> str:
    """Write mosquitto.conf for files in `folder`.

    Every listener has users and ACL of its own, or a password would do where a certificate is asked for. What stands
    behind a line `listener` is of that one, down to the next.
    """
    lines = [
        "# Written by portseal serve; changes are lost.",
        "per_listener_settings true",
        *_GENERAL,
        *([f"user {account}"] if account else []),
        f"listener {listener.port} {listener.host}",
        f"cafile {folder}/authority.pem",
        f"certfile {folder}/broker.pem",
        f"keyfile {folder}/broker.key",
        f"crlfile {folder}/revoked.pem",
        "tls_version tlsv1.2",
        "require_certificate true",
        # The name in the certificate is the user, and the client id too: nobody takes over another one's session.
        "use_identity_as_username true",
        "use_username_as_clientid true",
        f"acl_file {folder}/acl",
        "allow_anonymous false",
    ]
    if legacy is not None:
        lines += [
            f"listener {legacy.port} {legacy.host}",
            f"password_file {folder}/passwords",
            f"acl_file {folder}/legacy_acl",
            "allow_anonymous false",
            # The client id is the login here too: a reader can end no other one's connection, nor a terminal's.
            "use_username_as_clientid true",
            f"max_connections {_MOST_LEGACY}",
        ]
    return "\n".join(lines) + "\n"


class Mosquitto:
    """One broker. `folder` is made anew at every start, and belongs to the account that the broker runs as."""

    def __init__(self, folder: Path, listener: Listener, log: Path, legacy: Legacy | None = None) -> None:
        self.folder, self.listener, self._log, self.legacy = folder, listener, log, legacy
        self._process: subprocess.Popen[bytes] | None = None
        self._account = _ACCOUNT if os.geteuid() == 0 and _exists(_ACCOUNT) else ""

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    def start(self, files: Files) -> None:
        """Write the files and start; raises EquipmentError with its last words when it does not come up.

        Raises ConfigError when mosquitto is not installed, DeviceTimeout when it does not listen in time.
        """
        program = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:{PATH}")
        if program is None:
            raise ConfigError(
                t("the broker needs mosquitto, which is not installed"), next_step=t("apt-get install mosquitto")
            )
        self._end_orphan()
        self.write(files)
        with self._log.open("ab") as log:
            begin = log.seek(0, os.SEEK_END)
            self._process = subprocess.Popen(
                [program, "-c", str(self.folder / _CONFIG)], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, "OPENSSL_CONF": str(self.folder / _TLS)},
            )  # fmt: skip
        _let_open_files(self._process.pid)
        self._await(begin)

    def write(self, files: Files) -> None:
        """Write configuration, keys and ACL, each whole; the broker reads them at its start and at `reload`."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        contents: dict[str, bytes] = {
            "authority.pem": files.authority, "broker.pem": files.certificate, "broker.key": files.key,
            "revoked.pem": files.revoked, "acl": files.acl.encode(),
            _TLS: _LIBRARY.encode(),
            _CONFIG: configuration(self.listener, self.folder, self._account, self.legacy).encode(),
        }  # fmt: skip
        if self.legacy is not None:
            contents |= {"legacy_acl": files.legacy_acl.encode(), "passwords": files.passwords.encode()}
        for name, content in contents.items():
            beside = self.folder / f".{name}.new"
            with suppress(FileNotFoundError):
                beside.unlink()
            descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
            self._give(beside)
            beside.replace(self.folder / name)
        self._give(self.folder)

    def reload(self) -> bool:
        """Let it read ACL, certificates and revocations again, all connections kept; tells whether it says it has.

        When this returns True, whoever connects from now on is judged by the new files.
        """
        if self._process is None or not self.running:
            return False
        with self._log.open("ab") as log:
            begin = log.seek(0, os.SEEK_END)
        self._process.send_signal(signal.SIGHUP)
        ends = time.monotonic() + _READY
        while time.monotonic() < ends:
            if self._process.poll() is not None:
                return False
            # It reads them in one go with saying so, before it looks at a connection again.
            if b"Reloading config" in self._said(begin):
                return True
            time.sleep(0.01)
        return False

    def stop(self) -> None:
        """End it; connections break, and last wills are sent."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_GONE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _end_orphan(self) -> None:
        """End a broker that a killed controller has left: it has our port, and files of before.

        The kernel could end it with its parent (PR_SET_PDEATHSIG), but forgets that when mosquitto changes its account.
        """
        wanted = str(self.folder / _CONFIG).encode()
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                words = (process / "cmdline").read_bytes().split(b"\0")
                if words[0].endswith(b"mosquitto") and wanted in words:
                    _end(int(process.name))

    def _await(self, begin: int) -> None:
        """Wait until it says in its log that it runs: a port that takes connections may be another one's."""
        ends = time.monotonic() + _READY
        while time.monotonic() < ends:
            if not self.running:
                raise EquipmentError(
                    t("the broker did not start: {said}", said=self._last_words()),
                    where="mosquitto",
                    next_step=t("read {file}", file=str(self._log)),
                )
            if b" running" in self._said(begin):
                return
            time.sleep(0.02)
        self.stop()
        raise DeviceTimeout(
            t("it is not ready after {seconds} s.", seconds=f"{_READY:g}"),
            where="mosquitto",
            next_step=t("read {file}", file=str(self._log)),
        )

    def _said(self, begin: int) -> bytes:
        with suppress(OSError), self._log.open("rb") as log:
            log.seek(begin)
            return log.read(1 << 16)
        return b""

    def _last_words(self) -> str:
        with suppress(OSError):
            lines = self._log.read_text("utf-8", "replace").strip().splitlines()
            return lines[-1][:300] if lines else ""
        return ""

    def _give(self, path: Path) -> None:
        if self._account:
            entry = pwd.getpwnam(self._account)
            os.chown(path, entry.pw_uid, entry.pw_gid)


def _let_open_files(pid: int) -> None:
    """Let a process open as many files as it may: one connection is one, and the usual 1,024 keep terminals out."""
    with suppress(OSError, ValueError):  # it has ended already, or this account may not: then the limit stays
        allowed = resource.prlimit(pid, resource.RLIMIT_NOFILE)[1]
        most = _MOST_FILES if allowed == resource.RLIM_INFINITY else min(allowed, _MOST_FILES)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (most, allowed))


def _end(pid: int) -> None:
    """End a process that is not our child, and wait until it is gone."""
    ends = time.monotonic() + _GONE
    os.kill(pid, signal.SIGTERM)
    while time.monotonic() < ends:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.02)
    os.kill(pid, signal.SIGKILL)


def _exists(account: str) -> bool:
    try:
        pwd.getpwnam(account)
    except KeyError:
        return False
    return True
