"""The frames that the lab's hosts make, and recognise again."""

from __future__ import annotations

import ipaddress
import struct

from hypothesis import given
from hypothesis import strategies as st

from lab.hosts import frames

MACS = st.binary(min_size=6, max_size=6).map(lambda octets: octets.hex(":"))
IPS = st.ip_addresses(v=4).map(str)
PAYLOAD = frames.marked_payload("cam01", "00c0ffee00c0ffee")


@given(mac=MACS, ip=IPS, peer=MACS, other=IPS)
def test_a_udp_frame_says_again_who_sent_it_and_its_header_is_sound(mac: str, ip: str, peer: str, other: str) -> None:
    frame = frames.udp((mac, ip), (peer, other), 5004, PAYLOAD)
    assert frames.heard(frame) == frames.Heard("M", "cam01", "00c0ffee00c0ffee", mac, ip)
    assert frame[:6].hex(":") == peer
    words = sum(struct.unpack("!10H", frame[14:34]))
    assert (words & 0xFFFF) + (words >> 16) == 0xFFFF, "RFC 791: the sum over a sound header is all ones"
    assert frame[30:34] == ipaddress.IPv4Address(other).packed
    assert struct.unpack("!HH", frame[34:38]) == (5004, 5004)


@given(mac=MACS, ip=IPS)
def test_an_arp_request_says_again_who_sent_it(mac: str, ip: str) -> None:
    frame = frames.arp((mac, ip), "198.18.100.10", PAYLOAD)
    heard = frames.heard(frame)
    assert heard is not None
    assert (heard.mac, heard.ip) == (mac, ip)
    assert frame[:6] == b"\xff" * 6


def test_a_tagged_frame_has_its_tag_in_front_of_the_type() -> None:
    frame = frames.raw("02:00:00:00:00:01", frames.BROADCAST, PAYLOAD, vlan=999)
    assert frame[12:18] == bytes.fromhex("810003e788b5")


@given(st.binary(max_size=200))
def test_noise_is_heard_as_nothing(noise: bytes) -> None:
    assert frames.heard(noise) is None or b"PSL:" in noise


def test_a_stream_datagram_carries_its_number() -> None:
    heard = frames.heard(
        frames.udp(
            ("02:00:00:00:00:01", "192.0.2.1"), (frames.BROADCAST, "192.0.2.2"), 1, frames.stream_payload("cam01", 42)
        )
    )
    assert heard is not None
    assert (heard.kind, heard.host, heard.mark) == ("S", "cam01", "42")
