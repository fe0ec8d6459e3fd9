"""Answers to a look: from the store where they are, from the runner where they are not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from cliffguard.records import Answer, Checkpoint, Protocol, Question
from cliffguard.runners import Runner
from cliffguard.schedule import Look, Series
from cliffguard.store import Entry, Store

Progress = Callable[[str, int, int], None]
"""Called with a label, the items done and the items in all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One checkpoint's answers by task name, in the order of the run.

    `questions` are the keys under which they are stored, `measured_on` says on what device.
    """

    answers: Mapping[str, tuple[Answer, ...]]
    questions: tuple[str, ...]
    measured_on: tuple[str, ...]


def silent(label: str, done: int, total: int) -> None:
    """Show no progress."""


def measure(
    checkpoint: Checkpoint,
    look: Look,
    *,
    protocol: Protocol,
    store: Store,
    runner: Runner,
    progress: Progress = silent,
) -> Measurement:
    """Return the answers of `checkpoint` to all shards of `look`, asking only for absent ones."""
    total = sum(len(shard.items) for series in look for shard in series.shards)
    answers: dict[str, tuple[Answer, ...]] = {}
    keys: list[str] = []
    measured_on: set[str] = set()
    done = 0
    for series in look:
        question = Question(
            checkpoint=checkpoint,
            task=series.task,
            protocol=protocol,
            dtype=runner.dtype(protocol),
            runner=runner.identity,
            replicate=0,
        )
        entry = store.open(question, series.items)
        for shard_answers in _shards(entry, series, checkpoint, protocol, runner):
            done += len(shard_answers)
            answers[series.task.name] = answers.get(series.task.name, ()) + shard_answers
            progress(f"{checkpoint.label}: {series.task.name}", done, total)
        keys.append(question.key)
        measured_on.add(_described(entry))
    return Measurement(
        answers=answers, questions=tuple(keys), measured_on=tuple(sorted(measured_on))
    )


def _shards(
    entry: Entry, series: Series, checkpoint: Checkpoint, protocol: Protocol, runner: Runner
) -> Iterator[tuple[Answer, ...]]:
    for shard in series.shards:
        if not entry.has_shard(shard.number):
            answers = runner.ask(checkpoint, series.task, shard.items, protocol)
            entry.write_provenance(runner.notes())
            entry.write_shard(shard.number, answers)
        yield entry.read_shard(shard.number, shard.items)


def _described(entry: Entry) -> str:
    return ", ".join(f"{name} {value}" for name, value in sorted(entry.read_provenance().items()))
