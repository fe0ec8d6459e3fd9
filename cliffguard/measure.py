"""Answers to a look: from the store where they are, from the runner where they are not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile

from cliffguard.plans import Protocol
from cliffguard.records import Answer, Checkpoint, Question
from cliffguard.runners import Notes, Runner
from cliffguard.schedule import Look, Series, Shard
from cliffguard.store import Entry, Store

Progress = Callable[[str, int, int], None]
"""Called with a label, the items done and the items in all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One checkpoint's answers by task name, in the order of the run.

    `questions` are the keys under which they are stored; `measured_on` has a line for each way in
    which they were measured: device, batches.
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
    """
    total = sum(len(shard.items) for series in look for shard in series.shards)
    entries = [_entry(checkpoint, series, protocol, store, runner, replicate) for series in look]
    found: dict[tuple[str, int], tuple[Answer, ...]] = {}
    absent: list[_Absent] = []
    done = 0
    for series, (_, entry) in zip(look, entries, strict=True):
        for shard in series.shards:
            if not entry.has_shard(shard.number):
                absent.append(_Absent(series=series, entry=entry, shard=shard))
                continue
            found[series.task.name, shard.number] = entry.read_shard(shard.number, shard.items)
            done += len(shard.items)
            progress(f"{checkpoint.label}: {series.task.name}", done, total)
    if is_time_up is not never:
        # Task by task shares more of the prompts; side by side leaves no task behind.
        absent.sort(key=lambda one: (one.shard.number + 1) / len(one.series.shards))
    for start in range(0, len(absent), runner.n_workers):
        if is_time_up():
            break
        group = absent[start : start + runner.n_workers]
        asked = [(one.series.task, one.shard.items) for one in group]
        for one, (answers, notes) in zip(
            group, runner.ask_each(checkpoint, asked, protocol), strict=True
        ):
            found[one.series.task.name, one.shard.number] = one.stored(answers, notes)
            done += len(one.shard.items)
            progress(f"{checkpoint.label}: {one.series.task.name}", done, total)
    return Measurement(
        answers={series.task.name: _in_a_row(series, found) for series in look},
        questions=tuple(question.key for question, _ in entries),
        measured_on=tuple(sorted({line for _, entry in entries for line in _described(entry)})),
    )


def _in_a_row(
    series: Series, found: Mapping[tuple[str, int], tuple[Answer, ...]]
) -> tuple[Answer, ...]:
    """Return the answers of a task's shards, up to the first that was not asked."""
    shards = takewhile(lambda shard: (series.task.name, shard.number) in found, series.shards)
    return tuple(a for shard in shards for a in found[series.task.name, shard.number])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Absent:
    """A shard that must be asked."""

    series: Series
    entry: Entry
    shard: Shard

    def stored(self, answers: Sequence[Answer], notes: Notes) -> tuple[Answer, ...]:
        """Store its answers; return them as they are read back."""
        self.entry.write_provenance(notes)
        self.entry.write_shard(self.shard.number, answers)
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


def _described(entry: Entry) -> list[str]:
    """Return one line for each way in which the entry was measured."""
    return [
        ", ".join(f"{name} {value}" for name, value in sorted(notes.items()))
        for notes in entry.read_provenance()
    ]
