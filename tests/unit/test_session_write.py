"""A session that writes: modes, rejections half-way, saving, and what a listener hears."""

from __future__ import annotations

import pytest

from drivers.dialects import dialect
from drivers.render import Command, script
from drivers.session import Session
from drivers.transports.replay import Exchange, ReplayChannel
from policies.errors import CommandRejected, DeviceTimeout, InputError, StorageFailed, Unreachable, VerifyFailed
from policies.texts import t
from tests.unit.conversations import SplitChannel, Turn, logged_in, session

CISCO = dialect("cisco_ios")
GI1, GI2 = "GigabitEthernet1/0/1", "GigabitEthernet1/0/2"
CONF, PORT, EXEC = "sw1(config)#", "sw1(config-if)#", "sw1#"
ENTER: Turn = ("configure terminal", "Enter configuration commands, one per line.  End with CNTL/Z.\r\n", CONF)
COMMANDS = [Command("vlan 300"), Command("exit"), Command("shutdown", GI1), Command("no shutdown", GI2), Command("x y")]
TURNS: list[Turn] = [
    ENTER,
    ("vlan 300", "", "sw1(config-vlan)#"),
    ("exit", "", CONF),
    (f"interface {GI1}", "", PORT),
    ("shutdown", "", PORT),
    ("exit", "", CONF),
    (f"interface {GI2}", "", PORT),
    ("no shutdown", "", PORT),
    ("exit", "", CONF),
    ("x y", "", CONF),
    ("end", "", EXEC),
]


def left(channel: ReplayChannel) -> bool:
    """Tell whether the whole recording was used up."""
    try:
        channel.write("anything")
    except InputError as error:
        return "expects ''" in str(error)
    return False


class TestConfigure:
    def test_what_is_typed_is_what_the_plan_showed(self) -> None:
        channel = ReplayChannel(logged_in(*TURNS))
        heard: list[tuple[str, str]] = []
        with Session(channel, CISCO, switch="sw1") as opened:
            opened.configure(COMMANDS, lambda phase, line: heard.append((phase, line)))
            assert left(channel)
        assert [line for phase, line in heard if phase == "before"] == script(CISCO, COMMANDS)
        assert heard == [(phase, line) for line in script(CISCO, COMMANDS) for phase in ("before", "after")]

    def test_nothing_is_typed_on_a_port_whose_mode_was_not_entered(self) -> None:
        turns: list[Turn] = [ENTER, (f"interface {GI1}", "", CONF), ("end", "", EXEC)]
        channel = ReplayChannel(logged_in(*turns))
        with (
            Session(channel, CISCO, switch="sw1") as opened,
            pytest.raises(CommandRejected, match=f"'interface {GI1}'.*config"),
        ):
            opened.configure([Command("shutdown", GI1)])
        assert left(channel)

    def test_nothing_is_typed_when_there_is_nothing_to_do(self) -> None:
        channel = ReplayChannel(logged_in())
        with Session(channel, CISCO, switch="sw1") as opened:
            opened.configure([])
            assert left(channel)

    @pytest.mark.parametrize(
        ("commands", "turns"),
        [
            (
                [Command("switchport port-security", GI1)],
                [
                    ENTER,
                    (f"interface {GI1}", "", PORT),
                    (
                        "switchport port-security",
                        "Command rejected: GigabitEthernet1/0/1 is a dynamic port.\r\n",
                        PORT,
                    ),
                    ("exit", "", CONF),
                    ("end", "", EXEC),
                ],
            ),
            (
                [Command("shutdown", GI1), Command("shutdown", GI2)],
                [
                    ENTER,
                    (f"interface {GI1}", "", PORT),
                    ("shutdown", "", PORT),
                    ("exit", "", CONF),
                    (f"interface {GI2}", "                ^\r\n% Invalid input detected at '^' marker.\r\n\r\n", CONF),
                    ("end", "", EXEC),
                ],
            ),
            (
                [Command("vlan 300"), Command("name x")],
                [
                    ENTER,
                    ("vlan 300", "", "sw1(config-vlan)#"),
                    ("name x", "% Invalid input detected at '^' marker.\r\n", "sw1(config-vlan)#"),
                    ("end", "", EXEC),
                ],
            ),
        ],
        ids=["in a port", "on the way into a port", "in another mode"],
    )
    def test_a_rejection_half_way_leaves_the_modes_and_says_which_command_it_was(
        self, commands: list[Command], turns: list[Turn]
    ) -> None:
        channel = ReplayChannel(logged_in(*turns))
        with Session(channel, CISCO, switch="sw1") as opened:
            with pytest.raises(CommandRejected) as refusal:
                opened.configure(commands)
            assert left(channel)
        assert refusal.value.command in (commands[-1].line, f"interface {commands[-1].port}")

    @pytest.mark.parametrize(
        "said",
        [
            "Found duplicate mac-address 02ca.0000.0001.\r\n",
            "Total secure mac-addresses on interface GigabitEthernet1/0/1 has reached maximum limit.\r\n",
            "% Error: something\r\n",
            "%Failed to do it\r\n",
        ],
    )
    def test_what_ios_says_in_its_own_ways_is_a_rejection(self, said: str) -> None:
        line = "switchport port-security mac-address 02ca.0000.0001"
        turns = [ENTER, (f"interface {GI1}", "", PORT), (line, said, PORT), ("exit", "", CONF), ("end", "", EXEC)]
        with pytest.raises(CommandRejected, match="mac-address 02ca"), session(CISCO, logged_in(*turns)) as opened:
            opened.configure([Command(line, GI1)])

    @pytest.mark.parametrize(
        "said",
        [
            "% Access VLAN does not exist. Creating vlan 300\r\n",
            "*Nov 22 10:00:01.123: %PM-4-ERR_DISABLE: psecure-violation error detected on Gi1/0/3\r\n",
            "%PORT_SECURITY-2-PSECURE_VIOLATION: Security violation, access denied to 02ba.d000.0066\r\n",
        ],
    )
    def test_advice_and_log_messages_are_no_rejection(self, said: str) -> None:
        turns = [
            ENTER,
            (f"interface {GI1}", "", PORT),
            ("switchport access vlan 300", said, PORT),
            ("exit", "", CONF),
            ("end", "", EXEC),
        ]
        with session(CISCO, logged_in(*turns)) as opened:
            opened.configure([Command("switchport access vlan 300", GI1)])

    def test_a_line_that_is_cut_half_way_is_unreachable(self) -> None:
        cut = [*logged_in(*TURNS[:4]), Exchange("shutdown", "shut")]
        with pytest.raises(Unreachable), session(CISCO, cut) as opened:
            opened.configure(COMMANDS)

    def test_a_question_inside_configuration_is_a_timeout_that_shows_it(self) -> None:
        asks = [*logged_in(ENTER), Exchange("x", "x\r\nAre you sure? [yes/no]: "), Exchange("never", "")]
        with pytest.raises(DeviceTimeout, match="Are you sure"), session(CISCO, asks) as opened:
            opened.configure([Command("x")])

    def test_a_journal_that_fails_stops_the_writing_and_leaves_the_modes(self) -> None:
        turns = [*TURNS[:4], ("exit", "", CONF), ("end", "", EXEC)]
        channel = ReplayChannel(logged_in(*turns))

        def full(phase: str, line: str) -> None:
            if line == "shutdown":
                raise StorageFailed(t("the disk is full"))

        with Session(channel, CISCO, switch="sw1") as opened:
            with pytest.raises(StorageFailed):
                opened.configure(COMMANDS, full)
            assert left(channel)

    def test_when_leaving_fails_too_the_first_failure_is_told(self) -> None:
        turns: list[Turn] = [ENTER, ("x", "% Invalid input detected at '^' marker.\r\n", CONF)]
        with (
            pytest.raises(CommandRejected, match="'x'"),
            session(CISCO, [*logged_in(*turns), Exchange("end", "")]) as opened,
        ):
            opened.configure([Command("x")])


class TestSave:
    ASK = Exchange(
        "copy running-config startup-config",
        "copy running-config startup-config\r\nDestination filename [startup-config]? ",
    )

    def save(self, *answers: Exchange, size: int = 1) -> None:
        channel = SplitChannel([*logged_in(), self.ASK, *answers], lambda: size)
        with Session(channel, CISCO, switch="sw1") as opened:
            opened.save()

    @pytest.mark.parametrize("size", [1, 5, 10_000])
    @pytest.mark.parametrize(
        "said",
        [
            "Building configuration...\r\n[OK]\r\n",
            "Building configuration...\r\nCompressed configuration from 5873 bytes to 2720 bytes[OK]\r\n",
            "3575 bytes copied in 0.892 secs (4008 bytes/sec)\r\n",
        ],
        ids=["plain", "compressed", "counted"],
    )
    def test_a_switch_that_says_so_has_saved(self, said: str, size: int) -> None:
        self.save(Exchange("\n", f"\r\n{said}sw1#"), size=size)

    def test_a_second_question_is_answered(self) -> None:
        self.save(
            Exchange("\n", "\r\nOverwrite the previous NVRAM configuration?[confirm]"),
            Exchange("\n", "\r\nBuilding configuration...\r\n[OK]\r\nsw1#"),
        )

    @pytest.mark.parametrize(
        "said", ["startup-config file open failed (Device or resource busy)\r\n", "", "[OK] was never said here\r\n"]
    )
    def test_a_switch_that_does_not_say_so_has_not_saved(self, said: str) -> None:
        with pytest.raises(VerifyFailed, match="did not say that it saved"):
            self.save(Exchange("\n", f"\r\n{said}sw1#"))

    def test_a_full_flash_is_a_rejection(self) -> None:
        with pytest.raises(CommandRejected, match="No space left"):
            self.save(Exchange("\n", "\r\n%Error opening nvram:/startup-config (No space left on device)\r\nsw1#"))

    def test_a_log_message_after_the_question_does_not_confuse(self) -> None:
        with pytest.raises(DeviceTimeout):  # the question is not at the end any more: nothing is guessed
            channel = SplitChannel(
                [*logged_in(), Exchange(self.ASK.sent, f"{self.ASK.received}\r\nabc")], lambda: 10_000
            )
            with Session(channel, CISCO, switch="sw1") as opened:
                opened.save()

    def test_a_switch_that_asks_for_ever_is_given_up(self) -> None:
        again = Exchange("\n", "\r\nDestination filename [startup-config]? ")
        with pytest.raises(CommandRejected, match="Destination filename"):
            self.save(*[again] * 10)
