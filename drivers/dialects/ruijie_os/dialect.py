"""Ruijie RGOS, access switches: experimental.

Nobody has shown what a real switch answers to the security commands, so a site must allow writing (see
`experimental_writes` in site.toml). The commands are those of the configuration guides, which follow Cisco's; the
order is Cisco's too: mode and VLAN first, members while security is off, security last.
"""

from drivers.dialect import Dialect, Items, Save, Set, Tested
from drivers.dialects.ruijie_os.reads import READS
from drivers.dialects.ruijie_os.secrets import SECRETS
from policies.model import PortMode, Violation

_SECURITY = "switchport port-security"
_HOST = r"(?P<host>[A-Za-z0-9][\w.\-/]{0,62})"

DIALECT = Dialect(
    platform="ruijie_os",
    title="Ruijie RGOS",
    prompt=rf"{_HOST}[>#] ?",
    config_prompt=rf"{_HOST}\(config\)# ?",
    # RGOS 11 names the interface, with its blank: Ruijie(config-if-GigabitEthernet 0/1)#
    interface_prompt=rf"{_HOST}\(config-[\w\-]+(?: [\d/.:]+)?\)# ?",
    enable=("enable", r"[Pp]assword: ?$"),
    on_open=("terminal length 0", "terminal width 256"),
    enter_config=("configure terminal",),
    leave_config=("end",),
    enter_interface="interface {port}",
    leave_interface=("exit",),
    pager=r" ?--More-- ?$",
    failure=(
        r"^\s*% ?(?:Invalid input|Incomplete command|Ambiguous command|Unrecognized|Unknown|User doesn't have)[^\n]*",
        r"^\s*(?:Command (?:rejected|authorization failed)|Permission denied)[^\n]*",
    ),
    failure_config=(
        (
            r"^\s*%(?!.*-\d-)[^\n]*(?:[Ff]ail|[Ee]rror|reject|not allowed|[Dd]enied|exceed|[Cc]an ?not|[Cc]an't|"
            r"not support|conflict|exist|reach|full)[^\n]*"
        ),
        r"^\s*(?:Error|Failed)\b[^\n]*",
    ),
    settings={
        "mode": Set(
            by_value={PortMode.ACCESS: ("switchport mode access",), PortMode.TRUNK: ("switchport mode trunk",)}
        ),
        "access_vlan": Set(value=("switchport access vlan {value}",)),
        "maximum": Set(value=(f"{_SECURITY} maximum {{value}}",), by_value={128: (f"no {_SECURITY} maximum",)}),
        "violation": Set(
            value=(f"{_SECURITY} violation {{value}}",),
            by_value={Violation.PROTECT: (f"no {_SECURITY} violation",)},
        ),
        "sticky": Set(
            by_value={True: (f"{_SECURITY} mac-address sticky",), False: (f"no {_SECURITY} mac-address sticky",)}
        ),
        "secure_macs": Items(
            add=(f"{_SECURITY} mac-address {{mac_dotted}} vlan {{vlan}}",),
            remove=(f"no {_SECURITY} mac-address {{mac_dotted}} vlan {{vlan}}",),
            add_sticky=(f"{_SECURITY} mac-address sticky {{mac_dotted}} vlan {{vlan}}",),
            remove_sticky=(f"no {_SECURITY} mac-address sticky {{mac_dotted}} vlan {{vlan}}",),
        ),
        "secure": Set(by_value={True: (_SECURITY,), False: (f"no {_SECURITY}",)}),
        "ip_bindings": Items(
            add=("ip source binding {mac_dotted} vlan {vlan} {ip} interface {port}",),
            remove=("no ip source binding {mac_dotted} vlan {vlan} {ip} interface {port}",),
            where="config",
        ),
        "source_guard": Set(by_value={True: ("ip verify source port-security",), False: ("no ip verify source",)}),
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
    save=Save("write", answers=((r"(?:\[[Yy](?:es)?/[Nn]o?\]|\[confirm\]):? ?", "y"),), done=r"\[OK\]|[Ss]uccess"),
    reads=READS,
    capabilities=frozenset(
        {
            "mode",
            "access_vlan",
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
    volatile=(r"^\s*!", r"^(?:Building configuration|Current configuration)", r"^\s*$"),
    tested_on=(
        Tested(
            "virtual switch of the lab",
            "RGOS 11.4-like persona",
            "2026-11-30",
            "emulated",
            "bindings, moves and releases, reverted",
        ),
        Tested(
            "RG-S2628G-E, RG-S5760C and others",
            "RGOS 10.4, 11.x, 12.6",
            "2026-11-30",
            "documentation",
            "reads of configuration, VLANs and version after public sessions; all else after the configuration guides",
        ),
    ),
    spell={
        "Ethernet": "Ethernet ",
        "FastEthernet": "FastEthernet ",
        "GigabitEthernet": "GigabitEthernet ",
        "TenGigabitEthernet": "TenGigabitEthernet ",
        "TwentyFiveGigE": "TFGigabitEthernet ",
        "FortyGigabitEthernet": "FortyGigabitEthernet ",
        "HundredGigE": "HundredGigabitEthernet ",
        "Port-channel": "AggregatePort ",
        "Vlan": "VLAN ",
        "Management": "Mgmt ",
    },
    experimental=True,
)
