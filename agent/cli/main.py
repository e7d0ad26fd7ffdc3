"""The `portseal-agent` command: so far a census of the terminal's USB, which changes nothing.

Exit codes are those of `portseal`: 0 done, 1 nothing found, 2 usage, 3 this machine failed.
"""

from __future__ import annotations

import gettext
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from policies.errors import PortsealError
from policies.texts import LANGUAGES, Text, render, t

if TYPE_CHECKING:
    from agent.usb.census import Census, Controller, Port

#: Where the kernel shows its objects.
SYSFS = Path("/sys")
#: Exit codes, by meaning.
DONE, NOTHING, USAGE = range(3)

#: What a controller does with a device that is plugged in, by its `authorized_default`.
_DEFAULTS = {
    0: t("refuses new devices"),
    1: t("admits every new device"),
    2: t("admits new devices on internal ports only"),
}


def make(language: str, sysfs: Path = SYSFS) -> click.Group:
    """Make the command tree with its help in `language`, for the machine whose kernel shows itself in `sysfs`."""

    def say(text: Text | str) -> None:
        click.echo(render(text, language))

    @click.group(help=render(t("The agent of a terminal. So far it reads; it opens and shuts nothing."), language))
    def agent() -> None:
        """See the help text."""

    @agent.command(
        short_help=render(t("List this machine's USB."), language),
        help=render(t("List every USB controller, hub and port of this machine, and what is in it."), language),
    )
    @click.option("--json", "as_json", is_flag=True, help=render(t("Print JSON."), language))
    def census(as_json: bool) -> int:
        """See the help text."""
        from agent.usb.census import take_census

        taken = take_census(sysfs)
        if as_json:
            click.echo(json.dumps(asdict(taken), ensure_ascii=False, indent=2))
        else:
            for text in told(taken):
                say(text)
        return DONE if taken.controllers else NOTHING

    for command in (agent, census):
        command.params.append(_language_option(language))
    agent.params.append(_version_option(language))
    return agent


def told(census: Census) -> list[Text]:
    """Say the census in sentences: controllers, each port with what is in it, and the sum."""
    if not census.controllers:
        return [t("This machine has no USB.")]
    sentences = [_controller(each) for each in census.controllers]
    sentences += [_port(each) for each in census.ports]
    sentences.append(
        t(
            "{controllers} controllers, {hubs} hubs, {ports} ports, {used} in use",
            controllers=len(census.controllers),
            hubs=len(census.hubs),
            ports=len(census.ports),
            used=sum(port.device is not None for port in census.ports),
        )
    )
    if any(each.authorized_default != 0 for each in census.controllers):
        sentences.append(t("New devices are not refused everywhere. This command changes nothing."))
    return sentences


def _controller(each: Controller) -> Text:
    does = _DEFAULTS.get(-1 if each.authorized_default is None else each.authorized_default, t("unknown default"))
    return t("{name} ({address}, {speed} Mbit/s): {does}", name=each.name, address=each.address or "-",
             speed=each.speed_mbps or "?", does=does)  # fmt: skip


def _port(each: Port) -> Text:
    device = each.device
    if device is None:
        what: Text = t("empty")
    else:
        states = {True: t("authorised"), False: t("refused"), None: t("unknown")}
        what = t(
            "{vendor}:{product} {name} ({state})",
            vendor=device.vendor_id or "????",
            product=device.product_id or "????",
            name=device.product or "-",
            state=states[device.authorized],
        )
    return t("  {path} on {hub}: {what}", path=each.path, hub=each.hub, what=what)


def main() -> NoReturn:
    """Run the command line of this process."""
    sys.exit(run(sys.argv[1:], os.environ))


def run(arguments: Sequence[str], environment: os._Environ[str] | dict[str, str], sysfs: Path = SYSFS) -> int:
    """Run the command line and give the exit code; every known error becomes one line on standard error."""
    language = _language(arguments, environment)
    _speak(language)
    try:
        result = make(language, sysfs).main(list(arguments), prog_name="portseal-agent", standalone_mode=False)
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
