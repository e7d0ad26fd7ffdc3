"""A change set in a vendor's own words: which commands are sent, in which order and mode. Pure.

Order matters on equipment: a MAC must leave its old port before it may be secured on another (Cisco counts it as a
violation, Comware rejects it), and security is enabled last, or the half-written port trips over its own device.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from drivers.dialect import Dialect, Items, Set
from policies.errors import ConfigError
from policies.model import IpBinding, PortChange, PortConfig, SecureMac, SwitchChanges, missing_macs
from policies.names import format_vlans, mac_dashed4, mac_dotted, spell
from policies.texts import t

#: Phases that take something away; they run first on every port when a MAC moves between ports.
_LEAVING = frozenset({"off", "remove"})
_NAME = re.compile(r"\{([a-z_]+)\}")
#: VLAN names that every switch takes; another (blanks, Chinese) is written as vlanN.
_VLAN_NAME = re.compile(r"[A-Za-z0-9][\w.\-]{0,31}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Command:
    """One line for the switch, and the port in whose mode it is given (None: global configuration).

    `acts` tells that it is no configuration but an act on what is configured (opening a port again): where changes are
    collected first, it comes after they have taken effect.
    """

    line: str
    port: str | None = None
    acts: bool = False


def commands(
    dialect: Dialect, changes: SwitchChanges, parameters: Mapping[str, str] | None = None, *, exact: bool = False
) -> list[Command]:
    """Give the commands of `changes`, without mode changes and save.

    `parameters` fill a site's own names in the templates; `exact` tells sticky from configured MACs (rollback).

    Raises:
        ConfigError: the dialect has no template for a setting, or for one of its values, that the change set demands.

    """
    given = {**dialect.parameters, **(parameters or {})}
    result = [
        Command(fill(line, {**given, "vlan": vlan.vlan, "name": _vlan_name(vlan.vlan, vlan.after)}))
        for vlan in changes.vlans
        if vlan.after is not None
        for line in dialect.vlan_add
    ]
    writers = [_PortWriter(dialect, change, given, exact) for change in changes.ports]
    if _moves(changes):
        for writer in writers:
            result.extend(writer.lines(_LEAVING))
        for writer in writers:
            result.extend(writer.lines(None, without=_LEAVING))
    else:
        for writer in writers:
            result.extend(writer.lines(None))
    result.extend(
        Command(fill(line, {**given, "vlan": vlan.vlan, "name": vlan.before}))
        for vlan in changes.vlans
        if vlan.after is None
        for line in dialect.vlan_remove
    )
    for command in result:
        _one_line(command)
    return result


def check_undo(dialect: Dialect, changes: SwitchChanges, parameters: Mapping[str, str] | None = None) -> None:
    """See that what `changes` replaces could be written back; raises ConfigError like :func:`commands` if not."""
    commands(dialect, changes.inverse(), parameters, exact=True)


def script(dialect: Dialect, lines: list[Command], parameters: Mapping[str, str] | None = None) -> list[str]:
    """Give the whole dialogue, with the commands that enter and leave modes, as a person would type it.

    Where changes are collected first, it ends with the commit on trial; the confirmation comes after the read-back.
    """
    if not lines:
        return []
    commit = dialect.commit
    result = list(dialect.enter_config)
    if commit is None:
        result.extend(_within_modes(dialect, lines))
    else:
        result.extend(_within_modes(dialect, [command for command in lines if not command.acts]))
        result.append(fill(commit.trial or commit.now, {**dialect.parameters, **(parameters or {})}))
        result.extend(_within_modes(dialect, [command for command in lines if command.acts]))
    result.extend(dialect.leave_config)
    return result


def _within_modes(dialect: Dialect, lines: list[Command]) -> Iterator[str]:
    port: str | None = None
    for command in lines:
        if command.port != port:
            if port is not None:
                yield from dialect.leave_interface
            if command.port is not None and dialect.enter_interface:
                yield fill(dialect.enter_interface, {"port": spell(command.port, dialect.spell)})
            port = command.port
        yield command.line
    if port is not None:
        yield from dialect.leave_interface


def fill(template: str, values: Mapping[str, object]) -> str:
    """Put `values` in place of their {names}; other braces (awk, JSON) stay as they are."""
    return _NAME.sub(lambda match: str(values.get(match[1], match[0])), template)


def _moves(changes: SwitchChanges) -> bool:
    """Tell whether a MAC, or an IP, leaves one port of the change set and comes to another."""
    leaving: dict[str, set[str]] = {}
    coming: list[tuple[str, str]] = []
    for change in changes.ports:
        old, new = _addresses(change.before), _addresses(change.after)
        for setting, after in new.items():
            before = old.get(setting, frozenset())
            for address in before - after:
                leaving.setdefault(address, set()).add(change.port)
            coming.extend((address, change.port) for address in after - before)
    return any(leaving.get(address, set()) - {port} for address, port in coming)


def _addresses(config: PortConfig) -> dict[str, frozenset[str]]:
    found = {}
    if config.secure_macs is not None:
        found["secure_macs"] = frozenset(entry.mac for entry in config.secure_macs)
    if config.ip_bindings is not None:
        found["ip_bindings"] = frozenset(each for entry in config.ip_bindings for each in (entry.mac, entry.ip))
    return found


def _vlan_name(vlan: int, name: str) -> str:
    return name if _VLAN_NAME.fullmatch(name) else f"vlan{vlan}"


def _one_line(command: Command) -> None:
    """Refuse what would be several lines for the switch: a line end in a name or description starts a new command."""
    if not command.line.isprintable():
        raise ConfigError(
            t("the command {command} has a control character in it", command=ascii(command.line)),
            where=command.port or "",
            next_step=t("correct the name or description that it comes from"),
        )


class _PortWriter:
    """Writes one port's change, phase by phase, in the dialect's order."""

    def __init__(self, dialect: Dialect, change: PortChange, given: Mapping[str, str], exact: bool) -> None:
        self.dialect, self.change, self.exact = dialect, change, exact
        self.given: dict[str, object] = {
            **given,
            "port": spell(change.port, dialect.spell),
            "old_vlan": change.before.access_vlan,
        }
        self.demanded = {name for name in PortConfig.__dataclass_fields__ if getattr(change.after, name) is not None}
        known = set(dialect.settings)
        self._refuse(sorted(self.demanded - known))
        self._refuse(sorted(name for name in self._changing() if not self._writable(name)))
        self.quiesced = {
            flag
            for flag, members in dialect.quiesce.items()
            if getattr(change.before, flag) is True and self._changing() & members
        }

    def _refuse(self, lacking: list[str]) -> None:
        if lacking:
            raise ConfigError(
                t(
                    "the dialect {platform} has no command for {settings}",
                    platform=self.dialect.platform,
                    settings=", ".join(lacking),
                ),
                where=self.change.port,
                next_step=t("leave this out of the plan, or set it by hand"),
            )

    def _writable(self, setting: str) -> bool:
        template = self.dialect.settings[setting]
        return isinstance(template, Items) or bool(_lines_for(template, getattr(self.change.after, setting)))

    def _changing(self) -> set[str]:
        if not self.exact:
            return set(self.change.fields)
        return {name for name in self.demanded if getattr(self.change.after, name) != getattr(self.change.before, name)}

    def lines(self, phases: frozenset[str] | None, without: frozenset[str] = frozenset()) -> Iterator[Command]:
        for setting, phase in self.dialect.order:
            if (phases is None or phase in phases) and phase not in without:
                yield from self._phase(setting, phase)
        if self.change.recover and phases is None:
            for line in self.dialect.recover:
                yield Command(fill(line, self.given), self.change.port, acts=True)

    def _phase(self, setting: str, phase: str) -> Iterator[Command]:
        template = self.dialect.settings[setting]
        before, after = getattr(self.change.before, setting), getattr(self.change.after, setting)
        if isinstance(template, Items):
            if after is not None:
                yield from self._items(template, before or frozenset(), after, phase)
            return
        if setting in self.dialect.mode_resets and self._moded():
            if phase == "set":
                yield from self._again(template, before if after is None else after)
        elif setting in self.quiesced:
            final = after if after is not None else before
            if phase == "off" or (phase == "on" and final is True):
                yield from self._set(template, phase == "on")
        elif after is not None and after != before and phase in ("set", "on" if after is True else "off"):
            yield from self._filled(template.leave.get(before, ()), before)
            yield from self._set(template, after)

    def _moded(self) -> bool:
        return self.change.after.mode not in (None, self.change.before.mode)

    def _again(self, template: Set, value: object) -> Iterator[Command]:
        """Write a setting that the change of mode has put back, where the new mode has it and the default is not it."""
        if value not in (None, template.default) and (not template.modes or self.change.after.mode in template.modes):
            yield from self._set(template, value)

    def _set(self, template: Set, value: object) -> Iterator[Command]:
        yield from self._filled(_lines_for(template, value), value)

    def _filled(self, lines: tuple[str, ...], value: object) -> Iterator[Command]:
        for line in lines:
            yield Command(fill(line, {**self.given, **_written(value)}), self.change.port)

    def _items(
        self,
        template: Items,
        before: frozenset[SecureMac | IpBinding],
        after: frozenset[SecureMac | IpBinding],
        phase: str,
    ) -> Iterator[Command]:
        if phase == "remove":
            gone = before - after if self.exact else _missing(before, after)
            yield from self._members(template, gone, adding=False)
        elif phase == "add":
            new = after - before if self.exact else _missing(after, before)
            yield from self._members(template, new, adding=True)

    def _members(
        self, template: Items, members: frozenset[SecureMac | IpBinding], *, adding: bool
    ) -> Iterator[Command]:
        port = self.change.port if template.where == "interface" else None
        vlan = self.change.after.access_vlan or self.change.before.access_vlan
        for member in sorted(members, key=lambda item: (item.mac, item.vlan or 0)):
            sticky = isinstance(member, SecureMac) and member.sticky
            if adding:
                lines = template.add_sticky if sticky and template.add_sticky else template.add
            else:
                lines = template.remove_sticky if sticky and template.remove_sticky else template.remove
            values = {
                **self.given,
                **_spellings(member.mac),
                "ip": getattr(member, "ip", ""),
                "vlan": member.vlan or vlan,
            }
            for line in lines:
                yield Command(fill(line, values), port)


def _lines_for(template: Set, value: object) -> tuple[str, ...]:
    if value in template.by_value:
        return template.by_value[value]
    return template.clear if value in ("", frozenset()) else template.value


def _missing(
    these: frozenset[SecureMac | IpBinding], those: frozenset[SecureMac | IpBinding]
) -> frozenset[SecureMac | IpBinding]:
    macs = missing_macs(
        frozenset(item for item in these if isinstance(item, SecureMac)),
        frozenset(item for item in those if isinstance(item, SecureMac)),
    )
    pairs = frozenset(item for item in these if isinstance(item, IpBinding)) - those
    return macs | pairs


def _spellings(mac: str) -> dict[str, str]:
    return {"mac": mac, "mac_dotted": mac_dotted(mac), "mac_dashed": mac_dashed4(mac)}


def _written(value: object) -> dict[str, str]:
    if isinstance(value, frozenset):
        return {
            "value": format_vlans(value),
            "value_list": ",".join(str(each) for each in sorted(value)),
            "value_to": format_vlans(value, separator=" ", to=" to "),
        }
    return {"value": str(value), "value_quoted": shlex.quote(str(value))}
