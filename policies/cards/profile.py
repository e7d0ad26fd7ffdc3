"""Weekly time profiles with holidays, and the site's time zone, as pure rules.

A zone is a fixed offset from UTC. China has one without daylight saving time since 1991; a fixed offset needs no data
base of the machine's, so that a decision replays the same years later on another one. Zones with daylight saving time
are refused by name instead of being wrong for half of the year.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone

from policies.cards.rights import Holiday, HolidayKind, OnHolidays, TimeProfile, Window
from policies.errors import InputError
from policies.names.shown import cleaned, shown
from policies.texts import t

#: Minutes of a day.
DAY = 1440
#: Names of zones without daylight saving time that people in the field write.
_ZONES = {
    "asia/shanghai": "+08:00", "asia/chongqing": "+08:00", "asia/harbin": "+08:00", "prc": "+08:00",
    "asia/hong_kong": "+08:00", "asia/macau": "+08:00", "asia/taipei": "+08:00", "asia/singapore": "+08:00",
    "asia/urumqi": "+06:00", "asia/tokyo": "+09:00", "utc": "+00:00", "etc/utc": "+00:00", "z": "+00:00",
}  # fmt: skip
_OFFSET = re.compile(r"(?:UTC)?([+-])([01][0-9]):([0-5][0-9])", re.IGNORECASE)
_TIME = r"([0-9]{1,2}):([0-5][0-9])"
_WINDOW = re.compile(rf"\s*(\S.*?)\s+{_TIME}\s*[-~至到]\s*{_TIME}\s*")
_SPLIT = re.compile(r"[,、]\s*")
_RANGE = re.compile(r"\s*[-~至到]\s*")
_DAYS: dict[str, tuple[int, ...]] = {
    "mon": (1,), "tue": (2,), "wed": (3,), "thu": (4,), "fri": (5,), "sat": (6,), "sun": (7,),
    "daily": (1, 2, 3, 4, 5, 6, 7), "每天": (1, 2, 3, 4, 5, 6, 7), "工作日": (1, 2, 3, 4, 5), "周末": (6, 7),
    **{f"{word}{name}": (day,) for word in ("周", "星期") for day, name in enumerate("一二三四五六日", 1)},
    "周天": (7,), "星期天": (7,),
}  # fmt: skip
#: The longest lease is hours; two days ahead are more than any end of it.
_AHEAD = 2


@dataclass(frozen=True, slots=True)
class Hours:
    """Whether a profile counts now. `until`: the end of these hours (None: they have none that matters).

    `holiday`: it is shut for the holiday alone.
    """

    open: bool
    until: datetime | None = None
    holiday: bool = False


def parse_zone(text: str) -> str:
    """Read a zone, +08:00 or the name of one without daylight saving time, into ±hh:mm; raises InputError."""
    plain = cleaned(text)
    found = _OFFSET.fullmatch(plain)
    if found is not None and int(found[2]) <= 14:
        return f"{found[1]}{found[2]}:{found[3]}"
    named = _ZONES.get(plain.casefold())
    if named is None:
        raise InputError(
            t("{text} is not a time zone with a fixed offset", text=shown(text)),
            next_step=t("write the hours and minutes ahead of UTC, such as +08:00"),
        )
    return named


def zone_of(text: str) -> timezone:
    """Give the zone of what :func:`parse_zone` gave; raises InputError for anything else."""
    clean = parse_zone(text)
    minutes = int(clean[1:3]) * 60 + int(clean[4:])
    return timezone(timedelta(minutes=-minutes if clean[0] == "-" else minutes))


def parse_window(text: str) -> Window:
    """Read `mon-fri 08:00-18:00`, `sat,sun 22:00-06:00` (into the next day) or `周一至周五 08:00-18:00`.

    Raises InputError for anything else, also for hours without length.
    """
    found = _WINDOW.fullmatch(cleaned(text)) if len(text) <= 100 else None
    days = None if found is None else _days(found[1])
    if found is None or days is None:
        raise _bad_window(text)
    start, end = int(found[2]) * 60 + int(found[3]), int(found[4]) * 60 + int(found[5])
    if start >= DAY or end > DAY or start == end:
        raise _bad_window(text)
    return Window(days, start, end)


def _days(text: str) -> tuple[int, ...] | None:
    found: set[int] = set()
    for part in _SPLIT.split(text.casefold()):
        ends = [_DAYS.get(word, ()) for word in _RANGE.split(part)]
        if len(ends) == 1 and ends[0]:
            found |= set(ends[0])
        elif len(ends) == 2 and all(len(each) == 1 for each in ends):
            first, last = ends[0][0], ends[1][0]
            # sat-mon goes over the end of the week.
            found |= {(first - 1 + step) % 7 + 1 for step in range((last - first) % 7 + 1)}
        else:
            return None
    return tuple(sorted(found))


def _bad_window(text: str) -> InputError:
    return InputError(
        t("{text} is not hours of a week", text=shown(text)),
        next_step=t("write days and times, such as 'mon-fri 08:00-18:00'"),
    )


def hours(profile: TimeProfile, holidays: Iterable[Holiday], now: datetime, zone: str) -> Hours:
    """Tell whether `profile` is open at `now` (aware) in `zone`, and until when.

    Hours over midnight belong to the day on which they begin: what began before a holiday runs out in it, and what
    would begin on the holiday does not. Hours that touch are one.
    """
    local = now.astimezone(zone_of(zone))
    calendar = {holiday.day: holiday.kind for holiday in holidays}
    end = _end(profile, calendar, local)
    if end is not None:
        return Hours(open=True, until=end.astimezone(UTC))
    worked: dict[date, HolidayKind] = {day: kind for day, kind in calendar.items() if kind is HolidayKind.WORK}
    return Hours(open=False, holiday=_end(profile, worked, local) is not None)


def near(holidays: Iterable[Holiday], now: datetime, zone: str) -> tuple[Holiday, ...]:
    """Give the holidays that :func:`hours` looks at for `now`, in order."""
    today = now.astimezone(zone_of(zone)).date()
    return tuple(sorted(each for each in set(holidays) if -1 <= (each.day - today).days <= _AHEAD))


def _end(profile: TimeProfile, calendar: dict[date, HolidayKind], local: datetime) -> datetime | None:
    """Give the end of the hours that `local` is in; None outside of them."""
    spans = sorted(span for shift in range(-1, _AHEAD + 1) for span in _spans(profile, calendar, local, shift))
    end: datetime | None = None
    for start, stop in spans:
        if start <= (end or local) <= stop and local < stop:
            end = max(end or stop, stop)
    return end


def _spans(
    profile: TimeProfile, calendar: dict[date, HolidayKind], local: datetime, shift: int
) -> Iterator[tuple[datetime, datetime]]:
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=shift)
    kind = calendar.get(midnight.date())
    if kind is HolidayKind.OFF and profile.on_holidays is OnHolidays.SHUT:
        return
    weekday = 1 if kind is HolidayKind.WORK else midnight.isoweekday()
    for window in profile.windows:
        if weekday in window.days:
            length = window.end - window.start if window.end > window.start else window.end + DAY - window.start
            start = midnight + timedelta(minutes=window.start)
            yield start, start + timedelta(minutes=length)
