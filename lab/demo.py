"""`portseal lab run`: the main job, step by step, in front of the user. What is shown is what the commands really did.

Every "does not arrive" has a control: the same frame, from the same place, arrived before the binding; and at the time
itself a frame that is allowed arrives by the same way, so that silence is the switch's and not the lab's.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from controller.cli.base import NOT_COMPLIANT, Settings
from lab.api import Lab
from lab.demo_swipe import show_terminal
from lab.stage import Stage
from policies.errors import SafetyRefusal
from policies.texts import t

#: Seconds within which a frame that may arrive has arrived.
PATIENCE_S = 10.0
#: The bound port into which the rogue is plugged, and whose cable it is.
VICTIM = ("term1", "sw2", "GigabitEthernet1/0/11")
CLONED = "cam05"


@dataclass(slots=True)
class Demo:
    """One run of the main job on a lab that is up."""

    lab: Lab
    folder: Path
    stage: Stage

    def run(self) -> bool:
        """Walk the main job; False when a command failed."""
        steps: Sequence[Callable[[], bool]] = (
            self._import,
            self._before,
            self._seal,
            self._after,
            self._judge,
        )
        return all(step() for step in steps)

    def _import(self) -> bool:
        self.stage.title(t("The contractor's list and what is really plugged in"))
        return self._portseal("inventory", "import", str(self.folder / "inventory.csv"), "--yes") and self._portseal(
            "discover"
        )

    def _before(self) -> bool:
        self.stage.title(t("Before: the network as a careless installer left it (the controls)"))
        self.stage.prove(t("all cameras stream to the recorder"), self._cameras())
        self.stage.prove(t("the rogue laptop's frame arrives"), self._arrives("rogue"))
        self._with_rogue_at_victim(
            lambda: self.stage.prove(
                t("plugged in place of a terminal, the rogue's frame arrives"), self._arrives("rogue")
            ),
        )
        self._with_rogue_at_victim(
            lambda: self.stage.prove(
                t("with a camera's MAC on that wrong port, its frame arrives"), self._arrives("rogue")
            ),
            cloned=True,
        )
        return True

    def _seal(self) -> bool:
        self.stage.title(t("Plan and apply"))
        return self._portseal("plan", "--no-commands") and self._portseal("apply", "--yes")

    def _after(self) -> bool:
        self.stage.title(t("After: the same frames again"))
        self.stage.prove(t("all cameras still stream to the recorder"), self._cameras())
        self.stage.prove(t("the rogue laptop's frame does not arrive"), not self._arrives("rogue", expected=False))
        self._with_rogue_at_victim(
            lambda: self.stage.prove(
                t("plugged in place of a terminal, the rogue's frame does not arrive"),
                not self._arrives("rogue", expected=False),
            ),
        )
        self._with_rogue_at_victim(
            lambda: self.stage.prove(
                t("with a camera's MAC on that wrong port, its frame does not arrive"),
                not self._arrives("rogue", expected=False),
            ),
            cloned=True,
        )
        self.stage.prove(t("the terminal, plugged in again, gets through"), self._arrives(VICTIM[0]))
        return True

    def _judge(self) -> bool:
        self.stage.title(t("The verdict, and the ledger"))
        self.stage.prove(t("the switches have forgotten the rogue's MAC"), self.lab.forgotten("rogue"))
        return (
            self._portseal("check")
            and self._portseal("plan", "--no-commands")
            and self._portseal("audit", "log", "--limit", "8")
            and self._portseal("audit", "verify")
        )

    def _cameras(self) -> bool:
        recorder = self.lab.recorder()
        names = [host.name for host in self.lab.site.hosts if host.role == "camera" and host.switch]
        return all(recorder.await_stream(name, 3, PATIENCE_S) for name in names)

    def _arrives(self, host: str, *, expected: bool = True) -> bool:
        """Send a marked frame and see whether it arrives; one that should not is asked for after one that must."""
        recorder = self.lab.recorder()
        marker = self.lab.host(host).send_frame()
        if expected:
            return recorder.seen(marker, PATIENCE_S)
        control = self.lab.host("srv1").send_frame()
        if not recorder.seen(control, PATIENCE_S):
            return True  # the lab itself is silent: nothing is proved
        return recorder.seen(marker, 1.0)

    def _with_rogue_at_victim(self, act: Callable[[], None], *, cloned: bool = False) -> None:
        home = self.lab.plugged()["rogue"]
        self.lab.unplug(VICTIM[0])
        self.lab.replug("rogue", VICTIM[1], VICTIM[2])
        if cloned:
            self.lab.spoof("rogue", self.lab.site.host[CLONED].mac)
        try:
            act()
        finally:
            if cloned:
                self.lab.spoof("rogue", None)
            self.lab.replug("rogue", home.switch, home.interface)
            self.lab.replug(*VICTIM)

    def _portseal(self, *arguments: str) -> bool:
        shown = " ".join(["portseal", *arguments]).replace(str(self.folder), "SITE")
        self.stage.command(shown)
        environment = {**os.environ, "PORTSEAL_SITE": str(self.folder), "PORTSEAL_LANG": self.stage.language}
        program = Path(sys.executable).with_name("portseal")
        done = subprocess.run([str(program), *arguments], env=environment, check=False)
        if done.returncode:
            self.stage.say(t("the command ended with exit code {code}", code=done.returncode))
        return done.returncode == 0


def show(chosen: Settings, folder: Path, *, keep: bool) -> int:
    """Bring the lab up, walk the main job, and take it down unless `keep`; gives the exit code.

    Raises:
        UsageError: this machine cannot run the lab (no root, no Open vSwitch); the remedy is in the message.
        SafetyRefusal: a lab is up already, and somebody may be using it.

    """
    from lab.folder import earlier_secrets, forget_terminal, write_site
    from lab.up import up

    started = time.monotonic()
    secrets, host_keys = earlier_secrets(folder)
    if not up(secrets=secrets, host_keys=host_keys):
        raise SafetyRefusal(
            t("a lab is up on this machine, and the demonstration wants a fresh one"),
            next_step=t("take it down with 'portseal lab down'"),
        )
    lab = Lab()
    try:
        write_site(folder, [lab.switch(name) for name in lab.site.switch], lab.client_key)
        forget_terminal(folder)
        counts = {"switches": len(lab.site.switches), "hosts": len(lab.site.hosts)}
        chosen.say(t("The lab is up: {switches} switches, {hosts} hosts.", **counts))
        stage = Stage(chosen.language)
        good = Demo(lab, folder, stage).run() and show_terminal(stage, folder)
        stage.summary()
        good = good and stage.good
    except BaseException:
        lab.down()
        raise
    if keep:
        chosen.say(t("The lab stays up. Play with it: export PORTSEAL_SITE={folder}", folder=folder))
        chosen.say(t("Take it down with 'portseal lab down'."))
    else:
        lab.down()
    seconds = round(time.monotonic() - started)
    chosen.say(
        t("All of it worked, in {seconds} s.", seconds=seconds) if good else t("Something did not work; see above.")
    )
    return 0 if good else NOT_COMPLIANT
