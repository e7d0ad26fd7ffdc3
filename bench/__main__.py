"""`python -m bench [NAME…]`: run the benches and print their ratios beside the targets."""

from __future__ import annotations

import sys
from importlib import import_module

BENCHES = (
    "startup", "rules", "reads", "grants", "spool", "agent", "swipes", "terminals", "operator_walk", "snmp", "traps",
    "watch",
)  # fmt: skip


def main(names: list[str]) -> int:
    """Run the named benches, or all; exit code 1 when a target is missed."""
    missed = 0
    for name in names or BENCHES:
        print(f"== {name}: {(import_module(f'bench.{name}').__doc__ or '').splitlines()[0]}")
        for line in import_module(f"bench.{name}").measure():
            print(f"   {line.text}")
            missed += not line.held
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
