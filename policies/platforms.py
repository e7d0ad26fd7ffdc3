"""The platforms that Portseal knows and their aliases, from policies/data/platforms.toml."""

from __future__ import annotations

import difflib
import tomllib
from functools import cache
from pathlib import Path

from policies.errors import InputError
from policies.names.shown import cleaned, shown
from policies.texts import t

_FILE = Path(__file__).parent / "data" / "platforms.toml"


@cache
def _table() -> dict[str, dict[str, object]]:
    return tomllib.loads(_FILE.read_text(encoding="utf-8"))


@cache
def platform_aliases() -> dict[str, str]:
    """Map every accepted name, the canonical ones included, to its canonical platform."""
    names = {platform: platform for platform in _table()}
    for platform, entry in _table().items():
        aliases = entry["aliases"]
        assert isinstance(aliases, list)
        names |= dict.fromkeys(aliases, platform)
    return names


def aliases_of(platform: str) -> list[str]:
    """Give the other names of a canonical platform."""
    return [name for name, meant in platform_aliases().items() if meant == platform != name]


def platforms() -> tuple[str, ...]:
    """Give the canonical platform names."""
    return tuple(_table())


def parse_platform(text: str) -> str:
    """Give the canonical platform of a name or alias; InputError with the nearest name otherwise."""
    names = platform_aliases()
    wanted = cleaned(text).lower()
    if wanted in names:
        return names[wanted]
    what = t("{text} is not a platform that Portseal knows", text=shown(text))
    if near := difflib.get_close_matches(wanted[:64], names, n=1):
        raise InputError(what, next_step=t("is {near} meant?", near=names[near[0]]))
    raise InputError(what, next_step=t("choose one of {names}", names=", ".join(platforms())))


def literal_names(platform: str) -> bool:
    """Tell whether the canonical `platform` lets its owner name ports freely (Open vSwitch, Linux)."""
    return _table()[platform]["names"] == "literal"
