"""sw1, which is Open vSwitch itself behind OpenSSH: logins, its own tools, its boot, its SNMP."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import paramiko
import pytest

from lab.api import Lab
from lab.secrets import SNMP_USER
from lab.site import SITE

pytestmark = pytest.mark.lab

WAIT = 10.0
CAM01 = SITE.host["cam01"]
SAVE = (
    "ovs-ofctl --names --no-stats --sort dump-flows br0 > /etc/openvswitch/portseal-br0.flows && "
    "echo 'eth5 down' > /etc/openvswitch/portseal-br0.ports"
)


@pytest.fixture
def shell(lab_fresh: Lab) -> Iterator[paramiko.SSHClient]:
    """Give a login by password."""
    with closing(login(lab_fresh)) as client:
        yield client


def login(lab: Lab, key: Path | None = None) -> paramiko.SSHClient:
    box = lab.switch("sw1")
    client = paramiko.SSHClient()
    client.get_host_keys().add(
        box.spec.host, "ssh-ed25519", paramiko.Ed25519Key.from_private_key_file(str(box.host_key))
    )
    client.set_missing_host_key_policy(paramiko.RejectPolicy())
    client.connect(
        box.spec.host,
        username="netadmin",
        password=None if key else box.secrets.password,
        key_filename=str(key) if key else None,
        look_for_keys=False,
        allow_agent=False,
    )
    return client


def run(client: paramiko.SSHClient, command: str) -> str:
    _, output, errors = client.exec_command(command, timeout=WAIT)
    answer = output.read().decode()
    assert output.channel.recv_exit_status() == 0, errors.read().decode()
    return answer


def test_the_tools_work_on_the_switchs_own_database_without_options(shell: paramiko.SSHClient) -> None:
    ports = {f"eth{number}" for number in range(1, 13)}
    assert set(run(shell, "ovs-vsctl list-ports br0").split()) == ports
    assert run(shell, "ovs-vsctl get port eth1 tag").strip() == "100"
    assert run(shell, "ovs-vsctl get port eth12 trunks").strip() == "[100]"
    assert "NORMAL" in run(shell, "ovs-ofctl dump-flows br0")
    assert "VLAN" in run(shell, "ovs-appctl fdb/show br0")
    assert ports <= {line.split("@")[0].split()[0] for line in run(shell, "ip -br link").splitlines()}
    assert run(shell, "hostname; whoami; id -u; pwd").split() == ["sw1", "netadmin", "0", "/root"]


def test_the_prompt_is_a_plain_one(shell: paramiko.SSHClient) -> None:
    with closing(shell.invoke_shell()) as channel:
        channel.settimeout(WAIT)
        text = ""
        while not text.endswith("netadmin@sw1:~# "):
            text += channel.recv(4096).decode()


def test_the_key_opens_it_too_and_a_wrong_password_does_not(lab_fresh: Lab) -> None:
    with closing(login(lab_fresh, lab_fresh.client_key)) as client:
        assert run(client, "hostname").strip() == "sw1"
    box = lab_fresh.switch("sw1")
    with closing(paramiko.SSHClient()) as other:
        other.set_missing_host_key_policy(paramiko.AutoAddPolicy())
        with pytest.raises(paramiko.AuthenticationException):
            other.connect(box.spec.host, username="netadmin", password="x" + box.secrets.password, look_for_keys=False)


def test_this_machine_knows_nothing_of_the_account_and_the_switch_nothing_of_this_machines(
    shell: paramiko.SSHClient,
) -> None:
    with pytest.raises(KeyError):
        pwd.getpwnam("netadmin")
    assert {line.split(":")[0] for line in run(shell, "cat /etc/passwd").splitlines()} == {"netadmin", "sshd"}
    assert "portseal-lab" not in run(shell, "ls /run")


def test_sealed_flows_and_shut_ports_are_back_after_a_boot(lab_fresh: Lab, shell: paramiko.SSHClient) -> None:
    rogue, camera, recorder = (lab_fresh.host(name) for name in ("rogue", "cam02", "nvr1"))
    run(shell, f'ovs-ofctl add-flow br0 "cookie=0x5ea1,priority=200,in_port=eth1,dl_src={CAM01.mac},actions=NORMAL"')
    run(shell, 'ovs-ofctl add-flow br0 "cookie=0x5ea1,priority=100,in_port=eth1,actions=drop"')
    run(shell, "ovs-vsctl set port eth6 tag=999")
    run(shell, SAVE)
    flows = run(shell, "ovs-ofctl --names --no-stats --sort dump-flows br0")
    lab_fresh.reboot("sw1")
    with closing(login(lab_fresh)) as again:
        assert run(again, "ovs-ofctl --names --no-stats --sort dump-flows br0") == flows
        assert run(again, "ovs-vsctl get port eth6 tag").strip() == "999"
        assert run(again, "ovs-vsctl get interface eth5 admin_state").strip() == "down"
        assert run(again, "ovs-vsctl get interface eth7 admin_state").strip() == "up"
    assert recorder.await_stream("cam01"), "the bound camera comes back"
    lab_fresh.unplug("cam01")
    lab_fresh.replug("rogue", "sw1", "eth1")
    probe = rogue.send_frame()
    assert recorder.seen(camera.send_frame(), WAIT)
    assert not recorder.seen(probe)


def test_unsaved_flows_are_gone_after_a_boot(lab_fresh: Lab, shell: paramiko.SSHClient) -> None:
    run(shell, 'ovs-ofctl add-flow br0 "priority=100,in_port=eth1,actions=drop"')
    lab_fresh.reboot("sw1")
    with closing(login(lab_fresh)) as again:
        assert "eth1" not in run(again, "ovs-ofctl --names dump-flows br0")
    assert lab_fresh.recorder().await_stream("cam01")


def test_a_damaged_flow_file_keeps_the_switch_shut_but_open_for_its_administrator(
    lab_fresh: Lab, shell: paramiko.SSHClient
) -> None:
    run(shell, "echo 'not a flow' > /etc/openvswitch/portseal-br0.flows")
    lab_fresh.reboot("sw1")
    with closing(login(lab_fresh)) as again:
        assert "NORMAL" not in run(again, "ovs-ofctl dump-flows br0")
        marker = lab_fresh.host("cam01").send_frame()
        run(again, "ovs-ofctl add-flow br0 priority=0,actions=NORMAL")
    assert lab_fresh.recorder().seen(lab_fresh.host("cam02").send_frame(), WAIT)
    assert not lab_fresh.recorder().seen(marker)


@pytest.mark.skipif(shutil.which("snmpget") is None, reason="snmpget is not installed: apt-get install snmp")
@pytest.mark.parametrize("version", ["2c", "3"])
def test_its_snmp_agent_answers_the_community_and_the_user(lab_site: Lab, version: str, tmp_path: Path) -> None:
    if shutil.which("snmpd") is None:
        pytest.skip("snmpd is not installed: apt-get install snmpd")
    secrets = lab_site.switch("sw1").secrets
    access = {
        "2c": ["-c", secrets.community],
        "3": [
            "-l",
            "authPriv",
            "-u",
            SNMP_USER,
            "-a",
            "SHA",
            "-A",
            secrets.snmp_auth,
            "-x",
            "AES",
            "-X",
            secrets.snmp_priv,
        ],
    }
    words = ["-v", version, *access[version], "-Oqv", "198.18.0.11", "1.3.6.1.2.1.1.5.0"]
    environment = {**os.environ, "SNMP_PERSISTENT_DIR": str(tmp_path)}
    done = subprocess.run(["snmpget", *words], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip().strip('"') == "sw1"
