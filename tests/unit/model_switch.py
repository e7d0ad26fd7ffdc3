"""A small switch that speaks as Cisco IOS does, for tests of the flow; it knows nothing of the dialect's templates.

It keeps the rules that make the order of commands matter: port security is refused on a port that negotiates, a MAC on
a second port of its VLAN, one MAC more than the maximum, and a maximum below what is configured.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace

from drivers.dialects import dialect
from drivers.session import Session
from policies.errors import Unreachable
from policies.model import IpBinding, ObservedPort, ObservedSwitch, Oper, PortConfig, PortMode, SecureMac, Violation
from policies.names import format_vlans, parse_mac, parse_vlans
from policies.texts import t
from tests.unit.switch_states import ALL_VLANS, CAPABLE, FACTORY, READ_AT

CISCO = dialect("cisco_ios")
SECURITY = "switchport port-security"


class Refused(Exception):
    """The switch says no to a command, in these words."""


@dataclass
class ModelSwitch:
    """The switch itself: what runs, what is saved, and how it misbehaves.

    `before_line` is called with each configuration line before it takes effect: it may raise Refused, cut the line
    with Unreachable, change the switch as another administrator would, or return False to ignore the line in silence.
    """

    ports: dict[str, PortConfig]
    vlans: dict[int, str] = field(default_factory=lambda: {1: "default"})
    blocked: set[str] = field(default_factory=set)
    startup: tuple[str, ...] = ()
    typed: list[str] = field(default_factory=list)
    sessions: int = 0
    before_login: Callable[[int], None] = lambda _: None
    before_line: Callable[[str], bool] = lambda _: True
    before_save: Callable[[], bool] = lambda: True
    when_observed: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        self.startup = self.running()

    def running(self) -> tuple[str, ...]:
        """Give the configuration as lines."""
        told = [f"vlan {vlan} {name}" for vlan, name in sorted(self.vlans.items())]
        for name, config in sorted(self.ports.items()):
            told.extend(f"{name} {setting.name} {_shown(getattr(config, setting.name))}" for setting in fields(config))
        return tuple(told)

    def observed(self) -> ObservedSwitch:
        """Give what a truthful reading shows."""
        self.when_observed()
        ports = {
            name: ObservedPort(name, config, Oper.BLOCKED if name in self.blocked else Oper.UP)
            for name, config in self.ports.items()
        }
        running, startup = set(self.running()), set(self.startup)
        differs = (
            *sorted(f"+ {line}" for line in running - startup),
            *sorted(f"- {line}" for line in startup - running),
        )
        return ObservedSwitch("sw1", "cisco_ios", READ_AT, ports, dict(self.vlans), CAPABLE, differs)

    # -- what a person may type in configuration mode ----------------------------------------------------------------

    def configure(self, line: str, port: str | None) -> None:
        """Let one line of configuration take effect; raises Refused."""
        if port is None:
            self._globally(line)
        else:
            self.ports[port] = self._on_port(line, port)

    def _globally(self, line: str) -> None:
        if match := re.fullmatch(r"vlan (\d+)", line):
            self.vlans.setdefault(int(match[1]), f"VLAN{int(match[1]):04d}")
        elif match := re.fullmatch(r"no vlan (\d+)", line):
            self.vlans.pop(int(match[1]), None)
        elif match := re.fullmatch(r"(no )?ip source binding (\S+) vlan (\d+) (\S+) interface (\S+)", line):
            pair, name = IpBinding(parse_mac(match[2]), match[4], int(match[3])), match[5]
            config = self.ports[name]
            bound = config.ip_bindings or frozenset()
            taken = any(pair in (other.ip_bindings or ()) for owner, other in self.ports.items() if owner != name)
            if not match[1] and taken:
                raise Refused("%Binding exists on another interface, command rejected")
            self.ports[name] = replace(config, ip_bindings=bound - {pair} if match[1] else bound | {pair})
        else:
            raise Refused("% Invalid input detected at '^' marker.")

    def _on_port(self, line: str, name: str) -> PortConfig:
        config = self.ports[name]
        flags = {"shutdown": ("admin_up", False), "ip verify source": ("source_guard", True)}
        off = line.startswith("no ")
        plain = line.removeprefix("no ")
        if plain in flags:
            setting, on = flags[plain]
            if plain == "shutdown" and off and config.admin_up is False:
                self.blocked.discard(name)
            return replace(config, **{setting: on != off})  # type: ignore[arg-type]
        if plain.startswith(SECURITY):
            return self._security(plain.removeprefix(SECURITY).split(), off, name, config)
        if plain.startswith("description") or line == "no description":
            return replace(config, description="" if off else line.partition(" ")[2])
        return _switchport(line, config)

    def _security(self, words: list[str], off: bool, name: str, config: PortConfig) -> PortConfig:
        macs = config.secure_macs or frozenset()
        match words:
            case []:
                if not off and config.mode is PortMode.DYNAMIC:
                    raise Refused(f"Command rejected: {name} is a dynamic port.")
                return replace(config, secure=not off)
            case ["maximum", *rest]:
                wanted = 1 if off else int(rest[0])
                if wanted < len(macs):
                    raise Refused("Command rejected: more secure addresses are configured than the new maximum")
                return replace(config, maximum=wanted)
            case ["violation", *rest]:
                return replace(config, violation=Violation.SHUTDOWN if off else Violation(rest[0]))
            case ["mac-address", "sticky"]:
                kept = frozenset(mac for mac in macs if not (off and mac.sticky))
                return replace(config, sticky=not off, secure_macs=kept)
            case ["mac-address", *rest]:
                return self._mac(parse_mac(rest[-1]), rest[0] == "sticky", off, name)
        raise Refused("% Invalid input detected at '^' marker.")

    def _mac(self, mac: str, sticky: bool, off: bool, name: str) -> PortConfig:
        config = self.ports[name]
        macs = config.secure_macs or frozenset()
        entry = SecureMac(mac, config.access_vlan, sticky)
        if off:
            if entry not in macs:
                raise Refused("% Error: the address is not there in these words")
            return replace(config, secure_macs=macs - {entry})
        if sticky and not config.sticky:
            raise Refused("Command rejected: sticky learning is not enabled")
        for other, its in self.ports.items():
            if other != name and any(
                each.mac == mac and each.vlan == config.access_vlan for each in its.secure_macs or ()
            ):
                raise Refused(f"Found duplicate mac-address {mac}.")
        if any(each.mac == mac for each in macs):
            raise Refused(f"Found duplicate mac-address {mac}.")
        if len(macs) >= (config.maximum or 1):
            raise Refused(f"Total secure mac-addresses on interface {name} has reached maximum limit.")
        return replace(config, secure_macs=macs | {entry})


def _switchport(line: str, config: PortConfig) -> PortConfig:
    if line == "no switchport mode":
        if config.secure:
            raise Refused("Command rejected: port security is enabled")
        return replace(config, mode=PortMode.DYNAMIC)
    if match := re.fullmatch(r"switchport mode (access|trunk)", line):
        return replace(config, mode=PortMode(match[1]))
    if match := re.fullmatch(r"switchport access vlan (\d+)", line):
        return _moved(config, int(match[1]))
    if match := re.fullmatch(r"switchport trunk native vlan (\d+)", line):
        return replace(config, native_vlan=int(match[1]))
    if line == "no switchport trunk allowed vlan":
        return replace(config, allowed_vlans=ALL_VLANS)
    if match := re.fullmatch(r"switchport trunk allowed vlan (\S+)", line):
        return replace(config, allowed_vlans=frozenset() if match[1] == "none" else parse_vlans(match[1]))
    raise Refused("% Invalid input detected at '^' marker.")


def _moved(config: PortConfig, vlan: int) -> PortConfig:
    """Static secure MACs follow the access VLAN: the configuration line does not name it."""
    macs = frozenset(replace(mac, vlan=vlan) for mac in config.secure_macs or ())
    return replace(config, access_vlan=vlan, secure_macs=macs)


def _shown(value: object) -> str:
    if isinstance(value, frozenset) and all(isinstance(each, int) for each in value):
        return format_vlans(value) if value else "none"
    if isinstance(value, frozenset):
        return ",".join(sorted(map(repr, value)))
    return str(value)


class ModelChannel:
    """One login line of the switch: it echoes, knows its mode, and gives a prompt."""

    where = "model"

    def __init__(self, switch: ModelSwitch) -> None:
        self.switch = switch
        self._mode, self._port = "", ""
        self._asked = self._cut = False
        self._out = f"\r\n{self._prompt()}"

    def _prompt(self) -> str:
        return f"sw1{self._mode}#"

    def write(self, text: str) -> None:
        """See :class:`drivers.transports.Channel`."""
        if self._cut:
            raise _gone()
        line = text.rstrip("\n")
        said = self._saved() if self._asked else self._typed(line)
        self._out += f"{line}\r\n{said}" + ("" if self._asked else self._prompt())

    def read(self, timeout: float) -> str:
        """See :class:`drivers.transports.Channel`."""
        if self._cut or not self._out:
            raise _gone()
        told, self._out = self._out, ""
        return told

    def close(self) -> None:
        """See :class:`drivers.transports.Channel`."""
        self._cut = True

    def _typed(self, line: str) -> str:
        if not self._mode:
            return self._in_exec(line)
        try:
            self._in_config(line)
        except Refused as no:
            return f"{no}\r\n"
        except Unreachable:
            self._cut = True
        return ""

    def _in_exec(self, line: str) -> str:
        if line == "configure terminal":
            self._mode = "(config)"
        elif line == "copy running-config startup-config":
            self._asked = True
            return "Destination filename [startup-config]? "
        elif not line.startswith(("terminal ", "show ")):
            return (
                f'Translating "{line}"...\r\n% Unknown command or computer name, or unable to find computer address\r\n'
            )
        return ""

    def _in_config(self, line: str) -> None:
        self.switch.typed.append(line)
        if line == "end":
            self._mode, self._port = "", ""
        elif line == "exit":
            self._mode = "(config)" if self._mode != "(config)" else ""
            self._port = ""
        elif match := re.fullmatch(r"interface (\S+)", line):
            if match[1] not in self.switch.ports:
                raise Refused("% Invalid input detected at '^' marker.")
            self._mode, self._port = "(config-if)", match[1]
        elif match := re.fullmatch(r"name (\S+)", line):
            vlan = int(self._port)
            if self.switch.before_line(line):
                self.switch.vlans[vlan] = match[1]
        elif self.switch.before_line(line):
            self.switch.configure(line, self._port if self._mode == "(config-if)" else None)
            if match := re.fullmatch(r"vlan (\d+)", line):
                self._mode, self._port = "(config-vlan)", match[1]

    def _saved(self) -> str:
        self._asked = False
        try:
            if self.switch.before_save():
                self.switch.startup = self.switch.running()
        except Refused as no:
            return f"{no}\r\n"
        except Unreachable:
            self._cut = True
        return "Building configuration...\r\n[OK]\r\n"


def _gone() -> Unreachable:
    return Unreachable(t("the connection was closed"), where="model")


class ModelEquipment:
    """An :class:`drivers.flow.Equipment` over the model."""

    def __init__(self, switch: ModelSwitch) -> None:
        self.switch = switch

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Log in."""
        self.switch.sessions += 1
        self.switch.before_login(self.switch.sessions)
        with Session(ModelChannel(self.switch), CISCO, switch="sw1") as opened:
            yield opened

    def observe(self, session: Session) -> ObservedSwitch:
        """Read through `session`: a line that has been cut reads nothing."""
        session.read("show running-config")
        return self.switch.observed()


def model(*names: str, **ports: PortConfig) -> ModelSwitch:
    """Make a switch with factory ports called `names`, or with the ports given."""
    return ModelSwitch({**dict.fromkeys(names, FACTORY), **ports})
