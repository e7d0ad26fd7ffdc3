"""lease, grant, explain of an opening, and serve: what they print, refuse, and exit with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.cli_site import Cli
from tests.unit.desk_bench import DeskBench
from tests.unit.test_card_offline import Bench as OfflineBench
from tests.unit.test_cli_json import examples, same

SITE = """
[site]
name = "park"
[readers.gate]
format = "native"
terminals = ["guard-1"]
[terminals.guard-1]
platform = "linux"
agent = true
place = "room"
owner = "office"
"""
TWO = ("--person", "a0117", "--person", "a0204")
WHY = ("--purpose", "case", "--minutes", "15", "--reason", "readers down")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[DeskBench]:
    folder = tmp_path / "park"
    folder.mkdir()
    (folder / "site.toml").write_text(SITE, "utf-8")
    made = DeskBench(folder)
    yield made
    made.close()


@pytest.fixture
def park(bench: DeskBench, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    return Cli(bench.store.path.parent, capsys, monkeypatch)


class TestLeases:
    def test_are_listed_as_the_document_says(self, bench: DeskBench, park: Cli) -> None:
        grant = bench.open()
        told = park("lease", "list", "--all", "--json")
        assert told.code == 0
        same(examples()["lease list"], told.json, "lease list", "lease list")
        assert [(each["lease"], each["state"]) for each in told.json["leases"]] == [(grant.jti, "open")]
        assert grant.jti in park("lease", "list", "--all", "--terminal", "GUARD-1").out

    def test_that_are_over_are_not_open(self, bench: DeskBench, park: Cli) -> None:
        bench.open()
        told = park("lease", "list", "--json")
        assert (told.code, told.json) == (1, {"leases": []})
        assert park("lease", "list").out.strip() == "Nothing is open."
        assert park("lease", "list", lang="zh").out.strip() == "当前没有开放。"

    def test_end_only_by_a_controller_that_runs(self, bench: DeskBench, park: Cli) -> None:
        grant = bench.open()
        line = park.refuses(3, "lease", "revoke", grant.jti[:6], "--reason", "left alone")
        assert "the controller does not run" in line
        assert "portseal serve" in line

    def test_have_an_id(self, bench: DeskBench, park: Cli) -> None:
        bench.open()
        for wrong in ("nobody", "x", "----"):
            assert "no single lease" in park.refuses(2, "lease", "revoke", "--reason", "x", "--", wrong)
        assert "the site has no terminal" in park.refuses(2, "lease", "list", "--terminal", "nobody")


class TestGrant:
    @pytest.mark.parametrize(
        ("words", "code", "line"),
        [
            (("guard-1", "--person", "a1", *WHY), 2, "two different people"),
            (("guard-1", "--person", "a1", "--person", "A1", *WHY), 2, "two different people"),
            (("guard-1", "--person", "王小明", "--person", "a1", *WHY), 2, "not the id of a person"),
            (("nobody", *TWO, *WHY), 2, "no terminal called"),
            (("guard-1", *TWO, *WHY), 4, "nobody is here to agree"),
            (("guard-1", *TWO, *WHY, "--yes"), 3, "the controller does not run"),
        ],
    )
    def test_is_refused(self, park: Cli, words: tuple[str, ...], code: int, line: str) -> None:
        assert line in park.refuses(code, "grant", *words)

    def test_leaves_no_entry_when_nothing_was_done(self, bench: DeskBench, park: Cli) -> None:
        park("grant", "guard-1", *TWO, *WHY, "--yes")
        assert bench.kinds == []


class TestExplain:
    def test_an_opening_is_told_from_its_swipe_and_decided_again(self, bench: DeskBench, park: Cli) -> None:
        bench.swipe()
        (grant,) = bench.ask().grants
        told = park("explain", grant.jti[:8], "--json")
        assert told.code == 0
        same(examples()["explain LEASE"], told.json, "explain LEASE", "explain LEASE")
        assert [each["kind"] for each in told.json["chain"]] == ["swipe.asked", "swipe.granted"]
        text = park("explain", grant.jti).out
        assert "decision: the card opens this terminal" in text
        assert "it comes to the same end" in text

    def test_a_refusal_says_why_and_what_helps(self, bench: DeskBench, park: Cli) -> None:
        bench.swipe("")
        told = park("explain", "#1", "--json").json
        assert (told["kind"], told["code"], told["replayed"], told["same"]) == (
            "decision", "unknown_card", "unknown_card", True,
        )  # fmt: skip
        zh = park("explain", "#1", lang="zh").out
        assert "卡" in zh
        assert "unknown_card" in zh  # the code, for who searches the documentation

    def test_a_manual_opening_says_that_7_2b_fails(self, bench: DeskBench, park: Cli) -> None:
        from controller.cards.manual import ManualGrant
        from policies.grants import Purpose
        from tests.unit.desk_bench import TERMINALS

        wanted = ManualGrant(TERMINALS[0], ("a1", "a2"), Purpose.CASE, 15, "drill")
        with bench.store.transaction():
            jti, _ = bench.manual.grant(wanted, "local:li", bench.now)
        assert "clause 7.2b fails" in park("explain", jti).out

    def test_an_opening_without_a_connection_is_told_from_what_was_signed_for_it(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folder = tmp_path / "cut"
        folder.mkdir()
        (folder / "site.toml").write_text(SITE + "[terminals.guard-1.offline]\n", "utf-8")
        bench = OfflineBench(folder)
        bench.used()
        _, (permit, _) = bench.keep()
        jti = bench.opens(permit)
        park = Cli(folder, capsys, monkeypatch)
        told = park("explain", jti, "--json")
        assert (told.code, told.json["code"], told.json["same"]) == (0, "granted", True)
        text = park("explain", jti).out
        assert "allowed in advance, for hours without a connection" in text
        assert "it comes to the same end" in text
        assert "guard-1/offline" in park("lease", "list", "--all").out
        bench.close()

    def test_what_is_no_entry_is_not_found(self, park: Cli) -> None:
        assert "no such entry" in park.refuses(2, "explain", "#99")


def test_serve_without_mosquitto_says_what_to_install(
    park: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from controller.broker import mosquitto

    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(mosquitto, "PATH", str(tmp_path))
    ran = park("serve")
    assert ran.code == 2
    assert "apt-get install mosquitto" in ran.err.splitlines()[-1]
    assert not (park.folder / "serve.sock").exists()
