"""Hosts met for the first time: one whole line each, whoever else writes or has edited known_hosts."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import paramiko
import pytest

from drivers.transports.ssh import SshAddress, _HostKeyPolicy

KEYS = [paramiko.ECDSAKey.generate() for _ in range(2)]


def meet(known_hosts: Path, host: str, key: paramiko.PKey) -> None:
    address = SshAddress("sw1", host, 22, "admin", known_hosts=known_hosts)
    _HostKeyPolicy(address).missing_host_key(paramiko.SSHClient(), host, key)


def known(known_hosts: Path, host: str) -> object:
    keys = paramiko.HostKeys(str(known_hosts)).lookup(host)
    return None if keys is None else keys.get("ecdsa-sha2-nistp256")


@pytest.mark.parametrize("ending", ["", "\n", "\n\n", "\n# 楼顶"])
def test_a_file_that_an_editor_left_without_a_last_newline_keeps_both_hosts(tmp_path: Path, ending: str) -> None:
    path = tmp_path / "known_hosts"
    path.write_text(f"192.0.2.1 {KEYS[0].get_name()} {KEYS[0].get_base64()}{ending}", "utf-8")
    meet(path, "192.0.2.2", KEYS[1])
    assert known(path, "192.0.2.1") == KEYS[0]
    assert known(path, "192.0.2.2") == KEYS[1]
    assert path.read_bytes().endswith(b"\n")


def test_first_contacts_at_the_same_time_are_one_line_each(tmp_path: Path) -> None:
    path = tmp_path / "site" / "known_hosts"
    hosts = [f"192.0.2.{number % 20}" for number in range(60)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda host: meet(path, host, KEYS[0]), hosts))
    lines = path.read_text("ascii").splitlines()
    assert sorted(line.split()[0] for line in lines) == sorted(set(hosts))
