"""port: show one, shut one by hand and open it again, on the switch itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from controller.cli.base import Group, Settings, h, settings
from policies.errors import NotFound
from policies.texts import Text, t

if TYPE_CHECKING:
    from controller.cli.portview import PortView
    from controller.network.blocking import Acted


@click.group(cls=Group, help=h("Block, release and show switch ports."))
def port() -> None:
    """See the help text."""


@port.command(help=h("Show the ports of a switch, or one of them from every side, by the latest reading."))
@click.argument("switch")
@click.argument("name", metavar="[PORT]", required=False)
@click.pass_context
def show(context: click.Context, switch: str, name: str | None) -> int:
    """See the help text."""
    from controller.cli.portview import port_views
    from controller.cli.session import site_context
    from controller.cli.subjects import port_name, switch_of

    chosen = settings(context)
    with site_context(chosen, recovering=False) as site:
        declared = switch_of(site.site, switch)
        views = port_views(site, declared)
        if name is None:
            _show_all(chosen, declared.name, list(views.values()))
            return 0
        wanted = port_name(declared, name)
        view = views.get(wanted)
        if view is None:
            raise NotFound(
                t("the switch has no such port, and the site declares none"),
                where=f"{declared.name}/{wanted}",
                next_step=t("see 'portseal port show {switch}'", switch=declared.name),
            )
        if chosen.json:
            chosen.give(view.json(chosen, view.recent(site)))
            return 0
        for sentence in view.sentences(site):
            chosen.say(sentence)
    return 0


@port.command(help=h("Shut a port on the switch now; it stays shut in every plan until it is released."))
@click.argument("switch")
@click.argument("name", metavar="PORT")
@click.option("--reason", required=True, metavar="TEXT", help=h("Why; it is kept in the ledger."))
@click.option("--yes", is_flag=True, help=h("Do not ask."))
@click.pass_context
def block(context: click.Context, switch: str, name: str, reason: str, yes: bool) -> int:
    """See the help text."""
    from controller.network.blocking import block_port

    question = t("Shut {switch}/{port} now?", switch=switch, port=name)
    acted = _act(settings(context), (switch, name), reason, question if not yes else None, block_port)
    return _told(settings(context), acted, "block")


@port.command(help=h("Open a port that was blocked, or that the switch itself has shut, as the inventory expects it."))
@click.argument("switch")
@click.argument("name", metavar="PORT")
@click.option("--reason", required=True, metavar="TEXT", help=h("Why; it is kept in the ledger."))
@click.option("--yes", is_flag=True, help=h("Do not ask."))
@click.pass_context
def release(context: click.Context, switch: str, name: str, reason: str, yes: bool) -> int:
    """See the help text."""
    from controller.network.blocking import release_port

    question = t("Release {switch}/{port} now?", switch=switch, port=name)
    acted = _act(settings(context), (switch, name), reason, question if not yes else None, release_port)
    return _told(settings(context), acted, "release")
