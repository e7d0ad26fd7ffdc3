"""What the access-control system publishes, while serving: its parts put together, read beside the loop, answered.

Parts and lists are in memory only: what a killed controller had is not answered, and is sent again.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from contextlib import suppress
from datetime import datetime, timedelta

from controller.broker.events import finding
from controller.broker.say import Say
from controller.cards.keep import SUBJECT
from controller.cards.published import packed, standing
from controller.cards.sync import overdue
from controller.context import Context
from controller.store import cards
from policies.errors import InputError
from policies.messages.cards import TAKEN, Collector, ListAck, ListRefused, PublishedList, read_ack, read_part
from policies.messages.topics import Kind

_log = logging.getLogger("portseal.serve")

#: Seconds after which the reading of a list is ended: 50,000 cards take ten on a busy machine.
_LONGEST_S = 600.0
#: Seconds for which the broker keeps an answer, and between two looks whether lists still come.
ANSWER_SECONDS, LOOK_SECONDS = 300, 60.0
#: The same refusal is written down again after this long, not each time.
QUIET = timedelta(minutes=10)
#: What the process says of itself: an entry stands behind each, so that nothing more is written here.
_RECORDED = TAKEN | {"problems", "shrinks"}


class Publishing:
    """One site's published lists, one at a time; not for several threads.

    `take` and `step` belong into a transaction of the caller; after one that failed, `forget`.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._collector = Collector()
        self._waiting: PublishedList | None = None
        self._reading: PublishedList | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._began = self._looked = 0.0
        self._told: dict[tuple[str, str], datetime] = {}

    @property
    def wanted(self) -> bool:
        """Whether the site says that lists are published."""
        return self._context.site.list_source.published

    def take(self, payload: bytes, now: datetime) -> list[Say]:
        """Take one part; raises InputError for what is none."""
        part = read_part(payload)
        told = PublishedList(part.version, part.digest, b"")
        refusal = standing(self._context, part.version, part.digest)
        if refusal in ("older", "other"):
            # Told once for a list, and nothing of it kept.
            return self._refuse(self._ack(told, refusal), now) if part.last else []
        try:
            found = self._collector.add(part, time.monotonic())
        except ListRefused as error:
            return self._refuse(self._ack(told, error.code), now)
        if found is None:
            return []
        before, self._waiting = self._waiting, found
        return [] if before is None or _same(before, found) else self._answer(self._ack(before, "superseded"))

    def step(self, now: datetime) -> list[Say]:
        """Take in what the reading of a list came to, and begin with the next; never waits."""
        said: list[Say] = []
        process = self._process
        if process is not None:
            if process.poll() is None:
                if time.monotonic() - self._began > _LONGEST_S:
                    process.kill()
                return []
            said = self._ended(process, now)
        self._collector.forget_old(time.monotonic())
        if self._waiting is not None:
            self._reading, self._waiting = self._waiting, None
            said += self._begin(self._reading)
        elif time.monotonic() - self._looked > LOOK_SECONDS:
            self._looked = time.monotonic()
            overdue(self._context)
        return said

    def forget(self) -> None:
        """Drop which refusals are written down: a transaction that did so was rolled back. The parts come again."""
        self._told.clear()

    def close(self) -> None:
        """End what is under way; a list is imported whole, or not at all."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def _begin(self, found: PublishedList) -> list[Say]:
        self._began = time.monotonic()
        folder = str(self._context.site.folder.absolute())
        # In memory: a pipe would hold up the loop, and a file would rest on a disk.
        memory = os.memfd_create("cards", os.MFD_CLOEXEC)
        try:
            with os.fdopen(os.dup(memory), "wb") as file:
                file.write(packed(found))
            os.lseek(memory, 0, os.SEEK_SET)
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "controller.cards.published", folder],
                stdin=memory,
                stdout=subprocess.PIPE,
                cwd="/",
            )
        except OSError as error:
            _log.error("a published list could not be read: %s", error.strerror)
            return self._answer(self._ack(found, "failed"))
        finally:
            os.close(memory)
        return []

    def _ended(self, process: subprocess.Popen[bytes], now: datetime) -> list[Say]:
        output, _ = process.communicate()  # an answer is smaller than a pipe, and whole when its writer is gone
        reading, self._process, self._reading = self._reading, None, None
        assert reading is not None
        ack = self._ack(reading, "failed")
        with suppress(InputError):
            ack = read_ack(output)
        if process.returncode:
            _log.error("the reading of a published list failed (%s); the list before stays", process.returncode)
        return self._answer(ack) if ack.code in _RECORDED else self._refuse(ack, now)

    def _refuse(self, ack: ListAck, now: datetime) -> list[Say]:
        """Answer a list that is not taken, and write it down once in a while."""
        said, key = self._answer(ack), (ack.code, ack.digest)
        before = self._told.get(key)
        if before is not None and now - before < QUIET:
            return said
        self._told = {each: at for each, at in self._told.items() if now - at < QUIET} | {key: now}
        data: dict[str, object] = {"code": ack.code, "version": ack.version}
        return [*said, *finding(self._context, "cards.refused", SUBJECT, data)]

    def _answer(self, ack: ListAck) -> list[Say]:
        return [Say(Kind.CARDS_ACK, "", ack.encode, expiry=ANSWER_SECONDS)]

    def _ack(self, found: PublishedList, code: str) -> ListAck:
        inforce = cards.listing(self._context.store)
        return ListAck(found.version, found.digest, code, 0 if inforce is None else inforce.version)


def _same(one: PublishedList, other: PublishedList) -> bool:
    return (one.version, one.digest) == (other.version, other.digest)
