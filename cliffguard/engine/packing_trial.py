"""The trial of packing: whether a model computes packed what it computes apart.

Packing rests on three things that transformers promises of most decoders: a 4-D mask is used as
it is given, positions are those that are passed in, and a prefix's keys and values are all that
the rest needs of it. Where one fails, the numbers would be wrong in silence: so it is tried.

In float32 both ways agree to rounding, on a fixed trial. Below it they cannot: in bfloat16 one
step between neighbouring logits of 16 is 0.125. So the weights are widened first, and the fixed
trial must hold as it does in float32; then the run's own prompts are scored in the model's dtype,
packed and apart, and in float32. Packing passes where it lies no farther from float32 than apart.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from cliffguard.core.errors import CliffguardError, IntegrityError
from cliffguard.core.texts import first_line
from cliffguard.engine.budget import free_bytes
from cliffguard.engine.decoding import RowCache
from cliffguard.engine.float32 import (
    ReferenceTooSlow,
    bytes_to_widen,
    can_be_had,
    in_float32,
    working_seconds,
)
from cliffguard.engine.loading import is_out_of_memory
from cliffguard.engine.packed_rows import Ints, PassLimits, Scored, chain
from cliffguard.engine.packing import in_order, shared_with_previous
from cliffguard.engine.packing_support import known_reason
from cliffguard.engine.passes import Model, only_at, read_out, stacked
from cliffguard.engine.scoring import score
from cliffguard.engine.windows import window_of_model

Floats = npt.NDArray[np.float64]

_TOLERANCE = 1e-4  # nats a token, of float32 and wider
_N_PREFIX = 40
_N_BRANCH = 6

WORSE = 1.25
"""Packed may lie so many times as far from float32 as plain does, in the mean and at the 99th
percentile."""

N_TOKENS = (256, 512, 1024)
"""A trial on prompts reads at least so many tokens; where it fails, more, up to the last number:
the 99th percentile of 256 rests on three of them, and fails a sound model now and then."""

SECONDS, SHARE = 30.0, 0.1
"""So long may float32 take, or this share of what the run will take where that is more."""

_N_READ = 128  # tokens that are read at the end of a prompt
_N_BEFORE = 32  # and so many before them


@dataclass(frozen=True, slots=True)
class LogprobError:
    """How far log-probabilities lie from those in float32, in nats a token."""

    mean: float
    p99: float

    @classmethod
    def of(cls, logprobs: Floats, reference: Floats) -> LogprobError:
        """Return the distance of [tokens] log-probabilities from the reference's."""
        moved = np.abs(logprobs - reference)
        return cls(float(moved.mean()), float(np.quantile(moved, 0.99)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What came of a trial on a run's own prompts, over `n_tokens` tokens."""

    n_tokens: int
    plain: LogprobError
    packed: LogprobError

    @classmethod
    def of(cls, packed: Floats, plain: Floats, reference: Floats) -> Trial:
        """Return how far [tokens] log-probabilities of both ways lie from the reference's."""
        return cls(
            n_tokens=len(reference),
            plain=LogprobError.of(plain, reference),
            packed=LogprobError.of(packed, reference),
        )

    @property
    def passes(self) -> bool:
        """Return True if packing costs no accuracy."""
        return (
            self.packed.mean <= WORSE * self.plain.mean
            and self.packed.p99 <= WORSE * self.plain.p99
        )


def plain_reason(
    model: Any,
    prompts: Sequence[Ints] | None = None,
    *,
    n_run: int = 0,
    hear: Callable[[Trial], None] = lambda _: None,
) -> str | None:
    """Return why `model` must take the plain path, item by item as lm-eval does, or None.

    Below float32 `prompts` are some of the `n_run` token sequences that the run puts to it, and
    needed; `hear` is given their trial. Raises MemoryError where float32 has no room.
    """
    if (reason := known_reason(model)) is not None:
        return reason
    if not is_low(model):
        return _explained(lambda: _moved(model))
    if not can_be_had(model):
        return "what it computes in float32 is not known, its weights being quantised or on a disk"
    if bytes_to_widen(model) > free_bytes(model.get_input_embeddings().weight.device):
        raise MemoryError("no room for a layer and the embedding in float32")
    return _explained(lambda: _tried(model, prompts or (), n_run, hear))


def is_low(model: Any) -> bool:
    """Return True if a model computes in less than float32."""
    return model.dtype not in (torch.float32, torch.float64)


def _explained(tried: Callable[[], str | None]) -> str | None:
    try:
        return tried()
    except CliffguardError:
        raise
    except Exception as failure:  # models raise whatever they like at inputs they do not know
        if is_out_of_memory(failure):
            raise
        reason = first_line(failure, otherwise="", n_characters=120)
        return f"it refuses packed input ({type(failure).__name__}: {reason})"


# --- on the run's own prompts --------------------------------------------------------------------


def _tried(
    model: Any, prompts: Sequence[Ints], n_run: int, hear: Callable[[Trial], None]
) -> str | None:
    engine, started = Model(model), working_seconds(model)
    until = allowed = 0.0
    rows: list[list[Floats]] = []  # packed, plain, reference
    n_sequences = 0
    for n_tokens in N_TOKENS:
        sequences = sampled(prompts, model, n_tokens)[n_sequences:]
        n_sequences += len(sequences)
        packed = _packed(engine, sequences)
        if not rows:
            a_token = (working_seconds(model) - started) / engine.n_tokens
            allowed = max(SECONDS, SHARE * a_token * _run_tokens(prompts, n_run))
            until = working_seconds(model) + allowed
        try:
            with in_float32(model, until):
                if not rows and (reason := _moved(model, torch.float32)) is not None:
                    return reason
                reference = _apart(model, sequences, reads_only=True)
        except ReferenceTooSlow:
            if rows:
                break
            return (
                f"float32, by which packing is judged, takes longer than {allowed:.0f} s here "
                "(--packing packed shares prefixes unjudged)"
            )
        plain = _apart(model, sequences, reads_only=True)
        _refuse_not_finite(plain)
        rows.append([packed, plain, reference])
        trial = Trial.of(*np.concatenate(rows, axis=1))
        if trial.passes:
            break
    hear(trial)
    if trial.passes:
        return None
    return (
        f"over {trial.n_tokens} tokens, packed lies {trial.packed.mean:.2g} nats from float32 "
        f"(99th percentile {trial.packed.p99:.2g}), and apart {trial.plain.mean:.2g} "
        f"({trial.plain.p99:.2g})"
    )


def _run_tokens(prompts: Sequence[Ints], n_run: int) -> float:
    """Return about how many tokens `n_run` prompts like these put through a packed model."""
    if not prompts:
        return 0.0
    ordered = [prompts[number] for number in in_order(prompts)]
    n_tokens = sum(map(len, ordered)) - int(shared_with_previous(ordered).sum())
    return n_run * n_tokens / len(prompts)


def sampled(prompts: Sequence[Ints], model: Any, n_tokens: int = N_TOKENS[0]) -> list[Scored]:
    """Return ends of prompts that read `n_tokens` tokens or more, neighbours sharing a beginning.

    Pairs of neighbours in the order of their tokens, drawn from all of them; what both share is
    read once. Where the prompts hold too few tokens, random ones that the model knows stand in.
    For more tokens more sequences follow the same.
    """
    order = [number for number in in_order(prompts) if len(prompts[number]) > 1]
    starts = range(0, len(order), 2)
    source = np.random.default_rng(0)
    sequences: list[Scored] = []
    for drawn in source.permutation(len(starts)):
        pair = [prompts[number] for number in order[starts[drawn] : starts[drawn] + 2]]
        # Both lose as many tokens at the left, so that what they share stays shared.
        start = max(0, min(map(len, pair)) - _N_BEFORE - _N_READ)
        pair = [tokens[start:] for tokens in pair]
        shared = shared_with_previous(pair)
        sequences += [_read_at_the_end(*both) for both in zip(pair, shared, strict=True)]
        if _n_read(sequences) >= n_tokens:
            return sequences
    n_known = model.get_input_embeddings().weight.shape[0]
    n_longest = min(_N_BEFORE + _N_READ, window_of_model(model.config, None) or N_TOKENS[0])
    while _n_read(sequences) < n_tokens:
        sequences.append(_read_at_the_end(source.integers(0, min(n_known, 1000), n_longest), 0))
    return sequences


def _n_read(sequences: Sequence[Scored]) -> int:
    return sum(len(sequence.targets) for sequence in sequences)


def _read_at_the_end(tokens: Ints, n_shared: int) -> Scored:
    n_read = max(1, min(_N_READ, len(tokens) - max(1, n_shared)))
    return Scored(tokens=tokens[:-1], targets=tokens[-n_read:])


def _packed(engine: Model, sequences: Sequence[Scored]) -> Floats:
    """Return the log-probabilities of all targets, packed."""
    n_longest = max(len(sequence.tokens) for sequence in sequences)
    limits = PassLimits(row_tokens=n_longest, batch_tokens=4 * n_longest, batch_reads=N_TOKENS[0])
    return np.concatenate([scores.logprobs for scores in score(engine, sequences, limits)])


@torch.inference_mode()
def _apart(model: Any, sequences: Sequence[Scored], *, reads_only: bool = False) -> Floats:
    """Return the log-probabilities of all targets, from one ordinary pass.

    Padded on the right without a mask, as lm-eval does it: no token sees what stands behind it.
    `reads_only` spares the logits that are not read.
    """
    width = max(len(sequence.tokens) for sequence in sequences)
    ids = torch.zeros((len(sequences), width), dtype=torch.long)
    keep = []
    for number, sequence in enumerate(sequences):
        ids[number, : len(sequence.tokens)] = torch.from_numpy(sequence.tokens)
        keep.append(number * width + np.arange(sequence.first_read, len(sequence.tokens)))
    at = torch.from_numpy(np.concatenate(keep))
    targets = torch.from_numpy(np.concatenate([sequence.targets for sequence in sequences]))
    with only_at(model, at) if reads_only else nullcontext():
        logits = model(input_ids=ids.to(model.get_input_embeddings().weight.device)).logits
    logits = logits[0] if reads_only else logits.flatten(0, 1)[at.to(logits.device)]
    logprobs, _ = read_out(logits, torch.arange(len(targets)), targets)
    return logprobs.numpy().astype(np.float64)


# --- the fixed trial -----------------------------------------------------------------------------


def _moved(model: Any, dtype: torch.dtype | None = None) -> str | None:
    """Score three continuations of one prefix packed and apart, and read one step of decoding."""
    vocabulary = model.get_input_embeddings().weight.shape[0]
    tokens = np.random.default_rng(0).integers(0, min(vocabulary, 1000), _N_PREFIX + 2 * _N_BRANCH)
    prefix, first, second = np.split(tokens, [_N_PREFIX, _N_PREFIX + _N_BRANCH])
    # The same branch twice, in unlike surroundings: what leaks in from a neighbour shows.
    sequences = [
        np.concatenate([prefix, branch])
        for branch in (first, second, np.concatenate([second, first]))
    ]
    scored = [Scored(tokens=tokens[:-1], targets=tokens[-4:]) for tokens in sequences]
    apart = _apart(model, scored).reshape(len(scored), -1)
    _refuse_not_finite(apart)
    packed = Model(model, dtype=dtype)
    # Room for all three in one row: a prefix, and below it a row that branches.
    limits = PassLimits(row_tokens=3 * _N_BRANCH, batch_tokens=256, batch_reads=256)
    together = np.array([scores.logprobs for scores in score(packed, scored, limits)])
    step = _decoded(packed, prefix, sequences[0])
    moved = max(
        float(np.abs(together - apart).max()), abs(float(step[sequences[0][-1]]) - apart[0][-1])
    )
    if moved <= _TOLERANCE:
        return None
    return f"packed, a token's log-probability moved by {moved:.2g} nats on a trial"


def _refuse_not_finite(logprobs: Floats) -> None:
    if np.isnan(logprobs).any():
        raise IntegrityError(
            "the model computes no numbers: its logits on a trial are NaN", id="model.not-finite"
        )


def _decoded(packed: Model, prefix: Ints, tokens: Ints) -> torch.Tensor:
    """Return the log-probabilities after tokens[:-1], the last of them fed in on its own."""
    row = chain(tokens[len(prefix) : -2], len(prefix))
    _, kept = packed.extend(stacked([chain(prefix, 0)]), (), torch.zeros(0, dtype=torch.long))
    _, states = packed.fill(stacked([row, row]), kept, torch.tensor([0]))
    cache = RowCache(2, len(tokens), device=packed.device)
    cache.add(kept, states, [len(tokens) - 2, len(tokens) - 2])
    logits = packed.step(torch.tensor([[tokens[-2]], [tokens[0]]]), cache)
    return logits[0].float().log_softmax(-1).cpu()
