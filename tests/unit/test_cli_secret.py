"""secret: a value comes from standard input, is never shown, and leaves only its name in the ledger."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.secrets.box import get_secret
from tests.unit.cli_site import Cli, make_site


@pytest.fixture
def demo(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    return Cli(make_site(tmp_path / "demo"), capsys, monkeypatch)


@pytest.mark.parametrize("ending", [b"", b"\n", b"\r\n"])
def test_a_secret_is_taken_from_standard_input_without_its_line_end(demo: Cli, ending: bytes) -> None:
    ran = demo("secret", "set", "sw1", stdin=" 密码 with blanks ".encode() + ending)
    assert ran.code == 0
    assert get_secret(demo.folder, "sw1").reveal() == " 密码 with blanks "
    assert "密码 with" not in ran.out + ran.err
    assert demo.kinds() == ["secret.set.intent", "secret.set.done"]
    assert "密码 with" not in demo("audit", "log", "--json").out


def test_setting_again_replaces_and_says_so(demo: Cli) -> None:
    assert demo("secret", "set", "sw1", "--json", stdin=b"one").json == {"name": "sw1", "replaced": False}
    assert demo("secret", "set", "sw1", "--json", stdin=b"two").json == {"name": "sw1", "replaced": True}
    assert get_secret(demo.folder, "sw1").reveal() == "two"


def test_list_names_secrets_and_what_refers_to_them_and_never_a_value(demo: Cli) -> None:
    row = {"name": "sw1", "kept": False, "used_by": ["switches.sw1.password"]}
    assert demo("secret", "list", "--json").json == {"secrets": [row]}
    assert "portseal secret set sw1" in demo("secret", "list").out
    demo("secret", "set", "sw1", stdin=b"hidden-value")
    ran = demo("secret", "list")
    assert "sw1: kept; used by switches.sw1.password" in ran.out
    assert "hidden-value" not in ran.out


@pytest.mark.parametrize(
    ("stdin", "said"),
    [
        (None, "closed"),
        (b"", "empty"),
        (b"\n", "empty"),
        (b"a\nb\n", "more than one line"),
        (b"\xff\xfe\xfa", "not UTF-8"),
        (b"a\x00b", "empty or too long"),
        (b"x" * 100_000, "too long"),
    ],
)
def test_what_is_no_secret_is_refused_without_showing_it(demo: Cli, stdin: bytes | None, said: str) -> None:
    assert said in demo.refuses(2, "secret", "set", "sw1", stdin=stdin)


def test_a_name_that_no_reference_can_have_is_refused(demo: Cli) -> None:
    for name in ("", "a b", "../x", "-x", "x" * 65):
        demo.refuses(2, "secret", "set", "--", name, stdin=b"value")


def test_a_store_that_was_tampered_with_is_refused(demo: Cli) -> None:
    demo("secret", "set", "sw1", stdin=b"value")
    box = demo.folder / "secrets.json"
    box.write_bytes(box.read_bytes()[:-20])
    assert "secrets.json" in demo.refuses(2, "secret", "list")
