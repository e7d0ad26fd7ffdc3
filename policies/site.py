"""The site's declaration: what site.toml says, as frozen values. :mod:`policies.load` reads the file."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from policies.cards.number import CardRule
from policies.cards.rights import Holiday, Reader, TimeProfile
from policies.model import ExceptedPort, Violation
from policies.terminal import Terminal


@dataclass(frozen=True, slots=True)
class Parameters:
    """Policy parameters: defaults ship in policies/data/notice.toml, `[policy]` of site.toml overrides them.

    violation: what a switch does with a foreign MAC (protect, restrict, shutdown).
    bind_ip: also bind IP to MAC and port where the platform can.
    shut_unused: shut ports that nothing is bound to (and park them in the blackhole VLAN).
    evidence_max_age_s: seconds after which what was read turns 未验证.
    openings_days: over how many days back openings are judged (7.2b, 7.2c).
    rollback_timeout_s: seconds for which the watchdog tries to finish or roll back an apply that died.

    The others are for swipes and leases, as :class:`policies.cards.rights.CardPolicy` has them.
    swipe_max_age_s: seconds after which a swipe does not count any more.
    swipe_ahead_s: seconds that a reader's clock may be ahead.
    swipe_answer_s: seconds that the operator, and a second person, have after the swipe.
    swipe_again_s: seconds within which the same card again is the same swipe; later it relocks.
    terminal_silent_s: seconds without a sign of life after which a terminal is offline.
    second_person_for_storage: storage opens for two people's swipes only.
    lease_case_minutes, lease_maintenance_minutes, lease_other_minutes: the longest lease for each purpose.
    lease_devices: how many devices one lease opens.
    lease_keyboards: a lease opens keyboards and mice too (interface class 03), where the card may.
    leases_per_terminal, leases_per_card: how many may be open at a time.
    """

    violation: Violation = Violation.RESTRICT
    bind_ip: bool = True
    shut_unused: bool = True
    evidence_max_age_s: int = 86_400
    rollback_timeout_s: int = 120
    swipe_max_age_s: int = 10
    swipe_ahead_s: int = 5
    swipe_answer_s: int = 60
    swipe_again_s: int = 3
    terminal_silent_s: int = 90
    second_person_for_storage: bool = False
    lease_case_minutes: int = 30
    lease_maintenance_minutes: int = 30
    lease_other_minutes: int = 10
    lease_devices: int = 1
    lease_keyboards: bool = False
    leases_per_terminal: int = 1
    leases_per_card: int = 1
    openings_days: int = 30


@dataclass(frozen=True, slots=True)
class Vlan:
    """A declared VLAN; `purpose` is face, blackhole, quarantine, management or other."""

    id: int
    name: str
    purpose: str


@dataclass(frozen=True, slots=True)
class Uplink:
    """A declared uplink: never touched by a plan; `allowed_vlans` and `native_vlan` are checked where given."""

    port: str
    allowed_vlans: frozenset[int] | None = None
    native_vlan: int | None = None


@dataclass(frozen=True, slots=True)
class SnmpAccess:
    """How to ask a switch over SNMP: exactly one of `community` (v2c) and `user` (v3); secrets are references.

    `write_community` is the one for sets over v2c, which the site must name to allow them at all.
    """

    host: str
    port: int = 161
    community: str | None = None
    user: str | None = None
    auth_protocol: str = "sha"
    auth_password: str | None = None
    priv_protocol: str = "aes128"
    priv_password: str | None = None
    context: str = ""
    write_community: str | None = None

    @property
    def may_write(self) -> bool:
        """Whether sets are possible: authenticated and encrypted, or over v2c where the site says so."""
        return self.priv_password is not None or self.write_community is not None


@dataclass(frozen=True, slots=True)
class Switch:
    """A declared switch. `ports` are the canonical names that the site declares; others are never touched.

    `password`, `key` and `enable` are references (env:NAME, file:PATH, secret:NAME), never the secret itself.
    `management_ports` carry the controller's own way to the switch. `edge_ports` answer the planner's question "is this
    an uplink?" with no: a device that speaks LLDP, or a small hub, is on them. `experimental_writes` lets Portseal
    change a switch whose dialect is experimental, which it only reads otherwise. `write` is how it is planned and
    written: over ssh, or over snmp.
    """

    name: str
    platform: str
    host: str
    port: int = 22
    username: str = ""
    password: str | None = None
    key: str | None = None
    enable: str | None = None
    host_key: str | None = None
    timeout_s: float = 30.0
    ports: tuple[str, ...] = ()
    uplinks: tuple[Uplink, ...] = ()
    management_ports: frozenset[str] = frozenset()
    edge_ports: frozenset[str] = frozenset()
    excepted: tuple[ExceptedPort, ...] = ()
    snmp: SnmpAccess | None = None
    settings: tuple[tuple[str, str], ...] = ()
    trap_sources: tuple[str, ...] = ()
    experimental_writes: bool = False
    write: str = "ssh"

    def uplink(self, port: str) -> Uplink | None:
        """Give the declared uplink at `port`, if it is one."""
        for uplink in self.uplinks:
            if uplink.port == port:
                return uplink
        return None


class BrokerMode(StrEnum):
    """Whose the broker is: `managed` by Portseal as its own child, or `external`, which the site runs itself."""

    MANAGED = "managed"
    EXTERNAL = "external"


@dataclass(frozen=True, slots=True)
class Broker:
    """[broker]: how processes reach the MQTT broker.

    host: the name or address by which terminals reach it; "" until terminals are enrolled.
    names: further names and addresses of the same machine, which its certificate bears.
    listen, port: where a managed broker listens; an external one is at `host`, `port`.
    authority, certificate, key: PEM files below the site folder for an external broker: who vouches for it, and by what
    the controller is known there ("": the controller's own certificate).
    legacy_listen, legacy_port: where readers without certificates are heard, if one has a login; port 0: nowhere.
    """

    mode: BrokerMode = BrokerMode.MANAGED
    host: str = ""
    names: tuple[str, ...] = ()
    listen: str = "0.0.0.0"  # noqa: S104 - terminals come from the network; site.toml can name one address
    port: int = 8883
    authority: str = ""
    certificate: str = ""
    key: str = ""
    legacy_listen: str = "127.0.0.1"
    legacy_port: int = 1883


@dataclass(frozen=True, slots=True)
class Web:
    """[web]: the controller's HTTPS door, for enrolment and for readers that speak HTTP; `host` "": the broker's."""

    host: str = ""
    listen: str = "0.0.0.0"  # noqa: S104 - as the broker's
    port: int = 8843


@dataclass(frozen=True, slots=True)
class TrapUser:
    """A user of SNMPv3 notifications that every switch may have; passwords are references."""

    name: str
    auth_protocol: str = "sha"
    auth_password: str | None = None
    priv_protocol: str = "aes128"
    priv_password: str | None = None


@dataclass(frozen=True, slots=True)
class Traps:
    """[traps]: where notifications are received (`listen` "": nowhere), and what may prove them besides a switch's own.

    `communities` are references.
    """

    listen: str = ""
    port: int = 162
    communities: tuple[str, ...] = ()
    users: tuple[TrapUser, ...] = ()


@dataclass(frozen=True, slots=True)
class Watch:
    """[watch]: what belongs on the wire beside the inventory; what is empty has the defaults of policies.watch.rules.

    networks: the site's own, as prefixes. vlans: ids of tags that may be seen beside those of the face network.
    gateways: MACs that may route and advertise. dhcp_servers: addresses that may answer. peers: name and prefixes of
    those outside the inventory with whom devices talk. flows: source, target and ports of what may talk to what.
    """

    networks: tuple[str, ...] = ()
    vlans: frozenset[int] = frozenset()
    gateways: tuple[str, ...] = ()
    dhcp_servers: tuple[str, ...] = ()
    peers: tuple[tuple[str, tuple[str, ...]], ...] = ()
    flows: tuple[tuple[str, str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class ListSource:
    """Where the access-control system's export job writes its list: a file ("": the list is imported by hand).

    `published`: there is no file; the system sends its list over the broker. `every_s`: how often the file is looked
    at. `oldest_s`: the age of an export, or of what was sent last, beyond which it is a finding.
    `most_removed_percent`: a list that takes more of the cards away is not imported by itself.
    """

    file: str = ""
    every_s: int = 300
    oldest_s: int = 172_800
    most_removed_percent: int = 20
    published: bool = False


@dataclass(frozen=True, slots=True)
class Site:
    """The whole declaration of a site folder.

    `zone` (±hh:mm) is the site's own time, by which profiles and holidays count. `authority` says how the numbers in
    the access-control system's list are written, `list_source` where it comes from.
    """

    name: str
    folder: Path
    language: str = "zh"
    parameters: Parameters = Parameters()
    vlans: tuple[Vlan, ...] = ()
    switches: tuple[Switch, ...] = ()
    terminals: tuple[Terminal, ...] = ()
    zone: str = "+08:00"
    readers: tuple[Reader, ...] = ()
    profiles: tuple[TimeProfile, ...] = ()
    holidays: tuple[Holiday, ...] = ()
    authority: CardRule = field(default_factory=CardRule)
    list_source: ListSource = ListSource()
    broker: Broker = Broker()
    web: Web = Web()
    traps: Traps = Traps()
    watch: Watch = Watch()

    def switch(self, name: str) -> Switch | None:
        """Give the switch called `name`, if it is declared."""
        return next((switch for switch in self.switches if switch.name == name), None)

    def terminal(self, name: str) -> Terminal | None:
        """Give the terminal called `name`, if it is declared."""
        return next((terminal for terminal in self.terminals if terminal.name == name), None)

    def reader(self, name: str) -> Reader | None:
        """Give the card reader called `name`, if it is declared."""
        return next((reader for reader in self.readers if reader.name == name), None)

    def vlan(self, purpose: str) -> Vlan | None:
        """Give the first VLAN with this purpose, if one is declared."""
        return next((vlan for vlan in self.vlans if vlan.purpose == purpose), None)
