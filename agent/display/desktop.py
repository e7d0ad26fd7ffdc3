"""Notes on the operator's desktop, through D-Bus (freedesktop.org, Desktop Notifications Specification 1.2).

A process of the user's own, started with the session. It asks the agent on the operators' socket and shows one note,
which each change replaces. Desktops keep what they have shown, so a note names nobody.
"""

from __future__ import annotations

import html
import signal
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from agent.control import ask
from agent.display.scene import Face, Scene, compose
from policies.errors import EquipmentError, PortsealError, UsageError
from policies.texts import t

if TYPE_CHECKING:
    from jeepney.io.blocking import DBusConnection

#: Seconds between two looks, and for which a note stays (0: as long as the desktop likes).
EVERY_SECONDS, SHOWN_MS = 1.0, 10_000
#: Seconds to wait for the agent, and for the desktop.
_TIMEOUT = 3.0
#: Of which states a note is made, and how urgent it is (the specification's 1: normal, 2: critical, stays).
_URGENCY: Mapping[Face, int] = {
    Face.PURPOSE: 1,
    Face.SECOND: 1,
    Face.OPEN: 1,
    Face.ENDING: 2,
    Face.RELOCKED: 1,
    Face.REFUSED: 1,
}


@dataclass(frozen=True, slots=True)
class Note:
    """What is shown: a title, sentences, and the specification's urgency."""

    title: str
    body: str
    urgency: int


def note_of(scene: Scene) -> Note | None:
    """Give the note for a scene; None for a state that needs none."""
    urgency = _URGENCY.get(scene.face)
    if urgency is None:
        return None
    title = f"{scene.word} {scene.clock}".rstrip()
    # The body may be read as markup, and a device names itself.
    return Note(f"{title} · {scene.place}", html.escape("\n".join(scene.lines[:4]), quote=False), urgency)


def watch(path: Callable[[], Path], language: str) -> None:
    """Tell of changes until the session ends or the process is told to stop.

    Raises EquipmentError where there is no session bus, and UsageError without jeepney.
    """
    stopped = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopped.set()

    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, stop)
    desktop, mark = _Desktop(), ""
    while not stopped.is_set() and not desktop.is_over():
        scene = _scene(path(), language)
        if scene is not None and scene.mark != mark:
            mark, note = scene.mark, note_of(scene)
            if note is not None and not desktop.show(note):
                return
        stopped.wait(EVERY_SECONDS)


def _scene(path: Path, language: str) -> Scene | None:
    """Ask the agent; None when it does not answer now."""
    try:
        told: dict[str, Any] = ask(path, {"do": "status"}, _TIMEOUT)
        leases = [{**each, "who": ""} for each in told["leases"]]
        return compose({**told, "leases": leases}, language)
    except (PortsealError, OSError, KeyError, TypeError, ValueError):
        return None


class _Desktop:
    """The session's notification service; one note at a time."""

    def __init__(self) -> None:
        self._bus = _connect()
        self._last = 0

    def is_over(self) -> bool:
        """Tell whether the session has ended: its bus has hung up."""
        try:
            return not self._bus.sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            return True

    def show(self, note: Note) -> bool:
        """Show a note in place of the one before; False when the session is over."""
        from jeepney import DBusAddress, MessageType, new_method_call

        place = DBusAddress(
            "/org/freedesktop/Notifications",
            bus_name="org.freedesktop.Notifications",
            interface="org.freedesktop.Notifications",
        )
        hints = {"urgency": ("y", note.urgency), "desktop-entry": ("s", "portseal-notify")}
        shown = 0 if note.urgency == 2 else SHOWN_MS
        body: tuple[Any, ...] = (
            "Portseal",
            self._last,
            "drive-removable-media-usb",
            note.title,
            note.body,
            [],
            hints,
            shown,
        )
        try:
            reply = self._bus.send_and_get_reply(
                new_method_call(place, "Notify", "susssasa{sv}i", body), timeout=_TIMEOUT
            )
        except TimeoutError:
            return True  # the desktop is busy; the next change is told again
        except (OSError, ConnectionError):
            return False
        if reply.header.message_type is MessageType.method_return:
            self._last = int(reply.body[0])
        return True


def _connect() -> DBusConnection:
    try:
        from jeepney.io.blocking import open_dbus_connection
    except ModuleNotFoundError:
        raise UsageError(
            t("the Python package jeepney is missing"), next_step=t("install it beside the agent: pip install jeepney")
        ) from None
    try:
        return open_dbus_connection(bus="SESSION")
    except (OSError, KeyError, ValueError, RuntimeError):
        raise EquipmentError(
            t("there is no desktop session here that could show a note"),
            next_step=t("run it in the operator's session, or use 'portseal-agent view'"),
        ) from None
