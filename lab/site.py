"""What the virtual site is, as data: switches, hosts, cables, addresses. Nothing here starts anything.

The addresses are those of RFC 2544 (198.18.0.0/15, never routed): 198.18.0.0/24 is the management network, on which
this machine is 198.18.0.1; 198.18.100.0/24 is the face-recognition VLAN 100. MACs are locally administered and fixed,
so that a reader of a dump knows who speaks: 02:ca cameras, 02:ee recorder, 02:5e server, 02:7e terminals, 02:ba rogue.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

#: Every namespace and root-side interface of the lab begins with this; `down` removes what does.
PREFIX = "psl-"
#: Everything the lab writes at run time is below this folder (mode 0700).
RUN = Path("/run/portseal-lab")
#: Environment variable that marks every process of the lab, whatever namespace it is in.
MARK = "PORTSEAL_LAB"
#: This machine's interface and address on the management network.
CONTROLLER_LINK = "psl-mgmt0"
CONTROLLER = "198.18.0.1"
#: Where loose cable ends and the process that plays the hosts live; the router of the management network.
LOOSE = "loose"
MANAGEMENT = "mgmt"

FACE_VLAN = 100
QUARANTINE_VLAN = 998
BLACKHOLE_VLAN = 999

#: UDP port on which the recorder takes the cameras' streams.
STREAM_PORT = 5004
#: UDP port on which the controller takes the switches' notifications; 162 would need root.
TRAP_PORT = 10162


@dataclass(frozen=True, slots=True)
class SwitchSpec:
    """A switch of the site. `ports` maps the name its user knows to the data plane's interface name."""

    name: str
    platform: str
    host: str
    ports: dict[str, str] = field(hash=False)

    def interface(self, port: str) -> str:
        """Give the data plane's name of `port`, which may be given by either name; KeyError if there is none."""
        return port if port in self.ports.values() else self.ports[port]

    @property
    def bare(self) -> bool:
        """Whether this is Open vSwitch itself, without an emulated vendor in front."""
        return self.platform == "openvswitch"


@dataclass(frozen=True, slots=True)
class HostSpec:
    """A host: `switch` and `port` are where the installer plugged it, empty when it lies on the shelf.

    `every` is the number of seconds between two datagrams that it sends to `talks_to`; 0 for a silent host.
    """

    name: str
    role: str
    mac: str
    ip: str
    switch: str = ""
    port: str = ""
    place: str = ""
    every: float = 1.0
    talks_to: str = "nvr1"


@dataclass(frozen=True, slots=True)
class Uplink:
    """A cable between two switches, by the ports' user names, and the VLANs that its trunk carries."""

    a: tuple[str, str]
    b: tuple[str, str]
    vlans: frozenset[int] = frozenset({FACE_VLAN})


@dataclass(frozen=True)
class SiteSpec:
    """The whole site; the same code can run another one."""

    switches: tuple[SwitchSpec, ...]
    hosts: tuple[HostSpec, ...]
    uplinks: tuple[Uplink, ...]

    @cached_property
    def switch(self) -> MappingProxyType[str, SwitchSpec]:
        """The switches by name."""
        return MappingProxyType({switch.name: switch for switch in self.switches})

    @cached_property
    def host(self) -> MappingProxyType[str, HostSpec]:
        """The hosts by name."""
        return MappingProxyType({host.name: host for host in self.hosts})

    def uplink_ports(self, switch: str) -> dict[str, frozenset[int]]:
        """Give the uplink ports of `switch` by user name, each with the VLANs that it carries."""
        ends = [(end, link.vlans) for link in self.uplinks for end in (link.a, link.b)]
        return {port: vlans for (name, port), vlans in ends if name == switch}

    def namespaces(self) -> tuple[str, ...]:
        """Name all network namespaces of the site."""
        names = (MANAGEMENT, LOOSE, *self.switch, *self.host)
        return tuple(PREFIX + name for name in names)


def _gigabit(count: int) -> dict[str, str]:
    return {f"GigabitEthernet1/0/{number}": f"p{number}" for number in range(1, count + 1)}


def _camera(number: int, switch: str, port: str) -> HostSpec:
    mac = f"02:ca:00:00:00:{number:02d}"
    return HostSpec(
        f"cam{number:02d}", "camera", mac, f"198.18.100.{100 + number}", switch, port, f"杆{number:02d}", 0.1
    )


def _gi(number: int) -> str:
    return f"GigabitEthernet1/0/{number}"


#: The site of the demonstration and of the tests.
DEFAULT = SiteSpec(
    switches=(
        SwitchSpec("sw1", "openvswitch", "198.18.0.11", {f"eth{n}": f"eth{n}" for n in range(1, 13)}),
        SwitchSpec("sw2", "cisco_ios", "198.18.0.12", _gigabit(24)),
        SwitchSpec("sw3", "cisco_ios", "198.18.0.13", _gigabit(24)),
    ),
    hosts=(
        *(_camera(n, "sw1", f"eth{n}") for n in range(1, 5)),
        *(_camera(n, "sw2", _gi(n - 4)) for n in range(5, 10)),
        *(_camera(n, "sw3", _gi(n - 9)) for n in range(10, 15)),
        HostSpec("nvr1", "recorder", "02:ee:00:00:00:01", "198.18.100.10", "sw2", _gi(21), "机房", talks_to="srv1"),
        HostSpec("srv1", "server", "02:5e:00:00:00:01", "198.18.100.20", "sw2", _gi(22), "机房"),
        HostSpec("term1", "terminal", "02:7e:00:00:00:01", "198.18.100.31", "sw2", _gi(11), "值班室"),
        HostSpec("term2", "terminal", "02:7e:00:00:00:02", "198.18.100.32", "sw3", _gi(11), "值班室"),
        HostSpec("rogue", "rogue", "02:ba:d0:00:00:66", "198.18.100.66", "sw2", _gi(10)),
        HostSpec("cam15", "camera", "02:ca:00:00:00:15", "198.18.100.115", place="备件", every=0.1),
    ),
    uplinks=(
        Uplink(("sw1", "eth12"), ("sw2", _gi(24))),
        Uplink(("sw2", _gi(23)), ("sw3", _gi(24))),
    ),
)


def _ports(stem: str, count: int) -> dict[str, str]:
    return {f"{stem}{number}": f"p{number}" for number in range(1, count + 1)}


#: Emulated switches of the site with one of each vendor: name, platform, address, the stem of its ports, its uplink.
_EMULATED = (
    ("sw2", "cisco_ios", "198.18.0.12", "GigabitEthernet1/0/", "eth12"),
    ("sw4", "huawei_vrp", "198.18.0.14", "GigabitEthernet0/0/", "eth11"),
    ("sw5", "huawei_vrpv8", "198.18.0.15", "GE1/0/", "eth10"),
    ("sw6", "h3c_comware", "198.18.0.16", "GigabitEthernet1/0/", "eth9"),
    ("sw7", "ruijie_os", "198.18.0.17", "GigabitEthernet 0/", "eth8"),
)
#: One switch of each vendor around the bare one, with two cameras and a free port (3) each; the rogue is on the first.
VENDORS = SiteSpec(
    switches=(
        SwitchSpec("sw1", "openvswitch", "198.18.0.11", {f"eth{n}": f"eth{n}" for n in range(1, 13)}),
        *(SwitchSpec(name, platform, host, _ports(stem, 12)) for name, platform, host, stem, _ in _EMULATED),
    ),
    hosts=(
        *(
            _camera(2 * at + n, name, f"{stem}{n}")
            for at, (name, _, _, stem, _) in enumerate(_EMULATED)
            for n in (1, 2)
        ),
        HostSpec("nvr1", "recorder", "02:ee:00:00:00:01", "198.18.100.10", "sw1", "eth1", "机房", talks_to="srv1"),
        HostSpec("srv1", "server", "02:5e:00:00:00:01", "198.18.100.20", "sw1", "eth2", "机房"),
        HostSpec("rogue", "rogue", "02:ba:d0:00:00:66", "198.18.100.66", "sw2", f"{_EMULATED[0][3]}3"),
    ),
    uplinks=tuple(Uplink(("sw1", up), (name, f"{stem}12")) for name, _, _, stem, up in _EMULATED),
)

#: Environment variable that names the site to run; without it, DEFAULT.
CHOICE = "PORTSEAL_LAB_SITE"
SITES = {"default": DEFAULT, "vendors": VENDORS}
#: The site that this process runs; a name that is none is refused by `lab up`.
SITE = SITES.get(os.environ.get(CHOICE, "default"), DEFAULT)
