"""Recording what a switch says to its dialect's read commands, for a test or a report; the secrets are blanked."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from controller.cli.secret import references
from controller.context import Context
from controller.network.equipment import SwitchEquipment
from controller.secrets.resolve import resolve
from drivers.dialect import Dialect
from drivers.render import fill
from drivers.session import Session
from drivers.transports.replay import Exchange, RecordingChannel, save_recording
from policies.errors import CommandRejected, ConfigError, InputError, StorageFailed
from policies.names import spell
from policies.site import Switch
from policies.texts import t

_PLACE = re.compile(r"\{[a-z_]+\}")


@dataclass(frozen=True, slots=True)
class Recorded:
    """The commands that were answered, and those that the switch rejected; both are in the file."""

    recorded: list[str]
    rejected: list[str]


def record_switch(site: Context, switch: Switch, file: Path) -> Recorded:
    """Run every read command of the dialect on `switch` and write the conversation to a new `file` (0600).

    Raises:
        InputError: the file is there already, or its folder is not.
        EquipmentError: the switch cannot be reached, or stopped answering.
        StorageFailed: the file cannot be written.

    """
    _new(file)
    equipment = SwitchEquipment(site.site, switch, site.clock)
    session = equipment.terminal()
    assert isinstance(session, Session)
    channel = RecordingChannel(session.channel)
    session.channel = channel
    done = Recorded([], [])
    with session:
        for command in _commands(session.dialect, switch):
            try:
                session.read(command)
            except CommandRejected:
                done.rejected.append(command)
            else:
                done.recorded.append(command)
    _write(site, switch, session, channel.exchanges, file)
    return done


def _commands(dialect: Dialect, switch: Switch) -> Iterator[str]:
    """Give each command once; one that asks about a port is filled with the first declared port."""
    values = {**dialect.parameters, **dict(switch.settings)}
    if switch.ports:
        values["port"] = spell(switch.ports[0], dialect.spell)
    seen = set()
    for read in dialect.reads:
        command = fill(read.command, values)
        open_names = set(_PLACE.findall(command)) & {"{port}", "{bridge}", "{interface}", "{vlan}"}
        if command not in seen and not open_names:
            seen.add(command)
            yield command


def _write(site: Context, switch: Switch, session: Session, exchanges: list[Exchange], file: Path) -> None:
    known = _secrets(site, switch)

    def redact(text: str) -> str:
        for value in known:
            text = text.replace(value, "<secret>")
        return session.redact(text)

    try:
        file.touch(mode=0o600, exist_ok=False)
        save_recording(file, exchanges, redact)
    except OSError as error:
        raise StorageFailed(
            t("the file cannot be written ({cause})", cause=error.strerror or ""),
            where=str(file),
            next_step=t("check free space and the owner and mode of the folder"),
        ) from None


def _secrets(site: Context, switch: Switch) -> list[str]:
    """Give the secrets of one switch, longest first; one that leads nowhere was never sent either."""
    found = []
    for key, reference in references(site.site):
        if key.startswith(f"switches.{switch.name}.") and not key.endswith(".key"):
            with contextlib.suppress(ConfigError):
                found.append(resolve(reference, site.site.folder, where=key).reveal())
    return sorted(found, key=len, reverse=True)


def _new(file: Path) -> None:
    if file.exists():
        raise InputError(t("the file is there already"), where=str(file), next_step=t("name a new file"))
    if not file.parent.is_dir():
        raise InputError(
            t("the file cannot be written there"), where=str(file), next_step=t("name a file in a folder that exists")
        )
