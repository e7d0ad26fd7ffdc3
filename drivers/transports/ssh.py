"""SSH through Netmiko, which knows the logins; reads wait on channel data instead of Netmiko's fixed sleeps.

Sleeping is slower (0.26 s of a 0.38 s session) and wrong under load, when a prompt is learned as "sw1#sw1#".
"""

from __future__ import annotations

import base64
import codecs
import contextlib
import fcntl
import hashlib
import io
import logging
import os
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import paramiko
from netmiko import BaseConnection
from netmiko.exceptions import NetmikoAuthenticationException, NetmikoBaseException, NetmikoTimeoutException
from paramiko.config import SSH_PORT
from paramiko.hostkeys import InvalidHostKey
from paramiko.pkey import UnknownKeyType
from paramiko.ssh_exception import NoValidConnectionsError

from policies.errors import (
    AuthenticationFailed,
    ConfigError,
    DeviceTimeout,
    EquipmentError,
    HostKeyMismatch,
    PortsealError,
    StorageFailed,
    Unreachable,
)
from policies.texts import Text, t


@dataclass(frozen=True, slots=True)
class SshAddress:
    """Where and as whom to log in.

    `key` is a private key's PEM text. `host_key` is OpenSSH's "SHA256:…" fingerprint; without it `known_hosts` decides,
    and a host seen for the first time is remembered there (trust on first use).
    """

    switch: str
    host: str
    port: int
    username: str
    password: str | None = field(default=None, repr=False)
    key: str | None = field(default=None, repr=False)
    host_key: str | None = None
    known_hosts: Path | None = None
    timeout: float = 30.0


def fingerprint(key: paramiko.PKey) -> str:
    """Give the key's fingerprint as OpenSSH prints it (SHA256:…)."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(key.asbytes()).digest()).decode().rstrip("=")


#: Exceptions of paramiko without a common base.
_LOOSE = (InvalidHostKey, UnknownKeyType)

# Without a handler of its own, paramiko's tracebacks of a broken login would reach the user's terminal.
logging.getLogger("paramiko").addHandler(logging.NullHandler())


class _HostKeyPolicy(paramiko.MissingHostKeyPolicy):
    """Called before any password is sent, when known_hosts does not list the host."""

    def __init__(self, address: SshAddress) -> None:
        self.address = address

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:
        seen = fingerprint(key)
        if self.address.host_key is not None:
            if seen != self.address.host_key:
                raise _mismatch(self.address, seen)
            return
        if self.address.known_hosts is not None:
            client.get_host_keys().add(hostname, key.get_name(), key)
            _remember(self.address.known_hosts, f"{hostname} {key.get_name()} {key.get_base64()}\n")


def _remember(known_hosts: Path, line: str) -> None:
    """Keep the key, or do not log in: a first contact that leaves no trace would be one every time.

    Under a lock, since several switches may be met at once; a last line that an editor left open is ended first.
    """
    try:
        known_hosts.parent.mkdir(parents=True, exist_ok=True)
        with known_hosts.open("ab+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # goes with the file's closing, or with the process
            if size := file.seek(0, os.SEEK_END):
                file.seek(size - 1)
                line = line if file.read(1) == b"\n" else f"\n{line}"
                file.seek(0)
                if line.strip().encode("ascii") in file.read().splitlines():
                    return
            file.write(line.encode("ascii"))
    except OSError as error:
        raise StorageFailed(
            t("the switch's host key cannot be remembered: {reason}", reason=error.strerror or ""),
            where=str(known_hosts),
            next_step=t("make room or correct the file's owner, then try again"),
        ) from error


def _mismatch(address: SshAddress, seen: str) -> HostKeyMismatch:
    return HostKeyMismatch(
        t("the SSH host key is {seen}, not the one accepted before", seen=seen),
        where=f"{address.switch} ({address.host})",
        next_step=t(
            "ask who replaced the switch; if that was right, remove its line from known_hosts or correct host_key"
        ),
    )


class _Connection(BaseConnection):
    """Netmiko's login without its session preparation: the dialect says what is to be prepared."""

    address: SshAddress

    def _open(self) -> None:
        self.sock = _dial(self.address)
        self.establish_connection()

    def _connect_params_dict(self) -> dict[str, Any]:
        return {**super()._connect_params_dict(), "transport_factory": _transport}

    def _build_ssh_client(self) -> paramiko.SSHClient:
        client = paramiko.SSHClient()
        known = self.address.known_hosts
        if self.address.host_key is None and known is not None and known.is_file():
            _load(client, known, self.address)
        client.set_missing_host_key_policy(_HostKeyPolicy(self.address))
        return client


def _load(client: paramiko.SSHClient, known_hosts: Path, address: SshAddress) -> None:
    """Tell the client what is remembered of the host; not of all the others, which paramiko would parse each time."""
    host = address.host if address.port == SSH_PORT else f"[{address.host}]:{address.port}"
    try:
        status = known_hosts.stat()
        remembered = _read(known_hosts, status.st_mtime_ns, status.st_size).lookup(host)
    except (OSError, ValueError, *_LOOSE) as error:
        raise ConfigError(
            t("the remembered host keys cannot be read"),
            where=str(known_hosts),
            next_step=t("remove the damaged line, and compare the keys with the switches' own"),
        ) from error
    for kind, key in (remembered or {}).items():
        client.get_host_keys().add(host, kind, key)


@lru_cache(maxsize=4)
def _read(known_hosts: Path, _changed: int, _size: int) -> paramiko.HostKeys:
    """Parse the file, once as long as it stays as it is: its time of change and its size are part of the question."""
    return paramiko.HostKeys(str(known_hosts))


class SshChannel:
    """A :class:`~drivers.transports.Channel` over SSH."""

    def __init__(self, address: SshAddress) -> None:
        self.where = f"{address.switch} ({address.host}:{address.port})"
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._connection = _connect(address, self.where)
        shell = self._connection.remote_conn
        assert isinstance(shell, paramiko.Channel)
        self._shell = shell

    def write(self, text: str) -> None:
        """See :class:`drivers.transports.Channel`."""
        try:
            self._shell.sendall(text.encode())
        except TimeoutError as error:
            raise self._silent(self._shell.gettimeout() or 0.0) from error
        except (OSError, EOFError, paramiko.SSHException) as error:
            raise _lost(self.where) from error

    def read(self, timeout: float) -> str:
        """See :class:`drivers.transports.Channel`."""
        self._shell.settimeout(timeout)
        while True:
            try:
                data = self._shell.recv(65536)
            except TimeoutError as error:
                raise self._silent(timeout) from error
            except (OSError, EOFError, paramiko.SSHException) as error:
                raise _lost(self.where) from error
            if not data:
                raise _lost(self.where)
            if text := self._decoder.decode(data):
                return text

    def close(self) -> None:
        """See :class:`drivers.transports.Channel`."""
        with contextlib.suppress(OSError, EOFError, paramiko.SSHException, NetmikoBaseException):
            self._connection.disconnect()

    def _silent(self, timeout: float) -> DeviceTimeout:
        return DeviceTimeout(
            t("no answer for {seconds} s", seconds=round(timeout, 1)),
            where=self.where,
            next_step=t("check the switch's load and the line, then try again"),
        )


def _lost(where: str) -> Unreachable:
    return Unreachable(
        t("the connection was closed"), where=where, next_step=t("check the line and the switch's session limit")
    )


def _connect(address: SshAddress, where: str) -> _Connection:
    key = _private_key(address.key, where) if address.key is not None else None
    connection = _Connection.__new__(_Connection)
    connection.address = address
    try:
        # BaseConnection opens in __init__; the address must be there before, for the host key policy.
        connection.__init__(  # type: ignore[misc]
            host=address.host,
            port=address.port,
            username=address.username,
            password=address.password or "",
            pkey=key,
            device_type="generic",
            conn_timeout=min(address.timeout, 10.0),
            auth_timeout=address.timeout,
            banner_timeout=address.timeout,
        )
    except PortsealError:
        _abandon(connection)
        raise
    except (OSError, EOFError, ValueError, paramiko.SSHException, NetmikoBaseException, *_LOOSE) as error:
        _abandon(connection)
        raise failure(error, address, where) from error
    return connection


def _transport(
    sock: socket.socket, disabled_algorithms: Mapping[str, Iterable[str]] | None = None
) -> paramiko.Transport:
    """Prefer the ciphers that authenticate what they encrypt (AES-GCM, RFC 5647); the others follow in their order.

    With another cipher paramiko compares every message's MAC octet by octet in Python: a fifth of a reading's time.
    """
    transport = paramiko.Transport(sock, disabled_algorithms=disabled_algorithms)
    options = transport.get_security_options()
    options.ciphers = sorted(options.ciphers, key=lambda name: "-gcm" not in name)
    return transport


class _Ahead(socket.socket):
    """A socket that receives what has come at once; paramiko asks for each message in two or three small pieces.

    Each piece would be a system call for which the thread gives up the interpreter, and then waits for it.
    """

    _CHUNK = 65536

    def __init__(self, dialled: socket.socket) -> None:
        timeout = dialled.gettimeout()
        super().__init__(fileno=dialled.detach())
        self.settimeout(timeout)
        self._come = b""

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        """Give up to `bufsize` octets of what has come, and wait only when there is nothing."""
        come = self._come or super().recv(self._CHUNK, flags)
        self._come = come[bufsize:]
        return come[:bufsize]


def _dial(address: SshAddress) -> socket.socket:
    """Connect without Nagle's delay: a login is a dozen small messages, and each would wait 40 ms for an ACK."""
    dialled = socket.create_connection((address.host, address.port), timeout=min(address.timeout, 10.0))
    dialled.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return _Ahead(dialled)


def _abandon(connection: _Connection) -> None:
    with contextlib.suppress(AttributeError):  # it failed before there was anything to close
        connection.paramiko_cleanup()
    if isinstance(sock := getattr(connection, "sock", None), socket.socket):
        sock.close()


def failure(error: Exception, address: SshAddress, where: str) -> EquipmentError:
    """Say what a failed login means; Netmiko hides paramiko's own error behind one of two, as its context."""
    cause = error.__context__ if isinstance(error, NetmikoTimeoutException) else error
    if isinstance(cause, paramiko.BadHostKeyException):
        return _mismatch(address, fingerprint(cause.key))
    if isinstance(error, NetmikoAuthenticationException | paramiko.AuthenticationException):
        return AuthenticationFailed(
            t("user {user} was refused", user=address.username),
            where=where,
            next_step=t("check username and password in site.toml and the secret store"),
        )
    return Unreachable(
        _reason(cause), where=where, next_step=t("check address, cabling and that SSH is enabled on the switch")
    )


def _private_key(text: str, where: str) -> paramiko.PKey:
    for kind in (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey):
        with contextlib.suppress(paramiko.SSHException, ValueError):
            return kind.from_private_key(io.StringIO(text + "\n"))
    raise ConfigError(
        t("the SSH key cannot be used: no unencrypted Ed25519, ECDSA or RSA private key"),
        where=where,
        next_step=t("give another with 'key' in site.toml"),
    )


def _reason(cause: BaseException | None) -> Text:
    if isinstance(cause, socket.gaierror):
        return t("the host name is not known")
    if isinstance(cause, TimeoutError):
        return t("nobody answers")
    if isinstance(cause, ConnectionRefusedError | NoValidConnectionsError):
        return t("the connection was refused")
    return t("SSH failed: {reason}", reason=" ".join(str(cause).split())[:120])
