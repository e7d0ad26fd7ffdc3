"""discover, plan, apply, check: from what is plugged in to a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from controller.cli.base import EQUIPMENT, Settings, Speaking, h, settings
from policies.errors import InputError, UsageError
from policies.texts import t

if TYPE_CHECKING:  # these load the store and the drivers, which --help does not need
    from controller.context import Context
    from controller.network.pool import Answers
    from controller.network.reading import Finished
    from policies.model import ObservedSwitch
    from policies.site import Switch


@click.command(
    cls=Speaking,
    help=h("Read what is really plugged in: from the site's switches, or from one switch by address (no site needed)."),
)
@click.argument("switches", nargs=-1, metavar="[SWITCH]...")
@click.option("--snmp", metavar="HOST:PORT", help=h("Ask this address over SNMP; no site is needed."))
@click.option(
    "--community",
    metavar="REFERENCE",
    help=h("SNMP v2c community: env:NAME, file:PATH, or the text itself (warns: others can see it)."),
)
@click.option("--via", type=click.Choice(["ssh", "snmp"]), default="ssh", help=h("How to ask the site's switches."))
@click.option(
    "--propose",
    metavar="FILE",
    help=h("Write a list (CSV) of what the inventory lacks, to be completed and imported. Implies --proposals."),
)
@click.option(
    "--proposals",
    is_flag=True,
    help=h("Also show what the inventory lacks: where it could be bound, how sure that is, and why."),
)
@click.pass_context
def discover(
    context: click.Context, /, switches: tuple[str, ...], snmp: str | None, community: str | None, **given: Any
) -> int:
    """See the help text."""
    from controller.cli.proposing import proposals_json, proposals_of, show_proposals, write_proposals
    from controller.cli.show import show_observed, show_one, show_preview

    chosen = settings(context)
    if snmp is not None:
        return show_one(chosen, _by_address(chosen, snmp, community))
    from controller.cli.session import site_context, worked
    from controller.network.reading import chosen as chosen_switches
    from controller.network.reading import read_switches

    with site_context(chosen, recovering=False) as site:
        read = read_switches if given["via"] == "ssh" else _over_snmp
        answers = read(site, chosen_switches(site, switches), worked(chosen, t("read")))
        wanted = given["proposals"] or given["propose"] is not None
        found = proposals_of(site, answers.results) if wanted else None
        told = {} if found is None else {"proposals": proposals_json(chosen, found)}
        show_observed(chosen, list(answers.results.values()), answers.errors, told)
        if not chosen.json:
            show_preview(chosen, site, answers.results)
        if found is not None and not chosen.json:
            show_proposals(chosen, found)
        if found is not None and given["propose"] is not None:
            write_proposals(chosen, found, given["propose"])
        return EQUIPMENT if answers.errors else 0


@click.command(
    cls=Speaking,
    help=h(
        "Read the switches, compare with the inventory, show what would change with the exact commands, and save it."
    ),
)
@click.argument("switches", nargs=-1, metavar="[SWITCH]...")
@click.option("--commands/--no-commands", default=True, help=h("Show the exact commands for each switch."))
@click.pass_context
def plan(context: click.Context, switches: tuple[str, ...], commands: bool) -> int:
    """See the help text."""
    from controller.cli.session import site_context, worked
    from controller.cli.show import note_unsaved, show_plan
    from controller.network.admission import only_read
    from controller.network.planning import plan_for
    from controller.network.reading import chosen as chosen_switches
    from controller.network.reading import read_switches
    from controller.store.plans import save_plan

    chosen = settings(context)
    with site_context(chosen) as site:
        wanted = chosen_switches(site, switches)
        answers = read_switches(site, wanted, worked(chosen, t("read")))
        changes = plan_for(site, [switch for switch in wanted if switch.name in answers.results], answers.results)
        saved = save_plan(site.store, changes, site.actor) if not changes.empty else None
        show_plan(chosen, site, changes, saved, answers.errors, commands=commands)
        note_unsaved(chosen, site, changes.switches)
        planned = {each.switch for each in changes.switches if not each.empty}
        for switch in wanted:
            if switch.name in planned and only_read(switch):
                chosen.note(
                    t(
                        "{switch}: its dialect is experimental; an apply is refused until site.toml has "
                        "switches.{switch}.experimental_writes = true",
                        switch=switch.name,
                    )
                )
        return EQUIPMENT if answers.errors else 0


@click.command(
    cls=Speaking,
    help=h("Carry out a saved plan. A plan whose switch has changed since is refused; any failure is rolled back."),
)
@click.argument("plan_id", metavar="[PLAN]", required=False)
@click.option("--yes", is_flag=True, help=h("Do not ask."))
@click.pass_context
def apply(context: click.Context, plan_id: str | None, yes: bool) -> int:
    """See the help text."""
    from controller.cli.progress import progress
    from controller.cli.session import site_context
    from controller.cli.show import note_unsaved
    from controller.cli.subjects import agree
    from controller.cli.verdicts import show_findings, show_outcomes
    from controller.network.apply import apply_plan
    from controller.network.planning import findings_for
    from controller.store.plans import latest_plan
    from controller.store.plans import plan as find_plan
    from drivers.flow import State

    chosen = settings(context)
    with site_context(chosen) as site:
        found = find_plan(site.store, plan_id) if plan_id else latest_plan(site.store)
        if found is None:
            raise UsageError(t("there is no saved plan"), next_step=t("make one with 'portseal plan'"))
        question = t("Apply plan {plan}: {count} changes?", plan=found.id, count=found.changes.count)
        agree(chosen, question, yes=yes)
        with progress(chosen) as listener:
            answers = apply_plan(site, found, listener)
        observed = {name: each.observed for name, each in answers.results.items() if each.observed is not None}
        touched = [switch for switch in site.site.switches if switch.name in observed]
        findings = findings_for(site, touched, observed)
        code = show_outcomes(chosen, found.id, answers, findings)
        done = {name for name, each in answers.results.items() if each.state is State.DONE}
        note_unsaved(chosen, site, [each for each in found.changes.switches if each.switch in done])
        if not chosen.json:
            show_findings(chosen, findings, failures_only=True)
        return code


@click.command(
    cls=Speaking,
    help=h(
        "Read the switches and judge them by clauses 7.1a, 7.1b and 7.1c; each terminal by its last census and by what"
        " the ledger says of its openings and its ways out (7.2a to 7.2d). Exit code 1 when they do not comply. With"
        " SWITCH: these switches alone."
    ),
)
@click.argument("switches", nargs=-1, metavar="[SWITCH]...")
@click.option("--all", "everything", is_flag=True, help=h("Show what passes too."))
@click.option(
    "--days",
    type=click.IntRange(1, 4000),
    help=h("Judge openings over so many days back. Default: openings_days in [policy]."),
)
@click.pass_context
def check(context: click.Context, switches: tuple[str, ...], everything: bool, days: int | None) -> int:
    """See the help text."""
    from controller.cli.session import site_context, worked
    from controller.cli.verdicts import show_check
    from controller.network.planning import findings_for
    from controller.network.reading import chosen as chosen_switches
    from controller.network.reading import read_switches
    from controller.network.terminals import terminal_findings

    chosen = settings(context)
    with site_context(chosen, recovering=False) as site:
        wanted = chosen_switches(site, switches)
        answers = read_switches(site, wanted, worked(chosen, t("read")))
        findings = findings_for(site, wanted, answers.results)
        if not switches:
            findings += terminal_findings(site, days)
        return show_check(chosen, findings, answers.errors, everything=everything)


def _by_address(chosen: Settings, address: str, community: str | None) -> ObservedSwitch:
    from controller.store.open import utc_now
    from drivers.snmp.access import ResolvedSnmp
    from drivers.snmp.discover import discover_address

    host, colon, port = address.rpartition(":")
    if not colon:
        host, port = address, "161"
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise InputError(t("this is no address"), where=address, next_step=t("write HOST:PORT, as in 192.0.2.1:161"))
    if community is None:
        raise UsageError(t("the SNMP community is missing"), next_step=t("add --community env:NAME or file:PATH"))
    return discover_address(ResolvedSnmp(host.strip("[]"), int(port), _community(chosen, community)), now=utc_now())


def _community(chosen: Settings, reference: str) -> str:
    from controller.secrets.resolve import resolve

    if reference.partition(":")[0] in ("env", "file", "secret"):
        return resolve(reference, chosen.site, where="--community").reveal()
    chosen.note(t("warning: a community on the command line is visible to every user of this machine"))
    return reference


def _over_snmp(site: Context, switches: Sequence[Switch], finished: Finished) -> Answers[ObservedSwitch]:
    from controller.network.pool import on_each
    from controller.secrets.resolve import resolve
    from drivers.snmp.access import resolve as with_secrets
    from drivers.snmp.discover import discover_address

    def read(switch: Switch) -> ObservedSwitch:
        if switch.snmp is None:
            raise UsageError(
                t("the site declares no SNMP for it"),
                where=switch.name,
                next_step=t("add [switches.{name}.snmp] to site.toml", name=switch.name),
            )
        access = with_secrets(switch.snmp, lambda reference: resolve(reference, site.site.folder).reveal())
        return discover_address(access, now=site.clock(), switch=switch.name)

    return on_each(switches, read, finished)
