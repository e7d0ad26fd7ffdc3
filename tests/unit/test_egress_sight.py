"""What a terminal shows of ways out, in folders that look like the kernel's, and in what iproute2 prints."""

from __future__ import annotations

import json
import struct
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from agent.egress.declared import GuardRule
from agent.egress.links import links, modems
from agent.egress.probes import _echo, _question, _sum
from agent.egress.routes import addresses_networks, foreign_addresses, foreign_routes
from agent.egress.sight import look, outside, proxies_in
from policies.errors import EquipmentError

RULE = GuardRule(networks=(ip_network("10.1.0.0/16"), ip_network("fd00:1::/64")))


def route(**members: object) -> bytes:
    return json.dumps([{"flags": [], **members}]).encode()


class TestRoutes:
    @pytest.mark.parametrize(("family", "raw", "told"), [
        (4, route(dst="default", gateway="10.1.0.1", dev="eth0"), "default via 10.1.0.1 dev eth0"),
        (6, route(dst="default", gateway="fe80::1", dev="eth0"), "default via fe80::1 dev eth0"),
        (4, route(dst="default", dev="ppp0", table="77"), "default dev ppp0 table 77"),
        (4, route(dst="10.0.0.0/8", gateway="10.1.0.1", dev="eth0"), "10.0.0.0/8 via 10.1.0.1 dev eth0"),
        (4, route(dst="9.9.9.9", gateway="10.1.0.1", dev="eth0"), "9.9.9.9 via 10.1.0.1 dev eth0"),
        (4, route(dst="default", nexthops=[{"gateway": "10.1.0.1"}, {"dev": "wlan0"}]),
         "default nexthop 10.1.0.1,wlan0"),
        (4, route(dst="default", via={"family": "inet6", "host": "fe80::1"}, dev="eth0"),
         "default via fe80::1 dev eth0"),
        (6, route(dst="2000::/3", dev="tun0"), "2000::/3 dev tun0"),
        (4, route(dst="192.168.9.0/24", dev="eth1", scope="link"), "192.168.9.0/24 dev eth1"),
    ])  # fmt: skip
    def test_a_route_that_leads_outside_is_told_as_ip_writes_it(self, family: int, raw: bytes, told: str) -> None:
        assert foreign_routes(raw, family, RULE) == (told,)

    @pytest.mark.parametrize(("family", "raw"), [
        (4, route(dst="10.1.7.0/24", gateway="10.1.0.1", dev="eth0")), (4, route(dst="10.1.0.0/16", dev="eth0")),
        (4, route(type="local", dst="192.168.9.1", dev="eth1", table="local")),
        (4, route(type="unreachable", dst="default")), (6, route(type="multicast", dst="ff00::/8", dev="eth0")),
        (6, route(dst="fe80::/64", dev="eth0")), (6, route(dst="fd00:1::/64", dev="eth0")),
        (6, route(dst="::1", dev="lo")), (4, route(dst="169.254.0.0/16", dev="eth0")), (4, b""), (4, b"[]"),
    ])  # fmt: skip
    def test_one_inside_or_to_nowhere_is_none(self, family: int, raw: bytes) -> None:
        assert foreign_routes(raw, family, RULE) == ()

    def test_addresses_outside_the_networks_name_their_interface(self) -> None:
        def link(name: str, *addresses: str, flags: tuple[str, ...] = ("UP",)) -> dict[str, object]:
            return {"ifname": name, "flags": flags,
                    "addr_info": [{"local": each, "prefixlen": 24} for each in addresses]}  # fmt: skip

        raw = json.dumps([
            link("lo", "127.0.0.1", flags=("LOOPBACK", "UP")), link("eth0", "10.1.0.5", "fe80::5"),
            link("eth1", "192.168.9.5"), link("eth2", "10.1.0.6", "10.9.0.6", flags=()), {"ifname": "x"},
        ]).encode()  # fmt: skip
        assert foreign_addresses(raw, RULE) == {"eth1": True, "eth2": False}
        assert [str(each) for each in addresses_networks(raw)] == [
            "10.1.0.0/24", "192.168.9.0/24", "10.9.0.0/24",
        ]  # fmt: skip

    @pytest.mark.parametrize("raw", [b"{", b"{}", b"[1]", b"\xff"])
    def test_what_is_not_json_of_ip_is_an_error(self, raw: bytes) -> None:
        with pytest.raises(EquipmentError):
            foreign_routes(raw, 4, RULE)


class Sysfs:
    """A few folders of /sys."""

    def __init__(self, root: Path) -> None:
        self.root = root / "sys"

    def link(self, name: str, *, driver: str = "", devtype: str = "", kind: int = 1, up: bool = True,
             folder: str = "") -> None:  # fmt: skip
        path = self.root / "class/net" / name
        path.mkdir(parents=True)
        (path / "flags").write_text("0x1003\n" if up else "0x1002\n")
        (path / "type").write_text(f"{kind}\n")
        (path / "uevent").write_text((f"DEVTYPE={devtype}\n" if devtype else "") + f"INTERFACE={name}\n")
        if folder:
            (path / folder).mkdir()
        if driver:
            self.drive(path / "device", driver)

    def drive(self, device: Path, driver: str) -> None:
        device.mkdir(parents=True, exist_ok=True)
        place = self.root / "bus/drivers" / driver
        place.mkdir(parents=True, exist_ok=True)
        (device / "driver").symlink_to(place)


class TestLinks:
    def test_each_kind_is_known_by_what_it_is_and_an_ordinary_one_is_none(self, tmp_path: Path) -> None:
        sysfs = Sysfs(tmp_path)
        sysfs.link("eth0", driver="e1000e")
        sysfs.link("enx1", driver="r8152")  # a wired adapter over USB is wired
        sysfs.link("lo", kind=772)
        sysfs.link("br0", devtype="bridge")
        sysfs.link("w0", devtype="wlan", driver="iwlwifi", up=False)
        sysfs.link("w1", folder="wireless")
        sysfs.link("m0", driver="qmi_wwan", kind=519)
        sysfs.link("m1", devtype="wwan", driver="cdc_ether", up=False)
        sysfs.link("t0", driver="rndis_host")
        sysfs.link("t1", driver="ipheth", up=False)
        sysfs.link("b0", devtype="bluetooth")
        sysfs.link("p0", kind=512)
        sysfs.link("u0", kind=65534)
        sysfs.link("g0", devtype="wireguard")
        sysfs.link("sit0", kind=776, up=False)  # the kernel's own, idle
        assert list(links(sysfs.root)) == [
            ("b0", "bluetooth", True), ("g0", "tunnel", True), ("m0", "modem", True), ("m1", "modem", False),
            ("p0", "ppp", True), ("t0", "tether", True), ("t1", "tether", False), ("u0", "tunnel", True),
            ("w0", "wifi", False), ("w1", "wifi", True),
        ]  # fmt: skip

    def test_a_modems_serial_ports_are_known_by_their_driver_and_a_readers_is_none(self, tmp_path: Path) -> None:
        sysfs = Sysfs(tmp_path)
        for name, driver in (("ttyUSB0", "option1"), ("ttyUSB1", "ftdi_sio"), ("ttyUSB2", "qcserial")):
            sysfs.drive(sysfs.root / "class/tty" / name / "device", driver)
        for place in ("class/wwan/wwan0at0", "class/usbmisc/cdc-wdm0"):
            (sysfs.root / place).mkdir(parents=True)
        assert list(modems(sysfs.root)) == [
            ("ttyUSB0", "option1"), ("ttyUSB2", "qcserial"), ("wwan0at0", "wwan"), ("cdc-wdm0", "cdc-wdm"),
        ]  # fmt: skip


class TestProxies:
    @pytest.mark.parametrize(("text", "key"), [
        ('http_proxy="http://user:pass@10.1.0.9:3128"', "http_proxy"),
        ("export HTTPS_PROXY=10.1.0.9:3128", "HTTPS_PROXY"),
        ('Acquire::http::Proxy "http://10.1.0.9:3128/";', "Acquire::http::Proxy"), ("proxy=http://10.1.0.9", "proxy"),
        ("all_proxy = socks5://10.1.0.9", "all_proxy"),
        ('DefaultEnvironment="http_proxy=http://10.1.0.9"', "http_proxy"),
        ("[system/proxy]\nmode='manual'\n", "system/proxy mode=manual"),
    ])  # fmt: skip
    def test_a_proxy_is_found_by_its_key_and_its_value_is_never_told(self, text: str, key: str) -> None:
        assert proxies_in(f"# first\n{text}\n") == [key]

    @pytest.mark.parametrize("text", [
        "", "# http_proxy=http://10.1.0.9", "no_proxy=localhost", "http_proxy=", "proxy=_none_", 'proxy=""',
        'Acquire::http::Proxy "DIRECT";', "[system/proxy]\nmode='none'\n", "PATH=/usr/bin",
    ])  # fmt: skip
    def test_none_is_none(self, text: str) -> None:
        assert proxies_in(text) == []


def pair(address: str, port: int) -> str:
    raw = ip_address(address).packed
    return "".join(f"{struct.unpack('=I', raw[at : at + 4])[0]:08X}" for at in range(0, len(raw), 4)) + f":{port:04X}"


def socket_line(remote: str, port: int, state: str = "01") -> str:
    return f"  0: {pair('10.1.0.5' if ':' not in remote else 'fd00:1::5', 4000)} {pair(remote, port)} {state} 0:0 0"


class TestSockets:
    @pytest.mark.parametrize(("line", "told"), [
        (socket_line("9.9.9.9", 443), "tcp 10.1.0.5:4000 9.9.9.9:443"),
        (socket_line("9.9.9.9", 443, "02"), "tcp 10.1.0.5:4000 9.9.9.9:443 asked"),
        (socket_line("2620:fe::9", 443), "tcp [fd00:1::5]:4000 [2620:fe::9]:443"),
        (socket_line("::ffff:9.9.9.9", 443), "tcp [fd00:1::5]:4000 9.9.9.9:443"),
    ])  # fmt: skip
    def test_a_connection_outside_is_told(self, line: str, told: str) -> None:
        assert list(outside("tcp", [line], RULE)) == [told]

    @pytest.mark.parametrize("line", [
        socket_line("10.1.0.2", 8883), socket_line("127.0.0.1", 5), socket_line("0.0.0.0", 0, "0A"),
        socket_line("0.0.0.0", 0), socket_line("9.9.9.9", 443, "06"), socket_line("::ffff:10.1.0.2", 8883),
        socket_line("fe80::1", 546), socket_line("::1", 5),
    ])  # fmt: skip
    def test_one_inside_one_that_listens_and_one_that_is_over_are_none(self, line: str) -> None:
        assert list(outside("tcp", [line], RULE)) == []


class TestAll:
    def test_everything_is_looked_at_below_one_root(self, tmp_path: Path) -> None:
        Sysfs(tmp_path).link("wlan0", devtype="wlan")
        (tmp_path / "proc/net").mkdir(parents=True)
        for name in ("tcp", "udp"):
            (tmp_path / "proc/net" / name).write_text("head\n" + (socket_line("9.9.9.9", 53) if name == "udp" else ""))
        (tmp_path / "etc").mkdir()
        (tmp_path / "etc/resolv.conf").write_text("nameserver 10.1.0.2\nnameserver 9.9.9.9\nsearch x\nnameserver ::1\n")
        (tmp_path / "etc/environment").write_text("http_proxy=http://secret@10.1.0.9\n")
        seen = look(RULE, tmp_path, lambda argv: route(dst="default", dev="eth9") if "-4" in argv else b"[]")
        assert seen.routes == ["default dev eth9"]
        assert seen.links == ["wlan0 wifi up"]
        assert seen.resolvers == ["9.9.9.9 /etc/resolv.conf"]
        assert [str(each) for each in seen.asked] == ["10.1.0.2", "9.9.9.9", "::1"]
        assert seen.proxies == ["/etc/environment http_proxy"]
        assert seen.sockets == ["udp 10.1.0.5:4000 9.9.9.9:53"]
        assert seen.unseen == []

    def test_what_cannot_be_looked_at_is_said_and_the_rest_goes_on(self, tmp_path: Path) -> None:
        Sysfs(tmp_path).link("wlan0", devtype="wlan")

        def broken(_: tuple[str, ...]) -> bytes:
            raise FileNotFoundError(2, "ip is not installed")

        seen = look(RULE, tmp_path, broken)
        assert [each.partition(":")[0] for each in seen.unseen] == ["routes", "interfaces", "sockets"]


class TestProbes:
    @given(some.integers(1, 65535), some.sampled_from([4, 6]))
    def test_an_echo_requests_checksum_is_right(self, number: int, version: int) -> None:
        assert _sum(_echo(version, number)) == 0

    def test_a_question_asks_for_one_address(self) -> None:
        raw = _question("www.gov.cn", 7)
        assert raw == b"\x00\x07\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03www\x03gov\x02cn\x00\x00\x01\x00\x01"
