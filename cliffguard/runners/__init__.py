"""Runners: who answers. Anything with the members of `Runner`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn
from typing import Protocol as Interface

from cliffguard.core.answers import Answer
from cliffguard.core.caveats import Caveat
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.errors import UsageError
from cliffguard.core.items import Item, Suite, Task
from cliffguard.core.settings import EvalSettings
from cliffguard.core.timing import Spent

if TYPE_CHECKING:
    from cliffguard.core.vectors import Divergence, Vectors

TaskItems = tuple[Task, Sequence[Item]]
"""Items of one task on their way to a runner, asked together."""

Notes = Mapping[str, str | int]
"""What should not change an answer: device, batch size."""


Answered = tuple[int, Sequence[Answer], Notes]
"""The number of a group among those that were asked, its answers, and how they came about."""

Show = Callable[[Checkpoint, Task, Sequence[tuple[Item, str]]], None]
"""Is given some of the items that are asked, each with its prompt as the model gets it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskPart:
    """Some items of the task `whole` as a `task` of their own, under another protocol than usual.

    Of an own task `shots` stand before each item, in their order; lm-eval draws those of its own
    tasks, from documents of no item whose id is `avoided`.
    """

    task: Task
    whole: Task
    protocol: EvalSettings
    usual: EvalSettings
    shots: tuple[Item, ...] = ()
    avoided: frozenset[str] = frozenset()


class Runner(Interface):
    """Turns questions into answers. Same question, same answers.

    `show`, where it is set, sees the first prompts of every shard before they are asked.
    """

    show: Show | None = None

    @property
    def identity(self) -> str:
        """Name and versions of all that may change an answer; part of every question's key."""

    def dtype(self, protocol: EvalSettings) -> str:
        """Return the dtype of the weights that the protocol's dtype stands for here."""

    def resolve(self, suites: Sequence[Suite], protocol: EvalSettings) -> tuple[Task, ...]:
        """Return all tasks with their items, in the order of the suites."""

    def look_at(self, checkpoint: Checkpoint, protocol: EvalSettings) -> tuple[Caveat, ...]:
        """Refuse a checkpoint that cannot be asked, by its files, before either side is asked.

        Returns what a report must tell of it.
        """
        return ()

    def look_key(self, checkpoint: Checkpoint, protocol: EvalSettings) -> str | None:
        """Return a digest of all that `look_at` goes by, where it takes long; else None."""
        return None

    def ask(
        self, checkpoint: Checkpoint, task: Task, items: Sequence[Item], protocol: EvalSettings
    ) -> Sequence[Answer]:
        """Return the answers of `checkpoint` to `items`, in order, one each."""

    def take_part(self, part: TaskPart) -> str | None:
        """Take on a part of a task that was resolved, to be asked by its name like any other.

        Returns why it cannot be asked.
        """
        return "this runner asks no parts of tasks"

    def preview(self, checkpoint: Checkpoint, task: Task, protocol: EvalSettings) -> str | None:
        """Let `show` see a task's first prompts before it is asked, also where all is stored.

        Returns a sentence that says why it cannot.
        """
        if self.show is None:
            return None
        return f"as {checkpoint.name} gets them: not known before it is asked by this runner"

    def try_chats(self, checkpoint: Checkpoint, task: Task, protocol: EvalSettings) -> None:
        """Render chats by a checkpoint's template alone, before any side is asked.

        Raises UsageError for what it drops or refuses. A runner that cannot does nothing.
        """
        return

    def asked_as(
        self, task: Task, items: Sequence[Item], protocol: EvalSettings
    ) -> Sequence[str] | None:
        """Return the digests of what `ask` would put to a checkpoint, without a chat template.

        None where that is not known before it is asked.
        """
        return None

    def notes(self) -> Notes:
        """Describe what should not change an answer, as it was when it last answered."""

    def spent(self) -> Mapping[str, Spent]:
        """Return what each stage of answering has taken so far; nothing where it is not known."""
        return {}

    def holds_both(self, base: Checkpoint, candidate: Checkpoint) -> bool:
        """Return whether going from one to the other and back loads nothing."""
        return base.weights == candidate.weights

    def window(self, checkpoint: Checkpoint, protocol: EvalSettings) -> int | None:
        """Return how many tokens a checkpoint reads here, or None where nothing says it."""
        from cliffguard.checkpoints.identity import context_window  # late: samples have no files

        return protocol.max_length or context_window(checkpoint)

    def must_try_packing(self, protocol: EvalSettings) -> bool:
        """Return True if only a trial says whether prefixes can be shared under a protocol."""
        return False

    def packs_below_float32(self, protocol: EvalSettings) -> bool:
        """Return True if sharing prefixes can flip a near-tie under a protocol."""
        return False

    def try_packing(
        self, checkpoint: Checkpoint, tasks: Sequence[Task], protocol: EvalSettings, n_items: int
    ) -> str | None:
        """Return why no prefix can be shared, from a trial on the first prompts of tasks; or None.

        The tasks are some of a run of `n_items` items. Called only where it must be tried.
        """
        return None

    @property
    def n_together(self) -> int:
        """How many shards of a task are asked in one call, where there are as many in a look.

        By settings and device alone, and never by what memory turns out to hold: who asks again
        must ask the same together.
        """
        return 1

    @property
    def n_workers(self) -> int:
        """How many groups of shards are answered side by side."""
        return 1

    def ask_each(
        self, checkpoint: Checkpoint, groups: Sequence[TaskItems], protocol: EvalSettings
    ) -> Iterable[Answered]:
        """Yield the answers to each of at most `n_workers` groups, as they come."""
        for number, (task, items) in enumerate(groups):
            yield number, self.ask(checkpoint, task, items, protocol), self.notes()

    # --- what only a model that is loaded here can be asked --------------------------------------

    @property
    def loads_models(self) -> bool:
        """Return whether it has models here, and can be asked what follows."""
        return False

    def load(self, checkpoint: Checkpoint, protocol: EvalSettings) -> None:
        """Put a checkpoint into memory and let it compute once, as before its first answer.

        Raises a CliffguardError where it does not fit, is damaged, or computes no numbers; and
        UsageError where models are not loaded here.
        """
        _refuse_remote(self, "weights")

    def embed(
        self, checkpoint: Checkpoint, texts: Sequence[str], protocol: EvalSettings
    ) -> Vectors:
        """Return the texts' vectors by the checkpoint's hidden states, float32 [texts, width].

        Texts are read as they are, without a chat template. Raises UsageError where the model is
        not loaded here.
        """
        _refuse_remote(self, "hidden states")

    def diverge(
        self,
        base: Checkpoint,
        candidate: Checkpoint,
        prompts: Sequence[str],
        protocol: EvalSettings,
    ) -> Sequence[Divergence]:
        """Return how far the candidate's predictions lie from the base's over each prompt.

        Under a chat template a prompt is what the user says, rendered once, for the base. Raises
        UsageError where the models are not loaded here.
        """
        _refuse_remote(self, "whole distributions of the next token")


def _refuse_remote(runner: Runner, what: str) -> NoReturn:
    who = runner.identity.partition(":")[0]
    raise UsageError(
        f"runner {who}: {what} are read only of models that are loaded here; use the runner "
        "cliffguard or hf",
        id="runner.no-model-here",
    )
