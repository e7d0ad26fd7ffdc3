"""A Linux bridge: the data sets. The transcripts are from Debian's kernel and iproute2, in the lab's QEMU."""

from __future__ import annotations

from policies.model import Learned, Oper, PortConfig, PortMode, SecureMac
from tests.conformance import Conformance, Seen, Transcript

_SEALED = """# portseal-bridge 1
bridge link set dev eth1 locked on learning off
bridge vlan add dev eth1 vid 100 pvid untagged
bridge fdb replace 02:ca:00:00:00:01 dev eth1 master static sticky vlan 100
ip link set dev eth1 up
# end
"""
_UPLINK = PortConfig(
    mode=PortMode.TRUNK,
    allowed_vlans=frozenset({100}),
    secure=False,
    secure_macs=frozenset(),
    admin_up=True,
    description="",
)


def access(vlan: int, **more: object) -> PortConfig:
    """Give a port that is open in a VLAN, with what is different."""
    given: dict[str, object] = {
        "secure": False,
        "secure_macs": frozenset(),
        "admin_up": True,
        "description": "",
        **more,
    }
    return PortConfig(mode=PortMode.ACCESS, access_vlan=vlan, **given)  # type: ignore[arg-type]


DATA = Conformance(
    platform="linux_bridge",
    host="sw9",
    prompts=(
        ("root@sw9:~# ", "prompt"),
        ("netadmin@sw9:/etc/portseal$ ", "prompt"),
        ("sw9# ", "prompt"),
        ("root@sw9:~#", "prompt"),
    ),
    no_prompts=("root@sw8:~# ", "# end", "> ", "Password: ", "sw9", "# portseal-bridge 1", "[]"),
    hosts=("root@gate-1.example:~# ", "admin@OpenWrt:/# "),
    refused=(
        "RTNETLINK answers: Operation not permitted",
        "RTNETLINK answers: Invalid argument\nCommand failed -:2",
        'Cannot find device "eth9"',
        'Cannot find bridge device "eth9"',
        'Device "br9" does not exist.',
        'Error: either "dev" is duplicate, or "foo" is a garbage.',
        'Error: argument "br7" is wrong: Device does not exist',
        "bash: portseal-bridge: command not found",
        "-ash: portseal-bridge: not found",
        "portseal-bridge: VLAN filtering of br0 is off",
    ),
    not_refused=("", "saved"),
    refused_config=(
        "02:ca:00:00:00:01 dev eth2 vlan 100 sticky master br0 static",
        'Invalid VLAN ID "5000"',
        'Object "foo" is unknown, try "bridge help".',
    ),
    secret=("alias eth2 wifi psk=PLAIN", "alias eth2 Password: PLAIN of the gate", "alias eth3 community PLAIN"),
    not_secret=("alias eth3 pole 3, the gate's", "bridge vlan add dev eth1 vid 100 pvid untagged"),
    saved=("saved",),
    not_saved=("", "portseal-bridge: /etc/portseal/br0.ports was not written", "not saved"),
    same=(
        (_SEALED, _SEALED),
        (_SEALED, _SEALED.replace("# portseal-bridge 1\n", "# portseal-bridge 1\n# by hand\n")),
    ),
    drift=(
        (_SEALED, "# nothing\n", tuple(f"+ {line}" for line in _SEALED.splitlines()[1:-1])),
        (
            _SEALED,
            _SEALED.replace("locked on learning off", "locked off learning on"),
            (
                "+ bridge link set dev eth1 locked on learning off",
                "- bridge link set dev eth1 locked off learning on",
            ),
        ),
    ),
    transcripts=(
        Transcript(
            name="installed",
            count=4,
            switch={"hostname": "sw9", "model": "Linux bridge", "version": "6.1.0-57-amd64", "startup_differs": ()},
            ports={
                "eth1": Seen(
                    access(100),
                    {
                        "oper": Oper.UP,
                        "if_index": 3,
                        "learned": frozenset(
                            {
                                Learned("02:ca:00:00:00:01", 100),
                                Learned("52:54:00:00:00:01", None, "self"),
                                Learned("52:54:00:00:00:01", 100, "self"),
                            }
                        ),
                    },
                ),
                "eth3": Seen(access(100, description="pole 3, the gate's")),
                "eth4": Seen(_UPLINK),
            },
        ),
        Transcript(
            name="sealed",
            count=4,
            switch={"startup_differs": ()},
            ports={
                "eth1": Seen(
                    access(100, secure=True, secure_macs=frozenset({SecureMac("02:ca:00:00:00:01", 100)})),
                    {
                        "learned": frozenset(
                            {
                                Learned("02:ca:00:00:00:01", 100, "secure"),
                                Learned("52:54:00:00:00:01", None, "self"),
                                Learned("52:54:00:00:00:01", 100, "self"),
                            }
                        )
                    },
                ),
                "eth2": Seen(access(999, admin_up=False), {"oper": Oper.DOWN}),
                "eth4": Seen(_UPLINK),
            },
        ),
        Transcript(
            name="by_hand",
            count=4,
            switch={},
            ports={
                # An entry that is not sticky, on a port that is locked and learns: neither is written by a template.
                "eth1": Seen(
                    PortConfig(mode=PortMode.ACCESS, access_vlan=100, admin_up=True, description=""),
                ),
                # No VLAN at all.
                "eth2": Seen(
                    PortConfig(
                        mode=PortMode.TRUNK,
                        allowed_vlans=frozenset(),
                        secure=False,
                        secure_macs=frozenset(),
                        admin_up=False,
                        description="wifi psk=abc",
                    )
                ),
                # Two VLANs that leave untagged.
                "eth3": Seen(
                    PortConfig(secure=False, secure_macs=frozenset(), admin_up=True, description="pole 3, the gate's")
                ),
                "eth4": Seen(
                    PortConfig(
                        mode=PortMode.TRUNK,
                        native_vlan=7,
                        allowed_vlans=frozenset({7, 100, *range(200, 301)}),
                        secure=False,
                        secure_macs=frozenset(),
                        admin_up=True,
                        description="",
                    )
                ),
            },
        ),
    ),
)
