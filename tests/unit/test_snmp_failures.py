"""Every exception of both SNMP libraries becomes one of Portseal's errors."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import socket
from collections.abc import Iterator
from types import ModuleType

import pytest

from drivers.snmp.failures import kind_of, translate
from policies.errors import (
    AuthenticationFailed,
    CommandRejected,
    DeviceTimeout,
    EquipmentError,
    UnparsedOutput,
    Unreachable,
)

WHERE = "192.0.2.1:161 IF_NAME (1.3.6.1.2.1.31.1.1.1.1)"


def exceptions_of(package: ModuleType) -> Iterator[type[Exception]]:
    prefix = package.__name__
    for module in pkgutil.walk_packages(package.__path__, f"{prefix}."):
        if ".mibs" in module.name or module.name.endswith((".cli", ".snmpd")):
            continue
        for _name, found in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if issubclass(found, Exception) and found.__module__.startswith((prefix, "_fast")):
                yield found


def library_exceptions() -> list[type[Exception]]:
    found = {each for name in ("gufo.snmp", "pysnmp") for each in exceptions_of(importlib.import_module(name))}
    return sorted(found, key=lambda each: (each.__module__, each.__name__))


def made(library_class: type[Exception]) -> Exception:
    try:
        return library_class("as the library says it")
    except TypeError:  # some take keywords only
        return library_class()


def test_the_libraries_have_exceptions_to_map() -> None:
    names = {each.__name__ for each in library_exceptions()}
    assert {"PySnmpAuthError", "PySnmpDecodeError", "RequestTimedOut", "WrongDigest", "SmiError"} <= names
    assert len(names) > 70


@pytest.mark.parametrize("library_class", library_exceptions(), ids=lambda each: each.__name__)
def test_every_library_exception_is_known_and_keeps_where(library_class: type[Exception]) -> None:
    error = made(library_class)
    assert kind_of(error) is not None
    translated = translate(error, WHERE, "GETBULK 1.3.6")
    assert isinstance(translated, EquipmentError)
    assert translated.where == WHERE
    assert translated.next_step is not None
    assert "\n" not in str(translated)


def named(name: str) -> Exception:
    library_class = next(each for each in library_exceptions() if each.__name__ == name)
    return made(library_class)


@pytest.mark.parametrize(
    ("error", "meant"),
    [
        (TimeoutError("connection refused"), Unreachable),
        (ConnectionRefusedError(111, "Connection refused"), Unreachable),
        (OSError(101, "Network is unreachable"), Unreachable),
        (socket.gaierror(-2, "Name or service not known"), Unreachable),
        (TimeoutError(), Unreachable),
        (BlockingIOError("blocked"), Unreachable),
        (named("RequestTimedOut"), Unreachable),
        (named("PySnmpAuthError"), AuthenticationFailed),
        (named("WrongDigest"), AuthenticationFailed),
        (named("UnknownUserName"), AuthenticationFailed),
        (named("DecryptionError"), AuthenticationFailed),
        (named("PySnmpDecodeError"), UnparsedOutput),
        (named("ParseError"), UnparsedOutput),
        (named("OidNotIncreasing"), UnparsedOutput),
        (named("PyNoSuchInstance"), CommandRejected),
        (named("WrongTypeError"), CommandRejected),
        (named("NoSuchContext"), CommandRejected),
        (named("CarrierError"), Unreachable),
    ],
    ids=lambda each: getattr(each, "__name__", type(each).__name__),
)
def test_what_exceptions_mean(error: Exception, meant: type[EquipmentError]) -> None:
    assert type(translate(error, WHERE, "GET 1.3.6")) is meant


def test_silence_after_an_answer_is_a_timeout_and_before_it_unreachable() -> None:
    assert type(translate(TimeoutError(), WHERE, "GET", answered=True)) is DeviceTimeout
    assert type(translate(TimeoutError(), WHERE, "GET")) is Unreachable


def test_portseals_own_errors_pass_and_defects_are_no_device_errors() -> None:
    own = Unreachable(translate(TimeoutError(), WHERE, "GET").what)
    assert translate(own, WHERE, "GET") is own
    assert kind_of(KeyError("defect")) is None
    assert kind_of(TypeError("defect")) is None
