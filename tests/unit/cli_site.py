"""A small site folder and the command line in this process: what the CLI tests share."""

from __future__ import annotations

import io
import json
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from controller.cli.base import run
from controller.cli.main import cli
from controller.store.observations import put_observation
from controller.store.open import open_store
from policies.model import (
    Learned,
    Neighbour,
    ObservedPort,
    ObservedSwitch,
    Oper,
    PortConfig,
    PortMode,
    SecureMac,
    Violation,
)

SITE = """
[site]
name = "demo"
[vlans.face]
id = 100
purpose = "face"
[vlans.blackhole]
id = 999
purpose = "blackhole"
[switches.sw1]
platform = "cisco_ios"
host = "192.0.2.1"
password = "secret:sw1"
ports = ["Gi1/0/1-8"]
uplinks = ["Gi1/0/8"]
management_ports = ["Gi1/0/7"]
[[switches.sw1.excepted]]
port = "Gi1/0/6"
owner = "property office"
reason = "lift intercom"
expires = 2999-12-31
[switches.ovs1]
platform = "openvswitch"
host = "192.0.2.2"
ports = ["p1", "p2"]
"""

LIST = """设备名称,类型,MAC地址,IP地址,位置,序列号,交换机,端口,VLAN
cam1,摄像机,02-ca-00-00-00-01,198.18.100.1,杆1,SN-001,sw1,Gi1/0/1,100
cam2,摄像机,02ca.0000.0002,198.18.100.2,杆2,SN-002,sw1,GE1/0/2,100
pc1,终端,02:ca:00:00:00:03,,机房,,,,
"""

GIG = "GigabitEthernet1/0/"


@dataclass(frozen=True, slots=True)
class Ran:
    """One finished run of the command line."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The JSON on standard output, all of it."""
        return json.loads(self.out)

    @property
    def complaint(self) -> str:
        """The only line on standard error, which begins with the program's name."""
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        assert lines[0].startswith("portseal: "), self.err
        return lines[0]


class Cli:
    """Runs verbs on one site folder, in English unless told otherwise."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self._capsys, self._monkeypatch = folder, capsys, monkeypatch

    def __call__(self, *arguments: object, stdin: bytes | None = b"", lang: str = "en") -> Ran:
        """Run a verb; `stdin` None: standard input is closed."""
        stream = None if stdin is None else io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8")
        self._monkeypatch.setattr(sys, "stdin", stream)
        self._capsys.readouterr()
        code = run(cli, ["--lang", lang, "--site", str(self.folder), *map(str, arguments)])
        out, err = self._capsys.readouterr()
        return Ran(code, out, err)

    def refuses(self, code: int, *arguments: object, stdin: bytes | None = b"") -> str:
        """Run a verb that must fail with one line in both languages, without a traceback; gives the English line."""
        lines = []
        for lang in ("zh", "en"):
            ran = self(*arguments, stdin=stdin, lang=lang)
            assert ran.code == code, (ran.out, ran.err)
            assert "Traceback" not in ran.out + ran.err
            lines.append(ran.complaint)
        return lines[-1]

    def refuses_with_talk(self, code: int, *arguments: object) -> str:
        """Run a verb that says something before it fails; gives its last line on standard error."""
        ran = self(*arguments)
        assert ran.code == code, (ran.out, ran.err)
        assert "Traceback" not in ran.out + ran.err
        return ran.err.splitlines()[-1]

    def kinds(self) -> list[str]:
        """Give the kinds of all ledger entries, oldest first; none before the first write."""
        ran = self("audit", "log", "--json", "--limit", "1000")
        return [entry["kind"] for entry in ran.json["entries"]]

    def loaded(self, text: str = LIST) -> None:
        """Import a list into an empty inventory."""
        ran = self("inventory", "import", self.list_file(text), "--yes")
        assert ran.code == 0, ran.err

    def list_file(self, text: str = LIST, name: str = "devices.csv") -> Path:
        """Write a list beside the site folder."""
        path = self.folder.parent / name
        path.write_text(text, "utf-8")
        return path

    def saw(self, observed: ObservedSwitch) -> None:
        """Keep a reading, as discover would."""
        with open_store(self.folder) as store:
            put_observation(store, observed)


def reading(at: datetime | None = None) -> ObservedSwitch:
    """Give a reading of sw1: cam1 at its place, cam2 elsewhere, a foreign MAC, an uplink that has seen both."""
    up = PortConfig(
        mode=PortMode.ACCESS,
        access_vlan=100,
        secure=False,
        maximum=1,
        violation=Violation.RESTRICT,
        admin_up=True,
        secure_macs=frozenset(),
    )
    ports = [
        ObservedPort(GIG + "1", up, Oper.UP, learned=frozenset({Learned("02:ca:00:00:00:01", 100)})),
        ObservedPort(GIG + "2", up, Oper.DOWN),
        ObservedPort(GIG + "3", up, Oper.UP, learned=frozenset({Learned("02:ca:00:00:00:02", 100)})),
        ObservedPort(
            GIG + "4",
            PortConfig(mode=PortMode.ACCESS, access_vlan=100, secure=True, admin_up=True, secure_macs=_macs("0a")),
            Oper.BLOCKED,
            blocked_cause="psecure-violation",
            violations=3,
            last_violator="02:ca:00:00:00:ff",
        ),
        ObservedPort(
            GIG + "5",
            up,
            Oper.UP,
            learned=frozenset({Learned("02:ca:00:00:00:99", 100)}),
            neighbours=(Neighbour("\x1b[2Jevil", "eth0", "02:ca:00:00:00:99", "B"),),
        ),
        ObservedPort(
            GIG + "8",
            PortConfig(mode=PortMode.TRUNK, admin_up=True),
            Oper.UP,
            learned=frozenset({Learned("02:ca:00:00:00:01", 100), Learned("02:ca:00:00:00:03", 100)}),
        ),
    ]
    settings = {"mode", "access_vlan", "secure", "secure_macs", "admin_up", "maximum", "violation"}
    return ObservedSwitch(
        switch="sw1",
        platform="cisco_ios",
        read_at=at or datetime.now(UTC),
        ports={port.name: port for port in ports},
        vlans={1: "default", 100: "face"},
        capabilities=frozenset(settings),
        startup_differs=("+ interface GigabitEthernet1/0/1 / shutdown",),
        model="WS-C2960X",
        version="15.2",
    )


def _macs(last: str) -> frozenset[SecureMac]:
    return frozenset({SecureMac(f"02:ca:00:00:00:{last}", 100)})


def make_site(folder: Path, text: str = SITE) -> Path:
    """Make a private site folder that only has its declaration."""
    folder.mkdir(mode=0o700)
    (folder / "site.toml").write_text(text, "utf-8")
    return folder
