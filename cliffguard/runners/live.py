"""Live runner: a model that is in memory already, asked in the middle of a training run.

    runner = LiveRunner(model, tokenizer, name="step 200")
    review = guard(plan, runner=runner, sides=runner.sides())

Of a PEFT model the base is the same weights with the adapters switched off, so that nothing is
loaded. Weights are hashed where they lie: what a checkpoint of them on disk would be asked is
another question, since a file may be written in another dtype.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from cliffguard.core.answers import Answer
from cliffguard.core.canonical_json import digest
from cliffguard.core.caveats import Caveat
from cliffguard.core.chats import template_file
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.errors import IntegrityError, UsageError
from cliffguard.core.items import Item, Task
from cliffguard.core.libraries import imports_explained
from cliffguard.core.settings import EvalSettings, RunnerSettings
from cliffguard.runners import TaskPart

with imports_explained():  # it is imported by people, in their own programs
    from cliffguard.engine import live
    from cliffguard.engine.smoke_test import probe, refuse_no_numbers
    from cliffguard.engine.weight_checks import refuse_no_bos_or_eos
    from cliffguard.engine.windows import settled, window_of_model
    from cliffguard.runners.harness import HarnessRunner
    from cliffguard.runners.local_backends import CliffguardBackend

if TYPE_CHECKING:
    from cliffguard.core.vectors import Divergence, Vectors
    from cliffguard.engine.divergence import Side

T = TypeVar("T")


class LiveRunner(HarnessRunner):
    """Asks a model in memory, and any other checkpoint from its files, as `HarnessRunner` does.

    `model` is a transformers or PEFT model; one in DistributedDataParallel is asked inside it.
    `tokenizer` is copied. Raises UsageError for weights that are shared out over processes, and
    IntegrityError where a weight is written to while it is asked.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        *,
        name: str = "live",
        settings: RunnerSettings | None = None,
    ) -> None:
        super().__init__(settings)
        if not self.settings.kind.packs or self.settings.kind.libraries:
            raise UsageError(
                f"runner {self.settings.model}: a model in memory is asked by cliffguard's own",
                id="live.other-runner",
            )
        self.model = live.unwrapped(model)
        self.name = name
        refuse_no_bos_or_eos(name, tokenizer)
        self._live = _LiveBackend(self.model, copy.deepcopy(tokenizer), self.settings)
        self._backend = self._live

    def sides(self) -> tuple[Checkpoint, Checkpoint]:
        """Return base and candidate as they are now: call it anew after every step.

        Raises UsageError for a model without adapters, whose base is no longer in memory.
        """
        if not hasattr(self.model, "disable_adapter"):
            raise UsageError(
                f"{self.name}: full weights in memory hold no base; find_base() finds its files, "
                "and candidate() is this model",
                id="live.no-base",
            )
        if live.are_merged(self.model):
            raise UsageError(
                f"{self.name}: its adapters are merged into the base, which is no longer in memory "
                "apart; unmerge them first (model.unmerge_adapter())",
                id="live.merged",
            )
        self._refuse_trained_base()
        return self._live.base(self.name), self._live.candidate(self.name)

    def _refuse_trained_base(self) -> None:
        """Refuse a model whose base is no longer what it was, adapters off or not."""
        biases = {getattr(config, "bias", "none") for config in self.model.peft_config.values()}
        base, _ = live.parts(self.model)
        trained = [n for n, p in self.model.named_parameters() if p.requires_grad and n in base]
        if trained or biases - {"none"}:
            raise UsageError(
                f"{self.name}: the base's own weights are trained too "
                f"({trained[0] if trained else 'its biases'}), so that it is no longer in memory; "
                "compare candidate() with the base's files",
                id="live.trained-base",
            )

    def candidate(self) -> Checkpoint:
        """Return the identity of the model as it is now."""
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


class _LiveBackend(CliffguardBackend):
    """Switches the adapters of a model in memory; everything else is loaded from files."""

    def __init__(self, network: Any, tokenizer: Any, settings: RunnerSettings) -> None:
        super().__init__(settings, allow_pickle=False)
        self._network = network
        self._tokenizer = tokenizer
        # Of each identity: are its adapters on, and which weights it stands for.
        self._known: dict[str, tuple[bool, live.Sums]] = {}
        self._base_weights: tuple[live.Sums, str] | None = None
        self._tried: set[str] = set()

    def base(self, name: str) -> Checkpoint:
        """Return the identity of the weights without their adapters, hashed as they change."""
        return self._identity(f"base of {name}", is_on=False)

    def candidate(self, name: str) -> Checkpoint:
        """Return the identity of the model as it is now."""
        return self._identity(name, is_on=True)

    def _identity(self, name: str, *, is_on: bool) -> Checkpoint:
        base, added = live.parts(self._network)
        sums = live.sums(base)
        if self._base_weights is None or self._base_weights[0] != sums:
            self._base_weights = (sums, live.digest_of(base))
        is_adapted = is_on and bool(added)
        tokenizer = self._tokenizer
        checkpoint = Checkpoint(
            name=name,
            revision=None,
            weights=self._base_weights[1],
            adapter=live.digest_of(added) if is_adapted else None,
            tokenizer=live.tokenizer_digest(tokenizer),
            chat_template=digest(tokenizer.chat_template) if tokenizer.chat_template else None,
            settings=digest(live.settings_of(self._network, with_adapters=is_adapted)),
            notes=(
                Caveat(
                    id="checkpoint.in-memory",
                    text=f"{name} was asked in memory, in the middle of its training.",
                ),
            ),
            files=None,
        )
        self._known[checkpoint.fingerprint] = (
            is_on,
            live.sums({**base, **added} if is_on else base),
        )
        return checkpoint

    def model(self, checkpoint: Checkpoint, protocol: EvalSettings, dtype: str) -> Any:
        """Return the lm-eval model of a checkpoint, its adapters switched."""
        if checkpoint.files is not None:
            return super().model(checkpoint, protocol, dtype)
        self._switch(checkpoint)
        self._refuse_no_numbers(checkpoint)
        model = self._wrapped(self._network, self._tokenizer, protocol)
        model.reuse_prefix_cache = False  # a step of training may come between two shards
        return model

    def _refuse_no_numbers(self, checkpoint: Checkpoint) -> None:
        """Let the model compute once, as one that is loaded does before its first answer."""
        if checkpoint.fingerprint in self._tried:
            return
        is_on, _ = self._known[checkpoint.fingerprint]
        with self.explained(checkpoint):
            refuse_no_numbers(checkpoint.name, probe(self._network, adapted=is_on))
        self._tried.add(checkpoint.fingerprint)

    def _switch(self, checkpoint: Checkpoint) -> None:
        is_on, sums = self._known.get(checkpoint.fingerprint, (False, None))
        base, added = live.parts(self._network)
        if sums is None or sums != live.sums({**base, **added} if is_on else base):
            raise IntegrityError(
                f"{checkpoint.name}: the model in memory is another by now; ask for sides() again",
                id="live.changed",
            )
        self._network.eval()
        if not hasattr(self._network, "peft_config"):
            return
        if is_on:
            self._network.base_model.enable_adapter_layers()
        else:
            self._network.base_model.disable_adapter_layers()

    def sides(
        self, base: Checkpoint, candidate: Checkpoint, protocol: EvalSettings, dtype: str
    ) -> tuple[Side, Side]:
        """Return both, ready to run in turns over the weights in memory."""
        from cliffguard.engine.divergence import Side

        if not {base.fingerprint, candidate.fingerprint} <= self._known.keys():
            raise UsageError(
                "screen: both sides must be in memory; leave screen out", id="live.screen"
            )
        base_side, candidate_side = (
            Side(
                name=side.name,
                lm=self.model(side, protocol, dtype),
                switch_on=partial(self._switch, side),
            )
            for side in (base, candidate)
        )
        return base_side, candidate_side

    def window(self, checkpoint: Checkpoint, protocol: EvalSettings) -> int | None:
        """Return how many tokens the model in memory reads; UsageError where nothing says it."""
        if checkpoint.files is not None:
            return super().window(checkpoint, protocol)
        window = window_of_model(self._network.config, self._tokenizer)
        return settled(checkpoint.name, window, protocol.max_length)

    def holds_both(self, base: Checkpoint, candidate: Checkpoint) -> bool:
        """Return whether both are the model in memory, with adapters and without."""
        if {base.fingerprint, candidate.fingerprint} <= self._known.keys():
            return True
        return super().holds_both(base, candidate)

    def _wrapped(self, network: Any, tokenizer: Any, protocol: EvalSettings) -> Any:
        # A wrapper may set a padding token: on a copy of its own.
        return super()._wrapped(network, copy.deepcopy(tokenizer), protocol)
