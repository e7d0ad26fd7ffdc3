"""Keep the Chinese catalogue complete: extract every t() and h(), merge into portseal.po, compile, or check.

`python scripts/texts.py update` merges and compiles; `compile` only compiles; `check` exits 1 when a text is missing,
unused, or translated with other {names}.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
PO = ROOT / "policies/texts/zh/LC_MESSAGES/portseal.po"
PACKAGES = ("policies", "drivers", "controller", "agent", "lab")
#: Words of click's own that users see; click asks gettext for them.
CLICK = ROOT / "policies/texts/click.txt"
_NAMES = re.compile(r"\{(\w*)\}")


def wanted() -> dict[str, list[tuple[str, int]]]:
    """Give every English text with the places that use it."""
    found: dict[str, list[tuple[str, int]]] = {}
    for package in PACKAGES:
        for name, line, message, _, _ in extract_from_dir(
            ROOT / package, method_map=[("**.py", "python")], keywords={"t": None, "h": None}
        ):
            text = message[0] if isinstance(message, tuple) else message
            found.setdefault(text, []).append((f"{package}/{name}", line))
    for line in CLICK.read_text("utf-8").splitlines():
        if line.strip():
            found.setdefault(line.replace("\\n", "\n"), []).append(("click", 0))
    return found


def load() -> Catalog:
    """Read the catalogue, or begin one."""
    if not PO.exists():
        return Catalog(locale="zh", domain="portseal", charset="utf-8")
    with PO.open("rb") as file:
        return read_po(file, locale="zh")


def problems(texts: dict[str, list[tuple[str, int]]], catalogue: Catalog) -> list[str]:
    """Name what is missing, unused, or has other {names} in Chinese."""
    known = {str(message.id): str(message.string) for message in catalogue if message.id}
    found = [f"missing: {text!r}" for text in texts if not known.get(text)]
    found += [f"unused: {text!r}" for text in known if text not in texts]
    found += [
        f"other names: {text!r}"
        for text, translation in known.items()
        if text in texts and translation and set(_NAMES.findall(text)) != set(_NAMES.findall(translation))
    ]
    return found


def update() -> None:
    """Merge the texts of the code into the catalogue, in the order of the English."""
    old = {str(message.id): str(message.string) for message in load() if message.id}
    fresh = Catalog(locale="zh", domain="portseal", charset="utf-8", project="Portseal", fuzzy=False)
    for text, places in sorted(wanted().items()):
        names = sorted({name for name, _ in places})
        fresh.add(text, old.get(text, ""), locations=[(name, 0) for name in names])
    PO.parent.mkdir(parents=True, exist_ok=True)
    with PO.open("wb") as file:
        write_po(file, fresh, width=120, include_lineno=False, omit_header=False)


def compile_catalogue() -> None:
    """Write portseal.mo beside the catalogue."""
    with PO.with_suffix(".mo").open("wb") as file:
        write_mo(file, load())


def main(verb: str) -> int:
    """Do what the verb says; see the module's text."""
    if verb == "check":
        found = problems(wanted(), load())
        sys.stdout.writelines(f"{line}\n" for line in found)
        return 1 if found else 0
    if verb == "update":
        update()
    compile_catalogue()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "check"))
