"""What people get wrong most: one line in both languages, the right exit code, never a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.cli.base import run
from controller.cli.main import cli
from controller.store.open import FILE_NAME, open_store
from tests.unit.cli_site import Cli, make_site

#: Every verb of these groups that needs a site, with arguments that it accepts.
VERBS: list[tuple[str, ...]] = [
    ("inventory", "list"),
    ("inventory", "show", "x"),
    ("inventory", "export", "/tmp/never-written.csv"),
    ("bind", "x", "sw1", "Gi1/0/1"),
    ("unbind", "x"),
    ("port", "show", "sw1"),
    ("port", "block", "sw1", "Gi1/0/1", "--reason", "x", "--yes"),
    ("port", "release", "sw1", "Gi1/0/1", "--reason", "x", "--yes"),
    ("find", "x"),
    ("explain", "x"),
    ("audit", "log"),
    ("audit", "verify"),
    ("audit", "checkpoint"),
    ("secret", "list"),
    ("secret", "set", "x"),
    ("dialect", "record", "sw1", "/tmp/never-written.jsonl"),
]


@pytest.fixture
def demo(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    return Cli(make_site(tmp_path / "demo"), capsys, monkeypatch)


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_every_verb_says_that_there_is_no_site(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, verb: tuple[str, ...]
) -> None:
    nowhere = Cli(tmp_path / "nowhere", capsys, monkeypatch)
    said = nowhere.refuses(2, *verb, stdin=b"value")
    assert "nowhere" in said
    assert "portseal init" in said
    assert not nowhere.folder.exists()


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_every_verb_says_what_is_wrong_with_site_toml(demo: Cli, verb: tuple[str, ...]) -> None:
    (demo.folder / "site.toml").write_text('[site]\nname = "x\n', "utf-8")
    assert "site.toml:2" in demo.refuses(2, *verb, stdin=b"value")
    (demo.folder / "site.toml").write_bytes(bytes(range(256)))
    demo.refuses(2, *verb, stdin=b"value")


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb != ("secret", "list")], ids=" ".join)
def test_every_verb_that_needs_it_says_that_the_database_is_none(demo: Cli, verb: tuple[str, ...]) -> None:
    assert demo("audit", "checkpoint").code == 0
    (demo.folder / FILE_NAME).write_bytes(b"this is not a database, whatever its name says" * 100)
    assert FILE_NAME in demo.refuses(3, *verb, stdin=b"value")


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("inventory", "nonsense"),
        ("port", "nonsense"),
        ("inventory", "list", "--nonsense"),
        ("bind", "x"),
        ("port", "block", "sw1", "Gi1/0/1"),
        ("audit", "log", "--limit", "0"),
        ("audit", "log", "--limit", "many"),
        ("find",),
        ("unbind", "a", "b"),
        ("--site",),
    ],
    ids=" ".join,
)
def test_unknown_verbs_options_and_missing_arguments_exit_2(demo: Cli, arguments: tuple[str, ...]) -> None:
    demo.refuses(2, *arguments)


@pytest.mark.parametrize("reason", ["", " ", "\t\n", "x" * 501])
@pytest.mark.parametrize("verb", ["block", "release"])
def test_a_port_is_touched_with_a_reason_only(demo: Cli, verb: str, reason: str) -> None:
    assert "--reason" in demo.refuses(2, "port", verb, "sw1", "Gi1/0/1", "--reason", reason, "--yes")


@pytest.mark.parametrize("verb", ["block", "release"])
@pytest.mark.parametrize(
    ("port", "code", "said"),
    [
        ("Gi1/0/8", 4, "uplink"),
        ("Gi1/0/7", 4, "management path"),
        ("Gi1/0/24", 4, "does not declare"),
        ("p!", 2, "not an interface name"),
    ],
)
def test_uplinks_the_management_path_and_undeclared_ports_are_never_touched(
    demo: Cli, verb: str, port: str, code: int, said: str
) -> None:
    assert said in demo.refuses(code, "port", verb, "sw1", port, "--reason", "x", "--yes")


@pytest.mark.parametrize("stdin", [b"", b"y\n", None])
def test_a_port_is_not_shut_when_nobody_can_agree(demo: Cli, stdin: bytes | None) -> None:
    assert "--yes" in demo.refuses(4, "port", "block", "sw1", "Gi1/0/1", "--reason", "x", stdin=stdin)
    assert demo.kinds() == []


def test_an_argument_that_is_not_utf8_is_one_line(
    demo: Cli, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for verb in (("find", "\udcff"), ("audit", "log", "--kind", "\udcff"), ("unbind", "\udc80")):
        assert "UTF-8" in demo.refuses(2, *verb)


def test_a_database_that_refuses_is_one_line_and_nothing_is_half_written(demo: Cli) -> None:
    demo.loaded()
    with open_store(demo.folder) as store:
        store.execute("CREATE TRIGGER no AFTER INSERT ON device BEGIN SELECT RAISE(ABORT, 'no'); END")
    before = demo("inventory", "list", "--json").out
    other = demo.list_file("Name,Type,MAC\nx,camera,020000000001\n")
    said = demo.refuses_with_talk(3, "inventory", "import", other, "--yes")
    assert FILE_NAME in said
    assert demo("inventory", "list", "--json").out == before
    assert demo.kinds()[-2:] == ["inventory.import.intent", "inventory.import.failed"]


def test_errors_are_json_too(demo: Cli) -> None:
    ran = demo("unbind", "nobody", "--json")
    assert (ran.code, list(ran.json)) == (2, ["error"])
    assert "nobody" in ran.json["error"]


def test_the_two_languages_say_different_things(demo: Cli) -> None:
    zh, en = (demo("unbind", "nobody", lang=lang).err for lang in ("zh", "en"))
    assert "nobody" in zh
    assert "nobody" in en
    if zh == en:
        pytest.skip("the Chinese catalogue does not have this sentence yet; build it with 'make texts'")


def test_the_site_folder_may_be_named_after_the_verb_too(demo: Cli, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert run(cli, ["inventory", "list", "--lang", "en", "--site", str(demo.folder), "--json"]) == 0
    assert '"devices": []' in capsys.readouterr().out
