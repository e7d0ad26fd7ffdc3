"""Every kind of change on Huawei's switches: what is typed, and what the switch shows before and after.

Written by hand from the S-series V200R019 and CloudEngine V300R023 command references; no line comes from a dialect.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from drivers.dialects import dialect
from tests.scripted import Terminal, Typed

ACCESS = (" port link-type access", " port default vlan 100")
SECURED = (*ACCESS, " port-security enable")
BIND = "user-bind static ip-address 198.18.100.51 mac-address 02ca-0000-0051 interface {port}"
MAC51, MAC52 = "port-security mac-address 02ca-0000-0051 vlan 100", "port-security mac-address 02ca-0000-0052 vlan 100"
TO_TRUNK = ("undo port default vlan", "port link-type trunk")
FROM_TRUNK = (
    "undo port trunk pvid vlan",
    "undo port trunk allow-pass vlan all",
    "port trunk allow-pass vlan 1",
    "port link-type access",
    "port default vlan 100",
)


@dataclass(frozen=True)
class State:
    """What a switch shows: the port's lines, its row in `display port vlan`, global lines, VLANs."""

    lines: tuple[str, ...] = ACCESS
    row: str = "access       100   -"
    above: tuple[str, ...] = ()
    vlans: tuple[int, ...] = (1, 100, 200)


@dataclass(frozen=True)
class Change:
    """From one state to another, and the lines that lead there and back; in the port's view unless `bare`."""

    before: State
    after: State
    there: tuple[Typed, ...]
    back: tuple[Typed, ...]
    bare: bool = False


@dataclass(frozen=True)
class Platform:
    """One of Huawei's two systems, with the port that is changed."""

    platform: str
    port: str
    changes: Mapping[str, Change]
    staged: bool = False
    begins: tuple[str, ...] = ("system-view",)
    ends: tuple[str, ...] = ("return",)

    def terminal(self) -> Terminal:
        """Begin a login."""
        return Terminal(dialect(self.platform), staged=self.staged)

    def typed(self, change: Change, *, back: bool = False) -> list[Typed]:
        """Give the whole dialogue of a change."""
        lines = change.back if back else change.there
        inner = lines if change.bare else (f"interface {self.port}", *lines, "quit")
        return [*self.begins, *inner, *self.ends]

    def shows(self, state: State, saved: State | None = None) -> dict[str, str]:
        """Give the answers to all reads; `saved` is the state that the startup configuration has."""
        name = self.port
        vlans = "\n".join(f"{vlan:<4} enable  default       enable  disable    VLAN {vlan:04}" for vlan in state.vlans)
        return {
            "display current-configuration": self._configuration(state),
            "display saved-configuration": self._configuration(saved or state),
            "display interface brief": f"Interface   PHY   Protocol InUti OutUti   inErrors  outErrors\n"
            f"{name}   {'up' if ' shutdown' not in state.lines else '*down'}    up    0%  0%    0     0\n",
            "display error-down recovery": "Info: No error-down interface exists.\n",
            "display port vlan": f"Port    Link Type    PVID  Trunk VLAN List\n----------\n{name}    {state.row}\n",
            "display vlan": f"VID  Status  Property      MAC-LRN Statistics Description\n----------\n{vlans}\n",
            "display mac-address": "MAC Address    VLAN/VSI/BD   Learned-From        Type\n----------\n"
            "02ca-0000-0051 100/-/-       -        blackhole\n----------\nTotal items displayed = 1\n",
            "display lldp neighbor": f"{name} has 0 neighbor(s)\n",
            "display version": "VRP (R) software, Version 5.170 (S5720 V200R019C10SPC500)\n"
            "HUAWEI S5720-28X Routing Switch uptime is 1 week\n",
        }

    def _configuration(self, state: State) -> str:
        above = "".join(f"{line.format(port=self.port)}\n" for line in state.above)
        batch = " ".join(str(vlan) for vlan in state.vlans if vlan != 1)
        lines = "".join(f"{line}\n" for line in state.lines)
        return f"#\nsysname HUAWEI\n#\nvlan batch {batch}\n#\n{above}#\ninterface {self.port}\n{lines}#\nreturn\n"


def on(state: State, *lines: str) -> State:
    return replace(state, lines=(*state.lines, *lines))


ORDINARY, HARDENED = State(), State(SECURED)
TRUNK = State((" port link-type trunk",), "trunk        1     1")


def _changes(factory: State, *, vrp8: bool) -> dict[str, Change]:
    maximum = "port-security enable maximum" if vrp8 else "port-security max-mac-num"
    lowered = f"{maximum} 1" if vrp8 else f"undo {maximum}"
    guard = "ipv4 source check user-bind enable" if vrp8 else "ip source check user-bind enable"
    bind, unbind = BIND + " vlan 100", "undo " + BIND
    name = "10GE1/0/1" if vrp8 else "GigabitEthernet0/0/1"
    sealed = ("port-security enable", f"{maximum} 2", MAC51, MAC52)
    asks = "Warning: This command will delete VLANs on this port. Continue?[Y/N]:"
    typed_mode = () if vrp8 else ("port link-type access",)
    left_mode = () if vrp8 else ("undo port link-type",)
    return {
        # A newer release asks before another link type takes the port's VLANs away.
        "mode": Change(
            ORDINARY,
            TRUNK,
            (TO_TRUNK[0], (TO_TRUNK[1], asks, "y")),
            (*FROM_TRUNK[:3], (FROM_TRUNK[3], asks, "y"), FROM_TRUNK[4]),
        ),
        "access_vlan": Change(
            ORDINARY,
            State((ACCESS[0], " port default vlan 200"), "access       200   -"),
            ("port default vlan 200",),
            ("port default vlan 100",),
        ),
        "native_vlan": Change(
            ORDINARY,
            replace(on(TRUNK, " port trunk pvid vlan 100"), row="trunk        100   1"),
            (*TO_TRUNK, "port trunk pvid vlan 100"),
            FROM_TRUNK,
        ),
        "allowed_vlans": Change(
            ORDINARY,
            replace(
                on(TRUNK, " undo port trunk allow-pass vlan 1", " port trunk allow-pass vlan 100 200"),
                row="trunk        1     100 200",
            ),
            (*TO_TRUNK, "undo port trunk allow-pass vlan all", "port trunk allow-pass vlan 100 200"),
            FROM_TRUNK,
        ),
        "secure": Change(ORDINARY, HARDENED, ("port-security enable",), ("undo port-security enable",)),
        "maximum": Change(HARDENED, on(HARDENED, f" {maximum} 3"), (f"{maximum} 3",), (lowered,)),
        "violation": Change(
            HARDENED,
            on(HARDENED, " port-security protect-action protect"),
            ("port-security protect-action protect",),
            ("undo port-security protect-action",),
        ),
        "sticky": Change(
            HARDENED,
            on(HARDENED, " port-security mac-address sticky"),
            ("port-security mac-address sticky",),
            ("undo port-security mac-address sticky",),
        ),
        "secure_macs": Change(
            HARDENED,
            on(HARDENED, f" {maximum} 2", f" {MAC51}", f" {MAC52}"),
            (f"{maximum} 2", MAC51, MAC52),
            (f"undo {MAC51}", f"undo {MAC52}", lowered),
        ),
        "ip_bindings": Change(
            ORDINARY,
            replace(ORDINARY, above=(bind,)),
            (bind.format(port=name),),
            (unbind.format(port=name),),
            bare=True,
        ),
        "source_guard": Change(ORDINARY, on(ORDINARY, f" {guard}"), (guard,), (f"undo {guard}",)),
        "admin_up": Change(ORDINARY, on(ORDINARY, " shutdown"), ("shutdown",), ("undo shutdown",)),
        "description": Change(
            ORDINARY,
            on(ORDINARY, " description pole 7 / by the gate"),
            ("description pole 7 / by the gate",),
            ("undo description",),
        ),
        "vlan": Change(
            replace(ORDINARY, vlans=(1, 100)),
            ORDINARY,
            ("vlan 200", "description two-hundred", "quit"),
            ("undo vlan 200",),
            bare=True,
        ),
        "sealed": Change(
            factory,
            replace(
                on(State(ACCESS[1:] if vrp8 else ACCESS), *(f" {line}" for line in sealed), f" {guard}"), above=(bind,)
            ),
            (
                f"interface {name}",
                *typed_mode,
                "port default vlan 100",
                *sealed,
                "quit",
                bind.format(port=name),
                f"interface {name}",
                guard,
                "quit",
            ),
            (
                f"interface {name}",
                f"undo {guard}",
                "quit",
                unbind.format(port=name),
                f"interface {name}",
                f"undo {MAC51}",
                f"undo {MAC52}",
                "undo port default vlan",
                *left_mode,
                lowered,
                "undo port-security enable",
                "quit",
            ),
            bare=True,
        ),
    }


VRP5 = Platform(
    "huawei_vrp",
    "GigabitEthernet0/0/1",
    _changes(State((), "auto         1     1-4094"), vrp8=False),
)
VRP8 = Platform(
    "huawei_vrpv8",
    "10GE1/0/1",
    _changes(State((), "access       1     --"), vrp8=True),
    staged=True,
    ends=("commit trial 300 persist portseal", "return"),
)
#: A campus switch with YunShan OS: the same words, and every line works at once.
YUNSHAN = Platform("huawei_vrpv8", "10GE1/0/1", VRP8.changes)
