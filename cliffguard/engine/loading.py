"""Checkpoints → models in memory, with every failure translated."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from cliffguard.errors import InfrastructureError, IntegrityError, UsageError
from cliffguard.records import Checkpoint


def pick_device(wanted: str) -> str:
    """Return the torch device that `wanted` ("auto", "cpu", "cuda", "cuda:1", …) stands for."""
    import torch

    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(wanted)
    except RuntimeError:
        raise UsageError(f"device {wanted!r} is unknown; use auto, cpu, cuda or cuda:N") from None
    if device.type == "cuda":
        n_devices = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if (device.index or 0) >= n_devices:
            raise InfrastructureError(
                f"device {wanted}: this machine has {n_devices} CUDA devices; use --device cpu"
            )
    return wanted


def pick_dtype(wanted: str, device: str) -> str:
    """Return the dtype of the weights: bfloat16 on a GPU and float32 on CPU unless told."""
    if wanted != "auto":
        return wanted
    return "bfloat16" if device.startswith("cuda") else "float32"


def load(checkpoint: Checkpoint, *, dtype: str, device: str, allow_pickle: bool) -> tuple[Any, Any]:
    """Return (model in eval mode on `device`, tokenizer).

    Raises IntegrityError for weights that cannot be trusted and InfrastructureError when memory
    runs out.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    assert checkpoint.files is not None, "a checkpoint that is loaded has files"
    files = checkpoint.files
    with translated(checkpoint.name):
        tokenizer = AutoTokenizer.from_pretrained(files.tokenizer, local_files_only=True)
        if files.chat_template != files.tokenizer:
            other = AutoTokenizer.from_pretrained(files.chat_template, local_files_only=True)
            tokenizer.chat_template = other.chat_template
        model = AutoModelForCausalLM.from_pretrained(
            files.weights,
            dtype=getattr(torch, dtype),
            local_files_only=True,
            use_safetensors=None if allow_pickle else True,
            trust_remote_code=False,
        )
        if files.adapter is not None:
            from peft import PeftModel

            model = PeftModel.from_pretrained(model, files.adapter, local_files_only=True)
        model = model.to(device).eval()
    _refuse_missing_tokens(checkpoint, model, tokenizer)
    _refuse_not_finite(checkpoint.name, model)
    return model, tokenizer


@contextlib.contextmanager
def translated(name: str) -> Iterator[None]:
    """Turn what torch, transformers and peft raise about `name` into errors of ours."""
    import torch
    from safetensors import SafetensorError

    try:
        yield
    except (torch.cuda.OutOfMemoryError, MemoryError) as failure:
        raise InfrastructureError(
            f"{name}: out of memory; use a smaller --batch-size or another --device"
        ) from failure
    except SafetensorError as failure:
        raise IntegrityError(f"{name}: damaged safetensors: {_first_line(failure)}") from failure
    except (RuntimeError, ValueError, OSError, KeyError, TypeError) as failure:
        message = _first_line(failure)
        if "allocate memory" in message or "out of memory" in message.lower():
            raise InfrastructureError(
                f"{name}: out of memory; use a smaller --batch-size or another --device"
            ) from failure
        raise IntegrityError(f"{name}: cannot be loaded: {message}") from failure


def _first_line(failure: Exception) -> str:
    lines = [line.strip() for line in str(failure).splitlines() if line.strip()]
    # torch heads a list of mismatched tensors with a line that names only the class.
    return " ".join(lines[:2])[:300] if lines else type(failure).__name__


def _refuse_missing_tokens(checkpoint: Checkpoint, model: Any, tokenizer: Any) -> None:
    n_rows = model.get_input_embeddings().weight.shape[0]
    if len(tokenizer) > n_rows:
        raise IntegrityError(
            f"{checkpoint.name}: its tokenizer has {len(tokenizer)} tokens, its embedding only "
            f"{n_rows} rows; save the resized embedding with the checkpoint"
        )


def _refuse_not_finite(name: str, model: Any) -> None:
    import torch

    for parameter_name, parameter in model.named_parameters():
        # The sum of absolute values is finite only if every value is (up to overflow of fp16).
        if not torch.isfinite(parameter.detach().abs().sum(dtype=torch.float32)):
            raise IntegrityError(
                f"{name}: {parameter_name} holds NaN or infinite weights; the training diverged"
            )
