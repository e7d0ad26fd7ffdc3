"""The plan of an installation: which files, links and commands make this machine a sealed terminal. Pure.

The trial comes first, so that a machine that dies at any later step puts itself back. Units are enabled by links, as
`systemctl enable` would, so that a plan for a folder tree (an image) is the same as one for the running machine.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from agent import units
from agent.install import boot
from policies.errors import SafetyRefusal
from policies.texts import Text, t
from policies.usb import HID, UsbBinding, UsbDevice, UsbRole

#: How long a trial lasts unless it is told otherwise, in minutes.
TRIAL_MINUTES = 10
_UNITS = "/etc/systemd/system"
_DATA = Path(units.__file__).parent
#: Units, and the target that wants each; "" for those that something else starts.
_WANTED = {
    "portseal-unmount.socket": "sockets.target",
    "portseal-unmount@.service": "",
    "portseal-keeper.service": "basic.target",
    "portseal-sleep.service": "sleep.target",
    "portseal-agent.service": "basic.target",
    "portseal-guard.service": "basic.target",
    "portseal-unguard.service": "",
}
_TRIAL = {"portseal-trial.service": "", "portseal-trial.timer": "timers.target"}
#: Data files and where they go.
_FILES = {
    "sysusers.conf": "/etc/sysusers.d/portseal.conf",
    "tmpfiles.conf": "/etc/tmpfiles.d/portseal.conf",
    "modules-load.conf": "/etc/modules-load.d/portseal.conf",
    "modprobe.conf": "/etc/modprobe.d/portseal.conf",
    "read-only.rules": "/etc/udev/rules.d/55-portseal-read-only.rules",
    "portseal-notify.desktop": "/etc/xdg/autostart/portseal-notify.desktop",
}


class Loader(StrEnum):
    """How the kernel's command line is set.

    grubby and grub2-mkconfig: RHEL's family (Kylin and UOS servers); update-grub: Debian's (their desktops).
    """

    GRUBBY = "grubby"
    UPDATE_GRUB = "update-grub"
    GRUB2 = "grub2-mkconfig"
    NONE = ""


class Initramfs(StrEnum):
    """What builds the initramfs."""

    TOOLS = "initramfs-tools"
    DRACUT = "dracut"
    NONE = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the plan depends on. `devices` are plugged in now; `grub_default` is the content of /etc/default/grub.

    `guarded`: there is a file for the network guard; `nft`: nftables is installed, which it needs.
    `grub_folder`: grub-mkconfig reads /etc/default/grub.d. `grub_config` is the file that grub2-mkconfig writes.
    """

    is_root: bool
    python: str
    bindings: tuple[UsbBinding, ...] = ()
    devices: tuple[UsbDevice, ...] = ()
    headless: bool = False
    minutes: int = TRIAL_MINUTES
    loader: Loader = Loader.NONE
    initramfs: Initramfs = Initramfs.NONE
    grub_folder: bool = False
    grub_config: str = ""
    grub_default: bytes = b""
    guarded: bool = False
    nft: bool = False


@dataclass(frozen=True, slots=True)
class File:
    """A file to write whole; owner and group are root. `trial`: it goes when the trial is confirmed."""

    path: str
    content: bytes
    mode: int = 0o644
    trial: bool = False


@dataclass(frozen=True, slots=True)
class Link:
    """A symbolic link to make."""

    path: str
    target: str
    trial: bool = False


@dataclass(frozen=True, slots=True)
class Command:
    """A program to run. `live`: only where the plan is for the running machine. `must`: without it nothing counts."""

    argv: tuple[str, ...]
    live: bool = False
    must: bool = True


Step = File | Link | Command


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps in their order, what an undo runs before and after it restores files, and what the user must know."""

    steps: tuple[Step, ...]
    undo_first: tuple[Command, ...]
    undo_last: tuple[Command, ...]
    notes: tuple[Text, ...]

    def sentences(self) -> list[Text]:
        """Say the plan, step by step."""
        return [*map(_sentence, self.steps), *self.notes]


def plan_install(root: Path, facts: Facts) -> Plan:
    """Plan to seal the machine whose files are below `root` ("/": this one). Raises SafetyRefusal and ConfigError."""
    _refuse(facts)
    live = root == Path("/")
    boot_steps, boot_undo = _boot(facts)
    notes = []
    if facts.loader is Loader.NONE:
        notes.append(t("No known boot loader: add {parameter} to the kernel's command line yourself.",
                       parameter=boot.PARAMETER))  # fmt: skip
    if facts.initramfs is Initramfs.NONE:
        notes.append(t("No known initramfs: a USB keyboard will not work before the agent runs."))
    if not facts.guarded:
        notes.append(
            t("No file for the network guard: clause 7.2d stays unverified ('portseal-agent guard sample' prints one).")
        )
    notes.append(
        t("It is a trial for {minutes} minutes, again after every boot: then it is undone unless "
          "'portseal-agent install --confirm' was run.", minutes=facts.minutes)
    )  # fmt: skip
    steps: tuple[Step, ...] = (
        *_unit_steps(_TRIAL, facts, trial=True),
        *_reload(live),
        *((Command(("systemctl", "start", "portseal-trial.timer"), live=True),) if live else ()),
        # The agent before what shuts the boot: a machine that dies in between has a gate, and its keyboard.
        *_unit_steps(_WANTED, facts, trial=False),
        *(File(path, _filled(name, facts)) for name, path in _FILES.items()),
        *boot_steps,
        *_reload(live),
        Command(("systemd-sysusers", "portseal.conf"), live=True, must=False),
        Command(("systemd-tmpfiles", "--create", "portseal.conf"), live=True, must=False),
        # The time of the trial is the user's: that of building an initramfs does not count.
        Command(("systemctl", "restart", "portseal-trial.timer"), live=True),
        Command(("systemctl", "start", "portseal-unmount.socket", "portseal-keeper.service"), live=True),
        Command(("systemctl", "start", "portseal-agent.service"), live=True),
        # The last step, with the trial's time running: whom it cuts off need only wait. Without a file it does nothing.
        Command(("systemctl", "start", "portseal-guard.service"), live=True),
    )
    stop = ("portseal-trial.timer", "portseal-agent.service", "portseal-keeper.service", "portseal-unmount.socket")
    return Plan(
        steps if live else tuple(each for each in steps if not (isinstance(each, Command) and each.live)),
        (
            Command(("systemctl", "stop", stop[0]), live=True, must=False),
            # It stops the guard, and takes the rules out of the kernel, where a stopped guard leaves them.
            Command(("systemctl", "start", "portseal-unguard.service"), live=True, must=False),
            *(Command(("systemctl", "stop", unit), live=True, must=False) for unit in stop[1:]),
        ),
        (*_reload(live=True), *boot_undo),
        tuple(notes),
    )


def _refuse(facts: Facts) -> None:
    if not facts.is_root:
        raise SafetyRefusal(t("only root can set the agent up"), next_step=t("run it as root, for example with sudo"))
    if re.search(r"[\s%\"'\\$]", facts.python) or re.match(r"/(?:home|root|tmp|run|var/tmp)/", facts.python):
        raise SafetyRefusal(
            t("the agent's Python is in a place that its services cannot use"),
            where=facts.python,
            next_step=t("install it below /opt or /usr, without blanks in the path"),
        )
    if facts.guarded and not facts.nft:
        raise SafetyRefusal(
            t("there is a file for the network guard, and nft is not installed"),
            next_step=t("install the package nftables"),
        )
    keyboards = [each for each in facts.bindings if each.role is UsbRole.KEYBOARD]
    if not keyboards and not facts.headless:
        raise SafetyRefusal(
            t("no keyboard is bound: nobody could type any more"),
            next_step=t("run 'portseal-agent bind' first, or say --headless for a machine without a keyboard"),
        )
    for each in facts.devices:
        if each.authorized and _types(each) and not _is_bound(each, facts.bindings):
            raise SafetyRefusal(
                t("the keyboard {product} in use now is not bound and would be shut", product=each.product or "?"),
                where=each.port,
                next_step=t("bind it with 'portseal-agent bind', or pull it"),
            )
    _refuse_absent(keyboards, facts)


def _refuse_absent(keyboards: list[UsbBinding], facts: Facts) -> None:
    """Refuse when no bound keyboard is there: the trial could not be confirmed, and nobody would know why."""
    if keyboards and facts.devices and not facts.headless:
        there = [each for each in facts.devices if _is_bound(each, tuple(keyboards))]
        if not there:
            raise SafetyRefusal(
                t("no bound keyboard is plugged in at its place"),
                next_step=t("plug it in where it was bound, or bind it again with 'portseal-agent bind'"),
            )


def _types(device: UsbDevice) -> bool:
    """Tell whether it is a keyboard: a HID interface with the boot protocol of one (USB HID 1.11, section 4.3)."""
    return any((each.usb_class, each.subclass, each.protocol) == (HID, "01", "01") for each in device.interfaces)


def _is_bound(device: UsbDevice, bindings: tuple[UsbBinding, ...]) -> bool:
    return any(device.identity == each.identity and device.port in each.ports for each in bindings)


def _unit_steps(names: dict[str, str], facts: Facts, *, trial: bool) -> list[Step]:
    steps: list[Step] = []
    for name, target in names.items():
        steps.append(File(f"{_UNITS}/{name}", _filled(name, facts), trial=trial))
        if target:
            steps.append(Link(f"{_UNITS}/{target}.wants/{name}", f"{_UNITS}/{name}", trial=trial))
    return steps


def _filled(name: str, facts: Facts) -> bytes:
    """Give a shipped file with this machine's programs in it."""
    text = (_DATA / name).read_text("utf-8")
    # The console script lies beside the Python that it was installed for.
    text = text.replace("@AGENT@", str(Path(facts.python).with_name("portseal-agent")))
    return text.replace("@PYTHON@", facts.python).replace("@SECONDS@", str(facts.minutes * 60)).encode()


def _reload(live: bool) -> tuple[Command, ...]:
    reload = (("systemctl", "daemon-reload"), ("udevadm", "control", "--reload"))
    return tuple(Command(each, live=True, must=False) for each in reload) if live else ()


def _boot(facts: Facts) -> tuple[list[Step], list[Command]]:
    """Give the steps for initramfs and boot loader, and the commands that an undo ends with."""
    steps: list[Step] = [File(boot.RULES, boot.keyboard_rules(facts.bindings), 0o600)]
    commands: list[Command] = []
    undo: list[Command] = []
    if facts.initramfs is Initramfs.TOOLS:
        steps.append(File("/etc/initramfs-tools/hooks/portseal", boot.INITRAMFS_HOOK, 0o755))
        commands.append(Command(("update-initramfs", "-u", "-k", "all")))
    elif facts.initramfs is Initramfs.DRACUT:
        steps.append(File("/usr/lib/dracut/modules.d/95portseal/module-setup.sh", boot.DRACUT_MODULE, 0o755))
        commands.append(Command(("dracut", "--force", "--regenerate-all")))
    undo += commands
    if facts.loader is Loader.GRUBBY:
        commands.append(Command(("grubby", "--update-kernel=ALL", f"--args={boot.PARAMETER}")))
        undo.append(Command(("grubby", "--update-kernel=ALL", f"--remove-args={boot.PARAMETER}")))
    elif facts.loader is not Loader.NONE:
        if facts.grub_folder:
            steps.append(File("/etc/default/grub.d/portseal.cfg", boot.GRUB_LINE))
        elif (content := boot.with_parameter(facts.grub_default)) != facts.grub_default:
            steps.append(File("/etc/default/grub", content))
        write = {
            Loader.UPDATE_GRUB: ("update-grub",),
            Loader.GRUB2: ("grub2-mkconfig", "-o", facts.grub_config),
        }[facts.loader]
        commands.append(Command(write))
        undo.append(Command(write))
    return [*steps, *commands], undo


def _sentence(step: Step) -> Text:
    if isinstance(step, File):
        return t("write {path} ({bytes} bytes, mode {mode})", path=step.path, bytes=len(step.content),
                 mode=f"{step.mode:04o}")  # fmt: skip
    if isinstance(step, Link):
        return t("link {path} to {target}", path=step.path, target=step.target)
    return t("run {command}", command=" ".join(step.argv))
