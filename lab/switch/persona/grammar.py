"""The command grammar: patterns from words/*.txt, matched with abbreviations as IOS does."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib import resources

from lab.switch.persona import names

#: Readers of values; None means that the text is no such value.
_READERS: dict[str, Callable[[str], object | None]] = {
    "intf": names.interface,
    "mac": names.parse_mac,
    "vlans": names.parse_vlans,
    "word": lambda text: text,
}
_PIECE = re.compile(r"<[^>]+>|\[|\]|\{|\}|\||[^\s\[\]{}|<>]+")


class SyntaxProblem(Exception):
    """A line that is no command: `kind` is invalid, incomplete or ambiguous; `at` is where the caret goes."""

    def __init__(self, kind: str, at: int = 0) -> None:
        super().__init__(kind)
        self.kind = kind
        self.at = at


@dataclass(slots=True)
class Match:
    """A recognised command: its handler's name, the keywords in full, and the values by name."""

    handler: str
    words: list[str]
    values: dict[str, object]
    user: bool = False

    @property
    def no(self) -> bool:
        """Tell whether this is a `no` form."""
        return bool(self.words) and self.words[0] == "no"


@dataclass(slots=True)
class _Node:
    literals: dict[str, _Node] = field(default_factory=dict)
    values: dict[tuple[str, str], _Node] = field(default_factory=dict)
    handler: str = ""
    user: bool = False


class Grammar:
    """The commands of one mode."""

    def __init__(self, text: str) -> None:
        self._root = _Node()
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
            node, index = _step(node, tokens, index, line, found)
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
            node, index = _step(node, tokens, index, line, Match("", [], {}))
        words = sorted(word for word in node.literals if word.startswith(partial))
        values = [f"<{kind}>" if kind[0].isdigit() else kind.upper() for _, kind in node.values] if not partial else []
        return [*words, *values, *(["<cr>"] if node.handler and not partial else [])]


def _step(node: _Node, tokens: list[tuple[str, int]], index: int, line: str, found: Match) -> tuple[_Node, int]:
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
        value, used = _read(kind, tokens, index, line)
        if value is not None:
            found.values[name] = value
            return child, index + used
    if candidates:
        raise SyntaxProblem("ambiguous", at)
    if not node.literals and not node.values:
        raise SyntaxProblem("invalid", at)
    if _needs_more(node, token) and index + 1 == len(tokens):
        raise SyntaxProblem("incomplete")
    raise SyntaxProblem("invalid", at + _common(node, word))


def _needs_more(node: _Node, token: str) -> bool:
    """Tell whether a token is the first half of an interface name typed with a space."""
    return any(kind in {"intf", "range"} for _, kind in node.values) and token.isalpha() and names.is_kind(token)


def _read(kind: str, tokens: list[tuple[str, int]], index: int, line: str) -> tuple[object | None, int]:
    token, at = tokens[index]
    if kind in {"line", "range"}:
        text = line[at:].rstrip()
        return (text if kind == "line" else _interfaces(text)), len(tokens) - index
    if kind == "intf" and token.isalpha() and index + 1 < len(tokens):
        return names.interface(token + tokens[index + 1][0]), 2
    if kind == "ip":
        return _ip(token), 1
    if kind[0].isdigit():
        low, _, high = kind.partition("-")
        return (int(token) if token.isdigit() and int(low) <= int(token) <= int(high) else None), 1
    return _READERS[kind](token), 1


def _ip(token: str) -> str | None:
    try:
        return str(ipaddress.IPv4Address(token))
    except ValueError:
        return None


def _interfaces(text: str) -> list[str] | None:
    """Read `Gi1/0/1 - 4, gi1/0/7` as full names."""
    found: list[str] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        name = names.interface(first)
        if name is None or (last and not last.strip().isdigit()):
            return None
        kind, numbers = names.split(name)
        head = kind + "".join(f"{number}/" for number in numbers[:-1])
        found += [f"{head}{number}" for number in range(numbers[-1], int(last or numbers[-1]) + 1)]
    return found


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
def grammar(name: str) -> Grammar:
    """Give the grammar of a mode: exec, config, interface or vlan."""
    return Grammar(text(f"{name}.txt"))


@cache
def text(name: str) -> str:
    """Read a file of vendor words."""
    return (resources.files("lab.switch.persona") / "words" / name).read_text(encoding="utf-8")
