"""The network guard on a real kernel: real nftables, real frames, a fake internet behind a router; IPv4 and IPv6."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from policies.messages.proof import read_proof
from tests.lab.egress_bed import (
    DECLARED,
    OUTSIDE,
    ROUTER,
    SERVER,
    TERMINAL,
    Bed,
    bed,
    give_default_routes,
    take_default_routes,
)

pytestmark = pytest.mark.lab

OUT4, OUT6, IN4, IN6 = "198.18.0.2", "2001:2::2", "10.77.1.2", "fd00:77:1::2"


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Bed]:
    if os.geteuid() != 0 or shutil.which("nft") is None or shutil.which("ip") is None:
        pytest.skip("the guard's tests need root, nft and ip. Next: as root, make test installs them")
    with bed(tmp_path) as built:
        yield built


def prove(made: Bed) -> tuple[int, dict[str, object]]:
    """Make one round with the command, on the terminal, whatever the guard does."""
    code = (
        "import sys; from pathlib import Path; from agent.cli import main, guard; from agent.egress import proving\n"
        "real = proving.prove\n"
        "proving.prove = lambda rule, state, root: real(rule, state, Path(sys.argv[1]))\n"
        "sys.exit(main.run(['--lang', 'en', 'guard', 'prove', '--json'], {}, folder=Path(sys.argv[1])))"
    )
    command = ["ip", "netns", "exec", made.names[TERMINAL], sys.executable, "-c", code, str(made.root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def canaries(told: dict[str, object]) -> dict[str, str]:
    """Give the results of the canaries by kind and target."""
    proof = told["proof"]
    assert isinstance(proof, dict)
    rows = (each.split(" ") for each in proof["probes"])
    return {f"{kind} {target}": result for role, kind, target, result in rows if role == "canary"}


@pytest.mark.clause("7.2d")
def test_the_outside_is_reached_before_the_guard_and_not_with_it(made: Bed) -> None:
    give_default_routes(made)
    assert [made.reaches(OUT4, 443), made.reaches(OUT6, 443)] == [True, True]
    made.guard()
    assert [made.reaches(OUT4, 443), made.reaches(OUT6, 443)] == [False, False]
    assert [made.reaches(IN4, 8883), made.reaches(IN6, 8883)] == [True, True]
    made.until(lambda: any("a route leads outside" in each for each in made.wrong()))
    assert made.wrong() == [
        "a route leads outside: default via 10.77.1.1 dev eth0",
        "a route leads outside: default via fd00:77:1::1 dev eth0",
    ]
    take_default_routes(made)
    made.until(lambda: made.wrong() == [])
    proof = read_proof(made.state()["proof"])
    assert len([each for each in proof.probes if each.reached]) == 6
    assert made.kinds() == ["egress.started", "egress.leak", "egress.proof"]


@pytest.mark.clause("7.2d")
def test_a_guard_that_is_broken_on_purpose_lets_every_canary_succeed_and_is_found(made: Bed) -> None:
    give_default_routes(made)
    guard = made.guard()
    made.until(lambda: made.state()["proof"] is not None)
    # Stopped hard: its rules stay, and everything is still denied.
    guard.kill()
    guard.wait(10)
    assert not made.reaches(OUT4, 443)
    code, told = prove(made)
    assert set(canaries(told).values()) <= {"blocked", "silent"}
    made.at(TERMINAL, "nft", "flush", "ruleset")
    assert made.reaches(OUT4, 443)
    code, told = prove(made)
    assert code == 1
    assert canaries(told) == dict.fromkeys(canaries(told), "answered")
    assert len(canaries(told)) == 8
    found = [each["text"]["en"] for each in told["wrong"]]  # type: ignore[attr-defined]
    assert found[0] == "the guard's rules are not in force"
    assert f"the outside was reached: tcp [{OUT6}]:443 was answered" in found
    # It comes back by itself, as its service would let it.
    made.guard()
    made.until(lambda: not made.reaches(OUT4, 443))


@pytest.mark.clause("7.2d")
@pytest.mark.parametrize("broken", [
    ("flush", "ruleset"), ("delete", "table", "inet", "portseal"), ("flush", "chain", "inet", "portseal", "output"),
    ("insert", "rule", "inet", "portseal", "output", "accept"),
    ("add", "element", "inet", "portseal", "networks4", "{ 198.18.0.0/24 }"),
], ids=["flushed", "deleted", "chain emptied", "rule added", "network added"])  # fmt: skip
def test_whatever_somebody_does_to_the_rules_they_are_back_and_it_is_told(made: Bed, broken: tuple[str, ...]) -> None:
    give_default_routes(made)
    made.guard()
    before = made.rules()
    made.at(TERMINAL, "nft", *broken)
    made.until(lambda: made.rules().partition("chain ")[2] == before.partition("chain ")[2])
    made.until(lambda: "egress.tampered" in made.kinds())
    assert not made.reaches(OUT4, 443)
    (told,) = [each["data"] for each in made.records() if each["kind"] == "egress.tampered"]
    assert told["what"] == ("removed" if broken[0] == "delete" or broken == ("flush", "ruleset") else "changed")
    assert told["applied"] is True


def test_a_connection_that_was_open_to_the_outside_is_cut_and_told(made: Bed) -> None:
    give_default_routes(made)
    code = f"import socket,time; s=socket.create_connection(({OUT4!r}, 443)); print('open', flush=True); time.sleep(60)"
    client = made.start(TERMINAL, sys.executable, "-c", code)
    assert client.stdout is not None
    assert client.stdout.readline() == "open\n"
    made.guard()
    made.until(lambda: any("a connection leads outside: tcp" in each for each in made.wrong()))


@pytest.mark.clause("7.2d")
def test_without_a_control_that_answers_nothing_is_proved(made: Bed) -> None:
    made.guard()
    made.until(lambda: made.wrong() == [])
    made.at(SERVER, "ip", "link", "set", "eth0", "down")
    made.until(lambda: any("no control inside the site answered" in each for each in made.wrong()))
    verdicts = {each["verdict"] for each in made.state()["wrong"]}
    assert verdicts == {"unverified"}


def test_the_file_is_followed_and_a_damaged_one_changes_nothing(made: Bed) -> None:
    made.guard()
    made.declare(DECLARED.replace('"10.77.1.0/24"', '"10.77.0.0/16"'))
    made.until(lambda: "10.77.0.0/16" in made.rules())
    made.declare(DECLARED.replace("networks", "network"))
    made.until(lambda: made.state()["fault"] is not None)
    assert "is networks meant?" in made.state()["fault"]["en"]
    assert "10.77.0.0/16" in made.rules()
    assert made.reaches(IN4, 8883)
    made.declare('networks = ["10.9.0.0/16"]')  # without the controller's
    made.until(lambda: made.kinds().count("egress.file_broken") == 2)
    assert "10.77.0.0/16" in made.rules()
    told = [each["data"] for each in made.records() if each["kind"] == "egress.declared"]
    assert [each["networks"] for each in told] == [["10.77.0.0/16", "fd00:77:1::/64"]]


def test_without_any_good_file_everything_is_denied_and_the_guard_says_why(made: Bed) -> None:
    made.declare("networks = 7")
    made.guard()
    assert made.state()["guard"] == "denies_all"
    assert "guard.toml: networks" in made.state()["fault"]["en"]
    assert not made.reaches(IN4, 8883)
    assert made.reaches("127.0.0.1", 1) is False  # nobody listens there, and loopback itself answers at once
    made.declare()
    made.until(lambda: made.state()["guard"] == "in_force")
    assert made.reaches(IN4, 8883)


def test_our_probes_are_no_attempts_and_bear_their_mark_on_the_wire(made: Bed) -> None:
    """Without rules the probes go out: they bear our code point. With rules, only others are counted."""
    give_default_routes(made)
    for family, field in (("ip", "ip dscp"), ("ip6", "ip6 dscp")):
        made.at(ROUTER, "nft", "add", "table", family, "seen")
        made.at(ROUTER, "nft", "add", "chain", family, "seen", "f", "{ type filter hook forward priority 0; }")
        made.at(ROUTER, "nft", "add", "rule", family, "seen", "f", "oifname", "too", *field.split(), "43", "counter")
        made.at(ROUTER, "nft", "add", "rule", family, "seen", "f", "oifname", "too", *field.split(), "!=", "43",
                "counter", "comment", "stranger")  # fmt: skip
    prove(made)
    for family in ("ip", "ip6"):
        ours, others = [line for line in made.at(ROUTER, "nft", "list", "table", family, "seen").splitlines()
                        if "counter" in line]  # fmt: skip
        assert "packets 0 " not in ours
        assert "packets 0 " in others
    made.guard()
    made.until(lambda: made.state()["proof"] is not None)
    assert "counter denied_out {\n\t\tpackets 0 bytes 0" in made.rules()
    assert not made.reaches(OUT4, 443)
    assert "counter denied_out {\n\t\tpackets 0 bytes 0" not in made.rules()


def test_it_says_that_it_was_stopped_and_its_rules_stay(made: Bed) -> None:
    give_default_routes(made)
    guard = made.guard()
    # The command runs below `ip netns exec`, which has become it: no shell is between.
    guard.send_signal(signal.SIGTERM)
    assert guard.wait(20) == 0
    assert made.kinds()[-1] == "egress.stopped"
    assert not made.reaches(OUT4, 443)
    remove = ["ip", "netns", "exec", made.names[TERMINAL], sys.executable, "-m", "agent.egress.guard", "--remove"]
    environment = {**os.environ, "PORTSEAL_AGENT_CONFIG": str(made.root)}
    (made.root / "agent.toml").write_text(f'state = "{made.root}/state"\n')
    assert (made.root / "state/guard.last.toml").exists()
    subprocess.run(remove, check=True, timeout=30, env=environment)
    assert made.rules() == ""
    assert not (made.root / "state/guard.last.toml").exists()
    assert made.reaches(OUT4, 443)


def test_neighbours_are_found_by_ipv6_through_the_guard(made: Bed) -> None:
    made.guard()
    made.at(TERMINAL, "ip", "-6", "neigh", "flush", "all")
    made.at(SERVER, "ip", "-6", "neigh", "flush", "all")
    assert made.reaches(IN6, 8883)
    # From the outside nobody comes in, not even with a route.
    made.at(TERMINAL, "ip", "route", "add", "198.18.0.0/24", "via", "10.77.1.1")
    listening = made.start(TERMINAL, sys.executable, "-c", "import socket,time\ns=socket.create_server(('', 9000))\n"
                           "print('on', flush=True)\ntime.sleep(60)")  # fmt: skip
    assert listening.stdout is not None
    assert listening.stdout.readline() == "on\n"
    come = "import socket; socket.create_connection(('10.77.1.10', 9000), 1.5)"
    assert "Error" in made.at(OUTSIDE, "sh", "-c", f'{sys.executable} -c "{come}" 2>&1 || true')
    made.at(SERVER, sys.executable, "-c", come)
