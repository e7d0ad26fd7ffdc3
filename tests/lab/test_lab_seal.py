"""The main job on real frames: what the inventory binds gets through, everything else does not, also after a reboot."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.cli.base import run
from controller.cli.main import cli
from lab.api import Lab
from lab.folder import write_site
from lab.site import SITE

pytestmark = [pytest.mark.lab, pytest.mark.clause("7.1c")]

WAIT = 10.0
CAMERAS = [host.name for host in SITE.hosts if host.role == "camera" and host.switch]
TERM1 = ("term1", "sw2", "GigabitEthernet1/0/11")


def portseal(site: Path, *arguments: str) -> int:
    return run(cli, ["--site", str(site), "--lang", "en", *arguments])


def answer(site: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, object]:
    capsys.readouterr()
    portseal(site, "--json", *arguments)
    told: dict[str, object] = json.loads(capsys.readouterr().out)
    return told


def seal(lab: Lab, folder: Path) -> Path:
    write_site(folder, [lab.switch(name) for name in SITE.switch], lab.client_key)
    assert portseal(folder, "inventory", "import", str(folder / "inventory.csv"), "--yes") == 0
    assert portseal(folder, "plan") == 0
    assert portseal(folder, "apply", "--yes") == 0
    return folder


@pytest.fixture(scope="module")
def site(lab_site: Lab, tmp_path_factory: pytest.TempPathFactory) -> Path:
    lab_site.reset()
    return seal(lab_site, tmp_path_factory.mktemp("sealed") / "site")


@pytest.fixture(autouse=True)
def cables_back(lab_site: Lab) -> Iterator[None]:
    yield
    lab_site.spoof("rogue", None)
    now = lab_site.plugged()["rogue"]
    if (now.switch, now.interface) != ("sw2", "p10"):
        lab_site.replug("rogue", "sw2", "GigabitEthernet1/0/10")
    lab_site.replug(*TERM1)


def arrives(lab: Lab, host: str, **frame: str) -> bool:
    """Tell whether a frame gets through; one that does not is asked for after one that must, sent later."""
    marker = lab.host(host).send_frame(**frame)  # type: ignore[arg-type]
    if lab.recorder().seen(marker, 0.5):
        return True
    assert lab.recorder().seen(lab.host("srv1").send_frame(), WAIT), "the lab itself is silent"
    return lab.recorder().seen(marker)


@pytest.mark.parametrize("kind", ["udp", "arp", "raw"])
def test_the_rogue_does_not_get_through_its_unused_port(lab_site: Lab, site: Path, kind: str) -> None:
    assert not arrives(lab_site, "rogue", kind=kind)


def test_every_camera_still_streams(lab_site: Lab, site: Path) -> None:
    assert [name for name in CAMERAS if not lab_site.recorder().await_stream(name, 3, WAIT)] == []


@pytest.mark.parametrize("mac", [None, SITE.host["cam05"].mac], ids=["its own MAC", "a camera's MAC"])
def test_a_rogue_in_place_of_a_terminal_does_not_get_through_and_is_counted(
    lab_site: Lab, site: Path, mac: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    lab_site.unplug("term1")
    lab_site.replug("rogue", "sw2", TERM1[2])
    lab_site.spoof("rogue", mac)
    assert not arrives(lab_site, "rogue")
    assert lab_site.recorder().await_stream("cam05", 3, WAIT), "the camera with that MAC must not be hurt"
    told = answer(site, capsys, "discover", "sw2")
    port = next(each for each in told["switches"][0]["ports"] if each["name"] == TERM1[2])  # type: ignore[index]
    assert port["violations"] > 0
    assert port["last_violator"] == (mac or SITE.host["rogue"].mac)


@pytest.mark.parametrize("camera", ["cam01", "cam05", "cam10"])
def test_a_bound_mac_with_another_ip_does_not_get_through(lab_site: Lab, site: Path, camera: str) -> None:
    assert arrives(lab_site, camera)
    assert not arrives(lab_site, camera, src_ip="198.18.100.250")


def test_the_sealed_site_passes_and_nothing_is_left_to_change(
    lab_site: Lab, site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert lab_site.forgotten("rogue")
    assert answer(site, capsys, "plan")["changes"] == 0
    told = answer(site, capsys, "check")
    assert told["clauses"] == {"7.1a": "manual", "7.1b": "pass", "7.1c": "pass"}


def test_after_a_reboot_of_every_switch_the_seal_holds(
    lab_site: Lab, site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in SITE.switch:
        lab_site.reboot(name)
    assert [name for name in CAMERAS if not lab_site.recorder().await_stream(name, 3, 30)] == []
    assert not arrives(lab_site, "rogue")
    assert answer(site, capsys, "plan")["changes"] == 0


def test_a_device_moves_and_the_old_port_is_closed(
    lab_site: Lab, site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert portseal(site, "bind", "cam06", "sw2", "Gi1/0/12", "--move") == 0
    assert portseal(site, "plan") == 0
    assert portseal(site, "apply", "--yes") == 0
    assert not arrives(lab_site, "cam06")
    lab_site.replug("cam06", "sw2", "GigabitEthernet1/0/12")
    assert lab_site.recorder().await_stream("cam06", 3, WAIT)
    lab_site.replug("cam06", "sw2", "GigabitEthernet1/0/2")
    assert portseal(site, "bind", "cam06", "sw2", "Gi1/0/2", "--move") == 0
    assert portseal(site, "plan") == 0
    assert portseal(site, "apply", "--yes") == 0
    assert lab_site.recorder().await_stream("cam06", 3, WAIT)


def test_a_port_is_blocked_with_a_reason_and_released(
    lab_site: Lab, site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert portseal(site, "port", "block", "sw1", "eth2", "--reason", "pole 2 was opened", "--yes") == 0
    assert not arrives(lab_site, "cam02")
    assert answer(site, capsys, "plan")["changes"] == 0, "a plan must not reopen what a person shut"
    assert portseal(site, "port", "release", "sw1", "eth2", "--reason", "pole 2 is closed", "--yes") == 0
    assert lab_site.recorder().await_stream("cam02", 3, WAIT)


def test_a_port_that_the_switch_shut_is_found_and_recovered(
    lab_site: Lab, site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    declaration = site / "site.toml"
    text = declaration.read_text("utf-8")
    declaration.write_text(text.replace('violation = "restrict"', 'violation = "shutdown"'), "utf-8")
    try:
        assert portseal(site, "plan", "sw2") == 0
        assert portseal(site, "apply", "--yes") == 0
        lab_site.unplug("term1")
        lab_site.replug("rogue", "sw2", TERM1[2])
        assert not arrives(lab_site, "rogue")
        assert portseal(site, "check", "sw2") == 1
        assert "psecure-violation" in capsys.readouterr().out
        lab_site.replug("rogue", "sw2", "GigabitEthernet1/0/10")
        lab_site.replug(*TERM1)
        assert not arrives(lab_site, "term1"), "the port stays shut until a person recovers it"
        assert portseal(site, "plan", "sw2") == 0
        assert portseal(site, "apply", "--yes") == 0
        assert lab_site.recorder().seen(lab_site.host("term1").send_frame(), WAIT)
    finally:
        declaration.write_text(text, "utf-8")
        assert portseal(site, "plan", "sw2") == 0
        assert portseal(site, "apply", "--yes") == 0
