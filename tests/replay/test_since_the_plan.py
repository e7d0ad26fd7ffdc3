"""What changes between plan and apply, or between a kill and its recovery: what may not be touched any more is not."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.cli.base import run
from controller.cli.main import cli
from controller.context import open_context
from controller.network.equipment import SwitchEquipment
from controller.network.recover import recover
from controller.store.jobs import JobState, jobs, unfinished
from drivers.flow import State
from policies.model import ObservedSwitch
from policies.plan import snapshot_digest
from tests.kill_walk import KILLER, apply, read, wait_for_watchdogs, watchdogs
from tests.replay.switch_on_loopback import LoopbackSwitch, loopback_switch, write_site

PORT = "GigabitEthernet1/0/"


@pytest.fixture
def switch(tmp_path: Path) -> Iterator[LoopbackSwitch]:
    with loopback_switch(tmp_path / "switch", 5) as started:
        yield started


@pytest.fixture
def site(tmp_path: Path, switch: LoopbackSwitch) -> Path:
    folder = write_site(tmp_path / "site", switch)
    assert portseal(folder, "inventory", "import", str(folder / "inventory.csv"), "--yes") == 0
    assert portseal(folder, "plan") == 0
    return folder


def portseal(site: Path, *arguments: str) -> int:
    return run(cli, ["--site", str(site), "--lang", "en", *arguments])


def edit(site: Path, old: str, new: str) -> None:
    path = site / "site.toml"
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def by_hand(site: Path, *lines: str) -> None:
    """Somebody else configures the switch and saves."""
    with open_context(site) as context:
        equipment = SwitchEquipment(context.site, context.site.switches[0], context.clock)
        with equipment.terminal() as session:
            for line in ("configure terminal", *lines, "end", "write memory"):
                session.channel.write(line + "\n")
            session.read("show clock")


EDITS = {
    "an uplink is declared": (
        'uplinks = [{ port = "Gi1/0/5"',
        'uplinks = [{ port = "Gi1/0/3" }, { port = "Gi1/0/5"',
    ),
    "a management port is declared": ("timeout_s = 10", 'timeout_s = 10\nmanagement_ports = ["Gi1/0/2"]'),
    "a port is taken out": ('ports = ["Gi1/0/1-5"]', 'ports = ["Gi1/0/1", "Gi1/0/4-5"]'),
}


@pytest.mark.parametrize("change", EDITS)
def test_a_plan_made_before_site_toml_changed_is_refused(
    site: Path, change: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = snapshot_digest(read(site))
    edit(site, *EDITS[change])
    assert portseal(site, "apply", "--yes") == 4
    assert "changed since the plan was made" in capsys.readouterr().err
    assert snapshot_digest(read(site)) == before


def test_a_plan_made_before_a_device_moved_is_refused_and_can_be_used_when_it_is_back(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = snapshot_digest(read(site))
    assert portseal(site, "bind", "cam2", "swx", "Gi1/0/3", "--move") == 0
    assert portseal(site, "apply", "--yes") == 4
    assert snapshot_digest(read(site)) == before
    assert portseal(site, "bind", "cam2", "swx", "Gi1/0/2", "--move") == 0
    assert portseal(site, "apply", "--yes") == 0


def test_a_plan_made_before_our_own_way_moved_is_refused(
    site: Path, switch: LoopbackSwitch, capsys: pytest.CaptureFixture[str]
) -> None:
    own = next(
        text
        for path in Path("/sys/class/net").glob("*/address")
        if (text := path.read_text("ascii").strip()) not in ("", "00:00:00:00:00:00")
    )
    switch.control(inject={"port": "p3", "mac": own, "vlan": 100})
    assert portseal(site, "apply", "--yes") == 4
    assert "changed since the plan was made" in capsys.readouterr().err


#: An event of the flow at which the first port is bound and the last is not shut yet.
HALF_WAY = 30


def killed_half_way(site: Path) -> ObservedSwitch:
    """Kill an apply and its watchdog between two ports; give the switch as it was before."""
    before = read(site)
    assert apply(site, HALF_WAY).returncode == -signal.SIGKILL
    for pid in watchdogs(site):
        os.kill(pid, signal.SIGKILL)
    wait_for_watchdogs(site)
    now = read(site)
    assert now.ports[PORT + "1"].config != before.ports[PORT + "1"].config
    assert now.ports[PORT + "3"].config == before.ports[PORT + "3"].config
    return before


def taken_up(site: Path) -> tuple[State, str]:
    with open_context(site) as context:
        (result,) = recover(context)
        return result.state, "" if result.error is None else result.error.line("en")


def ended(site: Path) -> JobState:
    with open_context(site) as context:
        assert unfinished(context.store) == ()
        return jobs(context.store)[0].state


def test_a_recovery_leaves_what_somebody_changed_since(site: Path) -> None:
    killed_half_way(site)
    by_hand(site, "vlan 200", f"interface {PORT}1", "switchport access vlan 200")
    now = snapshot_digest(read(site))
    state, said = taken_up(site)
    assert state is State.UNKNOWN
    assert "somebody else has changed" in said
    assert snapshot_digest(read(site)) == now
    assert ended(site) is JobState.UNKNOWN
    assert portseal(site, "plan") == 0, "the next plan starts from what is there"
    assert portseal(site, "apply", "--yes") == 0


def test_a_recovery_does_not_touch_what_is_protected_by_now(site: Path) -> None:
    killed_half_way(site)
    edit(site, 'uplinks = [{ port = "Gi1/0/5"', 'uplinks = [{ port = "Gi1/0/1" }, { port = "Gi1/0/5"')
    now = snapshot_digest(read(site))
    state, said = taken_up(site)
    assert state is State.UNKNOWN
    assert "declared uplink" in said
    assert snapshot_digest(read(site)) == now


def test_a_recovery_keeps_a_vlan_that_somebody_uses_by_now(site: Path) -> None:
    before = killed_half_way(site)
    by_hand(site, f"interface {PORT}5", "switchport trunk native vlan 999")
    state, _ = taken_up(site)
    assert state is State.ROLLED_BACK
    now = read(site)
    assert 999 in (now.vlans or {})
    assert now.ports[PORT + "1"].config == before.ports[PORT + "1"].config


@pytest.mark.parametrize("verb", ["discover", "check"])
def test_a_verb_that_reads_says_that_an_apply_is_open_and_leaves_the_switch_alone(
    site: Path, verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    killed_half_way(site)
    now = snapshot_digest(read(site))
    capsys.readouterr()
    portseal(site, verb)
    assert "portseal doctor" in capsys.readouterr().err
    assert snapshot_digest(read(site)) == now


def test_a_second_apply_waits_until_the_first_is_taken_up(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = killed_half_way(site)
    assert portseal(site, "plan") == 0, "planning takes the open apply up first"
    assert ended(site) is JobState.ROLLED_BACK
    assert snapshot_digest(read(site)) == snapshot_digest(before)
    assert portseal(site, "apply", "--yes") == 0


def test_the_watchdog_works_from_inside_the_site_folder_and_with_a_broken_site_toml(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = read(site)
    monkeypatch.chdir(site)
    monkeypatch.setenv("PYTHONPATH", str(KILLER.parents[1]))
    assert apply(Path(), HALF_WAY).returncode == -signal.SIGKILL
    # The pipe is closed, and the watchdog at work or about to be: what happens to the file now is too late to hurt.
    text = (site / "site.toml").read_text("utf-8")
    (site / "site.toml").write_text("[site\n", "utf-8")
    wait_for_watchdogs(site)
    (site / "site.toml").write_text(text, "utf-8")
    assert snapshot_digest(read(site)) == snapshot_digest(before)
    assert ended(site) is JobState.ROLLED_BACK
