"""A swipe drives an anti-plug lock: the reference lock on a real broker, beside a running controller and agent."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.store.locks import KeptLock, kept_lock
from controller.store.open import open_store
from lab.terminal.lock import ReferenceLock
from policies.messages.identities import Identity, Role
from policies.messages.lock import LockState
from tests.replay.agent_process import running
from tests.replay.broker_bench import Client
from tests.replay.serve_bench import Site, swipe

MORE = '[terminals.T1.lock]\nlevel = "sensed"\nmodel = "KeyLock S"\nid = "front"\n'


class Lock:
    """The reference lock with a connection of its own; its seconds are real ones."""

    def __init__(self, site: Site, memory: Path) -> None:
        self.client: Client = site.client(Identity(Role.LOCK, "T1"))
        self.client.subscribe("portseal/1/hq/lock/T1/set")
        self.lock = ReferenceLock("hq", "T1", "front", site.key.public, memory, self._say)
        self.lock.start()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def close(self) -> None:
        self._over.set()
        self._thread.join()

    def _say(self, payload: bytes) -> None:
        self.client.mqtt.publish("portseal/1/hq/lock/T1/state", payload, qos=1)

    def _run(self) -> None:
        last = time.monotonic()
        while not self._over.is_set():
            if (heard := self.client.hear(0.1)) is not None:
                self.lock.hear(heard[1])
            now = time.monotonic()
            self.lock.pass_by(now - last)
            last = now


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site(MORE)
    for identity in (Identity(Role.LOCK, "T1"), Identity(Role.READER, "gate-1")):
        made.enrol(identity)  # the broker knows them from its start on, and refuses nothing that they say at first
    made.start()
    yield made
    made.close()


def kept(site: Site) -> KeptLock | None:
    with open_store(site.folder) as store:
        return kept_lock(store, "T1", "front")


@pytest.mark.clause("7.2b")
def test_a_swipe_opens_the_lock_and_the_relock_shuts_it(site: Site, tmp_path: Path) -> None:
    place = site.terminal(tmp_path / "T1")
    lock = Lock(site, tmp_path / "flash")
    reader = site.client(Identity(Role.READER, "gate-1"))
    try:
        with running(place):
            site.until(lambda: site.ask(do="terminals")["online"]["T1"])
            swipe(reader)
            site.wait_for("terminal.usb.opened")
            site.until(lambda: lock.lock.state is LockState.OPEN)
            time.sleep(1.5)
            swipe(reader)
            site.wait_for("terminal.lease.ended")
            site.until(lambda: lock.lock.state is LockState.CLOSED)
            site.until(lambda: (found := kept(site)) is not None and found.report.state is LockState.CLOSED)
            states = [each.data["state"] for each in site.entries() if each.kind == "lock.state"]
            assert states == ["closed", "open", "closed"]
            # Everybody may hold a forged message against it: another terminal's lock cannot speak here.
            other = site.client(Identity(Role.LOCK, "T2"))
            assert other.say("portseal/1/hq/lock/T1/state", b"{}").is_failure
            lock.lock.force()
            site.wait_for("lock.forced")
    finally:
        lock.close()
