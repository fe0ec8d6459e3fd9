"""The backend on vLLM in this process: one engine for a base and its adapters.

LoRA is switched on for every engine, so that both sides of a comparison, and a base that is asked
before its candidates are known, run the same layers. Adapters travel with the requests.
"""

from __future__ import annotations

import copy
import gc
import json
import os
import re
import weakref
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from cliffguard.core.canonical_json import canonical_json, digest
from cliffguard.core.caveats import Caveat
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.errors import InfrastructureError, UsageError
from cliffguard.core.progress import doing
from cliffguard.core.settings import EvalSettings, RunnerSettings
from cliffguard.engine import loading
from cliffguard.engine.budget import hand_back
from cliffguard.engine.distributed import n_processes
from cliffguard.runners.backends import speech
from cliffguard.runners.devices import describe_device, pick_device
from cliffguard.runners.lmeval_backends import LmevalBackend
from cliffguard.runners.local_backends import MOST_TOGETHER
from cliffguard.runners.vllm_adapters import DEFAULT_RANK, rank_of, refuse_unservable, room_for

_ENVIRONMENT = {
    "VLLM_LOGGING_STREAM": "ext://sys.stderr",  # stdout is where reports go
    "VLLM_NO_USAGE_STATS": "1",  # which it would send home
}
"""What the environment says to vLLM unless it says something else already."""

_ANY_NUMBER = 1 << 30
"""As a batch size: all at once, without the bars that lm-eval lets vLLM draw under "auto"."""

_OF_THE_SIDES = {
    "pretrained": "base and candidate say it; leave it out",
    "model": "base and candidate say it; leave it out",
    "tokenizer": "base and candidate say it; leave it out",
    "lora_local_path": "name the adapter as the candidate",
    "dtype": "say it with --dtype",
}


class VllmBackend(LmevalBackend):
    """vLLM through lm-eval's class: one engine at a time, which serves a base and its adapters."""

    def __init__(self, settings: RunnerSettings, *, allow_pickle: bool = False) -> None:
        super().__init__(settings, allow_pickle=allow_pickle)
        _refuse_odd(settings)
        self._engine: Any = None
        self._engine_key = ""
        self._free: Callable[[], object] = lambda: None
        self._rank = _first_rank(settings)
        self._speakers: dict[str, Any] = {}
        self._requests: dict[str, Any] = {}
        self._decoders: dict[str, str] = {}

    @property
    def n_together(self) -> int:
        """As many as a kill may cost: vLLM batches what one call brings."""
        return MOST_TOGETHER

    def look_at(self, checkpoint: Checkpoint, dtype: str) -> tuple[Caveat, ...]:
        """Refuse an adapter that vLLM cannot apply; note the room that the next engine needs."""
        release = _release()
        if checkpoint.adapter is None:
            return ()
        refuse_unservable(checkpoint, release)
        if self.settings.args.get("enable_lora") is False:
            raise UsageError(
                f"{checkpoint.name}: is an adapter, and runner.args say enable_lora: false; leave "
                "that out",
                id="runner.lora-off",
            )
        if dtype == "float32" and pick_device(self.settings.device) != "cpu":
            raise UsageError(
                f"{checkpoint.name}: vLLM's kernels of adapters compute in bfloat16 or float16, "
                "not in float32; use --dtype bfloat16, or the runner cliffguard",
                id="runner.lora-dtype",
            )
        self._rank = max(self._rank, room_for(rank_of(checkpoint), checkpoint.name))
        return ()

    def model(self, checkpoint: Checkpoint, protocol: EvalSettings, dtype: str) -> Any:
        """Return lm-eval's model of a checkpoint: the engine, and the adapter that it asks for."""
        self.look_at(checkpoint, dtype)
        content = [checkpoint.weights, checkpoint.settings, self._decoder(checkpoint)]
        key = canonical_json([content, protocol.max_length, dtype, self._rank])
        if self._engine_key != key:
            self._let_go()
            with doing(f"starting {self.settings.model} for {checkpoint.name}"):
                self._start(checkpoint, protocol, dtype)
            self._engine_key = key
        name = canonical_json([checkpoint.fingerprint, speech(protocol)])
        if name not in self._speakers:
            self._speakers[name] = self._speaker(checkpoint)
        return self._speakers[name]

    def after(self, checkpoint: Checkpoint, model: Any) -> None:
        """Look at the files again, which an engine may read on in."""
        if self._engine is not None:
            super().after(checkpoint, model)

    def window(self, checkpoint: Checkpoint, protocol: EvalSettings) -> int | None:
        """Return how many tokens a checkpoint reads, by vLLM's own argument as well."""
        length = self.settings.args.get("max_model_len")
        if isinstance(length, int) and protocol.max_length is None:
            return length
        return super().window(checkpoint, protocol)

    def holds_both(self, base: Checkpoint, candidate: Checkpoint) -> bool:
        """Return True where one engine serves both: an adapter that speaks the base's tokens."""
        if base.weights != candidate.weights:
            return False
        return base.tokenizer == candidate.tokenizer or (
            self._decoder(base) == self._decoder(candidate)
        )

    def notes(self) -> Mapping[str, str | int]:
        """Where the answers came from, and how much of it the engine was given."""
        sizing = self.settings.kind.sizing | {"max_lora_rank"}
        given = {**self.settings.args, "max_lora_rank": self._rank}
        return {
            "device": describe_device(self.settings.device),
            "batch size": self.settings.batch_size or "auto",
            **{name: str(value) for name, value in sorted(given.items()) if name in sizing},
        }

    def _about(self, checkpoint: Checkpoint, protocol: EvalSettings, dtype: str) -> dict[str, Any]:
        files = checkpoint.files
        assert files is not None, "a checkpoint that is asked has files"
        about: dict[str, Any] = {
            "pretrained": str(files.weights),
            "tokenizer": str(files.tokenizer),
            "dtype": dtype,
            "batch_size": self.settings.batch_size or "auto",
            "enable_prefix_caching": True,
            "enable_lora": True,
        }
        if protocol.max_length is not None:
            about["max_length"] = protocol.max_length
        return about

    def _prepare(
        self, checkpoint: Checkpoint, protocol: EvalSettings, arguments: dict[str, Any]
    ) -> None:
        arguments["max_lora_rank"] = self._rank

    def _start(self, checkpoint: Checkpoint, protocol: EvalSettings, dtype: str) -> None:
        hand_back()  # what our engine keeps, where it lies beside
        for name, value in _ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        self._engine = self._made(checkpoint, protocol, dtype)
        self._free = weakref.finalize(self, _shut_down, self._engine.model)

    def _let_go(self) -> None:
        """Free the engine before another is built, whoever still holds it."""
        self._engine, self._engine_key = None, ""
        self._speakers, self._requests = {}, {}
        self._free()
        gc.collect()

    def _decoder(self, checkpoint: Checkpoint) -> str:
        """Return a digest of how tokens become text, which is all that an engine needs to know.

        A trainer saves a tokenizer beside an adapter in other words than the base's.
        """
        if checkpoint.tokenizer not in self._decoders:
            tokenizer = loading.load_tokenizer(checkpoint)
            raw = getattr(tokenizer, "backend_tokenizer", None)
            state = {} if raw is None else json.loads(raw.to_str())
            parts = [state.get(part) for part in ("model", "decoder", "added_tokens")]
            known = checkpoint.tokenizer if raw is None else digest(parts)
            self._decoders[checkpoint.tokenizer] = digest([known, tokenizer.eos_token_id])
        return self._decoders[checkpoint.tokenizer]

    def _speaker(self, checkpoint: Checkpoint) -> Any:
        """Return lm-eval's model over the engine, with a checkpoint's tokenizer and adapter."""
        lm = copy.copy(self._engine)
        lm.tokenizer = loading.load_tokenizer(checkpoint)
        lm.hf_chat_template = None  # the tokenizer's own, which may be the base's for both sides
        lm.lora_request = self._request(checkpoint)
        lm.n_tokens_beyond = 1  # vLLM generates one where it scores: choices must leave room
        if lm.batch_size == "auto":
            lm.batch_size = _ANY_NUMBER
        return lm

    def _request(self, checkpoint: Checkpoint) -> Any:
        """Return the adapter as requests name it; None asks the base. One id for one content."""
        files = checkpoint.files
        if files is None or files.adapter is None:
            return None
        from lm_eval.models.vllm_causallms import LoRARequest  # vLLM's

        content = str(checkpoint.adapter)
        if content not in self._requests:
            number = len(self._requests) + 1
            self._requests[content] = LoRARequest(
                lora_name=f"adapter-{number}",
                lora_int_id=number,
                lora_path=str(files.adapter.absolute()),
            )
        return self._requests[content]


def _shut_down(llm: Any) -> None:
    """End an engine, and the process that it computes in."""
    core: Any = getattr(getattr(llm, "llm_engine", None), "engine_core", None)
    if hasattr(core, "shutdown"):
        core.shutdown()


def _release() -> tuple[int, ...]:
    """Return the first two numbers of vLLM's version. Raises InfrastructureError without it."""
    try:
        installed = version("vllm")
    except PackageNotFoundError:
        raise InfrastructureError(
            "vllm is not installed, and this runner needs it; pip install 'vllm>=0.33' (on a "
            "machine with a GPU), or use the runner cliffguard",
            id="environment.missing-library",
        ) from None
    return tuple(int(number) for number in re.findall(r"\d+", installed)[:2])


def _first_rank(settings: RunnerSettings) -> int:
    """Return the room for ranks that an engine has before an adapter is known."""
    wanted = settings.args.get("max_lora_rank", DEFAULT_RANK)
    if isinstance(wanted, bool) or not isinstance(wanted, int) or wanted < 1:
        raise UsageError(
            f"runner.args.max_lora_rank: {wanted!r} is no rank; leave it out (adapters say theirs)",
            id="runner.args",
        )
    return room_for(wanted, "runner.args.max_lora_rank")


def _refuse_odd(settings: RunnerSettings) -> None:
    """Refuse settings that would ask another model, or start an engine at every turn."""
    args = settings.args
    reason = next((f"{name}: {why}" for name, why in _OF_THE_SIDES.items() if name in args), None)
    if args.get("data_parallel_size") not in (None, 1):
        reason = "data_parallel_size: lm-eval starts new engines for it at every call; use "
        reason += "tensor_parallel_size"
    if reason is not None:
        raise UsageError(f"runner.args.{reason}", id="runner.args")
    if settings.model == "vllm" and ":" in settings.device:
        raise UsageError(
            f"runner.device {settings.device}: vLLM takes the cards that CUDA_VISIBLE_DEVICES "
            "names, from the first on; set that, and leave --device out",
            id="runner.device",
        )
    if n_processes() > 1:
        raise UsageError(
            "runner vllm: every process of the launcher would start an engine on the same cards; "
            "start one process, and give tensor_parallel_size in runner.args",
            id="runner.processes",
        )
