"""Token-by-token decoding: KV cache of rows of unlike length, sampling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

KeyValues = tuple[tuple[torch.Tensor, torch.Tensor], ...]
"""Keys and values of each layer, of shape [rows, heads, tokens, width]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How a token is drawn: the usual meanings, 0 and 1 switching top-k and top-p off."""

    temperature: float
    top_k: int
    top_p: float


class _RowLayer(DynamicLayer):  # type: ignore[misc]
    """Keys and values of rows; the token at position p of a row lies in column p."""

    def __init__(self, owner: RowCache, keys: torch.Tensor, values: torch.Tensor) -> None:
        """Make room for all rows, of the shape and kind of some keys and values."""
        super().__init__()
        self.lazy_initialization(keys, values)
        self.owner = owner
        self.keys = _room(keys, owner.n_rows, owner.n_columns)
        self.values = _room(values, owner.n_rows, owner.n_columns)

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        n_rows, n_columns = len(key_states), self.owner.n_filled
        rows = torch.arange(n_rows, device=key_states.device)
        columns = self.owner.columns.to(key_states.device)  # layers may lie on several devices
        self.keys[rows, :, columns] = key_states[:, :, 0]
        self.values[rows, :, columns] = value_states[:, :, 0]
        return self.keys[:n_rows, :, :n_columns], self.values[:n_rows, :, :n_columns]

    def write(self, first: int, column: int, keys: torch.Tensor, values: torch.Tensor) -> None:
        """Put tokens into the rows from `first` on, from a column on."""
        rows, columns = slice(first, first + len(keys)), slice(column, column + keys.shape[-2])
        self.keys[rows, :, columns] = keys
        self.values[rows, :, columns] = values

    def move(self, sources: torch.Tensor, targets: torch.Tensor, n_columns: int) -> None:
        """Copy the first columns of some rows over those of others."""
        sources, targets = sources.to(self.keys.device), targets.to(self.keys.device)
        for store in (self.keys, self.values):
            store[targets, :, :n_columns] = store[sources, :, :n_columns]


class RowCache(DynamicCache):  # type: ignore[misc]
    """The keys and values of at most `n_rows` texts of at most `n_columns` tokens, side by side.

    The rows in use are the first ones. Rows are added behind them, and those that leave have their
    places taken by the last ones, so that nothing is copied but what moves. `columns` says, on the
    device, where the token of each row in use goes that is fed next.
    """

    def __init__(self, n_rows: int, n_columns: int, *, device: Any) -> None:
        super().__init__()
        self.n_rows = n_rows
        self.n_columns = n_columns
        self.device = device
        self.lengths: list[int] = []  # known without asking the device
        self.columns = torch.zeros(0, dtype=torch.long, device=device)
        self._next = self.columns

    @property
    def n_filled(self) -> int:
        """The columns that some row in use has filled."""
        return max(self.lengths)

    def update(
        self,
        key_states: torch.Tensor,
        value_states: torch.Tensor,
        layer_idx: int,
        *args: Any,
        **kwargs: Any,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Store one token a row that a layer computed; return all that its rows have so far."""
        return self.layers[layer_idx].update(key_states, value_states)

    def next_column(self) -> torch.Tensor:
        """Count one token a row; return the column of each row's."""
        self.columns, self._next = self._next, self._next + 1
        self.lengths = [length + 1 for length in self.lengths]
        return self.columns

    def add(self, prefix: KeyValues, states: KeyValues, lengths: Sequence[int]) -> None:
        """Add rows of these lengths: a prefix that they share, and what follows it in each."""
        first, n_prefix = len(self.lengths), n_tokens_of(prefix)
        if not self.layers:
            self.layers: list[_RowLayer] = [_RowLayer(self, *both) for both in states]
        for number, (layer, (keys, values)) in enumerate(zip(self.layers, states, strict=True)):
            if prefix:
                n = len(keys)
                layer.write(first, 0, *(part.expand(n, -1, -1, -1) for part in prefix[number]))
            layer.write(first, n_prefix, keys, values)
        self._count([*self.lengths, *lengths])

    def keep(self, rows: Sequence[int]) -> list[int]:
        """Let all rows go but these, in order; return the number that each place had before."""
        n = len(rows)
        movers = iter([row for row in rows if row >= n])
        kept = set(rows)
        order = [index if index in kept else next(movers) for index in range(n)]
        moved = [(row, index) for index, row in enumerate(order) if row != index]
        if moved:
            sources, targets = (torch.tensor(rows) for rows in zip(*moved, strict=True))
            n_columns = max(self.lengths[row] for row, _ in moved)
            for layer in self.layers:
                layer.move(sources, targets, n_columns)
        self._count([self.lengths[row] for row in order])
        return order

    def _count(self, lengths: list[int]) -> None:
        self.lengths = lengths
        self._next = torch.tensor(lengths, dtype=torch.long, device=self.device)


def n_tokens_of(prefix: Sequence[tuple[torch.Tensor, torch.Tensor]]) -> int:
    """Return how many tokens' keys and values a prefix holds."""
    return int(prefix[0][0].shape[-2]) if prefix else 0


def _room(like: torch.Tensor, n_rows: int, n_columns: int) -> torch.Tensor:
    # What is never written is masked, but must be finite: 0 × NaN is NaN.
    return like.new_zeros((n_rows, like.shape[1], n_columns, like.shape[3]))


def pick(
    logits: torch.Tensor, sampling: Sampling | None, generators: Sequence[torch.Generator]
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return per row the next token, its log-probability, and the lead of best over second best.

    All stay on the device of the logits, of shape [rows]. The log-probability is the model's own,
    before temperature and cuts.
    """
    logprobs = torch.log_softmax(logits, dim=-1, dtype=torch.float32)
    top = logprobs.topk(2, dim=-1).values
    if sampling is None:
        picked = logprobs.argmax(dim=-1)
    else:
        # Drawn where a seed draws the same on every device; that waits for the device.
        weights = _weights(logprobs, sampling).cpu()
        drawn = [
            torch.multinomial(row, 1, generator=generator)
            for row, generator in zip(weights, generators, strict=True)
        ]
        picked = torch.cat(drawn).to(logprobs.device)
    return picked, logprobs.gather(1, picked[:, None])[:, 0], top[:, 0] - top[:, 1]


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
