"""Every read and write of the flow, on every dialect, times every fault: runs, and ports that were left in between."""

from __future__ import annotations

import multiprocessing
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import islice

from bench.result import Line
from tests.faults.bed import STEMS
from tests.faults.runs import JOBS, cases, run

RUNS, STRANDED = 10_000, 0
WORKERS = 2
#: These are real ones behind a real shell, and take seconds a run (Linux is in an emulated processor): every so many of
#: their places and kinds.
EVERY = {"openvswitch": 11, "linux_bridge": 53}
PLATFORMS = (*EVERY, *STEMS)


def _walk(job: tuple[str, str]) -> tuple[str, Counter[str], list[str]]:
    """Walk one job of a platform; give how its runs ended, and what is wrong with those that stranded."""
    platform, name = job
    claims: Counter[str] = Counter()
    wrong = []
    for case in islice(cases(platform, (name,)), 0, None, EVERY.get(platform, 1)):
        ended = run(case)
        claims[ended.claimed.value if ended.claimed is not None else "refused"] += 1
        if ended.stranded:
            wrong.append(f"{case}: {'; '.join(ended.wrong)[:400]}")
    return platform, claims, wrong


def measure() -> Iterator[Line]:
    """Walk all; each platform's line comes when its last job is done."""
    began, total, stranded = time.monotonic(), 0, 0
    seen: dict[str, Counter[str]] = {platform: Counter() for platform in PLATFORMS}
    left = Counter({platform: len(JOBS) for platform in PLATFORMS})
    jobs = [(platform, name) for platform in PLATFORMS for name in JOBS]
    with ProcessPoolExecutor(WORKERS, multiprocessing.get_context("spawn")) as pool:
        for platform, claims, wrong in pool.map(_walk, jobs):
            seen[platform] += claims
            stranded += len(wrong)
            left[platform] -= 1
            for text in wrong:
                yield Line(f"STRANDED {text}", held=False)
            if not left[platform]:
                total += seen[platform].total()
                ends = ", ".join(f"{count} {how}" for how, count in sorted(seen[platform].items()))
                yield Line(f"{platform}: {seen[platform].total()} runs: {ends}")
    held = total >= RUNS and stranded == STRANDED
    yield Line(
        f"{total} runs in {time.monotonic() - began:.0f} s, {stranded} stranded "
        f"(target {RUNS} runs, {STRANDED} stranded) {'ok' if held else 'MISSED'}",
        held,
    )
