"""The names of places: port paths that stay over boots, and which two of them are one hole in the case."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

_PCI = re.compile(r"[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")
_NAMED = frozenset({"pci", "platform", "acpi", "amba", "xen"})
_HUB_PORT = re.compile(r".+-port(\d{1,3})")
#: What a port path, in a grant too, does not hold; and how much of it a controller's place may take.
_STRANGE, _LONGEST_PLACE = re.compile(r"[^A-Za-z0-9_.:,@!-]"), 90


def prefix(root: Path, root_hub: Path, version: str) -> str:
    """Name a bus by its controller's place, as udev's path_id builds ID_PATH_WITH_USB_REVISION.

    `root` is where sysfs is mounted, `root_hub` the folder of the root hub, `version` its attribute (" 2.00"). Every
    parent of a known kind counts, the nearest last: pci-0000:00:14.0, platform-xhci-hcd.0, or a chain of them. A
    controller of no known kind is `other-` and its folder below devices. The generation is the major of the version;
    udev gets the same from the root hub's protocol and speed. Without it udev leaves out the `v`, and so does this.
    """
    top, real = root.resolve() / "devices", root_hub.resolve()
    inside = real.parent.relative_to(top) if real.is_relative_to(top) else Path()
    parts: list[str] = []
    below = ""
    for parent in (top / inside, *(top / each for each in inside.parents)):
        kind = _subsystem(parent) if parent != top else ""
        if kind in _NAMED and kind != below:
            parts.insert(0, f"{kind}-{parent.name}")
        below = kind
    place = "-".join(parts or ["other", *(["!".join(inside.parts)] if inside.parts else [])])
    if len(place) > _LONGEST_PLACE:
        place = f"{place[: _LONGEST_PLACE - 17]}!{sha256(place.encode('utf-8', 'surrogateescape')).hexdigest()[:16]}"
    place = _STRANGE.sub("_", place)
    major = re.match(r"\s*(\d)\.", version)
    return f"{place}-usb{'v' + major[1] if major else ''}"


def peers(devices: Path, stems: Mapping[str, str], interfaces: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Map the port paths of one hole to each other, by the `peer` links of the hubs' port folders.

    `devices` is the folder of links to all devices; `stems` gives what a port number is put behind, for each hub by
    its name (usb1, 1-2); `interfaces` the names of interface folders by device name (1-0 for the root hub of usb1).
    """
    found = {}
    for hub, stem in stems.items():
        own = f"{hub[3:]}-0" if hub.startswith("usb") else hub
        for interface in interfaces.get(own, ()):
            for number, other in _peer_links(devices / interface):
                other_hub, _, port = other.rpartition("-port")
                if other_hub in stems:
                    found[f"{stem}{number}"] = f"{stems[other_hub]}{port}"
    return found


def _subsystem(folder: Path) -> str:
    try:
        return (folder / "subsystem").readlink().name
    except OSError:
        pass
    if _PCI.fullmatch(folder.name):
        return "pci"
    return "platform" if folder.parent.name == "platform" else ""


def _peer_links(folder: Path) -> list[tuple[str, str]]:
    """Give the ports of a hub's interface that have a peer: the number, and the peer's name (usb2-port1, 2-1-port4)."""
    links = []
    try:
        ports = [each for each in folder.iterdir() if "-port" in each.name]
    except OSError:
        return []
    for port in ports:
        if (found := _HUB_PORT.fullmatch(port.name)) is not None:
            with suppress(OSError):  # no peer, or it left
                links.append((found[1], (port / "peer").readlink().name))
    return links
