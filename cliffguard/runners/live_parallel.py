"""A model that several processes hold alike, as in data-parallel training, asked by all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.errors import IntegrityError
from cliffguard.runners.live import LiveRunner
from cliffguard.runners.parallel import ParallelRunner

T = TypeVar("T")


class ParallelLiveRunner(ParallelRunner):
    """A `LiveRunner` in each process; the leader deals out whole shards, as over files.

    Raises IntegrityError where the processes turn out to hold different weights.
    """

    inner: LiveRunner

    def at_start(self) -> tuple[Checkpoint, Checkpoint]:
        """As in a single process, of the model that all of them hold."""
        pairs: list[tuple[Checkpoint, Checkpoint]] = self._everywhere("_at_start")
        return _alike(pairs)

    def now(self, name: str, base: Checkpoint) -> Checkpoint:
        """As in a single process, of the model that all of them hold."""
        candidates: list[Checkpoint] = self._everywhere("_now", name, base)
        return _alike(candidates)

    def n_tokens(self) -> int:
        """Return how many tokens went through the model so far, in all processes."""
        return sum(self._everywhere("_n_tokens"))

    def _at_start(self) -> tuple[Checkpoint, Checkpoint]:
        return self.inner.at_start()

    def _now(self, name: str, base: Checkpoint) -> Checkpoint:
        return self.inner.now(name, base)

    def _n_tokens(self) -> int:
        return self.inner.n_tokens()


def _alike(checkpoints: Sequence[T]) -> T:
    if any(checkpoint != checkpoints[0] for checkpoint in checkpoints):
        raise IntegrityError(
            "the processes of this run hold models that are not alike; train them in step, or "
            "check a saved checkpoint",
            id="process.other-weights",
        )
    return checkpoints[0]
