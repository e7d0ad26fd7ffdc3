"""terminal census and check: a signed census from the file to the verdict, and what is refused on the way."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from controller.context import open_context
from controller.network.terminals import take_in
from controller.store import terminals as kept
from controller.store.open import FILE_NAME, VERSION, open_store
from policies.errors import Busy, InputError, StorageFailed
from policies.keys import SigningKey
from policies.messages.evidence import SignedCensus, sign_evidence
from policies.terminal import Census, TerminalEvidence
from tests.unit.cli_site import Cli, make_site
from tests.unit.test_census_evidence import BOOT, KEY, OTHER_KEY
from tests.unit.test_cli_json import examples, same
from tests.unit.test_terminal_register import BOUND, CENSUS, REGISTER, REPORT, STICK, with_device

SITE = """
[site]
name = "demo"
"""
DECLARED = """
[terminals.{name}]
platform = "linux"
agent = true
place = "guard room"
owner = "security office"
"""
REGISTERED = "".join(
    f'[[terminals.guard-1.register]]\nport = "{each.port}"\nlabel = "{each.label}"\n' for each in REGISTER
)
WHOLE = SITE + DECLARED.format(name="guard-1") + REGISTERED
STRAY = with_device(STICK.port, replace(STICK, authorized=True))


def signed(
    age: float = 60,
    *,
    terminal: str = "guard-1",
    site: str = "demo",
    census: Census = CENSUS,
    key: SigningKey = KEY,
    running: bool = True,
) -> SignedCensus:
    """Give a census that was taken `age` seconds ago."""
    at = datetime.now(UTC) - timedelta(seconds=age)
    report = replace(REPORT, terminal=terminal, boot=BOOT, taken_at=at, census=census)
    return sign_evidence(key, site, TerminalEvidence(report, (BOUND,) if running else ()), running=running)


@pytest.fixture
def demo(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    return Cli(make_site(tmp_path / "demo", WHOLE), capsys, monkeypatch)


def file(demo: Cli, data: bytes | SignedCensus) -> Path:
    path = demo.folder.parent / "guard-1.census"
    path.write_bytes(data if isinstance(data, bytes) else data.raw)
    return path


def take(demo: Cli, data: bytes | SignedCensus, *more: str) -> Any:
    """Take a census in, and give what it says as JSON."""
    return demo("terminal", "census", "guard-1", file(demo, data), *more, "--json").json


def entries(demo: Cli) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = demo("audit", "log", "--json", "--limit", "1000").json["entries"]
    return found


def stored(demo: Cli) -> bytes | None:
    with open_store(demo.folder) as store:
        found = kept.kept_census(store, "guard-1")
        return None if found is None else found.signed.raw


class TestTakingIn:
    @pytest.mark.clause("7.2a")
    def test_a_whole_terminal_is_covered_and_complies(self, demo: Cli) -> None:
        path = file(demo, signed())
        ran = demo("terminal", "census", "Guard-1", path)
        assert (ran.code, "100.0 % of 3 USB ports are covered" in ran.out, "7.2a: pass" in ran.out) == (0, True, True)
        assert "3 of 3 USB ports are registered" in ran.out
        assert KEY.public.fingerprint in ran.err
        assert "enrolment is not built yet" in ran.err
        assert stored(demo) == path.read_bytes()

    @pytest.mark.clause("7.2a")
    def test_an_admitted_stranger_is_named_with_exit_code_1_and_kept_as_evidence(self, demo: Cli) -> None:
        ran = demo("terminal", "census", "guard-1", file(demo, signed(census=STRAY)))
        assert ran.code == 1
        assert "046d:c31c Stick is admitted, and neither bound nor on a lease" in ran.out
        assert "66.6 % of 3" in ran.out
        assert stored(demo) is not None

    def test_one_without_a_running_agent_counts_no_binding_and_says_so(self, demo: Cli) -> None:
        ran = demo("terminal", "census", "guard-1", file(demo, signed(running=False)))
        assert (ran.code, "agent did not run" in ran.err) == (1, True)
        assert "Keyboard is admitted, and neither bound" in ran.out

    def test_an_old_one_is_kept_and_proves_nothing(self, demo: Cli) -> None:
        told = take(demo, signed(2 * 86_400))
        assert (told["verdict"], told["percent"]) == ("unverified", 100.0)
        assert not demo("terminal", "show", "guard-1", "--json").json["census"]["fresh"]
        assert "too old" in demo("terminal", "show", "guard-1").out

    def test_it_prints_what_the_document_says(self, demo: Cli) -> None:
        same(examples()["terminal census"], take(demo, signed()), "terminal census", "terminal census")

    def test_standard_input_and_the_line_end_of_a_shell_are_taken(self, demo: Cli) -> None:
        for number, end in enumerate((b"", b"\n", b"\r\n")):
            ran = demo("terminal", "census", "guard-1", "-", stdin=signed(60 - number).raw + end)
            assert ran.code == 0, ran.err
        assert demo.refuses(2, "terminal", "census", "guard-1", "-", stdin=None)

    def test_the_ledger_has_the_digest_and_the_key_and_nothing_of_what_is_plugged_in(self, demo: Cli) -> None:
        one, two = signed(120), signed(60)
        take(demo, one)
        take(demo, two)
        found = entries(demo)
        assert [each["kind"] for each in found] == ["terminal.census.intent", "terminal.census.done"] * 2
        assert {each["subject"] for each in found} == {"guard-1"}
        first, done, second = (found[n]["data"] for n in (0, 1, 2))
        assert (first["digest"], first["trust"], second["trust"]) == (one.digest, "first_use", "known")
        assert (first["fingerprint"], first["agent"], first["boot"]) == (KEY.public.fingerprint, True, BOOT)
        assert {name: done[name] for name in done if name != "intent"} == {
            "covered": 3, "ports": 3, "verdict": "pass",
        }  # fmt: skip
        text = json.dumps(found)
        assert "Stick" not in text
        assert "046d" not in text


BAD: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "truncated": lambda: signed().raw[:-40],
    "edited": lambda: signed().raw.replace(b'"authorized":true', b'"authorized":false', 1),
    "gbk": lambda: "终端-1 的普查，共三个口".encode("gbk"),
    "utf-16": lambda: signed().raw.decode().encode("utf-16"),
    "two": lambda: signed().raw * 2,
    "not signed": lambda: b"{}",
    "too large": lambda: b"[" * (2 << 20),
    "other terminal": lambda: signed(terminal="guard-2").raw,
    "other site": lambda: signed(site="hq").raw,
    "future": lambda: signed(-600).raw,
}


class TestRefused:
    @pytest.mark.parametrize("name", BAD)
    def test_a_bad_file_is_one_line_and_leaves_no_trace(self, demo: Cli, name: str) -> None:
        path = file(demo, BAD[name]())
        said = demo.refuses(2, "terminal", "census", "guard-1", path)
        assert "Next:" in said
        assert len(said) < 500
        assert stored(demo) is None
        assert demo("audit", "log", "--json").json["entries"] == []
        with open_store(demo.folder) as store:
            assert kept.trusted_key(store, "guard-1") is None
        assert take(demo, signed())["verdict"] == "pass"  # the control

    def test_a_file_that_cannot_be_read_is_one_line(self, demo: Cli) -> None:
        for path in (demo.folder, demo.folder / "nothing", "a\x00b"):
            assert "Next:" in demo.refuses(2, "terminal", "census", "guard-1", path)
        assert "is guard-1 meant?" in demo.refuses(2, "terminal", "census", "gaurd-1", file(demo, signed()))

    def test_the_same_and_an_older_one_are_refused_and_the_newer_stays(self, demo: Cli) -> None:
        newer = signed(60)
        take(demo, newer)
        for other in (newer, signed(61), signed(90_000)):
            assert "kept already" in demo.refuses(2, "terminal", "census", "guard-1", file(demo, other))
        assert stored(demo) == newer.raw
        assert len(entries(demo)) == 2

    def test_a_kept_one_from_a_time_to_come_holds_no_right_one_back(self, demo: Cli) -> None:
        """Both clocks ran ahead once: after that is put right, the terminal must not stay unverified for years."""
        with open_context(demo.folder, clock=lambda: datetime.now(UTC) + timedelta(days=900)) as context:
            terminal = context.site.terminals[0]
            take_in(context, terminal, signed(-899 * 86_400).raw, "file")
        assert take(demo, signed())["verdict"] == "pass"

    def test_a_terminal_without_an_agent_has_none(self, demo: Cli) -> None:
        (demo.folder / "site.toml").write_text(WHOLE.replace("agent = true", "agent = false"), "utf-8")
        assert "has no agent" in demo.refuses(2, "terminal", "census", "guard-1", file(demo, signed()))


class TestKey:
    def test_another_key_is_refused_with_both_fingerprints_and_the_remedy(self, demo: Cli) -> None:
        first = signed(60)
        take(demo, first)
        said = demo.refuses(4, "terminal", "census", "guard-1", file(demo, signed(30, key=OTHER_KEY)))
        for part in (KEY.public.fingerprint, OTHER_KEY.public.fingerprint, "terminal enroll", "--key"):
            assert part in said
        assert stored(demo) == first.raw
        assert len(entries(demo)) == 2

    def test_a_person_who_compares_may_put_another_one_in_its_place(self, demo: Cli) -> None:
        take(demo, signed(60))
        new = file(demo, signed(30, key=OTHER_KEY))
        typed = OTHER_KEY.public.fingerprint[:16].upper()
        told = demo("terminal", "census", "guard-1", new, "--key", f" {typed} ", "--json").json
        assert (told["trust"], told["fingerprint"]) == ("compared", OTHER_KEY.public.fingerprint)
        assert entries(demo)[-2]["data"]["replaces"] == KEY.public.fingerprint
        assert "it is signed by the key" in demo.refuses(4, "terminal", "census", "guard-1", file(demo, signed(10)))

    @pytest.mark.parametrize(
        ("given", "code"),
        [("", 0), ("00" * 8, 4), (OTHER_KEY.public.fingerprint, 4), ("x", 2), ("0" * 15, 2), ("0" * 65, 2)],
    )
    def test_a_first_one_is_compared_when_a_fingerprint_is_given(self, demo: Cli, given: str, code: int) -> None:
        ran = demo("terminal", "census", "guard-1", file(demo, signed()), "--key", given)
        assert ran.code == code
        assert (stored(demo) is None) is (code != 0)

    def test_a_right_one_is_compared_on_first_use(self, demo: Cli) -> None:
        assert take(demo, signed(), "--key", KEY.public.fingerprint)["trust"] == "compared"
        assert entries(demo)[0]["data"]["trust"] == "compared"


class TestStore:
    def test_a_database_of_before_is_upgraded_and_keeps_what_it_has(self, demo: Cli) -> None:
        demo.loaded("设备名称,类型,MAC地址\ncam1,摄像机,02-ca-00-00-00-01\n")
        with closing(sqlite3.connect(demo.folder / FILE_NAME)) as raw:
            raw.executescript(
                "DROP TABLE terminal_census; DROP TABLE terminal_key; PRAGMA user_version = 1;"
                "DELETE FROM _sqlite_migrations WHERE name = 'terminal_evidence'"
            )
        assert demo("terminal", "show", "guard-1", "--json").json["census"] is None
        assert take(demo, signed())["verdict"] == "pass"
        assert demo("inventory", "list", "--json").json["devices"][0]["name"] == "cam1"
        with open_store(demo.folder) as store:
            assert store.rows("PRAGMA user_version")[0][0] == VERSION

    def test_nothing_is_half_written_when_the_disk_refuses(self, demo: Cli) -> None:
        take(demo, signed(90))
        with open_store(demo.folder) as store:
            before = stored(demo)
            store.execute("CREATE TRIGGER full BEFORE UPDATE ON terminal_census BEGIN SELECT RAISE(ABORT, 'full'); END")
            with pytest.raises(StorageFailed):
                kept.put_census(store, signed(60, key=OTHER_KEY), KEY.public)
            assert kept.trusted_key(store, "guard-1") == KEY.public
        assert stored(demo) == before
        assert demo("terminal", "census", "guard-1", file(demo, signed(30))).code == 3
        assert [each["kind"] for each in entries(demo)][-1] == "terminal.census.failed"

    def test_two_at_once_cannot_both_decide_the_key(self, demo: Cli) -> None:
        with open_store(demo.folder) as store:
            kept.put_census(store, signed(60), None)
            with pytest.raises(Busy):
                kept.put_census(store, signed(30, key=OTHER_KEY), None)
            with pytest.raises(InputError):
                kept.put_census(store, signed(90), KEY.public)

    @pytest.mark.parametrize(
        "change", ["UPDATE terminal_census SET document = x'7b7d'", "UPDATE terminal_key SET key = zeroblob(32)"]
    )
    def test_one_that_was_edited_in_the_database_is_no_evidence(self, demo: Cli, change: str) -> None:
        take(demo, signed())
        with open_store(demo.folder) as store:
            store.execute(change)
        assert "guard-1" in demo.refuses(3, "check")
        assert "guard-1" in demo.refuses(3, "terminal", "show", "guard-1")


class TestCheck:
    def findings(self, demo: Cli) -> list[tuple[str, str, str]]:
        found = demo("check", "--json").json["findings"]
        return [(each["subject"], each["verdict"], each["text"]) for each in found if each["clause"] == "7.2a"]

    @pytest.mark.clause("7.2a")
    def test_a_terminal_without_a_census_is_unverified_and_with_a_good_one_passes(self, demo: Cli) -> None:
        ran = demo("check")
        assert (ran.code, "there is no census of its USB ports" in ran.out, "7.2a: unverified" in ran.out) == (
            1,
            True,
            True,
        )
        take(demo, signed())
        ran = demo("check")
        assert (ran.code, "7.2a: pass" in ran.out) == (1, True)
        told = demo("check", "--json").json
        # No card was swiped yet, nothing was heard of the agent, and there is no lock.
        clauses = {"7.2a": "pass", "7.2b": "fail", "7.2c": "unverified", "7.2d": "unverified"}
        same(examples()["check"] | {"clauses": clauses}, told, "check", "check")
        assert told["clauses"] == clauses

    @pytest.mark.clause("7.2a")
    def test_an_old_census_is_unverified_and_an_open_port_fails(self, demo: Cli) -> None:
        take(demo, signed(2 * 86_400))
        assert [verdict for _, verdict, _ in self.findings(demo)] == ["unverified"]
        take(demo, signed(census=STRAY))
        assert ("guard-1", "fail") in [(subject, verdict) for subject, verdict, _ in self.findings(demo)]
        assert demo("check").code == 1

    def test_one_that_is_no_longer_declared_fails_as_long_as_it_reports(self, demo: Cli) -> None:
        take(demo, signed(120))
        (demo.folder / "site.toml").write_text(SITE + DECLARED.format(name="guard-2"), "utf-8")
        assert ("guard-1", "fail", "this terminal reports, but the site does not declare it") in self.findings(demo)
        (demo.folder / "site.toml").write_text(SITE + "[policy]\nevidence_max_age_s = 60\n", "utf-8")
        assert self.findings(demo) == []

    def test_switches_that_are_named_are_judged_alone(self, demo: Cli) -> None:
        assert "has no switch called" in demo.refuses(2, "check", "guard-1")


class TestShow:
    def test_it_tells_coverage_and_age(self, demo: Cli) -> None:
        assert "terminal census guard-1 FILE" in demo("terminal", "show", "guard-1").out
        take(demo, signed(600))
        out = demo("terminal", "show", "guard-1").out
        assert "census for 7.2a: 100.0 % of 3 USB ports covered, 10 min ago" in out
        told = demo("terminal", "show", "guard-1", "--json").json
        same(examples()["terminal show"]["census"], told["census"], "census", "terminal show")
        assert (told["census"]["fresh"], told["census"]["agent"]) == (True, True)
