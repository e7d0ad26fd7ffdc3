"""What belongs to the boot: keyboards that the initramfs admits, and the kernel parameter that shuts everything else.

The rules are for the initramfs only, where a passphrase is typed before the agent runs. They match place, IDs and
serial; what a udev rule cannot see, the descriptors, the agent checks as soon as it starts. In the main system no rule
admits anything. Formats: udev(7), initramfs-tools(7), dracut.modules(7), and the shell syntax of /etc/default/grub.
"""

from __future__ import annotations

import re

from policies.errors import ConfigError, SafetyRefusal
from policies.texts import t
from policies.usb import UsbBinding, UsbRole

#: The kernel parameter: every USB device comes refused, whatever controller it is on.
PARAMETER = "usbcore.authorized_default=0"
RULES = "/etc/portseal-agent/initramfs.rules"
_RULES_THERE = "60-portseal-keyboard.rules"

_PLACE = re.compile(
    r"(?:^|-)(?:pci|platform|acpi|amba|xen)-((?:(?!-(?:pci|platform|acpi|amba|xen)-).)+)-usbv\d-0:([0-9]+(?:\.[0-9]+)*)"
)
#: udev reads a match as alternatives of shell patterns in quotes: nothing else of a serial may stand there as it is.
_LITERAL = re.compile(r"[0-9A-Za-z ._:,;/=+@~#()<>{}-]")


def place_of(port: str) -> tuple[str, str]:
    """Split a port path into the controller's kernel name and the ports (2.4); raises ConfigError."""
    found = _PLACE.search(port)
    if found is None or found.end() != len(port):
        raise ConfigError(
            t("the port path {port} names no controller that the boot could know", port=port),
            next_step=t("bind the device again with 'portseal-agent bind'"),
        )
    return found.group(1), found.group(2)


def keyboard_rules(bindings: tuple[UsbBinding, ...]) -> bytes:
    """Write the rules for bound keyboards and for the bound hubs on their way.

    Raises SafetyRefusal when a keyboard hangs on a hub that is not bound: it would be dead at the passphrase prompt.
    """
    hubs = {place_of(port): each for each in bindings if each.role is UsbRole.HUB for port in each.ports}
    wanted: dict[tuple[str, str], UsbBinding] = {}
    for each in bindings:
        if each.role is not UsbRole.KEYBOARD:
            continue
        ways = {place_of(port): _way(place_of(port)) for port in each.ports}
        open_ways = {place: way for place, way in ways.items() if all(hub in hubs for hub in way)}
        if not open_ways:
            raise SafetyRefusal(
                t("the keyboard {name} is behind a hub that is not bound", name=each.name),
                next_step=t("bind the hub as well, or plug the keyboard into the machine itself"),
            )
        for place, way in open_ways.items():
            wanted |= {hub: hubs[hub] for hub in way} | {place: each}
    lines = [_rule(place, each) for place, each in sorted(wanted.items(), key=lambda item: item[0])]
    return "\n".join(
        ["# Portseal: for the initramfs only, made from the bindings. See portseal-agent install.", *lines, ""]
    ).encode()


def _way(place: tuple[str, str]) -> list[tuple[str, str]]:
    controller, ports = place
    steps = ports.split(".")
    return [(controller, ".".join(steps[:count])) for count in range(1, len(steps))]


def _rule(place: tuple[str, str], each: UsbBinding) -> str:
    controller, ports = place
    identity = each.identity
    serial = f'ATTR{{serial}}=="{pattern(identity.serial)}"' if identity.serial else 'TEST!="serial"'
    return (
        f'ACTION=="add", SUBSYSTEM=="usb", ENV{{DEVTYPE}}=="usb_device", KERNELS=="{pattern(controller)}", '
        f'ATTR{{devpath}}=="{ports}", ATTR{{idVendor}}=="{identity.vendor_id}", '
        f'ATTR{{idProduct}}=="{identity.product_id}", {serial}, ATTR{{authorized}}="1"'
    )


def pattern(text: str) -> str:
    """Write a device's own words as a udev pattern that matches them and cannot end the rule or widen it far."""
    # Characters beyond ASCII are several bytes, and a pattern of one byte may or may not match them: a run is "*".
    return re.sub(r"[^\x20-\x7e]+|.", lambda found: _piece(found.group()), text, flags=re.DOTALL)


def _piece(text: str) -> str:
    if _LITERAL.fullmatch(text):
        return text
    if text in ("*", "?", "["):
        return f"[{text}]"
    return "?" if text.isascii() and text.isprintable() else "*"


def with_parameter(content: bytes) -> bytes:
    """Add the parameter to an /etc/default/grub that has no folder beside it; everything else stays, byte by byte.

    The file is a shell script, so a line at its end works whatever stands above: quotes, comments, several assignments.
    """
    if GRUB_LINE in content.splitlines(keepends=True):
        return content
    return content + (b"" if not content or content.endswith(b"\n") else b"\n") + GRUB_LINE


#: For /etc/default/grub, or for a file of its own in /etc/default/grub.d where grub-mkconfig reads that.
GRUB_LINE = f'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX {PARAMETER}"\n'.encode()

INITRAMFS_HOOK = f"""#!/bin/sh
# Portseal: bound keyboards work at the passphrase prompt.
PREREQ="udev"
case "${{1:-}}" in
prereqs)
    echo "$PREREQ"
    exit 0
    ;;
esac
. /usr/share/initramfs-tools/hook-functions
manual_add_modules usbhid hid_generic xhci_pci ehci_pci ohci_pci uhci_hcd
[ -e {RULES} ] || exit 0
mkdir -p "$DESTDIR/lib/udev/rules.d"
cp {RULES} "$DESTDIR/lib/udev/rules.d/{_RULES_THERE}"
""".encode()

DRACUT_MODULE = f"""#!/bin/bash
# Portseal: bound keyboards work at the passphrase prompt.
check() {{ return 0; }}
depends() {{ echo udev-rules; }}
installkernel() {{ hostonly="" instmods usbhid hid_generic xhci_pci ehci_pci ohci_pci uhci_hcd; }}
install() {{
    inst_simple {RULES} /etc/udev/rules.d/{_RULES_THERE}
    inst_simple /etc/modprobe.d/portseal.conf
}}
""".encode()
