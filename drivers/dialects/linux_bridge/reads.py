"""What is read from a Linux bridge: iproute2's JSON, whose members are the same from 5.18, the first with locked ports.

The running and the saved state are lines of Portseal's own script on the switch (docs/linux-bridge.md): a bridge keeps
nothing over a reboot, and a switch without the script has no `startup`.
"""

from drivers.dialect import Fact, Read

#: Names that need no quotes in a shell; a bridge with a port of another name is not read.
_PORT = r"(?P<port>[A-Za-z0-9][\w.\-]{0,14})"
_LINKS = "ip -j -d link show master {bridge}"
_OF_PORT = "linkinfo.info_slave_data"
_FDB = "bridge -j fdb show br {bridge}"
_ENTRY = {"": "{mac} {ifname} {vlan} [{flags}] {state}, {master}"}
_MAC = r"(?P<mac>[\da-f]{2}(?::[\da-f]{2}){5})"
#: Addresses that a device itself listens to; they are no entries of the bridge, and have no master.
_OWN = r"\S+ \S+ \d* \[[\w,]*\] \w*, $"
_LINE = r"(?P<line>[^ ].*\S)"

READS = (
    Read(
        # A bridge that does not filter shows the VLANs of its ports, and forwards as if there were none.
        command="ip -j -d link show dev {bridge}",
        fact=Fact.SYSTEM,
        json={
            "": "vlan_filtering {linkinfo.info_data.vlan_filtering}, vlan_protocol {linkinfo.info_data.vlan_protocol}"
        },
        rows=(r"vlan_filtering (?P<vlan_filtering>1), vlan_protocol 802\.1Q$",),
        complete="vlan_filtering",
        observe=True,
    ),
    Read(
        command=_LINKS,
        fact=Fact.INTERFACE,
        json={"": f"{{ifname}} {{{_OF_PORT}.locked}}/{{{_OF_PORT}.learning}} {{ifalias}}"},
        rows=(rf"{_PORT} (?P<secure>\w*/\w*) (?P<description>.*)$",),
        # A locked port that learns, or one that neither learns nor is locked, is nothing that the templates write.
        values={"secure": {"true/false": True, "false/true": False, "*": "*"}},
        observe=True,
        literal=True,
        gives=frozenset({"secure", "description"}),
    ),
    Read(
        command=_LINKS,
        fact=Fact.STATUS,
        json={"": "{ifname} {flags} {operstate} {ifindex}"},
        rows=(
            rf"{_PORT} (?:\S+,)?(?P<admin_up>UP)(?:,\S+)? (?P<oper>\w+) (?P<if_index>\d+)$",
            rf"{_PORT} \S* (?P<oper>\w+) (?P<if_index>\d+)$",
        ),
        values={
            "admin_up": {"UP": True},
            "oper": {"up": "up", "down": "down", "lowerlayerdown": "down", "notpresent": "down", "*": "unknown"},
        },
        defaults={"admin_up": False},
        observe=True,
        literal=True,
        gives=frozenset({"admin_up"}),
    ),
    Read(
        command="bridge -j -compressvlans vlan show",
        fact=Fact.MEMBERSHIP,
        json={"vlans": "{ifname} {vlan}-{vlanEnd} [{flags}]"},
        rows=(
            r"(?P<port>\S+) (?P<pvid_vlan>(?P<untagged_vlans>\d+))- \[PVID,Egress Untagged\]$",
            r"(?P<port>\S+) (?P<pvid_vlan>(?P<tagged_vlans>\d+))- \[PVID\]$",
            r"(?P<port>\S+) (?P<untagged_vlans>\d+(?:-\d+)?)-? \[Egress Untagged\]$",
            r"(?P<port>\S+) (?P<tagged_vlans>\d+(?:-\d+)?)-? \[\]$",
        ),
        observe=True,
        literal=True,
        gives=frozenset({"mode", "access_vlan", "native_vlan", "allowed_vlans"}),
    ),
    Read(
        command=_FDB,
        fact=Fact.SECURE_MAC,
        json=_ENTRY,
        rows=(
            rf"{_MAC} (?P<port>\S+) (?P<vlan>\d+) \[(?:\w+,)*sticky(?:,\w+)*\] static, \S+$",
            # Without `sticky` it goes where its address is seen next; without a VLAN it is in force in none.
            rf"{_MAC} (?P<port>\S+) (?:(?P<vlan>\d+))? \[(?P<scope>[\w,]*)\] static, \S+$",
        ),
        ignore=(_OWN, r"\S+ \S+ \d* \[[\w,]*\] (?!static)\w*, \S+$"),
        observe=True,
        literal=True,
        gives=frozenset({"secure_macs"}),
    ),
    Read(
        command=_FDB,
        fact=Fact.LEARNED,
        json=_ENTRY,
        rows=(rf"{_MAC} (?P<port>\S+) (?:(?P<vlan>\d+))? \[[\w,]*\] (?P<kind>\w*), \S+$",),
        ignore=(_OWN,),
        values={"kind": {"": "dynamic", "stale": "dynamic", "static": "static", "permanent": "self"}},
        observe=True,
        literal=True,
    ),
    Read(
        command="portseal-bridge running {bridge}",
        fact=Fact.RUNNING,
        rows=(_LINE,),
        complete="# end$",
        observe=True,
        optional=True,
    ),
    Read(
        command="portseal-bridge saved {bridge}",
        fact=Fact.STARTUP,
        rows=(_LINE,),
        complete="# end$|# nothing$",
        observe=True,
        optional=True,
        gives=frozenset({"startup"}),
    ),
    Read(
        command="uname -sr; hostname",
        fact=Fact.VERSION,
        start=r"(?P<model>Linux) (?P<version>\S+)$",
        rows=(r"(?P<hostname>\S+)$",),
        values={"model": {"*": "Linux bridge"}},
        observe=True,
    ),
)
