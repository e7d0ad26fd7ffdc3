"""One run, with its conversation: `python -m tests.faults ruijie_os cross back RESET 17`."""

from __future__ import annotations

import sys

from tests.faults.kinds import Kind, Struck
from tests.faults.runs import Case, run


def main() -> int:
    """Show it; 1 when the switch is stranded."""
    platform, job, phase, kind, nth = sys.argv[1:6]
    heard: list[tuple[int, str, Kind | None]] = []
    Struck.heard = heard
    ended = run(Case(platform, job, phase, Kind[kind], int(nth)))
    for number, typed, fault in heard:
        sys.stdout.write(f"{number:4} {typed!r}{f'   <== {fault}' if fault else ''}\n")
    claimed = ended.claimed.value if ended.claimed is not None else "refused"
    sys.stdout.write(
        f"{claimed}, taken up {ended.taken_up} times\n" + "".join(f"WRONG {line}\n" for line in ended.wrong)
    )
    return 1 if ended.stranded else 0


if __name__ == "__main__":
    sys.exit(main())
