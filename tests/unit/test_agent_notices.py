"""The controller's notices at the terminal, and the operator's requests: what counts, what is kept, what goes out."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from agent.answers import OPERATOR, Answers
from agent.link.broker import Order, Sent
from policies.cards.rights import Kind
from policies.errors import Unreachable
from policies.grants import Purpose
from policies.keys import SigningKey
from policies.messages.notice import Notice, sign
from policies.messages.request import parse
from policies.messages.topics import Kind as TopicKind
from policies.texts import t
from tests.unit.terminal_bench import COPY, KEY, Bench

WHO = "张**"


@dataclass
class Outlet:
    """The way to the controller, which keeps what is sent."""

    connected: bool = True
    state: Sent = Sent.CONFIRMED
    sent: list[bytes] = field(default_factory=list)

    def request(self, payload: bytes) -> Callable[[], Sent]:
        if not self.connected:
            raise Unreachable(t("the connection to the controller is down"))
        self.sent.append(payload)
        return lambda: self.state


class Desk(Bench):
    """A terminal with an outlet, to which notices come as over the broker."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.outlet = Outlet()
        self.answers = Answers(self.terminal, self.outlet)

    def notice(self, kind: Kind = Kind.DENIED, code: str = "revoked", **more: Any) -> Notice:
        return Notice("hq", "T1", int(self.clock.now.wall), secrets.token_hex(8), kind, code, **more)

    def hear(self, notice: Notice, *, retained: bool = False, key: SigningKey = KEY) -> None:
        self.answers.obey(Order(TopicKind.GRANT, sign(notice, key).encode(), retained))

    def heard(self) -> list[str]:
        return [each["code"] for each in self.ask("status")["notices"]]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.spool.close()


class TestNotices:
    def test_one_is_shown_in_both_languages_and_makes_no_event(self, desk: Desk) -> None:
        before = desk.kinds()
        desk.hear(desk.notice())
        (shown,) = desk.ask("status")["notices"]
        assert (shown["kind"], shown["code"], shown["seconds"]) == ("denied", "revoked", 0)
        assert shown["reason"] == {"zh": "该卡已注销", "en": "the card has been revoked"}
        assert shown["next"]["en"] == "ask the office that issues the cards"
        assert desk.kinds() == before

    def test_a_question_tells_until_when_it_waits_by_a_clock_that_nobody_sets(self, desk: Desk) -> None:
        wall = int(desk.clock.now.wall)
        desk.hear(desk.notice(Kind.NEEDS, "purpose", purposes=(Purpose.CASE,), until=wall + 60))
        desk.clock.pass_by(10, wall=-3000)
        (shown,) = desk.ask("status")["notices"]
        assert (shown["left"], shown["purposes"]) == (50, ["case"])

    @pytest.mark.parametrize(
        "change",
        [{"aud": "T2"}, {"iss": "other"}, {"iat": -31}, {"iat": 31}],
        ids=["another terminal", "another site", "old", "ahead"],
    )
    def test_what_is_not_for_here_and_now_is_not_shown(self, desk: Desk, change: dict[str, Any]) -> None:
        if "iat" in change:
            change = {"iat": int(desk.clock.now.wall) + change["iat"]}
        before = desk.kinds()
        desk.hear(replace(desk.notice(), **change))
        assert desk.heard() == []
        assert desk.kinds() == before
        desk.hear(desk.notice())
        assert desk.heard() == ["revoked"]

    def test_a_retained_one_and_a_repeated_one_are_not_shown(self, desk: Desk) -> None:
        notice = desk.notice()
        desk.hear(notice, retained=True)
        assert desk.heard() == []
        desk.hear(notice)
        desk.hear(notice)
        assert desk.heard() == ["revoked"]

    def test_a_forged_one_is_told_as_a_forgery_and_not_shown(self, desk: Desk) -> None:
        desk.hear(desk.notice(), key=SigningKey(bytes(32)))
        assert desk.heard() == []
        assert desk.told("lease.refused")[-1]["code"] == "signature"

    def test_a_notice_s_token_with_a_grant_in_it_opens_nothing(self, desk: Desk) -> None:
        """The type alone decides which reader looks, and each reader takes its own type only."""
        grant = desk.token()
        header = sign(desk.notice(), KEY).split(".", 1)[0]
        desk.answers.obey(Order(TopicKind.GRANT, f"{header}.{grant.split('.', 1)[1]}".encode(), retained=False))
        assert not desk.is_open("1-1")
        assert desk.told("lease.refused")[-1]["code"] == "signature"
        desk.answers.obey(Order(TopicKind.GRANT, grant.encode(), retained=False))
        assert desk.is_open("1-1")

    def test_the_holder_is_shown_while_the_lease_is_open_and_written_nowhere(self, desk: Desk) -> None:
        desk.hear(desk.notice(Kind.GRANT, "granted", jti="g-1", who=WHO))
        desk.grant(seconds=60, jti="g-1")
        assert desk.ask("status")["leases"][0]["who"] == WHO
        desk.ask("relock")
        desk.look(61)
        desk.answers.forget()
        desk.grant(jti="g-1")
        assert WHO not in str(desk.ask("status"))
        desk.spool.close()
        files = [each for folder in (desk.config.state, desk.config.run) for each in folder.rglob("*")]
        assert files
        assert not [each for each in files if each.is_file() and WHO.encode() in each.read_bytes()]
        desk.spool = desk._open()

    def test_they_are_forgotten_in_time(self, desk: Desk) -> None:
        desk.hear(desk.notice())
        desk.look(121)
        desk.answers.forget()
        assert desk.heard() == []

    def test_a_grant_that_the_terminal_itself_refuses_is_told_to_the_operator(self, desk: Desk) -> None:
        assert not desk.grant(exp=int(desk.clock.now.wall) - 1)["ok"]
        assert desk.heard() == ["expired"]
        assert not desk.grant(aud="T2")["ok"]
        assert desk.heard() == ["expired"]

    def test_an_unsigned_grant_says_nothing_to_the_operator(self, desk: Desk) -> None:
        desk.ask("grant", token="a.b.c")
        assert desk.heard() == []


class TestRequests:
    def test_a_purpose_goes_out(self, desk: Desk) -> None:
        assert desk.ask("request", purpose="maintenance")["ok"]
        (sent,) = map(parse, desk.outlet.sent)
        assert (sent.purpose, sent.extend, sent.second_card) == (Purpose.MAINTENANCE, None, False)
        shown = desk.ask("status")["request"]
        assert (shown["purpose"], shown["state"], shown["seconds"]) == ("maintenance", "confirmed", 0)

    def test_a_second_card_goes_out_with_the_purpose_chosen_before(self, desk: Desk) -> None:
        desk.ask("request", purpose="case")
        assert desk.ask("request", second_card=True)["ok"]
        sent = parse(desk.outlet.sent[-1])
        assert (sent.purpose, sent.second_card) == (Purpose.CASE, True)

    @pytest.mark.parametrize(
        "asks",
        [
            {},
            {"purpose": "fun"},
            {"purpose": ["case"]},
            {"purpose": "case", "second_card": 1},
            {"extend": "no-such"},
            {"extend": {}},
        ],
    )
    def test_what_cannot_be_is_refused_and_not_sent(self, desk: Desk, asks: dict[str, Any]) -> None:
        assert desk.ask("request", **asks)["ok"] is False
        assert desk.outlet.sent == []

    def test_without_a_connection_it_is_one_sentence_at_once(self, desk: Desk) -> None:
        desk.outlet.connected = False
        refused = desk.ask("request", purpose="case")
        assert refused["exit_code"] == 3
        assert "connection to the controller is down" in refused["error"]["en"]
        assert desk.ask("status")["broker"] == "away"

    def test_without_a_broker_too(self, tmp_path: Path) -> None:
        bench = Bench(tmp_path)
        assert bench.ask("request", purpose="case")["exit_code"] == 2
        assert bench.ask("status")["broker"] == "none"
        bench.spool.close()

    def test_too_many_are_refused_for_a_while(self, desk: Desk) -> None:
        done = [desk.ask("request", purpose="case")["ok"] for _ in range(8)]
        assert done == [True] * 6 + [False] * 2
        assert len(desk.outlet.sent) == 6
        desk.clock.pass_by(21)
        assert desk.ask("request", purpose="case")["ok"]

    def test_a_lease_is_extended_once(self, desk: Desk) -> None:
        scope = replace(COPY, purpose="maintenance", once=True)
        first = desk.grant(scope)["lease"]
        assert desk.ask("status")["leases"][0]["extendable"]
        assert desk.ask("request", extend=first)["ok"]
        assert parse(desk.outlet.sent[-1]) == replace(
            parse(desk.outlet.sent[-1]), purpose=Purpose.MAINTENANCE, extend=first
        )
        assert not desk.ask("status")["leases"][0]["extendable"]  # it waits for its answer
        second = desk.grant(scope)["lease"]
        assert [each["extendable"] for each in desk.ask("status")["leases"]] == [False, False]
        for each in (first, second):
            refused = desk.ask("request", extend=each)
            assert refused["exit_code"] == 4
            assert "once already" in refused["error"]["en"]

    def test_an_extension_that_got_lost_may_be_asked_for_again(self, desk: Desk) -> None:
        first = desk.grant()["lease"]
        desk.ask("request", extend=first)
        desk.outlet.state = Sent.LOST
        assert desk.ask("status")["request"]["state"] == "lost"
        assert desk.ask("status")["leases"][0]["extendable"]
        assert desk.ask("request", extend=first)["ok"]

    def test_another_card_s_lease_is_no_extension(self, desk: Desk) -> None:
        first = desk.grant()["lease"]
        desk.ask("request", extend=first)
        desk.grant(sub="card-2")
        desk.clock.pass_by(21)
        assert [each["extendable"] for each in desk.ask("status")["leases"]] == [True, True]


class TestTheOperatorsVerbs:
    def test_they_see_ask_and_lock_and_nothing_else(self, desk: Desk) -> None:
        assert {"status", "request", "relock"} == OPERATOR
        desk.grant()
        for verb in set(desk.answers._verbs) - OPERATOR:
            assert desk.answers.operator({"do": verb})["code"] == "refused", verb
        noises: tuple[Any, ...] = (None, [], {}, "STATUS", 1)
        for noise in noises:
            assert desk.answers.operator({"do": noise})["code"] == "refused"
        assert desk.answers.operator({"do": "status"})["ok"]
        assert desk.answers.operator({"do": "relock"})["ok"]
        assert not desk.is_open("1-1")

    def test_a_grant_is_not_taken_from_them(self, desk: Desk) -> None:
        token = desk.token()
        assert desk.answers.operator({"do": "grant", "token": token})["code"] == "refused"
        assert not desk.is_open("1-1")
        assert desk.ask("grant", token=token)["ok"]


def test_the_last_lease_s_end_is_told_with_its_reason(desk: Desk) -> None:
    assert desk.ask("status")["ended"] is None
    lease = desk.grant()["lease"]
    desk.ask("relock")
    desk.look(5)
    assert desk.ask("status")["ended"] == {"lease": lease, "why": "relocked", "storage": "clean", "seconds": 5}
