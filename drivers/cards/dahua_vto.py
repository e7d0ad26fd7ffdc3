"""DahuaVTO2MQTT: Dahua's door stations on MQTT; topic `<prefix>/AccessControl/Event`, or `<prefix>/DoorCard/Event`.

The bridge publishes the station's event as JSON with its device type and serial number; the documentation's samples
lack `Code`, which the topic says. Topic and `Code` must not disagree. The events are those of
:mod:`drivers.cards.dahua`: set a reader to one of the two topics. Some stations leave `CardNo` empty (rroller/dahua,
issue 221): then DoorCard is what there is, and it has no decision. Read in the bridge's source code and documentation,
not seen on a station.
"""

from __future__ import annotations

from drivers.cards.dahua import swipe_of
from drivers.cards.form import Format
from drivers.cards.payload import bad_value, members
from policies.cards import ReaderConfig, Swipe


def parse(topic: str, payload: bytes, config: ReaderConfig) -> tuple[Swipe, ...]:
    """Read an event of the bridge; raises UnreadableSwipe."""
    levels = topic.split("/")
    if len(levels) < 2 or levels[-1] != "Event" or levels[-2] not in ("AccessControl", "DoorCard"):
        return ()
    event = members(payload)
    if event.get("Code", levels[-2]) != levels[-2]:
        raise bad_value("Code")
    swipe = swipe_of(event | {"Code": levels[-2]}, config, FORMAT.name)
    return () if swipe is None else (swipe,)


FORMAT = Format(
    name="dahua-vto",
    title="DahuaVTO2MQTT",
    parse=parse,
    decides=True,
    dated=True,
    numbered=True,
    signs=False,
    source="https://github.com/elad-bar/DahuaVTO2MQTT",
    seen="source code",
)
