"""What a terminal may speak with: /etc/portseal-agent/guard.toml, beside agent.toml, which its administrator edits.

It is read with the checks of site.toml: a mistake names the file, the key, and the nearest one that exists. A damaged
file changes nothing: the last good one goes on counting, and where there is none, everything is denied.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, collapse_addresses, ip_address, ip_network
from pathlib import Path
from typing import Any

from agent.usb.bindings import replace_file
from policies.errors import ConfigError, InputError, SafetyRefusal, StorageFailed
from policies.messages.proof import MOST_PLACES, ProbeKind, split_target
from policies.names.shown import shown
from policies.texts import Text, t
from policies.toml import Key, Place, Section, a_list, read_section, read_toml
from policies.values import flag, host, integer

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

#: The copy of what was read last without a fault, in the state folder.
LAST_GOOD = "guard.last.toml"
#: How often the terminal is looked at and probed (seconds), and how often that is told when nothing changes (minutes).
EVERY_SECONDS, TELL_MINUTES = 60, 60
#: How many controls, and how many canaries, one file may name: a round has to fit in one event.
MOST_PROBES = 10
#: The shortest prefix of an allowed network: private space may be named whole (RFC 1918, RFC 6598, RFC 4193), of other
#: space no more than a site has.
_PRIVATE = tuple(map(ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")))
_SHORTEST = {4: 16, 6: 32}
#: Addresses at which nobody can answer (RFC 5737, RFC 3849): a canary there fails on any network.
_NOBODY = tuple(map(ip_network, ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")))
#: The ports of a canary that names none.
_PORTS = {ProbeKind.UDP: 123, ProbeKind.DNS: 53}


@dataclass(frozen=True, slots=True)
class Target:
    """Where a probe goes; `port` is 0 for ICMP."""

    kind: ProbeKind
    address: Address
    port: int = 0

    def __str__(self) -> str:
        """Write it as a proof has it."""
        if not self.port:
            return str(self.address)
        return f"[{self.address}]:{self.port}" if self.address.version == 6 else f"{self.address}:{self.port}"


@dataclass(frozen=True, slots=True)
class GuardRule:
    """What the guard allows and how it is proved. `networks` overlap nowhere; the default allows nothing at all."""

    networks: tuple[Network, ...] = ()
    time: tuple[Address, ...] = ()
    dhcp: bool = False
    controls: tuple[Target, ...] = ()
    canaries: tuple[Target, ...] = ()
    outside_name: str = ""
    every: int = EVERY_SECONDS
    tell: int = TELL_MINUTES * 60

    def allows(self, address: Address) -> bool:
        """Tell whether an address is in the site's networks."""
        return any(address in each for each in self.networks)


#: Where no file can be read and none ever could: loopback alone.
DENY_ALL = GuardRule()


@dataclass(frozen=True, slots=True)
class Loaded:
    """The rule that counts, and what is wrong with the file when it is not the file's."""

    rule: GuardRule
    fault: ConfigError | None = field(default=None, hash=False)


def load_rule(path: Path, hosts: Iterable[str] = ()) -> GuardRule:
    """Read the file; raises ConfigError. `hosts` are the controller's: an address among them must be allowed."""
    if not path.exists():
        raise ConfigError(
            t("no file says which networks this terminal may speak with"),
            where=str(path),
            next_step=t("write one; 'portseal-agent guard sample' prints a first one"),
        )
    rule: GuardRule = read_section(_layout(), read_toml(path), Place(str(path)))
    for name in hosts:
        with suppress(ValueError):
            address = ip_address(name)
            if not rule.allows(address):
                raise _cut_off(Place(str(path)).at("networks"), name)
    return rule


def load_or_last(path: Path, state: Path, hosts: Iterable[str] = ()) -> Loaded:
    """Read the file, or what was last good of it, or deny everything. It raises nothing."""
    copy = state / LAST_GOOD
    try:
        rule = load_rule(path, hosts)
    except ConfigError as error:
        try:
            return Loaded(load_rule(copy), error)
        except ConfigError:
            return Loaded(DENY_ALL, error)
    with suppress(OSError, StorageFailed):  # a full disk: the file itself is good, and is what counts
        data = path.read_bytes()
        if not copy.exists() or copy.read_bytes() != data:
            replace_file(copy, data)
    return Loaded(rule)


def refuse_cut_off(rule: GuardRule, host: str, resolve: Callable[[str], Iterable[str]], where: str) -> None:
    """Raise SafetyRefusal unless every address of the controller's `host` is allowed; a name is resolved now."""
    try:
        addresses = [ip_address(each.partition("%")[0]) for each in resolve(host)]
    except (OSError, ValueError):
        addresses = []
    if not addresses:
        raise SafetyRefusal(
            t("the address of {host} is not known, so it cannot be said whether the guard would cut it off", host=host),
            where=where,
            next_step=t("write the address into agent.toml, or the name into /etc/hosts"),
        )
    for each in addresses:
        if not rule.allows(each):
            raise SafetyRefusal(
                t("the guard would cut the terminal off from its controller at {address}", address=str(each)),
                where=where,
                next_step=t("add the controller's network to networks"),
            )


def _cut_off(place: Place, address: str) -> ConfigError:
    return place.error(
        t("the controller's address {address} is in none of the networks", address=address),
        t("add the controller's network, or the terminal is cut off from it"),
    )


def _layout() -> Section:
    seconds = t("whole seconds from {low} to {high}", low=10, high=3600)
    return Section(
        name="guard",
        about=t("What this terminal may speak with; everything else is denied, in every direction."),
        keys=(
            Key("networks", _each(_network), t("the site's networks"), t("a list of networks such as 10.1.0.0/24"),
                '["10.1.0.0/24"]', required=True),
            Key("time", _each(_time_source), t("time servers outside the networks"), t("a list of addresses"), "[]",
                ()),
            Key("dhcp", flag, t("whether this terminal gets its address by DHCP"), t("true or false"), "true", True),
            Key("outside_name", host, t("a name that no resolver of the site may know"), t("a host name"),
                '"www.gov.cn"', "www.gov.cn"),
            Key("every_seconds", integer(10, 3600), t("how often it is proved"), seconds, "60", EVERY_SECONDS),
            Key("tell_minutes", integer(1, 720), t("how often the proof is told when nothing changes"), t("1 to 720"),
                "60", TELL_MINUTES),
        ),
        build=_build,
        sections=(
            _targets("controls", t("Who inside the site must answer, by each kind of probe.")),
            _targets("canaries", t("Who outside the site must never answer.")),
        ),
    )  # fmt: skip


def _targets(name: str, about: Text) -> Section:
    addresses, ports = t("a list of addresses"), t("a list of addresses with ports")
    return Section(
        name=name,
        about=about,
        keys=(
            Key("icmp", _each(_target(ProbeKind.ICMP)), t("echo"), addresses, '["10.1.0.2"]', ()),
            Key("tcp", _each(_target(ProbeKind.TCP)), t("a connection"), ports, '["10.1.0.2:8883"]', ()),
            Key("udp", _each(_target(ProbeKind.UDP)), t("a datagram (an NTP question)"), ports, '["10.1.0.2:123"]', ()),
            Key("dns", _each(_target(ProbeKind.DNS)), t("a DNS question"), ports, "[]", ()),
        ),
        build=lambda values, _: tuple(each for kind in ("icmp", "tcp", "udp", "dns") for each in values[kind]),
    )  # fmt: skip


def _build(values: dict[str, Any], place: Place) -> GuardRule:
    networks: tuple[Network, ...] = values["networks"]
    if not networks:
        raise place.at("networks").error(t("no network is named"), t("name at least the network of the controller"))
    if len(networks) > MOST_PLACES:
        raise place.at("networks").error(
            t("there are more than {count}", count=MOST_PLACES), t("name fewer, larger networks")
        )
    rule = GuardRule(
        (*collapse_addresses(each for each in networks if isinstance(each, IPv4Network)),
         *collapse_addresses(each for each in networks if isinstance(each, IPv6Network))),
        values["time"], values["dhcp"], values["controls"], values["canaries"], values["outside_name"],
        values["every_seconds"], values["tell_minutes"] * 60,
    )  # fmt: skip
    for name, targets, inside in (("controls", rule.controls, True), ("canaries", rule.canaries, False)):
        if len(targets) > MOST_PROBES:
            raise place.at(name).error(t("there are more than {count}", count=MOST_PROBES), t("name fewer"))
        for each in targets:
            if rule.allows(each.address) != inside:
                what = t("{target} is not in the networks", target=str(each)) if inside else t(
                    "{target} is in the networks, so it is no way out", target=str(each))  # fmt: skip
                raise place.at(name).at(each.kind.value).error(what)
    return rule


def _each(read: Callable[[str], Any]) -> Callable[[object, Place], tuple[Any, ...]]:
    def read_all(raw: object, place: Place) -> tuple[Any, ...]:
        return tuple(
            place.at(index).checked(read, item if isinstance(item, str) else repr(item))
            for index, item in enumerate(a_list(raw, place))
        )

    return read_all


def _network(text: str) -> Network:
    try:
        network = ip_network(text)
    except ValueError:
        raise _no(
            t("{text} is not a network", text=shown(text)), t("write it as 10.1.0.0/24, the host's part zero")
        ) from None
    private = any(network.version == each.version and network.subnet_of(each) for each in _PRIVATE)  # type: ignore[arg-type]
    special = network.is_multicast or network.is_loopback or network.is_link_local or network.is_unspecified
    if special or (not private and network.prefixlen < _SHORTEST[network.version]):
        raise _no(
            t("{text} is more, or other, than a site's network", text=shown(text)), t("name the site's own networks")
        )
    return network


def _time_source(text: str) -> Address:
    address, _ = _parsed(text)
    return address


def _target(kind: ProbeKind) -> Callable[[str], Target]:
    def read(text: str) -> Target:
        address, port = _parsed(text)
        port = port or _PORTS.get(kind, 0)
        if (kind is ProbeKind.ICMP) != (port == 0):
            wanted = t("an address without a port") if kind is ProbeKind.ICMP else t("an address with a port")
            raise _no(
                t("{text} is not {wanted}", text=shown(text), wanted=wanted), t("write 10.1.0.2:443 or [fd00::2]:443")
            )
        if any(address in each for each in _NOBODY):
            raise _no(
                t("nobody can ever answer at {text}", text=shown(text)), t("name a server that answers on the internet")
            )
        return Target(kind, address, port)

    return read


def _parsed(text: str) -> tuple[Address, int]:
    given, port = split_target(text)
    address = ip_address(given)
    if address.is_multicast or address.is_unspecified or address.is_loopback or address.is_link_local:
        raise _no(t("{text} is not the address of one machine", text=shown(text)), t("name a server's own address"))
    return address, port


def _no(what: Text, next_step: Text) -> InputError:
    return InputError(what, next_step=next_step)


def content(path: Path) -> bytes | None:
    """Give the file's bytes, by which a change is noticed; None when it cannot be read."""
    with suppress(OSError):
        return path.read_bytes()
    return None
