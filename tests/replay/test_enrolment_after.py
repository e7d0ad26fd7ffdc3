"""After an enrolment: renewal, revocation, new enrolment, with the real door and the real broker."""

from __future__ import annotations

import socket
import ssl
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.enrol.door import post
from agent.enrol.renew import renew_if_due
from agent.link.identity import agent_key
from controller.broker.enrolment import EnrolmentRefused, issue_identity
from controller.broker.files import authority
from controller.broker.revocation import revoke
from controller.broker.site import Look, client_tls
from controller.store.certificates import certificates
from controller.store.terminals import trusted_key
from policies.errors import InputError, NotFound, PortsealError, UsageError
from policies.keys import SigningKey
from policies.messages.bundle import At
from policies.messages.enrolment import make_renewal
from policies.messages.identities import Identity, Role
from tests.replay import agent_process
from tests.replay.enrolment_bench import Machine, Site, another

pytest_plugins = ["tests.replay.enrolment_fixtures"]

TERMINAL = Identity(Role.TERMINAL, "guard-1")
STATUS, GRANT = "portseal/1/hq/terminal/guard-1/status", "portseal/1/hq/terminal/guard-1/grant"


def test_a_revoked_terminals_connection_ends_and_it_comes_back_only_by_a_new_enrolment(
    site: Site, machine: Machine
) -> None:
    assert machine.enroll(site.bundle()).code == 0
    site.broker.start()
    controller, live = site.client(client_tls(site.context, Identity(Role.CONTROLLER))), site.client(machine.context())
    waiting = site.bundle()  # a bundle that lies about is taken away too
    done = revoke(site.context, TERMINAL, "stolen")
    assert (len(done.serials), done.bundle) == (1, True)
    assert not live.ended.is_set()
    assert site.broker.look() is Look.RELOADED
    assert live.ended.wait(5)
    live.close()
    assert not controller.ended.is_set()  # everybody else stays
    with pytest.raises(OSError):
        site.client(machine.context()).close()
    ran = machine.enroll("--renew")
    assert (ran.code, "not one that the controller trusts now" in ran.err) == (4, True), ran
    ran = machine.enroll(waiting)
    assert (ran.code, "knows no such enrolment" in ran.err) == (4, True), ran
    with pytest.raises(NotFound):
        revoke(site.context, TERMINAL, "again")
    assert machine.enroll(site.bundle()).code == 0
    assert site.broker.look() is Look.RELOADED
    back = site.client(machine.context())
    try:
        back.subscribe(GRANT)
        controller.say(GRANT, b"open")
        assert back.hear() == (GRANT, b"open", False)
    finally:
        controller.close()
        back.close()
    [told] = site.told("certificate.revoke.intent")
    assert told["reason"] == "stolen"


def test_a_revoked_terminal_that_comes_back_at_once_is_not_let_in(site: Site, machine: Machine) -> None:
    """It does not wait a second, as ours would: it tries again and again from the moment its connection ends."""
    import threading

    assert machine.enroll(site.bundle()).code == 0
    site.broker.start()
    context, stop, came = machine.context(), threading.Event(), []
    live = site.client(context)

    def insist() -> None:
        live.ended.wait(10)
        while not stop.is_set():
            try:
                came.append(site.client(context))
            except OSError:
                continue

    thread = threading.Thread(target=insist)
    thread.start()
    revoke(site.context, TERMINAL, "stolen")
    assert site.broker.look() is Look.RELOADED
    assert live.ended.wait(5)
    stop.wait(1)
    stop.set()
    thread.join()
    live.close()
    assert came == []


def test_a_broker_that_died_or_does_not_obey_is_started_again(
    site: Site, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert machine.enroll(site.bundle()).code == 0
    site.broker.start()
    live = site.client(machine.context())
    revoke(site.context, TERMINAL, "stolen")
    monkeypatch.setattr(site.broker.process, "reload", lambda: False)
    assert site.broker.look() is Look.RESTARTED
    assert live.ended.wait(5)
    live.close()
    with pytest.raises(OSError):
        site.client(machine.context()).close()
    process = site.broker.process._process
    assert process is not None
    process.kill()
    process.wait()
    assert site.broker.look() is Look.RESTARTED
    site.client(client_tls(site.context, Identity(Role.CONTROLLER))).close()


def test_the_broker_shows_a_new_certificate_of_its_own_without_a_break(site: Site) -> None:
    site.broker.start()
    controller = site.client(client_tls(site.context, Identity(Role.CONTROLLER)))
    moved = replace(site.context.site.broker, names=("broker.example",))
    site.broker._context = replace(site.context, site=replace(site.context.site, broker=moved))
    assert site.broker.look() is Look.RELOADED
    made = ssl.create_default_context(cadata=authority(site.context).certificate.decode())
    with (
        socket.create_connection(("127.0.0.1", site.context.site.broker.port), timeout=10) as link,
        made.wrap_socket(link, server_hostname="broker.example") as wrapped,
    ):
        assert wrapped.version() is not None
    assert not controller.ended.is_set()
    controller.close()


def test_a_new_enrolment_ends_the_old_certificate_and_the_trust_in_the_old_key(
    site: Site, machine: Machine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert machine.enroll(site.bundle()).code == 0
    old = agent_key(machine.state).public
    other = another(tmp_path, capsys)
    assert other.enroll(site.bundle()).code == 0
    new = agent_key(other.state).public
    assert trusted_key(site.context.store, "guard-1") == new != old
    assert site.told("terminal.enrol.intent")[-1]["replaces"] == old.fingerprint
    [first, second] = certificates(site.context.store, str(TERMINAL))
    assert sorted([first.revoked_at is None, second.revoked_at is None]) == [False, True]
    site.broker.start()
    with pytest.raises(OSError):
        site.client(machine.context()).close()
    site.client(other.context()).close()


def test_a_certificate_is_renewed_with_the_present_one(site: Site, machine: Machine) -> None:
    machine.declare("skew_seconds = 5\n")
    assert machine.enroll(site.bundle()).code == 0
    before = machine.config.broker
    assert before is not None
    key = before.key.read_bytes()
    assert not renew_if_due(machine.etc)
    ran = machine.enroll("--renew")
    assert ran.code == 0, ran
    after = machine.config
    assert (after.skew, after.terminal) == (5, "guard-1")
    assert after.broker is not None
    assert after.broker.key.read_bytes() != key
    assert not before.key.exists()
    [first, second] = certificates(site.context.store, str(TERMINAL))
    assert first.revoked_at is second.revoked_at is None  # the old one may still be in use
    [told] = site.told("certificate.issue.intent")
    assert told["instead_of"] in (first.serial, second.serial)
    site.broker.start()
    site.client(machine.context()).close()


def test_a_renewal_needs_the_certificate_and_the_terminals_own_key(site: Site, machine: Machine) -> None:
    assert machine.enroll(site.bundle()).code == 0
    config = machine.config
    assert config.broker is not None
    from agent.enrol.keys import make_key

    at, csr = At("127.0.0.1", site.context.site.web.port), make_key("guard-1").csr
    good = make_renewal("hq", "guard-1", csr, agent_key(machine.state))
    forged = make_renewal("hq", "guard-1", csr, SigningKey(bytes(32)))
    other = make_renewal("hq", "终端 2", csr, agent_key(machine.state))
    vouching = authority(site.context).certificate
    shown = (config.broker.certificate, config.broker.key)
    for raw, client in ((good.raw, None), (forged.raw, shown), (other.raw, shown)):
        with pytest.raises(PortsealError, match="not one that the controller trusts now"):
            post(at, "/renew", raw, vouching, client)
    assert post(at, "/renew", good.raw, vouching, shown)
    assert len(certificates(site.context.store, str(TERMINAL))) == 2


def test_locks_and_readers_get_certificates_for_keys_of_their_own(site: Site) -> None:
    from agent.enrol.keys import make_key

    csr = make_key("x").csr
    reader = issue_identity(site.context, Identity(Role.READER, "gate"), csr)
    assert reader.identity == "reader.gate"
    assert issue_identity(site.context, Identity(Role.LOCK, "guard-1"), csr).identity == "lock.guard-1"
    for identity in (TERMINAL, Identity(Role.READER, "nobody"), Identity(Role.CONTROLLER)):
        with pytest.raises(UsageError):
            issue_identity(site.context, identity, csr)
    with pytest.raises(InputError):
        issue_identity(site.context, Identity(Role.READER, "gate"), b"-----BEGIN CERTIFICATE REQUEST-----\n")
    for _ in range(9):
        issue_identity(site.context, Identity(Role.READER, "gate"), csr)
    with pytest.raises(EnrolmentRefused, match="too many certificates"):
        issue_identity(site.context, Identity(Role.READER, "gate"), csr)


def test_the_agent_renews_by_itself_and_goes_on_with_the_new_certificate(
    site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The real agent in a process of its own, with a certificate that has a quarter of its life left."""
    place = agent_process.Place(tmp_path / "agent")
    (place.etc / "agent.toml").write_text(
        f'site = "hq"\nterminal = "guard-1"\nstate = "{place.root}/state"\nrun = "{place.root}/run"\n', "utf-8"
    )
    machine = Machine(tmp_path / "machine", capsys)
    machine.etc.rmdir()
    machine.etc = place.etc
    now, present = datetime.now(UTC), site.context
    site.context = replace(present, clock=lambda: now - timedelta(days=300))
    assert machine.enroll(site.bundle(hours=24 * 365)).code == 0
    site.context = present
    [old] = certificates(present.store, str(TERMINAL))
    site.broker.start()
    controller = site.client(client_tls(present, Identity(Role.CONTROLLER)))
    controller.subscribe(STATUS)
    try:
        with agent_process.running(place):
            assert controller.hear(15) is not None  # with the old certificate
            ends = time.monotonic() + 30
            while len(certificates(present.store, str(TERMINAL))) < 2 and time.monotonic() < ends:
                time.sleep(0.05)
            [_, new] = certificates(present.store, str(TERMINAL))
            with present.store.transaction() as connection:
                connection.execute("UPDATE certificate SET revoked_at = issued_at WHERE serial = ?", (old.serial,))
            assert site.broker.look() is Look.RELOADED  # ends what the old one has open
            while controller.hear(0.1) is not None:
                pass  # what was on its way
            heard = iter(lambda: controller.hear(20), None)
            assert any(b'"shut"' in payload for _, payload, _ in heard)
            assert new.expires - datetime.now(UTC) > timedelta(days=390)
    finally:
        controller.close()
