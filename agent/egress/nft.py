"""The kernel's side of the guard: nft applies a table in one transaction, and reads back what the kernel has."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.egress import rules
from agent.egress.declared import GuardRule
from policies.errors import EquipmentError, VerifyFailed
from policies.texts import t

#: Seconds that nft may take; it answers in a few milliseconds unless the machine is overloaded.
PATIENCE = 20.0
_PLACES = ("/usr/sbin/nft", "/sbin/nft", "/usr/bin/nft")
_NO_TABLE = "No such file or directory"


@dataclass(frozen=True, slots=True)
class Nft:
    """The program of nftables at `path`, for the network namespace that this process is in."""

    path: str

    def apply(self, rule: GuardRule) -> rules.Found:
        """Put the rules in force and read them back; raises EquipmentError, and VerifyFailed for another reading."""
        self._run(("-f", "-"), rules.script(rule))
        found = self.read()
        if found is None or found.shape != rules.shape(rule):
            raise VerifyFailed(
                t("the kernel does not have the rules that it was given"),
                where=f"table inet {rules.TABLE}",
                next_step=t("compare 'nft list table inet portseal' with the guard's file"),
            )
        return found

    def read(self) -> rules.Found | None:
        """Give what the kernel has, None when the table is not there; raises EquipmentError."""
        done = self._call(("-j", "list", "table", "inet", rules.TABLE), "")
        if done.returncode != 0:
            if _NO_TABLE in done.stderr:
                return None
            raise _failed(done.stderr)
        return rules.read_listing(done.stdout.encode())

    def remove(self) -> None:
        """Take the table away; without one nothing happens. Raises EquipmentError."""
        self._run(("-f", "-"), f"table inet {rules.TABLE}\ndelete table inet {rules.TABLE}\n")

    def _run(self, arguments: Sequence[str], given: str) -> None:
        done = self._call(arguments, given)
        if done.returncode != 0:
            raise _failed(done.stderr)

    def _call(self, arguments: Sequence[str], given: str) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                [self.path, *arguments], input=given, capture_output=True, text=True, check=False, timeout=PATIENCE,
                env={"LC_ALL": "C", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise _failed("timeout") from None
        except OSError as error:
            raise _failed(error.strerror or str(error)) from None


def find_nft(root: Path = Path("/")) -> str | None:
    """Give the path of nft in the system below `root`, if it is installed."""
    return next((each for each in _PLACES if (root / each.lstrip("/")).exists()), None)


def the_nft() -> Nft:
    """Give this machine's nft; raises EquipmentError when it is not installed."""
    path = find_nft()
    if path is None:
        raise EquipmentError(
            t("nft is not installed on this machine"),
            next_step=t("install the package nftables"),
        )
    return Nft(path)


def _failed(said: str) -> EquipmentError:
    return EquipmentError(
        t("nft failed: {cause}", cause=" ".join(said.split())[:300] or "-"),
        next_step=t("look whether the kernel has nf_tables: nft list ruleset"),
    )
