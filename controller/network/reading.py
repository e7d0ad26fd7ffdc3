"""Reading the switches of a site: fresh observations, kept as evidence in the store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from controller.context import Context
from controller.network.equipment import SwitchEquipment
from controller.network.pool import Answers, on_each
from controller.store.observations import put_observation
from policies.errors import NotFound, PortsealError
from policies.model import ObservedSwitch
from policies.names import parse_mac
from policies.site import Switch
from policies.texts import t

Finished = Callable[[str, PortsealError | None], None]


def chosen(context: Context, names: Sequence[str]) -> list[Switch]:
    """Give the declared switches called `names`, or all when none is named.

    Raises:
        NotFound: a name that the site does not declare.

    """
    if not names:
        return list(context.site.switches)
    found = []
    for name in names:
        switch = context.site.switch(name)
        if switch is None:
            raise NotFound(
                t("the site has no switch called '{name}'", name=name),
                next_step=t(
                    "choose one of {names}", names=", ".join(each.name for each in context.site.switches) or "-"
                ),
            )
        found.append(switch)
    return found


def read_switches(
    context: Context, switches: Sequence[Switch], finished: Finished | None = None
) -> Answers[ObservedSwitch]:
    """Read all `switches` at once over SSH and keep what they said."""

    def read(switch: Switch) -> ObservedSwitch:
        equipment = SwitchEquipment(context.site, switch, context.clock)
        with equipment.session() as session:
            observed = equipment.observe(session)
        put_observation(context.store, observed)
        return observed

    return on_each(switches, read, finished)


def own_macs(root: Path = Path("/sys/class/net")) -> frozenset[str]:
    """Give this machine's own MACs: the port that learned one carries the management path."""
    macs = set()
    for address in root.glob("*/address"):
        try:
            text = address.read_text("ascii").strip()
        except OSError:  # the interface left while we looked
            continue
        if text and text != "00:00:00:00:00:00" and len(text) == 17:
            macs.add(parse_mac(text))
    return frozenset(macs)
