"""What the tests on a GPU run at full size, run here on a CPU at a tiny one."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import LlamaConfig

from tests import support
from tests.gpu import engine_bench as bench
from tests.gpu import figures, real_weights

pytestmark = pytest.mark.slow

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
    timing = bench.time_texts(model, WORK, bench.copy_rate("cpu", 64, repeats=2))

    assert 0 < timing.new_tokens <= WORK.n_texts * WORK.n_new
    assert timing.same_answers == WORK.n_texts
    assert 0 < timing.decoding_seconds < timing.seconds
    assert timing.share_of_bandwidth > 0


@pytest.mark.parametrize(("name", "billions"), [("llama-3.2-1b", 1.236), ("llama-3.1-8b", 8.030)])
def test_shapes_are_the_real_ones(name: str, billions: float) -> None:
    """The shapes have as many weights as the published models."""
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        empty = AutoModelForCausalLM.from_config(LlamaConfig(**bench.SHAPES[name]))

    assert empty.num_parameters() / 1e9 == pytest.approx(billions, abs=0.001)


# --- real weights --------------------------------------------------------------------------------

SMALL = {
    **real_weights.TRAINED_SHAPE,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
}
FEW_ITEMS = real_weights.RealWork(n_items=8, shots=80, question=30, choice=12)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
def test_a_model_that_was_trained_for_a_moment_is_compared(dtype: torch.dtype) -> None:
    """Its logits are far from zero, so that a precision shows; packing lies as near as plain."""
    model, tokenizer = real_weights.trained(
        device="cpu", dtype=dtype, seconds=60, n_steps=40, shape=SMALL
    )

    parity = real_weights.compared(model, tokenizer, FEW_ITEMS)

    assert parity.plain_because is None
    assert parity.n_items == FEW_ITEMS.n_items
    assert parity.ratio == parity.hf_seconds / parity.seconds > 0
    if dtype is torch.float32:
        assert parity.packed.largest < 1e-3
        assert parity.packed.flips == parity.plain.flips == 0
    else:
        assert parity.trial is not None
        assert 0 < parity.packed.mean <= 1.5 * parity.plain.mean
    with torch.inference_mode():
        logits = model(input_ids=torch.tensor([tokenizer.encode("The model ")])).logits
    assert logits.float().std() > 0.5, "it is 0.2 of random weights"


def test_weights_of_a_folder_are_read(tiny_base: Path) -> None:
    """A small real model takes the place of one that is trained, with its own tokenizer."""
    model, tokenizer = real_weights.loaded(str(tiny_base), device="cpu", dtype=torch.bfloat16)

    assert model.dtype is torch.bfloat16
    assert real_weights.compared(model, tokenizer, FEW_ITEMS).n_items == FEW_ITEMS.n_items


def test_items_share_a_beginning_and_no_page_that_was_trained_on() -> None:
    """The first choice is how the text goes on; the others are how other items do."""
    tokenizer = support.byte_tokenizer()
    requests = real_weights.requests_of(tokenizer, FEW_ITEMS)
    held_out, read = (real_weights.pages(held_out=flag) for flag in (True, False))

    assert len(requests) == FEW_ITEMS.n_items * real_weights.N_CHOICES
    assert len({tuple(context[: FEW_ITEMS.shots]) for _, context, _ in requests}) == 1
    _, context, target = requests[0]
    assert tokenizer.decode(context[FEW_ITEMS.shots :] + target) in held_out
    assert held_out[:200] not in read


# --- the run of a card ---------------------------------------------------------------------------


@pytest.fixture
def arguments(tiny_base: Path, tmp_path: Path) -> Any:
    """The run of a card, on a processor and at tiny sizes."""
    given = figures.parsed(["--device", "cpu", "--model", str(tiny_base), "--out", str(tmp_path)])
    given.shapes = {"tiny": TINY}
    given.work = given.few = WORK
    given.real_work = FEW_ITEMS
    given.peak_width = 64
    return given


def test_one_run_writes_all_figures_of_a_card(arguments: Any) -> None:
    """Real weights and each shape; what a file holds of other parts stays."""
    figures.keep(figures.card_of("cpu"), "other", {"kept": 1}, arguments.out)

    measured = figures.measure(arguments)

    file = figures.path_of(figures.card_of("cpu"), arguments.out)
    kept = json.loads(file.read_text(encoding="utf-8"))
    assert kept["parts"] == {"other": {"kept": 1}, **json.loads(json.dumps(measured))}
    assert list(measured) == ["real weights", "tiny"]
    assert not [part for part in measured.values() if "not_measured" in part]
    assert measured["tiny"]["texts"]["new_tokens_per_second"] > 0


def test_a_run_ends_when_its_time_is_up(arguments: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was measured before stays, and what was not says so."""
    arguments.minutes = 0.5 / 60

    def slow() -> dict[str, Any]:
        time.sleep(60)
        return {}

    parts = {"quick": lambda: {"n": 1}, "slow": slow, "late": dict}
    monkeypatch.setattr(figures, "parts_of", lambda _: parts)

    measured = figures.measure(arguments)

    assert measured["quick"]["n"] == 1
    assert "time" in measured["slow"]["not_measured"]
    assert sum(part["wall_seconds"] for part in measured.values()) < 10


def test_a_shape_that_does_not_fit_is_no_end(
    arguments: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A smaller card measures what it holds."""

    def full() -> dict[str, Any]:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(figures, "parts_of", lambda _: {"8b": full, "1b": lambda: {"n": 1}})

    measured = figures.measure(arguments)

    assert "out of memory" in measured["8b"]["not_measured"]
    assert measured["1b"]["n"] == 1
