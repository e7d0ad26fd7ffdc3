"""A disk that is full before or during an apply: the switch is old or new, the line says it, the next start knows."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.cli.base import run
from controller.cli.main import cli
from controller.context import open_context
from controller.network.equipment import SwitchEquipment
from controller.network.recover import recover
from controller.store.jobs import unfinished
from lab.up import require_root
from policies.errors import UsageError
from policies.plan import snapshot_digest
from tests.replay.switch_on_loopback import LoopbackSwitch, loopback_switch, write_site

pytestmark = pytest.mark.lab


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    try:
        require_root()
    except UsageError as error:
        pytest.skip(error.line("en"))
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "portseal-test", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def switch(tmp_path: Path) -> Iterator[LoopbackSwitch]:
    with loopback_switch(tmp_path / "switch") as started:
        yield started


def digest(site: Path) -> str:
    with open_context(site) as context:
        equipment = SwitchEquipment(context.site, context.site.switches[0], context.clock)
        with equipment.session() as session:
            return snapshot_digest(equipment.observe(session))


def fill(folder: Path, leaving: int) -> Path:
    """Fill the disk up to `leaving` bytes."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 4096)
        except OSError:
            file.truncate(max(0, file.tell() - leaving))
    return ballast


@pytest.mark.parametrize("leaving", [0, 8192, 16384, 24576, 32768, 40960, 49152, 57344, 65536, 81920, 98304, 131072])
def test_a_full_disk_leaves_the_switch_old_or_new_and_known(
    small_disk: Path, switch: LoopbackSwitch, leaving: int, capsys: pytest.CaptureFixture[str]
) -> None:
    site = write_site(small_disk / "site", switch)
    assert run(cli, ["--site", str(site), "inventory", "import", str(site / "inventory.csv"), "--yes"]) == 0
    assert run(cli, ["--site", str(site), "plan"]) == 0
    old = digest(site)
    ballast = fill(small_disk, leaving)
    capsys.readouterr()
    code = run(cli, ["--site", str(site), "--lang", "en", "apply", "--yes"])
    said = capsys.readouterr().err
    ballast.unlink()
    if code == 0:
        assert digest(site) != old
        return
    assert code == 3, said
    assert "full" in said
    assert "Traceback" not in said
    with open_context(site) as context:
        recover(context)
        assert unfinished(context.store) == ()
    assert digest(site) == old
    assert run(cli, ["--site", str(site), "plan"]) == 0
    assert run(cli, ["--site", str(site), "apply", "--yes"]) == 0


def test_the_first_and_the_last_case_are_a_failure_and_a_success(small_disk: Path, switch: LoopbackSwitch) -> None:
    """Keep the cases above honest: no room at all must fail, and an empty disk must not."""
    site = write_site(small_disk / "site", switch)
    assert run(cli, ["--site", str(site), "inventory", "import", str(site / "inventory.csv"), "--yes"]) == 0
    assert run(cli, ["--site", str(site), "plan"]) == 0
    ballast = fill(small_disk, 0)
    assert run(cli, ["--site", str(site), "apply", "--yes"]) == 3
    ballast.unlink()
    assert run(cli, ["--site", str(site), "apply", "--yes"]) == 0
