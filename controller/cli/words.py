"""States, settings and times in words, for the verbs that explain one port or device."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from controller.ledger.entry import Entry
from policies.model import DeviceRole, Oper, PortConfig, PortRole
from policies.names import format_vlans
from policies.settings import SETTING_WORDS
from policies.texts import Text, t

#: What the site says about a port, in words.
PORT_ROLES: Mapping[PortRole, Text] = {
    PortRole.BOUND: t("bound"),
    PortRole.UPLINK: t("uplink"),
    PortRole.SHUT: t("unused, to be shut"),
    PortRole.EXCEPTED: t("excepted"),
    PortRole.UNMANAGED: t("not managed"),
}
#: What a device is, in words.
DEVICE_ROLES: Mapping[DeviceRole, Text] = {
    DeviceRole.CAMERA: t("camera"),
    DeviceRole.TERMINAL: t("terminal"),
    DeviceRole.SERVER: t("server"),
    DeviceRole.RECORDER: t("recorder"),
    DeviceRole.READER: t("reader"),
    DeviceRole.CONTROLLER: t("controller"),
}
LINKS: Mapping[Oper, Text] = {
    Oper.UP: t("up"),
    Oper.DOWN: t("down"),
    Oper.BLOCKED: t("shut by the switch"),
    Oper.UNKNOWN: t("unknown"),
}


def setting_value(value: object) -> Text | str:
    """Give a setting's value in words; a question mark for what is not known."""
    if value is None:
        return "?"
    if isinstance(value, bool):
        return t("on") if value else t("off")
    if isinstance(value, frozenset):
        return _members(value)
    return str(value)


def _members(values: frozenset[object]) -> Text | str:
    if not values:
        return t("none")
    numbers = frozenset(each for each in values if isinstance(each, int))
    if numbers:
        return format_vlans(numbers)
    pairs = {(str(getattr(each, "mac", each)), getattr(each, "ip", None)) for each in values}
    return ", ".join(mac if ip is None else f"{mac}={ip}" for mac, ip in sorted(pairs, key=str))


def difference(name: str, wanted: PortConfig, seen: PortConfig) -> Text:
    """Say what one setting must be and what it is."""
    return t(
        "{setting}: must be {wanted}, is {seen}",
        setting=SETTING_WORDS[name],
        wanted=setting_value(getattr(wanted, name)),
        seen=setting_value(getattr(seen, name)),
    )


def age(since: datetime, now: datetime) -> Text:
    """Say how long ago something was, in the largest unit that fits."""
    seconds = max(0, round((now - since) / timedelta(seconds=1)))
    if seconds < 120:
        return t("{count} s ago", count=seconds)
    if seconds < 7200:
        return t("{count} min ago", count=seconds // 60)
    if seconds < 172_800:
        return t("{count} h ago", count=seconds // 3600)
    return t("{count} days ago", count=seconds // 86_400)


def local_time(moment: datetime) -> str:
    """Write a moment in this machine's time zone, to the second, with the offset."""
    return moment.astimezone().isoformat(sep=" ", timespec="seconds")


def entry_json(entry: Entry) -> dict[str, object]:
    """Give a ledger entry as documented JSON."""
    from policies.codec import stamp

    return {
        "seq": entry.seq,
        "at": stamp(entry.at),
        "actor": entry.actor,
        "kind": entry.kind,
        "subject": entry.subject,
        "data": entry.data,
    }
