"""card: import with its preview and questions, list, show, revoke, restore, erase, and what each writes down."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from controller.broker.authority import identity_of
from controller.cards.keep import import_list, look, take
from controller.context import open_context
from controller.store import cards
from controller.store.open import open_store
from policies.errors import Busy, SafetyRefusal
from tests.unit.card_site import (
    HEAD,
    LI,
    LIST,
    NAMES,
    NUMBERS,
    SITE,
    WANG,
    ZHAO,
    card_site,
    certificate_request,
    many,
    pseudonym,
)
from tests.unit.cli_site import Cli
from tests.unit.test_cli_json import examples, same

#: Three cards of which one may go unasked are too few for tests of what goes.
LENIENT = ("--yes", "--force")


@pytest.fixture
def demo(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    return Cli(card_site(tmp_path / "site"), capsys, monkeypatch)


def imports(demo: Cli, text: str, *options: str) -> Any:
    ran = demo("card", "import", demo.list_file(text, "cards.csv"), *(options or ("--yes",)), "--json")
    assert ran.code == 0, ran.err
    return ran.json


def data_of(demo: Cli, kind: str) -> dict[str, Any]:
    entries = demo("audit", "log", "--json", "--limit", "1000").json["entries"]
    found: dict[str, Any] = next(entry["data"] for entry in reversed(entries) if entry["kind"] == kind)
    return found


class TestImport:
    def test_the_first_list_is_taken_and_counted_in_the_ledger(self, demo: Cli) -> None:
        made = imports(demo, LIST)
        assert (made["imported"], made["version"]) == (True, 1)
        assert made["counts"] == {"cards": 3, "added": 3, "changed": 0, "removed": 0, "withdrawn": 0}
        assert demo.kinds() == ["cards.import.intent", "cards.import.done"]
        intent = data_of(demo, "cards.import.intent")
        assert intent == {
            **made["counts"], "version": 1, "source": "file", "forced": False, "lost": 0,
            "file_mac": made["file_mac"], "content": made["content"],
        }  # fmt: skip

    def test_the_next_one_tells_what_it_withdraws(self, demo: Cli) -> None:
        imports(demo, LIST)
        wang, li = pseudonym(demo.folder, NUMBERS[0]), pseudonym(demo.folder, NUMBERS[1])
        made = imports(demo, HEAD + LI.replace("长期", "2026-06-30") + ZHAO, *LENIENT)
        assert made["removed"] == [wang]
        assert made["changed"] == [li]
        assert made["withdrawn"] == sorted([wang, li])
        assert data_of(demo, "cards.import.intent")["withdrawn"] == 2

    def test_a_dry_run_and_the_same_list_again_change_nothing(self, demo: Cli) -> None:
        path = demo.list_file(LIST, "cards.csv")
        assert "3 added" in demo("card", "import", path, "--dry-run").out
        assert demo.kinds() == []
        imports(demo, LIST)
        again = imports(demo, HEAD + ZHAO + LI + WANG)
        assert (again["imported"], again["version"]) == (False, 1)
        assert "says the same already" in demo("card", "import", path, "--yes").out
        assert demo.kinds() == ["cards.import.intent", "cards.import.done"]

    def test_a_new_name_alone_is_a_new_list(self, demo: Cli) -> None:
        imports(demo, LIST)
        made = imports(demo, LIST.replace("王丽华", "王丽"))
        assert (made["imported"], made["changed"], made["withdrawn"]) == (True, [], [])
        assert "王*" in demo("card", "list").out

    def test_problems_are_told_by_row_and_column_and_nothing_is_changed(self, demo: Cli) -> None:
        broken = LIST.replace("案件调取", "抄录").replace("3735928559", "3735928559999")
        ran = demo("card", "import", demo.list_file(broken, "cards.csv"), "--yes")
        assert ran.code == 2
        assert "cards.csv:2 用途" in ran.err
        assert "cards.csv:4 卡号" in ran.err
        assert "2 problems; nothing was changed" in ran.err
        told = demo("card", "import", demo.list_file(broken, "cards.csv"), "--json")
        assert [(each["row"], each["column"]) for each in told.json["problems"]] == [(2, "用途"), (4, "卡号")]
        for text in (ran.out + ran.err, told.out + told.err):
            assert not any(secret in text for secret in (*map(str, NUMBERS), *NAMES))
        assert demo.kinds() == []

    def test_it_asks_before_it_replaces_a_list(self, demo: Cli) -> None:
        imports(demo, LIST)
        ran = demo("card", "import", demo.list_file(HEAD + LI, "cards.csv"))
        assert ran.code == 4
        assert "nobody is here to agree" in ran.err
        assert demo("card", "list", "--json").json["list"]["version"] == 1

    def test_yes_alone_does_not_take_most_cards_away(self, demo: Cli) -> None:
        imports(demo, many(50))
        short = demo.list_file(many(30), "cards.csv")
        assert "takes away 20 of 50 cards in force, more than 20 %" in demo.refuses_with_talk(
            4, "card", "import", short, "--yes"
        )
        assert demo("card", "list", "--json").json["list"]["cards"] == 50
        assert imports(demo, many(40))["version"] == 2
        assert imports(demo, many(5), *LENIENT)["version"] == 3

    @pytest.mark.parametrize("word", ["挂失", "注销"])
    def test_cards_that_are_not_in_force_any_more_count_as_taken_away(self, demo: Cli, word: str) -> None:
        imports(demo, many(10))
        gone = many(10).replace("正常", word)
        assert "takes away 10 of 10" in demo.refuses_with_talk(
            4, "card", "import", demo.list_file(gone, "cards.csv"), "--yes"
        )

    def test_what_is_no_list_is_refused_in_one_line(self, demo: Cli) -> None:
        assert "cannot be read" in demo.refuses(2, "card", "import", demo.folder / "nothing.csv", "--yes")
        assert "no row has the headings" in demo("card", "import", demo.list_file("a,b\n", "x.csv"), "--yes").err


class TestFunctions:
    """What `serve` calls."""

    def test_an_import_gives_the_withdrawn_cards(self, tmp_path: Path) -> None:
        with open_context(card_site(tmp_path / "site"), actor="serve") as context:
            assert import_list(context, LIST.encode("gbk"), "upload").withdrawn == ()
            made = import_list(context, (HEAD + WANG + ZHAO).encode(), "upload")
            left = cards.authority(context.store)
            assert left is not None
            assert len(made.withdrawn) == 1
            assert left.card(made.withdrawn[0]) is None
            with pytest.raises(SafetyRefusal):
                import_list(context, (HEAD + ZHAO).encode(), "upload")  # the last card in force
            assert import_list(context, (HEAD + ZHAO).encode(), "upload", force=True).version == 3

    def test_a_list_that_was_looked_at_before_somebody_else_acted_is_not_taken(self, tmp_path: Path) -> None:
        with open_context(card_site(tmp_path / "site")) as context:
            import_list(context, LIST.encode(), "upload")
            incoming = look(context, (HEAD + WANG + LI).encode(), "upload")
            cards.revoke(context.store, "somebody", "", "local:li")
            with pytest.raises(Busy):
                take(context, incoming)
            kinds = [row["kind"] for row in context.store.rows("SELECT kind FROM ledger ORDER BY seq")]
            assert kinds[-2:] == ["cards.import.intent", "cards.import.failed"]
            found = cards.listing(context.store)
            assert found is not None
            assert found.version == 1


class TestList:
    def test_names_are_masked_and_numbers_never_shown(self, demo: Cli) -> None:
        imports(demo, LIST)
        ran = demo("card", "list")
        assert ran.code == 0
        assert pseudonym(demo.folder, NUMBERS[0])[:8] in ran.out
        assert "王**" in ran.out
        assert "2026-01-01 – 2026-12-31" in ran.out
        assert "guard-1: video for a case (office)" in ran.out
        assert "every terminal: every purpose" in ran.out
        assert not any(secret in ran.out for secret in (*map(str, NUMBERS), *NAMES))
        assert "王丽华" in demo("card", "list", "--names").out

    def test_it_filters_by_status_and_terminal(self, demo: Cli) -> None:
        imports(demo, LIST)
        assert names(demo("card", "list", "--status", "suspended", "--json").json) == ["赵*"]
        assert sorted(names(demo("card", "list", "--terminal", "guard-2", "--json").json)) == ["李*", "赵*"]
        nothing = demo("card", "list", "--status", "revoked")
        assert nothing.code == 1
        assert "guard-1 meant" in demo.refuses(2, "card", "list", "--terminal", "guard-11")

    def test_without_a_list_it_says_what_is_next(self, demo: Cli) -> None:
        assert "portseal card import" in demo("card", "list").out
        assert demo("card", "list", "--json").json == {"list": None, "source": None, "cards": []}


def names(found: Any) -> list[str]:
    return [each["name"] for each in found["cards"]]


class TestOneCard:
    @pytest.fixture
    def wang(self, demo: Cli) -> str:
        imports(demo, LIST)
        return pseudonym(demo.folder, NUMBERS[0])

    def test_it_is_shown_by_pseudonym_and_by_number(self, demo: Cli, wang: str) -> None:
        by_name = demo("card", "show", wang[:8], "--json").json
        by_number = demo("card", "show", "--number", "--json", stdin=b"77705923\n").json
        assert by_name == by_number
        assert (by_name["card"], by_name["name"], by_name["status"], by_name["listed"]) == (
            wang,
            "王**",
            "active",
            True,
        )
        assert by_name["valid_until"] == "2026-12-31T16:00:00.000000Z"
        out = demo("card", "show", wang, "--names").out
        assert "holder: 王丽华" in out
        assert "status: in force" in out

    @pytest.mark.parametrize(
        ("arguments", "stdin", "says"),
        [
            ((), b"", "name the card by its pseudonym"),
            (("abcd", "--number"), b"77705923", "name the card by its pseudonym"),
            (("abc",), b"", "at least 4 letters"),
            (("abcdef",), b"", "no such card is known"),
            (("77705923",), b"", "no such card is known"),
            (("--number",), b"12345678", "no such card is known"),
            (("--number",), b"77705923\n81655381\n", "one line with a card number"),
            (("--number",), b"", "one line with a card number"),
            (("--number",), None, "standard input is closed"),
            (("--number",), b"04A1B2C3", "does not send a decimal number"),
        ],
    )  # fmt: skip
    def test_what_names_no_card_is_refused_without_repeating_it(
        self, demo: Cli, wang: str, arguments: tuple[str, ...], stdin: bytes | None, says: str
    ) -> None:
        line = demo.refuses(2, "card", "show", *arguments, stdin=stdin)
        assert says in line
        assert not re.search(r"\d{8}|04A1B2C3", line)

    def test_revoked_here_it_opens_nothing_also_after_the_next_list(self, demo: Cli, wang: str) -> None:
        ran = demo("card", "revoke", wang[:8], "--reason", "王丽华 lost it", "--json")
        assert ran.json == {"card": wang, "changed": True}
        imports(demo, HEAD + WANG + LI)
        shown = demo("card", "show", wang, "--json").json
        assert (shown["status"], shown["revoked_here"]["reason"]) == ("revoked", "王丽华 lost it")
        assert "revoked here" in demo("card", "list").out
        assert data_of(demo, "cards.revoke.done") == {"changed": True, "intent": 3}
        assert "nothing was changed" in demo("card", "revoke", wang, "--reason", "again").out
        assert demo("card", "restore", wang).code == 0
        assert demo("card", "show", wang, "--json").json["status"] == "active"
        assert demo("card", "restore", wang).code == 1
        assert "王丽华" not in json.dumps(demo("audit", "log", "--json").json, ensure_ascii=False)

    def test_a_reason_is_needed(self, demo: Cli, wang: str) -> None:
        assert demo("card", "revoke", wang).code == 2
        assert "the reason is empty" in demo.refuses(2, "card", "revoke", wang, "--reason", " ")

    def test_erased_it_is_unknown(self, demo: Cli, wang: str) -> None:
        assert demo("card", "erase", wang, "--json").code == 4  # nobody was there to agree
        ran = demo("card", "erase", "--number", "--yes", "--json", stdin=b"77705923\n")
        assert ran.json == {"card": wang, "listed": True, "log_empty": True}
        assert pseudonym(demo.folder, NUMBERS[0]) == ""
        assert "no such card" in demo.refuses(2, "card", "show", wang)
        assert len(demo("card", "list", "--json").json["cards"]) == 2
        assert data_of(demo, "cards.erase.intent") == {"listed": True}

    def test_erasing_does_not_lift_a_revocation_through_the_next_list(self, demo: Cli, wang: str) -> None:
        demo("card", "revoke", wang, "--reason", "lost")
        assert "would bring it back" in demo.refuses_with_talk(4, "card", "erase", wang, "--yes")
        imports(demo, HEAD + LI + ZHAO, *LENIENT)
        assert demo("card", "erase", wang, "--yes").code == 0
        with open_store(demo.folder) as store:
            assert cards.revocations(store) == {}


def test_the_access_control_system_gets_its_certificate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = SITE.replace('source = "export/cards.csv"\n', "published = true\n")
    demo = Cli(card_site(tmp_path / "published", text), capsys, monkeypatch)
    request, out = tmp_path / "access.csr", tmp_path / "access.pem"
    request.write_bytes(certificate_request())
    told = demo("card", "enroll", request, "--out", out, "--json").json
    same(examples()["card enroll"], told, "card enroll", "card enroll")
    assert str(identity_of(out.read_bytes())) == "access"
    ran = demo("card", "enroll", request, "--out", out, "--anew")
    assert (ran.code, "1 certificates before it" in ran.out) == (0, True)
    assert demo.kinds() == ["access.enroll.intent", "access.enroll.done"] * 2 + ["cards.versions_anew"]
    assert "is no certificate" in demo.refuses(4, "card", "enroll", request, "--out", request)
    assert "cannot be read" in demo.refuses(2, "card", "enroll", tmp_path / "nothing")
    (demo.folder / "site.toml").write_text(SITE, "utf-8")
    assert "published = true" in demo.refuses(2, "card", "enroll", request, "--out", out)
