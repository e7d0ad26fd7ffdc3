"""The command grammar: patterns from a vendor's words/*.txt, matched with abbreviations as its parser does."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib import resources

#: Reads a value; None means that the text is no such value.
Reader = Callable[[str], object | None]
_PIECE = re.compile(r"<[^>]+>|\[|\]|\{|\}|\||[^\s\[\]{}|<>]+")


class SyntaxProblem(Exception):
    """A line that is no command: `kind` is invalid, incomplete or ambiguous.

    `at` is the first letter that fits nothing, `start` the beginning of its word, where other vendors put the caret.
    `expected` is what could have stood there: a keyword (word), a value, or nothing more.
    """

    def __init__(self, kind: str, at: int = 0, start: int | None = None, expected: str = "word") -> None:
        super().__init__(kind)
        self.kind = kind
        self.at = at
        self.start = at if start is None else start
        self.expected = expected


def _word(text: str) -> str:
    return text


@dataclass(frozen=True)
class Readers:
    """How a vendor writes values: `word` reads one word by the type's name, `rest` the rest of the line.

    `interface` reads an interface's name (type intf), which may be typed with a space behind a word that `is_kind`
    knows. The types ip, word, line and numbers (1-4094) are everybody's.
    """

    interface: Callable[[str], str | None]
    is_kind: Callable[[str], bool]
    word: dict[str, Reader] = field(default_factory=dict)
    rest: dict[str, Reader] = field(default_factory=dict)

    def read(self, kind: str, tokens: list[tuple[str, int]], index: int, line: str) -> tuple[object | None, int]:
        """Read the value at `index`; give it (None: no such value) and the number of words it took."""
        token, at = tokens[index]
        if kind == "line" or kind in self.rest:
            return self.rest.get(kind, _word)(line[at:].rstrip()), len(tokens) - index
        if kind == "intf":
            if self.is_kind(token) and index + 1 < len(tokens):
                return self.interface(token + tokens[index + 1][0]), 2
            return self.interface(token), 1
        if kind[0].isdigit():
            low, _, high = kind.partition("-")
            return (int(token) if token.isdigit() and int(low) <= int(token) <= int(high) else None), 1
        return {"ip": _ip, "word": _word, **self.word}[kind](token), 1

    def unfinished(self, kind: str, token: str) -> bool:
        """Tell whether a word is the first half of a value that is typed with a space."""
        return kind in {"intf", "range"} and self.is_kind(token)


@dataclass(slots=True)
class Match:
    """A recognised command: its handler's name, the keywords in full, and the values by name."""

    handler: str
    words: list[str]
    values: dict[str, object]
    user: bool = False

    @property
    def no(self) -> bool:
        """Tell whether this is a `no` (or `undo`) form."""
        return bool(self.words) and self.words[0] in {"no", "undo"}


@dataclass(slots=True)
class _Node:
    literals: dict[str, _Node] = field(default_factory=dict)
    values: dict[tuple[str, str], _Node] = field(default_factory=dict)
    handler: str = ""
    user: bool = False


class Grammar:
    """The commands of one mode."""

    def __init__(self, text: str, readers: Readers) -> None:
        self._root = _Node()
        self._readers = readers
        for line in text.splitlines():
            if line and not line.startswith("#"):
                user = line.startswith(">")
                handler, pattern = line.lstrip("> ").split(None, 1)
                for pieces in _expand(_PIECE.findall(pattern)):
                    self._insert(pieces, handler, user)

    def handlers(self) -> set[str]:
        """Name all handlers that the patterns ask for."""
        return {node.handler for node in _nodes(self._root) if node.handler}

    def _insert(self, pieces: list[str], handler: str, user: bool) -> None:
        node = self._root
        for piece in pieces:
            if piece.startswith("<"):
                name, _, kind = piece[1:-1].partition(":")
                node = node.values.setdefault((name, kind), _Node())
            else:
                node = node.literals.setdefault(piece, _Node())
        if not node.handler:
            node.handler, node.user = handler, user

    def match(self, line: str) -> Match:
        """Recognise `line`; raises SyntaxProblem."""
        tokens = [(found.group(), found.start()) for found in re.finditer(r"\S+", line)]
        found = Match("", [], {})
        node, index = self._root, 0
        while index < len(tokens):
            node, index = self._step(node, tokens, index, line, found)
        if not node.handler:
            raise SyntaxProblem("incomplete")
        found.handler, found.user = node.handler, node.user
        return found

    def follows(self, line: str) -> list[str]:
        """List what may follow a line (for `?`): keywords, or <value> names."""
        node = self._root
        tokens = [(found.group(), found.start()) for found in re.finditer(r"\S+", line)]
        partial = "" if not line or line.endswith(" ") or not tokens else tokens.pop()[0].lower()
        index = 0
        while index < len(tokens):
            node, index = self._step(node, tokens, index, line, Match("", [], {}))
        words = sorted(word for word in node.literals if word.startswith(partial))
        values = [f"<{kind}>" if kind[0].isdigit() else kind.upper() for _, kind in node.values] if not partial else []
        return [*words, *values, *(["<cr>"] if node.handler and not partial else [])]

    def _step(
        self, node: _Node, tokens: list[tuple[str, int]], index: int, line: str, found: Match
    ) -> tuple[_Node, int]:
        """Take the token at `index`; give the node behind it and the index of the next token."""
        token, at = tokens[index]
        word = token.lower()
        if word in node.literals:
            found.words.append(word)
            return node.literals[word], index + 1
        candidates = [name for name in node.literals if name.startswith(word)]
        if len(candidates) == 1:
            found.words.append(candidates[0])
            return node.literals[candidates[0]], index + 1
        for (name, kind), child in node.values.items():
            value, used = self._readers.read(kind, tokens, index, line)
            if value is not None:
                found.values[name] = value
                return child, index + used
        if candidates:
            raise SyntaxProblem("ambiguous", at)
        if not node.literals and not node.values:
            raise SyntaxProblem("invalid", at, expected="nothing")
        if index + 1 == len(tokens) and any(self._readers.unfinished(kind, token) for _, kind in node.values):
            raise SyntaxProblem("incomplete")
        raise SyntaxProblem("invalid", at + _common(node, word), at, "value" if node.values else "word")


def _ip(token: str) -> str | None:
    try:
        return str(ipaddress.IPv4Address(token))
    except ValueError:
        return None


def _common(node: _Node, word: str) -> int:
    """Give how many letters of `word` begin a keyword here: the caret stands under the first that does not."""
    best = 0
    for name in node.literals:
        same = next(
            (at for at, (a, b) in enumerate(zip(name, word, strict=False)) if a != b), min(len(name), len(word))
        )
        best = max(best, same)
    return best


def _expand(pieces: list[str]) -> Iterator[list[str]]:
    """Write out the optional and alternative parts of a pattern."""
    if not pieces:
        yield []
        return
    head, rest = pieces[0], pieces[1:]
    if head not in {"[", "{"}:
        for tail in _expand(rest):
            yield [head, *tail]
        return
    end = _closing(pieces)
    inside, after = pieces[1:end], pieces[end + 1 :]
    choices: list[list[str]] = [[]] if head == "[" else []
    for choice in _alternatives(inside):
        choices += list(_expand(choice))
    for choice in choices:
        for tail in _expand(after):
            yield [*choice, *tail]


def _closing(pieces: list[str]) -> int:
    depth = 0
    for at, piece in enumerate(pieces):
        depth += (piece in {"[", "{"}) - (piece in {"]", "}"})
        if depth == 0:
            return at
    raise ValueError(f"unbalanced pattern {' '.join(pieces)}")


def _alternatives(pieces: list[str]) -> list[list[str]]:
    parts: list[list[str]] = [[]]
    depth = 0
    for piece in pieces:
        depth += (piece in {"[", "{"}) - (piece in {"]", "}"})
        if piece == "|" and depth == 0:
            parts.append([])
        else:
            parts[-1].append(piece)
    return parts


def _nodes(node: _Node) -> Iterator[_Node]:
    yield node
    for child in (*node.literals.values(), *node.values.values()):
        yield from _nodes(child)


@cache
def words(package: str, name: str) -> str:
    """Read a file of a vendor's words: `package` is lab.switch.persona.VENDOR."""
    return (resources.files(package) / "words" / name).read_text(encoding="utf-8")
