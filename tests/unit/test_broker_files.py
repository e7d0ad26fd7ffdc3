"""The site's keys and certificates: made at the first need, never made anew, and good for what they are for."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509

from controller.broker.authority import BROKER_DAYS, PROCESS_DAYS, Authority, hosts_of, identity_of
from controller.broker.files import authority, broker_pair, own_pair
from controller.broker.site import broker_address, broker_files, client_tls, listener, standing
from controller.secrets.signing import grant_key
from controller.store.certificates import certificates, revoke_certificates
from policies.errors import ConfigError, InputError
from policies.messages.identities import Identity, Role
from tests.unit.broker_site import SITE, SetClock, opened

CONTROLLER, CLI = Identity(Role.CONTROLLER), Identity(Role.CLI)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "keys").iterdir()}


def test_everything_is_made_once_and_is_the_owners(tmp_path: Path) -> None:
    with opened(tmp_path / "site") as context:
        broker_files(context)
        client_tls(context, CONTROLLER)
        client_tls(context, CLI)
        grant_key(context.site.folder)
        before = contents(context.site.folder)
        for name in before:
            mode = stat.S_IMODE((context.site.folder / "keys" / name).stat().st_mode)
            assert mode == (0o600 if name.endswith(".key") or name == "ca.pem" else 0o644), name
        broker_files(context)
        client_tls(context, CONTROLLER)
        grant_key(context.site.folder)
    with opened(tmp_path / "site") as context:
        broker_files(context)
        own_pair(context, CLI)
        assert contents(context.site.folder) == before
    keys = {"ca.key", "broker.key", "controller.key", "cli.key", "grant.key", "ledger.key"}
    assert keys <= set(before)
    assert len({before[name] for name in keys}) == len(keys)


def test_authority_grants_and_ledger_have_three_keys_and_no_repr_shows_one(tmp_path: Path) -> None:
    with opened(tmp_path / "site") as context:
        pair = own_pair(context, CONTROLLER)
        assert "PRIVATE" not in repr(pair)
        assert "PRIVATE" not in repr(broker_files(context))
        assert identity_of(pair.certificate) == CONTROLLER
        [row] = certificates(context.store)
        assert (row.identity, row.revoked_at) == ("controller", None)


@pytest.mark.parametrize("name", ["ca.key", "grant.key"])
def test_a_key_that_others_trust_is_never_made_anew(tmp_path: Path, name: str) -> None:
    with opened(tmp_path / "site") as context:
        own_pair(context, CONTROLLER)
        grant_key(context.site.folder)
        (context.site.folder / "keys" / name).unlink()
        with pytest.raises(ConfigError, match=rf"{name}: the key is gone.*restore"):
            authority(context) if name == "ca.key" else grant_key(context.site.folder)
        assert not (context.site.folder / "keys" / name).exists()


def test_an_authority_that_the_store_remembers_is_not_replaced_by_another(tmp_path: Path) -> None:
    with opened(tmp_path / "site") as context:
        own_pair(context, CONTROLLER)
        for name in ("ca.key", "ca.pem"):
            (context.site.folder / "keys" / name).unlink()
        with pytest.raises(ConfigError, match="the key is gone"):
            authority(context)


def test_a_lost_certificate_of_the_authority_is_made_of_the_same_key(tmp_path: Path) -> None:
    with opened(tmp_path / "site") as context:
        pair = own_pair(context, CONTROLLER)
        (context.site.folder / "keys/ca.pem").unlink()
        assert authority(context).knows(pair.certificate)


@pytest.mark.parametrize("text", [b"", b"-----BEGIN PRIVATE KEY-----\n", "钥匙".encode()])
def test_a_damaged_key_is_one_line_that_names_it(tmp_path: Path, text: bytes) -> None:
    with opened(tmp_path / "site") as context:
        broker_pair(context)
        for name in ("ca.key", "broker.key"):
            path = context.site.folder / "keys" / name
            before = path.read_bytes()
            path.write_bytes(text)
            with pytest.raises(ConfigError, match=name):
                broker_files(context)
            path.write_bytes(before)


def test_another_authoritys_certificate_beside_the_key_is_refused(tmp_path: Path) -> None:
    with opened(tmp_path / "site") as context:
        authority(context)
        other, _ = Authority.create("hq", context.clock())
        (context.site.folder / "keys/ca.pem").write_bytes(other.certificate)
        with pytest.raises(ConfigError, match="not the key"):
            authority(context)


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    with opened(tmp_path / "site") as context:
        broker_pair(context)
        (context.site.folder / "keys/ca.key").chmod(0o644)
        with pytest.raises(ConfigError, match="open to other users"):
            authority(context)


def test_the_brokers_certificate_follows_the_names_in_site_toml_with_the_same_key(tmp_path: Path) -> None:
    with opened(tmp_path / "site") as context:
        before = broker_pair(context)
        assert hosts_of(before.certificate) == ("127.0.0.1", "::1", "localhost")
        names = ("FD00:0::2", "door.example", "fe80::1%eth0")
        site = replace(context.site, broker=replace(context.site.broker, names=names))
        moved = replace(context, site=site)
        after = broker_pair(moved)
        assert set(hosts_of(after.certificate)) == {
            "127.0.0.1", "::1", "localhost", "fd00::2", "door.example", "fe80::1",
        }  # fmt: skip
        assert after.key == before.key
        assert broker_pair(moved).certificate == after.certificate


def test_certificates_are_made_anew_in_their_last_third(tmp_path: Path) -> None:
    clock = SetClock()
    with opened(tmp_path / "site", clock=clock) as context:
        mine, brokers = own_pair(context, CONTROLLER), broker_pair(context)
        clock.forward(days=PROCESS_DAYS * 0.6)
        assert own_pair(context, CONTROLLER) == mine
        clock.forward(days=PROCESS_DAYS * 0.1)
        renewed = own_pair(context, CONTROLLER)
        assert (renewed.key, renewed.certificate != mine.certificate) == (mine.key, True)
        assert len(certificates(context.store)) == 2
        assert broker_pair(context) == brokers
        clock.forward(days=BROKER_DAYS)
        assert broker_pair(context).certificate != brokers.certificate


def test_nobody_but_this_machines_processes_gets_a_key_made_here(tmp_path: Path) -> None:
    with opened(tmp_path / "site") as context, pytest.raises(InputError):
        own_pair(context, Identity(Role.TERMINAL, "guard-1"))


def test_who_is_declared_and_has_a_certificate_may_come(tmp_path: Path) -> None:
    with opened(tmp_path / "site") as context:
        vouching, now = authority(context), context.clock()
        from controller.broker.files import row_of
        from controller.store.certificates import put_certificate

        def give(identity: Identity) -> None:
            _, issued = vouching.issue_own(identity, now)
            with context.store.transaction() as connection:
                put_certificate(connection, row_of(issued, now))

        names = {str(each) for each in standing(context).identities}
        assert names == {"controller", "cli", "reader.gate"}
        for name in ("guard-1", "gone"):
            give(Identity(Role.TERMINAL, name))
        give(Identity(Role.LOCK, "guard-1"))
        before = standing(context)
        assert {str(each) for each in before.identities} == names | {"terminal.guard-1", "lock.guard-1"}
        assert "user terminal.gone\n" not in broker_files(context).acl
        with context.store.transaction() as connection:
            [serial] = revoke_certificates(connection, "terminal.guard-1", now, "stolen")
            assert revoke_certificates(connection, "terminal.guard-1", now, "again") == []
        after = standing(context)
        assert {str(each) for each in before.identities - after.identities} == {"terminal.guard-1"}
        assert after.revoked == {serial}
        listed = x509.load_pem_x509_crl(broker_files(context).revoked)
        assert [format(each.serial_number, "x") for each in listed] == [serial]
        give(Identity(Role.TERMINAL, "guard-1"))
        assert standing(context).identities == before.identities


def test_where_the_broker_is(tmp_path: Path) -> None:
    with opened(tmp_path / "site") as context:
        assert (listener(context.site).host, listener(context.site).port) == ("0.0.0.0", 8883)
        assert broker_address(context.site) == ("127.0.0.1", 8883)
        text = SITE.partition("[broker]")[0] + '[broker]\nlisten = "10.1.0.2"\nport = 1\n'
    with opened(tmp_path / "other", text) as context:
        assert broker_address(context.site) == ("10.1.0.2", 1)


def test_the_files_of_an_external_broker_are_used_and_their_faults_named(tmp_path: Path) -> None:
    with opened(tmp_path / "site") as context:
        theirs, _ = Authority.create("theirs", context.clock())
        key, issued = theirs.issue_own(CONTROLLER, context.clock())
    text = (
        SITE.partition("[broker]")[0]
        + """[broker]
mode = "external"
host = "mqtt.example"
authority = "theirs.pem"
certificate = "our.pem"
key = "our.key"
"""
    )
    folder = tmp_path / "other"
    with opened(folder, text) as context:
        assert broker_address(context.site) == ("mqtt.example", 8883)
        with pytest.raises(ConfigError, match=r"theirs\.pem"):
            client_tls(context, CONTROLLER)
        (folder / "theirs.pem").write_bytes(theirs.certificate)
        (folder / "our.pem").write_bytes(issued.pem)
        (folder / "our.key").write_bytes(key)
        with pytest.raises(ConfigError, match=r"our\.key.*chmod"):
            (folder / "our.key").chmod(0o644)
            client_tls(context, CONTROLLER)
        (folder / "our.key").chmod(0o600)
        assert client_tls(context, CONTROLLER).cert_store_stats()["x509_ca"] == 1
        (folder / "our.pem").write_bytes(theirs.certificate)
        with pytest.raises(ConfigError, match="cannot be used"):
            client_tls(context, CONTROLLER)
