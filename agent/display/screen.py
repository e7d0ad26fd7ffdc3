"""The operator's view on a terminal, with the standard library's curses: it draws pages, and takes single keys.

The terminal is as it was when the program ends, however it ends: also by SIGTERM, SIGHUP, Ctrl-C, or a mistake of ours.
"""

from __future__ import annotations

import curses
import locale
import signal
import sys
import time
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from types import FrameType

from agent.display.feed import Feed
from agent.display.page import Style, lay_out
from agent.display.scene import Scene
from policies.errors import PortsealError, Unexpected, UsageError
from policies.texts import t

#: Milliseconds that one look for a key takes at most: the countdown is drawn at least that often.
_LOOK_MS = 200
_REPAINT = "\x0c"  # Ctrl-L, as everywhere
_LEAVE = ("q", "\x03", "\x04")
_COLOURS: Mapping[Style, tuple[int, int]] = {
    Style.ALARM: (curses.COLOR_RED, -1),
    Style.CALM: (curses.COLOR_WHITE, curses.COLOR_BLUE),
    Style.ASKING: (curses.COLOR_BLACK, curses.COLOR_CYAN),
    Style.GOOD: (curses.COLOR_BLACK, curses.COLOR_GREEN),
    Style.WARNING: (curses.COLOR_BLACK, curses.COLOR_YELLOW),
    Style.BAD: (curses.COLOR_WHITE, curses.COLOR_RED),
}
_BANDS = frozenset({Style.CALM, Style.ASKING, Style.GOOD, Style.WARNING, Style.BAD})


def show(feed: Feed) -> None:
    """Show what `feed` gives until the user leaves or the process is told to stop.

    Raises UsageError without a terminal, and Unexpected (never a traceback) for a mistake of ours.
    """
    stopped: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        stopped.append(number)

    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise _no_terminal()
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, stop)
    try:
        with _curses() as window:
            feed.start()
            _run(window, feed, stopped)
    except PortsealError:
        raise
    except Exception as error:  # noqa: BLE001 - the terminal is whole again: one line on it, and no traceback
        raise Unexpected(error, where="view") from None
    finally:
        feed.stop()


def _run(window: curses.window, feed: Feed, stopped: list[int]) -> None:
    styles = _styles()
    while not stopped:
        scene, message = feed.now()
        if scene is not None:
            _draw(window, styles, scene, message)
        key = _key(window)
        if key in _LEAVE:
            return
        for each in () if scene is None else scene.keys:
            if each.letter == key:
                feed.press(each.asks)


@contextmanager
def _curses() -> Iterator[curses.window]:
    with suppress(locale.Error):
        locale.setlocale(locale.LC_ALL, "")
    if locale.getpreferredencoding(False).upper().replace("-", "") in ("ASCII", "ANSI_X3.41968", "ISO88591"):
        with suppress(locale.Error):
            locale.setlocale(locale.LC_CTYPE, "C.UTF-8")
    try:
        window = curses.initscr()
    except curses.error:
        raise _no_terminal() from None
    try:
        curses.noecho()
        curses.cbreak()
        window.keypad(True)
        window.timeout(_LOOK_MS)
        with suppress(curses.error):
            curses.curs_set(0)
        yield window
    finally:
        with suppress(curses.error):
            curses.curs_set(1)
        with suppress(curses.error):
            window.keypad(False)
            curses.echo()
            curses.nocbreak()
        curses.endwin()


def _styles() -> dict[Style, int]:
    """Give curses' attribute for each style; without colours the bands are in reverse video."""
    found = {style: curses.A_REVERSE | curses.A_BOLD if style in _BANDS else curses.A_NORMAL for style in Style}
    found |= {Style.STRONG: curses.A_BOLD, Style.ALARM: curses.A_BOLD}
    with suppress(curses.error):
        curses.start_color()
        if curses.has_colors():
            curses.use_default_colors()
            for number, (style, (text, ground)) in enumerate(_COLOURS.items(), 1):
                curses.init_pair(number, text, ground)
                found[style] = curses.color_pair(number) | curses.A_BOLD
    return found


def _draw(window: curses.window, styles: Mapping[Style, int], scene: Scene, message: str) -> None:
    rows, width = window.getmaxyx()
    window.erase()
    for piece in lay_out(scene, rows, width, message=message, stamp=time.strftime("%H:%M")):
        # The last cell of the screen cannot be written without an error; nothing but a band ever reaches it.
        with suppress(curses.error, UnicodeEncodeError):
            window.addstr(piece.row, piece.column, piece.text, styles[piece.style])
    window.refresh()


def _key(window: curses.window) -> str:
    try:
        key = window.get_wch()
    except curses.error:  # none was pressed
        return ""
    if key in (curses.KEY_RESIZE, _REPAINT):
        # What terminals keep of a screen when its size changes differs: everything is drawn anew.
        curses.update_lines_cols()
        window.clear()
        return ""
    # An input method may give the full-width digit.
    return unicodedata.normalize("NFKC", key).lower() if isinstance(key, str) else ""


def _no_terminal() -> UsageError:
    return UsageError(
        t("the view needs a terminal that can show a full screen"),
        next_step=t("run it in a terminal (TERM names its kind), or use 'portseal-agent status'"),
    )
