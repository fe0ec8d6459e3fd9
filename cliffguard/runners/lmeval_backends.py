"""Backends that lm-eval makes: SGLang, a server that is asked over a connection, any other.

Both sides of a comparison go through the same one, made with the plan's arguments.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

from cliffguard.checkpoints.unchanged import refuse_changed
from cliffguard.core.backends import BACKENDS
from cliffguard.core.canonical_json import canonical_json
from cliffguard.core.checkpoint import Checkpoint, CheckpointFiles
from cliffguard.core.errors import (
    CliffguardError,
    InfrastructureError,
    UsageError,
    nearest,
    redacted,
)
from cliffguard.core.hub_names import without_prefix
from cliffguard.core.progress import doing
from cliffguard.core.settings import EvalSettings, RunnerSettings
from cliffguard.core.texts import first_line
from cliffguard.engine import loading
from cliffguard.engine.windows import settled, window_of
from cliffguard.runners.backends import Backend, failures_explained, speech

_OTHERS = "; name hf, vllm, local-completions or another model of lm-eval's"


class LmevalBackend(Backend):
    """A model that lm-eval loads by its name, from a checkpoint's files."""

    def __init__(self, settings: RunnerSettings, *, allow_pickle: bool = False) -> None:
        self.settings = settings
        self._loaded: tuple[str, Any] | None = None

    def model(self, checkpoint: Checkpoint, protocol: EvalSettings, dtype: str) -> Any:
        """Return lm-eval's model of a checkpoint; the one before it is let go."""
        key = canonical_json([checkpoint.fingerprint, speech(protocol), dtype])
        if self._loaded is None or self._loaded[0] != key:
            self._loaded = None
            with doing(f"starting {self.settings.model} for {checkpoint.name}"):
                self._loaded = (key, self._made(checkpoint, protocol, dtype))
        return self._loaded[1]

    def window(self, checkpoint: Checkpoint, protocol: EvalSettings) -> int | None:
        """Return how many tokens a checkpoint reads; None where the model knows it itself."""
        stated, in_args = window_of(checkpoint), self.settings.args.get("max_length")
        if protocol.max_length is not None:
            return settled(checkpoint.name, stated, protocol.max_length)
        return in_args if isinstance(in_args, int) else stated

    def after(self, checkpoint: Checkpoint, model: Any) -> None:
        """Look at the files again: a model that is not ours may read on in them."""
        refuse_changed(checkpoint)

    def explained(self, checkpoint: Checkpoint) -> AbstractContextManager[None]:
        """Turn exhausted memory, and what a server's client raises, into an error of ours."""
        backend = self.settings.args.get("base_url", self.settings.model)
        return failures_explained(checkpoint.name, str(backend))

    def notes(self) -> Mapping[str, str | int]:
        """Where the answers came from."""
        source = str(self.settings.args.get("base_url") or self.settings.device)
        return {"device": redacted(source), "batch size": self.settings.batch_size or 1}

    def _made(self, checkpoint: Checkpoint, protocol: EvalSettings, dtype: str) -> Any:
        from lm_eval.api.registry import get_model, model_registry

        name = self.settings.model
        if name not in model_registry:
            close = nearest(name, {*model_registry.keys(), *BACKENDS})
            raise UsageError(
                f"runner.model: lm-eval knows no model {name!r}{close or _OTHERS}",
                id="runner.unknown-model",
            )
        arguments = {**self._about(checkpoint, protocol, dtype), **self.settings.args}
        self._prepare(checkpoint, protocol, arguments)
        try:
            model = get_model(name)(**arguments)
        except ImportError as failure:
            raise InfrastructureError(
                f"runner.model {name}: needs a library that is not installed: {failure}; install "
                "it with pip, as lm-eval's documentation of that model says",
                id="environment.missing-library",
            ) from failure
        except CliffguardError:
            raise
        except (TypeError, ValueError, AssertionError) as failure:
            raise UsageError(
                f"runner.model {name}: refuses its arguments: {' '.join(str(failure).split())}",
                id="runner.refused-args",
            ) from failure
        except RuntimeError as failure:
            raise InfrastructureError(
                f"runner.model {name}: did not start: {first_line(failure)}; what it wrote above "
                "may say why; of memory a smaller --max-length or --dtype takes less",
                id="runner.not-started",
            ) from failure
        refuse_changed(checkpoint)
        if not hasattr(model, "max_gen_toks"):  # of lm-eval's models some call it otherwise
            model.max_gen_toks = getattr(model, "_max_gen_toks", 256)
        return model

    def _about(self, checkpoint: Checkpoint, protocol: EvalSettings, dtype: str) -> dict[str, Any]:
        """Return what lm-eval's model is told of a checkpoint, unless the plan's arguments do."""
        files = checkpoint.files
        assert files is not None, "a checkpoint that is asked has files"
        about: dict[str, Any] = {
            "batch_size": self.settings.batch_size or 1,
            "pretrained": str(files.weights),
            "dtype": dtype,
            **self._tokenizer(files),
        }
        if protocol.max_length is not None:
            about["max_length"] = protocol.max_length
        if files.adapter is not None:
            about |= self._adapter(checkpoint.name, files)
        return about

    def _prepare(
        self, checkpoint: Checkpoint, protocol: EvalSettings, arguments: dict[str, Any]
    ) -> None:
        """Refuse arguments that cannot be, and add what is still missing."""

    def _tokenizer(self, files: CheckpointFiles) -> dict[str, Any]:
        return {"tokenizer": str(files.tokenizer)}

    def _adapter(self, name: str, files: CheckpointFiles) -> dict[str, Any]:
        """Return the arguments that load an adapter over its base."""
        raise UsageError(
            f"{name}: lm-eval's {self.settings.model} takes no adapter; merge it into full "
            "weights, or use the runners cliffguard or vllm",
            id="runner.no-adapters",
        )


class SglangBackend(LmevalBackend):
    """SGLang in this process, which would otherwise run a checkpoint's own code."""

    def _tokenizer(self, files: CheckpointFiles) -> dict[str, Any]:
        return {"tokenizer_path": str(files.tokenizer), "trust_remote_code": False}


class ServedBackend(LmevalBackend):
    """An API of completions that somebody serves; it is asked in the checkpoint's own tokens."""

    needs_address = False
    """Nobody answers unless the plan gives a `base_url`."""

    def holds_both(self, base: Checkpoint, candidate: Checkpoint) -> bool:
        """Return True if one server of the plan's own has both."""
        return "base_url" in self.settings.args

    def window(self, checkpoint: Checkpoint, protocol: EvalSettings) -> int | None:
        """Return how many tokens a checkpoint reads: a server is told it, so it must be known."""
        in_args = self.settings.args.get("max_length")
        if isinstance(in_args, int) and protocol.max_length is None:
            return in_args
        return settled(checkpoint.name, window_of(checkpoint), protocol.max_length)

    def after(self, checkpoint: Checkpoint, model: Any) -> None:
        """Leave the files alone: a server has loaded them at its own time."""

    def _about(self, checkpoint: Checkpoint, protocol: EvalSettings, dtype: str) -> dict[str, Any]:
        files = checkpoint.files
        assert files is not None, "a checkpoint that is asked has files"
        aliases = self.settings.served_as.items()
        known = {without_prefix(name): alias for name, alias in aliases}
        return {
            "batch_size": self.settings.batch_size or 1,
            "model": known.get(checkpoint.name, checkpoint.name),
            "tokenizer": str(files.tokenizer),
            "tokenizer_backend": "huggingface",
            "max_length": self.window(checkpoint, protocol),
        }

    def _prepare(
        self, checkpoint: Checkpoint, protocol: EvalSettings, arguments: dict[str, Any]
    ) -> None:
        self._refuse_other_server(checkpoint, protocol, arguments)
        arguments.setdefault("add_bos_token", _adds_bos(checkpoint, protocol))
        for loud in ("asyncio", "lm_eval.models.api_models"):  # of every retry a traceback
            logging.getLogger(loud).setLevel(logging.CRITICAL)

    def _refuse_other_server(
        self, checkpoint: Checkpoint, protocol: EvalSettings, arguments: Mapping[str, Any]
    ) -> None:
        """Refuse a server that would answer for another model, or cannot be asked as planned."""
        if self.needs_address and not arguments.get("base_url"):
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


class AddressedBackend(ServedBackend):
    """A server of the plan's own, at the `base_url` of its arguments (vLLM's, SGLang's, …)."""

    needs_address = True


def _adds_bos(checkpoint: Checkpoint, protocol: EvalSettings) -> bool:
    """Return True if hf would put a token before the text; a chat template has its own."""
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
