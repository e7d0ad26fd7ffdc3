"""Where the guard finds things: read leniently, for it has to work also when the agent's declaration is damaged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from policies.errors import ConfigError
from policies.toml import read_toml

#: The file's name beside agent.toml.
GUARD_FILE = "guard.toml"
#: The broker's usual port, as agent.toml has it.
_PORT = 8883
_STATE, _RUN = "/var/lib/portseal-agent", "/run/portseal-agent"


@dataclass(frozen=True, slots=True)
class GuardPlaces:
    """The guard's file, the folders that it shares with the agent, the controller's hosts; it looks below `root`."""

    declared: Path
    state: Path = Path(_STATE)
    run: Path = Path(_RUN)
    hosts: tuple[str, ...] = ()
    root: Path = Path("/")
    broker: tuple[str, int] | None = None


def find_places(folder: Path) -> GuardPlaces:
    """Look into `folder`/agent.toml; what cannot be read there is what it usually is."""
    try:
        table: Mapping[str, object] = read_toml(folder / "agent.toml")
    except ConfigError:
        table = {}

    def path(key: str, usual: str) -> Path:
        value = table.get(key)
        return folder / (value if isinstance(value, str) and value else usual)

    return GuardPlaces(
        path("guard", GUARD_FILE), path("state", _STATE), path("run", _RUN), tuple(_hosts(table)), broker=_broker(table)
    )


def _hosts(table: Mapping[str, object]) -> list[str]:
    sections = (table.get(name) for name in ("broker", "door"))
    found = [each.get("host") for each in sections if isinstance(each, dict)]
    return [each for each in found if isinstance(each, str) and each]


def _broker(table: Mapping[str, object]) -> tuple[str, int] | None:
    told = table.get("broker")
    host, port = (told.get("host"), told.get("port", _PORT)) if isinstance(told, dict) else (None, None)
    return (host, port) if isinstance(host, str) and isinstance(port, int) else None
