"""Live runner: a model that is in memory already, asked in the middle of a training run.

    runner = LiveRunner(model, tokenizer, name="step 200")
    review = guard(plan, runner=runner, sides=runner.sides())

Of a PEFT model the base is the same weights with the adapters switched off, so that nothing is
loaded. Weights are hashed where they lie: what a checkpoint of them on disk would be asked is
another question, since a file may be written in another dtype.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from cliffguard.core.answers import Answer
from cliffguard.core.chats import template_file
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.errors import IntegrityError, UsageError
from cliffguard.core.items import Item, Task
from cliffguard.core.libraries import imports_explained
from cliffguard.core.settings import EvalSettings, RunnerSettings
from cliffguard.runners import TaskPart

with imports_explained():  # it is imported by people, in their own programs
    from cliffguard.engine import live
    from cliffguard.engine.weight_checks import refuse_no_bos_or_eos
    from cliffguard.runners.harness import HarnessRunner
    from cliffguard.runners.live_backend import LiveBackend

if TYPE_CHECKING:
    from cliffguard.core.vectors import Divergence, Vectors

T = TypeVar("T")

_SAVED = "compare saved checkpoints with the base's files: cliffguard check BASE CHECKPOINT"


class LiveRunner(HarnessRunner):
    """Asks a model in memory, and any other checkpoint from its files, as `HarnessRunner` does.

    `model` is a transformers or PEFT model; one in DistributedDataParallel is asked inside it.
    `tokenizer` is copied. With `holds_still` nothing is trained from an identity to its answers, as
    between two steps, and the weights are looked through once for both. Raises UsageError for
    weights that are shared out over processes, and IntegrityError where one is written to while the
    model is asked.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        *,
        name: str = "live",
        settings: RunnerSettings | None = None,
        holds_still: bool = False,
    ) -> None:
        super().__init__(settings)
        if not self.settings.kind.packs or self.settings.kind.libraries:
            raise UsageError(
                f"runner {self.settings.model}: a model in memory is asked by cliffguard's own",
                id="live.other-runner",
            )
        self.model = live.unwrapped(model)
        self.name = name
        live.refuse_other_kinds(name, self.model)
        refuse_no_bos_or_eos(name, tokenizer)
        self._live = LiveBackend(self.model, copy.deepcopy(tokenizer), self.settings)
        self._live.holds_still = holds_still
        self._backend = self._live

    def sides(self) -> tuple[Checkpoint, Checkpoint]:
        """Return base and candidate as they are now: call it anew after every step.

        Raises UsageError for a model whose base is not, or no longer, in memory.
        """
        self.refuse_no_base()
        if not self.has_adapters:
            raise UsageError(
                f"{self.name}: full weights in memory hold no base; find_base() finds its files, "
                "and candidate() is this model",
                id="live.no-base",
            )
        self._live.look_anew()
        return self._live.base(self.name), self._live.candidate(self.name)

    def at_start(self) -> tuple[Checkpoint, Checkpoint]:
        """Return the base of a training run before its first step, and what stands for its result.

        With adapters these are the sides as they are now. Of full weights the model itself is the
        base; its answers must be stored before it is trained.
        """
        if self.has_adapters:
            return self.sides()
        self._live.look_anew()
        base = self._live.candidate(self._live.base_name)
        return base, self._live.stand_in(base)

    def now(self, name: str, base: Checkpoint) -> Checkpoint:
        """Return the identity of the model after some training, under a name.

        Raises IntegrityError where the weights beneath its adapters are no longer those of `base`.
        """
        self.name = name
        if not self.has_adapters:
            return self.candidate()
        beneath, candidate = self.sides()
        if beneath.weights != base.weights:
            raise IntegrityError(
                f"{name}: the weights beneath the adapters are not those of {base.name}, which was "
                "asked; was something else trained, or an adapter merged?",
                id="live.other-base",
            )
        return candidate

    def n_tokens(self) -> int:
        """Return how many tokens went through the model so far."""
        return sum(spent.n_tokens for spent in self.spent().values())

    @property
    def has_adapters(self) -> bool:
        """Whether there are adapters, and so a base beneath them."""
        return hasattr(self.model, "peft_config")

    def refuse_no_base(self) -> None:
        """Raise UsageError for adapters of which switching them off does not give the base."""
        if not self.has_adapters:
            return
        base, _ = live.parts(self.model)
        if live.are_merged(self.model):
            raise UsageError(
                f"{self.name}: its adapters are merged into the base, which is no longer in memory "
                "apart; unmerge them first (model.unmerge_adapter())",
                id="live.merged",
            )
        self._refuse_trained_base(base)
        if altered := live.altered(self.model):
            raise UsageError(
                f"{self.name}: the adapter changed the base when it was made ({altered}), so that "
                f"switching it off does not give the base back; make it without, or {_SAVED}",
                id="live.altered-base",
            )
        if changed := live.resized(self.model):
            raise UsageError(
                f"{self.name}: its embeddings were resized ({changed}), so that the base is no "
                f"longer in memory; {_SAVED}",
                id="live.resized",
            )

    def _refuse_trained_base(self, base: Mapping[str, Any]) -> None:
        """Refuse a model whose base is no longer what it was, adapters off or not."""
        biases = {getattr(config, "bias", "none") for config in self.model.peft_config.values()}
        trained = [n for n, p in self.model.named_parameters() if p.requires_grad and n in base]
        if biases - {"none"}:
            raise UsageError(
                f"{self.name}: the adapter trains biases of the base (bias: "
                f"{', '.join(sorted(biases - {'none'}))}), so that it is no longer in memory; set "
                f"bias to none, or {_SAVED}",
                id="live.trained-base",
            )
        if trained:
            raise UsageError(
                f"{self.name}: the base's own weights are trained too ({trained[0]}), so that it "
                f"is no longer in memory; freeze them, or {_SAVED}",
                id="live.trained-base",
            )

    def candidate(self) -> Checkpoint:
        """Return the identity of the model as it is now."""
        self._live.look_anew()
        return self._live.candidate(self.name)

    def dtype(self, protocol: EvalSettings) -> str:
        """Return the dtype that the weights are in; a model in memory is not converted."""
        kind = str(self.model.dtype).removeprefix("torch.")
        if protocol.dtype not in ("auto", kind):
            raise UsageError(
                f"protocol.dtype {protocol.dtype}: the model in memory is in {kind}; leave it auto",
                id="live.other-dtype",
            )
        is_other = protocol.chat_template == "base" or template_file(protocol) is not None
        if is_other or protocol.quantization != "none":
            raise UsageError(
                "a model in memory is asked as it is: chat_template auto, none or own, and no "
                "quantization",
                id="live.as-it-is",
            )
        return kind

    def take_part(self, part: TaskPart) -> str | None:
        """Refuse: training waits for no more than the verdict."""
        return "a model in memory is asked no more than the verdict needs"

    def ask(
        self, checkpoint: Checkpoint, task: Task, items: Sequence[Item], protocol: EvalSettings
    ) -> Sequence[Answer]:
        """Return the answers of `checkpoint` to `items`, in order, one each."""
        return self._untouched(
            lambda: super(LiveRunner, self).ask(checkpoint, task, items, protocol)
        )

    def try_packing(
        self, checkpoint: Checkpoint, tasks: Sequence[Task], protocol: EvalSettings, n_items: int
    ) -> str | None:
        """Return why no prefix can be shared, by a trial on first prompts, or None."""
        tried = super().try_packing
        return self._untouched(lambda: tried(checkpoint, tasks, protocol, n_items))

    def load(self, checkpoint: Checkpoint, protocol: EvalSettings) -> None:
        """Let a checkpoint compute once, as before its first answer."""
        load = super().load
        self._untouched(lambda: load(checkpoint, protocol))

    def embed(
        self, checkpoint: Checkpoint, texts: Sequence[str], protocol: EvalSettings
    ) -> Vectors:
        """Return the texts' vectors by the checkpoint's hidden states, float32 [texts, width]."""
        embed = super().embed
        return self._untouched(lambda: embed(checkpoint, texts, protocol))

    def diverge(
        self,
        base: Checkpoint,
        candidate: Checkpoint,
        prompts: Sequence[str],
        protocol: EvalSettings,
    ) -> Sequence[Divergence]:
        """Return how far the candidate's predictions lie from the base's over each prompt."""
        diverge = super().diverge
        return self._untouched(lambda: diverge(base, candidate, prompts, protocol))

    def _untouched(self, work: Callable[[], T]) -> T:
        with live.left_as_it_was(self.model):
            return work()
