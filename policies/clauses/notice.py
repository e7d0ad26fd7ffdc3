"""The notice 沪公技防〔2021〕5号 as typed data: clauses, demands, what proves them, and the default parameters.

The text is policies/data/notice.toml; it ships with the package, so a fault in it is a fault of the build.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from policies.errors import NotFound
from policies.texts import t

_FILE = Path(__file__).parents[1] / "data" / "notice.toml"


class Support(StrEnum):
    """How far Portseal judges a clause: every demand, or only where the network side can."""

    FULL = "full"
    PART = "part"


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of the notice's data in both languages."""

    zh: str
    en: str

    def text(self, language: str) -> str:
        """Give the sentence in `language` (zh, else English)."""
        return self.zh if language == "zh" else self.en


@dataclass(frozen=True, slots=True)
class Demand:
    """What a part of a clause's sentence demands (7.1a …), and what proves it.

    `check` is the module of policies.clauses that judges it.
    """

    id: str
    check: str
    demand: Sentence
    proof: Sentence


@dataclass(frozen=True, slots=True)
class Clause:
    """A clause: its wording (None where it is not quoted), its demands, and for support in part what is covered."""

    id: str
    support: Support
    text: Sentence | None
    demands: tuple[Demand, ...]
    scope: Sentence | None


@dataclass(frozen=True, slots=True)
class Parameter:
    """A default of [policy] in site.toml and the reason for it."""

    name: str
    default: str | int
    reason: Sentence


@dataclass(frozen=True, slots=True)
class Notice:
    """The whole notice."""

    number: str
    part: Sentence
    in_force: date
    clauses: tuple[Clause, ...]
    parameters: tuple[Parameter, ...]

    @property
    def demands(self) -> tuple[Demand, ...]:
        """All sub-clauses, 7.1a to 7.2d."""
        return tuple(demand for clause in self.clauses for demand in clause.demands)

    def clause(self, clause_id: str) -> Clause:
        """Give the clause with this id; NotFound when there is none."""
        return _one(self.clauses, clause_id)

    def demand(self, demand_id: str) -> Demand:
        """Give the sub-clause with this id; NotFound when there is none."""
        return _one(self.demands, demand_id)

    def parameter(self, name: str) -> Parameter:
        """Give the default parameter called `name`; it is one of [policy]'s keys."""
        return next(parameter for parameter in self.parameters if parameter.name == name)


_Item = TypeVar("_Item", Clause, Demand)


@cache
def notice() -> Notice:
    """Give the notice that this version of Portseal judges by."""
    data = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    head = data["notice"]
    return Notice(
        number=head["number"],
        part=_sentence(head["part"]),
        in_force=head["in_force"],
        clauses=tuple(map(_clause, data["clauses"])),
        parameters=tuple(
            Parameter(name, entry["default"], _sentence(entry["reason"])) for name, entry in data["parameters"].items()
        ),
    )


def _clause(entry: dict[str, Any]) -> Clause:
    return Clause(
        id=entry["id"],
        support=Support(entry["support"]),
        text=Sentence(entry["text"], entry["en"]) if "text" in entry else None,
        demands=tuple(
            Demand(item["id"], item["check"], Sentence(item["zh"], item["en"]), _sentence(item["proof"]))
            for item in entry.get("demands", ())
        ),
        scope=_sentence(entry["scope"]) if "scope" in entry else None,
    )


def _sentence(entry: dict[str, str]) -> Sentence:
    return Sentence(entry["zh"], entry["en"])


def _one(items: tuple[_Item, ...], wanted: str) -> _Item:
    for item in items:
        if item.id == wanted:
            return item
    raise NotFound(
        t("the notice has no clause {id}", id=wanted),
        next_step=t("choose one of {ids}", ids=", ".join(item.id for item in items)),
    )
