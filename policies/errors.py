"""Every error that Portseal raises on purpose.

    PortsealError                     what, where, next step; exit code 3
    ├── UsageError            (2)     the request itself is wrong
    │   ├── ConfigError               site.toml, a policy file, a secret's reference
    │   ├── InputError                a spreadsheet, a file, an argument with bad content
    │   └── NotFound                  a name that the site does not know
    ├── EquipmentError        (3)     a switch, the network or this machine
    │   ├── Unreachable               no route, refused, unknown host
    │   ├── AuthenticationFailed      wrong password, key or community
    │   ├── HostKeyMismatch           the switch shows another key than before
    │   ├── DeviceTimeout             it stopped answering
    │   ├── CommandRejected           it said no to a command
    │   ├── UnparsedOutput            it said something that the dialect does not know
    │   ├── VerifyFailed              what was read back is not what was asked for
    │   └── StorageFailed             disk full, read-only, database damaged
    ├── Unexpected                    a mistake in Portseal itself
    ├── SafetyRefusal         (4)     a safety rule holds the hand
    │   ├── StalePlan                 the switch changed since the plan was made
    │   └── Busy                      somebody else is writing to this switch
    └── LedgerBroken          (1)     the ledger does not verify

A message is one line: what happened, where, and what to do next. `str(error)` is English; the CLI renders it in the
user's language through :func:`policies.texts.render`.
"""

from __future__ import annotations

from policies.texts import Text, render, t


class PortsealError(Exception):
    """Base of all: `what` happened, `where` (device, file, key, row), and the `next_step` that helps."""

    exit_code = 3

    def __init__(self, what: Text, *, where: str = "", next_step: Text | None = None) -> None:
        super().__init__(what, where, next_step)
        self.what = what
        self.where = where
        self.next_step = next_step

    def line(self, language: str) -> str:
        """Give the one line shown to the user, in `language` (zh or en)."""
        where = f"{self.where}: " if self.where else ""
        if self.next_step is None:
            return _one_line(where + render(self.what, language))
        # A switch's own words may end with a full stop already.
        what = render(self.what, language).rstrip(".。 ")
        return _one_line(where + render(t("{what}. Next: {next_step}", what=what, next_step=self.next_step), language))

    def __str__(self) -> str:
        """Give the English line."""
        return self.line("en")


class UsageError(PortsealError):
    """The request itself is wrong: nothing was done."""

    exit_code = 2


class ConfigError(UsageError):
    """A configuration file or a reference in it cannot be used; `where` is file and dotted key."""


class InputError(UsageError):
    """What a person gave (spreadsheet, file, argument) has bad content; `where` is file, sheet and row."""


class NotFound(UsageError):
    """A name that the site does not know."""


class EquipmentError(PortsealError):
    """A switch, the network or this machine failed."""


class Unreachable(EquipmentError):
    """Nobody answers at the address."""


class AuthenticationFailed(EquipmentError):
    """The equipment refused the credentials."""


class HostKeyMismatch(EquipmentError):
    """The SSH host key is not the one that was accepted for this switch."""


class DeviceTimeout(EquipmentError, TimeoutError):
    """The equipment stopped answering within the time allowed."""


class CommandRejected(EquipmentError):
    """The switch answered a command with one of its failure markers."""

    def __init__(self, switch: str, command: str, answer: str) -> None:
        super().__init__(
            t("the switch rejected '{command}': {answer}", command=command, answer=answer),
            where=switch,
            next_step=t("check that model and firmware know this command, then plan again"),
        )
        self.command = command
        self.answer = answer


class UnparsedOutput(EquipmentError, ValueError):
    """Output that no row pattern knows; `line` is the first offending line, shortened."""

    def __init__(self, where: str, command: str, line: str) -> None:
        super().__init__(
            t("the answer to '{command}' has a line that is not understood: {line}", command=command, line=line[:160]),
            where=where,
            next_step=t("record it with 'portseal dialect record' and report it; nothing was changed"),
        )
        self.offending = line


class VerifyFailed(EquipmentError):
    """What was read back from the switch is not what was asked for."""


class StorageFailed(EquipmentError):
    """This machine's disk or database refused: full, read-only, or damaged."""


class Unexpected(PortsealError):
    """An exception that nobody foresaw, as one line; the traceback goes to the log at debug level."""

    def __init__(self, error: BaseException, *, where: str = "") -> None:
        super().__init__(
            t("unexpected {kind}: {reason}", kind=type(error).__name__, reason=str(error)[:160]),
            where=where,
            next_step=t("this is a mistake in Portseal: report it with this line; run 'portseal check'"),
        )


class SafetyRefusal(PortsealError):
    """A safety rule refuses the act; nothing was changed."""

    exit_code = 4


class StalePlan(SafetyRefusal):
    """The switch is no longer as it was when the plan was made."""


class Busy(SafetyRefusal):
    """Another writer holds the lease on the switch."""


class LedgerBroken(PortsealError):
    """The ledger does not verify; `where` is the first bad entry."""

    exit_code = 1


def _one_line(text: str) -> str:
    """Make one line of it that no terminal obeys: what a switch said may hold line ends and escape sequences."""
    return "".join(character if character.isprintable() else " " for character in " ".join(text.split()))
