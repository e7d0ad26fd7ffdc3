"""The session against net-snmp's snmpd, nobody's emulation: v2c, v3 authPriv, contexts, SET; and against bad agents."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from drivers.snmp.access import ResolvedSnmp
from drivers.snmp.oids import Oid
from drivers.snmp.session import SnmpSession
from policies.errors import (
    AuthenticationFailed,
    CommandRejected,
    DeviceTimeout,
    EquipmentError,
    UnparsedOutput,
    Unreachable,
)

SYSTEM = "1.3.6.1.2.1.1"
CONTACT, UPTIME, LOCATION = f"{SYSTEM}.4.0", f"{SYSTEM}.3.0", f"{SYSTEM}.6.0"
AUTH, PRIV = "auth-secret-1", "priv-secret-1"
CONFIGURATION = """\
agentAddress udp:127.0.0.1:{port}
rocommunity public 127.0.0.1
rwcommunity private 127.0.0.1
createUser sha SHA {auth} AES {priv}
createUser sha256 SHA-256 {auth} AES {priv}
createUser nopriv SHA {auth}
view all included .1
rwuser sha priv
rouser sha256 priv
rouser nopriv auth
rouser -s usm sha priv -V all vlan-*
rocommunity vlantwelve 127.0.0.1
proxy -Cn vlan-12 -v 2c -c vlantwelve 127.0.0.1:{port} .1.3.6.1.2.1.1
"""


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(folder: Path, port: int) -> subprocess.Popen[str]:
    """Start snmpd with its own configuration and state in `folder`, and wait until it says that it is ready."""
    program = shutil.which("snmpd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        pytest.skip("snmpd is not installed: apt-get install snmpd")
    configuration = folder / "snmpd.conf"
    configuration.write_text(CONFIGURATION.format(port=port, auth=AUTH, priv=PRIV))
    process = subprocess.Popen(
        [program, "-f", "-C", "-c", str(configuration), "-Lo", "-I", "-smux", "-p", str(folder / "pid")],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "MIBS": "", "SNMP_PERSISTENT_DIR": str(folder / "state")},
    )
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if line.startswith("NET-SNMP version"):
            return process
    pytest.fail(f"snmpd ended: {''.join(said)[-500:]}")


def stop(process: subprocess.Popen[str]) -> None:
    process.terminate()
    process.communicate(timeout=10)


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    port = free_port()
    process = start(tmp_path_factory.mktemp("snmpd"), port)
    yield port
    stop(process)


def v2c(port: int, community: str = "public", **more: Any) -> ResolvedSnmp:
    return ResolvedSnmp("127.0.0.1", port, community=community, **{"timeout_s": 0.4, "retries": 1, **more})


def v3(port: int, user: str = "sha", **more: Any) -> ResolvedSnmp:
    settings: dict[str, Any] = {"auth_password": AUTH, "priv_password": PRIV, "timeout_s": 0.4, "retries": 1}
    return ResolvedSnmp("127.0.0.1", port, user=user, **{**settings, **more})


WAYS: list[tuple[str, Callable[[int], ResolvedSnmp]]] = [
    ("v2c", v2c),
    ("v3 SHA AES128", v3),
    ("v3 SHA256 AES128", lambda port: v3(port, "sha256", auth_protocol="sha256")),
    ("v3 SHA, no privacy", lambda port: v3(port, "nopriv", priv_password=None)),
    ("v3 context", lambda port: v3(port).for_vlan(12)),
    ("a host name", lambda port: replace(v2c(port), host="localhost")),
]


@pytest.mark.parametrize("way", [way for _name, way in WAYS], ids=[name for name, _way in WAYS])
def test_get_and_walk_work(way: Callable[[int], ResolvedSnmp], agent: int) -> None:
    with SnmpSession(way(agent)) as session:
        got = session.get(Oid.SYS_NAME, Oid.SYS_OBJECT_ID, UPTIME, f"{SYSTEM}.99.0")
        assert got[Oid.SYS_OBJECT_ID] == "1.3.6.1.4.1.8072.3.2.10"
        assert isinstance(got[Oid.SYS_NAME], bytes)
        assert isinstance(got[UPTIME], int)
        assert f"{SYSTEM}.99.0" not in got
        walked = session.walk(SYSTEM)
        assert walked[0][0] == f"{SYSTEM}.1.0"
        assert all(name.startswith(f"{SYSTEM}.") for name, _value in walked)
        assert len(walked) > 20
        assert session.walk("1.3.6.1.2.1.999") == []
        assert session.answered


def test_a_column_is_keyed_by_its_index(agent: int) -> None:
    with SnmpSession(v2c(agent)) as session:
        descriptions = session.column("1.3.6.1.2.1.1.9.1.3")
        assert (1,) in descriptions
        assert session.column("1.3.6.1.2.1.4.20.1.1")[127, 0, 0, 1] == "127.0.0.1"


@pytest.mark.parametrize("way", [lambda port: v2c(port, "private"), v3], ids=["v2c", "v3"])
def test_what_was_set_is_read_back(way: Callable[[int], ResolvedSnmp], agent: int) -> None:
    with SnmpSession(way(agent)) as session:
        session.set((CONTACT, "s", "门禁 pole 3"), (LOCATION, "s", b"rack 4"))
        assert session.get(CONTACT, LOCATION) == {CONTACT: "门禁 pole 3".encode(), LOCATION: b"rack 4"}


@pytest.mark.parametrize(
    ("oid", "kind", "value"),
    [(UPTIME, "i", 1), (CONTACT, "i", 7), (f"{SYSTEM}.99.0", "s", "x"), (Oid.IF_NAME, "s", "x")],
)
def test_a_set_that_the_agent_refuses_is_rejected_with_the_object(
    oid: str, kind: str, value: int | str, agent: int
) -> None:
    with SnmpSession(v2c(agent, "private")) as session, pytest.raises(CommandRejected) as caught:
        session.set((oid, kind, value))
    assert f"127.0.0.1:{agent}" in str(caught.value)
    assert oid in str(caught.value)


def test_a_set_with_a_read_only_community_is_refused(agent: int) -> None:
    with SnmpSession(v2c(agent)) as session, pytest.raises((CommandRejected, AuthenticationFailed)):
        session.set((CONTACT, "s", "x"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"user": "nobody"},
        {"auth_password": "wrong-secret-1"},
        {"auth_protocol": "sha512"},
        {"priv_password": "wrong-secret-2"},
        {"priv_protocol": "aes256"},
        {"user": "sha256"},
        {"context": "vlan-12", "auth_password": "wrong-secret-1"},
        {"context": "vlan-12", "user": "nobody"},
    ],
    ids=" ".join,
)
def test_wrong_v3_credentials_are_an_authentication_failure_without_a_secret(wrong: dict[str, str], agent: int) -> None:
    settings: dict[str, Any] = {"retries": 0, **wrong}
    with SnmpSession(v3(agent, **settings)) as session, pytest.raises(AuthenticationFailed) as caught:
        session.get(Oid.SYS_NAME)
    assert f"127.0.0.1:{agent}" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_wrong_community_is_silence_and_the_error_says_so(agent: int) -> None:
    with SnmpSession(v2c(agent, "wrong-community-1")) as session, pytest.raises(Unreachable) as caught:
        session.get(Oid.SYS_NAME)
    assert "community" in str(caught.value)
    assert "wrong-community-1" not in str(caught.value)


@pytest.mark.parametrize("way", [v2c, v3, lambda port: v3(port).for_vlan(1)], ids=["v2c", "v3", "v3 context"])
def test_a_closed_port_is_unreachable(way: Callable[[int], ResolvedSnmp]) -> None:
    with SnmpSession(way(free_port())) as session, pytest.raises(Unreachable):
        session.get(Oid.SYS_NAME)


def test_an_unknown_host_is_unreachable() -> None:
    with SnmpSession(replace(v2c(161), host="no-such-host.invalid")) as session, pytest.raises(Unreachable) as caught:
        session.walk(Oid.IF_NAME)
    assert "no-such-host.invalid:161" in str(caught.value)


def test_an_agent_that_went_away_is_a_timeout(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        port = free_port()
        process = start(tmp_path, port)
        session = SnmpSession(v2c(port))
        assert session.get(Oid.SYS_NAME)
        stop(process)
        silent.bind(("127.0.0.1", port))  # nothing answers, and no ICMP says that the port is closed
        with pytest.raises(DeviceTimeout):
            session.get(Oid.SYS_NAME)


@pytest.mark.parametrize("way", [v2c, v3], ids=["v2c", "v3"])
def test_a_session_outlives_the_agents_restart(way: Callable[[int], ResolvedSnmp], tmp_path: Path) -> None:
    port = free_port()
    process = start(tmp_path, port)
    with SnmpSession(way(port)) as session:
        assert session.get(Oid.SYS_NAME)
        stop(process)
        process = start(tmp_path, port)
        try:
            assert session.get(Oid.SYS_NAME)
        finally:
            stop(process)


class BadAgent(threading.Thread):
    """A UDP socket that answers every datagram with what `answer` makes of it; with nothing when that is empty."""

    def __init__(self, answer: Callable[[bytes, int], bytes]) -> None:
        super().__init__(daemon=True)
        self.answer = answer
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = int(self.socket.getsockname()[1])

    def run(self) -> None:
        for count in range(100_000):
            request, sender = self.socket.recvfrom(65_535)
            if request == b"stop":
                return
            if answer := self.answer(request, count):
                self.socket.sendto(answer, sender)

    def __enter__(self) -> int:
        self.start()
        return self.port

    def __exit__(self, *_exception: object) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.sendto(b"stop", ("127.0.0.1", self.port))
        self.join(10)
        self.socket.close()


@pytest.mark.parametrize("lost", range(4))
def test_one_lost_datagram_is_no_wrong_password(lost: int, agent: int) -> None:
    """What is not answered right after the engine told its identity looks like what could not be decrypted."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as onward:
        onward.settimeout(5)
        onward.connect(("127.0.0.1", agent))

        def relayed(request: bytes, count: int) -> bytes:
            if count == lost:
                return b""
            onward.send(request)
            return onward.recv(65_535)

        with BadAgent(relayed) as port, SnmpSession(v3(port)) as session:
            assert session.walk(Oid.IF_NAME)


def tlv(tag: int, content: bytes) -> bytes:
    """Encode one BER value of up to 127 octets."""
    return bytes([tag, len(content)]) + content


def circle(request: bytes, count: int) -> bytes:
    """Answer GETBULK with ifDescr.1 and ifDescr.2 in turn, for ever."""
    # SEQUENCE, version, community "c", PDU header, request id: at fixed places, for all are short.
    community_end = 2 + 3 + 3
    pdu = request[community_end:]
    request_id = pdu[2 : 4 + pdu[3]]
    name = tlv(6, bytes([0x2B, 6, 1, 2, 1, 2, 2, 1, 2, 1 + count % 2]))
    bindings = tlv(0x30, tlv(0x30, name + tlv(4, b"x")))
    answer = tlv(0xA2, request_id + tlv(2, b"\0") + tlv(2, b"\0") + bindings)
    return tlv(0x30, tlv(2, b"\1") + tlv(4, b"c") + answer)


@pytest.mark.parametrize("with_gufo", [True, False], ids=["gufo", "pysnmp"])
def test_an_agent_that_answers_in_a_circle_is_left(with_gufo: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not with_gufo:
        monkeypatch.setitem(sys.modules, "gufo.snmp.sync", None)
    with BadAgent(circle) as port, SnmpSession(v2c(port, "c")) as session, pytest.raises(UnparsedOutput) as caught:
        session.column(Oid.IF_DESCR)
    assert "IF_DESCR" in str(caught.value)


@pytest.mark.parametrize(
    "noise", [b"\0", b"\x30\x82\xff\xff", b"GET / HTTP/1.1\r\n", bytes(range(256)), b"\x30\x03\x02\x01\x01"]
)
def test_an_agent_that_answers_noise_is_an_equipment_error(noise: bytes) -> None:
    with BadAgent(lambda _request, _count: noise) as port, SnmpSession(v2c(port, retries=0)) as session:
        with pytest.raises(EquipmentError):
            session.get(Oid.SYS_NAME)
        with pytest.raises(EquipmentError):
            session.walk(Oid.IF_NAME)


def test_an_agent_that_echoes_the_request_is_an_equipment_error() -> None:
    with (
        BadAgent(lambda request, _count: request) as port,
        SnmpSession(v2c(port, retries=0)) as session,
        pytest.raises(EquipmentError),
    ):
        session.get(Oid.SYS_NAME)
