"""A terminal's proof that it has no way to the internet (clause 7.2d): what its guard saw and tried in one round.

It is the data of the events `egress.proof` (nothing wrong was seen) and `egress.leak` (something was), flat as events
are, with exactly these members:

    at_ms      CLOCK_BOOTTIME at the end of the round, in milliseconds; beside the event's `uptime_ms` it gives the age
    denied     packets, other than our own probes, that the guard has dropped since the proof before, in any direction
    guard      in_force, denies_all (its file is damaged), or absent (the kernel does not have the rules)
    left_out   how many things found no room in the lists below
    links      interfaces: "NAME KIND up" or "NAME KIND down"; KIND is wifi, modem, tether, ppp, tunnel, bluetooth, or
               foreign (with an address outside the site's networks)
    modems     serial ports with a modem's driver: "ttyUSB0 option"
    networks   the networks that the guard allows
    probes     "ROLE KIND TARGET OUTCOME": ROLE is canary (must fail) or control (must succeed)
    proxies    where a proxy is set: "FILE KEY"; never its value, which may hold a password
    resolvers  name servers outside the networks, with the file that names them
    routes     routes that lead outside the networks, a default route above all: "default via 10.1.0.1 dev eth0"
    rules      SHA-256 of the rules that are in force, 64 hex digits
    sockets    connections to the outside: "tcp LOCAL REMOTE"
    unseen     what could not be looked at, in words

A text is one printable line of at most 80 characters. A list has at most 12 of them, `networks` and `probes` 24: so it
fits into an event, whatever a machine calls its things.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

from policies.errors import InputError
from policies.messages.event import Value
from policies.names.shown import shown
from policies.texts import Text, t

#: Texts of one list (of networks and of probes, of any other), and characters of one text.
MOST_PLACES, MOST, LONGEST = 24, 12, 80
_DIGEST = re.compile(r"[0-9a-f]{64}")
_TARGET = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+)):([0-9]{1,5})")


class GuardState(StrEnum):
    """What the kernel was found to have."""

    IN_FORCE = "in_force"
    DENIES_ALL = "denies_all"
    ABSENT = "absent"


class Role(StrEnum):
    """Whether a probe must fail or succeed."""

    CANARY = "canary"
    CONTROL = "control"


class ProbeKind(StrEnum):
    """How a probe asks. `dns` asks a server for a name; `name` asks the terminal's own resolver for one outside."""

    ICMP = "icmp"
    TCP = "tcp"
    UDP = "udp"
    DNS = "dns"
    NAME = "name"


class Result(StrEnum):
    """What came of a probe. `blocked`: this machine itself refused to send it. `silent`: no answer in time.

    `unresolved`: a resolver answered that it does not know the name; all others say what they say.
    """

    ANSWERED = "answered"
    REFUSED = "refused"
    UNRESOLVED = "unresolved"
    BLOCKED = "blocked"
    NO_ROUTE = "no_route"
    NO_FAMILY = "no_family"
    SILENT = "silent"
    FAILED = "failed"


#: Results that show that the target was reached: a refusal came from there, too.
REACHED = frozenset({Result.ANSWERED, Result.REFUSED})


@dataclass(frozen=True, slots=True)
class Probed:
    """A probe and its result. `target` is "10.1.0.2", "10.1.0.2:53" or "[fd00::2]:53"."""

    role: Role
    kind: ProbeKind
    target: str
    result: Result

    @property
    def reached(self) -> bool:
        """Whether something was there."""
        return self.result in REACHED

    @property
    def family(self) -> int:
        """4 or 6."""
        return 6 if self.target.count(":") > 1 else 4

    def __str__(self) -> str:
        """Write it as the event has it."""
        return f"{self.role} {self.kind} {self.target} {self.result}"


@dataclass(frozen=True, slots=True)
class Proof:
    """One round; the members are told at the head of this module."""

    guard: GuardState
    rules: str
    networks: tuple[str, ...]
    at_ms: int
    probes: tuple[Probed, ...] = ()
    routes: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    modems: tuple[str, ...] = ()
    resolvers: tuple[str, ...] = ()
    proxies: tuple[str, ...] = ()
    sockets: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    denied: int = 0
    left_out: int = 0

    def of(self, role: Role) -> tuple[Probed, ...]:
        """Give the probes of one role."""
        return tuple(each for each in self.probes if each.role is role)


_LISTS = ("links", "modems", "networks", "probes", "proxies", "resolvers", "routes", "sockets", "unseen")
_NUMBERS = ("at_ms", "denied", "left_out")
MEMBERS = frozenset(each.name for each in fields(Proof))


def proof_data(proof: Proof) -> dict[str, Value]:
    """Give the data of the event; what is too long or too much is cut, and counted in `left_out`."""
    told: dict[str, Value] = {"guard": proof.guard.value, "rules": proof.rules}
    left = proof.left_out
    for name in _LISTS:
        items = [_line(str(each)) for each in getattr(proof, name)]
        told[name] = items[: _most(name)]
        left += max(0, len(items) - _most(name))
    return told | {"at_ms": proof.at_ms, "denied": proof.denied, "left_out": left}


def read_proof(data: Mapping[str, Any], where: str = "") -> Proof:
    """Read the data of such an event; raises InputError for whatever is not exactly one."""
    if set(data) != MEMBERS:
        raise _refused(t("it has not exactly the members of a proof"), where)
    numbers = {name: _whole(data[name], f"{where}.{name}") for name in _NUMBERS}
    lists = {name: _texts(data[name], f"{where}.{name}", _most(name)) for name in _LISTS}
    rules = data["rules"]
    if not isinstance(rules, str) or not _DIGEST.fullmatch(rules):
        raise _refused(t("this is no digest"), f"{where}.rules")
    try:
        guard = GuardState(data["guard"])
    except ValueError:
        raise _refused(t("this is no state of a guard"), f"{where}.guard") from None
    members: dict[str, Any] = {**lists, **numbers}
    members["probes"] = tuple(_probed(each, f"{where}.probes") for each in lists["probes"])
    return Proof(guard=guard, rules=rules, **members)


def split_target(text: str) -> tuple[str, int]:
    """Give address and port (0: none) of "10.1.0.2", "10.1.0.2:53", "fd00::2" or "[fd00::2]:53"; raises InputError."""
    with suppress(ValueError):
        return str(ip_address(text)), 0
    found = _TARGET.fullmatch(text)
    if found is not None and 1 <= int(found[3]) <= 65535:
        with suppress(ValueError):
            # Brackets are for IPv6, whose own colons would hide the port's.
            return str((IPv6Address if found[1] else IPv4Address)(found[1] or found[2])), int(found[3])
    raise InputError(
        t("{text} is not an address with a port", text=shown(text)),
        next_step=t("write 10.1.0.2, 10.1.0.2:53 or [fd00::2]:53"),
    )


def _probed(text: str, where: str) -> Probed:
    try:
        role, kind, target, result = text.split(" ")
        split_target(target)
        return Probed(Role(role), ProbeKind(kind), target, Result(result))
    except (ValueError, InputError):
        raise _refused(t("{text} is no probe with its result", text=shown(text)), where) from None


def _most(name: str) -> int:
    return MOST_PLACES if name in ("networks", "probes") else MOST


def _line(text: str) -> str:
    """Make one printable line of at most :data:`LONGEST` characters: devices and files name themselves."""
    # Quotes and backslashes too: JSON doubles them, and a list full of them would not fit into an event.
    plain = "".join(c if c.isprintable() and c.isascii() and c not in '"\\' else "?" for c in text)
    return plain if len(plain) <= LONGEST else plain[: LONGEST - 3] + "..."


def _whole(value: object, where: str) -> int:
    if type(value) is not int or not 0 <= value < 1 << 53:
        raise _refused(t("this is no count"), where)
    return value


def _texts(value: object, where: str, most: int) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)) or len(value) > most:
        raise _refused(t("this is no list of at most {count} texts", count=most), where)
    for each in value:
        if not isinstance(each, str) or not 0 < len(each) <= LONGEST or not (each.isascii() and each.isprintable()):
            raise _refused(t("{text} is no line of text", text=shown(str(each))), where)
    return tuple(value)


def _refused(what: Text, where: str) -> InputError:
    return InputError(what, where=where.lstrip("."), next_step=t("a proof is taken as the terminal told it"))
