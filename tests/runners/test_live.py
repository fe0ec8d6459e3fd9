"""A model in memory: asked in the middle of its training, and the same afterwards by its bits."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import peft
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from cliffguard import Plan, Protocol, RunnerSettings, Store, guard
from cliffguard.checkpoints import FindOptions, find_pair
from cliffguard.engine import live
from cliffguard.errors import IntegrityError, UsageError
from cliffguard.records import Answer, Checkpoint
from cliffguard.runners.harness import HarnessRunner
from cliffguard.runners.live import LiveRunner
from cliffguard.suites import load_suite
from tests import support

ON_CPU = RunnerSettings(device="cpu")


@pytest.fixture
def tokenizer(tiny_base: Path) -> Any:
    """The tokenizer of the tiny base."""
    return AutoTokenizer.from_pretrained(tiny_base)


@pytest.fixture
def model(tiny_base: Path, tiny_adapter: Path) -> Any:
    """A LoRA in training: dropout on but in one layer, a gradient, caches off."""
    base = AutoModelForCausalLM.from_pretrained(tiny_base, dtype=torch.float32)
    tuned = peft.PeftModel.from_pretrained(base, tiny_adapter, is_trainable=True)
    tuned.train()
    tuned.base_model.model.model.layers[0].eval()
    tuned.config.use_cache = False
    tuned(input_ids=torch.arange(9)[None], labels=torch.arange(9)[None]).loss.backward()
    return tuned


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A suite of choices and of generated answers."""
    return support.write_suite(tmp_path_factory.mktemp("suite"), n_items=40, n_said=4)


def asked(runner: HarnessRunner, who: Checkpoint, suite: Path) -> list[Answer]:
    """Return the answers to all tasks of the suite."""
    tasks = runner.resolve([load_suite(str(suite))], Protocol())
    return [a for task in tasks for a in runner.ask(who, task, task.items, Protocol())]


def state(model: Any, tokenizer: Any) -> dict[str, Any]:
    """Return all that training goes on from, as values that can be compared."""
    return {
        "weights": {
            n: (p.data_ptr(), p.detach().numpy().tobytes()) for n, p in model.named_parameters()
        },
        "gradients": {
            n: None if p.grad is None else p.grad.numpy().tobytes()
            for n, p in model.named_parameters()
        },
        "is trained": {n: p.requires_grad for n, p in model.named_parameters()},
        "buffers": {n: (b.data_ptr(), b.numpy().tobytes()) for n, b in model.named_buffers()},
        "modes": {n: m.training for n, m in model.named_modules()},
        "adapters": live._adapters(model),
        "config": model.config.to_dict(),
        "generation": model.generation_config.to_dict(),
        "python": random.getstate(),
        "numpy": [str(part) for part in np.random.get_state()],  # noqa: NPY002
        "torch": torch.get_rng_state().tolist(),
        "autocast": torch.is_autocast_enabled("cpu"),
        "gradients on": torch.is_grad_enabled(),
        "padding": (tokenizer.pad_token, tokenizer.padding_side),
    }


@pytest.mark.parametrize("is_autocast", [False, True])
def test_a_model_is_left_as_it_was(
    is_autocast: bool, model: Any, tokenizer: Any, suite: Path
) -> None:
    """Weights, gradients, modes, adapters, flags and random sources, to the bit."""
    runner = LiveRunner(model, tokenizer, name="step-500", settings=ON_CPU)
    with torch.autocast("cpu", enabled=is_autocast):
        before = state(model, tokenizer)

        answers = asked(runner, runner.identify(), suite)

        after = state(model, tokenizer)
    assert len(answers) == 44
    assert {name for name in before if before[name] != after[name]} == set()


def test_without_care_a_model_is_not_left_as_it_was(
    model: Any, tokenizer: Any, suite: Path, tiny_base: Path
) -> None:
    """What the test above would see: lm-eval leaves eval mode on, and a seed moves on."""
    runner = HarnessRunner(ON_CPU)
    before = state(model, tokenizer)

    runner._backend._wrapped(model, tokenizer, Protocol())  # type: ignore[union-attr]
    torch.rand(1)

    after = state(model, tokenizer)
    assert {"modes", "torch"} <= {name for name in before if before[name] != after[name]}


def test_training_goes_on_as_if_nobody_had_asked(
    tiny_base: Path, tiny_adapter: Path, tokenizer: Any, suite: Path
) -> None:
    """Two steps with dropout, with and without answers in between, end in the same bits."""

    def trained(between: Callable[[Any], object]) -> bytes:
        torch.manual_seed(7)
        base = AutoModelForCausalLM.from_pretrained(tiny_base, dtype=torch.float32)
        base.config.attention_dropout = 0.3
        model = peft.PeftModel.from_pretrained(base, tiny_adapter, is_trainable=True).train()
        learner = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=0.1)
        for _ in range(2):
            tokens = torch.randint(0, 250, (2, 12))
            model(input_ids=tokens, labels=tokens).loss.backward()
            learner.step()
            learner.zero_grad()
            between(model)
        return b"".join(p.detach().numpy().tobytes() for p in model.parameters())

    def ask(model: Any) -> None:
        runner = LiveRunner(model, tokenizer, name="step", settings=ON_CPU)
        asked(runner, runner.identify(), suite)

    assert trained(ask) == trained(lambda _: None)


def test_it_answers_as_from_its_files(
    model: Any, tokenizer: Any, suite: Path, tiny_adapter: Path
) -> None:
    """In eval mode, whatever mode it trains in."""
    runner = LiveRunner(model, tokenizer, name="step-500", settings=ON_CPU)
    saved = find_pair(None, str(tiny_adapter), FindOptions())[1]

    ours = asked(runner, runner.identify(), suite)

    theirs = asked(HarnessRunner(ON_CPU), saved, suite)
    assert [(a.text, a.score, a.rendered_digest) for a in ours] == [
        (a.text, a.score, a.rendered_digest) for a in theirs
    ]
    assert [a.confidence for a in ours] == pytest.approx([a.confidence for a in theirs], abs=1e-5)


def test_it_is_judged_against_its_base_from_files(
    model: Any, tokenizer: Any, suite: Path, tiny_base: Path, tmp_path: Path
) -> None:
    """The corridor is the same, and the report says that the candidate was in training."""
    runner = LiveRunner(model, tokenizer, name="step-500", settings=ON_CPU)
    plan = Plan(base=str(tiny_base), candidate="step-500", suites=(str(suite),), runner=ON_CPU)
    before = state(model, tokenizer)

    review = guard(
        plan, store=Store(tmp_path / "store"), runner=runner, candidate=runner.identify()
    )

    assert review.comparison.candidate.name == "step-500"
    assert "step-500 was asked in memory" in review.comparison.caveats[0]
    assert state(model, tokenizer) == before


def test_a_step_of_training_makes_another_model(model: Any, tokenizer: Any, suite: Path) -> None:
    """Answers of after are not stored under the identity of before."""
    runner = LiveRunner(model, tokenizer, name="step", settings=ON_CPU)
    first = runner.identify()
    with torch.no_grad():
        next(p for p in model.parameters() if p.requires_grad).add_(1.0)

    with pytest.raises(IntegrityError, match="another by now; identify it again"):
        asked(runner, first, suite)
    assert runner.identify().fingerprint != first.fingerprint


def test_a_weight_that_is_written_to_meanwhile_is_told(model: Any) -> None:
    """Whoever trains on another thread gets no answers of two models."""
    with (
        pytest.raises(IntegrityError, match="changed while it was asked"),
        live.left_as_it_was(model),
        torch.no_grad(),
    ):
        next(model.parameters()).add_(1.0)


def test_an_error_leaves_it_as_it_was_too(model: Any, tokenizer: Any) -> None:
    """A run that fails, or is interrupted, must not change what goes on."""
    before = state(model, tokenizer)

    def interrupted() -> None:
        with live.left_as_it_was(model):
            torch.rand(3)
            model.config.use_cache = True
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()

    assert state(model, tokenizer) == before


def test_the_identity_is_of_the_content(
    model: Any, tokenizer: Any, tiny_base: Path, tiny_adapter: Path
) -> None:
    """The same weights under another name are the same; an adapter that is off is another model."""
    one = LiveRunner(model, tokenizer, name="a", settings=ON_CPU).identify()
    two = LiveRunner(model, tokenizer, name="b", settings=ON_CPU).identify()
    with model.disable_adapter():
        off = LiveRunner(model, tokenizer, name="a", settings=ON_CPU).identify()

    assert one.fingerprint == two.fingerprint != off.fingerprint


def test_a_wrapper_is_taken_off_and_scattered_weights_are_refused(model: Any) -> None:
    """Data-parallel training holds the model whole; with sharded weights there is none to ask."""
    wrapped = torch.nn.Module()
    wrapped.module = model
    assert live.unwrapped(wrapped) is model
    next(model.parameters()).data = torch.empty(0)

    with pytest.raises(UsageError, match="save a checkpoint, and check that"):
        live.unwrapped(model)


@pytest.mark.parametrize(
    "protocol",
    [Protocol(dtype="bfloat16"), Protocol(chat_template="base"), Protocol(quantization="4bit")],
)
def test_a_model_in_memory_is_asked_as_it_is(
    protocol: Protocol, model: Any, tokenizer: Any
) -> None:
    """Another precision or template would make another model of it."""
    with pytest.raises(UsageError):
        LiveRunner(model, tokenizer, name="a", settings=ON_CPU).dtype(protocol)
