"""What a demonstration is told with: titles, commands as a user types them, and proofs that are counted."""

from __future__ import annotations

from dataclasses import dataclass, field

import click

from policies.texts import Text, render, t


@dataclass(slots=True)
class Stage:
    """One demonstration in one language; `proofs` are (what, held) in order."""

    language: str
    proofs: list[tuple[Text, bool]] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether every proof held."""
        return all(held for _, held in self.proofs)

    def prove(self, what: Text, held: bool) -> None:
        """Show whether something holds, and keep it for the end."""
        self.proofs.append((what, held))
        mark = click.style("✓", fg="green") if held else click.style("✗", fg="red")
        click.echo(f"  {mark} {render(what, self.language)}")

    def title(self, text: Text) -> None:
        """Begin a part."""
        click.echo("\n" + click.style(f"== {render(text, self.language)}", fg="cyan", bold=True))

    def command(self, line: str, prompt: str = "$") -> None:
        """Show a command as it is typed."""
        click.echo(click.style(f"{prompt} {line}", bold=True))

    def say(self, text: Text | str) -> None:
        """Show a sentence, or a command's own words."""
        click.echo(render(text, self.language))

    def summary(self) -> None:
        """Count the proofs, and name those that did not hold."""
        held = sum(1 for _, each in self.proofs if each)
        self.title(t("{held} of {total} proofs held", held=held, total=len(self.proofs)))
        for what, each in self.proofs:
            if not each:
                self.say(t("did not hold: {what}", what=what))
