"""`portseal lab`: the virtual site with a real data plane, for newcomers and tests alike."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from policies.texts import LANGUAGES, Text, render, t


@click.group()
def lab() -> None:
    """Run the virtual site: real switches' software, real frames, hosts that stream."""


def _asked(name: str, value: Any = None) -> Any:
    """Give an option's value: as given here, else as given before the verb (`portseal --json lab status`)."""
    context: click.Context | None = click.get_current_context()
    while context is not None and value in (None, False):
        value = context.params.get(name) or getattr(context.obj, name, None)
        context = context.parent
    return value


def _say(text: Text) -> None:
    language = _asked("lang")
    click.echo(render(text, language if language in LANGUAGES else "en"))


@lab.command()
@click.option("--site", type=click.Path(path_type=Path, file_okay=False), help="Also write a site folder for the lab.")
@click.option("--lang", type=click.Choice(LANGUAGES), help="Language of messages.")
def up(site: Path | None, lang: str | None) -> None:  # noqa: ARG001 - read by _asked
    """Bring the site up: three switches, their cables and about twenty hosts.

    Needs root and Open vSwitch. A lab that already runs is left alone.

    Example: portseal lab up --site demo
    """
    from lab.api import Lab
    from lab.folder import earlier_secrets, write_site
    from lab.up import up as bring_up

    folder = _asked("site", site)
    secrets, host_keys = earlier_secrets(folder) if folder else ({}, None)
    started = bring_up(secrets=secrets, host_keys=host_keys)
    here = Lab()
    if folder:
        write_site(folder, [here.switch(name) for name in here.site.switch], here.client_key)
    if not started:
        _say(t("the lab is already up; 'portseal lab down' removes it"))
    else:
        counts = {"switches": len(here.site.switches), "hosts": len(here.site.hosts)}
        _say(t("the lab is up: {switches} switches, {hosts} hosts", **counts))
    if folder:
        _say(t("its site folder is {folder}", folder=folder))


@lab.command()
@click.option("--lang", type=click.Choice(LANGUAGES), help="Language of messages.")
def down(lang: str | None) -> None:  # noqa: ARG001 - read by _asked
    """Remove the site, also one that was killed half-way; nothing of it is left.

    Example: portseal lab down
    """
    from lab.api import Lab

    removed = Lab().down()
    _say(t("the lab is down; nothing of it is left") if removed else t("there is no lab on this machine"))


@lab.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--lang", type=click.Choice(LANGUAGES), help="Language of messages.")
@click.pass_context
def status(context: click.Context, as_json: bool, lang: str | None) -> None:  # noqa: ARG001 - read by _asked
    """Say what runs and what arrives at the recorder; exit code 1 when the lab is not up or not well.

    Example: portseal lab status --json
    """
    from lab.status import status as ask_status

    told = ask_status()
    if _asked("as_json", as_json) or _asked("json"):
        click.echo(json.dumps(told, ensure_ascii=False, indent=1))
    elif not told["up"]:
        _say(t("the lab is not up"))
    else:
        for switch in told["switches"]:
            click.echo(f"{switch['name']:6} {switch['platform']:12} {switch['host']}")
        for host in told["hosts"]:
            where = f"{host['switch']} {host['port']}" if host["switch"] else "-"
            counts = f"{host['sent']:7} → {host['recorded']:7}"
            click.echo(f"{host['name']:6} {host['mac']} {host['ip']:16} {where:28} {counts}")
        if told["problems"]:
            _say(t("not running: {names}", names=", ".join(told["problems"])))
    context.exit(0 if told["up"] and not told["problems"] else 1)
