"""The times that readers send: epoch seconds, and texts with a zone, with an abbreviation, or with none.

An abbreviation alone does not say a zone: CST is China's and Chicago's, PST is California's and Manila's. It counts
when the reader's own zone uses it at that time, or when it has one meaning in the world; else the time is not known. A
zone of site.toml is an offset without a name: there an abbreviation counts that some place with this offset uses. A
time before 2015 is that of a clock that was never set (ESP boards count from 1970, panels from 2000): not known.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo

from drivers.cards.payload import bad_value

_FIRST_YEAR = 2015
_LAST_SECOND = 253_402_300_799
_STAMP = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})[T ](?P<time>[0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.(?P<part>[0-9]{1,9}))?"
    r" ?(?P<zone>Z|[+-][0-9]{2}(?::?[0-9]{2})?|[A-Z]{2,5})?"
)
_OFFSET = re.compile(r"(?P<sign>[+-])(?P<hours>[0-9]{2}):?(?P<minutes>[0-9]{2})?")
#: Abbreviations that one place in the world uses, with their hours east of Greenwich.
_KNOWN = {
    "UTC": 0, "GMT": 0, "Z": 0, "PDT": -7, "MDT": -6, "EDT": -4, "EST": -5, "AKST": -9, "AKDT": -8, "WET": 0,
    "WEST": 1, "CET": 1, "CEST": 2, "EET": 2, "EEST": 3, "HKT": 8, "KST": 9, "JST": 9, "NZST": 12, "NZDT": 13,
}  # fmt: skip

#: Abbreviations that several places use, with what they mean there, in minutes east of Greenwich.
_SHARED = {
    "AST": (-240, 180), "BST": (60, 360), "CDT": (-300, -240), "CST": (-360, -300, 480), "IST": (60, 120, 330),
    "MST": (-420, 480), "PST": (-480, 480), "SST": (-660, 480),
}  # fmt: skip


def epoch(value: object, member: str = "time") -> datetime | None:
    """Read seconds since 1970: a whole number, one with a fraction (Dahua), or its text; None when not known."""
    if value is None or value == "":
        return None
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,12}", value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LAST_SECOND:
        raise bad_value(member)
    return _known(datetime.fromtimestamp(int(value), UTC))


def stamp(value: object, zone: tzinfo, member: str = "time") -> datetime | None:
    """Read a date and time; one without a zone is of the reader's own `zone`. None when not known."""
    if value is None or value == "":
        return None
    found = _STAMP.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise bad_value(member)
    micros = (found["part"] or "").ljust(6, "0")[:6]
    try:
        naive = datetime.strptime(f"{found['day']} {found['time']}.{micros} +0000", "%Y-%m-%d %H:%M:%S.%f %z")
        placed = _placed(naive.replace(tzinfo=None), found["zone"], zone)
        return None if placed is None else _known(placed.astimezone(UTC))
    except (ValueError, OverflowError):
        raise bad_value(member) from None


def _placed(naive: datetime, said: str | None, zone: tzinfo) -> datetime | None:
    if said is None:
        return naive.replace(tzinfo=zone)
    if offset := _OFFSET.fullmatch(said):
        hours, minutes = int(offset["hours"]), int(offset["minutes"] or 0)
        if hours > 14 or minutes > 59:
            raise ValueError("no offset of a time zone")
        east = timedelta(hours=hours, minutes=minutes)
        return naive.replace(tzinfo=timezone(-east if offset["sign"] == "-" else east))
    # When clocks go back an hour comes twice, and the abbreviation tells which one it is.
    for fold in (0, 1):
        placed = naive.replace(tzinfo=zone, fold=fold)
        if placed.tzname() == said:
            return placed
    placed = naive.replace(tzinfo=zone)
    own = placed.utcoffset()
    if isinstance(zone, timezone) and own is not None and own.total_seconds() / 60 in _SHARED.get(said, ()):
        return placed
    return naive.replace(tzinfo=timezone(timedelta(hours=_KNOWN[said]))) if said in _KNOWN else None


def _known(moment: datetime) -> datetime | None:
    return moment if moment.year >= _FIRST_YEAR else None
