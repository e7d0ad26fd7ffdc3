"""Carrying a plan out, and taking it back: a journal on disk comes before every change.

The journal (`manifest.json`, beside it the former bytes of every touched file) says what was there and what is put
there. A run that is killed at any moment is undone by the next one. An undo gives back exactly what was there, and
leaves alone what somebody else changed meanwhile: that is said, with the place of the former bytes.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import stat
import subprocess
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from agent.install.kernel import give_back, read_defaults
from agent.install.plan import Command, File, Link, Plan
from agent.usb.bindings import replace_file
from policies.errors import Busy, EquipmentError, PortsealError, SafetyRefusal, StorageFailed
from policies.texts import Text, t

#: The journal's folder, and its files.
FOLDER = "var/lib/portseal-agent/install"
MANIFEST, LOCK = "manifest.json", "lock"
#: Runs a program and gives its exit code; 127 when there is none.
Run = Callable[[Sequence[str]], int]


class Stage(StrEnum):
    """How far an installation is."""

    INSTALLING = "installing"
    TRIAL = "trial"
    CONFIRMED = "confirmed"
    UNDOING = "undoing"


@dataclass(frozen=True, slots=True)
class Entry:
    """A touched path. `before` and `after`: "" for nothing, file:DIGEST, link:TARGET. `kept`: the former bytes."""

    path: str
    before: str
    after: str
    kept: str = ""
    mode: int = 0
    owner: tuple[int, int] = (0, 0)
    trial: bool = False


@dataclass(frozen=True, slots=True)
class Manifest:
    """The journal. `defaults` are the kernel's USB defaults as they were (path, value); `folders` were made by us."""

    stage: Stage
    entries: tuple[Entry, ...]
    undo_first: tuple[tuple[str, ...], ...]
    undo_last: tuple[tuple[str, ...], ...]
    defaults: tuple[tuple[str, str], ...]
    folders: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Undone:
    """What an undo did: paths given back, and sentences on what it had to leave."""

    restored: tuple[str, ...]
    left: tuple[Text, ...]


def run_on(root: Path) -> Run:
    """Give what runs commands for the system below `root`: its own programs, in it."""

    def run(argv: Sequence[str]) -> int:
        prefix = () if root == Path("/") else ("chroot", str(root))
        try:
            done = subprocess.run([*prefix, *argv], stdin=subprocess.DEVNULL, check=False, timeout=1500)
        except FileNotFoundError:
            return 127
        except (OSError, subprocess.TimeoutExpired):
            return 126
        return done.returncode

    return run


def read_manifest(root: Path) -> Manifest | None:
    """Read the journal; None without one. Raises StorageFailed for one that is damaged: then nothing is touched."""
    path = root / FOLDER / MANIFEST
    try:
        told = json.loads(path.read_bytes())
        return Manifest(
            Stage(told["stage"]),
            tuple(Entry(**{**each, "owner": tuple(each["owner"])}) for each in told["entries"]),
            tuple(map(tuple, told["undo_first"])),
            tuple(map(tuple, told["undo_last"])),
            tuple((name, value) for name, value in told["defaults"]),
            tuple(told["folders"]),
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        raise StorageFailed(
            t("the journal of the installation cannot be read"),
            where=str(path),
            next_step=t("give the former files back from this folder by hand, then delete it"),
        ) from None


def apply_plan(plan: Plan, root: Path, run: Run) -> None:
    """Carry the plan out; after an error everything is as it was, and the error says so.

    Raises SafetyRefusal when it is set up already, EquipmentError when a step fails, Busy while another one works.
    """
    with _locked(root):
        if (found := refuse_second(root)) is not None:
            _undo(root, found, run)
        manifest = _prepare(plan, root)
        try:
            for step in plan.steps:
                if isinstance(step, Command):
                    _must(step, run)
                elif isinstance(step, File):
                    put(root, step)
                else:
                    _link(root, step)
        except (OSError, PortsealError) as error:
            undone = _undo(root, manifest, run)
            raise EquipmentError(
                t("the installation failed and was undone: {cause}; {left} paths were left as they are",
                  cause=getattr(error, "what", None) or str(error), left=len(undone.left)),
                next_step=t("mend the cause, then install again"),
            ) from error  # fmt: skip
        _write(root, replace(manifest, stage=Stage.TRIAL))


def refuse_second(root: Path) -> Manifest | None:
    """Raise SafetyRefusal when it is set up already; else give the journal of a run that was killed, if any."""
    found = read_manifest(root)
    if found is not None and found.stage in (Stage.TRIAL, Stage.CONFIRMED):
        raise SafetyRefusal(
            t("the agent is set up on this machine already"), next_step=t("run 'portseal-agent uninstall' first")
        )
    return found


def confirm_trial(root: Path, run: Run) -> None:
    """End the trial: what was set up stays. Raises SafetyRefusal when there is no trial."""
    with _locked(root):
        manifest = read_manifest(root)
        if manifest is None or manifest.stage not in (Stage.TRIAL, Stage.CONFIRMED):
            raise SafetyRefusal(
                t("there is no trial to confirm"), next_step=t("run 'portseal-agent install'; its trial may be over")
            )
        # The decision is made by this write: a timer that fires now finds it confirmed.
        trial = [each for each in manifest.entries if each.trial]
        _write(root, replace(manifest, stage=Stage.CONFIRMED))
        if root == Path("/") and any(_seen(_at(root, each.path)) == each.after for each in trial):
            run(("systemctl", "stop", "portseal-trial.timer"))
        for each in reversed(trial):
            _restore(root, each)
        if root == Path("/"):
            run(("systemctl", "daemon-reload"))


def undo(root: Path, run: Run, *, spare: Container[Stage] = (), reload: bool = True) -> Undone | None:
    """Take everything away again; None when there is nothing to undo, or its stage is one to spare.

    Without `reload` the service manager goes on knowing the trial's units, which are gone: for the trial itself.
    """
    with _locked(root):
        manifest = read_manifest(root)
        if manifest is None or manifest.stage in spare:
            return None
        return _undo(root, manifest, run, reload=reload)


def put(root: Path, file: File) -> None:
    """Write a file of the plan: whole or not at all, whatever was there."""
    path = _at(root, file.path)
    beside = path.with_name(_new(path))
    beside.unlink(missing_ok=True)
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "wb") as opened:
        opened.write(file.content)
        opened.flush()
        os.fchmod(opened.fileno(), file.mode)
        os.fsync(opened.fileno())
    beside.replace(path)
    _sync(path.parent)


def _link(root: Path, link: Link) -> None:
    path = _at(root, link.path)
    beside = path.with_name(_new(path))
    beside.unlink(missing_ok=True)
    beside.symlink_to(link.target)
    beside.replace(path)
    _sync(path.parent)


def _prepare(plan: Plan, root: Path) -> Manifest:
    """Keep the former bytes, and write the journal: from here on a killed run can be undone."""
    folder = root / FOLDER
    # Also what was copied here a moment ago, this program for one: after a power cut the trial must find it.
    os.sync()
    things = [each for each in plan.steps if not isinstance(each, Command)]
    entries = [_keep(root, folder, each) for each in things]
    made: list[str] = []
    for each in things:
        above = [parent for parent in Path(each.path).parents if not (root / str(parent).lstrip("/")).exists()]
        made += [str(parent) for parent in reversed(above) if str(parent) not in made]
    live = root == Path("/")
    first, last = (
        tuple(each.argv for each in commands if live or not each.live) for commands in (plan.undo_first, plan.undo_last)
    )
    manifest = Manifest(Stage.INSTALLING, tuple(entries), first, last, read_defaults(root), tuple(made))
    _write(root, manifest)
    for name in made:
        _at(root, name).mkdir(mode=0o755, exist_ok=True)
    return manifest


def _keep(root: Path, folder: Path, thing: File | Link) -> Entry:
    path = _at(root, thing.path)
    after = f"link:{thing.target}" if isinstance(thing, Link) else f"file:{hashlib.sha256(thing.content).hexdigest()}"
    before = _seen(path)
    if not before.startswith("file:"):
        return Entry(thing.path, before, after, trial=thing.trial)
    facts = path.stat()
    # By its digest: what an earlier undo had to leave there is never written over by something else.
    kept = before.removeprefix("file:")
    replace_file(folder / kept, path.read_bytes())
    owner = (facts.st_uid, facts.st_gid)
    return Entry(thing.path, before, after, kept, stat.S_IMODE(facts.st_mode), owner, thing.trial)


def _undo(root: Path, manifest: Manifest, run: Run, *, reload: bool = True) -> Undone:
    _write(root, replace(manifest, stage=Stage.UNDOING))
    for argv in manifest.undo_first:
        run(argv)
    left: list[Text] = []
    restored: list[str] = []
    stuck = _give_files(root, [each for each in manifest.entries if not each.trial], restored, left)
    # Before the slow commands: until here a keyboard that is not bound is dead.
    give_back(root, manifest.defaults)
    failed = [(argv, code) for argv in manifest.undo_last if (code := run(argv)) != 0]
    left += [
        t("'{command}' failed (exit code {code}): run it by hand", command=" ".join(argv), code=code)
        for argv, code in failed
    ]
    # The trial's own units last: a machine that dies before this goes on with it after its next boot.
    stuck |= _give_files(root, [each for each in manifest.entries if each.trial], restored, left)
    for name in reversed(manifest.folders):
        with suppress(OSError):  # something else lies in it by now
            _at(root, name).rmdir()
    if reload and root == Path("/"):
        run(("systemctl", "daemon-reload"))
    if not stuck:
        _forget(root, manifest, keep=len(left) > len(failed))
    return Undone(tuple(restored), tuple(left))


def _give_files(root: Path, entries: Sequence[Entry], restored: list[str], left: list[Text]) -> bool:
    """Give paths back, the last one first; tells whether one could not be written, so that it must be tried again."""
    stuck = False
    for each in reversed(entries):
        try:
            fault = _restore(root, each)
        except (OSError, StorageFailed) as error:
            stuck, cause = True, getattr(error, "strerror", "") or ""
            fault = t(
                "{path} cannot be given back ({cause}): run the uninstallation again", path=each.path, cause=cause
            )
        if fault is None:
            restored.append(each.path)
        else:
            left.append(fault)
    return stuck


def _forget(root: Path, manifest: Manifest, *, keep: bool) -> None:
    """Delete the journal, and the former bytes unless somebody may still want them."""
    (root / FOLDER / MANIFEST).unlink(missing_ok=True)
    for name in {each.kept for each in manifest.entries if each.kept and not keep}:
        (root / FOLDER / name).unlink(missing_ok=True)
    _sync(root / FOLDER)


def _restore(root: Path, entry: Entry) -> Text | None:
    """Give one path back; says why not when it is neither what was there nor what was put there."""
    path = _at(root, entry.path)
    path.with_name(_new(path)).unlink(missing_ok=True)
    now = _seen(path)
    if now == entry.before:
        return None
    if now != entry.after:
        kept = str(root / FOLDER / entry.kept) if entry.kept else "-"
        return t("{path} was changed by somebody else and is left as it is (former content: {kept})",
                 path=entry.path, kept=kept)  # fmt: skip
    if entry.before == "":
        path.unlink()
        _sync(path.parent)
    elif entry.before.startswith("link:"):
        _link(root, Link(entry.path, entry.before.removeprefix("link:")))
    else:
        content = (root / FOLDER / entry.kept).read_bytes()
        put(root, File(entry.path, content, entry.mode))
        if os.geteuid() == 0:
            os.chown(path, *entry.owner)
            path.chmod(entry.mode)
    return None


def _seen(path: Path) -> str:
    """Tell what is at a path: "", link:TARGET, file:DIGEST; a folder or device is "other", which equals nothing."""
    try:
        facts = path.lstat()
        if stat.S_ISLNK(facts.st_mode):
            return f"link:{path.readlink()}"
        if stat.S_ISREG(facts.st_mode):
            return f"file:{hashlib.sha256(path.read_bytes()).hexdigest()}"
    except (FileNotFoundError, NotADirectoryError):
        return ""
    return "other"


def _must(command: Command, run: Run) -> None:
    code = run(command.argv)
    if code != 0 and command.must:
        raise EquipmentError(t("'{command}' failed (exit code {code})", command=" ".join(command.argv), code=code))


def _write(root: Path, manifest: Manifest) -> None:
    told: dict[str, Any] = {"v": 1, **asdict(manifest)}
    replace_file(root / FOLDER / MANIFEST, (json.dumps(told, indent=1) + "\n").encode())


@contextmanager
def _locked(root: Path) -> Iterator[None]:
    folder = root / FOLDER
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StorageFailed(
            t("the file cannot be written ({cause})", cause=error.strerror or ""),
            where=str(folder),
            next_step=t("make room on the disk, or correct the folder's owner and mode"),
        ) from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise Busy(
            t("another installation is at work on this machine"), next_step=t("wait for its end, then try again")
        ) from None
    finally:
        os.close(handle)


def _at(root: Path, path: str) -> Path:
    return root / path.lstrip("/")


def _new(path: Path) -> str:
    return f".{path.name}.portseal-new"


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
