"""Reading blocks: flows that were judged are counted, floods do not hold it up; and what scapy makes of frames."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.watch.dissect import dissect, reading
from controller.watch.reader import Reader
from controller.watch.ring import Block, wire_frames
from policies.watch.frame import BadFrame, parse
from policies.watch.sighting import Kind, Row
from policies.watch.told import BannerTold, DhcpTold, NeighbourTold, RouterTold, Told
from policies.watch.wire import Wire
from tests.unit.watch_frames import (
    CAMERA,
    IPS,
    OTHER_CAMERA,
    OUTSIDE,
    RECORDER,
    ROGUE,
    TERMINAL,
    arp,
    dhcp,
    ethernet,
    icmp,
    ipv4,
    octets,
    router_advertisement,
    rules,
    tcp,
    udp,
    udp_body,
)


def block(*frames: bytes, vlan: int | None = None) -> Block:
    """Lay frames out as a TPACKET_V3 block: each with its head of 48 octets, on a boundary of 16."""
    data = b""
    for frame in frames:
        size = (48 + len(frame) + 15) // 16 * 16
        status = 1 if vlan is None else 0x11
        head = struct.pack("=6I2HIIHH", size, 0, 0, len(frame), len(frame), status, 48, 62, 0, vlan or 0, 0, 0)
        data += (head.ljust(48, b"\0") + frame).ljust(size, b"\0")
    return Block(data, len(frames), 0)


def made(**changed: object) -> Reader:
    return Reader(Wire(rules(**changed)), reading, dissect)


def rows(reader: Reader) -> dict[Kind, Row]:
    return {row.kind: row for row in reader.wire.book}


def test_the_same_flow_is_judged_once_and_counted_always() -> None:
    reader = made()
    for second in range(3):
        reader.block("eth1", block(*[udp(CAMERA, OUTSIDE)] * 50, *[udp(CAMERA, IPS[RECORDER])] * 50), 1000.0 + second)
    assert (reader.tally.frames, reader.tally.judged) == (300, 2)
    row = rows(reader)[Kind.OUTSIDE]
    assert (row.count, row.first, row.last, row.interface) == (150, 1000.0, 1002.0, "eth1")


def test_a_flow_is_all_that_is_judged_by() -> None:
    """Frames that differ in anything that matters are other flows: what was good lets nothing else through."""
    reader = made()
    good = udp(CAMERA, IPS[RECORDER])
    reader.block("eth1", block(good, good), 1000.0)
    assert rows(reader) == {}
    options = bytes([0x46]) + good[15:]
    for bad, kind in (
        (udp(CAMERA, IPS[OTHER_CAMERA]), Kind.FORBIDDEN_FLOW),
        (udp(CAMERA, IPS[RECORDER], ttl=63), Kind.NAT),
        (udp(CAMERA, IPS[RECORDER], source="10.7.0.99"), Kind.UNKNOWN_IP),
        (good[:6] + octets(ROGUE) + good[12:], Kind.UNKNOWN_MAC),
        (arp(CAMERA, IPS[RECORDER], op=2), Kind.ARP_SPOOF),
    ):
        reader.block("eth1", block(good, bad), 1000.0)
        assert kind in rows(reader), kind
    reader.block("eth1", block(good, vlan=200), 1000.0)
    assert Kind.SECOND_VLAN in rows(reader)
    judged = reader.tally.judged
    reader.block("eth1", block(good[:14] + options, good[:14] + options), 1000.0)
    assert reader.tally.judged == judged + 2


def test_group_frames_do_not_vouch_for_others() -> None:
    reader = made()
    group = udp(CAMERA, OUTSIDE, to="01:00:5e:01:01:01")
    reader.block("eth1", block(group, group), 1000.0)
    assert rows(reader) == {}
    reader.block("eth1", block(udp(CAMERA, OUTSIDE)), 1000.0)
    assert Kind.OUTSIDE in rows(reader)


def test_other_rules_judge_again() -> None:
    reader = made()
    reader.block("eth1", block(udp(CAMERA, IPS[RECORDER])), 1000.0)
    reader.change(Wire(rules(devices=()), book=reader.wire.book))
    reader.block("eth1", block(udp(CAMERA, IPS[RECORDER])), 1000.0)
    assert list(rows(reader)) == [Kind.UNKNOWN_MAC]


def test_a_flood_is_counted_and_takes_its_share_only(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(10_000))
    monkeypatch.setattr("time.process_time", lambda: next(clock) * 0.01)
    reader = made()
    flood = [arp(f"66:00:00:00:00:{number:02x}", "10.7.0.66") for number in range(200)]
    reader.block("eth1", block(*flood), 1000.0)
    assert (reader.tally.judged, reader.tally.unjudged) == (50, 150)
    reader.block("eth1", block(*flood[100:110]), 1001.0)
    assert reader.tally.judged == 60


LLDP = (
    b"\x02\x07\x04" + octets(CAMERA) + b"\x04\x05\x05eth0" + b"\x06\x02\x00\x78" + b"\x0a\x03cam" + b"\x0c\x05Linux"
    b"\x0e\x04\x00\x80\x00\x80" + bytes(2)
)
CDP = b"\xaa\xaa\x03\x00\x00\x0c\x20\x00\x02\xb4\0\0\0\1\0\7cam\0\5\0\x09Linux\0\6\0\7box"
SCOPES = b"<d:Scopes>onvif://www.onvif.org/name/X onvif://www.onvif.org/hardware/DS-2</d:Scopes>"
ASKED = b"\x35\x01\x01\x37\x03\x01\x03\x06\x3c\x05HIKVI\x0c\x03cam"
OFFERED = b"\x35\x01\x02\x36\x04\x0a\x07\x00\x42\x03\x04\x0a\x07\x00\x43"
TELLING: dict[str, tuple[bytes, Told]] = {
    "DHCP": (dhcp(CAMERA, ASKED), DhcpTold(1, (1, 3, 6), "HIKVI", "cam")),
    "offer": (
        dhcp(ROGUE, OFFERED, reply=True, source="10.7.0.66"),
        DhcpTold(2, server="10.7.0.66", router="10.7.0.67"),
    ),
    "LLDP": (
        ethernet(CAMERA, "01:80:c2:00:00:0e", 0x88CC, LLDP), NeighbourTold("lldp", "cam", "Linux", "station_only"),
    ),
    "LLDP in a tag": (
        ethernet(CAMERA, "01:80:c2:00:00:0e", 0x88CC, LLDP, tags=[100]),
        NeighbourTold("lldp", "cam", "Linux", "station_only"),
    ),
    "CDP": (ethernet(CAMERA, "01:00:0c:cc:cc:cc", len(CDP), CDP), NeighbourTold("cdp", "cam", "Linux", "box")),
    "RA": (router_advertisement(ROGUE), RouterTold(1800, ("2001:db8::/64",))),
    "RTSP": (
        tcp(RECORDER, IPS[CAMERA], (554, 4000), payload=b"RTSP/1.0 200 OK\r\nServer: Hik/1.0\r\n\r\n"),
        BannerTold("rtsp", "Hik/1.0"),
    ),
    "ONVIF": (udp(CAMERA, "239.255.255.250", (9, 3702), payload=SCOPES), BannerTold("onvif", "hardware/DS-2 name/X")),
}  # fmt: skip


@pytest.mark.parametrize("name", TELLING)
def test_what_frames_tell(name: str) -> None:
    data, told = TELLING[name]
    frame = parse(data)
    read = reading(frame, data)
    assert read is not None
    assert dissect(read, frame, data) == told


@pytest.mark.parametrize(
    "data",
    [arp(CAMERA, IPS[CAMERA]), icmp(CAMERA, IPS[RECORDER]), tcp(TERMINAL, IPS[RECORDER], (554, 9), payload=b"$\0\0\1x"),
     ipv4(CAMERA, IPS[CAMERA], IPS[RECORDER], 17, udp_body((67, 5000)))],
)  # fmt: skip
def test_other_frames_are_not_dissected(data: bytes) -> None:
    assert reading(parse(data), data) is None


@given(st.sampled_from(sorted(TELLING)), st.data())
@settings(max_examples=250, deadline=None)
def test_hostile_bytes_are_told_or_bad(name: str, draw: st.DataObject) -> None:
    data = bytearray(TELLING[name][0])
    for at, value in draw.draw(st.lists(st.tuples(st.integers(14, len(data) - 1), st.integers(0, 255)), max_size=6)):
        data[at] = value
    cut = bytes(data[: draw.draw(st.integers(14, len(data)))])
    reader = made()
    reader.block("eth1", block(cut), 1000.0)
    assert reader.tally.frames == 1
    try:
        frame = parse(cut)
        read = reading(frame, cut)
        if read is not None:
            dissect(read, frame, cut)
    except BadFrame as error:
        assert len(error.code) <= 40


def test_the_kernels_table_of_interfaces() -> None:
    table = "Inter-|   Receive\n face |bytes    packets\n    lo: 10 2 0 0\n  eth1:500 7 0 0 0\n broken\n x: y z\n"
    assert wire_frames(table) == {"lo": 2, "eth1": 7}
