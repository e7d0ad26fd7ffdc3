"""Work on several switches at once: one worker a switch, errors kept per switch, progress told as it comes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from typing import Generic, TypeVar

from policies.errors import PortsealError, Unexpected
from policies.site import Switch

Result = TypeVar("Result")

#: Sessions at a time: more than this and the logins of one controller bound each other (20 to 32 is the knee).
WORKERS = 20

_log = logging.getLogger("portseal.network.pool")


class Answers(Generic[Result]):
    """What came back, by switch name: `results`, and the `errors` of those that failed."""

    def __init__(self) -> None:
        self.results: dict[str, Result] = {}
        self.errors: dict[str, PortsealError] = {}

    def worst(self) -> PortsealError | None:
        """Give the error with the highest exit code, if any switch failed."""
        return max(self.errors.values(), key=lambda error: error.exit_code, default=None)


def on_each(
    switches: Sequence[Switch],
    work: Callable[[Switch], Result],
    finished: Callable[[str, PortsealError | None], None] | None = None,
) -> Answers[Result]:
    """Do `work` for each switch, at most WORKERS at a time; `finished` is called in this thread as each one ends.

    An exception of `work` that is no PortsealError becomes an :class:`~policies.errors.Unexpected`. When this thread is
    interrupted, the switches that are being worked on are finished and no further one is begun.
    """
    answers: Answers[Result] = Answers()
    with ThreadPoolExecutor(max_workers=max(1, min(WORKERS, len(switches))), thread_name_prefix="switch") as pool:
        names: dict[Future[Result], str] = {pool.submit(work, switch): switch.name for switch in switches}
        try:
            for future in as_completed(names):
                name = names[future]
                error = _take(future, name, answers)
                if finished is not None:
                    finished(name, error)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return answers


def _take(future: Future[Result], name: str, answers: Answers[Result]) -> PortsealError | None:
    try:
        answers.results[name] = future.result()
    except PortsealError as failure:
        answers.errors[name] = failure
    except Exception as failure:  # noqa: BLE001 - a mistake of ours on one switch must not hide what the others said
        _log.debug("%s: unexpected", name, exc_info=failure)
        answers.errors[name] = Unexpected(failure, where=name)
    return answers.errors.get(name)
