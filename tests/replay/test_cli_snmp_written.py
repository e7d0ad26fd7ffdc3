"""The main job on a switch that is written over SNMP: import, plan, apply, nothing left, check, and a killed apply."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from controller.cli.base import run
from controller.cli.main import cli
from controller.context import open_context
from controller.network.equipment import SwitchEquipment
from controller.network.recover import recover
from controller.network.safeguard import JobSafeguard
from controller.store.plans import latest_plan
from drivers.flow import State
from lab.switch.persona.running import running_persona
from policies.plan import snapshot_digest
from tests.replay.snmp_written import V2C, config, write_site
from tests.replay.test_revert_qbridge import CONFIG as STANDARD
from tests.revert import observe

LIST = """设备名称,类型,MAC地址,IP地址,位置,交换机,端口,VLAN
cam1,摄像机,02-ca-00-00-00-01,198.18.100.1,杆1,swx,{first},100
cam2,摄像机,02ca.0000.0002,198.18.100.2,杆2,swx,{second},100
"""


class Bench:
    """A site, and its verbs."""

    def __init__(self, site: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.site, self.capsys = site, capsys

    def __call__(self, *words: str) -> tuple[int, str, str]:
        self.capsys.readouterr()
        code = run(cli, ["--site", str(self.site), "--lang", "en", *words])
        told = self.capsys.readouterr()
        return code, told.out, told.err

    def json(self, *words: str) -> Any:
        return json.loads(self("--json", *words)[1])

    def listed(self, first: str, second: str) -> None:
        """Import two cameras."""
        (self.site / "list.csv").write_text(LIST.format(first=first, second=second), "utf-8")
        assert self("inventory", "import", str(self.site / "list.csv"), "--yes")[0] == 0


def test_a_catalyst_is_sealed_saved_and_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with running_persona(config(4)) as persona:
        bench = Bench(write_site(tmp_path / "site", persona.snmp_port, V2C, ports="Gi1/0/1-2"), capsys)
        bench.listed("Gi1/0/1", "Gi1/0/2")
        doctor = {each["check"]: each for each in bench.json("doctor")["checks"] if each["subject"] == "swx"}
        assert set(doctor) == {"snmp"}, "no account on its command line is needed"
        assert doctor["snmp"]["level"] == "ok"
        code, plan, notes = bench("plan")
        assert code == 0
        assert "cpsIfPortSecurityEnable[GigabitEthernet1/0/1] = true(1)" in plan
        assert "ccCopyEntryRowStatus[new] = createAndGo(4)" in plan
        assert "not saved" not in notes
        assert bench("apply", "--yes")[0] == 0
        assert persona.call(lambda switch: switch.unsaved()) is False
        assert bench.json("plan")["changes"] == 0
        findings = bench.json("check", "swx")["findings"]
        about = {each["text"]: each["verdict"] for each in findings if each["clause"] == "7.1c"}
        assert about["cisco_ios cannot do it here: IP source guard"] == "not_applicable"
        assert about["startup equals running"] == "pass"
        assert "fail" not in about.values()


def test_where_nothing_can_save_it_is_said_before_and_after(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with running_persona(config(**STANDARD)) as persona:
        path = write_site(tmp_path / "site", persona.snmp_port, V2C, platform="qbridge", ports="Gi0/1-2")
        bench = Bench(path, capsys)
        bench.listed("Gi0/1", "Gi0/2")
        assert "these changes are not saved" in bench("plan")[2]
        code, _, notes = bench("apply", "--yes")
        assert code == 0
        assert "these changes are not saved" in notes
        assert bench.json("plan")["changes"] == 0
        about = {each["text"]: each["verdict"] for each in bench.json("check", "swx")["findings"]}
        assert about["qbridge cannot do it here: port security"] == "fail"


def test_the_next_start_takes_back_what_a_dead_process_left_half_way(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_persona(config(4)) as persona:
        bench = Bench(write_site(tmp_path / "site", persona.snmp_port, V2C, ports="Gi1/0/1-2"), capsys)
        bench.listed("Gi1/0/1", "Gi1/0/2")
        assert bench("plan")[0] == 0
        with open_context(bench.site) as context:
            plan = latest_plan(context.store)
            assert plan is not None
            (changes,) = plan.changes.switches
            equipment = SwitchEquipment(context.site, context.site.switches[0], context.clock)
            before = observe(equipment)
            JobSafeguard(context, plan.id).journal(before, changes)
            with equipment.session() as session:
                equipment.observe(session)
                from drivers.render import commands

                session.configure(commands(session.dialect, changes, session.parameters)[:3])
            assert snapshot_digest(observe(equipment)) != snapshot_digest(before)
            monkeypatch.setattr("controller.store.jobs.Process.gone", lambda _: True)
            (ended,) = recover(context)
            assert (ended.state, ended.error) == (State.ROLLED_BACK, None)
            assert snapshot_digest(observe(equipment)) == snapshot_digest(before)
