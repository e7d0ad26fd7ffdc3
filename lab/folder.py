"""Writes the site folder of the lab, ready for every verb, as the person in charge would have it on day one.

site.toml and inventory.csv are written once and then belong to their reader; passwords, keys and known_hosts are
refreshed by every `lab up --site`, and the lab takes them over from the folder when it starts again, so that they fit.
"""

from __future__ import annotations

import csv
import io
import os
import shutil
from pathlib import Path

from lab.net import run
from lab.secrets import SNMP_USER, USERNAMES, SwitchSecrets, load, save, write_private
from lab.site import (
    BLACKHOLE_VLAN,
    CONTROLLER,
    FACE_VLAN,
    QUARANTINE_VLAN,
    SITE,
    TRAP_PORT,
    HostSpec,
    SwitchSpec,
)
from lab.switches import SwitchBox
from policies.errors import ConfigError
from policies.texts import t

#: The first line of a site.toml that this module wrote.
HEADER = "# Portseal's virtual site, made by 'portseal lab up'"
#: What is declared when the demonstration comes to the terminal: in QEMU, this machine is 10.0.2.2.
_TERMINAL = """
# The terminal of the demonstration, and the reader beside it.
[broker]
host = "10.0.2.2"
listen = "127.0.0.1"
port = 18883

[web]
listen = "127.0.0.1"
port = 18843

[readers.gate]
format = "native"
trust = "authenticated"
terminals = ["terminal-1"]
longest_minutes = 1

[terminals.terminal-1]
platform = "linux"
agent = true
place = "control room"
owner = "security office"

[terminals.recorder-1]
platform = "recorder"
agent = false
place = "rack 2"
owner = "security office"
"""
_SECRETS = "secrets"
#: Platforms that ask for a second password.
_ENABLE = frozenset({"cisco_ios", "ruijie_os"})
#: Platforms that a site has to allow to be written to: these switches are nobody's.
_EXPERIMENTAL = frozenset({"ruijie_os"})
_LAB = "secrets/lab.json"
_ROLES = {"camera": "摄像机", "recorder": "录像机", "server": "服务器", "terminal": "终端"}
_COLUMNS = ("设备名称", "类型", "MAC地址", "IP地址", "位置", "交换机", "端口", "VLAN")


def of_the_lab(folder: Path) -> bool:
    """Tell whether `folder` is a site folder that this module wrote."""
    try:
        return (folder / "site.toml").read_text("utf-8", "replace").startswith(HEADER)
    except OSError:
        return False


def earlier_secrets(folder: Path) -> tuple[dict[str, SwitchSecrets], Path | None]:
    """Give what an earlier lab left in the site folder: secrets by switch, and the folder with its host keys.

    Raises ConfigError when `folder` holds a site that is not the lab's.
    """
    declared = folder / "site.toml"
    if declared.exists() and not of_the_lab(folder):
        raise ConfigError(
            t("this folder holds another site."), where=str(declared), next_step=t("give a new folder with --site")
        )
    kept = folder / _LAB
    return (load(kept), folder / _SECRETS) if kept.exists() else ({}, None)


def write_site(folder: Path, boxes: list[SwitchBox], client_key: Path) -> None:
    """Write what is missing, and refresh what belongs to the running lab; the folder's owner owns it all."""
    fresh = not folder.exists()
    secrets = folder / _SECRETS
    secrets.mkdir(mode=0o700, parents=True, exist_ok=True)
    save(folder / _LAB, {box.spec.name: box.secrets for box in boxes})
    for box in boxes:
        name = box.spec.name
        words = {"password": box.secrets.password, "enable": box.secrets.enable, "community": box.secrets.community}
        words |= {"snmp-auth": box.secrets.snmp_auth, "snmp-priv": box.secrets.snmp_priv}
        for kind, word in words.items():
            write_private(secrets / f"{name}.{kind}", word + "\n")
        write_private(secrets / f"{name}_host_key", box.host_key.read_text("ascii"))
    write_private(secrets / "sw1.key", client_key.read_text("ascii"))
    _known_hosts(folder / "known_hosts", boxes)
    if not (folder / "site.toml").exists():
        (folder / "site.toml").write_text(site_toml([box.spec for box in boxes]), "utf-8")
    if not (folder / "inventory.csv").exists():
        (folder / "inventory.csv").write_bytes(inventory_csv())
    _give(folder, fresh)


def declare_terminal(folder: Path) -> None:
    """Declare the lab's terminal, its reader and the broker in site.toml, as an administrator would write it."""
    forget_terminal(folder)
    with (folder / "site.toml").open("a", encoding="utf-8") as file:
        file.write(_TERMINAL)


def forget_terminal(folder: Path) -> None:
    """Take the declaration back: a terminal that does not run any more would keep clause 7.2a unverified."""
    path = folder / "site.toml"
    text = path.read_text("utf-8")
    path.write_text(text.partition(_TERMINAL.splitlines()[1])[0].rstrip("\n") + "\n", "utf-8")


def _known_hosts(path: Path, boxes: list[SwitchBox]) -> None:
    ours = {box.spec.host for box in boxes}
    lines = path.read_text("ascii").splitlines() if path.exists() else []
    lines = [line for line in lines if line.split(" ", 1)[0] not in ours]
    for box in boxes:
        kind, key, *_ = run(["ssh-keygen", "-y", "-f", str(box.host_key)]).split()
        lines.append(f"{box.spec.host} {kind} {key}")
    path.write_text("\n".join(lines) + "\n", "ascii")


def site_toml(switches: list[SwitchSpec]) -> str:
    """Write the declaration of the site."""
    lines = [HEADER, "", "[site]", 'name = "lab"', 'language = "zh"', "", "[policy]", 'violation = "restrict"']
    for name, number in (("face", FACE_VLAN), ("quarantine", QUARANTINE_VLAN), ("blackhole", BLACKHOLE_VLAN)):
        lines += ["", f"[vlans.{name}]", f"id = {number}", f'purpose = "{name}"']
    # The switches send them under the user of their SNMP agent, which proves them; see [switches.NAME.snmp].
    lines += ["", "[traps]", f'listen = "{CONTROLLER}"', f"port = {TRAP_PORT}"]
    for spec in switches:
        lines += ["", *_switch_toml(spec)]
    return "\n".join(lines) + "\n"


def _switch_toml(spec: SwitchSpec) -> list[str]:
    names = list(spec.ports)
    stem, last = names[0][:-1], len(names)
    uplinks = SITE.uplink_ports(spec.name)
    tables = [
        f'{{ port = "{port}", allowed_vlans = "{",".join(str(vlan) for vlan in sorted(vlans))}" }}'
        for port, vlans in uplinks.items()
    ]
    lines = [
        f"[switches.{spec.name}]",
        f'platform = "{spec.platform}"',
        f'host = "{spec.host}"',
        f'username = "{USERNAMES[spec.platform]}"',
        f'password = "file:{_SECRETS}/{spec.name}.password"',
    ]
    if spec.platform in _ENABLE:
        lines.append(f'enable = "file:{_SECRETS}/{spec.name}.enable"')
    if spec.platform in _EXPERIMENTAL:
        lines.append("experimental_writes = true")
    lines += [f'ports = ["{stem}1-{last}"]', f"uplinks = [{', '.join(tables)}]"]
    if not spec.bare or shutil.which("snmpd", path=os.environ.get("PATH", "") + ":/usr/sbin"):
        lines += ["", f"[switches.{spec.name}.snmp]", f'user = "{SNMP_USER}"']
        lines += [f'auth_password = "file:{_SECRETS}/{spec.name}.snmp-auth"']
        lines += [f'priv_password = "file:{_SECRETS}/{spec.name}.snmp-priv"']
    return lines


def inventory_csv() -> bytes:
    """Write the list that the installer delivered: Chinese headings, GBK, and every MAC as its label had it.

    The rogue and the spare camera are not in it.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(_COLUMNS)
    listed = [host for host in SITE.hosts if host.switch and host.role in _ROLES]
    for number, host in enumerate(listed):
        writer.writerow(_row(number, host))
    return text.getvalue().encode("gbk")


def _row(number: int, host: HostSpec) -> tuple[str, ...]:
    plain = host.mac.replace(":", "")
    spellings = (
        host.mac,
        host.mac.upper().replace(":", "-"),
        f"{plain[:4]}.{plain[4:8]}.{plain[8:]}",
        f"{plain[:4]}-{plain[4:8]}-{plain[8:]}".upper(),
        plain.upper(),
    )
    short = "Gi" if SITE.switch[host.switch].platform in {"cisco_ios", "ruijie_os"} else "GE"
    port = host.port.replace("GigabitEthernet", short) if number % 2 else host.port
    mac = spellings[number % len(spellings)]
    return (host.name, _ROLES[host.role], mac, host.ip, host.place, host.switch, port, str(FACE_VLAN))


def _give(folder: Path, fresh: bool) -> None:
    """Hand the files to the folder's owner; a folder made just now under sudo goes to the person behind it."""
    owner = folder.stat()
    user, group = owner.st_uid, owner.st_gid
    if fresh and "SUDO_UID" in os.environ and "SUDO_GID" in os.environ:
        user, group = int(os.environ["SUDO_UID"]), int(os.environ["SUDO_GID"])
        os.chown(folder, user, group)
    names = ("site.toml", "inventory.csv", "known_hosts", _SECRETS)
    for path in (*(folder / name for name in names), *(folder / _SECRETS).iterdir()):
        os.chown(path, user, group)
