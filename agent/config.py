"""What a terminal knows of itself: /etc/portseal-agent/agent.toml, and the folders beside it.

The file is written at enrolment and holds no secret; that of the rescue codes is in a file of its own. It is read with
the same checks as site.toml, so that every mistake names the file, the key and what to do.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.egress.places import GUARD_FILE
from agent.link.broker import BrokerPlace
from agent.locks import DeclaredLock
from policies.errors import ConfigError
from policies.keys import PublicKey
from policies.texts import t
from policies.toml import Key, Place, Section, read_section, read_toml
from policies.values import host, integer, name, strings, text

#: Where a terminal keeps what its administrator declares.
CONFIG_FOLDER = Path("/etc/portseal-agent")
CONFIG_FILE = "agent.toml"
#: Where the agent keeps events, counters and its key, unless its file says otherwise.
STATE_FOLDER = "/var/lib/portseal-agent"
#: The folder of the operators' socket. Who may enter it may see the state, ask for a purpose, and lock.
OPERATORS_FOLDER = Path("/run/portseal")
#: The longest lease, in minutes, that a terminal accepts unless its file says less or more.
LONGEST_LEASE_MINUTES = 30
#: By how many seconds the terminal's clock and the controller's may differ.
SKEW_SECONDS = 30


@dataclass(frozen=True, slots=True)
class DoorPlace:
    """Where the controller's HTTPS door is, and the file of the authority that vouches for it."""

    host: str
    port: int
    authority: Path


@dataclass(frozen=True, slots=True)
class Config:
    """The terminal's declaration. `longest_lease` and `skew` are seconds; `bindings` is the file of USB bindings.

    `rescue_key` is the file of the terminal's rescue secret; where it is absent, no rescue code counts.
    """

    site: str
    terminal: str
    grant_key: PublicKey
    bindings: Path
    state: Path
    run: Path
    longest_lease: int
    skew: int
    rescue_key: Path
    locks: tuple[DeclaredLock, ...] = ()
    broker: BrokerPlace | None = None
    door: DoorPlace | None = None
    operators: Path = OPERATORS_FOLDER
    guard: Path = CONFIG_FOLDER / GUARD_FILE


def load_config(folder: Path = CONFIG_FOLDER) -> Config:
    """Read `folder`/agent.toml; whatever is wrong with it or with the grant key raises ConfigError."""
    path = folder / CONFIG_FILE
    if not path.exists():
        raise ConfigError(
            t("this machine is not set up as a terminal"),
            where=str(path),
            next_step=t("enrol it with the bundle that the controller's administrator gives you"),
        )
    return read_config(read_toml(path), path)


def read_config(table: object, path: Path) -> Config:
    """Read what the file at `path` says, or is going to say; raises ConfigError."""
    config: Config = read_section(_layout(), table, Place(str(path)))
    return config


def _layout() -> Section:
    return Section(
        name="agent",
        about=t("The terminal and the site that it belongs to."),
        keys=(
            Key("site", name, t("name of the site"), t("as in site.toml"), '"hq"', required=True),
            Key("terminal", name, t("name of this terminal"), t("as it was enrolled"), '"T1"', required=True),
            Key("grant_key", text, t("the key that signs grants"), t("a PEM file"), '"grant.pub"', "grant.pub"),
            Key("bindings", text, t("the USB bindings"), t("a file"), '"bindings.json"', "bindings.json"),
            Key("rescue_key", text, t("the secret of the rescue codes"), t("a file"), '"rescue.key"', "rescue.key"),
            Key("guard", text, t("the networks that this terminal may speak with"), t("a file"), '"guard.toml"',
                GUARD_FILE),
            Key("state", text, t("folder of events and counters"), t("a folder"), '"/var/lib/portseal-agent"',
                STATE_FOLDER),
            Key("run", text, t("folder that every boot empties"), t("a folder"), '"/run/portseal-agent"',
                "/run/portseal-agent"),
            Key("operators", text, t("folder of the operators' socket; the agent serves it where the folder is there"),
                t("a folder"), '"/run/portseal"', str(OPERATORS_FOLDER)),
            Key("longest_lease_minutes", integer(1, 480), t("no lease is longer"), t("1 to 480"), "30",
                LONGEST_LEASE_MINUTES),
            Key("skew_seconds", integer(1, 600), t("how far the clocks may differ"), t("1 to 600"), "30", SKEW_SECONDS),
        ),
        build=_build,
        sections=(_locks(), _broker_section(), _door_section()),
    )  # fmt: skip


def _locks() -> Section:
    return Section(
        name="locks",
        about=t("The anti-plug locks of this terminal, by name."),
        keys=(
            Key("ports", strings, t("the port paths that it covers"), t("a list; none: every port"), "[]", ()),
        ),
        build=lambda values, _: DeclaredLock(values["name"], values["ports"]),
        named=name,
        sample_name="front",
    )  # fmt: skip


def _broker_section() -> Section:
    return Section(
        name="broker",
        about=t("The broker, and the certificates with which the terminal and the broker know each other."),
        keys=(
            Key("host", host, t("its name or address"), t("as its certificate says"), '"10.1.0.2"',
                required=True),
            Key("port", integer(1, 65535), t("its port"), t("1 to 65535"), "8883", 8883),
            Key("authority", text, t("the site's authority"), t("a PEM file"), '"ca.pem"', "ca.pem"),
            Key("certificate", text, t("this terminal's certificate"), t("a PEM file"), '"agent.pem"',
                "agent.pem"),
            Key("key", text, t("its key"), t("a PEM file"), '"agent-tls.key"', "agent-tls.key"),
        ),
        build=_broker,
        optional=True,
    )  # fmt: skip


def _door_section() -> Section:
    return Section(
        name="door",
        about=t("The controller's HTTPS door, where the terminal gets new certificates."),
        keys=(
            Key("host", host, t("its name or address"), t("as its certificate says"), '"10.1.0.2"',
                required=True),
            Key("port", integer(1, 65535), t("its port"), t("1 to 65535"), "8843", 8843),
            Key("authority", text, t("the site's authority"), t("a PEM file"), '"ca.pem"', "ca.pem"),
        ),
        build=_door,
        optional=True,
    )  # fmt: skip


def _broker(values: dict[str, Any], place: Place) -> BrokerPlace:
    folder = Path(place.file).parent
    files = (folder / values[name] for name in ("authority", "certificate", "key"))
    return BrokerPlace(values["host"], values["port"], *files)


def _door(values: dict[str, Any], place: Place) -> DoorPlace:
    return DoorPlace(values["host"], values["port"], Path(place.file).parent / values["authority"])


def _build(values: dict[str, Any], place: Place) -> Config:
    # A relative path is meant from the file, not from where the service manager starts us.
    folder = Path(place.file).parent
    return Config(
        site=values["site"],
        terminal=values["terminal"],
        grant_key=_key(folder / values["grant_key"], place.at("grant_key")),
        bindings=folder / values["bindings"],
        state=folder / values["state"],
        run=folder / values["run"],
        longest_lease=values["longest_lease_minutes"] * 60,
        skew=values["skew_seconds"],
        rescue_key=folder / values["rescue_key"],
        locks=values["locks"],
        broker=values["broker"],
        door=values["door"],
        operators=folder / values["operators"],
        guard=folder / values["guard"],
    )


def _key(path: Path, place: Place) -> PublicKey:
    try:
        pem = path.read_bytes()
    except OSError as error:
        raise place.error(
            t("the file {file} cannot be read ({cause})", file=str(path), cause=error.strerror or ""),
            t("take it from the bundle that the terminal was enrolled with"),
        ) from None
    return PublicKey.from_pem(pem, str(path))
