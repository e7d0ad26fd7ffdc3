"""Nobody's emulation: a Linux switch with Open vSwitch behind OpenSSH, as it would stand in a rack.

:func:`furnish` makes its root-owned folders below the lab's run folder; `python -m lab.switch.bare PORTS…` runs inside
its namespaces, puts these folders over /etc, /run and /root there, and boots. The account exists in this private /etc
alone; the tools work on the switch's own database without options, since their default places are its own.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from lab.net import run
from lab.secrets import SNMP_USER, USERNAMES, SwitchSecrets, crypt, make_key, write_private
from lab.switch.ovs import access_settings, build_bridge, trunk_settings
from lab.switch.ovsd import Daemons
from policies.errors import PortsealError

BRIDGE = "br0"
#: What of this machine's /etc the programs of the switch need; none of it is secret.
_ETC = (
    "alternatives",
    "iproute2",
    "inputrc",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "protocols",
    "services",
    "ssl/openssl.cnf",
    "terminfo",
)
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PROFILE = r"""PS1='\u@\h:\w# '
unset HISTFILE
"""
_SSHD = """\
Port 22
ListenAddress {host}
HostKey /etc/ssh/ssh_host_ed25519_key
PidFile /run/sshd.pid
PermitRootLogin yes
PasswordAuthentication yes
PubkeyAuthentication yes
AuthorizedKeysFile .ssh/authorized_keys
UsePAM no
UseDNS no
PrintMotd no
MaxStartups 100
SetEnv PATH={path}
"""
_SNMPD = """\
agentaddress udp:{host}:161
rocommunity {community}
createUser {user} SHA {auth} AES {priv}
rouser {user} priv
sysName {name}
sysLocation lab
"""
#: What a host sealed by Portseal runs at boot: flows first, then the ports that are to stay shut. A flow file that
#: does not load leaves the bridge without flows, that is, shut (fail_mode=secure).
BOOT = """\
#!/bin/sh
dir=/etc/openvswitch
if [ -f $dir/portseal-br0.flows ]; then
    ovs-ofctl replace-flows br0 $dir/portseal-br0.flows || exit 1
else
    ovs-ofctl add-flow br0 priority=0,actions=NORMAL || exit 1
fi
if [ -f $dir/portseal-br0.ports ]; then
    while read -r port state; do
        [ -z "$port" ] || ovs-ofctl mod-port br0 "$port" "$state" || echo "cannot set $port $state" >&2
    done < $dir/portseal-br0.ports
fi
"""


def furnish(folder: Path, name: str, host: str, secrets: SwitchSecrets, public_key: str) -> None:
    """Make the switch's /etc, /run and /root below `folder`; a host key that is there already is kept."""
    etc = folder / "etc"
    for part in ("etc/ssh", "etc/openvswitch", "etc/snmp", "run/openvswitch", "run/sshd", "run/snmp", "root/.ssh"):
        (folder / part).mkdir(mode=0o755 if part == "run/sshd" else 0o700, parents=True, exist_ok=True)
    for each in (folder, etc, folder / "run"):
        each.chmod(0o755)  # sshd's unprivileged child and the account's shell look in here
    for part in _ETC:
        _take(Path("/etc", part), etc / part)
    account = USERNAMES["openvswitch"]
    files = {
        "passwd": f"{account}:x:0:0::/root:/bin/bash\nsshd:x:101:65534::/run/sshd:/usr/sbin/nologin\n",
        "group": "root:x:0:\nnogroup:x:65534:\n",
        "nsswitch.conf": "passwd: files\ngroup: files\nshadow: files\nhosts: files\n",
        "hosts": f"127.0.0.1 localhost\n{host} {name}\n",
        "hostname": f"{name}\n",
        "profile": _PROFILE,
        "ssh/sshd_config": _SSHD.format(host=host, path=_PATH),
        "openvswitch/portseal-boot.sh": BOOT,
    }
    for path, text in files.items():
        (etc / path).write_text(text, "utf-8")
        (etc / path).chmod(0o644)
    write_private(etc / "shadow", f"{account}:{crypt(secrets.password)}:19000:0:99999:7:::\nsshd:*:19000::::::\n")
    snmp = _SNMPD.format(
        host=host,
        name=name,
        user=SNMP_USER,
        community=secrets.community,
        auth=secrets.snmp_auth,
        priv=secrets.snmp_priv,
    )
    write_private(etc / "snmp/snmpd.conf", snmp)
    make_key(etc / "ssh/ssh_host_ed25519_key", name)
    write_private(folder / "root/.ssh/authorized_keys", public_key)


def _take(source: Path, target: Path) -> None:
    if target.exists() or target.is_symlink() or not source.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True, ignore_dangling_symlinks=True)
    else:
        shutil.copy2(source, target)


def namespaces() -> dict[str, int]:
    """Give the inodes of this process's namespaces that a switch has for itself."""
    return {kind: Path("/proc/self/ns", kind).stat().st_ino for kind in ("mnt", "uts", "net")}


def enter(folder: Path, name: str, outside: dict[str, int]) -> None:
    """Put the switch's folders over /etc, /root and /run, and take its name; unless a namespace is one of `outside`."""
    if shared := [kind for kind, inode in namespaces().items() if inode == outside[kind]]:
        raise SystemExit(f"refused: these namespaces are the machine's own: {', '.join(shared)}")
    run(["mount", "--make-rprivate", "/"])
    socket.sethostname(name)
    for part in ("etc", "root", "run"):
        run(["mount", "--bind", str(folder / part), f"/{part}"])
    if Path("/var/run").resolve() != Path("/run"):
        run(["mount", "--bind", "/run", "/var/run"])
    os.chdir("/")


def boot(config: dict[str, Any]) -> None:
    """Start everything, in the order of a host's boot."""
    daemons = Daemons(Path("/run/openvswitch"), Path("/etc/openvswitch/conf.db"))
    first = not daemons.conf.exists()
    daemons.start()
    if first:
        build_bridge(daemons.db, BRIDGE, config["ports"])
        words = []
        for port in config["ports"]:
            allowed = config["uplinks"].get(port)
            settings = access_settings(config["vlan"]) if allowed is None else trunk_settings(1, frozenset(allowed))
            words += ["--", "set", "port", port, *settings]
        run(["ovs-vsctl", *words[1:]])
    with suppress(PortsealError):  # its words are in the log; the host comes up for its administrator all the same
        run(["sh", "-c", "exec sh /etc/openvswitch/portseal-boot.sh >/run/portseal-boot.log 2>&1"])
    run([_program("sshd"), "-f", "/etc/ssh/sshd_config", "-E", "/run/sshd.log"])
    if shutil.which("snmpd", path=_PATH):
        environment = {"PATH": _PATH, "SNMP_PERSISTENT_DIR": "/run/snmp", "MIBS": "", **_marks()}
        options = ["-C", "-c", "/etc/snmp/snmpd.conf", "-Lf", "/run/snmpd.log", "-p", "/run/snmpd.pid", "-I", "-smux"]
        subprocess.run([_program("snmpd"), *options], env=environment, check=False, stdin=subprocess.DEVNULL)


def _marks() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith("PORTSEAL_")}


def _program(name: str) -> str:
    return shutil.which(name, path=_PATH) or name


def main() -> None:
    """Enter and boot as the configuration file in argv says."""
    config = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    enter(Path(config["folder"]), config["name"], config["outside"])
    boot(config)
    Path("/run/ready").touch()


if __name__ == "__main__":
    main()
