"""secret: values for `secret:NAME` references, from a hidden prompt or standard input, never from the command line."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from controller.cli.base import Group, Settings, h, settings
from policies.errors import InputError, UsageError
from policies.texts import t

if TYPE_CHECKING:
    from policies.site import Site, Switch, Traps

#: More than this is no secret that is typed, and would fill the memory (`secret set x < /dev/zero`).
_MOST = 65_536


@click.group(cls=Group, help=h("Keep secrets in the encrypted store."))
def secret() -> None:
    """See the help text."""


@secret.command("set", help=h("Keep a secret: typed at a hidden prompt, or read from standard input (one line)."))
@click.argument("name")
@click.pass_context
def set_(context: click.Context, name: str) -> int:
    """See the help text."""
    from controller.cli.session import site_context
    from controller.secrets.box import list_secrets, set_secret
    from policies.toml import Place
    from policies.values import secret as secret_reference

    chosen = settings(context)
    # Before the ledger hears of it: people type the secret itself where its name belongs.
    secret_reference(f"secret:{name}", Place("NAME"))
    with site_context(chosen, recovering=False) as site:
        folder = site.site.folder
        replaced = name in list_secrets(folder)
        value = _value(chosen, name)
        with site.ledger.act("secret.set", name[:64], {"replaced": replaced}, site.actor) as act:
            set_secret(folder, name, value)
            act.done()
    if chosen.json:
        chosen.give({"name": name, "replaced": replaced})
    chosen.say(t("kept; refer to it as secret:{name}", name=name))
    return 0


@secret.command("list", help=h("Name the secrets that are kept, and where site.toml refers to them."))
@click.pass_context
def list_(context: click.Context) -> int:
    """See the help text."""
    from controller.secrets.box import list_secrets
    from policies.load import load_site

    chosen = settings(context)
    site = load_site(chosen.site)
    kept = list_secrets(site.folder)
    used: dict[str, list[str]] = {name: [] for name in kept}
    for key, reference in references(site):
        if reference.startswith("secret:"):
            used.setdefault(reference.removeprefix("secret:"), []).append(key)
    if chosen.json:
        rows = [{"name": name, "kept": name in kept, "used_by": keys} for name, keys in sorted(used.items())]
        chosen.give({"secrets": rows})
        return 0
    for name, keys in sorted(used.items()):
        state = t("kept") if name in kept else t("missing: 'portseal secret set {name}'", name=name)
        chosen.say(t("{name}: {state}; used by {keys}", name=name, state=state, keys=", ".join(keys) or "-"))
    if not used:
        chosen.say(t("No secret is kept."))
    return 0


def references(site: Site) -> Iterator[tuple[str, str]]:
    """Give every secret's reference in site.toml with its dotted key."""
    for switch in site.switches:
        for key, reference in _of_switch(switch):
            if reference is not None:
                yield f"switches.{switch.name}.{key}", reference
    yield from _of_traps(site.traps)
    for reader in site.readers:
        for key, reference in (("password", reader.password), ("secret", reader.secret)):
            if reference is not None:
                yield f"readers.{reader.name}.{key}", reference


def _of_switch(switch: Switch) -> Iterator[tuple[str, str | None]]:
    yield from (("password", switch.password), ("key", switch.key), ("enable", switch.enable))
    if switch.snmp is not None:
        yield "snmp.community", switch.snmp.community
        yield "snmp.auth_password", switch.snmp.auth_password
        yield "snmp.priv_password", switch.snmp.priv_password
    for name, value in switch.settings:
        if value.startswith(("env:", "file:", "secret:")):
            yield f"settings.{name}", value


def _of_traps(traps: Traps) -> Iterator[tuple[str, str]]:
    for index, reference in enumerate(traps.communities, 1):
        yield f"traps.communities[{index}]", reference
    for user in traps.users:
        for key, kept in (("auth_password", user.auth_password), ("priv_password", user.priv_password)):
            if kept is not None:
                yield f"traps.users.{user.name}.{key}", kept


def _value(chosen: Settings, name: str) -> str:
    if sys.stdin is None or sys.stdin.closed:
        raise UsageError(
            t("standard input is closed"), where=name, next_step=t("type the secret at a terminal, or pipe it in")
        )
    if sys.stdin.isatty():
        prompt = chosen.text(t("Value of {name} (not shown)", name=name))
        again = chosen.text(t("Once more"))
        return str(click.prompt(prompt, hide_input=True, confirmation_prompt=again, err=True))
    try:
        content = sys.stdin.buffer.read(_MOST + 1)
        text = content.decode("utf-8")
    except OSError as error:
        raise UsageError(
            t("standard input cannot be read ({cause})", cause=error.strerror or ""),
            where=name,
            next_step=t("type the secret at a terminal, or pipe it in"),
        ) from None
    except UnicodeDecodeError:
        raise InputError(t("the secret is not UTF-8 text"), where=name, next_step=t("give it as plain text")) from None
    text = text.removesuffix("\n").removesuffix("\r")
    if "\n" in text or "\r" in text:
        raise InputError(
            t("the secret has more than one line"), where=name, next_step=t("keep it in a file and use file:PATH")
        )
    return text
