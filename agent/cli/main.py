"""The `portseal-agent` command: verbs for the terminal itself; what they need is imported when they run."""

from __future__ import annotations

import gettext
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import click

from agent.cli import census, enrol, guard, install, operator, presenting, rescue, running
from agent.cli.base import DONE, FOLDER, SYSFS, USAGE, Spot
from policies.errors import PortsealError
from policies.texts import LANGUAGES, render, t


def make(spot: Spot) -> click.Group:
    """Make the command tree with its help in the language of `spot`."""
    words = spot.words(t("The agent of a terminal: keeps its USB ports shut until a card is swiped."))
    agent = click.Group("portseal-agent", help=words)
    for command in (
        *running.verbs(spot),
        *operator.verbs(spot),
        *rescue.verbs(spot),
        *presenting.verbs(spot),
        *census.verbs(spot),
        *enrol.verbs(spot),
        *guard.verbs(spot),
        *install.verbs(spot),
    ):
        agent.add_command(command)
        for each in (command, *(command.commands.values() if isinstance(command, click.Group) else ())):
            each.params.append(_language_option(spot.language))
    agent.params += [_language_option(spot.language), _version_option(spot.language)]
    return agent


def main() -> NoReturn:
    """Run the command line of this process."""
    sys.exit(run(sys.argv[1:], os.environ))


def run(
    arguments: Sequence[str],
    environment: os._Environ[str] | dict[str, str],
    sysfs: Path = SYSFS,
    folder: Path | None = None,
) -> int:
    """Run the command line and give the exit code; every known error becomes one line on standard error.

    The terminal's declaration is in `folder`, else where PORTSEAL_AGENT_CONFIG says, else in /etc/portseal-agent.
    """
    language = _language(arguments, environment)
    _speak(language)
    place = folder or Path(environment.get("PORTSEAL_AGENT_CONFIG") or FOLDER)
    try:
        command = make(Spot(language, sysfs, place))
        result = command.main(list(arguments), prog_name="portseal-agent", standalone_mode=False)
    except PortsealError as error:
        _complain(error.line(language))
        return error.exit_code
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as error:
        _complain(" ".join(error.format_message().split()))
        return USAGE
    except BrokenPipeError:
        # The reader (head, less) has gone; keep the interpreter from complaining about it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    return result if isinstance(result, int) else DONE


def _complain(line: str) -> None:
    click.echo(f"portseal-agent: {line}", err=True)


def _language(arguments: Sequence[str], environment: os._Environ[str] | dict[str, str]) -> str:
    """Choose as `portseal` does: --lang, PORTSEAL_LANG, an English locale; else Chinese."""
    given = [after for argument, after in zip(arguments, [*arguments[1:], ""], strict=True) if argument == "--lang"]
    given += [argument.partition("=")[2] for argument in arguments if argument.startswith("--lang=")]
    locale = environment.get("LC_ALL") or environment.get("LC_MESSAGES") or environment.get("LANG") or ""
    wanted = next(iter(given), "") or environment.get("PORTSEAL_LANG") or ("en" if locale.startswith("en") else "zh")
    return next((language for language in LANGUAGES if wanted.lower().startswith(language)), "zh")


def _speak(language: str) -> None:
    """Let click's own words come from the catalogue too."""
    from policies import texts

    os.environ["LANGUAGE"] = language
    gettext.bindtextdomain("portseal", str(Path(texts.__file__).parent))
    gettext.textdomain("portseal")


def _language_option(language: str) -> click.Option:
    # run() has read it: the help itself is in that language.
    words = render(t("Language of the output."), language)
    return click.Option(["--lang"], type=click.Choice(LANGUAGES), expose_value=False, help=words)


def _version_option(language: str) -> click.Option:
    def show(context: click.Context, _: click.Parameter, value: bool) -> None:
        if value:
            from importlib.metadata import version

            click.echo(f"portseal-agent {version('portseal')}")
            context.exit()

    words = render(t("Show the version."), language)
    return click.Option(["--version"], is_flag=True, is_eager=True, expose_value=False, callback=show, help=words)


if __name__ == "__main__":
    main()
