"""Puts the switch of the standard MIBs together. It sends nothing on its own."""

from __future__ import annotations

from lab.switch.persona.ruijie.shell import RuijieSession
from lab.switch.persona.ruijie.switch import RuijieSwitch
from lab.switch.persona.standard import mib
from lab.switch.persona.standard.sets import SETTERS
from lab.switch.persona.tables import PlainTables
from lab.switch.persona.vendor import Vendor

VENDOR = Vendor(RuijieSwitch, RuijieSession, PlainTables(mib, SETTERS))
