"""Names and addresses: every spelling that equipment and people use, turned into one, and back."""

from policies.names.interface import Interface, canonical, parse_interface, port_key, spell
from policies.names.ip import is_host_ip, parse_ip
from policies.names.mac import (
    is_local,
    is_multicast,
    is_unicast,
    mac_colons,
    mac_dashed4,
    mac_dotted,
    mac_from_octets,
    parse_mac,
)
from policies.names.ranges import expand_ports
from policies.names.vlans import format_vlans, parse_vlan, parse_vlans

__all__ = [
    "Interface",
    "canonical",
    "expand_ports",
    "format_vlans",
    "is_host_ip",
    "is_local",
    "is_multicast",
    "is_unicast",
    "mac_colons",
    "mac_dashed4",
    "mac_dotted",
    "mac_from_octets",
    "parse_interface",
    "parse_ip",
    "parse_mac",
    "parse_vlan",
    "parse_vlans",
    "port_key",
    "spell",
]
