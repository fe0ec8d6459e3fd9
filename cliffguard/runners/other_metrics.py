"""Scores that are logged beside the one that is judged, where they tell another story."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from cliffguard.core.caveats import Caveat

_TELLING = 0.05
"""From so much on another metric moves otherwise, in score units: the usual margin."""
_ROUNDING = 1e-9
_N_NAMED = 3


@dataclass(slots=True)
class Mean:
    """The mean of one side's scores by one metric, summed up as they are read."""

    n: int = 0
    total: float = 0.0

    def add(self, score: float) -> None:
        """Take in one more."""
        self.n += 1
        self.total += score

    @property
    def value(self) -> float:
        """What it is, in score units."""
        return self.total / self.n


Means = Mapping[str, Mean]
"""By metric, of those that are a score of every item that is judged."""


def mean_of_scores(scores: Iterable[float | None]) -> Mean:
    """Return the mean of the scores that there are."""
    mean = Mean()
    for score in scores:
        if score is not None:
            mean.add(score)
    return mean


def moved_otherwise(task: str, metric: str, sides: Sequence[Means]) -> Iterator[Caveat]:
    """Say which other metrics move otherwise than the one that is judged, though nobody chose it.

    `sides` are the means of the base and of the candidate, by metric. What is not there of each
    item is not compared.
    """
    base, candidate = sides
    known = [
        name
        for name in base
        if name in candidate and all(0 < side[name].n == side[metric].n for side in sides)
    ]
    if metric not in known:
        return
    gaps = {name: candidate[name].value - base[name].value for name in known}
    others = [name for name in known if abs(gaps[name] - gaps[metric]) >= _TELLING - _ROUNDING]
    if others:
        others.sort(key=lambda name: -abs(gaps[name] - gaps[metric]))
        shown = ", ".join(f"{name} {_way(name, sides)}" for name in others[:_N_NAMED])
        text = (
            f"{task} is judged by {metric} ({_way(metric, sides)}), the first of its scores; "
            f"others move otherwise: {shown}. `metric` in the policy says which one counts."
        )
        yield Caveat(id="samples.other-metric", text=text)


def _way(metric: str, sides: Sequence[Means]) -> str:
    base, candidate = (100 * side[metric].value for side in sides)
    return f"{base:.1f} → {candidate:.1f} %"
