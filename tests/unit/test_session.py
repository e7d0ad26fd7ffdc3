"""A session over hand-written conversations, one character a read: logins, prompts, pagers, noise, timeouts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import drivers.session
from drivers.dialects import dialect
from drivers.session import Session
from drivers.transports.replay import Exchange, ReplayChannel
from policies.errors import AuthenticationFailed, CommandRejected, DeviceTimeout, InputError, Unreachable
from tests.unit.conversations import SplitChannel, StreamChannel, Turn, exchanges, logged_in, session

CISCO, OVS = dialect("cisco_ios"), dialect("openvswitch")
LOG = "*Nov 22 10:00:01.123: %SYS-5-CONFIG_I: Configured from console by admin on vty0 (198.51.100.7)"
BARE_LOG = "%LINK-3-UPDOWN: Interface GigabitEthernet1/0/3, changed state to up"
VLANS = "VLAN Name         Status    Ports\r\n1    default      active    Gi1/0/1\r\n"
VLANS_READ = VLANS.replace("\r\n", "\n").strip("\n")


def answer(*turns: Turn, command: str = "show vlan brief", greeting: str | None = None) -> str:
    with session(CISCO, logged_in(*turns, greeting=greeting)) as opened:
        return opened.read(command)


class TestLogin:
    PREPARE = (("terminal length 0", "", "sw1>"), ("terminal width 511", "", "sw1>"))

    def enabling(self, *answers: Exchange) -> list[Exchange]:
        return [*exchanges(*self.PREPARE, greeting="\r\nsw1>"), Exchange("enable", "enable\r\nPassword: "), *answers]

    def test_an_unprivileged_login_is_enabled_and_unpaged(self) -> None:
        recording = [
            *self.enabling(Exchange("s3cret", "\r\nsw1#")),
            *exchanges(("show vlan brief", VLANS, "sw1#"))[1:],
        ]
        with session(CISCO, recording, enable="s3cret") as opened:
            assert opened.hostname == "sw1"
            assert opened.read("show vlan brief") == VLANS_READ

    def test_what_is_refused_without_privileges_is_asked_for_again_with_them(self) -> None:
        refused = "          ^\r\n% Invalid input detected at '^' marker.\r\n\r\n"
        recording = [
            *exchanges(self.PREPARE[0], ("terminal width 511", refused, "sw1>"), greeting="\r\nsw1>"),
            Exchange("enable", "enable\r\nPassword: "),
            Exchange("s3cret", "\r\nsw1#"),
            *logged_in(("show vlan brief", VLANS, "sw1#"))[1:],
        ]
        with session(CISCO, recording, enable="s3cret") as opened:
            assert opened.read("show vlan brief") == VLANS_READ

    @pytest.mark.parametrize(
        "refusal",
        ["\r\nPassword: ", "\r\n% Bad secrets\r\n\r\nsw1>", "\r\n% Access denied\r\n\r\nsw1>"],
        ids=["asks again", "gives up", "denies"],
    )
    def test_a_wrong_enable_password_is_said_without_the_password(self, refusal: str) -> None:
        channel = ReplayChannel(self.enabling(Exchange("s3cret", refusal)))
        with pytest.raises(AuthenticationFailed, match="enable") as failure:
            Session(channel, CISCO, switch="sw1", enable_password="s3cret").__enter__()
        assert "s3cret" not in str(failure.value)
        with pytest.raises(Unreachable):
            channel.read(1)

    def test_a_privileged_login_is_not_enabled_again(self) -> None:
        with session(CISCO, logged_in()) as opened:
            assert opened.hostname == "sw1"

    @pytest.mark.parametrize(
        "banner",
        ["Authorized#\r\nusers only", "Welcome#", "sw1>", "a\r\nsw1#\r\nb", "**** keep out ****"],
    )
    def test_a_banner_that_looks_like_a_prompt_is_no_prompt(self, banner: str) -> None:
        recording = [
            Exchange("", f"\r\n{banner}\r\n\r\nsw1>"),
            *self.enabling(Exchange("s3cret", "\r\nsw1#"))[1:],
            *exchanges(("show vlan brief", VLANS, "sw1#"))[1:],
        ]
        with session(CISCO, recording, enable="s3cret") as opened:
            assert opened.hostname == "sw1"
            assert opened.read("show vlan brief") == VLANS_READ

    def test_a_login_that_fails_for_any_reason_closes_the_channel(self) -> None:
        def broken() -> Iterator[str]:
            yield "\r\nsw1#"
            raise RuntimeError("a mistake in a transport")

        channel = StreamChannel(broken())
        with pytest.raises(RuntimeError):
            Session(channel, CISCO, switch="sw1").__enter__()
        assert channel.closed

    def test_a_hostname_that_ios_cuts_in_its_configuration_prompts_is_still_known(self) -> None:
        long = "building-7-floor-3-access-switch-01"
        recording = logged_in(
            ("configure terminal", "Enter configuration commands, one per line.\r\n", f"{long[:20]}(config)#"),
            ("end", "", f"{long}#"),
            prompt=f"{long}#",
        )
        with session(CISCO, recording) as opened:
            opened.configure([])
            opened._lines(CISCO.enter_config, lambda *_: None)
            opened._lines(CISCO.leave_config, lambda *_: None)
            assert opened.hostname == long


class TestAnswers:
    def test_echo_and_prompt_are_cut_off(self) -> None:
        assert answer(("show vlan brief", VLANS, "sw1#")) == VLANS_READ

    def test_an_empty_answer_is_empty(self) -> None:
        assert answer(("show vlan brief", "", "sw1#")) == ""

    def test_only_this_switches_prompt_ends_an_answer(self) -> None:
        text = "other#\r\nsw10#\r\nx sw1#\r\n desc sw1>\r\n"
        assert answer(("show vlan brief", text, "sw1#")).splitlines() == ["other#", "sw10#", "x sw1#", " desc sw1>"]

    @pytest.mark.parametrize(
        "echo",
        ["show vlan \rbrief", "show vl\r\nan brief", "show vlan b \r rief", f"show vl\r\n{LOG}\r\nan brief"],
        ids=["carriage return", "wrapped", "blank and return", "a log message in it"],
    )
    def test_an_echo_that_the_terminal_broke_is_recognised(self, echo: str) -> None:
        recording = [*logged_in(), Exchange("show vlan brief", f"{echo}\r\n{VLANS}sw1#")]
        with session(CISCO, recording) as opened:
            assert opened.read("show vlan brief") == VLANS_READ

    def test_an_echo_that_begins_like_what_came_before_it_is_recognised(self) -> None:
        recording = [*logged_in(), Exchange("aab", "aaab\r\nyes\r\nsw1#")]
        with session(CISCO, recording) as opened:
            assert opened.read("aab") == "yes"

    @pytest.mark.parametrize("log", [LOG, BARE_LOG, f"000123: {LOG}", "1w2d: %SYS-5-X: y"])
    def test_log_messages_between_two_lines_are_left_out(self, log: str) -> None:
        first, second = VLANS.split("\r\n")[:2]
        text = f"{first}\r\n\r\n{log}\r\n{second}\r\n"
        assert [line for line in answer(("show vlan brief", text, "sw1#")).splitlines() if line] == [
            line for line in VLANS_READ.splitlines() if line
        ]

    def test_a_log_message_after_the_prompt_does_not_hide_it(self) -> None:
        """IOS shows no second prompt after `%SYS-5-CONFIG_I`, which comes right after `end`."""
        turns = [("show vlan brief", VLANS, f"sw1#\r\n{LOG}\r\n"), ("show version", "x\r\n", "sw1#")]
        for sizes in (1, 7, 10_000):
            channel = SplitChannel(logged_in(*turns), lambda size=sizes: size)  # type: ignore[misc]
            with Session(channel, CISCO, switch="sw1") as opened:
                assert opened.read("show vlan brief") == VLANS_READ
                assert opened.read("show version") == "x"

    def test_control_sequences_of_a_terminal_are_left_out(self) -> None:
        text = "\x1b]0;root@sw1\x07\x1b[1mbold\x1b[0m\x1b(B\x07\x00 x\r\n"
        assert answer(("show vlan brief", text, "sw1#")) == "bold x"


class TestPager:
    @pytest.mark.parametrize(
        ("question", "wiped"),
        [
            (" --More-- ", "\x08" * 10 + " " * 8 + "\x08" * 10),
            ("--More--", "\x08" * 9 + " " * 8 + "\x08" * 9),
            (" --More-- ", "\r" + " " * 10 + "\r"),
            (" --More-- ", "\x1b[42D" + " " * 42 + "\x1b[42D"),
            (" --More-- ", "\x1b[2K\r"),
        ],
        ids=["backspaces", "other backspaces", "return", "cursor moves", "erase"],
    )
    def test_pages_are_joined_with_their_indentation_whole(self, question: str, wiped: str) -> None:
        pages = [
            Exchange("show running-config", f"show running-config\r\ninterface Gi1\r\n{question}"),
            Exchange(" ", f"{wiped} description a\r\ninterface Gi2\r\n{question}"),
            Exchange(" ", f"{wiped} shutdown\r\nend\r\n\r\nsw1#"),
        ]

        class Paged(ReplayChannel):
            def write(self, text: str) -> None:
                super().write(text)

        with Session(Paged([*logged_in(), *pages]), CISCO, switch="sw1") as opened:
            assert opened.read("show running-config").splitlines() == [
                "interface Gi1",
                " description a",
                "interface Gi2",
                " shutdown",
                "end",
            ]

    def test_a_pager_on_the_first_line_is_answered_too(self) -> None:
        pages = [
            Exchange("show vlan brief", "show vlan brief\r\n --More-- "),
            Exchange(" ", "\x08" * 10 + " " * 8 + "\x08" * 10 + "x\r\nsw1#"),
        ]
        with session(CISCO, [*logged_in(), *pages]) as opened:
            assert opened.read("show vlan brief") == "x"


class TestRefusal:
    @pytest.mark.parametrize(
        "said",
        [
            "          ^\r\n% Invalid input detected at '^' marker.\r\n\r\n",
            "% Incomplete command.\r\n\r\n",
            '% Ambiguous command:  "show v"\r\n',
            "% Unknown command or computer name, or unable to find computer address\r\n",
        ],
    )
    def test_a_command_that_the_switch_does_not_know_is_rejected(self, said: str) -> None:
        with pytest.raises(CommandRejected, match="show vlan brief") as refusal:
            answer(("show vlan brief", said, "sw1#"))
        assert refusal.value.where == "sw1"
        assert refusal.value.answer.startswith("%")

    @pytest.mark.parametrize(
        "said", ["% Access denied to strangers", "%%% ACCESS denied %%%", "Command rejected: never"]
    )
    def test_a_banner_in_a_configuration_is_no_refusal(self, said: str) -> None:
        text = (
            f"Building configuration...\r\n\r\n!\r\nversion 15.2\r\nbanner motd ^C\r\n{said}\r\n^C\r\n!\r\nend\r\n\r\n"
        )
        assert said in answer(("show running-config", text, "sw1#"), command="show running-config")

    @pytest.mark.parametrize(
        "said",
        [
            "Chassis id: has reached maximum limit",
            "% Invalid input detected at '^' marker.",
            "Command rejected: not I",
            "% Failed",
            "Found duplicate mac-address x",
        ],
    )
    @pytest.mark.parametrize("place", [2, 3, -1, -2])
    def test_what_a_neighbour_calls_itself_is_no_refusal(self, said: str, place: int) -> None:
        lines = ["-" * 48, "Local Intf: Gi1/0/3", "Port id: 1", "System Name: x", "Time remaining: 1", "Total: 1"]
        lines[place] = said
        command = "show lldp neighbors detail"
        assert said in answer((command, "\r\n".join([*lines, ""]), "sw1#"), command=command)

    def test_log_messages_of_failures_are_no_refusal(self) -> None:
        text = "%SEC_LOGIN-4-LOGIN_FAILED: Login failed [user: x]\r\n%PM-4-ERR_DISABLE: psecure error detected\r\n"
        assert answer(("show vlan brief", text, "sw1#")) == ""

    def test_secrets_are_blanked_in_what_is_said_of_a_refusal(self) -> None:
        with pytest.raises(CommandRejected) as refusal:
            answer(
                ("snmp-server community pubpriv RO", "% Invalid input: snmp-server community pubpriv\r\n", "sw1#"),
                command="snmp-server community pubpriv RO",
            )
        assert "pubpriv" not in str(refusal.value)


class TestSilence:
    def test_a_switch_that_stops_is_named_with_command_and_last_words(self) -> None:
        recording = [*logged_in(), Exchange("show vlan brief", "show vlan brief\r\nVLAN Na"), Exchange("never", "")]
        with (
            pytest.raises(DeviceTimeout, match=r"after 'show vlan brief'.*VLAN Na") as failure,
            session(CISCO, recording) as opened,
        ):
            opened.read("show vlan brief")
        assert failure.value.where == "sw1"
        assert failure.value.next_step is not None

    def test_a_line_that_is_cut_is_unreachable(self) -> None:
        recording = [*logged_in(), Exchange("show vlan brief", "show vlan brief\r\nVLAN Na")]
        with pytest.raises(Unreachable), session(CISCO, recording) as opened:
            opened.read("show vlan brief")

    def test_a_switch_that_never_comes_to_its_prompt_is_given_up(self) -> None:
        def babble() -> Iterator[str]:
            yield "\r\nsw1#"
            while True:
                yield "more and more\r\n"

        with pytest.raises(DeviceTimeout, match="more and more"):
            Session(StreamChannel(babble()), CISCO, switch="sw1", timeout=0.01).__enter__()

    def test_a_long_answer_may_take_longer_than_the_timeout_while_it_keeps_coming(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Slow:
            now = 0.0

            def monotonic(self) -> float:
                self.now += 0.4
                return self.now

        monkeypatch.setattr(drivers.session, "time", Slow())
        channel = SplitChannel(logged_in(("show vlan brief", VLANS, "sw1#")), lambda: 30)
        with Session(channel, CISCO, switch="sw1", timeout=1.0) as opened:
            assert opened.read("show vlan brief") == VLANS_READ

    def test_a_recording_that_expects_another_command_says_so(self) -> None:
        with pytest.raises(InputError, match="expects 'show version', not 'show vlan brief'"):
            answer(("show version", "", "sw1#"))


class TestShell:
    """Open vSwitch behind bash: readline, window titles, bracketed paste."""

    PROMPT = "\x1b[?2004h\x1b]0;root@ovs1: ~\x07root@ovs1:~# "

    def recording(self, *turns: tuple[str, str]) -> list[Exchange]:
        opened = [Exchange("", f"Linux ovs1 6.1\r\nLast login: today\r\n{self.PROMPT}")]
        prepared = [(line, "") for line in OVS.on_open]
        return opened + [
            Exchange(typed, f"{typed}\r\n\x1b[?2004l\r{said}{self.PROMPT}") for typed, said in (*prepared, *turns)
        ]

    def test_answers_are_read_without_the_shells_decoration(self) -> None:
        with session(OVS, self.recording(("ovs-vsctl show", "a\r\nb\r\n"))) as opened:
            assert opened.hostname == "ovs1"
            assert opened.read("ovs-vsctl show") == "a\nb"

    @pytest.mark.parametrize(
        "said",
        [
            'ovs-vsctl: no row "eth99" in table Port\r\n',
            "ovs-ofctl: br0 is not a bridge or a socket\r\n",
            "-bash: ovs-vsctl: command not found\r\n",
            "bash: line 1: /etc/openvswitch/x: No space left on device\r\n",
            "2026-11-22T10:00:00Z|00001|vconn|WARN|unix:/x: connection failed\r\novs-ofctl: br0: failed\r\n",
        ],
    )
    def test_a_tool_that_complains_is_a_refusal(self, said: str) -> None:
        with pytest.raises(CommandRejected), session(OVS, self.recording(("ovs-vsctl x", said))) as opened:
            opened.read("ovs-vsctl x")

    @pytest.mark.parametrize("more", ["", "port 1\r\n" * 20], ids=["the last", "one in the middle"])
    def test_each_of_several_commands_may_complain(self, more: str) -> None:
        flows = "".join(f"flow {number}\r\n" for number in range(20))
        said = f"{flows}ovs-vsctl: database connection failed\r\n{more}"
        with pytest.raises(CommandRejected), session(OVS, self.recording(("a; b", said))) as opened:
            opened.read("a; b")

    def test_the_bridge_of_the_site_is_filled_into_what_is_read(self) -> None:
        recording = self.recording(("ovs-ofctl dump-flows br7", "x\r\n"))
        with Session(ReplayChannel(recording), OVS, switch="ovs1", parameters={"bridge": "br7"}) as opened:
            assert opened.read("ovs-ofctl dump-flows {bridge}") == "x"


LINES = st.lists(
    st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=30).filter(
        lambda line: not line.endswith(("#", ">")) and "%" not in line and "More" not in line
    ),
    max_size=12,
)


@given(lines=LINES, pieces=st.lists(st.integers(1, 40), min_size=1), log_at=st.none() | st.integers(0, 12))
@settings(max_examples=150)
def test_wherever_an_answer_is_cut_it_says_the_same(lines: list[str], pieces: list[int], log_at: int | None) -> None:
    told = list(lines)
    if log_at is not None:
        told.insert(min(log_at, len(told)), LOG)
    text = "".join(f"{line}\r\n" for line in told)
    turns = (("show vlan brief", text, "sw1#"), ("show version", "second\r\n", "sw1#"))
    whole = SplitChannel(logged_in(*turns), lambda: 1_000_000)
    sizes = iter(pieces * 2000)
    split = SplitChannel(logged_in(*turns), lambda: next(sizes))
    answers = []
    for channel in (whole, split):
        with Session(channel, replace(CISCO, failure=("^never$",)), switch="sw1") as opened:
            answers.append((opened.read("show vlan brief"), opened.read("show version")))
    assert answers[0] == answers[1]
    assert answers[0][0].strip("\n") == "\n".join(lines).strip("\n")
