"""The kinds of events that a terminal tells, in words. An alarm is an event that somebody should look at now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from policies.texts import Text, t


@dataclass(frozen=True, slots=True)
class EventKind:
    """What a kind of event means, and whether it is an alarm."""

    about: Text
    alarm: bool = False


def _alarm(about: Text) -> EventKind:
    return EventKind(about, alarm=True)


#: Every kind, by its name in the event.
KINDS: Mapping[str, EventKind] = {
    "agent.started": EventKind(t("the agent has started")),
    "agent.enforcing": EventKind(t("the first pass is made: what is not bound is shut")),
    "agent.stopped": _alarm(t("the agent was stopped; the kernel goes on refusing new devices")),
    "binding.added": EventKind(t("a device was bound to its port")),
    "binding.removed": EventKind(t("a bound device was released")),
    "usb.blocked": EventKind(t("an unknown device was plugged in; it stays shut")),
    "usb.opened": EventKind(t("a device was let in, because it is bound or a lease is open")),
    "usb.withheld": _alarm(t("a device has parts that the lease does not allow; they stay shut")),
    "usb.relocked": EventKind(t("a device that was open is shut again")),
    "lease.opened": EventKind(t("a grant was accepted: its lease begins")),
    "lease.refused": _alarm(t("a grant was not accepted")),
    "lease.ending": EventKind(t("a lease ends soon: finish copying")),
    "lease.ended": EventKind(t("a lease is over, and what it opened is shut")),
    "keeper.relocked": _alarm(t("the keeper shut a device because the agent did not")),
    "tamper.removed": _alarm(t("a bound device was pulled")),
    "tamper.moved": _alarm(t("a bound device is at a port that is not its own")),
    "tamper.swapped": _alarm(t("another device is at the port of a bound one")),
    "tamper.replugged": _alarm(t("a bound device was pulled and plugged in again")),
    "tamper.hub": _alarm(t("a hub is gone, with bound devices behind it")),
    "tamper.duplicate": _alarm(t("a second device shows the identity of another one")),
    "tamper.returned": EventKind(t("a bound device is back in its place")),
    "gate.default_changed": _alarm(t("the kernel would have let new devices in; that is shut again")),
    "gate.foreign_authorise": _alarm(t("somebody else let a device in; it is shut again")),
    "gate.controller_added": _alarm(t("a USB controller was added")),
    "gate.write_failed": _alarm(t("the kernel did not take what the gate wrote; it is tried again")),
    "gate.wrong_driver": _alarm(t("a driver of another class took a device; it is shut again")),
    "udev.missing": _alarm(t("a device that was let in has no driver: udev may be dead")),
    "monitor.lost": _alarm(t("events of the kernel were lost; everything was looked at anew")),
    "clock.back": _alarm(t("the system clock was set back")),
    "clock.forward": _alarm(t("the system clock was set forward")),
    "power.sleep": EventKind(t("the machine goes to sleep; what leases opened is shut")),
    "power.resume": EventKind(t("the machine has woken up")),
    "state.corrupt": _alarm(t("a file of the agent was damaged; what was known is used, the damaged file is kept")),
    "state.rolled_back": _alarm(t("the agent's memory is older than it was: a copy was put back")),
    "spool.full": _alarm(t("there was no room for some events; they are counted here")),
    "lock.open_without_lease": _alarm(t("the anti-plug lock is open without a lease")),
    "lock.closed_during_lease": _alarm(t("the anti-plug lock stays closed although a lease is open")),
    "lock.forced": _alarm(t("the anti-plug lock was opened by force")),
    "lock.fault": _alarm(t("the anti-plug lock reports a fault")),
    "lock.silent": _alarm(t("the anti-plug lock has said nothing for too long")),
    "lock.battery_low": _alarm(t("the battery of the anti-plug lock is low")),
    "lock.gate_disagrees": _alarm(t("the anti-plug lock and the kernel's gate say different things")),
    "offline.kept": EventKind(t("what the controller signed for hours without a connection is kept here")),
    "offline.opened": EventKind(t("a kept card opened the terminal while the controller could not be asked")),
    "offline.refused": _alarm(t("a card was presented without a connection, and opened nothing")),
    "egress.started": EventKind(t("the network guard has started; the networks that it allows are named")),
    "egress.stopped": _alarm(t("the network guard was stopped; its rules stay in force, and nothing is proved")),
    "egress.silent": _alarm(t("the network guard says nothing any more")),
    "egress.proof": EventKind(t("the terminal was looked at and probed: no way out was found")),
    "egress.leak": _alarm(t("the terminal has a way out, or had one; clause 7.2d fails")),
    "egress.tampered": _alarm(t("somebody removed or changed the network guard's rules; they are applied again")),
    "egress.declared": _alarm(t("the networks that the network guard allows were changed")),
    "egress.file_broken": _alarm(t("the network guard's file is damaged; the last good one counts, or all is denied")),
    "egress.not_applied": _alarm(t("the kernel did not take the network guard's rules; it is tried again")),
    "egress.lost": _alarm(t("there was no room for some events of the network guard; they are counted here")),
    "rescue.used": _alarm(t("a rescue code opened the terminal without a swipe; clause 7.2b fails for it")),
    "rescue.refused": _alarm(t("a rescue code was refused")),
}
