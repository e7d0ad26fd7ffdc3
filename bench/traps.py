"""From a trap on the wire to the ledger, and a minute of 5,000 traps a second with real violations among it."""

from __future__ import annotations

import random
import socket
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench.result import Line, most
from controller.store.open import open_store
from drivers.snmp import ber, messages, usm
from drivers.snmp.messages import Flag, Secured
from drivers.snmp.usm import usm_user
from tests.replay.traps_bench import AUTH, PRIV, VIOLATION, TrapSite, trap, trap_site, violation

SINGLE, RATE, SECONDS = 200, 5000, 60
_USER, _ENGINE = usm_user("traps", "sha256", AUTH, "aes128", PRIV), b"\x80\x00\x00\x09\x03bench"
#: Real violations that come once each while the storm goes on, over the last ports of the switch.
_REAL = 40


def measure() -> Iterator[Line]:
    """Run one controller for the single ones, and one for each storm."""
    with trap_site(with_switch=False) as site:
        yield from _single(site)
    for name, seal in (("v2c", lambda data: data), ("v3 authPriv", _sealed)):
        with trap_site(with_switch=False) as site:
            yield from _storm(site, name, seal)


def _single(site: TrapSite) -> Iterator[Line]:
    """Send violations one at a time, each of another port, and wait until a reader of the database sees the entry."""
    took = []
    with open_store(site.site.folder, read_only=True) as store, _sender() as sender:
        for number in range(SINGLE):
            port = f"TenGigabitEthernet{number // 48 + 1}/0/{number % 48 + 1}"
            subject = f"sw2/{port}"
            data = trap(VIOLATION, (f"1.3.6.1.2.1.31.1.1.1.1.{number + 1}", ber.OCTETS, port.encode()))
            started = time.perf_counter()
            sender.sendto(data, ("127.0.0.1", site.port))
            while store.row("SELECT 1 FROM ledger WHERE kind = 'trap.violation' AND subject = ?", (subject,)) is None:
                time.sleep(0.0005)
            took.append((time.perf_counter() - started) * 1000)
            time.sleep(0.06)  # the next one is a trap of its own, not the rest of a burst
    took.sort()
    yield Line(f"trap to violation recorded, p50: {statistics.median(took):.1f} ms ({SINGLE} single traps)")
    yield most("trap to violation recorded, p95", took[int(len(took) * 0.95)], 250, "ms")


def _storm(site: TrapSite, name: str, seal: Callable[[bytes], bytes]) -> Iterator[Line]:
    """Send at a fixed rate; what must be in the ledger afterwards is known."""
    noise = random.Random(3)
    often = [seal(violation(number, f"66:77:88:00:00:{number:02x}")) for number in range(1, 13)]
    once = [seal(_once(number)) for number in range(_REAL)]
    cpu, before = _cpu(site.site.pid), _rss(site.site.pid)
    with _sender() as sender:
        total = RATE * SECONDS
        started = time.perf_counter()
        for number in range(total):
            sender.sendto(noise.choice(often), ("127.0.0.1", site.port))
            if number % (total // _REAL) == total // _REAL // 2:
                sender.sendto(once[number * _REAL // total], ("127.0.0.1", site.port))
            if number % 50 == 49:
                time.sleep(max(0.0, started + (number + 1) / RATE - time.perf_counter()))
        lasted = time.perf_counter() - started
    site.site.until(lambda: _seen(site.status()) >= total, 120)
    time.sleep(1.5)
    cpu = _cpu(site.site.pid) - cpu
    status = site.status()
    subjects = [entry.subject for entry in site.of("trap.violation")]
    recorded = sum(f"sw2/TwentyFiveGigE1/0/{number + 1}" in subjects for number in range(_REAL))
    yield Line(
        f"storm, {name}: {total + _REAL:,} traps in {lasted:.0f} s, {status['taken']:,} taken, {status['lost']:,} lost"
    )
    yield Line(f"storm, {name}: real violations recorded: {recorded} of {_REAL}", recorded == _REAL)
    yield Line(
        f"storm, {name}: entries for {len(set(subjects))} ports: {len(subjects)}", len(subjects) == len(set(subjects))
    )
    yield Line(
        f"storm, {name}: {cpu / lasted * 100:.0f} % of one core, {cpu / max(status['taken'], 1) * 1e6:.0f} µs a trap"
    )
    yield most(f"storm, {name}: memory grew by", _rss(site.site.pid) - before, 64, "MB")


def _once(number: int) -> bytes:
    port = f"TwentyFiveGigE1/0/{number + 1}".encode()
    mac = bytes.fromhex(f"667788000{number:03x}")
    return trap(
        VIOLATION,
        (f"1.3.6.1.2.1.31.1.1.1.1.{900 + number}", ber.OCTETS, port),
        (f"1.3.6.1.4.1.9.9.315.1.2.1.1.10.{900 + number}", ber.OCTETS, mac),
    )


def _sealed(data: bytes) -> bytes:
    """Give the same notification in a v3 message; its clock is right for as long as the storm lasts."""
    at, stop = ber.expect(data, 0, len(data), ber.SEQUENCE)
    _, at = ber.integer(data, at, stop)
    _, at = ber.octets(data, at, stop)
    scoped = messages.scope(_ENGINE, b"", data[at:stop])
    size = usm.DIGEST_OCTETS[_USER.auth_protocol]
    head = Secured(1, 1500, Flag.AUTH | Flag.PRIV, _ENGINE, 1, 5000, _USER.name, bytes(size), 0, b"saltsalt", scoped)
    sealed = ber.tlv(ber.OCTETS, usm.encrypt(_USER, head, scoped))
    head = Secured(1, 1500, head.flags, _ENGINE, 1, 5000, _USER.name, head.digest, 0, head.salt, sealed)
    whole, place = messages.secured_message(head)
    digest = usm.digest(_USER, _USER.keys_at(_ENGINE).auth, whole, place)
    return whole[:place] + digest + whole[place + size :]


def _sender() -> socket.socket:
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


def _seen(status: dict[str, Any]) -> int:
    return int(status["received"]) + int(status["lost"])


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def _rss(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1]) * 4096 / 1e6
