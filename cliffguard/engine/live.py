"""A live model, in the middle of training: its identity, and its state before and after."""

from __future__ import annotations

import contextlib
import hashlib
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from huggingface_hub import try_to_load_from_cache

from cliffguard.checkpoints.files import vocabulary_in
from cliffguard.core.canonical_json import digest
from cliffguard.core.errors import IntegrityError, UsageError
from cliffguard.core.texts import n_things

_NOT_SETTINGS = {"_name_or_path", "transformers_version", "use_cache"}


def unwrapped(model: Any) -> Any:
    """Return the model inside a data-parallel wrapper; refuse one whose weights lie elsewhere."""
    while hasattr(model, "module") and not hasattr(model, "get_input_embeddings"):
        model = model.module
    # FSDP 1 keeps the names of parameters, and puts slices of them in their stead.
    is_sliced = any(type(part).__name__ == "FullyShardedDataParallel" for part in model.modules())
    for name, parameter in model.named_parameters():
        is_elsewhere = parameter.numel() == 0 or parameter.device.type == "meta"
        # FSDP 2 and tensor parallelism have tensors in parts, and ZeRO-3 marks what it gathers.
        is_elsewhere |= hasattr(parameter, "full_tensor") or hasattr(parameter, "ds_id")
        if is_sliced or is_elsewhere:
            raise UsageError(
                f"{name} lies on several devices or on none (FSDP, ZeRO-3); save a checkpoint, and "
                "check that: cliffguard check BASE CHECKPOINT",
                id="live.several-devices",
            )
    return model


def refuse_other_kinds(name: str, model: Any) -> None:
    """Raise UsageError for a model that predicts no next token: a classifier, an encoder."""
    can_generate = getattr(model, "can_generate", lambda: True)()
    has_head = getattr(model, "get_output_embeddings", lambda: True)() is not None
    if getattr(model.config, "is_encoder_decoder", False) or not (can_generate or has_head):
        raise UsageError(
            f"{name}: {type(model).__name__} is no causal language model, and answers no prompts",
            id="live.no-language-model",
        )


def quantization_of(model: Any) -> str | None:
    """Return what the weights were quantised to, as people say it: `4bit`; None for whole ones."""
    for bits in (4, 8):
        if getattr(model, f"is_loaded_in_{bits}bit", False):
            return f"{bits}bit"
    config = getattr(model.config, "quantization_config", None)
    if config is None:
        return None
    settings = config if isinstance(config, dict) else config.to_dict()
    if isinstance(width := settings.get("bits"), int):
        return f"{width}bit"
    return str(settings.get("quant_method", "quantised"))


def resized(model: Any) -> str | None:
    """Return how the embeddings differ from the base's own in number, in words; None: they do not.

    As far as the base is named by an adapter, and its config is on this machine.
    """
    embeddings = getattr(model.get_input_embeddings(), "weight", None)
    n_rows = None if embeddings is None else len(embeddings)
    for config in model.peft_config.values():
        name = getattr(config, "base_model_name_or_path", None)
        n_before = _rows_of(name) if name else None
        if n_before is not None and n_rows is not None and n_before != n_rows:
            return f"{n_things(n_rows, 'row', ',')}, and {n_before:,} in {name}"
    return None


_ALTERING = ("pissa", "olora", "corda", "loftq", "lora_ga")
"""Beginnings of what LoRA's `init_lora_weights` may be, that take their part out of the base."""


def altered(model: Any) -> str | None:
    """Return the setting by which making an adapter changed the weights beneath; None: none."""
    for config in model.peft_config.values():
        begun = getattr(config, "init_lora_weights", None)
        if isinstance(begun, str) and begun.lower().startswith(_ALTERING):
            return f"init_lora_weights={begun}"
        if getattr(config, "layer_replication", None):
            return "layer_replication"
    return None


def _rows_of(name: str) -> int | None:
    """Return how many tokens a base knows, by its config in a folder or in the hub's cache."""
    path: Any = Path(name, "config.json")
    try:
        if not path.is_file():
            path = try_to_load_from_cache(name, "config.json")
        return vocabulary_in(json.loads(Path(path).read_text(encoding="utf-8")))
    except (OSError, TypeError, ValueError, AttributeError):  # not there, or of a form of its own
        return None


Tensors = dict[str, torch.Tensor]


def parts(model: Any) -> tuple[Tensors, Tensors]:
    """Return the weights of the base by name, and those that adapters added."""
    weights = model.state_dict()
    if not hasattr(model, "peft_config"):
        return weights, {}
    prefix = getattr(getattr(model, "base_model", None), "prefix", None)
    if prefix is None:
        raise UsageError(
            "the model in memory has an adapter that is not switched on and off by peft (a learnt "
            "prompt, or one of transformers' own); save it, and check the files",
            id="live.unswitched-adapter",
        )
    added = {name for name in weights if prefix in name or "modules_to_save" in name}
    return (
        {name: weight for name, weight in weights.items() if name not in added},
        {name: weights[name] for name in added},
    )


def digest_of(tensors: Tensors) -> str:
    """Return the SHA-256 of tensors by name, shape, dtype and bytes."""
    running = hashlib.sha256(b"in memory")
    for name, tensor in sorted(tensors.items()):
        running.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        flat = tensor.detach().cpu().contiguous().reshape(-1)
        running.update(flat.view(torch.uint8).numpy().data)
    return running.hexdigest()


def settings_of(model: Any, *, with_adapters: bool = True) -> list[Any]:
    """Return what the model's configs say about how it answers, and its adapters' where they count.

    They do not for its base, whose adapters are off.
    """
    generation = getattr(model, "generation_config", None)
    tuned = getattr(model, "peft_config", {}).values() if with_adapters else ()
    configs = [
        config.to_dict() for config in (model.config, generation, *tuned) if config is not None
    ]
    kept = [{k: v for k, v in config.items() if k not in _NOT_SETTINGS} for config in configs]
    settings = [{k: _spelled(v) for k, v in config.items()} for config in kept]
    return [*settings, _adapters(model)] if with_adapters else settings


def _spelled(value: Any) -> str:
    """Return a setting as text; of a set, which each process has in another order, in one order."""
    return str(sorted(map(str, value)) if isinstance(value, (set, frozenset)) else value)


def weight_versions(model: Any) -> tuple[tuple[str, int, int], ...]:
    """Return what is another as soon as torch writes to a weight, or another takes its place."""
    weights = model.named_parameters(remove_duplicate=False)
    return tuple((name, id(weight), weight._version) for name, weight in weights)


Sums = tuple[tuple[str, int, int], ...]


@torch.no_grad()
def sums(tensors: Tensors) -> Sums:
    """Return two sums over each tensor's bits, computed where it lies.

    They tell a write past torch's own count of versions (`.data`), at the speed of memory.
    """
    return tuple((name, *_sums(tensor)) for name, tensor in sorted(tensors.items()))


_BITS = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
_WIDTH = 4096


def _sums(tensor: torch.Tensor) -> tuple[int, int]:
    bits = tensor.detach().contiguous().reshape(-1).view(_BITS[tensor.element_size()])
    n_whole = len(bits) // _WIDTH * _WIDTH
    columns = bits[:n_whole].view(-1, _WIDTH).sum(0, dtype=torch.int64)
    columns[: len(bits) - n_whole] += bits[n_whole:]
    # By place as well, so that two columns that change places are told.
    places = torch.arange(1, _WIDTH + 1, device=columns.device)
    return int(columns.sum()), int((columns * places).sum())


@contextlib.contextmanager
def left_as_it_was(model: Any) -> Iterator[None]:
    """Put `model` into eval mode, without autocast; afterwards put back all that may have changed.

    That is: the `training` flag of every module, which adapters are on, which parameters take a
    gradient, buffers, config flags, the generation config, accelerate's forward, and the random
    sources of Python, NumPy, torch and CUDA. Raises IntegrityError where a weight was written to
    meanwhile.
    """
    before, adapters = weight_versions(model), _adapters(model)
    forward = _without_its_wrapper(model)
    layers = [
        (layer, layer._active_adapter, layer._disable_adapters) for layer in _tuned_layers(model)
    ]
    gradients = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    training = [(module, module.training) for module in model.modules()]
    buffers = [(m, n, b, b.detach().clone()) for m in model.modules() for n, b in _buffers(m)]
    config, generation = model.config, getattr(model, "generation_config", None)
    flags = dict(config.__dict__), dict(getattr(generation, "__dict__", {}))
    sources = _sources()
    try:
        model.eval()
        with torch.autocast(model.device.type, enabled=False):
            yield
    finally:
        model.__dict__.update(forward)
        for layer, active, are_off in layers:
            layer._active_adapter, layer._disable_adapters = active, are_off
        for parameter, takes_gradient in gradients:  # which switching adapters turns off and on
            parameter.requires_grad_(takes_gradient)
        for module, was_training in training:
            module.training = was_training
        for module, name, buffer, content in buffers:
            _put_back(module, name, buffer, content)
        config.__dict__.clear()
        config.__dict__.update(flags[0])
        if generation is not None:
            generation.__dict__.clear()
            generation.__dict__.update(flags[1])
        _start_again(sources)
    if weight_versions(model) != before or _adapters(model) != adapters:
        raise IntegrityError(
            "the model in memory changed while it was asked: a weight was written to, or an "
            "adapter switched; let training wait until the answers are there",
            id="live.changed",
        )


def _without_its_wrapper(model: Any) -> dict[str, Any]:
    """Take off accelerate's forward, which computes in half precision; return it."""
    if "_original_forward" not in model.__dict__ or "forward" not in model.__dict__:
        return {}
    return {"forward": model.__dict__.pop("forward")}


def are_merged(model: Any) -> bool:
    """Return whether an adapter's change stands in the base's own weights."""
    return any(getattr(module, "merged_adapters", None) for module in _tuned_layers(model))


def tokenizer_digest(tokenizer: Any) -> str:
    """Return the digest of all of a tokenizer that may change a token."""
    flags = [getattr(tokenizer, name, None) for name in ("add_bos_token", "add_eos_token")]
    content = [tokenizer.get_vocab(), str(tokenizer.special_tokens_map), flags]
    fast = getattr(tokenizer, "backend_tokenizer", None)
    if fast is None:
        return digest(
            [*content, {name: str(value) for name, value in tokenizer.init_kwargs.items()}]
        )
    rules = {
        name: rule
        for name, rule in json.loads(fast.to_str()).items()
        if name not in ("truncation", "padding")  # of the last call, and no part of it
    }
    return digest([*content, rules])


def _buffers(module: Any) -> list[tuple[str, torch.Tensor]]:
    return [(name, buffer) for name, buffer in module._buffers.items() if buffer is not None]


def _put_back(module: Any, name: str, buffer: torch.Tensor, content: torch.Tensor) -> None:
    """Put a buffer back, the same tensor with the same numbers."""
    module._buffers[name] = buffer
    if not torch.equal(buffer, content):
        with torch.no_grad():
            buffer.copy_(content)


def _tuned_layers(model: Any) -> list[Any]:
    return [module for module in model.modules() if hasattr(module, "_disable_adapters")]


def _adapters(model: Any) -> list[tuple[str, str]]:
    """Return which adapters are on, and which are merged, layer by layer."""
    return [
        (name, f"{module.active_adapters} {module.disable_adapters} {module.merged_adapters}")
        for name, module in model.named_modules()
        if hasattr(module, "disable_adapters") and hasattr(module, "merged_adapters")
    ]


def _sources() -> tuple[Any, ...]:
    has_cuda = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    cuda = torch.cuda.get_rng_state_all() if has_cuda else None
    return random.getstate(), np.random.get_state(), torch.get_rng_state(), cuda  # noqa: NPY002


def _start_again(sources: tuple[Any, ...]) -> None:
    random.setstate(sources[0])
    np.random.set_state(sources[1])  # noqa: NPY002
    torch.set_rng_state(sources[2])
    if sources[3] is not None:
        torch.cuda.set_rng_state_all(sources[3])
