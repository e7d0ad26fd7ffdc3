"""The kernel's filter: what is known to be good is dropped, and nothing that the judgement would have told of."""

from __future__ import annotations

import itertools
import random
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.watch import bpf
from policies.watch.bpf import Assembler
from policies.watch.filter import SNAP, known_good
from policies.watch.flows import FlowRule
from policies.watch.frame import BadFrame, parse
from policies.watch.rules import Index, Known
from policies.watch.sighting import Seen
from policies.watch.wire import Wire
from tests.unit.watch_frames import (
    ALL,
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
    ipv4,
    ipv6,
    octets,
    router_advertisement,
    rules,
    run,
    tcp,
    udp,
    udp_body,
)  # fmt: skip

TTLS: dict[str, tuple[int | None, int | None]] = dict.fromkeys(IPS, (64, 64))
RULES = rules()
FILTER = known_good(Index(RULES), TTLS)
SYN_OPTIONS = bytes([2, 4, 5, 180, 4, 2, 8, 10]) + bytes(8) + bytes([1, 3, 3, 7])


@pytest.mark.parametrize(
    "frame",
    [
        arp(CAMERA, IPS[CAMERA]),
        arp(CAMERA, IPS[CAMERA], op=2, to=RECORDER),
        udp(CAMERA, IPS[RECORDER]),
        tcp(CAMERA, IPS[RECORDER], payload=b"$\0\5\0video"),
        tcp(RECORDER, IPS[CAMERA], (554, 40000), payload=b"$\0\5\0video"),
        icmp(CONTROLLER, IPS[CAMERA]),
        tcp(TERMINAL, IPS[CONTROLLER], (40000, 8883)),
        tcp(CONTROLLER, IPS[TERMINAL], (8883, 40000)),
        udp(CAMERA, "239.1.1.1", to="01:00:5e:01:01:01"),
    ],
    ids=[
        "asks ARP", "answers ARP", "UDP", "TCP", "video answers", "echo", "a listed port", "its answer", "own group",
    ],
)  # fmt: skip
def test_known_good_traffic_is_dropped(frame: bytes) -> None:
    assert run(FILTER.program, frame) == 0
    assert run(FILTER.program, frame, vlan=100) == 0


@pytest.mark.parametrize(
    "frame",
    [
        arp(ROGUE, "10.7.0.66"),
        arp(ROGUE, IPS[CAMERA]),
        arp(CAMERA, IPS[RECORDER], op=2),
        arp(CAMERA, IPS[CAMERA], sender=RECORDER),
        udp(ROGUE, IPS[RECORDER]),
        udp(CAMERA, IPS[RECORDER], source="10.7.0.77"),
        udp(CAMERA, IPS[RECORDER], ttl=63),
        tcp(CAMERA, IPS[RECORDER], ttl=128),
        tcp(CAMERA, IPS[RECORDER], flags=2, options=SYN_OPTIONS),
        tcp(RECORDER, IPS[CAMERA], (554, 40000), payload=b"RTSP/1.0 200 OK\r\nServer: X\r\n"),
        udp(CAMERA, OUTSIDE),
        udp(CAMERA, PLATFORM),
        udp(CAMERA, IPS[OTHER_CAMERA]),
        tcp(TERMINAL, IPS[CONTROLLER], (40000, 22)),
        udp(CAMERA, IPS[RECORDER], tags=[100]),
        dhcp(CAMERA, b"\x35\x01\x01"),
        udp(CAMERA, IPS[RECORDER], (67, 5000)),
        udp(CAMERA, "239.255.255.250", (3702, 3702), to="01:00:5e:7f:ff:fa"),
        router_advertisement(CAMERA),
        icmp(CAMERA, IPS[RECORDER], kind=5),
    ],
)
def test_what_is_not_known_good_passes_whole(frame: bytes) -> None:
    assert run(FILTER.program, frame) == SNAP


def test_frames_of_another_vlan_pass() -> None:
    assert run(FILTER.program, udp(CAMERA, IPS[RECORDER]), vlan=200) == SNAP
    assert run(FILTER.program, udp(CAMERA, IPS[RECORDER]), vlan=0) == 0


def test_what_a_device_of_unknown_ttl_sends_passes() -> None:
    learning = known_good(Index(RULES), {CAMERA: (64, None)})
    assert run(learning.program, udp(CAMERA, IPS[RECORDER])) == SNAP
    assert run(learning.program, tcp(CAMERA, IPS[RECORDER])) == 0
    assert run(learning.program, tcp(RECORDER, IPS[CAMERA])) == SNAP
    assert run(learning.program, arp(RECORDER, IPS[RECORDER])) == 0


MACS = st.sampled_from([*IPS, ROGUE, "02:00:00:00:00:16", "01:00:5e:00:00:01"])
ADDRESSES = st.sampled_from([
    *IPS.values(), "10.7.0.200", "10.7.0.255", PLATFORM, OUTSIDE, "0.0.0.0", "239.1.2.3", "239.255.255.250",
    "224.0.0.251", "255.255.255.255", "169.254.3.4",
])  # fmt: skip
PORTS = st.tuples(*[st.sampled_from([67, 68, 554, 546, 547, 3702, 8883, 22, 40000])] * 2)


@st.composite
def frames(draw: st.DrawFn) -> bytes:
    """Frames that look like the site's, and the same cut short or with octets changed."""
    mac, to = draw(MACS), draw(st.sampled_from([RECORDER, ALL, "01:00:5e:01:01:01"]))
    source = draw(st.one_of(st.just(IPS.get(mac, "10.7.0.66")), ADDRESSES))
    target, ports, ttl = draw(ADDRESSES), draw(PORTS), draw(st.sampled_from([64, 64, 63, 128, 1]))
    kind = draw(st.sampled_from(["arp", "udp", "tcp", "icmp", "other", "ipv6"]))
    if kind == "arp":
        sender = draw(st.sampled_from([mac, CAMERA]))
        frame = arp(mac, source, target, op=draw(st.sampled_from([1, 2, 3])), sender=sender, to=to)
    elif kind == "udp":
        frame = ipv4(mac, source, target, 17, udp_body(ports), ttl=ttl, to=to, flags=draw(st.sampled_from([0, 0x2001])))
    elif kind == "tcp":
        flags = draw(st.sampled_from([0x10, 0x02, 0x12, 0x18]))
        head = struct.pack("!HHIIBBHHH", *ports, 1, 1, draw(st.sampled_from([0x50, 0x80, 0x40, 0xF0])), flags, 9, 0, 0)
        frame = ipv4(mac, source, target, 6, head + SYN_OPTIONS[:12] + draw(st.binary(max_size=8)), ttl=ttl, to=to)
    elif kind == "icmp":
        frame = ipv4(mac, source, target, 1, bytes([draw(st.sampled_from([0, 3, 5, 8, 9, 11]))]) + bytes(7), to=to)
    elif kind == "other":
        frame = ipv4(mac, source, target, draw(st.integers(0, 255)), draw(st.binary(max_size=40)), ttl=ttl, to=to)
    else:
        frame = ipv6(mac, "fe80::1", "fe80::2", 17, udp_body(ports))
    for at, value in draw(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 255)), max_size=2)):
        if at < len(frame):
            frame = frame[:at] + bytes([value]) + frame[at + 1 :]
    return frame[: draw(st.integers(14, len(frame)))] if draw(st.booleans()) else frame


@given(frames(), st.sampled_from([None, 0, 100, 200]))
@settings(max_examples=1500, deadline=None)
def test_whatever_is_dropped_would_have_been_no_sighting(frame: bytes, vlan: int | None) -> None:
    if run(FILTER.program, frame, vlan) == 0:
        wire = Wire(RULES, {mac: {"ttl_tcp": "64", "ttl_udp": "64"} for mac in IPS})
        seen = Seen(1.0)
        try:
            rows = wire.see(parse(frame, vlan), seen)
        except BadFrame as error:
            # Too short for the heads that it begins with: nobody can be talked to with it.
            rows = wire.bad(frame, seen, error.code) if "short" not in error.code else ()
        assert rows == ()


def test_a_large_site_fits_and_what_does_not_is_counted() -> None:
    noise = random.Random(7)
    devices = [
        Known(f"d{number}", "recorder" if number < 99 else "camera", f"02:0{number % 3}:{noise.randbytes(4).hex(':')}",
              f"10.7.{number // 250}.{number % 250 + 1}", "sw1", f"p{number}", 100)
        for number in range(1500)
    ]  # fmt: skip
    ttls = {device.mac: (64, 64) for device in devices}
    made = known_good(Index(rules(devices=tuple(devices), networks=("10.7.0.0/16",))), ttls)
    assert len(made.program) <= bpf.MOST
    assert made.devices + made.left_out == 1500
    assert made.devices >= 700
    known = sorted(devices, key=lambda each: each.mac)
    recorder = next(each.ip for each in devices if each.role == "recorder")
    for device in known[: made.devices : 97]:
        assert run(made.program, udp(device.mac, str(recorder), source=str(device.ip))) == 0
    for device in known[made.devices :: 97]:
        assert run(made.program, udp(device.mac, str(recorder), source=str(device.ip))) == SNAP


@given(st.sets(st.integers(0, 0xFFFF), min_size=1, max_size=90), st.data())
@settings(max_examples=60, deadline=None)
def test_jumps_reach_however_long_the_program_is(values: set[int], data: st.DataObject) -> None:
    made = Assembler()
    made.emit(bpf.LD_H, 0)
    for value in sorted(values):
        made.test(bpf.JEQ, value, f"is {value}", "" if data.draw(st.booleans()) else f"not {value}")
        made.label(f"not {value}")
    made.emit(bpf.RET, 1 << 20)
    for value in sorted(values, reverse=True):
        made.label(f"is {value}")
        for _ in range(data.draw(st.integers(0, 9))):
            made.emit(bpf.LD_IMM, 1)
        made.emit(bpf.RET, value)
    program = made.assemble()
    for value in itertools.islice(values, 20):
        assert run(program, value.to_bytes(2)) == value
    missing = next(each for each in range(0x10000) if each not in values)
    assert run(program, missing.to_bytes(2)) == 1 << 20


def test_a_pair_of_roles_may_be_open_on_ports_only() -> None:
    flows = (FlowRule("camera", "recorder", ("tcp/554", "udp/9000")),)
    made = known_good(Index(rules(flows=flows)), TTLS).program
    assert run(made, tcp(CAMERA, IPS[RECORDER], (40000, 554))) == 0
    assert run(made, tcp(CAMERA, IPS[RECORDER], (40000, 80))) == SNAP
    assert run(made, udp(CAMERA, IPS[RECORDER], (40000, 554))) == SNAP
    assert run(made, udp(RECORDER, IPS[CAMERA], (9000, 40000))) == 0
    assert run(made, udp(RECORDER, IPS[CAMERA], (40000, 9000))) == SNAP
    assert run(made, icmp(CAMERA, IPS[RECORDER])) == 0


def test_the_program_is_packed_as_the_kernel_has_it() -> None:
    packed = bpf.packed(FILTER.program)
    assert len(packed) == 8 * len(FILTER.program)
    assert octets(CAMERA)  # the MACs are in it as numbers
