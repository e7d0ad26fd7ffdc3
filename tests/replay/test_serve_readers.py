"""Readers of every kind at a running controller: over the broker with a certificate or a login, and at the web door."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from controller.cli.base import run
from controller.cli.main import cli
from controller.ledger.entry import Entry
from lab.reader import dahua, esp_rfid, esphome, hikvision, tasmota, uhppoted, zigbee2mqtt
from lab.reader.send import Way, post, publish
from lab.reader.tap import Plastic, Sent, Tap
from policies.errors import AuthenticationFailed
from policies.messages.identities import Identity, Role
from tests.replay.broker_bench import free_port
from tests.replay.serve_bench import NOBODY, WANG, Site

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
    native = site.client(Identity(Role.READER, "gate-1"))
    thief = Way("127.0.0.1", _legacy(site), login="tasmota", password=WORD)
    publish(thief, [replace(tasmota.rc522(tap()), topic="portseal/1/hq/reader/gate-1/swipe")])
    assert not native.ended.wait(0.3)
    assert not of(site, "gate-1")


def test_nobody_there_is_a_failure_of_the_network(tmp_path: Path) -> None:
    for arguments in (("tasmota", "--to", "127.0.0.1:1"), ("dahua", "--url", "http://127.0.0.1:1/reader/x")):
        assert run(cli, ["--site", str(tmp_path), "lab", "reader", *arguments]) == 3


def test_a_card_is_swiped_by_hand(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORD", WORD)
    before = len(of(site, "tasmota"))
    by = ("--to", f"127.0.0.1:{_legacy(site)}", "--login", "tasmota", "--password", "env:WORD")
    assert run(cli, ["--site", str(site.folder), "lab", "reader", "tasmota", "--uid", "0badc0d1", *by]) == 0
    assert decided(site, "tasmota", before) == "unknown_card"
