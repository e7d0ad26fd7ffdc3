"""No card number is in any file of the site folder, in any spelling, and what was erased is in none any more."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from openpyxl import Workbook

from controller.cards.keep import erase, import_list, revoke
from controller.context import Context, open_context
from controller.store import cards
from policies.cards.number import CardNumber, CardRule, normalise, on_wire, unpack
from policies.cards.wiegand import Wiegand
from policies.errors import InputError, PortsealError
from policies.load import load_site
from tests.unit.card_site import SITE, card_site
from tests.unit.cli_site import Cli

HEAD = "卡号,姓名,工号,状态,终端,用途\n"
#: How a list writes its numbers, as in site.toml, and two numbers like that.
RULES = {
    "decimal": ('digits = "dec"\nlength = 4', ("3735928559", "0197705923")),
    "hex": ('digits = "hex"\nlength = 7', ("04A1B2C3D4E5F6", "04-5B-9C-7D-3E-2F-1A")),
    "reversed": ('digits = "hex"\nlength = 4\norder = "reversed"', ("DEADBEEF", "C3B2A19F")),
    "wiegand": ('digits = "facility"\nlength = "wiegand-34"', ("54321,45678", "41235,34567")),
}


def site_text(rule: str) -> str:
    return SITE.replace('digits = "dec"\nlength = 4', RULES[rule][0]).replace('source = "export/cards.csv"\n', "")


def spellings(given: str, rule: CardRule) -> Iterator[bytes]:
    """Give every way in which a number might stand in a file: text in three encodings, and its bytes."""
    number = normalise(given, rule)
    raw = bytes.fromhex(number.reveal())
    texts = {given, given.replace("-", "").replace(",", "")}
    for order in (raw, raw[::-1]):
        yield order
        texts |= {order.hex(), order.hex(":"), order.hex("-"), order.hex(" "), str(int.from_bytes(order, "big"))}
    if isinstance(rule.length, Wiegand):
        facility, card = unpack(number, rule.length)
        texts |= {f"{facility},{card}", f"{facility}{card:05d}", str(on_wire(number, rule.length))}
        texts.add(f"{on_wire(number, rule.length):x}")
    for text in texts:
        for cased in (text.lower(), text.upper()):
            yield from (cased.encode("utf-8"), cased.encode("utf-16-le"), cased.encode("utf-16-be"))


def found_in(folder: Path, wanted: dict[str, set[bytes]]) -> list[str]:
    """Name every file below `folder` that has one of the byte strings, and what it was."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert {"portseal.db", "cards.key", "ledger.key"} <= {path.name for path in files}
    return [
        f"{path.name}: {what}"
        for path in files
        for content in (path.read_bytes(),)
        for what, each in wanted.items()
        if any(one in content for one in each)
    ]


def workbook(text: str) -> bytes:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for line in text.splitlines():
        sheet.append(line.split(";"))
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


@pytest.mark.parametrize("rule", RULES)
def test_no_number_rests_anywhere(
    rule: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = card_site(tmp_path / "site", site_text(rule))
    one, other = RULES[rule][1]
    text = HEAD.replace(",", ";") + f"{one};王丽华;A01;正常;guard-1;维护\n{other};李雷雷;A02;正常;*;维护\n"
    number_rule = load_site(folder).authority
    wanted = {given: set(spellings(given, number_rule)) for given in (one, other)}
    with open_context(folder) as context:
        import_list(context, text.encode(), "list.csv")
        import_list(context, workbook(text.replace("李雷雷", "李雷")), "list.xlsx")
        import_list(context, text.replace("正常", "挂失").encode("gbk"), "list.csv", force=True)
        with pytest.raises(PortsealError):
            import_list(context, text.replace("维护", one).encode(), "list.csv")
        with pytest.raises(InputError):
            import_list(context, text.encode() + b'"', "list.csv")
        demo = Cli(folder, capsys, monkeypatch)
        shown = [demo("card", "show", "--number", *options, stdin=one.encode()) for options in ((), ("--json",))]
        shown.append(demo("card", "revoke", "--number", "--reason", "lost", stdin=other.encode()))
        shown.append(demo("card", "show", "--number", stdin=b"1" + one.encode()))
        shown += [demo("card", "list"), demo("card", "list", "--json"), demo("audit", "log", "--json")]
        assert [ran.code for ran in shown] == [0, 0, 0, 2, 0, 0, 0]
        assert (folder / "portseal.db-wal").stat().st_size > 0
        assert found_in(folder, wanted) == []  # with the log still there
        for ran in shown:
            said = (ran.out + ran.err).encode()
            assert not any(each in said for spelled in wanted.values() for each in spelled)
    assert found_in(folder, wanted) == []  # and written back


@pytest.mark.parametrize("seed", range(3))
def test_what_was_erased_is_in_no_file(seed: int, tmp_path: Path) -> None:
    """Many people in random order, lists that come and go: pages of the database split, empty and fill again."""
    chance = random.Random(seed)
    folder = card_site(tmp_path / "site")
    people = [(chance.randrange(1 << 30, 1 << 32), f"姓名{n:05d}号") for n in range(1500)]
    with open_context(folder) as context:
        for size in (900, 1500, 600, 1200):
            rows = "".join(
                f"{number},{name}{'改' * chance.randrange(4)},S{number},正常,guard-1,维护\n"
                for number, name in chance.sample(people, size)
            )
            import_list(context, (HEAD + rows).encode(), "list.csv", force=True)
        identities = [each for each in cards.known(context.store).cards.values() if each.name]
        gone = chance.sample(identities, 40)
        bearers = {row["bearer"]: row["lookup"] for row in context.store.rows("SELECT * FROM card_bearer")}
        wanted: dict[str, set[bytes]] = {}
        for each in gone:
            row = context.store.row("SELECT bearer FROM card WHERE card = ?", (each.card,))
            texts = {each.name[:8], each.index, each.salt, each.commitment}
            texts |= {bearers[row["bearer"]]} if row is not None else set()
            wanted[each.card] = {text.encode() for text in texts}
        assert len(found_in(folder, wanted)) >= 40
        revoke_and_erase(context, [each.card for each in gone])
        assert found_in(folder, wanted) == []  # while the database is open
        assert len(cards.known(context.store).cards) == len(identities) - 40
    assert found_in(folder, wanted) == []


def revoke_and_erase(context: Context, gone: list[str]) -> None:
    listed = cards.listed(context.store)
    assert listed is not None
    for card in gone:
        if listed.card(card) is None:
            revoke(context, card, f"because of {card}")
        assert erase(context, card).log_empty


def test_a_number_is_in_no_repr_either() -> None:
    assert "DEADBEEF" not in repr(CardNumber("DEADBEEF"))
