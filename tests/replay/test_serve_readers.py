"""Readers of every kind at a running controller: over the broker with a certificate or a login, and at the web door."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from controller.cards.book import Book
from controller.cards.pseudonyms import card_key
from controller.cli.base import run
from controller.cli.main import cli
from controller.ledger.entry import Entry
from controller.store.open import open_store
from lab.reader import dahua, esp_rfid, esphome, hikvision, native, tasmota, uhppoted, zigbee2mqtt
from lab.reader.send import Way, post, publish
from lab.reader.tap import Plastic, Sent, Tap
from policies.cards.number import CardNumber
from policies.errors import AuthenticationFailed
from policies.messages.identities import Identity, Role
from tests.replay.broker_bench import free_port
from tests.replay.serve_bench import LI, NOBODY, WANG, Site

#: Mangled messages of each format.
NOISE = 100
WORD, HMAC = "of-the-sources-1", "of-the-gateway-0123456789"
#: The same number as a UID, and as facility code and number of a 34-bit line.
CARD = Plastic(bytes.fromhex(WANG), 0x04A1, 0xB2C3)
STRANGER = Plastic(bytes.fromhex(NOBODY), 0x0BAD, 0xC0DE)
#: format → what a device sends, its topic, and more keys of its reader.
SOURCES: dict[str, tuple[Callable[[Tap], Sent], str]] = {
    "uhppoted": (
        uhppoted.live,
        'topic = "uhppoted/gateway/events/live"\ndigits = "facility"\nlength = "wiegand-34"\nsecret = "file:hmac"\n',
    ),
    "esp-rfid": (esp_rfid.access_2, 'topic = "esp-rfid/send"\n'),
    "esphome": (esphome.tag, 'topic = "esphome/gate/tag"\n'),
    "tasmota": (tasmota.rc522, 'topic = "tele/+/SENSOR"\n'),
    "zigbee2mqtt": (zigbee2mqtt.request, 'topic = "zigbee2mqtt/gate"\n'),
    "dahua-vto": (dahua.station, 'topic = "DahuaVTO/AccessControl/Event"\n'),
}  # fmt: skip
POSTED: dict[str, Callable[[Tap], Sent]] = {"hikvision": hikvision.listener, "dahua": dahua.attached}
READERS = "".join(
    f'[readers.{form}]\nformat = "{form}"\nterminals = ["T1"]\nlogin = "{form}"\npassword = "file:word"\n{keys}'
    for form, (_, keys) in SOURCES.items()
) + (
    '[readers.hikvision]\nformat = "hikvision"\nterminals = ["T1"]\nlogin = "panel"\npassword = "file:word"\n'
    'digits = "dec"\n[readers.dahua]\nformat = "dahua"\nterminals = ["T1"]\n'
)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    made = Site(READERS)
    made.legacy = free_port()  # type: ignore[attr-defined]
    file = made.folder / "site.toml"
    file.write_text(file.read_text("utf-8").replace("[web]", f"legacy_port = {_legacy(made)}\n[web]"), "utf-8")
    for name, word in (("word", WORD), ("hmac", HMAC)):
        (made.folder / name).write_text(word)
        (made.folder / name).chmod(0o600)
    made.start()
    yield made
    made.close()


@pytest.fixture(autouse=True)
def _another_second() -> None:
    """Begin in a second of one's own: one card at one reader in one second is one swipe, whoever tests it."""
    time.sleep(1.0 - time.time() % 1.0 + 0.01)


def _legacy(site: Site) -> int:
    port: int = site.legacy  # type: ignore[attr-defined]
    return port


def tap(card: Plastic = CARD, event: int = 0) -> Tap:
    at = datetime.now(timezone(timedelta(hours=8)))
    return Tap(card, at, event=event or time.monotonic_ns() % 10**9, secret=HMAC, holder="王小明")


def way(site: Site, login: str, word: str = WORD) -> Way:
    return Way("127.0.0.1", _legacy(site), login=login, password=word)


def door(site: Site, login: str = "", word: str = WORD) -> Way:
    return Way("127.0.0.1", site.web, authority=site.folder / "keys/ca.pem", login=login, password=word)


def of(site: Site, reader: str) -> list[Entry]:
    return [each for each in site.entries() if each.subject == reader and each.kind.startswith("swipe.")]


def decided(site: Site, reader: str, before: int) -> str:
    site.until(lambda: len(of(site, reader)) > before)
    code: str = of(site, reader)[-1].data["code"]
    return code


@pytest.mark.parametrize("form", SOURCES)
def test_a_source_with_a_login_is_heard_and_its_card_is_known(site: Site, form: str) -> None:
    make, _ = SOURCES[form]
    for card, code in ((CARD, "offline"), (STRANGER, "unknown_card")):
        before = len(of(site, form))
        publish(way(site, form), [make(tap(card))])
        assert decided(site, form, before) == code


@pytest.mark.parametrize("form", POSTED)
def test_a_device_that_posts_is_heard_and_its_card_is_known(site: Site, form: str) -> None:
    url = f"https://127.0.0.1:{site.web}/reader/{form}"
    login = "panel" if form == "hikvision" else ""
    for card, code in ((CARD, "offline"), (STRANGER, "unknown_card")):
        before = len(of(site, form))
        assert post(url, POSTED[form](tap(card)), door(site, login)) == 200
        assert decided(site, form, before) == code


def test_who_has_not_the_readers_login_is_not_heard(site: Site) -> None:
    before = len(site.entries())
    with pytest.raises(AuthenticationFailed):
        publish(way(site, "esphome", "another-word-1"), [esphome.tag(tap())])
    url = f"https://127.0.0.1:{site.web}/reader/hikvision"
    assert post(url, hikvision.listener(tap()), door(site)) == 401
    assert post(url, hikvision.listener(tap()), door(site, "panel", "another-word-1")) == 401
    # A login writes its own topic alone: as another one's it is lost.
    publish(way(site, "esphome"), [tasmota.rc522(tap()), replace(esphome.tag(tap()), topic="esp-rfid/send")])
    heard = len(of(site, "esphome"))
    publish(way(site, "esphome"), [esphome.tag(tap())])
    decided(site, "esphome", heard)
    assert {each.subject for each in site.entries()[before:] if each.kind.startswith("swipe.")} == {"esphome"}


def test_an_event_that_comes_twice_counts_once(site: Site) -> None:
    # A card of its own: one that was at this reader in the same second is a repetition too.
    sent = uhppoted.live(tap(Plastic(b"\x0b\xad\x00\x01", 0x0BAD, 1)))
    before = len(of(site, "uhppoted"))
    publish(way(site, "uhppoted"), [sent])
    assert decided(site, "uhppoted", before) == "unknown_card"
    publish(way(site, "uhppoted"), [sent])
    assert decided(site, "uhppoted", before + 1) == "replayed"


def test_a_swipe_of_the_past_or_of_tomorrow_does_not_count(site: Site) -> None:
    for late, code in ((timedelta(minutes=-5), "swipe_old"), (timedelta(minutes=5), "swipe_future")):
        before = len(of(site, "uhppoted"))
        moved = tap()
        publish(way(site, "uhppoted"), [uhppoted.live(replace(moved, at=moved.at + late))])
        assert decided(site, "uhppoted", before) == code


@pytest.mark.parametrize(("zone", "code"), [("CST", "offline"), ("", "offline"), ("PDT", "swipe_future")])
def test_the_abbreviation_of_a_zone_is_the_readers_own_or_another_ones(site: Site, zone: str, code: str) -> None:
    """A gateway in Shanghai writes CST, as one in Chicago does; site.toml says where it is."""
    before = len(of(site, "uhppoted"))
    publish(way(site, "uhppoted"), [uhppoted.live(tap(), zone)])
    assert decided(site, "uhppoted", before) == code


def test_a_name_in_gbk_beside_the_number_spoils_nothing(site: Site) -> None:
    # The last byte of 誠 in GBK is a backslash, which would eat the quote behind it.
    before = len(of(site, "esp-rfid"))
    publish(way(site, "esp-rfid"), [esp_rfid.access_2(replace(tap(), holder="赵誠"), gbk=True)])
    assert decided(site, "esp-rfid", before) == "offline"


def mangled(chance: random.Random, payload: bytes) -> bytes:
    """Change a message as a bad line, a bad program or a bad person would."""
    at, end = sorted(chance.randrange(len(payload) + 1) for _ in range(2))
    part = payload[at:end]
    kinds = (
        lambda: payload[:at] + bytes([chance.randrange(256)]) + payload[at + 1 :],
        lambda: payload[:at],
        lambda: payload[:at] + payload[end:],
        lambda: payload[:end] + part + payload[end:],
        lambda: chance.randbytes(chance.randrange(300)),
        lambda: b"[" * chance.randrange(5000) + payload,
        lambda: payload + b"\0" * chance.randrange(9) + payload,
        lambda: re.sub(rb"[0-9]+", lambda _: b"9" * chance.choice((1, 20, 400)), payload),
        lambda: re.sub(rb'"[^"]*"', lambda found: chance.choice((found[0], b"null", b"{}", b'"\\ud800"')), payload),
        lambda: payload.decode("utf-8", "replace").encode(chance.choice(("utf-16", "gb18030"))),
        lambda: payload.ljust(60_000, chance.choice((b" ", b"9", b"\xff"))),
    )
    return chance.choice(kinds)()


@pytest.mark.parametrize("form", [*SOURCES, *POSTED, "native"])
def test_noise_in_every_format_opens_nothing_and_hurts_nobody(site: Site, form: str) -> None:
    chance = random.Random(form)
    name, make = ("gate-1", native.swipe) if form == "native" else (form, POSTED.get(form) or SOURCES[form][0])
    noise = [
        replace(each, payload=mangled(chance, each.payload)) for each in (make(_of_hq(name)) for _ in range(NOISE))
    ]
    begun, before, li = len(site.entries()), len(of(site, name)), _pseudonym(site)
    _send_all(site, form, noise)

    def heard() -> int:
        return sum(each.data.get("card") == li for each in of(site, name))

    # The control: behind all of it, and on the same way, what is right is heard.
    known = heard()
    _send_all(site, form, [make(_of_hq(name, Plastic(bytes.fromhex(LI), 0x04A1, 0xB2C4)))])
    site.until(lambda: heard() > known)
    assert len(of(site, name)) <= before + NOISE + 1
    assert {each.kind for each in site.entries()[begun:]} <= {"swipe.denied", "swipe.unreadable"}
    assert site.at_work()
    assert "Traceback" not in site.printed()


def _send_all(site: Site, form: str, messages: list[Sent]) -> None:
    """Send as this kind of reader does: to the web door, with a certificate, or with a login."""
    if form in POSTED:
        url, login = f"https://127.0.0.1:{site.web}/reader/{form}", "panel" if form == "hikvision" else ""
        assert {post(url, each, door(site, login)) for each in messages} <= {200, 400}
    elif form == "native":
        reader = site.client(Identity(Role.READER, "gate-1"))
        for each in messages:
            reader.say(each.topic, each.payload)
        reader.close()
    else:
        publish(way(site, form), messages)


def _pseudonym(site: Site) -> str:
    """Give Li's card as the ledger calls it."""
    with open_store(site.folder) as store:
        return Book(store).find(card_key(site.folder).card(CardNumber(LI)))


def _of_hq(name: str, card: Plastic = CARD) -> Tap:
    return replace(tap(card), reader=name, site="hq")


def test_no_number_and_no_name_is_in_any_file(site: Site) -> None:
    forms = [CARD.uid.hex(), CARD.uid.hex("-"), str(int.from_bytes(CARD.uid, "big")), "118545763", "王小明", WORD, HMAC]
    forms += [STRANGER.uid.hex(), STRANGER.uid.hex("-"), str(int.from_bytes(STRANGER.uid, "big"))]
    kept = {site.folder / "word", site.folder / "hmac"}
    # The name is in the list of cards, which keeps it in its own table, and is not looked for in the database.
    for path in sorted(Path(site.folder.parent).rglob("*")):
        if path.is_file() and path not in kept:
            content = path.read_bytes().lower()
            found = [form for form in forms if form.lower().encode() in content]
            assert not [form for form in found if not (form == "王小明" and path.name.startswith("portseal.db"))], path


def test_a_reader_with_a_certificate_is_not_disturbed(site: Site) -> None:
    reader, before = site.client(Identity(Role.READER, "gate-1")), len(of(site, "gate-1"))
    thief = Way("127.0.0.1", _legacy(site), login="tasmota", password=WORD)
    publish(thief, [replace(tasmota.rc522(tap()), topic="portseal/1/hq/reader/gate-1/swipe")])
    assert not reader.ended.wait(0.3)
    assert len(of(site, "gate-1")) == before


def test_nobody_there_is_a_failure_of_the_network(tmp_path: Path) -> None:
    for arguments in (("tasmota", "--to", "127.0.0.1:1"), ("dahua", "--url", "http://127.0.0.1:1/reader/x")):
        assert run(cli, ["--site", str(tmp_path), "lab", "reader", *arguments]) == 3


def test_a_card_is_swiped_by_hand(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORD", WORD)
    before = len(of(site, "tasmota"))
    by = ("--to", f"127.0.0.1:{_legacy(site)}", "--login", "tasmota", "--password", "env:WORD")
    assert run(cli, ["--site", str(site.folder), "lab", "reader", "tasmota", "--uid", "0badc0d1", *by]) == 0
    assert decided(site, "tasmota", before) == "unknown_card"
