"""A terminal's census as canonical JSON and back, strictly: what it sends may be hostile."""

from __future__ import annotations

import re
from collections.abc import Iterator

from policies import canonical
from policies.codec import from_plain, to_plain
from policies.errors import InputError
from policies.names.shown import shown
from policies.terminal import CensusReport
from policies.texts import Text, t

#: A terminal with every hub that USB allows is far below; a message that is larger is no census.
_LARGEST = 1 << 20
_LONGEST = 256
#: Wider than what a register takes: a bus that cannot be told from another one has a path that nobody can register.
_SHOWN_PATH = re.compile(r"[!-.0-~]{1,128}")


def census_json(report: CensusReport) -> bytes:
    """Give the report as canonical JSON, which :func:`read_census` reads back to an equal value."""
    return canonical.encode(to_plain(report))


def read_census(data: bytes, where: str = "") -> CensusReport:
    """Read a report that a terminal sent; whatever is not exactly one raises InputError.

    Beside its shape: at most 1 MiB, texts of one printable line, port paths as they are written here, each one once.
    """
    if len(data) > _LARGEST:
        raise _refused(where, t("a census of more than {count} bytes", count=_LARGEST))
    report = from_plain(CensusReport, canonical.decode(data, where), where)
    check_report(report, where)
    return report


def check_report(report: CensusReport, where: str = "") -> None:
    """Refuse, by InputError, what no agent would say: the texts and port paths of a report, whatever it came in."""
    check_texts(to_plain(report), where)
    census = report.census
    paths = [port.port for port in census.ports]
    given = {*paths, *(port.peer for port in census.ports if port.peer is not None)}
    given |= {device.port for device in census.devices}
    for path in sorted(given):
        if not _SHOWN_PATH.fullmatch(path):
            raise _refused(where, t("{text} is not the path of a USB port", text=shown(path)))
    if len(set(paths)) != len(paths):
        raise _refused(where, t("one USB port is there twice"))


def check_texts(plain: object, where: str = "") -> None:
    """Refuse, by InputError, a text in plain data that is longer than 256 characters or no printable line."""
    for text in _texts(plain):
        if len(text) > _LONGEST or not text.isprintable():
            raise _refused(where, t("{text} is no line of text", text=shown(text)))


def _texts(plain: object) -> Iterator[str]:
    if isinstance(plain, str):
        yield plain
    elif isinstance(plain, dict):
        for each in plain.values():
            yield from _texts(each)
    elif isinstance(plain, list):
        for each in plain:
            yield from _texts(each)


def _refused(where: str, what: Text) -> InputError:
    return InputError(what, where=where, next_step=t("take the census anew on the terminal"))
