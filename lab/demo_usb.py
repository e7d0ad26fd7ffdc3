"""The second half of `portseal lab run`: a terminal with a real kernel's USB; a grant opens it, its end shuts it.

The controller's part (who may open what) is played by the lab's own grant key; what the agent does is the product's.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from lab.stage import Stage
from lab.terminal import api
from lab.terminal.guest import build
from lab.terminal.machine import Machine
from lab.terminal.sealed import Sealed
from policies.texts import t

#: For how many seconds the demonstration's grant opens, and how long something may take to come or go.
GRANT_S, PATIENCE_S = 40, 60.0
_STICK = "/sys/bus/usb/devices/2-1"


def show_usb(stage: Stage) -> bool:
    """Start the terminal and walk the job; False when a command failed.

    Raises UsageError when this machine cannot run a terminal; the remedy is in the message.
    """
    api.requirements()
    stage.title(t("A terminal: a real kernel's USB, refused by its default"))
    stage.say(t("starting it (the first time takes a minute)"))
    with Sealed.restore(Machine(build())) as sealed:
        return _Walk(stage, sealed).run()


class _Walk:
    def __init__(self, stage: Stage, sealed: Sealed) -> None:
        self.stage, self.sealed, self.guest = stage, sealed, sealed.guest

    def run(self) -> bool:
        self._keyboard()
        self._shut()
        opened = self._opened()
        self._relocked()
        self._pulled()
        self._told()
        return opened

    def _keyboard(self) -> None:
        self.guest.plug("usb-kbd", "keyboard", "2", serial="K-1")
        self._comes(lambda: self._there("/sys/bus/usb/devices/1-2"))
        self.stage.prove(
            t("a keyboard that nobody bound does not type"), not self._there("/dev/input/by-path/*usb*kbd")
        )
        self._agent("bind", "1-2", "键盘", "--role", "keyboard")
        self.stage.prove(t("the bound keyboard types"), self._comes(lambda: self._there("/dev/input/by-path/*usb*kbd")))

    def _shut(self) -> None:
        self.guest.plug("usb-storage", "stick", "1", drive=self.guest.disk("stick"), serial="S-1")
        plugged = self._comes(lambda: self._there(_STICK))
        # A stick that is let in becomes a disk within 1.2 s.
        time.sleep(3.0)
        self.stage.prove(
            t("a stick is plugged in while shut: there is no disk"), plugged and not self._there("/dev/sda")
        )
        self._agent("status")

    def _opened(self) -> bool:
        self.stage.title(t("A grant opens it, its end shuts it"))
        done = self.sealed.grant(seconds=GRANT_S)
        self.stage.command("portseal-agent grant < grant.jwt", prompt="#")
        self.stage.prove(t("the grant is accepted, and the stick is a disk"),
                         done.code == 0 and self._comes(lambda: self._there("/dev/sda")))  # fmt: skip
        copied = self.guest.sh(
            "modprobe vfat; mkdir -p /mnt/stick; mkfs.vfat /dev/sda >/dev/null && mount /dev/sda /mnt/stick"
            " && echo evidence > /mnt/stick/video.txt"
        )
        self.stage.prove(t("a file is copied onto it"), copied.code == 0)
        self._agent("status")
        return done.code == 0

    def _relocked(self) -> None:
        gone = self._comes(lambda: not self._there("/dev/sda"), GRANT_S + PATIENCE_S)
        self.stage.prove(t("the time is over: unmounted and shut, no disk"), gone)
        self.stage.prove(t("what was copied is on the stick"), self._on_the_stick())
        self._agent("status")

    def _on_the_stick(self) -> bool:
        image = (self.guest.folder / "disk-stick").read_bytes() if (self.guest.folder / "disk-stick").exists() else b""
        return b"evidence" in image

    def _pulled(self) -> None:
        self.stage.title(t("The bound keyboard is pulled"))
        self.stage.prove(t("before, there was no alarm"), "tamper.removed" not in self.sealed.kinds())
        self.guest.unplug("keyboard")
        self.stage.prove(t("that is an alarm"), self._comes(lambda: "tamper.removed" in self.sealed.kinds()))
        self._agent("status")

    def _told(self) -> None:
        events = self.sealed.events()
        self.stage.title(t("What the terminal has signed"))
        for each in events:
            data = each.data
            self.stage.say(
                f"  {each.seq:>3} {each.at:%H:%M:%S} {each.kind:<18} {data.get('name', '')} {data.get('why', '')}"
            )
        head = self.sealed.verify([each.raw for each in events])
        self.stage.prove(t("{count} events, one chain, every signature holds", count=len(events)),
                         head.seq == len(events))  # fmt: skip

    def _agent(self, *words: str) -> None:
        self.stage.command(" ".join(["portseal-agent", *words]), prompt="#")
        done = self.guest.sh(["/opt/portseal/bin/portseal-agent", "--lang", self.stage.language, *words])
        self.stage.say(done.output.rstrip())

    def _there(self, path: str) -> bool:
        return self.guest.sh(f'set -- {path}; [ -e "$1" ]').code == 0

    @staticmethod
    def _comes(ready: Callable[[], bool], seconds: float = PATIENCE_S) -> bool:
        ends = time.monotonic() + seconds
        while not (held := ready()) and time.monotonic() < ends:
            time.sleep(0.2)
        return held
