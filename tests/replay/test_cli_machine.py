"""A disk that is full or read-only, in a mount namespace of its own: one line, exit code 3, nothing half done."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.lab


@pytest.fixture(autouse=True)
def mounting() -> None:
    """Skip where nothing can be mounted."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("needs root and unshare (util-linux): run the lab tests as root")
    tried = subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False)
    if tried.returncode != 0:
        pytest.skip("this machine lets nobody make a mount namespace: run it outside the container")


def inside(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a shell script whose mounts vanish with it; $PORTSEAL is the program, $1 … the arguments."""
    program = shutil.which("portseal", path=str(Path(sys.executable).parent))
    assert program is not None, "the program is not installed: run 'make' first"
    return subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "PORTSEAL": program, "PORTSEAL_LANG": "en"},
    )


def test_init_on_a_disk_that_is_too_small_leaves_nothing(tmp_path: Path) -> None:
    ran = inside(
        'mount -t tmpfs -o size=64k tmpfs "$1" && "$PORTSEAL" init "$1/site"; code=$?; ls -A "$1"; exit $code', tmp_path
    )
    assert ran.returncode == 3, ran.stderr
    assert ran.stderr.startswith("portseal: ")
    assert ran.stderr.count("\n") == 1
    assert ran.stdout == ""


def test_a_disk_that_fills_up_refuses_an_import_and_keeps_the_inventory(tmp_path: Path) -> None:
    rows = "".join(f"cam{n},camera,02:00:00:00:{n // 256:02x}:{n % 256:02x}\n" for n in range(3000))
    (tmp_path / "many.csv").write_text(f"Name,Type,MAC\n{rows}", "ascii")
    (tmp_path / "one.csv").write_text("Name,Type,MAC\nfirst,camera,020000000001\n", "ascii")
    (tmp_path / "disk").mkdir()
    ran = inside(
        """
        mount -t tmpfs -o size=2m tmpfs "$1/disk" || exit 99
        "$PORTSEAL" init "$1/disk/site" >/dev/null || exit 98
        "$PORTSEAL" --site "$1/disk/site" inventory import "$1/one.csv" >/dev/null || exit 97
        head -c 100m /dev/zero > "$1/disk/filler" 2>/dev/null
        "$PORTSEAL" --site "$1/disk/site" inventory import "$1/many.csv" --yes >/dev/null
        code=$?
        rm "$1/disk/filler"
        "$PORTSEAL" --site "$1/disk/site" inventory list --json
        "$PORTSEAL" --site "$1/disk/site" audit verify >/dev/null || exit 96
        exit $code
        """,
        tmp_path,
    )
    assert ran.returncode == 3, (ran.returncode, ran.stderr)
    assert "Traceback" not in ran.stderr
    assert '"name": "first"' in ran.stdout
    assert "cam0" not in ran.stdout


def test_a_site_on_a_read_only_disk_is_one_line(tmp_path: Path) -> None:
    ran = inside(
        """
        "$PORTSEAL" init "$1/site" >/dev/null || exit 98
        mount --bind "$1/site" "$1/site" && mount -o remount,bind,ro "$1/site" || exit 99
        printf secret | "$PORTSEAL" --site "$1/site" secret set x
        """,
        tmp_path,
    )
    assert ran.returncode == 3, (ran.returncode, ran.stderr)
    assert ran.stderr.count("\n") == 1
    assert ran.stderr.startswith("portseal: ")


def test_an_export_into_a_read_only_folder_is_one_line(tmp_path: Path) -> None:
    ran = inside(
        """
        "$PORTSEAL" init "$1/site" >/dev/null || exit 98
        mkdir "$1/out" && mount --bind "$1/out" "$1/out" && mount -o remount,bind,ro "$1/out" || exit 99
        "$PORTSEAL" --site "$1/site" inventory export "$1/out/x.csv"
        """,
        tmp_path,
    )
    assert ran.returncode == 3, (ran.returncode, ran.stderr)
    assert ran.stderr.count("\n") == 1
