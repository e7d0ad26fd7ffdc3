"""How often an address may be refused at the door."""

from __future__ import annotations

from controller.web.limits import MOST, PEERS, SECONDS, Tries


def test_an_address_is_not_listened_to_after_too_many_refusals_and_is_again_later() -> None:
    now = [0.0]
    tries = Tries(lambda: now[0])
    for _ in range(MOST):
        assert tries.may("a")
        tries.failed("a")
        now[0] += 1
    assert not tries.may("a")
    assert tries.may("b")
    now[0] = SECONDS
    assert tries.may("a")  # the first one is forgotten
    tries.failed("a")
    assert not tries.may("a")


def test_a_crowd_takes_no_memory() -> None:
    tries = Tries(lambda: 0.0)
    for number in range(PEERS + 100):
        tries.failed(str(number))
    assert len(tries._failed) == PEERS
