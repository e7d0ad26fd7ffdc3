"""The main job with one switch of each vendor: foreign, cloned and moved devices stop, and all can be taken back."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from lab.api import Lab

pytestmark = [pytest.mark.lab, pytest.mark.clause("7.1c")]


def test_every_vendors_switch_is_sealed_and_given_back(lab_absent: Lab, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.lab.vendors_walk", str(tmp_path / "site")],
        check=False,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    proved = json.loads(done.stdout)
    assert len(proved) > 50
    assert [sentence for sentence, held in proved.items() if not held] == []
