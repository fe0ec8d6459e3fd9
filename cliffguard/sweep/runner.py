"""The runner of one candidate of a sweep: what models answer comes from workers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import count
from typing import Any

from cliffguard.core.answers import Answer
from cliffguard.core.canonical_json import digest
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.items import Item, Suite, Task
from cliffguard.core.settings import EvalSettings
from cliffguard.core.timing import Spent
from cliffguard.runners import Answered, Notes, Runner, TaskItems, TaskPart
from cliffguard.runners.parallel import check_complete
from cliffguard.sweep.dealing import Dealer, Unit
from cliffguard.sweep.executors import KnownSuites, Work

_ALL = 1 << 30  # groups of shards: whatever a look takes is asked side by side
_calls = count()


class Workers:
    """The workers as one runner would describe itself, and the driver's own, which holds no model.

    What a device decides, the first worker is asked for once.
    """

    def __init__(self, dealer: Dealer, inner: Runner) -> None:
        self.dealer = dealer
        self.inner = inner
        self._known: dict[str, Any] = {}

    def ask(
        self, work: Work, holder: str = "", rank: int = -1, suites: KnownSuites | None = None
    ) -> Any:
        """Return what one worker answers, as soon as one is free."""
        unit = self.dealer.submit(
            ("call", next(_calls)), work, holder=holder, rank=rank, suites=suites
        )
        try:
            for done in self.dealer.as_done([unit]):
                return done.result()
        finally:
            self.dealer.release(unit)

    def read(self, name: str) -> Any:
        """Return an attribute of a worker's runner."""
        return self._once(name, Work("read", [name]))

    def answer(self, name: str, *arguments: EvalSettings) -> Any:
        """Return what a method of a worker's runner says, of a protocol or at all."""
        key = digest([name, *map(asdict, arguments)])
        return self._once(key, Work("call", [name, *arguments]))

    def _once(self, key: str, work: Work) -> Any:
        if key not in self._known:
            self._known[key] = self.ask(work)
        return self._known[key]


class SweepRunner:
    """Has the members of `Runner`, for the candidate of a rank.

    Files, suites and prompts are read here, by the driver's own runner.
    """

    show = None

    def __init__(self, workers: Workers, rank: int) -> None:
        self._workers = workers
        self._rank = rank
        self._suites: KnownSuites | None = None
        self._parts: dict[str, TaskPart] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._workers.inner, name)

    @property
    def identity(self) -> str:
        """As of a single worker."""
        return str(self._workers.read("identity"))

    @property
    def n_together(self) -> int:
        """As of a single worker: its device says it."""
        return int(self._workers.read("n_together"))

    @property
    def n_workers(self) -> int:
        """All that a look takes is handed out at once."""
        return _ALL

    def dtype(self, protocol: EvalSettings) -> str:
        """As of a single worker."""
        return str(self._workers.answer("dtype", protocol))

    def must_try_packing(self, protocol: EvalSettings) -> bool:
        """As of a single worker."""
        return bool(self._workers.answer("must_try_packing", protocol))

    def packs_below_float32(self, protocol: EvalSettings) -> bool:
        """As of a single worker."""
        return bool(self._workers.answer("packs_below_float32", protocol))

    def notes(self) -> Notes:
        """Describe a worker's device, as it was first."""
        notes: Notes = self._workers.answer("notes")
        return notes

    def spent(self) -> Mapping[str, Spent]:
        """Nothing: the workers answer for several candidates at once."""
        return {}

    def resolve(self, suites: Sequence[Suite], protocol: EvalSettings) -> tuple[Task, ...]:
        """Return all tasks with their items; every worker builds its own before it is asked.

        What a device decides is waited for here: between what a look finds in the store and what it
        asks for the answers may come that another candidate asked for, and be asked twice.
        """
        _ = self.n_together
        tasks = self._workers.inner.resolve(suites, protocol)
        digests = tuple(task.digest for task in tasks)
        self._suites = KnownSuites(
            key=digest([digests, asdict(protocol)]),
            suites=tuple(suites),
            protocol=protocol,
            digests=digests,
            identity=self.identity,
            dtype=self.dtype(protocol),
        )
        return tasks

    def take_part(self, part: TaskPart) -> str | None:
        """Take on a part of a task here; a worker takes it when it is asked."""
        why = self._workers.inner.take_part(part)
        if why is None:
            self._parts[part.task.name] = part
        return why

    def ask(
        self, checkpoint: Checkpoint, task: Task, items: Sequence[Item], protocol: EvalSettings
    ) -> Sequence[Answer]:
        """Return the answers of a checkpoint to items."""
        return next(iter(self.ask_each(checkpoint, [(task, items)], protocol)))[1]

    def ask_each(
        self, checkpoint: Checkpoint, groups: Sequence[TaskItems], protocol: EvalSettings
    ) -> Iterator[Answered]:
        """Yield the answers to each group as a worker has them."""
        how = digest(asdict(protocol))
        units = [self._unit(checkpoint, task, items, protocol, how) for task, items in groups]
        numbers = {unit: number for number, unit in enumerate(units)}
        try:
            for unit in self._workers.dealer.as_done(units):
                answers, notes = unit.result()
                task, items = groups[numbers[unit]]
                check_complete(task, items, answers)
                yield numbers[unit], answers, notes
                units.remove(unit)
                self._workers.dealer.release(unit)
        finally:
            for unit in units:
                self._workers.dealer.release(unit)

    def try_packing(
        self, checkpoint: Checkpoint, tasks: Sequence[Task], protocol: EvalSettings, n_items: int
    ) -> str | None:
        """Let a worker try."""
        names = [task.name for task in tasks]
        why: str | None = self._call(
            checkpoint, "try_packing", checkpoint, names, protocol, n_items
        )
        return why

    def load(self, checkpoint: Checkpoint, protocol: EvalSettings) -> None:
        """Let a worker load."""
        self._call(checkpoint, "call", "load", checkpoint, protocol)

    def embed(self, checkpoint: Checkpoint, *more: Any) -> Any:
        """Let a worker read."""
        return self._call(checkpoint, "call", "embed", checkpoint, *more)

    def diverge(self, base: Checkpoint, candidate: Checkpoint, *more: Any) -> Any:
        """Let a worker read."""
        return self._call(candidate, "call", "diverge", base, candidate, *more)

    def _call(self, checkpoint: Checkpoint, name: str, *arguments: Any) -> Any:
        work = Work(name, arguments)
        return self._workers.ask(work, checkpoint.fingerprint, self._rank, self._suites)

    def _unit(
        self,
        checkpoint: Checkpoint,
        task: Task,
        items: Sequence[Item],
        protocol: EvalSettings,
        how: str,
    ) -> Unit:
        ids = tuple(item.id for item in items)
        part = self._parts.get(task.name)
        return self._workers.dealer.submit(
            (checkpoint.fingerprint, task.name, ids, how),
            Work("ask", [checkpoint, task.name, ids, protocol], part=part),
            holder=checkpoint.fingerprint,
            rank=self._rank,
            suites=self._suites,
        )
