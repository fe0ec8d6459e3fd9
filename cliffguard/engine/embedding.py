"""Embeddings of texts by the model's own hidden states.

A text's vector is the mean of its tokens' hidden states behind an early block; the blocks after
it are not run, and no other model is needed. Which block, and why the first token is left out, is
measured in reports/embedding/. Vectors are as they come: whoever compares them brings them into
one frame first (`distance.frame_of`), since those of a causal model share a few large coordinates.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from cliffguard.core.errors import IntegrityError, UsageError
from cliffguard.engine.texts import Batch, budget_of, encoded, name_of, read_all, run

Vectors = npt.NDArray[np.float32]
"""One row per text."""

MAX_TOKENS = 512
"""A longer text is cut behind this many tokens."""

N_SKIPPED = 1
"""Tokens at the beginning that are no part of the mean: attention rests on the first, whose state
is many times as long as any other and says nothing of the text."""

_DEPTH = 0.25  # of the model's blocks


def embed(lm: Any, texts: Sequence[str], *, max_tokens: int = MAX_TOKENS) -> Vectors:
    """Return the texts' vectors by an lm-eval model that is loaded here, float32 [texts, width].

    An adapter takes part as far as it is switched on. Raises IntegrityError for states that are
    not finite and UsageError for a model whose blocks cannot be told.
    """
    layer = max(1, round(_DEPTH * len(_blocks(lm))))
    (vectors,) = pooled(lm, texts, layers=(layer,), max_tokens=max_tokens)
    return vectors


def pooled(
    lm: Any,
    texts: Sequence[str],
    *,
    layers: Sequence[int],
    n_skipped: int = N_SKIPPED,
    max_tokens: int = MAX_TOKENS,
) -> list[Vectors]:
    """Return the mean state of every text behind each of `layers`, arrays of [texts, width].

    Layer 1 is behind the first block. The first `n_skipped` tokens of a text are left out, but
    never its last.
    """
    blocks = _blocks(lm)
    width = int(lm.model.config.get_text_config(decoder=True).hidden_size)
    means = [np.zeros((len(texts), width), dtype=np.float32) for _ in layers]

    def read(batch: Batch) -> None:
        states = _states(lm.model, [blocks[layer - 1] for layer in layers], batch)
        for vectors, state in zip(means, states, strict=True):
            vectors[list(batch.numbers)] = _mean(state, batch, n_skipped)

    sequences = [encoded(lm, text)[:max_tokens] for text in texts]
    read_all(sequences, read, budget=budget_of(lm), name=name_of(lm))
    if not all(np.isfinite(vectors).all() for vectors in means):
        raise IntegrityError(
            f"{name_of(lm)}: its hidden states are not finite; use --dtype float32 or bfloat16",
            id="model.not-finite",
        )
    return means


def _mean(state: torch.Tensor, batch: Batch, n_skipped: int) -> Vectors:
    """Return the mean over each text's tokens, in float32."""
    positions = torch.arange(batch.ids.shape[1])[None]
    lengths = torch.tensor(batch.lengths)[:, None]
    counts = (positions < lengths) & (
        positions >= torch.minimum(torch.tensor(n_skipped), lengths - 1)
    )
    weights = (counts / counts.sum(dim=1, keepdim=True)).to(state.device)
    mean: Vectors = torch.einsum("btw,bt->bw", state.float(), weights).cpu().numpy()
    return mean


class _Enough(Exception):
    """Leaves the model behind the last block that is read."""


@torch.inference_mode()
def _states(model: Any, blocks: Sequence[Any], batch: Batch) -> list[torch.Tensor]:
    """Return what each of the blocks hands on, in order, arrays of [texts, tokens, width]."""
    states: dict[int, torch.Tensor] = {}
    wanted = {id(block) for block in blocks}

    def keeps(block: Any) -> Callable[..., None]:
        def keep(_module: Any, _args: Any, out: Any) -> None:
            states[id(block)] = out[0] if isinstance(out, tuple) else out
            if len(states) == len(wanted):
                raise _Enough

        return keep

    handles = [block.register_forward_hook(keeps(block)) for block in blocks]
    try:
        with contextlib.suppress(_Enough):
            run(model, batch)
    finally:
        for handle in handles:
            handle.remove()
    return [states[id(block)] for block in blocks]


def _blocks(lm: Any) -> list[Any]:
    """Return the decoder's blocks in order: the outermost list of as many as the config counts."""
    model = lm.model.get_base_model() if hasattr(lm.model, "get_base_model") else lm.model
    n_blocks = model.config.get_text_config(decoder=True).num_hidden_layers
    for module in model.get_decoder().modules():
        if isinstance(module, torch.nn.ModuleList) and len(module) == n_blocks:
            return list(module)
    raise UsageError(
        f"{name_of(lm)}: its {n_blocks} blocks cannot be found in {type(model).__name__}, so that "
        "texts cannot be embedded; leave distances and coverage out",
        id="model.no-blocks",
    )
