"""What an import would do: problems, the comparison with the wire and with the present inventory, in words and JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from controller.cli.base import Settings
from controller.cli.subjects import binding_json
from controller.context import Context
from controller.inventory.build import ImportResult, build_import
from controller.inventory.preview import Placed, Preview, Sighting, preview
from controller.inventory.rows import MAX_BYTES, SheetRow, too_large
from controller.inventory.sheet import read_bytes
from controller.store import inventory
from controller.store.observations import observations
from policies.errors import InputError
from policies.model import Binding, Device
from policies.texts import Text, t

#: Rows of each bin that are shown on a terminal; JSON has all of them.
_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Proposal:
    """An import that was not made yet. `added`, `changed` and `removed` are device names."""

    file: str
    sha256: str
    result: ImportResult
    preview: Preview
    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    present: int

    @property
    def differs(self) -> bool:
        """Whether it would change anything."""
        return bool(self.added or self.changed or self.removed)

    @property
    def replaces(self) -> bool:
        """Whether there is an inventory that it would replace."""
        return self.present > 0

    @property
    def counts(self) -> dict[str, int]:
        """How many devices it adds, changes and removes."""
        return {"added": len(self.added), "changed": len(self.changed), "removed": len(self.removed)}

    def json(self, chosen: Settings, *, written: bool) -> dict[str, object]:
        """Give the whole proposal as documented JSON."""
        return {
            "file": self.file,
            "sha256": self.sha256,
            "imported": written,
            "devices": len(self.result.devices),
            "bindings": len(self.result.bindings),
            "problems": [
                {
                    "file": problem.file,
                    "sheet": problem.sheet,
                    "row": problem.row,
                    "column": problem.column,
                    "text": chosen.text(problem.text),
                }
                for problem in self.result.problems
            ],
            "notes": [chosen.text(note) for note in self.result.notes],
            "added": list(self.added),
            "changed": list(self.changed),
            "removed": list(self.removed),
            "preview": _preview_json(self.preview),
        }


@dataclass(frozen=True, slots=True)
class Listed:
    """A list as it was read, once: its file name, the SHA-256 of its bytes, its rows."""

    file: str
    sha256: str
    rows: tuple[SheetRow, ...]


def load(file: Path, sheet: str | None) -> Listed:
    """Read a list, or one sheet of it; raises InputError for what cannot be read as one."""
    try:
        with file.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError(
            t("the file cannot be read ({cause})", cause=error.strerror or ""),
            where=str(file),
            next_step=t("check the path and that you may read it"),
        ) from None
    if len(content) > MAX_BYTES:
        raise too_large(file.name)
    rows = read_bytes(content, file.name)
    found = rows if sheet is None else tuple(row for row in rows if row.sheet == sheet)
    if sheet is not None and not found:
        names = ", ".join(dict.fromkeys(row.sheet for row in rows if row.sheet)) or "-"
        raise InputError(
            t("there is no sheet called '{name}' with anything on it", name=sheet),
            where=file.name,
            next_step=t("choose one of {names}", names=names),
        )
    return Listed(file.name, sha256(content).hexdigest(), found)


def propose(site: Context, listed: Listed) -> Proposal:
    """Hold a list against the wire (the latest readings) and the present inventory."""
    result = build_import(listed.rows, site.site)
    present = {device.name: device for device in inventory.devices(site.store)}
    bound = {binding.device: binding for binding in inventory.bindings(site.store)}
    coming = {binding.device: binding for binding in result.bindings}
    added = [device.name for device in result.devices if device.name not in present]
    changed = [
        device.name
        for device in result.devices
        if device.name in present
        and (present[device.name], bound.get(device.name)) != (device, coming.get(device.name))
    ]
    removed = sorted(present.keys() - {device.name for device in result.devices}) if result.ok else []
    return Proposal(
        file=listed.file,
        sha256=listed.sha256,
        result=result,
        preview=preview(result, observations(site.store), site.site),
        added=tuple(added),
        changed=tuple(changed),
        removed=tuple(removed),
        present=len(present),
    )


def show_problems(chosen: Settings, proposal: Proposal) -> None:
    """List every problem, one line each; nothing was changed."""
    if chosen.json:
        chosen.give(proposal.json(chosen, written=False))
        return
    for problem in proposal.result.problems:
        chosen.note(problem.line(chosen.language))
    for note in proposal.result.notes:
        chosen.note(note)
    chosen.note(t("{count} problems; nothing was changed", count=len(proposal.result.problems)))


def show_proposal(chosen: Settings, proposal: Proposal) -> None:
    """Show the four bins, and what would change in the inventory."""
    for note in proposal.result.notes:
        chosen.note(note)
    for (switch, port), names in proposal.result.shared_ports.items():
        chosen.note(t("{switch}/{port} is shared by {names}", switch=switch, port=port, names=", ".join(names)))
    bins = proposal.preview
    for title, placed in (
        (t("seen elsewhere"), bins.elsewhere),
        (t("on paper only"), bins.on_paper_only),
    ):
        _table(chosen, title, [_row(each) for each in placed])
    unknown = [(each.mac, "", f"{each.seen.switch}/{each.seen.port}") for each in bins.unknown_on_wire]
    _table(chosen, t("unknown on the wire"), unknown)
    chosen.say(
        t(
            "{matched} matched, {elsewhere} seen elsewhere, {paper} on paper only, {unknown} unknown on the wire",
            matched=len(bins.matched),
            elsewhere=len(bins.elsewhere),
            paper=len(bins.on_paper_only),
            unknown=len(bins.unknown_on_wire),
        )
    )
    if bins.unread:
        chosen.say(t("never read: {names}. Next: portseal discover", names=", ".join(bins.unread)))
    for label, names in (
        (t("added"), proposal.added),
        (t("changed"), proposal.changed),
        (t("removed"), proposal.removed),
    ):
        if names:
            chosen.say(t("{label}: {count} ({names})", label=label, count=len(names), names=_shortened(names)))


def _table(chosen: Settings, title: Text, rows: Sequence[tuple[str, str, str]]) -> None:
    if not rows:
        return
    chosen.table((title, t("bound to"), t("seen on")), rows[:_SHOWN])
    if len(rows) > _SHOWN:
        chosen.say(t("… and {count} more; --json has all", count=len(rows) - _SHOWN))


def _row(placed: Placed) -> tuple[str, str, str]:
    seen = ", ".join(f"{each.switch}/{each.port}" for each in placed.seen)
    return placed.device.name, _place(placed.binding), seen


def _place(binding: Binding | None) -> str:
    return "-" if binding is None else f"{binding.switch}/{binding.port}"


def _shortened(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (" …" if len(names) > 5 else "")


def _preview_json(bins: Preview) -> dict[str, object]:
    return {
        "matched": [_placed_json(each) for each in bins.matched],
        "elsewhere": [_placed_json(each) for each in bins.elsewhere],
        "on_paper_only": [_placed_json(each) for each in bins.on_paper_only],
        "unknown_on_wire": [{"mac": each.mac, "seen": _seen_json(each.seen)} for each in bins.unknown_on_wire],
        "unread": list(bins.unread),
    }


def _placed_json(placed: Placed) -> dict[str, object]:
    device: Device = placed.device
    return {
        "device": device.name,
        "mac": device.mac,
        "binding": binding_json(placed.binding),
        "seen": [_seen_json(each) for each in placed.seen],
    }


def _seen_json(seen: Sighting) -> dict[str, object]:
    return {"switch": seen.switch, "port": seen.port, "vlan": seen.vlan or None, "uplink": seen.uplink}
