"""The built wheel, installed without development tools: what a user gets, extra by extra."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.replay.agent_process import Place, running

ROOT = Path(__file__).resolve().parents[2]
UV = Path(sys.executable).with_name("uv")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    kept = ("policies", "drivers", "controller", "agent", "lab", "packaging")
    source.mkdir()
    for name in kept:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__", "*.mo"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def installed(wheel: Path, folder: Path, extra: str) -> Path:
    """Install the wheel with one extra, from what this machine has fetched before or the package index."""
    python = folder / "bin" / "python"
    subprocess.run([str(UV), "venv", "--quiet", "--python", sys.executable, str(folder)], check=True)
    wanted = f"{wheel}[{extra}]" if extra else str(wheel)
    install = [str(UV), "pip", "install", "--quiet", "--python", str(python), wanted]
    if subprocess.run([*install, "--offline"], check=False, capture_output=True).returncode:
        subprocess.run(install, check=True)
    return folder / "bin"


def run(program: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(program), *arguments], capture_output=True, text=True, check=False, cwd="/")


def test_the_wheel_has_the_chinese_catalogue_and_no_tests(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert "policies/texts/zh/LC_MESSAGES/portseal.mo" in names
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {
        "policies",
        "drivers",
        "controller",
        "agent",
        "lab",
    }


def test_the_controller_extra_is_enough_for_a_site(wheel: Path, tmp_path: Path) -> None:
    programs = installed(wheel, tmp_path / "venv", "controller")
    site = str(tmp_path / "site")
    assert "站点" in run(programs / "portseal", "--lang", "zh", "--help").stdout
    assert run(programs / "portseal", "init", site).returncode == 0
    assert run(programs / "portseal", "--site", site, "audit", "verify").returncode == 0
    refused = run(programs / "portseal", "--site", site, "--lang", "en", "lab", "up")
    assert refused.returncode == 2
    assert "Traceback" not in refused.stderr


def test_the_agent_extra_is_enough_for_the_agent_and_brings_no_controller_library(wheel: Path, tmp_path: Path) -> None:
    programs = installed(wheel, tmp_path / "venv", "agent")
    assert run(programs / "portseal-agent", "--version").returncode == 0
    absent = "import importlib.util as u; print([n for n in ('netmiko', 'pysnmp', 'scapy') if u.find_spec(n)])"
    assert run(programs / "python", "-c", absent).stdout.strip() == "[]"
    place = Place(tmp_path / "terminal")
    with running(place, programs / "python"):
        environment = {"PORTSEAL_AGENT_CONFIG": str(place.etc)}
        told = subprocess.run(
            [str(programs / "portseal-agent"), "status", "--json"],
            capture_output=True, text=True, check=True, cwd="/", env=environment,
        )  # fmt: skip
        assert json.loads(told.stdout)["state"] == "shut"
        assert place.default() == "0"
