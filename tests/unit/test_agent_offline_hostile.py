"""Openings without a connection against those who guess, forge, replay and read along."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from policies.keys import SigningKey
from policies.offline.tokens import sign_permit
from tests.unit.made_permits import LI, NOBODY, WANG, made_set, permit
from tests.unit.offline_bench import OTHER_BOOT, Alone


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Alone]:
    made = Alone(tmp_path)
    yield made
    made.spool.close()


class TestGuesses:
    def test_unknown_cards_cost_more_and_more_time(self, alone: Alone) -> None:
        alone.keep(permit(alone.now))
        alone.cut()
        assert [alone.present(NOBODY)["code"] for _ in range(6)] == ["unknown"] * 5 + ["wait"]
        assert alone.present()["code"] == "wait"
        alone.restart()
        alone.tick(11)
        assert alone.present()["code"] == "wait"
        alone.tick(20)
        alone.present(NOBODY)
        alone.tick(31)
        assert alone.present()["code"] == "wait"
        alone.tick(30)
        assert alone.present()["ok"]

    @pytest.mark.parametrize("card", ["", "xyz", "04A1B2C3D4", 7, None, True, ["04A1B2C3"], "0" * 5000])
    def test_what_is_no_number_costs_no_try_and_is_not_repeated(self, alone: Alone, card: Any) -> None:
        alone.keep(permit(alone.now))
        alone.cut()
        assert alone.present(card)["code"] == "unreadable"
        assert alone.spool.state.offline.wrong == 0

    def test_no_number_is_anywhere(self, alone: Alone, tmp_path: Path) -> None:
        alone.keep(permit(alone.now))
        alone.cut()
        for card in (WANG, NOBODY):
            alone.present(card)
        alone.tick()
        said = str(alone.ask("status")) + str(alone.events())
        files = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
        for card in (WANG, NOBODY):
            for spelt in (card, card.lower(), str(int(card, 16))):
                assert spelt not in said
                assert not any(spelt.encode() in content for content in files)


class TestHostile:
    def test_by_another_key_is_told_and_kept_nowhere(self, alone: Alone) -> None:
        alone.keep()
        alone.hear(made_set(alone.now, 2))
        forged = sign_permit(permit(alone.now, set=2), SigningKey(bytes(32)))
        alone.hear(forged.encode())
        alone.cut()
        assert alone.present()["ok"] is False
        assert [each["code"] for each in alone.told("lease.refused")] == ["signature"]

    @pytest.mark.parametrize(
        ("change", "code"),
        [({"iss": "other"}, "site"), ({"aud": "T2"}, "terminal"), ({"boot": OTHER_BOOT}, "boot"), ({"set": 9}, "set"),
         ({"ago": 31}, "issued"), ({"ago": -31}, "issued")],
    )  # fmt: skip
    def test_of_another_place_or_time(self, alone: Alone, change: dict[str, Any], code: str) -> None:
        alone.hear(made_set(alone.now, 1))
        alone.hear(replace(permit(alone.now + change.get("ago", 0)), **{k: v for k, v in change.items() if k != "ago"}))
        assert [each["code"] for each in alone.told("lease.refused")] == [code]
        alone.cut()
        assert not alone.present()["ok"]

    def test_retained_ones_are_replays(self, alone: Alone) -> None:
        alone.hear(made_set(alone.now, 1), retained=True)
        assert [each["code"] for each in alone.told("lease.refused")] == ["retained"]

    def test_more_than_the_set_says_are_not_kept(self, alone: Alone) -> None:
        alone.keep(permit(alone.now))
        alone.hear(permit(alone.now, LI))
        alone.cut()
        assert alone.present(LI)["code"] == "unknown"

    def test_a_permit_that_comes_twice_is_kept_once(self, alone: Alone) -> None:
        one = permit(alone.now)
        alone.hear(made_set(alone.now, 1, 2))
        for _ in range(2):
            alone.hear(one)
        alone.hear(permit(alone.now, LI))
        assert alone.told("offline.kept") == [{"set": 1, "permits": 2, "cards": 2}]

    @pytest.mark.parametrize("text", ["", "{}", '{"v":1,"set":"x","permits":[]}', "[]", "\x00" * 99])
    def test_a_file_that_cannot_be_read_opens_nothing(self, alone: Alone, text: str) -> None:
        alone.keep(permit(alone.now))
        alone.file.write_text(text)
        alone.restart()
        alone.cut()
        assert alone.present()["code"] == "nothing"
