"""Whether a change set may still be carried out: site, inventory and blocks may have changed since it was made."""

from __future__ import annotations

from controller.context import Context
from controller.network.planning import expected_states
from controller.network.reading import own_macs
from drivers.dialects import spoken
from drivers.flow import Admission
from policies.errors import SafetyRefusal, StalePlan
from policies.model import ObservedSwitch, PortRole, SwitchChanges
from policies.plan import plan_switch
from policies.site import Switch
from policies.texts import Text, t


def as_planned(context: Context, switch: Switch) -> Admission:
    """Admit a saved plan's changes only while planning anew, from what was just read, gives the same."""

    def admit(observed: ObservedSwitch, changes: SwitchChanges) -> None:
        wanted = expected_states(context, [switch])[switch.name]
        anew, _ = plan_switch(wanted, observed, own_macs())
        if _essence(anew) != _essence(changes):
            raise StalePlan(
                t("site.toml, the inventory or a block changed since the plan was made"),
                where=switch.name,
                next_step=t("run 'portseal plan' again and look at what is different"),
            )

    return admit


def unprotected(context: Context, switch: Switch) -> Admission:
    """Admit changes of ports that the site declares and does not protect, and that are not our way to the switch."""

    def admit(observed: ObservedSwitch, changes: SwitchChanges) -> None:
        ports = expected_states(context, [switch])[switch.name].ports
        ours = own_macs()
        for change in changes.ports:
            wanted, seen = ports.get(change.port), observed.ports.get(change.port)
            reason: Text | None = t("the site does not declare this port, so it is not touched")
            if wanted is not None:
                excepted = wanted.role is PortRole.EXCEPTED
                reason = wanted.protected if not excepted else None
            if reason is None and seen is not None and any(entry.mac in ours for entry in seen.learned):
                reason = t("it carries the management path: the controller's own MAC is learned on it")
            if reason is not None:
                raise SafetyRefusal(
                    reason, where=f"{switch.name}/{change.port}", next_step=t("look at this port by hand")
                )

    return admit


def only_read(switch: Switch) -> bool:
    """Tell whether Portseal only reads a switch: its dialect is experimental, and the site does not allow writing."""
    return spoken(switch).experimental and not switch.experimental_writes


def allow_writing(switch: Switch) -> None:
    """See that a switch may be changed at all.

    Raises:
        SafetyRefusal: its dialect is experimental, and the site does not allow writing; the key that does is named.

    """
    if only_read(switch):
        raise SafetyRefusal(
            t("the dialect {platform} is experimental, so the switch is only read", platform=switch.platform),
            where=switch.name,
            next_step=t(
                "try it on a spare switch of this model, then set switches.{name}.experimental_writes = true "
                "in site.toml",
                name=switch.name,
            ),
        )


def _essence(changes: SwitchChanges) -> object:
    """Give what is done, without the reasons: those name MACs that come and go."""
    ports = {change.port: (change.after, change.recover) for change in changes.ports}
    return changes.vlans, ports, changes.save
