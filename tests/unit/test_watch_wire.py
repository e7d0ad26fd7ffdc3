"""The judgement of frames: each thing that should not be is one sighting, and good traffic is none."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.watch import rules as rules_
from policies.watch.flows import FlowRule, allowed, default_rules, matrix, parse_port
from policies.watch.frame import BadFrame, parse
from policies.watch.sighting import OTHERS, Book, Confidence, Kind, Row, Seen
from policies.watch.told import BannerTold, DhcpTold, NeighbourTold, RouterTold
from policies.watch.wire import Wire
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
    ipv4,
    ipv6,
    router_advertisement,
    rules,
    tcp,
    udp,
)

LINUX = bytes([2, 4, 5, 180, 4, 2, 8, 10]) + bytes(8) + bytes([1, 3, 3, 7])
WINDOWS = bytes([2, 4, 5, 180, 1, 3, 3, 8, 1, 1, 4, 2])


def judged(wire: Wire, *frames: bytes, at: float = 1000.0, vlan: int | None = None) -> list[Row]:
    return [row for data in frames for row in wire.see(parse(data, vlan), Seen(at, "veth0", vlan, data))]


def kinds(rows: list[Row]) -> list[Kind]:
    return [row.kind for row in rows]


@pytest.mark.clause("7.1a")
def test_good_traffic_is_no_sighting() -> None:
    wire = Wire(rules())
    good = [
        arp(CAMERA, IPS[CAMERA]), arp(CAMERA, "0.0.0.0"), udp(CAMERA, IPS[RECORDER]), tcp(CAMERA, IPS[RECORDER]),
        tcp(RECORDER, IPS[CAMERA], (554, 40000)), icmp(CONTROLLER, IPS[CAMERA]), dhcp(CAMERA, b""),
        tcp(CAMERA, IPS[RECORDER], flags=2, options=LINUX), udp(CAMERA, "224.0.0.251", to="01:00:5e:00:00:fb"),
        ipv6(CAMERA, "fe80::11", "ff02::1", 58, bytes([135, 0, 0, 0]) + bytes(20)), udp(CAMERA, "10.7.0.255"),
    ]  # fmt: skip
    assert judged(wire, *good) == []
    assert judged(wire, *good, vlan=100) == []


@pytest.mark.clause("7.1a")
def test_an_unknown_mac_is_one_sighting_with_its_address_and_the_frame() -> None:
    wire = Wire(rules())
    first = arp(ROGUE, "0.0.0.0", "10.7.0.66")
    rows = judged(wire, first, arp(ROGUE, "10.7.0.66"), udp(ROGUE, "10.7.0.200"))
    assert kinds(rows) == [Kind.UNKNOWN_MAC] * 3
    assert rows[0] is rows[1] is rows[2]
    assert (rows[0].mac, rows[0].ip, rows[0].count, rows[0].interface) == (ROGUE, "10.7.0.66", 3, "veth0")
    assert rows[0].evidence == first


@pytest.mark.clause("7.1c")
@pytest.mark.parametrize(
    ("frame", "kind"),
    [
        (arp(CAMERA, "10.7.0.77"), Kind.UNKNOWN_IP),
        (udp(CAMERA, IPS[RECORDER], source="10.7.0.77"), Kind.UNKNOWN_IP),
        (arp(CAMERA, IPS[RECORDER], op=1), Kind.DUPLICATE_IP),
        (arp(CAMERA, IPS[RECORDER], op=2), Kind.ARP_SPOOF),
        (arp(CAMERA, IPS[CAMERA], sender=RECORDER), Kind.ARP_SPOOF),
        (udp(CAMERA, IPS[RECORDER], source=IPS[OTHER_CAMERA]), Kind.DUPLICATE_IP),
    ],
)
def test_a_bound_device_with_another_address(frame: bytes, kind: Kind) -> None:
    (row,) = judged(Wire(rules()), frame)
    assert (row.kind, row.mac) == (kind, CAMERA)


def test_an_unbound_address_of_two_macs_is_a_duplicate() -> None:
    wire = Wire(rules(gateways=frozenset({ROGUE, "66:77:88:00:00:02"})))
    assert judged(wire, arp(ROGUE, "10.7.0.1")) == []
    (row,) = judged(wire, arp("66:77:88:00:00:02", "10.7.0.1"), at=1010.0)
    assert (row.kind, row.other, row.confidence) == (Kind.DUPLICATE_IP, ROGUE, Confidence.HIGH)
    assert judged(wire, arp(ROGUE, "10.7.0.1"), at=9000.0) == []


@pytest.mark.clause("7.1a")
def test_a_dhcp_server_that_the_site_does_not_have() -> None:
    offer = dhcp(ROGUE, b"\x35\x01\x02", reply=True, source="10.7.0.66")
    told = DhcpTold(2, server="10.7.0.66", router="10.7.0.66")

    def found(wire: Wire, data: bytes) -> list[Kind]:
        return kinds(list(wire.hear(parse(data), told, Seen(1.0, data=data))))

    assert found(Wire(rules()), offer) == [Kind.ROGUE_DHCP]
    allowed_ = Wire(rules(dhcp_servers=frozenset({"10.7.0.66", IPS[RECORDER]})))
    assert found(allowed_, offer) == []
    # The address of the site's server, but not its MAC.
    assert found(allowed_, dhcp(ROGUE, b"", reply=True, source=IPS[RECORDER])) == [Kind.ROGUE_DHCP]
    six = ipv6(CAMERA, "fe80::66", "fe80::1", 17, bytes([2, 35, 2, 34, 0, 12, 0, 0]) + bytes(4))
    assert kinds(judged(Wire(rules()), six)) == [Kind.ROGUE_DHCP]


@pytest.mark.clause("7.1a")
def test_a_router_that_the_site_does_not_have() -> None:
    data = router_advertisement(CAMERA)
    told = RouterTold(1800, ("2001:db8::/64",))
    wire = Wire(rules())
    (row,) = wire.hear(parse(data), told, Seen(1.0))
    assert (row.kind, row.ip, row.facts) == (
        Kind.ROGUE_RA, "fe80::66", {"lifetime_s": 1800, "prefixes": ["2001:db8::/64"]},
    )  # fmt: skip
    assert Wire(rules(gateways=frozenset({CAMERA}))).hear(parse(data), told, Seen(1.0)) == ()
    assert kinds(judged(wire, udp(CAMERA, IPS[RECORDER], source="8.8.4.4"))) == [Kind.GATEWAY]
    assert kinds(judged(wire, icmp(CAMERA, IPS[RECORDER], kind=5))) == [Kind.GATEWAY]
    assert kinds(judged(wire, udp(ROGUE, IPS[CAMERA], source="8.8.4.4"))) == [Kind.UNKNOWN_MAC, Kind.GATEWAY]


@pytest.mark.clause("7.1a")
def test_frames_of_a_second_vlan() -> None:
    wire = Wire(rules())
    (row,) = judged(wire, udp(CAMERA, IPS[RECORDER]), vlan=200)
    assert (row.kind, row.other, row.vlan) == (Kind.SECOND_VLAN, "200", 200)
    assert kinds(judged(wire, udp(CAMERA, IPS[RECORDER], tags=[100, 300]))) == [Kind.SECOND_VLAN]
    assert judged(wire, udp(CAMERA, IPS[RECORDER], tags=[0])) == []


@pytest.mark.clause("7.1a")
def test_traffic_to_the_outside_is_one_sighting_with_its_targets() -> None:
    wire = Wire(rules())
    rows = judged(wire, udp(CAMERA, OUTSIDE, (5000, 53), to=ROGUE), udp(CAMERA, "8.8.8.8"), udp(CAMERA, "8.8.8.8"))
    assert kinds(rows) == [Kind.OUTSIDE] * 3
    assert rows[0] is rows[2]
    assert rows[0].facts == {
        "through": ROGUE, "targets": [OUTSIDE, "8.8.8.8"], "protocol": "udp", "ports": [5000, 53],
    }  # fmt: skip


def test_a_site_that_declares_no_networks_is_left_by_public_addresses_only() -> None:
    wire = Wire(rules(networks=rules_.PRIVATE))
    assert judged(wire, udp(CAMERA, "172.16.3.4")) == []
    assert kinds(judged(wire, udp(CAMERA, OUTSIDE))) == [Kind.OUTSIDE]


@pytest.mark.clause("7.5")
def test_roles_that_may_not_talk() -> None:
    wire = Wire(rules())
    (row,) = judged(wire, tcp(CAMERA, IPS[OTHER_CAMERA], (40000, 23)))
    assert (row.kind, row.other) == (Kind.FORBIDDEN_FLOW, IPS[OTHER_CAMERA])
    assert row.facts == {"from": "camera", "to": "camera", "protocol": "tcp", "ports": [40000, 23]}
    assert kinds(judged(wire, tcp(CAMERA, PLATFORM, (40000, 443)))) == [Kind.FORBIDDEN_FLOW]
    assert kinds(judged(wire, tcp(TERMINAL, IPS[CONTROLLER], (40000, 22)))) == [Kind.FORBIDDEN_FLOW]
    to_platform = (*default_rules(), FlowRule("server", "platform", ("tcp/443",)), FlowRule("camera", "platform"))
    assert judged(Wire(rules(flows=to_platform)), tcp(CAMERA, PLATFORM, (40000, 443))) == []


def test_a_rule_with_ports_lets_questions_and_answers_through() -> None:
    found = matrix([FlowRule("reader", "server", ("tcp/443", "udp/123"))])
    assert allowed(found, ("reader", "server"), 6, (50000, 443))
    assert allowed(found, ("server", "reader"), 6, (443, 50000))
    assert allowed(found, ("reader", "server"), 17, (123, 123))
    assert allowed(found, ("reader", "server"), 1, None)
    assert not allowed(found, ("reader", "server"), 6, (443, 50000))
    assert not allowed(found, ("reader", "server"), 17, (1, 443))
    assert not allowed(found, ("reader", "reader"), 6, (443, 443))


@pytest.mark.parametrize("text", ["tcp", "tcp/", "tcp/0", "tcp/65536", "icmp/8", "tcp/-1", "tcp/１", "tcp/0000001"])
def test_a_port_that_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"/|tcp"):
        parse_port(text)


@pytest.mark.clause("7.1c")
def test_a_clone_with_another_manner_is_shown_beside_the_device() -> None:
    wire = Wire(rules())
    assert judged(wire, tcp(CAMERA, IPS[RECORDER], flags=2, options=LINUX)) == []
    assert wire.ttls(1000.0) == {CAMERA: (64, None)}
    rows = judged(wire, tcp(CAMERA, IPS[RECORDER], flags=2, options=WINDOWS, ttl=128), at=1001.0)
    assert kinds(rows) == [Kind.IDENTITY, Kind.IDENTITY]
    assert {row.other: (row.facts["known"], row.facts["seen"]) for row in rows} == {
        "ttl_tcp": ("64", "128"), "syn": ("mss,sok,ts,nop,ws", "mss,nop,ws,nop,nop,sok"),
    }  # fmt: skip
    assert rows[0].facts["fingerprint"] == {"ttl_tcp": "64", "syn": "mss,sok,ts,nop,ws"}
    # While it is in doubt the filter lets all of it pass, and the device itself is seen again: two are at work.
    assert wire.ttls(1001.0) == {}
    both = judged(wire, tcp(CAMERA, IPS[RECORDER], flags=2, options=LINUX), at=1002.0)
    assert kinds(both) == [Kind.IDENTITY, Kind.NAT, Kind.IDENTITY, Kind.NAT]
    assert both[3].confidence is Confidence.MEDIUM
    assert both[3].facts["hints"] == ["syn_mixed", "ttl_tcp_mixed"]
    assert wire.ttls(2000.0) == {CAMERA: (64, None)}


def test_a_kept_fingerprint_is_what_is_compared_with() -> None:
    wire = Wire(rules(), {CAMERA: {"dhcp_vendor": "HIKVISION", "ttl_udp": "64"}})
    assert wire.ttls(1.0) == {CAMERA: (None, 64)}
    asks = parse(dhcp(CAMERA, b""))
    assert wire.hear(asks, DhcpTold(1, vendor="HIKVISION", host="cam"), Seen(1.0)) == ()
    (row,) = wire.hear(asks, DhcpTold(1, vendor="MSFT 5.0", host="cam"), Seen(2.0))
    assert (row.kind, row.facts["known"], row.facts["seen"]) == (Kind.IDENTITY, "HIKVISION", "MSFT 5.0")
    assert wire.hear(asks, DhcpTold(1, vendor="PXEClient:Arch:00007"), Seen(2.0)) == ()
    assert [(each.trait, each.value) for each in wire.identities.learned()] == [("dhcp_host", "cam")]
    assert wire.identities.learned() == []


def test_lldp_and_banners_are_manners_too() -> None:
    wire = Wire(rules())
    frame = parse(udp(CAMERA, IPS[RECORDER]))
    for told in (NeighbourTold("lldp", "cam", "fw 1"), BannerTold("rtsp", "X/1"), BannerTold("onvif", "model")):
        assert wire.hear(frame, told, Seen(1.0)) == ()
    (row,) = wire.hear(frame, NeighbourTold("lldp", "laptop", "Debian\x1b[2J"), Seen(2.0))
    assert row.facts["seen"] == "laptop | Debian?[2J"


@pytest.mark.clause("7.1b")
def test_packets_that_were_forwarded_are_a_hint_of_nat() -> None:
    wire = Wire(rules())
    assert judged(wire, udp(CAMERA, IPS[RECORDER]), udp(CAMERA, IPS[RECORDER], ttl=1)) == []
    (row,) = judged(wire, udp(CAMERA, IPS[RECORDER], ttl=63))
    assert (row.kind, row.confidence, row.facts["hints"]) == (Kind.NAT, Confidence.LOW, ["ttl_lower"])


def test_a_flood_of_invented_macs_takes_no_more_memory_and_hides_no_other_kind() -> None:
    wire = Wire(rules(), book=Book(places=50))
    for number in range(5000):
        mac = f"66:00:00:00:{number >> 8:02x}:{number & 255:02x}"
        judged(wire, arp(mac, "10.7.0.66"), at=1000.0 + number / 1000)
    unknown = [row for row in wire.book if row.kind is Kind.UNKNOWN_MAC]
    assert len(unknown) == 51
    assert sum(row.count for row in unknown) == 5000
    assert next(row.count for row in unknown if row.mac == OTHERS) == 4950
    assert len(list(wire.book)) <= 102  # the same address of many is a duplicate, too
    assert kinds(judged(wire, udp(CAMERA, OUTSIDE))) == [Kind.OUTSIDE]


def test_places_of_what_is_long_over_are_taken_again() -> None:
    book = Book(places=2)
    for name in ("a", "b", "c"):
        book.sight(Row(Kind.UNKNOWN_MAC, name), Seen(1.0))
    assert [row.mac for row in book.untold(1.0, 10.0)] == ["a", "b", OTHERS]
    assert book.untold(2.0, 10.0) == []
    row = book.sight(Row(Kind.UNKNOWN_MAC, "a"), Seen(3.0))
    assert book.untold(4.0, 10.0) == []
    assert book.untold(11.0, 10.0) == [row]
    assert book.sight(Row(Kind.UNKNOWN_MAC, "d"), Seen(700.0)).mac == "d"
    assert {row.mac for row in book} == {"d", OTHERS}


BEGINNINGS = [bytes.fromhex(each) for each in ("0800", "0806", "86dd", "8100000108 00", "88a8000186dd", "88cc")]
BEGUN = st.tuples(st.sampled_from(BEGINNINGS), st.binary(max_size=120)).map(lambda parts: bytes(12) + b"".join(parts))


@given(st.one_of(st.binary(max_size=120), BEGUN))
@settings(max_examples=800, deadline=None)
def test_any_bytes_are_a_frame_or_bad(data: bytes) -> None:
    wire = Wire(rules())
    try:
        frame = parse(data)
    except BadFrame as error:
        assert kinds(list(wire.bad(data, Seen(1.0), error.code))) == [Kind.MALFORMED]
        return
    wire.see(frame, Seen(1.0, data=data))
    assert sum(1 for _ in wire.book) < 10


def test_ipv6_extensions_are_walked_over_and_end() -> None:
    inner = bytes([17, 0]) + bytes(6) + bytes([0, 1, 0, 2, 0, 8, 0, 0])
    packet = parse(ipv6(CAMERA, "fe80::1", "fe80::2", 0, inner)).packet
    assert packet is not None
    assert (packet.protocol, packet.ports) == (17, (1, 2))
    with pytest.raises(BadFrame, match="extensions"):
        parse(ipv6(CAMERA, "fe80::1", "fe80::2", 0, bytes(8 * 12)))
    with pytest.raises(BadFrame, match="tags"):
        parse(udp(CAMERA, IPS[RECORDER], tags=[1, 2, 3, 4]))
    later = parse(ipv4(CAMERA, IPS[CAMERA], IPS[RECORDER], 17, bytes(30), flags=0x2010)).packet
    assert later is not None
    assert (later.fragment, later.ports) == (True, None)


def test_the_rules_cross_a_process_boundary_unchanged() -> None:
    given_ = replace(rules(), gateways=frozenset({ROGUE}), dhcp_servers=frozenset({"10.7.0.1"}))
    assert rules_.load(rules_.dump(given_)) == given_
