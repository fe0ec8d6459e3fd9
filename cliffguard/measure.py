"""Answers to a look: from the store where they are, from the runner where they are not."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from cliffguard.errors import ChangedFiles
from cliffguard.interrupts import Interrupted, finishing
from cliffguard.plans import Protocol
from cliffguard.records import Answer, Checkpoint, Question
from cliffguard.runners import Runner
from cliffguard.schedule import Look, Series, Shard
from cliffguard.store import Entry, Store, Stored

Progress = Callable[[str, int, int], None]
"""Called with a label, the items done and the items in all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One checkpoint's answers by task name, in the order of the run.

    `questions` are the keys under which they are stored; `measured_on` has a line for each way in
    which these answers were measured: device, batches.
    """

    answers: Mapping[str, tuple[Answer, ...]]
    questions: tuple[str, ...]
    measured_on: tuple[str, ...]


def never() -> bool:
    """Say that there is time left."""
    return False


def silent(label: str, done: int, total: int) -> None:
    """Show no progress."""


def measure(
    checkpoint: Checkpoint,
    look: Look,
    *,
    protocol: Protocol,
    store: Store,
    runner: Runner,
    replicate: int = 0,
    is_time_up: Callable[[], bool] = never,
    progress: Progress = silent,
) -> Measurement:
    """Return the answers of `checkpoint` to all shards of `look`, asking only for absent ones.

    Each `replicate` has answers of its own: the same question, asked again.

    Once the time is up, no further shard is asked, and the answers end with the last whole one.
    Where the checkpoint's files turn out to have changed (ChangedFiles), what was stored here goes
    to the store's `damaged/`.
    """
    entries = [_entry(checkpoint, series, protocol, store, runner, replicate) for series in look]
    gathered = _Gathered(checkpoint.label, look, progress)
    written: list[Path] = []
    absent: list[_Absent] = []
    for series, (_, entry) in zip(look, entries, strict=True):
        for shard in series.shards:
            if entry.has_shard(shard.number):
                gathered.add(series, shard, entry.read_shard(shard.number, shard.items))
            else:
                absent.append(_Absent(series=series, entry=entry, shard=shard))
    if is_time_up is not never:
        # Task by task shares more of the prompts; side by side leaves no task behind.
        absent.sort(key=lambda one: (one.shard.number + 1) / len(one.series.shards))
    with _explained(gathered, written, store):
        for start in range(0, len(absent), runner.n_workers):
            if is_time_up():
                break
            group = absent[start : start + runner.n_workers]
            asked = [(one.series.task, one.shard.items) for one in group]
            with finishing():
                told = runner.ask_each(checkpoint, asked, protocol)
                for one, (answers, notes) in zip(group, told, strict=True):
                    if one.entry.write_shard(one.shard.number, answers, notes):
                        written.append(one.entry.shard_file(one.shard.number))
                    gathered.add(one.series, one.shard, one.stored())
    return Measurement(
        answers={series.task.name: gathered.in_a_row(series) for series in look},
        questions=tuple(question.key for question, _ in entries),
        measured_on=gathered.measured_on,
    )


@contextlib.contextmanager
def _explained(gathered: _Gathered, written: Sequence[Path], store: Store) -> Iterator[None]:
    """Say what is kept where a measurement is interrupted, and keep nothing of changed weights."""
    try:
        yield
    except Interrupted as stop:
        stop.kept = f"{gathered} in {store.root}"
        raise
    except ChangedFiles:
        # Which of them are of the weights that were hashed, nobody can say any more.
        for path in written:
            store.move_aside(path)
        raise


class _Gathered:
    """The answers to a look that are stored so far; every shard that is added is shown."""

    def __init__(self, label: str, look: Look, progress: Progress) -> None:
        self._label = label
        self._progress = progress
        self._shards: dict[tuple[str, int], Stored] = {}
        self._n_done = 0
        self._n_items = sum(len(shard.items) for series in look for shard in series.shards)

    def __str__(self) -> str:
        return f"{self._label}: {self._n_done} of {self._n_items} answers"

    def add(self, series: Series, shard: Shard, stored: Stored) -> None:
        """Take the answers of a shard."""
        self._shards[series.task.name, shard.number] = stored
        self._n_done += len(shard.items)
        self._progress(f"{self._label}: {series.task.name}", self._n_done, self._n_items)

    def in_a_row(self, series: Series) -> tuple[Answer, ...]:
        """Return the answers of a task's shards, up to the first that was not asked."""
        keys = [(series.task.name, shard.number) for shard in series.shards]
        there = takewhile(lambda key: key in self._shards, keys)
        return tuple(answer for key in there for answer in self._shards[key].answers)

    @property
    def measured_on(self) -> tuple[str, ...]:
        """One line for each way in which a shard was measured: device, batches."""
        notes = [stored.notes for stored in self._shards.values() if stored.notes]
        lines = {", ".join(f"{name} {n[name]}" for name in sorted(n)) for n in notes}
        return tuple(sorted(lines))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Absent:
    """A shard that must be asked."""

    series: Series
    entry: Entry
    shard: Shard

    def stored(self) -> Stored:
        """Return the answers that are there now: another run may have been first."""
        return self.entry.read_shard(self.shard.number, self.shard.items)


def _entry(
    checkpoint: Checkpoint,
    series: Series,
    protocol: Protocol,
    store: Store,
    runner: Runner,
    replicate: int,
) -> tuple[Question, Entry]:
    question = Question(
        checkpoint=checkpoint,
        task=series.task,
        protocol=protocol,
        dtype=runner.dtype(protocol),
        runner=runner.identity,
        replicate=replicate,
    )
    return question, store.open(question, series.items)
