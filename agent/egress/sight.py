"""What a terminal shows of ways out, read and never sent: interfaces, routes, resolvers, proxies, sockets."""

from __future__ import annotations

import re
import shutil
import socket
import struct
import subprocess
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

from agent.egress.declared import Address, GuardRule, Network
from agent.egress.links import links, modems
from agent.egress.routes import addresses_networks, foreign_addresses, foreign_routes
from policies.errors import EquipmentError

#: Where name servers stand: the C library's file, and what systemd-resolved and NetworkManager ask behind their stub.
_RESOLVERS = ("etc/resolv.conf", "run/systemd/resolve/resolv.conf", "run/NetworkManager/resolv.conf")
#: Where a proxy is set for everybody: the session's environment, shells, package managers, services, the desktop.
_SETTINGS = (
    "etc/environment", "etc/environment.d/*", "etc/profile", "etc/profile.d/*", "etc/bash.bashrc", "etc/bashrc",
    "etc/apt/apt.conf", "etc/apt/apt.conf.d/*", "etc/yum.conf", "etc/dnf/dnf.conf", "etc/wgetrc", "etc/curlrc",
    "etc/systemd/system.conf", "etc/systemd/system.conf.d/*", "etc/dconf/db/*.d/*", "etc/default/docker",
)  # fmt: skip
_PROXY = re.compile(
    r"^[ \t]*(?:export[ \t]+|DefaultEnvironment=.*?)?[\"']?"
    r"((?:https?|ftp|all|socks|rsync)_proxy|Acquire::(?:https?|ftp)::Proxy|proxy)[\"']?"
    r"[ \t]*[= \t][ \t]*[\"']?([^\"'\s;#]+)",
    re.IGNORECASE | re.MULTILINE,
)
#: The desktop's own proxy (GNOME's schema org.gnome.system.proxy): `mode` other than none.
_DESKTOP = re.compile(r"^\[system/proxy\]\s*(?:[^\[]*\n)?\s*mode\s*=\s*'(manual|auto)'", re.MULTILINE)
_NO_PROXY = frozenset({"none", "false", "direct", "_none_", "''", '""'})
_TABLES = ("tcp", "tcp6", "udp", "udp6")
#: Connected: ESTABLISHED for TCP and for a connected UDP socket, and SYN_SENT (include/net/tcp_states.h).
_OPEN = {"01": "", "02": " asked"}
_LARGEST = 1 << 20

#: Runs iproute2 and gives its standard output.
RunIp = Callable[[tuple[str, ...]], bytes]


@dataclass(slots=True)
class Sight:
    """What was seen. `asked` are the resolvers in use, whose answers about an outside name are to be tried."""

    routes: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    modems: list[str] = field(default_factory=list)
    resolvers: list[str] = field(default_factory=list)
    proxies: list[str] = field(default_factory=list)
    sockets: list[str] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)
    asked: list[Address] = field(default_factory=list)


def look(rule: GuardRule, root: Path = Path("/"), run_ip: RunIp | None = None) -> Sight:
    """Look at everything; what cannot be looked at is named in `unseen`, and nothing is raised."""
    seen = Sight()
    run = run_ip or _run_ip
    steps: dict[str, Callable[[], None]] = {
        "routes": lambda: _routes(seen, rule, run),
        "interfaces": lambda: _links(seen, rule, root, run),
        "resolvers": lambda: _resolvers(seen, rule, root),
        "proxies": lambda: _proxies(seen, root),
        "sockets": lambda: _sockets(seen, rule, root),
    }
    for name, see in steps.items():
        try:
            see()
        except (EquipmentError, OSError, ValueError) as error:
            cause = getattr(error, "what", None) or getattr(error, "strerror", None) or error
            seen.unseen.append(f"{name}: {cause}")
    return seen


def _routes(seen: Sight, rule: GuardRule, run: RunIp) -> None:
    for family in (4, 6):
        raw = run(("-j", f"-{family}", "route", "show", "table", "all"))
        seen.routes += foreign_routes(raw, family, rule)


def _links(seen: Sight, rule: GuardRule, root: Path, run: RunIp) -> None:
    known = {name: (kind, up) for name, kind, up in links(root / "sys")}
    for name, up in foreign_addresses(run(("-j", "address", "show")), rule).items():
        known.setdefault(name, ("foreign", up))
    seen.links += [f"{name} {kind} {'up' if up else 'down'}" for name, (kind, up) in sorted(known.items())]
    seen.modems += [f"{name} {what}" for name, what in modems(root / "sys")]


def _resolvers(seen: Sight, rule: GuardRule, root: Path) -> None:
    for file in _RESOLVERS:
        for line in _text(root / file).splitlines():
            words = line.split()
            if len(words) < 2 or words[0] != "nameserver":
                continue
            with suppress(ValueError):
                address = ip_address(words[1].partition("%")[0])
                if address not in seen.asked:
                    seen.asked.append(address)
                if not rule.allows(address) and not address.is_loopback:
                    seen.resolvers.append(f"{address} /{file}")


def _proxies(seen: Sight, root: Path) -> None:
    for pattern in _SETTINGS:
        for path in sorted(root.glob(pattern)):
            seen.proxies += [f"/{path.relative_to(root)} {key}" for key in proxies_in(_text(path))]


def proxies_in(text: str) -> list[str]:
    """Give the keys by which a file sets a proxy; a value may hold a password and is never given."""
    found = [key for key, value in _PROXY.findall(text) if value.lower() not in _NO_PROXY]
    found += [f"system/proxy mode={mode}" for mode in _DESKTOP.findall(text)]
    return list(dict.fromkeys(found))


def _sockets(seen: Sight, rule: GuardRule, root: Path) -> None:
    for table in _TABLES:
        path = root / "proc/net" / table
        if table.endswith("6") and not path.exists():  # no IPv6 in this kernel
            continue
        lines = path.read_text("ascii", "replace").splitlines()[1:]
        seen.sockets += outside(table.removesuffix("6"), lines, rule)


def outside(protocol: str, lines: Iterable[str], rule: GuardRule) -> Iterator[str]:
    """Give the connections to the outside in the lines of /proc/net/tcp and its like (proc_net_tcp in the kernel)."""
    for line in lines:
        words = line.split()
        local, remote, state = words[1], words[2], words[3]
        if state not in _OPEN:
            continue
        address, port = _endpoint(remote)
        if not (address.is_loopback or address.is_unspecified or address.is_link_local or rule.allows(address)):
            here, own = _endpoint(local)
            yield f"{protocol} {_pair(here, own)} {_pair(address, port)}{_OPEN[state]}"


def _endpoint(text: str) -> tuple[Address, int]:
    """Read ADDRESS:PORT in the kernel's hex: each 32 bits of the address in the machine's own byte order."""
    digits, _, port = text.partition(":")
    raw = b"".join(struct.pack("=I", int(digits[at : at + 8], 16)) for at in range(0, len(digits), 8))
    if len(raw) == 4:
        return IPv4Address(raw), int(port, 16)
    six = IPv6Address(raw)
    return six.ipv4_mapped or six, int(port, 16)


def _pair(address: Address, port: int) -> str:
    return f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"


def _text(path: Path) -> str:
    """Give a file's text; one that is not there says nothing."""
    with suppress(FileNotFoundError, IsADirectoryError, NotADirectoryError), path.open("rb") as file:
        return file.read(_LARGEST).decode("utf-8", "replace")
    return ""


def _run_ip(arguments: tuple[str, ...]) -> bytes:
    program = shutil.which("ip", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if program is None:
        raise FileNotFoundError(2, "ip (iproute2) is not installed")
    done = subprocess.run([program, *arguments], capture_output=True, check=False, timeout=20)
    if done.returncode != 0 and not done.stdout:
        raise OSError(done.returncode, done.stderr.decode("utf-8", "replace").strip()[:80])
    return done.stdout


def resolve(name: str) -> list[str]:
    """Give the addresses of a host; an address is its own. Raises OSError."""
    with suppress(ValueError):
        return [str(ip_address(name))]
    return [str(each[4][0]) for each in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)]


def own_networks() -> list[Network]:
    """Give the networks of this machine's addresses, loopback and link-local left out; raises EquipmentError."""
    return addresses_networks(_run_ip(("-j", "address", "show")))
