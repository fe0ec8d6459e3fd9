"""A model that is in memory already, of a training run say: asked, and left as it was found.

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

from cliffguard.canonical import digest
from cliffguard.errors import UsageError
from cliffguard.plans import Protocol, RunnerSettings
from cliffguard.records import Answer, Checkpoint, Item, Task
from cliffguard.runners.backends import LocalBackend
from cliffguard.runners.harness import HarnessRunner

if TYPE_CHECKING:
    from cliffguard.distance import Divergence, Vectors
    from cliffguard.engine.divergence import Side

T = TypeVar("T")
Tensors = list[tuple[str, Any]]


class LiveRunner(HarnessRunner):
    """Asks a model in memory, and any other checkpoint from its files, as `HarnessRunner` does.

    `model` is a transformers or PEFT model; one in DistributedDataParallel is asked inside it.
    `tokenizer` is copied. Raises UsageError for weights that are shared out over processes.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        *,
        name: str = "live",
        settings: RunnerSettings | None = None,
    ) -> None:
        from cliffguard.engine.untouched import is_sharded, unwrapped

        super().__init__(settings)
        if self.settings.model != "cliffguard":
            raise UsageError(
                f"runner {self.settings.model}: a model in memory is asked by cliffguard's own"
            )
        self.model = unwrapped(model)
        if is_sharded(self.model):
            raise UsageError(
                "the weights are shared out over processes (FSDP, ZeRO-3); check the saved "
                "checkpoint instead"
            )
        self.name = name
        self._live = _LiveBackend(self.model, copy.deepcopy(tokenizer), self.settings)
        self._backend = self._live

    def sides(self) -> tuple[Checkpoint, Checkpoint]:
        """Return base and candidate as they are now: call it anew after every step.

        Raises UsageError for a model without adapters, whose base is no longer in memory.
        """
        if not hasattr(self.model, "disable_adapter"):
            raise UsageError(
                f"{self.name}: full weights in memory hold no base; find_base() finds its files, "
                "and candidate() is this model"
            )
        self._refuse_trained_base()
        return self._live.base(self.name), self._live.candidate(self.name)

    def _refuse_trained_base(self) -> None:
        """Refuse a model whose base is no longer what it was, adapters off or not."""
        biases = {getattr(one, "bias", "none") for one in self.model.peft_config.values()}
        prefix = self.model.base_model.prefix
        trained = [
            name
            for name, parameter in self.model.named_parameters()
            if parameter.requires_grad and prefix not in name and "modules_to_save" not in name
        ]
        if trained or biases - {"none"}:
            raise UsageError(
                f"{self.name}: the base's own weights are trained too "
                f"({trained[0] if trained else 'its biases'}), so that it is no longer in memory; "
                "compare candidate() with the base's files"
            )

    def candidate(self) -> Checkpoint:
        """Return the identity of the model as it is now."""
        return self._live.candidate(self.name)

    def dtype(self, protocol: Protocol) -> str:
        """Return the dtype that the weights are in; a model in memory is not converted."""
        own = str(self.model.dtype).removeprefix("torch.")
        if protocol.dtype not in ("auto", own):
            raise UsageError(
                f"protocol.dtype {protocol.dtype}: the model in memory is in {own}; leave it auto"
            )
        return own

    def ask(
        self, checkpoint: Checkpoint, task: Task, items: Sequence[Item], protocol: Protocol
    ) -> Sequence[Answer]:
        """Return the answers of `checkpoint` to `items`, in order, one each."""
        return self._untouched(
            lambda: super(LiveRunner, self).ask(checkpoint, task, items, protocol)
        )

    def embed(self, checkpoint: Checkpoint, texts: Sequence[str], protocol: Protocol) -> Vectors:
        """Return the texts' vectors by the checkpoint's hidden states, float32 [texts, width]."""
        embed = super().embed
        return self._untouched(lambda: embed(checkpoint, texts, protocol))

    def diverge(
        self, base: Checkpoint, candidate: Checkpoint, prompts: Sequence[str], protocol: Protocol
    ) -> Sequence[Divergence]:
        """Return how far the candidate's predictions lie from the base's over each prompt."""
        diverge = super().diverge
        return self._untouched(lambda: diverge(base, candidate, prompts, protocol))

    def _untouched(self, work: Callable[[], T]) -> T:
        from cliffguard.engine.untouched import left_as_found

        with left_as_found(self.model):
            return work()


class _LiveBackend(LocalBackend):
    """Switches the adapters of a model in memory; everything else is loaded from files."""

    def __init__(self, network: Any, tokenizer: Any, settings: RunnerSettings) -> None:
        super().__init__(settings, allow_pickle=False)
        self._network = network
        self._tokenizer = tokenizer
        self._known: dict[str, bool] = {}  # fingerprint → are its adapters on?
        self._base_weights: str | None = None

    def base(self, name: str) -> Checkpoint:
        """Return the identity of the weights without their adapters, which are hashed once."""
        return self._identity(f"base of {name}", adapter=None)

    def candidate(self, name: str) -> Checkpoint:
        """Return the identity of the model as it is now."""
        from cliffguard.engine.untouched import digest_of_tensors

        _, adapter = self._parts()
        return self._identity(name, adapter=digest_of_tensors(adapter) if adapter else None)

    def _identity(self, name: str, adapter: str | None) -> Checkpoint:
        weights, own = self._parts()
        from cliffguard.engine.untouched import digest_of_tensors

        if not own or self._base_weights is None:
            # Without adapters the weights themselves are trained, and are others after a step.
            self._base_weights = digest_of_tensors(weights)
        tokenizer = self._tokenizer
        found = Checkpoint(
            name=name,
            revision=None,
            weights=self._base_weights,
            adapter=adapter,
            tokenizer=digest([tokenizer.get_vocab(), str(tokenizer.special_tokens_map)]),
            chat_template=digest(tokenizer.chat_template) if tokenizer.chat_template else None,
            settings=digest(self._network.config.to_diff_dict()),
            notes=(f"{name} is in memory; its weights are in {self._network.dtype}.",),
            files=None,
        )
        self._known[found.fingerprint] = adapter is not None
        return found

    def _parts(self) -> tuple[Tensors, Tensors]:
        """Return the names and tensors of the base, and those that adapters added."""
        if not hasattr(self._network, "peft_config"):
            return list(self._network.state_dict().items()), []
        prefix = self._network.base_model.prefix
        base: Tensors = []
        own: Tensors = []
        for name, tensor in self._network.state_dict().items():
            is_own = prefix in name or "modules_to_save" in name
            (own if is_own else base).append((name, tensor))
        return base, own

    def model(self, checkpoint: Checkpoint, protocol: Protocol, dtype: str) -> Any:
        """Return the lm-eval model of a checkpoint, its adapters switched."""
        if checkpoint.fingerprint not in self._known:
            return super().model(checkpoint, protocol, dtype)
        self._switch(checkpoint)
        model = self._wrapped(self._network, self._tokenizer, protocol)
        model.keeps_beginning = False  # a step of training may come between two shards
        return model

    def _switch(self, checkpoint: Checkpoint) -> None:
        self._network.eval()
        if not hasattr(self._network, "peft_config"):
            return
        if self._known[checkpoint.fingerprint]:
            self._network.base_model.enable_adapter_layers()
        else:
            self._network.base_model.disable_adapter_layers()

    def sides(
        self, base: Checkpoint, candidate: Checkpoint, protocol: Protocol, dtype: str
    ) -> tuple[Side, Side]:
        """Return both, ready to run in turns over the weights in memory."""
        from cliffguard.engine.divergence import Side

        if not {base.fingerprint, candidate.fingerprint} <= self._known.keys():
            raise UsageError("screen: both sides must be in memory; leave screen out")
        one, other = (
            Side(
                name=side.name,
                lm=self.model(side, protocol, dtype),
                switch_on=partial(self._switch, side),
            )
            for side in (base, candidate)
        )
        return one, other

    def holds_both(self, base: Checkpoint, candidate: Checkpoint) -> bool:
        """Say whether both are the model in memory, with adapters and without."""
        if {base.fingerprint, candidate.fingerprint} <= self._known.keys():
            return True
        return super().holds_both(base, candidate)

    def _wrapped(self, network: Any, tokenizer: Any, protocol: Protocol) -> Any:
        # A wrapper may set a padding token: on a copy of its own.
        return super()._wrapped(network, copy.deepcopy(tokenizer), protocol)
