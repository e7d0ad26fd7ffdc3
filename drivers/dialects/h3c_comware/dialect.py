"""H3C and HPE Comware 5 and 7, access switches.

Commands: H3C command references (port security, MAC address table, IP source guard). A bound port is in mode `secure`
with static MACs, not in `autolearn` with security MACs: see docs/adr/0010-comware-static-macs.md. MACs come before the
mode, so that the port's own device is never shut out; nothing has to be switched off while they change.
"""

from drivers.dialect import Dialect, Save, Tested
from drivers.dialects.h3c_comware.reads import READS
from drivers.dialects.h3c_comware.secrets import SECRETS
from drivers.dialects.h3c_comware.settings import ORDER, SETTINGS

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
        r"^\s*(?:Error|Fail|Failed|Can ?not|Can't|Unable|Invalid|Please (?!wait|input)|Operation aborted)\b[^\n]*",
        (
            r"^(?!%[A-Z][a-z]{2} )[^\n]*\b(?:[Ff]ail(?:ed|s|ure)?|[Dd]enied|[Cc]onflicts?|does not exist|doesn't exist|"
            r"already exists?|not supported|not allowed|[Cc]annot|[Cc]an't|exceeds?|[Ii]nvalid)\b[^\n]*"
        ),
    ),
    settings=SETTINGS,
    order=ORDER,
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
            "native_vlan",
            "allowed_vlans",
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
            "virtual switch of the lab",
            "7.1.070-like persona",
            "2026-11-30",
            "emulated",
            "bindings, moves and releases, reverted",
        ),
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
    # A banner (`header motd`) may wait for a key.
    greetings=((r"[Pp]ress Y or ENTER to continue[^\n]*", "Y"),),
    mode_resets=frozenset({"access_vlan", "native_vlan", "allowed_vlans"}),
)
