"""`portseal lab`: the virtual site with a real data plane, for newcomers and tests alike."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from controller.cli.base import NOT_COMPLIANT, Group, Settings, h, settings
from lab.reader.cli import reader
from policies.errors import NotFound
from policies.texts import t

if TYPE_CHECKING:
    from lab.terminal.api import Running

#: Columns of the two tables of `status`: key of its JSON → heading.
_SWITCHES = {"name": t("Switch"), "platform": t("Platform"), "host": t("Address")}
_HOSTS = {
    "name": t("Host"),
    "role": t("Role"),
    "mac": t("MAC"),
    "ip": t("IP address"),
    "switch": t("Switch"),
    "port": t("Port"),
    "sent": t("Sent"),
    "recorded": t("Recorded"),
}


@click.group(
    cls=Group,
    help=h("Run a virtual site: three switches with a real data plane, cables, and hosts that stream. Needs root."),
)
def lab() -> None:
    """See the help text."""


@lab.command(
    help=h(
        "Bring the virtual site up; one that already runs is left alone. With --site, also write a site folder for it"
        " (site.toml, inventory.csv, passwords), or refresh the one that is there."
    )
)
@click.pass_context
def up(context: click.Context) -> int:
    """See the help text."""
    from lab.api import Lab
    from lab.folder import earlier_secrets, write_site
    from lab.up import up as bring_up

    chosen = settings(context)
    folder = _folder(context, chosen)
    secrets, host_keys = earlier_secrets(folder) if folder else ({}, None)
    chosen.note(t("starting the virtual site"))
    started = bring_up(secrets=secrets, host_keys=host_keys)
    here = Lab()
    if folder:
        write_site(folder, [here.switch(name) for name in here.site.switch], here.client_key)
    if chosen.json:
        chosen.give({"up": True, "started": started, "site": str(folder) if folder else None})
    counts = {"switches": len(here.site.switches), "hosts": len(here.site.hosts)}
    if started:
        chosen.say(t("The lab is up: {switches} switches, {hosts} hosts.", **counts))
    else:
        chosen.say(t("The lab is already up; 'portseal lab down' removes it."))
    if folder:
        chosen.say(t("Its site folder is {folder}.", folder=folder.resolve()))
    return 0


@lab.command(help=h("Remove the virtual site, also one that was killed half-way; nothing of it is left."))
@click.pass_context
def down(context: click.Context) -> int:
    """See the help text."""
    from lab.api import Lab

    chosen = settings(context)
    removed = Lab().down()
    if chosen.json:
        chosen.give({"up": False, "removed": removed})
    elif removed:
        chosen.say(t("The lab is down; nothing of it is left."))
    else:
        chosen.say(t("There is no lab on this machine."))
    return 0


@lab.command(
    help=h(
        "Say what runs, where every host is plugged in, and what of its stream the recorder has. Exit code 1 when the"
        " lab is not up or a part of it does not run."
    )
)
@click.pass_context
def status(context: click.Context) -> int:
    """See the help text."""
    from lab.status import status as ask_status

    chosen = settings(context)
    told = ask_status()
    if chosen.json:
        chosen.give(told)
    elif not told["up"]:
        chosen.say(t("The lab is not up; 'portseal lab up' starts it."))
    else:
        chosen.table(list(_SWITCHES.values()), [[row[name] for name in _SWITCHES] for row in told["switches"]])
        chosen.table(list(_HOSTS.values()), [[row[name] for name in _HOSTS] for row in told["hosts"]])
        if told["problems"]:
            chosen.say(t("Not running: {names}.", names=", ".join(told["problems"])))
    return 0 if told["up"] and not told["problems"] else NOT_COMPLIANT


@lab.command(
    help=h(
        "Show the main job on the virtual site: import, discover, plan, apply; the cameras stream, the rogue is cut"
        " off; check, audit. The exit code is the verdict."
    )
)
@click.option("--keep", is_flag=True, help=h("Leave the site up afterwards, to play with."))
@click.pass_context
def run(context: click.Context, keep: bool) -> int:
    """See the help text."""
    import tempfile

    from lab.demo import show

    chosen = settings(context)
    folder = _folder(context, chosen) or Path(tempfile.mkdtemp(prefix="portseal-site-"))
    return show(chosen, folder, keep=keep)


def _folder(context: click.Context, chosen: Settings) -> Path | None:
    """Give the site folder to write: the one named on the command line, else the present one if it is a lab's."""
    from lab.folder import of_the_lab

    here: click.Context | None = context
    while here is not None:
        if here.get_parameter_source("site") is ParameterSource.COMMANDLINE:
            return chosen.site
        here = here.parent
    return chosen.site if of_the_lab(chosen.site) else None


lab.add_command(reader)


@lab.group(cls=Group, help=h("A terminal with a real kernel's USB in QEMU, and the agent at work in it."))
def terminal() -> None:
    """See the help text."""


@terminal.command(
    help=h(
        "Start a terminal and connect its console with this one; Ctrl-] leaves and ends it. Type 'portseal-agent"
        " status' there, and 'swipe' to play an authorised card."
    )
)
@click.pass_context
def start(context: click.Context) -> int:
    """See the help text."""
    import sys

    from lab.terminal import api

    chosen = settings(context)
    chosen.note(t("starting the terminal (the first time takes a minute); Ctrl-] ends it"))
    guest = api.start()
    try:
        api.console(guest.folder, sys.stdin.fileno(), sys.stdout.fileno(), lambda: not guest.running())
    finally:
        guest.close()
    return 0


@terminal.command(help=h("Plug a stick, keyboard, mouse, tablet, hub or serial adapter into the terminal that runs."))
@click.argument("kind")
@click.argument("name")
@click.option("--port", default="1", show_default=True, help=h("The port, 1 to 8."))
@click.option("--serial", default="", help=h("Its serial number."))
@click.pass_context
def plug(context: click.Context, kind: str, name: str, port: str, serial: str) -> int:
    """See the help text."""
    _newest().plug(kind, name, port, serial)
    settings(context).say(t("{name} is plugged in at port {port}.", name=name, port=port))
    return 0


@terminal.command(help=h("Pull out of the terminal that runs what was plugged in as NAME."))
@click.argument("name")
@click.pass_context
def pull(context: click.Context, name: str) -> int:
    """See the help text."""
    _newest().unplug(name)
    settings(context).say(t("{name} is pulled out.", name=name))
    return 0


def _newest() -> Running:
    from lab.terminal.api import running

    guests = running()
    if not guests:
        raise NotFound(t("no lab terminal runs"), next_step=t("start one: portseal lab terminal start"))
    return guests[-1]
