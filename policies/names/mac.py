"""MAC addresses: every spelling in, one spelling inside (aa:bb:cc:dd:ee:ff), the vendor's spelling out.

Addresses are EUI-48 (IEEE 802-2014, 8.2). The spellings are those of Cisco (0011.2233.4455), Huawei and H3C
(0011-2233-4455), ProCurve (001122-334455), Windows (00-11-22-33-44-55), Linux (00:11:22:33:44:55), SNMP tools
(00 11 22 33 44 55, 0:1:2:3:4:5, 0x001122334455), and of spreadsheets.
"""

from __future__ import annotations

import re

from policies.errors import InputError
from policies.names.shown import cleaned, shown
from policies.texts import Text, t

_SHAPE = re.compile(
    r"(?:0[xX])?(?:"
    r"[0-9A-Fa-f]{12}"
    r"|[0-9A-Fa-f]{4}(?P<quad>[.:-])[0-9A-Fa-f]{4}(?P=quad)[0-9A-Fa-f]{4}"
    r"|[0-9A-Fa-f]{6}[:-][0-9A-Fa-f]{6}"
    r"|[0-9A-Fa-f]{2}(?P<pair>[. ])[0-9A-Fa-f]{2}(?:(?P=pair)[0-9A-Fa-f]{2}){4}"
    r"|[0-9A-Fa-f]{1,2}(?P<mark>[:-])[0-9A-Fa-f]{1,2}(?:(?P=mark)[0-9A-Fa-f]{1,2}){4}"
    r")"
)
_MARKS = str.maketrans("", "", ".:- ")
#: A cell that a spreadsheet took for a number: 1.12233E+11, 112233445566.0, or too few digits and no letter.
_SPREADSHEET = re.compile(r"[0-9]+\.0+|[0-9](?:[.,][0-9]+)?[eE]\+?[0-9]{1,2}|[0-9]{1,11}")


def parse_mac(text: str) -> str:
    """Give the address as aa:bb:cc:dd:ee:ff; any text that is not one MAC raises InputError.

    Multicast, broadcast and null addresses parse: what a device may have is told by :func:`is_unicast`.
    """
    candidate = cleaned(text)
    shape = _SHAPE.fullmatch(candidate)
    if shape is None:
        raise _refused(text, candidate)
    if candidate[1] in "xX":
        candidate = candidate[2:]
    mark = shape["mark"]
    if mark is not None and len(candidate) != 17:
        octets = candidate.split(mark)
        # net-snmp drops every leading zero (0:1a:2b:3:4:5). Where one octet kept its zero, a digit was lost elsewhere:
        # 00:11:22:33:44:5 is a slip, and reading it as :05 would bind another device.
        if any(len(octet) == 2 and octet[0] == "0" for octet in octets):
            raise _refused(text, candidate)
        candidate = "".join(octet.zfill(2) for octet in octets)
    return _joined(candidate.translate(_MARKS).lower())


def mac_from_octets(octets: bytes) -> str:
    """Give the address of 6 raw octets (an SNMP PhysAddress, a frame's header); another length raises InputError."""
    if len(octets) != 6:
        raise InputError(
            t("a MAC address has 6 octets, not {count}", count=len(octets)),
            next_step=t("check which field was read"),
        )
    return octets.hex(":")


def is_multicast(mac: str) -> bool:
    """Tell whether the canonical `mac` is a group address (I/G bit set), broadcast included."""
    return bool(int(mac[1], 16) & 1)


def is_unicast(mac: str) -> bool:
    """Tell whether the canonical `mac` can be one device's: no group address and not 00:00:00:00:00:00."""
    return not is_multicast(mac) and mac != "00:00:00:00:00:00"


def is_local(mac: str) -> bool:
    """Tell whether the canonical `mac` is locally administered (U/L bit set): random or invented, not a vendor's."""
    return bool(int(mac[1], 16) & 2)


def mac_colons(mac: str) -> str:
    """Spell the canonical `mac` as 00:11:22:33:44:55 (Linux, Open vSwitch)."""
    return mac


def mac_dotted(mac: str) -> str:
    """Spell the canonical `mac` as 0011.2233.4455 (Cisco, Ruijie, Arista)."""
    return f"{mac[0:2]}{mac[3:5]}.{mac[6:8]}{mac[9:11]}.{mac[12:14]}{mac[15:17]}"


def mac_dashed4(mac: str) -> str:
    """Spell the canonical `mac` as 0011-2233-4455 (Huawei, H3C)."""
    return f"{mac[0:2]}{mac[3:5]}-{mac[6:8]}{mac[9:11]}-{mac[12:14]}{mac[15:17]}"


def _joined(digits: str) -> str:
    return f"{digits[0:2]}:{digits[2:4]}:{digits[4:6]}:{digits[6:8]}:{digits[8:10]}:{digits[10:12]}"


def _refused(text: str, candidate: str) -> InputError:
    if not candidate:
        return InputError(t("the MAC address is empty"), next_step=_example())
    if _SPREADSHEET.fullmatch(candidate):
        return InputError(
            t("{text} is a number, not a MAC address: the spreadsheet changed it", text=shown(text)),
            next_step=t("format the column as text, and enter the address again from the device's label"),
        )
    return InputError(t("{text} is not a MAC address", text=shown(text)), next_step=_example())


def _example() -> Text:
    return t("write 12 hexadecimal digits, for example 00:11:22:33:44:55")
