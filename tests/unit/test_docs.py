"""The pages say what the code does: commands exist, links lead somewhere, generated parts are current."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from agent.cli.base import Spot
from agent.cli.main import make
from controller.cli.main import cli

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(page for page in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")))
PROGRAMS: dict[str, click.Group] = {"portseal": cli, "portseal-agent": make(Spot("en"))}

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`((?:portseal|portseal-agent) [^`\n]+)`")
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
#: What ends one command of a shell line, and what stands for its files.
_BETWEEN = {"|", "||", "&&", ";", "<", ">", ">>", "&"}


def leaves(group: click.Group, context: click.Context) -> Iterator[click.Context]:
    """Give a context for every command below `group`, groups included."""
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        inner = click.Context(command, info_name=name, parent=context)
        yield inner
        if isinstance(command, click.Group):
            yield from leaves(command, inner)


def every_command() -> list[click.Context]:
    return [
        each for name, program in PROGRAMS.items() for each in leaves(program, click.Context(program, info_name=name))
    ]


def shell_commands(line: str) -> Iterator[list[str]]:
    """Give the calls of our programs in a line typed at a shell, as words."""
    lexer = shlex.shlex(line.removeprefix("$ "), posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    call: list[str] = []
    for word in [*lexer, ";"]:
        if word not in _BETWEEN:
            call.append(word)
            continue
        while call and (call[0] == "sudo" or re.fullmatch(r"[A-Z_]+=.*", call[0])):
            call.pop(0)
        if call and Path(call[0]).name in PROGRAMS:
            yield [Path(call[0]).name, *call[1:]]
        call = []


def said_commands(page: Path) -> list[str]:
    """Give every line of a page that calls one of our programs: in code blocks, and inline."""
    text = page.read_text("utf-8")
    lines = [line.strip() for _, block in _FENCE.findall(text) for line in block.splitlines()]
    found = [line for line in lines if re.match(r"(\$ )?(sudo )?([A-Z_]+=\S+ )*\S*portseal(-agent)? ", line)]
    return [*found, *_INLINE.findall(_FENCE.sub("", text))]


def complaint(words: list[str]) -> str | None:
    """Say what click does not know of a call; a word in capitals or with … stands for a value."""
    if any(word.startswith("[") for word in words):  # a usage line, not a command to type
        return None
    context = click.Context(PROGRAMS[words[0]], info_name=words[0])
    rest = words[1:]
    while isinstance(context.command, click.Group):
        rest = _without_common(context.command, context, rest)
        if not rest:
            return None
        if (command := context.command.get_command(context, rest[0])) is None:
            return f"no command {rest[0]!r}"
        context = click.Context(command, info_name=rest[0], parent=context)
        rest = rest[1:]
    try:
        _, left, _ = context.command.make_parser(context).parse_args(list(rest))
    except click.UsageError as error:
        return error.format_message()
    return f"too much: {left}" if left else None


def _without_common(group: click.Group, context: click.Context, words: list[str]) -> list[str]:
    parser = group.make_parser(context)
    parser.allow_interspersed_args = False
    return parser.parse_args(list(words))[1]


def test_every_command_is_in_both_references_with_help_and_an_example() -> None:
    english, chinese = ((ROOT / "docs" / name).read_text("utf-8") for name in ("cli.md", "zh/cli.md"))
    for context in every_command():
        for page in (english, chinese):
            assert re.search(rf"^##+ {context.command_path}$", page, re.MULTILINE), context.command_path
        assert (context.command.help or "").strip(), context.command_path
        if not isinstance(context.command, click.Group):
            assert f"`{context.command_path}" in english


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_commands_that_a_page_says_exist(page: Path) -> None:
    wrong = [
        f"{line}: {said}"
        for line in said_commands(page)
        for words in shell_commands(line)
        if (said := complaint(words)) is not None
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("line", "known"),
    [
        ("portseal plan --no-commands", True),
        ("portseal --site DIR --json check sw2 --lang en", True),
        ("PORTSEAL_LANG=en portseal audit log | head", True),
        ("portseal secret set sw2.password < password.txt", True),
        ("portseal-agent census --json", True),
        ("portseal exchange cam05", False),
        ("portseal plan --nope", False),
        ("portseal audit burn", False),
        ("portseal init a b", False),
    ],
)
def test_an_invented_command_or_option_would_be_found(line: str, known: bool) -> None:
    calls = list(shell_commands(line))
    assert calls
    assert all((complaint(words) is None) is known for words in calls)


def test_the_first_pages_show_commands() -> None:
    for name in ("README.md", "README.zh-CN.md"):
        verbs = {words[-1] for line in said_commands(ROOT / name) for words in shell_commands(line)}
        assert len(verbs) > 5, name


def slug(heading: str) -> str:
    """Give the anchor that Markdown renderers make of a heading."""
    plain = re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    return re.sub(r"[^\w\- ]", "", plain.strip().lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_links_of_a_page_lead_somewhere(page: Path) -> None:
    for target in _LINK.findall(_FENCE.sub("", page.read_text("utf-8"))):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        assert path.exists(), target
        if anchor:
            assert anchor in {slug(text) for text in _HEADING.findall(path.read_text("utf-8"))}, target


def test_every_page_can_be_reached_from_the_index() -> None:
    reached: set[Path] = set()
    waiting = [ROOT / "docs/index.md"]
    while waiting:
        page = waiting.pop()
        reached.add(page)
        targets = {target.partition("#")[0] for target in _LINK.findall(page.read_text("utf-8"))}
        found = {(page.parent / target).resolve() for target in targets if target.endswith(".md") and ":" not in target}
        waiting += sorted(found - reached - set(waiting))
    assert not set(ROOT.glob("docs/**/*.md")) - reached


def check(root: Path) -> subprocess.CompletedProcess[str]:
    """Run `scripts/docs.py check` of the tree at `root`."""
    program = [sys.executable, str(root / "scripts/docs.py"), "check"]
    return subprocess.run(program, capture_output=True, text=True, check=False)


def test_the_generated_parts_are_what_the_code_says() -> None:
    done = check(ROOT)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_stale_page_is_named_in_one_line(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    for name in ("policies", "tests", "pyproject.toml"):
        (tmp_path / name).symlink_to(ROOT / name)
    page = tmp_path / "docs/licences.md"
    page.write_text(page.read_text("utf-8").replace("| `click` | BSD-3-Clause |", "| `click` | MIT |"), "utf-8")
    done = check(tmp_path)
    assert done.returncode == 1
    assert done.stdout.startswith("docs/licences.md is stale")
    assert len(done.stdout.splitlines()) == 1
