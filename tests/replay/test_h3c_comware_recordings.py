"""Every recording of hp_comware parses, and to what a second reader sees in it.

The second readers share no regex with the dialect: they go by the columns of the header line, by words, by counting.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import pytest

from drivers.dialect import Read
from drivers.dialects import dialect
from drivers.parse import Row, find_read, parse
from policies.errors import UnparsedOutput

Facts = list[tuple[object, ...]]
REMEDY = "PORTSEAL_FIXTURES is not set: point it to the folder of recordings, or run make test"
PAGER = "  ---- More ----\x1b[16D                \x1b[16D"
LOG = "%Nov 30 10:00:01:123 2026 H3C IFNET/3/PHY_UPDOWN: Physical state on the interface GigabitEthernet1/0/1 changed."
#: Kinds as the dialect names them, by the letters with which Comware's words for them begin.
KINDS = {
    "GE": "GigabitEthernet", "GigabitEthernet": "GigabitEthernet", "XGE": "TenGigabitEthernet",
    "Ten-GigabitEthernet": "TenGigabitEthernet", "FGE": "FortyGigabitEthernet", "FortyGigE": "FortyGigabitEthernet",
    "HundredGigE": "HundredGigE", "BAGG": "Port-channel", "Bridge-Aggregation": "Port-channel", "Vlan": "Vlan",
    "Vlan-interface": "Vlan", "M-GE": "Management", "M-GigabitEthernet": "Management", "Aux": "Aux",
    "Cellular": "Cellular", "Loop": "Loopback", "InLoop": "InLoopBack", "MP": "MP-group", "NULL": "Null",
    "REG": "Register-Tunnel", "Tunnel": "Tunnel", "Eth-channel": "Eth-channel",
}  # fmt: skip


def folder() -> Path | None:
    root = os.environ.get("PORTSEAL_FIXTURES")
    return Path(root) / "cli" / "hp_comware" if root else None


@cache
def recordings() -> list[Path]:
    root = folder()
    return sorted(root.glob("*/*.raw")) if root is not None else []


def each_recording(*, strict: bool = False) -> Sequence[object]:
    """Give the recordings as parameters; with `strict` only those of reads that allow no unknown line."""
    found = [
        pytest.param(path, id=f"{path.parent.name}/{path.stem}")
        for path in recordings()
        if not (strict and read_of(path).open_text)
    ]
    return found or [pytest.param(None, id="none", marks=pytest.mark.skip(reason=REMEDY))]


def text_of(path: Path) -> str:
    return path.read_bytes().decode("utf-8")


def read_of(path: Path) -> Read:
    return find_read(dialect("hp_comware"), path.parent.name.replace("_", " "))


def rows_of(path: Path, text: str | None = None) -> list[Row]:
    return parse(read_of(path), text_of(path) if text is None else text, where="recording")


# --- the second readers -----------------------------------------------------------------------------------------


def mac(text: object) -> str:
    return "".join(letter for letter in str(text).lower() if letter in "0123456789abcdef")


def port(text: object) -> str:
    name = str(text)
    at = next(at for at, letter in enumerate(name) if letter.isdigit())
    return KINDS[name[:at]] + name[at:]


def lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.replace("\r", "").split("\n") if line.strip()]


def interfaces(text: str) -> Facts:
    """Cut at empty lines: every block is an interface; its first line has the name, and in Comware 5 the state."""
    found: Facts = []
    for block in text.replace("\r", "").strip("\n").split("\n\n"):
        every = [line.strip() for line in block.split("\n")]
        name, _, state = every[0].partition(" current state: ")
        said: dict[str, str] = {}
        for line in reversed(every):  # the first of several wins
            key, colon, value = line.partition(":")
            if colon:
                said[key.strip().lower()] = value.strip()
        state = (state or said["current state"]).lower()
        oper = "up" if state == "up" else "blocked" if "stp" in state else "down"
        described, pvid, kind = said.get("description", ""), said.get("pvid", ""), said.get("port link-type", "")
        found.append((port(name), oper, "administratively" not in state, described, pvid, kind.lower()))
    return found


def brief(text: str) -> Facts:
    """Two tables with headers of their own; in the second the words are link, speed, duplex, type, PVID."""
    found: Facts = []
    bridge = False
    for line in lines(text):
        words = line.split()
        if line.startswith("Interface "):
            bridge = "PVID" in line
        elif words[0][0].isupper() and words[0][-1].isdigit():
            said = " ".join(words[6 if bridge else 4 :])
            said = "" if said == "--" else said
            mode = {"A": "access", "T": "trunk", "H": "hybrid"}[words[4]] if bridge else "routed"
            vlan = words[5] if bridge else ""
            found.append((port(words[0]), words[1] == "UP", words[1] != "ADM", mode, vlan, said))
    return found


def lldp(text: str) -> Facts:
    head = next(line for line in lines(text) if "Local Interface" in line)
    order = sorted(("System Name", "Local Interface", "Chassis ID", "Port ID"), key=head.index)
    found: Facts = []
    for line in lines(text)[lines(text).index(head) + 1 :]:
        said = dict(zip(order, line.split(), strict=True))
        found.append((port(said["Local Interface"]), mac(said["Chassis ID"]), said["Port ID"], said["System Name"]))
    return found


def mac_table(text: str) -> Facts:
    found: Facts = []
    for line in lines(text)[1:]:
        words = line.split()
        assert words[2] == "Learned"
        found.append((mac(words[0]), int(words[1]), "dynamic", port(words[3])))
    return found


def vlan_blocks(text: str) -> Facts:
    found: Facts = []
    for block in ("\n" + text.replace("\r", "")).split("\n VLAN ID: ")[1:]:
        said, ports, into = {}, {"tagged": [], "untagged": []}, ""  # type: ignore[var-annotated]
        for line in block.split("\n")[1:]:
            key, colon, value = line.partition(":")
            words = key.lower().split()
            if colon and words[-1:] == ["ports"]:
                into = words[0]
            elif colon:
                said[words[0]] = value.strip()
                into = ""
            elif into:
                ports[into] += [port(word) for word in line.split()]
        found.append((int(block.split("\n")[0]), said["name"], ports["tagged"], ports["untagged"]))
    return found


def vlan_brief(text: str) -> Facts:
    every = lines(text)
    head = next(line for line in every if line.startswith("VLAN ID "))
    name, names = head.index("Name"), head.index("Port")
    found: list[tuple[int, str, list[str]]] = []
    for line in every[every.index(head) + 1 :]:
        if line[:name].strip():
            found.append((int(line[:name]), line[name:names].strip(), []))
        found[-1][2].extend(port(word) for word in line[names:].split())
    return [tuple(entry) for entry in found]


# --- the same facts from the rows ---------------------------------------------------------------------------------


def ports_in(row: Row, name: str) -> object:
    return row.get(name, [])


READERS: dict[str, tuple[Callable[[str], Facts], Callable[[Row], tuple[object, ...]]]] = {
    "display_interface": (
        interfaces,
        lambda r: (
            r["port"], r["oper"], r["admin_up"], r["description"], str(r.get("native_vlan", "")), r.get("mode", ""),
        ),
    ),
    "display_interface_brief": (
        brief,
        lambda r: (
            r["port"], r["oper"] == "up", r["admin_up"], r["mode"], str(r.get("vlan", "")), r["description"],
        ),
    ),
    "display_lldp_neighbor-information_list": (
        lldp,
        lambda r: (r["port"], mac(r["chassis"]), r["neighbour"], r["system"]),
    ),
    "display_mac-address": (mac_table, lambda r: (mac(r["mac"]), r["vlan"], r["kind"], r["port"])),
    "display_vlan_all": (
        vlan_blocks,
        lambda r: (r["vlan"], r["name"], ports_in(r, "tagged_ports"), ports_in(r, "untagged_ports")),
    ),
    "display_vlan_brief": (vlan_brief, lambda r: (r["vlan"], r["name"], ports_in(r, "ports"))),
}  # fmt: skip


# --- tests ------------------------------------------------------------------------------------------------------


def test_every_folder_of_recordings_has_a_reader_and_every_recording_is_used(
    capsys: pytest.CaptureFixture[str],
) -> None:
    root = folder()
    if root is None:
        pytest.skip(REMEDY)
    folders = {path.name for path in root.iterdir() if path.is_dir()}
    with capsys.disabled():
        sys.stdout.write(
            f"\nh3c_comware: {len(recordings())} recordings used in {len(folders)} folders, "
            f"{len(set(READERS) - folders)} of {len(READERS)} known folders missing\n"
        )
    assert folders <= set(READERS), f"no reader for {sorted(folders - set(READERS))}"
    assert {path.parent.name for path in recordings()} == folders, "a folder without a recording"


@pytest.mark.parametrize("path", each_recording())
def test_rows_say_what_a_second_reader_sees(path: Path) -> None:
    second, first = READERS[path.parent.name]
    seen = second(text_of(path))
    assert seen, "the second reader sees nothing: it is broken"
    assert [first(row) for row in rows_of(path)] == seen


@pytest.mark.parametrize("path", each_recording())
def test_noise_of_a_terminal_changes_no_row(path: Path) -> None:
    noisy = [f"<HP>{path.parent.name.replace('_', ' ')}"]
    for number, line in enumerate(text_of(path).replace("\r", "").split("\n")):
        if number % 7 == 3:
            noisy.append(LOG)
        noisy.append(PAGER + line if number % 24 == 5 else line)
    noisy.append("<HP>")
    assert rows_of(path, "\r\n".join(noisy)) == rows_of(path)


@pytest.mark.parametrize("path", each_recording())
def test_a_recording_that_is_cut_anywhere_gives_the_rows_before_the_cut_or_the_typed_error(path: Path) -> None:
    text, whole = text_of(path), rows_of(path)
    cuts = {round(len(text) * part / 97) for part in range(97)} | {at for at, c in enumerate(text[:4000]) if c == "\n"}
    for cut in sorted(cuts):
        try:
            rows = rows_of(path, text[:cut])
        except UnparsedOutput:
            continue
        # The row in which the cut is may lack its last words; all before it must be there, and as they are.
        assert len(rows) <= len(whole)
        assert rows[:-1] == whole[: max(0, len(rows) - 1)]


@pytest.mark.parametrize("path", each_recording(strict=True))
def test_a_line_that_nobody_knows_is_an_error_in_every_table(path: Path) -> None:
    text = text_of(path).rstrip("\n")
    with pytest.raises(UnparsedOutput, match="UnheardOf"):
        rows_of(path, text + "\n 00da-5516-1905 UnheardOf ->GE1/0/5 !\n")
