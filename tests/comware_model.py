"""A Comware switch as its command references describe it: for tests of the dialect that change something.

It keeps what is configured, refuses what the references say is refused, and prints it back. It knows no line of the
dialect: whoever changes one without the other finds out here. Frames are the lab's business.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from drivers.dialects import dialect
from drivers.reading import read_state
from drivers.session import Session
from policies.errors import DeviceTimeout
from policies.model import ObservedSwitch
from tests.conformance import NOW

UNKNOWN = " % Unrecognized command found at '^' position."
WRONG = " % Wrong parameter found at '^' position."
NO_VLAN = "The specified VLAN does not exist."
#: What stands in a port's section as it was typed, until it is undone.
PLAIN = re.compile(r"(port-security intrusion-mode|ip verify source|description) ?(.*)")


@dataclass
class Port:
    """One port: its link type and VLANs, its mode of port security, and lines that are kept as they are."""

    link: str = "access"
    access: int = 1
    pvid: int = 1
    permit: set[int] = field(default_factory=lambda: {1})
    mode: str = ""
    shut: bool = False
    lines: dict[str, str] = field(default_factory=dict)
    static: list[tuple[str, int]] = field(default_factory=list)
    security: list[tuple[str, int, bool]] = field(default_factory=list)
    pairs: list[str] = field(default_factory=list)

    def section(self) -> list[str]:
        """Give its lines in a configuration."""
        found = [f"{key} {value}".rstrip() for key, value in self.lines.items()]
        if self.link == "trunk":
            found.append("port link-type trunk")
            found += ["undo port trunk permit vlan 1"] if 1 not in self.permit else []
            found += [f"port trunk permit vlan {listed(self.permit)}"] if self.permit not in ({1}, set()) else []
            found += [f"port trunk pvid vlan {self.pvid}"] if self.pvid != 1 else []
        elif self.access != 1:
            found.append(f"port access vlan {self.access}")
        found += [f"port-security port-mode {self.mode}"] if self.mode else []
        found += [f"ip source binding {pair}" for pair in self.pairs]
        found += [f"mac-address static {mac} vlan {vlan}" for mac, vlan in self.static]
        found += [
            f"port-security mac-address security {'sticky ' if sticky else ''}{mac} vlan {vlan}"
            for mac, vlan, sticky in self.security
        ]
        return [*found, *(["shutdown"] if self.shut else [])]

    def within(self, vlan: int) -> bool:
        """Tell whether it is in a VLAN."""
        return vlan in self.permit if self.link == "trunk" else vlan == self.access


class Comware:
    """The switch: every login is a :class:`Login` of it."""

    def __init__(self, ports: dict[str, Port]) -> None:
        self.ports, self.vlans, self.secured = ports, {1: "", 100: "face"}, False
        self.startup = self.configuration()
        self.refuses: set[str] = set()
        self.typed: list[str] = []

    def configuration(self) -> str:
        """Print the running configuration."""
        parts = [[" version 7.1.070, Release 6328P01"], [" sysname gate"]]
        parts += [[" port-security enable"]] if self.secured else []
        parts += [[f"vlan {vlan}", *([f" name {name}"] if name else [])] for vlan, name in sorted(self.vlans.items())]
        parts += [[f"interface {name}", *(f" {line}" for line in port.section())] for name, port in self.ports.items()]
        return "#\n" + "\n#\n".join("\n".join(part) for part in parts) + "\n#\nreturn"

    def shown(self, command: str) -> str | None:
        """Answer a display command; None for one that is not known."""
        answers: dict[str, Callable[[], str]] = {
            "display current-configuration": self.configuration,
            "display saved-configuration": lambda: self.startup,
            "display interface brief": self._brief,
            "display interface brief down": lambda: "Interface            Link Cause",
            "display port-security": self._security,
            "display mac-address": lambda: (
                "MAC Address      VLAN ID    State            Port/Nickname            Aging"
            ),
            "display version": lambda: (
                "H3C Comware Software, Version 7.1.070, Release 6328P01\nH3C S5130 uptime is 1 day"
            ),
        }
        return answers[command]() if command in answers else None

    def _brief(self) -> str:
        rows = [
            f"{name:20} {'ADM ' if port.shut else 'UP  '} 1G(a)   F(a)   {port.link[0].upper()}    {port.access}"
            for name, port in self.ports.items()
        ]
        return "\n".join(["Interface            Link Speed   Duplex Type PVID Description", *rows])

    def _security(self) -> str:
        rows = [
            "Global port security parameters:",
            f"   Port security          : {'En' if self.secured else 'Dis'}abled",
        ]
        for name, port in self.ports.items():
            full = port.mode == "autolearn" and len(port.security) >= int(
                port.lines.get("port-security max-mac-count", 0)
            )
            mode = "secure" if full else {"autolearn": "autoLearn", "": "noRestrictions"}.get(port.mode, port.mode)
            rows += ["", f" {name} is link-up", f"   Port mode                      : {mode}"]
        return "\n".join(rows)


def listed(vlans: set[int]) -> str:
    """Write VLANs as Comware does, without ranges."""
    return " ".join(str(vlan) for vlan in sorted(vlans))


class Login:
    """One login: a channel that gives one character a read."""

    where = "gate"

    def __init__(self, switch: Comware) -> None:
        self.switch, self.view = switch, ""
        self._pending = "\r\n<gate>"

    def write(self, text: str) -> None:
        """See :class:`drivers.transports.Channel`."""
        line = text.rstrip("\n")
        self.switch.typed.append(line)
        said = self._answer(line.strip())
        shown = said.replace("\n", "\r\n") + "\r\n" if said else ""
        prompt = "<gate>" if not self.view else f"[gate{self.view.removeprefix('system')}]"
        self._pending += f"{line}\r\n{shown}{prompt}"

    def read(self, timeout: float) -> str:
        """See :class:`drivers.transports.Channel`."""
        if not self._pending:
            raise DeviceTimeout("nothing more comes")  # type: ignore[arg-type]
        first, self._pending = self._pending[0], self._pending[1:]
        return first

    def close(self) -> None:
        """See :class:`drivers.transports.Channel`."""

    def _answer(self, line: str) -> str:
        if line in self.switch.refuses:
            return "The operation failed."
        if line.startswith("display ") or line == "screen-length disable":
            return self.switch.shown(line) or ("" if line == "screen-length disable" else UNKNOWN)
        if line in ("quit", "return", "system-view") or line.startswith("interface "):
            return self._moves(line)
        if not self.view:
            return self._user(line)
        port = self.switch.ports.get(self.view[1:])
        return self._system(line) if port is None else self._port(port, line)

    def _moves(self, line: str) -> str:
        if line == "system-view":
            self.view = "system"
            return "System View: return to User View with Ctrl+Z."
        if not self.view:
            return UNKNOWN
        if line.startswith("interface "):
            name = line.removeprefix("interface ")
            if name not in self.switch.ports:
                return WRONG
            self.view = f"-{name}"
        else:
            self.view = "" if line == "return" or self.view == "system" else "system"
        return ""

    def _user(self, line: str) -> str:
        if line != "save force":
            return UNKNOWN
        self.switch.startup = self.switch.configuration()
        return "Validating file. Please wait...\nSaved the current configuration to mainboard device successfully."

    def _system(self, line: str) -> str:
        if line == "port-security enable":
            self.switch.secured = True
        elif found := re.fullmatch(r"vlan (\d+)", line):
            self.switch.vlans.setdefault(int(found[1]), "")
            self.view = f"-vlan{found[1]}"
        elif (found := re.fullmatch(r"name (\S+)", line)) and self.view.startswith("-vlan"):
            self.switch.vlans[int(self.view[5:])] = found[1]
        elif found := re.fullmatch(r"undo vlan (\d+)", line):
            del self.switch.vlans[int(found[1])]
        else:
            return UNKNOWN
        return ""

    def _port(self, port: Port, line: str) -> str:
        undo, line = line.startswith("undo "), line.removeprefix("undo ")
        for pattern, act in (
            (r"shutdown", lambda: setattr(port, "shut", not undo)),
            (r"port link-type (access|trunk)", lambda kind: self._links(port, kind)),
            (r"port access vlan ?(\d*)", lambda vlan: self._vlan(port, "access", int(vlan or 1))),
            (r"port trunk pvid(?: vlan)? ?(\d*)", lambda vlan: self._vlan(port, "pvid", int(vlan or 1))),
            (r"port trunk permit vlan (.+)", lambda vlans: self._permits(port, vlans, undo)),
            (r"port-security port-mode ?(\w*)", lambda mode: self._mode(port, "" if undo else mode)),
            (r"mac-address static (\S+) vlan (\d+)", lambda mac, vlan: self._static(port, (mac, int(vlan)), undo)),
            (r"ip source binding (ip-address \S+ mac-address \S+)", lambda pair: self._pair(port, pair, undo)),
            (PLAIN.pattern, lambda key, value: self._keeps(port, key, "" if undo else value)),
        ):
            if found := re.fullmatch(pattern, line):
                return act(*found.groups()) or ""
        return UNKNOWN

    def _links(self, port: Port, kind: str) -> None:
        if kind != port.link:
            port.link, port.access, port.pvid, port.permit = kind, 1, 1, {1}

    def _vlan(self, port: Port, name: str, vlan: int) -> str:
        if vlan not in self.switch.vlans:
            return NO_VLAN
        if (name == "access") != (port.link == "access"):
            return "This operation is not supported on the port."
        setattr(port, name, vlan)
        return ""

    def _permits(self, port: Port, vlans: str, undo: bool) -> str:
        if port.link != "trunk":
            return "This operation is not supported on the port."
        given = set(range(1, 4095)) if vlans == "all" else numbers(vlans)
        port.permit = port.permit - given if undo else port.permit | given
        return ""

    def _mode(self, port: Port, mode: str) -> str:
        if mode and port.mode and mode != port.mode:
            return "Please undo port-security port-mode first."
        if mode != port.mode:
            port.security.clear()
        port.mode = mode
        return ""

    def _static(self, port: Port, entry: tuple[str, int], undo: bool) -> str:
        if undo:
            if entry not in port.static:
                return "The MAC address entry does not exist."
            port.static.remove(entry)
            return ""
        if entry[1] not in self.switch.vlans or not port.within(entry[1]):
            return NO_VLAN
        if any(entry in other.static for other in self.switch.ports.values()):
            return "The MAC address entry already exists."
        port.static.append(entry)
        return ""

    def _pair(self, port: Port, pair: str, undo: bool) -> str:
        if undo != (pair in port.pairs):
            return "The binding entry does not exist." if undo else "The binding entry already exists."
        (port.pairs.remove if undo else port.pairs.append)(pair)
        return ""

    def _keeps(self, port: Port, key: str, value: str) -> str:
        if value:
            port.lines[key] = value
        else:
            port.lines.pop(key, None)
        return ""


def numbers(text: str) -> set[int]:
    """Read a list such as `1 to 3 10`."""
    found: set[int] = set()
    for first, last in re.findall(r"(\d+)(?: to (\d+))?", text):
        found |= set(range(int(first), int(last or first) + 1))
    return found


class ComwareEquipment:
    """An :class:`drivers.flow.Equipment` over the model."""

    def __init__(self, switch: Comware) -> None:
        self.switch = switch

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Log in."""
        with Session(Login(self.switch), dialect("h3c_comware"), switch="gate") as opened:
            yield opened

    def observe(self, session: Session) -> ObservedSwitch:
        """Read the whole state."""
        return read_state(session, "gate", NOW)
