"""Long lists: what is understood once for many rows is still told for each, and hashes are those of the format."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from controller.cards.authority import AuthorityImport, Door, import_bytes
from controller.cards.pseudonyms import CardKey, pseudonym
from policies import canonical
from policies.cards.number import CardRule, Digits
from policies.cards.rights import Card, HolderStatus, Limits, Right, content_hash
from policies.codec import to_plain
from policies.grants import Purpose
from policies.site import Site

KEY = CardKey(b"k" * 32)
SITE = Site("park", Path("/nowhere"), authority=CardRule(4, Digits.DECIMAL))
WHEN = datetime(2026, 1, 1, 8, 30, tzinfo=UTC)


def read(content: str) -> AuthorityImport:
    return import_bytes(content.encode(), "list.csv", Door(SITE, KEY, 1))


def test_the_hash_is_that_of_canonical_json() -> None:
    rights = (Right(("a", 'é"\\\n'), (Purpose.CASE,), "office"), Right(("*",), tuple(Purpose)))
    cards = [
        Card("p3", "", HolderStatus.ACTIVE, rights, Limits(900, 1)),
        Card("p1", "王", HolderStatus.REVOKED, rights[:1], Limits(900, 1), WHEN),
        Card("p2", "b", HolderStatus.SUSPENDED, rights, Limits(1, 2, read_only=True), WHEN, WHEN),
        Card("p4", "b", HolderStatus.ACTIVE, (), Limits(900, 1), None, WHEN),
    ]
    for some in (cards, cards[:1], cards[1:3], []):
        plain = [to_plain(card) for card in sorted(some, key=lambda card: card.card)]
        assert content_hash(some) == sha256(canonical.encode(plain)).hexdigest()


def test_the_delimiter_is_found_although_a_cell_goes_on_over_many_lines() -> None:
    lines = "\n".join("a remark" for _ in range(80))
    text = f'remark;Card number;Terminals;Purposes\n"{lines}";77705923;*;case\nx;81655381;*;fun\n'
    assert [problem.line("en").split(":")[1] for problem in read(text).problems] == ["3 Purposes"]
    assert len(read(text.replace("fun", "case")).require().cards) == 2


def test_what_is_wrong_in_many_rows_is_told_for_each_of_them() -> None:
    rows = "".join(f"{number},*,fun,2026-02-30\n" for number in range(1, 101))
    found = read("Card number,Terminals,Purposes,Valid until\n" + rows)
    assert len(found.problems) == 200
    assert {problem.row for problem in found.problems} == set(range(2, 102))


def test_the_hash_of_a_file_says_nothing_without_the_key() -> None:
    content = b"77705923,*,case"
    assert KEY.file(content) == KEY.file(bytes(content)) != KEY.file(content + b"\n")
    assert KEY.file(content) not in (sha256(content).hexdigest(), CardKey(b"x" * 32).file(content))


def test_no_pseudonym_looks_like_an_option() -> None:
    made = {pseudonym() for _ in range(500)}  # one in 64 would
    assert len(made) == 500
    assert not any(each.startswith("-") for each in made)
