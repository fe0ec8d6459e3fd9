"""Measures a look: answers from the store, else from the runner."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import takewhile
from pathlib import Path

from cliffguard.core.answers import Answer, Question
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.errors import ChangedFiles, InfrastructureError
from cliffguard.core.items import Item, Task
from cliffguard.core.progress import Progress, Step, doing, silent
from cliffguard.core.settings import EvalSettings
from cliffguard.core.signals import Interrupted, finishing
from cliffguard.core.texts import n_things
from cliffguard.evaluate.looks import Look, TaskProgress
from cliffguard.runners import Notes, Runner
from cliffguard.store.answers import Store
from cliffguard.store.earlier import Forms, find_earlier, together
from cliffguard.store.entry import Entry, ShardAnswers
from cliffguard.store.shards import Shard


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One checkpoint's answers by task name, in the order of the run.

    `questions` are the keys under which they are stored, `earlier` those from which some were taken
    over; `measured_on` has a line for each way in which these answers were measured: device,
    batches.
    """

    answers: Mapping[str, tuple[Answer, ...]]
    questions: tuple[str, ...]
    measured_on: tuple[str, ...]
    earlier: tuple[str, ...] = ()

    @property
    def all_questions(self) -> tuple[str, ...]:
        """All keys under which some of these answers are stored."""
        return (*self.questions, *self.earlier)


def never() -> bool:
    """Say that there is time left."""
    return False


def unheard(line: str) -> None:
    """Tell nobody."""


class TimeUp(InfrastructureError):
    """The time was up before what was in hand had come to its end."""


def measure(  # noqa: PLR0913 (one door, and who hears of it by name)
    checkpoint: Checkpoint,
    look: Look,
    *,
    protocol: EvalSettings,
    store: Store,
    runner: Runner,
    replicate: int = 0,
    is_time_up: Callable[[], bool] = never,
    progress: Progress = silent,
    tell: Callable[[str], None] = unheard,
) -> Measurement:
    """Return the answers of `checkpoint` to all shards of `look`, asking only for absent ones.

    Shards are asked in groups (`TaskProgress.groups`). A group of which a shard is absent is asked
    as a whole, so that a run that was killed has the batches of an undisturbed one; what is stored
    stays. Answers under an earlier form of the question are taken over, and not asked; what is
    taken over of a task that is asked for the first time is told in lines for people.

    Each `replicate` has answers of its own. Once the time is up no further group is asked, and the
    answers end with the last whole one. Where the checkpoint's files turn out to have changed
    (ChangedFiles), what was stored here goes to the store's `damaged/`.
    """
    gathered = _Gathered(checkpoint.label, look, progress)
    written: list[Path] = []
    absent: list[_Absent] = []
    with doing(f"reading the stored answers of {checkpoint.label}"):
        entries = [
            _entry(checkpoint, series, protocol, store, runner, replicate) for series in look
        ]
        for gap in _missing(look, entries, Forms(store), runner, gathered, tell):
            if gap.unanswered:
                absent.append(gap)
            else:
                gap.write((), {})
                gap.gather(gathered)
    if is_time_up is not never:
        # Task by task shares more of the prompts; side by side leaves no task behind.
        absent.sort(key=lambda gap: (gap.shards[-1].number + 1) / len(gap.series.shards))
    with _explained(gathered, written, store):
        for start in range(0, len(absent), runner.n_workers):
            if is_time_up():
                break
            side_by_side = absent[start : start + runner.n_workers]
            groups = [(gap.series.task, gap.unanswered) for gap in side_by_side]
            gathered.tell(groups[0][0].name)
            with finishing(partial(stop_where, is_time_up)):
                for number, answers, notes in runner.ask_each(checkpoint, groups, protocol):
                    written += side_by_side[number].write(answers, notes)
                    side_by_side[number].gather(gathered)
    gathered.tell("")
    return Measurement(
        answers={series.task.name: gathered.in_a_row(series) for series in look},
        questions=tuple(question.key for question, _ in entries),
        measured_on=gathered.measured_on,
        earlier=tuple(sorted(gathered.earlier)),
    )


def n_absent(
    checkpoint: Checkpoint, look: Look, *, protocol: EvalSettings, store: Store, runner: Runner
) -> int:
    """Return how many answers to a look are not stored, and would be asked by `measure`."""
    entries = [_entry(checkpoint, series, protocol, store, runner, 0) for series in look]
    gathered = _Gathered(checkpoint.label, look, silent)
    gaps = _missing(look, entries, Forms(store), runner, gathered, unheard)
    return sum(len(gap.unanswered) for gap in gaps)


def stop_where(is_time_up: Callable[[], bool]) -> None:
    """Raise TimeUp if it is: for what `signals.drop_if_stopped` looks up."""
    if is_time_up():
        raise TimeUp("the time is up")


@contextlib.contextmanager
def _explained(gathered: _Gathered, written: Sequence[Path], store: Store) -> Iterator[None]:
    """Say what is kept where a measurement is interrupted, and keep nothing of changed weights."""
    try:
        yield
    except TimeUp:
        pass  # as if what was in hand had not been begun
    except Interrupted as stop:
        stop.kept = f"{gathered} in {store.root}"
        raise
    except ChangedFiles:
        # Which of them are of the weights that were hashed, nobody can say any more.
        for path in written:
            store.move_aside(path)
        raise


class _Gathered:
    """The answers to a look that are stored so far."""

    def __init__(self, label: str, look: Look, progress: Progress) -> None:
        self._label = label
        self._progress = progress
        self._shards: dict[tuple[str, int], ShardAnswers] = {}
        self._n_done = 0
        self.earlier: set[str] = set()
        self._n_items = sum(len(shard.items) for series in look for shard in series.shards)

    def __str__(self) -> str:
        return f"{self._label}: {self._n_done} of {n_things(self._n_items, 'answer')}"

    def add(self, series: TaskProgress, shard: Shard, stored: ShardAnswers) -> None:
        """Take the answers of a shard."""
        self._shards[series.task.name, shard.number] = stored
        self._n_done += len(shard.items)

    def tell(self, task: str) -> None:
        """Show how many there are, and which task is asked next; none, with an empty name."""
        self._progress(
            Step(side=self._label, task=task, n_done=self._n_done, n_items=self._n_items)
        )

    def take(self, series: TaskProgress, entry: Entry) -> list[Shard]:
        """Take the shards of a task that are stored; return those that are not."""
        missing = []
        for shard in series.shards:
            if entry.has_shard(shard.number):
                self.add(series, shard, entry.read_shard(shard.number, shard.items))
            else:
                missing.append(shard)
        return missing

    def in_a_row(self, series: TaskProgress) -> tuple[Answer, ...]:
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
    """A group of shards that are not all stored.

    `earlier` has, by the number of each shard that is absent, what is found of it under earlier
    forms of its question.
    """

    series: TaskProgress
    entry: Entry
    shards: tuple[Shard, ...]
    earlier: Mapping[int, Mapping[str, ShardAnswers]]

    @property
    def unanswered(self) -> tuple[Item, ...]:
        """The items to ask: none, or all of the group that earlier forms do not answer."""
        if all(i.id in self.earlier[s.number] for s in self._absent for i in s.items):
            return ()
        return tuple(
            item
            for shard in self.shards
            for item in shard.items
            if item.id not in self.earlier.get(shard.number, {})
        )

    @property
    def _absent(self) -> list[Shard]:
        return [shard for shard in self.shards if shard.number in self.earlier]

    def write(self, answers: Sequence[Answer], notes: Notes) -> list[Path]:
        """Store what is absent, with what was found; return the files that were written."""
        new = {answer.item_id: answer for answer in answers}
        written = []
        for shard in self._absent:
            mine = tuple(new[item.id] for item in shard.items if item.id in new)
            whole = together(
                shard.items,
                self.earlier[shard.number],
                ShardAnswers(answers=mine, notes=notes),
            )
            if self.entry.write_shard(shard.number, whole.answers, whole.notes):
                written.append(self.entry.shard_file(shard.number))
        return written

    def gather(self, gathered: _Gathered) -> None:
        """Take the answers that are there now: another run may have been first."""
        for shard in self._absent:
            stored = self.entry.read_shard(shard.number, shard.items)
            gathered.add(self.series, shard, stored)


def question_of(
    checkpoint: Checkpoint, task: Task, protocol: EvalSettings, runner: Runner, replicate: int = 0
) -> Question:
    """Return what is asked of a checkpoint, under whose key its answers are stored."""
    return Question(
        checkpoint=checkpoint,
        task=task,
        protocol=protocol,
        dtype=runner.dtype(protocol),
        runner=runner.identity,
        replicate=replicate,
    )


def _entry(
    checkpoint: Checkpoint,
    series: TaskProgress,
    protocol: EvalSettings,
    store: Store,
    runner: Runner,
    replicate: int,
) -> tuple[Question, Entry]:
    question = question_of(checkpoint, series.task, protocol, runner, replicate)
    return question, store.open(question, series.items)


def _missing(
    look: Look,
    entries: Sequence[tuple[Question, Entry]],
    forms: Forms,
    runner: Runner,
    gathered: _Gathered,
    tell: Callable[[str], None],
) -> Iterator[_Absent]:
    """Gather the shards that are stored; yield the groups of others, with what is found of them."""
    for series, (question, entry) in zip(look, entries, strict=True):
        missing = gathered.take(series, entry)
        if not missing:
            continue
        earlier = find_earlier(
            forms, question, series.items, partial(_words, runner, series.task, question.protocol)
        )
        if not entry.shard_numbers():
            forms.tell_damage(tell)
            who = f"{question.checkpoint.label}: {series.task.name}"
            earlier.tell(tell, who, len(series.items))
        gathered.earlier |= earlier.keys
        gaps = {shard.number: earlier.within(shard.items) for shard in missing}
        for shards in series.groups(runner.n_together):
            lacking = {s.number: gaps[s.number] for s in shards if s.number in gaps}
            if lacking:
                yield _Absent(series=series, entry=entry, shards=shards, earlier=lacking)


def _words(
    runner: Runner, task: Task, protocol: EvalSettings, items: Sequence[Item]
) -> Sequence[str] | None:
    return runner.asked_as(task, items, protocol)
