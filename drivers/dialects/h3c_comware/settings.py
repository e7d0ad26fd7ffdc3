"""H3C and HPE Comware: how settings are written, and in which order.

MACs come before the mode that shuts everybody else out, and change without it: the port stays sealed meanwhile.
"""

from __future__ import annotations

from drivers.dialect import Items, Set
from policies.model import PortMode, Violation

_TRUNK = "port trunk permit vlan"

SETTINGS: dict[str, Set | Items] = {
    "mode": Set(
        by_value={
            PortMode.ACCESS: ("port link-type access",),
            PortMode.TRUNK: ("port link-type trunk",),
        }
    ),
    "access_vlan": Set(
        value=("port access vlan {value}",),
        by_value={1: ("undo port access vlan",)},
        default=1,
        modes=frozenset({PortMode.ACCESS}),
    ),
    "native_vlan": Set(
        value=("port trunk pvid vlan {value}",),
        by_value={1: ("undo port trunk pvid",)},
        default=1,
        modes=frozenset({PortMode.TRUNK}),
    ),
    # The command adds to what the port carries.
    "allowed_vlans": Set(
        value=(f"undo {_TRUNK} all", f"{_TRUNK} {{value_to}}"),
        by_value={frozenset(range(1, 4095)): (f"{_TRUNK} all",)},
        clear=(f"undo {_TRUNK} all",),
        default=frozenset({1}),
        modes=frozenset({PortMode.TRUNK}),
    ),
    "violation": Set(
        by_value={
            Violation.PROTECT: ("undo port-security intrusion-mode",),
            Violation.RESTRICT: ("port-security intrusion-mode blockmac",),
            Violation.SHUTDOWN: ("port-security intrusion-mode disableport",),
        }
    ),
    "secure_macs": Items(
        add=("mac-address static {mac_dashed} vlan {vlan}",),
        remove=("undo mac-address static {mac_dashed} vlan {vlan}",),
        add_sticky=("port-security mac-address security sticky {mac_dashed} vlan {vlan}",),
        remove_sticky=("undo port-security mac-address security sticky {mac_dashed} vlan {vlan}",),
    ),
    # Port security is switched on for the whole switch here: without it the mode is kept and not in force.
    "secure": Set(
        by_value={
            True: ("quit", "port-security enable", "interface {port}", "port-security port-mode secure"),
            False: ("undo port-security port-mode",),
        }
    ),
    "ip_bindings": Items(
        add=("ip source binding ip-address {ip} mac-address {mac_dashed}",),
        remove=("undo ip source binding ip-address {ip} mac-address {mac_dashed}",),
    ),
    "source_guard": Set(
        by_value={True: ("ip verify source ip-address mac-address",), False: ("undo ip verify source",)}
    ),
    "admin_up": Set(by_value={True: ("undo shutdown",), False: ("shutdown",)}),
    "description": Set(value=("description {value}",), clear=("undo description",)),
}
ORDER = (
    ("admin_up", "off"),
    ("source_guard", "off"),
    ("secure", "off"),
    ("ip_bindings", "remove"),
    ("secure_macs", "remove"),
    ("mode", "set"),
    ("access_vlan", "set"),
    ("native_vlan", "set"),
    ("allowed_vlans", "set"),
    ("violation", "set"),
    ("secure_macs", "add"),
    ("secure", "on"),
    ("ip_bindings", "add"),
    ("source_guard", "on"),
    ("description", "set"),
    ("admin_up", "on"),
)
