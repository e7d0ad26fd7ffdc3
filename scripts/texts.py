"""Keep the Chinese catalogue complete: extract every t() and h(), merge into portseal.po, compile, or check.

`python scripts/texts.py update` merges and compiles; `compile` only compiles; `check` exits 1 when a text is missing,
unused, or translated with other {names}.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
PO = ROOT / "policies/texts/zh/LC_MESSAGES/portseal.po"
PACKAGES = ("policies", "drivers", "controller", "agent", "lab")
#: Words of click's own that users see; click asks gettext for them. A line may hold "singular | plural".
CLICK = ROOT / "policies/texts/click.txt"
_NAMES = re.compile(r"(?:\{(\w*)(?:![rsa])?(?::[^{}]*)?\}|%\((\w+)\)s)")

_FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)

#: An English text; click's plural forms are two.
English = str | tuple[str, ...]


def wanted() -> dict[English, list[tuple[str, int]]]:
    """Give every English text with the places that use it."""
    found: dict[English, list[tuple[str, int]]] = {}
    for package in PACKAGES:
        for name, line, message, _, _ in extract_from_dir(
            ROOT / package, method_map=[("**.py", "python")], keywords={"t": None, "h": None}
        ):
            found.setdefault(message[0] if isinstance(message, tuple) else message, []).append(
                (f"{package}/{name}", line)
            )
    for words in click_texts():
        found.setdefault(words, []).append(("click", 0))
    return found


def click_texts() -> list[English]:
    """Give click's own texts, as click asks gettext for them."""
    lines = [line.replace("\\n", "\n").replace("\\t", "\t") for line in CLICK.read_text("utf-8").splitlines()]
    return [tuple(line.split(" | ")) if " | " in line else line for line in lines if line.strip()]


def load() -> Catalog:
    """Read the catalogue, or begin one."""
    if not PO.exists():
        return Catalog(locale="zh", domain="portseal", charset="utf-8")
    with PO.open("rb") as file:
        return read_po(file, locale="zh")


def translations(catalogue: Catalog) -> dict[English, str]:
    """Give the Chinese of every text; Chinese has one form where English has two."""
    known: dict[English, str] = {}
    for message in catalogue:
        if message.id:
            chinese = message.string or ""
            key = message.id if isinstance(message.id, str) else tuple(message.id)
            known[key] = chinese if isinstance(chinese, str) else chinese[0]
    return known


def names(text: English) -> set[str]:
    """Give the {names} and %(names)s in all forms of a text."""
    return {"".join(found) for form in ([text] if isinstance(text, str) else text) for found in _NAMES.findall(form)}


def problems(texts: Mapping[English, list[tuple[str, int]]], catalogue: Catalog) -> list[str]:
    """Name what is missing, unused, or has other {names} in Chinese."""
    known = translations(catalogue)
    found = [f"missing: {text!r}" for text in texts if not known.get(text)]
    found += [f"unused: {text!r}" for text in known if text not in texts]
    found += [
        f"other names: {text!r}"
        for text, translation in known.items()
        if text in texts and translation and _other_names(text, translation)
    ]
    return found


def _other_names(text: English, translation: str) -> bool:
    # Of two English forms one may write the number out; the Chinese needs no name that only the other one has.
    if isinstance(text, str):
        return names(text) != names(translation)
    return not names(text[0]) <= names(translation) <= names(text) and names(text[-1]) != names(translation)


def update() -> None:
    """Merge the texts of the code into the catalogue, in the order of the English."""
    old = translations(load())
    # Fixed headers: a catalogue with the same texts is the same file.
    fresh = Catalog(
        locale="zh",
        header_comment="# Chinese texts of Portseal. Written by scripts/texts.py; translate between its runs.",
        project="Portseal",
        version="0",
        msgid_bugs_address="-",
        creation_date=_FIRST_DAY,
        revision_date=_FIRST_DAY,
        last_translator="The Portseal developers",
        language_team="zh",
        charset="utf-8",
        fuzzy=False,
    )
    for text, places in sorted(wanted().items(), key=lambda item: item[0] if isinstance(item[0], str) else item[0][0]):
        chinese = old.get(text, "")
        files = sorted({name for name, _ in places})
        fresh.add(text, chinese if isinstance(text, str) else (chinese,), locations=[(name, 0) for name in files])
    PO.parent.mkdir(parents=True, exist_ok=True)
    written = BytesIO()
    write_po(written, fresh, width=120, include_lineno=False, omit_header=False)
    PO.write_bytes(written.getvalue())


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
