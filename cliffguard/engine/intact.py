"""What was loaded, looked through before it is used: is it all there, and does it fit together?"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cliffguard.errors import IntegrityError
from cliffguard.records import Checkpoint


def unread(name: str, model: Any, unexpected: Iterable[str]) -> tuple[str, ...]:
    """Refuse weights that were meant for a module that is there, and that it has no place for.

    A bias that the config denies, an adapter that was never merged, scales of a quantisation that
    the config does not name: the model that was trained is another. Whole modules that are absent
    (a vision tower, a head for training) may be left out on purpose, and are returned.
    """
    left_out = []
    modules = dict(model.named_modules())
    for key in sorted(unexpected):
        parent, _, own = key.rpartition(".")
        while parent and parent not in modules and ("lora_" in parent or "lora_" in own):
            parent, _, own = parent.rpartition(".")
        module = modules.get(parent)
        if getattr(module, own, None) is not None:  # computed anew, and not read
            continue
        if module is None or not module._parameters:
            left_out.append(key)
            continue
        raise IntegrityError(
            f"{name}: holds {key}, which the model of its config.json has no place for; was the "
            "adapter never merged, or the config changed? Save the checkpoint again"
        )
    return tuple(left_out)


def refuse_not_finite(name: str, model: Any, only: str = "") -> None:
    """Refuse weights, those with `only` in their names, that hold NaN or infinity."""
    import torch

    for parameter_name, parameter in model.named_parameters():
        if only not in parameter_name or not parameter.is_floating_point():
            continue
        # The sum of absolute values is finite only if every value is (up to overflow of fp16).
        if not torch.isfinite(parameter.detach().abs().sum(dtype=torch.float32)):
            raise IntegrityError(
                f"{name}: {parameter_name} holds NaN or infinite weights; the training diverged"
            )


def refuse_missing_tokens(checkpoint: Checkpoint, model: Any, tokenizer: Any) -> None:
    """Refuse a tokenizer with more tokens than the model has embeddings for."""
    n_rows = model.get_input_embeddings().weight.shape[0]
    last = max(tokenizer.get_vocab().values(), default=-1)
    if last >= n_rows:
        raise IntegrityError(
            f"{checkpoint.name}: its tokenizer has tokens up to the id {last}, its embedding only "
            f"{n_rows} rows; save the resized embedding with the checkpoint"
        )


def refuse_no_marks(name: str, tokenizer: Any) -> None:
    """Refuse a tokenizer with neither mark, one of which stands before an empty context."""
    if tokenizer.bos_token_id is None and tokenizer.eos_token_id is None:
        raise IntegrityError(
            f"{name}: its tokenizer names neither a bos_token nor an eos_token; an answer would "
            "never end. Save the tokenizer that the model was trained with"
        )
