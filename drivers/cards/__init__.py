"""Card formats: one small file each. The registry is explicit; a test proves that every file is in it.

A parser is pure: it has no clock, keeps nothing, and does not see whether a message was retained. Who calls it refuses
retained messages, keeps :attr:`policies.cards.Swipe.repeat_keys`, compares times, and decides what a swipe is worth.
"""

from __future__ import annotations

from drivers.cards import dahua, dahua_vto, esp_rfid, esphome, hikvision, native, tasmota, uhppoted, zigbee2mqtt
from drivers.cards.form import Format, Parse
from policies.errors import InputError
from policies.names.shown import shown
from policies.texts import t

__all__ = ["FORMATS", "Format", "Parse", "find_format"]

#: Every format, in the order in which they are shown.
FORMATS: tuple[Format, ...] = tuple(
    each.FORMAT for each in (native, uhppoted, esp_rfid, esphome, tasmota, zigbee2mqtt, hikvision, dahua, dahua_vto)
)


def find_format(name: str) -> Format:
    """Give the format of that name; raises InputError for another name."""
    for each in FORMATS:
        if each.name == name:
            return each
    raise InputError(
        t("there is no card format {name}", name=shown(name)),
        next_step=t("choose one of {names}", names=", ".join(each.name for each in FORMATS)),
    )
