"""The one row parser for all dialects: the text of an answer and a :class:`~drivers.dialect.Read` in, rows out.

A line that nothing knows is an error, never a row that is missing: a secured address that a parser drops in silence is
a binding that the controller believes to be absent. Terminal noise is understood first: pagers and their backspaces,
log messages in the middle of a table, the echoed command, the prompt at the end.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache

from drivers.dialect import Dialect, Read
from policies.errors import EquipmentError, InputError, NotFound, UnparsedOutput, UsageError
from policies.names import canonical, parse_mac, parse_vlans
from policies.texts import t

#: One row: field → str, int, bool, None, a set of VLAN ids, or a list.
Row = dict[str, object]

_PROMPT = (
    r"(?:[A-Za-z0-9][\w.\-/:@+]{0,79}(?:\([\w.\-/:@+ ]{0,79}\))?[>#]"
    r"|<[^<>\s]{1,80}>|\[[~*]?[A-Za-z][^\[\]\s]{0,79}\])"
)
_TRAILING_PROMPT = re.compile(_PROMPT + r"\s*", re.ASCII)
_ECHO = re.compile(_PROMPT + r"\s*(?P<typed>\S.*)", re.ASCII)
_CLOCK = r"\d{1,2}:\d\d:\d\d(?:[.:]\d{1,6})?"
#: Log messages that a terminal shows between two lines. IOS: an optional sequence number and time, then %FACILITY-
#: SEVERITY-MNEMONIC. Comware: %date host MODULE/level/. VRP: date host %%version MODULE/level/.
_LOG = re.compile(
    rf"(?:\d{{1,10}}: )?(?:[*.]?(?:[A-Z][a-z]{{2}} {{1,2}}\d{{1,2}} (?:\d{{4}} )?)?{_CLOCK}(?: [A-Z]{{1,5}})?: "
    r"|(?:\d+[ywdh]){1,4}: )?%[A-Z][A-Z0-9_]*(?:-[A-Z0-9_]+)*-[0-7]-[A-Z0-9_]+: "
    rf"|%[A-Z][a-z]{{2}} {{1,2}}\d{{1,2}} {_CLOCK} \d{{4}} \S+ [A-Z0-9]+/\d/"
    rf"|[A-Z][a-z]{{2}} {{1,2}}\d{{1,2}} \d{{4}} {_CLOCK}(?:[+-]\d\d:\d\d)? \S+ %%\d\d[A-Z0-9]+/\d/",
    re.ASCII,
)
#: How a switch says no: checked where unknown lines are allowed and nothing proves that the answer is whole.
_REFUSAL = re.compile(
    r"\s*(?:%\s?(?:Invalid input|(?:Incomplete|Ambiguous|Unrecognized|Unknown) command|Wrong parameter|Too many|"
    r"Authorization failed|Permission denied|Access denied|Command rejected|Not supported|Error)\b"
    r"|Error: ?[A-Z]|Command (?:authorization failed|rejected)|Insufficient privilege)",
    re.ASCII | re.IGNORECASE,
)
#: A pager's question that was not erased. IOS overwrites " --More-- " with eight blanks when backspaces are lost.
_PAGER = re.compile(r" ?(?:-{2,4} ?More ?-{2,4}|<-{1,3} ?More ?-{1,3}>) ?(?: {8})?", re.IGNORECASE)
_TERMINAL = re.compile(r"\x1b\[(?P<count>\d*)[0-9;?]*(?P<action>[A-Za-z])|\x1b[=>]|[\x00-\x1f\x7f]")
_DEVICE_NAME = re.compile(r"[A-Za-z][A-Za-z-]*\d[\d/.:]*", re.ASCII)
_SPACED_PORT = re.compile(r"\b([A-Za-z][A-Za-z-]*) (\d+(?:/\d+)+)")
#: What stands for {port} in a command: a name with a number, or the word by which recordings are filed.
_NUMBERED = re.compile(r"\d|^interface$|^\{")
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
    return _Parser(read, where).rows(text)


def is_log(line: str) -> bool:
    """Tell whether `line` is a log message that a terminal shows between two lines of an answer."""
    return "%" in line and _LOG.match(line) is not None


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

    def __init__(self, read: Read, where: str) -> None:
        self.read, self.where = read, where
        self._rows = _compiled(read.rows)
        self._ignore = _compiled(read.ignore)
        self._start, self._stop = _one(read.start), _one(read.stop)
        self._total = _one(read.total)
        # Configuration lines are rows of one text: there are thousands, and nothing in them is to be turned.
        self._bare = [*(pattern.groupindex for pattern in self._rows)] == [{"line": 1}] and not read.values
        self._found: list[Row] = []
        self._open: Row | None = None

    def rows(self, text: str) -> list[Row]:
        complete = _one(self.read.complete)
        whole = complete is None
        said: tuple[int, str] | None = None
        for line in self._lines(text):
            if complete is not None and not whole:
                whole = complete.match(line) is not None
            if self._total is not None and (match := self._total.match(line)) is not None:
                said = (int(match["total"]), line)
            elif not (self._record(line) if self._start is not None else self._table(line)):
                self._other(line)
        self._close()
        if not whole:
            raise CutShort(self.where, self.read.command)
        if said is not None and said[0] != len(self._found):
            raise self._unparsed(said[1])
        return self._found

    def _lines(self, text: str) -> Iterator[str]:
        """Give the lines that say something, wrapped ones joined, skipped blocks left out."""
        lines = _significant(text, self.read)
        if self.read.skip:
            lines = self._outside(lines)
        wrapped = _one(self.read.wrapped)
        return lines if wrapped is None else _joined(lines, wrapped)

    def _outside(self, lines: Iterator[str]) -> Iterator[str]:
        blocks = [(_one(first), _one(last)) for first, last in self.read.skip]
        end: re.Pattern[str] | None = None
        for line in lines:
            if end is not None:
                end = None if end.match(line) else end
                continue
            end = next((last for first, last in blocks if first is not None and first.match(line)), None)
            if end is None:
                yield line

    def _table(self, line: str) -> bool:
        if self._refused(line):
            raise self._unparsed(line)
        for pattern in self._rows:
            if (match := pattern.match(line)) is not None:
                row: Row = {**match.groupdict()} if self._bare else {}
                if not self._bare:
                    self._add(row, match, line)
                self._found.append(self._with_defaults(row))
                return True
        return False

    def _record(self, line: str) -> bool:
        if self._start is not None and (match := self._start.match(line)) is not None:
            self._close()
            self._open = {}
            self._add(self._open, match, line)
            return True
        if self._open is None:
            return False
        if self._stop is not None and self._stop.match(line):
            self._close()
            return False
        for pattern in self._rows:
            if (match := pattern.match(line)) is not None:
                self._add(self._open, match, line)
                return True
        return False

    def _other(self, line: str) -> None:
        if any(pattern.match(line) for pattern in self._ignore):
            return
        if not self.read.open_text or self._refused(line):
            raise self._unparsed(line)

    def _refused(self, line: str) -> bool:
        """Tell whether the switch says no; not within a record, where a neighbour may have written the line."""
        undecided = self.read.open_text and not self.read.complete and self._open is None
        return undecided and _REFUSAL.match(line) is not None

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

    def _add(self, row: Row, match: re.Match[str], line: str) -> None:
        many = self.read.many
        members: dict[str, dict[str, object]] = {}
        for name, text in match.groupdict().items():
            if text is None:
                continue
            value = self._value(name, text, line)
            if name in many:
                members.setdefault(many[name], {})[name] = value
            elif isinstance(before := row.get(name), frozenset) and isinstance(value, frozenset):
                row[name] = before | value
            else:
                row.setdefault(name, value)
        for name, member in members.items():
            alone = sum(target == name for target in many.values()) == 1
            collected = row.setdefault(name, [])
            assert isinstance(collected, list)
            collected.append(next(iter(member.values())) if alone else member)

    def _value(self, name: str, text: str, line: str) -> object:
        text = text.strip() if name != "line" else text.rstrip()  # a configuration's indent is its structure
        known = self.read.values.get(name)
        if known is not None:
            key = next((key for key in (text, text.lower(), "*") if key in known), None)
            if key is None:
                raise self._unparsed(line)
            if known[key] != "*":
                return known[key]
        try:
            return _typed(name, text, self.read.literal)
        except (InputError, ValueError):
            raise self._unparsed(line) from None

    def _unparsed(self, line: str) -> UnparsedOutput:
        return UnparsedOutput(self.where, self.read.command, line.strip())


def _typed(name: str, text: str, literal: bool) -> object:
    kind = name.rpartition("_")[2]
    if kind == "mac":
        return parse_mac(text)
    if kind == "port":
        return _port(text, literal)
    if kind == "vlan" or name in _INTEGERS:
        return int(text)
    if kind == "vlans":
        return parse_vlans(text)
    if kind == "ports":
        return [_port(part, literal) for part in _LISTED.split(text) if part]
    return text


@lru_cache(maxsize=16_384)
def _port(text: str, literal: bool) -> str:
    """Give the canonical name; an interface type that Portseal has no word for (VirtualPortGroup0) keeps its own."""
    try:
        return canonical(text, literal=literal)
    except InputError:
        if _DEVICE_NAME.fullmatch(text):
            return text
        raise


@lru_cache(maxsize=1024)
def _compiled(patterns: tuple[str, ...]) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(pattern, re.ASCII) for pattern in patterns)


def _one(pattern: str) -> re.Pattern[str] | None:
    return _compiled((pattern,))[0] if pattern else None


def _joined(lines: Iterator[str], wrapped: re.Pattern[str]) -> Iterator[str]:
    pending: str | None = None
    for line in lines:
        if pending is not None and wrapped.match(line):
            pending = f"{pending.rstrip()} {line.strip()}"
            continue
        if pending is not None:
            yield pending
        pending = line
    if pending is not None:
        yield pending


def _significant(text: str, read: Read) -> Iterator[str]:
    """Give the lines without blanks at the end, without empty lines, log messages, echo and trailing prompt."""
    said = _said(text)
    return iter(said[1:] if said and _is_echo(said[0], read) else said)


@lru_cache(maxsize=32)
def _said(text: str) -> tuple[str, ...]:
    """Give the lines that say something; kept, since several reads share one answer (a running configuration: four)."""
    lines = [line for line in _on_screen(text) if line]
    if lines and _TRAILING_PROMPT.fullmatch(lines[-1]):
        del lines[-1]
    return tuple(line for line in lines if not is_log(line))


def _is_echo(line: str, read: Read) -> bool:
    echo = _ECHO.fullmatch(line)
    typed = _words(echo["typed"] if echo is not None else line)
    return any(_short_for(typed, name) for name in (read.command, *read.aliases))


def _on_screen(text: str) -> Iterable[str]:
    """Give the lines as a terminal would show them: what backspaces and carriage returns overwrite is gone."""
    for raw in text.split("\n"):
        line = raw.rstrip("\r\n\t ").replace("\x03", "^C")  # the mark around banners, which IOS writes both ways
        if not line.isprintable() and _TERMINAL.search(line):
            line = _overwritten(line).rstrip()
        if "ore" in line or "ORE" in line:
            line = _PAGER.sub("", line, count=1) if _PAGER.match(line) else line
        yield line


def _overwritten(line: str) -> str:
    cells: list[str] = []
    column = position = 0
    while position < len(line):
        match = _TERMINAL.match(line, position)
        if match is None or match.group() == "\t":
            cells[column : column + 1] = line[position]
            column, position = column + 1, position + 1
            continue
        position = match.end()
        if match.group() == "\r":
            column = 0
        elif match.group() == "\b" or match["action"] == "D":
            column = max(0, column - int(match["count"] or 1))
        elif match["action"] == "K":
            del cells[column:]
    return "".join(cells)
