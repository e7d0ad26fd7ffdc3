"""Write the generated parts of docs/ from the code: commands, platforms, clauses, site.toml, licences; or check them.

`python scripts/docs.py write` writes them; `check` exits 1 and names the first page that is stale. A page is ours
between `<!-- generated: NAME -->` and `<!-- end -->`; the rest belongs to its writer. Nothing that changes by itself
(times, versions, paths of this machine) is printed.
"""

from __future__ import annotations

import ast
import gettext
import importlib.metadata
import os
import re
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import click
from docs_agent import events_part, gate_codes_part, grant_codes_part, offline_codes_part, operator_codes_part
from docs_words import CODES, EXAMPLES, REASONS, WORDS
from packaging.requirements import Requirement

from agent.cli.base import Spot
from agent.cli.main import make
from controller.cli.base import common_options, speak
from controller.cli.main import cli
from drivers.dialect import Dialect
from drivers.dialects import PLATFORMS, SNMP_PLATFORMS, all_dialects, snmp_dialect
from policies.clauses.notice import notice
from policies.load import sample_site_toml
from policies.platforms import platform_aliases, platforms
from policies.settings import SETTING_WORDS

ROOT = Path(__file__).resolve().parent.parent
_PART = re.compile(r"(<!-- generated: ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)

#: Licences that a distribution's metadata leave out, read from the licence file that it ships.
UNSTATED = {"pysnmp": "BSD-2-Clause"}


# -- commands ---------------------------------------------------------------------------------------------------------


def commands(root: click.Group, name: str) -> Iterator[tuple[str, click.Command, click.Context]]:
    """Give every command below `root` with its path and context, groups before what is in them."""
    yield from _below(root, click.Context(root, info_name=name), "")


def _below(group: click.Group, context: click.Context, path: str) -> Iterator[tuple[str, click.Command, click.Context]]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        inner = click.Context(command, info_name=name, parent=context)
        yield f"{path} {name}".strip(), command, inner
        if isinstance(command, click.Group):
            yield from _below(command, inner, f"{path} {name}".strip())


def cli_page(language: str) -> str:
    """Write the reference of both programs in `language`."""
    os.environ["COLUMNS"] = "120"
    speak(language)
    words = WORDS[language]
    common = [option.name for option in common_options()]
    lines = [words["common"], "", *_options(common_options(), click.Context(cli), words), ""]
    for path, command, context in commands(cli, "portseal"):
        lines += _command(path, command, context, language, [*common, "help"])
    agent = make(Spot(language))
    for path, command, context in commands(agent, "portseal-agent"):
        lines += [f"## portseal-agent {path}", "", f"`{_usage(context)}`", "", command.help or "", ""]
        lines += [*_options(_own(command, ["help"]), context, words), ""]
    return "\n".join(lines)


def _command(path: str, command: click.Command, context: click.Context, language: str, common: list[str]) -> list[str]:
    words = WORDS[language]
    help_text = gettext.gettext((command.help or "").strip())
    if isinstance(command, click.Group):
        return [f"## portseal {path}", "", help_text, ""]
    lines = [f"{'###' if ' ' in path else '##'} portseal {path}", "", f"`{_usage(context)}`", "", help_text, ""]
    own = _own(command, common)
    if own:
        lines += [*_options(own, context, words), ""]
    lines += [f"{words['example']}`{EXAMPLES[path]}`", ""]
    if path in CODES:
        told = "; ".join(f"{code} {texts[language == 'zh']}" for code, texts in CODES[path].items())
        lines += [f"{words['codes']}{told}", ""]
    return lines


def _usage(context: click.Context) -> str:
    return " ".join([context.command_path, *context.command.collect_usage_pieces(context)])


def _own(command: click.Command, common: list[str]) -> list[click.Option]:
    return [each for each in command.params if isinstance(each, click.Option) and each.name not in common]


def _options(options: list[click.Option], context: click.Context, words: dict[str, str]) -> list[str]:
    if not options:
        return []
    rows = [f"| {words['option']} | {words['meaning']} |", "| --- | --- |"]
    for option in options:
        record = option.get_help_record(context)
        assert record is not None
        meaning = gettext.gettext((option.help or "").strip())
        required = f" ({words['required']})" if option.required else ""
        rows.append(_row(f"`{record[0]}`", meaning + required))
    return rows


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


# -- platforms, clauses, site.toml ------------------------------------------------------------------------------------


def platforms_part() -> str:
    """Write the support tables, claiming no more than each dialect's `tested_on`."""
    spoken = _every()
    lines = ["| platform | what it is | other names | rollback |", "| --- | --- | --- | --- |"]
    for each in spoken:
        names = [f"`{name}`" for name, meant in platform_aliases().items() if meant == each.platform != name]
        lines.append(_row(_called(each), each.title, ", ".join(names), each.rollback))
    lines += ["", "| platform | model | firmware | date | how | what |", "| --- | --- | --- | --- | --- | --- |"]
    lines += [
        _row(_called(each), seen.model, seen.firmware, seen.date, seen.how, seen.source)
        for each in spoken
        for seen in each.tested_on
    ]
    later = ", ".join(f"`{name}`" for name in platforms() if name not in {*PLATFORMS, *SNMP_PLATFORMS})
    if later:
        lines += ["", f"Names that site.toml accepts, for which there is no dialect yet: {later}."]
    return "\n".join([*lines, ""])


def _every() -> list[Dialect]:
    """Give every dialect, those over SNMP last."""
    return [*all_dialects(), *map(snmp_dialect, SNMP_PLATFORMS)]


def _called(spoken: Dialect) -> str:
    """Name a dialect in a table."""
    return f"`{spoken.platform}`" + (" over SNMP" if spoken.snmp is not None else "")


def settings_part() -> str:
    """Write which setting each platform can read and set."""
    spoken = _every()
    lines = [_row("setting", "name in JSON", *map(_called, spoken)), "| --- " * (len(spoken) + 2) + "|"]
    for name, text in SETTING_WORDS.items():
        lines.append(_row(str(text), f"`{name}`", *("yes" if name in d.capabilities else "–" for d in spoken)))
    return "\n".join(lines) + "\n"


def clauses_part() -> str:
    """Write clause → demand → rule → tests, from the notice and the tests' own marks."""
    marked = marked_tests()
    lines: list[str] = []
    for clause in notice().clauses:
        lines += [f"## {clause.id}", ""]
        if clause.text is not None:
            lines += [f"> {clause.text.zh}", "", clause.text.en, ""]
        if clause.scope is not None:
            lines += [f"In scope later, where the network side can: {clause.scope.en}. Not built yet.", ""]
        for demand in clause.demands:
            rule = ROOT / "policies/clauses" / f"{demand.check}.py"
            link = f"[{rule.name}](../policies/clauses/{rule.name})" if rule.exists() else "not built yet"
            tests = marked.get(demand.id, [])
            lines += [f"### {demand.id}", "", f"- demanded: {demand.demand.en}", f"- proof: {demand.proof.en}"]
            lines += [f"- judged by: {link}", f"- tests: {len(tests) or 'none'}"]
            lines += [f"  - [{name}](../{file})" for file, name in tests]
            lines.append("")
    return "\n".join(lines)


def marked_tests() -> dict[str, list[tuple[str, str]]]:
    """Give the tests marked with each sub-clause, as (file, test name), from the source alone."""
    found: dict[str, list[tuple[str, str]]] = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.FunctionDef):
                continue
            for mark in node.decorator_list:
                if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.clause":
                    for clause in mark.args:
                        found.setdefault(ast.literal_eval(clause), []).append(
                            (path.relative_to(ROOT).as_posix(), node.name)
                        )
    return {clause: sorted(tests) for clause, tests in found.items()}


def site_toml_part(language: str) -> str:
    """Write the commented sample that `portseal init` writes."""
    return f"```toml\n{sample_site_toml(language)}```\n"


# -- licences ---------------------------------------------------------------------------------------------------------


def licences_part() -> str:
    """Write what pyproject.toml names, by extra, and what comes with it."""
    lines: list[str] = []
    named: set[str] = set()
    for extra in ("", "controller", "watch", "agent", "lab"):
        title = f"Extra `[{extra}]`" if extra else "Always"
        lines += [f"## {title}", "", "| distribution | licence | what for |", "| --- | --- | --- |"]
        for name in sorted(_direct(extra)):
            named.add(name)
            lines.append(_row(f"`{name}`", licence(name), REASONS[name]))
        lines.append("")
    lines += ["## What comes with these", "", "| distribution | licence | needed by |", "| --- | --- | --- |"]
    for name, needed in sorted(_indirect(named).items()):
        lines.append(_row(f"`{name}`", licence(name), ", ".join(f"`{each}`" for each in sorted(needed))))
    return "\n".join(lines) + "\n"


def licence(name: str) -> str:
    """Give a distribution's licence from its metadata: expression, else a short field, else classifiers."""
    data = importlib.metadata.metadata(name)
    for key in ("License-Expression", "License"):
        text = (data[key] or "").strip() if key in data else ""
        if text and len(text) < 60 and "\n" not in text:
            return text
    parts = [each.rpartition(" :: ")[2] for each in data.get_all("Classifier") or [] if each.startswith("License :: ")]
    return ", ".join(parts) or UNSTATED.get(name, "not stated in its metadata")


def _direct(extra: str) -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    lines = project["optional-dependencies"][extra] if extra else project["dependencies"]
    return {_plain(Requirement(line).name) for line in lines}


def _requires(name: str) -> set[str]:
    """Give the names that the distribution `name` needs here, without any of its extras."""
    needs = [Requirement(line) for line in importlib.metadata.requires(name) or []]
    return {_plain(need.name) for need in needs if need.marker is None or need.marker.evaluate({"extra": ""})}


def _indirect(named: set[str]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    waiting = sorted(named)
    while waiting:
        parent = waiting.pop()
        for name in _requires(parent):
            if name not in found and name not in named:
                waiting.append(name)
            if name not in named:
                found.setdefault(name, set()).add(parent)
    return found


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


# -- pages ------------------------------------------------------------------------------------------------------------

PARTS: dict[str, Callable[[], str]] = {
    "cli": lambda: cli_page("en"),
    "cli-zh": lambda: cli_page("zh"),
    "platforms": platforms_part,
    "settings": settings_part,
    "clauses": clauses_part,
    "site-toml": lambda: site_toml_part("en"),
    "site-toml-zh": lambda: site_toml_part("zh"),
    "licences": licences_part,
    "events": lambda: events_part("en"),
    "events-zh": lambda: events_part("zh"),
    "grant-codes": lambda: grant_codes_part("en"),
    "grant-codes-zh": lambda: grant_codes_part("zh"),
    "gate-codes": gate_codes_part,
    "operator-codes": lambda: operator_codes_part("en"),
    "operator-codes-zh": lambda: operator_codes_part("zh"),
    "offline-codes": lambda: offline_codes_part("en"),
    "offline-codes-zh": lambda: offline_codes_part("zh"),
}
#: Page below docs/ → the parts that it must have.
PAGES = {
    "cli.md": ("cli",),
    "zh/cli.md": ("cli-zh",),
    "devices.md": ("platforms", "settings"),
    "clauses.md": ("clauses",),
    "site-toml.md": ("site-toml",),
    "zh/site-toml.md": ("site-toml-zh",),
    "licences.md": ("licences",),
    "agent.md": ("operator-codes", "events", "grant-codes", "gate-codes"),
    "zh/agent.md": ("operator-codes-zh", "events-zh", "grant-codes-zh"),
    "offline.md": ("offline-codes",),
    "zh/offline.md": ("offline-codes-zh",),
}


def filled(page: str, text: str) -> str:
    """Give the page's text with its generated parts made anew; ValueError when a marker is missing."""
    found = tuple(match.group(2) for match in _PART.finditer(text))
    if found != PAGES[page]:
        raise ValueError(f"docs/{page}: has the markers {found}, needs {PAGES[page]}")
    return _PART.sub(lambda match: match.group(1) + PARTS[match.group(2)]() + match.group(3), text)


def stale() -> str | None:
    """Name the first page whose generated parts are not what the code says."""
    for page in PAGES:
        text = (ROOT / "docs" / page).read_text("utf-8")
        if filled(page, text) != text:
            return f"docs/{page} is stale. Next: run 'make docs' and look at the difference"
    return None


def main(verb: str) -> int:
    """Do what the verb says; see the module's text."""
    if verb == "write":
        for page in PAGES:
            path = ROOT / "docs" / page
            path.write_text(filled(page, path.read_text("utf-8")), "utf-8")
        return 0
    if verb != "check":
        sys.stderr.write("usage: docs.py write | check\n")
        return 2
    if complaint := stale():
        print(complaint)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "check"))
