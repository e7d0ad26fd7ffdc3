"""Giving every privilege up, for good: what reads hostile frames can then do nothing but read them and answer."""

from __future__ import annotations

import ctypes
import os
import resource
import struct

# linux/prctl.h, linux/capability.h
_NO_NEW_PRIVS, _DROP_BOUND, _CLEAR_AMBIENT = 38, 24, (47, 4)
_CAPABILITY_VERSION_3, _LAST_CAPABILITY = 0x20080522, 63
_CAPSET = {"x86_64": 126, "aarch64": 91, "riscv64": 91, "loongarch64": 91}
#: The account of nobody, where root gives itself up; the number is the kernel's own (overflowuid).
_NOBODY = 65_534


def drop() -> None:
    """Become nobody, without capabilities, new privileges, new processes, files to write or core dumps.

    Descriptors that are open stay open, and nothing that needs the disk works afterwards: import all before.
    Raises OSError when the kernel does not grant it.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in range(_LAST_CAPABILITY + 1):
        libc.prctl(_DROP_BOUND, capability, 0, 0, 0)  # refused without CAP_SETPCAP, and for numbers that are none
    libc.prctl(*_CLEAR_AMBIENT, 0, 0, 0)
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(_NOBODY, _NOBODY, _NOBODY)
        os.setresuid(_NOBODY, _NOBODY, _NOBODY)
    call = _CAPSET.get(os.uname().machine)
    if call is not None:
        _check(libc.syscall(call, struct.pack("=Ii", _CAPABILITY_VERSION_3, 0), bytes(24)))
    _check(libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0))
    for limit in (resource.RLIMIT_NPROC, resource.RLIMIT_FSIZE, resource.RLIMIT_CORE):
        resource.setrlimit(limit, (0, 0))


def _check(result: int) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
