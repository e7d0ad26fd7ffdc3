"""The conformance data of a dialect, in tests/unit/data/conformance/PLATFORM/: what files there are, and how they read.

`transcripts/NAME.txt` is a session as a terminal logs it: a prompt with the command, the answer, the next prompt.
`transcripts/NAME.toml` is the state that an independent reader sees in it. The other files are lists; see
docs/new-vendor.md.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

from drivers.dialect import Dialect
from drivers.transports.replay import Exchange
from policies.model import IpBinding, Learned, Neighbour, ObservedPort, ObservedSwitch, PortConfig, SecureMac
from policies.names import format_vlans

ROOT = Path(__file__).parent / "data/conformance"
PLATFORMS = sorted(path.name for path in ROOT.iterdir() if path.is_dir())
#: What every folder holds beside its transcripts.
LISTS = ("prompts", "failures", "secrets", "save", "drift")


def data(platform: str, name: str) -> dict[str, Any]:
    """Read one of the lists."""
    return tomllib.loads((ROOT / platform / f"{name}.toml").read_text("utf-8"))


def transcripts(platform: str) -> list[Path]:
    """Give the sessions, without their expected states."""
    return sorted((ROOT / platform / "transcripts").glob("*.txt"))


def answers(dialect: Dialect, text: str) -> tuple[str, dict[str, str]]:
    """Cut a session into the prompt and the answer to each command."""
    prompt = re.match(f"(?:{dialect.prompt})", text)
    assert prompt is not None, "a transcript begins with a prompt"
    said: dict[str, str] = {}
    for part in text.split(prompt[0])[1:]:
        command, _, answer = part.partition("\n")
        if command.strip():
            said[command.strip()] = answer
    return prompt[0], said


def exchanges(dialect: Dialect, text: str, refusal: str) -> list[Exchange]:
    """Give the recording of a whole reading: what `drivers.reading` asks, in its order, and nothing else.

    A command that is not in the transcript is refused, and its aliases are asked next.
    """
    prompt, said = answers(dialect, text)
    made = [Exchange("", f"\r\n{prompt}")]
    made += [Exchange(line, f"{line}\r\n{prompt}") for line in dialect.on_open]
    asked: set[str] = set()
    for read in dialect.reads:
        if not read.observe or read.command in asked:
            continue
        asked.add(read.command)
        for command in (read.command, *(alias for alias in read.aliases if "{" not in alias)):
            answer = said.get(command, refusal)
            made.append(Exchange(command, f"{command}\r\n{_terminal(answer)}\r\n{prompt}"))
            if command in said:
                break
    return made


def described(switch: ObservedSwitch) -> dict[str, Any]:
    """Write an observed state as the transcripts' TOML does: what is not known is left out."""
    told: dict[str, Any] = {
        "hostname": switch.hostname,
        "model": switch.model,
        "version": switch.version,
        "vlans": {str(vlan): name for vlan, name in (switch.vlans or {}).items()},
        "ports": {name: _port(port) for name, port in switch.ports.items()},
    }
    return told


def _terminal(text: str) -> str:
    return text.rstrip("\n").replace("\r\n", "\n").replace("\n", "\r\n")


def _port(port: ObservedPort) -> dict[str, Any]:
    told: dict[str, Any] = {"oper": port.oper.value}
    for field in fields(PortConfig):
        value = getattr(port.config, field.name)
        if value is not None:
            told[field.name] = _plain(value)
    live: dict[str, Any] = {
        "blocked_cause": port.blocked_cause,
        "learned": sorted(_member(each) for each in port.learned),
        "neighbours": [_member(each) for each in port.neighbours],
        "channel": port.channel,
        "voice_vlan": port.voice_vlan,
        "trunking": port.trunking,
        "violations": port.violations,
        "last_violator": port.last_violator,
    }
    return told | {name: value for name, value in live.items() if value not in ("", [], None)}


def _plain(value: object) -> object:
    if isinstance(value, frozenset):
        numbers = frozenset(each for each in value if isinstance(each, int))
        return format_vlans(numbers) if numbers else sorted(_member(each) for each in value)
    return getattr(value, "value", value)


def _member(each: object) -> str:
    if isinstance(each, SecureMac):
        return f"{each.mac} {each.vlan or '-'}{' sticky' if each.sticky else ''}"
    if isinstance(each, IpBinding):
        return f"{each.mac} {each.ip} {each.vlan}"
    if isinstance(each, Learned):
        return f"{each.mac} {each.vlan or '-'} {each.kind}"
    assert isinstance(each, Neighbour)
    return f"{each.system} | {each.port} | {each.chassis} | {each.capabilities}"
