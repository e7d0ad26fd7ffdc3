"""The units as systemd itself rates them, and directives that must not vanish."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from agent import units
from agent.install.plan import Facts, File, plan_install

FOLDER = Path(units.__file__).parent
SERVICES = sorted(each.name for each in FOLDER.glob("*.service"))
#: What gives a unit a mount namespace of its own: an unmount made in it does not reach the host. systemd.exec(5).
NAMESPACED = re.compile(
    r"^(ProtectSystem|ProtectHome|PrivateTmp|PrivateDevices|ProtectKernel\w+|ProtectControlGroups|ProtectProc|ProcSubset|"
    r"ProtectHostname|ReadWritePaths|ReadOnlyPaths|InaccessiblePaths|BindPaths|BindReadOnlyPaths|TemporaryFileSystem|"
    r"PrivateIPC|RootDirectory|DynamicUser|MountFlags|LogNamespace|StateDirectory|RuntimeDirectory|PrivateUsers)=",
    re.MULTILINE,
)


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("units")
    plan = plan_install(Path("/image"), Facts(is_root=True, python="/usr/bin/python3", headless=True))
    for step in plan.steps:
        if isinstance(step, File) and step.path.startswith("/etc/systemd/system/"):
            (folder / Path(step.path).name).write_bytes(step.content)
    return folder


def test_every_unit_is_installed_and_no_placeholder_is_left(rendered: Path) -> None:
    shipped = {each.name for each in FOLDER.iterdir() if each.suffix in (".service", ".socket", ".timer")}
    assert {each.name for each in rendered.iterdir()} == shipped
    for each in rendered.iterdir():
        assert not re.search(r"@[A-Z]+@", each.read_text())


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("systemd-analyze")
    assert program, "systemd-analyze is missing. Next: make test as root installs it (package systemd)"
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("name", SERVICES)
def test_systemd_rates_every_service_3_or_better(name: str, rendered: Path) -> None:
    done = analyze("security", "--offline=true", "--no-pager", "--threshold=30", str(rendered / name))
    rating = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert rating, done.stderr
    assert float(rating[1]) <= 3.0
    assert done.returncode == 0


def test_the_rating_falls_when_the_hardening_vanishes(rendered: Path, tmp_path: Path) -> None:
    kept = [line for line in (rendered / SERVICES[0]).read_text().splitlines() if not re.match("Protect|System", line)]
    (tmp_path / "soft.service").write_text("\n".join(kept))
    assert analyze("security", "--offline=true", "--threshold=30", str(tmp_path / "soft.service")).returncode != 0


def complaints(folder: Path) -> list[str]:
    """Give what systemd says of the units; programs that this machine has not are not the units' fault."""
    done = analyze("verify", "--man=no", *(str(each) for each in sorted(folder.iterdir())))
    return [line for line in done.stderr.splitlines() if "portseal" in line and "is not executable" not in line]


def test_systemd_understands_every_line(rendered: Path, tmp_path: Path) -> None:
    assert complaints(rendered) == []
    (tmp_path / "portseal-odd.service").write_text("[Service]\nExecStart=/bin/true\nRestartt=always\n")
    assert complaints(tmp_path) != []


def test_the_unmount_helper_has_no_option_that_takes_it_out_of_the_hosts_namespace() -> None:
    text = (FOLDER / "portseal-unmount@.service").read_text()
    assert NAMESPACED.findall(text) == []
    assert "PrivateMounts=no" in text
    assert NAMESPACED.findall((FOLDER / "portseal-agent.service").read_text())


@pytest.mark.parametrize(
    ("name", "directive"),
    [
        ("portseal-agent.service", "Type=notify"),
        ("portseal-agent.service", "WatchdogSec="),
        ("portseal-agent.service", "Restart=always"),
        ("portseal-agent.service", "OOMScoreAdjust=-1000"),
        ("portseal-agent.service", "StartLimitIntervalSec=0"),
        ("portseal-agent.service", "RuntimeDirectoryPreserve=yes"),
        ("portseal-agent.service", 'ExecStopPost="@PYTHON@" -m agent.usb.keeper --relock-all'),
        ("portseal-agent.service", "CapabilityBoundingSet=\n"),
        ("portseal-keeper.service", "Restart=always"),
        ("portseal-keeper.service", "OOMScoreAdjust=-1000"),
        ("portseal-keeper.service", "CapabilityBoundingSet=\n"),
        ("portseal-sleep.service", "Before=sleep.target"),
        ("portseal-sleep.service", "--before-sleep"),
        ("portseal-guard.service", "Before=network-pre.target"),
        ("portseal-guard.service", "Wants=network-pre.target"),
        (
            "portseal-guard.service",
            "After=local-fs.target systemd-tmpfiles-setup.service systemd-modules-load.service nftables",
        ),
        ("portseal-guard.service", "Type=notify"),
        ("portseal-guard.service", "Restart=always"),
        ("portseal-guard.service", "CapabilityBoundingSet=CAP_NET_ADMIN CAP_NET_RAW\n"),
        ("portseal-guard.service", "ConditionPathExists=|/var/lib/portseal-agent/guard.last.toml"),
        ("portseal-unguard.service", "Conflicts=portseal-guard.service"),
        ("portseal-unmount.socket", "SocketMode=0600"),
        ("portseal-trial.timer", "OnActiveSec="),
    ],
)
def test_a_directive_that_matters_is_there(name: str, directive: str) -> None:
    assert directive in (FOLDER / name).read_text()


def test_the_keeper_does_not_hang_on_the_agent() -> None:
    for name in ("portseal-keeper.service", "portseal-unmount@.service", "portseal-unmount.socket"):
        assert "portseal-agent.service" not in (FOLDER / name).read_text()


def test_the_guards_rules_stay_when_its_service_ends() -> None:
    text = (FOLDER / "portseal-guard.service").read_text()
    assert not re.search("^ExecStop", text, re.MULTILINE)
    assert "--remove" not in text


def test_a_trial_is_not_over_at_once_on_a_machine_that_has_been_up_for_long() -> None:
    assert not re.search("^OnBootSec=", (FOLDER / "portseal-trial.timer").read_text(), re.MULTILINE)


def test_the_kernel_refuses_by_default_and_has_no_controllers_made_of_software() -> None:
    text = (FOLDER / "modprobe.conf").read_text()
    assert "options usbcore authorized_default=0" in text
    for module in ("vhci_hcd", "dummy_hcd", "usbip_vudc"):
        assert f"install {module} /bin/false" in text
