"""Continuous batching: shared prefixes read once, finished rows replaced by waiting prompts.

The order in which prompts wait is decided by the prompts alone; when one gets a row, by the
answers before it. Tokens are read back from the device, and looked at for an end, in blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import torch

from cliffguard.core.timing import Stages
from cliffguard.engine.decoding import KeyValues, RowCache, Sampling, pick
from cliffguard.engine.packed_rows import Ints, RowLimits, chain
from cliffguard.engine.packing import in_order, shared_with_previous
from cliffguard.engine.passes import Model, stacked

MIN_SHARED_TOKENS = 32
"""A prefix of prompts gets a pass of its own from this length on."""

Group = tuple[int, list[int]]
"""Length of a shared prefix, 0 for none, and the numbers of the prompts that begin with it."""

EndsAt = Callable[[Sequence[int], int], int | None]
"""From the tokens generated so far, and how many of them were looked at before, to how many of them
are the answer; None where it goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What is continued, and when to stop: where `ends_at` says, or after `max_new_tokens`.

    `ends_at` is called with every token once and may remember. `seed` decides what is sampled: two
    prompts of one seed draw the same random numbers.
    """

    tokens: Ints
    max_new_tokens: int
    ends_at: EndsAt
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
    limits: RowLimits,
    *,
    sampling: Sampling | None = None,
    stages: Stages | None = None,
) -> list[Generated]:
    """Return one continuation per prompt, in order; `sampling` None picks the likeliest token."""
    results: dict[int, Generated] = {}
    complete(model, prompts, results, limits, sampling=sampling, stages=stages)
    return [results[number] for number in range(len(prompts))]


def complete(
    model: Model,
    prompts: Sequence[Prompt],
    results: dict[int, Generated],
    limits: RowLimits,
    *,
    sampling: Sampling | None = None,
    stages: Stages | None = None,
) -> None:
    """Put into `results` what it lacks: the continuations of prompts, by their numbers.

    May be called again after it failed, with smaller limits and the prompts made anew: what has
    ended stays.
    """
    left = [number for number in range(len(prompts)) if number not in results]
    if not left:
        return
    groups = prompt_groups([prompts[number].tokens for number in left])
    waiting = [(n_shared, [left[index] for index in members]) for n_shared, members in groups]
    rows = _ActiveRows(model, prompts, limits, sampling, stages or Stages())
    rows.run(waiting, results)


def first_of(groups: list[Group], n_prompts: int) -> list[Group]:
    """Take the first prompts out of waiting groups, at most so many; return them, by group."""
    taken: list[Group] = []
    while groups and n_prompts:
        n_shared, members = groups.pop(0)
        taken.append((n_shared, members[:n_prompts]))
        if rest := members[n_prompts:]:
            groups.insert(0, (n_shared, rest))
        n_prompts -= len(taken[-1][1])
    return taken


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


class _ActiveRows:
    """Prompts that are continued side by side; who has ended makes room for who waits."""

    def __init__(
        self,
        model: Model,
        prompts: Sequence[Prompt],
        limits: RowLimits,
        sampling: Sampling | None,
        stages: Stages,
    ) -> None:
        self.model = model
        self.prompts = prompts
        self.limits = limits
        self.sampling = sampling
        self.stages = stages
        self.active: list[_Row] = []  # in the order of the cache's rows
        self.logits: list[torch.Tensor] = []  # after the last token of each, to be joined

    def run(self, waiting: list[Group], results: dict[int, Generated]) -> None:
        """Continue all that wait, each until it ends, and put each that has into `results`."""
        numbers = [number for _, members in waiting for number in members]
        longest = max(len(self.prompts[n].tokens) + self.prompts[n].max_new_tokens for n in numbers)
        n_rows = min(self.limits.n_rows, len(numbers))
        self.cache = RowCache(n_rows, longest, device=self.model.device)
        while waiting or self.active:
            if waiting and (room := self._room()):
                with self.stages.during("prefill", lambda: self.model.n_tokens):
                    self._read(first_of(waiting, room))
                    self.model.wait()
            with self.stages.during("decoding", lambda: self.model.n_tokens):
                self._continue(results)

    def _room(self) -> int:
        """Return how many prompts may be read now."""
        return self.cache.n_rows - len(self.active)

    def _read(self, groups: Sequence[Group]) -> None:
        """Read prompts, group after group, into rows of their own."""
        for n_shared, numbers in groups:
            prefix: KeyValues = ()
            if n_shared:
                prefix = self.model.prefix_kv(self.prompts[numbers[0]].tokens[:n_shared])
            start = 0
            while start < len(numbers):
                longest = len(self.prompts[numbers[start]].tokens) - n_shared  # longer ones first
                part = numbers[start : start + max(1, self.limits.batch_tokens // longest)]
                self._read_part(part, prefix, n_shared)
                start += len(part)

    def _read_part(self, numbers: Sequence[int], prefix: KeyValues, n_shared: int) -> None:
        rows = [_Row(number, self.prompts[number]) for number in numbers]
        lengths = [len(row.prompt.tokens) for row in rows]
        tokens = stacked([chain(row.prompt.tokens[n_shared:], n_shared) for row in rows])
        width = max(lengths) - n_shared
        last = [n * width + length - n_shared - 1 for n, length in enumerate(lengths)]
        logits, states = self.model.fill(tokens, prefix, torch.tensor(last))
        self.cache.add(prefix, states, lengths)
        self.logits.append(logits)
        self.active += rows

    def _continue(self, results: dict[int, Generated]) -> None:
        """Generate a block of tokens a row; let those go that have ended."""
        picked = self._block(min(row.n_left for row in self.active))
        for row in self.active:
            row.look()
        going = [index for index, row in enumerate(self.active) if row.reason is None]
        results.update((row.number, row.result()) for row in self.active if row.reason is not None)
        if len(going) < len(self.active):
            order = self.cache.keep(going)
            self.active = [self.active[index] for index in order]
            picked = picked[torch.tensor(order, dtype=torch.long, device=picked.device)]
        self.logits = [self.model.step(picked[:, None], self.cache)] if self.active else []

    def _block(self, n_most: int) -> torch.Tensor:
        """Generate the tokens of a block, at most so many; return the last of each row.

        Nothing here waits for the device but what is sampled, and the end.
        """
        generators = [row.generator for row in self.active]
        logits = torch.cat(self.logits) if len(self.logits) > 1 else self.logits[0]
        taken = []
        for n_left in reversed(range(max(1, min(n_most, self.limits.block_tokens)))):
            taken.append(pick(logits, self.sampling, generators))
            if n_left:
                logits = self.model.step(taken[-1][0][:, None], self.cache)
        tokens, logprobs, margins = (
            torch.stack(parts, dim=1).tolist() for parts in zip(*taken, strict=True)
        )
        for row, *new in zip(self.active, tokens, logprobs, margins, strict=True):
            row.take(*new)
        return taken[-1][0]


class _Row:
    """A prompt and its continuation so far."""

    def __init__(self, number: int, prompt: Prompt) -> None:
        self.number = number
        self.prompt = prompt
        self.generator = torch.Generator().manual_seed(prompt.seed)
        self.tokens: list[int] = []
        self.logprobs: list[float] = []
        self.margins: list[float] = []
        self.reason: Literal["stop", "length"] | None = None
        self._n_seen = 0

    @property
    def n_left(self) -> int:
        """How many tokens it may still have."""
        return self.prompt.max_new_tokens - len(self.tokens)

    def take(self, tokens: list[int], logprobs: list[float], margins: list[float]) -> None:
        """Append what was generated."""
        self.tokens += tokens
        self.logprobs += logprobs
        self.margins += margins

    def look(self) -> None:
        """Look for an end in what is new; forget what lies behind it."""
        n_answer = self.prompt.ends_at(self.tokens, self._n_seen)
        self._n_seen = len(self.tokens)
        if n_answer is not None:
            self.reason = "stop"
            del self.tokens[n_answer:], self.logprobs[n_answer:], self.margins[n_answer:]
        elif self.n_left <= 0:
            self.reason = "length"

    def result(self) -> Generated:
        """Return the continuation, once it has ended."""
        assert self.reason is not None
        return Generated(
            tokens=tuple(self.tokens),
            logprobs=tuple(self.logprobs),
            margin=min(self.margins),
            finish_reason=self.reason,
        )
