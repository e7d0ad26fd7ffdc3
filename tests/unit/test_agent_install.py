"""Installing on a folder tree: written on trial, confirmed, and given back byte by byte, killed at any moment."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from agent.cli.install import Wish, confirm, install, uninstall
from agent.install import apply as carried
from agent.install.apply import FOLDER, MANIFEST, Stage, read_manifest
from agent.install.plan import Command, Plan, plan_install
from agent.install.trial import end_trial
from policies.errors import Busy, EquipmentError, SafetyRefusal, StorageFailed
from tests.unit.install_tree import DEBIAN, KEYBOARD, PLUGGED, Runs, machine, quiet, set_up, tree


class PowerLoss(BaseException):
    """The process is gone: nothing behind it runs."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return machine(tmp_path)


class TestTrialAndUndo:
    def test_it_is_installed_on_trial_and_given_back_byte_by_byte(self, root: Path) -> None:
        before = tree(root)
        assert set_up(root) == 0
        assert tree(root) != before
        assert (root / "etc/systemd/system/basic.target.wants/portseal-agent.service").is_symlink()
        found = read_manifest(root)
        assert found is not None
        assert found.stage is Stage.TRIAL
        run = Runs()
        assert uninstall(root, quiet, run) == 0
        assert tree(root) == before
        assert run.done == ["update-initramfs -u -k all", "update-grub"]
        assert [each.name for each in (root / FOLDER).iterdir()] == ["lock"]

    def test_a_trial_that_nobody_confirms_is_undone_by_its_timer(self, root: Path) -> None:
        before = tree(root)
        set_up(root)
        assert end_trial(root, Runs()) == 0
        assert tree(root) == before

    def test_a_machine_that_dies_while_a_trial_is_undone_goes_on_with_it_after_its_boot(self, root: Path) -> None:
        before, seen = tree(root), list[bool]()
        set_up(root)

        def dies(_: Sequence[str]) -> int:
            units = root / "etc/systemd/system"
            links = (units / "timers.target.wants/portseal-trial.timer", units / "portseal-trial.service")
            seen.append(all(os.path.lexists(each) for each in links))
            raise PowerLoss

        with pytest.raises(PowerLoss):
            end_trial(root, dies)
        assert seen == [True]
        assert end_trial(root, Runs()) == 0
        assert tree(root) == before

    def test_a_confirmed_installation_stays_and_its_trial_is_gone(self, root: Path) -> None:
        before = tree(root)
        set_up(root)
        assert confirm(root, quiet, Runs()) == 0
        assert not list(root.rglob("portseal-trial*"))
        sealed = tree(root)
        assert end_trial(root, Runs()) == 0
        assert confirm(root, quiet, Runs()) == 0
        assert tree(root) == sealed
        assert uninstall(root, quiet, Runs()) == 0
        assert tree(root) == before

    def test_a_confirmation_without_a_trial_is_refused(self, root: Path) -> None:
        with pytest.raises(SafetyRefusal, match="no trial"):
            confirm(root, quiet, Runs())
        set_up(root)
        end_trial(root, Runs())
        with pytest.raises(SafetyRefusal, match="no trial"):
            confirm(root, quiet, Runs())

    def test_the_kernels_defaults_come_back_and_the_keyboard_with_them(self, root: Path) -> None:
        set_up(root)
        usb = root / "sys/bus/usb/devices"
        places = (usb / "usb1/authorized_default", root / "sys/module/usbcore/parameters/authorized_default")
        for path in (*places, usb / "1-2/authorized"):
            path.write_text("0\n")
        uninstall(root, quiet, Runs())
        assert [path.read_text() for path in (*places, usb / "1-2/authorized")] == ["1", "-1", "1"]

    def test_interfaces_that_were_withheld_come_back_and_get_their_drivers(self, root: Path) -> None:
        usb = root / "sys/bus/usb/devices"
        (usb / "usb1/interface_authorized_default").write_text("1")
        set_up(root)
        (usb / "1-2:1.1").mkdir()
        (usb / "usb2").mkdir()
        late = [usb / "usb2/authorized_default", usb / "usb2/interface_authorized_default"]
        (usb.parent / "drivers_probe").touch()
        withheld = [usb / "usb1/interface_authorized_default", usb / "1-2:1.1/authorized", *late]
        for path in withheld:
            path.write_text("0\n")
        uninstall(root, quiet, Runs())
        assert [path.read_text() for path in withheld] == ["1"] * 4
        assert (usb.parent / "drivers_probe").read_text() == "1-2:1.1"

    def test_a_machine_that_was_shut_before_is_not_opened(self, root: Path) -> None:
        usb = root / "sys/bus/usb/devices"
        paths = (usb / "usb1/authorized_default", root / "sys/module/usbcore/parameters/authorized_default",
                 usb / "1-2/authorized")  # fmt: skip
        for path in paths:
            path.write_text("0")
        set_up(root)
        uninstall(root, quiet, Runs())
        assert [path.read_text() for path in paths] == ["0", "0", "0"]

    def test_what_somebody_else_changed_is_left_and_said(self, root: Path) -> None:
        set_up(root)
        changed = root / "etc/modprobe.d/portseal.conf"
        changed.write_bytes(b"# theirs")
        said: list[str] = []
        assert uninstall(root, lambda text: said.append(str(text)), Runs()) == 3
        assert changed.read_bytes() == b"# theirs"
        (line,) = [each for each in said if "somebody else" in each]
        kept = Path(line.rpartition(": ")[2].rstrip(")"))
        assert kept.read_bytes() == b"# mine\r\n"
        assert any(each.startswith("What remains") for each in said)

    def test_a_second_installation_is_refused(self, root: Path) -> None:
        set_up(root)
        sealed = tree(root)
        with pytest.raises(SafetyRefusal, match="already"):
            set_up(root)
        assert tree(root) == sealed

    def test_a_command_that_fails_undoes_all_of_it(self, root: Path) -> None:
        before = tree(root)
        with pytest.raises(EquipmentError, match=r"undone.*update-initramfs"):
            set_up(root, run=Runs("update-initramfs"))
        assert tree(root) == before
        assert read_manifest(root) is None

    def test_a_dry_run_says_the_plan_and_touches_nothing(self, root: Path) -> None:
        before, said, run = tree(root), list[str](), Runs()
        assert install(Wish(root, dry_run=True), lambda text: said.append(str(text)), (KEYBOARD,), (PLUGGED,), DEBIAN,
                       run) == 0  # fmt: skip
        assert tree(root) == before
        assert run.done == []
        assert any("/etc/modprobe.d/portseal.conf" in each for each in said)
        assert said[-1] == "Nothing was changed."

    def test_nothing_to_uninstall_is_exit_code_1(self, root: Path) -> None:
        assert uninstall(root, quiet, Runs()) == 1

    def test_two_at_once_are_refused(self, root: Path) -> None:
        with carried._locked(root), pytest.raises(Busy):
            set_up(root)

    def test_an_installation_that_outlasts_the_trial_is_waited_for_and_has_a_trial_of_its_own(self, root: Path) -> None:
        waited: list[float] = []
        held = contextlib.ExitStack()
        held.enter_context(carried._locked(root))

        def ends(seconds: float) -> None:
            waited.append(seconds)
            held.close()
            set_up(root)

        assert end_trial(root, Runs(), ends) == 0
        assert waited
        found = read_manifest(root)
        assert found is not None
        assert found.stage is Stage.TRIAL

    def test_an_installation_that_is_killed_after_its_trial_is_undone(
        self, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = tree(root)
        held = contextlib.ExitStack()
        held.enter_context(carried._locked(root))

        def ends(_: float) -> None:
            held.close()
            with monkeypatch.context() as patched, contextlib.suppress(PowerLoss):
                killed_at(12, patched)
                set_up(root)

        assert end_trial(root, Runs(), ends) == 0
        assert tree(root) == before
        assert read_manifest(root) is None

    def test_a_damaged_journal_touches_nothing(self, root: Path) -> None:
        set_up(root)
        sealed = tree(root)
        (root / FOLDER / MANIFEST).write_text("{")
        with pytest.raises(StorageFailed, match="journal"):
            uninstall(root, quiet, Runs())
        with pytest.raises(StorageFailed, match="journal"):
            confirm(root, quiet, Runs())
        with pytest.raises(StorageFailed, match="journal"):
            set_up(root)
        assert end_trial(root, Runs()) == 3
        assert tree(root) == sealed


def killed_at(count: int, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let the process die before its `count`th change of the disk; gives the number of changes that were begun."""
    begun: list[int] = []
    for name in ("replace", "unlink", "rmdir", "symlink_to", "mkdir"):
        real = getattr(Path, name)

        def change(self: Path, *given: object, _real: object = real, **named: object) -> object:
            begun.append(1)
            if len(begun) == count:
                raise PowerLoss
            assert callable(_real)
            return _real(self, *given, **named)

        monkeypatch.setattr(Path, name, change)
    return begun


def small_plan(*_: object) -> Plan:
    """Give a plan with one of each: a file that was there, one that was not, a link, a command."""
    full = plan_install(Path("/image"), DEBIAN)
    units = "/etc/systemd/system"
    names = ("/etc/modprobe.d/portseal.conf", "/etc/udev/rules.d/55-portseal-read-only.rules",
             f"{units}/timers.target.wants/portseal-trial.timer", f"{units}/portseal-trial.timer")  # fmt: skip
    return replace(full, steps=tuple(each for each in full.steps if isinstance(each, Command) or each.path in names))


@pytest.mark.parametrize("act", ["install", "uninstall", "confirm"])
def test_killed_at_any_moment_the_next_run_gives_everything_back(
    act: str, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process dies before each change of the disk in turn; an undo afterwards finds its way, twice killed too."""
    before = tree(root)
    plan = small_plan()
    count, finished = 0, False
    while not finished:
        count += 1
        assert count < 200
        if act != "install":
            carried.apply_plan(plan, root, Runs())
        with monkeypatch.context() as patched:
            killed_at(count, patched)
            try:
                if act == "install":
                    carried.apply_plan(plan, root, Runs())
                elif act == "uninstall":
                    carried.undo(root, Runs())
                else:
                    carried.confirm_trial(root, Runs())
                finished = True
            except PowerLoss:
                pass
        with monkeypatch.context() as patched:
            killed_at(1 + count % 7, patched)
            with contextlib.suppress(PowerLoss):
                carried.undo(root, Runs())
        carried.undo(root, Runs())
        assert tree(root) == before, f"killed before change {count}"
        assert read_manifest(root) is None
    assert count > 5


def test_a_killed_installation_is_undone_before_the_next_one(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = tree(root)
    with monkeypatch.context() as patched:
        killed_at(12, patched)
        with pytest.raises(PowerLoss):
            set_up(root)
    assert read_manifest(root) is not None
    assert set_up(root) == 0
    assert uninstall(root, quiet, Runs()) == 0
    assert tree(root) == before
