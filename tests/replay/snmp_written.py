"""A switch of the lab on 127.0.0.1 that the site writes over SNMP, for tests of the flow."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from controller.context import Context, open_context
from controller.network.equipment import SwitchEquipment
from drivers.dialect import Dialect
from drivers.snmp.access import ResolvedSnmp
from drivers.snmp.conversation import SnmpConversation, SnmpWay
from lab.switch.persona.running import RunningPersona, running_persona
from policies.model import ObservedSwitch
from tests.replay.switch_on_loopback import initial

SECRETS = {"auth": "auth-word-1", "priv": "priv-word-1", "read": "loopback", "write": "loopback"}
V3 = 'user = "writer"\nauth_password = "file:auth"\npriv_password = "file:priv"\n'
V2C = 'community = "file:read"\nwrite_community = "file:write"\n'
SITE = """
[site]
name = "loopback"
[policy]
rollback_timeout_s = 30
[vlans.face]
id = 100
purpose = "face"
[switches.swx]
platform = "{platform}"
host = "127.0.0.1"
port = 9
write = "snmp"
timeout_s = 5
ports = ["{ports}"]
[switches.swx.snmp]
port = {snmp_port}
{access}
"""


@dataclass(frozen=True)
class Written:
    """The running switch, the open site, and how the flow reaches the switch."""

    persona: RunningPersona
    context: Context
    equipment: SwitchEquipment


def config(count: int = 8, text: str = "", **more: Any) -> dict[str, Any]:
    """Give a Catalyst with a v3 user, and whatever else."""
    return {
        "name": "swx",
        "hostname": "swx",
        "ports": {f"GigabitEthernet1/0/{n}": f"p{n}" for n in range(1, count + 1)},
        "credentials": {"username": "admin", "password": "unused"},
        "snmp": {"community": "loopback", "v3_user": "writer", "v3_auth": "auth-word-1", "v3_priv": "priv-word-1"},
        "initial": text or initial(count),
        **more,
    }


def write_site(
    folder: Path, snmp_port: int, access: str, platform: str = "cisco_ios", ports: str = "Gi1/0/1-7", more: str = ""
) -> Path:
    """Write the site's folder with its secrets in files."""
    folder.mkdir(parents=True, exist_ok=True)
    text = SITE.format(platform=platform, ports=ports, snmp_port=snmp_port, access=access) + more
    (folder / "site.toml").write_text(text, "utf-8")
    for name, word in SECRETS.items():
        with os.fdopen(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(word)
    return folder


class AgentEquipment:
    """An :class:`drivers.flow.Equipment` straight over an agent: no site, short waits, small answers."""

    def __init__(self, way: SnmpWay, dialect: Dialect, parameters: dict[str, str] | None = None) -> None:
        self.way, self.dialect, self.parameters = way, dialect, parameters

    def session(self) -> SnmpConversation:
        """Open a conversation."""
        return SnmpConversation(self.way, self.dialect, switch="swx", timeout=5.0, parameters=self.parameters)

    def observe(self, session: SnmpConversation) -> ObservedSwitch:
        """Read the state."""
        return session.state(datetime.now(UTC))


def way(port: int, *, v3: bool = False) -> SnmpWay:
    """Give the way to an agent on a port of this machine."""
    if v3:
        access = ResolvedSnmp(
            "127.0.0.1", port, user="writer", auth_password="auth-word-1", priv_password="priv-word-1", timeout_s=1.0,
            max_repetitions=12,
        )  # fmt: skip
    else:
        access = ResolvedSnmp("127.0.0.1", port, community="loopback", timeout_s=0.3)
    return SnmpWay(access, access)


@contextlib.contextmanager
def written(
    folder: Path, access: str = V3, settings: dict[str, Any] | None = None, more: str = "", **site: str
) -> Iterator[Written]:
    """Run a switch and open a site that writes to it over SNMP."""
    with running_persona(settings or config()) as persona:
        path = write_site(folder, persona.snmp_port, access, more=more, **site)
        with open_context(path) as context:
            yield Written(persona, context, SwitchEquipment(context.site, context.site.switches[0], context.clock))
