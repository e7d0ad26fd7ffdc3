"""Notifications over real UDP to a running controller: an emulated switch's own, net-snmp's and pysnmp's, and noise."""

from __future__ import annotations

import asyncio
import random
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest

from controller.store.open import open_store
from controller.store.traps import engine_identity
from drivers.snmp import ber
from drivers.snmp.notifications import Agent, Engine, Receiver
from drivers.snmp.usm import usm_user
from tests.replay.traps_bench import (
    AUTH,
    COMMUNITY,
    CPS_LAST_MAC,
    LAPTOP,
    PRIV,
    V3,
    VIOLATION,
    TrapSite,
    trap,
    trap_site,
    violation,
)

V2C = ["-v2c", "-c", COMMUNITY]
NET_SNMP = pytest.mark.skipif(shutil.which("snmptrap") is None, reason="needs net-snmp: apt-get install snmp")
SNMP = '[switches.sw2.snmp]\nport = {port}\ncommunity = "file:community"\n'
SNMP_V3 = (
    '[switches.sw2.snmp]\nport = {port}\nuser = "reader"\nauth_password = "file:auth"\npriv_password = "file:priv"\n'
)


@pytest.fixture(scope="module")
def heard() -> Iterator[TrapSite]:
    """A controller for what is sent by hand; its switch does not answer."""
    with trap_site(with_switch=False) as made:
        yield made


class TestTheSwitchItself:
    def test_its_violations_are_told_read_and_confirmed(self) -> None:
        with trap_site(snmp=SNMP) as made:
            assert made.persona is not None
            made.persona.inject("p1", LAPTOP)
            told = made.site.wait_for("trap.violation")
            assert told.subject == "sw2/GigabitEthernet1/0/1"
            assert told.data["macs"] == [LAPTOP]
            confirmed = made.site.wait_for("violation.confirmed", seconds=60)
            assert (confirmed.subject, confirmed.data["claimed"]) == (told.subject, told.seq)
            assert confirmed.data["macs"] == [LAPTOP]
            # Mode shutdown: no notification of the violation, only of the port that the switch shut.
            made.persona.inject("p2", LAPTOP)
            made.site.wait_for("violation.confirmed", 2, seconds=60)
            entry = made.of("violation.confirmed")[1]
            assert (entry.subject, entry.data["claim"]) == ("sw2/GigabitEthernet1/0/2", "blocked")
            assert entry.data["blocked"] == "psecure-violation"
            assert entry.data["macs"] == [LAPTOP]
            assert "link_down" in {row.kind for row in made.rows()}

    def test_snmp_version_3_reads_where_there_is_no_login(self) -> None:
        with trap_site(snmp=SNMP_V3, login=False) as made:
            assert made.persona is not None
            made.persona.inject("p3", LAPTOP)
            confirmed = made.site.wait_for("violation.confirmed", seconds=60)
            assert confirmed.subject == "sw2/GigabitEthernet1/0/3"

    def test_version_2c_alone_reads_nothing(self) -> None:
        with trap_site(snmp=SNMP, login=False) as made:
            assert made.persona is not None
            made.persona.inject("p3", LAPTOP)
            unread = made.site.wait_for("violation.unread", seconds=60)
            assert "no authenticated way" in unread.data["error"]

    def test_a_lie_is_not_confirmed(self) -> None:
        with trap_site() as made:
            made.send(violation(1, LAPTOP))
            denied = made.site.wait_for("violation.unconfirmed", seconds=60)
            assert denied.subject == "sw2/GigabitEthernet1/0/1"
            assert made.of("violation.confirmed") == []


def test_an_address_that_is_not_there_holds_nobody_up_and_is_said() -> None:
    """An interface that comes up late must not keep the controller from serving card readers and terminals."""
    with trap_site(with_switch=False, listen="192.0.2.77") as made:
        assert made.status()["present"] is False
        assert made.site.ask(do="terminals")["broker"] is True
    with trap_site(with_switch=False) as made:
        assert made.status()["present"] is True


@NET_SNMP
class TestNetSnmp:
    @pytest.mark.parametrize("access", [V2C, V3], ids=["v2c", "v3"])
    @pytest.mark.parametrize("program", ["snmptrap", "snmpinform"])
    def test_traps_and_informs_are_taken(self, heard: TrapSite, program: str, access: list[str]) -> None:
        number = 1 + ["snmptrap", "snmpinform"].index(program) + 2 * [V2C, V3].index(access)
        mac = f"66778800000{number}"
        assert heard.net_snmp(program, access, VIOLATION, f"{CPS_LAST_MAC}.{10100 + number}", "x", mac) == 0
        heard.site.until(lambda: any(mac in "".join(row.macs).replace(":", "") for row in heard.rows()))
        row = next(row for row in heard.rows() if mac in "".join(row.macs).replace(":", ""))
        assert row.proof == ("v2c" if access == V2C else "authPriv")
        if program == "snmpinform":  # whoever was answered can rely on the ledger
            assert any(mac in "".join(each.data["macs"]).replace(":", "") for each in heard.of("trap.violation"))

    def test_a_wrong_password_gets_no_answer_and_is_told(self, heard: TrapSite) -> None:
        guessed = [word.replace(AUTH, "auth-word-2") for word in V3]
        assert heard.net_snmp("snmpinform", [*guessed, "-t", "1", "-r", "0"], VIOLATION) != 0
        heard.site.until(lambda: "digest" in {each.reason for each in heard.refused()})
        assert "trap.refused" in heard.site.kinds()

    def test_an_engine_keeps_its_identity_and_counts_its_starts(self, heard: TrapSite) -> None:
        with open_store(heard.site.folder) as store:
            before = engine_identity(store)
        assert heard.status()["engine"] == before.hex()
        heard.site.stop()
        heard.site.start()
        assert heard.status()["engine"] == before.hex()
        assert heard.net_snmp("snmpinform", V3, VIOLATION, f"{CPS_LAST_MAC}.10109", "x", "667788000009") == 0


class TestPysnmp:
    def test_its_traps_and_informs_under_the_users_keys(self, heard: TrapSite) -> None:
        assert asyncio.run(_pysnmp(heard.port, "trap", "66:77:88:00:01:01")) is None
        assert asyncio.run(_pysnmp(heard.port, "inform", "66:77:88:00:01:02")) is None
        sent = {"66:77:88:00:01:01", "66:77:88:00:01:02"}
        heard.site.until(lambda: sent <= {mac for row in heard.rows() for mac in row.macs})


async def _pysnmp(port: int, kind: str, mac: str) -> str | None:
    """Send a notification; gives what went wrong."""
    from pysnmp.hlapi.v3arch import asyncio as api
    from pysnmp.proto import rfc1902

    engine: Any = api.SnmpEngine()
    user = api.UsmUserData(
        "traps", AUTH, PRIV, authProtocol=api.usmHMAC192SHA256AuthProtocol, privProtocol=api.usmAesCfb128Protocol
    )
    target = await api.UdpTransportTarget.create(("127.0.0.1", port), timeout=5, retries=2)
    octets = rfc1902.OctetString(bytes.fromhex(mac.replace(":", "")))
    binds = (
        api.ObjectType(api.ObjectIdentity("1.3.6.1.6.3.1.1.4.1.0"), rfc1902.ObjectIdentifier(VIOLATION)),
        api.ObjectType(api.ObjectIdentity(f"{CPS_LAST_MAC}.10108"), octets),
    )
    send: Any = api.send_notification  # its stub wants a NotificationType, which looks MIBs up
    sent = await send(engine, user, target, api.ContextData(), kind, *binds, lookupMib=False)
    engine.close_dispatcher()
    return str(sent[0]) if sent[0] else None


class TestNoise:
    def test_noise_is_refused_and_the_next_notification_is_heard(self, heard: TrapSite) -> None:
        noise = random.Random(7)
        good = violation(6, "66:77:88:00:02:01")
        sent = [noise.randbytes(noise.randrange(1, 400)) for _ in range(150)]
        for _ in range(150):
            damaged = bytearray(good)
            for _ in range(noise.randrange(1, 6)):
                damaged[noise.randrange(len(damaged))] = noise.randrange(256)
            sent.append(bytes(damaged[: noise.randrange(1, len(damaged) + 1)]))
        heard.send(*sent, good)
        heard.site.until(lambda: any("66:77:88:00:02:01" in row.macs for row in heard.rows()))
        assert "malformed" in {each.reason for each in heard.refused()}

    def test_an_unknown_notification_is_kept_and_shown(self, heard: TrapSite) -> None:
        heard.send(trap("1.3.6.1.4.1.99999.0.5", ("1.3.6.1.4.1.99999.1", ber.OCTETS, b"hello")))
        heard.site.until(lambda: bool(heard.rows(kind="unknown")))
        (row,) = (each for each in heard.rows(kind="unknown") if each.name == "1.3.6.1.4.1.99999.0.5")
        assert row.said == [["1.3.6.1.4.1.99999.1", "octets", b"hello".hex()]]

    def test_a_strangers_is_counted_told_and_not_answered(self, heard: TrapSite) -> None:
        before = len(heard.rows())
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.bind(("127.0.0.9", 0))
            stranger.settimeout(1)
            stranger.sendto(violation(1, "66:77:88:00:03:01"), ("127.0.0.1", heard.port))
            heard.site.until(lambda: "127.0.0.9" in {each.sender for each in heard.refused()})
            with pytest.raises(TimeoutError):
                stranger.recv(2000)
        assert len(heard.rows()) == before
        assert "127.0.0.9" in {each.subject for each in heard.of("trap.refused")}


def test_a_storm_is_one_entry_for_each_port_and_every_real_violation_among_it_is_recorded() -> None:
    """20,000 datagrams as fast as they go, four sorts of noise among them; 12 ports violate, the last one only once."""
    noise = random.Random(11)
    ordinary = [violation(number, f"66:77:88:00:04:{number:02x}") for number in range(1, 12)]
    others = [
        trap("1.3.6.1.6.3.1.1.5.3", ("1.3.6.1.2.1.31.1.1.1.1.10105", ber.OCTETS, b"Gi1/0/5")),
        trap("1.3.6.1.4.1.99999.0.6"),
        trap(VIOLATION, community="guessed"),
        b"\x30\x82\xff\xff",
    ]
    with trap_site(with_switch=False) as made:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for number in range(20_000):
                sender.sendto(noise.choice(ordinary if number % 2 else others), ("127.0.0.1", made.port))
                if number == 10_000:
                    # Half of the storm must have been read, so that the one that counts is not lost for want of room.
                    made.site.until(lambda: made.status()["received"] + made.status()["lost"] >= 10_000)
                    sender.sendto(violation(12, "66:77:88:00:04:0c"), ("127.0.0.1", made.port))
        made.site.until(lambda: made.status()["received"] + made.status()["lost"] >= 20_001, 120)
        ports = {f"sw2/GigabitEthernet1/0/{number}" for number in range(1, 13)}
        made.site.until(lambda: {each.subject for each in made.of("trap.violation")} == ports)
        assert len(made.of("trap.violation")) == 12
        status = made.status()
        made.site.until(lambda: sum(row.count for row in made.rows()) == status["taken"], 60)
        assert status["taken"] + status["refused"] == status["received"]
        assert sum(each.count for each in made.refused()) == status["refused"]
        assert len(made.rows()) == 12 + 2


HASHES = {
    "md5": "MD5",
    "sha": "SHA",
    "sha224": "SHA-224",
    "sha256": "SHA-256",
    "sha384": "SHA-384",
    "sha512": "SHA-512",
}
CIPHERS = {
    "des": "DES", "aes128": "AES", "aes192": "AES-192", "aes256": "AES-256", "aes192c": "AES-192-C",
    "aes256c": "AES-256-C",
}  # fmt: skip


@NET_SNMP
@pytest.mark.parametrize("cipher", CIPHERS)
@pytest.mark.parametrize("digest", HASHES)
def test_informs_under_every_hash_and_cipher_are_answered(digest: str, cipher: str) -> None:
    """net-snmp sends with each pair, and takes the answer as an authentic one."""
    user = usm_user("traps", digest, AUTH, cipher, PRIV)
    receiver = Receiver(Engine(b"\x80\x00\x00\x00\x05ours", 3, time.monotonic()), time.monotonic)
    agents = [Agent("sw2", users={user.name: user})]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours:
        ours.bind(("127.0.0.1", 0))
        ours.settimeout(20)
        access = ["-v3", "-u", "traps", "-l", "authPriv", "-a", HASHES[digest], "-A", AUTH, "-x", CIPHERS[cipher]]
        argv = ["snmpinform", *access, "-X", PRIV, "-t", "10", f"127.0.0.1:{ours.getsockname()[1]}", "", VIOLATION]
        with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as sending:
            taken = None
            while taken is None or taken.pdu is None:
                data, address = ours.recvfrom(65_535)
                taken = receiver.take(data, agents)
                ours.sendto(taken.reply, address)
            assert (sending.wait(20), taken.pdu.trap) == (0, VIOLATION)
