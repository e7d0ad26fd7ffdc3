"""One place where the exceptions of gufo-snmp, pysnmp and the socket become Portseal's errors.

Exceptions are known by class name, so that neither library is imported here; a subclass counts as its nearest listed
ancestor, and a test walks every exception class of both libraries through :func:`translate`.
"""

from __future__ import annotations

from enum import StrEnum

from policies.errors import (
    AuthenticationFailed,
    CommandRejected,
    DeviceTimeout,
    EquipmentError,
    UnparsedOutput,
    Unreachable,
)
from policies.texts import Text, t


class SetRefused(CommandRejected):
    """The agent refused a SET with an error status (RFC 3416): `status` is its name, the message says it in words."""

    def __init__(self, where: str, line: str, status: str) -> None:
        words, step = _STATUSES.get(status, (t("it gives no reason that is known"), _LOOK))
        EquipmentError.__init__(
            self,
            t("the switch refused the SNMP set '{line}': {words} ({status})", line=line, words=words, status=status),
            where=where,
            next_step=step,
        )
        self.command, self.answer, self.status = line, status, status


_VIEW = t("give the SNMP user write access to this object on the switch, or write to the switch over SSH")
_VALUE = t("compare the port with the plan: another setting may rule this one out; then plan again")
_MODEL = t("check that model and firmware take this set, or write to the switch over SSH")
_LOOK = t("look at the switch's log, then plan again")
#: Error status → what it means, and what helps. The first five are SNMPv1's, which proxies and old agents still send.
_STATUSES: dict[str, tuple[Text, Text]] = {
    "tooBig": (t("the request is too long for it"), _MODEL),
    "noSuchName": (t("it has no such object, or does not let it be written"), _VIEW),
    "badValue": (t("it does not take this value"), _VALUE),
    "readOnly": (t("the object can only be read"), _VIEW),
    "genErr": (t("it failed and does not say why"), _LOOK),
    "noAccess": (t("the object is outside what the SNMP user may see"), _VIEW),
    "wrongType": (t("the value has another type there"), _MODEL),
    "wrongLength": (t("the value has another length there"), _MODEL),
    "wrongEncoding": (t("the value is not encoded as it expects"), _MODEL),
    "wrongValue": (t("it never takes this value"), _MODEL),
    "noCreation": (t("it cannot make such a row"), _MODEL),
    "inconsistentValue": (t("it does not take this value as things are now"), _VALUE),
    "resourceUnavailable": (t("a table or a memory is full"), _LOOK),
    "commitFailed": (t("it failed half-way, and says that nothing has changed"), _LOOK),
    "undoFailed": (t("it failed half-way, and could not take back what it had done"), _LOOK),
    "authorizationError": (t("the SNMP user may not write"), _VIEW),
    "notWritable": (t("the object cannot be written"), _VIEW),
    "inconsistentName": (t("the row cannot be made as things are now; it may be there already"), _VALUE),
    "notStored": (t("it answered without an error and did not store it"), _MODEL),
}


class CircularAnswer(RuntimeError):
    """An agent gives rows that it gave before: a walk would never end."""

    def __init__(self) -> None:
        super().__init__("the answers go in a circle")


class Kind(StrEnum):
    """What an exception means."""

    REFUSED = "refused"
    SILENT = "silent"
    CREDENTIALS = "credentials"
    REJECTED = "rejected"
    UNREADABLE = "unreadable"


_BY_KIND: dict[Kind, tuple[str, ...]] = {
    Kind.REFUSED: ("OSError", "ConnectionError", "gaierror", "CarrierError"),
    Kind.SILENT: ("TimeoutError", "BlockingIOError", "RequestTimedOut", "RequestTimeout", "EmptyResponse"),
    Kind.CREDENTIALS: (
        "PySnmpAuthError", "SnmpAuthError", "UnknownCommunityName", "NoEncryption", "EncryptionError",
        "DecryptionError", "NoAuthentication", "AuthenticationError", "AuthenticationFailure",
        "UnsupportedAuthProtocol",
        "UnsupportedPrivProtocol", "UnknownSecurityName", "UnsupportedSecurityModel", "UnsupportedSecurityLevel",
        "NotInTimeWindow", "UnknownUserName", "WrongDigest", "NoAccessEntry", "NoGroupName", "AuthorizationError",
    ),
    Kind.REJECTED: (
        "RefusedBySwitch", "PySnmpError", "SnmpError", "PyNoSuchInstance", "NoSuchInstance", "ReportPduReceived",
        "NoSuchView", "NotInView",
        "NoSuchContext", "SmiError", "UnsupportedPDUtype", "UnknownPDUHandler", "NonReportable", "TooBig",
    ),
    Kind.UNREADABLE: (
        "PySnmpDecodeError", "SnmpDecodeError", "PySnmpEncodeError", "SnmpEncodeError", "ErrorIndication",
        "DeserializationError", "ProtocolError", "PyAsn1Error", "ValueError", "RuntimeError",
    ),
}  # fmt: skip
_KINDS = {name: kind for kind, names in _BY_KIND.items() for name in names}


def kind_of(error: BaseException) -> Kind | None:
    """Tell what `error` means; None when it is no exception of SNMP or the network."""
    if isinstance(error, OSError) and "refused" in str(error):
        # gufo-snmp 0.13 raises TimeoutError("connection refused") when ICMP says that the port is closed.
        return Kind.REFUSED
    return next((_KINDS[cls.__name__] for cls in type(error).__mro__ if cls.__name__ in _KINDS), None)


def translate(error: BaseException, where: str, request: str, *, answered: bool = False) -> EquipmentError:
    """Give Portseal's error for `error`; `answered` tells that this session has had an answer before.

    `where` is host:port and object, `request` what was asked. Secrets are in neither, and library texts hold none.
    """
    if isinstance(error, EquipmentError):
        return error
    kind = kind_of(error)
    if kind is Kind.REFUSED:
        return _refused(error, where)
    if kind is Kind.SILENT:
        return _silent(where, answered=answered)
    if kind is Kind.CREDENTIALS:
        return wrong_credentials(where)
    if kind is Kind.REJECTED:
        return CommandRejected(where, request, _words(error))
    return UnparsedOutput(where, request, _words(error))


def wrong_credentials(where: str) -> AuthenticationFailed:
    """Give the error for a user, password or privacy key that the agent does not accept."""
    return AuthenticationFailed(
        t("the SNMP agent refused the user or the passwords"),
        where=where,
        next_step=t("check user, authentication and privacy protocol and both passwords on the switch"),
    )


def _refused(error: BaseException, where: str) -> Unreachable:
    return Unreachable(
        t("no SNMP agent can be reached: {reason}", reason=_words(error)),
        where=where,
        next_step=t("check the address and the port, and that SNMP is enabled on the switch"),
    )


def _silent(where: str, *, answered: bool) -> EquipmentError:
    if answered:
        return DeviceTimeout(
            t("the SNMP agent stopped answering"),
            where=where,
            next_step=t("check the way to the switch and its load, or allow more time"),
        )
    return Unreachable(
        t("nothing answers over SNMP"),
        where=where,
        next_step=t("check address, community and access list: an agent does not answer a wrong community"),
    )


def _words(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return text[:160] or type(error).__name__
