"""How a text that a person or a switch gave is cleaned before parsing, and shown in an error."""

from __future__ import annotations

import unicodedata

_LONGEST = 60
#: What word processors and input methods make of a hyphen and of a full stop.
_TYPED = str.maketrans(dict.fromkeys("‐‑‒–—―−", "-") | {"。": "."})


def cleaned(text: str) -> str:
    """Give `text` without surrounding blanks and invisible marks, full-width characters as plain ones (NFKC).

    Chinese input methods give ００：１１ and １０，２０ where 00:11 and 10,20 are meant. Text copied from Windows
    dialogs begins with invisible direction marks, files saved by Excel with a byte order mark.
    """
    if text.isascii():
        return text.strip()
    plain = unicodedata.normalize("NFKC", text).translate(_TYPED)
    return "".join(c for c in plain if unicodedata.category(c) != "Cf").strip()


def shown(text: str) -> str:
    """Give `text` in quotes for an error message: one line, printable, at most 60 characters of it."""
    shortened = text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
    return "'" + "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in shortened) + "'"
