"""Who may say and hear what: one identity per process, with its rights as explicit MQTT topics.

An identity is the common name of a TLS certificate and, by `use_identity_as_username`, the broker's user name:
`terminal.guard-1`, `lock.guard-1`, `reader.gate-2`, `access`, `controller`, `cli`. Nothing is granted by a pattern, so
what a certificate may do can be read line by line, and tried by receiving: a broker answers a forbidden subscription
with "granted" and then delivers nothing.

Sources without certificates have a listener of their own, with logins and an ACL of their own (:func:`login_acl`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from policies.errors import InputError
from policies.messages.filters import read_filter
from policies.messages.topics import Kind, Topic, every, is_name
from policies.texts import t

#: Bytes of the longest common name (X.520, ub-common-name).
MAX_COMMON_NAME = 64


class Role(StrEnum):
    """What kind of process an identity is. `access` is the access-control system, which publishes its list of cards."""

    CONTROLLER = "controller"
    CLI = "cli"
    ACCESS = "access"
    TERMINAL = "terminal"
    LOCK = "lock"
    READER = "reader"

    @property
    def named(self) -> bool:
        """Whether there are several of them, told apart by a name."""
        return self in (Role.TERMINAL, Role.LOCK, Role.READER)


class Access(StrEnum):
    """The direction of a right, as an ACL line has it."""

    READ = "read"
    WRITE = "write"


@dataclass(frozen=True, slots=True, order=True)
class Identity:
    """One process: its role, and its name where the role has one."""

    role: Role
    name: str = ""

    def __str__(self) -> str:
        """Give the common name; raises InputError for a name that cannot be in a topic or is too long for one."""
        if self.role.named is not bool(self.name) or (self.name and not is_name(self.name)):
            raise _refused(self.name)
        text = f"{self.role}.{self.name}" if self.name else self.role.value
        if len(text.encode("utf-8")) > MAX_COMMON_NAME:
            raise _refused(self.name)
        return text


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """One line: an identity may read, or write, the topics of a filter."""

    access: Access
    topic: str


def parse_identity(text: str) -> Identity:
    """Read a common name; raises InputError for one that is not exactly an identity's."""
    role, dot, name = text.partition(".")
    if role not in set(Role):
        raise _refused(text)
    identity = Identity(Role(role), name)
    if bool(dot) is not bool(name) or str(identity) != text:
        raise _refused(text)
    return identity


def is_reserved(text: str) -> bool:
    """Tell whether a name on the broker is, or could be taken for, that of one of our own processes."""
    return text.partition(".")[0] in {*Role, "broker"}


#: What each role may do with the topics that bear its name.
_OWN: dict[Role, dict[Access, tuple[Kind, ...]]] = {
    Role.TERMINAL: {
        Access.READ: (Kind.GRANT, Kind.REVOKE, Kind.EVENT_ACK, Kind.LOCK_STATE),
        Access.WRITE: (Kind.REQUEST, Kind.EVENT, Kind.STATUS),
    },
    Role.LOCK: {Access.READ: (Kind.LOCK_SET,), Access.WRITE: (Kind.LOCK_STATE,)},
    Role.READER: {Access.WRITE: (Kind.SWIPE,)},
}
#: What each role may do with the topics of all names, or of none.
_EVERY: dict[Role, dict[Access, tuple[Kind, ...]]] = {
    Role.CONTROLLER: {
        Access.READ: (Kind.SWIPE, Kind.REQUEST, Kind.EVENT, Kind.STATUS, Kind.LOCK_STATE, Kind.CARDS),
        Access.WRITE: (
            Kind.GRANT, Kind.REVOKE, Kind.EVENT_ACK, Kind.LOCK_SET, Kind.FINDING, Kind.CHECKPOINT, Kind.CARDS_ACK,
        ),
    },
    Role.ACCESS: {Access.READ: (Kind.CARDS_ACK,), Access.WRITE: (Kind.CARDS,)},
    Role.CLI: {Access.READ: (Kind.FINDING, Kind.STATUS, Kind.CHECKPOINT)},
    Role.TERMINAL: {Access.READ: (Kind.CHECKPOINT,)},
}  # fmt: skip


#: Readers that speak another format than ours, by name, with the MQTT filters on which their messages come.
Foreign = Mapping[str, Iterable[str]]


def rights(site: str, identity: Identity, foreign: Foreign = MappingProxyType({})) -> tuple[Right, ...]:
    """Give all that an identity may do at `site`, sorted; what is not here is denied.

    A reader of `foreign` writes its own filters and no native swipes; the controller reads all of them.
    """
    if identity.role is Role.READER and identity.name in foreign:
        return tuple(sorted({Right(Access.WRITE, read_filter(each)) for each in foreign[identity.name]}))
    found = {
        Right(access, str(Topic(site, kind, identity.name)))
        for access, kinds in _OWN.get(identity.role, {}).items()
        for kind in kinds
    }
    found |= {
        Right(access, every(site, kind)) for access, kinds in _EVERY.get(identity.role, {}).items() for kind in kinds
    }
    if identity.role is Role.CONTROLLER:
        found |= {Right(Access.READ, read_filter(each)) for listed in foreign.values() for each in listed}
    return tuple(sorted(found))


def acl(site: str, identities: Iterable[Identity], foreign: Foreign = MappingProxyType({})) -> str:
    """Write the rights of all identities in the form of mosquitto's ACL file (mosquitto.conf(5), acl_file)."""
    return _file((str(each), rights(site, each, foreign)) for each in sorted(set(identities)))


def login_acl(logins: Mapping[str, Iterable[str]]) -> str:
    """Write the ACL file of the listener for sources without certificates: each login writes its filters, no more.

    Raises InputError for a login that could be taken for one of our processes, and for a filter that could be ours.
    """
    for login in logins:
        if is_reserved(login):
            raise _refused(login)
    return _file(
        (login, sorted(Right(Access.WRITE, read_filter(each)) for each in set(listed)))
        for login, listed in sorted(logins.items())
    )


def _file(users: Iterable[tuple[str, Iterable[Right]]]) -> str:
    lines: list[str] = []
    for name, allowed in users:
        lines += [f"user {name}", *(f"topic {each.access} {each.topic}" for each in allowed), ""]
    return "\n".join(lines)


def _refused(name: str) -> InputError:
    return InputError(
        t("'{name}' cannot be the name of a process on the broker", name=name[:80]),
        next_step=t("write at most 48 bytes without '/', '+', '#', and no blank at the ends"),
    )
