"""The engine with one part switched off, and what else could generate: for the benchmark only.

The engine has no such switches: it is patched from outside, for as long as a context lasts.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any
from unittest import mock

import torch

from cliffguard.engine import generation, packing, passes, scoring
from cliffguard.engine.generation import Prompt
from cliffguard.engine.lm import CliffguardLM
from cliffguard.engine.packed_rows import Branch, PackedRow, PassLimits, Scored

Switch = Callable[[CliffguardLM], AbstractContextManager[Any]]

_NEVER = 1 << 40
_PAGE_TOKENS = 64
_BATCH_TOKENS = 512  # of continuous batching on a CPU, where it cannot be found from free memory


@contextmanager
def _budget(lm: CliffguardLM, **changes: Any) -> Iterator[None]:
    before, lm.budget = lm.budget, replace(lm.budget, **changes)
    try:
        yield
    finally:
        lm.budget = before


def _each_apart(sequences: Sequence[Scored], limits: PassLimits) -> Branch:
    """Plan every sequence as a row of its own, as if none shared anything."""
    rows: list[PackedRow] = []
    for number, sequence in enumerate(sequences):
        alone = packing.plan([sequence], limits)
        row = alone.batches[0][0]
        reads = replace(row.reads, request=row.reads.request + number)
        rows.append(replace(row, reads=reads))
    return Branch(row=None, batches=packing.in_batches(rows, limits), branches=())


def _in_order(rows: Sequence[PackedRow], limits: PassLimits) -> tuple[tuple[PackedRow, ...], ...]:
    """Group rows into passes in the order of the requests, instead of longest first."""

    def first_request(row: PackedRow) -> int:
        return int(row.reads.request.min()) if len(row.reads.request) else 0

    batches: list[list[PackedRow]] = []
    for row in sorted(rows, key=first_request):
        together = [*batches[-1], row] if batches else []
        fits = bool(together) and (
            len(together) * max(len(packed.tokens) for packed in together) <= limits.batch_tokens
            and sum(len(packed.reads.position) for packed in together) <= limits.batch_reads
            and (
                limits.batch_sequences is None
                or sum(packed.n_sequences for packed in together) <= limits.batch_sequences
            )
        )
        if not fits:
            batches.append([])
        batches[-1].append(row)
    return tuple(tuple(batch) for batch in batches)


@contextmanager
def _all_logits(model: Any, keep: torch.Tensor) -> Iterator[None]:
    """Let the LM head see every position, and pick the logits that are read afterwards."""

    def pick(module: Any, args: Any, logits: torch.Tensor) -> torch.Tensor:
        flat = logits.reshape(-1, logits.shape[-1])
        return flat.index_select(0, keep.to(flat.device))[None]

    handle = model.get_output_embeddings().register_forward_hook(pick)
    try:
        yield
    finally:
        handle.remove()


def _room_in_empty_batch(rows: Any) -> int:
    """Let prompts wait until every row has ended."""
    return 0 if rows.active else int(rows.cache.n_rows)


_HEAD: dict[str, Switch] = {
    "LM head on all positions": lambda lm: mock.patch.object(passes, "only_at", _all_logits)
}

SCORING: dict[str, Switch] = {
    "no passes for prefixes": lambda lm: mock.patch.object(packing, "MIN_SAVED_TOKENS", _NEVER),
    "no packing (a group a row)": lambda lm: _budget(lm, row_tokens=1),
    "no sharing at all (a sequence a row)": lambda lm: mock.patch.object(
        scoring, "plan", _each_apart
    ),
    **_HEAD,
    "8 sequences a pass, no token budget": lambda lm: _budget(
        lm, batch_tokens=_NEVER, batch_sequences=8
    ),
    "no sorting by length": lambda lm: mock.patch.object(packing, "in_batches", _in_order),
}
"""For log-likelihoods: what is switched off, and how."""

GENERATING: dict[str, Switch] = {
    "no shared prefix": lambda lm: mock.patch.object(generation, "MIN_SHARED_TOKENS", _NEVER),
    "rows not replaced": lambda lm: mock.patch.object(
        generation._ActiveRows, "_room", _room_in_empty_batch
    ),
    "8 rows": lambda lm: _budget(lm, generation_rows=8),
    "blocks of 8 tokens": lambda lm: _budget(lm, block_tokens=8),
    **_HEAD,
}
"""For generation: what is switched off, and how."""


# --- other ways to generate ----------------------------------------------------------------------

Tokens = list[list[int]]


def our_loop(lm: CliffguardLM, prompts: Tokens, n_new: int, eos: int) -> Tokens:
    """Continue prompts with the engine's loop, up to the end token."""
    requests = [
        Prompt(
            tokens=torch.tensor(prompt).numpy(),
            max_new_tokens=n_new,
            ends_at=lambda tokens, n_seen: _end_of(tokens, n_seen, eos),
            seed=0,
        )
        for prompt in prompts
    ]
    limits = lm.budget.row_limits(max(len(prompt) for prompt in prompts) + n_new)
    answers = generation.generate(passes.Model(lm.model), requests, limits)
    return [list(answer.tokens) for answer in answers]


def _end_of(tokens: Sequence[int], n_seen: int, eos: int) -> int | None:
    new = list(tokens[n_seen:])
    return n_seen + new.index(eos) + 1 if eos in new else None


def continuous_batching(lm: CliffguardLM, prompts: Tokens, n_new: int, eos: int) -> Tokens:
    """Continue prompts with transformers' continuous batching, which shares full pages."""
    from transformers import ContinuousBatchingConfig, GenerationConfig

    total = sum(len(prompt) + n_new + _PAGE_TOKENS for prompt in prompts)
    attention = lm.model.config._attn_implementation
    try:
        outputs = lm.model.generate_batch(
            inputs=prompts,
            generation_config=GenerationConfig(
                max_new_tokens=n_new, do_sample=False, eos_token_id=eos, pad_token_id=eos
            ),
            continuous_batching_config=ContinuousBatchingConfig(
                page_size=_PAGE_TOKENS,
                num_blocks=-(-total // _PAGE_TOKENS),
                max_batch_tokens=_BATCH_TOKENS,
                auto_switch_to_flash=False,
            ),
            progress_bar=False,
        )
    finally:
        lm.model.set_attn_implementation(attention)
    if len(outputs) != len(prompts):
        raise RuntimeError(f"{len(outputs)} of {len(prompts)} prompts were answered")
    if errors := [output.error for output in outputs.values() if output.error is not None]:
        raise RuntimeError(f"continuous batching: {errors[0]}")
    return [list(output.generated_tokens) for output in outputs.values()]


def generate_with_prefix(lm: CliffguardLM, prompts: Tokens, n_new: int, eos: int) -> Tokens:
    """Continue prompts with transformers' `generate` over copies of one prefix's cache."""
    from transformers import DynamicCache

    model = lm.model
    n_shared = min(_common(prompts), min(len(prompt) for prompt in prompts) - 1)
    prefix = DynamicCache(config=model.config)
    with torch.inference_mode():
        model(input_ids=torch.tensor([prompts[0][:n_shared]]), past_key_values=prefix)
    order = sorted(range(len(prompts)), key=lambda number: -len(prompts[number]))
    n_rows = lm.budget.row_limits(max(len(prompt) for prompt in prompts) + n_new).n_rows
    answers: dict[int, list[int]] = {}
    for start in range(0, len(order), n_rows):
        numbers = order[start : start + n_rows]
        longest = len(prompts[numbers[0]])
        # The padding goes between prefix and rest, where a cached prefix leaves room for it.
        ids = torch.full((len(numbers), longest), eos)
        seen = torch.zeros_like(ids)
        for index, number in enumerate(numbers):
            rest = prompts[number][n_shared:]
            for part, value in ((ids, torch.tensor(prompts[number])), (seen, None)):
                part[index, :n_shared] = 1 if value is None else value[:n_shared]
                part[index, longest - len(rest) :] = 1 if value is None else value[n_shared:]
        cache = copy.deepcopy(prefix)
        cache.batch_repeat_interleave(len(numbers))
        out = model.generate(
            input_ids=ids,
            attention_mask=seen,
            past_key_values=cache,
            max_new_tokens=n_new,
            do_sample=False,
            eos_token_id=eos,
            pad_token_id=eos,
        )
        for index, number in enumerate(numbers):
            answers[number] = _until(out[index, longest:].tolist(), eos)
    return [answers[number] for number in range(len(prompts))]


DECODING: dict[str, Callable[[CliffguardLM, Tokens, int, int], Tokens]] = {
    "the engine's loop": our_loop,
    "transformers continuous batching": continuous_batching,
    "transformers generate over a shared prefix": generate_with_prefix,
}
"""Ways to continue prompts greedily, up to an end token; the first is the engine's."""


def _common(prompts: Tokens) -> int:
    first = prompts[0]
    return next(
        (n for n, token in enumerate(first) if any(p[n : n + 1] != [token] for p in prompts)),
        len(first),
    )


def _until(tokens: list[int], eos: int) -> list[int]:
    return tokens[: tokens.index(eos) + 1] if eos in tokens else tokens
