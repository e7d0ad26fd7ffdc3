"""Following the access-control system's export: what is new is imported, and nothing that is wrong locks people out."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from controller.cards.sync import SourceState, Synced, last_look, source_of, sync
from controller.context import Context, open_context
from controller.store import cards
from controller.store.open import utc_now
from policies.errors import ConfigError
from tests.unit.card_site import HEAD, LI, LIST, SITE, WANG, ZHAO, card_site, exported, many
from tests.unit.cli_site import Cli


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Context]:
    with open_context(card_site(tmp_path / "site")) as context:
        yield context


def looked(site: Context, **options: Any) -> Synced:
    slept: list[float] = []
    found = sync(site, sleep=slept.append, **options)
    assert bool(slept) == (found.look.state is SourceState.WRITING)
    return found


def kinds(site: Context) -> list[str]:
    return [row["kind"] for row in site.store.rows("SELECT kind FROM ledger ORDER BY seq")]


def version(site: Context) -> int:
    found = cards.listing(site.store)
    return 0 if found is None else found.version


def test_a_new_export_is_imported_once(site: Context) -> None:
    exported(site.site.folder, LIST)
    first = looked(site)
    assert first.look.state is SourceState.IMPORTED
    assert first.imported is not None
    assert first.imported.counts["added"] == 3
    listing = cards.listing(site.store)
    assert listing is not None
    assert (listing.source, listing.version) == ("sync", 1)
    again = looked(site)
    assert (again.look.state, again.imported) == (SourceState.SAME, None)
    assert again.look.since == first.look.since
    assert kinds(site) == ["cards.import.intent", "cards.import.done"]
    assert last_look(site.store) == again.look


def test_a_changed_export_withdraws_cards(site: Context) -> None:
    exported(site.site.folder, LIST)
    looked(site)
    exported(site.site.folder, HEAD + LI + ZHAO, ago=30)
    changed = looked(site)
    assert changed.imported is not None
    assert len(changed.imported.withdrawn) == 1
    assert version(site) == 2


def test_the_export_counts_again_after_another_list_was_imported_by_hand(site: Context) -> None:
    exported(site.site.folder, LIST)
    looked(site)
    from controller.cards.keep import import_list

    import_list(site, (HEAD + LI + ZHAO).encode(), "by hand")
    back = looked(site)
    assert back.look.state is SourceState.IMPORTED
    assert version(site) == 3
    found = cards.listed(site.store)
    assert found is not None
    assert len(found.cards) == 3


def test_other_bytes_that_say_the_same_make_no_new_list(site: Context) -> None:
    exported(site.site.folder, LIST)
    looked(site)
    exported(site.site.folder, HEAD + ZHAO + LI + WANG)
    assert looked(site).look.state is SourceState.SAME
    assert looked(site).imported is None
    assert version(site) == 1


class TestWrong:
    """The list before stays in force, it is said, and the ledger hears of it once."""

    @pytest.fixture
    def running(self, site: Context) -> Context:
        exported(site.site.folder, many(10))
        assert looked(site).look.state is SourceState.IMPORTED
        return site

    def told(self, site: Context, state: SourceState) -> Synced:
        before = kinds(site)
        first, second = looked(site), looked(site)
        assert (first.look.state, second.look.state) == (state, state)
        assert first.look.since == second.look.since
        assert first.look.problem is not None
        assert last_look(site.store) == second.look
        assert version(site) == 1
        found = cards.authority(site.store)
        assert found is not None
        assert len(found.cards) == 10
        assert kinds(site)[len(before) :] == ["cards.source"]
        row = site.store.row("SELECT bytes FROM ledger ORDER BY seq DESC LIMIT 1")
        assert row is not None
        assert f'"state":"{state}"'.encode() in row["bytes"]
        return second

    def good_again(self, site: Context) -> None:
        exported(site.site.folder, many(10))
        assert looked(site).look.state is SourceState.SAME
        assert kinds(site)[-2:] == ["cards.source", "cards.source"]

    def test_it_is_missing(self, running: Context) -> None:
        source_of(running.site).unlink()
        assert self.told(running, SourceState.MISSING).error is not None
        self.good_again(running)

    def test_it_breaks_off(self, running: Context) -> None:
        exported(running.site.folder, many(3))
        assert "takes away 7 of 10" in str(self.told(running, SourceState.REFUSED).look.problem)
        exported(running.site.folder, many(2))
        assert looked(running).look.state is SourceState.REFUSED
        assert kinds(running)[-2:] == ["cards.source", "cards.source"]  # another export, another entry
        forced = looked(running, force=True)
        assert (forced.look.state, version(running)) == (SourceState.IMPORTED, 2)

    @pytest.mark.parametrize("text", ["", HEAD, "not a list", many(10).replace("guard-1", "guard-9"), "\ufffd\x00"])
    def test_it_cannot_be_understood(self, running: Context, text: str) -> None:
        exported(running.site.folder, text)
        self.told(running, SourceState.UNREADABLE)
        self.good_again(running)

    def test_it_is_old(self, running: Context) -> None:
        exported(running.site.folder, many(10), ago=200_000)
        assert "its job may have stopped" in str(self.told(running, SourceState.OLD).look.problem)
        self.good_again(running)


def test_an_old_export_is_imported_all_the_same_and_said(site: Context) -> None:
    exported(site.site.folder, LIST, ago=200_000)
    found = looked(site)
    assert (found.look.state, version(site)) == (SourceState.OLD, 1)


def test_an_export_that_is_being_written_waits(site: Context) -> None:
    path = exported(site.site.folder, LIST, ago=0)
    slept: list[float] = []
    assert sync(site, sleep=slept.append).look.state is SourceState.WRITING
    assert len(slept) == 3
    assert (version(site), last_look(site.store)) == (0, None)

    def settled(_: float) -> None:
        before = time.time() - 10
        os.utime(path, (before, before))

    assert sync(site, sleep=settled).look.state is SourceState.IMPORTED


def test_an_export_with_a_clock_ahead_is_read(site: Context) -> None:
    exported(site.site.folder, LIST, ago=-3600)
    assert looked(site).look.state is SourceState.IMPORTED


def test_a_site_without_an_export_says_what_to_declare(tmp_path: Path) -> None:
    folder = card_site(tmp_path / "site", SITE.replace('source = "export/cards.csv"\n', ""))
    with open_context(folder) as context, pytest.raises(ConfigError, match=r"authority\.source"):
        sync(context)


def test_how_old_is_told_by_the_sites_clock(tmp_path: Path) -> None:
    folder = card_site(tmp_path / "site")
    exported(folder, LIST)
    with open_context(folder) as context:
        assert looked(context).look.state is SourceState.IMPORTED
    with open_context(folder, clock=lambda: utc_now() + timedelta(days=3)) as context:
        assert looked(context).look.state is SourceState.OLD


class TestVerb:
    @pytest.fixture
    def demo(self, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
        return Cli(card_site(tmp_path / "site"), capsys, monkeypatch)

    def test_its_exit_code_tells_what_was_found(self, demo: Cli) -> None:
        assert demo("card", "sync").code == 3
        exported(demo.folder, many(10))
        assert "a new list was imported" in demo("card", "sync").out
        ran = demo("card", "sync", "--json")
        assert (ran.code, ran.json["state"], ran.json["exit_code"]) == (0, "same", 0)
        exported(demo.folder, many(3))
        short = demo("card", "sync")
        assert short.code == 4
        assert "--force" in short.err
        assert demo("card", "sync", "--json").json["state"] == "refused"
        assert demo("card", "list", "--json").json["source"]["state"] == "refused"
        exported(demo.folder, "nothing")
        broken = demo("card", "sync", "--json")
        assert (broken.code, len(broken.json["problems"])) == (2, 1)
        exported(demo.folder, many(10), ago=500_000)
        assert demo("card", "sync").code == 1
        exported(demo.folder, many(3))
        forced = demo("card", "sync", "--force", "--json").json
        assert (forced["imported"], len(forced["withdrawn"])) == (True, 7)
