"""Mosquitto as a child of the controller: its files, its start and stop, and what to do when it dies.

Persistence is off: durable queues are ours, on disk at both ends, and a swipe is worth nothing after seconds. The
broker sees no secret but its own key. Options: mosquitto.conf(5).
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from policies.errors import ConfigError, DeviceTimeout, EquipmentError
from policies.texts import t

#: Seconds until a started broker must take connections, and until a stopped one must be gone.
_READY, _GONE = 10.0, 5.0
_CONFIG = "mosquitto.conf"
#: The account that the Debian package makes; a broker that root starts becomes it.
_ACCOUNT = "mosquitto"
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class Listener:
    """Where the broker listens for processes with certificates."""

    host: str = "127.0.0.1"
    port: int = 8883


@dataclass(frozen=True, slots=True)
class Files:
    """The content of the broker's files: PEM, the revocation list too, and the ACL."""

    authority: bytes = field(repr=False)
    certificate: bytes = field(repr=False)
    key: bytes = field(repr=False)
    revoked: bytes = field(repr=False)
    acl: str = field(repr=False)


def configuration(listener: Listener, folder: Path, account: str = "") -> str:
    """Write mosquitto.conf for files in `folder`."""
    lines = [
        "# Written by portseal serve; changes are lost.",
        "per_listener_settings false",
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
        "persistence false",
        # Without it small messages wait 40 ms now and then for Nagle's algorithm.
        "set_tcp_nodelay true",
        "max_packet_size 65536",
        "max_queued_messages 1000",
        "max_inflight_messages 100",
        "max_keepalive 60",
        "log_dest stderr",
        "log_type error",
        "log_type warning",
        "log_type notice",
        "log_type information",  # says "running", for which the start waits
    ]
    lines += [f"user {account}"] if account else []
    return "\n".join(lines) + "\n"


class Mosquitto:
    """One broker. `folder` is made anew at every start, and belongs to the account that the broker runs as."""

    def __init__(self, folder: Path, listener: Listener, log: Path) -> None:
        self.folder, self.listener, self._log = folder, listener, log
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
        program = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:{_PATH}")
        if program is None:
            raise ConfigError(
                t("the broker needs mosquitto, which is not installed"), next_step=t("apt-get install mosquitto")
            )
        self._end_orphan()
        self.write(files)
        with self._log.open("ab") as log:
            begin = log.seek(0, os.SEEK_END)
            self._process = subprocess.Popen(
                [program, "-c", str(self.folder / _CONFIG)], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self._await(begin)

    def write(self, files: Files) -> None:
        """Write configuration, keys and ACL, each whole; the broker reads them at its start and at `reload`."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        contents: Mapping[str, bytes] = {
            "authority.pem": files.authority, "broker.pem": files.certificate, "broker.key": files.key,
            "revoked.pem": files.revoked, "acl": files.acl.encode(),
            _CONFIG: configuration(self.listener, self.folder, self._account).encode(),
        }  # fmt: skip
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

    def reload(self) -> None:
        """Let it read ACL and certificates again, with all connections kept."""
        if self._process is not None and self.running:
            self._process.send_signal(signal.SIGHUP)

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
