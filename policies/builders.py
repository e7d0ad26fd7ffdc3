"""From checked values to the site's frozen declaration: what no single key can tell is checked here.

Each builder takes the values of one section (see :mod:`policies.layout`) and its place in the file.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from policies.cards.rights import Reader
from policies.errors import ConfigError
from policies.layout_source import check_apart, check_logins
from policies.messages.identities import Identity, Role
from policies.messages.topics import is_name
from policies.model import ExceptedPort, Violation
from policies.names import canonical, expand_ports, parse_interface
from policies.names.shown import shown
from policies.platforms import literal_names
from policies.site import BrokerMode, Parameters, Site, SnmpAccess, Switch, Uplink, Vlan
from policies.terminal import LockLevel, PortLock, RegisteredPort, Terminal, TerminalPlatform
from policies.texts import Text, t
from policies.toml import Place

#: Kinds that are management interfaces or VLAN interfaces: the way to the switch, but no switch port to declare.
_NO_SWITCH_PORTS = frozenset({"Management", "Vlan", "Loopback"})


def plain(values: dict[str, Any], _place: Place) -> dict[str, Any]:
    """Keep the values as they are, for the builder above."""
    return values


def parameters(values: dict[str, Any], _place: Place) -> Parameters:
    """Build [policy]."""
    values["violation"] = Violation(values["violation"])
    return Parameters(**values)


def vlan(values: dict[str, Any], _place: Place) -> Vlan:
    """Build [vlans.NAME]."""
    return Vlan(**values)


def snmp(values: dict[str, Any], place: Place) -> SnmpAccess:
    """Build [switches.NAME.snmp]: version 2c with a community or version 3 with a user, not both, not neither."""
    community, user = values["community"], values["user"]
    if (community is None) == (user is None):
        raise place.error(
            t("exactly one of the keys community (SNMPv2c) and user (SNMPv3) is needed"),
            t("keep the one that the switch is set up for"),
        )
    for key in ("auth_password", "priv_password"):
        if user is None and values[key] is not None:
            raise place.at(key).error(t("this key belongs to SNMPv3"), t("remove it, or replace community by user"))
    if user is not None and values["write_community"] is not None:
        raise place.at("write_community").error(
            t("this key belongs to SNMPv2c"), t("remove it: sets go out as the user of version 3")
        )
    if values["priv_password"] is not None and values["auth_password"] is None:
        raise place.at("priv_password").error(
            t("SNMPv3 has no privacy without authentication (RFC 3414)"), t("add auth_password")
        )
    values["host"] = values["host"] or ""  # the switch's own, which its builder fills in
    return SnmpAccess(**values)


def switch(values: dict[str, Any], place: Place) -> Switch:
    """Build [switches.NAME]; every port that a key names must be declared in `ports`, in one role only."""
    platform = values["platform"]
    literal = literal_names(platform)
    ports = _ports(values["ports"], place.at("ports"), literal=literal)
    declared = frozenset(ports)
    uplinks = _uplinks(values["uplinks"], place.at("uplinks"), literal=literal)
    for uplink, here in uplinks:
        _declared(uplink.port, declared, here, t("the uplink"))
    management = _ports(values["management_ports"], place.at("management_ports"), literal=literal)
    for port in management:
        if literal or parse_interface(port).kind not in _NO_SWITCH_PORTS:
            _declared(port, declared, place.at("management_ports"), t("the management port"))
    uplink_ports = frozenset(uplink.port for uplink, _ in uplinks)
    edge = _ports(values["edge_ports"], place.at("edge_ports"), literal=literal)
    for port in edge:
        _declared(port, declared, place.at("edge_ports"), t("the edge port"))
        if port in uplink_ports:
            raise place.at("edge_ports").error(
                t("{port} is declared as an uplink and as an edge port", port=port),
                t("keep one of the two declarations"),
            )
    excepted = _excepted(values["excepted"], place, declared, uplink_ports, literal=literal)
    access: SnmpAccess | None = values["snmp"]
    if access is not None and not access.host:
        access = replace(access, host=values["host"])
    _writable(values, access, place)
    values |= {
        "ports": ports,
        "uplinks": tuple(uplink for uplink, _ in uplinks),
        "management_ports": frozenset(management),
        "edge_ports": frozenset(edge),
        "excepted": excepted,
        "snmp": access,
    }
    return Switch(**values)


def _writable(values: dict[str, Any], access: SnmpAccess | None, place: Place) -> None:
    """A switch that is written over SNMP says how, and by whom: whoever hears a set in clear can repeat it."""
    if values["write"] != "snmp":
        if values["platform"] == "qbridge":
            raise place.at("write").error(
                t("{platform} is known over SNMP only", platform="qbridge"), t('set write = "snmp"')
            )
        return
    if access is None:
        raise place.at("write").error(
            t("writing over SNMP needs the switch's SNMP access"), t("add its table snmp, with user and both passwords")
        )
    if not access.may_write:
        raise place.at("snmp").error(
            t("sets over SNMP need authentication and privacy (SNMPv3)"),
            t("add auth_password and priv_password; or, for a switch that has version 2c only, write_community"),
        )


def registered_port(values: dict[str, Any], _place: Place) -> RegisteredPort:
    """Build one line of [[terminals.NAME.register]]."""
    return RegisteredPort(**values)


def lock(values: dict[str, Any], place: Place) -> PortLock:
    """Build [terminals.NAME.lock]: a lock has a name, and one that a person vouches for says who, where, how long."""
    level = LockLevel(values["level"])
    vouching = ("attested_by", "report", "expires")
    needed = {LockLevel.NONE: (), LockLevel.SENSED: ("model", "id"), LockLevel.ATTESTED: ("model", "id", *vouching)}
    for key in needed[level]:
        if not values[key]:
            raise place.at(key).error(
                t("a lock of level {level} needs the key {key}", level=level.value, key=key),
                t("add it, or set the level to what the terminal has"),
            )
    given = [key for key in vouching if values[key]]
    if given and len(given) < len(vouching):
        missing = next(key for key in vouching if not values[key])
        raise place.at(missing).error(
            t("{given} is there and {key} is missing", given=given[0], key=missing),
            t("who, by which report and until when belong together"),
        )
    for key in ("model", "id", *vouching):
        if level is LockLevel.NONE and values[key]:
            raise place.at(key).error(
                t("this key belongs to a lock, and the level is none"), t("remove it, or set the level")
            )
    return PortLock(**{**values, "level": level})


def terminal(values: dict[str, Any], place: Place) -> Terminal:
    """Build [terminals.NAME]; a port and a label stand in one line of the register only."""
    platform = TerminalPlatform(values["platform"])
    if values["agent"] and platform is not TerminalPlatform.LINUX:
        raise place.at("agent").error(
            t("the agent runs on Linux only, not on {platform}", platform=platform.value),
            t("write agent = false; the terminal is then judged by its lock's attestation"),
        )
    if values["offline"] is not None and not values["agent"]:
        raise place.at("offline").error(
            t("only a terminal with an agent opens without a connection"), t("remove the table, or install the agent")
        )
    seen: set[str] = set()
    register: tuple[RegisteredPort, ...] = values["register"]
    for index, line in enumerate(register):
        here = place.at("register").at(index)
        for key, value in (("port", line.port), ("label", line.label)):
            if value in seen:
                raise _twice(value, here.at(key))
            seen.add(value)
    return Terminal(**{**values, "platform": platform, "lock": values["lock"] or PortLock()})


def site(values: dict[str, Any], place: Place) -> Site:
    """Build the whole file; VLAN ids are unique over it."""
    seen: dict[int, str] = {}
    vlans: tuple[Vlan, ...] = values["vlans"]
    for declared in vlans:
        if declared.id in seen:
            raise (
                place.at("vlans")
                .at(declared.name)
                .error(
                    t("VLAN {id} is already declared as {name}", id=declared.id, name=seen[declared.id]),
                    t("give each VLAN its own id"),
                )
            )
        seen[declared.id] = declared.name
    _one_address_each(values["switches"], place)
    _readers_open_terminals(values["readers"], values["terminals"], place)
    _known_on_the_broker(values, place)
    if values["broker"].mode is BrokerMode.MANAGED and values["web"].port == values["broker"].port:
        raise (
            place.at("web")
            .at("port")
            .error(
                t("the broker listens on port {port} too", port=values["web"].port), t("give one of them another port")
            )
        )
    check_apart(values["readers"], place)
    if values["broker"].mode is BrokerMode.MANAGED:
        check_logins(values["readers"], values["broker"].legacy_port, place)
    head = values["site"]
    return Site(
        name=head["name"],
        folder=Path(place.file).parent,
        language=head["language"],
        parameters=values["policy"],
        vlans=vlans,
        switches=values["switches"],
        terminals=values["terminals"],
        zone=head["zone"],
        readers=tuple(each if each.zone else replace(each, zone=head["zone"]) for each in values["readers"]),
        profiles=values["profiles"],
        holidays=values["holidays"],
        authority=values["authority"][0],
        list_source=values["authority"][1],
        broker=values["broker"],
        web=values["web"],
        traps=values["traps"],
        watch=values["watch"],
    )


def _one_address_each(switches: Iterable[Switch], place: Place) -> None:
    """Two names for one switch would plan against each other: one seals a port that the other shuts."""
    seen: dict[tuple[str, int], str] = {}
    for declared in switches:
        address = (declared.host.lower(), declared.port)
        if address in seen:
            raise (
                place.at("switches")
                .at(declared.name)
                .at("host")
                .error(
                    t("{host} is already the switch {name}", host=declared.host, name=seen[address]),
                    t("give each switch its own address"),
                )
            )
        seen[address] = declared.name


def _readers_open_terminals(readers: Iterable[Reader], terminals: Iterable[Terminal], place: Place) -> None:
    """A reader opens terminals of this site that have an agent: nothing else would hear a grant."""
    known = {each.name: each for each in terminals}
    for reader in readers:
        for index, name in enumerate(reader.terminals):
            here = place.at("readers").at(reader.name).at("terminals").at(index)
            if name not in known:
                raise here.error(
                    t("the site has no terminal {name}", name=shown(name)), t("declare it, or correct its name")
                )
            if not known[name].agent:
                raise here.error(
                    t("the terminal {name} has no agent, so that no swipe can open it", name=shown(name)),
                    t("remove it here, or give the terminal an agent"),
                )


def _known_on_the_broker(values: dict[str, Any], place: Place) -> None:
    """The names of the site, of its readers, and of terminals with an agent stand in topics and in certificates."""
    if not is_name(values["site"]["name"]):
        raise (
            place.at("site")
            .at("name")
            .error(t("the name is too long for a topic"), t("write at most 64 bytes; a Chinese character takes three"))
        )
    for section, role in (("terminals", Role.TERMINAL), ("readers", Role.READER)):
        for each in values[section]:
            if role is Role.READER or each.agent:
                place.at(section).at(each.name).checked(partial(_common_name, role), each.name)


def _common_name(role: Role, name: str) -> str:
    return str(Identity(role, name))


def _ports(texts: Iterable[str], place: Place, *, literal: bool) -> tuple[str, ...]:
    ports: list[str] = []
    seen: set[str] = set()
    for index, text in enumerate(texts):
        here = place.at(index)
        for port in here.checked(lambda part: expand_ports(part, literal=literal), text):
            if port in seen:
                raise _twice(port, here)
            seen.add(port)
            ports.append(port)
    return tuple(ports)


def _uplinks(items: Iterable[dict[str, Any]], place: Place, *, literal: bool) -> list[tuple[Uplink, Place]]:
    uplinks: list[tuple[Uplink, Place]] = []
    seen: set[str] = set()
    for index, item in enumerate(items):
        here = place.at(index)
        for port in here.checked(lambda part: expand_ports(part, literal=literal), item["port"]):
            if port in seen:
                raise _twice(port, here)
            seen.add(port)
            uplinks.append((Uplink(port, item["allowed_vlans"], item["native_vlan"]), here))
    return uplinks


def _excepted(
    items: Iterable[dict[str, Any]], place: Place, declared: frozenset[str], uplinks: frozenset[str], *, literal: bool
) -> tuple[ExceptedPort, ...]:
    excepted: dict[str, ExceptedPort] = {}
    for index, item in enumerate(items):
        here = place.at("excepted").at(index).at("port")
        port = here.checked(lambda text: canonical(text, literal=literal), item["port"])
        _declared(port, declared, here, t("the excepted port"))
        if port in uplinks:
            raise here.error(
                t("{port} is declared as an uplink and as excepted", port=port), t("keep one of the two declarations")
            )
        if port in excepted:
            raise _twice(port, here)
        name = str(place.keys[-1])
        excepted[port] = ExceptedPort(name, port, item["owner"], item["reason"], item["expires"])
    return tuple(excepted.values())


def _declared(port: str, declared: frozenset[str], place: Place, what: Text) -> None:
    if port not in declared:
        raise place.error(
            t("{what} {port} is not among the switch's declared ports", what=what, port=port),
            t("add it to the key ports, or correct its name"),
        )


def _twice(port: str, place: Place) -> ConfigError:
    return place.error(t("{port} is declared twice", port=port), t("remove one of the two"))
