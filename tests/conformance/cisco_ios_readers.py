"""Second readers of cisco_ios' recordings: they share no regex with the dialect.

They go by the columns of the header line, by words, by counting.
"""

from __future__ import annotations

from drivers.parse import Row
from tests.conformance import Facts, Readers

BRIEF = {"connected": "up", "monitoring": "up", "err-disabled": "blocked"}


def mac(text: object) -> str:
    return "".join(letter for letter in str(text).lower() if letter in "0123456789abcdef")


def port(text: object) -> tuple[str, str]:
    """Shorten a name to the two letters and the numbers that all spellings of IOS share."""
    name = str(text)
    first = next((at for at, letter in enumerate(name) if letter.isdigit()), len(name))
    return name[:2].lower(), name[first:]


def lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.replace("\r", "").split("\n") if line.strip()]


def table(text: str, *titles: str) -> list[list[str]]:
    """Cut the lines under the header that has all `titles` at the titles' columns, up to a line that is no row."""
    every = lines(text)
    head = next(at for at, line in enumerate(every) if all(title in line for title in titles))
    starts = [every[head].index(title) for title in titles]
    ends = [*starts[1:], 1000]
    below = [line for line in every[head + 1 :] if not set(line) <= set("-+ ")]
    return [[line[a:b].strip() for a, b in zip(starts, ends, strict=True)] for line in below]


def vlans(text: str) -> frozenset[int]:
    if text == "ALL":
        return frozenset(range(1, 4095))
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    return frozenset(found)


def arp(text: str) -> Facts:
    words = [line.split() for line in lines(text)[1:]]
    return [(w[1], "" if w[3] == "Incomplete" else mac(w[3]), port(w[5]) if len(w) > 5 else None) for w in words]


def interfaces(text: str) -> Facts:
    found: list[list[object]] = []
    for line in lines(text):
        if not line.startswith(" "):
            name, _, rest = line.partition(" is ")
            found.append(
                [port(name), rest.split("line protocol is ")[1].split()[0], "administratively" not in rest, ""]
            )
        elif line.strip().startswith("Description: "):
            found[-1][3] = line.split(": ", 1)[1]
    return [tuple(entry) for entry in found]


#: Lines whose columns are not where the header says: read by eye.
BY_EYE: dict[str, tuple[str, str, str]] = {
    "Fa1/6": ("test", "notconnect", "1"),
    "Po3": ("Wireless Controlle", "notconnect", "unassigned"),
}


def status(text: str) -> Facts:
    header = next(line for line in lines(text) if line.startswith("Port "))
    name, state, duplex = header.index("Name"), header.index("Status"), header.index("Duplex")
    found: Facts = []
    for line in lines(text):
        first = line.split()[0]
        if line == header or line.startswith(("---", "fc")):
            continue
        if line[state - 1] != " " or line[state] == " ":
            description, said, vlan = BY_EYE[first]
        else:
            # "connected: TDR" pushes the VLAN out of its column, but not beyond the duplex column's start.
            words = line[state:duplex].split()
            description, said, vlan = line[name:state].strip(), words[0].strip(":"), words[-1]
        oper = BRIEF.get(said, "down")
        found.append(
            (port(first), description, oper, said != "disabled", vlan if vlan.isdigit() else "", vlan == "routed")
        )
    return found


def err_disabled(text: str) -> Facts:
    return [(port(row[0]), row[1], row[3]) for row in table(text, "Port", "Name", "Status", "Reason")]


def switchports(text: str) -> Facts:
    found: Facts = []
    for block in ("\n" + text.replace("\r", "")).split("\nName: ")[1:]:
        unwrapped = block.replace(",\n     ", ",")
        said = dict(line.split(": ", 1) for line in unwrapped.split("\n")[1:] if ": " in line)
        number = {
            key: int(said[key].split()[0]) for key in ("Access Mode VLAN", "Trunking Native Mode VLAN") if key in said
        }
        mode = {"static access": "access", "trunk": "trunk", "dynamic auto": "dynamic"}[
            said["Administrative Mode"].strip()
        ]
        voice = said.get("Voice VLAN", "none").split()[0]
        allowed = vlans(said["Trunking VLANs Enabled"].strip()) if "Trunking VLANs Enabled" in said else None
        found.append((port(block.split("\n")[0]), mode, *number.values(), voice, allowed))
    return found


def bindings(text: str) -> Facts:
    rows = table(text, "MacAddress", "IpAddress", "Lease", "Type", "VLAN", "Interface")
    total = next(line for line in lines(text) if "Total number" in line).split()[-1]
    kept = [row for row in rows if row[0].count(":") == 5]
    assert len(kept) == int(total)
    return [(mac(row[0]), row[1], row[3], int(row[4]), port(row[5])) for row in kept]


def verify_source(text: str) -> Facts:
    rows = table(text, "Interface", "Filter-type", "Filter-mode", "IP-address", "Mac-address", "Vlan")
    return [
        (port(r[0]), r[1], r[2], r[3].replace("deny-all", ""), "" if "-" in r[4] else mac(r[4]), vlans(r[5]))
        for r in rows
    ]


def lldp(text: str) -> Facts:
    rows = table(text, "Device ID", "Local Intf", "Hold-time", "Capability", "Port ID")
    assert rows.pop()[0].startswith("Total entries")
    assert lines(text)[-1].endswith(f": {len(rows)}")
    return [(row[0], port(row[1]), row[2], row[3], row[4]) for row in rows]


def lldp_detail(text: str) -> Facts:
    blocks: list[list[str]] = [[]]
    for line in lines(text):
        if set(line) == {"-"}:
            blocks.append([])
        blocks[-1].append(line)
    found: Facts = []
    for block in blocks:
        said = [(key, value.strip()) for key, colon, value in (line.partition(": ") for line in block) if colon]
        first = dict(reversed(said))
        if "Chassis id" in first:
            local = port(first["Local Intf"]) if "Local Intf" in first else None
            names = ("Chassis id", "Port id", "System Name", "Enabled Capabilities")
            found.append((local, *(first.get(name, "") for name in names)))
    total = [line for line in lines(text) if line.startswith("Total entries")]
    assert not total or int(total[0].split()[-1]) == len(found)
    return found


def mac_table(text: str) -> Facts:
    """Find the word that is a MAC: the VLAN is before it (2950: after the type), the type after it, the ports last."""
    found: list[list[object]] = []
    for line in lines(text):
        words = line.split()
        at = next((at for at, word in enumerate(words) if len(word) == 14 and word.count(".") == 2), None)
        if at is None:
            if line.startswith(" " * 25):
                found[-1][3] = f"{found[-1][3]},{words[0]}"
            continue
        vlan, kind = (words[at - 1], words[at + 1]) if at else (words[2], words[1])
        own = words[-1] in ("CPU", "Router", "Switch")
        kind = "self" if own or kind == "system" else "secure" if "S" in words[:at] else kind.lower()
        found.append([mac(words[at]), vlan if vlan.isdigit() else "", kind, words[-1] if words[-1] != "-" else ""])
    return [(*entry[:3], [port(name) for name in str(entry[3]).split(",") if name]) for entry in found]


def port_security(text: str) -> Facts:
    rows = [line.split() for line in lines(text) if line.split()[-1] in ("Shutdown", "Restrict", "Protect")]
    return [(port(row[0]), *(int(number) for number in row[1:4]), row[4].lower()) for row in rows]


def port_security_address(text: str) -> Facts:
    rows = [line.split() for line in lines(text) if line.split()[0].isdigit()]
    kinds = {"SecureSticky": "sticky", "SecureConfigured": "configured", "SecureDynamic": "dynamic"}
    return [(int(row[0]), mac(row[1]), kinds[row[2]], port(row[3])) for row in rows]


def port_security_interface(text: str) -> Facts:
    said = {line[:26].strip(): line[28:].strip() for line in lines(text)}
    return [
        (
            said["Port Security"] == "Enabled",
            said["Violation Mode"].lower(),
            int(said["Maximum MAC Addresses"]),
            int(said["Total MAC Addresses"]),
            mac(said["Last Source Address:Vlan"].split(":")[0]),
            int(said["Security Violation Count"]),
        )
    ]


def version(text: str) -> Facts:
    said = next(line for line in lines(text) if line.startswith("Cisco IOS Software"))
    words = said[said.index(", Version ") + 10 :].replace(",", " ").split()
    host = next(line for line in lines(text) if " uptime is " in line).split()[0]
    board = next(line for line in lines(text) if line.startswith("Processor board ID")).split()[3].strip(",")
    model = next(line for line in lines(text) if "bytes of memory" in line or "physical memory" in line).split()[1]
    return [(words[0], host, model, board)]


def vlan_table(text: str) -> Facts:
    found: list[list[object]] = []
    for row in table(text.partition("VLAN Type")[0], "VLAN", "Name", "Status", "Ports"):
        names = [port(name.strip()) for name in row[3].split(",") if name.strip()]
        if row[0]:
            found.append([int(row[0]), row[1], names])
        else:
            assert isinstance(found[-1][2], list)
            found[-1][2] += names
    return [tuple(entry) for entry in found]


def port_in(row: Row) -> tuple[str, str] | None:
    return port(row["port"]) if "port" in row else None


def ports_in(row: Row) -> list[tuple[str, str]]:
    several, one = row.get("ports"), port_in(row)
    return [port(name) for name in several] if isinstance(several, list) else [one] if one is not None else []


def status_row(r: Row) -> tuple[object, ...]:
    return port_in(r), r["description"], r["oper"], r["admin_up"], str(r.get("vlan", "")), r.get("mode") == "routed"


def switchport_row(r: Row) -> tuple[object, ...]:
    numbers = [r[key] for key in ("access_vlan", "native_vlan") if key in r]
    return port_in(r), r["mode"], *numbers, str(r.get("voice_vlan", "none")), r.get("allowed_vlans")


def binding_row(r: Row) -> tuple[object, ...]:
    return mac(r["mac"]), r["ip"], r["kind"], r["vlan"], port_in(r)


def verify_source_row(r: Row) -> tuple[object, ...]:
    enforced = r.get("vlans", frozenset({r.get("vlan")}))
    return port_in(r), r["filter"], r["mode"], r.get("ip", ""), mac(r.get("mac", "")), enforced


READERS: Readers = {
    "show_arp": (arp, lambda r: (r["ip"], mac(r.get("mac", "")), port_in(r))),
    "show_interfaces": (interfaces, lambda r: (port(r["port"]), r["oper"], r["admin_up"], r["description"])),
    "show_interfaces_status": (status, status_row),
    "show_interfaces_status_err-disabled": (
        err_disabled,
        lambda r: (port(r["port"]), r.get("description", ""), r["blocked_cause"]),
    ),
    "show_interfaces_switchport": (switchports, switchport_row),
    "show_ip_dhcp_snooping_binding": (bindings, binding_row),
    "show_ip_source_binding": (bindings, binding_row),
    "show_ip_verify_source": (verify_source, verify_source_row),
    "show_lldp_neighbors": (
        lldp,
        lambda r: (r["system"], port(r["port"]), r["holdtime"], r.get("capabilities", ""), r["neighbour"]),
    ),
    "show_lldp_neighbors_detail": (
        lldp_detail,
        lambda r: (port_in(r), r["chassis"], r["neighbour"], r["system"], r["capabilities"]),
    ),
    "show_mac-address-table": (mac_table, lambda r: (mac(r["mac"]), str(r.get("vlan", "")), r["kind"], ports_in(r))),
    "show_port-security": (
        port_security,
        lambda r: (port(r["port"]), r["maximum"], r["current"], r["violations"], r["violation"]),
    ),
    "show_port-security_address": (
        port_security_address,
        lambda r: (r["vlan"], mac(r["mac"]), r["kind"], port(r["port"])),
    ),
    "show_port-security_interface_interface": (
        port_security_interface,
        lambda r: (r["secure"], r["violation"], r["maximum"], r["current"], mac(r["last_mac"]), r["violations"]),
    ),
    "show_version": (version, lambda r: (r["version"], r["hostname"], r["model"], r["serial"])),
    "show_vlan": (vlan_table, lambda r: (r["vlan"], r["name"], ports_in(r))),
}
