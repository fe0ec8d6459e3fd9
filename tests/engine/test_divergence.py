"""Divergence: the numbers of a plain computation, whatever is batched, switched or padded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from cliffguard import EvalSettings, RunnerSettings
from cliffguard.checkpoints.identity import FindOptions, find_base, find_pair
from cliffguard.core.vectors import Divergence
from cliffguard.engine import budget
from cliffguard.engine import divergence as diverging
from cliffguard.engine.divergence import Side, divergence
from cliffguard.runners.harness import HarnessRunner
from tests import support
from tests.engine import tiny
from tests.fake_runner import FakeRunner

PROMPTS = ["the ball is with Ann", "b", "", "a longer prompt, which stands beside short ones"]


def side(model: Any, name: str = "one", **options: Any) -> Side:
    """Return a side around a model of its own."""
    return Side(name=name, lm=tiny.ours(model, **options))


def plainly(base: Any, candidate: Any, text: str, *, last: int = 512) -> Divergence:
    """Return what two models of transformers make of one prompt, in float64."""
    tokens = support.byte_tokenizer().encode(text) or [256]
    with torch.inference_mode():
        logits = [model(input_ids=torch.tensor([tokens])).logits[0] for model in (base, candidate)]
    rows = min(scores.shape[1] for scores in logits)
    p, q = (scores[-last:, :rows].double().log_softmax(-1) for scores in logits)
    return Divergence(
        kl_nats=float((p.exp() * (p - q)).sum(-1).mean()),
        agreement=float((p.argmax(-1) == q.argmax(-1)).double().mean()),
        n_tokens=min(len(tokens), last),
    )


def assert_same(measured: Sequence[Divergence], expected: Sequence[Divergence]) -> None:
    """Fail where a number is further from the plain one than float32 takes it."""
    assert len(measured) == len(expected)
    for ours, theirs in zip(measured, expected, strict=True):
        assert ours.kl_nats == pytest.approx(theirs.kl_nats, rel=1e-4, abs=1e-5)
        assert (ours.agreement, ours.n_tokens) == (theirs.agreement, theirs.n_tokens)


def test_two_models_diverge_as_computed_plainly() -> None:
    """KL over the whole vocabulary and agreement are those of float64, prompt by prompt."""
    base, other = tiny.llama(seed=0), tiny.llama(seed=1)

    divergences = divergence(side(base), side(other), PROMPTS)

    assert divergences[0].kl_nats > 0.1
    assert_same(divergences, [plainly(base, other, text) for text in PROMPTS])


def test_base_and_candidate_are_not_exchanged() -> None:
    """KL has a direction: the base's probabilities are the weights."""
    base, other = tiny.llama(seed=0), tiny.llama(seed=1)

    (forth,), (back,) = (
        divergence(side(a), side(b), PROMPTS[:1]) for a, b in ((base, other), (other, base))
    )

    assert abs(forth.kl_nats - back.kl_nats) > 0.01


def test_logits_that_a_model_bends_are_read_bent() -> None:
    """Where a model caps its logits behind the head, the capped ones are compared."""
    base, other = (
        tiny.build("Gemma2", seed=seed, num_key_value_heads=2, head_dim=8) for seed in (0, 1)
    )

    divergences = divergence(side(base), side(other), PROMPTS)

    assert_same(divergences, [plainly(base, other, text) for text in PROMPTS])


def test_a_model_does_not_diverge_from_itself() -> None:
    """The same weights on both sides: exactly no KL, full agreement."""
    model = tiny.llama()

    divergences = divergence(side(model), side(model), PROMPTS)

    assert {(result.kl_nats, result.agreement) for result in divergences} == {(0.0, 1.0)}


def test_chunks_of_rows_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """One row at a time, the numbers are those of all rows together."""
    base, other = side(tiny.llama(seed=0)), side(tiny.llama(seed=1))
    whole = divergence(base, other, PROMPTS)

    monkeypatch.setattr(diverging, "_CHUNK_VALUES", 1)

    assert_same(divergence(base, other, PROMPTS), whole)


def test_of_a_long_prompt_the_end_is_compared() -> None:
    """The last tokens are compared, in the light of all that stands before them."""
    base, other = tiny.llama(seed=0), tiny.llama(seed=1)

    (measured,) = divergence(side(base), side(other), PROMPTS[:1], max_reads=3)

    assert_same([measured], [plainly(base, other, PROMPTS[0], last=3)])


def test_a_prompt_beyond_the_window_loses_its_beginning() -> None:
    """What is read of it is what the model's window holds of its end."""
    base, other = (tiny.llama(seed=seed, max_length=16) for seed in (0, 1))
    text = "x" * 9 + PROMPTS[0][-16:]

    (measured,) = divergence(side(base), side(other), [text])

    assert_same([measured], [plainly(base, other, PROMPTS[0][-16:])])


def test_only_shared_rows_of_the_vocabulary_are_compared() -> None:
    """Rows that one side alone has are left out before both are normalised."""
    shape = {"num_key_value_heads": 2}
    base = tiny.build("Llama", vocab_size=258, **shape)
    other = tiny.build("Llama", vocab_size=320, seed=1, **shape)

    divergences = divergence(side(base), side(other), PROMPTS)

    assert_same(divergences, [plainly(base, other, text) for text in PROMPTS])


def test_a_token_that_the_base_rules_out_adds_nothing() -> None:
    """Probability zero of the base weighs nothing, even where the candidate's is zero, too."""
    base = torch.tensor([[0.0, 1.0, -torch.inf]])

    nats, _ = diverging._compared(base, torch.tensor([[1.0, 0.0, -torch.inf]]))

    assert float(nats) == pytest.approx(np.tanh(0.5), abs=1e-6)


def test_predictions_that_are_no_numbers_are_refused() -> None:
    """A candidate that overflows is no candidate with a divergence of NaN."""
    base, other = tiny.llama(seed=0), tiny.llama(seed=1)
    sides = side(base), side(other, "tuned")
    with torch.no_grad():
        other.lm_head.weight[0, 0] = float("nan")

    with support.refused("model.not-finite", 12, "tuned"):
        divergence(*sides, ["a"])


def test_other_tokens_are_refused() -> None:
    """Sides that cut a prompt otherwise cannot be compared token by token."""
    base, other = side(tiny.llama(seed=0)), side(tiny.llama(seed=1), "tuned")
    other.lm.tok_encode = lambda text: [1, 2, 3]

    with support.refused("sides.other-tokens", 12, "tuned"):
        divergence(base, other, PROMPTS)


# --- through a runner ----------------------------------------------------------------------------


def loaded(folder: Path, adapter: Path | None = None) -> Any:
    """Return a model as transformers and peft load it."""
    from peft import PeftModel

    model = AutoModelForCausalLM.from_pretrained(folder)
    return (PeftModel.from_pretrained(model, adapter) if adapter else model).eval()


@pytest.mark.parametrize("model", ["cliffguard", "hf"])
def test_an_adapter_diverges_over_one_base(
    model: str, tiny_base: Path, tiny_adapter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Adapter off and on over the base in memory: the numbers of two models, and one loading."""
    runner = HarnessRunner(RunnerSettings(device="cpu", model=model))
    base, candidate = find_pair(str(tiny_base), str(tiny_adapter), FindOptions())
    runner.embed(base, ["a"], EvalSettings())
    monkeypatch.setattr(
        "cliffguard.engine.loading.load_weights", lambda *_: pytest.fail("a base was loaded again")
    )

    divergences = runner.diverge(base, candidate, PROMPTS, EvalSettings())

    assert divergences[0].kl_nats > 0.01
    plain = loaded(tiny_base), loaded(tiny_base, tiny_adapter)
    assert_same(divergences, [plainly(*plain, text) for text in PROMPTS])


def test_full_weights_are_held_beside_the_base(tiny_base: Path, tiny_tuned: Path) -> None:
    """A candidate of full weights is loaded for as long as it is compared."""
    runner = HarnessRunner(RunnerSettings(device="cpu"))
    base, candidate = find_pair(str(tiny_base), str(tiny_tuned), FindOptions())

    divergences = runner.diverge(base, candidate, PROMPTS, EvalSettings())

    assert_same(
        divergences, [plainly(loaded(tiny_base), loaded(tiny_tuned), text) for text in PROMPTS]
    )


def test_no_room_for_both_is_said(
    tiny_base: Path, tiny_tuned: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where full weights do not fit beside the base's, they are not even tried."""
    runner = HarnessRunner(RunnerSettings(device="cpu"))
    base, candidate = find_pair(str(tiny_base), str(tiny_tuned), FindOptions())
    runner.embed(base, ["a"], EvalSettings())
    monkeypatch.setattr(budget, "free_bytes", lambda _: 1000)

    with support.refused("memory.two-models", 20):
        runner.diverge(base, candidate, PROMPTS, EvalSettings())


def test_a_chat_template_frames_the_prompt(tiny_base: Path, tiny_tuned: Path) -> None:
    """Under a template a prompt is what the user says, behind the system prompt."""
    runner = HarnessRunner(RunnerSettings(device="cpu"))
    base, candidate = find_pair(str(tiny_base), str(tiny_tuned), FindOptions())
    protocol = EvalSettings(chat_template="own", system_prompt="Be brief.")

    (measured,) = runner.diverge(base, candidate, ["Who?"], protocol)

    (expected,) = runner.diverge(
        base, candidate, ["<|system|>Be brief.\n<|user|>Who?\n<|assistant|>"], EvalSettings()
    )
    assert measured == expected


def test_a_missing_template_is_said(tiny_base: Path, tiny_tuned: Path, tmp_path: Path) -> None:
    """A base without a chat template is refused in the words that asking it is."""
    AutoModelForCausalLM.from_pretrained(tiny_base).save_pretrained(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tiny_base)
    tokenizer.chat_template = None
    tokenizer.save_pretrained(tmp_path)
    runner = HarnessRunner(RunnerSettings(device="cpu"))
    base, candidate = (find_base(str(folder), FindOptions()) for folder in (tmp_path, tiny_tuned))

    with support.refused("template.missing", 2, "--chat-template none"):
        runner.diverge(base, candidate, PROMPTS, EvalSettings(chat_template="own"))


@pytest.mark.parametrize(
    "runner",
    [HarnessRunner(RunnerSettings(model="vllm")), FakeRunner(lambda *_: 1.0)],
    ids=["vllm", "fake"],
)
def test_a_runner_without_a_model_refuses(runner: Any) -> None:
    """Distributions are read only of models that are loaded here, and one line says so."""
    who = support.checkpoint()

    with support.refused("runner.no-model-here", 2):
        runner.diverge(who, who, PROMPTS, EvalSettings())
