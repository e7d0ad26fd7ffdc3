"""What becomes of notifications: counted in rows, told to the ledger once, and judged by a reading of the switch.

Belongs to the controller's loop: one round is one commit. What a notification says is written down as what it is, a
claim; `violation.confirmed` is written only for what an authenticated reading shows.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from controller.broker.say import Say
from controller.context import Context
from controller.store import traps as store
from controller.store.inventory import binding_of, bindings, device_by_mac
from controller.store.traps import Told
from controller.traps.gather import MOST_MACS, Address, Gather, Heard, Key, Round
from controller.traps.judging import Judging
from controller.traps.readings import Readings
from controller.traps.recording import record
from drivers.snmp.traps.words import Kind
from drivers.snmp.values import Value
from policies.errors import InputError
from policies.names import canonical
from policies.platforms import literal_names
from policies.site import Switch

_log = logging.getLogger("portseal.traps")

#: A row ends when nothing came for QUIET, or when it is LONGEST old; a reading is asked for again after AGAIN.
QUIET, LONGEST, AGAIN = timedelta(minutes=5), timedelta(hours=1), timedelta(minutes=1)
#: The same for unknown ones: some switches tell of their fans all day.
AGAIN_UNKNOWN = timedelta(minutes=10)
#: A refused sender, and losses, are told to the ledger again after this; and so many strangers in an hour at most.
TOLD_AGAIN, MOST_TOLD = timedelta(minutes=10), 20
#: Claims that are written down in one commit: others of the loop, such as swipes, have their turn in between.
AT_ONCE = 500
#: Open rows of a switch besides four for each of its ports: what is beyond counts in one row for each kind.
_ROWS_BESIDES = 256
#: Kinds that the ledger is told of. Links, aging and logins are counted only: they come and go all day.
RECORDED = frozenset({
    Kind.VIOLATION, Kind.BLOCKED, Kind.RECOVERED, Kind.MAC_MOVED, Kind.MAC_LEARNED, Kind.CONFIG, Kind.STARTED,
})  # fmt: skip
#: Kinds that no reading could say more about.
_NOT_READ = frozenset({Kind.LOGIN, Kind.MAC_REMOVED})
#: The cause of a learned MAC that belongs where it is; another one's is "foreign".
_KNOWN, _FOREIGN = "known", "foreign"

Send = Callable[[bytes, Address], None]


@dataclass(slots=True)
class _Losses:
    """What had no room since the ledger was told last."""

    lost: int = 0
    crowded: int = 0
    told: datetime | None = None


class Desk:
    """Works off rounds and readings. `send` answers informs once what they told is on disk."""

    def __init__(self, context: Context, gather: Gather, readings: Readings, send: Send) -> None:
        self._context, self._gather, self._readings, self._send = context, gather, readings, send
        self._judging = Judging(context)
        self._losses = _Losses()
        self._told_senders: list[datetime] = []

    def work(self, now: datetime) -> list[Say]:
        """Write down what came since the last call, and give what is to be said.

        Raises StorageFailed when nothing of it could be written; all of it is kept for the next call then.
        """
        self._readings.tick()
        done, read = self._gather.next(AT_ONCE), self._readings.take()
        try:
            with self._context.store.transaction():
                said, wanted = self._round(done, now)
                for reading in read:
                    said += self._judging.take(reading, now)
                said += self._ends(now, wanted)
        except BaseException:
            self._gather.put_back(done)
            self._readings.put_back(read)
            raise
        for reply, address in done.replies:
            self._send(reply, address)
        for name in wanted:
            self._readings.want(name)
        return said

    def _round(self, done: Round, now: datetime) -> tuple[list[Say], set[str]]:
        said: list[Say] = []
        wanted: set[str] = set()
        for key, heard in done.heard.items():
            switch = self._context.site.switch(key.switch)
            if switch is not None:
                for part in self._parts(switch, key, heard):
                    said += self._count(switch, *part, now, wanted)
        for (sender, reason, switch_name), count in done.refused.items():
            refused = store.count_refused(self._context.store, sender, str(reason), switch_name, count, now)
            said += self._refused(refused, now)
        wanted.update(done.crowded)
        if done.lost:
            # Nobody can say whose they were: whoever is heard now may have told more.
            wanted.update(key.switch for key in done.heard)
        return said + self._lost(done, now), wanted

    def _parts(self, switch: Switch, key: Key, heard: Heard) -> list[tuple[Key, str, Heard]]:
        """Give the port's name, and learned MACs apart: those that belong there, and those that do not."""
        port = self._port(switch, key)
        if key.kind is not Kind.MAC_LEARNED:
            return [(key, port, heard)]
        foreign = {mac: vlan for mac, vlan in heard.macs.items() if self._is_foreign(switch, port, mac)}
        parts = []
        for cause, macs in ((_FOREIGN, foreign), (_KNOWN, {m: v for m, v in heard.macs.items() if m not in foreign})):
            if macs or (cause == _FOREIGN and not heard.macs):
                count = len(macs) or heard.count
                more = heard.more_macs if cause == _FOREIGN or not foreign else 0
                parts.append((replace(key, cause=cause), port, replace(heard, macs=macs, count=count, more_macs=more)))
        return parts

    def _is_foreign(self, switch: Switch, port: str, mac: str) -> bool:
        """Tell whether a MAC does not belong where it was learned; on an uplink every device of the site does."""
        device = device_by_mac(self._context.store, mac)
        if device is None:
            return True
        if switch.uplink(port) is not None:
            return False
        binding = binding_of(self._context.store, device.name)
        return binding is None or binding.switch != switch.name or (port in switch.ports and binding.port != port)

    def _port(self, switch: Switch, key: Key) -> str:
        """Give a port's canonical name, or a label for one that has none for us; "" where none is told."""
        if key.port:
            try:
                return canonical(key.port, literal=literal_names(switch.platform))
            except InputError:
                return key.port.replace("/", "∕")[:64]  # a subject is SWITCH/PORT, and this is no port of ours
        if key.if_index is not None:
            return self._readings.name_of(switch.name, key.if_index) or f"ifIndex {key.if_index}"
        return "" if key.base_port is None else f"bridge port {key.base_port}"

    def _count(
        self, switch: Switch, key: Key, port: str, heard: Heard, now: datetime, wanted: set[str]
    ) -> list[Say]:  # fmt: skip
        """Count a key in its row; a new one is told to the ledger."""
        known = store.open_row(self._context.store, switch.name, port, key.kind, key.cause)
        if known is None and store.count_open(self._context.store, switch.name) >= _ROWS_BESIDES + 4 * len(
            switch.ports
        ):
            port, key = "", replace(key, cause="*")
            known = store.open_row(self._context.store, switch.name, port, key.kind, key.cause)
        read = self._worth_reading(switch, key)
        if known is not None:
            told = _more(known, heard)
            again = AGAIN_UNKNOWN if key.kind is Kind.UNKNOWN else AGAIN
            if read and told.reading != "waiting" and (told.read_at is None or now - told.read_at >= again):
                told = replace(told, reading="waiting")
        else:
            told = _first(switch.name, port, key, heard, reading="waiting" if read else "none")
        told = store.put(self._context.store, told)
        if told.reading == "waiting":
            wanted.add(switch.name)
        if known is not None or key.kind not in RECORDED or key.cause == _KNOWN:
            return []
        said, entry = record(self._context, f"trap.{key.kind}", told.subject, _claims(told))
        store.put(self._context.store, replace(told, entry=entry, recorded=told.count))
        return said

    def _worth_reading(self, switch: Switch, key: Key) -> bool:
        """Tell whether a reading may say more; what nobody knows may be a violation where something is bound."""
        if key.kind is Kind.UNKNOWN:
            return bool(bindings(self._context.store, switch.name))
        return key.kind not in _NOT_READ and key.cause != _KNOWN

    def _ends(self, now: datetime, wanted: set[str]) -> list[Say]:
        """End rows that have gone quiet, and tell the ledger how much there was; ask again where nobody answered."""
        said: list[Say] = []
        for told in store.silent_rows(self._context.store, now - QUIET, now - LONGEST):
            if told.entry and told.count > told.recorded:
                claims = {**_claims(told), "opened": told.entry, "reading": told.reading}
                more, _ = record(self._context, f"trap.{told.kind}_ended", told.subject, claims)
                said += more
            store.put(self._context.store, replace(told, open=False, recorded=told.count))
        for told in store.failed_rows(self._context.store, now - AGAIN):
            store.put(self._context.store, replace(told, reading="waiting"))
            wanted.add(told.switch)
        return said

    def _refused(self, refused: store.RefusedSender, now: datetime) -> list[Say]:
        """Tell the ledger of a sender that was not believed, once in a while; of strangers not too many."""
        if refused.recorded_at is not None and now - refused.recorded_at < TOLD_AGAIN:
            return []
        self._told_senders = [at for at in self._told_senders if now - at < timedelta(hours=1)]
        if not refused.switch:
            if len(self._told_senders) >= MOST_TOLD:
                return []
            self._told_senders.append(now)
        _log.warning("notifications of %s are refused: %s", refused.sender, refused.reason)
        store.refused_recorded(self._context.store, refused, now)
        data = {"count": refused.count, "reason": refused.reason, "sender": refused.sender}
        return record(self._context, "trap.refused", refused.switch or refused.sender, data)[0]

    def _lost(self, done: Round, now: datetime) -> list[Say]:
        """Tell the ledger of what had no room: the kernel's, and ours."""
        losses = self._losses
        losses.lost += done.lost
        losses.crowded += sum(done.crowded.values())
        if not losses.lost + losses.crowded or (losses.told is not None and now - losses.told < TOLD_AGAIN):
            return []
        data = {"lost": losses.lost, "crowded": losses.crowded}
        self._losses = _Losses(told=now)
        return record(self._context, "trap.lost", self._context.site.name, data)[0]


def _first(switch: str, port: str, key: Key, heard: Heard, reading: str) -> Told:
    return Told(
        0, switch, port, key.kind, key.cause, heard.name, heard.proof, heard.sender, heard.first, heard.last,
        heard.count, tuple(heard.macs), heard.more_macs, heard.vlan, _said(heard), True, 0, 0, reading, None, {},
    )  # fmt: skip


def _more(told: Told, heard: Heard) -> Told:
    new = [mac for mac in heard.macs if mac not in told.macs]
    room = max(0, MOST_MACS - len(told.macs))
    return replace(
        told, name=heard.name, proof=heard.proof, sender=heard.sender, last_at=max(told.last_at, heard.last),
        count=told.count + heard.count, macs=(*told.macs, *new[:room]),
        more_macs=told.more_macs + len(new[room:]) + heard.more_macs, vlan=heard.vlan or told.vlan, said=_said(heard),
    )  # fmt: skip


def _said(heard: Heard) -> list[list[object]]:
    """Give the last notification's variables as JSON: OID, type, value; octets as hexadecimal digits."""
    return [[name, *_plain(given)] for name, given in heard.binds]


def _plain(given: Value | None) -> tuple[str, object]:
    if isinstance(given, bytes):
        return "octets", given.hex()
    return ("null" if given is None else "number" if isinstance(given, int) else "text"), given


def _claims(told: Told) -> dict[str, object]:
    """Give what the ledger is told of a row: what the switch's notifications claim, and what proves them."""
    return {
        "cause": told.cause, "count": told.count, "macs": list(told.macs), "more_macs": told.more_macs,
        "notification": told.name, "proof": told.proof, "sender": told.sender, "vlan": told.vlan,
    }  # fmt: skip
