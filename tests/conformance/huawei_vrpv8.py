"""Huawei VRP8 and YunShan OS: the data sets. What is the same as VRP5's is taken from there."""

from __future__ import annotations

from policies.model import IpBinding, Learned, Neighbour, Oper, PortMode, SecureMac, Violation
from tests.conformance import Conformance, Seen, Transcript
from tests.conformance.huawei_vrp import (
    BOUND,
    CONFIGURING,
    DRIFT,
    LOGIN,
    NOT_ASKED,
    NOT_REFUSED,
    NOT_SECRET,
    PLAIN,
    REFUSED,
    RUNNING,
    SECRET,
    STARTUP,
    config,
)

TEN = "TenGigabitEthernet1/0/"

CE6800 = Transcript(
    "ce6800",
    count=7,
    switch={
        "hostname": "dc-3",
        "model": "CE6881-48S6CQ",
        "version": "1.22.1.1 (CE6881 V300R023C00SPC100)",
        "vlans": {1: "VLAN 0001", 100: "face", 999: "blackhole"},
        "oddities": (),
        "startup_differs": (
            "+ interface 10GE1/0/1 / description rack 2",
            "- interface 10GE1/0/1 / description rack 1",
        ),
    },
    ports={
        # No link type is written: it is the model's own, which is access.
        f"{TEN}1": Seen(
            config(BOUND, description="rack 2"),
            {
                "oper": Oper.UP,
                "violations": 4,
                "last_violator": "",
                "learned": frozenset({Learned("02:ca:00:00:00:11", 100, "secure")}),
            },
        ),
        # A sticky address is in no configuration.
        f"{TEN}2": Seen(
            config(
                BOUND,
                maximum=1,
                violation=Violation.SHUTDOWN,
                sticky=True,
                secure_macs=frozenset({SecureMac("02:ca:00:00:00:12", 100, sticky=True)}),
                ip_bindings=frozenset[IpBinding](),
                source_guard=False,
                description="",
            ),
            {"oper": Oper.BLOCKED, "blocked_cause": "portsec-reachedlimit", "violations": 1},
        ),
        f"{TEN}3": Seen(config(mode=PortMode.ACCESS, admin_up=False, description="7 8 9"), {"oper": Oper.DOWN}),
        f"{TEN}4": Seen(
            config(
                mode=PortMode.TRUNK,
                description="12 to dc-1",
                native_vlan=1,
                allowed_vlans=frozenset({1, 100, *range(1001, 1015, 2), 1015, 1016, 1017}),
            ),
            {
                "trunking": True,
                "learned": frozenset({Learned("02:aa:00:00:00:01", 100)}),
                "neighbours": (Neighbour("dc-1", "10GE1/0/48", "02:aa:00:00:00:01", "bridge router"),),
            },
        ),
        f"{TEN}5": Seen(config(mode=PortMode.ACCESS, secure=True, maximum=5)),
        "HundredGigE1/0/1": Seen(config(PLAIN, mode=PortMode.ROUTED)),
    },
)

DATA = Conformance(
    platform="huawei_vrpv8",
    host="HUAWEI",
    prompts=(
        ("<HUAWEI>", "prompt"),
        ("[~HUAWEI]", "config_prompt"),
        ("[*HUAWEI]", "config_prompt"),
        ("[HUAWEI]", "config_prompt"),
        ("[~HUAWEI-10GE1/0/1]", "interface_prompt"),
        ("[*HUAWEI-10GE1/0/1]", "interface_prompt"),
        ("[HUAWEI-GE1/0/1]", "interface_prompt"),
        ("[*HUAWEI-vlan100]", "interface_prompt"),
    ),
    no_prompts=("HUAWEI>", "<other>", "[~HUAWEI", "[Y/N]", "[~~HUAWEI]", "[~other]", "  ---- More ----", "Password:"),
    questions=(
        *LOGIN,
        *CONFIGURING,
        ("Warning: The trial configuration will be confirmed. Continue? [Y/N]:", "answers", "y"),
        ("Warning: The trial configuration will be rolled back. Continue? [Y/N]:", "answers", "y"),
        ("Warning: The current configuration will be written to the device. Continue? [Y/N]:", "save", "y"),
        ("Are you sure to continue? [Y/N]:", "save", "y"),
    ),
    not_asked=NOT_ASKED,
    refused=REFUSED[:-1],
    refused_config=("Failed to generate committed config.",),
    not_refused=(
        *NOT_REFUSED,
        "Info: The system enters the trial configuration mode.\nThe system will revert to previous configuration.",
        "Info: The trial configuration rollback succeeded.",
        "Committing..done.",
    ),
    secret=SECRET,
    not_secret=NOT_SECRET,
    same=((RUNNING, STARTUP),),
    drift=DRIFT,
    transcripts=(CE6800,),
)
