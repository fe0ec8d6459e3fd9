"""What the tests on a GPU run at full size, run here on a CPU at a tiny one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from transformers import LlamaConfig

from tests.gpu import engine_bench as bench

TINY = {
    **bench.SHAPES["llama-3.2-1b"],
    "vocab_size": 300,
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "initializer_range": 0.5,
}
WORK = bench.Work(
    n_items=6,
    shots=70,
    question=6,
    choice=3,
    n_texts=3,
    text_shots=40,
    text_question=10,
    n_new=4,
    hf_batches=(1, 2),
)


@pytest.fixture(scope="module")
def model() -> Any:
    """A tiny Llama in float32."""
    return bench.random_llama(TINY, device="cpu", dtype=torch.float32)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small matrices gain nothing from threads that wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_parity_is_compared_with_hf_at_two_batch_sizes(model: Any) -> None:
    """In float32 both differences are those of rounding."""
    parity = bench.compare(model, bench.choice_requests(TINY["vocab_size"], WORK))

    assert parity.holds
    assert parity.n_requests == WORK.n_items * WORK.n_choices
    assert parity.largest < 1e-3
    assert parity.greedy_mismatches == 0


def test_a_wrong_engine_is_noticed(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scores that are off by a tenth of a nat do not pass for rounding."""
    plain = bench.CliffguardLM._loglikelihood_tokens

    def shifted(self: Any, requests: Any, **kwargs: Any) -> Any:
        return [(score + 0.1, greedy) for score, greedy in plain(self, requests, **kwargs)]

    monkeypatch.setattr(bench.CliffguardLM, "_loglikelihood_tokens", shifted)

    assert not bench.compare(model, bench.choice_requests(TINY["vocab_size"], WORK)).holds


def test_choices_are_timed_against_the_peak(model: Any) -> None:
    """The engine computes the shots once, and is put next to a matrix product."""
    peak = bench.matmul_peak("cpu", torch.float32, 64, repeats=2)

    timing = bench.time_choices(model, WORK, peak)

    assert timing.hf_batch_size in WORK.hf_batches
    assert timing.computed_tokens < WORK.n_items * WORK.shots
    assert 0 < timing.share_of_peak < 1
    assert timing.ratio == timing.hf_seconds / timing.seconds


def test_texts_are_timed(model: Any) -> None:
    """Every text is continued to the limit, or to the end token, by both sides alike."""
    timing = bench.time_texts(model, WORK)

    assert 0 < timing.new_tokens <= WORK.n_texts * WORK.n_new
    assert timing.same_answers == WORK.n_texts


@pytest.mark.parametrize(("name", "billions"), [("llama-3.2-1b", 1.236), ("llama-3.1-8b", 8.030)])
def test_shapes_are_the_real_ones(name: str, billions: float) -> None:
    """The shapes have as many weights as the published models."""
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        empty = AutoModelForCausalLM.from_config(LlamaConfig(**bench.SHAPES[name]))

    assert empty.num_parameters() / 1e9 == pytest.approx(billions, abs=0.001)
