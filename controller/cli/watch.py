"""watch: what is on the wire that should not be, as it comes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from controller.cli.base import DONE, NOT_COMPLIANT, Settings, Speaking, h, settings
from policies.texts import t

if TYPE_CHECKING:
    from controller.context import Context
    from controller.watch.lines import Event, Sighting, Status


@click.command(
    cls=Speaking,
    help=h(
        "Watch network interfaces for what should not be there, until it is stopped (Ctrl-C) or for some time."
        " Known-good traffic is dropped in the kernel. Sightings are written to the ledger. Needs CAP_NET_RAW."
        " Exit code 1 when there was a sighting."
    ),
)
@click.argument("interfaces", nargs=-1, required=True, metavar="IFACE...")
@click.option("--for", "seconds", type=click.FloatRange(0.1, 31_536_000), metavar="SECONDS", help=h("End after that."))
@click.option(
    "--learn", multiple=True, metavar="DEVICE",
    help=h("Learn a device's manners anew, as after a change of its firmware. May be repeated."),
)  # fmt: skip
@click.option("--no-record", is_flag=True, help=h("Only show: keep nothing in ledger and database."))
@click.pass_context
def watch(
    context: click.Context, interfaces: tuple[str, ...], seconds: float | None, learn: tuple[str, ...], no_record: bool
) -> int:
    """See the help text."""
    from controller.cli.session import site_context
    from controller.watch.recording import Recorder, relearn
    from controller.watch.watch import Watch
    from policies.errors import UsageError

    chosen = settings(context)
    if learn and no_record:
        raise UsageError(t("--learn changes the database"), next_step=t("leave --no-record out"))
    with site_context(chosen, recovering=False) as site:
        relearn(site, learn)
        recorder = None if no_record else Recorder(site)
        shown = _Shown(chosen, site)
        with Watch(site, dict.fromkeys(interfaces)) as watching:
            chosen.note(t("Watching {interfaces}. Stop it with Ctrl-C.", interfaces=", ".join(interfaces)))
            for events in _rounds(watching.events, watching.stop, seconds):
                if recorder is not None:
                    recorder.take(events)
                shown.show(events)
        return shown.end()


def _rounds(events: Any, stop: Any, seconds: float | None) -> Iterator[list[Event]]:
    """Give what comes, until the time is over or Ctrl-C; what the watch says last comes last."""
    deadline = None if seconds is None else time.monotonic() + seconds
    try:
        while deadline is None or time.monotonic() < deadline:
            left = 0.5 if deadline is None else min(0.5, max(0.0, deadline - time.monotonic()))
            yield list(events(left))
    except KeyboardInterrupt:
        pass
    yield list(stop())


class _Shown:
    """Prints sightings: one line when it is new, and again when it grew; JSON lines with --json."""

    def __init__(self, chosen: Settings, site: Context) -> None:
        self._chosen, self._site = chosen, site
        self._seen: dict[tuple[str, str, str, str], int] = {}
        self._status: Status | None = None

    def show(self, events: list[Event]) -> None:
        """Print these."""
        from controller.watch.lines import Sighting, Status

        for event in events:
            if isinstance(event, Status):
                self._status = event
            if self._chosen.json:
                self._line(event)
            elif isinstance(event, Sighting):
                self._say(event)

    def end(self) -> int:
        """Print the counters; gives the exit code."""
        status = self._status
        if status is not None:
            for name, wire, passed, lost in status.interfaces:
                self._chosen.say(
                    t(
                        "{interface}: {wire} frames came, {dropped} were dropped as known good, {passed} were read,"
                        " {lost} had no room.",
                        interface=name, wire=wire, dropped=max(0, wire - passed - lost), passed=passed, lost=lost,
                    )
                )  # fmt: skip
            if status.left_out:
                self._chosen.say(
                    t(
                        "The filter has no room for {count} of the devices: all that they send is read.",
                        count=status.left_out,
                    )
                )
        self._chosen.say(t("Sightings: {count}.", count=len(self._seen)))
        return NOT_COMPLIANT if self._seen else DONE

    def _say(self, sighting: Sighting) -> None:
        from controller.cli.words import local_time
        from controller.watch.words import CONFIDENCES, KINDS, sentence

        again = sighting.key in self._seen
        self._seen[sighting.key] = sighting.count
        more = sentence(sighting)
        who = " ".join(filter(None, (sighting.device, sighting.mac, sighting.ip)))
        head = t(
            "{at} {clause} {what}: {who} at {port}, {count} times ({sure})",
            at=local_time(sighting.last_at), clause=sighting.clause, what=KINDS[sighting.kind], who=who or "-",
            port=sighting.port or sighting.interface or "-", count=sighting.count,
            sure=CONFIDENCES[sighting.confidence],
        )  # fmt: skip
        self._chosen.say(head)
        if more is not None and not again:
            self._chosen.say(f"    {self._chosen.text(more)}")

    def _line(self, event: Event) -> None:
        import json

        from controller.watch.lines import Sighting

        if isinstance(event, Sighting):
            self._seen[event.key] = event.count
        found = event_json(self._chosen, event)
        if found is not None:
            click.echo(json.dumps(found, ensure_ascii=False))


def event_json(chosen: Settings, event: Event) -> dict[str, Any] | None:
    """Give an event as documented JSON; None for one that is nobody's business."""
    from controller.watch.lines import Fingerprint, Sighting, Status
    from policies.codec import stamp

    if isinstance(event, Sighting):
        return {"event": "sighting", **_sighting_json(chosen, event)}
    if isinstance(event, Fingerprint):
        return {
            "event": "fingerprint", "mac": event.mac, "trait": event.trait.value, "value": event.value,
            "at": stamp(event.at),
        }  # fmt: skip
    if isinstance(event, Status):
        names = ("interface", "wire", "passed", "lost")
        return {
            "event": "status", "at": stamp(event.at),
            "interfaces": [dict(zip(names, each, strict=True)) for each in event.interfaces],
            "read": event.read, "judged": event.judged, "unjudged": event.unjudged,
            "filter": {
                "instructions": event.filter, "devices": event.devices, "left_out": event.left_out,
                "learned": event.learned,
            },
        }  # fmt: skip
    return None


def _sighting_json(chosen: Settings, sighting: Sighting) -> dict[str, Any]:
    from controller.watch.words import sentence
    from policies.codec import stamp

    more = sentence(sighting)
    return {
        "kind": sighting.kind.value,
        "clause": sighting.clause,
        "subject": sighting.subject,
        "device": sighting.device or None,
        "port": sighting.port or None,
        "mac": sighting.mac or None,
        "ip": sighting.ip or None,
        "other": sighting.other or None,
        "vlan": sighting.vlan,
        "interface": sighting.interface or None,
        "confidence": sighting.confidence.value,
        "count": sighting.count,
        "first_at": stamp(sighting.first_at),
        "last_at": stamp(sighting.last_at),
        "facts": dict(sighting.facts),
        "evidence": sighting.evidence.hex() or None,
        "text": None if more is None else chosen.text(more),
    }
