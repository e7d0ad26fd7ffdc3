"""Huawei VRP8 and YunShan OS: CloudEngine switches, and campus switches (S5700, S6700) from V600.

Commands: CloudEngine V300 command reference (commit, abort trial, port security, IPSG), S5700 V600R024 configuration
guide. Changes are collected, shown by `[~` and `[*` in the prompt, until `commit`; a campus switch works at once. What
is committed on trial is kept by the switch over the session's end, and any session may confirm it or take it back.
"""

from drivers.dialect import Commit, Dialect, Items, Save, Set, Tested
from drivers.dialects.huawei_vrp.secrets import SECRETS
from drivers.dialects.huawei_vrp.settings import ORDER
from drivers.dialects.huawei_vrp.settings import SETTINGS as OF_VRP5
from drivers.dialects.huawei_vrp.words import VOLATILE
from drivers.dialects.huawei_vrpv8.reads import READS
from policies.model import Violation

_NO = r"\[Y/N\]:? ?"
_GUARD = "ipv4 source check user-bind enable"

SETTINGS: dict[str, Set | Items] = {
    **OF_VRP5,
    "maximum": Set(value=("{maximum_command} {value}",)),
    "violation": Set(
        value=("port-security protect-action {value}",),
        by_value={
            Violation.RESTRICT: ("undo port-security protect-action",),
            Violation.SHUTDOWN: ("port-security protect-action error-down",),
        },
    ),
    "source_guard": Set(by_value={True: (_GUARD,), False: (f"undo {_GUARD}",)}),
}

DIALECT = Dialect(
    platform="huawei_vrpv8",
    title="Huawei VRP8, CloudEngine and YunShan",
    prompt=r"<(?P<host>[^<>\s]{1,246})>",
    config_prompt=r"\[[~*]?(?P<host>[^\[\]\s]{1,246})\]",
    interface_prompt=r"\[[~*]?(?P<host>[^\[\]\s]{1,246})-[^\[\]\s]+\]",
    on_open=("screen-length 0 temporary",),
    enter_config=("system-view",),
    leave_config=("return",),
    enter_interface="interface {port}",
    leave_interface=("quit",),
    pager=r" {0,2}---- More ----",
    greetings=((rf"Change now\? ?{_NO}", "n"), (rf"Are you sure to save now\? ?{_NO}", "n")),
    answers=(
        (rf"This command will delete VLANs on this port\. Continue\? ?{_NO}", "y"),
        (rf"The configurations of the VLAN will be deleted\. Continue\? ?{_NO}", "y"),
        (rf"The trial configuration will be (?:confirmed|rolled back)\. Continue\? ?{_NO}", "y"),
    ),
    failure=(r"^\s*Error: ?[^\n]*",),
    failure_config=(r"^[^\n]*(?:Failed to generate committed config|configuration conflict)[^\n]*",),
    settings=SETTINGS,
    mode_resets=frozenset({"access_vlan", "native_vlan", "allowed_vlans"}),
    order=ORDER,
    vlan_add=("vlan {vlan}", "description {name}", "quit"),
    vlan_remove=("undo vlan {vlan}",),
    # `shutdown` and `undo shutdown` in one commit would be no change.
    recover=("restart",),
    commit=Commit(
        staged=r"^\[[~*]",
        now="commit",
        discard="clear configuration candidate",
        trial="commit trial {trial_s} persist {trial_id}",
        confirm="commit persist {trial_id}",
        abort="abort trial persist {trial_id}",
        pending="display configuration trial status",
        whole=r"Trial status:[\s\S]*?Trial time left \(sec\):\s*\d+\s*$",
        ours=r"Trial status:(?!\s*INACTIVE)[\s\S]*?Persist id:\s*{trial_id}\s*$",
    ),
    save=Save(
        "save",
        answers=(
            (rf"(?:Are you sure to c|C)ontinue\? ?{_NO}", "y"),
            (r"[Pp]lease input the file name[^\n]*\]:? ?", ""),
            (rf"overwrite\? ?{_NO}", "y"),
        ),
        done=r"[Ss]ave the configuration successfully",
    ),
    reads=READS,
    capabilities=frozenset({*SETTINGS, "vlans", "startup"}),
    rollback="device",
    secrets=SECRETS,
    volatile=(*VOLATILE, r"^\s*$"),
    parameters={"trial_s": "300", "trial_id": "portseal", "maximum_command": "port-security enable maximum"},
    spell={
        "GigabitEthernet": "GE",
        "TenGigabitEthernet": "10GE",
        "TwentyFiveGigE": "25GE",
        "FortyGigabitEthernet": "40GE",
        "FiftyGigE": "50GE",
        "HundredGigE": "100GE",
        "TwoHundredGigE": "200GE",
        "FourHundredGigE": "400GE",
        "Port-channel": "Eth-Trunk",
        "Vlan": "Vlanif",
        "Management": "MEth",
    },
    tested_on=(
        Tested("virtual switch of the lab", "V300R023-like persona", "2026-11-30", "emulated", "all writes, trial"),
        Tested("CloudEngine 6800, 8800", "V300R023", "2026-11-30", "documentation", "commit trial, all writes"),
        Tested("S5735-L-V2, S6730-H-V2", "V600R024", "2026-11-30", "documentation", "port security, IPSG"),
    ),
)
