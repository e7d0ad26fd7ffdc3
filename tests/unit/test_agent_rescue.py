"""Rescue codes at the terminal: what one opens, once only, and what survives a kill, a restart and a reboot."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.cli.main import run
from agent.config import load_config
from agent.link.database import Database
from agent.rescue import NONCE, Rescue, read_secret
from policies.keys import SigningKey
from policies.rescue import FREE_TRIES, Permit, RescueSecret, RescueUse, read_challenge, rescue_code
from tests.unit.terminal_bench import BOOT, Bench

SECRET = RescueSecret(bytes(range(100, 132)))
OTHER = RescueSecret(bytes(range(32)))
PEOPLE = ("a0117", "a0204")
OTHER_BOOT = "00000000-d9cb-469f-a165-70867728950e"


class Killed(BaseException):
    """The agent dies here."""


def die(*_: object) -> None:
    raise Killed


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    made.config.rescue_key.write_text(SECRET.key.hex() + "\n", "ascii")
    made.config.rescue_key.chmod(0o600)
    yield made
    made.spool.close()


def challenge(bench: Bench) -> str:
    told = bench.ask("challenge")
    assert told["ok"], told
    return str(told["challenge"])


def code(
    bench: Bench,
    *uses: RescueUse,
    minutes: int = 15,
    secret: RescueSecret = SECRET,
    terminal: str = "T1",
    people: tuple[str, str] = PEOPLE,
) -> str:
    """Give the code that the controller's side makes for the challenge that is shown."""
    asked = read_challenge("hq", terminal, challenge(bench))
    return rescue_code(secret, Permit(asked, frozenset(uses or {RescueUse.STORAGE}), minutes, people))


def use(bench: Bench, typed: str, people: tuple[str, str] = PEOPLE) -> Mapping[str, Any]:
    return bench.ask("rescue", code=typed, people=list(people))


def wrong(bench: Bench) -> Mapping[str, Any]:
    return use(bench, code(bench, secret=OTHER))


def opened(bench: Bench) -> list[str]:
    return [name for name in ("1-1", "1-2") if bench.is_open(name)]


class TestOpens:
    @pytest.mark.clause("7.2b")
    @pytest.mark.parametrize(
        ("asked", "name"), [(RescueUse.STORAGE, "1-1"), (RescueUse.KEYBOARD, "1-2")], ids=["stick", "keyboard"]
    )
    def test_a_right_code_opens_what_it_is_for_and_nothing_else_until_its_end(
        self, bench: Bench, asked: RescueUse, name: str
    ) -> None:
        assert opened(bench) == []
        answer = use(bench, code(bench, asked))
        assert answer["ok"], answer
        assert opened(bench) == [name]
        assert (answer["uses"], answer["minutes"], answer["fails"]) == ([asked.value], 15, "7.2b")
        bench.look(15 * 60 - 1)
        assert opened(bench) == [name]
        bench.look(1.5)
        assert opened(bench) == []

    def test_both_open_when_both_are_allowed_and_in_one_order_of_people_or_the_other(self, bench: Bench) -> None:
        assert use(bench, code(bench, *RescueUse), (PEOPLE[1], PEOPLE[0].upper()))["ok"]
        assert opened(bench) == ["1-1", "1-2"]

    def test_one_device_of_its_kind_opens_once(self, bench: Bench) -> None:
        use(bench, code(bench))
        bench.tree.plug("1-3", "0781", "5567", [(0, "08", "06", "50")], devnum=9)
        bench.look()
        assert not bench.is_open("1-3")
        bench.tree.replug("1-1", devnum=12)
        bench.look()
        assert opened(bench) == []

    def test_what_is_told_has_no_card_both_people_and_the_lease_that_ends(self, bench: Bench) -> None:
        asked = challenge(bench)
        answer = use(bench, code(bench))
        (told,) = bench.told("rescue.used")
        assert told == {
            "challenge": asked, "counter": 0, "card": "rescue", "swipe": False, "fails": "7.2b", "uses": ["storage"],
            "minutes": 15, "people": list(PEOPLE), "leases": ["rescue-0-storage"],
        }  # fmt: skip
        assert answer["leases"] == told["leases"]
        bench.look(16 * 60)
        assert [each["lease"] for each in bench.told("lease.ended")] == ["rescue-0-storage"]
        assert bench.kinds().index("rescue.used") < bench.kinds().index("usb.opened")


class TestOnce:
    def test_the_same_code_again_is_refused_also_after_a_restart_and_a_reboot(self, bench: Bench) -> None:
        typed = code(bench)
        assert use(bench, typed)["ok"]
        first = challenge(bench)
        assert (use(bench, typed)["code"], len(bench.spool.state.leases)) == ("wrong", 1)
        bench.restart()
        assert challenge(bench) == first
        assert use(bench, typed)["code"] == "wrong"
        bench.restart(OTHER_BOOT)
        bench.look()
        assert use(bench, typed)["code"] == "wrong"
        assert (opened(bench), bench.spool.state.leases) == ([], ())
        assert use(bench, code(bench))["ok"]

    def test_a_counter_that_fell_lets_no_code_count_twice(self, bench: Bench) -> None:
        typed = code(bench)
        use(bench, typed)
        bench.spool.commit(bench.terminal.moment, (), lambda state: replace(state, rescue_counter=0, leases=()))
        answer = use(bench, typed)
        assert (answer["ok"], bench.spool.state.leases) == (False, ())
        assert "used before" in answer["error"]["en"]

    def test_a_code_for_another_terminal_site_or_challenge_opens_nothing(self, bench: Bench) -> None:
        shown = challenge(bench)
        permit = Permit(read_challenge("hq", "T1", shown), frozenset({RescueUse.STORAGE}), 15, PEOPLE)
        others = [
            rescue_code(SECRET, Permit(read_challenge(site, terminal, shown), permit.uses, 15, PEOPLE))
            for site, terminal in (("hq", "T2"), ("hr", "T1"))
        ]
        others.append(rescue_code(OTHER, permit))
        for typed in others:
            assert use(bench, typed)["code"] == "wrong"
        assert use(bench, rescue_code(SECRET, permit), ("a0117", "a0999"))["code"] == "wrong"
        assert opened(bench) == []
        assert use(bench, rescue_code(SECRET, permit))["ok"]  # the control: the right one of them all

    def test_more_minutes_than_the_terminal_allows_use_the_code_up_and_open_nothing(self, bench: Bench) -> None:
        assert bench.ask("challenge")["minutes"] == 30
        typed = code(bench, minutes=31)
        answer = use(bench, typed)
        assert (answer["code"], answer["exit_code"], opened(bench)) == ("too_long", 4, [])
        assert use(bench, typed)["code"] == "wrong"
        assert [each["reason"] for each in bench.told("rescue.refused")] == ["too_long", "wrong"]
        assert use(bench, code(bench, minutes=30))["ok"]


class TestChallenge:
    def test_it_stays_while_the_agent_is_restarted_and_is_another_after_a_reboot(self, bench: Bench) -> None:
        first = challenge(bench)
        bench.restart()
        assert challenge(bench) == first
        bench.restart(OTHER_BOOT)
        second = challenge(bench)
        assert second != first
        bench.restart(BOOT)
        assert challenge(bench) not in (first, second)

    @pytest.mark.parametrize("noise", ["", "x", f"{BOOT} 00", f"{BOOT} zz", "\u00e9"])
    def test_a_damaged_nonce_is_drawn_anew(self, bench: Bench, noise: str) -> None:
        first = challenge(bench)
        (bench.config.run / NONCE).write_text(noise, "utf-8")
        second = challenge(bench)
        assert second != first
        assert challenge(bench) == second
        assert (bench.config.run / NONCE).stat().st_mode & 0o777 == 0o600

    def test_after_a_loss_no_code_counts_until_the_controller_knows_and_old_ones_never(self, bench: Bench) -> None:
        typed = code(bench)
        use(bench, typed)
        bench.spool.close()
        for path in bench.config.state.glob("*.db*"):
            path.unlink()
        (bench.config.state / "head").unlink()
        bench.restart()
        assert bench.spool.state.lost
        assert bench.spool.state.rescue_counter == 0  # it has forgotten: only the nonce keeps the old code out
        for do, more in (("challenge", {}), ("rescue", {"code": typed, "people": list(PEOPLE)})):
            answer = bench.ask(do, **more)
            assert (answer["ok"], answer["exit_code"]) == (False, 4)
            assert "lost or rolled back" in answer["error"]["en"]
        head = bench.spool.state.head
        bench.spool.ack(head.seq, head.digest, bench.terminal.moment)
        bench.restart()
        assert use(bench, typed)["code"] == "wrong"
        assert use(bench, code(bench))["ok"]


class TestGuessing:
    def test_five_wrong_codes_lead_to_a_wait_that_a_restart_does_not_end(self, bench: Bench) -> None:
        for number in range(1, FREE_TRIES + 1):
            assert wrong(bench)["code"] == "wrong"
            assert bench.spool.state.rescue_failed == number
            assert bench.ask("challenge")["wait"] == (0 if number < FREE_TRIES else 60)
        assert [each["wrong"] for each in bench.told("rescue.refused")] == [1, 2, 3, 4, 5]
        right = code(bench)
        assert use(bench, right)["code"] == "wait"
        bench.restart()
        bench.clock.pass_by(59)
        assert use(bench, right)["code"] == "wait"
        assert opened(bench) == []
        bench.clock.pass_by(1)
        assert use(bench, right)["ok"]
        assert opened(bench) == ["1-1"]
        assert (bench.spool.state.rescue_failed, bench.ask("challenge")["wait"]) == (0, 0)

    def test_a_reboot_begins_the_wait_anew_and_every_wrong_code_doubles_it(self, bench: Bench) -> None:
        for _ in range(FREE_TRIES):
            wrong(bench)
        bench.clock.pass_by(-bench.clock.now.boottime)
        bench.restart(OTHER_BOOT)
        assert bench.ask("challenge")["wait"] == 60
        bench.clock.pass_by(60)
        assert wrong(bench)["code"] == "wrong"
        assert bench.ask("challenge")["wait"] == 120

    def test_a_mistyped_code_costs_no_try_and_many_of_them_are_told_now_and_then(self, bench: Bench) -> None:
        right = code(bench)
        for _ in range(20):
            answer = use(bench, right[:-1])
            assert (answer["code"], answer["exit_code"]) == ("typo", 2)
        assert bench.spool.state.rescue_failed == 0
        assert len(bench.told("rescue.refused")) == 1
        bench.clock.pass_by(61)
        use(bench, right[:-1])
        assert bench.told("rescue.refused")[1]["held_back"] == 19
        assert use(bench, right.lower().replace("-", " "))["ok"]


class TestDurable:
    def test_killed_after_the_commit_the_lease_opens_at_the_next_start_and_the_code_is_used_up(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        typed = code(bench)
        monkeypatch.setattr(bench.terminal, "look", die)
        with pytest.raises(Killed):
            use(bench, typed)
        assert opened(bench) == []
        assert [each.jti for each in bench.spool.state.leases] == ["rescue-0-storage"]
        bench.restart()
        assert opened(bench) == ["1-1"]
        assert bench.kinds().count("rescue.used") == 1
        assert use(bench, typed)["code"] == "wrong"
        assert len(bench.spool.state.leases) == 1

    def test_killed_before_the_commit_nothing_happened_and_nothing_was_answered(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        good, bad = code(bench), code(bench, secret=OTHER)
        for typed in (bad, good):
            with monkeypatch.context() as patch:
                patch.setattr(Database, "save", die)
                with pytest.raises(Killed):
                    use(bench, typed)
        bench.restart()
        assert (opened(bench), bench.spool.state.leases, bench.spool.state.rescue_failed) == ([], (), 0)
        assert not {"rescue.used", "rescue.refused"} & set(bench.kinds())
        assert use(bench, bad)["code"] == "wrong"
        bench.restart()
        assert bench.spool.state.rescue_failed == 1
        assert use(bench, good)["ok"]
        assert opened(bench) == ["1-1"]

    def test_without_room_no_code_is_asked_for_or_tried(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        typed = code(bench)
        with monkeypatch.context() as patch:
            patch.setattr(type(bench.spool), "has_room", lambda _: False)
            for answer in (bench.ask("challenge"), use(bench, typed)):
                assert (answer["ok"], answer["exit_code"]) == (False, 4)
                assert "no room" in answer["error"]["en"]
        assert use(bench, typed)["ok"]


class TestSecret:
    def test_without_the_file_nothing_is_set_up_and_the_next_step_is_told(self, bench: Bench) -> None:
        typed = code(bench)
        bench.config.rescue_key.unlink()
        for answer in (bench.ask("challenge"), use(bench, typed)):
            assert (answer["ok"], answer["exit_code"]) == (False, 2)
            assert "portseal terminal rescue-key" in answer["error"]["en"]
            assert "\n" not in answer["error"]["en"]
        assert bench.told("rescue.refused") == []

    def test_it_lies_beside_agent_toml_or_where_that_says(self, tmp_path: Path) -> None:
        (tmp_path / "grant.pub").write_bytes(SigningKey(bytes(32)).public.to_pem())
        for more, name in (("", "rescue.key"), ('rescue_key = "other.key"\n', "other.key")):
            (tmp_path / "agent.toml").write_text(f'site = "hq"\nterminal = "T1"\n{more}', "utf-8")
            assert load_config(tmp_path).rescue_key == tmp_path / name

    def test_neither_secret_nor_code_is_in_a_repr_a_log_or_what_is_told_and_kept(
        self, bench: Bench, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        bad, good = code(bench, secret=OTHER), code(bench)
        answers = [use(bench, bad), use(bench, good), use(bench, bad[:-1])]
        told = json.dumps([list(bench.events()), answers], default=dict)
        whole = told + caplog.text + repr(Rescue(bench.terminal)) + repr(read_secret(bench.config.rescue_key))
        bench.spool.close()
        kept = b"".join(path.read_bytes() for path in bench.config.state.parent.rglob("*") if path.is_file()
                        and path != bench.config.rescue_key)  # fmt: skip
        for hidden in (SECRET.key.hex(), repr(SECRET.key), good, bad, good.replace("-", "")):
            assert hidden not in whole
            assert hidden.encode() not in kept
        assert SECRET.key not in kept


class TestRequests:
    @pytest.mark.parametrize(
        ("member", "value"),
        [
            *(("people", each) for each in (None, "ab", [], ["a"], ["a", "b", "c"], ["a", 1], ["a", " "])),
            *(("people", ["a", each]) for each in ("", "b\n", "\ud800", "x" * 65, None)),
            *(("code", each) for each in (None, 7, "", " ", ["x"])),
        ],
    )
    def test_what_is_no_code_or_names_no_two_people_costs_no_try(
        self, bench: Bench, member: str, value: object
    ) -> None:
        answer = bench.ask("rescue", **({"code": code(bench, secret=OTHER), "people": list(PEOPLE)} | {member: value}))
        assert (answer["ok"], answer["exit_code"], bench.spool.state.rescue_failed) == (False, 2, 0)

    @pytest.mark.parametrize("typed", ["x" * 100_000, "\ud800" * 24, "\x00", "🔑" * 24, "-" * 24])
    def test_noise_is_a_typo(self, bench: Bench, typed: str) -> None:
        assert use(bench, typed)["code"] == "typo"

    def test_one_person_twice_opens_nothing(self, bench: Bench) -> None:
        assert use(bench, code(bench), ("a0117", "A0117 "))["code"] == "wrong"
        assert opened(bench) == []


class TestVerb:
    """The command line, with the agent's answers taken from the bench instead of its socket."""

    @pytest.fixture
    def cli(self, bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]
        (tmp_path / "grant.pub").write_bytes(SigningKey(bytes(32)).public.to_pem())
        (tmp_path / "agent.toml").write_text('site = "hq"\nterminal = "T1"\n', "utf-8")
        monkeypatch.setattr("agent.control.ask", lambda _, request: dict(bench.answers.answer(request)))

        def typed(*arguments: str, stdin: str = "", lang: str = "en") -> tuple[int, str, str]:
            monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
            number, ended = run([*arguments, "--lang", lang], {}, folder=tmp_path), capsys.readouterr()
            return number, ended.out, ended.err

        return typed

    def test_without_arguments_it_shows_what_to_read_out(self, bench: Bench, cli: Any) -> None:
        number, out, err = cli("rescue")
        assert (number, err) == (0, "")
        assert challenge(bench) in out
        assert "at the latest" in out
        assert f"portseal terminal rescue T1 --challenge {challenge(bench)}" in out
        assert json.loads(cli("rescue", "--json")[1]) == bench.ask("challenge")
        for _ in range(FREE_TRIES):
            wrong(bench)
        assert "in 60 seconds" in cli("rescue")[1]

    @pytest.mark.parametrize("way", ["argument", "dash", "input"])
    def test_a_code_opens_given_as_an_argument_or_on_standard_input(self, bench: Bench, cli: Any, way: str) -> None:
        typed = code(bench)
        first = {"argument": (typed,), "dash": ("-",), "input": ()}[way]
        number, out, err = cli(
            "rescue", *first, "--person", PEOPLE[0], "--person", PEOPLE[1],
            stdin="" if way == "argument" else typed + "\n",
        )  # fmt: skip
        assert (number, err) == (0, "")
        assert "15 minutes" in out
        assert "7.2b" in out
        assert opened(bench) == ["1-1"]

    @pytest.mark.parametrize("lang", ["en", "zh"])
    def test_refusals_are_one_line_with_their_exit_code(self, bench: Bench, cli: Any, lang: str) -> None:
        both = ("--person", PEOPLE[0], "--person", PEOPLE[1])
        wrong = ("rescue", code(bench, secret=OTHER), *both)
        others = (("rescue", "nonsense", *both), ("rescue", "x"), ("rescue", "x", "--person", "a"), ("rescue", *both))
        for arguments in (wrong, *others):
            number, out, err = cli(*arguments, lang=lang)
            assert (number, out, len(err.splitlines())) == (4 if arguments is wrong else 2, "", 1), (arguments, err)
