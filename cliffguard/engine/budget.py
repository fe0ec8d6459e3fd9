"""Batch size: how many tokens go into one pass, from free memory."""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import torch

from cliffguard.core.errors import InfrastructureError
from cliffguard.core.texts import n_things
from cliffguard.engine.devices import free_main_memory
from cliffguard.engine.loading import is_out_of_memory
from cliffguard.engine.packed_rows import PassLimits, RowLimits

T = TypeVar("T")

# Of a CPU measured (a few times more or less is within 10 %); of a card not measured yet.
_MOST_TOKENS = {"cpu": 1024, "cuda": 16384}
_ROW_TOKENS = {"cpu": 256, "cuda": 1024}
_MOST_ROWS = {"cpu": 32, "cuda": 256}
# A processor waits for nobody: what is thrown away behind an end is all that a block does there.
_BLOCK_TOKENS = {"cpu": 1, "cuda": 8}
_FEWEST_TOKENS = 32
_SHARE = 0.25  # of the free memory, for what one pass needs


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Limits of one pass.

    `batch_tokens` counts tokens computed in a pass; `generation_rows` answers that are generated
    side by side, `cached_tokens` the tokens whose keys and values they may hold together,
    `block_tokens` the tokens a row between two looks for an end.
    `batch_sequences` (None: no limit) is lm-eval's batch size, a number of sequences.
    """

    row_tokens: int
    batch_tokens: int
    generation_rows: int
    cached_tokens: int
    batch_sequences: int | None
    block_tokens: int = 1

    def limits(self) -> PassLimits:
        """Return the limits of a pass that scores."""
        return PassLimits(
            row_tokens=min(self.row_tokens, self.batch_tokens),
            batch_tokens=self.batch_tokens,
            batch_reads=self.batch_tokens,
            batch_sequences=self.batch_sequences,
        )

    def row_limits(self, longest: int) -> RowLimits:
        """Return the limits of generating answers of at most `longest` tokens, prompt included."""
        most = self.generation_rows
        if self.batch_sequences is not None:
            most = self.batch_sequences
        return RowLimits(
            n_rows=max(1, min(most, self.cached_tokens // longest)),
            batch_tokens=self.batch_tokens,
            block_tokens=self.block_tokens,
        )

    def halved(self, name: str) -> Budget:
        """Return half of it. Raises InfrastructureError where it can shrink no further."""
        if self.batch_tokens <= _FEWEST_TOKENS:
            raise too_small(name, n_things(self.batch_tokens, "token"))
        sequences = self.batch_sequences
        return replace(
            self,
            batch_tokens=self.batch_tokens // 2,
            generation_rows=max(1, self.generation_rows // 2),
            cached_tokens=self.cached_tokens // 2,
            batch_sequences=None if sequences is None else max(1, sequences // 2),
        )


def too_small(name: str, smallest: str) -> InfrastructureError:
    """Return the error of a model whose smallest batch has no room ("32 tokens")."""
    return InfrastructureError(
        f"{name}: out of memory even at {smallest} a batch; use another --device, a smaller "
        "--dtype, or --device-map auto",
        id="memory.too-small",
    )


def where_it_fits(compute: Callable[[], T], shrink: Callable[[], None]) -> T:
    """Return what `compute` does; where memory runs out, `shrink` first what it takes, and again.

    `shrink` raises InfrastructureError where there is nothing left to shrink.
    """
    while True:
        try:
            return compute()
        except (RuntimeError, MemoryError) as failure:
            if not is_out_of_memory(failure):
                raise
        # Outside the handler, whose traceback would keep the tensors alive.
        shrink()
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def most_rows(device: str) -> int:
    """Return how many answers are generated side by side on a device, where memory holds them."""
    return _MOST_ROWS["cuda" if device.startswith("cuda") else "cpu"]


def find_budget(
    model: Any, *, batch_tokens: int | None = None, batch_sequences: int | None = None
) -> Budget:
    """Return a budget for `model` on its device, from the memory that is free now.

    All is rounded down to powers of two, so that a little more or less free memory changes
    nothing. `batch_tokens` or `batch_sequences`, where given, stand as they are.
    """
    config = model.config.get_text_config(decoder=True)
    weight = model.get_input_embeddings().weight
    device = weight.device.type if weight.device.type == "cuda" else "cpu"
    width = 2 if "16" in str(model.dtype) else 4
    # Logits, their normalised float32 slice, and a dozen activations of the residual's width.
    a_token = config.vocab_size * width + 12 * _widest(config) * width
    free = free_bytes(weight.device) * _SHARE
    n_tokens = min(_MOST_TOKENS[device], _power_of_two(free / a_token))
    a_cached = 2 * config.num_hidden_layers * _cached_width(config) * width
    return Budget(
        row_tokens=_ROW_TOKENS[device],
        batch_tokens=batch_tokens or max(n_tokens, _FEWEST_TOKENS),
        generation_rows=_MOST_ROWS[device],
        cached_tokens=_power_of_two(free / a_cached),
        batch_sequences=batch_sequences,
        block_tokens=_BLOCK_TOKENS[device],
    )


def refuse_second(model: Any, name: str) -> None:
    """Refuse to hold another model like `model` on its device where it has no room."""
    needed = sum(parameter.numel() * parameter.element_size() for parameter in model.parameters())
    free = free_bytes(model.get_input_embeddings().weight.device)
    if needed > free:
        raise InfrastructureError(
            f"{name}: has full weights, {needed / 2**30:.1f} GiB, that must lie in memory beside "
            f"its base's, and {free / 2**30:.1f} GiB are free; use another --device or a smaller "
            "--dtype",
            id="memory.two-models",
        )


def hand_back() -> None:
    """Give other processes what torch keeps of a card for its next pass; without CUDA, nothing."""

    torch.cuda.empty_cache()


def _cached_width(config: Any) -> int:
    """Return the numbers that a layer keeps of a token's keys: fewer with grouped queries."""
    heads = getattr(config, "num_attention_heads", None)
    groups = getattr(config, "num_key_value_heads", None) or heads
    if not heads or not groups:
        return int(config.hidden_size)
    a_head = getattr(config, "head_dim", None) or config.hidden_size // heads
    return int(groups * a_head)


def _widest(config: Any) -> int:
    inner = getattr(config, "intermediate_size", None) or 4 * config.hidden_size
    return int(max(config.hidden_size, inner))


def _power_of_two(value: float) -> int:
    return 1 << max(0, int(value).bit_length() - 1)


def free_bytes(device: Any) -> int:
    """Return the memory in bytes that is free on a torch device."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        # What torch has reserved and does not use is free to us as well.
        spare = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(free + spare)
    return free_main_memory()
