"""The `portseal` command: a table of verbs; a verb's module is imported when it is typed, not for --help."""

from __future__ import annotations

import sys
from typing import NoReturn

import click

from controller.cli.base import Group, h, run
from policies.errors import ConfigError
from policies.texts import t

#: verb → (module, attribute, help in one line).
VERBS: dict[str, tuple[str, str, str]] = {
    "init": ("controller.cli.site", "init", h("Make a site folder: site.toml, keys, database.")),
    "doctor": ("controller.cli.site", "doctor", h("Check the site folder, this machine and every switch.")),
    "serve": ("controller.cli.serve", "serve", h("Run the controller: broker, swipes, terminals.")),
    "inventory": ("controller.cli.inventory", "inventory", h("Import, list and export devices and bindings.")),
    "discover": ("controller.cli.network", "discover", h("Read what is really plugged in.")),
    "bind": ("controller.cli.bind", "bind", h("Bind a device to a switch port.")),
    "unbind": ("controller.cli.bind", "unbind", h("Release a device from its port.")),
    "swap": ("controller.cli.swapping", "swap", h("Put a replacement in a device's place.")),
    "plan": ("controller.cli.network", "plan", h("Show what would change, and save it.")),
    "apply": ("controller.cli.network", "apply", h("Carry a saved plan out, with rollback.")),
    "check": ("controller.cli.network", "check", h("Read the switches and give the verdict.")),
    "port": ("controller.cli.port", "port", h("Block, release and show switch ports.")),
    "watch": ("controller.cli.watch", "watch", h("Watch the wire for what should not be there.")),
    "trap": ("controller.cli.trap", "trap", h("Show what switches' notifications told.")),
    "reader": ("controller.cli.reader", "reader", h("Show the card readers; make their certificates.")),
    "terminal": ("controller.cli.terminal", "terminal", h("Show the terminals; give rescue codes.")),
    "lock": ("controller.cli.lock", "lock", h("Show the sensed anti-plug locks.")),
    "card": ("controller.cli.card", "card", h("Import, revoke and forget cards.")),
    "grant": ("controller.cli.lease", "grant", h("Open a terminal without a swipe, for two people.")),
    "lease": ("controller.cli.lease", "lease", h("Show and end what is open on terminals.")),
    "find": ("controller.cli.find", "find", h("Find a MAC, IP, place, serial or name.")),
    "explain": ("controller.cli.find", "explain", h("Say why a port, device or opening is as it is.")),
    "audit": ("controller.cli.audit", "audit", h("Read and verify the ledger.")),
    "secret": ("controller.cli.secret", "secret", h("Keep secrets in the encrypted store.")),
    "dialect": ("controller.cli.dialect", "dialect", h("Show dialects; parse recorded output.")),
}
#: Verbs of other parts, found through the entry-point group `portseal.commands` when they are typed.
PLUGINS: dict[str, str] = {"lab": h("A virtual site with real frames, for trying things out.")}


class Main(Group):
    """The top of the command tree; its list is a table, so that --help imports nothing."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Give the verbs in the order of the table."""
        return [*VERBS, *PLUGINS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the verb's module and give its command."""
        if ctx.resilient_parsing is False and cmd_name in VERBS:
            from importlib import import_module

            module, attribute, _ = VERBS[cmd_name]
            command: click.Command = getattr(import_module(module), attribute)
            return command
        if cmd_name in PLUGINS:
            return _plugin(cmd_name)
        return None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs from the table, without importing them."""
        from gettext import gettext

        rows = [(verb, gettext(text)) for verb, (_, _, text) in VERBS.items()]
        rows += [(verb, gettext(text)) for verb, text in PLUGINS.items()]
        with formatter.section(gettext("Commands")):
            formatter.write_dl(rows)


def _plugin(name: str) -> click.Command:
    from importlib.metadata import entry_points

    for point in entry_points(group="portseal.commands", name=name):
        try:
            command: click.Command = point.load()
        except ModuleNotFoundError as error:
            raise ConfigError(
                t("the verb '{verb}' needs the Python package {package}", verb=name, package=error.name or "?"),
                next_step=t("install it: pip install 'portseal[{extra}]'", extra=name),
            ) from error
        return command
    raise ConfigError(
        t("the verb '{verb}' is not installed", verb=name),
        next_step=t("install it: pip install 'portseal[{extra}]'", extra=name),
    )


def _version(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        from importlib.metadata import version

        click.echo(f"portseal {version('portseal')}")
        context.exit()


cli = Main(
    name="portseal",
    help=h("Seals the ports of a face-recognition network (沪公技防〔2021〕5号, clauses 7.1 and 7.2)."),
    params=[
        click.Option(
            ["--version"],
            is_flag=True,
            expose_value=False,
            is_eager=True,
            callback=_version,
            help=h("Show the version."),
        )
    ],
)


def main() -> NoReturn:
    """Run the command line of this process."""
    sys.exit(run(cli, sys.argv[1:]))
