"""The stable JSON of an observed switch: what `portseal discover --json` prints, whichever driver read it."""

from __future__ import annotations

from policies.model import ObservedPort, ObservedSwitch
from policies.names import format_vlans, port_key
from policies.texts import render


def observed_to_json(observed: ObservedSwitch, language: str = "en") -> dict[str, object]:
    """Give `observed` as plain JSON values: stable keys, sorted lists, null for what is not known.

    `read_at` is ISO 8601 in UTC; MACs are aa:bb:cc:dd:ee:ff; ports are in the order in which people count them;
    `allowed_vlans` are ranges (1-4094).
    `oddities` are sentences in `language`.
    """
    names = sorted(observed.ports, key=port_key)
    return {
        "switch": observed.switch,
        "hostname": observed.hostname,
        "platform": observed.platform,
        "model": observed.model,
        "version": observed.version,
        "read_at": observed.read_at.isoformat(),
        "capabilities": sorted(observed.capabilities),
        "ports": [_port(observed.ports[name]) for name in names],
        "vlans": _vlans(observed.vlans),
        "startup_differs": None if observed.startup_differs is None else list(observed.startup_differs),
        "oddities": [render(sentence, language) for sentence in observed.oddities],
    }


def _vlans(vlans: dict[int, str] | None) -> list[dict[str, object]] | None:
    return None if vlans is None else [{"id": vlan, "name": name} for vlan, name in sorted(vlans.items())]


def _port(port: ObservedPort) -> dict[str, object]:
    config = port.config
    return {
        "name": port.name,
        "if_index": port.if_index,
        "admin_up": config.admin_up,
        "oper": port.oper.value,
        "blocked_cause": port.blocked_cause,
        "description": config.description,
        "mode": None if config.mode is None else config.mode.value,
        "access_vlan": config.access_vlan,
        "native_vlan": config.native_vlan,
        "allowed_vlans": None if config.allowed_vlans is None else format_vlans(config.allowed_vlans),
        "voice_vlan": port.voice_vlan,
        "trunking": port.trunking,
        "channel": port.channel,
        **_security(port),
        "learned": [
            {"mac": each.mac, "vlan": each.vlan, "kind": each.kind}
            for each in sorted(port.learned, key=lambda each: (each.mac, each.vlan or 0, each.kind))
        ],
        "neighbours": [
            {
                "system": each.system,
                "port": each.port,
                "chassis": each.chassis,
                "capabilities": each.capabilities,
            }
            for each in port.neighbours
        ],
    }


def _security(port: ObservedPort) -> dict[str, object]:
    config = port.config
    macs, bindings = config.secure_macs, config.ip_bindings
    return {
        "secure": config.secure,
        "maximum": config.maximum,
        "violation": None if config.violation is None else config.violation.value,
        "sticky": config.sticky,
        "secure_macs": None
        if macs is None
        else [
            {"mac": each.mac, "vlan": each.vlan} for each in sorted(macs, key=lambda each: (each.mac, each.vlan or 0))
        ],
        "ip_bindings": None
        if bindings is None
        else [
            {"mac": each.mac, "ip": each.ip, "vlan": each.vlan}
            for each in sorted(bindings, key=lambda each: (each.mac, each.ip, each.vlan))
        ],
        "source_guard": config.source_guard,
        "violations": port.violations,
        "last_violator": port.last_violator,
    }
