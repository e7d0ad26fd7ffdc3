"""Brings the virtual site up: namespaces, cables, switches and hosts, in a few seconds; or nothing of it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from lab import secrets as lab_secrets
from lab.cables import first_cables, lay, save_cables
from lab.down import down, leftovers, note_netns, one_at_a_time
from lab.hosts.client import ask
from lab.net import environment, processes, run
from lab.secrets import SwitchSecrets
from lab.site import CHOICE, LOOSE, PREFIX, RUN, SITE, SITES
from lab.spawn import python, spawn
from lab.switch.ovsd import missing_programs
from lab.switches import SwitchBox
from policies.errors import EquipmentError, UsageError
from policies.texts import t

HOSTS_SOCKET = RUN / "hosts.sock"
CABLES = RUN / "cables.json"
SECRETS = RUN / "secrets.json"
STATE = RUN / "lab.json"
#: Programs beside Open vSwitch, with the Debian package that has each.
_PROGRAMS = {
    "ip": "iproute2",
    "mount": "mount",
    "unshare": "util-linux",
    "ssh-keygen": "openssh-client",
    "sshd": "openssh-server",
}


@dataclass(frozen=True, slots=True)
class State:
    """Written when the lab is complete. `owner` is the process for which it runs, 0 for a person at the keyboard."""

    owner: int = 0
    born: str = ""

    @property
    def abandoned(self) -> bool:
        """Whether the owner died without taking the lab down."""
        return self.owner != 0 and _birth(self.owner) != self.born


def _birth(pid: int) -> str:
    """Give when process `pid` was born (proc(5), field 22), which tells a reused pid; "" when there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()[19]
    except OSError:
        return ""


def require_root() -> None:
    """Raise UsageError, with the remedy, unless this is root."""
    if os.geteuid() != 0:
        raise UsageError(
            t("the lab makes network namespaces and needs root."), next_step=t("run it as root, for example with sudo")
        )


def requirements() -> None:
    """Raise UsageError, with the remedy, when this machine cannot run the lab, or the site that was named is none."""
    require_root()
    named = os.environ.get(CHOICE, "default")
    if named not in SITES:
        raise UsageError(
            t("the lab has no site '{name}'.", name=named),
            where=CHOICE,
            next_step=t("use one of these: {names}", names=", ".join(SITES)),
        )
    path = environment()["PATH"]
    packages = {package for name, package in _PROGRAMS.items() if shutil.which(name, path=path) is None}
    if missing_programs():
        packages.add("openvswitch-switch")
    if packages:
        words = " ".join(sorted(packages))
        raise UsageError(
            t("the lab needs programs that are not installed: {packages}.", packages=words),
            next_step=t("apt-get install {packages}", packages=words),
        )


def state() -> State | None:
    """Give the running lab's state; None when there is none or it is not complete."""
    try:
        return State(**json.loads(STATE.read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def ailments() -> list[str]:
    """Name what of a complete lab does not run any more (switches, hosts); empty when it is well."""
    alive = processes(PREFIX)
    entries = lab_secrets.load(SECRETS)
    boxes = [SwitchBox(spec, entries[name]) for name, spec in SITE.switch.items()]
    ill = [box.spec.name for box in boxes if not box.well(alive)]
    return ill if _hosts_answer() else [*ill, "hosts"]


def up(owner: int = 0, secrets: dict[str, SwitchSecrets] | None = None, host_keys: Path | None = None) -> bool:
    """Bring the lab up; False when it already runs well (nothing is done then).

    A lab that is half there, ill, or left behind by an owner that died is removed first. `secrets` by switch name and
    `host_keys` (a folder with NAME_host_key files) are taken over where given, so that a site folder still fits.
    What fails on the way is removed before the error is raised.
    """
    requirements()
    with one_at_a_time():
        now = state()
        if now is not None and not now.abandoned and not ailments():
            return False
        if leftovers():
            down()
        try:
            _build(secrets or {}, host_keys)
        except BaseException:
            down()
            raise
        STATE.write_text(json.dumps(asdict(State(owner, _birth(owner) if owner else ""))), "utf-8")
    return True


def _build(given: dict[str, SwitchSecrets], host_keys: Path | None) -> None:
    RUN.mkdir(mode=0o700)
    note_netns()
    entries = {name: given.get(name) or lab_secrets.make() for name in SITE.switch}
    lab_secrets.save(SECRETS, entries)
    lay()
    boxes = [SwitchBox(spec, entries[name]) for name, spec in SITE.switch.items()]
    for box in boxes:
        _host_key(box, host_keys)
    all_at_once([start_hosts, *(box.start for box in boxes)])
    cables = first_cables()
    save_cables(CABLES, cables)
    ask(HOSTS_SOCKET, "attach", hosts=list(cables))


def all_at_once(acts: Sequence[Callable[[], None]]) -> None:
    """Do all of `acts` side by side; the first error is raised when all have ended."""
    with ThreadPoolExecutor(len(acts)) as pool:
        for job in [pool.submit(act) for act in acts]:
            job.result()


def _host_key(box: SwitchBox, given: Path | None) -> None:
    box.host_key.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    kept = given / f"{box.spec.name}_host_key" if given else None
    if kept is not None and kept.exists():
        lab_secrets.write_private(box.host_key, kept.read_text("ascii"))
        public = run(["ssh-keygen", "-y", "-f", str(box.host_key)])
        box.host_key.with_suffix(".pub").write_text(public, "ascii")
    else:
        lab_secrets.make_key(box.host_key, box.spec.name)


def start_hosts() -> None:
    """Start the process that plays the hosts and return when it answers."""
    started = spawn("hosts", PREFIX + LOOSE, python("lab.hosts", str(HOSTS_SOCKET)), RUN / "hosts.log")
    started.until(_hosts_answer)


def _hosts_answer() -> bool:
    try:
        ask(HOSTS_SOCKET, "status")
    except EquipmentError:
        return False
    return True
