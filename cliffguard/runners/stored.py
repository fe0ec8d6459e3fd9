"""Stored runner: answers from the store alone, without a model."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from cliffguard.core.canonical_json import canonical_json
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.errors import UsageError
from cliffguard.core.items import Item, Suite, Task
from cliffguard.core.settings import EvalSettings
from cliffguard.runners import Runner, TaskPart
from cliffguard.store.earlier import has_terms
from cliffguard.store.entry import Entry
from cliffguard.suites.directions import lower_is_better


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEntry:
    """One entry of the store: whose answers to which task, asked how."""

    entry: Entry
    question: Mapping[str, Any]
    about: Mapping[str, Any]

    @property
    def how(self) -> str:
        """The protocol and the runner, which both sides must share."""
        return canonical_json([self.question["protocol"], self.question["runner"]])

    @property
    def is_low(self) -> bool:
        """Return whether the metric is better low, so that the scores were turned."""
        return bool(self.about.get("lower_is_better", False))

    def is_of(self, task: Task) -> bool:
        """Return whether these are answers to `task`; a stock task goes by its name."""
        if task.stock:
            wanted = (task.suite, task.entry, task.num_fewshot)
            is_same = (self.about["suite"], self.about["entry"], self.about["shots"]) == wanted
            return (
                is_same
                and self.about.get("limit") == task.limit
                and task.metric in (None, self.about["metric"])
                and task.filter in (None, self.about["filter"])
            )
        return bool(self.question["task_digest"] == task.digest)

    def covers(self, task: Task) -> bool:
        """Return whether an own task's items were all asked here, under an earlier form of it.

        Its words are those of the items alone; shots are drawn from other items, which may be other
        ones now.
        """
        if task.stock or self.question["task"] != task.name or self._n_shots(task):
            return False
        task = _as_asked(task)
        if not has_terms(task, self.entry, {"asked": self.question, "about": self.about}):
            return False
        there = {item.digest for item in self.entry.read_items()}
        return {item.digest for item in task.items} <= there

    def _n_shots(self, task: Task) -> int:
        n_shots = self.protocol.num_fewshot
        return (task.num_fewshot if n_shots is None else n_shots) or 0

    @property
    def protocol(self) -> EvalSettings:
        """The protocol under which it was asked."""
        return EvalSettings(**self.question["protocol"])


class StoredRunner(Runner):
    """Reads a protocol and a runner's identity from the store, and gives no new answers."""

    def __init__(self, entries: Sequence[StoredEntry]) -> None:
        self._entries = entries
        self._question = entries[0].question
        self._is_by_tokens = False

    @property
    def identity(self) -> str:
        """Return the identity of the runner that measured."""
        return str(self._question["runner"])

    @property
    def protocol(self) -> EvalSettings:
        """Return the protocol under which both sides were measured.

        `auto` stands for that of chats and that of prompts, where there are both.
        """
        first = self._entries[0].protocol
        is_one = len({entry.how for entry in self._entries}) == 1
        return first if is_one else dataclasses.replace(first, chat_template="auto")

    def dtype(self, protocol: EvalSettings) -> str:
        """Return the dtype of the measurement."""
        return str(self._question["protocol"]["dtype"])

    def packs_below_float32(self, protocol: EvalSettings) -> bool:
        """Return True if the measurement's protocol says how it was packed."""
        return protocol.packing != "auto"

    def holds_both(self, base: Checkpoint, candidate: Checkpoint) -> bool:
        """Nothing is loaded here, ever."""
        return True

    def notes(self) -> Mapping[str, str | int]:
        """Nothing is measured here."""
        return {}

    def window(self, checkpoint: Checkpoint, protocol: EvalSettings) -> int | None:
        """Return how many tokens the checkpoint read when it was asked, where an item goes by it.

        Only there, since it may take the model's class, and with it torch.
        """
        if (window := super().window(checkpoint, protocol)) or not self._is_by_tokens:
            return window
        from cliffguard.engine.windows import window_of

        return window_of(checkpoint)

    def resolve(self, suites: Sequence[Suite], protocol: EvalSettings) -> tuple[Task, ...]:
        """Return the tasks with their items; those of stock tasks as they were measured."""
        tasks: list[Task] = []
        for task in (task for suite in suites for task in suite.tasks):
            if not task.stock:
                tasks.append(_as_asked(task))
                continue
            tasks += [_as_measured(task, stored) for stored in _by_name(self._entries, task)]
        self._is_by_tokens = any(task.level == "tokens" for task in tasks)
        return tuple(tasks)

    def take_part(self, part: TaskPart) -> str:
        """Refuse: there is no model here."""
        return "stored answers are compared, and no model is asked"

    def asked_as(
        self, task: Task, items: Sequence[Item], protocol: EvalSettings
    ) -> Sequence[str] | None:
        """Return the words in which an own task's items were asked before; no other task's.

        Empty of an item that was asked in several ways.
        """
        if not any(stored.covers(task) for stored in self._entries):
            return None
        words: dict[str, set[str]] = {}
        for stored in self._entries:
            if stored.question["task"] == task.name:
                for answer in (
                    answer for shard in stored.entry.read_all() for answer in shard.answers
                ):
                    words.setdefault(answer.item_digest, set()).add(answer.prompt_digest)
        wordings = (words.get(item.digest, set()) for item in items)
        return [next(iter(digests)) if len(digests) == 1 else "" for digests in wordings]

    def ask(
        self, checkpoint: Checkpoint, task: Task, items: Sequence[Item], protocol: EvalSettings
    ) -> NoReturn:
        """Refuse: what is not stored must be measured first."""
        raise UsageError(
            f"{checkpoint.name}: only part of {task.name} is stored; finish it with "
            f"`cliffguard measure {shlex.quote(checkpoint.name)}`, the same suites, store and "
            "protocol, or, where the run ended with a FAIL, compare with --after-failure stop",
            id="compare.stored-in-part",
        )


def _as_asked(task: Task) -> Task:
    # The harness keeps the one filter of own tasks under this name.
    return dataclasses.replace(task, filter="none")


def _by_name(entries: Sequence[StoredEntry], task: Task) -> list[StoredEntry]:
    """Return one entry for each lm-eval task that `task` stands for.

    Raises UsageError when one of them was measured in two ways: which is meant is not guessed.
    """
    by_task: dict[str, StoredEntry] = {}
    there = [entry for entry in entries if entry.is_of(task)]
    for stored in [
        entry for entry in there if task.lower_is_better in (None, entry.is_low)
    ] or there:
        same = by_task.setdefault(stored.question["task"], stored)
        if same.question["task_digest"] != stored.question["task_digest"]:
            raise UsageError(
                f"{task.suite}: {stored.question['task']} is stored with {same.about['filter']} "
                f"and {stored.about['filter']}, or with other items; name metric and filter in the "
                "suite, or run `cliffguard check`",
                id="compare.measured-twice",
            )
    return [by_task[name] for name in sorted(by_task)]


def _as_measured(task: Task, stored: StoredEntry) -> Task:
    """Return a stock task as it was measured: which way its metric points was settled then."""
    metric, name = stored.about["metric"], stored.question["task"]
    is_low = lower_is_better(
        metric,
        task=name,
        capability=task.capability,
        policy=task.lower_is_better,
        stated=stored.is_low,
    )
    return dataclasses.replace(
        task,
        name=name,
        metric=metric,
        filter=stored.about["filter"],
        chance=1.0 - task.chance if is_low and task.chance is not None else task.chance,
        lower_is_better=is_low,
        items=stored.entry.read_items(),
        digest=stored.question["task_digest"],
    )
