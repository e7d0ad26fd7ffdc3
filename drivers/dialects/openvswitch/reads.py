"""What is read from Open vSwitch: the database (VLANs, links) and the flow table (bindings), through its own tools.

The flow table is text that ovs-ofctl prints for people; only flows with Portseal's cookie are ours. Flows live in
memory: `startup` compares them with the files from which the host loads them at boot (see docs/openvswitch.md).
"""

from drivers.dialect import Fact, Read

_LIST = "ovs-vsctl --no-headings --format=csv --data=bare"
_FLOWS = "ovs-ofctl --names --no-stats --sort dump-flows {bridge}"
_OURS = r" cookie=0x5ea1, priority="
_PORT = r'in_port="?(?P<port>[^",]+)"?'
_OTHER = (r" (?:cookie=\w+, )?\S.*actions=.*",)
_FDB = (
    "{ " + _LIST + " --columns=ofport,name list Interface; ovs-appctl fdb/show {bridge} | tr -s ' ' ','; } | "
    "awk -F, 'NF==2{n[$1]=$2;next} $4 ~ /:/{print (($2 in n)?n[$2]:$2), $3, $4}'"
)
#: What the saved files would say of the present moment, in their own format.
PORTS_NOW = _LIST + " --columns=name,admin_state list Interface | grep -v '^{bridge},' | sort | tr ',' ' '"
FLOWS_NOW = _FLOWS
NOW = f"{FLOWS_NOW}; {PORTS_NOW}"

READS = (
    # The flow reads come before the ports' own, whose defaults (off) fill in only what no flow has said.
    Read(
        command=_FLOWS,
        fact=Fact.INTERFACE,
        rows=(rf"{_OURS}100,{_PORT} actions=drop",),
        ignore=_OTHER,
        defaults={"secure": True},
        observe=True,
        literal=True,
        gives=frozenset({"secure"}),
    ),
    Read(
        command=_FLOWS,
        fact=Fact.INTERFACE,
        rows=(rf"{_OURS}250,ip,{_PORT} actions=drop",),
        ignore=_OTHER,
        defaults={"source_guard": True},
        observe=True,
        literal=True,
        gives=frozenset({"source_guard"}),
    ),
    Read(
        command=_LIST + ' --columns=name,tag,trunks,vlan_mode list Port | awk -F, \'$1!="{bridge}"{m=$4; '
        'if(m=="")m=($2=="")?"trunk":"access"; print $1, m, ($2==""?"-":$2), ($3==""?"all":$3)}\'',
        fact=Fact.INTERFACE,
        rows=(
            r"(?P<port>\S+) (?P<mode>access) (?P<access_vlan>\d+) .*",
            r"(?P<port>\S+) (?P<mode>trunk) - (?P<allowed_vlans>.+)",
            r"(?P<port>\S+) (?P<mode>native-\w+|dot1q-tunnel) (?P<native_vlan>\d+) (?P<allowed_vlans>.+)",
        ),
        values={
            "mode": {"access": "access", "*": "trunk"},
            "allowed_vlans": {"all": frozenset(range(1, 4095)), "*": "*"},
        },
        defaults={"secure": False, "source_guard": False},
        observe=True,
        literal=True,
        gives=frozenset({"mode", "access_vlan", "allowed_vlans"}),
    ),
    Read(
        command=_LIST + " --columns=name,admin_state,link_state list Interface | grep -v '^{bridge},'",
        fact=Fact.STATUS,
        rows=(r"(?P<port>[^,]+),(?P<admin_up>up|down),(?P<oper>up|down)",),
        values={"admin_up": {"up": True, "down": False}},
        observe=True,
        literal=True,
        gives=frozenset({"admin_up"}),
    ),
    Read(
        command=_FLOWS,
        fact=Fact.SECURE_MAC,
        rows=(rf"{_OURS}200,{_PORT},dl_src=(?P<mac>[\da-f:]+) actions=NORMAL",),
        ignore=_OTHER,
        observe=True,
        literal=True,
        gives=frozenset({"secure_macs"}),
    ),
    Read(
        command=_FLOWS,
        fact=Fact.IP_BINDING,
        rows=(rf"{_OURS}300,ip,{_PORT},dl_src=(?P<mac>[\da-f:]+),nw_src=(?P<ip>[\d.]+) actions=NORMAL",),
        ignore=_OTHER,
        observe=True,
        literal=True,
        gives=frozenset({"ip_bindings"}),
    ),
    Read(
        command=_FDB,
        fact=Fact.LEARNED,
        rows=(r"(?P<port>\S+) (?P<vlan>\d+) (?P<mac>[\da-f:]+)",),
        defaults={"kind": "dynamic"},
        observe=True,
        literal=True,
    ),
    Read(command=NOW, fact=Fact.RUNNING, rows=(r"(?P<line>.*\S)",), observe=True),
    Read(
        command="( cd /etc/openvswitch && cat portseal-{bridge}.flows portseal-{bridge}.ports ) 2>/dev/null",
        fact=Fact.STARTUP,
        rows=(r"(?P<line>.*\S)",),
        observe=True,
        gives=frozenset({"startup"}),
    ),
    Read(
        command="ovs-vsctl --version | head -1; hostname",
        fact=Fact.VERSION,
        start=r"(?P<model>ovs-vsctl) \(Open vSwitch\) (?P<version>\S+)",
        values={"model": {"*": "Open vSwitch"}},
        rows=(r"(?P<hostname>\S+)",),
        observe=True,
    ),
)
