"""Huawei VRP5: S-series campus switches (S2700 to S12700), V200.

Commands: S-series V200R0xx configuration guide and command reference (port security, IPSG, VLAN, error-down). Newer
releases ask before another link type takes the port's VLANs away; older ones refuse it while there are any.
"""

from drivers.dialect import Dialect, Save, Tested
from drivers.dialects.huawei_vrp.reads import READS
from drivers.dialects.huawei_vrp.secrets import SECRETS
from drivers.dialects.huawei_vrp.settings import ORDER, SETTINGS
from drivers.dialects.huawei_vrp.words import VOLATILE

_NO = r"\[Y/N\]:? ?"

DIALECT = Dialect(
    platform="huawei_vrp",
    title="Huawei VRP5, S-series",
    prompt=r"<(?P<host>[^<>\s]{1,246})>",
    config_prompt=r"\[(?P<host>[^\[\]\s]{1,246})\]",
    interface_prompt=r"\[(?P<host>[^\[\]\s]{1,246})-[^\[\]\s]+\]",
    on_open=("screen-length 0 temporary",),
    enter_config=("system-view",),
    leave_config=("return",),
    enter_interface="interface {port}",
    leave_interface=("quit",),
    pager=r" {0,2}---- More ----",
    # Offers to change the password, and to write the configuration: a reader takes neither.
    greetings=((rf"Change now\? ?{_NO}", "n"), (rf"Are you sure to save now\? ?{_NO}", "n")),
    answers=(
        (rf"This command will delete VLANs on this port\. Continue\? ?{_NO}", "y"),
        (rf"The configurations of the VLAN will be deleted\. Continue\? ?{_NO}", "y"),
    ),
    failure=(r"^\s*Error: ?[^\n]*", r"^\s*% ?(?:Unrecognized|Incomplete|Ambiguous|Wrong|Too many)[^\n]*"),
    settings=SETTINGS,
    mode_resets=frozenset({"access_vlan", "native_vlan", "allowed_vlans"}),
    order=ORDER,
    vlan_add=("vlan {vlan}", "description {name}", "quit"),
    vlan_remove=("undo vlan {vlan}",),
    recover=("shutdown", "undo shutdown"),
    save=Save(
        "save",
        answers=(
            (rf"(?:Are you sure to c|C)ontinue\? ?{_NO}", "y"),
            (r"[Pp]lease input the file name[^\n]*\]:? ?", ""),
            (rf"overwrite\? ?{_NO}", "y"),
        ),
        done=r"[Ss]ave the configuration successfully|[Cc]onfiguration file had been saved successfully",
    ),
    reads=READS,
    capabilities=frozenset({*SETTINGS, "vlans", "startup"}),
    rollback="watchdog",
    secrets=SECRETS,
    volatile=(*VOLATILE, r"^\s*$"),
    spell={
        "TenGigabitEthernet": "XGigabitEthernet",
        "TwentyFiveGigE": "25GE",
        "FortyGigabitEthernet": "40GE",
        "HundredGigE": "100GE",
        "Port-channel": "Eth-Trunk",
        "Vlan": "Vlanif",
        "Management": "MEth",
    },
    tested_on=(
        Tested("virtual switch of the lab", "V200R019-like persona", "2026-11-30", "emulated", "all writes"),
        Tested("S5700, S6730, AR, NE40E and others", "5.x, 8.x", "2026-11-30", "recorded", "reads only: ntc-templates"),
        Tested("S5720, S5735", "V200R019 to V200R023", "2026-11-30", "documentation", "all writes, port security"),
    ),
)
