"""The sections of site.toml for cards: readers, the list's numbers, time profiles, holidays, and swipes in [policy]."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

import drivers.cards
from policies.cards import CardRule, Digits, Order, Wiegand
from policies.cards.decide import rules_of
from policies.cards.rights import (
    CardPolicy,
    Holiday,
    HolidayKind,
    OnHolidays,
    Reader,
    TimeProfile,
    Trust,
    Window,
)
from policies.clauses.notice import notice
from policies.errors import ConfigError
from policies.layout_reader import FORMATS, PROVING
from policies.load import load_site
from policies.site import Site

HEAD = """
[site]
name = "park"
[terminals.guard-1]
platform = "linux"
agent = true
place = "gate"
owner = "office"
[terminals.recorder]
platform = "recorder"
agent = false
place = "room"
owner = "office"
"""
READER = '[readers.gate]\nformat = "native"\nterminals = ["guard-1"]\n'


def loaded(folder: Path, text: str, head: str = HEAD) -> Site:
    (folder / "site.toml").write_text(head + text, "utf-8")
    return load_site(folder)


def refused(folder: Path, text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        loaded(folder, text)
    assert caught.value.next_step is not None
    assert caught.value.exit_code == 2
    return caught.value


def test_the_formats_are_those_that_have_a_driver() -> None:
    assert {form.name for form in drivers.cards.FORMATS} == set(FORMATS)


def test_a_reader_without_options_proves_nothing_and_keeps_the_sites_time(tmp_path: Path) -> None:
    site = loaded(tmp_path, READER, HEAD.replace('"park"', '"park"\nzone = "+06:00"'))
    assert site.readers == (Reader("gate", "native", ("guard-1",), Trust.IDENTIFIED, CardRule(), "+06:00", 480),)
    assert site.zone == "+06:00"


def test_a_whole_reader_is_read(tmp_path: Path) -> None:
    text = READER + (
        'trust = "authenticated"\nzone = "Asia/Shanghai"\nlongest_minutes = 5\n'
        'digits = "dec"\nlength = "wiegand-26"\nfacility = 17\n'
        '[readers."东门"]\nformat = "esp-rfid"\nterminals = "guard-1"\nlength = 7\norder = "reversed"\n'
    )
    gate, east = loaded(tmp_path, text).readers
    assert gate.rule == CardRule(Wiegand.W26, Digits.DECIMAL, facility=17)
    assert (gate.trust, gate.zone, gate.longest_minutes) == (Trust.AUTHENTICATED, "+08:00", 5)
    assert (east.name, east.terminals, east.rule) == ("东门", ("guard-1",), CardRule(7, order=Order.REVERSED))


@pytest.mark.parametrize("form", FORMATS)
def test_only_messages_with_a_proof_are_trusted_as_the_readers_own(tmp_path: Path, form: str) -> None:
    text = READER.replace("native", form) + 'trust = "authenticated"\n'
    if form in PROVING:
        assert loaded(tmp_path, text).readers[0].trust is Trust.AUTHENTICATED
        return
    error = refused(tmp_path, text)
    assert error.where.endswith("readers.gate.trust")
    assert "prove nothing" in str(error)
    assert loaded(tmp_path, text.replace("authenticated", "identified")).readers[0].trust is Trust.IDENTIFIED


@pytest.mark.parametrize(
    ("old", "new", "where", "says"),
    [
        ('"guard-1"', '"guard-7"', "terminals[1]", "the site has no terminal 'guard-7'"),
        ('"guard-1"', '"recorder"', "terminals[1]", "has no agent"),
        ('["guard-1"]', "[]", "terminals", "the list is empty"),
        ('["guard-1"]', '["guard-1", "guard-1"]', "terminals[2]", "stands here twice"),
        ('["guard-1"]', "[1]", "terminals[1]", "must be text"),
        ('"native"', '"nativ"', "format", "is native meant?"),
        ('format = "native"\n', "", "format", "the required key format is missing"),
        ("terminals", 'length = "8,5"\nterminals', "length", "is no length of a card number"),
        ("terminals", "length = 2\nterminals", "length", "is no length of a card number"),
        ("terminals", "length = true\nterminals", "length", "must be text"),
        ("terminals", "facility = 3\nterminals", "length", "facility codes belong to Wiegand"),
        ("terminals", 'digits = "hex-unpadded"\nlength = "wiegand-26"\nterminals', "digits", "not Wiegand numbers"),
        ("terminals", 'zone = "Europe/Berlin"\nterminals', "zone", "not a time zone with a fixed offset"),
        ("terminals", "longest_minutes = 481\nterminals", "longest_minutes", "out of range"),
        ("terminals", "secret = 1\nterminals", "secret", "unknown key"),
    ],
)
def test_a_reader_that_cannot_be_is_refused_at_its_place(
    tmp_path: Path, old: str, new: str, where: str, says: str
) -> None:
    error = refused(tmp_path, READER.replace(old, new))
    assert error.where.endswith(f"readers.gate.{where}")
    assert says in str(error)


def test_the_lists_numbers_have_a_rule_of_their_own(tmp_path: Path) -> None:
    assert loaded(tmp_path, "").authority == CardRule()
    site = loaded(tmp_path, '[authority]\ndigits = "facility"\nlength = "wiegand-34"\n')
    assert site.authority == CardRule(Wiegand.W34, Digits.FACILITY)
    assert refused(tmp_path, "[authority]\nparity = true\n").where.endswith("authority.length")


def test_profiles_and_holidays_are_read(tmp_path: Path) -> None:
    text = (
        '[profiles.office]\nwindows = ["mon-fri 08:00-18:00", "周六 09:00-12:00"]\n'
        '[profiles.duty]\nwindows = "daily 20:00-08:00"\non_holidays = "open"\n'
        '[holidays]\ndays = [2027-01-01, "2026-10-01..2026-10-03"]\nworkdays = [2026-10-10]\n'
    )
    site = loaded(tmp_path, text)
    assert site.profiles == (
        TimeProfile("office", (Window((1, 2, 3, 4, 5), 480, 1080), Window((6,), 540, 720))),
        TimeProfile("duty", (Window((1, 2, 3, 4, 5, 6, 7), 1200, 480),), OnHolidays.OPEN),
    )
    assert site.holidays == (
        Holiday(date(2026, 10, 1)), Holiday(date(2026, 10, 2)), Holiday(date(2026, 10, 3)),
        Holiday(date(2026, 10, 10), HolidayKind.WORK), Holiday(date(2027, 1, 1)),
    )  # fmt: skip
    rules = rules_of(site)
    assert (rules.zone, rules.profiles, rules.holidays) == ("+08:00", site.profiles, site.holidays)


@pytest.mark.parametrize(
    ("text", "where", "says"),
    [
        ("[profiles.x]\nwindows = []\n", "profiles.x.windows", "the profile has no hours"),
        ("[profiles.x]\n", "profiles.x.windows", "is missing"),
        ('[profiles.x]\nwindows = ["mon"]\n', "profiles.x.windows[1]", "is not hours of a week"),
        ('[profiles.x]\nwindows = "mon 08:00-09:00"\non_holidays = "no"\n', "on_holidays", "none of shut, open"),
        ('[holidays]\ndays = ["2026-10-07..2026-10-01"]\n', "holidays.days[1]", "is not a range of days"),
        ('[holidays]\ndays = ["2026-01-01..2027-01-02"]\n', "holidays.days[1]", "is not a range of days"),
        ('[holidays]\ndays = ["9999-12-31..9999-12-31", "x"]\n', "holidays.days[2]", "is not a range of days"),
        ("[holidays]\ndays = [1]\n", "holidays.days[1]", "a date such as"),
        ("[holidays]\ndays = [2026-10-01, 2026-10-01]\n", "holidays.days", "2026-10-01 is declared twice"),
        ("[holidays]\ndays = [2026-10-01]\nworkdays = [2026-10-01]\n", "holidays.workdays", "declared twice"),
    ],
)
def test_hours_and_days_that_cannot_be_are_refused(tmp_path: Path, text: str, where: str, says: str) -> None:
    error = refused(tmp_path, text)
    assert error.where.endswith(where)
    assert says in str(error)


def test_a_year_and_a_day_is_the_first_range_that_is_too_long(tmp_path: Path) -> None:
    assert len(loaded(tmp_path, '[holidays]\ndays = ["2026-01-01..2027-01-01"]\n').holidays) == 366


def test_policy_overrides_every_default_of_the_notice(tmp_path: Path) -> None:
    names = list(CardPolicy.__dataclass_fields__)
    defaults = {name: notice().parameter(name).default for name in names}
    assert {name: getattr(rules_of(loaded(tmp_path, "")).policy, name) for name in names} == defaults
    other = {name: (not value if isinstance(value, bool) else int(value) + 1) for name, value in defaults.items()}
    lines = "".join(f"{name} = {str(value).lower()}\n" for name, value in other.items())
    policy = rules_of(loaded(tmp_path, "[policy]\n" + lines)).policy
    assert {name: getattr(policy, name) for name in names} == other


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("swipe_max_age_s = 0", "from 1 to 60"),
        ("swipe_max_age_s = 61", "from 1 to 60"),
        ("lease_case_minutes = 481", "from 1 to 480"),
        ("lease_devices = 17", "from 1 to 16"),
        ("leases_per_card = 0", "from 1 to 16"),
        ("second_person_for_storage = 1", "must be true or false"),
    ],
)
def test_a_parameter_out_of_its_range_is_refused(tmp_path: Path, line: str, says: str) -> None:
    assert says in str(refused(tmp_path, f"[policy]\n{line}\n"))
