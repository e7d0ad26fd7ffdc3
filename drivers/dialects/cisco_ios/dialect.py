"""Cisco IOS and IOS-XE, Catalyst access switches.

Commands: Catalyst 2960-X guide (port-security, IP source guard). Order: mode and VLAN first, since port security is
refused on a dynamic port; members while security is off; `switchport port-security` last, so that the port never
judges its own device by a half-written list.
"""

from drivers.dialect import Dialect, Items, Save, Set, Tested
from drivers.dialects.cisco_ios.reads import READS
from drivers.dialects.cisco_ios.secrets import SECRETS
from policies.model import PortMode, Violation

_SECURITY = "switchport port-security"

DIALECT = Dialect(
    platform="cisco_ios",
    title="Cisco IOS / IOS-XE",
    prompt=r"(?P<host>[A-Za-z0-9][\w.\-/]{0,62})[>#] ?",
    config_prompt=r"(?P<host>[A-Za-z0-9][\w.\-/]{0,62})\(config\)# ?",
    interface_prompt=r"(?P<host>[A-Za-z0-9][\w.\-/]{0,62})\(config-[\w\-]+\)# ?",
    enable=("enable", r"[Pp]assword: ?$"),
    on_open=("terminal length 0", "terminal width 511"),
    enter_config=("configure terminal",),
    leave_config=("end",),
    enter_interface="interface {port}",
    leave_interface=("exit",),
    pager=r" ?--More-- ?$",
    failure=(
        r"^% ?(?:Invalid input|Incomplete command|Ambiguous command|Unrecognized command|Unknown|Bad|Error)[^\n]*",
        r"^(?:Command (?:rejected|authorization failed)|% ?Authorization failed)[^\n]*",
    ),
    failure_config=(
        r"^[^\n]*(?:Found duplicate mac-address|has reached maximum limit)[^\n]*",
        r"^%(?!.*(?:-\d-|Access VLAN does not exist))[^\n]*(?:[Ff]ail|reject|not allowed|denied|exceed)[^\n]*",
    ),
    settings={
        "mode": Set(
            by_value={
                PortMode.ACCESS: ("switchport mode access",),
                PortMode.TRUNK: ("switchport mode trunk",),
                PortMode.DYNAMIC: ("no switchport mode",),
                PortMode.DYNAMIC_AUTO: ("switchport mode dynamic auto",),
                PortMode.DYNAMIC_DESIRABLE: ("switchport mode dynamic desirable",),
            }
        ),
        "access_vlan": Set(value=("switchport access vlan {value}",)),
        "native_vlan": Set(value=("switchport trunk native vlan {value}",)),
        "allowed_vlans": Set(
            value=("switchport trunk allowed vlan {value}",),
            by_value={frozenset(range(1, 4095)): ("no switchport trunk allowed vlan",)},
            clear=("switchport trunk allowed vlan none",),
        ),
        "maximum": Set(value=(f"{_SECURITY} maximum {{value}}",), by_value={1: (f"no {_SECURITY} maximum",)}),
        "violation": Set(
            value=(f"{_SECURITY} violation {{value}}",),
            by_value={Violation.SHUTDOWN: (f"no {_SECURITY} violation",)},
        ),
        "sticky": Set(
            by_value={True: (f"{_SECURITY} mac-address sticky",), False: (f"no {_SECURITY} mac-address sticky",)}
        ),
        "secure_macs": Items(
            add=(f"{_SECURITY} mac-address {{mac_dotted}}",),
            remove=(f"no {_SECURITY} mac-address {{mac_dotted}}",),
            add_sticky=(f"{_SECURITY} mac-address sticky {{mac_dotted}}",),
            remove_sticky=(f"no {_SECURITY} mac-address sticky {{mac_dotted}}",),
        ),
        "secure": Set(by_value={True: (_SECURITY,), False: (f"no {_SECURITY}",)}),
        "ip_bindings": Items(
            add=("ip source binding {mac_dotted} vlan {vlan} {ip} interface {port}",),
            remove=("no ip source binding {mac_dotted} vlan {vlan} {ip} interface {port}",),
            where="config",
        ),
        "source_guard": Set(by_value={True: ("ip verify source",), False: ("no ip verify source",)}),
        "admin_up": Set(by_value={True: ("no shutdown",), False: ("shutdown",)}),
        "description": Set(value=("description {value}",), clear=("no description",)),
    },
    quiesce={"secure": frozenset({"secure_macs", "maximum", "mode", "access_vlan", "sticky"})},
    order=(
        ("admin_up", "off"),
        ("source_guard", "off"),
        ("secure", "off"),
        ("sticky", "off"),
        ("ip_bindings", "remove"),
        ("secure_macs", "remove"),
        ("mode", "set"),
        ("access_vlan", "set"),
        ("native_vlan", "set"),
        ("allowed_vlans", "set"),
        ("maximum", "set"),
        ("violation", "set"),
        ("sticky", "on"),
        ("secure_macs", "add"),
        ("secure", "on"),
        ("ip_bindings", "add"),
        ("source_guard", "on"),
        ("description", "set"),
        ("admin_up", "on"),
    ),
    vlan_add=("vlan {vlan}", "name {name}", "exit"),
    vlan_remove=("no vlan {vlan}",),
    recover=("shutdown", "no shutdown"),
    save=Save(
        "copy running-config startup-config",
        answers=((r"Destination filename \[startup-config\]\? ?", ""), (r"\[confirm\] ?", "")),
        done=r"\[OK\]\s*$|\d+ bytes copied",
    ),
    reads=READS,
    capabilities=frozenset(
        {
            "mode",
            "access_vlan",
            "native_vlan",
            "allowed_vlans",
            "secure",
            "maximum",
            "violation",
            "sticky",
            "secure_macs",
            "ip_bindings",
            "source_guard",
            "admin_up",
            "description",
            "vlans",
            "startup",
        }
    ),
    rollback="watchdog",
    secrets=SECRETS,
    volatile=(
        r"^! (?:Last configuration change|NVRAM config last updated|No configuration change)",
        r"^(?:Building configuration|Current configuration|Using \d+ out of)",
        r"^ntp clock-period ",
        r"^!\s*$",
        r"^\s*$",
    ),
    tested_on=(
        Tested("Catalyst, several", "12.x–16.x", "2026-11-22", "recorded", "reads only: ntc-templates, genieparser"),
        Tested("virtual switch of the lab", "15.2-like persona", "2026-11-22", "emulated", "all writes"),
    ),
)
