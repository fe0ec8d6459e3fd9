"""Timing: seconds and tokens by stage of a run."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What a stage took: wall time, and the tokens that went through a model in it."""

    seconds: float
    n_tokens: int


STAGES = {
    "loading": "weights into memory, adapters switched",
    "prompts": "items into prompts, prompts into tokens",
    "scoring": "log-likelihoods of choices",
    "prefill": "prompts of answers that are generated",
    "decoding": "answers, token by token",
    "metrics": "answers into scores",
    "screens": "distances and predictions",
}
"""The stages, in the order in which a shard goes through them, and what each is."""


class Stages:
    """Adds up what each of `STAGES` took."""

    def __init__(self) -> None:
        self._seconds = dict.fromkeys(STAGES, 0.0)
        self._tokens = dict.fromkeys(STAGES, 0)

    @contextmanager
    def during(self, stage: str, n_tokens: Callable[[], int] = lambda: 0) -> Iterator[None]:
        """Add the time until the block is left, and by how much `n_tokens()` has risen by then."""
        started, before = time.perf_counter(), n_tokens()
        try:
            yield
        finally:
            self._seconds[stage] += time.perf_counter() - started
            self._tokens[stage] += n_tokens() - before

    def spent(self) -> dict[str, Spent]:
        """Return what each stage has taken so far."""
        return {
            name: Spent(seconds=self._seconds[name], n_tokens=self._tokens[name]) for name in STAGES
        }


def since(now: Mapping[str, Spent], before: Mapping[str, Spent]) -> dict[str, Spent]:
    """Return what each stage has taken since an earlier reading, of stages that took anything."""
    nothing = Spent(seconds=0.0, n_tokens=0)
    stages = {}
    for name, spent in now.items():
        earlier = before.get(name, nothing)
        seconds = spent.seconds - earlier.seconds
        if seconds > 0.0:
            stages[name] = Spent(seconds=seconds, n_tokens=spent.n_tokens - earlier.n_tokens)
    return stages


@dataclass(frozen=True, slots=True, kw_only=True)
class Timings:
    """Where the time of one comparison went. Wall time includes what no stage counts.

    `tasks` are seconds by "side: task"; `started` is the date and time in UTC, as in ISO 8601.
    Both are empty where an earlier version wrote the file.
    """

    wall_seconds: float
    stages: Mapping[str, Spent]
    tasks: Mapping[str, float] = field(default_factory=dict)
    started: str = ""

    def of_tasks(self, names: Collection[str]) -> float:
        """Return the seconds in which these tasks were asked, of both sides."""
        return sum(
            seconds for key, seconds in self.tasks.items() if key.partition(": ")[2] in names
        )
