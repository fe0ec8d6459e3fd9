"""Batched generation: shared prefixes read once, rows stopped when done.

Which prompts share a batch is decided by the prompts alone. A row that has finished leaves its
batch, the others go on; nobody takes its place, since when it leaves depends on the checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import torch

from cliffguard.core.timing import Stages
from cliffguard.engine.decoding import RowCache, Sampling, joined, pick
from cliffguard.engine.packing import Ints, chain, in_order, shared_with_previous
from cliffguard.engine.passes import KeyValues, Model, stacked

MIN_SHARED_TOKENS = 32
"""A prefix of prompts gets a pass of its own from this length on."""

Group = tuple[int, list[int]]
"""Length of a shared prefix, 0 for none, and the numbers of the prompts that begin with it."""

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
    batch_tokens: int,
    sampling: Sampling | None = None,
    stages: Stages | None = None,
) -> list[Generated]:
    """Return one continuation per prompt, in order; `sampling` None picks the likeliest token.

    At most `batch_rows` prompts are continued side by side; they are read in passes of at most
    `batch_tokens` tokens, or of one prompt.
    """
    stages = stages or Stages()
    results: dict[int, Generated] = {}
    for parts in batches(prompt_groups([prompt.tokens for prompt in prompts]), batch_rows):
        numbers = [number for _, members in parts for number in members]
        with stages.during("prefill", lambda: model.n_tokens):
            cache, logits = _read_prompts(model, prompts, parts, batch_tokens)
            model.wait()
        together = [prompts[number] for number in numbers]
        batch = _Batch(model, together, cache, logits, sampling)
        with stages.during("decoding", lambda: model.n_tokens):
            results.update(zip(numbers, batch.run(), strict=True))
    return [results[number] for number in range(len(prompts))]


def batches(groups: Sequence[Group], n_rows: int) -> list[list[Group]]:
    """Return groups cut and put together into batches of `n_rows` prompts; the last may be smaller.

    Prompts of several prefixes are continued side by side: a token more a row costs about the
    same for one row as for eight.
    """
    batched: list[list[Group]] = []
    room = 0
    for n_shared, members in groups:
        start = 0
        while start < len(members):
            if not room:
                batched.append([])
                room = n_rows
            part = members[start : start + room]
            batched[-1].append((n_shared, part))
            start += len(part)
            room -= len(part)
    return batched


def prompt_groups(prompts: Sequence[Ints]) -> list[Group]:
    """Return the prompts by the prefix that they share.

    Within a group, longer prompts come first, so that a batch pads little. A shared prefix never
    covers a prompt entirely: its last token is read to predict the first new one.
    """
    order = in_order(prompts)
    shared = shared_with_previous([prompts[number] for number in order])
    groups: list[Group] = []
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
        pending += list(pairwise(edges))[::-1]
    groups.append((0, alone))
    return [
        (n_shared, sorted(numbers, key=lambda n: (-len(prompts[n]), n)))
        for n_shared, numbers in groups
        if numbers
    ]


def _read_prompts(
    model: Model, prompts: Sequence[Prompt], groups: Sequence[Group], batch_tokens: int
) -> tuple[RowCache, torch.Tensor]:
    """Return the cache of a batch, and the logits after each prompt, group after group."""
    caches: list[RowCache] = []
    logits: list[torch.Tensor] = []
    for n_shared, numbers in groups:
        prefix: KeyValues = ()
        if n_shared:
            prefix = model.prefix_kv(prompts[numbers[0]].tokens[:n_shared])
        start = 0
        while start < len(numbers):
            longest = len(prompts[numbers[start]].tokens) - n_shared  # longer ones come first
            part = numbers[start : start + max(1, batch_tokens // longest)]
            cache, read = _read_part(model, [prompts[number] for number in part], prefix)
            caches.append(cache)
            logits.append(read)
            start += len(part)
    return joined(caches), torch.cat(logits)


def _read_part(
    model: Model, prompts: Sequence[Prompt], prefix: KeyValues
) -> tuple[RowCache, torch.Tensor]:
    lengths = torch.tensor([len(prompt.tokens) for prompt in prompts])
    cache = RowCache(prefix, lengths, device=model.device)
    tokens = stacked([chain(prompt.tokens[cache.n_prefix :], cache.n_prefix) for prompt in prompts])
    width = int(lengths.max()) - cache.n_prefix
    last = torch.arange(len(prompts)) * width + lengths - cache.n_prefix - 1
    return cache, model.fill(tokens, cache, last)


class _Batch:
    """Rows that are continued together, until each is done."""

    def __init__(
        self,
        model: Model,
        prompts: Sequence[Prompt],
        cache: RowCache,
        logits: torch.Tensor,
        sampling: Sampling | None,
    ) -> None:
        self.model = model
        self.prompts = prompts
        self.cache = cache
        self.logits = logits
        self.sampling = sampling
        self.generators = [torch.Generator().manual_seed(prompt.seed) for prompt in prompts]
        self.tokens: list[list[int]] = [[] for _ in prompts]
        self.logprobs: list[list[float]] = [[] for _ in prompts]
        self.margins = [float("inf")] * len(prompts)
        self.reasons: dict[int, Literal["stop", "length"]] = {}

    def run(self) -> list[Generated]:
        """Generate until every row is done; return the continuations in order."""
        active = list(range(len(self.prompts)))
        while True:
            self._take(active)
            going = [index for index, row in enumerate(active) if not self._ended(row)]
            if not going:
                break
            if len(going) < len(active):
                self.cache.keep_rows(torch.tensor(going))
                active = [active[index] for index in going]
            ids = torch.tensor([[self.tokens[row][-1]] for row in active])
            self.logits = self.model.step(ids, self.cache)
        return self.results()

    def results(self) -> list[Generated]:
        """Return the continuations in order, once every row is done."""
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
        for index, row in enumerate(active):
            self.tokens[row].append(picked[index])
            self.logprobs[row].append(logprobs[index])
            self.margins[row] = min(self.margins[row], margins[index])

    def _ended(self, row: int) -> bool:
        if self.prompts[row].is_done(self.tokens[row]):
            self.reasons[row] = "stop"
        elif len(self.tokens[row]) >= self.prompts[row].max_new_tokens:
            self.reasons[row] = "length"
        return row in self.reasons
