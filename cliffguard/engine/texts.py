"""Whole texts through a model, each in one pass: batches by tokens, padded on the right.

No prefix is shared, so that models that may not be packed are read in the same way: a padded
token stands behind all of its text, where no causal model looks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from cliffguard.engine.budget import Budget, find_budget, where_it_fits
from cliffguard.engine.packed_rows import Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Texts that share a pass; `numbers` are the caller's.

    `ids` and `mask` (1 where a token of the text stands) are of shape [texts, tokens], on the CPU;
    `lengths` counts the tokens of each text.
    """

    numbers: tuple[int, ...]
    ids: torch.Tensor
    mask: torch.Tensor
    lengths: tuple[int, ...]


def encoded(lm: Any, text: str) -> Ints:
    """Return a text's tokens as an lm-eval model puts them; of an empty one the first of any."""
    return np.array(lm.tok_encode(text) or [lm.prefix_token_id], dtype=np.int64)


def name_of(lm: Any) -> str:
    """Return what an lm-eval model's errors call it."""
    return str(getattr(lm.config, "name_or_path", "") or "model")


def budget_of(lm: Any, *, n_sides: int = 1) -> Budget:
    """Return what goes into a pass of `lm`, where the outputs of `n_sides` are held together."""
    budget: Budget = getattr(lm, "budget", None) or find_budget(lm.model)
    return replace(budget, batch_tokens=max(1, budget.batch_tokens // n_sides))


def read_all(
    sequences: Sequence[Ints], read: Callable[[Batch], None], *, budget: Budget, name: str
) -> None:
    """Give `read` every sequence once, in batches within the budget.

    Where memory runs out the batches are halved, and the one that failed is read again. Raises
    InfrastructureError where they can be halved no further.
    """
    # Longest first: texts of like length share a pass, and memory runs out early or never.
    left = sorted(range(len(sequences)), key=lambda number: -len(sequences[number]))

    def read_left() -> None:
        nonlocal left
        for batch in _batches(left, sequences, budget):
            read(batch)
            left = left[len(batch.numbers) :]

    def halve() -> None:
        nonlocal budget
        budget = budget.halved(name)

    where_it_fits(read_left, halve)


def _batches(numbers: Sequence[int], sequences: Sequence[Ints], budget: Budget) -> Iterator[Batch]:
    """Cut sequences, sorted from the longest, into batches; one beyond the limit stands alone."""
    start = 0
    while start < len(numbers):
        n_texts = max(1, budget.batch_tokens // len(sequences[numbers[start]]))
        if budget.batch_sequences is not None:
            n_texts = min(n_texts, budget.batch_sequences)
        some = tuple(numbers[start : start + n_texts])
        yield _padded(some, [sequences[number] for number in some])
        start += n_texts


def _padded(numbers: tuple[int, ...], sequences: Sequence[Ints]) -> Batch:
    lengths = tuple(len(sequence) for sequence in sequences)
    ids = torch.zeros((len(sequences), max(lengths)), dtype=torch.long)
    for row, sequence in enumerate(sequences):
        ids[row, : len(sequence)] = torch.from_numpy(sequence)
    mask = torch.arange(max(lengths))[None] < torch.tensor(lengths)[:, None]
    return Batch(numbers=numbers, ids=ids, mask=mask.long(), lengths=lengths)


def run(model: Any, batch: Batch) -> Any:
    """Run a causal language model over a batch; return what transformers returns."""
    device = model.get_input_embeddings().weight.device
    return model(
        input_ids=batch.ids.to(device), attention_mask=batch.mask.to(device), use_cache=False
    )
