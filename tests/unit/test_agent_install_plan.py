"""What an installation does, as a plan: steps in their order, refusals, boot rules, and the facts that decide."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.install import boot
from agent.install.apply import FOLDER, MANIFEST
from agent.install.facts import read_facts
from agent.install.plan import Command, File, Initramfs, Loader, plan_install
from policies.errors import ConfigError, SafetyRefusal
from policies.usb import UsbBinding, UsbRole
from tests.unit.install_tree import DEBIAN, IDENTITY, KEYBOARD, PLUGGED, PORT, SYSTEM, machine, set_up, tree


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return machine(tmp_path)


class TestPlan:
    def test_the_trial_is_armed_before_anything_else_is_touched(self) -> None:
        steps = plan_install(SYSTEM, DEBIAN).steps
        start = next(
            n for n, each in enumerate(steps) if isinstance(each, Command) and "portseal-trial.timer" in each.argv
        )
        touched = [each.path for each in steps[:start] if not isinstance(each, Command)]
        assert touched
        assert all("portseal-trial" in path for path in touched)

    def test_agent_and_guard_start_last(self) -> None:
        agent, guard = plan_install(SYSTEM, DEBIAN).steps[-2:]
        assert agent == Command(("systemctl", "start", "portseal-agent.service"), live=True)
        assert guard == Command(("systemctl", "start", "portseal-guard.service"), live=True)

    def test_an_undo_takes_the_guards_rules_away_before_its_files(self) -> None:
        undo = [each.argv for each in plan_install(SYSTEM, DEBIAN).undo_first]
        assert ("systemctl", "start", "portseal-unguard.service") in undo

    def test_a_guard_that_is_declared_needs_nftables_and_one_that_is_not_is_missed(self, root: Path) -> None:
        with pytest.raises(SafetyRefusal, match="nft is not installed"):
            plan_install(SYSTEM, replace(DEBIAN, guarded=True))
        said = [str(each) for each in plan_install(SYSTEM, DEBIAN).notes]
        assert any("clause 7.2d stays unverified" in each for each in said)
        whole = plan_install(SYSTEM, replace(DEBIAN, guarded=True, nft=True))
        assert not any("7.2d" in str(each) for each in whole.notes)
        assert (read_facts(root).guarded, read_facts(root).nft) == (False, False)
        (root / "etc/portseal-agent/guard.toml").touch()
        (root / "usr/sbin").mkdir(parents=True)
        (root / "usr/sbin/nft").touch()
        assert (read_facts(root).guarded, read_facts(root).nft) == (True, True)

    def test_an_image_gets_the_same_files_and_no_command_for_a_running_machine(self) -> None:
        here, image = plan_install(SYSTEM, DEBIAN), plan_install(Path("/mnt/image"), DEBIAN)
        assert [each for each in here.steps if not isinstance(each, Command)] == [
            each for each in image.steps if not isinstance(each, Command)
        ]
        assert [each.argv for each in image.steps if isinstance(each, Command)] == [
            ("update-initramfs", "-u", "-k", "all"), ("update-grub",),
        ]  # fmt: skip

    def test_it_is_pure(self) -> None:
        assert plan_install(SYSTEM, DEBIAN) == plan_install(SYSTEM, DEBIAN)

    @pytest.mark.parametrize(
        ("facts", "files", "commands"),
        [
            (
                {"loader": Loader.UPDATE_GRUB, "grub_folder": True},
                ["/etc/default/grub.d/portseal.cfg"],
                ["update-grub"],
            ),
            ({"loader": Loader.UPDATE_GRUB, "grub_folder": False}, ["/etc/default/grub"], ["update-grub"]),
            (
                {"loader": Loader.GRUB2, "grub_folder": False, "grub_config": "/boot/efi/EFI/kylin/grub.cfg"},
                ["/etc/default/grub"],
                ["grub2-mkconfig -o /boot/efi/EFI/kylin/grub.cfg"],
            ),
            ({"loader": Loader.GRUBBY}, [], [f"grubby --update-kernel=ALL --args={boot.PARAMETER}"]),
            ({"loader": Loader.NONE}, [], []),
        ],
    )
    def test_every_boot_loader_gets_the_parameter_its_own_way(
        self, facts: dict[str, object], files: list[str], commands: list[str]
    ) -> None:
        plan = plan_install(Path("/image"), replace(DEBIAN, initramfs=Initramfs.NONE, **facts))  # type: ignore[arg-type]
        written = [each for each in plan.steps if isinstance(each, File) and "grub" in each.path]
        assert [each.path for each in written] == files
        assert all(boot.PARAMETER.encode() in each.content for each in written)
        assert [" ".join(each.argv) for each in plan.steps if isinstance(each, Command)] == commands
        assert any(boot.PARAMETER in str(each) for each in plan.notes) is not bool(commands)

    def test_dracut_gets_a_module_of_its_own(self) -> None:
        plan = plan_install(Path("/image"), replace(DEBIAN, initramfs=Initramfs.DRACUT))
        (module,) = [each for each in plan.steps if isinstance(each, File) and "dracut" in each.path]
        assert boot.RULES.encode() in module.content
        assert module.mode == 0o755

    def test_the_keyboard_rule_is_for_the_initramfs_only(self) -> None:
        plan = plan_install(SYSTEM, DEBIAN)
        rules = {each.path for each in plan.steps if isinstance(each, File) and b"ATTR{authorized}" in each.content}
        assert rules == {boot.RULES}
        assert "udev/rules.d" not in boot.RULES


class TestRefusals:
    @pytest.mark.parametrize(
        ("changed", "said"),
        [
            ({"is_root": False}, "only root"),
            ({"bindings": ()}, "no keyboard is bound"),
            ({"bindings": (replace(KEYBOARD, role=UsbRole.MOUSE),)}, "no keyboard is bound"),
            ({"devices": (replace(PLUGGED, port="pci-0000:00:14.0-usbv2-0:3"),)}, "is not bound and would be shut"),
            ({"devices": (PLUGGED, replace(PLUGGED, identity=replace(IDENTITY, serial="2")))}, "would be shut"),
            ({"devices": (replace(PLUGGED, interfaces=()),), "bindings": (replace(KEYBOARD, ports=(PORT + ".1",)),)},
             "no bound keyboard is plugged in"),
            ({"python": "/home/a/.venv/bin/python"}, "cannot use"),
            ({"python": "/opt/a b/python"}, "cannot use"),
            ({"python": "/opt/100%/python"}, "cannot use"),
        ],
    )  # fmt: skip
    def test_what_would_lock_somebody_out_is_refused_and_nothing_is_written(
        self, changed: dict[str, object], said: str, root: Path
    ) -> None:
        before = tree(root)
        with pytest.raises(SafetyRefusal, match=said) as error:
            set_up(root, replace(DEBIAN, **changed))  # type: ignore[arg-type]
        assert error.value.exit_code == 4
        assert tree(root) == before
        assert not (root / FOLDER / MANIFEST).exists()

    def test_a_machine_without_a_keyboard_is_sealed_when_that_is_said(self) -> None:
        assert plan_install(SYSTEM, replace(DEBIAN, bindings=(), devices=(), headless=True)).steps

    def test_headless_does_not_shut_a_keyboard_that_is_in_use(self) -> None:
        with pytest.raises(SafetyRefusal, match="would be shut"):
            plan_install(SYSTEM, replace(DEBIAN, bindings=(), headless=True))

    def test_a_keyboard_behind_a_hub_that_is_not_bound_is_refused(self) -> None:
        deep = replace(KEYBOARD, ports=("pci-0000:00:14.0-usbv2-0:2.4.1",))
        hub = UsbBinding("hub", UsbRole.HUB, ("pci-0000:00:14.0-usbv2-0:2",), IDENTITY)
        inner = replace(hub, name="inner", ports=("pci-0000:00:14.0-usbv2-0:2.4",))
        for bindings in ((deep,), (deep, hub), (deep, inner)):
            with pytest.raises(SafetyRefusal, match="behind a hub"):
                boot.keyboard_rules(bindings)
        assert boot.keyboard_rules((deep, hub, inner)).count(b"ATTR{authorized}") == 3


class TestRules:
    def test_a_rule_names_place_ids_and_serial(self) -> None:
        rule = boot.keyboard_rules((KEYBOARD,)).decode().splitlines()[1]
        assert rule == (
            'ACTION=="add", SUBSYSTEM=="usb", ENV{DEVTYPE}=="usb_device", KERNELS=="0000:00:14.0", ATTR{devpath}=="2", '
            'ATTR{idVendor}=="046d", ATTR{idProduct}=="c31c", ATTR{serial}=="SN 1", ATTR{authorized}="1"'
        )

    def test_a_device_without_a_serial_must_have_none(self) -> None:
        bare = replace(KEYBOARD, identity=replace(IDENTITY, serial=""))
        assert b'TEST!="serial"' in boot.keyboard_rules((bare,))

    def test_both_halves_of_a_hole_are_one_rule(self) -> None:
        both = replace(KEYBOARD, ports=(PORT, PORT.replace("usbv2", "usbv3")))
        assert boot.keyboard_rules((both,)).count(b"ACTION") == 1

    @given(st.text())
    def test_no_serial_can_end_a_rule_or_add_one(self, serial: str) -> None:
        rules = boot.keyboard_rules((replace(KEYBOARD, identity=replace(IDENTITY, serial=serial or "x")),)).decode()
        assert rules.count("\n") == 2
        assert rules.count('"') == 18
        assert "|" not in rules
        assert rules.isascii()

    @pytest.mark.parametrize(
        ("serial", "written"),
        [("a*b", "a[*]b"), ("a?[", "a[?][[]"), ('a"b|c', "a?b?c"), ("键盘9", "*9"), ("a\\", "a?")],
    )
    def test_signs_of_udevs_own_match_themselves_or_one_character(self, serial: str, written: str) -> None:
        assert boot.pattern(serial) == written

    @pytest.mark.parametrize(
        ("port", "place"),
        [
            (PORT, ("0000:00:14.0", "2")),
            ("platform-dummy_hcd.0-usbv2-0:1.2", ("dummy_hcd.0", "1.2")),
            ("platform-fd500000.pcie-pci-0000:01:00.0-usbv3-0:4", ("0000:01:00.0", "4")),
        ],
    )
    def test_a_port_path_names_controller_and_ports(self, port: str, place: tuple[str, str]) -> None:
        assert boot.place_of(port) == place

    def test_a_port_path_that_names_none_is_an_error(self) -> None:
        with pytest.raises(ConfigError, match="no controller"):
            boot.place_of("1-2.4")

    @given(st.binary())
    def test_grubs_file_keeps_every_byte_and_gets_the_line_once(self, content: bytes) -> None:
        changed = boot.with_parameter(content)
        assert changed.startswith(content)
        assert boot.with_parameter(changed) == changed


class TestFacts:
    def put(self, root: Path, name: str, content: str = "") -> None:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)

    def test_debian_and_its_family(self, root: Path) -> None:
        self.put(root, "usr/sbin/update-grub")
        self.put(root, "usr/sbin/grub-mkconfig", "for x in ${sysconfdir}/default/grub.d/*.cfg")
        self.put(root, "usr/sbin/update-initramfs")
        (root / "usr/share/initramfs-tools").mkdir(parents=True)
        found = read_facts(root, uid=0)
        assert (found.loader, found.initramfs, found.grub_folder) == (Loader.UPDATE_GRUB, Initramfs.TOOLS, True)
        assert found.is_root
        assert found.grub_default.startswith(b"GRUB_CMDLINE_LINUX")
        assert not read_facts(root, uid=1000).is_root

    def test_red_hats_family_by_how_it_booted(self, root: Path) -> None:
        self.put(root, "usr/sbin/grub2-mkconfig")
        self.put(root, "usr/bin/dracut")
        (root / "etc/grub2.cfg").symlink_to("../boot/grub2/grub.cfg")
        (root / "etc/grub2-efi.cfg").symlink_to("../boot/efi/EFI/uos/grub.cfg")
        found = read_facts(root)
        assert (found.loader, found.initramfs, found.grub_config) == (
            Loader.GRUB2,
            Initramfs.DRACUT,
            "/boot/grub2/grub.cfg",
        )
        (root / "sys/firmware/efi").mkdir(parents=True)
        assert read_facts(root).grub_config == "/boot/efi/EFI/uos/grub.cfg"
        self.put(root, "usr/sbin/grubby")
        assert read_facts(root).loader is Loader.GRUBBY

    def test_a_machine_without_any(self, root: Path) -> None:
        found = read_facts(root)
        assert (found.loader, found.initramfs, found.grub_folder) == (Loader.NONE, Initramfs.NONE, False)
