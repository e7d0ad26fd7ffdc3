"""VRP 8: what is typed is a candidate until it is committed, for good or on trial."""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from lab.switch.loopback import LoopbackDataPlane
from lab.switch.persona.grammar import Match, SyntaxProblem
from lab.switch.persona.huawei import render
from lab.switch.persona.huawei.edition import VRP8
from lab.switch.persona.huawei.load import config_view
from lab.switch.persona.huawei.shell import HuaweiSession
from lab.switch.persona.huawei.switch import HuaweiSwitch
from lab.switch.persona.huawei.trial import Trial
from lab.switch.persona.model import restore

_QUESTION = (
    "Warning: Uncommitted configurations found. Are you sure to commit them before exiting? [Y(yes)/N(no)/C(cancel)]:"
)
#: Acts, not configuration: they wait for no commit.
_AT_ONCE = frozenset({"restart", "clear_macs"})
_AGAIN = "Error: Please choose 'YES', 'NO' or 'CANCEL' first before pressing 'Enter'. [Y/N/C]:"


class Vrp8Session(HuaweiSession):
    """A session in two-stage mode."""

    noise = "Nov 30 2026 08:00:00+00:00 HUAWEI IFPDT/4/IF_STATE(l)[7]:Interface GE1/0/1 has turned into UP state."
    welcome = "Enter system view, return user view with return command."
    colon = "Error: "
    erase = VRP8.erase
    #: The candidate is a switch of its own that drives nothing; the lines that made it are typed again by a commit.
    _shadow: HuaweiSwitch | None = None
    _lines: tuple[tuple[str, str, str], ...] = ()
    _base = ""

    @property
    def mark(self) -> str:
        """Give * when something waits for a commit, else ~."""
        return "*" if self.dirty else "~"

    @property
    def dirty(self) -> bool:
        """Tell whether something waits for a commit."""
        return self._shadow is not None and self._shadow.body() != self._base

    async def greet(self) -> None:
        """Print what a login gets to see."""
        self._write(b"\r\n")
        self.say(
            "Info: The max number of VTY users is 8, the number of current VTY users online is 1, and total number of "
            "terminal users online is 1.\n"
            f"      The current login time is {datetime.now(UTC):%Y-%m-%d %H:%M:%S+00:00}."
        )

    def control(self, key: bytes) -> bytes | None:
        """Ctrl-C takes the line away; there is no Ctrl-Z."""
        return b"" if key == b"\x03" else None

    def hang_up(self) -> None:
        """Forget the candidate, and end a trial that was this session's alone."""
        super().hang_up()
        trial = self.switch.trial
        if trial is not None and trial.session == id(self) and not trial.persist:
            self.switch.roll_back()

    # -- the candidate ------------------------------------------------------------------------------------------

    def enter(self, match: Match) -> str:
        """Enter the system view with a candidate that is the running configuration."""
        del match
        self._renew()
        return self.welcome

    def _renew(self) -> None:
        config = self.switch.config
        shadow = type(self.switch)(config, LoopbackDataPlane([p for p in config.ports.values() if p]))
        shadow.running = copy.deepcopy(self.switch.running)
        before = self.view
        self._shadow, self._lines, self._base = shadow, (), shadow.body()
        self.view = config_view(shadow)
        if before is not None:
            self.view.go(before.name, before.subject)
            if before.name == "interface" and before.subject not in shadow.running.interfaces:
                self.view.go("system")

    def own_commands(self) -> dict[str, Callable[[Match], str | Awaitable[str]]]:
        """Give the handlers that are the session's own."""
        return {
            **super().own_commands(), "commit": self.commit, "commit_trial": self.commit_trial,
            "abort_trial": self.abort_trial, "clear_candidate": self.clear_candidate,
            "display_candidate": self.candidate, "display_trial": self.trial_status,
            "display_commits": self.commit_list,
        }  # fmt: skip

    def configure(self, match: Match | None, line: str) -> str:
        """Do a configuration command on the candidate."""
        if not self.dirty and self.switch.body() != self._base:
            self._renew()  # somebody else committed, or an address was learned
        assert self.view is not None
        where = (self.view.name, self.view.subject)
        if match is not None and match.handler in _AT_ONCE:
            live = config_view(self.switch)
            live.go(*where)
            return live.run(match, line)
        printed = self.view.keep_section(line) if match is None else self.view.run(match, line)
        if not printed.startswith("Error"):
            self._lines = (*self._lines, (*where, line))
        return printed

    def quit(self, match: Match) -> str | Awaitable[str]:
        """Go one view up; leaving configuration with a candidate asks what becomes of it."""
        if self.view is not None and self.view.name == "system" and self.dirty:
            return self._leave()
        return super().quit(match)

    def to_user(self, match: Match) -> str | Awaitable[str]:
        """Go to the user view, after the same question."""
        if self.dirty:
            return self._leave()
        self._shadow = None
        return super().to_user(match)

    async def _leave(self) -> str:
        answer = (await self.ask(_QUESTION)).strip().lower()
        while answer not in {"y", "yes", "n", "no", "c", "cancel"}:
            answer = (await self.ask(_AGAIN)).strip().lower()
        if answer.startswith("c"):
            return ""
        printed = self._commit("", "") if answer.startswith("y") else ""
        if not printed.startswith("Error"):
            self.view = self._shadow = None
        return printed

    # -- commits ------------------------------------------------------------------------------------------------

    def commit(self, match: Match) -> str:
        """Make the candidate the running configuration, and a trial that runs permanent."""
        trial = self.switch.trial
        persist = str(match.values.get("id", ""))
        if trial is not None and (trial.persist == persist if trial.persist else trial.session == id(self)):
            self.switch.trial = None
        if not self.dirty:
            return ""
        return self._commit(str(match.values.get("label", "")), str(match.values.get("text", "")))

    def commit_trial(self, match: Match) -> str:
        """Commit, and go back by itself unless it is confirmed in time."""
        seconds = match.values.get("n", 600)
        assert isinstance(seconds, int)
        running = self.switch.trial
        before = copy.deepcopy(self.switch.running) if running is None else running.before
        if not self.dirty and running is None:
            return "Error: No configuration is to be committed."
        printed = self._commit("", "") if self.dirty else ""
        if printed.startswith("Error"):
            return printed
        deadline = self.switch.now() + seconds
        self.switch.trial = Trial(before, id(self), str(match.values.get("id", "")), deadline)
        return (
            "Info: The system enters the trial configuration mode.\n"
            "The system will revert to previous configuration if the trial configuration is not confirmed in "
            f"{seconds} seconds."
        )

    async def abort_trial(self, match: Match) -> str:
        """End a trial after a question: everything is as before it."""
        trial = self.switch.trial
        if trial is None or (trial.persist and trial.persist != str(match.values.get("id", ""))):
            return "Error: The system is not in the trial configuration mode."
        if not await self.yes("Warning: The trial configuration will be rolled back. Continue? [Y/N]:"):
            return ""
        self.switch.roll_back()
        self._renew()
        return "Info: The trial configuration rollback succeeded."

    def _commit(self, label: str, description: str) -> str:
        """Type the candidate's lines on the switch itself: all of them take effect, or none."""
        trial = self.switch.trial
        if trial is not None and trial.session != id(self):
            return "Error: The system is in the trial configuration mode. Please try again later."
        before, problem = copy.deepcopy(self.switch.running), ""
        with self.switch.batch():
            for name, subject, line in self._lines:
                problem = _typed(self.switch, name, subject, line)
                if problem:
                    break
            if problem:
                restore(self.switch.running, before)
                self.switch.program_all()
        if problem:
            return f"Error: Failed to generate committed config.\n{problem}"
        self.switch.configured(self.user)
        self.switch.commits.insert(0, (datetime.now(UTC), label, f"{self.user}\t{description}"))
        self._renew()
        return "Committing....done."

    def clear_candidate(self, match: Match) -> str:
        """Forget what waits for a commit."""
        del match
        self._renew()
        return ""

    def candidate(self, match: Match) -> str:
        """Show the candidate."""
        del match
        return render.shown((self._shadow or self.switch).body())

    def trial_status(self, match: Match) -> str:
        """Show whether a trial runs (command reference, display configuration trial status)."""
        del match
        trial = self.switch.trial
        if trial is None:
            return "Trial status: INACTIVE \nTrial time left (sec): 0"
        left = max(int(trial.deadline - self.switch.now() + 0.999), 0)
        name = f"Persist id: {trial.persist}\n" if trial.persist else ""
        return f"Trial status: ACTIVE\n{name}Trial time left (sec): {left}"

    def commit_list(self, match: Match) -> str:
        """Show the commits, the newest first."""
        out, last = [], 1_000_000_000 + len(self.switch.commits)
        if "verbose" not in match.words:
            out = ["-" * 79, "No.  CommitId     Label              User          TimeStamp", "-" * 79]
        for at, (when, label, who) in enumerate(self.switch.commits):
            user, _, description = who.partition("\t")
            stamp = f"{when:%Y-%m-%d %H:%M:%S}"
            if "verbose" in match.words:
                out.append(
                    f"{at + 1}) CommitId: {last - at}\n        Label: {label or '-'}\n        User: {user}\n"
                    f"        User-Intf: VTY 0\n        Type: CLI\n        TimeStamp: {stamp}\n"
                    f"        Description: {description}\n"
                )
            else:
                out.append(f"{at + 1:<5}{last - at:<13}{label or '-':<19}{user:<14}{stamp}")
        return "\n".join(out)

    # -- the user view ------------------------------------------------------------------------------------------

    async def save(self, match: Match) -> str:
        """Save after a question."""
        del match
        if not await self.yes("Warning: The current configuration will be written to the device. Continue? [Y/N]:"):
            return ""
        doing = "Now saving the current configuration to the slot 1 "
        return self.write(doing, "Info: Save the configuration successfully.")

    async def reboot(self, match: Match) -> str:
        """Reboot after the questions."""
        if self.switch.unsaved() and "fast" not in match.words:
            question = "Warning: The configuration has been modified, and it will be saved to the next startup file. "
            if await self.yes(question + "Continue? [Y/N]:"):
                self.switch.save(self.user)
        if not await self.yes("Warning: The system will reboot. Continue? [Y/N]:"):
            return ""
        self.reboots.restart()
        return "Info: The system is now rebooting, please wait..."


def _typed(switch: HuaweiSwitch, name: str, subject: str, line: str) -> str:
    """Type one line of a candidate on the switch; give what it refuses."""
    view = config_view(switch)
    view.go(name, subject)
    try:
        printed = view.take(line)
    except SyntaxProblem:
        return f"Error: Wrong parameter. ({line.strip()})"
    return printed if printed.startswith("Error") else ""
