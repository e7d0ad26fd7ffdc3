"""Bad days of an apply: one clear line, the right exit code, the switch as it was, and the ledger says so."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from controller.cli.base import run
from controller.cli.main import cli
from controller.context import open_context
from controller.ledger.query import entries
from controller.network.apply import LEASE
from controller.network.equipment import SwitchEquipment
from controller.store.leases import hold
from controller.store.plans import latest_plan
from policies.model import ObservedSwitch
from policies.plan import snapshot_digest
from tests.replay.switch_on_loopback import LoopbackSwitch, loopback_switch, write_site


@dataclass
class Bench:
    """One switch with a saved plan for it, and the switch as it was then."""

    switch: LoopbackSwitch
    site: Path
    before: ObservedSwitch

    def portseal(self, *arguments: str) -> int:
        return run(cli, ["--site", str(self.site), "--lang", "en", *arguments])

    def read(self) -> ObservedSwitch:
        with open_context(self.site) as context:
            equipment = SwitchEquipment(context.site, context.site.switches[0], context.clock)
            with equipment.terminal() as session:
                return equipment.observe(session)

    def kinds(self) -> list[str]:
        with open_context(self.site) as context:
            return [entry.kind for entry in entries(context.store)]

    def as_before(self) -> bool:
        now = self.read()
        return snapshot_digest(now) == snapshot_digest(self.before) and now.startup_differs == ()

    def edit(self, old: str, new: str) -> None:
        path = self.site / "site.toml"
        text = path.read_text("utf-8")
        assert re.search(old, text)
        path.write_text(re.sub(old, new, text), "utf-8")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with loopback_switch(tmp_path / "switch") as switch:
        site = write_site(tmp_path / "site", switch)
        made = Bench(switch, site, ObservedSwitch("", "", read_at=None))  # type: ignore[arg-type]
        assert made.portseal("inventory", "import", str(site / "inventory.csv"), "--yes") == 0
        assert made.portseal("plan") == 0
        made.before = made.read()
        yield made


def one_line(text: str, *words: str) -> None:
    """The complaint is one line that has `words` and no traceback."""
    lines = [line for line in text.splitlines() if all(word in line for word in words)]
    assert lines, text
    assert "Traceback" not in text
    assert "Next:" in lines[0]


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        ((r'host = "127.0.0.1"', 'host = "no-such-switch.invalid"'), "host name is not known"),
        ((r"port = \d+", "port = 1"), "refused"),
    ],
    ids=["unknown host", "closed port"],
)
@pytest.mark.parametrize("verb", ["discover", "plan", "check"])
def test_a_switch_that_is_not_there(
    bench: Bench, edit: tuple[str, str], words: str, verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    bench.edit(*edit)
    assert bench.portseal(verb) == 3
    one_line(capsys.readouterr().err, "swx", words)


def test_a_wrong_password_is_said_and_never_shown(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    (bench.site / "switch.password").write_text("not-the-password")
    assert bench.portseal("apply", "--yes") == 3
    said = capsys.readouterr()
    one_line(said.err, "swx", "refused")
    assert "not-the-password" not in said.err + said.out


def test_a_wrong_enable_password(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    (bench.site / "switch.enable").write_text("not-the-password")
    assert bench.portseal("apply", "--yes") == 3
    one_line(capsys.readouterr().err, "swx", "enable password")


@dataclass(frozen=True)
class Fault:
    name: str
    order: dict[str, object]
    words: str


ROLLED_BACK = [
    Fault("a command is rejected half-way", {"kind": "reject", "match": "port-security$", "nth": 2}, "rejected"),
    Fault("the VLAN is rejected", {"kind": "reject", "match": "^vlan 999"}, "rejected"),
    Fault("the session is dropped half-way", {"kind": "drop", "match": "violation", "nth": 2}, "connection was closed"),
    Fault("it stops answering half-way", {"kind": "hang", "match": "violation", "nth": 2}, "no"),
    Fault("a command is taken and not done", {"kind": "ignore", "match": "mac-address 02ca"}, "not as planned"),
    Fault("the startup cannot be written", {"kind": "busy-nvram"}, "startup-config"),
    Fault("it says saved and did not", {"kind": "lost-save"}, "still differs"),
]


@pytest.mark.parametrize("fault", ROLLED_BACK, ids=lambda fault: fault.name)
@pytest.mark.clause("7.1c")
def test_the_switch_is_as_it_was(bench: Bench, fault: Fault, capsys: pytest.CaptureFixture[str]) -> None:
    bench.edit("timeout_s = 10", "timeout_s = 4")
    bench.switch.control(fault=fault.order)
    capsys.readouterr()
    assert bench.portseal("apply", "--yes") == 3
    said = capsys.readouterr()
    assert "rolled back" in said.out
    one_line(said.err, fault.words)
    bench.switch.control(clear=True)
    assert bench.as_before()
    assert bench.kinds()[-2:] == ["apply.intent", "apply.failed"]
    assert bench.portseal("plan") == 0
    assert bench.portseal("apply", "--yes") == 0


def test_log_lines_and_a_slow_switch_disturb_nothing(bench: Bench) -> None:
    bench.switch.control(fault={"kind": "log", "times": 0, "text": "%LINK-3-UPDOWN: Interface Gi1/0/3, changed"})
    bench.switch.control(fault={"kind": "latency", "times": 0, "ms": 20})
    assert bench.portseal("apply", "--yes") == 0
    assert bench.portseal("check") == 0


def test_garbage_in_an_answer_is_one_typed_error(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    bench.switch.control(fault={"kind": "garbage", "match": "show port-security", "times": 0})
    assert bench.portseal("check") == 3
    one_line(capsys.readouterr().err, "swx", "not understood")


def test_a_stale_plan_is_refused(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    change(bench, "interface Gi1/0/3", "description somebody was here")
    here = bench.read()
    assert bench.portseal("apply", "--yes") == 4
    one_line(capsys.readouterr().err, "swx", "changed since the plan")
    assert snapshot_digest(bench.read()) == snapshot_digest(here)


def test_a_plan_is_used_once(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    with open_context(bench.site) as context:
        plan = latest_plan(context.store)
    assert plan is not None
    assert bench.portseal("apply", plan.id, "--yes") == 0
    assert bench.portseal("apply", plan.id, "--yes") == 4
    one_line(capsys.readouterr().err, plan.id, "used before")


def test_nobody_agreed_so_nothing_was_done(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.portseal("apply") == 4
    one_line(capsys.readouterr().err, "--yes")
    assert bench.as_before()


def test_two_applies_at_once_one_is_refused(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    with open_context(bench.site) as context, hold(context.store, "swx", "somebody", LEASE):
        assert bench.portseal("apply", "--yes") == 4
    one_line(capsys.readouterr().err, "swx", "somebody")
    assert bench.as_before()


def test_two_real_applies_race_and_exactly_one_wins(bench: Bench) -> None:
    program = Path(sys.executable).with_name("portseal")
    codes: list[int] = []

    def apply() -> None:
        command = [str(program), "--site", str(bench.site), "apply", "--yes"]
        codes.append(subprocess.run(command, capture_output=True, check=False).returncode)

    racers = [threading.Thread(target=apply) for _ in range(2)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert sorted(codes) == [0, 4]
    assert bench.portseal("check") == 0


def test_a_port_that_the_switch_does_not_have(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    bench.edit(r"Gi1/0/1-4", "Gi1/0/1-5")
    capsys.readouterr()
    assert bench.portseal("--json", "plan") == 0
    refusals = json.loads(capsys.readouterr().out)["refusals"]
    assert any("no such port" in refusal["reason"] for refusal in refusals)


def change(bench: Bench, *lines: str) -> None:
    """Somebody else configures the switch and saves, as a person would."""
    with open_context(bench.site) as context:
        equipment = SwitchEquipment(context.site, context.site.switches[0], context.clock)
        with equipment.terminal() as session:
            for line in ("configure terminal", *lines, "end", "write memory"):
                session.channel.write(line + "\n")
            session.read("show clock")
