"""What every dialect must say, and that it is data: no code, regexes that compile, reads behind every capability."""

from __future__ import annotations

import ast
import importlib
import re
from datetime import date
from pathlib import Path

import pytest

from drivers.dialect import Dialect, Items
from drivers.dialects import PLATFORMS, SNMP_PLATFORMS, all_dialects, dialect, snmp_dialect
from drivers.render import fill
from drivers.snmp.lines import parse_line
from policies.errors import ConfigError, UsageError
from policies.platforms import platform_aliases, platforms

ROOT = Path(__file__).parents[2]


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def length(path: Path) -> int:
    return len(path.read_text("utf-8").splitlines())


class TestDialects:
    def test_every_folder_is_in_the_registry(self) -> None:
        folders = {path.parent.name for path in (ROOT / "drivers/dialects").glob("*/dialect.py")}
        assert folders == set(PLATFORMS)
        assert len(PLATFORMS) == len(set(PLATFORMS))

    @pytest.mark.parametrize("spoken", all_dialects(), ids=lambda each: each.platform)
    def test_a_dialect_is_found_by_its_folders_name_and_by_its_aliases(self, spoken: Dialect) -> None:
        assert importlib.import_module(f"drivers.dialects.{spoken.platform}.dialect").DIALECT is spoken
        names = [name for name, platform in platform_aliases().items() if platform == spoken.platform]
        assert spoken.platform in names
        for name in names:
            assert dialect(name) is spoken

    def test_a_platform_without_a_dialect_is_an_error_that_names_the_known_ones(self) -> None:
        for name in set(platforms()) - {*PLATFORMS, *SNMP_PLATFORMS}:
            with pytest.raises(ConfigError, match=name) as error:
                dialect(name)
            assert all(known in str(error.value) for known in PLATFORMS)

    def test_a_platform_that_is_known_over_snmp_only_says_so(self) -> None:
        for name in set(SNMP_PLATFORMS) - set(PLATFORMS):
            with pytest.raises(ConfigError, match='write = "snmp"'):
                dialect(name)

    def test_a_platform_that_is_not_written_over_snmp_is_named_with_those_that_are(self) -> None:
        for name in set(PLATFORMS) - set(SNMP_PLATFORMS):
            with pytest.raises(ConfigError, match=name) as error:
                snmp_dialect(name)
            assert all(known in str(error.value) for known in SNMP_PLATFORMS)

    @pytest.mark.parametrize("platform", SNMP_PLATFORMS)
    def test_every_line_that_a_dialect_may_set_is_one_that_the_parser_knows(self, platform: str) -> None:
        spoken = snmp_dialect(platform)
        assert spoken.snmp is not None
        assert {name for name in spoken.capabilities if name not in spoken.settings} <= {"startup"}
        given = {
            **spoken.parameters, "port": "GigabitEthernet1/0/1", "mac": "02:ca:00:00:00:01", "vlan": 100, "old_vlan": 1,
            "value": 7, "row": 9,
        }  # fmt: skip
        lines = [*spoken.recover, *([spoken.save.command] if spoken.save else [])]
        for template in spoken.settings.values():
            if isinstance(template, Items):
                lines += [*template.add, *template.remove]
            else:
                lines += [*template.value, *template.clear]
                lines += [line for each in template.by_value.values() for line in each]
        for line in lines:
            assert parse_line(fill(line, given), spoken.snmp, where=platform), line

    def test_an_unknown_platform_is_an_error(self) -> None:
        with pytest.raises(UsageError, match="vax_vms"):
            dialect("vax_vms")

    @pytest.mark.parametrize("spoken", all_dialects(), ids=lambda each: each.platform)
    def test_a_dialect_says_where_it_was_seen_to_work(self, spoken: Dialect) -> None:
        assert spoken.tested_on
        for tested in spoken.tested_on:
            assert tested.how in ("recorded", "emulated", "documentation")
            assert date.fromisoformat(tested.date).year >= 2020
            assert tested.model
            assert tested.firmware
        assert spoken.rollback in ("device", "watchdog", "none")
        assert spoken.title

    @pytest.mark.parametrize("spoken", all_dialects(), ids=lambda each: each.platform)
    def test_a_dialect_is_data(self, spoken: Dialect) -> None:
        for path in (ROOT / "drivers/dialects" / spoken.platform).glob("*.py"):
            code = [
                node for node in ast.walk(tree(path)) if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Lambda)
            ]
            assert code == [], path
            # A vendor's second system may take over what it shares with the first.
            allowed = ("drivers.dialect", "policies.model", "dataclasses", "__future__")
            for node in ast.walk(tree(path)):
                if isinstance(node, ast.ImportFrom):
                    assert (node.module or "").startswith(allowed), f"{path}:{node.lineno}"

    @pytest.mark.parametrize("spoken", all_dialects(), ids=lambda each: each.platform)
    def test_every_pattern_of_a_dialect_is_a_regex(self, spoken: Dialect) -> None:
        patterns = [spoken.prompt, spoken.config_prompt, spoken.interface_prompt, spoken.pager, *spoken.failure]
        patterns += spoken.failure_config
        patterns += [*spoken.secrets, *spoken.volatile]
        patterns += [question for question, _ in (*spoken.greetings, *spoken.answers)]
        patterns += [spoken.commit.staged, spoken.commit.whole, spoken.commit.ours] if spoken.commit is not None else []
        for read in spoken.reads:
            patterns += [*read.rows, *read.ignore, read.start, read.stop, read.complete, read.total, read.wrapped]
            patterns += [part for pair in read.skip for part in pair]
        for pattern in patterns:
            re.compile(pattern)
        for pattern in spoken.secrets:
            assert re.compile(pattern).groups >= 1, pattern

    @pytest.mark.parametrize("spoken", all_dialects(), ids=lambda each: each.platform)
    def test_no_regex_of_a_read_refers_to_a_group_since_the_parser_makes_one_of_all(self, spoken: Dialect) -> None:
        for read in spoken.reads:
            for pattern in (
                *read.rows,
                *read.ignore,
                read.start,
                read.stop,
                read.total,
                *(one for one, _ in read.skip),
            ):
                assert re.search(r"\\[1-9]|\(\?(?:P=|\(|[aiLmsux]+\))", pattern) is None, pattern

    @pytest.mark.parametrize("spoken", all_dialects(), ids=lambda each: each.platform)
    def test_every_capability_is_given_by_a_read_that_is_observed(self, spoken: Dialect) -> None:
        given = {name for read in spoken.reads if read.observe for name in read.gives}
        assert spoken.capabilities <= given

    def test_a_vendors_files_are_data_of_at_most_150_lines(self) -> None:
        long = {
            path.relative_to(ROOT).as_posix(): lines
            for name in PLATFORMS
            for path in (ROOT / "drivers/dialects" / name).glob("*.py")
            if (lines := length(path)) > 150
        }
        assert long == {}
