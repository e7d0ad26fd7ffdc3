"""What one of doctor's checks says: ok, a warning or a fault, and what to do next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from controller.cli.base import EQUIPMENT, USAGE
from policies.errors import PortsealError, UsageError
from policies.texts import Text, t

#: How bad a check's result is, in words.
LEVELS: Mapping[str, Text] = {"ok": t("ok"), "warning": t("warning"), "fault": t("fault")}


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the doctor. `check` is its stable name, `level` ok, warning or fault; a fault has an exit code."""

    check: str
    subject: str
    level: str
    text: Text
    next_step: Text | None = None
    code: int = EQUIPMENT

    @property
    def exit_code(self) -> int:
        """What the fault makes of the exit code; 0 unless it is a fault."""
        return self.code if self.level == "fault" else 0


def fault(check: str, subject: str, error: PortsealError) -> Check:
    """Make a fault of an error: those of request and configuration give exit code 2, all others 3."""
    code = USAGE if isinstance(error, UsageError) else EQUIPMENT
    what = error.what if not error.where or error.where == subject else _placed(error)
    return Check(check, subject, "fault", what, error.next_step, code)


def _placed(error: PortsealError) -> Text:
    return t("{where}: {what}", where=error.where, what=error.what)
