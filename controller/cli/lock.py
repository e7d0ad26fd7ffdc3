"""lock: the sensed anti-plug locks, what they said last, and their certificates."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from controller.cli.base import NOT_COMPLIANT, Group, Settings, h, settings
from policies.errors import ConfigError, NotFound
from policies.texts import t

if TYPE_CHECKING:
    from controller.cli.terminals_shown import View
    from policies.site import Site
    from policies.terminal import Terminal


@click.group(cls=Group, help=h("Show the sensed anti-plug locks: state, battery, what is wrong; make certificates."))
def lock() -> None:
    """See the help text."""


@lock.command("list", help=h("List the sensed locks: what each said last, and what contradicts it."))
@click.pass_context
def list_(context: click.Context) -> int:
    """See the help text."""
    from controller.cli.terminals_shown import STATES
    from controller.cli.words import age

    chosen = settings(context)
    views = _sensed(chosen)
    if chosen.json:
        chosen.give({"locks": [_json(view) for view in views]})
        return 0
    if not views:
        chosen.say(t('The site declares no sensed lock. Next: write level = "sensed" in [terminals.NAME.lock]'))
        return 0
    rows = []
    for view in views:
        report, heard = view.sight.report, view.sight.heard_at
        state = "-" if report is None else STATES[report.state]
        battery = "-" if report is None or report.battery is None else f"{report.battery} %"
        when = t("never") if heard is None else age(heard, view.now)
        rows.append((view.of.name, view.of.lock.id, state, when, battery, ", ".join(view.sight.wrong) or "-"))
    chosen.table((t("terminal"), t("lock"), t("state"), t("heard"), t("battery"), t("wrong")), rows)
    return 0


@lock.command(help=h("Show the sensed lock of one terminal; exit code 1 when it does not count as one (L3) now."))
@click.argument("terminal")
@click.pass_context
def show(context: click.Context, terminal: str) -> int:
    """See the help text."""
    from policies.messages.lock import LEVELS, LockLevel

    chosen = settings(context)
    found = [view for view in _sensed(chosen) if view.of.name.casefold() == terminal.strip().casefold()]
    if not found:
        raise NotFound(
            t("the site declares no sensed lock there"), where=terminal, next_step=t("see 'portseal lock list'")
        )
    (view,) = found
    code = 0 if view.level is LockLevel.L3 else NOT_COMPLIANT
    if chosen.json:
        chosen.give(_json(view))
        return code
    chosen.say(t("{name}: lock {id}, {model}", name=view.of.name, id=view.of.lock.id, model=view.of.lock.model))
    for sentence in view.lock_sentences():
        chosen.say(sentence)
    level = view.level or LockLevel.L1
    chosen.say(t("  level for 7.2b: {level} ({meaning})", level=level, meaning=LEVELS[level]))
    for _, text in view.missing:
        chosen.say(t("  missing for 7.2b: {what}", what=text))
    return code


@lock.command(
    help=h(
        "Make the certificate of a terminal's lock, for the request in FILE ('openssl req -new'); those before it end."
    )
)
@click.argument("terminal")
@click.argument("file", metavar="FILE")
@click.option("--out", metavar="FILE", help=h("Where to write it. Default: TERMINAL-lock.pem in this folder."))
@click.pass_context
def enroll(context: click.Context, terminal: str, file: str, out: str | None) -> int:
    """See the help text."""
    from controller.broker.certify import certify
    from controller.cli.certifying import refuse_other_file, request_in
    from controller.cli.session import site_context
    from controller.secrets.files import write_private
    from policies.codec import stamp
    from policies.messages.identities import Identity, Role

    chosen = settings(context)
    request = request_in(file)
    with site_context(chosen, recovering=False) as site:
        declared = _declared(site.site, terminal)
        path = Path(out or f"{declared.name}-lock.pem")
        refuse_other_file(path)
        made = certify(site, Identity(Role.LOCK, declared.name), request)
        folder = site.site.folder
    write_private(path, made.issued.pem, mode=0o644)
    vouching, grants = folder / "keys/ca.pem", folder / "keys/grant.pub"
    if chosen.json:
        chosen.give({
            "terminal": declared.name, "lock": declared.lock.id, "file": str(path), "serial": made.issued.serial,
            "expires": stamp(made.issued.expires), "authority": str(vouching), "ended": list(made.ended),
        })  # fmt: skip
    chosen.say(t("The certificate of {name} is in {file}, good until {day}.", name=declared.lock.id, file=path,
                 day=made.issued.expires.date()))  # fmt: skip
    chosen.say(t("The lock trusts the broker by {file}, and commands by {key}.", file=vouching, key=grants))
    if made.ended:
        chosen.say(t("{count} certificates before it count no more.", count=len(made.ended)))
    return 0


def _sensed(chosen: Settings) -> list[View]:
    from controller.cli.terminals_shown import views_of
    from policies.load import load_site
    from policies.terminal import LockLevel

    return [each for each in views_of(load_site(chosen.site)) if each.of.lock.level is LockLevel.SENSED]


def _json(view: View) -> dict[str, object]:
    lock = view.of.lock
    return {
        "terminal": view.of.name, "lock": lock.id, "model": lock.model, "level": view.level, "state": view.state_json(),
    }  # fmt: skip


def _declared(site: Site, name: str) -> Terminal:
    from controller.cli.terminal import terminal_of
    from policies.terminal import LockLevel

    declared = terminal_of(site, name)
    if declared.lock.level is not LockLevel.SENSED or not declared.lock.id:
        raise ConfigError(
            t("site.toml declares no sensed lock there"),
            where=f"site.toml: terminals.{declared.name}.lock",
            next_step=t('write level = "sensed", with the id by which it reports'),
        )
    return declared
