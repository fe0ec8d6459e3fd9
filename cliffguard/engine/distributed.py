"""The processes of a distributed run, as a launcher started them."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

from cliffguard.core.errors import InfrastructureError
from cliffguard.core.texts import first_line

T = TypeVar("T")

_PATIENCE = timedelta(days=7)  # a process waits as long as another one measures


def n_processes() -> int:
    """Return how many processes a launcher has started for this run."""
    return int(os.environ.get("WORLD_SIZE", "1")) if "MASTER_ADDR" in os.environ else 1


class ProcessGroup:
    """All processes of a run, by their rank over all machines.

    Every process must make the same calls in the same order. Talk goes over gloo, whatever the
    models run on, in a group of its own that meets nothing a library sends.
    """

    def __init__(self) -> None:
        import torch.distributed as dist

        self._is_ours = not dist.is_initialized()
        if self._is_ours:
            dist.init_process_group("gloo", timeout=_PATIENCE)
        self._group = dist.new_group(backend="gloo", timeout=_PATIENCE)
        self.rank, self.size = dist.get_rank(), dist.get_world_size()

    def hear(self, word: Any = None) -> Any:
        """Return what the first process says, in every process."""
        import torch.distributed as dist

        box = [word]
        _with_all(lambda: dist.broadcast_object_list(box, src=0, group=self._group))
        return box[0]

    def gather(self, word: Any) -> list[Any] | None:
        """Return what every process says, by rank, in the first; None in the others."""
        import torch.distributed as dist

        words: list[Any] | None = [None] * self.size if self.rank == 0 else None
        _with_all(lambda: dist.gather_object(word, words, dst=0, group=self._group))
        return words

    def close(self) -> None:
        """Leave the group; what others had begun before, such as a trainer, goes on."""
        import torch.distributed as dist

        dist.destroy_process_group(None if self._is_ours else self._group)


def _with_all(talk: Callable[[], T]) -> T:
    try:
        return talk()
    except RuntimeError as failure:  # the only kind there is of a lost connection
        raise InfrastructureError(
            f"a process of this run was lost ({first_line(failure, n_characters=160)}); what is "
            "stored is kept, run again to go on",
            id="process.lost",
        ) from failure
