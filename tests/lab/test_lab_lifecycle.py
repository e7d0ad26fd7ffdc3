"""The lab's life: up in one go or not at all, twice up, ill, killed half-way; and nothing is left when it is down."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lab import secrets as lab_secrets
from lab.api import Lab
from lab.down import leftovers
from lab.net import kill, namespaces, processes
from lab.site import CONTROLLER_LINK, MARK, PREFIX, RUN, SITE
from lab.switch.ovsd import Daemons
from lab.up import SECRETS, ailments, state, up
from policies.errors import EquipmentError

pytestmark = pytest.mark.lab

PORTSEAL = Path(sys.executable).with_name("portseal")


def portseal(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command line as a user does."""
    argv = [str(PORTSEAL), "--lang", "en", *words]
    return subprocess.run(argv, capture_output=True, text=True, check=False, env={**os.environ, **environment})


def machine() -> dict[str, object]:
    """Give what a lab could leave on a machine."""
    return {
        "namespaces": namespaces(""),
        "links": sorted(path.name for path in Path("/sys/class/net").iterdir()),
        "mounts": sorted(line.split()[1] for line in Path("/proc/self/mounts").read_text("utf-8").splitlines()),
        "run": sorted(path.name for path in Path("/run").iterdir()),
        "etc": Path("/etc/passwd").read_text("utf-8"),
    }


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_after_down_the_machine_is_as_it_was_before_up(lab_absent: Lab) -> None:
    assert leftovers() == []
    before = machine()
    assert lab_absent.up(os.getpid())
    pids = processes(PREFIX, (MARK, str(RUN)))
    assert set(pids.values()) >= {PREFIX + name for name in (*SITE.switch, "loose")}
    assert machine() != before
    assert lab_absent.down()
    assert leftovers() == []
    assert machine() == before
    assert [pid for pid in pids if alive(pid)] == []


def test_down_without_a_lab_says_so_and_is_no_error(lab_absent: Lab) -> None:
    assert not lab_absent.down()
    answer = portseal("lab", "down")
    assert (answer.returncode, answer.stdout) == (0, "There is no lab on this machine.\n")
    assert portseal("lab", "status").returncode == 1


def _namespaces_are_there() -> bool:
    return len(namespaces(PREFIX)) >= 5


def _a_switch_runs() -> bool:
    return any((RUN / name).exists() for name in ("sw1/run/openvswitch/ovs-vswitchd.pid", "sw2/ovs/ovs-vswitchd.pid"))


def _an_ssh_server_runs() -> bool:
    return (RUN / "sw1/run/sshd.pid").exists() or (RUN / "sw2/ready").exists()


@pytest.mark.parametrize("moment", [_namespaces_are_there, _a_switch_runs, _an_ssh_server_runs])
def test_nothing_is_left_after_an_up_that_was_killed_half_way(lab_absent: Lab, moment: Callable[[], bool]) -> None:
    before = machine()
    process = subprocess.Popen([sys.executable, "-c", "from lab.up import up; up()"], start_new_session=True)
    try:
        while not moment():
            assert process.poll() is None, "it ended before it could be killed"
            time.sleep(0.001)
    finally:
        process.kill()
        process.wait()
    assert leftovers() != []
    answer = portseal("lab", "down")
    assert (answer.returncode, answer.stderr) == (0, "")
    assert leftovers() == []
    assert machine() == before


def test_an_up_after_a_killed_one_starts_anew(lab_absent: Lab) -> None:
    process = subprocess.Popen([sys.executable, "-c", "from lab.up import up; up()"], start_new_session=True)
    while not _a_switch_runs():
        assert process.poll() is None
        time.sleep(0.001)
    process.kill()
    process.wait()
    assert lab_absent.up(os.getpid())
    assert ailments() == []
    assert lab_absent.recorder().await_stream("cam01")


def test_an_up_that_fails_leaves_nothing(lab_absent: Lab, tmp_path: Path) -> None:
    before = machine()
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys/sw3_host_key").write_text("no key\n", "ascii")
    with pytest.raises(EquipmentError, match="ssh-keygen"):
        up(host_keys=tmp_path / "keys")
    assert machine() == before


def test_up_leaves_a_running_lab_alone(lab_site: Lab) -> None:
    before = set(processes(PREFIX))
    answer = portseal("lab", "up")
    assert (answer.returncode, answer.stdout) == (0, "The lab is already up; 'portseal lab down' removes it.\n")
    assert before <= set(processes(PREFIX))


def test_up_replaces_a_lab_of_which_a_part_died_and_keeps_the_site_folder_fitting(
    lab_absent: Lab, tmp_path: Path
) -> None:
    folder = tmp_path / "site"
    assert portseal("lab", "up", "--site", str(folder)).returncode == 0
    secrets, known = lab_secrets.load(SECRETS), (folder / "known_hosts").read_text("ascii")
    (folder / "known_hosts").write_text(known + "192.0.2.1 ssh-ed25519 AAAA\n", "ascii")
    declared = (folder / "site.toml").read_text("utf-8") + "# mine\n"
    (folder / "site.toml").write_text(declared, "utf-8")
    kill(Daemons(RUN / "sw2/ovs", RUN / "sw2/ovs/conf.db").pids())
    assert ailments() == ["sw2"]
    told = json.loads(portseal("lab", "status", "--json").stdout)
    assert (told["up"], told["problems"]) == (True, ["sw2"])
    answer = portseal("--site", str(folder), "lab", "up")
    assert (answer.returncode, answer.stdout.splitlines()[0]) == (0, "The lab is up: 3 switches, 20 hosts.")
    assert ailments() == []
    assert lab_secrets.load(SECRETS) == secrets
    assert sorted((folder / "known_hosts").read_text("ascii").splitlines()) == sorted(
        [*known.splitlines(), "192.0.2.1 ssh-ed25519 AAAA"]
    )
    assert (folder / "site.toml").read_text("utf-8") == declared


def test_down_works_after_any_of_its_processes_was_killed(lab_absent: Lab) -> None:
    before = machine()
    lab_absent.up(os.getpid())
    for pid in list(processes(PREFIX))[::2]:
        os.kill(pid, signal.SIGKILL)
    lab_absent.down()
    assert leftovers() == []
    assert machine() == before


def test_a_lab_whose_owner_died_is_abandoned_and_replaced(lab_absent: Lab) -> None:
    up_as_itself = "import os; from lab.up import up; up(os.getpid())"
    subprocess.run([sys.executable, "-c", up_as_itself], check=True)
    left = state()
    assert left is not None
    assert left.abandoned
    assert lab_absent.up(os.getpid())
    now = state()
    assert now is not None
    assert not now.abandoned


def test_another_site_in_the_folder_is_not_overwritten(lab_absent: Lab, tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text('[site]\nname = "real"\n', "utf-8")
    answer = portseal("lab", "up", "--site", str(tmp_path))
    assert answer.returncode == 2
    assert "holds another site" in answer.stderr
    assert leftovers() == []


def test_without_root_one_line_says_what_to_do(lab_site: Lab) -> None:
    for verb in ("requirements", "require_root"):
        code = f"import os, lab.up; os.setuid(65534); lab.up.{verb}()"
        answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert "needs root. Next: run it as root" in answer.stderr.splitlines()[-1]


def test_without_open_vswitch_one_line_names_the_package(lab_absent: Lab, tmp_path: Path) -> None:
    for name in ("ip", "mount", "unshare", "ssh-keygen"):
        (tmp_path / name).symlink_to(str(shutil.which(name)))
    answer = portseal("lab", "up", PATH=str(tmp_path))
    assert answer.returncode == 2
    assert answer.stderr.splitlines()[-1].endswith("Next: apt-get install openvswitch-switch")
    assert leftovers() == []


def test_the_controller_side_has_its_address_and_reaches_every_switch(lab_site: Lab) -> None:
    shown = subprocess.run(["ip", "-br", "addr", "show", CONTROLLER_LINK], capture_output=True, text=True, check=True)
    assert shown.stdout.split()[2:] == ["198.18.0.1/24"]
    for switch in SITE.switches:
        assert subprocess.run(["ping", "-c1", "-W5", switch.host], capture_output=True, check=False).returncode == 0
