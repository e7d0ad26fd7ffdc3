"""The explicit registry of dialects. A test proves that every platform folder is in it."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from drivers.dialect import Dialect
from policies.errors import ConfigError
from policies.platforms import parse_platform
from policies.site import Switch
from policies.texts import t

#: Platform folders, in the order in which they are shown.
PLATFORMS = ("cisco_ios", "huawei_vrp", "huawei_vrpv8", "h3c_comware", "ruijie_os", "openvswitch", "linux_bridge")


#: Platforms that Portseal can write to over SNMP, because a product has proved it on them: `snmp.py` in their folder.
SNMP_PLATFORMS = ("cisco_ios", "qbridge")


@cache
def dialect(platform: str) -> Dialect:
    """Give the dialect of `platform`, by its name or an alias of policies/data/platforms.toml.

    Raises:
        InputError: nobody calls a platform so.
        ConfigError: the platform is known, but has no dialect yet.

    """
    name = parse_platform(platform)
    if name not in PLATFORMS and name in SNMP_PLATFORMS:
        raise ConfigError(
            t("{platform} is known over SNMP only", platform=name),
            next_step=t('set write = "snmp" for the switch in site.toml'),
        )
    if name not in PLATFORMS:
        raise ConfigError(
            t("there is no dialect for {platform} yet", platform=name),
            next_step=t("choose one of {platforms}", platforms=", ".join(PLATFORMS)),
        )
    found: Dialect = import_module(f"drivers.dialects.{name}.dialect").DIALECT
    return found


@cache
def snmp_dialect(platform: str) -> Dialect:
    """Give the dialect by which `platform` is written over SNMP.

    Raises:
        InputError: nobody calls a platform so.
        ConfigError: it is not written over SNMP.

    """
    name = parse_platform(platform)
    if name not in SNMP_PLATFORMS:
        raise ConfigError(
            t("Portseal does not write to {platform} over SNMP", platform=name),
            next_step=t(
                'remove write = "snmp" to write over SSH; over SNMP it writes to {platforms}',
                platforms=", ".join(SNMP_PLATFORMS),
            ),
        )
    found: Dialect = import_module(f"drivers.dialects.{name}.snmp").DIALECT
    return found


def spoken(switch: Switch) -> Dialect:
    """Give the dialect in which a declared switch is written, over SSH or SNMP; errors as of these two."""
    return snmp_dialect(switch.platform) if switch.write == "snmp" else dialect(switch.platform)


def all_dialects() -> list[Dialect]:
    """Give every dialect, in the order of the registry."""
    return [dialect(platform) for platform in PLATFORMS]
