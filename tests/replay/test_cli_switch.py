"""The verbs that touch a switch, on a persona of the lab: block, release, doctor, record; and the installed program."""

from __future__ import annotations

import json
import logging
import os
import select
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from controller.cli.base import run
from controller.cli.main import cli
from controller.secrets.box import get_secret
from controller.store.blocks import blocks
from controller.store.open import open_store
from drivers.dialects import dialect
from drivers.session import Session
from drivers.transports.replay import ReplayChannel, load_recording
from tests.replay.switch_on_loopback import ENABLE, PASSWORD, LoopbackSwitch, loopback_switch, write_site

GIG = "GigabitEthernet1/0/"
FOREIGN = "02:ca:00:00:00:99"


class Bench:
    """A switch, a site that declares it with its inventory in, and the command line in this process."""

    def __init__(self, switch: LoopbackSwitch, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.switch, self.folder, self.capsys = switch, folder, capsys

    def __call__(self, *arguments: object) -> tuple[int, str, str]:
        self.capsys.readouterr()
        code = run(cli, ["--lang", "en", "--site", str(self.folder), *map(str, arguments)])
        out, err = self.capsys.readouterr()
        assert "Traceback" not in out + err
        return code, out, err

    def json(self, *arguments: object, code: int = 0) -> Any:
        got, out, err = self(*arguments, "--json")
        assert got == code, (out, err)
        return json.loads(out)

    def inject(self, port: str, mac: str) -> bool:
        """Let a frame arrive; tells whether the port admitted it."""
        with socket.socket(socket.AF_UNIX) as link:
            link.connect(str(self.switch.folder / "control.sock"))
            link.sendall((json.dumps({"inject": {"port": port, "mac": mac}}) + "\n").encode())
            return bool(json.loads(link.recv(65536))["admitted"])

    def port(self, number: int) -> dict[str, Any]:
        """Read the switch and give one port of it."""
        ports = self.json("discover")["switches"][0]["ports"]
        found: dict[str, Any] = next(port for port in ports if port["name"] == f"{GIG}{number}")
        return found

    def blocked(self) -> list[str]:
        with open_store(self.folder) as store:
            return [each.port for each in blocks(store)]

    def kinds(self, subject: str = "") -> list[str]:
        extra = ("--subject", subject) if subject else ()
        _, out, _ = self("audit", "log", "--json", "--limit", "1000", *extra)
        return [entry["kind"] for entry in json.loads(out)["entries"]]


@pytest.fixture
def bench(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Bench]:
    with loopback_switch(tmp_path / "switch") as switch:
        folder = write_site(tmp_path / "site", switch)
        folder.chmod(0o700)
        made = Bench(switch, folder, capsys)
        assert made("inventory", "import", folder / "inventory.csv")[0] == 0
        yield made


def test_a_block_shuts_the_port_on_the_switch_and_a_release_opens_it(bench: Bench) -> None:
    told = bench.json("port", "block", "swx", "g1/0/1", "--reason", "lamp post  hit", "--yes")
    assert told == {
        "switch": "swx",
        "port": GIG + "1",
        "action": "block",
        "reason": "lamp post hit",
        "changed": True,
        "open": False,
    }
    assert bench.port(1)["admin_up"] is False
    assert "shutdown" in (bench.switch.folder / "startup.json").read_text("utf-8")
    assert bench.blocked() == [GIG + "1"]
    assert bench.kinds(f"swx/{GIG}1") == ["port.block.intent", "port.block.done"]
    assert {"port.block.apply.intent", "port.block.apply.done"} <= set(bench.kinds("swx"))
    bench("plan")
    assert not any(
        "admin_up" in change["settings"]
        for switch in bench.json("plan")["switches"]
        for change in switch["ports"]
        if change["port"] == GIG + "1"
    )
    told = bench.json("port", "release", "swx", "g1/0/1", "--reason", "repaired", "--yes")
    assert (told["changed"], told["open"]) == (True, True)
    assert bench.port(1)["admin_up"] is True
    assert bench.blocked() == []
    assert bench.json("audit", "verify")["orphan_count"] == 0


def test_a_block_of_a_port_that_is_shut_already_changes_nothing_on_the_switch(bench: Bench) -> None:
    bench("plan")
    assert bench("apply", "--yes")[0] == 0
    jobs = bench.kinds().count("port.block.apply.intent")
    told = bench.json("port", "block", "swx", "g1/0/3", "--reason", "x", "--yes")
    assert told["changed"] is False
    assert bench.kinds().count("port.block.apply.intent") == jobs
    told = bench.json("port", "release", "swx", "g1/0/3", "--reason", "x", "--yes")
    assert (told["changed"], told["open"]) == (False, False)
    assert bench.port(3)["admin_up"] is False


def test_what_is_blocked_or_not_blocked_already_is_refused(bench: Bench) -> None:
    assert bench("port", "release", "swx", "g1/0/1", "--reason", "x", "--yes")[0] == 2
    assert bench("port", "block", "swx", "g1/0/1", "--reason", "first", "--yes")[0] == 0
    code, _, err = bench("port", "block", "swx", "g1/0/1", "--reason", "again", "--yes")
    assert (code, "first" in err) == (2, True)


def test_a_release_recovers_a_port_that_the_switch_itself_has_shut(tmp_path: Path, bench: Bench) -> None:
    declaration = bench.folder / "site.toml"
    text = declaration.read_text("utf-8").replace("[policy]", '[policy]\nviolation = "shutdown"')
    declaration.write_text(text, "utf-8")
    bench("plan")
    assert bench("apply", "--yes")[0] == 0
    assert bench.inject("p1", FOREIGN) is False
    assert bench.port(1)["oper"] == "blocked"
    assert "psecure-violation" in bench("port", "show", "swx", "g1/0/1")[1]
    told = bench.json("port", "release", "swx", "g1/0/1", "--reason", "the laptop is gone", "--yes")
    assert (told["changed"], told["open"]) == (True, True)
    assert bench.port(1)["oper"] == "up"


def test_a_change_that_the_switch_rejects_is_rolled_back_and_leaves_no_block(bench: Bench) -> None:
    bench.switch.control(fault={"kind": "reject", "match": "^shutdown"})
    code, _, err = bench("port", "block", "swx", "g1/0/1", "--reason", "x", "--yes")
    assert code == 3
    assert "rolled back" in err.splitlines()[-1]
    assert bench.blocked() == []
    assert bench.kinds(f"swx/{GIG}1") == ["port.block.intent", "port.block.failed"]
    bench.switch.control(clear=True)
    assert bench.port(1)["admin_up"] is True


def test_a_block_that_cannot_be_recorded_says_so(bench: Bench) -> None:
    with open_store(bench.folder) as store:
        store.execute("CREATE TRIGGER no BEFORE INSERT ON block BEGIN SELECT RAISE(ABORT, 'no'); END")
    code, _, err = bench("port", "block", "swx", "g1/0/1", "--reason", "x", "--yes")
    assert (code, "portseal.db" in err.splitlines()[-1]) == (3, True)
    assert bench.kinds(f"swx/{GIG}1") == ["port.block.intent", "port.block.failed"]


def test_the_port_that_learned_the_controllers_own_mac_is_not_shut(bench: Bench) -> None:
    own = [path.read_text("ascii").strip() for path in Path("/sys/class/net").glob("*/address")]
    own = [mac for mac in own if len(mac) == 17 and mac != "00:00:00:00:00:00"]
    if not own:
        pytest.skip("this machine has no network interface with a MAC: run it where there is one")
    assert bench.inject("p2", own[0])
    code, _, err = bench("port", "block", "swx", "g1/0/2", "--reason", "x", "--yes")
    assert (code, "management path" in err) == (4, True)
    assert bench.port(2)["admin_up"] is True


def test_doctor_passes_a_switch_that_is_as_declared(bench: Bench) -> None:
    checks = bench.json("doctor")["checks"]
    assert {each["check"] for each in checks if each["subject"] == "swx"} == {"tcp", "ssh", "platform"}
    assert {each["level"] for each in checks} <= {"ok", "warning"}


def test_doctor_asks_snmp_where_it_is_declared(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    with (bench.folder / "site.toml").open("a", encoding="utf-8") as file:
        file.write(f'[switches.swx.snmp]\nport = {bench.switch.snmp_port}\ncommunity = "env:LOOPBACK"\n')
    monkeypatch.setenv("LOOPBACK", "loopback")
    checks = {each["check"]: each for each in bench.json("doctor")["checks"]}
    assert "Cisco IOS Software" in checks["snmp"]["text"]
    monkeypatch.delenv("LOOPBACK")
    told = bench.json("doctor", code=2)
    assert {each["check"] for each in told["checks"] if each["level"] == "fault"} == {"secrets", "snmp"}


@pytest.mark.parametrize(
    ("old", "new", "check", "code"),
    [
        ('platform = "cisco_ios"', 'platform = "openvswitch"', "ssh", 3),
        ('host = "127.0.0.1"\nport = ', 'host = "127.0.0.1"\nport = 1 #', "tcp", 3),
        ('username = "admin"', 'username = "nobody"', "ssh", 3),
    ],
)
def test_doctor_tells_a_switch_that_is_not_as_declared(bench: Bench, old: str, new: str, check: str, code: int) -> None:
    declaration = bench.folder / "site.toml"
    text = declaration.read_text("utf-8")
    assert old in text
    text = text.replace(old, new).replace("timeout_s = 10", "timeout_s = 2")
    if "openvswitch" in new:
        text = text.replace("Gi1/0/1-4", "GigabitEthernet1/0/1-4").replace("Gi1/0/4", "GigabitEthernet1/0/4")
    declaration.write_text(text, "utf-8")
    told = bench.json("doctor", code=code)
    assert [each["check"] for each in told["checks"] if each["level"] == "fault"] == [check]


def test_a_recording_holds_no_secret_and_can_be_replayed(bench: Bench, tmp_path: Path) -> None:
    file = tmp_path / "swx.jsonl"
    told = bench.json("dialect", "record", "swx", file)
    assert "show version" in told["recorded"]
    text = file.read_text("utf-8")
    assert PASSWORD not in text
    assert ENABLE not in text
    assert file.stat().st_mode & 0o077 == 0
    with Session(
        ReplayChannel(load_recording(file)), dialect("cisco_ios"), switch="swx", enable_password="<secret>"
    ) as again:
        assert "hostname swx" in again.read(told["recorded"][0])
    code, _, err = bench("dialect", "record", "swx", file)
    assert (code, "there already" in err) == (2, True)


def test_doctor_finishes_what_a_killed_run_left(bench: Bench) -> None:
    bench.json("discover")
    script = (
        "import sys, pathlib; from controller.store.open import open_store; from policies.model import SwitchChanges;"
        "from controller.store.jobs import begin_job; from controller.store.observations import observation;"
        "store = open_store(pathlib.Path(sys.argv[1])); seen = observation(store, 'swx');"
        "begin_job(store, seen, SwitchChanges('swx', ''), actor='test')"
    )
    subprocess.run([sys.executable, "-c", script, str(bench.folder)], check=True, timeout=60)
    waiting = {each["check"]: each["level"] for each in bench.json("doctor", "--offline")["checks"]}
    assert waiting["jobs"] == "warning"
    done = [each for each in bench.json("doctor")["checks"] if each["check"] == "jobs"]
    assert [(each["subject"], each["level"]) for each in done] == [("swx", "warning")]
    again = [each for each in bench.json("doctor")["checks"] if each["check"] == "jobs"]
    assert [each["level"] for each in again] == ["ok"]


def test_every_recording_of_cisco_ios_becomes_rows_on_the_command_line(
    recordings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    used = 0
    for file in sorted((recordings / "cli" / "cisco_ios").glob("*/*")):
        if file.suffix == ".yml":  # what another project made of the recording beside it
            continue
        command = file.parent.name.replace("_", " ")
        assert run(cli, ["dialect", "parse", "cisco_ios", command, str(file), "--json"]) == 0, file
        told = json.loads(capsys.readouterr().out)
        assert told["rows"], file
        used += 1
    logging.getLogger(__name__).info("%d recordings of cisco_ios used", used)
    assert used


def portseal(*arguments: object, stdin: str | None = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the installed program; `stdin` None closes it."""
    program = shutil.which("portseal", path=str(Path(sys.executable).parent))
    assert program is not None, "the program is not installed: run 'make' first"
    command = [program, *map(str, arguments)]
    if stdin is None:
        command = ["sh", "-c", 'exec "$@" <&-', "sh", *command]
    settings = {**os.environ, "PORTSEAL_LANG": "en", **environment}
    return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60, check=False, env=settings)


def test_the_installed_program_makes_a_site_and_lists_it(tmp_path: Path) -> None:
    site = tmp_path / "site"
    assert portseal("init", site).returncode == 0
    listed = portseal("inventory", "list", "--json", PORTSEAL_SITE=str(site))
    assert json.loads(listed.stdout) == {"devices": []}
    assert portseal("--site", site, "doctor", "--offline").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("secret", "set", "x"), 2),
        (("dialect", "parse", "cisco_ios", "show version"), 2),
        (("audit", "log"), 0),
        (("port", "block", "a", "b", "--reason", "x"), 2),
    ],
)
def test_a_closed_standard_input_is_no_traceback(tmp_path: Path, arguments: tuple[str, ...], code: int) -> None:
    site = tmp_path / "site"
    assert portseal("init", site).returncode == 0
    ran = portseal("--site", site, *arguments, stdin=None)
    assert (ran.returncode, "Traceback" in ran.stderr) == (code, False), ran.stderr


def test_a_secret_that_is_typed_is_not_shown(tmp_path: Path) -> None:
    site = tmp_path / "site"
    assert portseal("init", site).returncode == 0
    program = shutil.which("portseal", path=str(Path(sys.executable).parent))
    master, slave = os.openpty()
    with subprocess.Popen(
        ["setsid", "--ctty", "--wait", str(program), "--lang", "en", "--site", str(site), "secret", "set", "sw1"],
        stdin=slave, stdout=slave, stderr=slave,
    ) as process:  # fmt: skip
        os.close(slave)
        shown = ""
        for prompt in ("(not shown)", "Once more"):
            shown += until(master, prompt)
            os.write(master, b"typed-by-hand\n")
        shown += until(master, "secret:sw1")
        assert process.wait(30) == 0
    os.close(master)
    assert "typed-by-hand" not in shown
    assert get_secret(site, "sw1").reveal() == "typed-by-hand"


def until(terminal: int, text: str) -> str:
    """Read from a terminal until `text` has come."""
    seen = ""
    while text not in seen:
        ready, _, _ = select.select([terminal], [], [], 30)
        assert ready, seen
        seen += os.read(terminal, 4096).decode()
    return seen


def test_a_reader_that_goes_away_is_no_traceback(tmp_path: Path) -> None:
    program = shutil.which("portseal", path=str(Path(sys.executable).parent))
    ran = subprocess.run(
        ["sh", "-c", f'"{program}" dialect show cisco_ios | head -1'],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (ran.returncode, ran.stderr) == (0, "")


def test_bytes_that_are_no_text_are_one_line(tmp_path: Path) -> None:
    program = shutil.which("portseal", path=str(Path(sys.executable).parent))
    assert program is not None
    environment = {**os.environ, "PORTSEAL_LANG": "en"}
    ran = subprocess.run(
        [program.encode(), b"find", b"\xff\xfe"], capture_output=True, timeout=60, check=False, env=environment
    )
    assert ran.returncode == 2
    assert ran.stderr.count(b"\n") == 1
