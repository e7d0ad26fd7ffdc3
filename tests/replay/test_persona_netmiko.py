"""Netmiko's drivers, which were written for real switches, work on the emulated H3C and Ruijie switches."""

from __future__ import annotations

from typing import Any

import pytest
from netmiko import ConnectHandler

from lab.switch.persona.running import running_persona
from tests.replay import test_persona_h3c as h3c
from tests.replay import test_persona_ruijie as ruijie

CASES = [
    ("hp_comware", h3c.CONFIG, h3c.SEAL[1:-1], "display port-security mac-address security", "0011-2233-4455"),
    ("ruijie_os", ruijie.CONFIG, ruijie.SEAL, "show port-security address", "0011.2233.4455"),
]


@pytest.mark.parametrize(("driver", "config", "lines", "command", "mac"), CASES, ids=[case[0] for case in CASES])
def test_netmiko_logs_in_configures_reads_and_saves(
    driver: str, config: dict[str, Any], lines: tuple[str, ...], command: str, mac: str
) -> None:
    with running_persona(config) as persona:
        access = {"host": "127.0.0.1", "port": persona.ssh_port, "username": "admin", "password": "login-word"}
        with ConnectHandler(device_type=driver, secret="enable-word", **access) as client:
            client.enable()
            client.send_config_set(list(lines))
            assert mac in str(client.send_command(command))
            client.save_config()
        assert mac in (persona.persona.switch.startup or "")
        assert persona.inject("p1", h3c.LAPTOP) is False
        assert persona.inject("p1", h3c.CAMERA, ip="198.18.30.1") is True
