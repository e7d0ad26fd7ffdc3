"""What every verb shares: the common options on both sides of the verb, the two languages, output, the error boundary.

Exit codes are a contract: 0 done or compliant, 1 not compliant or nothing matched, 2 usage or configuration error,
3 equipment or network failure, 4 refused by a safety rule.
"""

from __future__ import annotations

import gettext
import os
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click
from click import formatting

from policies.errors import PortsealError, UsageError
from policies.texts import LANGUAGES, Text, render, t
from policies.texts.wrap import columns, has_wide, wrap

if TYPE_CHECKING:
    from pathlib import Path

#: Exit codes, by meaning.
DONE, NOT_COMPLIANT, USAGE, EQUIPMENT, REFUSED = range(5)

#: Where the beginning of a help text ends.
_BEGINNING = re.compile(r"\n|[;:；：]|。|\. ")


@dataclass(slots=True)
class Settings:
    """The common options of one run; `language` is known before the verb, so that help is translated too."""

    folder: str
    json: bool
    language: str

    @property
    def site(self) -> Path:
        """The site folder."""
        from pathlib import Path

        return Path(self.folder)

    def say(self, text: Text | str) -> None:
        """Print one sentence on standard output, unless the output is JSON."""
        if not self.json:
            click.echo(self.text(text))

    def note(self, text: Text | str) -> None:
        """Print one sentence on standard error: progress, warnings."""
        click.echo(self.text(text), err=True)

    def give(self, data: object) -> None:
        """Print `data` as the verb's JSON."""
        import json

        click.echo(json.dumps(data, ensure_ascii=False, indent=2, default=str))

    def text(self, text: Text | str) -> str:
        """Give the sentence in the user's language; what would steer the terminal is shown, not obeyed."""
        return printable(render(text, self.language))

    def table(self, headings: Sequence[Text], rows: Iterable[Sequence[object]]) -> None:
        """Print a table that fits the terminal; rich measures Chinese characters as two cells."""
        from rich import box
        from rich.console import Console
        from rich.table import Table

        # No markup and no emoji: to rich "00:ab:cd" holds the emoji :ab:, and a device may be called "[/cam]".
        console = Console(
            highlight=False, markup=False, emoji=False, soft_wrap=False, width=None if sys.stdout.isatty() else 200
        )
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for heading in headings:
            table.add_column(self.text(heading), overflow="fold")
        for row in rows:
            table.add_row(*(self.text(cell if isinstance(cell, Text) else str(cell)) for cell in row))
        console.print(table)


def printable(text: str) -> str:
    """Give `text` without control characters: a neighbour's LLDP name may hold terminal commands."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in "\n\t\u3000" else f"\\x{ord(c):02x}" for c in text)


def detect_language(arguments: Sequence[str], environment: os._Environ[str] | dict[str, str]) -> str:
    """Choose zh or en: --lang, PORTSEAL_LANG, an English locale; else Chinese, the users' own."""
    for position, argument in enumerate(arguments):
        if argument.startswith("--lang="):
            return _known(argument.partition("=")[2])
        if argument == "--lang" and position + 1 < len(arguments):
            return _known(arguments[position + 1])
    if environment.get("PORTSEAL_LANG"):
        return _known(environment["PORTSEAL_LANG"])
    locale = environment.get("LC_ALL") or environment.get("LC_MESSAGES") or environment.get("LANG") or ""
    return "en" if locale.startswith("en") else "zh"


def _known(name: str) -> str:
    return next((language for language in LANGUAGES if name.lower().startswith(language)), "zh")


def speak(language: str) -> None:
    """Let click's own words (Usage, Options, No such option) come from our catalogue too."""
    from policies import texts

    os.environ["LANGUAGE"] = language
    gettext.bindtextdomain("portseal", os.path.dirname(texts.__file__))  # noqa: PTH120 - pathlib costs --help 5 ms
    gettext.textdomain("portseal")


def h(message: str) -> str:
    """Mark a help text for translation; the extractor finds it as it finds t()."""
    return message


def settings(context: click.Context) -> Settings:
    """Give the run's common options."""
    found: Settings = context.find_root().obj
    return found


def _take(name: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    def callback(context: click.Context, _: click.Parameter, value: Any) -> None:
        if value is not None and value is not False:
            setattr(settings(context), name, value)

    return callback


def common_options() -> list[click.Option]:
    """Make the options that every verb accepts, before or after it."""
    return [
        click.Option(
            ["--site"],
            type=click.Path(file_okay=False),
            metavar="DIR",
            help=h("Site folder. Default: PORTSEAL_SITE, else this folder."),
            expose_value=False,
            callback=_take("folder"),
            is_eager=True,
        ),
        click.Option(
            ["--json"],
            is_flag=True,
            help=h("Print JSON; its shape is documented and stable."),
            expose_value=False,
            callback=_take("json"),
            is_eager=True,
        ),
        click.Option(
            ["--lang"],
            type=click.Choice(LANGUAGES),
            help=h("Language of the output."),
            expose_value=False,
            callback=_take("language"),
            is_eager=True,
        ),
    ]


def _translated(message: str | None) -> str | None:
    return None if message is None else gettext.gettext(message.strip())


class _Formatter(click.HelpFormatter):
    """Lays help out by columns where it is Chinese: click counts characters and breaks lines at blanks only."""

    def write_text(self, text: str) -> None:
        """Write paragraphs."""
        super().write_text(_laid_out(text, self.width - self.current_indent))

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        """Write a list of options or verbs with what they mean."""
        listed = list(rows)
        first = min(max((len(name) for name, _ in listed), default=0), col_max) + col_spacing
        width = max(self.width - first - self.current_indent, 10)
        super().write_dl([(name, _laid_out(text, width)) for name, text in listed], col_max, col_spacing)


def _laid_out(text: str, width: int) -> str:
    if not has_wide(text):
        return text
    if "\n" not in text and columns(text) <= width:
        return f"\b\n{text}"  # as a rule, and breaking it would cost --help more than reading the catalogue
    # A line with \b alone tells click to leave the paragraph as it is.
    return "\n\n".join("\b\n" + "\n".join(wrap(part, width)) for part in text.split("\n\n"))


class _Context(click.Context):
    def make_formatter(self) -> click.HelpFormatter:
        """Lay out for this terminal's width, as click does; shutil, which it asks, costs --help 4 ms."""
        width = self.terminal_width or formatting.FORCED_WIDTH
        most = self.max_content_width or 80
        return _Formatter(width=width or max(min(_terminal_columns(), most) - 2, 50), max_width=most)


def _terminal_columns() -> int:
    """Give the terminal's columns: COLUMNS, else the terminal's own word, else 80."""
    said = os.environ.get("COLUMNS", "")
    if said.isdecimal() and int(said):
        return int(said)
    try:
        return os.get_terminal_size().columns or 80
    except OSError:  # no terminal
        return 80


class Speaking(click.Command):
    """A command whose help is translated, and which takes the common options after its name."""

    context_class = _Context

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.extend(common_options())

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Translate the command's own texts, then let click lay them out."""
        self.help = _translated(self.help)
        for parameter in self.params:
            if isinstance(parameter, click.Option):
                parameter.help = _translated(parameter.help)
        super().format_help(ctx, formatter)

    def get_short_help_str(self, limit: int = 45) -> str:
        """Give the beginning of the help, translated, whole: the formatter breaks lines where they are full."""
        return _BEGINNING.split(_translated(self.short_help or self.help) or "", maxsplit=1)[0].rstrip("。.")


class Group(Speaking, click.Group):
    """A group of verbs with the same manners."""

    command_class = Speaking


def run(command: click.Command, arguments: Sequence[str]) -> int:
    """Run `command` and give its exit code; every known error becomes one line on standard error.

    Nothing but a defect of Portseal itself leaves this function as a traceback.
    """
    language = detect_language(arguments, os.environ)
    speak(language)
    chosen = Settings(os.environ.get("PORTSEAL_SITE") or ".", json=False, language=language)
    try:
        _require_text(arguments)
        result = command.main(list(arguments), prog_name="portseal", standalone_mode=False, obj=chosen)
    except PortsealError as error:
        _complain(chosen, error.line(chosen.language))
        return error.exit_code
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.Abort:
        _complain(chosen, chosen.text(t("stopped; nothing more was done")))
        return USAGE
    except click.ClickException as error:
        _complain(chosen, *_usage(chosen, error))
        return USAGE
    except BrokenPipeError:
        # The reader (head, less) has gone; keep the interpreter from complaining about it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    return result if isinstance(result, int) else DONE


def _require_text(arguments: Sequence[str]) -> None:
    """Refuse arguments that are not UTF-8 (Python hands them over as lone surrogates, which nothing can store)."""
    for argument in arguments:
        if any("\ud800" <= character <= "\udfff" for character in argument):
            raise UsageError(
                t("an argument is not UTF-8 text"),
                where=printable(argument),
                next_step=t("type it again, or set the terminal to UTF-8"),
            )


def _usage(chosen: Settings, error: click.ClickException) -> tuple[str, str]:
    """Give the line for a wrong command line, and what stands above it: the help of a group named without a verb."""
    above, message = "", error.format_message()
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        above, message = message + "\n\n", gettext.gettext("Missing command.")
    # Between its sentences click puts a blank, which Chinese has not; at the end a full stop, "?", ")" or nothing.
    message = re.sub(r"(?<=[。，；：？！]) ", "", " ".join(message.split())).rstrip(".。")
    context = getattr(error, "ctx", None)
    if context is None:
        return message, above
    help_line = t("see '{command} --help'", command=context.command_path)
    return chosen.text(t("{what}. Next: {next_step}", what=message, next_step=help_line)), above


def _complain(chosen: Settings, line: str, above: str = "") -> None:
    click.echo(f"{above}portseal: {printable(' '.join(line.split()))}", err=True)
    if chosen.json:
        chosen.give({"error": line})
