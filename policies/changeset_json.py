"""Change sets and observed states as canonical JSON text: what plans, journals and snapshots are kept as."""

from __future__ import annotations

from typing import TypeVar

from policies import canonical
from policies.codec import from_plain, to_compact
from policies.errors import InputError
from policies.model import ChangeSet, ObservedSwitch, SwitchChanges
from policies.texts import t

T = TypeVar("T")


def dump_changeset(changes: ChangeSet) -> str:
    """Write a change set; the same change set always gives the same text."""
    return _dump(changes)


def load_changeset(text: str, where: str = "") -> ChangeSet:
    """Read a change set back; raises InputError that names the first wrong place."""
    return _load(ChangeSet, text, where)


def dump_switch_changes(changes: SwitchChanges) -> str:
    """Write the changes of one switch."""
    return _dump(changes)


def load_switch_changes(text: str, where: str = "") -> SwitchChanges:
    """Read the changes of one switch back; raises InputError that names the first wrong place."""
    return _load(SwitchChanges, text, where)


def dump_observed(observed: ObservedSwitch) -> str:
    """Write what was read from one switch."""
    return _dump(observed)


def load_observed(text: str, where: str = "") -> ObservedSwitch:
    """Read an observed switch back; raises InputError that names the first wrong place."""
    return _load(ObservedSwitch, text, where)


def _dump(value: object) -> str:
    return canonical.encode(to_compact(value)).decode("utf-8")


def _load(kind: type[T], text: str, where: str) -> T:
    try:
        data = canonical.load_plain(text)
    except (ValueError, RecursionError):
        raise InputError(
            t("this is not JSON that Portseal wrote"),
            where=where,
            next_step=t("make it again with this version of Portseal"),
        ) from None
    return from_plain(kind, data, where)
