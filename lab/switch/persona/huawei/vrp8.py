"""Puts the CloudEngine together."""

from __future__ import annotations

from lab.switch.persona.huawei.edition import VRP8
from lab.switch.persona.huawei.mib import HuaweiTables
from lab.switch.persona.huawei.shell8 import Vrp8Session
from lab.switch.persona.huawei.switch import Vrp8Switch
from lab.switch.persona.vendor import Vendor

VENDOR = Vendor(Vrp8Switch, Vrp8Session, HuaweiTables(VRP8))
