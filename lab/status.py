"""What of the lab runs, and what arrives; the shape of `portseal lab status --json`."""

from __future__ import annotations

from typing import Any

from lab.api import Lab
from lab.up import ailments, require_root, state


def status() -> dict[str, Any]:
    """Say it; UsageError unless this is root.

    `recorded` counts the host's datagrams at the recorder, `sent` those it sent; `problems` names what does not run.
    """
    require_root()
    if state() is None:
        return {"up": False, "problems": [], "switches": [], "hosts": []}
    lab, problems = Lab(), ailments()
    switches = [{"name": each.name, "platform": each.platform, "host": each.host} for each in lab.site.switches]
    hosts = [] if "hosts" in problems else _hosts(lab)
    return {"up": True, "problems": problems, "switches": switches, "hosts": hosts}


def _hosts(lab: Lab) -> list[dict[str, Any]]:
    played, plugged = lab.status(), lab.plugged()
    recorded: dict[str, int] = {}
    for name, _, _, count in played[lab.recorder().spec.name]["sources"]:
        recorded[name] = recorded.get(name, 0) + count
    rows = []
    for spec in lab.site.hosts:
        cable = plugged.get(spec.name)
        names = {interface: port for port, interface in lab.site.switch[cable.switch].ports.items()} if cable else {}
        rows.append(
            {
                "name": spec.name,
                "role": spec.role,
                "mac": cable.mac if cable else spec.mac,
                "ip": spec.ip,
                "switch": cable.switch if cable else "",
                "port": names[cable.interface] if cable else "",
                "sent": played[spec.name]["sent"],
                "recorded": recorded.get(spec.name, 0),
            }
        )
    return rows
