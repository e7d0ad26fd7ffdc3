"""A real OpenSSH server on 127.0.0.1 with a configuration, host key and user key of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

SSHD = "/usr/sbin/sshd"

CONFIG = """
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/{host_key}
AuthorizedKeysFile {folder}/authorized_keys
PidFile none
UsePAM no
StrictModes no
PermitRootLogin yes
PasswordAuthentication yes
KbdInteractiveAuthentication no
PrintMotd no
LogLevel DEBUG1
{extra}
"""


@dataclass
class SshServer:
    """A running server: its port, the user key's text, and what it wrote to its log."""

    folder: Path
    port: int
    key: str
    log: list[str] = field(default_factory=list)

    def fingerprint(self, name: str = "host_a") -> str:
        """Give a host key's fingerprint as ssh-keygen prints it."""
        told = subprocess.run(
            ["ssh-keygen", "-lf", str(self.folder / f"{name}.pub")], capture_output=True, text=True, check=True
        )
        return told.stdout.split()[1]

    def asked_for_password(self) -> bool:
        """Tell whether any client tried a password."""
        return any("method password" in line for line in self.log)


def free_port() -> int:
    """Give a port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def require_sshd() -> None:
    """Skip, with the remedy, where no server can run."""
    if not Path(SSHD).exists() or not shutil.which("ssh-keygen"):
        pytest.skip("there is no OpenSSH server: install openssh-server")
    if os.geteuid() != 0:
        pytest.skip("an OpenSSH server of its own needs root: run the tests as root")


def make_keys(folder: Path) -> str:
    """Make three host keys and a user key; give the user key's text."""
    for name in ("host_a", "host_b", "host_rsa", "user"):
        kind = "rsa" if name == "host_rsa" else "ed25519"
        subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", str(folder / name)], check=True)
    shutil.copy(folder / "user.pub", folder / "authorized_keys")
    return (folder / "user").read_text("ascii")


@contextlib.contextmanager
def ssh_server(
    folder: Path, key: str, *, port: int = 0, host_key: str = "host_a", extra: str = ""
) -> Iterator[SshServer]:
    """Start a server on keys that :func:`make_keys` made, wait until it listens, and stop it."""
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    server = SshServer(folder, port or free_port(), key)
    config = folder / f"sshd_config_{server.port}"
    config.write_text(CONFIG.format(port=server.port, folder=folder, host_key=host_key, extra=extra), "ascii")
    listening = threading.Event()
    process = subprocess.Popen([SSHD, "-D", "-e", "-f", str(config)], stderr=subprocess.PIPE, text=True)

    def collect() -> None:
        assert process.stderr is not None
        with process.stderr as lines:
            for line in lines:
                server.log.append(line.rstrip())
                if "Server listening" in line:
                    listening.set()
        listening.set()

    reader = threading.Thread(target=collect, daemon=True)
    reader.start()
    try:
        assert listening.wait(20), "sshd did not start"
        assert process.poll() is None, server.log
        yield server
    finally:
        process.terminate()
        process.wait(20)
        reader.join(20)
