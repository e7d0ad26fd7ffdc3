"""terminal: what the site declares of its terminals, rescue secrets and rescue codes, and doctor's look at photos."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any

import pytest

from agent.rescue import read_secret
from controller.secrets.rescue import make_rescue_secret, read_rescue_secret, rescue_file
from controller.store.open import open_store
from policies.errors import ConfigError, SafetyRefusal, StorageFailed
from policies.rescue import Challenge, Moment, RescueUse, Tries, try_code
from policies.texts import t
from tests.unit.cli_site import SITE, Cli, make_site
from tests.unit.test_cli_json import examples, same

TERMINALS = """
[terminals.guard-1]
platform = "linux"
agent = true
place = "guard room"
owner = "security office"
description = "video export"
photo = "photos/guard-1.jpg"
[[terminals.guard-1.register]]
port = "pci-0000:00:14.0-usbv2-0:2"
label = "front left"
[[terminals.guard-1.register]]
port = "pci-0000:00:14.0-usbv2-0:3"
label = "header J5"
internal = true
[terminals.guard-1.lock]
level = "attested"
model = "KeyLock U4"
id = "U4-1"
attested_by = "Wang Li"
report = "GA 17"
expires = 2999-12-31
[terminals.guard-2]
platform = "linux"
agent = true
place = "gate"
owner = "o"
[terminals.nvr-1]
platform = "recorder"
agent = false
place = "rack 3"
owner = "o"
[terminals.sensed-1]
platform = "linux"
agent = true
place = "gate"
owner = "o"
[terminals.sensed-1.lock]
level = "sensed"
model = "E"
id = "E-1"
[terminals.sensed-2]
platform = "linux"
agent = true
place = "gate"
owner = "o"
[terminals.sensed-2.lock]
level = "sensed"
model = "E"
id = "E-2"
attested_by = "Wang Li"
report = "GA 19"
expires = 2999-12-31
[terminals.old-1]
platform = "windows"
agent = false
place = "gate"
owner = "o"
photo = "photos/old-1.jpg"
[terminals.old-1.lock]
level = "attested"
model = "KeyLock U4"
id = "U4-2"
attested_by = "Wang Li"
report = "GA 18"
expires = 2020-12-31
"""

CHALLENGE = Challenge("demo", "guard-1", b"\x01\x02\x03\x04\xff", 7)
PEOPLE = ("--person", "A0117", "--person", "a0204")
GIVEN = ("--challenge", CHALLENGE.code, *PEOPLE, "--use", "storage", "--minutes", "15", "--reason", "reader is down")
NOW, NO_TRIES = Moment("boot", 100.0), Tries()


@pytest.fixture
def demo(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    made = Cli(make_site(tmp_path / "demo", SITE + TERMINALS), capsys, monkeypatch)
    (made.folder / "photos").mkdir()
    for name in ("guard-1", "old-1"):
        (made.folder / f"photos/{name}.jpg").write_bytes(b"jpeg")
    return made


@pytest.fixture
def keyed(demo: Cli) -> Cli:
    assert demo("terminal", "rescue-key", "guard-1").code == 0
    return demo


def rescue(demo: Cli, *more: str, given: tuple[str, ...] = GIVEN) -> Any:
    return demo("terminal", "rescue", "guard-1", *given, *more, "--json")


def without(option: str) -> tuple[str, ...]:
    """Give the options of a rescue without one of them."""
    pairs = list(zip(GIVEN[::2], GIVEN[1::2], strict=True))
    return tuple(word for pair in pairs if pair[0] != option for word in pair)


def entries(demo: Cli) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = demo("audit", "log", "--json", "--limit", "1000").json["entries"]
    return found


class TestLooking:
    def test_levels_are_what_counts_now_and_what_is_missing_is_named(self, demo: Cli) -> None:
        rows = {each["name"]: each for each in demo("terminal", "list", "--json").json["terminals"]}
        told = {
            name: (row["level"], row["claimed"], [each["code"] for each in row["missing"]])
            for name, row in rows.items()
        }
        assert told == {
            "guard-1": ("L2", "L2", []),
            "guard-2": ("L1", "L1", ["lock"]),
            "nvr-1": (None, None, ["lock"]),
            "sensed-1": ("L1", "L3", ["lock_state"]),
            "sensed-2": ("L1", "L3", ["lock_state", "photo"]),
            "old-1": (None, "L2", ["expired"]),
        }

    def test_a_lost_photo_takes_the_attestation_with_it(self, demo: Cli) -> None:
        (demo.folder / "photos/guard-1.jpg").unlink()
        told = demo("terminal", "show", "guard-1", "--json").json
        assert (told["level"], told["claimed"]) == ("L1", "L2")
        assert [each["code"] for each in told["missing"]] == ["photo_file"]
        assert told["photo"] == {"path": "photos/guard-1.jpg", "there": False}

    def test_show_says_it_in_words_and_finds_a_name_in_any_case(self, demo: Cli) -> None:
        out = demo("terminal", "show", "Guard-1").out
        for words in ("front left", "header J5", "inside the case", "KeyLock U4", "Wang Li", "2999-12-31", "L2"):
            assert words in out
        assert "missing for 7.2b: an anti-plug lock" in demo("terminal", "show", "guard-2").out

    def test_list_is_a_table_and_an_empty_site_says_what_next(self, demo: Cli, tmp_path: Path) -> None:
        ran = demo("terminal", "list")
        assert ran.code == 0
        assert all(name in ran.out for name in ("guard-1", "nvr-1", "L2"))
        demo.folder = make_site(tmp_path / "bare")
        ran = demo("terminal", "list")
        assert (ran.code, "[terminals.NAME]" in ran.out) == (0, True)
        assert demo("terminal", "list", "--json").json == {"terminals": []}

    def test_looking_makes_no_database_and_no_entry(self, demo: Cli) -> None:
        demo("terminal", "list")
        demo("terminal", "show", "guard-1")
        assert sorted(path.name for path in demo.folder.iterdir()) == ["photos", "site.toml"]

    @pytest.mark.parametrize("verb", [("show",), ("rescue-key",), ("rescue",)])
    def test_an_unknown_terminal_is_refused_with_the_nearest_name(self, demo: Cli, verb: tuple[str]) -> None:
        more = GIVEN if verb == ("rescue",) else ()
        assert "is guard-1 meant?" in demo.refuses(2, "terminal", *verb, "gaurd-1", *more)
        assert "choose one of guard-1" in demo.refuses(2, "terminal", *verb, "?", *more)


class TestRescueKey:
    def test_it_is_made_once_in_a_private_file_and_never_shown(
        self, demo: Cli, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        ran = demo("terminal", "rescue-key", "guard-1")
        path = rescue_file(demo.folder, "guard-1")
        text = path.read_text("ascii").strip()
        assert (ran.code, len(bytes.fromhex(text))) == (0, 32)
        assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
        assert text not in ran.out + ran.err + caplog.text + json.dumps(entries(demo))
        assert demo.kinds() == ["terminal.rescue_key.intent", "terminal.rescue_key.done"]
        assert text not in repr(read_rescue_secret(demo.folder, "guard-1"))
        assert "--renew" in demo.refuses(4, "terminal", "rescue-key", "guard-1")
        assert path.read_text("ascii").strip() == text
        assert len(demo.kinds()) == 2

    def test_another_one_is_made_when_asked_for_and_the_ledger_says_so(self, keyed: Cli) -> None:
        before = rescue_file(keyed.folder, "guard-1").read_text("ascii")
        told = keyed("terminal", "rescue-key", "guard-1", "--renew", "--json").json
        assert told["renewed"]
        assert rescue_file(keyed.folder, "guard-1").read_text("ascii") != before
        renewed = [each["data"]["renewed"] for each in entries(keyed) if each["kind"].endswith(".intent")]
        assert sorted(renewed) == [False, True]
        assert keyed("terminal", "show", "guard-1", "--json").json["rescue_key"]
        assert not keyed("terminal", "show", "guard-2", "--json").json["rescue_key"]

    def test_two_terminals_have_two_secrets(self, keyed: Cli) -> None:
        keyed("terminal", "rescue-key", "guard-2")
        one, two = (rescue_file(keyed.folder, name).read_bytes() for name in ("guard-1", "guard-2"))
        assert one != two

    def test_a_terminal_without_an_agent_has_none(self, demo: Cli) -> None:
        assert "has no agent" in demo.refuses(2, "terminal", "rescue-key", "nvr-1")
        assert "has no agent" in demo.refuses(2, "terminal", "rescue", "nvr-1", *GIVEN)

    def test_two_at_once_agree_on_one(self, tmp_path: Path) -> None:
        (tmp_path / "keys").mkdir(0o700)
        path = make_rescue_secret(tmp_path, "T1")
        first = path.read_bytes()
        with pytest.raises(SafetyRefusal):
            make_rescue_secret(tmp_path, "T1")
        assert path.read_bytes() == first

    @pytest.mark.parametrize("content", [b"", b"00" * 31, b"zz" * 32, b"\xff" * 64, bytes(32)])
    def test_a_damaged_one_is_refused_without_showing_it(self, keyed: Cli, content: bytes) -> None:
        rescue_file(keyed.folder, "guard-1").write_bytes(content)
        with pytest.raises(ConfigError):
            read_rescue_secret(keyed.folder, "guard-1")
        assert "no rescue secret" in keyed.refuses(2, "terminal", "rescue", "guard-1", *GIVEN)

    def test_one_that_others_may_read_is_refused(self, keyed: Cli) -> None:
        rescue_file(keyed.folder, "guard-1").chmod(0o644)
        assert "chmod 600" in keyed.refuses(2, "terminal", "rescue", "guard-1", *GIVEN)


class TestCopy:
    """What the agent makes of the file that was carried to it."""

    def test_the_terminal_reads_what_the_controller_made(self, keyed: Cli) -> None:
        path = rescue_file(keyed.folder, "guard-1")
        assert read_secret(path).key == read_rescue_secret(keyed.folder, "guard-1").key

    @pytest.mark.parametrize("mode", [0o600, 0o640, 0o604])
    @pytest.mark.parametrize(
        "text", ["", "00" * 31, "00" * 33, "zz" * 32, "ab" * 32 + "\n" + "00" * 200, "é" * 32, "ab" * 32]
    )
    def test_a_file_that_is_none_or_that_others_may_read_is_refused(self, tmp_path: Path, text: str, mode: int) -> None:
        path = tmp_path / "rescue.key"
        path.write_text(text, "utf-8")
        path.chmod(mode)
        if (text, mode) == ("ab" * 32, 0o600):  # the control
            assert read_secret(path).key == b"\xab" * 32
            return
        with pytest.raises(ConfigError) as caught:
            read_secret(path)
        assert str(path) in str(caught.value)
        assert "ab" * 8 not in str(caught.value)

    def test_a_folder_or_a_pipe_in_its_place_is_refused(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe", 0o600)
        (tmp_path / "folder").mkdir(0o700)
        for name in ("pipe", "folder"):
            with pytest.raises(ConfigError):
                read_secret(tmp_path / name)


class TestRescue:
    @pytest.mark.clause("7.2b")
    def test_the_code_is_the_answer_that_the_terminal_takes_for_these_two(self, keyed: Cli) -> None:
        told = rescue(keyed).json
        secret = read_rescue_secret(keyed.folder, "guard-1")
        outcome = try_code(secret, CHALLENGE, told["code"], ("a0204", "A0117"), NO_TRIES, NOW)
        assert outcome.permit is not None
        assert (outcome.permit.uses, outcome.permit.minutes) == (frozenset({RescueUse.STORAGE}), 15)
        assert try_code(secret, CHALLENGE, told["code"], ("a0117", "a0999"), NO_TRIES, NOW).permit is None
        assert told["code"] in keyed("terminal", "rescue", "guard-1", *GIVEN).out

    def test_both_uses_and_a_challenge_as_it_was_heard(self, keyed: Cli) -> None:
        heard = CHALLENGE.code.lower().replace("-", " ").replace("0", "o")
        told = rescue(keyed, "--use", "keyboard", "--challenge", heard).json
        assert (told["uses"], told["challenge"]) == (["keyboard", "storage"], CHALLENGE.code)

    def test_the_ledger_has_who_what_and_why_and_that_7_2b_fails_but_not_the_code(self, keyed: Cli) -> None:
        code = rescue(keyed).json["code"]
        found = [each for each in entries(keyed) if each["kind"].startswith("terminal.rescue.")]
        assert sorted(each["kind"] for each in found) == ["terminal.rescue.done", "terminal.rescue.intent"]
        assert {each["subject"] for each in found} == {"guard-1"}
        intent = next(each["data"] for each in found if each["kind"].endswith("intent"))
        assert intent == {
            "challenge": CHALLENGE.code, "uses": ["storage"], "minutes": 15, "people": ["a0117", "a0204"],
            "swipe": False, "fails": "7.2b", "reason": "reader is down",
        }  # fmt: skip
        done = next(each["data"] for each in found if each["kind"].endswith("done"))
        assert done["fails"] == "7.2b"
        text = json.dumps(entries(keyed))
        assert code not in text
        assert code.replace("-", "") not in text
        with open_store(keyed.folder) as store:
            kept = b"".join(row[0] for row in store.rows("SELECT bytes FROM ledger"))
        assert code.encode() not in kept

    @pytest.mark.parametrize("entry", ["intent", "done"])
    def test_no_entry_no_code(self, keyed: Cli, monkeypatch: pytest.MonkeyPatch, entry: str) -> None:
        from controller.ledger.entry import Draft

        make = Draft.make

        def full(kind: str, *rest: Any) -> Draft:
            if kind == f"terminal.rescue.{entry}":
                raise StorageFailed(t("the disk is full"))
            return make(kind, *rest)

        with monkeypatch.context() as patch:
            patch.setattr(Draft, "make", full)
            ran = rescue(keyed)
        assert (ran.code, list(ran.json)) == (3, ["error"])
        assert "code" in rescue(keyed).json  # the control

    def test_a_wrong_challenge_is_one_line_and_leaves_no_entry(self, keyed: Cli) -> None:
        before = keyed.kinds()
        swapped = CHALLENGE.code[:2] + CHALLENGE.code[3] + CHALLENGE.code[2] + CHALLENGE.code[4:]
        for wrong in ("", "nonsense", CHALLENGE.code[:-1], CHALLENGE.code + "0", "\x1b[2J", swapped):
            given = ("--challenge", wrong, *without("--challenge"))
            assert "mistyped" in keyed.refuses(2, "terminal", "rescue", "guard-1", *given), wrong
        assert keyed.kinds() == before

    @pytest.mark.parametrize(
        ("option", "instead", "code", "said"),
        [
            ("--person", ("--person", "a0117", "--person", "A0117"), 4, "two different people"),
            ("--person", ("--person", "a0117"), 2, "two different people"),
            ("--person", (), 2, "two different people"),
            ("--person", (*PEOPLE, "--person", "a3"), 2, "two different people"),
            ("--person", ("--person", "王丽", "--person", "a0204"), 2, "not the id of a person"),
            ("--person", ("--person", "Wang Li", "--person", "a0204"), 2, "not the id of a person"),
            ("--person", ("--person", "", "--person", "a0204"), 2, "not the id of a person"),
            ("--minutes", ("--minutes", "0"), 4, "1 to 60 minutes"),
            ("--minutes", ("--minutes", "61"), 4, "1 to 60 minutes"),
            ("--minutes", ("--minutes", "x"), 2, "minutes"),
            ("--use", (), 2, "--use"),
            ("--use", ("--use", "camera"), 2, "camera"),
            ("--reason", ("--reason", " "), 2, "the reason is empty"),
        ],
    )
    def test_what_may_not_be_given_is_refused_and_leaves_no_entry(
        self, keyed: Cli, option: str, instead: tuple[str, ...], code: int, said: str
    ) -> None:
        before = keyed.kinds()
        assert said in keyed.refuses(code, "terminal", "rescue", "guard-1", *without(option), *instead)
        assert keyed.kinds() == before

    def test_without_a_secret_the_next_step_is_told(self, demo: Cli) -> None:
        assert "portseal terminal rescue-key" in demo.refuses(2, "terminal", "rescue", "guard-1", *GIVEN)


class TestDocument:
    """docs/json.md says what the verbs print: same keys, same types."""

    def test_list_and_show(self, demo: Cli) -> None:
        told = examples()
        (demo.folder / "photos/guard-1.jpg").unlink()
        real = demo("terminal", "show", "guard-1", "--json").json
        same(told["terminal show"], real, "terminal show", "terminal show")
        only = {**examples()["terminal list"]["terminals"][0], "missing": real["missing"]}
        more = {"description", "register", "certificate", "revoked", "bundle_until"}
        more |= {"attestation", "lock_state", "census"}
        assert set(only) | more == set(real)
        listed = demo("terminal", "list", "--json").json
        assert list(listed) == list(told["terminal list"])
        for each in listed["terminals"]:
            assert list(each) == list(told["terminal list"]["terminals"][0])
            assert list(each["lock"]) == list(told["terminal list"]["terminals"][0]["lock"])

    def test_rescue_key_and_rescue(self, demo: Cli) -> None:
        made = demo("terminal", "rescue-key", "guard-1", "--json").json
        same(examples()["terminal rescue-key"], made, "terminal rescue-key", "terminal rescue-key")
        same(examples()["terminal rescue"], rescue(demo).json, "terminal rescue", "terminal rescue")


class TestDoctor:
    def test_a_photo_that_is_not_there_is_a_warning(self, demo: Cli) -> None:
        def photos() -> list[dict[str, Any]]:
            ran = demo("doctor", "--offline", "--json")
            return [each for each in ran.json["checks"] if each["check"] == "photos"]

        assert photos() == []
        (demo.folder / "photos/guard-1.jpg").unlink()
        (found,) = photos()
        assert (found["level"], found["subject"]) == ("warning", "terminals.guard-1.photo")
        assert "photos/guard-1.jpg" in found["text"]
        assert "site folder" in found["next_step"]

    def test_a_faulty_declaration_is_told_once(self, demo: Cli) -> None:
        (demo.folder / "site.toml").write_text("nonsense", "utf-8")
        ran = demo("doctor", "--offline", "--json")
        assert ran.code == 2
        assert [each["check"] for each in ran.json["checks"] if each["level"] == "fault"] == ["declaration"]
