"""What most vendors' agents have in common: one context, rows from the vendor's `mib` module, sets from its `sets`."""

from __future__ import annotations

from typing import Protocol

from lab.switch.dataplane import FdbEntry
from lab.switch.persona.ber import Oid, Value
from lab.switch.persona.mib import Row
from lab.switch.persona.model import Interface
from lab.switch.persona.sets import Setters
from lab.switch.persona.state import Switch


class Rows(Protocol):
    """A vendor's `mib` module."""

    def general(self, switch: Switch, links: dict[str, bool]) -> list[Row]:
        """Build all rows but those that `bridge` gives."""
        ...

    def bridge(self, switch: Switch, vlan: int, learned: list[FdbEntry]) -> list[Row]:
        """Build the rows that change with what was learned."""
        ...


class PlainTables:
    """An agent with one context that sends no notifications; see vendor.Tables. A vendor overrides what differs."""

    def __init__(self, rows: Rows, setters: Setters) -> None:
        self._rows, self._setters = rows, setters

    def general(self, switch: Switch, links: dict[str, bool]) -> list[Row]:
        """Build all rows but those that `bridge` gives."""
        return self._rows.general(switch, links)

    def bridge(self, switch: Switch, vlan: int, learned: list[FdbEntry]) -> list[Row]:
        """Build the bridge's ports and addresses, of all VLANs together."""
        return self._rows.bridge(switch, vlan, learned)

    def context(self, switch: Switch, community_suffix: str | None, name: str) -> int | None:
        """Give 0: there is one context, and a community is taken as it is."""
        del switch
        return None if community_suffix is not None or name else 0

    def set(self, switch: Switch, asked: list[tuple[Oid, int, Value]]) -> None:
        """Do a SET."""
        self._setters.apply(switch, asked)

    def trap(self, switch: Switch, kind: str, entry: Interface | None) -> tuple[Oid, list[Row]] | None:
        """Give None: it sends no notifications."""
        del switch, kind, entry
        return None

    def targets(self, switch: Switch, kind: str) -> list[tuple[str, int, str]]:
        """Name nobody."""
        del switch, kind
        return []
