"""Puts the switch of the standard MIBs together. It sends nothing on its own."""

from __future__ import annotations

from lab.switch.dataplane import FdbEntry
from lab.switch.persona.ber import Oid, Value
from lab.switch.persona.mib import Row
from lab.switch.persona.model import Interface
from lab.switch.persona.ruijie.shell import RuijieSession
from lab.switch.persona.ruijie.switch import RuijieSwitch
from lab.switch.persona.standard import mib
from lab.switch.persona.standard.sets import SETTERS
from lab.switch.persona.state import Switch
from lab.switch.persona.vendor import Vendor


class _Tables:
    """The agent's tables; see vendor.Tables."""

    def general(self, switch: Switch, links: dict[str, bool]) -> list[Row]:
        """Build all rows but those that change with what was learned."""
        return mib.general(switch, links)

    def bridge(self, switch: Switch, vlan: int, learned: list[FdbEntry]) -> list[Row]:
        """Build the bridge's ports and addresses, of all VLANs together."""
        return mib.bridge(switch, vlan, learned)

    def context(self, switch: Switch, community_suffix: str | None, name: str) -> int | None:
        """Give 0: there is one context, and a community is taken as it is."""
        del switch
        return None if community_suffix is not None or name else 0

    def set(self, switch: Switch, asked: list[tuple[Oid, int, Value]]) -> None:
        """Do a SET."""
        SETTERS.apply(switch, asked)

    def trap(self, switch: Switch, kind: str, entry: Interface | None) -> tuple[Oid, list[Row]] | None:
        """Give None: it sends no notifications."""
        del switch, kind, entry
        return None

    def targets(self, switch: Switch, kind: str) -> list[tuple[str, int, str]]:
        """Name nobody."""
        del switch, kind
        return []


VENDOR = Vendor(RuijieSwitch, RuijieSession, _Tables())
