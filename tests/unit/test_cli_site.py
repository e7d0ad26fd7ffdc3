"""init makes a private, working site and nothing else; doctor tells what is wrong and what to do."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from controller.cli.base import run
from controller.cli.main import cli
from controller.ledger.key import open_ledger
from controller.store.open import open_store
from policies.load import load_site
from tests.unit.cli_site import Cli, make_site


@pytest.fixture
def demo(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    return Cli(make_site(tmp_path / "demo"), capsys, monkeypatch)


@pytest.fixture
def new(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    return Cli(tmp_path / "gate-7", capsys, monkeypatch)


def checks(ran: dict[str, list[dict[str, str]]], level: str) -> list[tuple[str, str]]:
    return [(check["check"], check["subject"]) for check in ran["checks"] if check["level"] == level]


def test_init_makes_a_private_site_whose_ledger_begins_with_it(new: Cli) -> None:
    ran = new("init", new.folder)
    assert ran.code == 0
    assert load_site(new.folder).name == "gate-7"
    for name, mode in ((".", 0o700), ("keys", 0o700), ("keys/ledger.key", 0o600), ("portseal.db", 0o600)):
        assert stat.S_IMODE((new.folder / name).stat().st_mode) == mode, name
    assert new.kinds() == ["site.init"]
    verified = new("audit", "verify", "--json").json
    assert (verified["entries"], verified["uncovered"]) == (1, 0)
    assert verified["fingerprint"] in ran.out


def test_init_takes_the_name_and_language_that_are_given(new: Cli) -> None:
    ran = new("init", new.folder, "--name", '东门 "A"', "--json")
    assert ran.json["name"] == '东门 "A"'
    site = load_site(new.folder)
    assert (site.name, site.language) == ('东门 "A"', "en")


def test_the_site_that_init_made_passes_the_doctor(new: Cli) -> None:
    assert new("init", new.folder).code == 0
    ran = new("doctor", "--json")
    assert (ran.code, checks(ran.json, "fault")) == (0, [])


def test_a_folder_name_that_is_no_site_name_gives_the_samples_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    new = Cli(tmp_path / "a+b", capsys, monkeypatch)
    assert new("init", new.folder).code == 0
    assert load_site(new.folder).name == "my-site"


@pytest.mark.parametrize("name", ["", "a/b", "x" * 65, "a\nb", " a "])
def test_init_refuses_a_name_that_no_site_can_have(new: Cli, name: str) -> None:
    assert "--name" in new.refuses(2, "init", new.folder, "--name", name)
    assert not new.folder.exists()


def test_init_refuses_a_folder_that_is_a_site(demo: Cli) -> None:
    before = (demo.folder / "site.toml").read_bytes()
    assert "this is a site already" in demo.refuses(2, "init", demo.folder)
    assert (demo.folder / "site.toml").read_bytes() == before


def test_init_does_not_take_a_folder_that_others_use(new: Cli) -> None:
    new.folder.mkdir()
    new.folder.chmod(0o755)
    (new.folder / "something").touch()
    assert "not empty" in new.refuses(2, "init", new.folder)
    assert stat.S_IMODE(new.folder.stat().st_mode) == 0o755


def test_init_takes_an_empty_folder_and_makes_it_private(new: Cli) -> None:
    new.folder.mkdir()
    new.folder.chmod(0o755)
    assert new("init", new.folder).code == 0
    assert stat.S_IMODE(new.folder.stat().st_mode) == 0o700


def test_init_refuses_a_file_and_a_place_below_a_file(new: Cli) -> None:
    file = new.folder.parent / "file"
    file.touch()
    assert "not a folder" in new.refuses(2, "init", file)
    assert "cannot be made" in new.refuses(3, "init", file / "below")


def test_doctor_finds_open_modes_and_missing_secrets_as_configuration_faults(demo: Cli) -> None:
    (demo.folder / "keys").mkdir(mode=0o700)
    (demo.folder / "keys" / "ledger.key").write_bytes(b"x")
    (demo.folder / "keys" / "ledger.key").chmod(0o644)
    demo.folder.chmod(0o750)
    ran = demo("doctor", "--offline", "--json")
    assert ran.code == ran.json["exit_code"] == 2
    faults = checks(ran.json, "fault")
    assert ("files", str(demo.folder / "keys" / "ledger.key")) in faults
    assert ("secrets", "switches.sw1.password") in faults
    assert ("files", str(demo.folder)) in checks(ran.json, "warning")
    told = demo("doctor", "--offline").out
    assert f"chmod 600 {demo.folder / 'keys' / 'ledger.key'}" in told


def test_doctor_says_what_is_wrong_with_the_declaration_and_stops_there(demo: Cli) -> None:
    (demo.folder / "site.toml").write_text("[site\n", "utf-8")
    ran = demo("doctor", "--json")
    assert ran.code == 2
    assert [check for check, _ in checks(ran.json, "fault")] == ["declaration"]


def test_doctor_finds_a_clock_that_is_behind_the_ledger(demo: Cli) -> None:
    later = datetime.now(UTC) + timedelta(days=1)
    with open_store(demo.folder, clock=lambda: later) as store:
        open_ledger(store, "demo").append("test.entry", "x", {}, "test")
    ran = demo("doctor", "--offline", "--json")
    assert ("clock", "UTC") in checks(ran.json, "fault")


def test_doctor_finds_a_damaged_database_and_goes_on_to_say_so(demo: Cli) -> None:
    demo("bind", "x", "sw1", "Gi1/0/1", "--mac", "02:00:00:00:00:01", "--role", "camera")
    database = demo.folder / "portseal.db"
    content = bytearray(database.read_bytes())
    content[4096 * 2 : 4096 * 6] = b"\xff" * (4096 * 4)
    database.write_bytes(content)
    ran = demo("doctor", "--offline", "--json")
    assert ran.code in (2, 3)
    assert "Traceback" not in ran.err
    assert {check for check, _ in checks(ran.json, "fault")} & {"database", "ledger"}


def test_doctor_finds_entries_that_somebody_took_away(demo: Cli) -> None:
    demo.loaded()
    with open_store(demo.folder) as store, store.transaction() as connection:
        connection.execute("DROP TRIGGER ledger_no_delete")
        connection.execute("DELETE FROM ledger WHERE seq = 1")
    ran = demo("doctor", "--offline", "--json")
    assert ("ledger", "demo") in checks(ran.json, "fault")


def test_doctor_refuses_a_switch_that_is_not_declared(demo: Cli) -> None:
    ran = demo("doctor", "sw9", "--offline")
    assert ran.code == 2
    assert "is sw1 meant?" in ran.err


def test_help_of_every_verb_is_there_in_both_languages(capsys: pytest.CaptureFixture[str]) -> None:
    verbs = [["init"], ["doctor"], ["inventory", "import"], ["bind"], ["unbind"], ["port", "block"], ["find"]]
    verbs += [["explain"], ["audit", "log"], ["secret", "set"], ["dialect", "parse"], ["dialect", "record"]]
    for verb in verbs:
        for lang in ("zh", "en"):
            assert run(cli, ["--lang", lang, *verb, "--help"]) == 0
            assert "--json" in capsys.readouterr().out
