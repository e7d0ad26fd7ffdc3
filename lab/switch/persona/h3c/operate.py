"""Commands that operate the switch: save, reboot, files, roll back, paging."""

from __future__ import annotations

import re

from lab.switch.persona.h3c.call import Call, Handler
from lab.switch.persona.model import Rejected

STARTUP = "startup.cfg"
_SAVED = "Validating file. Please wait...\nSaved the current configuration to mainboard device successfully."
_FAILED = "Validating file. Please wait...\nFailed to save the current configuration to mainboard device."
_CFG = re.compile(r"^(?:flash:/)?([\w.-]+\.cfg)$")
_CHECK = "Start to check configuration with next startup configuration file, please wait.........DONE!"


def file_text(call: Call, name: str) -> str | None:
    """Give a configuration file's content; None when there is none."""
    return call.switch.startup if name == STARTUP else call.switch.files.get(name)


def _named(given: str) -> str:
    """Give the name of a configuration file in flash:/; raises Rejected for what is none."""
    found = _CFG.match(given)
    if found is None:
        raise Rejected("The file name is invalid(does not end with .cfg).")
    return found[1]


async def _yes(call: Call, question: str) -> bool:
    """Ask until the answer is y or n."""
    while True:
        answer = (await call.session.ask(f"{question} [Y/N]:")).strip().lower()
        if answer in {"y", "yes", "n", "no", ""}:
            return answer.startswith("y")


def _write(call: Call, name: str = STARTUP) -> str:
    if call.session.faults.take("busy-nvram") is not None:
        return _FAILED
    if call.session.faults.take("lost-save") is None:
        if name == STARTUP:
            call.switch.save(call.session.user)
        else:
            call.switch.files[name] = call.switch.body()
    return _SAVED


async def _dialogue(call: Call) -> str:
    """Ask for the file's name, and before it overwrites one; then save."""
    question = f"Please input the file name(*.cfg)[flash:/{STARTUP}]\n"
    question += "(To leave the existing filename unchanged, press the enter key):"
    given = (await call.session.ask(question)).strip()
    name = _named(given) if given else STARTUP
    if file_text(call, name) and not await _yes(call, f"flash:/{name} exists, overwrite?"):
        return ""
    return _write(call, name)


async def save(call: Call) -> str:
    """Save the running configuration after its questions."""
    if not await _yes(call, "The current configuration will be written to the device. Are you sure?"):
        return ""
    return await _dialogue(call)


def save_force(call: Call) -> str:
    """Save the running configuration without a question."""
    return _write(call)


async def save_file(call: Call) -> str:
    """Save the running configuration to a file which is not the one of the next startup."""
    name = _named(call.text("file"))
    if not await _yes(call, f"The current configuration will be saved to flash:/{name}. Continue?"):
        return ""
    if name == STARTUP:
        return _write(call)
    written = _write(call, name)
    if written == _FAILED:
        return written
    return (
        "Now saving current configuration to the device.\n"
        f"Saving configuration flash:/{name}.Please wait...\n"
        "Configuration is saved to device successfully."
    )


async def reboot(call: Call) -> str:
    """Reboot after asking whether to save and whether to go on."""
    call.session.show(_CHECK)
    if call.switch.unsaved() and await _yes(
        call, "Current configuration may be lost after the reboot, save current configuration?"
    ):
        call.session.show(await _dialogue(call))
    if not await _yes(call, "This command will reboot the device. Continue?"):
        return ""
    call.session.show("Now rebooting, please wait...")
    call.session.restart()
    return ""


async def reboot_force(call: Call) -> str:
    """Reboot without looking at the configuration."""
    if not await _yes(call, "A forced reboot might cause the storage medium to be corrupted. Continue?"):
        return ""
    call.session.restart()
    return ""


async def reset_saved(call: Call) -> str:
    """Erase the startup configuration."""
    if not await _yes(call, "The saved configuration file will be erased. Are you sure?"):
        return ""
    call.switch.erase_startup()
    return "Configuration file in flash: is being cleared.\nPlease wait ...\nConfiguration file is cleared."


def startup_saved(call: Call) -> str:
    """Let the next startup be from another file: it becomes startup.cfg here."""
    text = file_text(call, _named(call.text("file")))
    if text is None:
        raise Rejected("The file does not exist.")
    call.switch.restore_startup(text)
    return "Please wait...... Done."


# -- configuration replace and commit ---------------------------------------------------------------------------


async def config_replace(call: Call) -> str:
    """Bring the running configuration to what a file says."""
    name = _named(call.text("file"))
    text = file_text(call, name)
    if text is None:
        raise Rejected("The configuration file does not exist.")
    if await _yes(call, "Current configuration will be lost, save current configuration?"):
        call.session.show(await _dialogue(call))
    call.session.show("Now replacing the current configuration. Please wait ...")
    call.switch.replace(text)
    return f"Succeeded in replacing current configuration with the file {name}."


def commit_delay(call: Call) -> str:
    """Start (or move) the moment at which everything since the start is taken back; minutes."""
    before = call.switch.uncommitted
    point = call.switch.body() if before is None else before[1]
    call.switch.uncommitted = (call.switch.now() + call.number() * 60.0, point)
    return ""


def commit(call: Call) -> str:
    """Keep what was configured since the delay was started."""
    call.switch.uncommitted = None
    return ""


# -- files and the terminal -------------------------------------------------------------------------------------


def directory(call: Call) -> str:
    """List the configuration files."""
    held = {STARTUP: call.switch.startup or "", **call.switch.files}
    rows = [
        f"{at:4} -rw- {len(text):11} Jan 01 2013 00:00:00   {name}"
        for at, (name, text) in enumerate(sorted(held.items()))
        if text
    ]
    return "\n".join(["Directory of flash:", *rows, "", "251904 KB total (169420 KB free)"])


async def delete_file(call: Call) -> str:
    """Delete a configuration file."""
    name = _named(call.text("file"))
    if file_text(call, name) is None:
        raise Rejected(f"The file flash:/{name} doesn't exist.")
    if not await _yes(call, f"Delete flash:/{name}?"):
        return ""
    if name == STARTUP:
        call.switch.erase_startup()
    call.switch.files.pop(name, None)
    return f"Deleting file flash:/{name}... Done."


def no_paging(call: Call) -> str:
    """Page no more in this session."""
    call.session.length = 0
    return ""


def paging(call: Call) -> str:
    """Page again."""
    call.session.length = 24
    return ""


def monitor(call: Call) -> str:
    """Print log lines in this session, or stop it."""
    call.session.monitoring = not call.no
    return "" if call.no else "The current terminal is enabled to display logs."


COMMANDS: dict[str, Handler] = {
    "save": save,
    "save_force": save_force,
    "save_file": save_file,
    "reboot": reboot,
    "reboot_force": reboot_force,
    "reset_saved": reset_saved,
    "startup_saved": startup_saved,
    "config_replace": config_replace,
    "commit_delay": commit_delay,
    "commit": commit,
    "dir": directory,
    "delete_file": delete_file,
    "no_paging": no_paging,
    "paging": paging,
    "monitor": monitor,
    "no_monitor": monitor,
}
