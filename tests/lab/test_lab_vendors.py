"""The main job with one switch of each vendor: foreign, cloned and moved devices stop, and all can be taken back."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from lab.api import Lab

pytestmark = [pytest.mark.lab, pytest.mark.clause("7.1c")]


def proved(walk: str, folder: Path) -> dict[str, bool]:
    """Run a walk in a process of its own, and give what it proves."""
    done = subprocess.run(
        [sys.executable, "-m", f"tests.lab.{walk}", str(folder)],
        check=False,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    told: dict[str, bool] = json.loads(done.stdout)
    return told


def test_every_vendors_switch_is_sealed_and_given_back(lab_absent: Lab, tmp_path: Path) -> None:
    told = proved("vendors_walk", tmp_path / "site")
    assert len(told) > 90
    assert [sentence for sentence, held in told.items() if not held] == []


def test_a_killed_apply_leaves_no_vendors_switch_in_between(lab_absent: Lab, tmp_path: Path) -> None:
    told = proved("vendors_kill", tmp_path)
    assert len(told) > 70
    assert [sentence for sentence, held in told.items() if not held] == []


def test_every_vendors_violation_is_told_read_and_recorded(lab_absent: Lab) -> None:
    # Not in pytest's folders: a broker that root starts becomes another user, who cannot enter them.
    with tempfile.TemporaryDirectory(prefix="portseal-traps-") as folder:
        Path(folder).chmod(0o755)
        told = proved("vendors_traps", Path(folder) / "site")
    assert len(told) == 5 * 4 + 3
    assert [sentence for sentence, held in told.items() if not held] == []
