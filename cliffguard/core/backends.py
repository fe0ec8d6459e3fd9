"""Backends by name: the registry of inference servers and engines (vLLM, SGLang, an API, our own).

A plan is refused by what its backend is, before anything heavy is imported: so the registry says
where a factory is, and `runners.backends.make_backend` imports it. How to write a backend:
`runners.backends.Backend`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cliffguard.core.errors import UsageError
from cliffguard.core.texts import cut_end

Factory = Callable[..., Any]
"""`factory(settings, allow_pickle=...)` returns a `runners.backends.Backend`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendKind:
    """What is known of a backend before it is made, and how it is made.

    Attributes
    ----------
    factory
        What makes it, or where that is: "module:name".
    is_local
        Checkpoints are loaded here by our own loader. Its answers depend on the protocol's
        attention and quantization, and hidden states and whole distributions can be read.
    is_served
        The model runs in a server, which is asked over a connection: nothing of it is offline.
    needs_tokenizer
        The checkpoint's tokenizer renders its chat template here, and is tried before it is asked.
    records_seeds
        Draws at a temperature above 0 come from the protocol's seed.
    packs
        It is our engine, whose batches are counted in tokens.
    version
        Part of every question's key: another one where the same question may be answered otherwise.
    libraries
        Packages beside our own dependencies that compute its answers: their releases are in the
        key, and the dtype of the weights is settled here, as for our own loader.
    sizing
        Arguments that say which cards, how much memory and how many requests at once: by design
        they change no answer, and are in no key.
    lacks
        Options of the protocol that one of its parts cannot keep to.
    """

    factory: Factory | str
    is_local: bool = False
    is_served: bool = False
    needs_tokenizer: bool = True
    records_seeds: bool = False
    packs: bool = False
    version: str = ""
    libraries: tuple[str, ...] = ()
    sizing: frozenset[str] = frozenset()
    lacks: tuple[str, ...] = ()


_VLLM_SIZING = frozenset(
    {
        "tensor_parallel_size", "pipeline_parallel_size", "distributed_executor_backend",
        "gpu_memory_utilization", "kv_cache_memory_bytes", "cpu_offload_gb", "max_num_seqs",
        "max_num_batched_tokens", "max_batch_size", "max_lora_rank", "max_loras", "max_cpu_loras",
        "disable_log_stats",
    }
)  # fmt: skip

_SERVER = BackendKind(factory="cliffguard.runners.lmeval_backends:ServedBackend", is_served=True)
_ADDRESSED = BackendKind(
    factory="cliffguard.runners.lmeval_backends:AddressedBackend", is_served=True
)
_OTHER = BackendKind(factory="cliffguard.runners.lmeval_backends:LmevalBackend")

BACKENDS: dict[str, BackendKind] = {
    "cliffguard": BackendKind(
        factory="cliffguard.runners.local_backends:CliffguardBackend",
        is_local=True,
        records_seeds=True,
        packs=True,
    ),
    "hf": BackendKind(factory="cliffguard.runners.local_backends:HfBackend", is_local=True),
    "auto": BackendKind(
        factory="cliffguard.runners.auto_backend:AutoBackend",
        is_local=True,
        packs=True,
        version="1",
        libraries=("vllm",),
        sizing=_VLLM_SIZING,
        lacks=("quantization", "think_end"),
    ),
    "vllm": BackendKind(
        factory="cliffguard.runners.vllm_backends:VllmBackend",
        version="2",
        libraries=("vllm",),
        sizing=_VLLM_SIZING,
    ),
    "sglang": BackendKind(factory="cliffguard.runners.lmeval_backends:SglangBackend"),
    "local-completions": _ADDRESSED,
    "local-chat-completions": _ADDRESSED,
    "openai-completions": _SERVER,
    "openai-chat-completions": _SERVER,
    "anthropic-completions": _SERVER,
    "anthropic-chat-completions": _SERVER,
    "litellm-chat-completions": _SERVER,
}
"""By the plan's `runner.model`. Any other name is a model that lm-eval loads, or asks at the
`base_url` that the plan's `runner.args` give."""

_BUILT_IN = frozenset(BACKENDS)
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*", re.ASCII)  # it stands in a question's key, before a colon
_ENTRY_POINT = re.compile(
    r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*"
)  # as resolve_name has it


def kind_of(model: str, args: Mapping[str, Any]) -> BackendKind:
    """Return what is known of the backend that a plan's `runner` names."""
    return BACKENDS.get(model) or (_SERVER if "base_url" in args else _OTHER)


def register_backend(
    name: str,
    factory: Factory,
    *,
    is_local: bool = False,
    is_served: bool = False,
    needs_tokenizer: bool = True,
    records_seeds: bool = False,
    version: str = "1",
) -> None:
    """Let plans name a backend of yours: `runner: {model: NAME}`. A later call replaces it.

    `factory(settings, allow_pickle=...)` returns a `runners.backends.Backend`; the flags are those
    of `BackendKind`. It is for this process: a plan that names it is run from Python.

    Raises
    ------
    UsageError
        If the name is of a backend of cliffguard's own, or not of letters, digits, and . _ -;
        if `factory` cannot be called, and is not "module:name" either.

    Examples
    --------
    >>> from cliffguard import RunnerSettings, register_backend
    >>> from cliffguard.runners.backends import Backend
    >>> register_backend("our-server", Backend, is_served=True)
    >>> RunnerSettings(model="our-server").is_served
    True
    """
    if name in _BUILT_IN or not _NAME.fullmatch(name):
        what = "a backend of ours" if name in _BUILT_IN else "no name for a backend"
        raise UsageError(
            f"register_backend: {name!r} is {what}; choose another, of letters, digits, and . _ -",
            id="runner.backend-name",
        )
    if not callable(factory) and not (isinstance(factory, str) and _ENTRY_POINT.fullmatch(factory)):
        raise UsageError(
            f"register_backend: the factory of {name!r} is {cut_end(repr(factory), 80)}; give what "
            'makes the backend, or where that is: "module:name"',
            id="runner.backend-factory",
        )
    BACKENDS[name] = BackendKind(
        factory=factory,
        is_local=is_local,
        is_served=is_served,
        needs_tokenizer=needs_tokenizer,
        records_seeds=records_seeds,
        version=version,
    )
