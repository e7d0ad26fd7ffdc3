"""Which platform a system group speaks of."""

from __future__ import annotations

import pytest

from drivers.snmp.platforms import Identity, identify

VRP5 = "S5720-56C\nHuawei Versatile Routing Platform\r\nVRP (R) software,Version 5.170 (S5720 V200R010C00SPC600)"
YUNSHAN = "Huawei YunShan OS\nVersion 1.22.0.1 (S5700 V600R022C01SPC500) \r\nHUAWEI CloudEngine S5735-L-V2 \r\n"
IOS = "Cisco IOS Software, C2960X Software (C2960X-UNIVERSALK9-M), Version 15.0(2a)EX5, RELEASE SOFTWARE (fc1)"
COMWARE = (
    "H3C Comware Platform Software, Software Version 7.1.070, Release 6126P20 H3C S5130S-28S-EI Copyright (c) 2004"
)


@pytest.mark.parametrize(
    ("object_id", "description", "identity"),
    [
        ("1.3.6.1.4.1.9.1.1208", IOS, Identity("cisco_ios", "C2960X", "15.0(2a)EX5")),
        ("1.3.6.1.4.1.2011.2.23.291", VRP5, Identity("huawei_vrp", "S5720-56C", "5.170 (S5720 V200R010C00SPC600)")),
        (
            "1.3.6.1.4.1.2011.2.23.1097",
            YUNSHAN,
            Identity("huawei_vrpv8", "CloudEngine S5735-L-V2", "1.22.0.1 (S5700 V600R022C01SPC500)"),
        ),
        (
            "1.3.6.1.4.1.25506.11.1.1",
            COMWARE,
            Identity("h3c_comware", "H3C S5130S-28S-EI", "7.1.070, Release 6126P20"),
        ),
        (
            "1.3.6.1.4.1.4881.1.1.10.1.150",
            "Ruijie Switch(S6220) By Ruijie Networks",
            Identity("ruijie_os", "S6220", ""),
        ),
        (
            "1.3.6.1.4.1.47196.4.1.1.1.50",
            "Aruba JL635A 8325 GL.10.04",
            Identity("aruba_aoscx", "JL635A 8325", "GL.10.04"),
        ),
        (".1.3.6.1.4.1.30065.1", "", Identity("arista_eos")),
        ("1.3.6.1.4.1.90.1", "", Identity()),
        ("", IOS, Identity("cisco_ios", "C2960X", "15.0(2a)EX5")),
        ("1.3.6.1.4.1.99999.1", "Ruijie Gigabit Switch", Identity("ruijie_os")),
        ("1.3.6.1.4.1.8072.3.2.10", "Linux sw1 6.1 Open vSwitch 3.1", Identity("openvswitch")),
        ("1.3.6.1.4.1.8072.3.2.10", "Linux sw1 6.1", Identity("linux_bridge")),
        ("", "", Identity()),
    ],
)
def test_sys_object_id_goes_before_sys_descr(object_id: str, description: str, identity: Identity) -> None:
    assert identify(object_id, description) == identity
