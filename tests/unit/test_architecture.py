"""The house keeps its shape: who may import whom, what loads what, and how big a thing may be."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: Our packages, and those of ours that each may import.
ARROWS: dict[str, frozenset[str]] = {
    "policies": frozenset(),
    "drivers": frozenset({"policies"}),
    "controller": frozenset({"drivers", "policies"}),
    "agent": frozenset({"policies"}),
    "lab": frozenset({"policies", "drivers", "controller", "agent"}),
}
OURS = frozenset(ARROWS)
#: Third parties by place; the longest matching prefix counts, and what is not listed may import none.
THIRD_PARTIES: dict[str, frozenset[str]] = {
    "policies/keys.py": frozenset({"cryptography"}),
    "drivers/transports/ssh.py": frozenset({"netmiko", "paramiko"}),
    "drivers/snmp/": frozenset({"pysnmp", "pyasn1", "gufo"}),
    "drivers/snmp/usm.py": frozenset({"cryptography"}),
    "controller/cli/": frozenset({"click", "rich"}),
    "controller/inventory/": frozenset({"openpyxl"}),
    "controller/evidence/": frozenset({"openpyxl"}),
    "controller/store/": frozenset({"sqlite_utils"}),
    "controller/secrets/": frozenset({"cryptography"}),
    "controller/ledger/": frozenset({"cryptography"}),
    "controller/access/": frozenset({"cryptography"}),
    "controller/broker/": frozenset({"paho", "cryptography"}),
    "controller/web/": frozenset({"starlette", "uvicorn"}),
    "controller/watch/": frozenset({"scapy"}),
    "agent/cli/": frozenset({"click"}),
    "agent/display/": frozenset({"jeepney"}),
    "agent/enrol/": frozenset({"cryptography"}),
    "agent/link/": frozenset({"paho", "cryptography"}),
    "agent/usb/": frozenset({"pyudev"}),
    "lab/": frozenset({"click", "rich", "asyncssh", "cryptography", "paho", "pysnmp", "pyasn1", "scapy"}),
}
#: Modules that come with another distribution's name.
DISTRIBUTION = {
    "gufo": "gufo-snmp",
    "sqlite_utils": "sqlite-utils",
    "paho": "paho-mqtt",
    "paramiko": "netmiko",
    "pyasn1": "pysnmp",
}
#: Names of loggers that are not ours, which are only ever silenced.
SILENCED = frozenset({"paramiko", "uvicorn.error", "scapy"})
MODULES = sorted(path for package in OURS for path in (ROOT / package).rglob("*.py"))
FILES = sorted(
    path for folder in (*OURS, "tests", "bench", "scripts", "packaging") for path in (ROOT / folder).rglob("*.py")
)


@dataclass(frozen=True)
class Imported:
    """One import: the file, the line, and the module's first name."""

    path: Path
    line: int
    name: str

    @property
    def place(self) -> str:
        return self.path.relative_to(ROOT).as_posix()

    def __str__(self) -> str:
        return f"{self.place}:{self.line} imports {self.name}"


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def imports(path: Path) -> Iterator[Imported]:
    """Give every import of a file, wherever it stands: in a function, or for the type checker only."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (Imported(path, node.lineno, each.name.split(".")[0]) for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield Imported(path, node.lineno, (node.module or "").split(".")[0] if node.level == 0 else ".")


def dynamic_imports(path: Path) -> Iterator[Imported]:
    """Give the literal names that a file imports by calling import_module or __import__."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call) and node.args:
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            first = node.args[0]
            literal = first.values[0] if isinstance(first, ast.JoinedStr) and first.values else first
            if called in ("import_module", "__import__") and isinstance(literal, ast.Constant):
                yield Imported(path, node.lineno, str(literal.value).split(".")[0])


ALL_IMPORTS = [found for path in MODULES for found in (*imports(path), *dynamic_imports(path))]


class TestArrows:
    def test_imports_are_absolute(self) -> None:
        assert [str(found) for found in ALL_IMPORTS if found.name == "."] == []

    def test_our_packages_point_down_only(self) -> None:
        wrong = [
            str(found)
            for found in ALL_IMPORTS
            if found.name in OURS and found.name != (own := found.place.split("/")[0]) and found.name not in ARROWS[own]
        ]
        assert wrong == []

    def test_agent_and_controller_never_meet_and_nothing_imports_the_lab(self) -> None:
        assert "controller" not in ARROWS["agent"]
        assert "agent" not in ARROWS["controller"]
        assert not [name for name, below in ARROWS.items() if "lab" in below]

    def test_tests_and_tools_are_imported_by_nothing_that_ships(self) -> None:
        assert [str(found) for found in ALL_IMPORTS if found.name in ("tests", "bench", "scripts", "packaging")] == []

    def test_third_parties_stay_where_they_belong(self) -> None:
        wrong = [
            str(found)
            for found in ALL_IMPORTS
            if found.name not in OURS
            and found.name not in sys.stdlib_module_names
            and found.name not in third_parties(found.place)
        ]
        assert wrong == []

    def test_every_third_party_is_declared_by_the_extra_of_its_package(self) -> None:
        declared = {(requirement.extra, requirement.name) for requirement in requirements()}
        for place, names in THIRD_PARTIES.items():
            used = {found.name for found in ALL_IMPORTS if found.place.startswith(place)} & names
            for name in used:
                distribution = DISTRIBUTION.get(name, name)
                # scapy is behind an extra of its own: nobody who does not ask for the watch gets GPL code.
                own = "watch" if place.startswith("controller/watch") else place.split("/")[0]
                extras = {"policies": {"controller", "agent"}, "drivers": {"controller"}}.get(own, {own})
                assert ("", distribution) in declared or all((extra, distribution) in declared for extra in extras), (
                    f"{place} uses {name}"
                )

    def test_a_planted_import_would_be_found(self, tmp_path: Path) -> None:
        planted = tmp_path / "planted.py"
        planted.write_text(
            "def f():\n    import netmiko.exceptions\n    from lab.net import x\n    __import__('scapy.all')\n", "utf-8"
        )
        found = {each.name for each in (*imports(planted), *dynamic_imports(planted))}
        assert found == {"netmiko", "lab", "scapy"}


@dataclass(frozen=True)
class Requirement:
    """One requirement of our distribution: its name, and the extra that asks for it."""

    name: str
    extra: str


def requirements() -> Iterator[Requirement]:
    for line in metadata.requires("portseal") or []:
        name = re.match(r"[\w.-]+", line)
        extra = re.search(r"extra == ['\"]([\w-]+)['\"]", line)
        assert name is not None
        yield Requirement(name[0].lower(), extra[1] if extra else "")


def third_parties(place: str) -> frozenset[str]:
    fitting = [prefix for prefix in THIRD_PARTIES if place.startswith(prefix)]
    return THIRD_PARTIES[max(fitting, key=len)] if fitting else frozenset()


def loaded_by(code: str) -> set[str]:
    """Give the modules that a fresh interpreter has after `code`."""
    script = f"import sys, json\n{code}\nsys.stderr.write(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True, timeout=60, cwd="/"
    )
    return set(json.loads(done.stderr.splitlines()[-1]))


class TestLaziness:
    """Help and completion are fast, and each part runs with its own extra alone."""

    @pytest.mark.parametrize(
        ("code", "allowed"),
        [
            ("import controller.cli.main", {"click"}),
            (
                "from controller.cli.base import run\nfrom controller.cli.main import cli\nrun(cli, ['--help'])",
                {"click"},
            ),
            ("import agent.cli.main", {"click"}),
            ("import policies.plan, policies.comply, policies.load", set()),
            ("import drivers.flow, drivers.session, drivers.dialects as d\nd.all_dialects()", set()),
        ],
        ids=["controller's command line", "its help", "agent's command line", "rules", "drivers"],
    )
    def test_what_is_not_needed_is_not_loaded(self, code: str, allowed: set[str]) -> None:
        loaded = {name.split(".")[0] for name in loaded_by(code)}
        ours_or_standard = OURS | sys.stdlib_module_names
        strangers = {name for name in loaded if not name.startswith("_") and name not in ours_or_standard}
        assert strangers <= allowed | {"sitecustomize"}

    def test_the_agent_loads_nothing_of_controller_and_drivers(self) -> None:
        loaded = {name.split(".")[0] for name in loaded_by("import agent.cli.main")}
        assert not loaded & {"controller", "drivers", "lab"}


class TestSizes:
    def test_no_file_is_longer_than_400_lines(self) -> None:
        long = {path.relative_to(ROOT).as_posix(): lines for path in FILES if (lines := length(path)) > 400}
        assert long == {}

    def test_no_function_is_longer_than_50_lines_or_takes_more_than_6_arguments(self) -> None:
        wrong = []
        for path in MODULES:
            for node in ast.walk(tree(path)):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    lines = (node.end_lineno or node.lineno) - node.lineno + 1
                    given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
                    count = len([each for each in given if each.arg not in ("self", "cls")])
                    if lines > 50 or count > 6:
                        wrong.append(
                            f"{path.relative_to(ROOT)}:{node.lineno} {node.name}: {lines} lines, {count} arguments"
                        )
        assert wrong == []


def length(path: Path) -> int:
    return len(path.read_text("utf-8").splitlines())


class TestHabits:
    def test_nothing_prints_but_programs_that_start_a_process(self) -> None:
        wrong = [
            f"{path.relative_to(ROOT)}:{node.lineno}"
            for path in MODULES
            if path.name != "__main__.py"
            for node in ast.walk(tree(path))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
        ]
        assert wrong == []

    def test_no_module_changes_its_globals(self) -> None:
        wrong = [
            f"{path.relative_to(ROOT)}:{node.lineno}"
            for path in MODULES
            for node in ast.walk(tree(path))
            if isinstance(node, ast.Global)
        ]
        assert wrong == []

    def test_loggers_are_ours_by_name_and_say_things_lazily(self) -> None:
        wrong = []
        for path in MODULES:
            for node in ast.walk(tree(path)):
                if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                    continue
                if node.func.attr == "getLogger":
                    name = node.args[0].value if node.args and isinstance(node.args[0], ast.Constant) else ""
                    if not str(name).startswith("portseal.") and name not in SILENCED:
                        wrong.append(f"{path.relative_to(ROOT)}:{node.lineno} getLogger({name!r})")
                if is_log_call(node) and node.args and isinstance(node.args[0], ast.JoinedStr):
                    wrong.append(f"{path.relative_to(ROOT)}:{node.lineno} formats before it logs")
        assert wrong == []

    def test_sentences_are_literals_that_the_extractor_sees(self) -> None:
        wrong = [
            f"{path.relative_to(ROOT)}:{node.lineno}"
            for path in MODULES
            for node in ast.walk(tree(path))
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in ("t", "h")
            and not (node.args and isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str))
        ]
        assert wrong == []

    def test_every_name_in_a_sentence_has_a_value(self) -> None:
        wrong = []
        for path in MODULES:
            for node in ast.walk(tree(path)):
                if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "t"):
                    continue
                message = node.args[0]
                given = {each.arg for each in node.keywords}
                if None in given or not isinstance(message, ast.Constant):
                    continue
                named = set(re.findall(r"\{(\w+)\}", str(message.value))) if given else set()
                if named != given:
                    wrong.append(f"{path.relative_to(ROOT)}:{node.lineno} {sorted(named)} != {sorted(map(str, given))}")
        assert wrong == []

    def test_every_error_of_ours_is_raised_with_a_sentence_and_not_with_a_string(self) -> None:
        kinds = {name for name, _ in inspect.getmembers(importlib.import_module("policies.errors"), inspect.isclass)}
        wrong = [
            f"{path.relative_to(ROOT)}:{node.lineno}"
            for path in MODULES
            for node in ast.walk(tree(path))
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in kinds - {"CommandRejected", "UnparsedOutput", "Unexpected", "Text"}
            and node.args
            and isinstance(node.args[0], ast.Constant | ast.JoinedStr)
        ]
        assert wrong == []


def is_log_call(node: ast.Call) -> bool:
    assert isinstance(node.func, ast.Attribute)
    levels = ("debug", "info", "warning", "error", "exception", "critical")
    return (
        node.func.attr in levels
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id in ("log", "_log", "logger")
    )


class TestDistribution:
    def test_our_packages_come_from_our_distribution_alone(self) -> None:
        found = metadata.packages_distributions()
        for package in OURS:
            assert set(found.get(package, ["portseal"])) == {"portseal"}
            module = importlib.import_module(package)
            assert Path(module.__file__ or "").is_relative_to(ROOT)

    def test_every_package_is_in_the_wheel(self) -> None:
        text = (ROOT / "pyproject.toml").read_text("utf-8")
        listed = re.search(r"\[tool\.hatch\.build\.targets\.wheel\]\npackages = (\[.*\])", text)
        assert listed is not None
        assert set(json.loads(listed[1])) == OURS
