"""Huawei VRP5: how settings are written, and in which order.

`port-security enable` comes before everything that depends on it and goes after it; a link type is left only with its
VLANs put back.
"""

from __future__ import annotations

from drivers.dialect import Items, Set
from policies.model import PortMode, Violation

_MAC = "port-security mac-address"
_TRUNK = "port trunk allow-pass vlan"
_NEGOTIATES = (PortMode.DYNAMIC, PortMode.DYNAMIC_AUTO, PortMode.DYNAMIC_DESIRABLE)

SETTINGS: dict[str, Set | Items] = {
    "mode": Set(
        by_value={
            PortMode.ACCESS: ("port link-type access",),
            PortMode.TRUNK: ("port link-type trunk",),
            PortMode.DYNAMIC: ("undo port link-type",),
            PortMode.DYNAMIC_AUTO: ("port link-type negotiation-auto",),
            PortMode.DYNAMIC_DESIRABLE: ("port link-type negotiation-desirable",),
        },
        leave={
            PortMode.ACCESS: ("undo port default vlan",),
            PortMode.TRUNK: ("undo port trunk pvid vlan", f"undo {_TRUNK} all", f"{_TRUNK} 1"),
        },
    ),
    "access_vlan": Set(
        value=("port default vlan {value}",),
        by_value={1: ("undo port default vlan",)},
        default=1,
        modes=frozenset({PortMode.ACCESS, *_NEGOTIATES}),
    ),
    "native_vlan": Set(
        value=("port trunk pvid vlan {value}",),
        by_value={1: ("undo port trunk pvid vlan",)},
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
    "secure": Set(by_value={True: ("port-security enable",), False: ("undo port-security enable",)}),
    "maximum": Set(value=("port-security max-mac-num {value}",), by_value={1: ("undo port-security max-mac-num",)}),
    "violation": Set(
        value=("port-security protect-action {value}",),
        by_value={Violation.RESTRICT: ("undo port-security protect-action",)},
    ),
    "sticky": Set(by_value={True: (f"{_MAC} sticky",), False: (f"undo {_MAC} sticky",)}),
    "secure_macs": Items(
        add=(f"{_MAC} {{mac_dashed}} vlan {{vlan}}",),
        remove=(f"undo {_MAC} {{mac_dashed}} vlan {{vlan}}",),
        add_sticky=(f"{_MAC} sticky {{mac_dashed}} vlan {{vlan}}",),
        remove_sticky=(f"undo {_MAC} sticky {{mac_dashed}} vlan {{vlan}}",),
    ),
    # Without the VLAN the undo also takes away an entry that was written without one.
    "ip_bindings": Items(
        add=("user-bind static ip-address {ip} mac-address {mac_dashed} interface {port} vlan {vlan}",),
        remove=("undo user-bind static ip-address {ip} mac-address {mac_dashed} interface {port}",),
        where="config",
    ),
    "source_guard": Set(
        by_value={True: ("ip source check user-bind enable",), False: ("undo ip source check user-bind enable",)}
    ),
    "admin_up": Set(by_value={True: ("undo shutdown",), False: ("shutdown",)}),
    "description": Set(value=("description {value}",), clear=("undo description",)),
}
ORDER = (
    ("admin_up", "off"),
    ("source_guard", "off"),
    ("ip_bindings", "remove"),
    ("secure_macs", "remove"),
    ("sticky", "off"),
    ("mode", "set"),
    ("access_vlan", "set"),
    ("native_vlan", "set"),
    ("allowed_vlans", "set"),
    ("secure", "on"),
    ("maximum", "set"),
    ("violation", "set"),
    ("sticky", "on"),
    ("secure_macs", "add"),
    ("secure", "off"),
    ("ip_bindings", "add"),
    ("source_guard", "on"),
    ("description", "set"),
    ("admin_up", "on"),
)
