"""docs/json.md says what the verbs for cards print: same keys, same types, at every level."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.card_site import HEAD, LIST, NUMBERS, WANG, ZHAO, card_site, exported, pseudonym
from tests.unit.cli_site import Cli
from tests.unit.test_cli_json import examples, same

VERBS: dict[str, tuple[str, ...]] = {
    "card import": ("card", "import", "{next}", "--yes", "--force"),
    "card sync": ("card", "sync", "--force"),
    "card list": ("card", "list"),
    "card show": ("card", "show", "{card}"),
    "card revoke": ("card", "revoke", "{card}", "--reason", "lost"),
    "card restore": ("card", "restore", "{card}"),
    "card erase": ("card", "erase", "{card}", "--yes"),
    "find": ("find", "{card}"),
}


@pytest.fixture
def demo(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    made = Cli(card_site(tmp_path / "site"), capsys, monkeypatch)
    exported(made.folder, LIST)
    assert made("card", "sync").code == 0
    exported(made.folder, HEAD + WANG, ago=30)
    return made


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_prints_what_the_document_says(demo: Cli, verb: str) -> None:
    card = pseudonym(demo.folder, NUMBERS[0])
    if verb in ("card show", "card list"):
        demo("card", "revoke", pseudonym(demo.folder, NUMBERS[1]), "--reason", "lost")
    path = demo.list_file(HEAD + "," + WANG.partition(",")[2] + ZHAO, "cards.csv")
    if verb == "card import":
        same(examples()[verb], demo("card", "import", path, "--json").json, verb, verb)  # with problems
        path.write_text(HEAD + WANG.replace("office", "") + ZHAO, "utf-8")
    ran = demo(*(argument.format(card=card, next=path) for argument in VERBS[verb]), "--json")
    same(examples()[verb], ran.json, verb, verb)
    if verb == "find":
        assert ran.json["cards"] == [card]


def test_find_tells_how_to_look_at_a_card(demo: Cli) -> None:
    card = pseudonym(demo.folder, NUMBERS[0])
    assert f"card {card}. Next: portseal card show {card}" in demo("find", card[:6]).out
    assert demo("find", card[:3]).code == 1
    assert demo("find", str(NUMBERS[0])).code == 1
