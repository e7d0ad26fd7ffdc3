"""The kernel's word that something changed: rules of nftables, and links, addresses and routes. It is a reason to look.

Netlink multicast (include/uapi/linux/netfilter/nfnetlink.h, rtnetlink.h); what a message says is never parsed, because
the look that follows reads all of it anew, and losing one (ENOBUFS) is a reason to look as well.
"""

from __future__ import annotations

import errno
import socket
from contextlib import suppress

_NETLINK_ROUTE, _NETLINK_NETFILTER = 0, 12
_SOL_NETLINK, _ADD_MEMBERSHIP = 270, 1
#: NFNLGRP_NFTABLES; RTNLGRP_LINK, _IPV4_IFADDR, _IPV4_ROUTE, _IPV6_IFADDR, _IPV6_ROUTE.
_RULES, _NETWORK = (7,), (1, 5, 7, 9, 11)


def hear_rules() -> socket.socket | None:
    """Open the socket on which every change of nftables is told; None where the kernel does not let us."""
    return _opened(_NETLINK_NETFILTER, _RULES)


def hear_network() -> socket.socket | None:
    """Open the socket on which links, addresses and routes are told."""
    return _opened(_NETLINK_ROUTE, _NETWORK)


def drain(link: socket.socket | None) -> None:
    """Read whatever waits there."""
    while link is not None:
        try:
            link.recv(1 << 16)
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno != errno.ENOBUFS:  # that one says that some were lost: the next read goes on
                return


def _opened(protocol: int, groups: tuple[int, ...]) -> socket.socket | None:
    with suppress(OSError):
        made = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK, protocol)
        try:
            made.bind((0, 0))
            for group in groups:
                made.setsockopt(_SOL_NETLINK, _ADD_MEMBERSHIP, group)
        except OSError:
            made.close()
            raise
        return made
    return None
