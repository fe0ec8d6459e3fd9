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
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from cliffguard.core.errors import CliffguardError, IntegrityError
from cliffguard.core.texts import first_line
from cliffguard.engine.decoding import RowCache
from cliffguard.engine.float32 import can_be_had, in_float32
from cliffguard.engine.loading import is_out_of_memory
from cliffguard.engine.packing import Ints, PassLimits, Scored, chain, in_order
from cliffguard.engine.packing_support import known_reason
from cliffguard.engine.passes import Model, stacked
from cliffguard.engine.scoring import score
from cliffguard.engine.windows import window_of_model

Floats = npt.NDArray[np.float64]

_TOLERANCE = 1e-4  # nats a token, of float32 and wider
_N_PREFIX = 40
_N_BRANCH = 6

WORSE = 1.25
"""Packed may lie so many times as far from float32 as plain does, in the mean and at the 99th
percentile."""

N_TOKENS = 256
"""A trial on prompts reads at least so many tokens."""

_N_READ = 40  # tokens that are read at the end of a prompt
_N_BEFORE = 120  # and so many before them, shared with its neighbours


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

    @property
    def passes(self) -> bool:
        """Return True if packing costs no accuracy."""
        return (
            self.packed.mean <= WORSE * self.plain.mean
            and self.packed.p99 <= WORSE * self.plain.p99
        )


def plain_reason(model: Any, prompts: Sequence[Ints] | None = None) -> str | None:
    """Return why `model` must take the plain path, item by item as lm-eval does, or None.

    Below float32 `prompts` are the token sequences that the run puts to it, and needed.
    """
    if (reason := known_reason(model)) is not None:
        return reason
    if not is_low(model):
        return _explained(lambda: _moved(model))
    if not can_be_had(model):
        return "what it computes in float32 is not known, its weights being quantised or on a disk"

    def tried() -> str | None:
        with in_float32(model):
            if (reason := _moved(model, torch.float32)) is not None:
                return reason
        trial = try_prompts(model, sampled(prompts or (), model))
        if trial.passes:
            return None
        return (
            f"over {trial.n_tokens} tokens, packed lies {trial.packed.mean:.2g} nats from float32 "
            f"(99th percentile {trial.packed.p99:.2g}), and apart {trial.plain.mean:.2g} "
            f"({trial.plain.p99:.2g})"
        )

    return _explained(tried)


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


def sampled(prompts: Sequence[Ints], model: Any) -> list[Scored]:
    """Return ends of prompts that read N_TOKENS tokens or more, neighbours sharing a beginning.

    Pairs of neighbours in the order of their tokens, drawn from all of them. Where the prompts
    hold too few tokens, random ones that the model knows stand in.
    """
    order = [number for number in in_order(prompts) if len(prompts[number]) > 1]
    starts = range(0, len(order), 2)
    source = np.random.default_rng(0)
    sequences: list[Scored] = []
    for drawn in source.permutation(len(starts)):
        pair = [prompts[number] for number in order[starts[drawn] : starts[drawn] + 2]]
        # Both lose as many tokens at the left, so that what they share stays shared.
        start = max(0, min(map(len, pair)) - _N_BEFORE - _N_READ)
        sequences += [_read_at_the_end(tokens[start:]) for tokens in pair]
        if _n_read(sequences) >= N_TOKENS:
            break
    n_known = model.get_input_embeddings().weight.shape[0]
    n_longest = min(_N_BEFORE + _N_READ, window_of_model(model.config, None) or N_TOKENS)
    while _n_read(sequences) < N_TOKENS:
        sequences.append(_read_at_the_end(source.integers(0, min(n_known, 1000), n_longest)))
    return sequences


def _n_read(sequences: Sequence[Scored]) -> int:
    return sum(len(sequence.targets) for sequence in sequences)


def _read_at_the_end(tokens: Ints) -> Scored:
    n_read = min(_N_READ, len(tokens) - 1)
    return Scored(tokens=tokens[:-1], targets=tokens[-n_read:])


def try_prompts(model: Any, sequences: Sequence[Scored]) -> Trial:
    """Score sequences in the model's dtype, packed and apart, and say how far from float32."""
    n_longest = max(len(sequence.tokens) for sequence in sequences)
    limits = PassLimits(row_tokens=n_longest, batch_tokens=4 * n_longest, batch_reads=N_TOKENS)
    packed = [list(scores.logprobs) for scores in score(Model(model), sequences, limits)]
    plain = [_plainly(model, sequence) for sequence in sequences]
    with in_float32(model):
        reference = np.concatenate([_plainly(model, sequence) for sequence in sequences])
    return Trial(
        n_tokens=len(reference),
        plain=LogprobError.of(np.concatenate(plain), reference),
        packed=LogprobError.of(np.concatenate(packed), reference),
    )


@torch.inference_mode()
def _plainly(model: Any, sequence: Scored) -> list[float]:
    """Return the log-probabilities of a sequence's targets, from an ordinary pass."""
    ids = torch.from_numpy(sequence.tokens)[None].to(model.get_input_embeddings().weight.device)
    logits = model(input_ids=ids).logits[0, -len(sequence.targets) :]
    logprobs = logits.float().log_softmax(-1).cpu()
    target = torch.from_numpy(sequence.targets)[:, None]
    return [float(value) for value in logprobs.gather(-1, target)]


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
    apart = np.array([_plainly(model, sequence) for sequence in scored])
    if np.isnan(apart).any():
        raise IntegrityError(
            "the model computes no numbers: its logits on a trial are NaN", id="model.not-finite"
        )
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


def _decoded(packed: Model, prefix: Ints, tokens: Ints) -> torch.Tensor:
    """Return the log-probabilities after tokens[:-1], the last of them fed in on its own."""
    row = chain(tokens[len(prefix) : -2], len(prefix))
    _, kept = packed.extend(stacked([chain(prefix, 0)]), (), torch.zeros(0, dtype=torch.long))
    _, states = packed.fill(stacked([row, row]), kept, torch.tensor([0]))
    cache = RowCache(2, len(tokens), device=packed.device)
    cache.add(kept, states, [len(tokens) - 2, len(tokens) - 2])
    logits = packed.step(torch.tensor([[tokens[-2]], [tokens[0]]]), cache)
    return logits[0].float().log_softmax(-1).cpu()
