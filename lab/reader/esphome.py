"""ESPHome with `on_tag: mqtt.publish`, after esphome.io: a bare text, again and again while the card stays."""

from __future__ import annotations

from lab.reader.tap import Sent, Tap

TOPIC = "esphome/gate/tag"


def tag(tap: Tap) -> Sent:
    """Give what a PN532, PN7150 or RC522 publishes: bytes in hex with dashes."""
    return Sent(TOPIC, "-".join(f"{each:02X}" for each in tap.card.uid).encode())


def rdm6300(tap: Tap) -> Sent:
    """Give what an RDM6300 publishes: a 32-bit number in decimal."""
    return Sent(TOPIC, str(int.from_bytes(tap.card.uid[:4], "big")).encode())


def stays(tap: Tap, updates: int = 3) -> tuple[Sent, ...]:
    """Give what comes while a card lies there: the same for each update_interval, without a time."""
    return (tag(tap),) * updates
