"""What scapy makes of the few frames that tell who a device is: DHCP, LLDP, CDP, router advertisements; and banners.

Imported by the watch's child only: scapy is GPL-2.0-only, and a process of its own. Frames are hostile, and scapy
raises whatever it meets; here that is :class:`policies.watch.frame.BadFrame`, and nothing else leaves.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable

logging.getLogger("scapy").setLevel(logging.CRITICAL)

from scapy.config import conf  # noqa: E402 - it warns of missing routes while it is imported
from scapy.contrib import cdp, lldp  # noqa: E402
from scapy.layers.dhcp import BOOTP  # noqa: E402
from scapy.layers.inet6 import ICMPv6ND_RA, ICMPv6NDOptPrefixInfo  # noqa: E402
from scapy.layers.l2 import LLC, SNAP  # noqa: E402
from scapy.packet import Packet as Scapy  # noqa: E402

from policies.watch.frame import ETH_LLDP, ICMP6, TCP, UDP, BadFrame, Frame  # noqa: E402
from policies.watch.told import BannerTold, DhcpTold, NeighbourTold, RouterTold, Told  # noqa: E402

_CDP_GROUP = "01:00:0c:cc:cc:cc"
_DHCP_PORTS, _DISCOVERY, _RTSP = frozenset({67, 68}), 3702, 554
_ROUTER = 134
#: RTSP's Server line (RFC 2326, 12.36), and what ONVIF puts into the scopes of WS-Discovery.
_SERVER = re.compile(rb"\r\nServer:[ \t]*([^\r\n]{1,120})", re.IGNORECASE)
_SCOPE = re.compile(rb"onvif://www\.onvif\.org/((?:hardware|name)/[^\s<\"]{1,80})")
_MOST = 32

Reading = Callable[[Frame, bytes], Told | None]


def reading(frame: Frame, data: bytes) -> Reading | None:
    """Give what reads this frame further; None for one that tells nothing of who sent it."""
    packet = frame.packet
    if packet is None:
        cdp_ = frame.target == _CDP_GROUP and frame.ethertype == 0
        return _lldp if frame.ethertype == ETH_LLDP else _cdp if cdp_ else None
    if packet.protocol == ICMP6:
        return _router if packet.icmp == _ROUTER else None
    if packet.ports is None:
        return None
    if packet.protocol == UDP:
        dhcp = _DHCP_PORTS.issuperset(packet.ports)
        return _dhcp if dhcp else _onvif if _DISCOVERY in packet.ports else None
    answers = packet.protocol == TCP and packet.ports[0] == _RTSP
    return _rtsp if answers and data[packet.payload : packet.payload + 5] == b"RTSP/" else None


def dissect(read: Reading, frame: Frame, data: bytes) -> Told | None:
    """Read the frame further; None where it tells nothing. Raises BadFrame."""
    try:
        return read(frame, data)
    except Exception as error:
        raise BadFrame(f"{read.__name__.strip('_')} {type(error).__name__}"[:40]) from error


def _dhcp(frame: Frame, data: bytes) -> DhcpTold | None:
    assert frame.packet is not None
    message = BOOTP(data[frame.packet.payload :])
    found: dict[str, object] = {}
    for option in getattr(message.payload, "options", []):
        if isinstance(option, tuple) and len(option) > 1 and isinstance(option[0], str):
            found.setdefault(option[0], option[1] if len(option) == 2 else list(option[1:]))
    parameters = found.get("param_req_list")
    kind = found.get("message-type", 0)
    return DhcpTold(
        kind if isinstance(kind, int) else 0,
        tuple(int(each) for each in parameters[:_MOST]) if isinstance(parameters, Iterable) else (),  # type: ignore[index]
        _text(found.get("vendor_class_id")),
        _text(found.get("hostname")),
        _text(found.get("server_id")),
        _text(found.get("router")),
    )


def _lldp(frame: Frame, data: bytes) -> NeighbourTold | None:
    conf.contribs["LLDP"].strict_mode_disable()
    found = {"name": "", "description": "", "capabilities": ""}
    for unit in _layers(lldp.LLDPDU(data[14 + 4 * _in_frame(frame, data) :])):
        if isinstance(unit, lldp.LLDPDUSystemName):
            found["name"] = _text(unit.system_name)
        elif isinstance(unit, lldp.LLDPDUSystemDescription):
            found["description"] = _text(unit.description)
        elif isinstance(unit, lldp.LLDPDUSystemCapabilities):
            names = [f.name for f in unit.fields_desc if f.name.endswith("_enabled") and unit.getfieldval(f.name)]
            found["capabilities"] = ",".join(name.removesuffix("_enabled") for name in names)
    return NeighbourTold("lldp", found["name"], found["description"], found["capabilities"])


def _cdp(frame: Frame, data: bytes) -> NeighbourTold | None:
    at = 14 + 4 * _in_frame(frame, data)
    sub = LLC(data[at:])
    if not isinstance(sub.payload, SNAP) or sub.payload.OUI != 0x00000C or sub.payload.code != 0x2000:
        return None
    found = {"name": "", "version": "", "platform": ""}
    for unit in _layers(cdp.CDPv2_HDR(data[at + 8 :])):
        for each in unit.getfieldval("msg") if isinstance(unit, cdp.CDPv2_HDR) else ():
            if isinstance(each, cdp.CDPMsgDeviceID):
                found["name"] = _text(each.val)
            elif isinstance(each, cdp.CDPMsgSoftwareVersion):
                found["version"] = _text(each.val)
            elif isinstance(each, cdp.CDPMsgPlatform):
                found["platform"] = _text(each.val)
    return NeighbourTold("cdp", found["name"], found["version"], found["platform"])


def _router(frame: Frame, data: bytes) -> RouterTold | None:
    assert frame.packet is not None
    message = ICMPv6ND_RA(data[frame.packet.payload :])
    prefixes = [
        f"{unit.prefix}/{unit.prefixlen}" for unit in _layers(message) if isinstance(unit, ICMPv6NDOptPrefixInfo)
    ]
    return RouterTold(int(message.routerlifetime or 0), tuple(prefixes[:_MOST]))


def _rtsp(frame: Frame, data: bytes) -> BannerTold | None:
    assert frame.packet is not None
    found = _SERVER.search(data, frame.packet.payload)
    return None if found is None else BannerTold("rtsp", _text(found[1]))


def _onvif(frame: Frame, data: bytes) -> BannerTold | None:
    assert frame.packet is not None
    found = sorted({_text(each) for each in _SCOPE.findall(data[frame.packet.payload :])})
    return BannerTold("onvif", " ".join(found[:4])) if found else None


def _layers(message: Scapy) -> list[Scapy]:
    found: list[Scapy] = []
    layer = message
    while layer and len(found) < _MOST:
        found.append(layer)
        layer = layer.payload
    return found


def _in_frame(frame: Frame, data: bytes) -> int:
    """Count the tags that are in the bytes; the kernel has taken the outer one off as a rule."""
    at, tags = 12, 0
    while tags < len(frame.vlans) and int.from_bytes(data[at : at + 2]) in (0x8100, 0x88A8, 0x9100):
        at, tags = at + 4, tags + 1
    return tags


def _text(value: object) -> str:
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else "" if value is None else str(value)
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:200]
