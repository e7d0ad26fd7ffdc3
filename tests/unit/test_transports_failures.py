"""Every exception of netmiko and paramiko becomes one of ours; walked over what the libraries define."""

from __future__ import annotations

import inspect
import socket
from collections.abc import Iterator
from types import ModuleType

import netmiko
import netmiko.exceptions
import paramiko
import paramiko.hostkeys
import paramiko.pkey
import paramiko.ssh_exception
import pytest

from drivers.transports import ssh
from drivers.transports.ssh import SshAddress, SshChannel, failure
from policies.errors import (
    AuthenticationFailed,
    ConfigError,
    EquipmentError,
    HostKeyMismatch,
    Unreachable,
)

ADDRESS = SshAddress("sw1", "192.0.2.1", 22, "admin", "s3cret", timeout=1.0)
KEY = paramiko.ECDSAKey.generate()


def defined_in(module: ModuleType) -> Iterator[type[Exception]]:
    for _, found in inspect.getmembers(module, inspect.isclass):
        if issubclass(found, Exception) and found.__module__.split(".")[0] in ("paramiko", "netmiko"):
            yield found


LIBRARIES = sorted(
    {
        *defined_in(netmiko.exceptions),
        *defined_in(paramiko.ssh_exception),
        *defined_in(paramiko.hostkeys),
        *defined_in(paramiko.pkey),
    },
    key=lambda found: (found.__module__, found.__name__),
)
SYSTEM = [
    socket.gaierror(-2, "Name or service not known"),
    TimeoutError("timed out"),
    ConnectionRefusedError("refused"),
    EOFError(),
]


def made(kind: type[Exception]) -> Exception:
    """Make an exception of any of the libraries' kinds, whatever its constructor asks for."""
    given: dict[str, tuple[object, ...]] = {
        "BadHostKeyException": ("192.0.2.1", KEY, KEY),
        "BadAuthenticationType": ("x", ["password"]),
        "PartialAuthentication": (["password"],),
        "ChannelException": (1, "x"),
        "NoValidConnectionsError": ({("192.0.2.1", 22): OSError("x")},),
        "ProxyCommandFailure": ("x", 1),
        "InvalidHostKey": ("x", ValueError("x")),
        "UnknownKeyType": ("x", b"x"),
        "UnableToAuthenticate": ("x",),
    }
    return kind(*given.get(kind.__name__, ("x",)))


@pytest.mark.parametrize("error", [*map(made, LIBRARIES), *SYSTEM], ids=lambda error: type(error).__name__)
def test_whatever_the_libraries_raise_at_login_is_one_line_of_ours(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def raises(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(netmiko.BaseConnection, "__init__", raises)
    with pytest.raises(EquipmentError) as ours:
        SshChannel(ADDRESS)
    line = str(ours.value)
    assert "\n" not in line
    assert "s3cret" not in line
    assert ours.value.where.startswith("sw1")
    assert ours.value.next_step is not None


@pytest.mark.parametrize("kind", LIBRARIES, ids=lambda kind: kind.__name__)
def test_a_refused_login_is_told_from_a_line_that_fails(kind: type[Exception]) -> None:
    ours = failure(made(kind), ADDRESS, "sw1")
    if issubclass(kind, paramiko.AuthenticationException):
        assert isinstance(ours, AuthenticationFailed)
    elif issubclass(kind, paramiko.BadHostKeyException):
        assert isinstance(ours, HostKeyMismatch)
    else:
        assert isinstance(ours, Unreachable)


def hidden(cause: Exception) -> Exception:
    """Wrap `cause` as Netmiko does: as the context of its own error."""
    error = netmiko.exceptions.NetmikoTimeoutException("TCP connection to device failed.\n\nlong\n")
    error.__context__ = cause
    return error


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        (SYSTEM[0], "host name is not known"),
        (SYSTEM[1], "nobody answers"),
        (SYSTEM[2], "refused"),
        (paramiko.ssh_exception.NoValidConnectionsError({("192.0.2.1", 22): ConnectionRefusedError()}), "refused"),
        (paramiko.SSHException("Error reading SSH protocol banner"), "protocol banner"),
        (paramiko.ssh_exception.IncompatiblePeer("no acceptable kex"), "no acceptable kex"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value,
)
def test_what_netmiko_hides_is_what_is_said(cause: Exception, words: str) -> None:
    ours = failure(hidden(cause), ADDRESS, "sw1")
    assert isinstance(ours, Unreachable)
    assert words in str(ours)


def test_a_changed_host_key_is_seen_through_netmikos_timeout() -> None:
    ours = failure(hidden(paramiko.BadHostKeyException("192.0.2.1", KEY, KEY)), ADDRESS, "sw1")
    assert isinstance(ours, HostKeyMismatch)
    assert ssh.fingerprint(KEY) in str(ours)


@pytest.mark.parametrize(
    "text", ["", "not a key", "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----"]
)
def test_a_key_that_is_none_is_a_mistake_in_the_configuration(text: str) -> None:
    with pytest.raises(ConfigError, match="SSH key") as error:
        SshChannel(SshAddress("sw1", "192.0.2.1", 22, "admin", key=text))
    assert "BEGIN" not in str(error.value)


def test_neither_password_nor_key_is_in_a_repr() -> None:
    shown = repr(SshAddress("sw1", "192.0.2.1", 22, "admin", "s3cret", key="-----BEGIN"))
    assert "s3cret" not in shown
    assert "BEGIN" not in shown
