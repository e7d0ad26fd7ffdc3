"""The gate: which interfaces of which device may be admitted now. A pure function of what is plugged in and allowed.

Two things admit a device: a binding (this device at this place, always) and a lease (for a while, by a swipe). Nothing
else does, and a lease never admits what claims a bound device's name or place. Identity is what the device says of
itself and can be copied, so the place decides: a clone elsewhere is refused and alarmed, and the bound device goes on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from agent.usb.descriptors import class_word, word
from policies.texts import Text, listed, t
from policies.usb import HUB, Decision, Lease, UsbBinding, UsbDevice, UsbIdentity

#: No more devices than this are admitted by leases at a time, whatever the leases say.
MOST_DEVICES = 16
#: A scope with this one port path is for every port.
EVERY_PORT = ("*",)

#: Every reason that a decision can have, and its meaning (for docs/agent.md).
CODES: Mapping[str, str] = {
    "bound": "admitted: a bound device at its port",
    "lease": "admitted: a lease allows all of it",
    "composite": "admitted in part: the lease does not allow the interfaces that are withheld",
    "unknown": "refused: neither a binding nor a live lease allows it",
    "expired": "refused: the lease that admitted it has ended, or belongs to another boot",
    "gone": "refused: it left while it was read",
    "malformed": "refused: its descriptors show no interface, or do not parse",
    "swapped": "refused, alarm: another device at a bound device's port",
    "moved": "refused, alarm: a bound device's identity at another port, and the bound device is not at its own",
    "duplicate": "refused, alarm: a second device with the identity of one that is plugged in",
    "port": "refused: the lease is for other ports",
    "hub": "refused: a hub that is not bound, and the lease does not name hubs (class 09)",
    "class": "refused: no interface of it is of a class that the lease allows",
    "writable": "refused: it is open for writing, and the lease is read-only; it is shut first, and opens then",
    "once": "refused: it was pulled, and the lease opens a device once only",
    "behind": "refused: the hub in front of it is refused",
    "count": "refused: the lease has admitted as many devices as it may",
    "cap": "refused: sixteen leased devices are admitted already",
}
#: How far a device came with a lease: of several leases' refusals, the one that came furthest is told.
_STEPS = ("port", "hub", "class", "writable", "once", "duplicate", "behind", "count", "cap")

Claim = tuple[str, str, str, str]


def decide(
    devices: Iterable[UsbDevice], bindings: Sequence[UsbBinding], leases: Sequence[Lease], now: float, boot: str
) -> tuple[Decision, ...]:
    """Give the decision for each device, in the order given; the order changes no decision.

    `now` is seconds of CLOCK_BOOTTIME and `boot` the kernel's boot id. `Decision.alarms` says what is wrong as long as
    it is; :mod:`agent.usb.tamper` makes one event of it. After enforcing, keep :func:`spend` of each lease.
    """
    present = tuple(devices)
    placed = {device: name for name, device in places(present, bindings).items()}
    decided: dict[UsbDevice, Decision] = {}
    for device in present:
        decision = _bound(device, placed[device]) if device in placed else _claiming(device, bindings, placed)
        if decision is not None:
            decided[device] = decision
    gate = _Leases(present, [each for each in leases if is_live(each, now, boot)], leases, decided)
    for device in sorted((each for each in present if each not in decided), key=gate.turn):
        decided[device] = gate.judge(device)
    return tuple(decided[device] for device in present)


def is_live(lease: Lease, now: float, boot: str) -> bool:
    """Tell whether a lease is of this boot, has begun, and has not ended."""
    return lease.boot == boot and lease.opened <= now < lease.ends


def spend(lease: Lease, decisions: Iterable[Decision]) -> Lease:
    """Give the lease with the appearances that the decisions admit by it; what was used before stays used."""
    opened = (each.device.appearance for each in decisions if each.allowed and each.lease == lease.jti)
    return replace(lease, used=tuple(dict.fromkeys((*lease.used, *opened))))


def take_over(lease: Lease, leases: Iterable[Lease], decisions: Iterable[Decision]) -> Lease:
    """Give a new lease with what `leases` of the same card have used: it is more time for the same devices.

    They count as the new lease's own. So they stay open when the older lease ends, no further device opens in their
    place while both are live, and with `once` a device that was pulled stays pulled. `decisions` say what is there: of
    that, only what an older lease holds open and the new one allows, as writable as it is now, is taken over.
    """
    there = {each.device.appearance: each for each in decisions}
    for older in leases:
        if older.card != lease.card or older.boot != lease.boot or (lease.scope.read_only > older.scope.read_only):
            continue
        held = [each for each in older.used if each in there and there[each].allowed]
        held = [each for each in held if _outside(there[each].device, lease) is None]
        gone = [each for each in older.used if each not in there]
        lease = replace(lease, used=tuple(dict.fromkeys((*lease.used, *held, *gone))))
    return lease


@dataclass(frozen=True, slots=True)
class Remaining:
    """What is left of a lease: `seconds` (0 at its end), `devices` that it may still admit, and its limits in words."""

    seconds: float
    devices: int
    limits: Text


def remaining(lease: Lease, now: float) -> Remaining:
    """Say what is left of a lease at `now`, for a display."""
    left = max(0.0, lease.ends - now)
    return Remaining(left, max(0, _most(lease) - len(lease.used)) if left else 0, limits(lease))


def limits(lease: Lease) -> Text:
    """Say in words what a lease allows."""
    scope = lease.scope
    what = listed([class_word(each) for each in scope.classes])
    if scope.read_only:
        return t("only {what}, read-only; number of devices: {count}", what=what, count=_most(lease))
    return t("only {what}; number of devices: {count}", what=what, count=_most(lease))


def claim(identity: UsbIdentity) -> Claim:
    """Give what a device claims to be: two devices with one claim cannot both be it.

    With a serial number the ids and the serial are the claim, whatever the descriptors (a clone may differ there);
    without one all of the identity is, since two pieces of one model are alike.
    """
    return (identity.vendor_id, identity.product_id, identity.serial, "" if identity.serial else identity.descriptors)


def places(devices: Iterable[UsbDevice], bindings: Iterable[UsbBinding]) -> dict[str, UsbDevice]:
    """Give the device that is in each binding's place, by the binding's name: its port and its whole identity.

    Of two at both peers of one hole, the one stays that is admitted already.
    """
    found: dict[str, UsbDevice] = {}
    at: dict[str, list[UsbDevice]] = {}
    for device in devices:
        at.setdefault(device.port, []).append(device)
    for binding in sorted(bindings, key=lambda each: each.name):
        here = [
            (each.authorized is None, each.authorized is not True, place, each.devnum, each.name, each)
            for place, port in enumerate(binding.ports)
            for each in at.get(port, ())
            if each.identity == binding.identity
        ]
        if here:
            found[binding.name] = min(here, key=lambda each: each[:-1])[-1]
    return found


def enclosing(port: str) -> tuple[str, ...]:
    """Give the port paths of the hubs in front of a port, the outermost first; none at a root hub's own port."""
    start, colon, way = port.rpartition(":")
    steps = way.split(".")
    return tuple(f"{start}{colon}{'.'.join(steps[:count])}" for count in range(1, len(steps)))


def unbound_hubs(bindings: Sequence[UsbBinding]) -> tuple[str, ...]:
    """Give the ports of hubs that bound devices stand behind and that are not bound themselves.

    The kernel removes what is behind a refused hub, so each of these takes bound devices away until it is bound too.
    """
    bound = {port for each in bindings for port in each.ports}
    # Of two peers one is enough: a keyboard is behind the USB 2 half of its hub only.
    needed = {hub for each in bindings if (ways := _ways(each, bound)) for hub in min(ways, key=len)}
    return tuple(sorted(needed))


def _ways(binding: UsbBinding, bound: set[str]) -> list[list[str]]:
    return [[hub for hub in enclosing(port) if hub not in bound] for port in binding.ports]


def _bound(device: UsbDevice, name: str) -> Decision:
    numbers = frozenset(each.number for each in device.interfaces)
    if not numbers:
        return Decision(device, numbers, "malformed", _NO_INTERFACE, binding=name)
    return Decision(device, numbers, "bound", t("it is the bound device {name} at its port", name=name), binding=name)


def _claiming(device: UsbDevice, bindings: Sequence[UsbBinding], placed: Mapping[UsbDevice, str]) -> Decision | None:
    """Refuse what is at a bound port or claims a bound identity, and is not the device in place."""
    if device.authorized is None:
        return Decision(device, frozenset(), "gone", t("it left while it was read"))
    here = sorted(each.name for each in bindings if device.port in each.ports and each.identity != device.identity)
    claimed = sorted(each.name for each in bindings if claim(each.identity) == claim(device.identity))
    there = set(placed.values())
    away = [name for name in claimed if name not in there and name not in here]
    doubled = [name for name in claimed if name in there]
    alarms = (
        *(("tamper.swapped",) if here else ()),
        *(("tamper.moved",) if away else ()),
        *(("tamper.duplicate",) if doubled and not away else ()),
    )
    if here:
        reason = t("the port belongs to {name}, and this is another device", name=here[0])
        return Decision(device, frozenset(), "swapped", reason, binding=here[0], alarms=alarms)
    if away:
        reason = t("it shows the identity of {name} at a port that is not its own", name=away[0])
        return Decision(device, frozenset(), "moved", reason, binding=away[0], alarms=alarms)
    if doubled:
        reason = t("it shows the identity of {name}, which is in its place", name=doubled[0])
        return Decision(device, frozenset(), "duplicate", reason, binding=doubled[0], alarms=alarms)
    return None


_NO_INTERFACE = t("its descriptors show no interface that could be opened")
_UNKNOWN = t("it is not bound, and no lease is open")
_EXPIRED = t("the lease that opened it has ended")


class _Leases:
    """The leases' part of one decision: who has used which, and what is left."""

    def __init__(
        self,
        present: Sequence[UsbDevice],
        live: Sequence[Lease],
        leases: Sequence[Lease],
        decided: dict[UsbDevice, Decision],
    ) -> None:
        self.live = sorted(live, key=lambda each: (each.opened, each.jti))
        # What was admitted first stays, should a lease have used more than it may.
        self.kept = [each.used[: _most(each)] for each in self.live]
        self.left = [max(0, _most(each) - len(each.used)) for each in self.live]
        self.used_before = {each for lease in leases for each in lease.used}
        self.claims = Counter(claim(each.identity) for each in present if each.authorized is not None)
        self.decided = decided
        self.at: dict[str, list[UsbDevice]] = {}
        for device in present:
            self.at.setdefault(device.port, []).append(device)
        # Room is kept for what is open already, so that something new never takes its place.
        open_already = sum(self._is_kept(each) for each in present if each not in decided)
        self.room = {True: MOST_DEVICES, False: max(0, MOST_DEVICES - open_already)}

    def turn(self, device: UsbDevice) -> tuple[int, str, int, str, UsbIdentity]:
        """Give the order of judging: hubs before what is behind them, the rest in a fixed order."""
        return (len(enclosing(device.port)), device.port, device.devnum, device.name, device.identity)

    def _is_kept(self, device: UsbDevice) -> bool:
        return any(device.appearance in kept for kept in self.kept)

    def judge(self, device: UsbDevice) -> Decision:
        """Decide on a device that no binding is concerned with."""
        nothing: frozenset[int] = frozenset()
        if not device.interfaces:
            return Decision(device, nothing, "malformed", _NO_INTERFACE)
        refusals: list[tuple[str, Text]] = []
        order = sorted(range(len(self.live)), key=lambda place: self._turn_of(device, place))
        for place in order:
            refusal = self._refusal(device, place)
            if refusal is None:
                return self._admit(device, place)
            refusals.append(refusal)
        if not refusals:
            used = device.appearance in self.used_before
            return Decision(device, nothing, "expired" if used else "unknown", _EXPIRED if used else _UNKNOWN)
        code, reason = max(refusals, key=lambda each: _STEPS.index(each[0]))
        return Decision(device, nothing, code, reason, alarms=("tamper.duplicate",) if code == "duplicate" else ())

    def _turn_of(self, device: UsbDevice, place: int) -> tuple[bool, float]:
        """Ask first the leases that hold it open already, and of these the one that lasts longest."""
        # So it is handed over when the longer lease begins, and not at the shorter one's end, when a look may be late.
        kept = device.appearance in self.kept[place]
        return not kept, -self.live[place].ends if kept else 0.0

    def _refusal(self, device: UsbDevice, place: int) -> tuple[str, Text] | None:
        lease = self.live[place]
        refusal = _outside(device, lease)
        if refusal is None and device.appearance not in self.kept[place]:
            refusal = self._not_anew(device, place)
        if refusal is None and any(not each.allowed for hub in enclosing(device.port) for each in self._at(hub)):
            refusal = "behind", t("the hub in front of it is refused")
        if refusal is None and self.room[self._is_kept(device)] < 1:
            refusal = "cap", t("{count} leased devices are open already", count=MOST_DEVICES)
        return refusal

    def _not_anew(self, device: UsbDevice, place: int) -> tuple[str, Text] | None:
        """Refuse a device that the lease has not admitted in this appearance."""
        lease = self.live[place]
        if lease.scope.read_only and device.released:
            return "writable", t("it is open for writing, and the lease is read-only: it is shut first")
        mine = claim(device.identity)
        if lease.scope.once and any(claim(each.identity) == mine for each in lease.used):
            return "once", t("it was pulled, and the lease opens a device only once")
        # Counted over everything that is plugged in: which of the two is the real one, nobody can tell.
        if self.claims[mine] > 1:
            return "duplicate", t("two devices show this identity: unplug one of them")
        if self.left[place] < 1:
            return "count", t("the lease has opened its {count} devices", count=_most(lease))
        return None

    def _at(self, hub: str) -> list[Decision]:
        """Give the decisions on the devices at a hub's port; `turn` has them decided before what is behind them."""
        return [self.decided[each] for each in self.at.get(hub, ()) if each in self.decided]

    def _admit(self, device: UsbDevice, place: int) -> Decision:
        lease = self.live[place]
        if device.appearance not in self.kept[place]:
            self.left[place] -= 1
        self.room[self._is_kept(device)] -= 1
        admitted, withheld = parts(device, lease.scope.classes)
        if not withheld:
            what = t("a lease is open for it")
            return Decision(device, admitted, "lease", what, lease=lease.jti)
        reason = t(
            "this device also acts as {others}; only this opens: {allowed}",
            others=_words(device, withheld),
            allowed=_words(device, admitted),
        )
        return Decision(device, admitted, "composite", reason, lease=lease.jti, withheld=withheld)


def parts(device: UsbDevice, classes: Iterable[str]) -> tuple[frozenset[int], frozenset[int]]:
    """Divide a device's interface numbers into those that classes allow, and the others.

    The driver chooses the alternate setting and the host the configuration, by what the device says of its power: a
    number is allowed when all settings of it in all configurations are.
    """
    allowed = frozenset(classes)
    withheld = frozenset(each.number for each in device.interfaces if each.usb_class not in allowed)
    return frozenset(each.number for each in device.interfaces) - withheld, withheld


def _outside(device: UsbDevice, lease: Lease) -> tuple[str, Text] | None:
    scope = lease.scope
    if scope.ports != EVERY_PORT and device.port not in scope.ports:
        return "port", t("the lease is for another port")
    if (device.hub or HUB in device.classes) and HUB not in scope.classes:
        return "hub", t("it is a hub, and the lease is not for hubs")
    admitted, withheld = parts(device, scope.classes)
    if not admitted:
        acts, allowed = _words(device, withheld), listed([class_word(each) for each in scope.classes])
        return "class", t("it acts as {acts}; the lease opens only this: {allowed}", acts=acts, allowed=allowed)
    return None


def _words(device: UsbDevice, numbers: frozenset[int]) -> Text | str:
    return listed(tuple(dict.fromkeys(word(each) for each in sorted(device.interfaces) if each.number in numbers)))


def _most(lease: Lease) -> int:
    return max(0, min(lease.scope.devices, MOST_DEVICES))
