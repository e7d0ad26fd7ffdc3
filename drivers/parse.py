"""The one row parser for all dialects: the text of an answer and a :class:`~drivers.dialect.Read` in, rows out.

A line that nothing knows is an error, never a row that is missing: a secured address that a parser drops in silence is
a binding that the controller believes to be absent. Terminal noise is understood first (:mod:`drivers.lines`), and the
echoed command.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from drivers.dialect import Dialect, Read
from drivers.json_lines import json_lines
from drivers.lines import PROMPT, Blocks, joined, outside, said
from policies.errors import EquipmentError, InputError, NotFound, UnparsedOutput, UsageError
from policies.names import canonical, parse_mac, parse_vlans
from policies.texts import t

#: One row: field → str, int, bool, None, a set of VLAN ids, or a list.
Row = dict[str, object]

_ECHO = re.compile(PROMPT + r"\s*(?P<typed>\S.*)", re.ASCII)
#: How a switch says no: checked where unknown lines are allowed and nothing proves that the answer is whole.
_REFUSAL = re.compile(
    r"\s*(?:%\s?(?:Invalid input|(?:Incomplete|Ambiguous|Unrecognized|Unknown) command|Wrong parameter|Too many|"
    r"Authorization failed|Permission denied|Access denied|Command rejected|Not supported|User doesn't have|Error)\b"
    r"|Error: ?[A-Z]|Command (?:authorization failed|rejected)|Insufficient privilege)",
    re.ASCII | re.IGNORECASE,
)
_DEVICE_NAME = re.compile(r"[A-Za-z][A-Za-z-]*\d[\d/.:]*", re.ASCII)
_SPACED_PORT = re.compile(r"\b([A-Za-z][A-Za-z-]*) (\d+(?:/\d+)+)")
#: What stands for {port} in a command: a name with a number, or the word by which recordings are filed.
_NUMBERED = re.compile(r"\d|^interface$|^\{")
_NAMED = re.compile(r"(?<!\\)\(\?P<")
_LISTED = re.compile(r"[\s,]+")
_INTEGERS = frozenset({"vlan", "maximum", "violations", "current", "if_index"})


class CutShort(UnparsedOutput):
    """An answer without the line that every whole answer has: the connection broke off, or it is another answer."""

    def __init__(self, where: str, command: str) -> None:
        EquipmentError.__init__(
            self,
            t("the answer to '{command}' is not whole", command=command),
            where=where,
            next_step=t("read it again; nothing was changed"),
        )
        self.offending = ""


def parse(read: Read, text: str, *, where: str = "") -> list[Row]:
    """Give the rows of an answer, in its order; `where` (the switch) is for the error.

    Raises:
        UnparsedOutput: a line is unknown, a value is none of the field's, the switch said no, or the answer is cut
            short (:class:`CutShort`).

    """
    return _Parser(_formed(read), where).rows(text)


def find_read(dialect: Dialect, command: str) -> Read:
    """Give the first read of `command`, written in full, as an alias, or abbreviated as switches accept it.

    Raises:
        NotFound: the dialect does not read this command.
        UsageError: the abbreviation fits several commands.

    """
    return find_reads(dialect, command)[0]


def find_reads(dialect: Dialect, command: str) -> tuple[Read, ...]:
    """Give all reads of `command`, like :func:`find_read`: several facts may come from one answer."""
    typed = _words(command)
    for fits in (_literally, _same, _short_for):
        found = [read for read in dialect.reads if any(fits(typed, name) for name in (read.command, *read.aliases))]
        commands = list(dict.fromkeys(read.command for read in found))
        if len(commands) > 1:
            raise UsageError(
                t(
                    "'{command}' may mean {commands}",
                    command=" ".join(typed)[:80],
                    commands=", ".join(f"'{name}'" for name in commands),
                ),
                where=dialect.platform,
                next_step=t("write the command in full"),
            )
        if found:
            return tuple(found)
    raise NotFound(
        t("the dialect {platform} does not read '{command}'", platform=dialect.platform, command=" ".join(typed)[:80]),
        next_step=t("'portseal dialect show {platform}' lists its commands", platform=dialect.platform),
    )


def _words(command: str) -> list[str]:
    return _SPACED_PORT.sub(r"\1\2", " ".join(command.split())).split(" ")


def _literally(typed: list[str], name: str) -> bool:
    return "{" not in name and _same(typed, name)


def _same(typed: list[str], name: str) -> bool:
    return _fits(typed, name, lambda word, whole: word == whole)


def _short_for(typed: list[str], name: str) -> bool:
    return _fits(typed, name, lambda word, whole: whole.startswith(word))


def _fits(typed: list[str], name: str, equal: Callable[[str, str], bool]) -> bool:
    words = name.split()
    if len(words) != len(typed) or not all(typed):
        return False
    return all(
        _NUMBERED.search(word) is not None if whole.startswith("{") else equal(word.casefold(), whole.casefold())
        for word, whole in zip(typed, words, strict=True)
    )


class _Parser:
    """Parses one answer. A record is collected in `_open` and closed by the next one's start, a stop or the end."""

    def __init__(self, form: _Form, where: str) -> None:
        self.form, self.read, self.where = form, form.read, where
        self._found: list[Row] = []
        self._open: Row | None = None
        self._total: tuple[int, str] | None = None

    def rows(self, text: str) -> list[Row]:
        form = self.form
        lines = self._lines(text)
        if form.bare:
            self._configuration(lines)
        elif form.read.start:
            self._records(lines)
        else:
            self._table(lines)
        # A configuration's last line says that it is whole, a table's heading that it is one.
        if form.complete is not None and not any(map(form.complete.match, reversed(lines) if form.lenient else lines)):
            raise CutShort(self.where, self.read.command)
        if self._total is not None and self._total[0] != len(self._found):
            raise self._unparsed(self._total[1])
        return self._found

    def _lines(self, text: str) -> Sequence[str]:
        """Give the lines that say something, without the echo, skipped blocks left out, wrapped ones joined."""
        lines = said(text)
        if lines and _is_echo(lines[0], self.read):
            lines = lines[1:]
        if self.read.json:
            return self._json(lines)
        if self.form.skip:
            lines = outside(lines, self.form.skip)
        return lines if self.form.wrapped is None else joined(lines, self.form.wrapped)

    def _json(self, lines: Sequence[str]) -> Sequence[str]:
        try:
            return json_lines(lines, self.read.json)
        except ValueError:
            # What was cut short is no JSON; otherwise the first line shows what came instead of an answer.
            if not lines or lines[0].startswith(("[", "{")):
                raise CutShort(self.where, self.read.command) from None
            raise self._unparsed(lines[0]) from None

    def _configuration(self, lines: Iterable[str]) -> None:
        """Take lines as they are: there are thousands of them, and nothing in them is to be turned."""
        self._found = [{"line": match[1]} for match in map(self.form.any_of.match, lines) if match is not None]

    def _table(self, lines: Iterable[str]) -> None:
        match_any, patterns = self.form.any_of.match, self.form.patterns
        for line in lines:
            if self.form.undecided and self._refused(line):
                raise self._unparsed(line)
            match = match_any(line)
            if match is None:
                self._other(line)
                continue
            pattern = patterns[match.lastindex or 0]
            if pattern.role == "total":
                self._total = (int(match[pattern.fields[0][0]]), line)
                continue
            row: Row = {}
            self._add(row, match, pattern, line)
            self._found.append(self._with_defaults(row))

    def _records(self, lines: Iterable[str]) -> None:
        match_any, patterns = self.form.any_of.match, self.form.patterns
        for line in lines:
            match = match_any(line)
            if match is None:
                self._other(line)
                continue
            pattern = patterns[match.lastindex or 0]
            if pattern.role == "total":
                self._total = (int(match[pattern.fields[0][0]]), line)
                continue
            if pattern.role == "start":
                self._close()
                self._open = {}
            elif pattern.role == "stop":
                self._close()
            if self._open is None:
                self._other(line)
            else:
                self._add(self._open, match, pattern, line)
        self._close()

    def _other(self, line: str) -> None:
        if self.form.lenient or (self.form.ignore is not None and self.form.ignore.match(line)):
            return
        if not self.read.open_text or self._refused(line):
            raise self._unparsed(line)

    def _refused(self, line: str) -> bool:
        """Tell whether the switch says no; not within a record, where a neighbour may have written the line."""
        return self.form.undecided and self._open is None and _REFUSAL.match(line) is not None

    def _close(self) -> None:
        if self._open:
            self._found.append(self._with_defaults(self._open))
        self._open = None

    def _with_defaults(self, row: Row) -> Row:
        for name in self.read.many.values():
            row.setdefault(name, [])
        for name, value in self.read.defaults.items():
            row.setdefault(name, value)
        return row

    def _add(self, row: Row, match: re.Match[str], pattern: _Pattern, line: str) -> None:
        members: dict[str, dict[str, object]] = {}
        many = self.read.many
        try:
            for group, name, turn in pattern.fields:
                text = match[group]
                if text is None:
                    continue
                value = turn(text)
                if name in many:
                    members.setdefault(many[name], {})[name] = value
                elif name not in row:
                    row[name] = value
                elif isinstance(value, frozenset) and isinstance(before := row[name], frozenset):
                    row[name] = before | value
        except (InputError, ValueError):
            raise self._unparsed(line) from None
        for name, member in members.items():
            collected = row.setdefault(name, [])
            assert isinstance(collected, list)
            collected.append(next(iter(member.values())) if name in self.form.alone else member)

    def _unparsed(self, line: str) -> UnparsedOutput:
        return UnparsedOutput(self.where, self.read.command, line.strip())


@dataclass(frozen=True, slots=True)
class _Pattern:
    """One regex of a read, as part of the one of all: its role, and (group, field, how the field's text is turned)."""

    role: str
    fields: tuple[tuple[int, str, Callable[[str], object]], ...]


class _Form:
    """A read made ready, once: `any_of` fits what any of its regexes fits, and its `lastindex` tells the first of them.

    A line of a configuration has twenty regexes to fit: tried one by one, they cost more than all the rest of reading.
    """

    def __init__(self, read: Read) -> None:
        self.read = read
        self.any_of, self.patterns = _together(read)
        self.ignore = re.compile("|".join(f"(?:{each})" for each in read.ignore), re.ASCII) if read.ignore else None
        self.complete, self.wrapped = _one(read.complete), _one(read.wrapped)
        self.skip: Blocks = tuple(
            (re.compile(first, re.ASCII), re.compile(last, re.ASCII)) for first, last in read.skip
        )
        #: Nothing else proves that the answer is one.
        self.undecided = read.open_text and not read.complete
        #: Any line may be unknown: most of a configuration is not ours.
        self.lenient = read.open_text and not self.undecided
        many = [*read.many.values()]
        self.alone = frozenset(name for name in many if many.count(name) == 1)
        plain = not (read.start or read.values or read.many or read.defaults)
        fields = [(group, name) for pattern in self.patterns.values() for group, name, _ in pattern.fields]
        self.bare = self.lenient and plain and len(self.patterns) == 1 and fields == [(1, "line")]


@lru_cache(maxsize=1024)
def _formed(read: Read) -> _Form:
    return _Form(read)


def _together(read: Read) -> tuple[re.Pattern[str], dict[int, _Pattern]]:
    """Give one regex for the total, start, stop and rows of `read`, in this order, and each by its `lastindex`.

    Several may name a group alike, which one regex must not: each one's number goes before its names. An empty group
    ends each, so that it is the last one that took part when its regex fits.
    """
    roles = [("total", read.total), ("start", read.start), ("stop", read.stop if read.start else "")]
    roles = [*(each for each in roles if each[1]), *(("row", text) for text in read.rows)]
    parts = [_NAMED.sub(f"(?P<_{number}_", f"(?:{text})(?P<>)") for number, (_, text) in enumerate(roles)]
    together = re.compile("|".join(parts) or r"(?!)", re.ASCII)
    fields: dict[str, list[tuple[int, str, Callable[[str], object]]]] = {}
    patterns: dict[int, _Pattern] = {}
    for prefixed, group in together.groupindex.items():
        _, number, name = prefixed.split("_", 2)
        if name:
            fields.setdefault(number, []).append((group, name, _turning(read, name)))
        else:
            patterns[group] = _Pattern(roles[int(number)][0], tuple(fields.get(number, ())))
    return together, patterns


def _turning(read: Read, name: str) -> Callable[[str], object]:
    """Give what makes a field's value of its text; it raises InputError or ValueError for a text that is none."""
    known, typed = read.values.get(name), _typing(name, read.literal)

    if known is None and typed is str:
        return str.strip if name != "line" else str.rstrip  # a configuration's indent is its structure

    def turn(text: str) -> object:
        text = text.strip()
        if known is None:
            return typed(text)
        for key in (text, text.lower(), "*"):
            if key in known:
                return typed(text) if known[key] == "*" else known[key]
        raise ValueError(name)

    # Names, addresses, numbers and the vendor's words come again and again; but a list is each row's own.
    return turn if name.rpartition("_")[2] == "ports" else lru_cache(maxsize=4096)(turn)


def _typing(name: str, literal: bool) -> Callable[[str], object]:
    """Give what makes a value of the type that :class:`~drivers.dialect.Fact` says for fields of this name."""
    kind = name.rpartition("_")[2]
    if kind == "mac":
        return _mac
    if kind == "port":
        return lambda text: _port(text, literal)
    if kind == "vlan" or name in _INTEGERS:
        return int
    if kind == "vlans":
        return parse_vlans
    if kind == "ports":
        return lambda text: [_port(part, literal) for part in _LISTED.split(text) if part]
    return str


_mac = lru_cache(maxsize=16_384)(parse_mac)


@lru_cache(maxsize=16_384)
def _port(text: str, literal: bool) -> str:
    """Give the canonical name; an interface type that Portseal has no word for (VirtualPortGroup0) keeps its own."""
    try:
        return canonical(text, literal=literal)
    except InputError:
        if _DEVICE_NAME.fullmatch(text):
            return text
        raise


def _one(pattern: str) -> re.Pattern[str] | None:
    return re.compile(pattern, re.ASCII) if pattern else None


def _is_echo(line: str, read: Read) -> bool:
    echo = _ECHO.fullmatch(line)
    typed = _words(echo["typed"] if echo is not None else line)
    return any(_short_for(typed, name) for name in (read.command, *read.aliases))
