"""One printed figure, with its target where it has one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """A figure in words; `held` is False when its target was missed."""

    text: str
    held: bool = True


def ratio(what: str, ours: float, peer: float, target: float, unit: str = "s") -> Line:
    """Compare two times of one run; the target is the largest ratio that is good."""
    value = ours / peer
    verdict = "ok" if value <= target else "MISSED"
    return Line(
        f"{what}: {ours:.3f} {unit} / {peer:.3f} {unit} = {value:.2f} (target {target}) {verdict}", value <= target
    )


def most(what: str, value: float, target: float, unit: str) -> Line:
    """Compare a figure with the largest that is good."""
    verdict = "ok" if value <= target else "MISSED"
    return Line(f"{what}: {value:.2f} {unit} (target {target} {unit}) {verdict}", value <= target)
