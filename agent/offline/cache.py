"""What the controller signed in advance, as a terminal keeps it: in the run folder, which is memory and not a disk.

It is good for this boot only, so nothing is lost with the power that would count afterwards; and a disk that is taken
out holds no permit, no key and nothing that stands for a card. The agent may die and come back: the tokens are read
again, and their signatures checked again. What cannot be read is dropped, and then nothing opens.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from agent.usb.bindings import replace_file
from policies.errors import InputError, StorageFailed
from policies.notes import Verifier
from policies.offline.judge import Kept
from policies.offline.tokens import OfflineSet, read_permit, read_set

_log = logging.getLogger("portseal.agent")

#: The file in the run folder.
FILE = "offline.json"


@dataclass(frozen=True, slots=True)
class Stored:
    """The set that counts with the permits that have come, each with its token; no set: nothing is kept."""

    made: OfflineSet | None = None
    token: str = ""
    kept: tuple[Kept, ...] = ()
    tokens: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether every permit of the set has come."""
        return self.made is not None and len(self.kept) >= self.made.permits

    def adding(self, kept: Kept, token: str) -> Stored:
        """Give it with one permit more; a repetition changes nothing."""
        if any(each.permit.jti == kept.permit.jti for each in self.kept):
            return self
        return replace(self, kept=(*self.kept, kept), tokens=(*self.tokens, token))

    def without(self, over: Callable[[Kept], bool]) -> Stored:
        """Give it without the permits that are over; when none is left, without the set's key too."""
        left = [(kept, token) for kept, token in zip(self.kept, self.tokens, strict=True) if not over(kept)]
        if len(left) == len(self.kept):
            return self
        if not left:
            return Stored()
        return replace(self, kept=tuple(kept for kept, _ in left), tokens=tuple(token for _, token in left))


class Cache:
    """The file at `path`; `key` is the site's grant key."""

    def __init__(self, path: Path, key: Verifier) -> None:
        self._path, self._key = path, key
        self.stored = self._read()

    def put(self, stored: Stored) -> bool:
        """Keep it; when the run folder takes none, drop everything, and give False: half a set is none."""
        if stored == self.stored:
            return True
        if stored.made is None or (stored.complete and not stored.kept):
            self.drop()
            return True
        rows = [{"token": token, "ends": kept.ends} for kept, token in zip(stored.kept, stored.tokens, strict=True)]
        document = json.dumps({"v": 1, "set": stored.token, "permits": rows}).encode() + b"\n"
        try:
            replace_file(self._path, document)
        except StorageFailed as error:
            _log.error("%s", error)
            self.drop()
            return False
        self.stored = stored
        return True

    def drop(self) -> None:
        """Keep nothing any more."""
        self.stored = Stored()
        with suppress(OSError):
            self._path.unlink(missing_ok=True)

    def _read(self) -> Stored:
        try:
            read: Any = json.loads(self._path.read_bytes())
            token = str(read["set"])
            stored = Stored(read_set(token.encode(), self._key), token)
            for row in read["permits"]:
                permit = read_permit(str(row["token"]).encode(), self._key)
                stored = stored.adding(Kept(permit, float(row["ends"])), str(row["token"]))
        except FileNotFoundError:
            return Stored()
        except (OSError, InputError, KeyError, TypeError, ValueError, RecursionError):
            _log.warning("%s cannot be read: nothing opens without a connection", self._path)
            return Stored()
        return stored
