"""What a rescue asks: at the most, said beforehand, and as it was counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.settings import EvalSettings
from cliffguard.runners import Runner, TaskItems


@dataclass(frozen=True, slots=True, kw_only=True)
class RescueCost:
    """What a rescue asks at the most, in answers, before anything of it is asked.

    `scales` are asked of scaled checkpoints, `sides` of base and candidate, where they are not
    stored; `check` is what one check of all items asks of both sides.
    """

    scales: int
    sides: int
    check: int

    @property
    def line(self) -> str:
        """The cost in one line."""
        share = self.scales / max(1, self.check)
        in_all = (self.scales + self.sides) / max(1, self.check)
        absent = (
            f", and {self.sides:,} of base and candidate that are not stored, {in_all:.2f} times "
            "in all (after a check of the candidate they are)"
            if self.sides
            else ""
        )
        return (
            f"at most {self.scales:,} answers of scaled checkpoints, {share:.2f} times what one "
            f"check asks ({self.check:,}){absent}"
        )


class CountedRunner:
    """Another runner that answers, and how many items it was asked."""

    def __init__(self, runner: Runner) -> None:
        self.n_asked = 0
        self._runner = runner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._runner, name)

    def ask_each(
        self, checkpoint: Checkpoint, groups: Sequence[TaskItems], protocol: EvalSettings
    ) -> Any:
        """Count what is asked, and ask it."""
        self.n_asked += sum(len(items) for _, items in groups)
        return self._runner.ask_each(checkpoint, groups, protocol)
