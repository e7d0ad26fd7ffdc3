"""Puts the S5720 together."""

from __future__ import annotations

from lab.switch.persona.huawei.edition import VRP5
from lab.switch.persona.huawei.mib import HuaweiTables
from lab.switch.persona.huawei.shell import HuaweiSession
from lab.switch.persona.huawei.switch import Vrp5Switch
from lab.switch.persona.vendor import Vendor

VENDOR = Vendor(Vrp5Switch, HuaweiSession, HuaweiTables(VRP5))
