"""Makes the guest: a kernel and the archives of its first file system, each kept until its own inputs change."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from lab.net import environment
from lab.terminal import code, cpio, userland
from lab.terminal.cache import default_folder, digest, kept
from lab.terminal.cpio import Entry
from policies.errors import EquipmentError
from policies.texts import t

#: Debian's releases that have been tried, with their Python.
SUITES = {"bookworm": (3, 11), "trixie": (3, 13)}
_RELEASE = Path("/etc/os-release")
_SOURCES = (Path("/etc/apt/sources.list.d/debian.sources"), Path("/etc/apt/sources.list"))
_SYSTEM_LEVEL, _CODE_LEVEL = 9, 1


@dataclass(frozen=True, slots=True)
class Image:
    """A guest that can be started: `kernel` and the archives in the order in which they are laid over each other.

    The last one is the agent's code; `version` is the kernel's.
    """

    kernel: Path
    archives: tuple[Path, ...]
    version: str

    @property
    def key(self) -> str:
        """What changes with every byte of it: the archives' folders are named by digests."""
        return digest(*(each.parent.name for each in self.archives))

    @property
    def base(self) -> Image:
        """The guest without the agent's code, which rarely changes."""
        return replace(self, archives=self.archives[:-1])

    @property
    def code(self) -> Path:
        """The archive of the agent's code."""
        return self.archives[-1]


def build(folder: Path | None = None) -> Image:
    """Give the guest, made in `folder` (default: the user's cache) unless it is there already.

    The first time takes half a minute and a Debian mirror; afterwards only what changed is made anew, without a
    network. Several processes may build at once.

    Raises:
        EquipmentError: this interpreter's binary modules do not run in any guest, a program is missing, or the
            packages cannot be fetched.

    """
    cache = folder or default_folder()
    suite = choose_suite()
    kernel = kernel_in_lists() if suite == host_suite() else ""
    system = kept(cache, "system", _system_key(suite, kernel), lambda into: _make_system(into, suite))
    distributions, programs, sources = code.libraries(), code.programs(), code.own_sources()
    recipe = _recipe("code.py", "cpio.py", "userland.py")
    base_key = digest(recipe, code.interpreter(), code.library_key(distributions), cpio.pack(programs))
    base = _archive(cache, "base", base_key, lambda: code.library_entries(distributions) | programs)
    plain = cpio.pack({path: cpio.file(data) for path, data in sources.items()})
    own = _archive(cache, "code", digest(recipe, plain), lambda: code.with_bytecode(sources))
    version = json.loads((system / "about.json").read_text("utf-8"))["kernel"]
    archives = (system / "system.cpio.lz4", base, own)
    return Image(system / "vmlinuz", archives, version)


def choose_suite() -> str:
    """Give the Debian release of the guest: this machine's if its Python is ours, or the one whose Python is.

    Raises:
        EquipmentError: no release that has been tried has this Python, so the agent's binary modules would not load.

    """
    python = sys.version_info[:2]
    own = host_suite()
    if SUITES.get(own) == python:
        return own
    for suite, theirs in SUITES.items():
        if theirs == python:
            return suite
    known = ", ".join(f"{major}.{minor} ({suite})" for suite, (major, minor) in SUITES.items())
    raise EquipmentError(
        t(
            "the lab terminal runs Debian's Python, {known}; this is {python} ({abi}).",
            known=known,
            python="{}.{}".format(*python),
            abi=code.interpreter(),
        ),
        next_step=t("make the environment anew with one of these Pythons"),
    )


def host_suite() -> str:
    """Give this machine's Debian release; empty when it is no Debian."""
    try:
        fields = dict(re.findall(r'^(\w+)="?([^"\n]*)"?$', _RELEASE.read_text("utf-8"), re.MULTILINE))
    except OSError:
        return ""
    return str(fields.get("VERSION_CODENAME", "")) if fields.get("ID") == "debian" else ""


def mirrors(suite: str) -> tuple[str, ...]:
    """Give where packages come from: PORTSEAL_LAB_MIRROR, this machine's sources if they fit; empty means Debian's."""
    named = os.environ.get("PORTSEAL_LAB_MIRROR")
    if named:
        return (named,)
    if suite != host_suite():
        return ()
    return next(((str(each),) for each in _SOURCES if each.is_file() and each.read_text("utf-8").strip()), ())


def kernel_in_lists() -> str:
    """Give the kernel that apt knows here, so that an update of Debian's kernel makes the guest anew; empty if none."""
    try:
        asked = ["apt-cache", "show", "--no-all-versions", "linux-image-amd64"]
        told = subprocess.run(asked, capture_output=True, text=True, env=environment(), check=False).stdout
    except FileNotFoundError:
        return ""
    found = re.search(r"^Version: (\S+)$", told, re.MULTILINE)
    return found[1] if found else ""


def _system_key(suite: str, kernel: str) -> str:
    return digest(_recipe("userland.py", "cpio.py"), suite, kernel, os.environ.get("PORTSEAL_LAB_MIRROR", ""))


def _recipe(*names: str) -> bytes:
    return b"\0".join((Path(__file__).parent / name).read_bytes() for name in names)


def _make_system(into: Path, suite: str) -> None:
    system = userland.unpack(suite, SUITES[suite], mirrors(suite))
    (into / "vmlinuz").write_bytes(system.kernel)
    cpio.write(system.entries, into / "system.cpio.lz4", _SYSTEM_LEVEL)
    (into / "about.json").write_text(json.dumps({"suite": suite, "kernel": system.version}), "utf-8")


def _archive(cache: Path, kind: str, key: str, entries: Callable[[], dict[str, Entry]]) -> Path:
    name = f"{kind}.cpio.lz4"
    return kept(cache, kind, key, lambda into: cpio.write(entries(), into / name, _CODE_LEVEL)) / name
