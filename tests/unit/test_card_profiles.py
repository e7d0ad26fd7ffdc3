"""Weekly time profiles: hours over midnight, holidays, days worked in exchange, and the site's own time."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.cards.profile import Hours, hours, near, parse_window, parse_zone, zone_of
from policies.cards.rights import Holiday, HolidayKind, OnHolidays, TimeProfile, Window
from policies.errors import InputError

ZONE = "+08:00"
CHINA = timezone(timedelta(hours=8))
OFFICE = TimeProfile("office", (parse_window("mon-fri 08:00-18:00"), parse_window("sat 09:00-12:00")))
NIGHT = TimeProfile("night", (parse_window("fri 22:00-06:00"),))
ALWAYS = TimeProfile("always", (parse_window("daily 00:00-24:00"),))
OCTOBER = (Holiday(date(2026, 10, 1)), Holiday(date(2026, 10, 2)), Holiday(date(2026, 10, 10), HolidayKind.WORK))


def at(text: str) -> datetime:
    """Give a time of the site, as a clock in UTC has it."""
    return datetime.fromisoformat(text).replace(tzinfo=CHINA).astimezone(UTC)


def asked(profile: TimeProfile, text: str, holidays: tuple[Holiday, ...] = ()) -> Hours:
    return hours(profile, holidays, at(text), ZONE)


@pytest.mark.parametrize(
    ("moment", "until"),
    [
        ("2026-09-07T08:00:00", "2026-09-07T18:00:00"),
        ("2026-09-07T17:59:59", "2026-09-07T18:00:00"),
        ("2026-09-07T07:59:59", None),
        ("2026-09-07T18:00:00", None),
        ("2026-09-12T09:30:00", "2026-09-12T12:00:00"),
        ("2026-09-13T09:30:00", None),
    ],
    ids=["begins", "last second", "before", "over", "saturday", "sunday"],
)
def test_hours_hold_from_their_start_until_before_their_end(moment: str, until: str | None) -> None:
    found = asked(OFFICE, moment)
    assert found == (Hours(open=False) if until is None else Hours(open=True, until=at(until)))


def test_the_day_is_the_sites_not_utcs() -> None:
    # Monday 07:30 UTC+8 is still Sunday in UTC; Saturday 08:30 of the site is Saturday 00:30 in UTC.
    early = TimeProfile("early", (parse_window("mon 07:00-08:00"),))
    assert asked(early, "2026-09-07T07:30:00").open
    assert not hours(early, (), at("2026-09-07T07:30:00"), "+00:00").open


def test_hours_over_midnight_belong_to_the_day_they_begin_on() -> None:
    assert asked(NIGHT, "2026-09-12T05:59:59") == Hours(open=True, until=at("2026-09-12T06:00:00"))
    assert not asked(NIGHT, "2026-09-11T05:00:00").open  # the night from Thursday
    assert not asked(NIGHT, "2026-09-12T22:30:00").open
    saturday_off = (Holiday(date(2026, 9, 12)),)
    assert asked(NIGHT, "2026-09-12T05:00:00", saturday_off).open
    friday_off = (Holiday(date(2026, 9, 11)),)
    assert asked(NIGHT, "2026-09-12T05:00:00", friday_off) == Hours(open=False, holiday=True)


def test_hours_that_touch_are_one() -> None:
    found = asked(ALWAYS, "2026-09-12T23:59:00")
    assert found.open
    assert found.until is not None
    assert found.until - at("2026-09-12T23:59:00") > timedelta(hours=24)
    split = TimeProfile("split", (parse_window("sat 08:00-10:00"), parse_window("sat 10:00-11:00")))
    assert asked(split, "2026-09-12T09:00:00").until == at("2026-09-12T11:00:00")
    overlap = TimeProfile("overlap", (parse_window("sat 08:00-12:00"), parse_window("sat 09:00-10:00")))
    assert asked(overlap, "2026-09-12T09:30:00").until == at("2026-09-12T12:00:00")


def test_a_holiday_shuts_a_profile_and_says_so_only_where_it_would_be_open() -> None:
    assert asked(OFFICE, "2026-10-01T09:00:00").open
    assert asked(OFFICE, "2026-10-01T09:00:00", OCTOBER) == Hours(open=False, holiday=True)
    assert asked(OFFICE, "2026-10-01T20:00:00", OCTOBER) == Hours(open=False, holiday=False)


def test_a_profile_of_those_on_duty_is_open_on_holidays() -> None:
    duty = TimeProfile("duty", OFFICE.windows, OnHolidays.OPEN)
    assert asked(duty, "2026-10-01T09:00:00", OCTOBER).open


def test_a_saturday_worked_in_exchange_counts_as_a_monday() -> None:
    assert asked(OFFICE, "2026-10-10T17:00:00", OCTOBER) == Hours(open=True, until=at("2026-10-10T18:00:00"))
    assert not asked(OFFICE, "2026-10-10T17:00:00").open


def test_always_is_shut_from_midnight_of_a_holiday() -> None:
    assert asked(ALWAYS, "2026-09-30T23:00:00", OCTOBER).until == at("2026-10-01T00:00:00")


@given(
    moment=st.timedeltas(timedelta(0), timedelta(days=60)).map(lambda each: datetime(2026, 9, 1, tzinfo=UTC) + each),
    profile=st.sampled_from([OFFICE, NIGHT, ALWAYS]),
    zone=st.sampled_from(["+08:00", "-05:30", "+00:00"]),
)
def test_the_near_holidays_alone_give_the_same_answer_and_the_end_is_ahead(
    moment: datetime, profile: TimeProfile, zone: str
) -> None:
    found = hours(profile, OCTOBER, moment, zone)
    assert hours(profile, near(OCTOBER, moment, zone), moment, zone) == found
    assert found.open == (found.until is not None)
    if found.until is not None:
        assert found.until > moment
        assert hours(profile, OCTOBER, found.until - timedelta(microseconds=1), zone).open


@given(minutes=st.integers(0, 7 * 1440 - 1))
def test_every_minute_of_a_week_is_open_as_the_windows_say(minutes: int) -> None:
    moment = datetime(2026, 9, 7, tzinfo=CHINA) + timedelta(minutes=minutes)
    day, minute = minutes // 1440 + 1, minutes % 1440
    expected = (day <= 5 and 480 <= minute < 1080) or (day == 6 and 540 <= minute < 720)
    assert hours(OFFICE, (), moment, ZONE).open == expected


@pytest.mark.parametrize(
    ("text", "window"),
    [
        ("mon-fri 08:00-18:00", Window((1, 2, 3, 4, 5), 480, 1080)),
        ("周一至周五 8:00-18:00", Window((1, 2, 3, 4, 5), 480, 1080)),
        ("星期六、周日 09：00—12：00", Window((6, 7), 540, 720)),
        ("工作日 00:00-24:00", Window((1, 2, 3, 4, 5), 0, 1440)),
        ("sat-mon 22:00-06:00", Window((1, 6, 7), 1320, 360)),
        ("Daily 00:00-23:59", Window((1, 2, 3, 4, 5, 6, 7), 0, 1439)),
    ],
)
def test_windows_are_read_in_both_languages(text: str, window: Window) -> None:
    assert parse_window(text) == window


@pytest.mark.parametrize(
    "text",
    ["", "mon", "mon 08:00", "mon 08:00-08:00", "mon 24:00-06:00", "mon 08:00-24:01", "mon 08:60-09:00",
     "blue 08:00-09:00", "weekend-mon 08:00-09:00", "mon-tue-wed 08:00-09:00", "mon 08:00-09:00 tue", "x" * 500],
)  # fmt: skip
def test_other_windows_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="is not hours of a week"):
        parse_window(text)


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        ("+08:00", "+08:00"),
        ("UTC+08:00", "+08:00"),
        ("Asia/Shanghai", "+08:00"),
        ("-03:30", "-03:30"),
        ("utc", "+00:00"),
    ],
)
def test_zones_are_offsets(text: str, zone: str) -> None:
    assert parse_zone(text) == zone
    assert zone_of(zone).utcoffset(None) == timedelta(
        minutes=(-1 if zone[0] == "-" else 1) * (int(zone[1:3]) * 60 + int(zone[4:]))
    )


@pytest.mark.parametrize("text", ["", "Europe/Berlin", "CST", "PDT", "+8", "+15:00", "+08:60", "08:00"])
def test_zones_with_summer_time_and_abbreviations_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="not a time zone with a fixed offset"):
        parse_zone(text)


@given(st.text(max_size=120))
def test_noise_raises_the_typed_error_alone(text: str) -> None:
    for read in (parse_window, parse_zone):
        try:
            read(text)
        except InputError as error:
            assert str(error).isprintable()
