"""dialect detect: which platform a declared switch is, asked over SNMP and at its command line. Nothing is changed."""

from __future__ import annotations

from collections.abc import Callable

from controller.cli.base import NOT_COMPLIANT, Settings
from controller.context import Context
from controller.network.equipment import LOCAL, SwitchEquipment
from controller.secrets.resolve import resolve
from drivers.detect import Detected, at_terminal, over_snmp
from policies.errors import ConfigError, PortsealError
from policies.site import Switch
from policies.texts import Text, t


def detect_switch(chosen: Settings, site: Context, switch: Switch) -> int:
    """Ask `switch` in every way that the site declares, show what it says, and compare; gives the exit code."""
    asked: list[Detected] = []
    errors: list[PortsealError] = []
    for ask in _ways(site, switch):
        try:
            asked.append(ask())
        except PortsealError as failed:
            errors.append(failed)
    if not asked:
        raise (
            errors[0]
            if errors
            else ConfigError(
                t("the site declares no way to ask this switch"),
                where=switch.name,
                next_step=t("add username and password, or its table snmp, in site.toml"),
            )
        )
    found = _agreed(asked)
    if chosen.json:
        chosen.give(
            {
                "switch": switch.name,
                "declared": switch.platform,
                "platform": found or None,
                "asked": [{"way": each.way, "platforms": list(each.platforms), "said": each.said} for each in asked],
                "errors": [error.line(chosen.language) for error in errors],
            }
        )
    else:
        for each in asked:
            names = ", ".join(each.platforms) or "?"
            chosen.say(t("over {way}: {platforms}: {said}", way=each.way.upper(), platforms=names, said=each.said))
        for error in errors:
            chosen.note(t("{problem}", problem=error.line(chosen.language)))
        chosen.say(_sentence(switch, found, asked))
    return 0 if found == switch.platform else NOT_COMPLIANT


def _agreed(asked: list[Detected]) -> str:
    """Give the platform that every certain answer names; "" when none is certain, or two name different ones."""
    named = {name for each in asked for name in each.platforms}
    return named.pop() if len(named) == 1 else ""


def _sentence(switch: Switch, found: str, asked: list[Detected]) -> Text:
    if found == switch.platform:
        return t("{switch} is {platform}, as declared", switch=switch.name, platform=found)
    if found:
        return t(
            "{switch} is {found}, and site.toml declares {declared}. Correct 'platform' there; nothing is guessed",
            switch=switch.name,
            found=found,
            declared=switch.platform,
        )
    named = sorted({name for each in asked for name in each.platforms})
    if named:
        return t(
            "which one is it: {names}? Its words fit all of them. Look at its label, and write 'platform' in site.toml",
            names=", ".join(named),
        )
    return t(
        "its words fit no platform that Portseal knows. Look at its label; "
        "'portseal discover --via snmp' reads the standard MIBs of any switch"
    )


def _ways(site: Context, switch: Switch) -> list[Callable[[], Detected]]:
    """Give how the site lets this switch be asked, SNMP first: it needs no login."""
    found: list[Callable[[], Detected]] = []
    if switch.snmp is not None:
        found.append(lambda: _snmp(site, switch))
    if switch.host == LOCAL or switch.username:
        found.append(lambda: _ssh(site, switch))
    return found


def _snmp(site: Context, switch: Switch) -> Detected:
    from drivers.snmp.access import resolve as with_secrets
    from drivers.snmp.session import SnmpSession

    assert switch.snmp is not None
    access = with_secrets(switch.snmp, lambda reference: resolve(reference, site.site.folder).reveal())
    with SnmpSession(access) as session:
        return over_snmp(session)


def _ssh(site: Context, switch: Switch) -> Detected:
    channel = SwitchEquipment(site.site, switch, site.clock).channel()
    try:
        return at_terminal(channel, switch.timeout_s)
    finally:
        channel.close()
