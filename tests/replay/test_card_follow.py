"""Following the export beside a running controller: a process of its own imports it, and what is wrong is told once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.cards.book import Book
from controller.cards.follow import Following
from controller.cards.sync import SourceState, last_look
from controller.context import Context, open_context
from controller.store import cards
from policies.errors import EquipmentError
from tests.unit.card_site import SITE, card_site, exported, many


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Context]:
    text = SITE.replace('source = "export/cards.csv"\n', 'source = "export/cards.csv"\nevery_s = 10\n')
    with open_context(card_site(tmp_path / "site", text)) as context:
        yield context


def looked(context: Context, following: Following) -> str:
    """Step until a look has begun and ended; gives what was told."""
    before = last_look(context.store)
    following._due = 0.0
    for _ in range(600):
        try:
            following.step()
        except EquipmentError as error:
            return str(error)
        now = last_look(context.store)
        if now is not None and now != before and following._looking is None:
            return ""
        time.sleep(0.1)
    raise AssertionError("no look came to its end")


def test_a_running_controller_follows_the_export(site: Context) -> None:
    exported(site.site.folder, many(10))
    book, following = Book(site.store), Following(site)
    try:
        assert looked(site, following) == ""
        assert book.look() == ()
        assert len(book.authority().cards) == 10
        listing = cards.listing(site.store)
        assert listing is not None
        assert (listing.source, listing.actor) == ("sync", "controller")
        exported(site.site.folder, many(9), ago=30)
        assert looked(site, following) == ""
        assert len(book.look()) == 1  # to be relocked
        exported(site.site.folder, many(2), ago=20)
        assert "takes away 7 of 9" in looked(site, following)
        assert looked(site, following) == ""  # told once
        found = last_look(site.store)
        assert found is not None
        assert found.state is SourceState.REFUSED
        assert book.look() == ()
    finally:
        following.close()


def test_a_look_that_fails_is_told(site: Context, capfd: pytest.CaptureFixture[str]) -> None:
    following = Following(site)
    (site.site.folder / "site.toml").write_text("broken = ", "utf-8")
    try:
        assert "the look at the access-control system's export failed (2)" in looked(site, following)
    finally:
        following.close()
    assert capfd.readouterr().err.startswith("portseal: ")


def test_without_an_export_nothing_is_started(tmp_path: Path) -> None:
    text = SITE.replace('source = "export/cards.csv"\n', "")
    with open_context(card_site(tmp_path / "site", text)) as context:
        following = Following(context)
        following.step()
        assert following._looking is None
        following.close()


def test_a_look_under_way_is_ended_with_the_controller(site: Context) -> None:
    exported(site.site.folder, many(10))
    following = Following(site)
    following.step()
    assert following._looking is not None
    following.close()
    assert following._looking is None
