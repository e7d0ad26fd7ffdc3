"""Second readers of huawei_vrp's recordings: they share no regex with the dialect, but go by columns and words."""

from __future__ import annotations

from itertools import pairwise

from drivers.parse import Row
from tests.conformance import Facts, Readers

#: A port by the first letter of its kind and its numbers: all spellings of one port share them (XGE, XGigabitEthernet).
SPEEDS = {"t": "x", "x": "x", "g": "g", "4": "f", "f": "f", "m": "m", "p": "e", "v": "v", "w": "w", "n": "n", "l": "l"}


def mac(text: object) -> str:
    return "".join(letter for letter in str(text).lower() if letter in "0123456789abcdef")


def port(text: object) -> tuple[str, str]:
    name = str(text).split("(")[0].strip()
    if name.startswith("40GE"):
        return "f", name[4:]
    first = next((at for at, letter in enumerate(name) if letter.isdigit()), len(name))
    return SPEEDS.get(name[0].lower(), name[0].lower()), name[first:]


def lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.replace("\r", "").split("\n") if line.strip()]


def is_mac(word: str) -> bool:
    return len(word) == 14 and word.count("-") == 2


def numbers(text: str) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split():
        first, _, last = part.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    return frozenset(found)


def arp(text: str) -> Facts:
    """An address begins each entry; the VLAN, where there is one, is the only word with a slash that is no port."""
    found: list[list[object]] = []
    for line in lines(text):
        words = line.split()
        vlan = next((word.split("/")[0] for word in words if word.endswith("/-")), "")
        if line[0].isdigit():
            at = next((at for at, word in enumerate(words) if word[0] in "IDS" and len(word) <= 3), 0)
            name = next(word for word in words[at + 1 :] if word != "-")
            found.append([words[0], mac(words[1]), port(name), vlan])
        elif vlan and line.startswith(" "):
            found[-1][3] = vlan
    return [tuple(entry) for entry in found]


def interfaces(text: str) -> Facts:
    found: list[list[object]] = []
    for line in lines(text):
        if " current state : " in line and not line.startswith("Line protocol"):
            name, _, state = line.partition(" current state : ")
            found.append([port(name), state.split()[0] == "UP", "dministratively" not in state, ""])
        elif line.startswith("Description:") and not found[-1][3]:
            found[-1][3] = line.partition(":")[2].strip()
    return [tuple(entry) for entry in found]


def brief(text: str) -> Facts:
    every = lines(text)
    head = next(at for at, line in enumerate(every) if line.startswith("Interface") and "PHY" in line)
    return [
        (port(words[0]), words[1] == "up", words[1] != "*down")
        for words in (line.split() for line in every[head + 1 :])
    ]


def neighbours(text: str) -> Facts:
    """Each port with a neighbour begins a block; of a key that comes twice the first counts."""
    blocks: list[list[str]] = []
    for line in lines(text):
        if " has " in line and "neighbor" in line and line.split(" has ")[1][0].isdigit():
            blocks.append([line])
        elif blocks:
            blocks[-1].append(line)
    found: Facts = []
    for block in blocks:
        if block[0].split(" has ")[1].startswith("0"):
            continue
        said: dict[str, str] = {}
        for line in block[1:]:
            key, colon, value = line.partition(":")
            if colon:
                said.setdefault(key.strip(), value.strip())
        names = ("Chassis ID", "Port ID", "System name", "System capabilities enabled")
        found.append((port(block[0].split(" has ")[0]), *(said.get(name, "") for name in names)))
    return found


def neighbour_row(r: Row) -> tuple[object, ...]:
    return port(r["port"]), r["chassis"], r["neighbour"], r["system"], r["capabilities"]


def mac_table(text: str) -> Facts:
    words = [line.split() for line in lines(text)]
    found: Facts = [(mac(w[0]), w[1].split("/")[0], port(w[2]), w[3]) for w in words if is_mac(w[0])]
    assert int(lines(text)[-1].split()[-1]) == len(found)
    return found


def port_vlan(text: str) -> Facts:
    """Four columns, of which the last goes on in lines that begin with blanks."""
    every = lines(text)[2:]
    starts = [at for at, line in enumerate(every) if not line.startswith(" ")]
    found: Facts = []
    for first, last in pairwise([*starts, len(every)]):
        name, kind, pvid, *vlans = " ".join(every[first:last]).split()
        carried = numbers(" ".join(vlans)) if vlans != ["-"] else frozenset()
        found.append((port(name), kind, int(pvid), carried))
    return found


def port_vlan_row(r: Row) -> tuple[object, ...]:
    pvid = r["native_vlan"] if r["link_type"] == "trunk" else int(str(r["pvid"]))
    carried = r.get("allowed_vlans", frozenset()) if r["link_type"] == "trunk" else numbers(str(r.get("carried", "")))
    return port(r["port"]), r["link_type"], pvid, carried


def communities(text: str) -> Facts:
    """Of each community what is no secret; the name is in no row, which :func:`community_row` sees to."""
    found: list[list[str]] = []
    for line in lines(text):
        key, colon, value = line.strip().partition(": ")
        if key == "Community name":
            found.append([])
        elif colon and key != "Total number is":
            found[-1].append(value)
    return [tuple(entry) for entry in found]


def community_row(r: Row) -> tuple[object, ...]:
    assert not any("%^%#" in str(value) for value in r.values())
    return tuple(str(value) for value in r.values())


def version(text: str) -> Facts:
    said = next(line for line in lines(text) if line.startswith("VRP (R) software"))
    up = next(line for line in lines(text) if " uptime is " in line).split(" uptime is ")[0].split()
    return [(said.split("Version ")[1], " ".join(word for word in up[1:] if word != "Router"))]


def vlan_table(text: str) -> Facts:
    every = lines(text)
    head = next(at for at, line in enumerate(every) if line.startswith("VID") and "Status" in line)
    found: Facts = []
    for line in every[head + 2 :]:
        # What comes after the last word of switches (enable, disable, FWD, DSD) is the description.
        words = line.split()
        last = max(at for at, word in enumerate(words) if word in ("enable", "disable", "FWD", "DSD"))
        found.append((int(words[0]), " ".join(words[last + 1 :])))
    return found


def vlan_brief(text: str) -> Facts:
    every = lines(text)
    head = next(at for at, line in enumerate(every) if line.startswith("VID"))
    found: list[list[object]] = []
    for line in every[head + 2 :]:
        words = line.split()
        if line[0].isdigit():
            found.append([int(words[0]), words[1] == "enable", 0])
        found[-1][2] = int(str(found[-1][2])) + sum(word.endswith(("(U)", "(D)")) for word in words)
    return [tuple(entry) for entry in found]


READERS: Readers = {
    "display_arp_all": (arp, lambda r: (r["ip"], mac(r["mac"]), port(r["port"]), str(r.get("vlan", "")))),
    "display_arp_brief": (arp, lambda r: (r["ip"], mac(r["mac"]), port(r["port"]), str(r.get("vlan", "")))),
    "display_interface": (
        interfaces,
        lambda r: (port(r["port"]), r["oper"] == "up", r["admin_up"], r["description"]),
    ),
    "display_interface_brief": (brief, lambda r: (port(r["port"]), r["oper"] == "up", r["admin_up"])),
    "display_lldp_neighbor": (neighbours, neighbour_row),
    "display_mac-address": (mac_table, lambda r: (mac(r["mac"]), str(r["vlan"]), port(r["port"]), r["kind"])),
    "display_port_vlan": (port_vlan, port_vlan_row),
    "display_snmp-agent_community_read": (communities, community_row),
    "display_version": (version, lambda r: (r["version"], r["model"])),
    "display_vlan": (vlan_table, lambda r: (r["vlan"], r.get("name", ""))),
    "display_vlan_brief": (
        vlan_brief,
        lambda r: (r["vlan"], r["status"] == "enable", str(r["members"]).count("(")),
    ),
}
