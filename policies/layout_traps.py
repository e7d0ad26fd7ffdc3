"""The table of [traps] in site.toml: where switches' notifications are received, and what proves them."""

from __future__ import annotations

from typing import Any

from policies import values
from policies.site import Traps, TrapUser
from policies.texts import t
from policies.toml import Key, Place, Section, a_list

_AUTH = ("md5", "sha", "sha224", "sha256", "sha384", "sha512")
_PRIV = ("des", "aes128", "aes192", "aes256", "aes192c", "aes256c")


def traps() -> Section:
    """Give the table of [traps]."""
    return Section(
        name="traps",
        about=t(
            "SNMP notifications from switches (traps and informs). A notification is a hint: the switch is read before"
            " anything counts. What a switch's own table [switches.NAME.snmp] has proves it too."
        ),
        keys=(
            Key(
                "listen", values.host,
                about=t("The address that notifications are received on; without it none are."),
                values=t("an IP address of this machine, or 0.0.0.0 for all"),
                sample='"0.0.0.0"',
                default="",
                security=t("Name the address in the management network: whoever reaches it can send notifications."),
            ),
            Key(
                "port", values.integer(1, 65_535),
                about=t("The UDP port that notifications are received on."),
                values=t("1 to 65535"), sample="162", default=Traps().port,
            ),
            Key(
                "communities", _references,
                about=t("Where the communities of SNMPv2c notifications are kept, for all switches."),
                values=t("a list of references: env:NAME, file:PATH or secret:NAME"),
                sample='["secret:traps.community"]',
                default=(),
                security=t("SNMPv2c proves nothing: addresses and communities can be forged. Use version 3."),
            ),
        ),
        build=_build,
        sections=(_users(),),
    )  # fmt: skip


def _users() -> Section:
    reference = t("env:NAME, file:PATH or secret:NAME")
    return Section(
        name="users",
        about=t("A user of SNMPv3 notifications, for all switches."),
        keys=(
            Key(
                "name", values.login,
                about=t("The user of SNMPv3."), values=t("a user name"), sample='"portseal-traps"', required=True,
            ),
            Key(
                "auth_protocol", values.choice(*_AUTH),
                about=t("The hash that authenticates messages (RFC 3414, RFC 7860)."),
                values=t("one of {options}", options=", ".join(_AUTH)), sample='"sha"', default="sha",
                security=t("md5 is broken; take the longest hash that the switch knows."),
            ),
            Key(
                "auth_password", values.secret,
                about=t("Where the authentication password is kept."), values=reference,
                sample='"secret:traps.auth"', required=True,
            ),
            Key(
                "priv_protocol", values.choice(*_PRIV),
                about=t(
                    "The cipher that hides messages (RFC 3414, RFC 3826); aes192c and aes256c stretch keys as Cisco and"
                    " Huawei do."
                ),
                values=t("one of {options}", options=", ".join(_PRIV)), sample='"aes128"', default="aes128",
                security=t("des is broken; take aes128 or longer."),
            ),
            Key(
                "priv_password", values.secret,
                about=t("Where the privacy password is kept; without it messages are authentic, and readable."),
                values=reference, sample='"secret:traps.priv"',
            ),
        ),
        build=lambda found, _: TrapUser(**found),
        many=True,
    )  # fmt: skip


def trap_sources() -> Key:
    """Give the key of [switches.NAME] that names the addresses its notifications come from."""
    return Key(
        "trap_sources", hosts,
        about=t("Addresses that this switch's notifications come from, besides host and that of its SNMP agent."),
        values=t("a list of host names and IP addresses"),
        sample='["192.168.10.12"]',
        default=(),
    )  # fmt: skip


def hosts(raw: object, place: Place) -> tuple[str, ...]:
    """Read a list of host names and addresses; one alone is a list of one."""
    items = [raw] if isinstance(raw, str) else a_list(raw, place)
    return tuple(values.host(item, place.at(index)) for index, item in enumerate(items))


def _references(raw: object, place: Place) -> tuple[str, ...]:
    items = [raw] if isinstance(raw, str) else a_list(raw, place)
    return tuple(values.secret(item, place.at(index)) for index, item in enumerate(items))


def _build(found: dict[str, Any], place: Place) -> Traps:
    names = [user.name for user in found["users"]]
    for index, name in enumerate(names):
        if name in names[:index]:
            raise (
                place.at("users")
                .at(index)
                .at("name")
                .error(t("{name} is declared twice", name=name), t("remove one of the two"))
            )
    return Traps(**found)
