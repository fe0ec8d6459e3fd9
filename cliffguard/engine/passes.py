"""One pass through the model: a prefix's keys and values, tree masks, logits where they are read.

Nothing here knows of requests or batches; the arithmetic is transformers' own. Rows are put to
the model with explicit positions and a mask, and the LM head is shown only the positions whose
predictions somebody reads.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from cliffguard.engine.decoding import KeyValues, RowCache, n_tokens_of
from cliffguard.engine.packed_rows import Ints, PackedRow, chain


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """What one pass is fed: arrays of shape [rows, tokens], padded on the right.

    `end[r, i]` is one past the last token of row r that sees token i; a padded token sees itself
    alone (its `end` is its own place plus one).
    """

    ids: torch.Tensor
    position: torch.Tensor
    end: torch.Tensor
    is_chain: bool


class _SharedLayer(DynamicLayer):  # type: ignore[misc]
    """A layer's prefix, lent to every row of a pass; what a pass adds is not kept."""

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        n_rows = key_states.shape[0]
        keys = self.keys.expand(n_rows, -1, -1, -1)
        values = self.values.expand(n_rows, -1, -1, -1)
        return torch.cat([keys, key_states], dim=-2), torch.cat([values, value_states], dim=-2)


class _AddedLayer(_SharedLayer):
    """A layer's prefix, if there is one, lent to every row; what a pass adds is kept beside it."""

    def __init__(self, prefix: tuple[torch.Tensor, torch.Tensor] | None) -> None:
        super().__init__()
        if prefix is not None:
            self.lazy_initialization(*prefix)
            self.keys, self.values = prefix

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        self.added = key_states, value_states
        return super().update(key_states, value_states) if self.is_initialized else self.added


class _AddedCache(DynamicCache):  # type: ignore[misc]
    """Layers of that kind, over a prefix or none."""

    def __init__(self, prefix: KeyValues) -> None:
        super().__init__()
        self._prefix = prefix

    def update(
        self,
        key_states: torch.Tensor,
        value_states: torch.Tensor,
        layer_idx: int,
        *args: Any,
        **kwargs: Any,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        while len(self.layers) <= layer_idx:
            number = len(self.layers)
            self.layers.append(_AddedLayer(self._prefix[number] if self._prefix else None))
        layer: _AddedLayer = self.layers[layer_idx]
        return layer.update(key_states, value_states)


def as_cache(prefix: KeyValues, *, grows: bool) -> DynamicCache:
    """Return a cache over a prefix: one that keeps what a pass adds, or one that lends it only.

    Every layer is a full one, whatever the model's windows: those are in the masks.
    """
    cache = DynamicCache()
    for keys, values in prefix:
        layer = DynamicLayer() if grows else _SharedLayer()
        layer.lazy_initialization(keys, values)
        layer.keys, layer.values = keys, values
        cache.layers.append(layer)
    return cache


class Model:
    """A causal language model behind the few kinds of passes that the engine makes.

    `dtype` is what it computes in (None: as its weights are).
    """

    def __init__(self, model: Any, *, dtype: torch.dtype | None = None) -> None:
        self.model = model
        self.n_tokens = 0  # that went through it, padding included
        self._prefix_kv: tuple[bytes, KeyValues] | None = None
        config = model.config.get_text_config(decoder=True)
        self.device = model.get_input_embeddings().weight.device
        self.dtype = dtype or model.get_input_embeddings().weight.dtype
        if not self.dtype.is_floating_point:  # quantised; masks follow what is computed in
            self.dtype = model.dtype
        types = getattr(config, "layer_types", None)
        self._window: int | None = getattr(config, "sliding_window", None)
        if not getattr(config, "use_sliding_window", True):
            self._window = None
        self._layer_types = tuple(sorted(set(types))) if types else ()

    def extend(self, tokens: Tokens, prefix: KeyValues, keep: torch.Tensor) -> Any:
        """Run one row below a prefix; return (logits at `keep`, keys and values of both)."""
        cache = as_cache(prefix, grows=True)
        logits = self._run(tokens, cache, keep, n_past=n_tokens_of(prefix))
        return logits, tuple((layer.keys, layer.values) for layer in cache.layers)

    def prefix_kv(self, tokens: Ints) -> KeyValues:
        """Return keys and values of the first tokens of several texts.

        The last ones are kept until `clear_prefix_cache`: whoever changes the weights, or switches
        an adapter, must call it.
        """
        key = tokens.tobytes()
        if self._prefix_kv is None or self._prefix_kv[0] != key:
            self._prefix_kv = None  # before the next one is computed, not after
            nothing = torch.zeros(0, dtype=torch.long)
            _, keys_and_values = self.extend(stacked([chain(tokens, 0)]), (), nothing)
            self._prefix_kv = (key, keys_and_values)
        return self._prefix_kv[1]

    def wait(self) -> None:
        """Wait until the device has done what it was told, so that a clock may be read."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def clear_prefix_cache(self) -> None:
        """Free the keys and values that `prefix_kv` keeps."""
        self._prefix_kv = None

    def read(self, tokens: Tokens, prefix: KeyValues, keep: torch.Tensor) -> torch.Tensor:
        """Run rows below a prefix; return logits [positions, vocabulary] at `keep`.

        `keep` numbers the tokens of all rows through. No keys and values are kept.
        """
        cache = as_cache(prefix, grows=False) if prefix else None
        return self._run(tokens, cache, keep, n_past=n_tokens_of(prefix))

    def fill(
        self, tokens: Tokens, prefix: KeyValues, keep: torch.Tensor
    ) -> tuple[torch.Tensor, KeyValues]:
        """Run rows below a prefix; return (logits at `keep`, keys and values of the rows alone)."""
        cache = _AddedCache(prefix)
        logits = self._run(tokens, cache, keep, n_past=n_tokens_of(prefix))
        return logits, tuple(layer.added for layer in cache.layers)

    @torch.inference_mode()
    def step(self, ids: torch.Tensor, cache: RowCache) -> torch.Tensor:
        """Run one token a row, `ids` of shape [rows, 1]; return logits [rows, vocabulary]."""
        position = cache.next_column()[:, None]
        n_columns = cache.n_filled
        column = torch.arange(n_columns, device=position.device)[None]
        seen = (column <= position)[:, None, None]
        windowed = None
        if self._window is not None and n_columns > self._window:
            windowed = seen & (position - column < self._window)[:, None, None]
        keep = torch.arange(len(ids), device=position.device)
        return self._call(ids, position, self._masks(seen, windowed), cache, keep)

    def _run(
        self, tokens: Tokens, cache: DynamicCache | None, keep: torch.Tensor, n_past: int
    ) -> torch.Tensor:
        mask = self._mask(tokens, n_past)
        return self._call(tokens.ids, tokens.position, mask, cache, keep)

    @torch.inference_mode()
    def _call(
        self, ids: torch.Tensor, position: torch.Tensor, mask: Any, cache: Any, keep: torch.Tensor
    ) -> torch.Tensor:
        self.n_tokens += ids.numel()
        with only_at(self.model, keep):
            out = self.model(
                input_ids=ids.to(self.device),
                position_ids=position.to(self.device),
                attention_mask=mask,
                past_key_values=cache,
                use_cache=cache is not None,
            )
        logits: torch.Tensor = out.logits[0]
        return logits

    def _mask(self, tokens: Tokens, n_past: int) -> Any:
        """Return what transformers takes as a mask: 4-D, one for each type of layer it has.

        None where every token sees all before it and no window hides any of them.
        """
        longest = int(tokens.position.max()) + 1
        is_windowed = self._window is not None and longest > self._window
        if tokens.is_chain and n_past == 0 and not is_windowed:
            return None
        # Made where it is used: a mask is many times as large as the positions that it is made of.
        position, end = tokens.position.to(self.device), tokens.end.to(self.device)
        tokens = replace(tokens, position=position, end=end)
        windowed = tree_mask(tokens, n_past, self._window) if is_windowed else None
        return self._masks(tree_mask(tokens, n_past, None), windowed)

    def _masks(self, seen: torch.Tensor, windowed: torch.Tensor | None) -> Any:
        full = self._additive(seen)
        if windowed is None:
            return dict.fromkeys(self._layer_types, full) if len(self._layer_types) > 1 else full
        narrow = self._additive(windowed)
        if not self._layer_types:
            return narrow
        masks = {kind: narrow if "sliding" in kind else full for kind in self._layer_types}
        return masks if len(masks) > 1 else next(iter(masks.values()))

    def _additive(self, seen: torch.Tensor) -> torch.Tensor:
        # Additive, since a boolean mask would be turned into one by every layer anew.
        hidden = torch.finfo(self.dtype).min
        seen = seen.to(self.device)
        return torch.zeros_like(seen, dtype=self.dtype).masked_fill_(~seen, hidden)


def tree_mask(tokens: Tokens, n_past: int, window: int | None) -> torch.Tensor:
    """Return a boolean mask [rows, 1, tokens, n_past + tokens]: which token sees which.

    A token sees the whole prefix and its own ancestors, and of these, under a window, only those
    less than `window` positions back. The mask is made on the device of the positions.
    """
    n_rows, n_tokens = tokens.ids.shape
    device = tokens.position.device
    indices = torch.arange(n_tokens, device=device)
    is_before = indices[None, :] <= indices[:, None]
    seen = is_before[None] & (indices[None, :, None] < tokens.end[:, None, :])
    past = torch.ones((n_rows, n_tokens, n_past), dtype=torch.bool, device=device)
    if window is not None:
        position = tokens.position
        seen &= position[:, :, None] - position[:, None, :] < window
        before = torch.arange(n_past, device=device)
        past &= position[:, :, None] - before[None, None, :] < window
    return torch.cat([past, seen], dim=-1)[:, None]


@contextmanager
def only_at(model: Any, keep: torch.Tensor) -> Iterator[None]:
    """Show the LM head only the hidden states at `keep`, so that no other logits come to be."""

    def pick(module: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
        hidden, *others = args
        flat = hidden.reshape(-1, hidden.shape[-1])
        return (flat.index_select(0, keep.to(flat.device))[None], *others)

    handle = model.get_output_embeddings().register_forward_pre_hook(pick)
    try:
        yield
    finally:
        handle.remove()


_SLICE = 128


def read_out(
    logits: torch.Tensor, rows: torch.Tensor, targets: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (log-probability in float32, whether it is the largest) of each target, on the CPU.

    `rows` says from which row of `logits` each target is read. Done in slices, so that
    the normalised copy stays small beside the logits. The softmax is lm-eval's own, whose
    rounding on a CPU (1e-5 a token below the exact value) is so the same.
    """
    logprobs, is_best = [], []
    order = torch.argsort(rows, stable=True)
    edges = torch.searchsorted(rows[order], torch.arange(0, len(logits) + _SLICE, _SLICE))
    parts = torch.split(logits, _SLICE)
    for number, part in enumerate(parts):
        indices = order[edges[number] : edges[number + 1]]
        row = (rows[indices] - number * _SLICE).to(logits.device)
        target = targets[indices].to(logits.device)
        normal = torch.log_softmax(part, dim=-1, dtype=torch.float32)
        logprobs.append(normal[row, target].cpu())
        is_best.append((normal.argmax(dim=-1)[row] == target).cpu())
    back = torch.argsort(order)
    return torch.cat(logprobs)[back], torch.cat(is_best)[back]


def stacked(rows: Sequence[PackedRow]) -> Tokens:
    """Return packed rows as one padded pass."""
    longest = max(len(row.tokens) for row in rows)
    shape = (len(rows), longest)
    ids = torch.zeros(shape, dtype=torch.long)
    position = torch.zeros(shape, dtype=torch.long)
    end = torch.arange(1, longest + 1).repeat(len(rows), 1)
    for number, row in enumerate(rows):
        n = len(row.tokens)
        ids[number, :n] = torch.from_numpy(row.tokens)
        position[number, :n] = torch.from_numpy(row.position)
        end[number, :n] = torch.from_numpy(row.end)
    # A shorter row is padded, and must not see its padding.
    is_chain = all(row.is_chain and len(row.tokens) == longest for row in rows)
    return Tokens(ids=ids, position=position, end=end, is_chain=is_chain)
