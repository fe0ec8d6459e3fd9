"""Log-likelihoods of many continuations, shared prefixes computed once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from cliffguard.engine.decoding import KeyValues
from cliffguard.engine.packed_rows import Branch, PackedRow, PassLimits, Scored
from cliffguard.engine.packing import plan
from cliffguard.engine.passes import Model, read_out, stacked


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLikelihood:
    """Natural log-probabilities of a sequence's targets, and whether each is the greedy choice."""

    logprobs: tuple[float, ...]
    is_greedy: bool

    @property
    def total(self) -> float:
        """Sum of the log-probabilities, in nats."""
        return float(np.sum(self.logprobs))


class Scores:
    """The log-likelihoods of sequences, as far as they are known.

    `complete` may be called again after it failed, with smaller limits: what was read stays.
    """

    def __init__(self, sequences: Sequence[Scored]) -> None:
        self.sequences = sequences
        lengths = [len(sequence.targets) for sequence in sequences]
        self._starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        self._logprobs = np.full(self._starts[-1], np.nan)
        self._is_known = np.zeros(self._starts[-1], dtype=bool)
        self._is_best = np.zeros(self._starts[-1], dtype=bool)

    def complete(self, model: Model, limits: PassLimits) -> None:
        """Compute what is not yet known."""
        numbers = np.array([n for n, known in enumerate(self._all_known()) if not known])
        # (branch, keys and values of the prefix above it); a prefix is freed with its last branch.
        stack: list[tuple[Branch, KeyValues]] = [
            (plan([self.sequences[number] for number in numbers], limits), ())
        ]
        while stack:
            branch, prefix = stack.pop()
            if branch.row is not None and not prefix and not len(branch.row.reads.position):
                prefix = model.prefix_kv(branch.row.tokens)
            elif branch.row is not None:
                prefix = self._run(model, (branch.row,), prefix, numbers, keeps=True)
            for batch in branch.batches:
                self._run(model, batch, prefix, numbers, keeps=False)
            stack += [(below, prefix) for below in reversed(branch.branches)]
            del prefix

    def results(self) -> list[LogLikelihood]:
        """Return one result per sequence, in order."""
        spans = zip(self._starts[:-1], self._starts[1:], strict=True)
        return [
            LogLikelihood(
                logprobs=tuple(self._logprobs[start:stop].tolist()),
                is_greedy=bool(self._is_best[start:stop].all()),
            )
            for start, stop in spans
        ]

    def _all_known(self) -> list[bool]:
        spans = zip(self._starts[:-1], self._starts[1:], strict=True)
        return [bool(self._is_known[start:stop].all()) for start, stop in spans]

    def _run(
        self,
        model: Model,
        rows: Sequence[PackedRow],
        prefix: KeyValues,
        numbers: Any,
        *,
        keeps: bool,
    ) -> KeyValues:
        tokens = stacked(rows)
        width = tokens.ids.shape[1]
        indices = np.concatenate([row.reads.position + n * width for n, row in enumerate(rows)])
        keep, which = np.unique(indices, return_inverse=True)
        kept = torch.from_numpy(keep)
        if keeps:
            logits, prefix = model.extend(tokens, prefix, kept)
        else:
            logits = model.read(tokens, prefix, kept)
        if not len(indices):
            return prefix
        targets = torch.from_numpy(np.concatenate([row.reads.target for row in rows]))
        logprobs, is_best = read_out(logits, torch.from_numpy(which), targets)
        put = np.concatenate(
            [self._starts[numbers[row.reads.request]] + row.reads.offset for row in rows]
        )
        self._logprobs[put], self._is_best[put] = logprobs, is_best
        self._is_known[put] = True
        return prefix


def score(model: Model, sequences: Sequence[Scored], limits: PassLimits) -> list[LogLikelihood]:
    """Return the log-likelihood of every sequence's targets, in order."""
    scores = Scores(sequences)
    scores.complete(model, limits)
    return scores.results()
