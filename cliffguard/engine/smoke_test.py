"""Smoke test of a loaded model: does it compute numbers, and does its adapter change them?

One pass of some twenty tokens, before anything is asked.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

import torch

from cliffguard.core.errors import IntegrityError

_N_TOKENS = 16


@torch.inference_mode()
def probe(
    model: Any, more: Sequence[int] = (), *, adapted: bool = False, n_rows: int | None = None
) -> torch.Tensor:
    """Return the logits [vocabulary] after tokens from all over the vocabulary, and `more` of them.

    Only of its first `n_rows`, where they are given: others may be an adapter's. The adapters on
    `model` are off unless it is to be `adapted`, which leaves them on. Tokens that the model has no
    rows for are left out.
    """
    if adapted and hasattr(model.base_model, "enable_adapter_layers"):
        model.base_model.enable_adapter_layers()
    embedding = model.get_input_embeddings().weight
    n_rows = n_rows or embedding.shape[0]
    spread = torch.linspace(0, n_rows - 1, min(_N_TOKENS, n_rows)).long().tolist()
    ids = torch.tensor([[*spread, *(token for token in more if token < n_rows)]])
    is_on = hasattr(model, "disable_adapter") and not adapted
    with model.disable_adapter() if is_on else contextlib.nullcontext():
        ids = ids.to(embedding.device)
        out = model(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=False)
    logits: torch.Tensor = out.logits[0, -1, :n_rows].float().cpu()
    return logits


def refuse_no_numbers(name: str, logits: torch.Tensor) -> None:
    """Refuse a model whose weights are finite and whose logits are not.

    Minus infinity is how some models close rows that no token uses.
    """
    if torch.isnan(logits).any() or torch.isposinf(logits).any() or torch.isinf(logits).all():
        raise IntegrityError(
            f"{name}: its logits are NaN or infinite; if its weights overflow in float16, use "
            "--dtype bfloat16 or float32",
            id="model.not-finite",
        )


def refuse_no_effect(name: str, before: torch.Tensor, after: torch.Tensor) -> None:
    """Refuse an adapter that left every logit as it was, to the last bit."""
    if torch.equal(before, after):
        raise IntegrityError(
            f"{name}: the adapter changes nothing: with it and without, the logits are the same; "
            "is it trained, scaled by more than 0, and of this base?",
            id="adapter.without-effect",
        )
