"""ESPHome: a bare text on a topic that the site chooses, from `on_tag: mqtt.publish`.

PN532, PN7150 and RC522 give bytes with dashes (`74-10-37-94`, rule `hex`), RDM6300 a number of 32 bits (`7616525`, rule
`dec`). A PN532 repeats a card that stays for every update_interval, without a time and without a number: whoever takes
these swipes must leave out a card that comes again within seconds. The `tag/…` of Home Assistant is another thing.
"""

from __future__ import annotations

import re

from drivers.cards.form import Format
from drivers.cards.payload import malformed
from policies.cards import ReaderConfig, Swipe, normalise

_BARE = re.compile(rb"[0-9A-Fa-f][0-9A-Fa-f: -]{0,62}")


def parse(topic: str, payload: bytes, config: ReaderConfig) -> tuple[Swipe, ...]:  # noqa: ARG001 - the topic is the site's
    """Read a bare card number; nothing but blanks is no swipe. Raises UnreadableSwipe."""
    bare = payload[:256].strip(b" \t\r\n\0")
    if not bare and len(payload) <= 256:
        return ()
    if not _BARE.fullmatch(bare) or len(payload) > 256:
        raise malformed()
    return (Swipe(config.reader, normalise(bare.decode("ascii"), config.rule), None, None, None, FORMAT.name),)


FORMAT = Format(
    name="esphome",
    title="ESPHome PN532, PN7150, RC522, RDM6300",
    parse=parse,
    decides=False,
    dated=False,
    numbered=False,
    signs=False,
    source="https://esphome.io/components/binary_sensor/pn532",
    seen="documentation",
)
