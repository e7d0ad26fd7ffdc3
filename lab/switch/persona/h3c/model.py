"""What a Comware switch holds beyond what every switch does."""

from __future__ import annotations

from dataclasses import dataclass, field

from lab.switch.persona.model import Running

#: Words in `Interface.flags`: the mode that was configured (port-security port-mode), and settings of the feature.
AUTOLEARN, SECURE, DYNAMIC_MACS = "autolearn", "secure", "dynamic-macs"
#: Words in `Running.flags`.
PORT_SECURITY, INTRUSION_TRAP, LEARNED_TRAP = "port-security", "trap intrusion", "trap address-learned"
#: What intrusion protection can do (`Security.violation`); empty: nothing but drop.
BLOCK, DISABLE, TEMPORARILY = "blockmac", "disableport", "disableport-temporarily"
#: Seconds for which `blockmac` blocks an address; cannot be configured (H3C port security guide).
BLOCKED_S = 180.0


@dataclass(frozen=True, slots=True)
class StaticMac:
    """An entry of `mac-address static`: it passes at its port in the modes autoLearn and secure, and is not counted."""

    mac: str
    vlan: int
    interface: str


@dataclass(slots=True)
class H3cRunning(Running):
    """The running configuration of a Comware switch.

    `sticky_aging` is in minutes, 0 for never; `recovery_interval` is `port-security timer disableport`.
    """

    statics: list[StaticMac] = field(default_factory=list)
    sticky_aging: int = 0
