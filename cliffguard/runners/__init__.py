"""Who answers: anything with the members of `Runner`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol as Interface

from cliffguard.plans import Protocol
from cliffguard.records import Answer, Checkpoint, Item, Suite, Task

Asked = tuple[Task, Sequence[Item]]
"""A shard on its way to a runner."""

Notes = Mapping[str, str | int]
"""What should not change an answer: device, batch size."""


class Runner(Interface):
    """Turns questions into answers. Same question, same answers."""

    @property
    def identity(self) -> str:
        """Name and versions of all that may change an answer; part of every question's key."""

    def dtype(self, protocol: Protocol) -> str:
        """Return the dtype of the weights that the protocol's dtype stands for here."""

    def resolve(self, suites: Sequence[Suite], protocol: Protocol) -> tuple[Task, ...]:
        """Return all tasks with their items, in the order of the suites."""

    def ask(
        self, checkpoint: Checkpoint, task: Task, items: Sequence[Item], protocol: Protocol
    ) -> Sequence[Answer]:
        """Return the answers of `checkpoint` to `items`, in order, one each."""

    def notes(self) -> Notes:
        """Describe what should not change an answer, as it was when it last answered."""

    def holds_both(self, base: Checkpoint, candidate: Checkpoint) -> bool:
        """Say whether going from one to the other and back loads nothing."""
        return base.weights == candidate.weights

    @property
    def n_workers(self) -> int:
        """How many shards are answered side by side."""
        return 1

    def ask_each(
        self, checkpoint: Checkpoint, shards: Sequence[Asked], protocol: Protocol
    ) -> list[tuple[Sequence[Answer], Notes]]:
        """Return the answers to each of at most `n_workers` shards, and how they came about."""
        return [
            (self.ask(checkpoint, task, items, protocol), self.notes()) for task, items in shards
        ]
