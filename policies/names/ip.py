"""IPv4 addresses of devices, as dotted decimals."""

from __future__ import annotations

from ipaddress import AddressValueError, IPv4Address

from policies.errors import InputError
from policies.names.shown import cleaned, shown
from policies.texts import t


def parse_ip(text: str) -> str:
    """Give the IPv4 address as dotted decimals; anything else (IPv6, a prefix, 010.0.0.1) raises InputError.

    Octets with a leading zero are refused because some tools read them as octal.
    """
    try:
        return str(IPv4Address(cleaned(text)))
    except AddressValueError:
        raise InputError(
            t("{text} is not an IPv4 address", text=shown(text)),
            next_step=t("write four numbers from 0 to 255, for example 192.168.10.21"),
        ) from None


def is_host_ip(ip: str) -> bool:
    """Tell whether a device can have the address: not 0.0.0.0/8, loopback, multicast, reserved or broadcast."""
    address = IPv4Address(ip)
    nobody = address.is_multicast or address.is_reserved or address.is_loopback
    return not nobody and int(address) >> 24 != 0
