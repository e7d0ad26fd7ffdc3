"""The tables of site.toml for cards: [readers.NAME], [authority], [profiles.NAME], [holidays], and keys of [policy]."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any

from policies import values
from policies.cards.number import CardLength, CardRule, Digits, Order, read_length
from policies.cards.profile import parse_window, parse_zone
from policies.cards.rights import Holiday, HolidayKind, OnHolidays, Reader, TimeProfile, Trust
from policies.errors import ConfigError, InputError
from policies.layout_source import FORMATS, check_source, source_keys
from policies.names.shown import shown
from policies.site import ListSource
from policies.texts import t
from policies.toml import Key, Place, Section, a_list

_MOST_DAYS = 366


def readers() -> Section:
    """Give the table of [readers.NAME]."""
    return Section(
        name="readers",
        about=t("One table for each card reader of the access-control system whose swipes open terminals."),
        keys=(*_reader_keys(), *source_keys(), *rule_keys(t("this reader's numbers"))),
        build=reader,
        named=values.name,
        sample_name="gate-reader",
    )


def authority() -> Section:
    """Give the table of [authority]."""
    return Section(
        name="authority",
        about=t("The access-control system's own list of cards: how it writes their numbers, and where its export is."),
        keys=(*rule_keys(t("the list's numbers")), *_source_keys()),
        build=card_list,
    )


def profiles() -> Section:
    """Give the table of [profiles.NAME]."""
    return Section(
        name="profiles",
        about=t("Hours of the week in which rights count; the list of cards names them in its column for hours."),
        keys=(
            Key(
                "windows", _windows,
                about=t("The hours, by the site's own time. Hours over midnight belong to the day they begin on."),
                values=t("a list of days and times, such as 'mon-fri 08:00-18:00' or '周一至周五 08:00-18:00'"),
                sample='["mon-fri 08:00-18:00", "sat 09:00-12:00"]',
                required=True,
            ),
            Key(
                "on_holidays", values.choice(*OnHolidays),
                about=t("What the profile does on the days of [holidays]: stay shut, or follow the day of the week."),
                values=t("one of {options}", options=", ".join(OnHolidays)),
                sample='"shut"',
                default="shut",
                security=t("On holidays fewer people see what happens: open is for those on duty."),
            ),
        ),
        build=profile,
        named=values.name,
        sample_name="office",
    )  # fmt: skip


def holidays() -> Section:
    """Give the table of [holidays]."""
    listed = t("a list of dates, and of ranges such as '2026-10-01..2026-10-07'")
    return Section(
        name="holidays",
        about=t("The days on which the week does not go as usual; the State Council's notice names them every year."),
        keys=(
            Key(
                "days", _dates,
                about=t("Holidays."), values=listed, sample='[2026-01-01, "2026-10-01..2026-10-07"]', default=(),
            ),
            Key(
                "workdays", _dates,
                about=t("Days of the weekend that are worked in exchange; they count as a Monday."),
                values=listed, sample="[2026-10-10]", default=(),
            ),
        ),
        build=calendar,
    )  # fmt: skip


def policy_keys(defaults: Mapping[str, str | int]) -> Iterator[Key]:
    """Give the keys of [policy] that are about swipes and leases."""
    for name, low, high, about, security in _NUMBERS:
        wanted = t("whole minutes from {low} to {high}", low=low, high=high)
        if name.endswith("_s"):
            wanted = t("whole seconds from {low} to {high}", low=low, high=high)
        elif name.endswith("_days"):
            wanted = t("whole days from {low} to {high}", low=low, high=high)
        elif not name.endswith("_minutes"):
            wanted = t("a whole number from {low} to {high}", low=low, high=high)
        shipped = defaults[name]
        yield Key(name, values.integer(low, high), about, wanted, str(shipped), default=shipped, security=security)
    for name, about, security in _FLAGS:
        shipped = defaults[name]
        sample = "true" if shipped else "false"
        yield Key(name, values.flag, about, t("true or false"), sample, default=shipped, security=security)


_NUMBERS = (
    ("swipe_max_age_s", 1, 60, t("How old a swipe may be when it reaches the controller."),
     t("A long time lets somebody hold a swipe back and use it when nobody looks.")),
    ("swipe_ahead_s", 0, 60, t("How far a reader's clock may be ahead of the controller's."),
     t("A swipe from further ahead is refused: it could be kept for later.")),
    ("swipe_answer_s", 10, 300, t("How long the operator has to say the purpose, and a second person to swipe."),
     t("Until then the swipe waits, and whoever stands at the terminal can answer for it.")),
    ("swipe_again_s", 0, 30, t("Within this time the same card again is the same swipe; later it shuts the terminal."),
     None),
    ("terminal_silent_s", 10, 3600, t("How long a terminal may be silent before no grant is made for it."), None),
    ("lease_case_minutes", 1, 480, t("The longest opening for a case's video."),
     t("Whoever comes after the card's holder finds the port open until it ends.")),
    ("lease_maintenance_minutes", 1, 480, t("The longest opening for maintenance."), None),
    ("lease_other_minutes", 1, 480, t("The longest opening for another purpose."), None),
    ("openings_days", 1, 400, t("Over how many days back the openings of terminals are judged."),
     t("An opening without a swipe fails clause 7.2b for as long.")),
    ("lease_devices", 1, 16, t("How many devices one opening admits."),
     t("With more than one, a second stick can be plugged in unseen.")),
    ("leases_per_terminal", 1, 16, t("How many openings one terminal may have at a time."), None),
    ("leases_per_card", 1, 16, t("How many terminals one card may have open at a time."),
     t("With more than one, an opened terminal may be left alone.")),
)  # fmt: skip
_FLAGS = (
    ("second_person_for_storage", t("Open storage only after the swipes of two people."),
     t("One person alone can then copy nothing; both readers must prove their swipes.")),
    ("lease_keyboards", t("Let an opening admit keyboards and mice too, for cards that may."),
     t("A stick that is also a keyboard types what it likes; bind keyboards to their ports instead.")),
)  # fmt: skip


def _reader_keys() -> tuple[Key, ...]:
    return (
        Key(
            "format", values.choice(*FORMATS),
            about=t("What its messages look like."),
            values=t("one of {options}", options=", ".join(FORMATS)),
            sample='"uhppoted"',
            required=True,
        ),
        Key(
            "terminals", _names,
            about=t("The terminals that a swipe here can open."),
            values=t("a list of names of [terminals]"),
            sample='["guard-1"]',
            required=True,
            security=t("Name only terminals that stand beside the reader: who swipes should see what opens."),
        ),
        Key(
            "trust", values.choice(*Trust),
            about=t("What its messages prove: that they are this reader's, or only which number a card showed."),
            values=t("one of {options}", options=", ".join(Trust)),
            sample='"identified"',
            default="identified",
            security=t("A reader that only identifies never opens storage alone: its messages can be forged."),
        ),
        Key(
            "zone", values.parsed(parse_zone),
            about=t("The time of its clock, for messages without a zone; the site's own when absent."),
            values=t("the hours and minutes ahead of UTC, such as +08:00"),
            sample='"+08:00"',
        ),
        Key(
            "longest_minutes", values.integer(1, 480),
            about=t("No opening from a swipe here is longer."),
            values=t("whole minutes from {low} to {high}", low=1, high=480), sample="480", default=480,
        ),
    )  # fmt: skip


def rule_keys(whose: object) -> Iterator[Key]:
    """Give the keys that say how card numbers are written; `whose` names them in the sample."""
    yield Key(
        "digits", values.choice(*Digits),
        about=t("How {whose} are written.", whose=whose),
        values=t("one of {options}", options=", ".join(Digits)), sample='"hex"', default="hex",
        security=t("A wrong setting takes one card for another one: compare with a card in your hand."),
    )  # fmt: skip
    yield Key(
        "order", values.choice(*Order),
        about=t("Whether the bytes of {whose} come as on the card, or the last one first.", whose=whose),
        values=t("one of {options}", options=", ".join(Order)), sample='"as-read"', default="as-read",
    )  # fmt: skip
    yield Key(
        "length", _length,
        about=t("How long {whose} are.", whose=whose),
        values=t("bytes of a UID (4, 7 or 10; 4 when absent), or wiegand-26, wiegand-34 or wiegand-37"),
        sample='"wiegand-26"',
    )  # fmt: skip
    yield Key(
        "parity", values.flag,
        about=t("Whether the parity bits are still in {whose}.", whose=whose),
        values=t("true or false"), sample="false", default=False,
    )  # fmt: skip
    yield Key(
        "facility", values.integer(0, 65_535),
        about=t("The facility code of all cards, where {whose} come without it.", whose=whose),
        values=t("a whole number from {low} to {high}", low=0, high=65_535), sample="17",
    )  # fmt: skip


def _source_keys() -> Iterator[Key]:
    yield Key(
        "source", _path,
        about=t("The file that the system's export job writes (CSV, XLSX or JSON)."),
        values=t("a path, a relative one from the site folder; without it the list is imported by hand"),
        sample='"/srv/access-control/cards.csv"',
        security=t("Who can write this file decides which cards open: let only the export job's account write there."),
    )  # fmt: skip
    yield Key(
        "published", values.flag,
        about=t("Whether the system itself sends its list over the broker (docs/cards.md), in place of a file."),
        values=t("true or false"), sample="false", default=False,
        security=t("Who holds the key of its certificate decides which cards open: let it rest on that system alone."),
    )  # fmt: skip
    seconds = t("whole seconds from {low} to {high}", low=10, high=86_400)
    yield Key(
        "every_s", values.integer(10, 86_400),
        about=t("How often the file is looked at."), values=seconds, sample="300", default=300,
        security=t("Until the next look a card that was withdrawn there still opens here."),
    )  # fmt: skip
    yield Key(
        "oldest_s", values.integer(60, 31_536_000),
        about=t("How old the export may be before it is a finding: its job may have stopped."),
        values=t("whole seconds from {low} to {high}", low=60, high=31_536_000), sample="172800", default=172_800,
        security=t("With an old list, cards of people who have left still open."),
    )  # fmt: skip
    yield Key(
        "most_removed_percent", values.integer(0, 100),
        about=t("A list that takes away more of the cards in force than this is not imported by itself."),
        values=t("whole percent from {low} to {high}", low=0, high=100), sample="20", default=20,
        security=t("An export that broke off would lock everybody out; 100 lets it."),
    )  # fmt: skip


def reader(found: dict[str, Any], place: Place) -> Reader:
    """Build [readers.NAME]: only messages that carry a proof can be trusted as the reader's own."""
    check_source(found, place)
    rule = card_rule({name: found.pop(name) for name in ("digits", "order", "length", "parity", "facility")}, place)
    topics = found.pop("topic")
    return Reader(
        **{**found, "trust": Trust(found["trust"]), "rule": rule, "zone": found["zone"] or "", "topics": topics}
    )


def card_rule(found: dict[str, Any], place: Place) -> CardRule:
    """Build how card numbers are written; settings that exclude each other are refused at the one to correct."""
    digits, order = Digits(found["digits"]), Order(found["order"])
    try:
        return CardRule(found["length"] or 4, digits, order, found["parity"], found["facility"])
    except ConfigError as error:
        raise place.at(error.where).error(error.what, error.next_step) from None


def card_list(found: dict[str, Any], place: Place) -> tuple[CardRule, ListSource]:
    """Build [authority]: how the list's numbers are written, and where the list comes from."""
    source = ListSource(
        found.pop("source") or "", found.pop("every_s"), found.pop("oldest_s"), found.pop("most_removed_percent"),
        found.pop("published"),
    )  # fmt: skip
    if source.published and source.file:
        raise place.at("published").error(
            t("the list comes from the file {file} already", file=shown(source.file)), t("remove one of the two")
        )
    return card_rule(found, place), source


def profile(found: dict[str, Any], place: Place) -> TimeProfile:
    """Build [profiles.NAME]; without hours it would be a right that never counts."""
    if not found["windows"]:
        raise place.at("windows").error(t("the profile has no hours"), t("write them, or remove the profile"))
    return TimeProfile(found["name"], found["windows"], OnHolidays(found["on_holidays"]))


def calendar(found: dict[str, Any], place: Place) -> tuple[Holiday, ...]:
    """Build [holidays]: a day is off or worked, and stands there once."""
    kinds: dict[date, HolidayKind] = {}
    for key, kind in (("days", HolidayKind.OFF), ("workdays", HolidayKind.WORK)):
        for day in found[key]:
            if day in kinds:
                raise place.at(key).error(t("{day} is declared twice", day=day.isoformat()), t("remove one of the two"))
            kinds[day] = kind
    return tuple(Holiday(day, kind) for day, kind in sorted(kinds.items()))


def _windows(raw: object, place: Place) -> tuple[Any, ...]:
    texts = values.strings(raw, place)
    return tuple(place.at(index).checked(parse_window, text) for index, text in enumerate(texts))


def _names(raw: object, place: Place) -> tuple[str, ...]:
    names: list[str] = []
    for index, item in enumerate([raw] if isinstance(raw, str) else a_list(raw, place)):
        name = values.name(item, place.at(index))
        if name in names:
            raise place.at(index).error(t("{name} stands here twice", name=shown(name)), t("remove one of the two"))
        names.append(name)
    if not names:
        raise place.error(t("the list is empty"), t("name at least one"))
    return tuple(names)


def _path(raw: object, place: Place) -> str:
    path = values.text(raw, place)
    if not path.strip() or not path.isprintable():
        raise place.error(t("this is no path of a file"), t("write the path of the file, or remove the key"))
    return path


def _length(raw: object, place: Place) -> CardLength:
    if isinstance(raw, int) and not isinstance(raw, bool):
        raw = str(raw)
    length: CardLength = values.parsed(read_length)(raw, place)
    return length


def _dates(raw: object, place: Place) -> tuple[date, ...]:
    days: list[date] = []
    for index, item in enumerate(a_list(raw, place)):
        here = place.at(index)
        if isinstance(item, str):
            days += here.checked(_range, item)
        else:
            days.append(values.day(item, here))
    return tuple(days)


def _range(text: str) -> list[date]:
    try:
        first, last = map(date.fromisoformat, text.replace(" ", "").split(".."))
    except ValueError:
        raise _no_range(text) from None
    if not 0 <= (last - first).days < _MOST_DAYS:
        raise _no_range(text)
    return [first + timedelta(days=step) for step in range((last - first).days + 1)]


def _no_range(text: str) -> InputError:
    return InputError(
        t("{text} is not a range of days", text=shown(text)),
        next_step=t("write the first and the last day, such as '2026-10-01..2026-10-07'"),
    )
