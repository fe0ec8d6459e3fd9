"""Embeddings: the mean of what transformers calls hidden states, however texts are batched."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cliffguard import EvalSettings, RunnerSettings
from cliffguard.checkpoints.identity import FindOptions, find_base, find_pair
from cliffguard.engine import texts as reading
from cliffguard.engine.embedding import embed, pooled
from cliffguard.runners.harness import HarnessRunner
from cliffguard.runners.parallel import ParallelRunner
from tests import support
from tests.engine import tiny
from tests.fake_runner import FakeRunner

TEXTS = ["the ball is with Ann", "b", "", "a longer text, which a pass must not cut off", "the b"]

SHAPES: dict[str, dict[str, Any]] = {
    "Llama": {"num_key_value_heads": 2},
    "GPT2": {"n_embd": 32, "n_layer": 3, "n_head": 4},
    "GPTNeoX": {},
    "OPT": {"ffn_dim": 64, "word_embed_proj_dim": 32},
    "Qwen2": {"num_key_value_heads": 2},
    "Gemma2": {"num_key_value_heads": 2, "head_dim": 8, "sliding_window": 4},
    "Mamba": {"state_size": 4},
}


def plainly(model: Any, text: str, layer: int, *, n_skipped: int = 1) -> Any:
    """Return the mean of a text's hidden states, from transformers' own output, alone in a pass."""
    tokens = support.byte_tokenizer().encode(text) or [256]
    with torch.inference_mode():
        out = model(input_ids=torch.tensor([tokens]), output_hidden_states=True, use_cache=False)
    states = out.hidden_states[layer][0]
    return states[min(n_skipped, len(tokens) - 1) :].mean(dim=0).numpy()


@pytest.mark.parametrize("architecture", SHAPES)
def test_vectors_are_means_of_hidden_states(architecture: str) -> None:
    """Behind a block in the middle, alone or padded, whatever the architecture calls its blocks."""
    settings = {"num_hidden_layers": 3, **SHAPES[architecture]}
    model = tiny.build(architecture, **settings)

    (vectors,) = pooled(tiny.ours(model), TEXTS, layers=[2])

    layer = 1 if architecture == "Mamba" else 2  # whose list does not begin before the first block
    for vector, text in zip(vectors, TEXTS, strict=True):
        np.testing.assert_allclose(vector, plainly(model, text, layer), rtol=1e-4, atol=1e-5)


def test_a_quarter_of_the_blocks_is_run() -> None:
    """Of eight blocks the vectors are those behind the second, and the third is never reached."""
    model = tiny.build("Llama", num_hidden_layers=8, num_key_value_heads=2)
    lm = tiny.ours(model)
    third = model.model.layers[2].register_forward_hook(lambda *_: pytest.fail("it was run"))

    vectors = embed(lm, TEXTS[:1])

    third.remove()
    np.testing.assert_allclose(vectors[0], plainly(model, TEXTS[0], 2), rtol=1e-4, atol=1e-5)


def test_the_first_token_can_be_counted() -> None:
    """With none skipped, the mean is over all tokens; a text of one token always has its own."""
    model = tiny.llama()

    (vectors,) = pooled(tiny.ours(model), TEXTS, layers=[1], n_skipped=0)

    np.testing.assert_allclose(
        vectors[0], plainly(model, TEXTS[0], 1, n_skipped=0), rtol=1e-4, atol=1e-5
    )
    np.testing.assert_allclose(vectors[1], plainly(model, "b", 1), rtol=1e-4, atol=1e-5)


def test_long_texts_are_cut() -> None:
    """Behind the limit of tokens nothing changes the vector."""
    lm = tiny.ours(tiny.llama())

    vectors = embed(lm, ["abcdefgh", "abcdXXXX"], max_tokens=4)

    np.testing.assert_allclose(vectors[0], vectors[1], rtol=1e-5)
    assert not np.allclose(*embed(lm, ["abcdefgh", "abcdXXXX"]))


def test_no_texts_no_vectors() -> None:
    """Nothing asked, an empty array of the model's width."""
    assert embed(tiny.ours(tiny.llama()), []).shape == (0, 32)


def test_the_model_is_left_as_it_was() -> None:
    """No hook stays on the model that is read."""
    model = tiny.llama()

    embed(tiny.ours(model), TEXTS)

    assert not any(module._forward_hooks for module in model.modules())


def test_states_that_are_no_numbers_are_refused() -> None:
    """A model that overflows has no vectors, and says what to do."""
    model = tiny.llama()
    lm = tiny.ours(model)
    with torch.no_grad():
        model.model.layers[0].mlp.down_proj.weight.fill_(float("inf"))

    with support.refused("model.not-finite", 12, "--dtype"):
        embed(lm, TEXTS)


def test_a_model_without_blocks_is_refused() -> None:
    """Where the blocks cannot be told, no other list of modules is taken for them."""
    model = tiny.llama()
    lm = tiny.ours(model)
    model.config.num_hidden_layers = 7

    with support.refused("model.no-blocks", 2):
        embed(lm, TEXTS)


@pytest.mark.slow
def test_short_memory_halves_the_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every text is read once memory suffices, and those that were read are not read again."""
    lm = tiny.ours(tiny.llama(), budget=replace(tiny.TIGHT, batch_tokens=256))
    expected = embed(lm, ["abcdefgh"] * 32 + TEXTS)
    run, sizes = reading.run, []

    def scarce(model: Any, batch: reading.Batch) -> Any:
        sizes.append(batch.ids.numel())
        if batch.ids.numel() > 64:
            raise torch.cuda.OutOfMemoryError("out of memory")
        return run(model, batch)

    monkeypatch.setattr("cliffguard.engine.embedding.run", scarce)
    vectors = embed(lm, ["abcdefgh"] * 32 + TEXTS)

    np.testing.assert_allclose(vectors, expected, rtol=1e-4, atol=1e-5)
    assert sum(size > 64 for size in sizes) == 2


def test_no_memory_at_all_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where not even the smallest batch fits, one line says what to do."""

    def never(model: Any, batch: reading.Batch) -> Any:
        raise MemoryError

    monkeypatch.setattr("cliffguard.engine.embedding.run", never)
    with support.refused("memory.too-small", 20):
        embed(tiny.ours(tiny.llama()), TEXTS)


# --- through a runner ----------------------------------------------------------------------------


def test_an_adapter_is_switched(tiny_base: Path, tiny_adapter: Path) -> None:
    """Base, adapter, base again: the base's vectors come back, and the adapter's are others."""
    runner = HarnessRunner(RunnerSettings(device="cpu"))
    base, candidate = find_pair(str(tiny_base), str(tiny_adapter), FindOptions())

    first = runner.embed(base, TEXTS, EvalSettings())
    tuned = runner.embed(candidate, TEXTS, EvalSettings())

    np.testing.assert_array_equal(runner.embed(base, TEXTS, EvalSettings()), first)
    assert np.abs(tuned - first).max() > 0.01


def test_hf_reads_the_same(tiny_base: Path) -> None:
    """The runner hf loads here, too, and its vectors are the engine's."""
    base = find_base(str(tiny_base), FindOptions())
    ours, theirs = (
        HarnessRunner(RunnerSettings(device="cpu", model=model)).embed(base, TEXTS, EvalSettings())
        for model in ("cliffguard", "hf")
    )

    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_the_leader_of_several_processes_reads_alone(tiny_base: Path) -> None:
    """What one process reads is not dealt out: the leader's own runner is asked."""
    leader = object.__new__(ParallelRunner)  # without the processes, none of which is told
    leader.inner = HarnessRunner(RunnerSettings(device="cpu"))
    base = find_base(str(tiny_base), FindOptions())

    vectors = leader.embed(base, TEXTS, EvalSettings())

    np.testing.assert_array_equal(vectors, leader.inner.embed(base, TEXTS, EvalSettings()))
    assert leader.diverge(base, base, TEXTS[:1], EvalSettings())[0].kl_nats == 0.0


@pytest.mark.parametrize(
    "runner",
    [HarnessRunner(RunnerSettings(model="vllm")), FakeRunner(lambda *_: 1.0)],
    ids=["vllm", "fake"],
)
def test_a_runner_without_a_model_refuses(runner: Any) -> None:
    """Hidden states are read only of models that are loaded here, and one line says so."""
    with support.refused("runner.no-model-here", 2):
        runner.embed(support.checkpoint(), TEXTS, EvalSettings())
