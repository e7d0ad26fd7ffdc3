"""The SSH channel and a session over it, against a real OpenSSH server."""

from __future__ import annotations

import getpass
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from drivers.dialects import dialect
from drivers.session import Session
from drivers.transports.ssh import SshAddress, SshChannel
from policies.errors import (
    AuthenticationFailed,
    CommandRejected,
    ConfigError,
    DeviceTimeout,
    HostKeyMismatch,
    PortsealError,
    StorageFailed,
    Unreachable,
)
from tests.replay.ssh_server import SshServer, free_port, make_keys, require_sshd, ssh_server

OVS = dialect("openvswitch")


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    require_sshd()
    folder = tmp_path_factory.mktemp("keys")
    return folder, make_keys(folder)


@pytest.fixture
def server(keys: tuple[Path, str]) -> Iterator[SshServer]:
    with ssh_server(*keys) as running:
        yield running


@pytest.fixture
def address(server: SshServer, tmp_path: Path) -> SshAddress:
    return SshAddress(
        "sw1",
        "127.0.0.1",
        server.port,
        getpass.getuser(),
        key=server.key,
        known_hosts=tmp_path / "site" / "known_hosts",
        timeout=10,
    )


def fails(address: SshAddress, kind: type[PortsealError], words: str) -> PortsealError:
    """Log in, which must fail in one line, and leave no thread of paramiko behind."""
    with pytest.raises(kind, match=words) as error:
        SshChannel(address)
    assert "\n" not in str(error.value)
    assert error.value.next_step is not None
    for thread in threading.enumerate():
        if "paramiko" in type(thread).__module__:
            thread.join(10)
            assert not thread.is_alive()
    return error.value


def talk(address: SshAddress, command: str = "echo x") -> str:
    with Session(SshChannel(address), OVS, switch="sw1", timeout=10) as session:
        return session.read(command)


class TestReaching:
    def test_an_unknown_host_name(self, address: SshAddress) -> None:
        fails(replace(address, host="no-such-switch.invalid"), Unreachable, "host name is not known")

    def test_a_refused_port(self, address: SshAddress) -> None:
        error = fails(replace(address, port=free_port()), Unreachable, "refused")
        assert error.where.startswith("sw1 (127.0.0.1:")

    def test_something_that_is_no_ssh_server(self, address: SshAddress) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:

            def answer() -> None:
                link, _ = listener.accept()
                with link:
                    link.sendall(b"HTTP/1.1 400 Bad Request\r\n" * 200)

            thread = threading.Thread(target=answer, daemon=True)
            thread.start()
            fails(replace(address, port=listener.getsockname()[1], timeout=5), Unreachable, "SSH failed")
            thread.join(10)

    def test_a_listener_that_never_speaks(self, address: SshAddress) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            fails(
                replace(address, port=listener.getsockname()[1], timeout=0.5), Unreachable, "SSH failed|nobody answers"
            )


class TestAuthentication:
    def test_a_wrong_password(self, address: SshAddress, server: SshServer) -> None:
        error = fails(replace(address, key=None, password="not-the-password"), AuthenticationFailed, "was refused")
        assert "not-the-password" not in str(error)
        assert server.asked_for_password()

    def test_a_key_that_the_server_does_not_know(self, address: SshAddress, keys: tuple[Path, str]) -> None:
        stranger = (keys[0] / "host_b").read_text("ascii")
        fails(replace(address, key=stranger), AuthenticationFailed, "was refused")

    def test_only_the_given_key_is_offered(self, address: SshAddress, server: SshServer) -> None:
        assert talk(address) == "x"
        offered = [line for line in server.log if "method publickey" in line]
        assert offered
        assert not server.asked_for_password()


class TestHostKeys:
    def test_the_first_contact_is_remembered(self, address: SshAddress) -> None:
        assert talk(address) == "x"
        assert address.known_hosts is not None
        lines = address.known_hosts.read_text("ascii").splitlines()
        assert len(lines) == 1
        assert lines[0].startswith(f"[127.0.0.1]:{address.port} ssh-ed25519 ")
        assert talk(address) == "x"
        assert address.known_hosts.read_text("ascii").splitlines() == lines

    @pytest.mark.parametrize("how", ["remembered", "pinned"])
    def test_a_changed_key_is_told_before_any_password_is_sent(
        self, how: str, address: SshAddress, server: SshServer, keys: tuple[Path, str]
    ) -> None:
        talk(address)
        pinned = server.fingerprint("host_a")
        with ssh_server(*keys, host_key="host_b") as other:
            moved = replace(address, port=other.port, key=None, password="s3cret")
            if how == "pinned":
                moved = replace(moved, host_key=pinned)
            else:
                assert address.known_hosts is not None
                text = address.known_hosts.read_text("ascii")
                address.known_hosts.write_text(text.replace(str(address.port), str(other.port)), "ascii")
            error = fails(moved, HostKeyMismatch, "host key")
            assert other.fingerprint("host_b") in str(error)
        assert not any("userauth-request" in line for line in other.log)

    def test_a_pinned_key_needs_no_known_hosts(self, address: SshAddress, server: SshServer) -> None:
        pinned = replace(address, host_key=server.fingerprint())
        assert talk(pinned) == "x"
        assert address.known_hosts is not None
        assert not address.known_hosts.exists()

    def test_a_key_of_another_kind_than_the_remembered_one_is_a_changed_key(
        self, address: SshAddress, server: SshServer
    ) -> None:
        assert address.known_hosts is not None
        address.known_hosts.parent.mkdir()
        kind, key, *_ = (server.folder / "host_rsa.pub").read_text("ascii").split()
        address.known_hosts.write_text(f"[127.0.0.1]:{address.port} {kind} {key}\n", "ascii")
        error = fails(replace(address, key=None, password="s3cret"), HostKeyMismatch, "host key")
        assert server.fingerprint() in str(error)
        assert not server.asked_for_password()

    def test_a_first_contact_that_cannot_be_remembered_is_no_login(self, address: SshAddress, tmp_path: Path) -> None:
        blocker = tmp_path / "blocker"
        blocker.write_text("a file where a folder must be", "ascii")
        fails(replace(address, known_hosts=blocker / "known_hosts"), StorageFailed, "cannot be remembered")

    def test_a_damaged_line_is_named(self, address: SshAddress) -> None:
        assert address.known_hosts is not None
        address.known_hosts.parent.mkdir()
        address.known_hosts.write_text("[127.0.0.1]:22 ssh-ed25519 !!!!not-base64!!!!x\n", "ascii")
        error = fails(address, ConfigError, "host keys cannot be read")
        assert error.where == str(address.known_hosts)


class TestTalking:
    def test_a_session_reads_behind_a_real_login_shell(self, address: SshAddress) -> None:
        with Session(SshChannel(address), OVS, switch="sw1", timeout=10) as session:
            assert session.read("printf 'a\\nb\\n'") == "a\nb"
            assert session.read("echo " + "z" * 1500) == "z" * 1500
            assert session.read("echo 人脸识别") == "人脸识别"
            assert len(session.read("seq 1 20000").splitlines()) == 20_000
            with pytest.raises(CommandRejected):
                session.read("cat /nonexistent")
            assert session.read("echo still here") == "still here"

    def test_a_character_cut_between_two_reads_is_one_character(self, address: SshAddress) -> None:
        channel = SshChannel(address)
        try:
            channel.write("stty -echo; printf '\\344\\272'; read _; printf '\\272\\n'\n")
            told = ""
            with pytest.raises(DeviceTimeout):
                while True:
                    told += channel.read(0.5)
            channel.write("\n")
            while "人" not in told:
                told += channel.read(10)
        finally:
            channel.close()
        assert "\ufffd" not in told

    def test_a_connection_that_is_cut_in_the_middle_of_an_answer(self, address: SshAddress) -> None:
        with (
            pytest.raises(Unreachable, match="closed") as error,
            Session(SshChannel(address), OVS, switch="sw1", timeout=10) as session,
        ):
            session.read("echo half; kill -9 $PPID; read _")
        assert error.value.where.startswith("sw1")

    def test_typing_into_a_closed_connection(self, address: SshAddress) -> None:
        channel = SshChannel(address)
        channel.write("exec kill -9 $PPID\n")
        with pytest.raises(Unreachable):
            while True:
                channel.read(10)
        with pytest.raises(Unreachable):
            channel.write("echo x\n")
        channel.close()
        channel.close()

    def test_silence_is_a_timeout_that_loses_nothing(self, address: SshAddress) -> None:
        channel = SshChannel(address)
        try:
            channel.write("stty -echo; echo ready; read _; echo go-on\n")
            told = ""
            with pytest.raises(DeviceTimeout) as late:
                while True:
                    told += channel.read(0.5)
            assert late.value.where.startswith("sw1")
            channel.write("\n")
            while "go-on" not in told.split("ready")[-1]:
                told += channel.read(10)
        finally:
            channel.close()

    def test_a_server_that_gives_no_shell(self, keys: tuple[Path, str], address: SshAddress) -> None:
        with ssh_server(*keys, extra="MaxSessions 0") as closed:
            fails(replace(address, port=closed.port), Unreachable, "SSH failed")
