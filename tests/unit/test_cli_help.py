"""How wide help is laid out: as click lays it out, without what click imports for it."""

from __future__ import annotations

import os

import click
import pytest

from controller.cli.base import common_options
from controller.cli.main import cli


@pytest.mark.parametrize("said", ["", "0", "20", "60", "81", "200", "wide"])
@pytest.mark.parametrize("most", [None, 120])
def test_help_is_as_wide_as_clicks_own(said: str, most: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", said)
    ours = cli.context_class(cli, max_content_width=most).make_formatter()
    assert ours.width == click.Context(cli, max_content_width=most).make_formatter().width


def test_help_is_as_wide_as_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setattr(os, "get_terminal_size", lambda *_: os.terminal_size((66, 20)))
    assert cli.context_class(cli).make_formatter().width == 64


@pytest.mark.parametrize("columns", [60, 78])
def test_no_line_of_help_is_wider_than_that(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = cli.get_help(cli.context_class(cli, info_name="portseal")).splitlines()
    assert len(lines) > len(common_options())
    assert max(map(len, lines)) <= columns - 2
