"""The command line of VRP: prompts, views, what is no command, questions, output filters."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from inspect import isawaitable

from lab.switch.persona.grammar import Match, SyntaxProblem
from lab.switch.persona.huawei import display, display_ports, display_security
from lab.switch.persona.huawei.display import Display, Shown
from lab.switch.persona.huawei.edition import VRP5
from lab.switch.persona.huawei.language import grammar
from lab.switch.persona.huawei.load import config_view
from lab.switch.persona.huawei.switch import HuaweiSwitch
from lab.switch.persona.huawei.view import View
from lab.switch.persona.session import Session

DISPLAYS: dict[str, Display] = {**display.COMMANDS, **display_ports.COMMANDS, **display_security.COMMANDS}


_DIFFERS = (
    "Warning: The current configuration is not the same as the next startup configuration file. There may be several "
    "differences, and the following are some configurations beginning from the first:"
)


class HuaweiSession(Session):
    """A session on either software; on VRP 5, what is typed takes effect at once."""

    more = b"  ---- More ----"
    erase = VRP5.erase
    noise = (
        "Nov 30 2026 08:00:00+00:00 HUAWEI DS/4/DATASYNC_CFGCHANGE:OID 1.3.6.1.4.1.2011.5.25.191.3.1 configurations "
        "have been changed. The current change number is 4, the change loop count is 0, and the maximum number of "
        "records is 4095."
    )
    welcome = "Enter system view, return user view with Ctrl+Z."
    colon = "Error:"
    switch: HuaweiSwitch
    view: View | None = None

    @property
    def prompt(self) -> str:
        """Give the prompt."""
        name = self.switch.running.hostname
        return f"<{name}>" if self.view is None else f"[{self.mark}{name}{self.view.suffix}]"

    @property
    def mark(self) -> str:
        """Give what stands before the name in a configuration view."""
        return ""

    @property
    def configuring(self) -> bool:
        """Tell whether this is a configuration view."""
        return self.view is not None

    async def greet(self) -> None:
        """Print what a login gets to see."""
        self._write(
            b"\r\nInfo: The max number of VTY users is 5, and the number\r\n"
            b"      of current VTY users on line is 1.\r\n"
            + f"      The current login time is {datetime.now(UTC):%Y-%m-%d %H:%M:%S+00:00}.\r\n".encode()
        )

    def control(self, key: bytes) -> bytes | None:
        """Ctrl-Z leaves configuration, Ctrl-C takes the line away."""
        if key == b"\x1a" and self.view is not None:
            self.view = None
            return b""
        return b"" if key == b"\x03" else None

    def say(self, text: str) -> None:
        """Print lines before a question."""
        self._write(text.replace("\n", "\r\n").encode() + b"\r\n")

    async def yes(self, question: str) -> bool:
        """Ask until the answer is Y or N."""
        again = "Error: Please choose 'YES' or 'NO' first before pressing 'Enter'. [Y/N]:"
        answer = (await self.ask(question)).strip().lower()
        while answer not in {"y", "yes", "n", "no"}:
            answer = (await self.ask(again)).strip().lower()
        return answer.startswith("y")

    # -- commands -----------------------------------------------------------------------------------------------

    async def do(self, line: str) -> str:
        """Do one line, with its output filter when it is a display command."""
        command, _, pipe = line.partition("|")
        if not pipe or not command.strip().lower().startswith("di"):
            return await self._do(line)
        return _piped(await self._do(command), pipe.strip())

    async def _do(self, line: str) -> str:
        if line.lstrip().startswith(("#", "!")):
            return ""
        name = "user" if self.view is None else self.view.name
        try:
            match = grammar(self.switch.edition.number, name).match(line)
        except SyntaxProblem:
            if name == "section":
                return self.configure(None, line)
            raise
        if match.handler in DISPLAYS:
            given = DISPLAYS[match.handler](Shown(self.switch, self, match, line))
        elif match.handler in (own := self.own_commands()):
            given = own[match.handler](match)
        else:
            given = self.configure(match, line)
        return await given if isawaitable(given) else given

    def own_commands(self) -> dict[str, Callable[[Match], str | Awaitable[str]]]:
        """Give the handlers that are the session's own."""
        return {
            "system_view": self.enter, "quit": self.quit, "return": self.to_user, "accept": self.accept,
            "screen_length": self.screen_length, "no_screen_length": self.screen_length, "monitor": self.monitor,
            "save": self.save, "reboot": self.reboot, "schedule": self.schedule, "unschedule": self.unschedule,
            "reset_saved": self.reset_saved, "compare": self.compare,
        }  # fmt: skip

    def configure(self, match: Match | None, line: str) -> str:
        """Do a configuration command; without a match it is a section's line, kept as it is."""
        assert self.view is not None
        printed = self.view.keep_section(line) if match is None else self.view.run(match, line)
        self.switch.configured(self.user)
        return printed

    def problem(self, line: str, problem: SyntaxProblem) -> str:
        """Say what is wrong with a line, with the caret under the word that is."""
        at, words = problem.start, "Error: Unrecognized command"
        if problem.kind == "incomplete":
            at, words = len(line.rstrip()), f"{self.colon}Incomplete command"
        elif problem.kind == "ambiguous":
            words = f"{self.colon}Ambiguous command"
        elif problem.expected == "value":
            words = "Error: Wrong parameter"
        elif problem.expected == "nothing":
            words = f"{self.colon}Too many parameters"
        return f"{' ' * (len(self.prompt) + at)}^\n{words} found at '^' position."

    def follows(self, line: str) -> list[str]:
        """List what may follow a line."""
        return grammar(self.switch.edition.number, "user" if self.view is None else self.view.name).follows(line)

    # -- views --------------------------------------------------------------------------------------------------

    def enter(self, match: Match) -> str:
        """Enter the system view."""
        del match
        self.view = config_view(self.switch)
        return self.welcome

    def quit(self, match: Match) -> str | Awaitable[str]:
        """Go one view up; from the user view, end the session."""
        if self.view is None:
            self.leave()
            return ""
        if self.view.name != "system":
            self.view.go("system")
            return ""
        return self.to_user(match)

    def to_user(self, match: Match) -> str | Awaitable[str]:
        """Go to the user view."""
        del match
        self.view = None
        return ""

    # -- the user view --------------------------------------------------------------------------------------------

    def screen_length(self, match: Match) -> str:
        """Set the page length of this session; 0 does not page."""
        value = match.values.get("n", 24)
        assert isinstance(value, int)
        self.length = value
        return "Info: The configuration takes effect on the current user terminal interface only."

    def monitor(self, match: Match) -> str:
        """Print log lines in this session, or stop it."""
        self.monitoring = not match.no
        return f"Info: Current terminal monitor is {'on' if self.monitoring else 'off'}."

    async def save(self, match: Match) -> str:
        """Save after a question; the first time, the file's name is asked for, too."""
        del match
        self.say("The current configuration will be written to the device.")
        if not await self.yes("Are you sure to continue?[Y/N]"):
            return ""
        if not self.switch.startup:
            await self.ask("Info: Please input the file name ( *.cfg, *.zip ) [vrpcfg.zip]:")
        return self.write(
            "Now saving the current configuration to the slot 0..", "Save the configuration successfully."
        )

    def write(self, doing: str, done: str) -> str:
        """Save, unless a fault is in the way."""
        if self.faults.take("busy-nvram") is not None:
            return f"{doing}\nError: The system is busy in saving the configuration. Please wait and try again later."
        if self.faults.take("lost-save") is None:
            self.switch.save(self.user)
        return f"{doing}\n{done}"

    async def reboot(self, match: Match) -> str:
        """Reboot after the questions."""
        if "fast" not in match.words:
            self.say("Info: The system is now comparing the configuration, please wait.")
            question = (
                "Warning: All the configuration will be saved to the configuration file for the next startup:"
                "flash:/vrpcfg.zip, Continue?[Y/N]:"
            )
            if self.switch.unsaved() and await self.yes(question):
                self.switch.save(self.user)
        if not await self.yes("System will reboot! Continue?[Y/N]:"):
            return ""
        self.reboots.restart()
        return "Info: system is rebooting ,please wait..."

    async def schedule(self, match: Match) -> str:
        """Reboot in hours:minutes or minutes."""
        found = re.fullmatch(r"(?:(\d{1,3}):)?(\d{1,3})", str(match.values["delay"]))
        if found is None:
            return "Error: The delay time is invalid."
        minutes = int(found[1] or 0) * 60 + int(found[2])
        self.say(f"Info: Reboot system in {minutes // 60} hours and {minutes % 60} minutes.")
        if not await self.yes("Confirm? [Y/N]:"):
            return ""
        self.reboots.schedule(minutes * 60.0, "")
        return ""

    def unschedule(self, match: Match) -> str:
        """Forget a scheduled reboot."""
        del match
        return "Info: Reboot terminated." if self.reboots.unschedule() else "Info: No schedule reboot is set."

    async def reset_saved(self, match: Match) -> str:
        """Erase the saved configuration after a question."""
        del match
        self.say("Warning: The action will delete the saved configuration in the device.")
        self.say("The configuration will be erased to reconfigure.")
        if not await self.yes("Continue? [Y/N]:"):
            return ""
        self.switch.erase_startup()
        return "Warning: Now clearing the configuration in the device.\nInfo: Succeeded in clearing the configuration."

    def compare(self, match: Match) -> str:
        """Compare the running with the saved configuration, up to the first difference."""
        del match
        now, saved = self.switch.body().splitlines(), (self.switch.startup or "").splitlines()
        if now == saved:
            return "Info: The current configuration is the same as the next startup configuration file."
        same = next(
            (at for at, (a, b) in enumerate(zip(now, saved, strict=False)) if a != b), min(len(now), len(saved))
        )
        return "\n".join(
            [
                _DIFFERS,
                f"  ====== Current configuration line {same + 1} ======", *now[same : same + 9],
                f"  ====== Configuration file line {same + 1} ======", *saved[same : same + 9],
            ]
        )  # fmt: skip

    def accept(self, match: Match) -> str:
        """Take a command that has no effect here."""
        del match
        return ""


def _piped(printed: str, pipe: str) -> str:
    """Do `| include X`, exclude or begin."""
    word, _, pattern = pipe.partition(" ")
    lines = printed.split("\n")
    kinds = [name for name in ("include", "exclude", "begin") if name.startswith(word.lower())]
    if len(kinds) != 1 or not pattern:
        return "Error:Incomplete command found at '^' position."
    try:
        wanted = re.compile(pattern.strip())
    except re.error:
        return "Error: The regular expression is invalid."
    hits = [bool(wanted.search(line)) for line in lines]
    if kinds == ["begin"]:
        return "\n".join(lines[hits.index(True) :]) if True in hits else ""
    return "\n".join(line for line, hit in zip(lines, hits, strict=True) if hit is (kinds == ["include"]))
