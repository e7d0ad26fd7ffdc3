"""The agent's part of the guest: our own packages as they are in this source tree, and what `[agent]` needs of others.

Both are copied from the running interpreter, without a network. They are archives of their own, laid over the
system's, so that an edited line of the agent is in the guest within a second.
"""

from __future__ import annotations

import importlib
import re
import sysconfig
import tempfile
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from lab.terminal.cpio import Entry, file
from lab.terminal.userland import bytecode
from policies.errors import EquipmentError
from policies.texts import t

#: Where it is in the guest, and our packages that the agent is made of.
HOME = "opt/portseal"
OURS = ("policies", "agent")
_LIBRARY = f"{HOME}/lib"
_WRAPPER = f"""#!/bin/sh
export PYTHONPATH=/{_LIBRARY}
exec /usr/bin/python3 -P -c 'import sys; from agent.cli.main import main; sys.argv[0] = "portseal-agent"; main()' "$@"
"""
#: Debian's Python reads this folder, so that the guest's own python3 finds the agent too.
_PATH_FILE = "usr/lib/python3/dist-packages/portseal.pth"
_REQUIREMENT = re.compile(r"([\w.-]+)[^;]*(?:;(.*))?")
_EXTRA = re.compile(r"extra\s*==\s*['\"]([\w-]+)['\"]")


def own_sources() -> dict[str, bytes]:
    """Give the files of policies and agent by their path in the guest."""
    sources: dict[str, bytes] = {}
    for name in OURS:
        package = Path(importlib.import_module(name).__file__ or "").parent
        for path in sorted(package.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                sources[f"{_LIBRARY}/{name}/{path.relative_to(package).as_posix()}"] = path.read_bytes()
    return sources


def programs() -> dict[str, Entry]:
    """Give the command `portseal-agent`, and the programs that the guest starts itself."""
    here = Path(__file__).parent
    return {
        f"{HOME}/bin/portseal-agent": file(_WRAPPER.encode(), executable=True),
        _PATH_FILE: file(f"/{_LIBRARY}\n".encode()),
        "init": file((here / "guest_init").read_bytes(), executable=True),
        "usr/lib/portseal/rpc.py": file((here / "guest_rpc.py").read_bytes()),
    }


def libraries() -> list[metadata.Distribution]:
    """Give the distributions that the extra `[agent]` needs, with theirs, by name.

    Raises:
        EquipmentError: one is not installed here.

    """
    found: dict[str, metadata.Distribution] = {}
    waiting = [("portseal", "")]
    while waiting:
        name, marker = waiting.pop()
        if name in found:
            continue
        try:
            found[name] = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            # A requirement for another system or Python carries a marker and is rightly absent.
            if marker:
                continue
            raise EquipmentError(
                t("the package '{name}', which the agent needs, is not installed.", name=name),
                next_step=t("install portseal with the extras lab and agent"),
            ) from None
        waiting += _needs(found[name], "agent" if name == "portseal" else "")
    return [found[name] for name in sorted(found)]


def _needs(distribution: metadata.Distribution, extra: str) -> Iterable[tuple[str, str]]:
    for line in distribution.requires or []:
        requirement = _REQUIREMENT.match(line)
        marker = (requirement[2] or "").strip() if requirement else ""
        asked = _EXTRA.search(marker)
        if requirement and (asked is None or asked[1] == extra):
            yield re.sub(r"[-_.]+", "-", requirement[1]).lower(), "" if asked else marker


def library_key(distributions: Iterable[metadata.Distribution]) -> str:
    """Give what tells one set of distributions from another: names and versions."""
    return " ".join(f"{each.name}={each.version}" for each in distributions)


def library_entries(distributions: Iterable[metadata.Distribution]) -> dict[str, Entry]:
    """Give their files; of our own distribution only what it says of itself, for its code see :func:`own_sources`."""
    sources: dict[str, bytes] = {}
    for distribution in distributions:
        for each in distribution.files or []:
            path = Path(str(distribution.locate_file(each)))
            inside = each.parts[0] != ".." and not each.is_absolute() and "__pycache__" not in each.parts
            if distribution.name == "portseal":
                inside = inside and each.name in ("METADATA", "entry_points.txt")
            if inside and path.is_file():
                sources[f"{_LIBRARY}/{each.as_posix()}"] = path.read_bytes()
    return with_bytecode(sources)


def with_bytecode(sources: dict[str, bytes]) -> dict[str, Entry]:
    """Give the files and the bytecode of those that are Python."""
    with tempfile.TemporaryDirectory(prefix="portseal-guest-") as temporary:
        python = {path: data for path, data in sources.items() if path.endswith(".py")}
        compiled = bytecode(python, Path(temporary) / "bytecode")
    return {path: file(data) for path, data in sources.items()} | compiled


def interpreter() -> str:
    """Give what binary modules of this interpreter are made for, for example cpython-311-x86_64-linux-gnu."""
    return str(sysconfig.get_config_var("SOABI"))
