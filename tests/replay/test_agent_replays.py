"""Grants that are repeated, kept, late, reordered, forged or foreign open nothing; beside each, a right one opens."""

from __future__ import annotations

import time
from collections.abc import Callable
from subprocess import Popen
from typing import Any

from policies.grants import Revoke, read, sign, sign_revoke
from policies.keys import SigningKey
from tests.replay.agent_controller import TOPIC, Controller
from tests.replay.agent_process import KEY, Place, running
from tests.replay.broker_bench import Bench

pytest_plugins = ["tests.replay.agent_on_broker"]

OTHER_KEY = SigningKey(bytes(32))
OTHER_BOOT = "0f8fad5b-d9cb-469f-a165-70867728950e"


def now(shift: int = 0) -> int:
    return int(time.time()) + shift


def forged(controller: Controller) -> bytes:
    """Sign the right claims with another key."""
    return sign(read(controller.token(), KEY.public), OTHER_KEY).encode()


#: What is wrong → the message, and the word that the agent's event has for it.
WRONG: dict[str, tuple[Callable[[Controller], bytes], str]] = {
    "forged": (forged, "signature"),
    "another site's": (lambda each: each.token(iss="other"), "site"),
    "another terminal's": (lambda each: each.token(aud="T2"), "terminal"),
    "of another boot": (lambda each: each.token(boot=OTHER_BOOT), "boot"),
    "for another nonce": (lambda each: each.token(nonce="Zm9vYmFyYmF6cXV4MDE"), "nonce"),
    "too late": (lambda each: each.token(iat=now(-200), nbf=now(-200), exp=now(-100)), "expired"),
    "too early": (lambda each: each.token(iat=now(200), nbf=now(200), exp=now(300)), "issued_ahead"),
    "of a counter that was": (lambda each: each.token(ctr=each.statuses[-1].ctr), "counter"),
}


def send(controller: Controller, token: bytes, *, retain: bool = False) -> None:
    controller.client.say(f"{TOPIC}/grant", token, retain=retain)


def stick(place: Place) -> str:
    return place.tree.written("1-1/authorized")


def opens(controller: Controller, place: Place, token: bytes = b"") -> None:
    """Let a right grant open the stick, and shut it again."""
    count = controller.kinds().count("usb.opened")
    ended = controller.kinds().count("lease.ended")
    send(controller, token or controller.token())
    controller.listen(lambda: controller.kinds().count("usb.opened") > count)
    assert stick(place) == "1"
    revoke = sign_revoke(Revoke("hq", "T1", "*", now()), KEY)
    controller.client.say(f"{TOPIC}/revoke", revoke.encode())
    controller.listen(lambda: controller.kinds().count("lease.ended") > ended)
    assert stick(place) == "0"
    fresh(controller)


def fresh(controller: Controller) -> None:
    """Wait for the status that the next grant must answer."""
    opened = controller.kinds().count("lease.opened")
    controller.listen(lambda: controller.statuses[-1].ctr >= opened)


def refusals(controller: Controller) -> list[Any]:
    events = [controller.events[seq] for seq in sorted(controller.events)]
    return [each.data["code"] for each in events if each.kind == "lease.refused"]


def test_wrong_grants_open_nothing_and_after_each_a_right_one_opens(place: Place, controller: Controller) -> None:
    opens(controller, place)
    for number, (what, (make, code)) in enumerate(WRONG.items(), 1):
        send(controller, make(controller))
        controller.listen(lambda number=number: len(refusals(controller)) == number)
        assert (refusals(controller)[-1], stick(place)) == (code, "0"), what
        opens(controller, place)
    assert controller.kinds().count("lease.opened") == len(WRONG) + 1


def test_a_repeated_grant_opens_once(place: Place, controller: Controller) -> None:
    token = controller.token()
    opens(controller, place, token)
    for _ in range(3):
        send(controller, token)
    controller.wait_for("lease.refused")
    opens(controller, place)
    assert controller.kinds().count("lease.opened") == 2
    assert set(refusals(controller)) == {"used"}


def test_of_two_grants_that_overtook_each_other_the_older_one_is_refused(place: Place, controller: Controller) -> None:
    first = controller.token(ctr=controller.statuses[-1].ctr + 1)
    second = controller.token(ctr=controller.statuses[-1].ctr + 2)
    opens(controller, place, second)
    send(controller, first)
    controller.wait_for("lease.refused")
    assert refusals(controller) == ["nonce"]
    assert stick(place) == "0"
    opens(controller, place, controller.token(ctr=controller.statuses[-1].ctr + 1))


def test_a_grant_that_the_broker_keeps_opens_nothing_at_the_next_start(
    place: Place, bench: Bench, agent: Popen[str], controller: Controller
) -> None:
    opens(controller, place)
    agent.terminate()
    agent.wait(20)
    send(controller, controller.token(ctr=99), retain=True)
    with running(place):
        again = Controller(bench)
        again.listen(lambda: bool(again.statuses) and again.statuses[-1].nonce != controller.statuses[-1].nonce, 40)
        again.listen(lambda: again.kinds().count("agent.enforcing") == 2)  # all of the old ones come again before it
        assert stick(place) == "0"
        opens(again, place)
        assert again.kinds().count("lease.opened") == controller.kinds().count("lease.opened") + 1
