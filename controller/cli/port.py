"""port: show one, shut one by hand and open it again, on the switch itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from controller.cli.base import Group, Settings, h, settings
from policies.errors import NotFound
from policies.texts import Text, t

if TYPE_CHECKING:
    from datetime import datetime

    from controller.cli.blocking import Acted
    from controller.cli.portview import PortView


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
            _show_all(chosen, declared.name, list(views.values()), site.clock())
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
    from controller.cli.blocking import block_port, not_blocked, touchable
    from controller.cli.progress import progress
    from controller.cli.session import site_context, worked
    from controller.cli.subjects import agree, reason_given, switch_of

    chosen = settings(context)
    why = reason_given(reason)
    with site_context(chosen) as site:
        declared = switch_of(site.site, switch)
        wanted = touchable(declared, name)
        not_blocked(site, declared, wanted)
        agree(chosen, t("Shut {switch}/{port} now?", switch=declared.name, port=wanted), yes=yes)
        with progress(chosen) as listener:
            acted = block_port(site, declared, wanted, why, listener, worked(chosen, t("read")))
    _told(chosen, acted, "block")
    return 0


@port.command(help=h("Open a port that was blocked, or that the switch itself has shut, as the inventory expects it."))
@click.argument("switch")
@click.argument("name", metavar="PORT")
@click.option("--reason", required=True, metavar="TEXT", help=h("Why; it is kept in the ledger."))
@click.option("--yes", is_flag=True, help=h("Do not ask."))
@click.pass_context
def release(context: click.Context, switch: str, name: str, reason: str, yes: bool) -> int:
    """See the help text."""
    from controller.cli.blocking import release_port, touchable
    from controller.cli.progress import progress
    from controller.cli.session import site_context, worked
    from controller.cli.subjects import agree, reason_given, switch_of

    chosen = settings(context)
    why = reason_given(reason)
    with site_context(chosen) as site:
        declared = switch_of(site.site, switch)
        wanted = touchable(declared, name)
        agree(chosen, t("Release {switch}/{port} now?", switch=declared.name, port=wanted), yes=yes)
        with progress(chosen) as listener:
            acted = release_port(site, declared, wanted, why, listener, worked(chosen, t("read")))
    _told(chosen, acted, "release")
    return 0


def _told(chosen: Settings, acted: Acted, action: str) -> None:
    if chosen.json:
        chosen.give(
            {
                "switch": acted.switch,
                "port": acted.port,
                "action": action,
                "reason": acted.reason,
                "changed": acted.changed,
                "open": acted.open,
            }
        )
        return
    place = f"{acted.switch}/{acted.port}"
    if action == "block":
        chosen.say(t("{place} is shut, and stays shut until it is released", place=place))
    elif acted.open:
        chosen.say(t("{place} is open again. Next: portseal check {switch}", place=place, switch=acted.switch))
    else:
        chosen.say(t("{place} is no longer blocked; it stays shut, because nothing is bound to it", place=place))


def _show_all(chosen: Settings, switch: str, views: list[PortView], now: datetime) -> None:
    from controller.cli.words import LINKS, PORT_ROLES, age
    from policies.codec import stamp

    snapshot = next((view.snapshot for view in views if view.snapshot is not None), None)
    if chosen.json:
        chosen.give(
            {
                "switch": switch,
                "read_at": None if snapshot is None else stamp(snapshot.read_at),
                "fresh": any(view.fresh for view in views),
                "ports": [view.json(chosen) for view in views],
            }
        )
        return
    rows = [
        (
            view.port,
            t("not declared") if view.wanted is None else PORT_ROLES[view.wanted.role],
            "-" if view.seen is None else LINKS[view.seen.oper],
            ", ".join(each.name for each in view.wanted.devices) if view.wanted is not None else "",
            _macs(view),
            _state(view),
        )
        for view in views
    ]
    chosen.table((t("port"), t("role"), t("link"), t("devices"), t("MACs"), t("state")), rows)
    if snapshot is None:
        chosen.say(t("the switch was never read. Next: portseal discover {switch}", switch=switch))
    else:
        chosen.say(t("read {age}", age=age(snapshot.read_at, now)))


def _macs(view: PortView) -> str:
    macs = sorted({entry.mac for entry in view.seen.learned if entry.kind != "self"}) if view.seen is not None else []
    return ", ".join(macs[:3]) + (f" +{len(macs) - 3}" if len(macs) > 3 else "")


def _state(view: PortView) -> Text | str:
    if view.block is not None:
        return t("blocked: {reason}", reason=view.block.reason)
    if view.seen is None:
        return t("not read")
    if view.wanted is None:
        return ""
    if view.differences:
        return t("{count} settings differ", count=len(view.differences))
    return t("as it must be")
