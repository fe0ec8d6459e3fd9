"""A model in memory is asked, and left bit by bit as it was found."""

from __future__ import annotations

import copy
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from peft import LoraConfig, PeftModel, PromptTuningConfig, get_peft_model
from tokenizers import normalizers
from transformers import AutoModelForCausalLM, AutoTokenizer

from cliffguard import Plan, Store, guard
from cliffguard.core.settings import EvalSettings, RunnerSettings
from cliffguard.engine import live
from cliffguard.gate import find_alone
from cliffguard.runners.harness import HarnessRunner
from cliffguard.runners.live import LiveRunner
from cliffguard.suites.loading import load_suite
from tests import support


@pytest.fixture
def tuned(tiny_base: Path, tiny_adapter: Path) -> Any:
    """A LoRA model in the middle of a training run: one of its blocks in eval mode."""
    base = AutoModelForCausalLM.from_pretrained(tiny_base)
    model = PeftModel.from_pretrained(base, tiny_adapter, is_trainable=True)
    model.train()
    model.base_model.model.model.layers[0].eval()
    return model


@pytest.fixture
def tokenizer(tiny_base: Path) -> Any:
    """The tokenizer of the tiny model."""
    return AutoTokenizer.from_pretrained(tiny_base)


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    """A plan over choices and generated answers; the candidate is only a name."""
    suite = support.write_suite(tmp_path / "suite", n_items=12, n_said=4)
    return Plan(candidate="step 200", suites=(str(suite),), offline=True)


def snapshot(model: Any, tokenizer: Any) -> dict[str, Any]:
    """Return all that asking might leave behind, as bytes and values."""
    return {
        "weights": {k: v.clone().view(torch.uint8) for k, v in model.state_dict().items()},
        "gradients": {
            name: None if p.grad is None else p.grad.clone() for name, p in model.named_parameters()
        },
        "training": [module.training for module in model.modules()],
        "takes gradient": [parameter.requires_grad for parameter in model.parameters()],
        "adapters": [
            (list(m.active_adapters), m.disable_adapters)
            for m in model.modules()
            if hasattr(m, "_disable_adapters")
        ],
        "buffers": [b.clone() for b in model.buffers()],
        "config": model.config.to_dict(),
        "generation": model.generation_config.to_dict(),
        "tokenizer": (tokenizer.padding_side, tokenizer.pad_token, tokenizer.chat_template),
        "hooks": [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules()],
        "python": random.getstate(),
        "numpy": np.random.get_state()[1].tolist(),  # noqa: NPY002
        "torch": torch.random.get_rng_state(),
        "autocast": torch.is_autocast_enabled("cpu"),
        "grad mode": torch.is_grad_enabled(),
    }


def same(left: Any, right: Any) -> bool:
    """Compare values that may hold tensors."""
    if isinstance(left, torch.Tensor):
        return torch.equal(left, right)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[k], right[k]) for k in left)
    return bool(left == right)


def with_gradients(model: Any, tokenizer: Any) -> None:
    """Run one step's backward pass, so that there are gradients to keep."""
    ids = torch.tensor([tokenizer.encode("The ball number 3 is with Ann")])
    model(input_ids=ids, labels=ids).loss.backward()


def test_a_model_in_training_is_left_as_it_was(
    tuned: Any, tokenizer: Any, plan: Plan, tmp_path: Path
) -> None:
    """Weights, gradients, flags of every module, adapters, tokenizer, hooks and randomness."""
    with_gradients(tuned, tokenizer)
    random.seed(5)
    before = snapshot(tuned, tokenizer)
    runner = LiveRunner(tuned, tokenizer)
    guard(plan, store=Store(tmp_path / "store"), runner=runner, sides=runner.sides())
    after = snapshot(tuned, tokenizer)

    assert [name for name in before if not same(before[name], after[name])] == []


def test_training_goes_on_as_if_nobody_had_asked(
    tiny_base: Path, tiny_adapter: Path, tokenizer: Any, plan: Plan, tmp_path: Path
) -> None:
    """With dropout, the next steps have the same bits with a gate between them and without."""
    weights = []
    for is_gated in (False, True):
        base = AutoModelForCausalLM.from_pretrained(tiny_base)
        config = LoraConfig(r=2, target_modules=["q_proj"], lora_dropout=0.5, task_type="CAUSAL_LM")
        torch.manual_seed(1)
        model = get_peft_model(base, config).train()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
        for step in range(3):
            with_gradients(model, tokenizer)
            optimizer.step()
            optimizer.zero_grad()
            if is_gated and step > 0:
                runner = LiveRunner(model, tokenizer)
                store = Store(tmp_path / f"store{step}")
                guard(plan, store=store, runner=runner, sides=runner.sides())
        weights.append({name: value.clone() for name, value in model.state_dict().items()})

    assert same(weights[0], weights[1])


def test_its_answers_are_those_of_its_files(
    tuned: Any, tokenizer: Any, plan: Plan, tiny_base: Path, tiny_adapter: Path, tmp_path: Path
) -> None:
    """Base and candidate in memory answer as the checkpoints on disk do."""
    runner = LiveRunner(tuned, tokenizer)
    live = guard(plan, store=Store(tmp_path / "live"), runner=runner, sides=runner.sides())
    files = Plan(candidate=str(tiny_adapter), base=str(tiny_base), suites=plan.suites, offline=True)
    saved = guard(files, store=Store(tmp_path / "files"), runner=HarnessRunner())

    def numbers_of(review: Any) -> Any:
        return [
            (capability.evidence.base_mean, capability.evidence.candidate_mean, capability.counts)
            for capability in review.comparison.capabilities
        ]

    assert numbers_of(live) == numbers_of(saved)
    assert live.verdict.outcome == saved.verdict.outcome


def test_a_step_makes_another_candidate_over_the_same_base(tuned: Any, tokenizer: Any) -> None:
    """What is stored of the base serves all steps; what is stored of a step, none but it."""
    runner = LiveRunner(tuned, tokenizer)
    base, first = runner.sides()
    with torch.no_grad():
        next(p for n, p in tuned.named_parameters() if "lora_B" in n).add_(1.0)
    same_base, second = runner.sides()

    assert same_base.fingerprint == base.fingerprint
    assert second.fingerprint != first.fingerprint
    assert runner.holds_both(same_base, second)


def test_full_weights_are_compared_with_the_files_of_their_base(
    tiny_base: Path, tokenizer: Any, plan: Plan, tmp_path: Path
) -> None:
    """The model in memory against a base that is loaded beside it."""
    model = AutoModelForCausalLM.from_pretrained(tiny_base).train()
    with torch.no_grad():
        model.model.layers[1].mlp.down_proj.weight.mul_(-1.0)
    before = snapshot(model, tokenizer)
    runner = LiveRunner(model, tokenizer)
    base = find_alone(Plan(candidate=str(tiny_base), suites=plan.suites, offline=True))
    sides = (base, runner.candidate())
    review = guard(plan, store=Store(tmp_path / "store"), runner=runner, sides=sides)

    assert review.comparison.candidate.name == "live"
    assert same(before, snapshot(model, tokenizer))
    with support.refused("live.no-base", 2):
        runner.sides()


def test_a_base_that_is_trained_too_is_no_base(tuned: Any, tokenizer: Any) -> None:
    """With its adapters off it is not what the fine-tune began from."""
    tuned.base_model.model.lm_head.weight.requires_grad_(True)

    with support.refused("live.trained-base", 2):
        LiveRunner(tuned, tokenizer).sides()


@pytest.mark.parametrize(
    ("protocol", "error_id"),
    [
        (EvalSettings(dtype="bfloat16"), "live.other-dtype"),
        (EvalSettings(chat_template="base"), "live.as-it-is"),
        (EvalSettings(quantization="4bit"), "live.as-it-is"),
    ],
)
def test_a_model_in_memory_is_asked_as_it_is(
    protocol: EvalSettings, error_id: str, tuned: Any, tokenizer: Any
) -> None:
    """Another precision or template would make another model of it."""
    with support.refused(error_id, 2):
        LiveRunner(tuned, tokenizer).dtype(protocol)


def test_a_step_of_training_ends_an_identity(
    tuned: Any, tokenizer: Any, plan: Plan, tmp_path: Path
) -> None:
    """Answers of after are not stored under the identity of before."""
    runner = LiveRunner(tuned, tokenizer)
    sides = runner.sides()
    with torch.no_grad():
        next(p for p in tuned.parameters() if p.requires_grad).add_(1.0)

    with support.refused("live.changed", 12):
        guard(plan, store=Store(tmp_path / "store"), runner=runner, sides=sides)


def test_a_weight_that_is_written_to_meanwhile_is_told(tuned: Any) -> None:
    """Whoever trains on another thread gets no answers of two models."""
    with (
        support.refused("live.changed", 12),
        live.left_as_it_was(tuned),
        torch.no_grad(),
    ):
        next(tuned.parameters()).add_(1.0)


def test_without_care_a_model_is_not_left_as_it_was(tuned: Any, tokenizer: Any) -> None:
    """What these tests would see: lm-eval leaves eval mode on, and a seed moves on."""
    before = snapshot(tuned, tokenizer)
    HarnessRunner()._backend._wrapped(tuned, tokenizer, EvalSettings())  # type: ignore[union-attr]
    torch.rand(1)
    after = snapshot(tuned, tokenizer)

    changed = {name for name in before if not same(before[name], after[name])}
    assert {"training", "torch"} <= changed


def test_a_wrapper_is_taken_off_and_scattered_weights_are_refused(
    tuned: Any, tokenizer: Any
) -> None:
    """Data-parallel training holds the model whole; with sharded weights there is none to ask."""
    wrapped = torch.nn.Module()
    wrapped.module = tuned
    assert live.unwrapped(wrapped) is tuned
    next(tuned.parameters()).data = torch.empty(0)

    with support.refused("live.several-devices", 2):
        LiveRunner(tuned, tokenizer)


def test_only_our_own_model_runs_one_in_memory(tuned: Any, tokenizer: Any) -> None:
    """lm-eval's would reseed and leave it in eval mode."""
    with support.refused("live.other-runner", 2):
        LiveRunner(tuned, tokenizer, settings=RunnerSettings(model="hf"))


def test_a_failure_leaves_it_as_it_was_too(tuned: Any, tokenizer: Any) -> None:
    """Also where the work inside breaks off."""
    before = snapshot(tuned, tokenizer)

    def fail() -> None:
        with live.left_as_it_was(tuned):
            tuned.eval()
            tuned.base_model.disable_adapter_layers()
            random.random()
            torch.rand(1)
            raise ValueError("lost")

    with pytest.raises(ValueError, match="lost"):
        fail()
    assert same(before, snapshot(tuned, tokenizer))


def test_a_write_past_torchs_count_ends_an_identity(
    tuned: Any, tokenizer: Any, plan: Plan, tmp_path: Path
) -> None:
    """Optimizers and averages write through `.data`, which raises no version."""
    runner = LiveRunner(tuned, tokenizer)
    before = runner.sides()
    for name, parameter in tuned.named_parameters():
        if "lora_B" in name:
            parameter.data.mul_(-1.0)

    assert runner.sides()[1].fingerprint != before[1].fingerprint
    with support.refused("live.changed", 12):
        guard(plan, store=Store(tmp_path / "store"), runner=runner, sides=before)


@pytest.mark.parametrize("count", [True, False])
def test_between_two_identities_a_model_may_be_written_to_in_any_way(
    count: bool, tuned: Any, tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that holds still is looked through once an identity, and every time."""
    looks: list[int] = []
    sums = live.sums
    monkeypatch.setattr(live, "sums", lambda tensors: looks.append(len(tensors)) or sums(tensors))
    runner = LiveRunner(tuned, tokenizer, holds_still=True)
    first = runner.sides()
    for name, parameter in tuned.named_parameters():
        if "lora_B" in name:
            with torch.no_grad():
                (parameter if count else parameter.data).mul_(-1.0)
    second = runner.sides()
    runner.load(second[1], EvalSettings())

    assert len(looks) == 4  # of the base and of the adapter, for each pair of sides
    assert second[0].fingerprint == first[0].fingerprint
    assert second[1].fingerprint != first[1].fingerprint
    with support.refused("live.changed", 12):
        runner.load(first[1], EvalSettings())


def test_what_holds_still_is_wrapped_once_for_all_its_tasks(
    tuned: Any, tokenizer: Any, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To see how a model can be packed takes as long as a shard; another identity is seen anew."""
    runner = LiveRunner(tuned, tokenizer, holds_still=True)
    tasks = runner.resolve([load_suite(plan.suites[0])], EvalSettings())
    wrapped: list[int] = []
    wrap = runner._live._wrapped

    def counted(*arguments: Any) -> Any:
        wrapped.append(1)
        return wrap(*arguments)

    monkeypatch.setattr(runner._live, "_wrapped", counted)
    answers = []
    for _ in range(2):
        _, candidate = runner.sides()
        answers += [runner.ask(candidate, task, task.items, EvalSettings()) for task in tasks]

    assert len(tasks) == 2
    assert len(wrapped) == 2
    assert answers[:2] == answers[2:]


def test_two_weights_that_change_places_are_told() -> None:
    """A sum alone would be the same."""
    weights = torch.randn(3, 5000)
    swapped = weights.clone()
    swapped[:, [0, 1]] = swapped[:, [1, 0]]

    assert live.sums({"w": weights}) == live.sums({"w": weights.clone()})
    assert live.sums({"w": weights}) != live.sums({"w": swapped})


def test_a_model_that_computes_no_numbers_is_refused(
    tuned: Any, tokenizer: Any, tmp_path: Path
) -> None:
    """Of generated answers, which have no log-likelihood, nothing else would tell."""
    with torch.no_grad():
        next(p for n, p in tuned.named_parameters() if "lora_B" in n).fill_(float("nan"))
    runner = LiveRunner(tuned, tokenizer)
    suite = load_suite(str(support.write_suite(tmp_path / "suite", n_items=4, n_said=4)))
    (say,) = [t for t in runner.resolve([suite], EvalSettings()) if t.name == "say"]

    with support.refused("model.not-finite", 12):
        runner.ask(runner.sides()[1], say, say.items, EvalSettings())


def test_what_a_tokenizer_does_to_a_text_is_part_of_an_identity(tuned: Any, tokenizer: Any) -> None:
    """The same vocabulary under another rule gives other tokens."""
    other = copy.deepcopy(tokenizer)
    other.backend_tokenizer.normalizer = normalizers.Lowercase()
    prints = {LiveRunner(tuned, variant).candidate().fingerprint for variant in (tokenizer, other)}

    assert len(prints) == 2
    tokenizer("a text", truncation=True, max_length=4)
    assert LiveRunner(tuned, tokenizer).candidate().fingerprint in prints


def test_a_merged_adapter_leaves_no_base(tuned: Any, tokenizer: Any) -> None:
    """Its change stands in the base's weights; switching it off would take it out of the run."""
    tuned.merge_adapter()

    with support.refused("live.merged", 2, "unmerge_adapter"):
        LiveRunner(tuned, tokenizer).sides()
    assert live.are_merged(tuned)


def test_letting_it_compute_leaves_it_as_it_was(tuned: Any, tokenizer: Any) -> None:
    """`load` is a question as any other."""
    runner = LiveRunner(tuned, tokenizer)
    base, candidate = runner.sides()
    before = snapshot(tuned, tokenizer)

    for side in (base, candidate):
        runner.load(side, EvalSettings())

    assert same(snapshot(tuned, tokenizer), before)


def test_accelerates_half_precision_is_taken_off_while_asked(
    tuned: Any, tokenizer: Any, plan: Plan
) -> None:
    """The key says which precision the weights have; the forward of training has another."""
    bare = LiveRunner(tuned, tokenizer)
    (task, *_) = bare.resolve([load_suite(plan.suites[0])], EvalSettings())
    expected = bare.ask(bare.sides()[1], task, task.items, EvalSettings())
    AcceleratorState._reset_state(reset_partial_state=True)  # another test's may be of float32
    prepared = Accelerator(mixed_precision="bf16", cpu=True).prepare(tuned)
    forward = prepared.forward
    runner = LiveRunner(prepared, tokenizer)
    runner.resolve([load_suite(plan.suites[0])], EvalSettings())

    answers = runner.ask(runner.sides()[1], task, task.items, EvalSettings())

    AcceleratorState._reset_state(reset_partial_state=True)
    assert [answer.confidence for answer in answers] == [answer.confidence for answer in expected]
    assert prepared.forward is forward


def test_a_learnt_prompt_in_memory_is_refused(tiny_base: Path, tokenizer: Any) -> None:
    """It has no layers to switch off."""
    base = AutoModelForCausalLM.from_pretrained(tiny_base)
    model = get_peft_model(base, PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=2))

    with support.refused("live.unswitched-adapter", 2):
        LiveRunner(model, tokenizer).sides()
