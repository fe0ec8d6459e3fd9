"""Generated answers: the shared prefix read once, every row stopped as soon as it is done.

Which prompts share a batch is decided by the prompts alone. A row that has finished leaves its
batch, the others go on; nobody takes its place, since when it leaves depends on the checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import torch

from cliffguard.engine.decoding import RowCache, Sampling, pick
from cliffguard.engine.packing import Ints, Row, chain, shared_with_previous
from cliffguard.engine.passes import KeyValues, Model, stacked

MIN_SHARED_TOKENS = 32
"""A prefix of prompts gets a pass of its own from this length on."""

IsDone = Callable[[Sequence[int]], bool]
"""From the tokens generated so far to whether they end the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What is continued, and when to stop: once `is_done(tokens)`, or after `max_new_tokens`.

    `is_done` is asked after every token and may remember. `seed` decides what is sampled: two
    prompts of one seed draw the same random numbers.
    """

    tokens: Ints
    max_new_tokens: int
    is_done: IsDone
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """A continuation: its tokens, the one that ended it included, and their log-probabilities.

    `margin` is the smallest lead, in nats, of a picked token over the second best.
    """

    tokens: tuple[int, ...]
    logprobs: tuple[float, ...]
    margin: float
    finish_reason: Literal["stop", "length"]


def generate(
    model: Model,
    prompts: Sequence[Prompt],
    *,
    batch_rows: int,
    sampling: Sampling | None = None,
) -> list[Generated]:
    """Return one continuation per prompt, in order; `sampling` None picks the likeliest token."""
    results: dict[int, Generated] = {}
    for n_shared, members in prompt_groups([prompt.tokens for prompt in prompts]):
        prefix: KeyValues = ()
        if n_shared:
            prefix = model.beginning(prompts[members[0]].tokens[:n_shared])
        for start in range(0, len(members), batch_rows):
            numbers = members[start : start + batch_rows]
            batch = _Batch(model, [prompts[n] for n in numbers], prefix, sampling)
            results.update(zip(numbers, batch.run(), strict=True))
    return [results[number] for number in range(len(prompts))]


def prompt_groups(prompts: Sequence[Ints]) -> list[tuple[int, list[int]]]:
    """Return (length of the shared prefix, numbers of the prompts) of each group.

    Within a group, longer prompts come first, so that a batch pads little. A shared prefix never
    covers a prompt entirely: its last token is read to predict the first new one.
    """
    order = sorted(range(len(prompts)), key=lambda n: (prompts[n].astype(">i8").tobytes(), n))
    shared = shared_with_previous([prompts[number] for number in order])
    groups: list[tuple[int, list[int]]] = []
    alone: list[int] = []
    pending = [(0, len(order))] if prompts else []
    while pending:
        low, high = pending.pop()
        if high - low == 1:
            alone.append(order[low])
            continue
        common = int(shared[low + 1 : high].min())
        shortest = min(len(prompts[number]) for number in order[low:high])
        if min(common, shortest - 1) >= MIN_SHARED_TOKENS:
            groups.append((min(common, shortest - 1), order[low:high]))
            continue
        cuts = low + 1 + np.flatnonzero(shared[low + 1 : high] == common)
        edges = [low, *cuts.tolist(), high]
        if len(edges) == high - low + 1:
            alone += order[low:high]
            continue
        pending += list(pairwise(edges))[::-1]
    groups.append((0, alone))
    return [
        (n_shared, sorted(numbers, key=lambda n: (-len(prompts[n]), n)))
        for n_shared, numbers in groups
        if numbers
    ]


class _Batch:
    """Rows that are continued together, until each is done."""

    def __init__(
        self,
        model: Model,
        prompts: Sequence[Prompt],
        prefix: KeyValues,
        sampling: Sampling | None,
    ) -> None:
        self.model = model
        self.prompts = prompts
        self.sampling = sampling
        n_prefix = prefix[0][0].shape[-2] if prefix else 0
        rows = [chain(prompt.tokens[n_prefix:], n_prefix) for prompt in prompts]
        lengths = torch.tensor([len(prompt.tokens) for prompt in prompts])
        self.cache = RowCache(prefix, lengths, device=model.device)
        self.logits = self._prefill(rows, prefix)
        self.generators = [torch.Generator().manual_seed(prompt.seed) for prompt in prompts]
        self.tokens: list[list[int]] = [[] for _ in prompts]
        self.logprobs: list[list[float]] = [[] for _ in prompts]
        self.margins = [float("inf")] * len(prompts)
        self.reasons: dict[int, Literal["stop", "length"]] = {}

    def _prefill(self, rows: Sequence[Row], prefix: KeyValues) -> Any:
        tokens = stacked(rows)
        width = tokens.ids.shape[1]
        last = torch.tensor([n * width + len(row.tokens) - 1 for n, row in enumerate(rows)])
        n_past = prefix[0][0].shape[-2] if prefix else 0
        return self.model.fill(tokens, self.cache, last, n_past)

    def run(self) -> list[Generated]:
        """Generate until every row is done; return the continuations in order."""
        active = list(range(len(self.prompts)))
        while True:
            self._take(active)
            going = [place for place, row in enumerate(active) if not self._ended(row)]
            if not going:
                break
            if len(going) < len(active):
                self.cache.keep_rows(torch.tensor(going))
                active = [active[place] for place in going]
            ids = torch.tensor([[self.tokens[row][-1]] for row in active])
            self.logits = self.model.step(ids, self.cache)
        return [
            Generated(
                tokens=tuple(self.tokens[row]),
                logprobs=tuple(self.logprobs[row]),
                margin=self.margins[row],
                finish_reason=self.reasons[row],
            )
            for row in range(len(self.prompts))
        ]

    def _take(self, active: Sequence[int]) -> None:
        """Append one token to each active row."""
        generators = [self.generators[row] for row in active]
        picked, logprobs, margins = pick(self.logits, self.sampling, generators)
        for place, row in enumerate(active):
            self.tokens[row].append(picked[place])
            self.logprobs[row].append(logprobs[place])
            self.margins[row] = min(self.margins[row], margins[place])

    def _ended(self, row: int) -> bool:
        if self.prompts[row].is_done(self.tokens[row]):
            self.reasons[row] = "stop"
        elif len(self.tokens[row]) >= self.prompts[row].max_new_tokens:
            self.reasons[row] = "length"
        return row in self.reasons
