"""Second readers of Comware's recordings: they share no regex with the dialect, but go by columns and words."""

from __future__ import annotations

from drivers.parse import Row
from tests.conformance import Facts, Readers

#: Kinds as the dialect names them, by the letters with which Comware's words for them begin.
KINDS = {
    "GE": "GigabitEthernet", "GigabitEthernet": "GigabitEthernet", "XGE": "TenGigabitEthernet",
    "Ten-GigabitEthernet": "TenGigabitEthernet", "FGE": "FortyGigabitEthernet", "FortyGigE": "FortyGigabitEthernet",
    "HundredGigE": "HundredGigE", "BAGG": "Port-channel", "Bridge-Aggregation": "Port-channel", "Vlan": "Vlan",
    "Vlan-interface": "Vlan", "M-GE": "Management", "M-GigabitEthernet": "Management", "Aux": "Aux",
    "Cellular": "Cellular", "Loop": "Loopback", "InLoop": "InLoopBack", "MP": "MP-group", "NULL": "Null",
    "REG": "Register-Tunnel", "Tunnel": "Tunnel", "Eth-channel": "Eth-channel",
}  # fmt: skip


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


def ports_in(row: Row, name: str) -> object:
    return row.get(name, [])


READERS: Readers = {
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
