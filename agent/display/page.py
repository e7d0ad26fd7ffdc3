"""Where everything stands on the operator's screen: a scene and a size become pieces of text with places and styles.

Pure, so that it can be tried without a terminal. Big things (the band with the state, the digits of the time left) are
made of blanks in reverse video: they need no glyph, no colour and no agreement about how wide a block character is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from agent.display.scene import Face, Key, Scene
from policies.texts.wrap import columns, wrap


class Style(StrEnum):
    """How a piece is shown; the tones are those of the band, the others of text."""

    PLAIN = "plain"
    STRONG = "strong"
    FAINT = "faint"
    ALARM = "alarm"
    CALM = "calm"
    ASKING = "asking"
    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Piece:
    """Text at a place; `row` and `column` count from 0 at the top left."""

    row: int
    column: int
    text: str
    style: Style = Style.PLAIN


_TONES: Mapping[Face, Style] = {
    Face.SHUT: Style.CALM,
    Face.PURPOSE: Style.ASKING,
    Face.SECOND: Style.ASKING,
    Face.WAITING: Style.ASKING,
    Face.OPEN: Style.GOOD,
    Face.ENDING: Style.WARNING,
    Face.RELOCKED: Style.CALM,
    Face.REFUSED: Style.BAD,
    Face.AWAY: Style.BAD,
    Face.FAULT: Style.BAD,
    Face.GONE: Style.BAD,
}
#: Digits of three by five points, the rows from the top, and the colon.
_DIGITS = {
    "0": "111 101 101 101 111", "1": "010 110 010 010 111", "2": "111 001 111 100 111", "3": "111 001 111 001 111",
    "4": "101 101 111 001 001", "5": "111 100 111 001 111", "6": "111 100 111 101 111", "7": "111 001 001 001 001",
    "8": "111 101 111 101 111", "9": "111 101 111 001 111", ":": "0 1 0 1 0",
}  # fmt: skip
_LOCK = "001111100 010000010 010000010 111111111 111101111 111101111 111111111"
_CROSS = "1100011 0110110 0011100 0011100 0110110 1100011"
_QUESTION = "011110 110011 000011 000110 001100 000000 001100"
_GLASS = "1111111 0111110 0011100 0001000 0011100 0100010 1111111"
_TWO = "011110 110011 000011 000110 001100 011000 111111"
#: What is drawn where no time runs, to be told apart from afar.
_PICTURES: Mapping[Face, str] = {
    Face.SHUT: _LOCK, Face.RELOCKED: _LOCK, Face.PURPOSE: _QUESTION, Face.SECOND: _TWO, Face.WAITING: _GLASS,
    Face.REFUSED: _CROSS, Face.AWAY: _CROSS, Face.FAULT: _CROSS, Face.GONE: _CROSS,
}  # fmt: skip
_POINT = "  "
#: From this height on there is room for big digits; below this size only the state and its sentences are shown.
_ROOMY, _SMALL_ROWS, _SMALL_COLUMNS = 22, 12, 30
_MARGIN = 4


def lay_out(scene: Scene, rows: int, width: int, *, message: str = "", stamp: str = "") -> tuple[Piece, ...]:
    """Place a scene on `rows` by `width` columns. `message` answers the last key; `stamp` is the time of day."""
    if rows < _SMALL_ROWS or width < _SMALL_COLUMNS:
        return tuple(_small(scene, rows, width))
    pieces = [*_header(scene, width, stamp)]
    row, roomy = 2, rows >= _ROOMY
    height = 5 if rows >= _ROOMY + 6 else 3
    pieces += _band(scene, row, height, width, clock=not roomy)
    row += height + 1
    if roomy:
        shapes = [_DIGITS[each].split() for each in scene.clock] or [_PICTURES[scene.face].split()]
        tall = len(shapes[0])
        pieces += _big(shapes, row, width, _TONES[scene.face])
        pieces += _bar(scene, row + tall + 1, width) if scene.left is not None else ()
        row += tall + (3 if scene.left is not None else 1)
    foot = _foot(scene, message, width)
    room = rows - len(foot) - 1
    for style, line in _body(scene, width):
        if row >= room:
            break
        pieces.append(Piece(row, _MARGIN, line, style))
        row += 1
    start = rows - len(foot)
    pieces += [Piece(start + place, column, text, style) for place, (column, text, style) in enumerate(foot)]
    return tuple(pieces)


def _header(scene: Scene, width: int, stamp: str) -> Iterator[Piece]:
    yield Piece(0, 1, cut(scene.place, width - columns(stamp) - 3), Style.FAINT)
    if stamp:
        yield Piece(0, width - columns(stamp) - 1, stamp, Style.FAINT)


def _band(scene: Scene, row: int, height: int, width: int, *, clock: bool) -> Iterator[Piece]:
    """Give the state as a band across the screen; a Chinese word is spaced out, to be read from afar."""
    word = f"{scene.word}  {scene.clock}".rstrip() if clock else scene.word
    spaced = "  ".join(word) if columns(word) > len(word) else " ".join(word)
    word = spaced if columns(spaced) <= width - 4 else cut(word, width - 2)
    left = max(0, (width - columns(word)) // 2)
    tone = _TONES[scene.face]
    for line in range(height):
        inner = " " * left + word if line == height // 2 else ""
        yield Piece(row + line, 0, inner + " " * (width - columns(inner)), tone)


def _big(shapes: list[list[str]], row: int, width: int, tone: Style) -> Iterator[Piece]:
    """Draw shapes side by side, in the middle."""
    whole = sum(len(shape[0]) for shape in shapes) * len(_POINT) + 2 * (len(shapes) - 1)
    column = max(0, (width - whole) // 2)
    for shape in shapes:
        for line, points in enumerate(shape):
            for place, point in enumerate(points):
                if point == "1":
                    yield Piece(row + line, column + place * len(_POINT), _POINT, tone)
        column += len(shape[0]) * len(_POINT) + 2


def _bar(scene: Scene, row: int, width: int) -> Iterator[Piece]:
    """Give the time left as a bar that becomes shorter."""
    whole = width - 2 * _MARGIN
    filled = round(whole * min(1.0, (scene.left or 0) / max(1, scene.total)))
    yield Piece(row, _MARGIN, " " * filled, _TONES[scene.face])
    yield Piece(row, _MARGIN + filled, "." * (whole - filled), Style.FAINT)


def _body(scene: Scene, width: int) -> Iterator[tuple[Style, str]]:
    for place, line in enumerate(scene.lines):
        for part in _wrapped(line, width - 2 * _MARGIN):
            yield Style.STRONG if place == 0 else Style.PLAIN, part


def _foot(scene: Scene, message: str, width: int) -> list[tuple[int, str, Style]]:
    """Give what stands at the bottom: alarms, the answer to the last key, and the keys."""
    room = width - 2 * _MARGIN
    found = [(_MARGIN, line, Style.ALARM) for each in scene.alarms[:3] for line in _wrapped(each, room)[:2]]
    found += [(_MARGIN, line, Style.STRONG) for line in _wrapped(message, room)[:2]]
    found += [(_MARGIN, "", Style.PLAIN)] if found else []
    found += [(_MARGIN, line, Style.STRONG) for line in _keys(scene.keys, room)]
    return [*found, (_MARGIN, "", Style.PLAIN)]


def _wrapped(text: str, width: int) -> list[str]:
    """Break into lines; what cannot be broken (a path) is cut."""
    return [cut(line, width) for line in wrap(text, width)]


def _keys(keys: tuple[Key, ...], room: int) -> list[str]:
    lines: list[str] = []
    for each in keys:
        text = f"[{each.letter}] {each.about}"
        if lines and columns(lines[-1]) + 4 + columns(text) <= room:
            lines[-1] += "    " + text
        else:
            lines.append(cut(text, room))
    return lines


def _small(scene: Scene, rows: int, width: int) -> Iterator[Piece]:
    """Show what fits where little does: the state with the time left, then the sentences."""
    lines = [f"{scene.word} {scene.clock}".rstrip(), *_keys(scene.keys, max(1, width - 1))]
    lines += [part for each in (*scene.alarms, *scene.lines) for part in wrap(each, max(1, width - 1))]
    for row, line in enumerate(lines[: max(1, rows)]):
        yield Piece(row, 0, cut(line, width - 1), _TONES[scene.face] if row == 0 else Style.PLAIN)


def cut(text: str, width: int) -> str:
    """Give as much of `text` as fits into `width` columns; a wide character is never cut in two."""
    taken, room = "", max(0, width)
    for character in text:
        room -= columns(character)
        if room < 0:
            break
        taken += character
    return taken
