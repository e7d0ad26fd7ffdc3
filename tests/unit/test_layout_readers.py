"""The sections of site.toml for cards: readers, the list's numbers, time profiles, holidays, and swipes in [policy]."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

import drivers.cards
from policies.cards import CardRule, Digits, Order, Wiegand
from policies.cards.case import rules_of
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
from policies.layout_source import FORMATS, POSTING, PROVING, SELECTING
from policies.load import load_site
from policies.site import Site

HEAD = """
[site]
name = "park"
[broker]
legacy_port = 1883
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
        '[readers."东门"]\nformat = "esp-rfid"\nterminals = "guard-1"\ntopic = "esp/gate"\n'
        'length = 7\norder = "reversed"\n'
    )
    gate, east = loaded(tmp_path, text).readers
    assert gate.rule == CardRule(Wiegand.W26, Digits.DECIMAL, facility=17)
    assert (gate.trust, gate.zone, gate.longest_minutes) == (Trust.AUTHENTICATED, "+08:00", 5)
    assert (east.name, east.terminals, east.rule) == ("东门", ("guard-1",), CardRule(7, order=Order.REVERSED))


def written(form: str, more: str = "", name: str = "gate") -> str:
    """Give a reader of a format with the keys that it cannot be without."""
    topic = {"native": "", "dahua-vto": 'topic = "vto/AccessControl/Event"\n'}.get(form, f'topic = "src/{name}"\n')
    return f'[readers.{name}]\nformat = "{form}"\nterminals = "guard-1"\n{topic}{more}'


@pytest.mark.parametrize("form", FORMATS)
def test_only_messages_with_a_proof_are_trusted_as_the_readers_own(tmp_path: Path, form: str) -> None:
    text = written(form, 'trust = "authenticated"\n')
    if form == "native":  # whose certificate is a proof
        assert loaded(tmp_path, text).readers[0].trust is Trust.AUTHENTICATED
        return
    error = refused(tmp_path, text)
    assert error.where.endswith("readers.gate.trust")
    assert ("without a secret" if form == "uhppoted" else "prove nothing") in str(error)
    assert loaded(tmp_path, written(form)).readers[0].trust is Trust.IDENTIFIED
    if form in PROVING:
        whole = loaded(tmp_path, text + 'secret = "secret:gate.hmac"\n').readers[0]
        assert (whole.trust, whole.secret) == (Trust.AUTHENTICATED, "secret:gate.hmac")


#: key → a value for it, and the formats that may have it; with a topic, as `written` gives it.
KEYS: dict[str, tuple[str, frozenset[str]]] = {
    "topic": ('"other/topic"', frozenset(FORMATS) - {"native", "dahua-vto"}),
    "device": ('"405419896"', SELECTING),
    "door": ('"1"', SELECTING),
    "secret": ('"env:HMAC"', frozenset({"uhppoted"})),
    "public_key": ('"readers/gate.pem"', frozenset({"native"})),
    "webhook": ('"panel"', frozenset()),
}


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("key", KEYS)
def test_a_key_is_refused_where_it_would_do_nothing(tmp_path: Path, form: str, key: str) -> None:
    value, forms = KEYS[key]
    line = f"{key} = {value}\n"
    base = written(form).replace('topic = "src/gate"\n', "") if key == "topic" else written(form)
    if form == "dahua-vto" and key == "topic":
        base = base.replace('topic = "vto/AccessControl/Event"\n', "")
        assert "would count twice, or never" in str(refused(tmp_path, base + line))
        return
    if form in forms:
        assert loaded(tmp_path, base + line).readers
        return
    error = refused(tmp_path, base + line)
    assert error.where.endswith(f"readers.gate.{key}")
    assert f"of format {form}" in str(error)


@pytest.mark.parametrize("form", FORMATS)
def test_a_login_is_for_sources_on_the_broker_without_a_certificate(tmp_path: Path, form: str) -> None:
    text = written(form, 'login = "gate"\npassword = "env:PASSWORD"\n')
    if form == "native":
        assert refused(tmp_path, text).where.endswith("login")
        return
    reader = loaded(tmp_path, text).readers[0]
    assert (reader.login, reader.password) == ("gate", "env:PASSWORD")
    for half, missing in (('login = "gate"\n', "password"), ('password = "env:PASSWORD"\n', "login")):
        error = refused(tmp_path, written(form, half))
        assert error.where.endswith(half.split(" ")[0])
        assert f"and {missing} is missing" in str(error)


@pytest.mark.parametrize("form", FORMATS)
def test_without_a_topic_a_device_that_can_posts_to_a_webhook(tmp_path: Path, form: str) -> None:
    text = "\n".join(line for line in written(form).splitlines() if not line.startswith("topic")) + "\n"
    if form not in {*POSTING, "native"}:
        error = refused(tmp_path, text)
        assert error.where.endswith("readers.gate.topic")
        assert "is missing" in str(error)
        return
    reader = loaded(tmp_path, text).readers[0]
    assert reader.webhook_name == ("gate" if form in POSTING else "")
    if form in POSTING:
        assert loaded(tmp_path, text + 'webhook = "panel"\n').readers[0].webhook_name == "panel"
        assert loaded(tmp_path, text + 'login = "a"\npassword = "env:P"\n').readers[0].login == "a"
        # With a topic it is a bridge's on the broker.
        assert loaded(tmp_path, written(form)).readers[0].webhook_name == ""


@pytest.mark.parametrize(
    "topic",
    ["#", "+/gate", "$SYS/broker", "$share/a/b", "portseal/1/park/reader/gate/swipe", "portseal", "/gate", " a/b",
     "a/b ", "a/#/b", "a/b#", "a/b+", "a/+b", "a\\nb", "a/\\u0000", "", "x/" + "门" * 70],
)  # fmt: skip
def test_a_topic_that_could_be_more_than_the_readers_is_refused(tmp_path: Path, topic: str) -> None:
    text = written("esphome").replace("src/gate", topic)
    assert refused(tmp_path, text).where.endswith("readers.gate.topic")
    assert loaded(tmp_path, written("esphome").replace("src/gate", "a/+/b c/#")).readers[0].topics == ("a/+/b c/#",)


@pytest.mark.parametrize("login", ["controller", "cli", "broker", "terminal.guard-1", "reader.x", "reader", "lock.",
                                   "a:b", "a b", "#", "-x", "门", "x" * 65, ""])  # fmt: skip
def test_a_login_that_could_be_taken_for_a_process_is_refused(tmp_path: Path, login: str) -> None:
    text = written("esphome", f'login = "{login}"\npassword = "env:P"\n')
    assert refused(tmp_path, text).where.endswith("readers.gate.login")


def test_a_login_needs_a_listener_that_it_can_come_to(tmp_path: Path) -> None:
    text, shut = written("esphome", 'login = "gate"\npassword = "env:P"\n'), HEAD.replace("1883", "0")
    with pytest.raises(ConfigError, match="legacy_port") as caught:
        loaded(tmp_path, text, shut)
    assert caught.value.where.endswith("readers.gate.login")
    external = HEAD.replace("legacy_port = 1883", 'mode = "external"\nhost = "b"\nauthority = "ca.pem"')
    assert loaded(tmp_path, text, external).readers  # whose listeners are not ours
    posting = 'login = "gate"\npassword = "env:P"\n'
    assert loaded(tmp_path, written("dahua", posting).replace('topic = "src/gate"\n', ""), shut).readers


TWO_DOORS = (
    '[readers.in]\nformat = "uhppoted"\nterminals = "guard-1"\ntopic = "u/live"\ndoor = "1"\ndevice = "7"\n'
    '[readers.out]\nformat = "uhppoted"\nterminals = "guard-1"\ntopic = "u/live"\ndoor = "2"\ndevice = "7"\n'
)


@pytest.mark.parametrize(
    ("old", "new", "where", "says"),
    [
        ('door = "2"', 'door = "1"', "out.door", "would take the same swipes"),
        ('door = "2"\n', "", "out.door", "would take the same swipes"),
        ('door = "2"', 'secret = "env:S"\ndoor = "2"', "out.door", "another format or secret"),
        ('door = "2"', 'login = "x"\npassword = "env:P"\ndoor = "2"', "out.topic", "a topic in common"),
        ('"u/live"\ndoor = "2"', '"u/+"\ndoor = "2"', "out.topic", "a topic in common"),
        ('"u/live"\ndoor = "2"', '["v", "u/#"]\ndoor = "2"', "out.topic", "a topic in common"),
        ('"u/live"\ndoor = "2"', '["v/#", "v"]\ndoor = "2"', "out.topic[2]", "stands here twice"),
        ('"u/live"\ndoor = "2"', '"u/events"\ndoor = "2"', "out.topic", "late and in batches"),
    ],
)
def test_readers_that_could_speak_for_each_other_are_refused(
    tmp_path: Path, old: str, new: str, where: str, says: str
) -> None:
    assert [each.door for each in loaded(tmp_path, TWO_DOORS).readers] == ["1", "2"]
    error = refused(tmp_path, TWO_DOORS.replace(old, new))
    assert error.where.endswith(f"readers.{where}")
    assert says in str(error)


def test_devices_on_one_webhook_are_told_apart_by_what_they_say(tmp_path: Path) -> None:
    def panel(one: str, other: str) -> str:
        head = 'format = "hikvision"\nterminals = "guard-1"\nwebhook = "panel"\n'
        return f"[readers.in]\n{head}{one}\n[readers.out]\n{head}{other}\n"

    assert len(loaded(tmp_path, panel('door = "1"', 'door = "2"')).readers) == 2
    assert "the same swipes" in str(refused(tmp_path, panel('door = "1"', 'device = "7"')))


def test_one_login_has_one_password(tmp_path: Path) -> None:
    one = written("zigbee2mqtt", 'login = "z"\npassword = "env:A"\n', "one")
    assert len(loaded(tmp_path, one + written("zigbee2mqtt", 'login = "z"\npassword = "env:A"\n', "two")).readers) == 2
    error = refused(tmp_path, one + written("zigbee2mqtt", 'login = "z"\npassword = "env:B"\n', "two"))
    assert error.where.endswith("readers.two.password")


@pytest.mark.parametrize("topic", ['"vto/Other/Event"', '["a/AccessControl/Event", "a/DoorCard/Event"]', '"vto/#"'])
def test_a_door_station_is_read_on_one_of_its_two_topics(tmp_path: Path, topic: str) -> None:
    text = written("dahua-vto").replace('"vto/AccessControl/Event"', topic)
    assert refused(tmp_path, text).where.endswith("readers.gate.topic")


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
        ("terminals", 'secret = "abc"\nterminals', "secret", "may not stand here in clear"),
        ("terminals", 'public_key = "../x.pem"\nterminals', "public_key", "is not a path in the site folder"),
        ("terminals", 'pin = "1"\nterminals', "pin", "unknown key"),
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
