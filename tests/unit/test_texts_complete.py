"""The Chinese catalogue: whole, with the same {names}, in the field's own words, and readable on a terminal."""

from __future__ import annotations

import ast
import gettext
import importlib.util
import io
import re
import string
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

import click
import pytest
from babel.messages.mofile import write_mo

from policies.texts import Text, render

ROOT = Path(__file__).resolve().parents[2]
CHINESE = re.compile(r"[\u4e00-\u9fff]")
#: Texts that are the same in both languages: commands, abbreviations, signs.
SAME = frozenset(
    {
        "VLAN {vlan}",
        "  + VLAN {vlan} ({name})",
        "  - VLAN {vlan}",
        "  LLDP: {system} {port}",
        "  portseal --site {folder} doctor",
        "  portseal --site {folder} inventory import FILE",
        "  portseal --site {folder} secret set NAME",
        "IP",
        "MAC",
        "VLAN",
        "apt-get install {packages}",
        "{name} ({address}, {speed} Mbit/s): {does}",
    }
)
#: The field's words. Where the English one stands, the Chinese one does too, or the English itself as part of a
#: command, a key or a file name.
TERMS = {
    r"blackhole": "黑洞",
    r"bound|bind|bindings?": "绑定",
    r"cameras?": "摄像机",
    r"checkpoints?": "检查点",
    r"clauses?": "条",
    r"community": "团体字",
    r"controller": "控制器",
    r"dialects?": "方言",
    r"excepted|exception": "例外",
    r"grants?": "授权",
    r"inventory": "设备清单",
    r"journal": "作业日志",
    r"lab": "实验环境",
    r"leases?": "写锁|授权期",  # a writer's on a switch, and a grant in use on a terminal
    r"ledger": "账本",
    r"plans?": "计划",
    r"port security": "端口安全",
    r"quarantine": "隔离",
    r"reader": "读卡器",
    r"recorder": "录像机",
    r"rollback|rolled back": "回滚",
    r"snapshot": "快照",
    r"source guard": "IP 源防护",
    r"startup": "启动配置",
    r"sticky": "粘滞",
    r"switch(?:es)?": "交换机",
    r"terminals?": "终端",
    r"uplinks?": "上联口",
    r"verdict": "结论",
    r"violations?": "违规",
    r"waivers?": "豁免",
    r"watchdog": "看门狗",
}


@cache
def script() -> ModuleType:
    """Import scripts/texts.py, which is in no package."""
    spec = importlib.util.spec_from_file_location("portseal_texts_script", ROOT / "scripts/texts.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def translations() -> dict[str | tuple[str, ...], str]:
    """Give the Chinese of every English text; click's plural forms are a tuple."""
    found: dict[str | tuple[str, ...], str] = script().translations(script().load())
    return found


def pairs() -> Iterator[tuple[str, str]]:
    """Give each English form beside its Chinese."""
    for english, chinese in translations().items():
        for form in (english,) if isinstance(english, str) else english:
            yield form, chinese


def test_no_text_of_the_code_is_missing_unused_or_has_other_names() -> None:
    found = script().problems(script().wanted(), script().load())
    assert not found, "run 'python scripts/texts.py update', then translate what is empty"


def test_the_script_sees_what_is_missing_unused_and_has_other_names() -> None:
    catalogue = script().load()
    catalogue.add("nobody says this", "没有人说")
    catalogue["{count} MB free"].string = "可用空间 {size} MB"
    found = script().problems({**script().wanted(), "one text more": []}, catalogue)
    assert found == ["missing: 'one text more'", "unused: 'nobody says this'", "other names: '{count} MB free'"]


def test_click_asks_for_no_word_that_the_list_lacks() -> None:
    asked: set[str | tuple[str, ...]] = {"required"}  # asked for by a variable
    for path in Path(click.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("_", "ngettext"):
                words = [each.value for each in node.args if isinstance(each, ast.Constant)]
                texts = [each for each in words if isinstance(each, str)]
                if texts:
                    asked.add(texts[0] if len(texts) == 1 else tuple(texts))
    assert set(script().click_texts()) == asked


def test_every_text_has_chinese_words_unless_it_is_only_names_and_signs() -> None:
    strange = [
        english
        for english, chinese in pairs()
        if not CHINESE.search(chinese) and english not in SAME and re.search(r"[A-Za-z]", without_names(english))
    ]
    assert not strange


def test_every_text_that_is_the_same_in_both_languages_is_still_used() -> None:
    assert frozenset(translations()) >= SAME


def test_chinese_sentences_have_chinese_punctuation() -> None:
    wrong = [
        chinese
        for english, chinese in pairs()
        if english != "Usage:"  # click puts the half-width colon behind its other headings
        and re.search(r"[\u4e00-\u9fff”][,;:!?.(]|\)[\u4e00-\u9fff]|[。，；：]{2}|[。，；：] ", chinese)
    ]
    assert not wrong


def test_lines_are_indented_as_in_english() -> None:
    wrong = [chinese for english, chinese in pairs() if indent(english) != indent(chinese)]
    assert not wrong


def test_commands_and_options_are_kept() -> None:
    wrong = []
    for english, chinese in pairs():
        commands = re.findall(r"(?<![\w-])--[a-z][a-z-]+|portseal(?:-agent)? [a-z]+(?: [a-z]+)?(?=')", english)
        wrong += [(english, command) for command in commands if command not in chinese]
    assert not wrong


@pytest.mark.parametrize("term", TERMS)
def test_the_fields_words_are_used(term: str) -> None:
    wrong = [
        (english, chinese)
        for english, chinese in pairs()
        if re.search(rf"\b(?:{term})\b", without_names(english))
        and not re.search(TERMS[term], chinese)
        and not re.search(rf"\b(?:{term})\b", without_names(chinese), re.ASCII)
    ]
    assert not wrong


def test_every_text_can_be_shown_in_chinese() -> None:
    """Fill every text as render() and click do, from the catalogue as it is in the source."""
    compiled = io.BytesIO()
    write_mo(compiled, script().load())
    compiled.seek(0)
    catalogue = gettext.GNUTranslations(compiled)
    for english, chinese in translations().items():
        if isinstance(english, str):
            assert catalogue.gettext(english) == chinese
        else:
            assert {catalogue.ngettext(english[0], english[1], number) for number in (1, 2, 5)} == {chinese}
        fields = [field for _, field, _, _ in string.Formatter().parse(chinese) if field is not None]
        assert "" not in fields, english
        shown = chinese.format(**dict.fromkeys(fields, 7))
        assert shown.count("7") >= len(fields), english


def test_the_compiled_catalogue_is_that_of_the_source() -> None:
    stale = [
        english
        for english, chinese in translations().items()
        if isinstance(english, str) and render(Text(english), "zh") != chinese
    ]
    assert not stale, "run 'python scripts/texts.py compile'"


@pytest.mark.parametrize("program", ["portseal", "portseal-agent"])
def test_no_help_of_any_verb_has_an_english_sentence(program: str) -> None:
    """In a process of its own: click keeps help texts, and the text domain is the process's."""
    module = {"portseal": "controller.cli.main", "portseal-agent": "agent.cli.main"}[program]
    run = [sys.executable, "-c", _WALK, program, module]
    done = subprocess.run(run, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    pages = done.stdout.split("\f")[:-1]
    assert len(pages) > {"portseal": 30, "portseal-agent": 1}[program]
    for page in pages:
        assert page.startswith("用法: ")
        assert "选项:" in page
        plain = re.sub(r"portseal(?:-agent)?(?: [a-z]+)*|\[[^\]]*\]", "", page)
        assert not re.search(r"\b[A-Za-z]?[a-z]+[,;:]? [a-z]+ [a-z]+\b", plain), page


#: Walk the tree of commands and print the help of each, a form feed behind it.
_WALK = """
import importlib, sys
from pathlib import Path
import click
program, module = sys.argv[1:]
made = importlib.import_module(module)
if program == "portseal":
    from controller.cli.base import Settings, speak
    speak("zh")
    top, given = made.cli, Settings(".", json=False, language="zh")
else:
    made._speak("zh")
    from agent.cli.base import Spot
    top, given = made.make(Spot("zh")), None

def walk(command, name, above):
    # Resilient parsing asks for no arguments; but with it Main imports no verb, so only the parsing has it.
    with command.make_context(name, [], parent=above, obj=given, resilient_parsing=True) as here:
        here.resilient_parsing = False
        print(command.get_help(here), end="\\f")
        for verb in command.list_commands(here) if isinstance(command, click.Group) else ():
            walk(command.get_command(here, verb), verb, here)

walk(top, program, None)
"""


def without_names(text: str) -> str:
    """Take the {names} out of a text."""
    return re.sub(r"\{[^{}]*\}|%\(\w+\)s", " ", text)


def indent(text: str) -> int:
    """Count the blanks before a text."""
    return len(text) - len(text.lstrip(" "))
