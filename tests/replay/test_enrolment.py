"""Enrolment with real parts: the agent's own verb, the real HTTPS door, the real broker."""

from __future__ import annotations

import stat
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.enrol import files as agent_files
from agent.enrol.door import post
from agent.link.identity import agent_key
from agent.usb.bindings import replace_file
from controller.broker.authority import Authority
from controller.broker.enrolment import EnrolmentRefused, enrol
from controller.broker.files import authority
from controller.broker.site import Look, client_tls
from controller.store.certificates import certificates
from controller.store.enrolments import enrolment
from controller.store.terminals import trusted_key
from controller.web.site import site_door
from policies.errors import PortsealError, StorageFailed
from policies.keys import SigningKey
from policies.messages.bundle import At, read_bundle, write_bundle
from policies.messages.enrolment import make_request
from policies.messages.identities import Identity, Role
from policies.texts import t
from tests.replay.enrolment_bench import Machine, Site, another, site_on_loopback

pytest_plugins = ["tests.replay.enrolment_fixtures"]

TERMINAL = Identity(Role.TERMINAL, "guard-1")
STATUS, GRANT = "portseal/1/hq/terminal/guard-1/status", "portseal/1/hq/terminal/guard-1/grant"


def test_a_terminal_enrols_over_https_and_speaks_on_the_broker(site: Site, machine: Machine) -> None:
    machine.declare('longest_lease_minutes = 7\n# a comment\n[locks."前 门"]\nports = ["a", "b"]\n')
    site.broker.start()
    bundle = site.bundle()
    ran = machine.enroll(bundle)
    assert (ran.code, "systemctl restart portseal-agent" in ran.out) == (0, True), ran
    assert read_bundle(bundle.read_bytes()).fingerprint in ran.err
    config = machine.config
    assert (config.site, config.terminal, config.longest_lease) == ("hq", "guard-1", 420)
    assert [(each.name, each.ports) for each in config.locks] == [("前 门", ("a", "b"))]
    assert config.broker is not None
    assert stat.S_IMODE(config.broker.key.stat().st_mode) == 0o600
    key = agent_key(machine.state).public
    assert trusted_key(site.context.store, "guard-1") == key
    [intent], [done] = site.told("terminal.enrol.intent"), site.told("terminal.enrol.done")
    assert (intent["fingerprint"], intent["peer"], "replaces" in intent) == (key.fingerprint, "127.0.0.1", False)
    assert done["revoked"] == []
    # The broker learns of it without a restart, and the controller hears the terminal.
    assert site.broker.look() is Look.RELOADED
    controller = site.client(client_tls(site.context, Identity(Role.CONTROLLER)))
    terminal = site.client(machine.context())
    try:
        controller.subscribe(STATUS)
        assert not terminal.say(STATUS, b"here").is_failure
        assert controller.hear() == (STATUS, b"here", False)
    finally:
        controller.close()
        terminal.close()
    assert not (machine.etc / agent_files.PENDING).exists()
    assert site.broker.look() is Look.KEPT


def test_a_terminal_without_a_way_to_the_door_enrols_by_files(site: Site, machine: Machine, tmp_path: Path) -> None:
    site.door.stop()
    bundle, request, answer = site.bundle(), tmp_path / "r.json", tmp_path / "a.jwt"
    ran = machine.enroll(bundle)
    assert (ran.code, "does not answer" in ran.err) == (3, True), ran
    assert machine.enroll(bundle, "--request", request).code == 0
    token = read_bundle(bundle.read_bytes()).token
    assert token.hex().encode() not in request.read_bytes()
    answer.write_text(enrol(site.context, request.read_bytes(), str(request)) + "\n", "ascii")
    assert machine.enroll("--answer", answer).code == 0
    assert trusted_key(site.context.store, "guard-1") == agent_key(machine.state).public
    ran = machine.enroll("--answer", answer)
    assert (ran.code, "no request of this terminal waits" in ran.err) == (2, True), ran


def test_a_lost_answer_can_be_asked_for_again_and_another_request_cannot_use_the_bundle(
    site: Site, machine: Machine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle, request = site.bundle(), tmp_path / "r.json"
    assert machine.enroll(bundle, "--request", request).code == 0
    first = enrol(site.context, request.read_bytes())
    assert enrol(site.context, request.read_bytes()) == first
    thief = another(tmp_path, capsys)
    ran = thief.enroll(bundle)
    assert (ran.code, "used already" in ran.err) == (4, True), ran
    assert site.told("terminal.enrol_refused")[-1]["why"] == "used"
    assert machine.enroll(bundle).code == 0  # the same request as before
    assert len(certificates(site.context.store, str(TERMINAL))) == 1
    assert trusted_key(site.context.store, "guard-1") == agent_key(machine.state).public


def test_an_earlier_bundle_counts_no_more(site: Site, machine: Machine) -> None:
    early = site.bundle().read_bytes()
    late = site.bundle()
    path = late.with_name("early")
    path.write_bytes(early)
    ran = machine.enroll(path)
    assert (ran.code, "knows no such enrolment" in ran.err) == (4, True), ran
    assert machine.enroll(late).code == 0


def test_an_expired_bundle_is_refused_by_the_controllers_clock_and_before_that_by_the_terminals(
    site: Site, machine: Machine, tmp_path: Path
) -> None:
    bundle, request = site.bundle(), tmp_path / "r.json"
    assert machine.enroll(bundle, "--request", request).code == 0
    now = datetime.now(UTC)
    late = replace(site.context, clock=lambda: now + timedelta(hours=25))
    with pytest.raises(EnrolmentRefused, match="expired, by the controller's clock"):
        enrol(late, request.read_bytes())
    assert site.told("terminal.enrol_refused")[-1]["why"] == "expired"
    made = read_bundle(bundle.read_bytes())
    bundle.write_bytes(write_bundle(replace(made, expires=now - timedelta(seconds=1))))
    ran = machine.enroll(bundle)
    assert (ran.code, "set the clock right" in ran.err) == (4, True), ran


def test_a_bundle_that_was_changed_on_its_way_is_noticed(site: Site, machine: Machine, tmp_path: Path) -> None:
    """Whoever can write the bundle knows its token, and can make it look whole: the controller compares."""
    mine = SigningKey(bytes(32)).public
    ran = machine.enroll(site.bundle(grant_key=mine))
    assert (ran.code, "somebody changed it on its way" in ran.err) == (4, True), ran
    assert site.told("terminal.enrol_refused")[-1]["why"] == "changed"
    bundle = site.bundle()
    bundle.write_bytes(bundle.read_bytes().replace(b"guard-1", b"guard-2"))
    ran = machine.enroll(bundle)
    assert (ran.code, "damaged on the way" in ran.err) == (2, True), ran
    assert agent_files.declared(machine.etc).keys() == {"site", "terminal", "state"}


def test_only_the_sites_own_door_is_believed(site: Site, machine: Machine) -> None:
    stranger, _ = Authority.create("hq", datetime.now(UTC))
    ran = machine.enroll(site.bundle(authority=stranger.certificate.decode()))
    assert (ran.code, "not this site's controller" in ran.err) == (4, True), ran
    ran = machine.enroll(site.bundle(door=At("127.0.0.2", site.context.site.web.port)))
    assert ran.code in (3, 4), ran  # another address than the certificate is for
    assert enrolment(site.context.store, "guard-1") is not None
    assert certificates(site.context.store, str(TERMINAL)) == []


def test_another_terminals_bundle_is_refused_before_anything_is_sent(site: Site, machine: Machine) -> None:
    ran = machine.enroll(site.bundle("终端 2"))
    assert (ran.code, "another terminal" in ran.err) == (4, True), ran
    found = enrolment(site.context.store, "终端 2")
    assert found is not None
    assert found.used_at is None


@pytest.mark.parametrize("data", [b"", b"{}", "终端".encode() * 50_000], ids=["empty", "object", "large"])
def test_a_damaged_file_is_one_line(site: Site, machine: Machine, tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    assert machine.enroll(path).code == 2
    assert machine.enroll(site.bundle(), "--request", tmp_path / "r").code == 0
    ran = machine.enroll("--answer", path)
    assert (ran.code, len(ran.err.splitlines())) == (2, 1), ran
    assert machine.enroll(tmp_path / "nothing").code == 2
    assert machine.enroll(tmp_path).code == 2


def test_an_answer_to_another_request_or_for_another_key_is_refused(
    site: Site, machine: Machine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    request, answer = tmp_path / "r", tmp_path / "a"
    assert machine.enroll(site.bundle(), "--request", request).code == 0
    answer.write_text(enrol(site.context, request.read_bytes()), "ascii")
    assert machine.enroll(site.bundle(), "--request", tmp_path / "r2").code == 0  # begins again
    ran = machine.enroll("--answer", answer)
    assert (ran.code, "to another request" in ran.err) == (2, True), ran
    assert (machine.etc / agent_files.PENDING).exists()


def test_a_clock_by_which_the_certificates_are_not_valid_is_said(
    site: Site, machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The controller's clock is a year ahead of the terminal's: what it issues is not valid yet, there."""
    now = datetime.now(UTC)
    ahead = replace(site.context, clock=lambda: now + timedelta(days=365))
    site.context = ahead
    bundle, request, answer = site.bundle(), tmp_path / "r", tmp_path / "a"
    assert machine.enroll(bundle, "--request", request).code == 0
    answer.write_text(enrol(ahead, request.read_bytes()), "ascii")
    before = machine.contents()
    ran = machine.enroll("--answer", answer)
    assert (ran.code, "by the clock of this machine" in ran.err) == (4, True), ran
    assert machine.contents() == before


def test_a_door_whose_certificate_is_not_valid_by_this_clock_is_told_as_a_wrong_clock(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with site_on_loopback(tmp_path) as site:
        machine = Machine(tmp_path / "machine", capsys)
        site.door.stop()
        now = datetime.now(UTC)
        (site.context.site.folder / "keys/broker.pem").unlink()
        made = site_door(replace(site.context, clock=lambda: now + timedelta(days=700)), site.door._callbacks)
        site.door = made
        made.start()
        ran = machine.enroll(site.bundle())
        assert (ran.code, "by the clock of this machine" in ran.err) == (4, True), ran


def test_too_many_refusals_are_not_listened_to_for_a_while(site: Site, machine: Machine) -> None:
    at, vouching = At("127.0.0.1", site.context.site.web.port), authority(site.context).certificate
    bundle = site.bundle()
    made = read_bundle(bundle.read_bytes())
    from agent.enrol.keys import make_key

    guess = make_request(replace(made, token=bytes(32)), make_key("guard-1").csr, SigningKey(bytes(32)))
    said = []
    for _ in range(12):
        with pytest.raises(PortsealError) as caught:
            post(at, "/enrol", guess.raw, vouching)
        said.append(str(caught.value))
    assert all("no such enrolment" in each for each in said[:10])
    assert all("no more tries" in each for each in said[10:])
    assert site.told("terminal.enrol_refused") == []  # a stranger cannot fill the ledger
    assert machine.enroll(bundle).code == 4


def test_a_crash_while_files_are_put_in_place_leaves_the_old_set(
    site: Site, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert machine.enroll(site.bundle()).code == 0
    before, config = machine.contents(), machine.config
    real = replace_file
    bundle = site.bundle()
    number, ran = 0, None
    while ran is None or ran.code != 0:
        number += 1
        calls = iter(range(1, 100))

        def failing(path: Path, data: bytes, mode: int = 0o600, at: int = number, calls: Any = calls) -> None:
            if next(calls) == at:
                raise StorageFailed(t("the disk is full"))
            real(path, data, mode)

        with monkeypatch.context() as patch:
            patch.setattr(agent_files, "replace_file", failing)
            ran = machine.enroll(bundle)
        if ran.code == 0:
            continue
        assert (ran.code, number < 20) == (3, True)
        kept = {name: data for name, data in machine.contents().items() if not name.startswith(agent_files.PENDING)}
        assert kept == before
        assert machine.config == config
    assert number > 4  # bundle, request and key; five files; agent.toml
    assert machine.config != config


def test_the_token_is_in_no_file_of_the_controller_and_in_nothing_that_was_printed(
    site: Site, machine: Machine
) -> None:
    bundle = site.bundle()
    token = read_bundle(bundle.read_bytes()).token
    ran = machine.enroll(bundle)
    assert ran.code == 0
    assert token.hex() not in ran.out + ran.err
    site.context.store.empty_log()
    for path in site.context.site.folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert token not in content, path
            assert token.hex().encode() not in content, path


def test_a_folder_that_cannot_be_written_is_one_line(
    site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    machine = Machine(tmp_path / "machine", capsys)
    machine.etc.rmdir()
    machine.etc.write_text("no folder", "ascii")
    ran = machine.enroll(site.bundle())
    assert (ran.code, len(ran.err.splitlines())) == (3, 2), ran  # the bundle's fingerprint, and the fault
    found = enrolment(site.context.store, "guard-1")
    assert found is not None
    assert found.used_at is None
