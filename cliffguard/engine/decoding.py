"""Token-by-token decoding: KV cache of rows of unlike length, sampling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

_GROWTH_TOKENS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How a token is drawn: the usual meanings, 0 and 1 switching top-k and top-p off."""

    temperature: float
    top_k: int
    top_p: float


class _RowLayer(DynamicLayer):  # type: ignore[misc]
    """Keys and values of rows; the token at position p of a row lies in column p."""

    def __init__(self, owner: RowCache, prefix: tuple[torch.Tensor, torch.Tensor] | None) -> None:
        super().__init__()
        self.owner = owner
        self.prefix = prefix

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
            before = self.prefix or (None, None)
            self.keys = _behind(before[0], key_states)
            self.values = _behind(before[1], value_states)
            self.prefix = None
            return self.keys, self.values
        self.keys = self._written(self.keys, key_states)
        self.values = self._written(self.values, value_states)
        n = self.owner.n_columns
        return self.keys[:, :, :n], self.values[:, :, :n]

    def _written(self, store: torch.Tensor, states: torch.Tensor) -> torch.Tensor:
        if self.owner.n_columns > store.shape[-2]:
            store = _widened(store, store.shape[-2] + _GROWTH_TOKENS)
        rows = torch.arange(len(states), device=states.device)
        # Layers may lie on several devices.
        store[rows, :, self.owner.columns.to(states.device)] = states[:, :, 0]
        return store

    def keep_rows(self, rows: torch.Tensor) -> None:
        """Let all rows go but these."""
        self.keys = self.keys.index_select(0, rows.to(self.keys.device))
        self.values = self.values.index_select(0, rows.to(self.values.device))


class RowCache(DynamicCache):  # type: ignore[misc]
    """The keys and values of a batch of prompts while they are continued.

    `lengths` are the tokens of each prompt, the prefix included. The first pass fills the
    columns behind the prefix; each later one writes one token a row, at the row's own end.
    """

    def __init__(
        self,
        prefix: Sequence[tuple[torch.Tensor, torch.Tensor]],
        lengths: torch.Tensor,
        *,
        device: Any,
    ) -> None:
        super().__init__()
        self.n_prefix = n_tokens_of(prefix)
        self.lengths = lengths.to(device)
        self.n_columns = int(lengths.max())
        self.columns = self.lengths
        self._prefix = list(prefix)

    def update(
        self,
        key_states: torch.Tensor,
        value_states: torch.Tensor,
        layer_idx: int,
        *args: Any,
        **kwargs: Any,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Store what a layer computed; return all that its rows have so far."""
        while len(self.layers) <= layer_idx:
            number = len(self.layers)
            prefix = self._prefix[number] if self._prefix else None
            self.layers.append(_RowLayer(self, prefix))
        layer: _RowLayer = self.layers[layer_idx]
        return layer.update(key_states, value_states)

    def next_column(self) -> torch.Tensor:
        """Make room for one token a row; return the column of each row's."""
        self.columns = self.lengths
        self.lengths = self.lengths + 1
        self.n_columns = int(self.lengths.max())
        return self.columns

    def keep_rows(self, rows: torch.Tensor) -> None:
        """Let all rows go but these."""
        self.lengths = self.lengths.index_select(0, rows.to(self.lengths.device))
        for layer in self.layers:
            layer.keep_rows(rows)


def joined(caches: Sequence[RowCache]) -> RowCache:
    """Return one cache of the rows of several that were filled; these are used up."""
    first = caches[0]
    if len(caches) == 1:
        return first
    first.lengths = torch.cat([cache.lengths for cache in caches])
    first.n_columns = max(cache.n_columns for cache in caches)
    for same in zip(*(cache.layers for cache in caches), strict=True):
        width = max(layer.keys.shape[-2] for layer in same)
        same[0].keys = torch.cat([_widened(layer.keys, width) for layer in same])
        same[0].values = torch.cat([_widened(layer.values, width) for layer in same])
    return first


def n_tokens_of(prefix: Sequence[tuple[torch.Tensor, torch.Tensor]]) -> int:
    """Return how many tokens' keys and values a prefix holds."""
    return int(prefix[0][0].shape[-2]) if prefix else 0


def _behind(prefix: torch.Tensor | None, states: torch.Tensor) -> torch.Tensor:
    """Return a copy of the prefix for each row, followed by the row's own states."""
    if prefix is None:
        return states
    return torch.cat([prefix.expand(len(states), -1, -1, -1), states], dim=-2)


def _widened(store: torch.Tensor, n_columns: int) -> torch.Tensor:
    # What is never written is masked, but must be finite: 0 × NaN is NaN.
    return torch.nn.functional.pad(store, (0, 0, 0, n_columns - store.shape[-2]))


def pick(
    logits: torch.Tensor, sampling: Sampling | None, generators: Sequence[torch.Generator]
) -> tuple[list[int], list[float], list[float]]:
    """Return per row the next token, its log-probability, and the lead of best over second best.

    The log-probability is the model's own, before temperature and cuts.
    """
    logprobs = torch.log_softmax(logits, dim=-1, dtype=torch.float32)
    top = logprobs.topk(2, dim=-1).values
    margins = (top[:, 0] - top[:, 1]).tolist()
    if sampling is None:
        picked = logprobs.argmax(dim=-1)
    else:
        weights = _weights(logprobs, sampling).cpu()
        drawn = [
            torch.multinomial(row, 1, generator=generator)
            for row, generator in zip(weights, generators, strict=True)
        ]
        picked = torch.cat(drawn).to(logprobs.device)
    chosen = logprobs.gather(1, picked[:, None])[:, 0]
    return picked.tolist(), chosen.tolist(), margins


def _weights(logprobs: torch.Tensor, sampling: Sampling) -> torch.Tensor:
    from transformers import (
        LogitsProcessorList,
        TemperatureLogitsWarper,
        TopKLogitsWarper,
        TopPLogitsWarper,
    )

    warpers = LogitsProcessorList([TemperatureLogitsWarper(sampling.temperature)])
    if sampling.top_k:
        warpers.append(TopKLogitsWarper(sampling.top_k))
    if sampling.top_p < 1.0:
        warpers.append(TopPLogitsWarper(sampling.top_p))
    return torch.softmax(warpers(None, logprobs), dim=-1)
