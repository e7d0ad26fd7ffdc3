"""One row of the access-control system's list: each cell checked, each problem with its place, without its content."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeVar, cast

from controller.cards.columns import class_of, flag_of, is_every, purpose_of, status_of, words_of
from controller.inventory.cells import Cells
from policies.cards.number import CardNumber, normalise
from policies.cards.profile import zone_of
from policies.cards.rights import HolderStatus, Limits, Right
from policies.errors import InputError
from policies.grants import EVERY, MAX_DEVICES, Purpose
from policies.site import Site
from policies.texts import t
from policies.usb import STORAGE

_SCIENTIFIC = re.compile(r"[0-9](?:\.[0-9]+)?E\+[0-9]+", re.IGNORECASE)
_LISTED = re.compile(r"[,，、;；|]")
_DAY = re.compile(
    r"([0-9]{4})(?:[-/.年]([0-9]{1,2})[-/.月]([0-9]{1,2})日?|([0-9]{2})([0-9]{2}))"
    r"(?:[ T]+([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?)?"
)
_EVER = frozenset({"长期", "永久", "不限", "无限期", "forever", "never", "unlimited"})
_LONGEST_TEXT = 100
_LONGEST_MINUTES = 480
_MOST_ONCE = 10_000
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Row:
    """What one row says of a card, without its number; `name` and `staff` tell holders apart and go no further."""

    status: HolderStatus
    right: Right
    limits: Limits
    valid_from: datetime | None
    valid_until: datetime | None
    name: str = field(default="", repr=False)
    staff: str = field(default="", repr=False)

    def differs(self, other: Row) -> tuple[str, ...]:
        """Name the columns in which two rows of one card contradict each other."""
        pairs = (
            ("status", self.status, other.status),
            ("valid_from", self.valid_from, other.valid_from),
            ("valid_until", self.valid_until, other.valid_until),
            ("name", self.name, other.name),
            ("staff", self.staff, other.staff),
            ("minutes", self.limits.seconds, other.limits.seconds),
            ("devices", self.limits.devices, other.limits.devices),
            ("classes", self.limits.classes, other.limits.classes),
            ("read_only", self.limits.read_only, other.limits.read_only),
        )
        return tuple(column for column, mine, theirs in pairs if mine != theirs)


class Sheet:
    """What the rows of one sheet have in common; what many of their cells say is understood once.

    `has_status`: the list has the column. One that has none lists cards that are in force; an empty cell is a problem.
    """

    __slots__ = ("_once", "has_status", "site", "terminals")

    def __init__(self, site: Site, *, has_status: bool) -> None:
        self.site = site
        self.has_status = has_status
        self.terminals = {each.name.casefold(): each.name for each in site.terminals}
        self._once: dict[tuple[str, ...], object] = {}

    def once(self, cells: Cells, columns: tuple[str, ...], read: Callable[[Cells, Sheet], _T | None]) -> _T | None:
        """Give what `read` makes of these columns' cells; what is wrong is read, and reported, in every row."""
        key = (*columns, *map(cells.text, columns))
        found = cast("_T | None", self._once.get(key))
        if found is None:
            found = read(cells, self)
            if found is not None and len(self._once) < _MOST_ONCE:
                self._once[key] = found
        return found


def read_row(cells: Cells, sheet: Sheet) -> tuple[CardNumber, Row] | None:
    """Give the card's number and what the row says of it; None when something is wrong, which was reported."""
    if cells.flaws():
        return None
    number = _number(cells, sheet.site)
    status = sheet.once(cells, ("status",), _status) if sheet.has_status else HolderStatus.ACTIVE
    right = sheet.once(cells, ("terminals", "purposes", "profile"), _right)
    limits = sheet.once(cells, ("minutes", "devices", "classes", "read_only"), _limits)
    begins = sheet.once(cells, ("valid_from",), _begin)
    ends = sheet.once(cells, ("valid_until",), _end)
    name, staff = _person(cells, "name"), _person(cells, "staff")
    if number is None or status is None or right is None or limits is None or begins is None or ends is None:
        return None
    if begins.at is not None and ends.at is not None and begins.at >= ends.at:
        cells.problem("valid_until", t("the card ends before it begins"))
        return None
    return number, Row(status, right, limits, begins.at, ends.at, name, staff)


@dataclass(frozen=True, slots=True)
class _Bound:
    """A bound of a card's validity; `at` is None when there is none."""

    at: datetime | None = None


def _number(cells: Cells, site: Site) -> CardNumber | None:
    text = cells.given("number")
    if not text:
        cells.problem("number", t("the card number is missing"))
        return None
    if _SCIENTIFIC.fullmatch(text):
        cells.problem("number", t("the spreadsheet rounded the card number; format the column as text"))
        return None
    try:
        return normalise(text, site.authority)
    except InputError as error:
        # It never repeats the number (see policies.cards.number).
        cells.problem("number", error.what)
        return None


def _person(cells: Cells, column: str) -> str:
    text = cells.given(column)
    if len(text) > _LONGEST_TEXT:
        cells.problem(column, t("the text is longer than {limit} characters", limit=_LONGEST_TEXT))
    return text


def _status(cells: Cells, _: Sheet) -> HolderStatus | None:
    status = status_of(cells.text("status"))
    if status is None:
        cells.problem("status", t("this is no status; write one of: {words}", words=words_of("status")))
    return status


def _right(cells: Cells, sheet: Sheet) -> Right | None:
    terminals = _terminals(cells, sheet.terminals)
    purposes = _each(cells, "purposes", purpose_of, tuple(Purpose))
    profile = cells.given("profile")
    known = [each.name for each in sheet.site.profiles]
    if profile and profile not in known:
        cells.problem("profile", t("the site has no such time profile; it has: {known}", known=", ".join(known) or "-"))
        return None
    if terminals is None or purposes is None:
        return None
    return Right(terminals, tuple(each for each in Purpose if each in purposes), profile)


def _terminals(cells: Cells, known: Mapping[str, str]) -> tuple[str, ...] | None:
    text = cells.given("terminals")
    if is_every(text):
        return (EVERY,)
    found: set[str] = set()
    for part in (piece.strip() for piece in _LISTED.split(text)):
        if not part:
            continue
        name = known.get(part.casefold())
        if name is None:
            near = difflib.get_close_matches(part.casefold(), known, n=1)
            if near:
                cells.problem(
                    "terminals", t("the site has no terminal of this name; is it {near}?", near=known[near[0]])
                )
            else:
                cells.problem("terminals", t("the site has no terminal of this name; declare it in site.toml"))
            return None
        found.add(name)
    if not found:
        cells.problem("terminals", t("the terminals are missing; write their names, or * for every one"))
        return None
    return tuple(sorted(found))


def _each(cells: Cells, column: str, read: Callable[[str], _T | None], every: tuple[_T, ...]) -> tuple[_T, ...] | None:
    """Read a cell with one or more words of a column; reports a word that is not known, or that none is there."""
    text = cells.given(column)
    if is_every(text):
        return every
    found = [read(part) for part in _LISTED.split(text) if part.strip()]
    known = [each for each in found if each is not None]
    if not known or len(known) != len(found):
        cells.problem(column, t("write one or more of: {words}", words=words_of(column)))
        return None
    return tuple(dict.fromkeys(known))


def _limits(cells: Cells, _: Sheet) -> Limits | None:
    minutes = _whole(cells, "minutes", _LONGEST_MINUTES)
    devices = _whole(cells, "devices", MAX_DEVICES)
    classes: tuple[str, ...] | None = (STORAGE,)
    if cells.given("classes"):
        classes = _each(cells, "classes", class_of, ())
    read_only: bool | None = False
    if text := cells.given("read_only"):
        read_only = flag_of(text)
        if read_only is None:
            cells.problem("read_only", t("write one of: {words}", words=words_of("read_only")))
    if minutes is None or devices is None or not classes or read_only is None:
        return None
    return Limits(minutes * 60, devices, tuple(sorted(classes)), read_only=read_only)


def _whole(cells: Cells, column: str, most: int) -> int | None:
    text = cells.given(column)
    if not text:
        return most
    if text.isascii() and text.isdigit() and len(text) <= 4 and 1 <= int(text) <= most:
        return int(text)
    cells.problem(column, t("write a whole number from {low} to {high}", low=1, high=most))
    return None


def _begin(cells: Cells, sheet: Sheet) -> _Bound | None:
    return _moment(cells, "valid_from", sheet.site, end=False)


def _end(cells: Cells, sheet: Sheet) -> _Bound | None:
    return _moment(cells, "valid_until", sheet.site, end=True)


def _moment(cells: Cells, column: str, site: Site, *, end: bool) -> _Bound | None:
    """Read a day, perhaps with a time, by the site's own time. A last day counts as a whole."""
    text = cells.given(column)
    if not text or (end and text.casefold() in _EVER):
        return _Bound()
    found = _DAY.fullmatch(text)
    moment = None if found is None else _local(found, site)
    if end and found is not None and found[1] == "9999":
        return _Bound()  # what systems write for "no end"
    if moment is None or found is None:
        cells.problem(column, t("this is no date; write it as 2026-12-31, or 2026-12-31 18:00"))
        return None
    if end and found[6] is None:
        moment += timedelta(days=1)
    return _Bound(moment.astimezone(UTC))


def _local(found: re.Match[str], site: Site) -> datetime | None:
    year, month, day = int(found[1]), int(found[2] or found[4]), int(found[3] or found[5])
    clock = (int(found[6] or 0), int(found[7] or 0), int(found[8] or 0))
    if not 1970 < year < 9999:
        return None
    try:
        return datetime(year, month, day, *clock, tzinfo=zone_of(site.zone))
    except ValueError:
        return None
