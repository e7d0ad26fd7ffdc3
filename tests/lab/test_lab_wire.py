"""The packet watch on real frames: each thing that should not be is told, and good traffic is not."""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from controller.ledger.query import Filter, entries
from controller.store.fingerprints import fingerprints
from controller.store.inventory import remove_device
from controller.store.observations import put_observation
from controller.watch.lines import Event, Fingerprint, Sighting, Status
from controller.watch.recording import Recorder
from controller.watch.ring import Ring
from controller.watch.watch import Watch, site_rules
from lab.net import in_netns, ip_batch
from policies.errors import EquipmentError, NotFound
from policies.model import Learned, ObservedPort, ObservedSwitch, Oper
from policies.watch.filter import known_good
from policies.watch.rules import Index
from policies.watch.sighting import Kind
from tests.lab.wire_bed import Bed, bed
from tests.unit.watch_frames import (
    CAMERA,
    CONTROLLER,
    IPS,
    OTHER_CAMERA,
    OUTSIDE,
    PLATFORM,
    RECORDER,
    ROGUE,
    TERMINAL,
    arp,
    dhcp,
    icmp,
    octets,
    router_advertisement,
    tcp,
    udp,
)

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root: network namespaces and frames. Next: run it as root"),
]

OFFER = b"\x35\x01\x02\x36\x04\x0a\x07\x00\x42\x03\x04\x0a\x07\x00\x42"
LINUX = bytes([2, 4, 5, 180, 4, 2, 8, 10]) + bytes(8) + bytes([1, 3, 3, 7])
WINDOWS = bytes([2, 4, 5, 180, 1, 3, 3, 8, 1, 1, 4, 2])
GOOD = [
    arp(CAMERA, IPS[CAMERA]), arp(CAMERA, IPS[CAMERA], op=2, to=RECORDER), udp(CAMERA, IPS[RECORDER]),
    tcp(CAMERA, IPS[RECORDER]), tcp(RECORDER, IPS[CAMERA], (554, 40000)), udp(RECORDER, IPS[CAMERA]),
    icmp(CONTROLLER, IPS[CAMERA]), tcp(TERMINAL, IPS[CONTROLLER], (40000, 8883)),
    udp(CAMERA, IPS[RECORDER], tags=[100]),
]  # fmt: skip
#: What is sent, and what it is: the kind, the sub-clause, whose MAC, and the second party.
CASES = {
    "unknown MAC": ([arp(ROGUE, "10.7.0.66")], Kind.UNKNOWN_MAC, "7.1a", ROGUE, ""),
    "unknown IP": ([arp(CAMERA, "10.7.0.77")], Kind.UNKNOWN_IP, "7.1c", CAMERA, ""),
    "duplicate IP": ([arp(TERMINAL, IPS[CAMERA])], Kind.DUPLICATE_IP, "7.1c", TERMINAL, CAMERA),
    "ARP spoofing": ([arp(TERMINAL, IPS[RECORDER], op=2, to=CAMERA)], Kind.ARP_SPOOF, "7.1c", TERMINAL, RECORDER),
    "rogue DHCP": ([dhcp(ROGUE, OFFER, reply=True, source="10.7.0.66")], Kind.ROGUE_DHCP, "7.1a", ROGUE, ""),
    "rogue RA": ([router_advertisement(ROGUE)], Kind.ROGUE_RA, "7.1a", ROGUE, ""),
    "second VLAN": ([udp(CAMERA, IPS[RECORDER], tags=[200])], Kind.SECOND_VLAN, "7.1a", CAMERA, "200"),
    "VLAN in a VLAN": ([udp(CAMERA, IPS[RECORDER], tags=[100, 300])], Kind.SECOND_VLAN, "7.1a", CAMERA, "300"),
    "gateway": ([udp(OTHER_CAMERA, IPS[RECORDER], source="8.8.8.8")], Kind.GATEWAY, "7.1a", OTHER_CAMERA, ""),
    "camera to outside": ([udp(CAMERA, OUTSIDE)], Kind.OUTSIDE, "7.1a", CAMERA, ""),
    "terminal to outside": ([tcp(TERMINAL, OUTSIDE, (40000, 443))], Kind.OUTSIDE, "7.2d", TERMINAL, ""),
    "camera to camera": ([udp(CAMERA, IPS[OTHER_CAMERA])], Kind.FORBIDDEN_FLOW, "7.5", CAMERA, IPS[OTHER_CAMERA]),
    "platform": ([tcp(RECORDER, PLATFORM, (40000, 443))], Kind.FORBIDDEN_FLOW, "7.5", RECORDER, PLATFORM),
    "NAT": (
        [udp(CONTROLLER, IPS[CAMERA]), udp(CONTROLLER, IPS[CAMERA], ttl=63)], Kind.NAT, "7.1b", CONTROLLER, "",
    ),
    "clone": (
        [tcp(OTHER_CAMERA, IPS[RECORDER], flags=2, options=LINUX),
         tcp(OTHER_CAMERA, IPS[RECORDER], (40001, 554), flags=2, options=WINDOWS)],
        Kind.IDENTITY, "7.1c", OTHER_CAMERA, "syn",
    ),
    "malformed": ([octets(RECORDER) + octets(ROGUE) + b"\x08\x00\x45" + bytes(9)], Kind.MALFORMED, "7.1a", ROGUE,
                  "ip short"),
}  # fmt: skip


@pytest.fixture(scope="module")
def wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    with bed(tmp_path_factory.mktemp("wire")) as made:
        yield made


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory, wire: Bed) -> Iterator[Watch]:
    """Give one watch for the cases that do not disturb each other."""
    with wire.watching() as watch:
        yield watch


@pytest.mark.parametrize("case", CASES)
def test_what_should_not_be_is_told(wire: Bed, watched: Watch, case: str) -> None:
    frames, kind, clause, mac, other = CASES[case]
    started = datetime.now(UTC)
    wire.send(*frames)

    def wanted(event: Event) -> bool:
        return isinstance(event, Sighting) and (event.kind, event.mac, event.other) == (kind, mac, other)

    found = wire.until(watched, wanted)
    assert isinstance(found, Sighting)
    assert found.clause == clause
    assert found.interface == "near"
    assert found.evidence[6:12] == octets(mac)
    assert started <= found.first_at <= datetime.now(UTC)


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Bed]:
    """Give a cable and a site of the test's own."""
    with bed(tmp_path / "own") as made:
        yield made


def learned(own: Bed, watch: Watch) -> None:
    """Let the watch see good traffic until it knows the devices' manners, and the filter with it."""
    own.send(*GOOD)
    wanted = 5
    own.until(watch, lambda _: sum(isinstance(event, Fingerprint) for event in own.seen) >= wanted)
    own.until(watch, lambda event: isinstance(event, Status) and event.learned >= 3)


def test_good_traffic_is_no_sighting_and_is_dropped_in_the_kernel(own: Bed) -> None:
    with own.watching() as watch:
        learned(own, watch)
        assert {(event.mac, event.trait) for event in own.seen if isinstance(event, Fingerprint)} == {
            (CAMERA, "ttl_udp"), (CAMERA, "ttl_tcp"), (RECORDER, "ttl_tcp"), (RECORDER, "ttl_udp"),
            (TERMINAL, "ttl_tcp"),
        }  # fmt: skip
        for _ in range(200):
            own.send(*GOOD)
        own.send(arp(ROGUE, "10.7.0.66"))
        own.until(watch, lambda event: isinstance(event, Sighting))
        status = own.last(watch)
    assert [sighting.kind for sighting in own.sightings()] == [Kind.UNKNOWN_MAC]
    ((name, came, passed, lost),) = status.interfaces
    assert (name, lost, status.unjudged) == ("near", 0, 0)
    assert came == 201 * len(GOOD) + 1
    # What taught it passed once (ARP and ICMP teach nothing, and were known good before), and the rogue did.
    assert passed == len(GOOD) - 3 + 1


def test_the_child_has_no_privileges(watched: Watch) -> None:
    assert watched.pid is not None
    status = Path(f"/proc/{watched.pid}/status").read_text("ascii")
    facts = dict(line.split(":", 1) for line in status.splitlines())
    assert facts["Uid"].split() == facts["Gid"].split() == ["65534"] * 4
    assert {facts[name].strip() for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert (facts["NoNewPrivs"].strip(), facts["Groups"].strip()) == ("1", "")


def test_a_filter_is_swapped_without_a_gap(own: Bed) -> None:
    index = Index(site_rules(own.context))
    ttls: dict[str, tuple[int | None, int | None]] = dict.fromkeys(IPS, (64, 64))
    programs = [known_good(index, ttls).program, known_good(index, {**ttls, TERMINAL: (128, 128)}).program]
    with in_netns(own.near):
        ring = Ring("near", programs[0], 1 << 23)
    sent, done = 20_000, threading.Event()

    def send() -> None:
        for number in range(sent):
            own.send(udp(CAMERA, IPS[RECORDER]), udp(ROGUE, IPS[RECORDER], (number % 60_000 + 1, 9)))
        done.set()

    with ring:
        sender = threading.Thread(target=send)
        sender.start()
        swaps = got = known = 0
        quiet = time.monotonic() + 5
        while not done.is_set() or time.monotonic() < quiet:
            if not done.is_set():
                quiet = time.monotonic() + 0.5
            swaps += 1
            ring.attach(programs[swaps % 2])
            while (block := ring.take()) is not None:
                got += block.frames
                known += block.data.count(octets(RECORDER) + octets(CAMERA))
        sender.join()
        counters = ring.count()
    assert swaps > 100
    assert (got, known, counters.lost) == (sent, 0, 0)
    assert counters.passed == sent


def test_what_has_no_room_is_counted_and_told(own: Bed) -> None:
    noise = random.Random(5)
    frames = [arp(f"66:{noise.randbytes(5).hex(':')}", "10.7.0.66") for _ in range(4000)]
    with own.watching() as watch:
        assert watch.pid is not None
        os.kill(watch.pid, signal.SIGSTOP)
        for _ in range(75):
            own.send(*frames)
        os.kill(watch.pid, signal.SIGCONT)
        own.until(watch, lambda event: isinstance(event, Sighting) and event.kind is Kind.LOST)
        memory = int(Path(f"/proc/{watch.pid}/status").read_text("ascii").partition("VmRSS:")[2].split()[0])
        status = own.last(watch)
    ((_, came, passed, lost),) = status.interfaces
    assert lost > 0
    assert came == 75 * len(frames) == passed + lost or came == passed  # a kernel may count lost ones as passed
    unknown = {event.mac for event in own.sightings() if event.kind is Kind.UNKNOWN_MAC}
    assert "*" in unknown
    assert len(unknown) <= 257
    assert memory < 120 * 1024


def test_the_port_is_the_switches_word_and_a_moved_mac_is_told(own: Bed) -> None:
    ports = {
        "GigabitEthernet0/7": [CAMERA],
        "GigabitEthernet0/9": [ROGUE, OTHER_CAMERA],
        "GigabitEthernet0/24": [RECORDER],
    }
    read = ObservedSwitch("sw1", "cisco_ios", datetime.now(UTC), {
        name: ObservedPort(name, oper=Oper.UP, learned=frozenset(Learned(mac, 100) for mac in macs))
        for name, macs in ports.items()
    })  # fmt: skip
    put_observation(own.context.store, read)
    with own.watching() as watch:
        own.send(arp(ROGUE, "10.7.0.66"))
        found = own.until(watch, lambda event: isinstance(event, Sighting) and event.kind is Kind.UNKNOWN_MAC)
        assert isinstance(found, Sighting)
        assert (found.port, found.subject) == ("sw1/GigabitEthernet0/9",) * 2
        by_kind = {(event.kind, event.mac): event.port for event in own.sightings()}
    assert by_kind[Kind.MOVED, CAMERA] == "sw1/GigabitEthernet0/7"
    assert by_kind[Kind.HUB, ROGUE] == "sw1/GigabitEthernet0/9"
    assert (Kind.MOVED, RECORDER) not in by_kind


def test_manners_are_kept_and_a_clone_is_told_after_a_restart(own: Bed) -> None:
    recorder = Recorder(own.context)
    with own.watching() as watch:
        learned(own, watch)
        recorder.take(own.seen)
    assert fingerprints(own.context.store)[CAMERA] == {"ttl_tcp": "64", "ttl_udp": "64"}
    with own.watching() as watch:
        own.send(tcp(CAMERA, IPS[RECORDER], ttl=128))
        found = own.until(watch, lambda event: isinstance(event, Sighting))
        recorder.take([found, found])
    assert isinstance(found, Sighting)
    assert (found.kind, found.facts["known"], found.facts["seen"]) == (Kind.IDENTITY, "64", "128")
    (entry,) = entries(own.context.store, Filter(kind="watch"))
    assert (entry.kind, entry.subject, entry.data["facts"]["fingerprint"]) == (
        "watch.identity", CAMERA, {"ttl_tcp": "64", "ttl_udp": "64"},
    )  # fmt: skip


def test_the_inventory_may_change_while_it_watches(own: Bed) -> None:
    with own.watching() as watch:
        learned(own, watch)
        remove_device(own.context.store, "camera11")
        watch.change()
        found = None
        while found is None:  # the order reaches the child within a moment
            own.send(udp(CAMERA, IPS[RECORDER]))
            own.seen += watch.events(0.2)
            found = next(iter(own.sightings()), None)
    assert (found.kind, found.mac) == (Kind.UNKNOWN_MAC, CAMERA)


def test_an_interface_that_goes_away_ends_the_watch_with_its_name(own: Bed) -> None:
    with own.watching() as watch:
        ip_batch(["link del near"], own.near)
        with pytest.raises(EquipmentError, match="near: the interface is gone"):
            own.until(watch, lambda _: False)


def test_an_interface_that_is_not_there(own: Bed) -> None:
    with pytest.raises(NotFound, match="cannot be watched"), own.watching("nowhere0"):
        pass


class TestCommand:
    def test_it_tells_in_lines_and_in_the_ledger(self, own: Bed) -> None:
        running = own.portseal("watch", "near", "--for", "4", "--json")
        assert running.stderr is not None
        assert running.stderr.readline() == "Watching near. Stop it with Ctrl-C.\n"
        own.send(*GOOD, arp(ROGUE, "10.7.0.66"), arp(ROGUE, "10.7.0.66"))
        out, err = running.communicate(timeout=60)
        assert (running.returncode, err) == (1, "")
        lines = [json.loads(line) for line in out.splitlines()]
        (sighting,) = [line for line in lines if line["event"] == "sighting" and line["count"] == 2]
        assert (sighting["clause"], sighting["kind"], sighting["mac"], sighting["ip"]) == (
            "7.1a", "unknown_mac", ROGUE, "10.7.0.66",
        )  # fmt: skip
        assert sighting["evidence"].startswith("ff" * 6 + ROGUE.replace(":", ""))
        assert lines[-1]["event"] == "status"
        assert lines[-1]["interfaces"][0]["lost"] == 0
        assert [entry.kind for entry in entries(own.context.store, Filter(kind="watch"))] == ["watch.unknown_mac"]
        assert fingerprints(own.context.store)[CAMERA]["ttl_udp"] == "64"

    def test_nothing_wrong_is_exit_code_0_and_ctrl_c_ends_it(self, own: Bed) -> None:
        running = own.portseal("watch", "near", "--no-record")
        assert running.stderr is not None
        running.stderr.readline()
        own.send(*GOOD)
        time.sleep(1.0)
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=60)
        assert (running.returncode, err) == (0, "")
        assert out.splitlines()[-1] == "Sightings: 0."
        assert f"near: {len(GOOD)} frames came" in out
        assert fingerprints(own.context.store) == {}

    def test_without_the_right_it_is_one_line(self, own: Bed) -> None:
        running = own.portseal("watch", "near", before=("setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw"))
        out, err = running.communicate(timeout=60)
        assert (running.returncode, out) == (3, "")
        assert err == (
            "portseal: this account may not read frames from the wire. Next: run it as root, or give the service the"
            " capability CAP_NET_RAW\n"
        )
