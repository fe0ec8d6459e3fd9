"""lm-eval harness runner: lm-eval's tasks over any backend.

Requests are built once per checkpoint, in full order, and sliced by us: lm-eval's few-shot
samplers keep state, and its own selection of samples changes the shots. Its `use_cache` is never
used, since it is not keyed by the model.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from cliffguard.core.answers import LOW, Answer
from cliffguard.core.caveats import Caveat
from cliffguard.core.chats import effective
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.hub_names import no_connection
from cliffguard.core.items import Item, Suite, Task
from cliffguard.core.progress import doing
from cliffguard.core.sandbox import CAN_LIMIT_MEMORY
from cliffguard.core.settings import EvalSettings, RunnerSettings
from cliffguard.core.signals import drop_if_stopped
from cliffguard.core.timing import Spent, Stages
from cliffguard.engine.tokenizing import panics_explained
from cliffguard.engine.windows import assumed
from cliffguard.runners import Runner, TaskPart, file_looks, versions
from cliffguard.runners.answering import Prepared, respond
from cliffguard.runners.backends import make_backend, refuse_no_model, refuse_unable
from cliffguard.runners.devices import pick_dtype
from cliffguard.runners.lmeval_tasks import load_own, load_stock, refuse_data
from cliffguard.runners.loaded_task import LoadedTask
from cliffguard.runners.parts import part_of
from cliffguard.runners.preview import N_SHOWN, first_prompts
from cliffguard.runners.prompting import (
    build,
    buildable,
    loses_description,
    read_as_rendered,
    refuse_no_invocation,
    rendered,
    template_apart,
)

if TYPE_CHECKING:
    from cliffguard.core.vectors import Divergence, Vectors

_N_TRIED = 8  # items of a task whose prompts a trial of packing chooses from


class HarnessRunner(Runner):
    """Asks checkpoints through lm-eval: its tasks, its prompts, its filters and metrics.

    The plan's runner says which of its models answers; by default our own. `data` are the plan's
    local files with the documents of lm-eval's tasks; `offline`, its tasks' own are not fetched.
    """

    def __init__(
        self,
        settings: RunnerSettings | None = None,
        *,
        allow_pickle: bool = False,
        data: Mapping[str, str | Mapping[str, str]] | None = None,
        offline: bool = False,
    ) -> None:
        self.settings = settings or RunnerSettings()
        self._data = data or {}
        self._offline = offline
        self._backend = make_backend(self.settings, allow_pickle=allow_pickle)
        self._tasks: dict[str, LoadedTask] = {}
        self._renders: dict[str, Callable[..., Any]] = {}
        self._stages = Stages()
        self._is_description_lost = False  # of the task that was asked last
        self._is_templated = False

    @property
    def identity(self) -> str:
        """Model class and versions of the libraries that compute the answers."""
        return versions.identity(self.settings)

    def dtype(self, protocol: EvalSettings) -> str:
        """Return the dtype of the weights that the protocol's dtype stands for here."""
        if not self.settings.is_local and not self.settings.kind.libraries:
            return protocol.dtype
        return pick_dtype(protocol.dtype, self.settings.device)

    def notes(self) -> Mapping[str, str | int]:
        """Device and batches, as they came to be, and the libraries to the last digit."""
        lost = "left out, since the chat template takes no system turn"
        notes = {"the task's description": lost} if self._is_description_lost else {}
        if self._is_templated and not CAN_LIMIT_MEMORY:
            notes["chat templates"] = "rendered without a limit of memory, which this system lacks"
        return {**self._backend.notes(), **notes, "libraries": versions.libraries(self.settings)}

    def spent(self) -> Mapping[str, Spent]:
        """Return what each stage has taken so far."""
        return self._stages.spent()

    @property
    def n_together(self) -> int:
        """How many shards of a task are asked in one call."""
        return self._backend.n_together

    def holds_both(self, base: Checkpoint, candidate: Checkpoint) -> bool:
        """Return whether going from one to the other and back loads nothing."""
        return self._backend.holds_both(base, candidate)

    @doing("reading the tasks")
    def resolve(self, suites: Sequence[Suite], protocol: EvalSettings) -> tuple[Task, ...]:
        """Return all tasks with their items; a suite entry may stand for several lm-eval tasks."""
        logging.getLogger("lm_eval").setLevel(logging.ERROR)
        refuse_unable(self.settings, protocol)
        entries = [task for suite in suites for task in suite.tasks]
        refuse_data(self._data, entries)
        tasks: list[Task] = []
        for entry in entries:
            for loaded in self._loaded(entry, protocol):
                self._tasks[loaded.task.name] = loaded
                tasks.append(loaded.task)
        return tuple(tasks)

    def take_part(self, part: TaskPart) -> str | None:
        """Take on a part of a task that was resolved, or return why it cannot be asked."""
        if part.task.name not in self._tasks:
            taken = part_of(self._tasks[part.whole.name], part)
            if isinstance(taken, str):
                return taken
            self._tasks[part.task.name] = taken
        return None

    def look_at(self, checkpoint: Checkpoint, protocol: EvalSettings) -> tuple[Caveat, ...]:
        """Refuse what could not be loaded by its headers, and a template that loses its prompt."""
        if checkpoint.files is None:
            return ()
        remarks = (*assumed(checkpoint), *self._backend.look_at(checkpoint, self.dtype(protocol)))
        if self.loads_models:
            remarks += file_looks.rehearsed(checkpoint, protocol, self.settings)
        if protocol.chat_template != "none" and self.settings.kind.needs_tokenizer:
            from cliffguard.engine.templates import by_files, check_template

            render = by_files(checkpoint, protocol)
            remarks += check_template(checkpoint, protocol, render)
            if self.show is not None:  # `preview` needs it, too, and loading it takes seconds
                self._renders[checkpoint.fingerprint] = render
        return remarks

    def look_key(self, checkpoint: Checkpoint, protocol: EvalSettings) -> str | None:
        """Return a digest of files, template settings, and the libraries to the last digit."""
        return file_looks.look_key(checkpoint, protocol, self.settings)

    def preview(self, checkpoint: Checkpoint, task: Task, protocol: EvalSettings) -> str | None:
        """Let `show` see the first prompts of a task by the tokenizer alone, or say why it cannot.

        A server is not asked: lm-eval's model of it renders what it will be sent.
        """
        if self.show is None:
            return None
        server = None
        render = self._renders.pop(checkpoint.fingerprint, None)
        how = effective(protocol, are_chats=task.are_chats)
        if how.chat_template != "none" and self.settings.is_served:
            server = self._model(checkpoint, protocol)
        elif how.chat_template != "none" and render is None:
            if not self._renders_alone(checkpoint):
                return super().preview(checkpoint, task, protocol)
            from cliffguard.engine.templates import by_files

            render = by_files(checkpoint, how)  # which an earlier run looked at
        loaded = self._tasks[task.name]
        with buildable(loaded), doing(f"making the first prompts of {task.name}"):
            self.show(checkpoint, task, first_prompts(loaded, checkpoint, how, server or render))
        return None

    def try_chats(self, checkpoint: Checkpoint, task: Task, protocol: EvalSettings) -> None:
        """Render chats by the tokenizer alone; a model in memory or a server has its own."""
        if not self._renders_alone(checkpoint):
            return
        from cliffguard.engine.templates import by_files, failures_explained

        how = effective(protocol, are_chats=True)
        with failures_explained(checkpoint.name), doing(f"rendering the chats of {task.name}"):
            render = self._renders.get(checkpoint.fingerprint) or by_files(checkpoint, how)
            self._tasks[task.name].build(render, checkpoint, how)

    def _renders_alone(self, checkpoint: Checkpoint) -> bool:
        """Return whether a checkpoint's tokenizer, loaded by itself, renders its chats."""
        has_files = checkpoint.files is not None
        return self.loads_models and self.settings.kind.needs_tokenizer and has_files

    def ask(
        self, checkpoint: Checkpoint, task: Task, items: Sequence[Item], protocol: EvalSettings
    ) -> Sequence[Answer]:
        """Return the answers of `checkpoint` to `items`, in order, one each."""
        model = self._model(checkpoint, protocol)
        protocol = effective(protocol, are_chats=task.are_chats)
        drop_if_stopped()  # loading may have taken all the time that there was
        with read_as_rendered(model, task):
            return self._ask(model, checkpoint, task, items, protocol)

    def _ask(
        self,
        model: Any,
        checkpoint: Checkpoint,
        task: Task,
        items: Sequence[Item],
        protocol: EvalSettings,
    ) -> Sequence[Answer]:
        loaded = self._tasks[task.name]
        with (
            self._stages.during("prompts"),
            doing(f"making the prompts of {task.name}"),
            panics_explained(checkpoint.name),
        ):
            build(loaded, model, checkpoint, protocol)
            self._is_templated = protocol.chat_template != "none"
            prepared = [Prepared(loaded, item, model, protocol) for item in items]
            self._is_description_lost = loses_description(loaded, model, protocol)
        refuse_no_invocation(checkpoint, task, prepared)
        if self.show is not None:
            first = prepared[:N_SHOWN]
            self.show(
                checkpoint, task, [(shown.item, str(shown.requests[0].args[0])) for shown in first]
            )
        fitting = [item for item in prepared if not item.is_overlong]
        with self._backend.explained(checkpoint), panics_explained(checkpoint.name):
            respond(model, fitting)
        self._backend.after(checkpoint, model)
        with self._stages.during("metrics"):
            return [item.answer() for item in prepared]

    def packs_below_float32(self, protocol: EvalSettings) -> bool:
        """Return True for our engine below float32."""
        return self.settings.kind.packs and self.dtype(protocol) in LOW

    def must_try_packing(self, protocol: EvalSettings) -> bool:
        """Return True for our engine below float32, unless the protocol settles it."""
        return protocol.packing == "auto" and self.packs_below_float32(protocol)

    def try_packing(
        self, checkpoint: Checkpoint, tasks: Sequence[Task], protocol: EvalSettings, n_items: int
    ) -> str | None:
        """Return why no prefix can be shared, by a trial on first prompts, or None."""
        model = self._model(checkpoint, protocol)
        drop_if_stopped()
        prompts: list[Sequence[int]] = []
        n_tried = 0
        with doing(f"trying how {checkpoint.name} is packed"), panics_explained(checkpoint.name):
            for task in tasks:
                loaded = self._tasks[task.name]
                how = effective(protocol, are_chats=task.are_chats)
                with read_as_rendered(model, task):
                    build(loaded, model, checkpoint, how)
                    for item in task.items[:_N_TRIED]:
                        prompts += Prepared(loaded, item, model, how).token_sequences()
                        n_tried += 1
            n_run = n_items * len(prompts) // max(1, n_tried)
            with self._backend.explained(checkpoint):
                reason: str | None = model.try_packing(prompts, n_run)
        return reason

    def asked_as(self, task: Task, items: Sequence[Item], protocol: EvalSettings) -> Sequence[str]:
        """Return the digests of what the items are asked as, before any chat template."""
        loaded = self._tasks[task.name]
        with self._stages.during("prompts"), buildable(loaded):
            return loaded.asked_as(items, protocol)

    def _model(self, checkpoint: Checkpoint, protocol: EvalSettings) -> Any:
        """Return the model that answers for a checkpoint, its time counted with ours."""
        with self._stages.during("loading"):
            model = self._backend.model(checkpoint, protocol, self.dtype(protocol))
        refuse_no_model(model, self.settings.model)
        model.stages = self._stages
        return model

    def window(self, checkpoint: Checkpoint, protocol: EvalSettings) -> int | None:
        """Return how many tokens a checkpoint reads; UsageError where it must be known."""
        return self._backend.window(checkpoint, protocol)

    @property
    def loads_models(self) -> bool:
        """Return True if models are loaded here, and not behind a server or by lm-eval alone."""
        return self.settings.is_local

    def load(self, checkpoint: Checkpoint, protocol: EvalSettings) -> None:
        """Put a checkpoint into memory and let it compute once, as before its first answer."""
        if not self.loads_models:
            super().load(checkpoint, protocol)
        self._model(checkpoint, protocol)

    def embed(
        self, checkpoint: Checkpoint, texts: Sequence[str], protocol: EvalSettings
    ) -> Vectors:
        """Return the texts' vectors by the checkpoint's hidden states, float32 [texts, width]."""
        if not self.loads_models:
            return super().embed(checkpoint, texts, protocol)
        from cliffguard.engine.embedding import embed

        model = self._model(checkpoint, protocol)
        with self._backend.explained(checkpoint), self._stages.during("screens"):
            return embed(model, texts)

    def diverge(
        self,
        base: Checkpoint,
        candidate: Checkpoint,
        prompts: Sequence[str],
        protocol: EvalSettings,
    ) -> Sequence[Divergence]:
        """Return how far the candidate's predictions lie from the base's over each prompt."""
        if not self.loads_models:
            return super().diverge(base, candidate, prompts, protocol)
        from cliffguard.engine.divergence import divergence

        with self._stages.during("loading"):
            base_side, candidate_side = self._backend.sides(
                base, candidate, protocol, self.dtype(protocol)
            )
        with template_apart(base_side.lm, base):
            texts = [rendered(base_side.lm, prompt, protocol) for prompt in prompts]
        with self._backend.explained(candidate), self._stages.during("screens"):
            return divergence(base_side, candidate_side, texts)

    def _loaded(self, entry: Task, protocol: EvalSettings) -> list[LoadedTask]:
        if not entry.stock:
            return [load_own(entry)]
        with no_connection() if self._offline else nullcontext():
            return load_stock(entry, protocol, self._data)
