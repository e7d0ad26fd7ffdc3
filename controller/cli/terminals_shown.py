"""A terminal as the site declares it and its lock was heard, in words and as documented JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from controller.cli.base import Settings
from controller.cli.words import age, local_time
from controller.findings.openings import sight_of
from controller.secrets.rescue import rescue_file
from controller.store.open import FILE_NAME, open_store, utc_now
from policies.clauses.c72b import lacks
from policies.codec import stamp
from policies.messages.lock import LEVELS, SILENT_SECONDS, LockState, level
from policies.messages.lock import LockLevel as Level
from policies.model import Verdict
from policies.openings import LockSight
from policies.site import Site
from policies.terminal import LockLevel, Terminal, absent_photos
from policies.texts import Text, t

#: What a lock says of itself, in words.
STATES: Mapping[LockState, Text] = {
    LockState.OPEN: t("open"),
    LockState.CLOSED: t("closed"),
    LockState.FORCED: t("opened by force"),
    LockState.FAULT: t("fault"),
}


@dataclass(frozen=True, slots=True)
class View:
    """A terminal as the site declares it. `level` is what counts now, `claimed` what its lock is declared to be.

    Both are None where neither an agent nor a lock holds the ports. `photo` is None where none is declared.
    """

    of: Terminal
    level: Level | None
    claimed: Level | None
    photo: bool | None
    rescue: bool
    missing: tuple[tuple[str, Text], ...]
    sight: LockSight
    now: datetime

    def row(self, chosen: Settings) -> dict[str, object]:
        """Give its element of the list, as documented JSON."""
        lock = self.of.lock
        return {
            "name": self.of.name,
            "platform": self.of.platform.value,
            "agent": self.of.agent,
            "place": self.of.place,
            "owner": self.of.owner,
            "ports": len(self.of.register),
            "photo": None if self.photo is None else {"path": self.of.photo, "there": self.photo},
            "lock": {
                "level": lock.level.value,
                "model": lock.model,
                "id": lock.id,
                "attested_by": lock.attested_by,
                "report": lock.report,
                "expires": None if lock.expires is None else lock.expires.isoformat(),
            },
            "level": self.level,
            "claimed": self.claimed,
            "missing": [{"code": code, "text": chosen.text(text)} for code, text in self.missing],
            "rescue_key": self.rescue,
        }

    def json(self, chosen: Settings) -> dict[str, object]:
        """Give all of it, as documented JSON."""
        register = [{"port": each.port, "label": each.label, "internal": each.internal} for each in self.of.register]
        return {**self.row(chosen), "description": self.of.description, "register": register}

    def sentences(self) -> Iterator[Text]:
        """Say it in words."""
        of, lock = self.of, self.of.lock
        yield t("{name}: {platform}, {place} (owner: {owner})", name=of.name, platform=of.platform.value,
                place=of.place, owner=of.owner)  # fmt: skip
        if of.description:
            yield t("  {text}", text=of.description)
        yield t("  portseal-agent: {answer}", answer=t("yes") if of.agent else t("no"))
        yield t("  USB ports in the register: {count}", count=len(of.register))
        for each in of.register:
            inside = t("inside the case") if each.internal else t("outside")
            yield t("    {label}: {port} ({place})", label=each.label, port=each.port, place=inside)
        if self.photo is not None:
            there = t("there") if self.photo else t("missing")
            yield t("  photo: {path} ({state})", path=of.photo, state=there)
        if lock.model:
            yield t("  lock: {level}, {model} {id}", level=lock.level.value, model=lock.model, id=lock.id)
        yield from self.lock_sentences()
        if lock.vouched:
            yield t("  attested by {person}, {report}, through {day}", person=lock.attested_by, report=lock.report,
                    day=lock.expires)  # fmt: skip
        meaning = t("neither an agent nor a lock holds its ports") if self.level is None else LEVELS[self.level]
        yield t("  level for 7.2b: {level} ({meaning})", level=self.level or "-", meaning=meaning)
        for _, text in self.missing:
            yield t("  missing for 7.2b: {what}", what=text)
        if of.agent:
            made = t("made") if self.rescue else t("none; 'portseal terminal rescue-key' makes it")
            yield t("  rescue secret: {state}", state=made)

    def state_json(self) -> dict[str, object] | None:
        """Give what a sensed lock said last as documented JSON; null where none was heard."""
        report, heard = self.sight.report, self.sight.heard_at
        if report is None or heard is None:
            return None
        return {
            "state": report.state.value,
            "tamper": report.tamper,
            "battery": report.battery,
            "counter": report.ctr,
            "heard_at": stamp(heard),
            "fresh": self.now - heard <= timedelta(seconds=SILENT_SECONDS),
            "wrong": list(self.sight.wrong),
        }

    def lock_sentences(self) -> Iterator[Text]:
        """Say what a sensed lock said last; nothing where none was heard."""
        report, heard = self.sight.report, self.sight.heard_at
        if report is not None and heard is not None:
            yield t("  lock state: {state}, {age} ({at})", state=STATES[report.state], age=age(heard, self.now),
                    at=local_time(heard))  # fmt: skip
            if report.battery is not None:
                yield t("    battery: {percent} %", percent=report.battery)


def views_of(site: Site) -> list[View]:
    """Give every terminal that the site declares."""
    return [view_of(site, each) for each in site.terminals]


def view_of(site: Site, of: Terminal) -> View:
    """Give one terminal; a site without a database has heard of no lock yet."""
    now, sight = utc_now(), LockSight()
    if of.lock.level is LockLevel.SENSED and (site.folder / FILE_NAME).exists():
        with open_store(site.folder) as store:
            sight = sight_of(store, of)
    today, lock = now.date(), of.lock
    lacking = lacks(sight, now) if lock.level is LockLevel.SENSED else []
    absent = any(True for _ in absent_photos((of,), lambda path: (site.folder / path).is_file()))
    photo = None if not of.photo else not absent
    attested = lock.vouched and lock.expires is not None and today <= lock.expires and photo is True
    claims = {LockLevel.NONE: Level.L1, LockLevel.ATTESTED: Level.L2, LockLevel.SENSED: Level.L3}
    nothing = not of.agent and lock.level is LockLevel.NONE
    # The lock's fresh states come over the broker; site.toml alone never makes it a sensed one.
    counts = level(attested=attested, sensed=lock.level is LockLevel.SENSED and not lacking)
    return View(
        of=of,
        level=None if not of.agent and counts is Level.L1 else counts,
        claimed=None if nothing else claims[lock.level],
        photo=photo,
        rescue=rescue_file(site.folder, of.name).exists(),
        missing=tuple(_missing(of, photo, today, lacking)),
        sight=sight,
        now=now,
    )


def _missing(
    of: Terminal, photo: bool | None, today: date, lacking: list[tuple[Verdict, Text]]
) -> Iterator[tuple[str, Text]]:  # fmt: skip
    """Say what the declaration lacks for 7.2b, each with its stable code (docs/json.md)."""
    lock = of.lock
    if lock.level is LockLevel.NONE:
        yield "lock", t("an anti-plug lock: the clause names a device")
        return
    if lock.level is LockLevel.SENSED:
        yield from (("lock_state", text) for _, text in lacking)
        if not lock.vouched:
            return
    if lock.expires is not None and today > lock.expires:
        yield "expired", t("an attestation that counts: it has expired on {day}", day=lock.expires)
    if photo is None:
        yield "photo", t("a photo of its USB ports")
    elif not photo:
        yield "photo_file", t("the photo {path} in the site folder", path=of.photo)
