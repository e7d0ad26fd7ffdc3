"""H3C and HPE Comware 5 and 7, access switches.

Commands: H3C command references (port security, MAC address table, IP source guard). A bound port is in mode `secure`
with static MACs, not in `autolearn` with security MACs: see docs/adr/0009-comware-static-macs.md. MACs come before the
mode, so that the port's own device is never shut out; nothing has to be switched off while they change.
"""

from drivers.dialect import Dialect, Items, Save, Set, Tested
from drivers.dialects.h3c_comware.reads import READS
from drivers.dialects.h3c_comware.secrets import SECRETS
from policies.model import PortMode, Violation

_HOST = r"(?P<host>[^<>\[\]\s]{1,64})"

DIALECT = Dialect(
    platform="h3c_comware",
    title="H3C and HPE Comware 5 and 7",
    prompt=rf"<{_HOST}>",
    config_prompt=rf"\[{_HOST}\]",
    interface_prompt=rf"\[{_HOST}-[A-Za-z][\w/.:\-]*\]",
    on_open=("screen-length disable",),
    enter_config=("system-view",),
    leave_config=("return",),
    enter_interface="interface {port}",
    leave_interface=("quit",),
    pager=r" ?-{2,4} ?More ?-{2,4} ?",
    failure=(
        (
            r"^\s*% ?(?:Unrecognized command|Incomplete command|Ambiguous command|Too many parameters|Wrong parameter|"
            r"Invalid|Permission denied)[^\n]*"
        ),
        r"^\s*(?:Error:|Permission denied)[^\n]*",
    ),
    failure_config=(
        r"^\s*(?:Error|Failed|Fail|Can ?not|Can't|Unable|Invalid|Please (?!wait|input)|Operation (?:failed|aborted))\b[^\n]*",
        (
            r"^(?!%[A-Z][a-z]{2} )[^\n]*\b(?:[Ff]ail(?:ed|s|ure)?|[Dd]enied|[Cc]onflicts?|does not exist|doesn't exist|"
            r"already exists?|not supported|not allowed|[Cc]annot|[Cc]an't|exceeds?|[Ii]nvalid)\b[^\n]*"
        ),
    ),
    settings={
        "mode": Set(
            by_value={
                PortMode.ACCESS: ("port link-type access",),
                PortMode.TRUNK: ("port link-type trunk",),
            }
        ),
        "access_vlan": Set(value=("port access vlan {value}",), by_value={1: ("undo port access vlan",)}),
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
    },
    order=(
        ("admin_up", "off"),
        ("source_guard", "off"),
        ("secure", "off"),
        ("ip_bindings", "remove"),
        ("secure_macs", "remove"),
        ("mode", "set"),
        ("access_vlan", "set"),
        ("violation", "set"),
        ("secure_macs", "add"),
        ("secure", "on"),
        ("ip_bindings", "add"),
        ("source_guard", "on"),
        ("description", "set"),
        ("admin_up", "on"),
    ),
    vlan_add=("vlan {vlan}", "name {name}", "quit"),
    vlan_remove=("undo vlan {vlan}",),
    # `undo shutdown` opens a port that intrusion protection has shut.
    recover=("shutdown", "undo shutdown"),
    save=Save(
        "save force",
        # `force` asks nothing; a release that does asks these.
        answers=((r"\[Y/N\]: ?", "Y"), (r"press the enter key\): ?", "")),
        done=r"(?i:saved the current configuration .*successfully|configuration is saved .*successfully)",
    ),
    reads=READS,
    capabilities=frozenset(
        {
            "mode",
            "access_vlan",
            "secure",
            "violation",
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
    volatile=(r"^\s*#\s*$", r"^\s*return\s*$", r"^\s*$"),
    tested_on=(
        Tested(
            "HPE and H3C, several",
            "Comware 5 and 7",
            "2026-11-30",
            "recorded",
            "reads of interfaces, VLANs, MAC table, LLDP list: ntc-templates",
        ),
        Tested("H3C S-series", "Comware 5 and 7", "2026-11-30", "documentation", "all other reads, and all writes"),
    ),
    spell={
        "TenGigabitEthernet": "Ten-GigabitEthernet",
        "TwentyFiveGigE": "Twenty-FiveGigE",
        "FortyGigabitEthernet": "FortyGigE",
        "Port-channel": "Bridge-Aggregation",
        "Vlan": "Vlan-interface",
        "Management": "M-GigabitEthernet",
    },
)
