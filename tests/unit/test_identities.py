"""Identities on the broker: names, rights, and the ACL that is written from them."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.errors import InputError
from policies.messages.identities import Access, Identity, Right, Role, acl, parse_identity, rights

T1 = Identity(Role.TERMINAL, "guard-1")


@pytest.mark.parametrize(
    ("identity", "text"),
    [
        (Identity(Role.CONTROLLER), "controller"),
        (Identity(Role.CLI), "cli"),
        (T1, "terminal.guard-1"),
        (Identity(Role.LOCK, "guard-1"), "lock.guard-1"),
        (Identity(Role.READER, "大门.1"), "reader.大门.1"),
    ],
)
def test_a_name_reads_back(identity: Identity, text: str) -> None:
    assert str(identity) == text
    assert parse_identity(text) == identity


@pytest.mark.parametrize(
    "text", ["", "terminal", "terminal.", "terminal.+", "terminal.a/b", "terminal.a ", "controller.x", "controller.",
             "admin", "Terminal.x", "reader." + "门" * 20, "broker"],
)  # fmt: skip
def test_what_is_no_identity_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        parse_identity(text)


@given(st.text(max_size=70))
def test_noise_is_refused_or_reads_back(text: str) -> None:
    with contextlib.suppress(InputError):
        assert str(parse_identity(text)) == text


def test_a_terminal_hears_its_own_orders_and_says_its_own_things_only() -> None:
    topics = {(each.access, each.topic) for each in rights("hq", T1)}
    root = "portseal/1/hq/terminal/guard-1"
    assert (Access.READ, f"{root}/grant") in topics
    assert (Access.WRITE, f"{root}/event") in topics
    assert (Access.WRITE, f"{root}/grant") not in topics
    assert all("guard-1" in topic or topic.endswith("/checkpoint") for _, topic in topics)
    assert not any("+" in topic or "#" in topic for _, topic in topics)


def test_only_the_controller_has_wildcards_that_write() -> None:
    for role in Role:
        identity = Identity(role, "x" if role.named else "")
        wild = [each for each in rights("hq", identity) if "+" in each.topic and each.access is Access.WRITE]
        assert bool(wild) is (role is Role.CONTROLLER)


def test_a_reader_only_swipes() -> None:
    assert rights("hq", Identity(Role.READER, "gate")) == (Right(Access.WRITE, "portseal/1/hq/reader/gate/swipe"),)


def test_the_file_names_every_identity_once_in_order() -> None:
    text = acl("hq", [T1, Identity(Role.CONTROLLER), T1])
    users = [line for line in text.splitlines() if line.startswith("user ")]
    assert users == ["user controller", "user terminal.guard-1"]
    assert "pattern" not in text
    assert all(line.startswith(("user ", "topic read ", "topic write ")) for line in text.splitlines() if line)
