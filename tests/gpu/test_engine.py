"""On a CUDA device: the engine next to lm-eval's `hf`, at the sizes that people evaluate."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator

import pytest
import torch

from tests.gpu import engine_bench as bench
from tests.gpu import real_weights

pytestmark = pytest.mark.gpu

LEAST_RATIO = 5.0
GOAL_RATIO = 12.0
GOAL_SHARE_OF_PEAK = 0.5  # at 8B
GOAL_SHARE_OF_BANDWIDTH = 0.6
N_COMPARED = 64


@pytest.fixture(autouse=True)
def needs_cuda() -> Iterator[None]:
    """Skip, with the reason, where there is no device; leave its memory empty."""
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device on this machine")
    yield
    gc.collect()
    torch.cuda.empty_cache()


@pytest.mark.parametrize("name", bench.SHAPES)
def test_the_engine_agrees_with_hf_and_is_faster(name: str) -> None:
    """Differences are those of bfloat16, and multiple choice takes a fifth of hf's time at most."""
    shape = bench.SHAPES[name]
    model = bench.random_llama(shape, device="cuda", dtype=torch.bfloat16)
    work = bench.Work(n_items=400)
    few = bench.Work(n_items=N_COMPARED // work.n_choices)

    peak = bench.matmul_peak("cuda", torch.bfloat16, 8192)
    parity = bench.compare(model, bench.choice_requests(shape["vocab_size"], few))
    choices = bench.time_choices(model, work, peak)
    texts = bench.time_texts(model, work, bench.copy_rate("cuda", 8192))

    print(
        f"{name}: {choices.ratio:.1f} × hf on choices (goal {GOAL_RATIO:g}), "
        f"{100 * choices.share_of_peak:.0f} % of the matmul peak (goal "
        f"{100 * GOAL_SHARE_OF_PEAK:.0f} at 8B), {texts.ratio:.1f} × hf on texts, decoding at "
        f"{100 * texts.share_of_bandwidth:.0f} % of the rate of a copy (goal "
        f"{100 * GOAL_SHARE_OF_BANDWIDTH:.0f})"
    )
    figures = bench.report(name, parity, choices, texts)
    assert parity.holds, figures["parity"]
    assert choices.ratio >= LEAST_RATIO, figures["choices"]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_real_weights_are_packed_and_no_farther_from_float32(dtype: torch.dtype) -> None:
    """Their logits are not near zero, where each precision agrees with each other.

    The weights are those of the folder CLIFFGUARD_GPU_MODEL, or of a model trained for a minute.
    """
    folder = os.environ.get("CLIFFGUARD_GPU_MODEL")
    if folder:
        model, tokenizer = real_weights.loaded(folder, device="cuda", dtype=dtype)
    else:
        model, tokenizer = real_weights.trained(device="cuda", dtype=dtype, seconds=60)

    parity = real_weights.compared(model, tokenizer, real_weights.RealWork())

    print(parity)
    assert parity.plain_because is None
    assert parity.packed.mean <= 1.25 * parity.plain.mean
    assert parity.packed.flips <= parity.plain.flips + 1
    assert parity.n_right > parity.n_items // 3, "the weights know no language"
