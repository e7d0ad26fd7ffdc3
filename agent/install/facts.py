"""What an installation depends on, looked up in the files of a system (this one, or an image below a folder)."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from agent.install.plan import Facts, Initramfs, Loader

_GUARD = "etc/portseal-agent/guard.toml"
_BIN = ("usr/sbin", "usr/bin", "sbin", "bin")
#: What grub2-mkconfig writes: RHEL's family links to it, by how the machine booted.
_CONFIGS = (("etc/grub2-efi.cfg", True), ("etc/grub2.cfg", False))


def read_facts(root: Path, *, python: str = "", uid: int | None = None) -> Facts:
    """Look at the system below `root`; bindings, devices and choices are the caller's to add (dataclasses.replace)."""
    maker = _program(root, "grub-mkconfig")
    grub_default = root / "etc/default/grub"
    return Facts(
        is_root=(os.geteuid() if uid is None else uid) == 0,
        python=python or sys.executable,
        loader=_loader(root),
        initramfs=_initramfs(root),
        grub_folder=maker is not None and b"default/grub.d" in maker.read_bytes(),
        grub_config=_grub_config(root),
        grub_default=grub_default.read_bytes() if grub_default.is_file() else b"",
        guarded=(root / _GUARD).exists(),
        nft=_program(root, "nft") is not None,
    )


def _loader(root: Path) -> Loader:
    for name, loader in (
        ("grubby", Loader.GRUBBY),
        ("update-grub", Loader.UPDATE_GRUB),
        ("grub2-mkconfig", Loader.GRUB2),
    ):
        if _program(root, name) is not None:
            return loader
    return Loader.NONE


def _initramfs(root: Path) -> Initramfs:
    if _program(root, "update-initramfs") is not None and (root / "usr/share/initramfs-tools").is_dir():
        return Initramfs.TOOLS
    return Initramfs.DRACUT if _program(root, "dracut") is not None else Initramfs.NONE


def _grub_config(root: Path) -> str:
    efi = (root / "sys/firmware/efi").is_dir()
    for name, for_efi in _CONFIGS:
        link = root / name
        if for_efi == efi and link.is_symlink():
            # The link is relative or absolute in the system, not on the machine that prepares an image.
            target = link.readlink()
            return os.path.normpath("/" / target if target.is_absolute() else Path("/", name).parent / target)
    return "/boot/grub2/grub.cfg"


def _program(root: Path, name: str) -> Path | None:
    found = (root / folder / name for folder in _BIN)
    return next((each for each in found if each.is_file()), None)
