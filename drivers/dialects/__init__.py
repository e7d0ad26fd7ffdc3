"""The explicit registry of dialects. A test proves that every platform folder is in it."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from drivers.dialect import Dialect
from policies.errors import ConfigError
from policies.texts import t

#: Platform folders, in the order in which they are shown.
PLATFORMS = ("cisco_ios", "openvswitch")


@cache
def dialect(platform: str) -> Dialect:
    """Give the dialect of `platform` (its name, or one of Netmiko's names for it).

    Raises:
        ConfigError: no dialect has this name.

    """
    for name in PLATFORMS:
        module = import_module(f"drivers.dialects.{name}.dialect")
        found: Dialect = module.DIALECT
        if platform in (found.platform, *found.aliases):
            return found
    raise ConfigError(
        t("there is no dialect called '{platform}'", platform=platform),
        next_step=t("choose one of {platforms}", platforms=", ".join(PLATFORMS)),
    )


def all_dialects() -> list[Dialect]:
    """Give every dialect, in the order of the registry."""
    return [dialect(platform) for platform in PLATFORMS]
