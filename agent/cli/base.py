"""What the verbs of `portseal-agent` share: where they look, how they speak, and how a verb is made.

Exit codes are those of `portseal`: 0 done, 1 nothing found, 2 usage, 3 this machine failed, 4 refused.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from policies.errors import EquipmentError, PortsealError, SafetyRefusal, UsageError
from policies.texts import Text, render, t

#: Exit codes, by meaning.
DONE, NOTHING, USAGE, MACHINE, REFUSED = range(5)
#: Where the kernel shows its objects, and where the terminal's declaration lies.
SYSFS, FOLDER = Path("/sys"), Path("/etc/portseal-agent")


@dataclass(frozen=True, slots=True)
class Spot:
    """One run of the command line: its language, and where it looks."""

    language: str
    sysfs: Path = SYSFS
    folder: Path = FOLDER

    def words(self, text: Text | str) -> str:
        """Give the sentence in the user's language."""
        return render(text, self.language)

    def say(self, text: Text | str) -> None:
        """Print one sentence; what would steer the terminal (a device names itself) is shown, not obeyed."""
        click.echo("".join(c if c.isprintable() or c == "\n" else f"\\x{ord(c):02x}" for c in self.words(text)))

    def give(self, data: object) -> None:
        """Print `data` as JSON."""
        click.echo(json.dumps(data, ensure_ascii=False, indent=2))

    def verb(
        self, name: str, short: Text, long: Text, run: Callable[..., int], params: Sequence[click.Parameter] = ()
    ) -> click.Command:
        """Make the command `name` that calls `run` with its parameters."""
        return click.Command(
            name, callback=run, params=list(params), short_help=self.words(short), help=self.words(long)
        )

    def option(self, *names: str, about: Text, **more: Any) -> click.Option:
        """Make an option with its help in the user's language."""
        return click.Option(list(names), help=self.words(about), **more)

    def json_option(self) -> click.Option:
        """Make the option --json (parameter `as_json`)."""
        return self.option("--json", "as_json", about=t("Print JSON."), is_flag=True)

    def seat(self) -> Path:
        """Give the socket for the verbs of an operator: the operators' where it may be used, else root's.

        An operator need not be able to read the terminal's declaration: then the folders are the usual ones.
        """
        from agent.config import OPERATORS_FOLDER, load_config
        from agent.control import OPERATORS_SOCKET, SOCKET

        try:
            config = load_config(self.folder)
        except (PortsealError, OSError):
            return OPERATORS_FOLDER / OPERATORS_SOCKET
        operators, control = config.operators / OPERATORS_SOCKET, config.run / SOCKET
        return control if os.access(control, os.W_OK) and not os.access(operators, os.W_OK) else operators

    def ask(self, request: Mapping[str, Any], *, operator: bool = False) -> dict[str, Any]:
        """Ask the running agent, as an operator or as root; a refusal becomes the error that the agent names."""
        from agent.config import load_config
        from agent.control import SOCKET, ask

        answer = ask(self.seat() if operator else load_config(self.folder).run / SOCKET, request)
        if answer.get("ok"):
            return answer
        kinds: dict[object, type[PortsealError]] = {USAGE: UsageError, REFUSED: SafetyRefusal}
        said = answer.get("error")
        words = str(said.get(self.language, "")) if isinstance(said, dict) else ""
        raise kinds.get(answer.get("exit_code"), EquipmentError)(t("{said}", said=words or "?"))
