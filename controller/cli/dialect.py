"""dialect: what Portseal knows of a platform, one recorded output as rows, and recording a switch."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from controller.cli.base import Group, h, settings
from policies.errors import InputError, UsageError
from policies.platforms import aliases_of
from policies.texts import t

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drivers.dialect import Dialect, Read
    from drivers.parse import Row

#: A recorded answer larger than this is no answer.
_MOST = 64 * 1024 * 1024


@click.group(cls=Group, help=h("Show dialects; parse recorded output."))
def dialect() -> None:
    """See the help text."""


@dialect.command("list", help=h("List the platforms that Portseal speaks."))
@click.pass_context
def list_(context: click.Context) -> int:
    """See the help text."""
    from drivers.dialects import all_dialects

    chosen = settings(context)
    found = all_dialects()
    if chosen.json:
        chosen.give({"dialects": [_summary(each) for each in found]})
        return 0
    rows = [
        (
            each.platform,
            each.title,
            each.rollback,
            len(each.capabilities),
            t("experimental") if each.experimental else "",
            ", ".join(aliases_of(each.platform)),
        )
        for each in found
    ]
    chosen.table((t("platform"), t("title"), t("rollback"), t("settings"), t("state"), t("aliases")), rows)
    return 0


@dialect.command(help=h("Show a dialect: what it can read and set, its commands and templates, where it was tested."))
@click.argument("platform")
@click.option("--write", type=click.Choice(["ssh", "snmp"]), default="ssh", help=h("How the switch is written."))
@click.pass_context
def show(context: click.Context, platform: str, write: str) -> int:
    """See the help text."""
    from drivers.dialects import snmp_dialect

    chosen = settings(context)
    spoken = dialect_of(platform) if write == "ssh" else snmp_dialect(platform.strip())
    told = {**_summary(spoken), "commands": _commands(spoken), "templates": _templates(spoken)}
    if chosen.json:
        chosen.give(told)
        return 0
    chosen.say(t("{platform}: {title}", platform=spoken.platform, title=spoken.title))
    chosen.say(t("aliases: {names}", names=", ".join(aliases_of(spoken.platform)) or "-"))
    chosen.say(t("can set and read: {names}", names=", ".join(sorted(spoken.capabilities))))
    chosen.say(t("rollback: {kind}", kind=spoken.rollback))
    for each in spoken.tested_on:
        chosen.say(
            t(
                "tested on {model}, {firmware}, {date}: {how} ({source})",
                model=each.model,
                firmware=each.firmware,
                date=each.date,
                how=each.how,
                source=each.source or "-",
            )
        )
    rows = [(each["command"], ", ".join(each["facts"]), _use(each)) for each in _commands(spoken)]
    chosen.table((t("command"), t("facts"), t("use")), rows)
    for setting, forms in _templates(spoken).items():
        chosen.say(f"{setting}:")
        for form, lines in forms.items():
            chosen.say(f"  {form}: " + " | ".join(lines))
    return 0


@dialect.command(
    help=h("Turn one recorded answer (FILE or standard input) into rows, as the named platform's dialect reads it.")
)
@click.argument("platform")
@click.argument("command")
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option("--fact", metavar="FACT", help=h("Rows about this, where one answer tells of several things."))
@click.pass_context
def parse(context: click.Context, platform: str, command: str, file: Path | None, fact: str | None) -> int:
    """See the help text."""
    from drivers.parse import find_reads

    chosen = settings(context)
    spoken = dialect_of(platform)
    reads = find_reads(spoken, command)
    found, rows = rows_of(reads, decoded(_content(file)), fact, "-" if file is None else str(file))
    if chosen.json:
        chosen.give({"platform": spoken.platform, "command": reads[0].command, "fact": found, "rows": plain(rows)})
        return 0
    names = list(dict.fromkeys(name for row in rows for name in row))
    if names:
        table = [[_cell(plain(row.get(name))) for name in names] for row in rows]
        chosen.table([t("{name}", name=name) for name in names], table)
    chosen.say(t("{count} rows about {fact}", count=len(rows), fact=found))
    return 0


@dialect.command(
    help=h("Run the dialect's read commands on a switch and write what it said, with the secrets blanked.")
)
@click.argument("switch")
@click.argument("file", type=click.Path(path_type=Path))
@click.pass_context
def record(context: click.Context, switch: str, file: Path) -> int:
    """See the help text."""
    from controller.cli.recording import record_switch
    from controller.cli.session import site_context
    from controller.cli.subjects import switch_of

    chosen = settings(context)
    with site_context(chosen, recovering=False) as site:
        declared = switch_of(site.site, switch)
        done = record_switch(site, declared, file)
    if chosen.json:
        chosen.give({"switch": declared.name, "file": str(file), "recorded": done.recorded, "rejected": done.rejected})
        return 0
    for command in done.rejected:
        chosen.note(t("the switch does not know '{command}'; its answer is recorded", command=command))
    chosen.say(t("{count} commands recorded in {file}", count=len(done.recorded), file=file))
    return 0


@dialect.command(
    help=h(
        "Ask a declared switch what it is, over SNMP and at its command line. Nothing is changed. Exit code 1 when "
        "that is not certain, or not what site.toml declares."
    )
)
@click.argument("switch")
@click.pass_context
def detect(context: click.Context, switch: str) -> int:
    """See the help text."""
    from controller.cli.detecting import detect_switch
    from controller.cli.session import site_context
    from controller.cli.subjects import switch_of

    chosen = settings(context)
    with site_context(chosen, recovering=False) as site:
        return detect_switch(chosen, site, switch_of(site.site, switch))


def dialect_of(platform: str) -> Dialect:
    """Give the dialect of a platform by any accepted name; raises UsageError with the names that there are."""
    from drivers.dialects import dialect as find_dialect

    return find_dialect(platform.strip())


def decoded(content: bytes) -> str:
    """Decode an answer as terminals save it: UTF-8, UTF-16 with its mark, or GBK; what is neither gets marks."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content.decode("utf-16", "replace")
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    return content.decode("utf-8", "replace")


def rows_of(reads: Sequence[Read], text: str, fact: str | None, where: str) -> tuple[str, list[Row]]:
    """Give the fact and the rows of an answer that several reads may share.

    Without `fact`: reads whose answer is a table come first, then records; whole configuration lines come last, and a
    read that found nothing gives way to one that did. Reads about one fact are told together.

    Raises:
        UsageError: the answer tells nothing about `fact`.
        UnparsedOutput: a line is not known.

    """
    from drivers.dialect import Fact
    from drivers.parse import parse as parse_rows
    from policies.errors import UnparsedOutput

    facts = list(dict.fromkeys(read.fact.value for read in reads))
    if fact is not None and fact not in facts:
        raise UsageError(
            t("'{command}' tells nothing about '{fact}'", command=reads[0].command, fact=fact[:40]),
            where="--fact",
            next_step=t("choose one of {names}", names=", ".join(facts)),
        )
    lines = {Fact.RUNNING.value, Fact.STARTUP.value}
    answers: dict[str, list[Row]] = {}
    failures: dict[str, UnparsedOutput] = {}
    for read in reads:
        try:
            answers.setdefault(read.fact.value, []).extend(parse_rows(read, text, where=where))
        except UnparsedOutput as error:
            failures.setdefault(read.fact.value, error)
    tables = {read.fact.value for read in reads if not read.start}
    order = sorted(facts, key=lambda name: (name in lines, name in failures, not answers.get(name), name not in tables))
    chosen = fact if fact is not None else order[0]
    if chosen in failures:
        raise failures[chosen]
    return chosen, answers[chosen]


def plain(value: object) -> Any:
    """Give rows as JSON values: sets as sorted lists, enumerations as their words."""
    if isinstance(value, dict):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, (set, frozenset)):
        return sorted((plain(item) for item in value), key=lambda item: (str(type(item)), item))
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value if value is None or isinstance(value, (bool, int)) else str(value)


def _content(file: Path | None) -> bytes:
    try:
        if file is not None and str(file) != "-":
            with file.open("rb") as stream:
                content = stream.read(_MOST + 1)
        elif sys.stdin is None or sys.stdin.closed:
            raise UsageError(t("standard input is closed"), next_step=t("name a file, or pipe the answer in"))
        else:
            content = sys.stdin.buffer.read(_MOST + 1)
    except OSError as error:
        raise InputError(
            t("the file cannot be read ({cause})", cause=error.strerror or ""),
            where="-" if file is None else str(file),
            next_step=t("check the path and that you may read it"),
        ) from None
    if len(content) > _MOST:
        raise InputError(t("the answer is too large"), where=str(file), next_step=t("give one command's answer"))
    return content


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_cell, value))
    if isinstance(value, dict):
        return " ".join(f"{name}={_cell(item)}" for name, item in value.items())
    return "" if value is None else str(value)


def _summary(spoken: Dialect) -> dict[str, Any]:
    return {
        "platform": spoken.platform,
        "title": spoken.title,
        "aliases": aliases_of(spoken.platform),
        "experimental": spoken.experimental,
        "rollback": spoken.rollback,
        "capabilities": sorted(spoken.capabilities),
        "parameters": dict(spoken.parameters),
        "tested_on": [
            {
                "model": each.model,
                "firmware": each.firmware,
                "date": each.date,
                "how": each.how,
                "source": each.source,
            }
            for each in spoken.tested_on
        ],
    }


def _commands(spoken: Dialect) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for read in spoken.reads:
        entry = found.setdefault(
            read.command, {"command": read.command, "aliases": [], "facts": [], "observe": False, "optional": True}
        )
        entry["aliases"] += [alias for alias in read.aliases if alias not in entry["aliases"]]
        entry["facts"] += [read.fact.value] if read.fact.value not in entry["facts"] else []
        entry["observe"] = entry["observe"] or read.observe
        entry["optional"] = entry["optional"] and read.optional
    return list(found.values())


def _use(entry: dict[str, Any]) -> object:
    if not entry["observe"]:
        return t("parsed on request")
    return t("read where the switch knows it") if entry["optional"] else t("always read")


def _templates(spoken: Dialect) -> dict[str, dict[str, list[str]]]:
    from drivers.dialect import Items

    found: dict[str, dict[str, list[str]]] = {}
    for name, template in spoken.settings.items():
        if isinstance(template, Items):
            forms = {"add": template.add, "remove": template.remove}
        else:
            forms = {"value": template.value, "clear": template.clear}
            forms |= {f"= {_key(value)}": lines for value, lines in template.by_value.items()}
            forms |= {f"leave {_key(value)}": lines for value, lines in template.leave.items()}
        found[name] = {form: list(lines) for form, lines in forms.items() if lines}
    lines = {"recover": spoken.recover, "vlan_add": spoken.vlan_add, "vlan_remove": spoken.vlan_remove}
    found |= {name: {"lines": list(each)} for name, each in lines.items() if each}
    if spoken.save is not None:
        found["save"] = {"lines": [spoken.save.command]}
    if (commit := spoken.commit) is not None:
        acts = ("now", "trial", "confirm", "abort", "discard")
        found["commit"] = {act: [line] for act in acts if (line := getattr(commit, act))}
    return found


def _key(value: object) -> str:
    from policies.names import format_vlans

    if isinstance(value, frozenset):
        return format_vlans(frozenset(each for each in value if isinstance(each, int)))
    return str(value)
