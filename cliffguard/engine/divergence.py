"""KL divergence (drift) of a candidate's predictions from its base's.

At each token of a prompt both predict the next one; compared are the whole distributions, in
float32. Of a batch both sides' logits are held together, never more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from cliffguard.core.errors import IntegrityError
from cliffguard.core.vectors import Divergence
from cliffguard.engine.packed_rows import Ints
from cliffguard.engine.passes import only_at
from cliffguard.engine.texts import Batch, budget_of, encoded, name_of, read_all, run

MAX_READS = 512
"""Of a longer prompt the last so many tokens are compared; those before them are read."""

_CHUNK_VALUES = 1 << 23  # of a normalised distribution at once: 32 MB in float32


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """An lm-eval model that is loaded here, and what makes its weights the ones that run.

    Sides that share a base in memory are switched before every pass.
    """

    name: str
    lm: Any
    switch_on: Callable[[], Any] = lambda: None


def divergence(
    base: Side, candidate: Side, prompts: Sequence[str], *, max_reads: int = MAX_READS
) -> list[Divergence]:
    """Return for each prompt the mean KL(base‖candidate) in nats and how often both agree.

    A prompt longer than the model's window loses its beginning. Where one side has more rows in
    its vocabulary, both are normalised over those they share. Raises IntegrityError where the sides
    read other tokens, or predict what is no number.
    """
    sequences = [_tokens(base, candidate, number, text) for number, text in enumerate(prompts)]
    divergences: dict[int, Divergence] = {}

    def read(batch: Batch) -> None:
        counts = [min(length, max_reads) for length in batch.lengths]
        keep = _places(batch, counts)
        kl, agrees = _compared(_logits(base, batch, keep), _logits(candidate, batch, keep))
        parts = zip(torch.split(kl, counts), torch.split(agrees, counts), strict=True)
        for number, (nats, same) in zip(batch.numbers, parts, strict=True):
            mean = float(nats.mean())
            if np.isnan(mean):
                raise IntegrityError(
                    f"{candidate.name}: after prompt {number + 1} it or its base predicts what is "
                    "no number; use --dtype float32 or bfloat16",
                    id="model.not-finite",
                )
            divergences[number] = Divergence(
                kl_nats=mean, agreement=float(same.double().mean()), n_tokens=len(nats)
            )

    read_all(sequences, read, budget=budget_of(base.lm, n_sides=2), name=name_of(base.lm))
    return [divergences[number] for number in range(len(prompts))]


def _tokens(base: Side, candidate: Side, number: int, text: str) -> Ints:
    tokens = encoded(base.lm, text)
    if not np.array_equal(tokens, encoded(candidate.lm, text)):
        raise IntegrityError(
            f"{candidate.name}: its tokenizer cuts prompt {number + 1} into other tokens than that "
            f"of {base.name}; predictions can only be compared after the same tokens",
            id="sides.other-tokens",
        )
    return tokens[-min(base.lm.max_length, candidate.lm.max_length) :]


def _places(batch: Batch, counts: Sequence[int]) -> torch.Tensor:
    """Return the numbers, through all rows of the batch, of the last tokens of each text."""
    width = batch.ids.shape[1]
    rows = zip(batch.lengths, counts, strict=True)
    return torch.cat(
        [
            row * width + torch.arange(length - count, length)
            for row, (length, count) in enumerate(rows)
        ]
    )


@torch.inference_mode()
def _logits(side: Side, batch: Batch, keep: torch.Tensor) -> torch.Tensor:
    """Return a side's logits [kept tokens, vocabulary]."""
    side.switch_on()
    with only_at(side.lm.model, keep):
        logits: torch.Tensor = run(side.lm.model, batch).logits[0]
    return logits


@torch.inference_mode()
def _compared(base: torch.Tensor, candidate: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (KL in nats as float64, whether the most probable token is the same) of every row.

    In chunks of rows, so that the normalised copies stay small beside the logits.
    """
    n_tokens = min(base.shape[1], candidate.shape[1])
    nats, agrees = [], []
    n_rows = max(1, _CHUNK_VALUES // n_tokens)
    parts = zip(torch.split(base, n_rows), torch.split(candidate, n_rows), strict=True)
    for ours, theirs in parts:
        p = torch.log_softmax(ours[:, :n_tokens], dim=-1, dtype=torch.float32)
        q = torch.log_softmax(theirs[:, :n_tokens].to(ours.device), dim=-1, dtype=torch.float32)
        terms = (p.exp() * (p - q)).masked_fill_(p == -torch.inf, 0.0)
        # Rounding takes the sum of equal distributions a little below zero.
        nats.append(terms.sum(dim=-1, dtype=torch.float64).clamp_min(0.0).cpu())
        agrees.append((p.argmax(dim=-1) == q.argmax(dim=-1)).cpu())
    return torch.cat(nats), torch.cat(agrees)
