"""The one lab of this machine, brought up once for all tests that need it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lab import secrets as lab_secrets
from lab.api import Lab
from lab.site import SITE
from lab.up import SECRETS, ailments, requirements, state, up
from policies.errors import UsageError


@contextmanager
def _turn() -> Iterator[None]:
    """Wait until no other test run on this machine uses the lab (pytest-xdist's workers, another checkout)."""
    fd = os.open("/run/lock", os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


@pytest.fixture(scope="session")
def _lab() -> Iterator[Lab]:
    try:
        requirements()
    except UsageError as error:
        pytest.skip(error.line("en"))
    with _turn():
        now = state()
        if now is not None and not now.abandoned and not ailments():
            pytest.skip("a lab is up on this machine and somebody may be using it; run 'portseal lab down' first")
        lab = Lab()
        lab.up(owner=os.getpid())
        try:
            yield lab
        finally:
            lab.down()


@pytest.fixture(scope="session")
def lab_site(_lab: Lab) -> Lab:
    """Give the running lab, in whatever state the tests before left it; see `lab_fresh`."""
    return _lab


@pytest.fixture
def lab_fresh(lab_site: Lab) -> Lab:
    """Give the lab as the installer left it: first cables, first MACs, switches that have saved nothing."""
    lab_site.reset()
    return lab_site


@pytest.fixture
def lab_absent(lab_site: Lab, tmp_path: Path) -> Iterator[Lab]:
    """Take the lab down for one test, and bring it up again afterwards with the same passwords and host keys."""
    secrets = lab_secrets.load(SECRETS)
    for name in SITE.switch:
        lab_secrets.write_private(tmp_path / f"{name}_host_key", lab_site.switch(name).host_key.read_text("ascii"))
    lab_site.down()
    try:
        yield lab_site
    finally:
        lab_site.down()
        up(os.getpid(), secrets, tmp_path)
