"""Multi-process runs: the first process runs the gate, the others answer for it.

Processes are those of `accelerate launch` or `torchrun`. Whole shards are dealt out by the rank
in the whole group, never the rank within a machine, so every shard has the batches, and the
bytes, that it has in a single process. Only words travel between processes; models do not.
"""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cliffguard.core.answers import Answer
from cliffguard.core.caveats import Caveat
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.errors import CliffguardError, InfrastructureError, IntegrityError
from cliffguard.core.items import Item, Suite, Task
from cliffguard.core.settings import EvalSettings
from cliffguard.core.signals import finishing
from cliffguard.core.timing import Spent
from cliffguard.engine.distributed import ProcessGroup
from cliffguard.runners import Answered, Notes, Runner, TaskItems, TaskPart

if TYPE_CHECKING:
    from cliffguard.core.vectors import Divergence, Vectors


class ParallelRunner(Runner):
    """A runner in each process, led by that of the first.

    Workers call `serve`, which returns when the leader calls `close`.
    """

    def __init__(self, inner: Runner) -> None:
        self.inner = inner
        self._tasks: dict[str, Task] = {}
        self._peers = ProcessGroup()
        self._is_ordering = False

    @property
    def leads(self) -> bool:
        """Return True if this process runs the gate."""
        return self._peers.rank == 0

    @property
    def n_together(self) -> int:
        """As in a single process."""
        return self.inner.n_together

    @property
    def n_workers(self) -> int:
        """How many groups of shards are answered side by side."""
        return self._peers.size

    @property
    def identity(self) -> str:
        """As in a single process: how many answer changes no answer."""
        return self.inner.identity

    def dtype(self, protocol: EvalSettings) -> str:
        """Return the dtype of the weights that the protocol's dtype stands for here."""
        return self.inner.dtype(protocol)

    def preview(self, checkpoint: Checkpoint, task: Task, protocol: EvalSettings) -> str | None:
        """As in a single process: the leader shows them."""
        return self.inner.preview(checkpoint, task, protocol)

    def asked_as(
        self, task: Task, items: Sequence[Item], protocol: EvalSettings
    ) -> Sequence[str] | None:
        """As in a single process: the leader builds the prompts alone."""
        return self.inner.asked_as(task, items, protocol)

    def notes(self) -> Notes:
        """Describe this process's device and batches."""
        return self.inner.notes()

    def spent(self) -> Mapping[str, Spent]:
        """What this process has taken; the others worked beside it."""
        return self.inner.spent()

    def holds_both(self, base: Checkpoint, candidate: Checkpoint) -> bool:
        """As in a single process."""
        return self.inner.holds_both(base, candidate)

    def window(self, checkpoint: Checkpoint, protocol: EvalSettings) -> int | None:
        """As in a single process."""
        return self.inner.window(checkpoint, protocol)

    def resolve(self, suites: Sequence[Suite], protocol: EvalSettings) -> tuple[Task, ...]:
        """Return all tasks with their items; every process builds its own."""
        resolved: list[tuple[Task, ...]] = self._everywhere("_resolve", tuple(suites), protocol)
        if any([t.digest for t in tasks] != [t.digest for t in resolved[0]] for tasks in resolved):
            raise IntegrityError(
                "the processes of this run read different suites or tasks",
                id="process.other-suites",
            )
        return resolved[0]

    def take_part(self, part: TaskPart) -> str | None:
        """Take on a part of a task in every process, or return why it cannot be asked."""
        reasons: list[str | None] = self._everywhere("_take_part", part)
        return next(filter(None, reasons), None)

    def look_at(self, checkpoint: Checkpoint, protocol: EvalSettings) -> tuple[Caveat, ...]:
        """As in a single process."""
        return self.inner.look_at(checkpoint, protocol)

    def look_key(self, checkpoint: Checkpoint, protocol: EvalSettings) -> str | None:
        """As in a single process."""
        return self.inner.look_key(checkpoint, protocol)

    def must_try_packing(self, protocol: EvalSettings) -> bool:
        """As in a single process."""
        return self.inner.must_try_packing(protocol)

    def packs_below_float32(self, protocol: EvalSettings) -> bool:
        """As in a single process."""
        return self.inner.packs_below_float32(protocol)

    def try_packing(
        self, checkpoint: Checkpoint, tasks: Sequence[Task], protocol: EvalSettings, n_items: int
    ) -> str | None:
        """As in a single process: the leader tries alone, and the protocol says what came of it."""
        return self.inner.try_packing(checkpoint, tasks, protocol, n_items)

    def ask(
        self, checkpoint: Checkpoint, task: Task, items: Sequence[Item], protocol: EvalSettings
    ) -> Sequence[Answer]:
        """Return the answers of `checkpoint` to one shard."""
        return self.ask_each(checkpoint, [(task, items)], protocol)[0][1]

    def ask_each(
        self, checkpoint: Checkpoint, shards: Sequence[TaskItems], protocol: EvalSettings
    ) -> list[Answered]:
        """Return the answers to at most one shard for each process."""
        shard_ids = [(task.name, tuple(item.id for item in items)) for task, items in shards]
        answers = self._everywhere("_answer", checkpoint, shard_ids, protocol)[: len(shards)]
        for (task, items), (given, _) in zip(shards, answers, strict=True):
            check_complete(task, items, given)
        return [(number, given, notes) for number, (given, notes) in enumerate(answers)]

    @property
    def loads_models(self) -> bool:
        """As in a single process."""
        return self.inner.loads_models

    def embed(
        self, checkpoint: Checkpoint, texts: Sequence[str], protocol: EvalSettings
    ) -> Vectors:
        """As in a single process: the leader reads alone."""
        return self.inner.embed(checkpoint, texts, protocol)

    def diverge(
        self,
        base: Checkpoint,
        candidate: Checkpoint,
        prompts: Sequence[str],
        protocol: EvalSettings,
    ) -> Sequence[Divergence]:
        """As in a single process: the leader reads alone."""
        return self.inner.diverge(base, candidate, prompts, protocol)

    def serve(self) -> None:
        """Answer for the leader until it is done, or interrupted: a signal goes to all of us."""
        with finishing():
            while (order := self._peers.hear()) is not None:
                name, arguments = order
                self._peers.gather(self._tried(name, arguments))

    def dismiss(self) -> None:
        """Let the workers return from `serve`; they may serve again."""
        # One that is interrupted in the middle of an order leaves: the others, who wait for its
        # part, see the connection close.
        if self.leads and not self._is_ordering:
            with contextlib.suppress(InfrastructureError):  # who has left needs no farewell
                self._peers.hear(None)

    def broadcast(self, word: Any = None) -> Any:
        """Return in every process what the leader says, while nobody serves."""
        return self._peers.hear(word)

    def close(self) -> None:
        """Let the workers go."""
        self.dismiss()
        self.leave()

    def leave(self) -> None:
        """Leave the other processes, none of which serves."""
        self._peers.close()

    # --- what every process does when it is told -------------------------------------------------

    def _resolve(self, suites: tuple[Suite, ...], protocol: EvalSettings) -> tuple[Task, ...]:
        tasks = self.inner.resolve(suites, protocol)
        self._tasks = {task.name: task for task in tasks}
        return tasks

    def _take_part(self, part: TaskPart) -> str | None:
        why = self.inner.take_part(part)
        if why is None:
            self._tasks[part.task.name] = part.task
        return why

    def _answer(
        self,
        checkpoint: Checkpoint,
        shard_ids: Sequence[tuple[str, tuple[str, ...]]],
        protocol: EvalSettings,
    ) -> tuple[Sequence[Answer], Notes]:
        if self._peers.rank >= len(shard_ids):
            return (), {}
        name, ids = shard_ids[self._peers.rank]
        task = self._tasks[name]
        by_id: Mapping[str, Item] = {item.id: item for item in task.items}
        items = [by_id[item_id] for item_id in ids]
        return self.inner.ask(checkpoint, task, items, protocol), self.inner.notes()

    # --- how it is told --------------------------------------------------------------------------

    def _everywhere(self, name: str, *arguments: Any) -> list[Any]:
        """Let every process do the same; return the results by rank, or raise the first failure."""
        self._is_ordering = True
        self._peers.hear((name, arguments))
        outcomes = self._peers.gather(self._tried(name, arguments))
        self._is_ordering = False
        assert outcomes is not None, "only the leader gives orders"
        for rank, (result, failure) in enumerate(outcomes):
            if isinstance(failure, CliffguardError):
                raise failure
            if failure is not None:
                raise RuntimeError(f"process {rank} failed:\n{failure}")
            outcomes[rank] = result
        return outcomes

    def _tried(self, name: str, arguments: Sequence[Any]) -> tuple[Any, Any]:
        try:
            return getattr(self, name)(*arguments), None
        except CliffguardError as failure:
            return None, failure
        except Exception:  # whatever it is, the leader must hear of it, or it waits for ever
            return None, traceback.format_exc()


def check_complete(task: Task, items: Sequence[Item], given: Sequence[Answer]) -> None:
    """Refuse answers that are doubled, missing, or of other items."""
    wanted, received = [item.id for item in items], [answer.item_id for answer in given]
    if wanted == received:
        return
    missing = sorted(set(wanted) - set(received))
    doubled = sorted({item_id for item_id in received if received.count(item_id) > 1})
    raise IntegrityError(
        f"{task.name}: a process answered other items than it was asked ({len(missing)} missing, "
        f"{len(doubled)} twice; the first is {(missing or doubled or received)[0]})",
        id="process.other-items",
    )
