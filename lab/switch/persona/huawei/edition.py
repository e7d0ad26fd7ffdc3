"""What differs between the two softwares: names, numbers, words, pages."""

from __future__ import annotations

from dataclasses import dataclass

from lab.switch.persona.ber import Oid
from lab.switch.persona.huawei.names import Kinds, split


@dataclass(frozen=True)
class Edition:
    """One software on one model. `action` is its word for shutting a port, `cause` for why port security did it.

    `first_index` is the ifIndex of port 1, `first_base` its dot1dBasePort (recordings vrp_s5328c-ei, yunshan_s5735-v2).
    """

    number: int
    kinds: Kinds
    model: str
    version: str
    description: str
    object_id: Oid
    default_mode: str
    action: str
    cause: str
    guard: str
    first_index: int
    first_base: int
    vlanif_index: int
    erase: bytes

    @property
    def two_stage(self) -> bool:
        """Tell whether changes need a commit."""
        return self.number == 8

    def if_index(self, name: str) -> int:
        """Give the ifIndex of a full name."""
        kind, numbers = split(name)
        if kind == "Vlanif":
            return self.vlanif_index + (0 if numbers[0] == 1 else numbers[0])
        return self.first_index - 1 + numbers[-1]

    def base_port(self, name: str) -> int:
        """Give the dot1dBasePort of a port."""
        return self.first_base - 1 + split(name)[1][-1]


_HUAWEI = (1, 3, 6, 1, 4, 1, 2011)
VRP5 = Edition(
    number=5,
    kinds=Kinds(
        {
            "GigabitEthernet": "GE", "XGigabitEthernet": "XGE", "Ethernet": "Eth", "Eth-Trunk": "Eth-Trunk",
            "MEth": "MEth", "Vlanif": "Vlanif", "NULL": "NULL", "LoopBack": "LoopBack",
        }
    ),
    model="S5720-28P-LI-AC",
    version="V200R019C10SPC500",
    description=(
        "S5720-28P-LI-AC\nHuawei Versatile Routing Platform Software \r\n"
        " VRP (R) software,Version 5.170 (S5720 V200R019C10SPC500) \r\n"
        " Copyright (C) 2007 Huawei Technologies Co., Ltd."
    ),
    object_id=(*_HUAWEI, 2, 23, 291),  # recording vrp_5720-vrf
    default_mode="hybrid",
    action="shutdown",
    cause="port-security",
    guard="ip source check user-bind enable",
    first_index=6,
    first_base=3,
    vlanif_index=5,
    erase=b"\x1b[42D" + b" " * 42 + b"\x1b[42D",
)  # fmt: skip
VRP8 = Edition(
    number=8,
    kinds=Kinds(
        {
            "GE": "GE", "10GE": "10GE", "25GE": "25GE", "40GE": "40GE", "100GE": "100GE", "Eth-Trunk": "Eth-Trunk",
            "MEth": "MEth", "Vlanif": "Vlanif", "NULL": "NULL", "LoopBack": "LoopBack",
        }
    ),
    model="S5735-L24T4X-A-V2",
    version="V600R022C01SPC500",
    description=(
        "Huawei YunShan OS\nVersion 1.22.0.1 (S5700 V600R022C01SPC500) \r\n"
        "Copyright (C) 2021-2022 Huawei Technologies Co., Ltd. \r\nHUAWEI CloudEngine S5735-L-V2 \r\n"
    ),
    object_id=(*_HUAWEI, 2, 23, 1097),  # recording yunshan_s5735-v2
    default_mode="access",
    action="error-down",
    cause="portsec-reachedlimit",
    guard="ipv4 source check user-bind enable",
    first_index=3,
    first_base=1,
    vlanif_index=100,
    erase=b"\x1b[16D" + b" " * 16 + b"\x1b[16D",
)  # fmt: skip
