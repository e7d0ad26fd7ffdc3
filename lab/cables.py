"""The cables: every switch port is one end of a veth pair; the other is in a host, in another switch, or lies loose.

A cable that is pulled out of a host goes to the namespace of loose ends, where it stays down: the switch sees no link.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from lab.hosts.station import INTERFACE
from lab.net import checksums_in_software, control_socket, ip_batch, quiet, sysctl
from lab.site import CONTROLLER, CONTROLLER_LINK, LOOSE, MANAGEMENT, PREFIX, SITE, HostSpec, SiteSpec
from policies.errors import NotFound, UsageError
from policies.texts import t

#: The switches' own interface on the management network.
MANAGEMENT_LINK = "mgmt0"


@dataclass(frozen=True, slots=True)
class Plugged:
    """Where a host's cable leads (switch, its interface), and the MAC that the host shows there."""

    switch: str
    interface: str
    mac: str


def first_cables(site: SiteSpec = SITE) -> dict[str, Plugged]:
    """Say what the installer plugged in where, by host."""
    return {
        host.name: Plugged(host.switch, site.switch[host.switch].interface(host.port), host.mac)
        for host in site.hosts
        if host.switch
    }


def load_cables(path: Path) -> dict[str, Plugged]:
    """Read where the hosts are plugged in now."""
    return {name: Plugged(**entry) for name, entry in json.loads(path.read_text("utf-8")).items()}


def save_cables(path: Path, cables: dict[str, Plugged]) -> None:
    """Write where the hosts are plugged in now, all or nothing."""
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps({name: asdict(entry) for name, entry in cables.items()}, indent=1), "utf-8")
    fresh.replace(path)


def lay(site: SiteSpec = SITE) -> None:
    """Make all namespaces and all cables, and plug the hosts in where the installer did."""
    ip_batch(f"netns add {name}" for name in site.namespaces())
    for name in site.namespaces():
        quiet(name)
    ends = [tuple((name, site.switch[name].interface(port)) for name, port in (up.a, up.b)) for up in site.uplinks]
    between = {end for pair in ends for end in pair}
    holders = {(entry.switch, entry.interface): host for host, entry in first_cables(site).items()}
    lines = [_veth(*a, PREFIX + b[0], b[1]) for a, b in ends]
    for switch in site.switches:
        for interface in switch.ports.values():
            end = (switch.name, interface)
            if end in holders:
                lines.append(_veth(*end, PREFIX + holders[end], INTERFACE))
            elif end not in between:
                lines.append(_veth(*end, PREFIX + LOOSE, loose_name(*end)))
    ip_batch(lines)
    _lay_management(site)
    for name, entry in first_cables(site).items():
        dress(site.host[name], entry.mac)


def _veth(switch: str, interface: str, netns: str, peer: str) -> str:
    return f"link add {interface} netns {PREFIX}{switch} type veth peer name {peer} netns {netns}"


def loose_name(switch: str, interface: str) -> str:
    """Name a cable's end while nothing is plugged in."""
    return f"{switch}-{interface}"


def lift(switch: str, site: SiteSpec = SITE, *, up: bool = True) -> None:
    """Bring the ports of `switch` up (or down), as its power does."""
    state = "up" if up else "down"
    ip_batch((f"link set {port} {state}" for port in site.switch[switch].ports.values()), PREFIX + switch)


def dress(host: HostSpec, mac: str) -> None:
    """Give the host's cable its MAC and address, and bring it up."""
    netns = PREFIX + host.name
    lines = [f"link set {INTERFACE} address {mac}", f"addr replace {host.ip}/24 dev {INTERFACE}"]
    ip_batch([*lines, "link set lo up", f"link set {INTERFACE} up"], netns)
    with control_socket(netns) as control:
        checksums_in_software(control, INTERFACE)


def unplug(host: str, entry: Plugged) -> None:
    """Pull the cable out of `host`."""
    netns = PREFIX + host
    back = loose_name(entry.switch, entry.interface)
    ip_batch([f"link set {INTERFACE} down", f"link set {INTERFACE} netns {PREFIX}{LOOSE} name {back}"], netns)


def plug(host: HostSpec, entry: Plugged) -> None:
    """Plug the loose cable of `entry` into `host`."""
    end = loose_name(entry.switch, entry.interface)
    ip_batch([f"link set {end} netns {PREFIX}{host.name} name {INTERFACE}"], PREFIX + LOOSE)
    dress(host, entry.mac)


def find_port(switch: str, port: str, site: SiteSpec = SITE) -> tuple[str, str]:
    """Give (switch, interface) of a port where a host can be plugged in; UsageError when there is none."""
    if switch not in site.switch:
        raise NotFound(t("the lab has no switch '{switch}'", switch=switch))
    try:
        interface = site.switch[switch].interface(port)
    except KeyError:
        raise NotFound(t("the switch has no port '{port}'", port=port), where=switch) from None
    if interface in {site.switch[switch].interface(name) for name in site.uplink_ports(switch)}:
        raise UsageError(t("port '{port}' is an uplink of the lab", port=port), where=switch)
    return switch, interface


def _lay_management(site: SiteSpec) -> None:
    """Make the management network.

    A router that answers ARP for every switch, instead of a bridge: it needs no kernel module, and one veth at this
    machine's side reaches all switches.
    """
    router = PREFIX + MANAGEMENT
    links = {"controller": CONTROLLER, **{switch.name: switch.host for switch in site.switches}}
    lines = [f"link add {CONTROLLER_LINK} type veth peer name controller netns {router}"]
    veth = f"link add {{0}} netns {router} type veth peer name {MANAGEMENT_LINK} netns {PREFIX}{{0}}"
    lines += [veth.format(switch.name) for switch in site.switches]
    ip_batch(lines)
    routes = [f"route add {address}/32 dev {name}" for name, address in links.items()]
    ups = [f"link set {name} up" for name in ("lo", *links)]
    ip_batch(["addr add 198.18.0.254/32 dev lo", *ups, *routes], router)
    delays = {f"net/ipv4/neigh/{name}/proxy_delay": "0" for name in links}
    sysctl(router, {"net/ipv4/ip_forward": "1", "net/ipv4/conf/all/proxy_arp": "1", **delays})
    for switch in site.switches:
        up = [f"addr add {switch.host}/24 dev {MANAGEMENT_LINK}", f"link set {MANAGEMENT_LINK} up", "link set lo up"]
        ip_batch(up, PREFIX + switch.name)
    with suppress(FileNotFoundError):
        Path(f"/proc/sys/net/ipv6/conf/{CONTROLLER_LINK}/disable_ipv6").write_text("1", "ascii")
    ip_batch([f"addr add {CONTROLLER}/24 dev {CONTROLLER_LINK}", f"link set {CONTROLLER_LINK} up"])
