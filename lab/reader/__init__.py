"""Card readers that are not there: the bytes that each kind of device sends for a card, and the way to send them.

They are written from what devices and their documentation say, and know nothing of Portseal's parsers: each is a second
opinion on its format. A test keeps the two apart.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lab.reader import dahua, esp_rfid, esphome, hikvision, native, tasmota, uhppoted, zigbee2mqtt
from lab.reader.tap import Sent, Tap

#: format → what a device of that kind sends for a card, in its usual form; topics are the devices' own defaults.
DEVICES: Mapping[str, Callable[[Tap], Sent]] = {
    "native": native.swipe,
    "uhppoted": uhppoted.live,
    "esp-rfid": esp_rfid.access,
    "esphome": esphome.tag,
    "tasmota": tasmota.rc522,
    "zigbee2mqtt": zigbee2mqtt.request,
    "hikvision": hikvision.listener,
    "dahua": dahua.upload,
    "dahua-vto": dahua.station,
}
