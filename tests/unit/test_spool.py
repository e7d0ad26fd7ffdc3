"""The spool: order, acks, room, one commit for a grant and its event, one writer, and a disk that says no."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.link import spool as module
from agent.link.database import Database
from agent.link.spool import Spool, SpoolPlace, open_spool
from policies.errors import Busy, InputError, StorageFailed
from policies.grants import Grant, Moment
from policies.keys import SigningKey
from policies.messages.event import Head, digest, read_event, verify_chain
from policies.usb import Lease, Scope

KEY = SigningKey(b"k" * 32)
BOOTS = tuple(f"0b1c2d3e-0000-4000-8000-00000000000{number}" for number in range(4))
NOW = Moment(1_795_341_600.0, 42.0)
LEASE = Lease("j1", "card", Scope(("*",), ("08",), 1, "case"), BOOTS[0], 42.0, 642.0)


def grant(counter: int) -> Grant:
    at = int(NOW.wall)
    scope = Scope(("*",), ("08",), 1, "case")
    return Grant("shop", "PC-1", "card", f"j{counter}", at, at, at + 600, BOOTS[0], "n" * 32, counter, scope)


@pytest.fixture
def place(tmp_path: Path) -> SpoolPlace:
    return SpoolPlace(tmp_path / "state", tmp_path / "run", "PC-1", BOOTS[0])


@pytest.fixture
def spool(place: SpoolPlace) -> Iterator[Spool]:
    with open_spool(place, KEY, NOW) as opened:
        yield opened


def head_of(spool: Spool, after: Head | None = None) -> Head:
    return verify_chain((raw for _, raw in spool.unacked(0, 1_000_000)), KEY.public, after)


def kinds(spool: Spool) -> list[str]:
    return [read_event(raw, KEY.public).kind for _, raw in spool.unacked(0, 1_000_000)]


def test_events_wait_in_order_over_starts_and_boots(place: SpoolPlace) -> None:
    for boot_id in (BOOTS[0], BOOTS[0], BOOTS[1]):
        with open_spool(replace(place, boot_id=boot_id), KEY, NOW) as spool:
            assert spool.trouble is None
            spool.append("agent.started", {"version": "1"}, NOW)
            spool.append_all([("usb.blocked", {"n": 1}), ("usb.blocked", {"n": 2})], NOW)
    with open_spool(replace(place, boot_id=BOOTS[1]), KEY, NOW) as spool:
        assert [seq for seq, _ in spool.unacked()] == list(range(1, 10))
        assert [seq for seq, _ in spool.unacked(3, 2)] == [4, 5]
        assert [read_event(raw, None).boot for _, raw in spool.unacked()] == [1] * 6 + [2] * 3
        assert head_of(spool) == spool.state.head


def test_an_ack_lets_go_up_to_it_and_the_chain_goes_on(spool: Spool) -> None:
    made = spool.append_all([("usb.blocked", {"n": number}) for number in range(5)], NOW)
    third = made[2]
    assert third is not None
    assert spool.ack(3, third.head.digest, NOW) == 3
    assert spool.ack(3, third.head.digest, NOW) == 0
    assert spool.ack(1, "f" * 64, NOW) == 0
    assert [seq for seq, _ in spool.unacked()] == [4, 5]
    assert head_of(spool, third.head) == spool.state.head
    assert spool.ack(5, spool.state.head.digest, NOW) == 2
    assert (spool.state.held, spool.state.held_bytes) == (0, 0)
    after = spool.append("usb.blocked", {}, NOW)
    assert after is not None
    assert after.seq == 6


@pytest.mark.parametrize(
    ("seq", "name"), [(1, "f" * 64), (2, "f" * 64), (3, "0" * 64), (2**60, "f" * 64), (-1, ""), (1, "")]
)
def test_an_ack_of_what_this_terminal_did_not_write_is_refused(spool: Spool, seq: int, name: str) -> None:
    spool.append_all([("usb.blocked", {}), ("usb.blocked", {})], NOW)
    with pytest.raises(InputError):
        spool.ack(seq, name, NOW)
    assert spool.state.held == 2


def test_a_grant_is_used_up_with_its_event_in_one_commit(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    nonce = spool.nonce.value
    event = spool.accept(grant(1), {"jti": "j1"}, NOW, LEASE)
    assert (event.kind, spool.state.counter, spool.nonce.value != nonce) == ("lease.opened", 1, True)
    assert spool.state.leases == (LEASE,)
    before, nonce = spool.state, spool.nonce.value
    with pytest.raises(InputError):
        spool.accept(grant(1), {"jti": "j1"}, NOW, LEASE)
    with pytest.raises(InputError):
        spool.accept(grant(2), {"jti": 1.5}, NOW, LEASE)  # type: ignore[dict-item]
    monkeypatch.setattr(Database, "save", lambda *_: (_ for _ in ()).throw(RuntimeError))
    with pytest.raises(RuntimeError):
        spool.accept(grant(2), {"jti": "j2"}, NOW, LEASE)
    assert (spool.state, spool.nonce.value, kinds(spool)) == (before, nonce, ["lease.opened"])


def test_a_lease_outlives_the_agent_and_names_its_boot(place: SpoolPlace) -> None:
    with open_spool(place, KEY, NOW) as spool:
        spool.accept(grant(1), {"jti": "j1"}, NOW, LEASE)
        nonce = spool.nonce.value
    for boot_id in BOOTS[:2]:
        with open_spool(replace(place, boot_id=boot_id), KEY, NOW) as spool:
            assert (spool.state.leases, spool.state.counter, spool.state.used_jti) == ((LEASE,), 1, frozenset({"j1"}))
            assert spool.nonce.value != nonce
            assert (spool.state.leases[0].boot == spool.state.boot_id) == (boot_id == BOOTS[0])


def test_an_event_that_cannot_be_told_changes_nothing(spool: Spool) -> None:
    for data in ({"x": 1.5}, {f"k{n}": n for n in range(95)}, {f"k{n}": "a" * 2000 for n in range(8)}):
        with pytest.raises(InputError):
            spool.append_all([("usb.blocked", {}), ("usb.blocked", data)], NOW)  # type: ignore[list-item]
    assert (spool.state.held, spool.unacked()) == (0, ())


class TestRoom:
    @pytest.fixture
    def small(self, place: SpoolPlace) -> SpoolPlace:
        return replace(place, most_events=5)

    def test_when_it_is_full_the_oldest_stays_and_what_came_is_counted(self, small: SpoolPlace) -> None:
        with open_spool(small, KEY, NOW) as spool:
            for number in range(5):
                assert spool.append("usb.blocked", {"n": number}, NOW) is not None
            assert spool.append_all([("usb.blocked", {}), ("usb.removed", {})], NOW) == (None, None)
        with open_spool(small, KEY, NOW) as spool:
            assert spool.append("usb.blocked", {}, Moment(NOW.wall + 60, 0)) is None
            assert [seq for seq, _ in spool.unacked()] == [1, 2, 3, 4, 5]
            first = spool.unacked(0, 2)
            assert spool.ack(2, digest(first[1][1]), NOW) == 2
            told = read_event(spool.unacked()[-1][1], KEY.public)
            assert (told.seq, told.kind, dict(told.data)) == (6, "spool.full", {
                "count.usb.blocked": 2, "count.usb.removed": 1, "events": 3,
                "first_at": "2026-11-22T10:00:00.000Z", "last_at": "2026-11-22T10:01:00.000Z",
            })  # fmt: skip
            assert spool.append("usb.removed", {}, NOW) is not None
            assert head_of(spool, Head(2, digest(first[1][1]))) == spool.state.head

    def test_bytes_are_bounded_too(self, place: SpoolPlace) -> None:
        with open_spool(replace(place, most_bytes=20_000), KEY, NOW) as spool:
            made = [spool.append("usb.blocked", {"text": "a" * 2000}, NOW) for _ in range(20)]
            assert 0 < spool.state.held_bytes <= 20_000
            assert None in made
            assert made[0] is not None

    def test_no_lease_without_room(self, small: SpoolPlace, monkeypatch: pytest.MonkeyPatch) -> None:
        with open_spool(small, KEY, NOW) as spool:
            assert not spool.has_room()
            with pytest.raises(StorageFailed, match="no room"):
                spool.accept(grant(1), {}, NOW, LEASE)
            assert spool.state.counter == 0
        with open_spool(replace(small, most_events=1000), KEY, NOW) as spool:
            assert spool.has_room()
            monkeypatch.setattr(module, "RESERVE_DISK", 1 << 62)
            assert not spool.has_room()


def test_there_is_one_writer(place: SpoolPlace, spool: Spool) -> None:
    with pytest.raises(Busy, match="another agent"):
        open_spool(place, KEY, NOW)
    spool.close()
    spool.close()
    with open_spool(place, KEY, NOW) as second:
        assert second.trouble is None


def test_a_full_disk_leaves_nothing_half_written_and_then_it_works_again(spool: Spool) -> None:
    """SQLite's own SQLITE_FULL, by a bound on its pages; real full disks are in tests/replay/test_spool_kill.py."""
    spool.append("usb.blocked", {"n": 0}, NOW)
    connection = spool._database._connection
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count={pages}")
    before = spool.state
    with pytest.raises(StorageFailed, match=r"disk is full.*Next: free space"):
        spool.append_all([("usb.blocked", {"text": "a" * 2000}) for _ in range(20)], NOW)
    assert (spool.state, len(spool.unacked())) == (before, 1)
    connection.execute("PRAGMA max_page_count=1000000")
    assert spool.append("usb.blocked", {"n": 1}, NOW) is not None
    assert head_of(spool) == spool.state.head


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place in (
        SpoolPlace(tmp_path / "file" / "x", tmp_path / "run", "PC-1", BOOTS[0]),
        SpoolPlace(tmp_path / "state", tmp_path / "file" / "x", "PC-1", BOOTS[0]),
    ):
        with pytest.raises(StorageFailed):
            open_spool(place, KEY, NOW)


class TestRolledBackByTheController:
    def test_nothing_is_reported_while_it_agrees(self, spool: Spool) -> None:
        made = spool.append_all([("usb.blocked", {}), ("usb.blocked", {})], NOW)
        for event in made:
            assert event is not None
            assert not spool.rolled_back_by(event.seq, event.head.digest)
        assert not spool.rolled_back_by(0, "0" * 64)
        with pytest.raises(InputError, match="nothing was rolled back"):
            spool.rebase(2, spool.state.head.digest, NOW)

    def test_the_chain_goes_on_after_the_controllers_and_tells_again(self, place: SpoolPlace, tmp_path: Path) -> None:
        """Two folders of one terminal: what a restored copy of all files looks like after a reboot."""
        other = replace(place, folder=tmp_path / "old", run=tmp_path / "other run")
        with open_spool(place, KEY, NOW) as ahead, open_spool(other, KEY, NOW) as behind:
            ahead.append_all([("usb.blocked", {"n": number}) for number in range(9)], NOW)
            known = [raw for _, raw in ahead.unacked()]
            behind.append_all([("agent.started", {}), ("usb.removed", {"port": "p"})], NOW)
            head = ahead.state.head
            assert behind.rolled_back_by(head.seq, head.digest)
            with pytest.raises(InputError):
                behind.ack(head.seq, head.digest, NOW)
            told = behind.rebase(head.seq, head.digest, NOW)
            assert (told.kind, told.seq, told.data["again"]) == ("state.rolled_back", 10, 2)
            assert behind.state.lost == 10
            again = [read_event(raw, KEY.public) for _, raw in behind.unacked()]
            assert [(each.kind, each.data.get("first_seq")) for each in again[1:]] == [
                ("agent.started", 1),
                ("usb.removed", 2),
            ]
            assert verify_chain([*known, *(each.raw for each in again)], KEY.public) == behind.state.head
            assert not behind.rolled_back_by(head.seq, head.digest)
            assert behind.ack(12, behind.state.head.digest, NOW) == 3
            assert behind.state.lost == 0
        with open_spool(other, KEY, NOW) as behind:
            assert behind.trouble is None

    def test_a_fork_at_a_number_that_waits(self, spool: Spool) -> None:
        spool.append_all([("usb.blocked", {"n": number}) for number in range(4)], NOW)
        assert spool.rolled_back_by(2, "e" * 64)
        told = spool.rebase(2, "e" * 64, NOW, common=1)
        assert (told.seq, told.prev, told.data["again"]) == (3, "e" * 64, 3)
        assert head_of(spool, Head(2, "e" * 64)) == spool.state.head
        spool.rebase(9, "d" * 64, NOW)
        assert [read_event(raw, None).data.get("first_seq") for _, raw in spool.unacked()] == [None, 3, 2, 3, 4]
