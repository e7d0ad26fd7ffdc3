"""A night swap: which MAC has come in a dead device's place, and whether it may stay there. Pure.

A one-time code, or a card that was named before, lets somebody who is no administrator replace a device at its own
port. So nothing is left to choose: the port is the device's, the replacement is what the switch sees there, and it must
be of the same make.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from policies.cards.case import Case
from policies.cards.decide import fault_of_swipe
from policies.errors import SafetyRefusal
from policies.model import Device, ObservedPort
from policies.names import is_unicast
from policies.texts import Text, t

#: Octets of a MAC that name its maker (IEEE MA-L).
_MAKER = len("aa:bb:cc")
#: For how long a swipe says that its holder is there.
SWIPE_COUNTS = timedelta(minutes=5)


def swiped(cases: Iterable[Case], card: str, since: datetime, now: datetime) -> bool:
    """Tell whether `card` (a pseudonym) was swiped since `since`, not long ago, at a reader that proves what it says.

    What the card may open does not count, but a card that is revoked, suspended or run out says nothing.
    """
    first = max(since, now - SWIPE_COUNTS)
    return any(
        case.presented.card == card != ""
        and case.presented.authenticated
        and first <= case.presented.received <= now
        and not fault_of_swipe(case)
        for case in cases
    )


def replacement(
    device: Device, port: ObservedPort, where: str, inventory: Collection[str], retired: Collection[str]
) -> str:
    """Give the MAC that takes the place of `device` at `port`, which was just read; `where` is switch/port.

    A secured port does not learn a foreign MAC: there it is the one that violated the binding last. `inventory` are
    the MACs of all devices, `retired` those that were replaced before. Raises SafetyRefusal when nothing or more than
    one thing is there, when the old device still is, and when the new one is known, retired or of another make.
    """
    seen = {entry.mac for entry in port.learned if entry.kind == "dynamic"}
    if device.mac in seen:
        raise _refused(t("the old device, {mac}, is still there", mac=device.mac), where, _unplug())
    if not seen and port.last_violator:
        seen = {port.last_violator} - {device.mac}
    found = sorted(mac for mac in seen if is_unicast(mac))
    if len(found) != 1:
        what = t("{count} MACs are seen at the port: {macs}", count=len(found), macs=", ".join(found[:5]))
        nothing = t("the switch sees no new device at the port")
        raise _refused(what if found else nothing, where, t("plug the replacement in there, alone, and repeat it"))
    mac = found[0]
    if mac in inventory:
        raise _refused(t("{mac} belongs to another device", mac=mac), where, _ask())
    if mac in retired:
        raise _refused(t("{mac} was replaced before, and is retired", mac=mac), where, _ask())
    if mac[:_MAKER] != device.mac[:_MAKER]:
        what = t("{mac} is of another make than {old}", mac=mac, old=device.mac)
        raise _refused(what, where, _ask())
    return mac


def _refused(what: Text, where: str, next_step: Text) -> SafetyRefusal:
    return SafetyRefusal(what, where=where, next_step=next_step)


def _unplug() -> Text:
    return t("unplug it, plug the replacement in at the same port, and repeat it")


def _ask() -> Text:
    return t("have an administrator put it there: portseal swap DEVICE --mac MAC --reason TEXT")
