"""Open vSwitch (OpenFlow 1.0, userspace or kernel datapath) behind a POSIX shell.

Bindings are flows with the cookie 0x5ea1, per port: 300 admits a bound MAC + IP pair, 250 drops other IP (source
guard), 200 admits a bound MAC, 100 drops the rest (security on); the bridge's own `priority=0 actions=NORMAL` forwards.
VLANs are the port's tag and trunks. See ovs-ofctl(8), ovs-fields(7), ovs-vswitchd.conf.db(5).
"""

from drivers.dialect import Dialect, Items, Save, Set, Tested
from drivers.dialects.openvswitch.reads import FLOWS_NOW, PORTS_NOW, READS
from policies.model import PortMode

_ADD = 'ovs-ofctl add-flow {bridge} "cookie=0x5ea1,priority='
_DELETE = 'ovs-ofctl --strict del-flows {bridge} "cookie=0x5ea1/-1,priority='
_FILES = "/etc/openvswitch/portseal-{bridge}"
#: What an IP pair admits: its IPv4 packets, and ARP that says the same.
_PAIR = (
    "300,ip,in_port={port},dl_src={mac},nw_src={ip}",
    "300,arp,in_port={port},arp_sha={mac},arp_spa={ip}",
)
_GUARDED = tuple(f"250,{kind},in_port={{port}}" for kind in ("ip", "arp", "ipv6"))
#: Several flows go in one transaction (OpenFlow 1.4 bundle, ovs-ofctl(8)): one after the other, a lost line left a
#: half, as a device whose IPv4 packets were admitted and whose ARP was not.
_MODS, _BUNDLE = r"printf '%s\n' ", " | ovs-ofctl --bundle add-flows {bridge} -"
_ADD_ONE, _DELETE_ONE = "'add cookie=0x5ea1,priority=", "'delete_strict cookie=0x5ea1/-1,priority="
_ADD_PAIR = _MODS + " ".join(f"{_ADD_ONE}{match},actions=NORMAL'" for match in _PAIR) + _BUNDLE
_DELETE_PAIR = _MODS + " ".join(f"{_DELETE_ONE}{match}'" for match in _PAIR) + _BUNDLE
_GUARD = _MODS + " ".join(f"{_ADD_ONE}{match},actions=drop'" for match in _GUARDED) + _BUNDLE
_NO_GUARD = _MODS + " ".join(f"{_DELETE_ONE}{match}'" for match in _GUARDED) + _BUNDLE

DIALECT = Dialect(
    platform="openvswitch",
    title="Open vSwitch",
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
        r"^(?:ovs-\w+|-?(?:ba|da)?sh|cat|mv|awk|sync)(?:\[\d+\])?: [^\n]+",
        r"^\d{4}-\d\d-\d\dT[^\n]*\|(?:ERR|EMER|WARN)\|[^\n]+",
    ),
    complains_anywhere=True,
    settings={
        "mode": Set(
            by_value={
                PortMode.ACCESS: ("ovs-vsctl set Port {port} vlan_mode=access trunks=[]",),
                PortMode.TRUNK: ("ovs-vsctl clear Port {port} tag vlan_mode",),
            }
        ),
        "access_vlan": Set(value=("ovs-vsctl set Port {port} tag={value}",)),
        "allowed_vlans": Set(
            value=("ovs-vsctl set Port {port} trunks={value_list}",),
            by_value={frozenset(range(1, 4095)): ("ovs-vsctl clear Port {port} trunks",)},
        ),
        "secure_macs": Items(
            add=(_ADD + '200,in_port={port},dl_src={mac},actions=NORMAL"',),
            remove=(_DELETE + '200,in_port={port},dl_src={mac}"',),
        ),
        "secure": Set(
            by_value={
                True: (_ADD + '100,in_port={port},actions=drop"',),
                False: (_DELETE + '100,in_port={port}"',),
            }
        ),
        "ip_bindings": Items(
            add=(_ADD_PAIR,),
            remove=(_DELETE_PAIR,),
        ),
        "source_guard": Set(
            by_value={
                True: (_GUARD,),
                False: (_NO_GUARD,),
            }
        ),
        "admin_up": Set(
            by_value={
                True: ("ovs-ofctl mod-port {bridge} {port} up",),
                False: ("ovs-ofctl mod-port {bridge} {port} down",),
            }
        ),
    },
    order=(
        ("admin_up", "off"),
        ("mode", "set"),
        ("access_vlan", "set"),
        ("allowed_vlans", "set"),
        ("source_guard", "off"),
        ("secure", "off"),
        ("secure_macs", "remove"),
        ("ip_bindings", "remove"),
        ("secure_macs", "add"),
        ("ip_bindings", "add"),
        ("secure", "on"),
        ("source_guard", "on"),
        ("admin_up", "on"),
    ),
    vlan_add=(),
    vlan_remove=(),
    recover=(),
    save=Save(
        f"( {FLOWS_NOW} > {_FILES}.flows.new && ( {PORTS_NOW} ) > {_FILES}.ports.new && sync && "
        f"mv {_FILES}.flows.new {_FILES}.flows && mv {_FILES}.ports.new {_FILES}.ports && echo saved )",
        done=r"^saved$",
    ),
    reads=READS,
    capabilities=frozenset(
        {
            "mode",
            "access_vlan",
            "allowed_vlans",
            "secure",
            "secure_macs",
            "ip_bindings",
            "source_guard",
            "admin_up",
            "startup",
        }
    ),
    rollback="watchdog",
    secrets=(),
    volatile=(r"^\s*$",),
    tested_on=(
        Tested(
            "Open vSwitch, userspace datapath", "3.1.0 (Debian 12)", "2026-11-22", "recorded", "real switch, real SSH"
        ),
    ),
    parameters={"bridge": "br0"},
)
