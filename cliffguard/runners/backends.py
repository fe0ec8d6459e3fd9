"""From a checkpoint to an lm-eval model that answers for it.

Ours (and lm-eval's `hf`) run on weights that are loaded here, one base in memory at a time with
all its adapters; any other model is lm-eval's own class, made with the plan's arguments.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

from cliffguard.checkpoints.unchanged import BESIDE_THE_BASE, PARTS, Part, refuse_changed
from cliffguard.core.canonical_json import canonical_json
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.errors import (
    ChangedFiles,
    InfrastructureError,
    IntegrityError,
    UsageError,
    nearest,
    redacted,
)
from cliffguard.core.hub_names import without_prefix
from cliffguard.core.progress import doing
from cliffguard.core.settings import Protocol, RunnerSettings
from cliffguard.engine import loading
from cliffguard.engine.windows import settled, window_of, window_of_model

if TYPE_CHECKING:
    from cliffguard.engine.divergence import Side

# Where a server is and how it is spoken to changes no answer of the model behind it.
_PLACES = {"base_url", "num_concurrent", "max_retries", "timeout", "batch_size", "device"}


class LocalBackend:
    """Checkpoints loaded here, and run by `cliffguard` or by `hf`."""

    def __init__(self, settings: RunnerSettings, *, allow_pickle: bool) -> None:
        self.settings = settings
        self._allow_pickle = allow_pickle
        self._resident: Any = None
        self._models: dict[str, Any] = {}
        self._budget: Any = None
        self._plain: str | None = None
        self._last: str | None = None

    def model(self, checkpoint: Checkpoint, protocol: Protocol, dtype: str) -> Any:
        """Return the lm-eval model of a checkpoint, loading its base unless it is in memory."""
        from cliffguard.engine.model_cache import Resident

        options = self._options(protocol, dtype)
        parts = BESIDE_THE_BASE
        if self._resident is None or not self._resident.serves(checkpoint, options):
            # The old weights leave memory before the new ones enter.
            self._resident, self._models = None, {}
            with doing(f"loading {checkpoint.name}"):
                self._resident, parts = Resident(checkpoint, options), PARTS
        key = canonical_json([checkpoint.fingerprint, _speech(protocol)])
        if self._last != key:
            self._forget()
        self._last = key
        with doing(f"switching to {checkpoint.name}"):
            network, tokenizer = self._resident.switch_to(checkpoint)
        if key not in self._models:
            self._refuse_changed(checkpoint, parts)
            self._models[key] = self._wrapped(network, tokenizer, protocol)
        model = self._models[key]
        if self._budget is not None:
            model.budget = self._budget
        return model

    def sides(
        self, base: Checkpoint, candidate: Checkpoint, protocol: Protocol, dtype: str
    ) -> tuple[Side, Side]:
        """Return both, ready to run in turns: over one base in memory, or each on its weights."""
        from cliffguard.engine.budget import refuse_second
        from cliffguard.engine.divergence import Side
        from cliffguard.engine.model_cache import Resident

        options = self._options(protocol, dtype)
        first, resident = self.model(base, protocol, dtype), self._resident
        if resident.serves(candidate, options):
            second, other = self.model(candidate, protocol, dtype), resident
        else:
            if options.device_map is None:
                refuse_second(first.model, candidate.name)
            with doing(f"loading {candidate.name}"):
                other = Resident(candidate, options)
                loaded = other.switch_to(candidate)
            refuse_changed(candidate)
            second = self._wrapped(*loaded, protocol)
        return (
            Side(name=base.name, lm=first, switch_on=lambda: resident.switch_to(base)),
            Side(name=candidate.name, lm=second, switch_on=lambda: other.switch_to(candidate)),
        )

    def holds_both(self, base: Checkpoint, candidate: Checkpoint) -> bool:
        """Say whether one base in memory serves both: an adapter, unless it needs its own copy."""
        from cliffguard.engine.adapters import apart_because

        return base.weights == candidate.weights and not apart_because(candidate)

    def window(self, checkpoint: Checkpoint, protocol: Protocol) -> int | None:
        """Return how many tokens a checkpoint reads; UsageError where nothing says it."""
        return settled(checkpoint.name, window_of(checkpoint), protocol.max_length)

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
        self._plain = getattr(model, "plain_because", None)

    def explained(self, checkpoint: Checkpoint) -> AbstractContextManager[None]:
        """Turn exhausted memory into an error of ours."""
        return loading.out_of_memory_explained(checkpoint.name)

    def notes(self) -> Mapping[str, str | int]:
        """Device, batches, and whether prefixes were shared."""
        notes: dict[str, str | int] = {"device": loading.describe_device(self.settings.device)}
        if self.settings.device_map is not None:
            notes["device map"] = self.settings.device_map
        if self.settings.batch_size is not None or self.settings.model == "hf":
            notes["batch size"] = self.settings.batch_size or _HF_BATCH_SIZE
        if self._budget is not None:
            notes["batch tokens"] = self._budget.batch_tokens
        if self._plain is not None:
            notes["no prefix shared"] = self._plain
        if self._resident is not None and (unread := self._resident.unread):
            notes["weights not read"] = f"{len(unread)} from {unread[0]} on"
        return notes

    def _options(self, protocol: Protocol, dtype: str) -> loading.LoadOptions:
        return loading.LoadOptions(
            dtype=dtype,
            device=loading.pick_device(self.settings.device),
            device_map=self.settings.device_map,
            attention=protocol.attention,
            quantization=protocol.quantization,
            allow_pickle=self._allow_pickle,
        )

    def _wrapped(self, network: Any, tokenizer: Any, protocol: Protocol) -> Any:
        try:
            with loading.ties_kept(network):
                return self._as_lm(network, tokenizer, protocol)
        except ValueError as failure:  # what a config says may be anything
            raise IntegrityError(
                f"{network.name_or_path}: cannot be asked as its config.json says: {failure}",
                id="checkpoint.config-misfit",
            ) from failure

    def _as_lm(self, network: Any, tokenizer: Any, protocol: Protocol) -> Any:
        found = window_of_model(network.config, tokenizer)
        arguments: dict[str, Any] = {
            "pretrained": network,
            "tokenizer": tokenizer,
            "max_length": settled(network.name_or_path, found, protocol.max_length),
            "chat_template_args": dict(protocol.template_args),
            "think_end_token": protocol.think_end,
        }
        if self.settings.model == "hf":
            from lm_eval.models.huggingface import HFLM

            return HFLM(**arguments, batch_size=self.settings.batch_size or _HF_BATCH_SIZE)
        from cliffguard.engine.lm import CliffguardLM

        model = CliffguardLM(
            **arguments,
            batch_size=self.settings.batch_size or "auto",
            batch_tokens=self.settings.batch_tokens,
            budget=self._budget,
            seed=protocol.seed,
        )
        # The next shard of a task begins as this one does, on the same weights.
        model.keeps_beginning = True
        return model

    def _forget(self) -> None:
        """Free what the model that was asked last keeps of its prompts."""
        if self._last in self._models and self.settings.model == "cliffguard":
            self._models[self._last].engine.forget()


_HF_BATCH_SIZE = 16


class ForeignBackend:
    """Any other model of lm-eval's, by its name there; both sides go through the same one."""

    def __init__(self, settings: RunnerSettings) -> None:
        self.settings = settings
        self._loaded: tuple[str, Any] | None = None

    def model(self, checkpoint: Checkpoint, protocol: Protocol, dtype: str) -> Any:
        """Return lm-eval's model of a checkpoint; the one before it is let go."""
        key = canonical_json([checkpoint.fingerprint, _speech(protocol), dtype])
        if self._loaded is None or self._loaded[0] != key:
            self._loaded = None
            with doing(f"starting {self.settings.model} for {checkpoint.name}"):
                self._loaded = (key, self._made(checkpoint, protocol, dtype))
        return self._loaded[1]

    def holds_both(self, base: Checkpoint, candidate: Checkpoint) -> bool:
        """Say whether a server has them; a model that lm-eval loads makes room for the other."""
        return "base_url" in self.settings.args

    def window(self, checkpoint: Checkpoint, protocol: Protocol) -> int | None:
        """Return how many tokens a checkpoint reads.

        A server is told it, so that it must be known (UsageError); other models know it themselves.
        """
        found, said = window_of(checkpoint), protocol.max_length
        own = self.settings.args.get("max_length")
        if isinstance(own, int) and said is None:
            return own
        if not self.settings.is_served and said is None:
            return found
        return settled(checkpoint.name, found, said)

    def after(self, checkpoint: Checkpoint, model: Any) -> None:
        """Look at the files again: whether a model that is not ours reads on in them, who knows.

        A server has loaded them at its own time.
        """
        if not self.settings.is_served:
            refuse_changed(checkpoint)

    @contextmanager
    def explained(self, checkpoint: Checkpoint) -> Iterator[None]:
        """Turn exhausted memory, and what a server's client raises, into an error of ours."""
        try:
            with loading.out_of_memory_explained(checkpoint.name):
                yield
        except Exception as failure:  # requests, aiohttp and tenacity each have their own
            if not isinstance(failure, OSError) and not _is_of_a_client(failure):
                raise
            place = self.settings.args.get("base_url", self.settings.model)
            raise InfrastructureError(
                f"{checkpoint.name}: {place} gave no answer ({type(failure).__name__}: "
                f"{str(failure).splitlines()[0][:200] if str(failure) else 'no reason'})",
                id="runner.no-answer",
            ) from failure

    def notes(self) -> Mapping[str, str | int]:
        """Where the answers came from."""
        place = str(self.settings.args.get("base_url") or self.settings.device)
        return {"device": redacted(place), "batch size": self.settings.batch_size or 1}

    def _made(self, checkpoint: Checkpoint, protocol: Protocol, dtype: str) -> Any:
        from lm_eval.api.registry import get_model, model_registry

        name = self.settings.model
        if name not in model_registry:
            close = nearest(name, model_registry.keys())
            raise UsageError(
                f"runner.model: lm-eval knows no model {name!r}{close}", id="runner.unknown-model"
            )
        arguments = {**self._about(checkpoint, protocol, dtype), **self.settings.args}
        if self.settings.is_served:
            self._check_server(checkpoint, protocol, arguments)
            arguments.setdefault("add_bos_token", _adds_bos(checkpoint, protocol))
            for loud in ("asyncio", "lm_eval.models.api_models"):  # of every retry a traceback
                logging.getLogger(loud).setLevel(logging.CRITICAL)
        try:
            model = get_model(name)(**arguments)
        except ImportError as failure:
            raise InfrastructureError(
                f"runner.model {name}: needs a library that is not installed: {failure}",
                id="environment.missing-library",
            ) from failure
        except (TypeError, ValueError, AssertionError) as failure:
            raise UsageError(
                f"runner.model {name}: refuses its arguments: {failure}", id="runner.refused-args"
            ) from failure
        refuse_changed(checkpoint)
        if not hasattr(model, "max_gen_toks"):  # of lm-eval's models some call it otherwise
            model.max_gen_toks = getattr(model, "_max_gen_toks", 256)
        return model

    def _check_server(
        self, checkpoint: Checkpoint, protocol: Protocol, arguments: Mapping[str, Any]
    ) -> None:
        """Refuse a server that would answer for another model, or cannot be asked as planned."""
        if self.settings.model.startswith("local-") and not arguments.get("base_url"):
            raise UsageError(
                "runner.args.base_url: missing; name the server's completions address",
                id="runner.base-url",
            )
        if protocol.chat_template != "none" and arguments.get("tokenized_requests") is False:
            raise UsageError(
                "runner.args: a chat template needs tokenized_requests: true",
                id="runner.tokenized-requests",
            )
        served = _served_names(str(arguments.get("base_url", "")))
        if served and arguments["model"] not in served:
            raise UsageError(
                f"{checkpoint.name}: the server knows no model {arguments['model']!r}, only "
                f"{', '.join(served)}; say in runner.served_as which of them it is",
                id="runner.served-as",
            )

    def _about(self, checkpoint: Checkpoint, protocol: Protocol, dtype: str) -> dict[str, Any]:
        files = checkpoint.files
        assert files is not None, "a checkpoint that is asked has files"
        name = self.settings.model
        size = {"batch_size": self.settings.batch_size or 1}
        if self.settings.is_served:
            known = {without_prefix(name): alias for name, alias in self.settings.served_as.items()}
            return size | {
                "model": known.get(checkpoint.name, checkpoint.name),
                "tokenizer": str(files.tokenizer),
                "tokenizer_backend": "huggingface",
                "max_length": self.window(checkpoint, protocol),
            }
        about: dict[str, Any] = {**size, "pretrained": str(files.weights), "dtype": dtype}
        if protocol.max_length is not None:
            about["max_length"] = protocol.max_length
        if name == "sglang":  # which would otherwise run a checkpoint's own code
            about |= {"tokenizer_path": str(files.tokenizer), "trust_remote_code": False}
        else:
            about["tokenizer"] = str(files.tokenizer)
        if files.adapter is None:
            return about
        if name != "vllm":
            raise UsageError(
                f"{checkpoint.name}: lm-eval's {name} takes no adapter; merge it into full "
                "weights, or use the runners cliffguard or vllm",
                id="runner.no-adapters",
            )
        return about | {"lora_local_path": str(files.adapter)}


def backend(settings: RunnerSettings, *, allow_pickle: bool) -> LocalBackend | ForeignBackend:
    """Return what turns checkpoints into lm-eval models under these settings."""
    if settings.is_local:
        return LocalBackend(settings, allow_pickle=allow_pickle)
    return ForeignBackend(settings)


def arguments_in_key(settings: RunnerSettings) -> str:
    """Return the part of a runner's arguments that may change an answer."""
    told = {name: value for name, value in settings.args.items() if name not in _PLACES}
    return f" {redacted(canonical_json(told))}" if told else ""


def _adds_bos(checkpoint: Checkpoint, protocol: Protocol) -> bool:
    """Say whether hf would put a token before the text; a chat template has its own."""
    if protocol.chat_template != "none":
        return False
    tokenizer = loading.load_tokenizer(checkpoint)
    first = tokenizer("a").input_ids[:1]
    return tokenizer.bos_token_id is not None and first == [tokenizer.bos_token_id]


def _served_names(base_url: str) -> list[str]:
    """Return the models that an OpenAI-compatible server lists; none where it lists none."""
    import requests

    try:
        reply = requests.get(base_url.partition("/completions")[0] + "/models", timeout=10)
        listed = reply.json().get("data") if reply.ok else None
    except (requests.RequestException, ValueError, AttributeError):
        return []  # whoever asks it for answers will be told what is wrong
    rows = listed if isinstance(listed, list) else []
    return [str(row.get("id")) for row in rows if isinstance(row, dict)]


def _is_of_a_client(failure: Exception) -> bool:
    return type(failure).__module__.partition(".")[0] in ("requests", "aiohttp", "tenacity")


def _speech(protocol: Protocol) -> list[Any]:
    """Return what of a protocol a model object holds: how it speaks, its length, its seed."""
    return [dict(protocol.template_args), protocol.think_end, protocol.max_length, protocol.seed]
