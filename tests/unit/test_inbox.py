"""A batch of messages: one commit, nothing half-done, also when the database is full or a handler is broken."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.broker.link import Message
from controller.broker.say import Say
from controller.cards.readers import Readers
from controller.inbox import Desks, Inbox
from drivers.cards.native import NativeSwipe
from policies.errors import StorageFailed
from policies.grants import Purpose
from policies.messages.request import Request
from policies.messages.status import State, Status
from policies.messages.topics import Kind
from tests.unit.desk_bench import NUMBERS, Answered, DeskBench
from tests.unit.made_grants import BOOT, NONCE

ROOT = "portseal/1/park"


class Post(DeskBench):
    """The desk behind its inbox."""

    def start(self) -> None:
        super().start()
        readers = Readers.load(self.site)
        self.inbox = Inbox(
            self.context, Desks(self.desk, self.leases, self.events, self.presence, readers, self.offline)
        )
        self.mids = 0

    def message(self, topic: str, payload: bytes, *, retained: bool = False) -> Message:
        self.mids += 1
        return Message(f"{ROOT}/{topic}", payload, retained, self.mids, 1, 1, self.now)

    def swiped(self, card: str = "card-wang", jti: str = "", *, retained: bool = False) -> Message:
        self.mids += 1
        made = NativeSwipe("gate", NUMBERS[card].reveal(), int(self.now.timestamp()), jti or f"{self.mids:016}")
        return self.message("reader/gate/swipe", made.encode(), retained=retained)

    def wants(self, purpose: Purpose = Purpose.CASE) -> Message:
        self.mids += 1
        return self.message("terminal/guard-1/request", Request(f"r-{self.mids}", purpose).encode())

    def take(self, *messages: Message) -> Answered:
        return Answered(self.inbox.take(messages, self.now))


@pytest.fixture
def post(tmp_path: Path) -> Iterator[Post]:
    made = Post(tmp_path)
    yield made
    made.close()


def test_messages_are_handled_in_their_order(post: Post) -> None:
    told = post.take(post.wants(), post.swiped())
    assert len(told.grants) == 1
    assert post.kinds == ["swipe.granted"]


def test_a_full_database_leaves_nothing_behind_and_the_batch_is_taken_later(post: Post) -> None:
    messages = [post.swiped(), post.wants()]
    pages = post.store.rows("PRAGMA page_count")[0][0]
    post.store.rows(f"PRAGMA max_page_count = {pages}")
    filler = [post.swiped("") for _ in range(40)]
    with pytest.raises(StorageFailed, match="full"):
        post.take(*messages, *filler)
    assert post.kinds == []
    assert post.desk.memory.pending == {}
    told = Answered(post.inbox.unrecorded(messages, post.now))
    assert [(each.aud, each.code) for each in told.notices] == [
        ("guard-1", "not_recorded"),
        ("guard-2", "not_recorded"),
    ]
    post.store.rows("PRAGMA max_page_count = 100000")
    assert len(post.take(*messages, *filler).grants) == 1
    assert post.kinds[:2] == ["swipe.asked", "swipe.granted"]
    assert len(post.kinds) == 42


def test_a_handler_that_breaks_takes_only_its_own_message_down(
    post: Post, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(terminal: str, asked: Request, now: object) -> list[Say]:
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr(post.desk, "request", broken)
    post.take(post.swiped(""), post.wants(), post.swiped(""))
    assert len([each for each in post.kinds if each == "swipe.denied"]) == 2
    assert "could not be handled" in caplog.text


@pytest.mark.parametrize("noise", [b"", b"\xff\xfe", b"{}", b"[" * 5000, b"null", "卡".encode("gbk")])
def test_noise_is_written_down_once_in_a_while_and_opens_nothing(post: Post, noise: bytes) -> None:
    topics = ("reader/gate/swipe", "terminal/guard-1/request", "terminal/guard-1/status", "terminal/guard-1/event")
    for topic in topics:
        told = post.take(*(post.message(topic, noise) for _ in range(3)))
        assert told.of(Kind.GRANT) == []
        assert len(told.of(Kind.FINDING)) == 1
    assert len(post.kinds) == len(topics)


def test_what_the_broker_keeps_is_a_replay_but_for_a_status(post: Post) -> None:
    post.take(post.wants(), post.swiped(retained=True))
    assert post.kinds == ["swipe.unreadable"]
    request = post.message("terminal/guard-1/request", Request("kept", Purpose.CASE).encode(), retained=True)
    post.take(request)
    assert "guard-1" in post.desk.memory.chosen  # of the first one
    status = Status(BOOT, 1, NONCE, 0, 0, State.OFFLINE)
    post.take(post.message("terminal/guard-1/status", status.encode(), retained=True))
    assert not post.presence.online("guard-1", post.now)


def test_a_swipe_under_another_readers_name_is_refused(post: Post) -> None:
    made = NativeSwipe("brief", NUMBERS["card-wang"].reveal(), int(post.now.timestamp()), "x" * 16)
    post.take(post.wants(), post.message("reader/gate/swipe", made.encode()))
    assert post.kinds == ["swipe.unreadable"]


def test_terminals_and_sites_that_are_not_declared_are_not_heard(post: Post) -> None:
    status = Status(BOOT, 1, NONCE, 0, 0, State.SHUT).encode()
    post.take(
        post.message("terminal/nobody/status", status),
        Message("portseal/1/other/terminal/guard-1/status", status, False, 9, 1, 1, post.now),
        Message("portseal/2/park/terminal/guard-1/status", status, False, 9, 1, 1, post.now),
        Message("whatever", b"x", False, 9, 1, 1, post.now),
    )
    assert set(post.kinds) <= {"swipe.unreadable"}
    assert post.presence.status("nobody") is None


def test_the_same_swipe_delivered_twice_opens_once(post: Post) -> None:
    message = post.swiped(jti="j" * 16)
    told = post.take(post.wants(), message, message)
    assert len(told.grants) == 1
    assert [each.data["code"] for each in post.entries] == ["granted", "replayed"]


def test_a_thousand_swipes_of_one_second_are_each_decided_and_open_once(post: Post) -> None:
    post.take(post.wants())
    grants = 0
    for _ in range(10):
        grants += len(post.take(*(post.swiped("card-wang") for _ in range(100))).grants)
    assert grants == 1
    assert len(post.kinds) == 1000
    codes = {each.data["code"] for each in post.entries}
    assert codes == {"granted", "read_twice"}


def test_what_is_subscribed_to_waits_only_where_messages_say_their_time(post: Post) -> None:
    interests = {each.topic: each for each in post.inbox.interests()}
    assert interests[f"{ROOT}/reader/gate/swipe"].waiting
    assert interests[f"{ROOT}/terminal/+/status"].retained
    assert not interests[f"{ROOT}/terminal/+/request"].retained
    assert json.dumps(sorted(interests))
