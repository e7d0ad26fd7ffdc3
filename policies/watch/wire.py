"""What one frame after the other means for the site: the judgement of the watch. It keeps what it must remember only.

`see` gives the rows that a frame counts in, none for one that is as it should be. The same bytes in the same fields
always give the same answer until the rules change, so that who reads frames may remember it by flow.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from functools import lru_cache
from ipaddress import ip_address

from policies.watch.flows import allowed
from policies.watch.frame import ICMP, ICMP6, TCP, UDP, Frame, Packet
from policies.watch.identity import Drift, Fingerprint, Identities, Trait
from policies.watch.rules import Index, Known, Rules
from policies.watch.sighting import Book, Confidence, Kind, Row, Seen
from policies.watch.told import DhcpTold, NeighbourTold, RouterTold, Told

#: TTLs that a device begins with are at least this; traceroute's are lower.
_LOWEST_TTL = 32
#: How much lower a forwarded packet's TTL may be for it to come from behind the device itself.
_HOPS = 3
#: Addresses of which the last owner is remembered, and for how many seconds it is.
_OWNERS, _OWNED_FOR = 4096, 300.0
#: Targets outside that one sighting names.
_TARGETS = 16
_REDIRECT, _ROUTERS = 5, 9
_ND_ROUTER, _ND_REDIRECT = 134, 137
_DHCP_SERVER, _DHCP6 = 67, (547, 546)
#: Option 53: what only a server says (offer, acknowledgement, refusal).
_SERVER_SAYS = frozenset({2, 5, 6})
_TTL_TRAITS = {TCP: Trait.TTL_TCP, UDP: Trait.TTL_UDP}
_NOBODY, _ALL = "0.0.0.0", "255.255.255.255"  # noqa: S104 - an address in a frame


class Wire:
    """Judges frames. `identities` outlives a change of rules only through its fingerprints."""

    def __init__(self, rules: Rules, kept: Mapping[str, Fingerprint] | None = None, book: Book | None = None) -> None:
        self.index = Index(rules)
        self.book = Book() if book is None else book
        self.identities = Identities(self.index.by_mac, kept)
        self._inside = lru_cache(8192)(self.index.inside)
        self._role = lru_cache(8192)(self.index.role)
        self._owners: OrderedDict[str, tuple[str, float]] = OrderedDict()
        self._hints: dict[str, set[str]] = {}

    def ttls(self, now: float) -> dict[str, tuple[int | None, int | None]]:
        """Give what the filter needs: the TTL of each known MAC's TCP and UDP, where it is known and not in doubt.

        A MAC that has just shown another manner is seen whole for a while: whether both are at work tells more.
        """
        found = {}
        for mac in self.index.by_mac:
            if self.identities.doubted(mac, now):
                continue
            kept = self.identities.fingerprint(mac)
            tcp, udp = kept.get(Trait.TTL_TCP, ""), kept.get(Trait.TTL_UDP, "")
            if tcp or udp:
                found[mac] = (int(tcp) if tcp.isdecimal() else None, int(udp) if udp.isdecimal() else None)
        return found

    def bad(self, data: bytes, seen: Seen, code: str) -> tuple[Row, ...]:
        """Count bytes that are no frame; who sent them is believed as far as the bytes go."""
        made = Row(Kind.MALFORMED, data[6:12].hex(":") if len(data) >= 12 else "", other=code)
        return (self.book.sight(made, seen),)

    def see(self, frame: Frame, seen: Seen) -> tuple[Row, ...]:
        """Judge a frame by its heads."""
        vlans = self.index.rules.vlans
        rows = [
            self._sight(seen, Row(Kind.SECOND_VLAN, frame.source, other=str(vlan)))
            for vlan in frame.vlans
            if vlan and vlan not in vlans
        ]
        known = self.index.by_mac.get(frame.source)
        router = frame.source in self.index.rules.gateways
        if known is None and not router:
            rows.append(self._sight(seen, Row(Kind.UNKNOWN_MAC, frame.source, ip=_claimed(frame))))
        if frame.arp is not None:
            rows += self._arp(frame, known, router, seen)
        elif frame.packet is not None:
            rows += self._packet(frame, frame.packet, known, router, seen)
        return tuple(rows)

    def hear(self, frame: Frame, told: Told, seen: Seen) -> tuple[Row, ...]:
        """Judge what a frame tells in a protocol of its own."""
        mac = frame.source
        if isinstance(told, DhcpTold):
            return self._dhcp(frame, told, seen)
        if isinstance(told, RouterTold):
            facts: dict[str, object] = {"lifetime_s": told.lifetime, "prefixes": list(told.prefixes[:8])}
            source = "" if frame.packet is None else frame.packet.source
            return () if self._router(mac) else (self._sight(seen, Row(Kind.ROGUE_RA, mac, ip=source, facts=facts)),)
        if isinstance(told, NeighbourTold):
            text = " | ".join(each for each in (told.system, told.description, told.capabilities) if each)
            return self._shows(mac, Trait.LLDP if told.protocol == "lldp" else Trait.CDP, text, seen)
        return self._shows(mac, Trait.RTSP if told.protocol == "rtsp" else Trait.ONVIF, told.text, seen)

    # -- ARP and who has which address -------------------------------------------------------------------------------

    def _arp(self, frame: Frame, known: Known | None, router: bool, seen: Seen) -> list[Row]:
        arp = frame.arp
        assert arp is not None
        if arp.sender_mac != frame.source:
            facts: dict[str, object] = {"claims_mac": arp.sender_mac}
            return [self._sight(seen, Row(Kind.ARP_SPOOF, frame.source, arp.sender_ip, arp.sender_mac, facts=facts))]
        if arp.sender_ip == _NOBODY:  # a probe before an address is taken (RFC 5227)
            return []
        return self._claims(frame.source, arp.sender_ip, known, router, seen, answer=arp.op == 2)

    def _claims(
        self, mac: str, ip: str, known: Known | None, router: bool, seen: Seen, *, answer: bool
    ) -> list[Row]:  # fmt: skip
        """Judge that a MAC uses an address; an ARP answer makes others believe it."""
        owner = self.index.by_ip.get(ip)
        if owner is not None and owner.mac != mac:
            kind = Kind.ARP_SPOOF if answer else Kind.DUPLICATE_IP
            return [self._sight(seen, Row(kind, mac, ip, owner.mac, facts={"bound_to": owner.name}))]
        if owner is None and (before := self._owned(mac, ip, seen.at)):
            return [self._sight(seen, Row(Kind.DUPLICATE_IP, mac, ip, before, confidence=Confidence.HIGH))]
        if known is None or router or known.ip in (None, ip):
            return []
        if not self._inside(ip):
            return [self._sight(seen, Row(Kind.GATEWAY, mac, facts={"source": ip, "why": "foreign_source"}))]
        return [self._sight(seen, Row(Kind.UNKNOWN_IP, mac, ip, facts={"bound": known.ip}))]

    def _owned(self, mac: str, ip: str, now: float) -> str:
        """Remember who uses an address that nobody is bound to; gives another MAC that used it a short while ago."""
        before, at = self._owners.pop(ip, (mac, now))
        self._owners[ip] = (mac, now)
        if len(self._owners) > _OWNERS:
            self._owners.popitem(last=False)
        return before if before != mac and now - at <= _OWNED_FOR else ""

    # -- IP ----------------------------------------------------------------------------------------------------------

    def _packet(self, frame: Frame, packet: Packet, known: Known | None, router: bool, seen: Seen) -> list[Row]:
        rows = [] if router else self._sender(frame, packet, known, seen)
        rows += self._services(frame, packet, router, seen)
        if not frame.to_group and not router:
            rows += self._talks(frame, packet, known, seen)
            if known is not None:
                rows += self._manners(packet, known, seen)
        return rows

    def _sender(self, frame: Frame, packet: Packet, known: Known | None, seen: Seen) -> list[Row]:
        """Judge whose address a packet comes from; a router carries the addresses of others, and is not asked."""
        if packet.source in (_NOBODY, "::"):
            return []
        if packet.version == 4 and known is None and not self._inside(packet.source):
            return [self._gateway(frame.source, packet.source, "foreign_source", seen)]
        if packet.version == 4:
            return self._claims(frame.source, packet.source, known, False, seen, answer=False)
        before = self._owned(frame.source, packet.source, seen.at)
        if not before:
            return []
        return [
            self._sight(seen, Row(Kind.DUPLICATE_IP, frame.source, packet.source, before, confidence=Confidence.HIGH))
        ]

    def _services(self, frame: Frame, packet: Packet, router: bool, seen: Seen) -> list[Row]:
        """Judge what only a router or a server says."""
        mac = frame.source
        if packet.protocol == UDP and packet.ports == _DHCP6:
            return [] if router else [self._sight(seen, Row(Kind.ROGUE_DHCP, mac, packet.source))]
        if packet.protocol == ICMP6 and packet.icmp == _ND_ROUTER:
            return []  # judged when it is dissected
        redirects = (packet.protocol == ICMP and packet.icmp in (_REDIRECT, _ROUTERS)) or (
            packet.protocol == ICMP6 and packet.icmp == _ND_REDIRECT
        )
        if redirects and not router:
            return [self._gateway(mac, packet.source, "redirect", seen)]
        return []

    def _talks(self, frame: Frame, packet: Packet, known: Known | None, seen: Seen) -> list[Row]:
        """Judge to whom a packet goes."""
        target = packet.target
        if target == _ALL or _is_group(target):
            return []
        role = self._role(target)
        if role is None:
            if self._inside(target):
                return []
            return [self._outside(frame, packet, seen)]
        source = known.role if known is not None and known.ip == packet.source else self._role(packet.source)
        if source is None or allowed(self.index.matrix, (source, role), packet.protocol, packet.ports):
            return []
        facts: dict[str, object] = {"from": source, "to": role, **_port_facts(packet)}
        return [self._sight(seen, Row(Kind.FORBIDDEN_FLOW, frame.source, packet.source, target, facts=facts))]

    def _outside(self, frame: Frame, packet: Packet, seen: Seen) -> Row:
        facts: dict[str, object] = {"through": frame.target, "targets": [], **_port_facts(packet)}
        row = self._sight(seen, Row(Kind.OUTSIDE, frame.source, packet.source, facts=facts))
        targets = row.facts.get("targets")
        if isinstance(targets, list) and packet.target not in targets and len(targets) < _TARGETS:
            targets.append(packet.target)
        return row

    def _gateway(self, mac: str, source: str, why: str, seen: Seen) -> Row:
        return self._sight(seen, Row(Kind.GATEWAY, mac, facts={"source": source, "why": why}))

    # -- who a device is ---------------------------------------------------------------------------------------------

    def _manners(self, packet: Packet, known: Known, seen: Seen) -> list[Row]:
        rows: list[Row] = []
        trait = _TTL_TRAITS.get(packet.protocol)
        if packet.version == 4 and trait is not None and packet.ttl >= _LOWEST_TTL and packet.source == known.ip:
            rows += self._shows(known.mac, trait, str(packet.ttl), seen)
        if packet.options:
            rows += self._shows(known.mac, Trait.SYN, packet.options, seen)
        return rows

    def _shows(self, mac: str, trait: Trait, value: str, seen: Seen) -> tuple[Row, ...]:
        drift = self.identities.show(mac, trait, value, seen.at)
        if drift is None:
            return ()
        if trait in (Trait.TTL_TCP, Trait.TTL_UDP) and abs(int(drift.known) - int(drift.value)) <= _HOPS:
            return (self._nat(drift, "ttl_lower", seen),)
        facts: dict[str, object] = {
            "trait": trait.value, "known": drift.known, "seen": drift.value,
            "fingerprint": self.identities.fingerprint(mac), "both": drift.both,
        }  # fmt: skip
        rows = [
            self._sight(seen, Row(Kind.IDENTITY, mac, other=trait.value, facts=facts, confidence=Confidence.MEDIUM))
        ]
        if drift.both:
            rows.append(self._nat(drift, f"{trait.value}_mixed", seen))
        return tuple(rows)

    def _nat(self, drift: Drift, hint: str, seen: Seen) -> Row:
        """Count that several stations seem to send as one MAC: the more kinds of hints, the surer."""
        hints = self._hints.setdefault(drift.mac, set())
        hints.add(hint)
        sure = (Confidence.LOW, Confidence.MEDIUM, Confidence.HIGH)[min(len(hints), 3) - 1]
        row = self._sight(seen, Row(Kind.NAT, drift.mac, confidence=sure))
        row.confidence = sure
        row.facts = {"hints": sorted(hints), "known": drift.known, "seen": drift.value}
        return row

    def _dhcp(self, frame: Frame, told: DhcpTold, seen: Seen) -> tuple[Row, ...]:
        packet = frame.packet
        assert packet is not None
        if packet.ports is not None and packet.ports[0] == _DHCP_SERVER and told.kind in (0, *_SERVER_SAYS):
            return self._dhcp_server(frame, packet, told, seen)
        if told.vendor.startswith("PXEClient"):  # the machine's firmware, before its own system speaks
            return ()
        rows: list[Row] = []
        parameters = ",".join(map(str, told.parameters))
        for trait, value in (
            (Trait.DHCP_PARAMETERS, parameters), (Trait.DHCP_VENDOR, told.vendor), (Trait.DHCP_HOST, told.host)
        ):  # fmt: skip
            rows += self._shows(frame.source, trait, value, seen)
        return tuple(rows)

    def _dhcp_server(self, frame: Frame, packet: Packet, told: DhcpTold, seen: Seen) -> tuple[Row, ...]:
        owner = self.index.by_ip.get(packet.source)
        if packet.source in self.index.rules.dhcp_servers and (owner is None or owner.mac == frame.source):
            return ()
        facts: dict[str, object] = {"server": told.server, "router": told.router, "message": told.kind}
        return (self._sight(seen, Row(Kind.ROGUE_DHCP, frame.source, packet.source, facts=facts)),)

    def _router(self, mac: str) -> bool:
        return mac in self.index.rules.gateways

    def _sight(self, seen: Seen, made: Row) -> Row:
        return self.book.sight(made, seen)


def _claimed(frame: Frame) -> str:
    """Give the address that a frame's sender uses; "" where it has none yet."""
    if frame.arp is not None:
        return "" if frame.arp.sender_ip == _NOBODY else frame.arp.sender_ip
    if frame.packet is not None and frame.packet.source not in (_NOBODY, "::"):
        return frame.packet.source
    return ""


def _is_group(ip: str) -> bool:
    return ip_address(ip).is_multicast


def _port_facts(packet: Packet) -> dict[str, object]:
    names = {TCP: "tcp", UDP: "udp", ICMP: "icmp", ICMP6: "icmp6"}
    name = names.get(packet.protocol, str(packet.protocol))
    return {"protocol": name} if packet.ports is None else {"protocol": name, "ports": list(packet.ports)}
