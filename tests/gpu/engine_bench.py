"""The engine next to lm-eval's `hf` on random weights of a given shape, on any device.

Kept apart from the tests on a GPU, so that a tiny shape runs through the same code on a CPU.
"""

from __future__ import annotations

import random
import string
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM
from transformers import AutoModelForCausalLM, LlamaConfig

from cliffguard.engine.lm import CliffguardLM
from cliffguard.engine.packed_rows import Branch, PackedRow, Scored
from cliffguard.engine.packing import plan
from tests import support

Request = tuple[None, list[int], list[int]]

_LLAMA_3 = {
    "vocab_size": 128256,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "max_position_embeddings": 131072,
    "rms_norm_eps": 1e-5,
}


def _rope(factor: float) -> dict[str, Any]:
    return {
        "rope_type": "llama3",
        "rope_theta": 500000.0,
        "factor": factor,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 8192,
    }


SHAPES: dict[str, dict[str, Any]] = {
    "llama-3.2-1b": {
        **_LLAMA_3,
        "hidden_size": 2048,
        "intermediate_size": 8192,
        "num_hidden_layers": 16,
        "tie_word_embeddings": True,
        "rope_parameters": _rope(32.0),
    },
    "llama-3.1-8b": {
        **_LLAMA_3,
        "hidden_size": 4096,
        "intermediate_size": 14336,
        "num_hidden_layers": 32,
        "tie_word_embeddings": False,
        "rope_parameters": _rope(8.0),
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """How much is asked: items, and how long their parts are in tokens (of bytes, in texts)."""

    n_items: int
    shots: int = 500
    question: int = 40
    n_choices: int = 4
    choice: int = 8
    n_texts: int = 64
    text_shots: int = 900
    text_question: int = 100
    n_new: int = 128
    hf_batches: tuple[int, ...] = (8, 16, 32)


def random_llama(shape: dict[str, Any], *, device: str, dtype: torch.dtype) -> Any:
    """Return a Llama of a shape with random weights, made on the device."""
    tokenizer = support.byte_tokenizer()
    ends = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    torch.manual_seed(0)
    with torch.device(device):
        model = AutoModelForCausalLM.from_config(LlamaConfig(**shape, **ends), dtype=dtype)
    return model.eval()


def sides(model: Any, batch_size: int) -> tuple[HFLM, CliffguardLM]:
    """Return lm-eval's model, its softmax in float32 as the engine's is, and the engine's."""
    tokenizer = support.byte_tokenizer()
    hf = HFLM(model, tokenizer=tokenizer, softmax_dtype="float32", batch_size=batch_size)
    return hf, CliffguardLM(model, tokenizer=tokenizer)


# --- what is asked -------------------------------------------------------------------------------


def choice_requests(vocabulary: int, work: Work) -> list[Request]:
    """Return few-shot items with several choices each, as random tokens."""
    rng = np.random.default_rng(0)

    def draw(n_tokens: int) -> list[int]:
        drawn: list[int] = rng.integers(0, vocabulary, n_tokens).tolist()
        return drawn

    shots = draw(work.shots)
    requests: list[Request] = []
    for _ in range(work.n_items):
        context = shots + draw(int(rng.integers(work.question // 2, 2 * work.question)))
        requests += [
            (None, context, draw(int(rng.integers(1, 2 * work.choice))))
            for _ in range(work.n_choices)
        ]
    return requests


def text_requests(work: Work) -> list[Instance]:
    """Return few-shot prompts of random letters, to be continued to the limit."""
    draw = random.Random(0)

    def text(n_letters: int) -> str:
        return "".join(draw.choices(string.ascii_lowercase + " ", k=n_letters))

    shots = text(work.text_shots)
    settings = {"until": ["\n\nQ:"], "max_gen_toks": work.n_new, "do_sample": False}
    return [
        Instance("generate_until", {}, (shots + text(work.text_question), dict(settings)), number)
        for number in range(work.n_texts)
    ]


# --- parity --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Parity:
    """How far apart log-likelihoods are, in nats: mean and largest absolute differences.

    `control` compares hf with itself at another batch size: what the dtype's rounding explains.
    """

    n_requests: int
    mean: float
    largest: float
    control_mean: float
    control_largest: float
    allowed_mean: float
    greedy_mismatches: int
    control_greedy_mismatches: int

    @property
    def holds(self) -> bool:
        """Return whether the differences are of the size that rounding explains."""
        return self.mean <= self.allowed_mean


def compare(model: Any, requests: Sequence[Request]) -> Parity:
    """Compare the engine with hf, and hf in batches of 8 with hf one by one.

    Allowed is three times the mean difference of hf with itself, and never less than a unit in the
    last place of the mean log-likelihood: on some devices hf rounds alike at both sizes.
    """
    hf, engine = sides(model, batch_size=8)
    expected = _scored(hf, requests)
    actual = _scored(engine, requests)
    hf.batch_size_per_gpu = 1
    control = _scored(hf, requests)
    size = np.abs([score[0] for score in expected]).mean()
    unit = torch.finfo(model.dtype).eps * float(size)
    differences, controls = _differences(expected, actual), _differences(expected, control)
    return Parity(
        n_requests=len(requests),
        mean=float(differences.mean()),
        largest=float(differences.max()),
        control_mean=float(controls.mean()),
        control_largest=float(controls.max()),
        allowed_mean=max(3 * float(controls.mean()), unit),
        greedy_mismatches=sum(a[1] != b[1] for a, b in zip(expected, actual, strict=True)),
        control_greedy_mismatches=sum(a[1] != b[1] for a, b in zip(expected, control, strict=True)),
    )


def _scored(lm: Any, requests: Sequence[Request]) -> list[tuple[float, bool]]:
    scores: list[tuple[float, bool]] = lm._loglikelihood_tokens(list(requests), disable_tqdm=True)
    return scores


def _differences(left: Sequence[Any], right: Sequence[Any]) -> Any:
    return np.abs([a[0] - b[0] for a, b in zip(left, right, strict=True)])


# --- speed ---------------------------------------------------------------------------------------


def matmul_peak(device: str, dtype: torch.dtype, n: int, repeats: int = 20) -> float:
    """Return the FLOP/s of an n × n matrix product, the best of three rounds."""
    left = torch.randn(n, n, device=device, dtype=dtype)
    right = torch.randn(n, n, device=device, dtype=dtype)
    best = float("inf")
    for _ in range(4):  # the first round is a warm-up that never wins by much
        seconds = timed(lambda: [left @ right for _ in range(repeats)], device)
        best = min(best, seconds / repeats)
    return 2 * n**3 / best


def timed(run: Callable[[], Any], device: str) -> float:
    """Return the seconds of a call, what it put on the device included."""
    _wait(device)
    started = time.perf_counter()
    run()
    _wait(device)
    return time.perf_counter() - started


def _wait(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def copy_rate(device: str, n: int, repeats: int = 20) -> float:
    """Return the bytes a second that a copy of an n × n matrix reads and writes, the best round."""
    source = torch.ones(n, n, device=device)
    target = torch.empty_like(source)
    seconds = min(
        timed(lambda: [target.copy_(source) for _ in range(repeats)], device) for _ in range(4)
    )
    return 2 * source.nbytes * repeats / seconds


@contextmanager
def memory_at_most(device: str) -> Iterator[Callable[[], float]]:
    """Give what returns the most GiB that a card's tensors took inside; 0 of a processor's."""
    is_card = device.startswith("cuda")
    if is_card:
        torch.cuda.reset_peak_memory_stats()
    yield lambda: torch.cuda.max_memory_allocated() / 2**30 if is_card else 0.0


def planned(engine: CliffguardLM, requests: Sequence[Request]) -> tuple[int, float]:
    """Return (tokens, FLOP) that the engine computes for requests, paddings left out."""
    sequences = [
        Scored(tokens=np.array([*context, *target][:-1]), targets=np.array(target))
        for _, context, target in requests
    ]
    rows = _rows(plan(sequences, engine.budget.limits()))
    config = engine.model.config
    per_token = 2 * _matrix_weights(engine.model)
    per_pair = 4 * config.num_hidden_layers * config.num_attention_heads * config.head_dim
    n_tokens = sum(len(row.tokens) for row in rows)
    n_pairs = sum(int((row.position + 1).sum()) for row in rows)
    n_read = sum(len(np.unique(row.reads.position)) for row in rows)
    head = 2 * config.hidden_size * config.vocab_size * n_read
    return n_tokens, float(per_token * n_tokens + per_pair * n_pairs + head)


def _rows(root: Branch) -> list[PackedRow]:
    rows: list[PackedRow] = []
    branches = [root]
    for branch in branches:  # grows while it is walked
        branches += branch.branches
        rows += [row for batch in branch.batches for row in batch]
        rows += [branch.row] if branch.row is not None else []
    return rows


def _matrix_weights(model: Any) -> int:
    """Count the weights that every token is multiplied with: neither embedding nor LM head."""
    return sum(
        parameter.numel()
        for name, parameter in model.named_parameters()
        if parameter.dim() == 2 and "embed" not in name and "lm_head" not in name
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """Few-shot items with several choices: seconds, and how well the device is used."""

    n_items: int
    hf_batch_size: int
    hf_seconds: float
    seconds: float
    ratio: float
    requested_tokens_per_second: float
    computed_tokens: int
    computed_tokens_per_second: float
    flop_per_second: float
    peak_flop_per_second: float
    share_of_peak: float
    hf_gib: float
    gib: float


def time_choices(model: Any, work: Work, peak: float) -> Choices:
    """Time multiple choice on both sides, hf at the fastest batch size of a few."""
    device = str(model.device)
    requests = choice_requests(model.config.vocab_size, work)
    hf, engine = sides(model, batch_size=8)
    sample = requests[: max(1, len(requests) // 8)]
    _scored(engine, sample)
    size = _fastest(hf, work.hf_batches, lambda: _scored(hf, sample), device)
    with memory_at_most(device) as gib:
        hf_seconds, hf_gib = timed(lambda: _scored(hf, requests), device), gib()
    with memory_at_most(device) as gib:
        seconds = min(timed(lambda: _scored(engine, requests), device) for _ in range(2))
    n_tokens, flop = planned(engine, requests)
    return Choices(
        n_items=work.n_items,
        hf_batch_size=size,
        hf_seconds=hf_seconds,
        seconds=seconds,
        ratio=hf_seconds / seconds,
        requested_tokens_per_second=sum(len(c) + len(t) - 1 for _, c, t in requests) / seconds,
        computed_tokens=n_tokens,
        computed_tokens_per_second=n_tokens / seconds,
        flop_per_second=flop / seconds,
        peak_flop_per_second=peak,
        share_of_peak=flop / seconds / peak,
        hf_gib=hf_gib,
        gib=gib(),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """Generation to the limit over a shared few-shot prefix.

    `share_of_bandwidth`: what a step must read, the weights, by the time that it takes and by the
    rate of a copy; keys and values come on top, so that the share is said too low.
    """

    n_items: int
    hf_batch_size: int
    hf_seconds: float
    seconds: float
    ratio: float
    new_tokens: int
    new_tokens_per_second: float
    same_answers: int
    decoding_seconds: float
    bandwidth: float
    share_of_bandwidth: float
    hf_gib: float
    gib: float


def time_texts(model: Any, work: Work, bandwidth: float) -> Texts:
    """Time generation on both sides, hf at the fastest batch size of a few."""
    device = str(model.device)
    requests = text_requests(work)
    hf, engine = sides(model, batch_size=8)
    sample = requests[: max(1, len(requests) // 2)]
    engine.generate(sample[:1])
    size = _fastest(
        hf, work.hf_batches, lambda: hf.generate_until(sample, disable_tqdm=True), device
    )
    expected: list[str] = []
    with memory_at_most(device) as gib:
        hf_seconds = timed(
            lambda: expected.extend(hf.generate_until(requests, disable_tqdm=True)), device
        )
        hf_gib = gib()
    actual: list[Any] = []
    before = engine.stages.spent()["decoding"].seconds
    with memory_at_most(device) as gib, counted(engine.engine, "step") as steps:
        seconds = timed(lambda: actual.extend(engine.generate(requests)), device)
    decoding = engine.stages.spent()["decoding"].seconds - before
    n_new = sum(answer.n_tokens for answer in actual)
    n_bytes = steps() * sum(weight.nbytes for weight in model.parameters())
    return Texts(
        n_items=len(requests),
        hf_batch_size=size,
        hf_seconds=hf_seconds,
        seconds=seconds,
        ratio=hf_seconds / seconds,
        new_tokens=n_new,
        new_tokens_per_second=n_new / seconds,
        same_answers=sum(a == b.text for a, b in zip(expected, actual, strict=True)),
        decoding_seconds=decoding,
        bandwidth=bandwidth,
        share_of_bandwidth=n_bytes / decoding / bandwidth,
        hf_gib=hf_gib,
        gib=gib(),
    )


@contextmanager
def counted(owner: Any, name: str) -> Iterator[Callable[[], int]]:
    """Count the calls of a method."""
    calls, method = [0], getattr(owner, name)

    def counting(*args: Any) -> Any:
        calls[0] += 1
        return method(*args)

    setattr(owner, name, counting)
    try:
        yield lambda: calls[0]
    finally:
        delattr(owner, name)


def _fastest(hf: HFLM, sizes: Sequence[int], run: Callable[[], Any], device: str) -> int:
    """Set hf to the batch size that is fastest, of those that fit; return it."""
    tried: dict[int, float] = {}
    for size in sizes:
        hf.batch_size_per_gpu = size
        try:
            tried[size] = timed(run, device)
        except torch.cuda.OutOfMemoryError:
            break
    torch.cuda.empty_cache()  # does nothing where CUDA was never used
    fastest = min(tried, key=tried.__getitem__)
    hf.batch_size_per_gpu = fastest
    return fastest


def report(name: str, parity: Parity, choices: Choices, texts: Texts) -> dict[str, Any]:
    """Return all figures of one shape."""
    return {
        "shape": name,
        "parity": asdict(parity) | {"holds": parity.holds},
        "choices": asdict(choices),
        "texts": asdict(texts),
    }
