"""Backends on weights that are loaded here: our engine, and lm-eval's `hf` over the same loader.

One base is in memory at a time, with all its adapters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from cliffguard.checkpoints.unchanged import BESIDE_THE_BASE, PARTS, Part, refuse_changed
from cliffguard.core.canonical_json import canonical_json
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.errors import ChangedFiles, CliffguardError, IntegrityError
from cliffguard.core.progress import doing
from cliffguard.core.settings import EvalSettings, RunnerSettings
from cliffguard.engine.windows import settled, window_of_model
from cliffguard.runners.backends import Backend, speech
from cliffguard.runners.devices import describe_device, pick_device
from cliffguard.store.shards import SHARD_ITEMS

MOST_TOGETHER = 4
"""Shards that are asked in one call at most, and so the most that a kill can cost."""

if TYPE_CHECKING:
    from cliffguard.engine import loading
    from cliffguard.engine.divergence import Side


class LocalBackend(Backend):
    """Checkpoints loaded here; a subclass says which lm-eval model runs them."""

    @property
    def _prepacks(self) -> bool:
        """Whether linear layers are laid out for the processor, where they are float32 on a CPU."""
        return False

    _batch_size: int | None = None
    """How many sequences go in at once where nothing else is said; None: as memory allows."""

    def __init__(self, settings: RunnerSettings, *, allow_pickle: bool) -> None:
        self.settings = settings
        self._allow_pickle = allow_pickle
        self._resident: Any = None
        self._models: dict[str, Any] = {}
        self._budget: Any = None
        self._plain: str | None = None
        self._last: str | None = None

    def model(self, checkpoint: Checkpoint, protocol: EvalSettings, dtype: str) -> Any:
        """Return the lm-eval model of a checkpoint, loading its base unless it is in memory."""
        from cliffguard.engine.model_cache import MOST_HELD, CachedModel

        options = self._options(protocol, dtype)
        parts = BESIDE_THE_BASE
        if self._resident is None or not self._resident.serves(checkpoint, options):
            # The old weights leave memory before the new ones enter.
            self._resident, self._models = None, {}
            with doing(f"loading {checkpoint.name}"):
                self._resident, parts = CachedModel(checkpoint, options), PARTS
        key = canonical_json([checkpoint.fingerprint, speech(protocol)])
        if self._last != key:
            self._clear_prefix_cache()
        self._last = key
        with doing(f"switching to {checkpoint.name}"):
            network, tokenizer = self._resident.switch_to(checkpoint)
        model = self._models.pop(key, None)
        if model is None:
            self._refuse_changed(checkpoint, parts)
            model = self._wrapped(network, tokenizer, protocol)
        self._models[key] = model
        if len(self._models) > MOST_HELD:
            del self._models[next(iter(self._models))]
        if self._budget is not None:
            model.budget = self._budget
        return model

    def sides(
        self, base: Checkpoint, candidate: Checkpoint, protocol: EvalSettings, dtype: str
    ) -> tuple[Side, Side]:
        """Return both, ready to run in turns: over one base in memory, or each on its weights."""
        from cliffguard.engine.budget import refuse_second
        from cliffguard.engine.divergence import Side
        from cliffguard.engine.model_cache import CachedModel

        options = self._options(protocol, dtype)
        first, resident = self.model(base, protocol, dtype), self._resident
        if resident.serves(candidate, options):
            second, other = self.model(candidate, protocol, dtype), resident
        else:
            if options.device_map is None:
                refuse_second(first.model, candidate.name)
            with doing(f"loading {candidate.name}"):
                other = CachedModel(candidate, options)
                loaded = other.switch_to(candidate)
            refuse_changed(candidate)
            second = self._wrapped(*loaded, protocol)
        return (
            Side(name=base.name, lm=first, switch_on=lambda: resident.switch_to(base)),
            Side(name=candidate.name, lm=second, switch_on=lambda: other.switch_to(candidate)),
        )

    def holds_both(self, base: Checkpoint, candidate: Checkpoint) -> bool:
        """Return True if one base in memory serves both: an adapter without a copy of its own."""
        from cliffguard.engine.adapters import apart_because

        return base.weights == candidate.weights and not apart_because(candidate)

    def _refuse_changed(self, checkpoint: Checkpoint, parts: Sequence[Part]) -> None:
        """Refuse what was just loaded, and let it go, where it is not what was hashed."""
        try:
            refuse_changed(checkpoint, parts)
        except ChangedFiles:
            self._resident, self._models = None, {}
            raise

    def after(self, checkpoint: Checkpoint, model: Any) -> None:
        """Note what a measurement came to: the next one starts where this one ended."""
        self._budget = getattr(model, "budget", None)
        self._plain = getattr(model, "fallback_reason", None)

    def explained(self, checkpoint: Checkpoint) -> AbstractContextManager[None]:
        """Turn exhausted memory into an error of ours."""
        from cliffguard.engine.loading import out_of_memory_explained

        return out_of_memory_explained(checkpoint.name)

    def notes(self) -> Mapping[str, str | int]:
        """Device, batches, and whether prefixes were shared."""
        notes: dict[str, str | int] = {"device": describe_device(self.settings.device)}
        if self.settings.device_map is not None:
            notes["device map"] = self.settings.device_map
        if (batch_size := self.settings.batch_size or self._batch_size) is not None:
            notes["batch size"] = batch_size
        if self._budget is not None:
            notes["batch tokens"] = self._budget.batch_tokens
        if self._plain is not None:
            notes["no prefix shared"] = self._plain
        if self._resident is not None and self._resident.n_prepacked:
            notes["linear layers"] = "packed"
        if self._resident is not None and (unread := self._resident.unread):
            notes["weights not read"] = f"{len(unread)} from {unread[0]} on"
        return notes

    def _options(self, protocol: EvalSettings, dtype: str) -> loading.LoadOptions:
        from cliffguard.engine.loading import LoadOptions

        return LoadOptions(
            dtype=dtype,
            device=pick_device(self.settings.device),
            device_map=self.settings.device_map,
            attention=protocol.attention,
            quantization=protocol.quantization,
            allow_pickle=self._allow_pickle,
            prepacks=self._prepacks and dtype == "float32",
        )

    def _wrapped(self, network: Any, tokenizer: Any, protocol: EvalSettings) -> Any:
        from cliffguard.engine.loading import ties_kept

        try:
            with ties_kept(network):
                return self._as_lm(self._arguments(network, tokenizer, protocol), protocol)
        except CliffguardError:
            raise
        except ValueError as failure:  # what a config says may be anything
            raise IntegrityError(
                f"{network.name_or_path}: cannot be asked as its config.json says: {failure}",
                id="checkpoint.config-misfit",
            ) from failure

    def _arguments(self, network: Any, tokenizer: Any, protocol: EvalSettings) -> dict[str, Any]:
        """Return what lm-eval's `hf` and our own model are both made with."""
        window = window_of_model(network.config, tokenizer)
        return {
            "pretrained": network,
            "tokenizer": tokenizer,
            "max_length": settled(network.name_or_path, window, protocol.max_length),
            "chat_template_args": dict(protocol.template_args),
            "think_end_token": protocol.think_end,
        }

    def _as_lm(self, arguments: Mapping[str, Any], protocol: EvalSettings) -> Any:
        """Return the lm-eval model."""
        raise NotImplementedError

    def _clear_prefix_cache(self) -> None:
        """Free what the model that was asked last keeps of its prompts."""


class CliffguardBackend(LocalBackend):
    """Our engine, which computes a prefix that prompts share once."""

    @property
    def n_together(self) -> int:
        """As many as fill the rows of generation, and no more than a kill may cost."""
        from cliffguard.engine.budget import most_rows

        rows = self.settings.batch_size or most_rows(pick_device(self.settings.device))
        return min(MOST_TOGETHER, max(1, rows // SHARD_ITEMS))

    @property
    def _prepacks(self) -> bool:
        from cliffguard.engine.prepacked import is_faster_here

        is_wanted = self.settings.linear == "packed"
        return is_wanted or (self.settings.linear == "auto" and is_faster_here())

    def _as_lm(self, arguments: Mapping[str, Any], protocol: EvalSettings) -> Any:
        from cliffguard.engine.lm import CliffguardLM

        model = CliffguardLM(
            **arguments,
            batch_size=self.settings.batch_size or "auto",
            batch_tokens=self.settings.batch_tokens,
            budget=self._budget,
            packing=protocol.packing,
            seed=protocol.seed,
        )
        # The next shard of a task begins as this one does, on the same weights.
        model.reuse_prefix_cache = True
        return model

    def _clear_prefix_cache(self) -> None:
        if self._last in self._models:
            self._models[self._last].engine.clear_prefix_cache()


class HfBackend(LocalBackend):
    """lm-eval's own class over our loader."""

    _batch_size = 16

    def _as_lm(self, arguments: Mapping[str, Any], protocol: EvalSettings) -> Any:
        from lm_eval.models.huggingface import HFLM

        return HFLM(**arguments, batch_size=self.settings.batch_size or self._batch_size)
