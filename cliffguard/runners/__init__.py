"""Who answers: anything with the five members of `Runner`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol as Interface

from cliffguard.records import Answer, Checkpoint, Item, Protocol, Suite, Task


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

    def notes(self) -> Mapping[str, str | int]:
        """Describe what should not change an answer: device, batch size."""
