"""A plan is refused while a binding names what the site does not declare: the device's port would look unused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.context import Context, open_context
from controller.network.planning import findings_for, plan_for
from policies.errors import ConfigError
from policies.model import Verdict
from tests.unit.cli_site import GIG, SITE, Cli, make_site, reading


@pytest.fixture
def demo(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    made = Cli(make_site(tmp_path / "demo"), capsys, monkeypatch)
    made.loaded()
    return made


@pytest.fixture
def site(demo: Cli) -> Iterator[Context]:
    """The site as it is imported: cam1 and cam2 on sw1."""
    with open_context(demo.folder) as context:
        yield context


def redeclared(demo: Cli, old: str, new: str) -> None:
    (demo.folder / "site.toml").write_text(SITE.replace(old, new), "utf-8")


def refusal(demo: Cli, *switches: str) -> str:
    with open_context(demo.folder) as context, pytest.raises(ConfigError) as refused:
        plan_for(context, [each for each in context.site.switches if each.name in switches], {})
    return str(refused.value)


def test_a_site_whose_bindings_are_all_declared_is_planned(site: Context) -> None:
    assert plan_for(site, site.site.switches, {"sw1": reading()}).count > 0


@pytest.mark.parametrize("planned", ["renamed", "ovs1"])
def test_a_binding_to_a_switch_that_was_renamed_holds_back_every_plan(demo: Cli, planned: str) -> None:
    redeclared(demo, "switches.sw1", "switches.renamed")
    said = refusal(demo, planned)
    assert f"cam1 is bound to sw1/{GIG}1" in said
    assert "portseal bind cam1 SWITCH PORT --move" in said


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("Gi1/0/1-8", "Gi1/0/2-8", "does not declare this port"),
        ('uplinks = ["Gi1/0/8"]', 'uplinks = ["Gi1/0/1", "Gi1/0/8"]', "declared uplink"),
    ],
)
def test_a_binding_to_a_port_that_cannot_be_bound_holds_back_its_switch_alone(
    demo: Cli, old: str, new: str, why: str
) -> None:
    redeclared(demo, old, new)
    assert why in refusal(demo, "sw1")
    with open_context(demo.folder) as context:
        plan_for(context, [each for each in context.site.switches if each.name == "ovs1"], {})


@pytest.mark.clause("7.1b")
@pytest.mark.clause("7.1c")
def test_the_verdict_names_each_device_that_is_bound_nowhere(site: Context) -> None:
    found = findings_for(site, site.site.switches, {"sw1": reading()})
    named = [(each.clause, each.verdict) for each in found if each.subject == "pc1"]
    assert named == [("7.1b", Verdict.FAIL), ("7.1c", Verdict.FAIL)]
