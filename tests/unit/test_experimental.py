"""A switch whose dialect is experimental is read, and written to only where the site says so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from controller.network.admission import allow_writing, only_read
from controller.store.open import open_store
from controller.store.plans import PlanState, save_plan
from controller.store.plans import plan as find_plan
from drivers.dialect import Dialect
from drivers.dialects import all_dialects
from policies.errors import SafetyRefusal
from policies.load import load_site
from policies.model import ChangeSet, PortChange, PortConfig, SwitchChanges
from policies.site import Switch
from policies.texts import t
from tests.unit.cli_site import SITE, Cli, make_site

RUIJIE = """
[switches.rj1]
platform = "ruijie_os"
host = "192.0.2.3"
ports = ["GigabitEthernet 0/1"]
"""
GIG = "GigabitEthernet0/1"
CHANGES = SwitchChanges("rj1", "digest", (), (PortChange(GIG, PortConfig(), PortConfig(admin_up=False), t("x")),))


@pytest.fixture
def demo(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    return Cli(make_site(tmp_path / "demo", SITE + RUIJIE), capsys, monkeypatch)


@pytest.mark.parametrize("spoken", all_dialects(), ids=lambda each: each.platform)
def test_an_experimental_dialect_is_only_read_until_the_site_allows_more(spoken: Dialect) -> None:
    switch = Switch("sw", spoken.platform, "192.0.2.1")
    assert only_read(switch) is spoken.experimental
    assert not only_read(replace(switch, experimental_writes=True))
    allow_writing(replace(switch, experimental_writes=True))
    if spoken.experimental:
        with pytest.raises(SafetyRefusal, match=r"switches\.sw\.experimental_writes = true in site\.toml"):
            allow_writing(switch)


def test_an_apply_is_refused_with_the_key_that_allows_it_and_the_plan_can_be_used_later(demo: Cli) -> None:
    with open_store(demo.folder) as store:
        saved = save_plan(store, ChangeSet((CHANGES,)), "test")
    for lang, word in (("zh", "试验性"), ("en", "experimental")):
        ran = demo("apply", saved.id, "--yes", lang=lang)
        assert (ran.code, ran.err.count("\n")) == (4, 1), ran.err
        assert word in ran.err
        assert "switches.rj1.experimental_writes = true" in ran.err
    assert demo.kinds()[-2:] == ["apply.intent", "apply.failed"]
    with open_store(demo.folder) as store:
        kept = find_plan(store, saved.id)
    assert kept is not None
    assert kept.state is PlanState.SAVED


def test_the_key_is_read_and_is_a_flag(demo: Cli, tmp_path: Path) -> None:
    assert [switch.experimental_writes for switch in load_site(demo.folder).switches] == [False, False, False]
    other = make_site(tmp_path / "other", SITE + RUIJIE + "experimental_writes = true\n")
    assert [switch.experimental_writes for switch in load_site(other).switches] == [False, False, True]
