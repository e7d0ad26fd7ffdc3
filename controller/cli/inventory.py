"""inventory: import, list, show and export of devices and bindings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from controller.cli.base import NOT_COMPLIANT, USAGE, Group, Settings, h, settings
from policies.errors import UsageError
from policies.texts import t

if TYPE_CHECKING:
    from controller.cli.importing import Proposal
    from controller.context import Context
    from policies.model import Binding, Device


@click.group(cls=Group, help=h("Import, list and export devices and bindings."))
def inventory() -> None:
    """See the help text."""


@inventory.command(
    "import",
    help=h(
        "Put a list (CSV or XLSX) in place of the inventory, whole or not at all: every problem is listed, and what is"
        " on the wire is compared first. Switches are not touched."
    ),
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help=h("Show problems and preview, and change nothing."))
@click.option("--yes", is_flag=True, help=h("Do not ask."))
@click.option("--sheet", metavar="NAME", help=h("Read this sheet of a workbook only."))
@click.pass_context
def import_(context: click.Context, file: Path, dry_run: bool, yes: bool, sheet: str | None) -> int:
    """See the help text."""
    from controller.cli.importing import load, propose, show_problems, show_proposal
    from controller.cli.session import site_context
    from controller.cli.subjects import agree

    chosen = settings(context)
    listed = load(file, sheet)
    with site_context(chosen, recovering=False) as site:
        proposal = propose(site, listed)
        if not proposal.result.ok:
            show_problems(chosen, proposal)
            return USAGE
        write = proposal.differs and not dry_run
        if not chosen.json:
            show_proposal(chosen, proposal)
        if write and proposal.replaces:
            question = t(
                "Replace the inventory: {added} added, {changed} changed, {removed} removed?", **proposal.counts
            )
            agree(chosen, question, yes=yes)
        if write:
            _replace(site, proposal)
        _told(chosen, proposal, written=write)
    return 0


@inventory.command("list", help=h("List the devices and where they are bound."))
@click.option("--role", metavar="ROLE", help=h("Devices of this role only: camera, terminal, server …"))
@click.pass_context
def list_(context: click.Context, role: str | None) -> int:
    """See the help text."""
    from controller.cli.session import site_context
    from controller.cli.subjects import device_json, role_given
    from controller.cli.words import DEVICE_ROLES

    chosen = settings(context)
    wanted = None if role is None else role_given(role, "--role")
    with site_context(chosen, recovering=False) as site:
        devices, bound = _inventory(site)
    devices = [device for device in devices if wanted is None or device.role is wanted]
    if chosen.json:
        chosen.give({"devices": [device_json(device, bound.get(device.name)) for device in devices]})
    elif devices:
        rows = [_row(device, bound.get(device.name), DEVICE_ROLES[device.role]) for device in devices]
        headings = (t("name"), t("role"), t("MAC"), t("IP"), t("place"), t("bound to"), t("VLAN"))
        chosen.table(headings, rows)
    elif wanted is None:
        chosen.say(t("The inventory is empty. Next: portseal inventory import FILE"))
    else:
        chosen.say(t("No device has this role."))
    return NOT_COMPLIANT if wanted is not None and not devices else 0


@inventory.command(help=h("Show one device: what it is, where it is bound, where it was seen."))
@click.argument("name")
@click.pass_context
def show(context: click.Context, name: str) -> int:
    """See the help text."""
    from controller.cli.search import seen_json, sightings
    from controller.cli.session import site_context
    from controller.cli.subjects import device_json, device_of
    from controller.cli.words import DEVICE_ROLES
    from controller.store.inventory import binding_of

    chosen = settings(context)
    with site_context(chosen, recovering=False) as site:
        device = device_of(site.store, name)
        binding = binding_of(site.store, device.name)
        seen = [each for each in sightings(site) if each.mac == device.mac]
    if chosen.json:
        chosen.give({**device_json(device, binding), "seen": [seen_json(each) for each in seen]})
        return 0
    facts = {
        t("name"): device.name,
        t("role"): DEVICE_ROLES[device.role],
        t("MAC"): device.mac,
        t("IP"): device.ip or "-",
        t("place"): device.place or "-",
        t("serial"): device.serial or "-",
        t("vendor"): device.vendor or "-",
        t("model"): device.model or "-",
        t("bound to"): _bound(binding),
    }
    for label, value in facts.items():
        chosen.say(t("{label}: {value}", label=label, value=value))
    for each in seen:
        chosen.say(each.sentence(site.clock()))
    if not seen:
        chosen.say(t("no switch has learned its MAC, as far as they were read"))
    return 0


@inventory.command(help=h("Write the inventory as CSV or XLSX, in a form that an import reads back."))
@click.argument("file", type=click.Path(path_type=Path))
@click.pass_context
def export(context: click.Context, file: Path) -> int:
    """See the help text."""
    from controller.cli.session import site_context
    from controller.inventory.export import export_csv, export_xlsx
    from controller.secrets.files import write_private

    chosen = settings(context)
    writers = {".csv": export_csv, ".xlsx": export_xlsx}
    writer = writers.get(file.suffix.lower())
    if writer is None:
        raise UsageError(
            t("the file's name says neither .csv nor .xlsx"), where=str(file), next_step=t("name it like devices.csv")
        )
    if file.is_dir() or not file.parent.is_dir():
        raise UsageError(
            t("the file cannot be written there"), where=str(file), next_step=t("name a file in a folder that exists")
        )
    with site_context(chosen, recovering=False) as site:
        devices, bound = _inventory(site)
    write_private(file, writer(devices, bound.values(), chosen.language))
    if chosen.json:
        chosen.give({"file": str(file), "devices": len(devices), "bindings": len(bound)})
    chosen.say(t("{count} devices written to {file}", count=len(devices), file=file))
    return 0


def _replace(site: Context, proposal: Proposal) -> None:
    from controller.store.inventory import replace_all

    # The file's name stays out of the ledger: people name files after people.
    data: dict[str, object] = {"sha256": proposal.sha256, **proposal.counts}
    with site.ledger.act("inventory.import", "inventory", data, site.actor) as act:
        replace_all(site.store, proposal.result.devices, proposal.result.bindings)
        act.done({"devices": len(proposal.result.devices), "bindings": len(proposal.result.bindings)})


def _told(chosen: Settings, proposal: Proposal, *, written: bool) -> None:
    if chosen.json:
        chosen.give(proposal.json(chosen, written=written))
    elif written:
        chosen.say(t("Imported {count} devices. Next: portseal plan", count=len(proposal.result.devices)))
    elif proposal.differs:
        chosen.say(t("Nothing was changed."))
    else:
        chosen.say(t("The inventory is like this already; nothing was changed."))


def _inventory(site: Context) -> tuple[list[Device], dict[str, Binding]]:
    from controller.store.inventory import bindings, devices

    return list(devices(site.store)), {binding.device: binding for binding in bindings(site.store)}


def _bound(binding: Binding | None) -> str:
    return "-" if binding is None else f"{binding.switch}/{binding.port}"


def _row(device: Device, binding: Binding | None, role: object) -> tuple[object, ...]:
    vlan = "-" if binding is None else binding.vlan
    return device.name, role, device.mac, device.ip or "-", device.place, _bound(binding), vlan
