"""The explicit registry of dialects. A test proves that every platform folder is in it."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from drivers.dialect import Dialect
from policies.errors import ConfigError
from policies.platforms import parse_platform
from policies.texts import t

#: Platform folders, in the order in which they are shown.
PLATFORMS = ("cisco_ios", "huawei_vrp", "huawei_vrpv8", "h3c_comware", "ruijie_os", "openvswitch", "linux_bridge")


@cache
def dialect(platform: str) -> Dialect:
    """Give the dialect of `platform`, by its name or an alias of policies/data/platforms.toml.

    Raises:
        InputError: nobody calls a platform so.
        ConfigError: the platform is known, but has no dialect yet.

    """
    name = parse_platform(platform)
    if name not in PLATFORMS:
        raise ConfigError(
            t("there is no dialect for {platform} yet", platform=name),
            next_step=t("choose one of {platforms}", platforms=", ".join(PLATFORMS)),
        )
    found: Dialect = import_module(f"drivers.dialects.{name}.dialect").DIALECT
    return found


def all_dialects() -> list[Dialect]:
    """Give every dialect, in the order of the registry."""
    return [dialect(platform) for platform in PLATFORMS]
