"""The tables of [watch] in site.toml: what belongs on the wire beside the inventory, and what may talk to what."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_network
from typing import Any, TypeVar

from policies import values
from policies.errors import InputError
from policies.model import DeviceRole
from policies.names import parse_ip, parse_mac
from policies.names.shown import shown
from policies.site import Watch
from policies.texts import t
from policies.toml import Key, Place, Section, a_list
from policies.watch.flows import parse_port

_Result = TypeVar("_Result")


def watch() -> Section:
    """Give the tables of [watch]."""
    return Section(
        name="watch",
        about=t(
            "The packet watch ('portseal watch'): what belongs on the wire beside the inventory. What is not declared"
            " here and not in the inventory is a sighting."
        ),
        keys=(
            Key(
                "networks", _networks,
                about=t("The site's own networks; all else is outside. Default: private addresses."),
                values=t("a list of prefixes"), sample='["192.168.10.0/24"]', default=(),
                security=t("Declare them: by default a way out is seen by public addresses only."),
            ),
            Key(
                "vlans", values.vlan_list,
                about=t("VLANs whose tags may be seen, besides those of the face network and its bindings."),
                values=t('VLAN ids as text ("100,200-210") or a list of numbers'), sample='"100"',
            ),
            Key(
                "gateways", _each(parse_mac),
                about=t("MACs of routers that belong to the network; anything else that routes is a sighting."),
                values=t("a list of MAC addresses"), sample='["00:11:22:33:44:55"]', default=(),
                security=t("A dedicated network has none: each one is a way out that somebody must answer for."),
            ),
            Key(
                "dhcp_servers", _each(parse_ip),
                about=t("Addresses of DHCP servers that belong to the network."),
                values=t("a list of IPv4 addresses"), sample='["192.168.10.1"]', default=(),
            ),
        ),
        build=_build,
        sections=(_peers(), _flows()),
    )  # fmt: skip


def _peers() -> Section:
    return Section(
        name="peers",
        about=t("Somebody outside the inventory with whom devices talk, such as an integration platform (7.5)."),
        keys=(
            Key(
                "networks", _networks,
                about=t("Its addresses."), values=t("a list of prefixes"), sample='["192.168.20.5/32"]', required=True,
            ),
        ),
        build=lambda found, _: (found["name"], found["networks"]),
        named=values.name,
        sample_name="platform",
    )  # fmt: skip


def _flows() -> Section:
    role = t("a device role ({roles}) or the name of a peer", roles=", ".join(DeviceRole))
    return Section(
        name="flows",
        about=t(
            "What may talk to what (7.3 to 7.5): a conversation that 'from' begins with 'to', its answers included."
            " The first line of your own replaces the whole matrix that ships."
        ),
        keys=(
            Key("from", values.name, about=t("Who begins."), values=role, sample='"camera"', required=True),
            Key("to", values.name, about=t("With whom."), values=role, sample='"recorder"', required=True),
            Key(
                "ports", _each(_port),
                about=t("On which ports of 'to'; without them on any, in both directions."),
                values=t('a list such as ["tcp/554", "udp/123"]'), sample='["tcp/554"]', default=(),
            ),
        ),
        build=lambda found, _: (found["from"], found["to"], found["ports"]),
        many=True,
    )  # fmt: skip


def _each(parse: Callable[[str], _Result]) -> Callable[[object, Place], tuple[_Result, ...]]:
    """Make a reader of a list whose items `parse` understands; one text alone is a list of one."""

    def read(raw: object, place: Place) -> tuple[_Result, ...]:
        items = [raw] if isinstance(raw, str) else a_list(raw, place)
        return tuple(values.parsed(parse)(item, place.at(index)) for index, item in enumerate(items))

    return read


def _network(text: str) -> str:
    try:
        return str(ip_network(text))
    except ValueError:
        raise InputError(
            t("{text} is not a network", text=shown(text)),
            next_step=t("write its first address and its length, for example 192.168.10.0/24"),
        ) from None


def _port(text: str) -> str:
    try:
        parse_port(text)
    except ValueError:
        raise InputError(
            t("{text} is not a port", text=shown(text)),
            next_step=t("write tcp/ or udp/ and a number, for example tcp/554"),
        ) from None
    return text


_networks = _each(_network)


def _build(found: dict[str, Any], place: Place) -> Watch:
    roles = {*DeviceRole, *(name for name, _ in found["peers"])}
    for name, _ in found["peers"]:
        if name in set(DeviceRole):
            raise place.at("peers").at(name).error(t("this is the name of a device role"), t("give it another name"))
    for index, (source, target, _) in enumerate(found["flows"]):
        for key, role in (("from", source), ("to", target)):
            if role not in roles:
                raise (
                    place.at("flows").at(index).at(key).error(
                        t("{text} is neither a role nor a peer", text=shown(role)),
                        t("write one of {options}", options=", ".join(sorted(roles))),
                    )
                )  # fmt: skip
    return Watch(**{**found, "vlans": found["vlans"] or frozenset()})
