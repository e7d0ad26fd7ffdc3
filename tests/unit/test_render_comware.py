"""A change set in Comware's words. The expected commands are written by hand from H3C's command references."""

from __future__ import annotations

from dataclasses import replace

import pytest

from drivers.dialects import dialect
from drivers.render import check_undo, commands, script
from drivers.transports.replay import Exchange
from policies.errors import CommandRejected, ConfigError
from policies.model import IpBinding, PortConfig, PortMode, Violation, VlanChange
from tests.unit.conversations import exchanges, session
from tests.unit.rendered import GI1, GI2, change, changes, lines, macs
from tests.unit.switch_states import CAM, CAM2, sealed

COMWARE = dialect("h3c_comware")
#: A port as it leaves the factory: an access port of VLAN 1 that learns what comes.
FACTORY = PortConfig(
    mode=PortMode.ACCESS,
    access_vlan=1,
    secure=False,
    violation=Violation.PROTECT,
    sticky=False,
    secure_macs=frozenset(),
    ip_bindings=frozenset(),
    source_guard=False,
    admin_up=True,
    description="",
)
SEALED = replace(sealed(CAM), maximum=None, sticky=False, description="")
PAIR = frozenset({IpBinding(CAM.mac, "10.1.0.1", 100)})
ENABLE = ["quit", "port-security enable", f"interface {GI1}", "port-security port-mode secure"]

GOLDEN: dict[str, tuple[PortConfig, PortConfig, list[str]]] = {
    "access mode": (
        replace(FACTORY, mode=PortMode.TRUNK),
        PortConfig(mode=PortMode.ACCESS),
        ["port link-type access"],
    ),
    "trunk mode": (FACTORY, PortConfig(mode=PortMode.TRUNK), ["port link-type trunk"]),
    "VLAN": (FACTORY, PortConfig(access_vlan=100), ["port access vlan 100"]),
    "VLAN, default": (replace(FACTORY, access_vlan=100), PortConfig(access_vlan=1), ["undo port access vlan"]),
    "port security on": (FACTORY, PortConfig(secure=True), ENABLE),
    "port security off": (SEALED, PortConfig(secure=False), ["undo port-security port-mode"]),
    "block the MAC": (
        FACTORY,
        PortConfig(violation=Violation.RESTRICT),
        ["port-security intrusion-mode blockmac"],
    ),
    "shut the port": (
        FACTORY,
        PortConfig(violation=Violation.SHUTDOWN),
        ["port-security intrusion-mode disableport"],
    ),
    "drop only": (SEALED, PortConfig(violation=Violation.PROTECT), ["undo port-security intrusion-mode"]),
    "a MAC": (
        FACTORY,
        PortConfig(secure_macs=macs(CAM.mac)),
        ["mac-address static 02ca-0000-0001 vlan 100"],
    ),
    # The port stays sealed: nobody is admitted between the two.
    "another MAC on a sealed port": (
        SEALED,
        PortConfig(secure_macs=macs(CAM2.mac)),
        ["undo mac-address static 02ca-0000-0001 vlan 100", "mac-address static 02ca-0000-0002 vlan 100"],
    ),
    "a second MAC on a sealed port": (
        SEALED,
        PortConfig(secure_macs=macs(CAM.mac, CAM2.mac)),
        ["mac-address static 02ca-0000-0002 vlan 100"],
    ),
    # A MAC belongs to a VLAN in which the port must be: it leaves before, and comes back after.
    "another VLAN under a sealed port": (
        replace(SEALED, ip_bindings=frozenset(), source_guard=False),
        PortConfig(access_vlan=200, secure_macs=macs(CAM.mac, vlan=200)),
        [
            "undo mac-address static 02ca-0000-0001 vlan 100",
            "port access vlan 200",
            "mac-address static 02ca-0000-0001 vlan 200",
        ],
    ),
    "an IP pair": (
        FACTORY,
        PortConfig(ip_bindings=PAIR),
        ["ip source binding ip-address 10.1.0.1 mac-address 02ca-0000-0001"],
    ),
    "no IP pair": (
        SEALED,
        PortConfig(ip_bindings=frozenset()),
        ["undo ip source binding ip-address 10.1.0.1 mac-address 02ca-0000-0001"],
    ),
    "source guard on": (FACTORY, PortConfig(source_guard=True), ["ip verify source ip-address mac-address"]),
    "source guard off": (SEALED, PortConfig(source_guard=False), ["undo ip verify source"]),
    "shut": (FACTORY, PortConfig(admin_up=False), ["shutdown"]),
    "open": (replace(FACTORY, admin_up=False), PortConfig(admin_up=True), ["undo shutdown"]),
    "description": (FACTORY, PortConfig(description="pole 7"), ["description pole 7"]),
    "no description": (replace(FACTORY, description="x"), PortConfig(description=""), ["undo description"]),
    # The device is admitted before the port shuts everybody out.
    "a first binding": (
        FACTORY,
        replace(sealed(CAM), maximum=None, admin_up=None),
        [
            "port access vlan 100",
            "port-security intrusion-mode blockmac",
            "mac-address static 02ca-0000-0001 vlan 100",
            *ENABLE,
            "ip source binding ip-address 10.1.0.1 mac-address 02ca-0000-0001",
            "ip verify source ip-address mac-address",
        ],
    ),
    # The port goes down first, so that it is never open without its guard.
    "shut and parked": (
        SEALED,
        PortConfig(
            access_vlan=999,
            secure=False,
            secure_macs=frozenset(),
            ip_bindings=frozenset(),
            source_guard=False,
            admin_up=False,
        ),
        [
            "shutdown",
            "undo ip verify source",
            "undo port-security port-mode",
            "undo ip source binding ip-address 10.1.0.1 mac-address 02ca-0000-0001",
            "undo mac-address static 02ca-0000-0001 vlan 100",
            "port access vlan 999",
        ],
    ),
}


@pytest.mark.parametrize(("before", "after", "said"), GOLDEN.values(), ids=GOLDEN)
def test_comware_is_told_in_the_words_and_the_order_of_its_references(
    before: PortConfig, after: PortConfig, said: list[str]
) -> None:
    assert lines(COMWARE, change(before, after)) == said


@pytest.mark.parametrize(("before", "after", "said"), GOLDEN.values(), ids=GOLDEN)
def test_every_change_can_be_written_back(before: PortConfig, after: PortConfig, said: list[str]) -> None:
    assert said
    check_undo(COMWARE, changes(change(before, after)))


def test_a_device_that_moves_leaves_its_old_port_first() -> None:
    moved = commands(
        COMWARE,
        changes(
            change(FACTORY, PortConfig(secure_macs=macs(CAM.mac), access_vlan=100), GI1),
            change(SEALED, PortConfig(secure_macs=frozenset(), ip_bindings=frozenset()), GI2),
        ),
    )
    assert [(line.port, line.line) for line in moved] == [
        (GI2, "undo ip source binding ip-address 10.1.0.1 mac-address 02ca-0000-0001"),
        (GI2, "undo mac-address static 02ca-0000-0001 vlan 100"),
        (GI1, "port access vlan 100"),
        (GI1, "mac-address static 02ca-0000-0001 vlan 100"),
    ]


def test_a_port_that_was_shut_by_the_switch_is_opened_last() -> None:
    assert lines(COMWARE, change(SEALED, PortConfig(secure_macs=macs(CAM2.mac)), recover=True))[-2:] == [
        "shutdown",
        "undo shutdown",
    ]


def test_ports_are_called_by_comwares_own_words() -> None:
    for name, said in (
        ("TenGigabitEthernet1/0/25", "Ten-GigabitEthernet1/0/25"),
        ("TwentyFiveGigE1/0/1", "Twenty-FiveGigE1/0/1"),
        ("FortyGigabitEthernet1/0/49", "FortyGigE1/0/49"),
        ("Port-channel1", "Bridge-Aggregation1"),
        ("GigabitEthernet1/0/1", "GigabitEthernet1/0/1"),
    ):
        made = commands(COMWARE, changes(change(FACTORY, PortConfig(secure=True, admin_up=True), name)))
        assert f"interface {said}" in [line.line for line in made]
        assert script(COMWARE, made)[:2] == ["system-view", f"interface {said}"]


def test_a_maximum_and_sticky_learning_are_no_settings_here() -> None:
    for wanted in (PortConfig(maximum=1), PortConfig(sticky=True)):
        with pytest.raises(ConfigError, match="no command for"):
            lines(COMWARE, change(FACTORY, wanted))


class TestDialogue:
    """The lines are sent to Comware's own prompts, and the modes fit."""

    USER, SYSTEM, PORT, VLAN = "<gate>", "[gate]", f"[gate-{GI1}]", "[gate-vlan100]"
    OPENING = (("screen-length disable", "", USER),)

    def recording(self, *turns: tuple[str, str, str]) -> list[Exchange]:
        return exchanges(*self.OPENING, *turns, greeting=f"\r\n{self.USER}")

    def test_a_vlan_and_a_first_binding(self) -> None:
        wanted = changes(
            change(FACTORY, PortConfig(secure=True, secure_macs=macs(CAM.mac), access_vlan=100)),
            vlans=(VlanChange(100, None, "face"),),
        )
        typed = [
            ("system-view", "System View: return to User View with Ctrl+Z.\r\n", self.SYSTEM),
            ("vlan 100", "", self.VLAN),
            ("name face", "", self.VLAN),
            ("quit", "", self.SYSTEM),
            (f"interface {GI1}", "", self.PORT),
            ("port access vlan 100", "", self.PORT),
            ("mac-address static 02ca-0000-0001 vlan 100", "", self.PORT),
            ("quit", "", self.SYSTEM),
            ("port-security enable", "Please wait...... Done.\r\n", self.SYSTEM),
            (f"interface {GI1}", "", self.PORT),
            ("port-security port-mode secure", "", self.PORT),
            ("quit", "", self.SYSTEM),
            ("return", "", self.USER),
            (
                "save force",
                (
                    "Validating file. Please wait...\r\n"
                    "Saved the current configuration to mainboard device successfully.\r\n"
                ),
                self.USER,
            ),
        ]
        told: list[str] = []
        with session(COMWARE, self.recording(*typed)) as opened:
            opened.configure(commands(COMWARE, wanted), lambda phase, line: told.append(f"{phase} {line}"))
            opened.save()
        assert [line for line in told if line.startswith("before")] == [f"before {turn[0]}" for turn in typed[:-1]]

    def test_a_refusal_in_system_view_leaves_the_modes(self) -> None:
        wanted = changes(change(FACTORY, PortConfig(secure=True)))
        refused = "Cannot enable port security because 802.1X is enabled globally.\r\n"
        typed = [
            ("system-view", "", self.SYSTEM),
            (f"interface {GI1}", "", self.PORT),
            ("quit", "", self.SYSTEM),
            ("port-security enable", refused, self.SYSTEM),
            ("quit", "", self.USER),
            ("return", " % Unrecognized command found at '^' position.\r\n", self.USER),
            ("display version", "x\r\n", self.USER),
        ]
        with session(COMWARE, self.recording(*typed)) as opened:
            with pytest.raises(CommandRejected, match="Cannot enable port security"):
                opened.configure(commands(COMWARE, wanted))
            assert opened.read("display version") == "x"

    def test_a_save_that_asks_is_answered(self) -> None:
        asks = [
            Exchange(
                "save force",
                "save force\r\nThe current configuration will be written to the device. Are you sure? [Y/N]:",
            ),
            Exchange(
                "Y",
                "Y\r\nPlease input the file name(*.cfg)[flash:/startup.cfg]\r\n"
                "(To leave the existing filename unchanged, press the enter key):",
            ),
            Exchange("\n", "\r\nflash:/startup.cfg exists, overwrite? [Y/N]:"),
            Exchange(
                "Y",
                "Y\r\nValidating file. Please wait....\r\n"
                f" Configuration is saved to device successfully.\r\n{self.USER}",
            ),
        ]
        with session(COMWARE, [*self.recording(), *asks]) as opened:
            opened.save()
