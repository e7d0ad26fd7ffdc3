"""Interfaces and modems by which a terminal could reach the outside, read from sysfs: what a thing is, not its name.

Facts: Documentation/ABI/testing/sysfs-class-net, sysfs-class-net-phydev and sysfs-bus-usb of the kernel; the numbers of
`type` are those of include/uapi/linux/if_arp.h.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

#: Drivers of networks over USB: a phone's tethering (RNDIS, CDC Ethernet and NCM, Apple's), and host-to-host cables.
_TETHERS = frozenset({"rndis_host", "cdc_ether", "cdc_ncm", "cdc_subset", "cdc_eem", "cdc_phonet", "ipheth", "plusb"})
#: Drivers of mobile modems, as network interfaces and as serial ports.
_MODEMS = frozenset(
    {"qmi_wwan", "cdc_mbim", "huawei_cdc_ncm", "sierra_net", "hso", "kalmia", "lg_vl600", "cx82310_eth", "int51x1",
     "option", "option1", "sierra", "qcserial", "ipw", "mhi_wwan_mbim", "mhi_net", "iosm", "t7xx", "bam-dmux"}
)  # fmt: skip
_UP = 0x1
_PPP, _TUNNELS = 512, frozenset({768, 769, 776, 778, 823, 65534})
_RAW_IP = 519
_TUNNEL_TYPES = frozenset({"wireguard", "vxlan", "geneve", "gtp", "ovpn"})


def links(sysfs: Path) -> Iterator[tuple[str, str, bool]]:
    """Give the interfaces that a terminal should not have: name, kind (as a proof has it), and whether it is up.

    A dialled connection and a tunnel count while they are up only: the kernel has idle ones of its own (sit0, ip6tnl0).
    """
    for path in sorted((sysfs / "class/net").glob("*")):
        kind = _kind(path)
        up = bool(_number(path / "flags", 16) & _UP)
        if kind and (up or kind not in ("ppp", "tunnel")):
            yield path.name, kind, up


def modems(sysfs: Path) -> Iterator[tuple[str, str]]:
    """Give the serial ports and control nodes of mobile modems: name, and driver or kind."""
    for path in sorted((sysfs / "class/tty").glob("ttyUSB*")):
        driver = _driver(path / "device")
        if driver in _MODEMS:
            yield path.name, driver
        else:
            # A USB serial port hangs below its interface; which driver it is, its parent in the tree may say.
            with suppress(OSError, RuntimeError):
                above = _driver((path / "device").resolve().parent)
                if above in _MODEMS:
                    yield path.name, above
    for path in sorted((sysfs / "class/wwan").glob("*")):
        yield path.name, "wwan"
    for path in sorted((sysfs / "class/usbmisc").glob("cdc-wdm*")):
        yield path.name, "cdc-wdm"


def _kind(path: Path) -> str:
    """Say what an interface is, as far as it matters; "" for an ordinary one."""
    device_type, driver, number = _device_type(path), _driver(path / "device"), _number(path / "type")
    tunnel = device_type in _TUNNEL_TYPES or number in _TUNNELS or (path / "tun_flags").exists()
    kinds = {
        "wifi": (path / "wireless").is_dir() or (path / "phy80211").exists() or device_type == "wlan",
        "modem": device_type == "wwan" or driver in _MODEMS or number == _RAW_IP,
        "tether": driver in _TETHERS,
        "bluetooth": device_type == "bluetooth",
        "ppp": number == _PPP,
        "tunnel": tunnel,
    }
    return next((kind for kind, is_it in kinds.items() if is_it), "")


def _device_type(path: Path) -> str:
    with suppress(OSError, UnicodeDecodeError):
        for line in (path / "uevent").read_text("utf-8").splitlines():
            if line.startswith("DEVTYPE="):
                return line.removeprefix("DEVTYPE=")
    return ""


def _driver(device: Path) -> str:
    with suppress(OSError):
        return (device / "driver").readlink().name
    return ""


def _number(path: Path, base: int = 10) -> int:
    with suppress(OSError, ValueError):
        return int(path.read_text("ascii").strip(), base)
    return 0
