"""What a careless installer left on each platform: every port open in the face VLAN, the uplinks trunks."""

from __future__ import annotations

from collections.abc import Callable

from lab.site import FACE_VLAN, SiteSpec, SwitchSpec

#: DHCP snooping is on, without which IP source guard enforces nothing (Catalyst 2960-X guide, IP Source Guard).
_SNOOPING = ("ip dhcp snooping", f"ip dhcp snooping vlan {FACE_VLAN}")


def cisco_initial(spec: SwitchSpec, site: SiteSpec) -> str:
    """Write it for a Catalyst."""
    uplinks = site.uplink_ports(spec.name)
    lines = [f"hostname {spec.name}", f"vlan {FACE_VLAN}", " name face", "!", "lldp run", "!", *_SNOOPING, "!"]
    for port in spec.ports:
        lines.append(f"interface {port}")
        if port in uplinks:
            carried = ",".join(str(vlan) for vlan in sorted(uplinks[port]))
            lines += [f" switchport trunk allowed vlan {carried}", " switchport mode trunk", " ip dhcp snooping trust"]
        else:
            lines += [f" switchport access vlan {FACE_VLAN}", " switchport mode access"]
        lines.append("!")
    return "\n".join([*lines, "end"]) + "\n"


def _huawei(spec: SwitchSpec, site: SiteSpec) -> str:
    """Write it for either Huawei."""
    uplinks = site.uplink_ports(spec.name)
    lines = ["#", f"sysname {spec.name}", "#", f"vlan batch {FACE_VLAN}", "#", "lldp enable", "#"]
    for port in spec.ports:
        lines.append(f"interface {port}")
        if port in uplinks:
            carried = " ".join(str(vlan) for vlan in sorted(uplinks[port]))
            lines += [" port link-type trunk", " undo port trunk allow-pass vlan 1"]
            lines.append(f" port trunk allow-pass vlan {carried}")
        else:
            lines += [" port link-type access", f" port default vlan {FACE_VLAN}"]
        lines.append("#")
    return "\n".join([*lines, "return"]) + "\n"


def h3c_initial(spec: SwitchSpec, site: SiteSpec) -> str:
    """Write it for a Comware switch."""
    uplinks = site.uplink_ports(spec.name)
    lines = ["#", f" sysname {spec.name}", "#", " lldp global enable", "#", f"vlan {FACE_VLAN}", " name face", "#"]
    for port in spec.ports:
        lines += [f"interface {port}", " port link-mode bridge"]
        if port in uplinks:
            carried = " ".join(str(vlan) for vlan in sorted(uplinks[port]))
            lines += [" port link-type trunk", " undo port trunk permit vlan 1", f" port trunk permit vlan {carried}"]
        else:
            lines.append(f" port access vlan {FACE_VLAN}")
        lines.append("#")
    return "\n".join([*lines, "return"]) + "\n"


def ruijie_initial(spec: SwitchSpec, site: SiteSpec) -> str:
    """Write it for an RGOS switch."""
    uplinks = site.uplink_ports(spec.name)
    lines = [f"hostname {spec.name}", "!", f"vlan {FACE_VLAN}", " name face", "!"]
    for port in spec.ports:
        lines.append(f"interface {port}")
        if port in uplinks:
            carried = ",".join(str(vlan) for vlan in sorted(uplinks[port]))
            lines += [" switchport mode trunk", f" switchport trunk allowed vlan only {carried}"]
        else:
            lines.append(f" switchport access vlan {FACE_VLAN}")
        lines.append("!")
    return "\n".join([*lines, "end"]) + "\n"


#: Platform of an emulated switch → what writes its first configuration.
INITIAL: dict[str, Callable[[SwitchSpec, SiteSpec], str]] = {
    "cisco_ios": cisco_initial,
    "huawei_vrp": _huawei,
    "huawei_vrpv8": _huawei,
    "h3c_comware": h3c_initial,
    "ruijie_os": ruijie_initial,
}


def initial(spec: SwitchSpec, site: SiteSpec) -> str:
    """Write the first configuration of an emulated switch."""
    return INITIAL[spec.platform](spec, site)
