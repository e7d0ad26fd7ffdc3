"""The agent on a real broker: orders in, events and status out, over cuts, replays and forged acks."""

from __future__ import annotations

import time
from subprocess import Popen

from policies.grants import Revoke, sign_revoke
from policies.keys import SigningKey
from policies.messages.event import verify_chain
from policies.messages.status import State
from tests.replay.agent_controller import TERMINAL, TOPIC, Controller
from tests.replay.agent_process import KEY, Place, running
from tests.replay.broker_bench import Bench

pytest_plugins = ["tests.replay.agent_on_broker"]


def test_a_grant_over_the_broker_opens_and_a_revocation_shuts(place: Place, controller: Controller) -> None:
    assert place.tree.written("1-1/authorized") == "0"
    controller.client.say(f"{TOPIC}/grant", controller.token(), expiry=10)
    controller.wait_for("usb.opened")
    assert place.tree.written("1-1/authorized") == "1"
    controller.listen(lambda: controller.statuses[-1].state is State.OPEN)
    revoke = sign_revoke(Revoke("hq", "T1", "*", int(time.time())), KEY)
    controller.client.say(f"{TOPIC}/revoke", revoke.encode())
    controller.wait_for("lease.ended")
    assert place.tree.written("1-1/authorized") == "0"
    assert sorted(controller.events) == list(range(1, len(controller.events) + 1))
    verify_chain([controller.events[seq].raw for seq in sorted(controller.events)], None)


def test_a_grant_twice_and_a_retained_one_open_nothing(place: Place, controller: Controller) -> None:
    token = controller.token(exp=int(time.time()) + 2)
    controller.client.say(f"{TOPIC}/grant", token)
    controller.wait_for("lease.ended")
    controller.client.say(f"{TOPIC}/grant", token)
    controller.wait_for("lease.refused")
    assert place.tree.written("1-1/authorized") == "0"
    assert controller.kinds().count("lease.opened") == 1


def test_the_will_tells_of_a_killed_terminal(agent: Popen[str], controller: Controller) -> None:
    agent.kill()
    controller.listen(lambda: controller.statuses[-1].state is State.OFFLINE)


def test_a_stopped_terminal_says_so(agent: Popen[str], controller: Controller) -> None:
    agent.terminate()
    controller.listen(lambda: controller.statuses[-1].state is State.STOPPED)
    assert controller.kinds()[-1] == "agent.stopped"


def test_events_wait_while_the_broker_is_away(place: Place, bench: Bench, controller: Controller) -> None:
    before = max(controller.events)
    controller.ack(before)
    bench.hang_up()
    bench.broker.stop()
    (place.tree.folder("usb1") / "authorized_default").write_text("1\n")
    ends = time.monotonic() + 10
    while place.default() != "0" and time.monotonic() < ends:
        time.sleep(0.05)
    bench.broker.start(bench.files())
    again = Controller(bench)
    again.wait_for("gate.default_changed")
    assert min(again.events) <= before + 1


def test_a_forged_ack_forgets_nothing_and_a_true_one_does(place: Place, bench: Bench, controller: Controller) -> None:
    from agent.control import ask

    last = max(controller.events)
    waiting = ask(place.socket, {"do": "status"})["unacked"]
    controller.ack(last, SigningKey(bytes(32)))
    controller.client.say(f"{TOPIC}/event/ack", b'{"seq":1}')
    time.sleep(0.5)
    assert ask(place.socket, {"do": "status"})["unacked"] == waiting
    controller.ack(last)
    ends = time.monotonic() + 10
    while ask(place.socket, {"do": "status"})["unacked"] >= waiting and time.monotonic() < ends:
        time.sleep(0.05)
    assert ask(place.socket, {"do": "status"})["unacked"] == 0


def test_a_terminal_that_comes_before_the_broker_knows_its_rights_is_heard_soon_after(
    place: Place, bench: Bench
) -> None:
    """As after an enrolment: the certificate is good, and its lines are not in the ACL yet."""
    bench.identities.remove(TERMINAL)
    bench.broker.write(bench.files())
    assert bench.broker.reload()
    with running(place):
        late = Controller(bench)
        assert late.client.hear(3) is None
        bench.identities.append(TERMINAL)
        bench.broker.write(bench.files())
        assert bench.broker.reload()
        late.listen(lambda: bool(late.statuses), 12)  # without asking again it would be half a minute
        late.wait_for("agent.enforcing")
