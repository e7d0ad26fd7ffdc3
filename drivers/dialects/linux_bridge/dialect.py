"""A Linux bridge with VLAN filtering, behind a POSIX shell, through iproute2; Linux and iproute2 5.18 or newer.

A secured port is locked and does not learn: it admits what has a static entry of the forwarding table on that port, and
drops the rest (bridge(8), `locked`). The entries are sticky, or the address would move to the port where somebody else
uses it. Locking also forgets what the port had learned, in the same message to the kernel.

A port that is locked first and gets its VLAN and its entries then is shut in between, not open; so the order is
Huawei's. A MAC that is bound to a port already is not taken away from it: the entry that is there is the answer.
"""

from drivers.dialect import Dialect, Items, Save, Set, Tested
from drivers.dialects.linux_bridge.reads import READS
from policies.model import PortMode

_VLAN = "vlan add dev {port} vid"
_NO_VLAN = "vlan del dev {port} vid 1-4094"
#: The VLAN that untagged frames go to, as the line that sets it; of the text of bridge(8), where ranges are apart.
_NATIVE = (
    "$(bridge vlan show dev {port} | sed -n 's/^.* \\([0-9][0-9]*\\) PVID Egress Untagged *$/" + _VLAN + " \\1%s/p')"
)
_ALLOW = (
    f"n={_NATIVE % ' pvid untagged'}; ( echo {_NO_VLAN}; for v in $(echo {{value}} | tr , ' '); do echo {_VLAN} $v; "
    'done; echo "$n" ) | bridge -batch -'
)
_BIND = (
    "bridge fdb show br {bridge} vlan {vlan} | grep '^{mac} .* static$' || "
    "bridge fdb replace {mac} dev {port} master static sticky vlan {vlan}"
)

DIALECT = Dialect(
    platform="linux_bridge",
    title="Linux bridge (switchdev)",
    prompt=r"(?:[\w.\-]+@)?(?P<host>[\w.\-]+)(?::[^\n#$]*)?[#$] ?",
    config_prompt="",
    interface_prompt="",
    # Without line editing the shell echoes a long line as it is; with it, it wraps and scrolls it.
    on_open=("set +o emacs +o vi", "unset PROMPT_COMMAND HISTFILE", "export LC_ALL=C PAGER=cat"),
    enter_config=(),
    leave_config=(),
    enter_interface="",
    leave_interface=(),
    failure=(
        r"^(?:RTNETLINK answers|Error|Command failed|Command \"|Cannot |Device |Dump terminated|Usage: )[^\n]*",
        r"^(?:ip|bridge|portseal-bridge|sudo|-?(?:ba|da|a)?sh|uname|hostname)(?:\[\d+\])?: [^\n]+",
    ),
    # iproute2 says nothing when it has done what it was told.
    failure_config=(r"^(?!saved$)[^\n]*\S[^\n]*$",),
    complains_anywhere=True,
    settings={
        "mode": Set(
            by_value={
                # What makes it an access port is that it has one VLAN, which is written with it.
                PortMode.ACCESS: ("test -d /sys/class/net/{port}/brport",),
                PortMode.TRUNK: (f"bridge {_NO_VLAN}",),
            }
        ),
        "access_vlan": Set(
            value=(f"printf '%s\\n' '{_NO_VLAN}' '{_VLAN} {{value}} pvid untagged' | bridge -batch -",),
        ),
        "allowed_vlans": Set(value=(_ALLOW,), clear=(f"bridge {_NO_VLAN}",)),
        "native_vlan": Set(
            value=(f"printf '%s\\n' \"{_NATIVE % ''}\" '{_VLAN} {{value}} pvid untagged' | bridge -batch -",),
        ),
        "secure": Set(
            by_value={
                True: ("ip link set dev {port} type bridge_slave locked on learning off fdb_flush",),
                False: ("ip link set dev {port} type bridge_slave locked off learning on",),
            }
        ),
        "secure_macs": Items(add=(_BIND,), remove=("bridge fdb del {mac} dev {port} master vlan {vlan}",)),
        "admin_up": Set(by_value={True: ("ip link set dev {port} up",), False: ("ip link set dev {port} down",)}),
        "description": Set(
            value=("ip link set dev {port} alias {value_quoted}",), clear=("ip link set dev {port} alias ''",)
        ),
    },
    order=(
        ("admin_up", "off"),
        ("secure_macs", "remove"),
        ("secure", "on"),
        ("mode", "set"),
        ("access_vlan", "set"),
        ("allowed_vlans", "set"),
        ("native_vlan", "set"),
        ("secure_macs", "add"),
        ("secure", "off"),
        ("description", "set"),
        ("admin_up", "on"),
    ),
    vlan_add=(),
    vlan_remove=(),
    recover=(),
    save=Save("portseal-bridge save {bridge}", done=r"^saved$"),
    reads=READS,
    # No violation action but to drop, no maximum beside the entries, and no IP bindings: what a switch chip forwards
    # never comes by the packet filters of Linux, so that a binding in them would be one for show.
    capabilities=frozenset(
        {
            "mode",
            "access_vlan",
            "native_vlan",
            "allowed_vlans",
            "secure",
            "secure_macs",
            "admin_up",
            "description",
            "startup",
        }
    ),
    rollback="watchdog",
    secrets=(r"(?i)\b(?:password|passwd|passphrase|psk|secret|community)[=: ]\s*(\S+)",),
    volatile=(r"^# ",),
    tested_on=(
        Tested(
            "Debian 12 in QEMU, ports in software",
            "Linux 6.1, iproute2 6.1.0",
            "2026-11-30",
            "recorded",
            "real bridge, real SSH: bindings, moves and releases, reverted; frames, reboots",
        ),
    ),
    parameters={"bridge": "br0"},
)
