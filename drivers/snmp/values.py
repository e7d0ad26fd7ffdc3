"""What comes back from a walk, and how single values are read from it without trusting their types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from policies.texts import Text, t

#: A value: numbers of any SNMP type are int, octet strings bytes, OIDs and IP addresses dotted str.
Value = int | bytes | str
#: The part of an instance's OID after the column's.
Index = tuple[int, ...]
#: One column: index → value.
Rows = Mapping[Index, Value]
#: Everything that was read: column (dotted, see drivers.snmp.oids) → rows. A column that was not read is missing.
Tables = Mapping[str, Rows]

_NO_ROWS: Rows = {}


@dataclass(slots=True)
class Notes:
    """Collects the oddities of one discovery, each sentence once."""

    sentences: dict[Text, None] = field(default_factory=dict)

    def add(self, sentence: Text) -> None:
        """Keep `sentence`, unless it was said already."""
        self.sentences.setdefault(sentence)

    def wrong(self, what: str, count: int) -> None:
        """Say that `count` values of the column or table `what` could not be used."""
        if count:
            self.add(t("{count} values of {what} have a wrong type or index and were ignored", count=count, what=what))

    @property
    def texts(self) -> tuple[Text, ...]:
        """All sentences, in the order in which they came up."""
        return tuple(self.sentences)


def rows(tables: Tables, oid: str) -> Rows:
    """Give the column's rows; none when it was not read."""
    return tables.get(oid, _NO_ROWS)


def as_int(value: Value | None) -> int | None:
    """Read a number, also from digits in an octet string: agents send DisplayString where the MIB says INTEGER."""
    if isinstance(value, int):
        return value
    if isinstance(value, bytes):
        value = value.decode("ascii", "replace")
    if isinstance(value, str):
        digits = value.strip().removeprefix("-")
        if digits.isascii() and digits.isdigit() and len(digits) <= 20:
            return int(value.strip())
    return None


def as_text(value: Value | None) -> str:
    """Read a string for people: UTF-8, else GB 18030 (Chinese descriptions), without control characters."""
    if value is None:
        return ""
    if isinstance(value, bytes):
        value = _decoded(value)
    text = "".join(char if char.isprintable() else " " for char in str(value))
    return text.strip()


def _decoded(octets: bytes) -> str:
    octets = octets.rstrip(b"\0")
    for encoding in ("utf-8", "gb18030"):
        try:
            return octets.decode(encoding)
        except UnicodeDecodeError:
            continue
    return octets.decode("latin-1")


def numbers(tables: Tables, oid: str, notes: Notes) -> dict[int, int]:
    """Give a column of numbers with an index of one part; what is neither is counted in an oddity."""
    found: dict[int, int] = {}
    wrong = 0
    for index, value in rows(tables, oid).items():
        number = as_int(value)
        if number is None or len(index) != 1:
            wrong += 1
        else:
            found[index[0]] = number
    notes.wrong(getattr(oid, "name", oid), wrong)
    return found


def texts(tables: Tables, oid: str) -> Iterator[tuple[int, str]]:
    """Give a column of strings whose index's last part is the key (VLAN, ifIndex, port number)."""
    for index, value in rows(tables, oid).items():
        if index:
            yield index[-1], as_text(value)


def mac_of(index: Index) -> str | None:
    """Give the MAC that six parts of an index spell, None when they are no six octets."""
    if len(index) != 6 or not all(0 <= part <= 255 for part in index):
        return None
    return bytes(index).hex(":")
