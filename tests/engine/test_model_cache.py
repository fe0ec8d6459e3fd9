"""One base in memory: adapters go on and come off, and nothing of them stays."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from lm_eval.models.huggingface import HFLM
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from cliffguard import EvalSettings, RunnerSettings
from cliffguard.checkpoints.identity import FindOptions, find_base, find_pair
from cliffguard.core.answers import Answer
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.engine import loading, model_cache
from cliffguard.engine.adapters import apart_because
from cliffguard.engine.lm import CliffguardLM
from cliffguard.engine.model_cache import CachedModel
from cliffguard.runners.harness import HarnessRunner
from cliffguard.suites.loading import load_suite
from tests import support
from tests.engine import tiny

ON_CPU = loading.LoadOptions(dtype="float32", device="cpu")
LORA: dict[str, Any] = {"r": 2, "target_modules": ["q_proj", "v_proj"], "task_type": "CAUSAL_LM"}
PREFIX = "The ball that Ann gave to Bob, who gave it to Carl, is now with"
REQUESTS = tiny.instances(
    "loglikelihood",
    [(PREFIX + more, f" {name}") for more in ("", ", who is", " a") for name in support.NAMES]
    + [("", " Ann"), ("Bob", " is not Ann, nor Carl")],
)
Scores = list[tuple[float, bool]]


# --- adapters ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def biased_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama whose attention has biases, for adapters that train them."""
    folder = tmp_path_factory.mktemp("models") / "biased"
    tokenizer = support.byte_tokenizer()
    model = tiny.build(
        "Llama", vocab_size=len(tokenizer), attention_bias=True, max_position_embeddings=512
    )
    moved(model, lambda name: name.endswith("bias"), seed=3)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def padded_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama with 62 rows in its embedding and its head that no token uses."""
    folder = tmp_path_factory.mktemp("models") / "padded"
    tiny.build("Llama", vocab_size=320, max_position_embeddings=512).save_pretrained(folder)
    support.byte_tokenizer().save_pretrained(folder)
    return folder


def moved(model: Any, which: Callable[[str], bool], *, seed: int = 1, std: float = 1.0) -> None:
    """Change some parameters as training would, at random."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if which(name):
                parameter.add_(torch.randn_like(parameter) * std)


def trained(base: Path, config: Any, *, seed: int = 1, grown: int = 0) -> Any:
    """Return the base under a new adapter, all that it may train moved, with `grown` more rows."""
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    if grown:
        model.resize_token_embeddings(model.config.vocab_size + grown)
    tuned = support.without_card(peft.get_peft_model(model, config))
    learns = {name for name, parameter in tuned.named_parameters() if parameter.requires_grad}
    moved(tuned, lambda name: name in learns and "lora_magnitude" not in name, seed=seed)
    return tuned


def saved(folder: Path, base: Path, config: Any, *, seed: int = 1, **how: Any) -> Path:
    """Save a trained adapter and return its folder."""
    trained(base, config, seed=seed).save_pretrained(folder, **how)
    return folder


KINDS: dict[str, dict[str, Any]] = {
    "LoRA": {},
    "rsLoRA": {"r": 4, "use_rslora": True},
    "DoRA": {"use_dora": True},
    "LoRA with a head of its own": {"modules_to_save": ["lm_head"]},
    "LoRA with embeddings of its own": {"modules_to_save": ["embed_tokens"]},
    "LoRA with biases of its own": {"lora_bias": True},
    "LoRA of other modules": {"r": 3, "target_modules": ["down_proj", "k_proj"]},
    "LoRA of gaussian beginning": {"init_lora_weights": "gaussian"},
}


def config_of(kind: str) -> peft.LoraConfig:
    """Return the configuration of an adapter that can be switched."""
    return peft.LoraConfig(**{**LORA, **KINDS[kind]})


# --- what is expected ----------------------------------------------------------------------------


def scores(model: Any, tokenizer: Any) -> Scores:
    """Return the log-likelihoods of the requests from the engine."""
    lm = CliffguardLM(model, tokenizer=tokenizer, budget=tiny.TIGHT)
    assert lm.fallback_reason is None, f"the engine must pack this model: {lm.fallback_reason}"
    responses: Scores = lm.loglikelihood(REQUESTS, disable_tqdm=True)
    return responses


@cache
def fresh(base: Path, adapter: Path | None = None) -> Scores:
    """Return them from lm-eval's engine around a base and an adapter that were just loaded."""
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    if adapter is not None:
        model = peft.PeftModel.from_pretrained(model, adapter)
    lm = HFLM(model, tokenizer=AutoTokenizer.from_pretrained(base), batch_size=4)
    responses: Scores = lm.loglikelihood(REQUESTS, disable_tqdm=True)
    return responses


def assert_close(responses: Scores, expected: Scores) -> None:
    """Fail where a log-likelihood is not lm-eval's."""
    for number, ((ours, is_ours), (theirs, is_theirs)) in enumerate(
        zip(responses, expected, strict=True)
    ):
        tolerance = max(1e-4, 2e-6 * abs(theirs))
        assert abs(ours - theirs) <= tolerance, f"request {number}: {ours}, lm-eval says {theirs}"
        assert is_ours == is_theirs, f"request {number}: is_greedy is not lm-eval's"


def is_far(first: Scores, other: Scores) -> bool:
    """Return whether two models answer so differently that one cannot pass for the other."""
    return max(abs(a - b) for (a, _), (b, _) in zip(first, other, strict=True)) > 0.05


def pair(base: Path, adapter: Path) -> tuple[Checkpoint, Checkpoint]:
    """Return the identities of a base and an adapter on it."""
    return find_pair(str(base), str(adapter), FindOptions())


# --- what is switched ----------------------------------------------------------------------------


SWITCHED = ("LoRA", "DoRA", "LoRA with embeddings of its own", "LoRA with biases of its own")


@pytest.mark.parametrize("kind", support.mostly_slow(KINDS, *SWITCHED))
def test_an_adapter_scores_as_in_lm_eval_and_leaves_no_trace(
    kind: str, tiny_base: Path, tmp_path: Path
) -> None:
    """On, it scores as when loaded alone; off, the base scores as before, to the last bit."""
    adapter = saved(tmp_path / "adapter", tiny_base, config_of(kind))
    base, tuned = pair(tiny_base, adapter)
    expected = fresh(tiny_base, adapter)
    assert is_far(expected, fresh(tiny_base)), "the adapter of this test must change scores"
    resident = CachedModel(base, ON_CPU)
    before = scores(*resident.switch_to(base))
    assert_close(before, fresh(tiny_base))

    assert apart_because(tuned) is None
    assert resident.serves(tuned, ON_CPU)
    assert_close(scores(*resident.switch_to(tuned)), expected)
    assert scores(*resident.switch_to(base)) == before
    assert_close(scores(*resident.switch_to(tuned)), expected)


@pytest.mark.parametrize("kind", support.mostly_slow(KINDS, "LoRA", "LoRA with a head of its own"))
def test_the_adapter_may_come_first(kind: str, tiny_base: Path, tmp_path: Path) -> None:
    """A base that is asked after its adapter scores as if there had been none."""
    base, tuned = pair(tiny_base, saved(tmp_path / "adapter", tiny_base, config_of(kind)))
    resident = CachedModel(tuned, ON_CPU)
    resident.switch_to(tuned)

    assert scores(*resident.switch_to(base)) == scores(*CachedModel(base, ON_CPU).switch_to(base))


@pytest.mark.slow
def test_adapters_of_all_kinds_share_one_base(
    tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight adapters over one base: one load, the same tensors, every one's own scores."""
    folders = {
        kind: saved(tmp_path / str(number), tiny_base, config_of(kind), seed=number)
        for number, kind in enumerate(KINDS)
    }
    loads: list[str] = []
    load = loading.load_weights

    def counted(checkpoint: Checkpoint, options: loading.LoadOptions) -> Any:
        loads.append(checkpoint.name)
        return load(checkpoint, options)

    monkeypatch.setattr(loading, "load_weights", counted)
    base = find_base(str(tiny_base), FindOptions())
    resident = CachedModel(base, ON_CPU)
    model, tokenizer = resident.switch_to(base)
    before = scores(model, tokenizer)
    weights = {parameter.data_ptr() for parameter in model.parameters()}

    for _ in range(2):
        for folder in folders.values():
            tuned = pair(tiny_base, folder)[1]
            assert_close(scores(*resident.switch_to(tuned)), fresh(tiny_base, folder))
            now = {p.data_ptr() for p in resident.switch_to(base)[0].parameters()}
            assert weights <= now, "the base's tensors were moved or copied"
            assert scores(*resident.switch_to(base)) == before
    assert len(loads) == 1, f"weights were loaded {len(loads)} times"


def test_one_adapter_after_another_is_alone(tiny_base: Path, tmp_path: Path) -> None:
    """Switched from adapter to adapter, without the base between, no two are on together."""
    folders = [saved(tmp_path / str(n), tiny_base, config_of("LoRA"), seed=n) for n in (1, 2)]
    sides = [pair(tiny_base, folder)[1] for folder in folders]
    resident = CachedModel(sides[0], ON_CPU)

    for number in (0, 1, 0, 1):
        responses = scores(*resident.switch_to(sides[number]))
        assert_close(responses, fresh(tiny_base, folders[number]))


def test_adapters_are_switched_by_peft_0_18(
    tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its `set_adapter` takes a name alone."""
    switch = peft.PeftModel.set_adapter

    def set_adapter(self: peft.PeftModel, adapter_name: str) -> None:
        switch(self, adapter_name)

    monkeypatch.setattr(peft.PeftModel, "set_adapter", set_adapter)
    folders = [saved(tmp_path / str(n), tiny_base, config_of("LoRA"), seed=n) for n in (1, 2)]
    sides = [pair(tiny_base, folder)[1] for folder in folders]
    resident = CachedModel(sides[0], ON_CPU)

    for number in (0, 1, 0):
        model, _ = resident.switch_to(sides[number])
        assert model.active_adapters == [f"a{str(sides[number].adapter)[:16]}"]


def test_of_many_adapters_the_last_stay_in_memory(
    tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that was let go is put on again when it is asked for, and scores as it did."""
    monkeypatch.setattr(model_cache, "MOST_HELD", 2)
    folders = [saved(tmp_path / str(n), tiny_base, config_of("LoRA"), seed=n) for n in (1, 2, 3)]
    base, *sides = [pair(tiny_base, folders[0])[0], *(pair(tiny_base, f)[1] for f in folders)]
    resident = CachedModel(base, ON_CPU)
    first = scores(*resident.switch_to(sides[0]))

    for side in sides:
        model, _ = resident.switch_to(side)
        assert len(model.peft_config) <= 2
    assert f"a{sides[0].adapter[:16]}" not in model.peft_config

    assert scores(*resident.switch_to(sides[0])) == first
    assert scores(*resident.switch_to(base)) == scores(*CachedModel(base, ON_CPU).switch_to(base))


def test_other_weights_or_options_are_not_served(
    tiny_base: Path, tiny_tuned: Path, tiny_adapter: Path
) -> None:
    """Weights in memory serve only checkpoints over them, loaded the same way."""
    base, tuned = pair(tiny_base, tiny_adapter)
    resident = CachedModel(base, ON_CPU)

    assert resident.serves(tuned, ON_CPU)
    assert not resident.serves(find_base(str(tiny_tuned), FindOptions()), ON_CPU)
    assert not resident.serves(base, loading.LoadOptions(dtype="float16", device="cpu"))


# --- through the runner --------------------------------------------------------------------------


def asked_in_turn(suite: Path, sides: Sequence[Checkpoint]) -> list[Sequence[Answer]]:
    """Return the answers of checkpoints that one runner asks one after the other."""
    runner = HarnessRunner(RunnerSettings(device="cpu"))
    (task, _) = runner.resolve([load_suite(str(suite))], EvalSettings())
    return [runner.ask(side, task, task.items, EvalSettings()) for side in sides]


def confidences(answers: Sequence[Answer]) -> list[float]:
    """Return how sure the answers are, which shows every change of a model."""
    return [answer.confidence or 0.0 for answer in answers]


@pytest.mark.parametrize("kind", ["LoRA", "DoRA", "LoRA with a head of its own"])
def test_a_prefix_never_crosses_adapters_in_a_run(
    kind: str, tiny_base: Path, tmp_path: Path
) -> None:
    """Base, candidate and base again, over the same items, answer as in runs of their own."""
    suite = support.write_suite(tmp_path / "suite", n_items=12)
    base, tuned = pair(tiny_base, saved(tmp_path / "adapter", tiny_base, config_of(kind)))

    first, candidate, again, candidate_again = asked_in_turn(suite, [base, tuned, base, tuned])

    assert again == first
    assert candidate_again == candidate
    (alone,) = asked_in_turn(suite, [tuned])
    assert confidences(candidate) == pytest.approx(confidences(alone), abs=1e-4)
    assert confidences(candidate) != pytest.approx(confidences(first), abs=1e-3)


@pytest.mark.parametrize("damage", ["a matrix is missing", "a matrix too many"])
def test_an_adapter_that_is_refused_leaves_the_base_right(
    damage: str, tiny_base: Path, tmp_path: Path
) -> None:
    """A damaged adapter is refused every time, and the base and others answer as without it."""
    from safetensors.torch import load_file, save_file

    whole = saved(tmp_path / "whole", tiny_base, config_of("LoRA"), seed=1)
    broken = saved(tmp_path / "broken", tiny_base, config_of("LoRA of other modules"), seed=2)
    weights = load_file(broken / "adapter_model.safetensors")
    name = sorted(weights)[0]
    if damage == "a matrix is missing":
        del weights[name]
    else:
        weights[name.replace("layers.0", "layers.9")] = weights[name].clone()
    save_file(weights, broken / "adapter_model.safetensors", metadata={"format": "pt"})
    base, bad = pair(tiny_base, broken)
    good = pair(tiny_base, whole)[1]
    suite = support.write_suite(tmp_path / "suite", n_items=12)
    expected = asked_in_turn(suite, [base, good])
    runner = HarnessRunner(RunnerSettings(device="cpu"))
    (task, _) = runner.resolve([load_suite(str(suite))], EvalSettings())

    assert runner.ask(base, task, task.items, EvalSettings()) == expected[0]
    for side, answers in zip((base, good), expected, strict=True):
        with support.refused("adapter.misfit", 12):
            runner.ask(bad, task, task.items, EvalSettings())
        assert runner.ask(side, task, task.items, EvalSettings()) == answers


# --- what is not switched ------------------------------------------------------------------------


def with_saved_embeddings(folder: Path, base: Path) -> None:
    """Save an adapter together with an embedding that was trained beside it."""
    tuned = trained(base, config_of("LoRA"))
    moved(tuned, lambda name: "embed_tokens" in name)
    tuned.save_pretrained(folder, save_embedding_layers=True)


def with_added_tokens(**settings: Any) -> Callable[[Path, Path], None]:
    """Return what saves an adapter with two tokens more, and their rows."""

    def save(folder: Path, base: Path) -> None:
        tuned = trained(base, peft.LoraConfig(**{**LORA, **settings}), grown=2)
        tuned.save_pretrained(folder, save_embedding_layers=not settings or "auto")
        tokenizer = AutoTokenizer.from_pretrained(base)
        tokenizer.add_tokens(["<one>", "<two>"])
        tokenizer.save_pretrained(folder)

    return save


def made_by(config: Any, **how: Any) -> Callable[[Path, Path], None]:
    """Return what saves an adapter of this configuration."""

    def save(folder: Path, base: Path) -> None:
        trained(base, config, **how).save_pretrained(folder)

    return save


APART: dict[str, Callable[[Path, Path], None]] = {
    "it trains all biases": made_by(peft.LoraConfig(**LORA, bias="all")),
    "it trains its own layers' biases": made_by(peft.LoraConfig(**LORA, bias="lora_only")),
    "it holds an embedding": with_saved_embeddings,
    "it tunes the head, which peft then saves": made_by(
        peft.LoraConfig(**{**LORA, "target_modules": ["q_proj", "lm_head"]})
    ),
    "it trains tokens": made_by(
        peft.LoraConfig(**LORA, trainable_token_indices=[ord("A") - 33, ord("B") - 33])
    ),
    "it adds tokens": with_added_tokens(),
    "it adds tokens, and saves both ends": with_added_tokens(
        modules_to_save=["embed_tokens", "lm_head"]
    ),
    "it scales activations": made_by(
        peft.IA3Config(
            target_modules=["k_proj", "down_proj"],
            feedforward_modules=["down_proj"],
            task_type="CAUSAL_LM",
        )
    ),
    "it is a LoHa": made_by(peft.LoHaConfig(r=2, target_modules=["q_proj"], task_type="CAUSAL_LM")),
    "it repeats layers": made_by(peft.LoraConfig(**LORA, layer_replication=[[0, 2], [1, 2]])),
    "it starts from the base's singular values": made_by(
        peft.LoraConfig(**LORA, init_lora_weights="pissa")
    ),
    "it starts from a QR of the base": made_by(peft.LoraConfig(**LORA, init_lora_weights="olora")),
}


@pytest.fixture(scope="module", params=APART)
def apart(
    request: pytest.FixtureRequest, biased_base: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """An adapter that cannot be switched off."""
    folder = tmp_path_factory.mktemp("apart") / "adapter"
    APART[request.param](folder, biased_base)
    return folder


def test_an_adapter_that_changes_the_base_is_kept_apart(apart: Path, biased_base: Path) -> None:
    """It says why it cannot be switched, and shares its weights with nobody."""
    base, tuned = pair(biased_base, apart)

    assert apart_because(tuned), "peft cannot take this adapter off the base again"
    assert apart_because(base) is None
    assert not CachedModel(base, ON_CPU).serves(tuned, ON_CPU)


@pytest.mark.slow
def test_an_adapter_kept_apart_scores_as_in_lm_eval(apart: Path, biased_base: Path) -> None:
    """On a base of its own it scores as a plain load does, and serves only itself."""
    base, tuned = pair(biased_base, apart)
    model = AutoModelForCausalLM.from_pretrained(biased_base, dtype=torch.float32)
    tokenizer = loading.load_tokenizer(tuned)
    if len(tokenizer) > model.config.vocab_size:
        model.resize_token_embeddings(len(tokenizer))
    lm = HFLM(peft.PeftModel.from_pretrained(model, apart), tokenizer=tokenizer, batch_size=4)
    expected = lm.loglikelihood(REQUESTS, disable_tqdm=True)
    assert is_far(expected, fresh(biased_base)), "the adapter of this test must change scores"

    resident = CachedModel(tuned, ON_CPU)

    assert_close(scores(*resident.switch_to(tuned)), expected)
    assert resident.serves(tuned, ON_CPU)
    if apart_because(tuned) is not None:
        assert not resident.serves(base, ON_CPU)


def test_added_tokens_without_rows_of_the_head_are_refused(
    biased_base: Path, tmp_path: Path
) -> None:
    """peft saves a tuned embedding's rows and not the head's, which would be random numbers."""
    with_added_tokens(target_modules=["q_proj", "embed_tokens"])(tmp_path / "a", biased_base)
    _, tuned = pair(biased_base, tmp_path / "a")

    with support.refused("adapter.no-head-rows", 12):
        CachedModel(tuned, ON_CPU)


@pytest.mark.slow
def test_the_base_is_right_after_an_adapter_kept_apart(
    apart: Path, biased_base: Path, tmp_path: Path
) -> None:
    """Base, candidate and base again: what the adapter writes into a base is not measured there."""
    suite = support.write_suite(tmp_path / "suite", n_items=12)
    base, tuned = pair(biased_base, apart)

    first, candidate, again = asked_in_turn(suite, [base, tuned, base])

    assert again == first
    assert confidences(candidate) != pytest.approx(confidences(first), abs=1e-3)


def test_a_learnt_prompt_is_measured_the_plain_way(tiny_base: Path, tmp_path: Path) -> None:
    """An adapter of tokens before the prompt scores as in lm-eval, which shares no prefixes."""
    config = peft.PromptTuningConfig(num_virtual_tokens=3, task_type="CAUSAL_LM")
    tuned = pair(tiny_base, saved(tmp_path / "adapter", tiny_base, config))[1]
    resident = CachedModel(tuned, ON_CPU)
    model, tokenizer = resident.switch_to(tuned)

    lm = CliffguardLM(model, tokenizer=tokenizer)

    assert apart_because(tuned) == "an adapter of type PROMPT_TUNING is not switched"
    assert lm.fallback_reason == "its adapter puts tokens of its own before the prompt"
    responses = lm.loglikelihood(REQUESTS, disable_tqdm=True)
    assert_close(responses, fresh(tiny_base, tmp_path / "adapter"))


def test_an_alora_is_measured_the_plain_way(tiny_base: Path, tmp_path: Path) -> None:
    """An adapter that is on only after certain tokens of a row scores as in lm-eval."""
    tokens = support.byte_tokenizer().encode(" a")
    config = peft.LoraConfig(**LORA, alora_invocation_tokens=tokens)
    tuned = pair(tiny_base, saved(tmp_path / "adapter", tiny_base, config))[1]
    model, tokenizer = CachedModel(tuned, ON_CPU).switch_to(tuned)

    lm = CliffguardLM(model, tokenizer=tokenizer)

    responses = lm.loglikelihood(REQUESTS, disable_tqdm=True)
    assert_close(responses, fresh(tiny_base, tmp_path / "adapter"))
    assert lm.fallback_reason is not None, "in a packed row it would be on for other requests, too"


def test_an_alora_without_its_invocation_tokens_is_refused(tiny_base: Path, tmp_path: Path) -> None:
    """Its base would answer for it, and everything would hold."""
    tokens = support.byte_tokenizer().encode("<<never>>")
    config = peft.LoraConfig(**LORA, alora_invocation_tokens=tokens)
    _, waiting = pair(tiny_base, saved(tmp_path / "adapter", tiny_base, config))
    suite = support.write_suite(tmp_path / "suite", n_items=4)

    with support.refused("adapter.no-invocation", 12, "ball", str(tokens)):
        asked_in_turn(suite, [waiting])


def test_an_embedding_by_another_name_grows(tmp_path: Path) -> None:
    """Added tokens of a GPT-2, whose embedding is called wte, load as those of a Llama do."""
    shape = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 512}
    tiny.build("GPT2", vocab_size=258, **shape).save_pretrained(tmp_path / "base")
    support.byte_tokenizer().save_pretrained(tmp_path / "base")
    with_added_tokens(target_modules=["c_attn"])(tmp_path / "adapter", tmp_path / "base")
    tuned = pair(tmp_path / "base", tmp_path / "adapter")[1]

    model, tokenizer = CachedModel(tuned, ON_CPU).switch_to(tuned)

    assert model.get_input_embeddings().weight.shape[0] == len(tokenizer) == 260


def test_pickled_weights_are_kept_apart(tiny_base: Path, tmp_path: Path) -> None:
    """What is not looked into is not trusted to leave the base alone."""
    from safetensors.torch import load_file

    folder = saved(tmp_path / "adapter", tiny_base, config_of("LoRA"))
    torch.save(load_file(folder / "adapter_model.safetensors"), folder / "adapter_model.bin")
    (folder / "adapter_model.safetensors").unlink()
    _, tuned = find_pair(str(tiny_base), str(folder), FindOptions(allow_pickle=True))

    assert apart_because(tuned) == "its weights are pickled, and are not looked into"


# --- a padded vocabulary -------------------------------------------------------------------------


def test_a_padded_vocabulary_keeps_its_rows_under_an_adapter(
    padded_base: Path, tmp_path: Path
) -> None:
    """Rows that no token uses are part of the softmax, with an adapter as without."""
    folder = saved(tmp_path / "adapter", padded_base, config_of("LoRA"))
    base, tuned = pair(padded_base, folder)
    resident = CachedModel(base, ON_CPU)

    for side, adapter in ((base, None), (tuned, folder), (base, None)):
        model, tokenizer = resident.switch_to(side)
        assert model.get_input_embeddings().weight.shape[0] == 320
        assert_close(scores(model, tokenizer), fresh(padded_base, adapter))


def test_our_model_by_name_keeps_the_rows_that_hf_cuts(padded_base: Path, tmp_path: Path) -> None:
    """Given an adapter's folder, our model scores over all rows; hf's softmax lacks some."""
    folder = saved(tmp_path / "adapter", padded_base, config_of("LoRA"))
    names: dict[str, Any] = {"pretrained": str(padded_base), "peft": str(folder), "device": "cpu"}

    lm = CliffguardLM(**names, dtype="float32")
    cut = HFLM(**names, dtype="float32").loglikelihood(REQUESTS, disable_tqdm=True)

    responses = lm.loglikelihood(REQUESTS, disable_tqdm=True)
    assert lm.model.get_input_embeddings().weight.shape[0] == 320
    assert_close(responses, fresh(padded_base, folder))
    assert all(ours < theirs for (ours, _), (theirs, _) in zip(responses, cut, strict=True))


@pytest.fixture(scope="module")
def tied_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama whose head is its embedding, as in most small models."""
    folder = tmp_path_factory.mktemp("models") / "tied"
    tokenizer = support.byte_tokenizer()
    model = tiny.build(
        "Llama", vocab_size=len(tokenizer), tie_word_embeddings=True, max_position_embeddings=512
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


TIED: dict[str, dict[str, Any]] = {
    "its own embedding": {"modules_to_save": ["embed_tokens"]},
    "its own head": {"modules_to_save": ["lm_head"]},
    "both": {"modules_to_save": ["embed_tokens", "lm_head"]},
    "LoRA on the head": {"target_modules": ["q_proj", "lm_head"]},
    "tokens of its own": {"trainable_token_indices": [65, 66]},
}


@pytest.mark.parametrize("what", TIED)
def test_tied_weights_are_not_tied_anew(what: str, tied_base: Path, tmp_path: Path) -> None:
    """As lm-eval ties them, the head takes the adapter's embedding, for the base as well."""
    config = peft.LoraConfig(**{**LORA, **TIED[what]})
    base, adapted = pair(tied_base, saved(tmp_path / "adapter", tied_base, config))
    suite = support.write_suite(tmp_path / "suite", n_items=12)

    first, _, again = asked_in_turn(suite, [base, adapted, base])

    assert confidences(first) == confidences(again)
    runner = HarnessRunner(RunnerSettings(device="cpu"))
    in_the_gate = runner._backend.model(adapted, EvalSettings(), "float32")
    ids = torch.tensor([in_the_gate.tokenizer.encode(PREFIX)])
    with torch.no_grad():
        expected = peft.PeftModel.from_pretrained(
            AutoModelForCausalLM.from_pretrained(tied_base), tmp_path / "adapter"
        )(input_ids=ids).logits
        logits = in_the_gate.model(input_ids=ids).logits
    assert torch.allclose(logits, expected, atol=1e-4)


def test_rows_for_new_tokens_do_not_hide_an_adapter_without_effect(
    tiny_base: Path, tmp_path: Path
) -> None:
    """What it does to tokens that the base does not have is nothing to compare with the base."""
    with_added_tokens()(tmp_path / "grown", tiny_base)
    settings = json.loads((tmp_path / "grown" / "adapter_config.json").read_text())
    settings["lora_alpha"] = 0
    (tmp_path / "grown" / "adapter_config.json").write_text(json.dumps(settings))
    for name in ("embed_tokens", "lm_head"):
        with_rows_of(tiny_base, tmp_path / "grown", name)
    _, grown = pair(tiny_base, tmp_path / "grown")

    with support.refused("adapter.without-effect", 12):
        CachedModel(grown, ON_CPU)


def with_rows_of(base: Path, adapter: Path, name: str) -> None:
    """Put the base's own rows first among those that an adapter brings."""
    old, new = (
        load_file(base / "model.safetensors"),
        load_file(adapter / "adapter_model.safetensors"),
    )
    (weight_key,) = [key for key in old if key.endswith(f"{name}.weight")]
    for key in new:
        if f"{name}." in key and "lora" not in key:
            new[key][: len(old[weight_key])] = old[weight_key]
    save_file(new, adapter / "adapter_model.safetensors")


@pytest.mark.parametrize("settings", [{"modules_to_save": ["lm_head"]}, {"bias": "all"}], ids=str)
def test_an_adapter_is_looked_through_for_nan(
    biased_base: Path, tmp_path: Path, settings: dict[str, Any]
) -> None:
    """Not its matrices alone: what it saves whole, and what it writes into the base, too."""
    saved(tmp_path / "a", biased_base, peft.LoraConfig(**LORA, **settings))
    file = tmp_path / "a" / "adapter_model.safetensors"
    weights = load_file(file)
    name = next(key for key in weights if "lora_" not in key)
    weights[name].view(-1)[0] = float("nan")
    save_file(weights, file, metadata={"format": "pt"})
    _, tuned = pair(biased_base, tmp_path / "a")

    with support.refused("weights.not-finite", 12):
        CachedModel(tuned, ON_CPU).switch_to(tuned)


# --- does it do anything? ------------------------------------------------------------------------


def without_scale(folder: Path) -> None:
    """Scale what was learnt by nothing."""
    config = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps({**config, "lora_alpha": 0}))


def zeroed(part: str) -> Callable[[Path], None]:
    """Return what sets some matrices of an adapter to zero."""

    def change(folder: Path) -> None:
        file = folder / "adapter_model.safetensors"
        weights = {n: w * 0 if part in n else w for n, w in load_file(file).items()}
        save_file(weights, file, metadata={"format": "pt"})

    return change


INERT = {"A is zero": zeroed("lora_A"), "B is zero": zeroed("lora_B"), "alpha is 0": without_scale}


@pytest.mark.parametrize("what", INERT)
@pytest.mark.parametrize("is_second", [False, True], ids=["alone", "beside another"])
def test_an_adapter_without_effect_is_refused(
    what: str, is_second: bool, tiny_base: Path, tiny_adapter: Path, tmp_path: Path
) -> None:
    """Loaded without complaint, it answers as its base: a gate that only compares would pass it."""
    folder = Path(shutil.copytree(tiny_adapter, tmp_path / "inert"))
    INERT[what](folder)
    base, inert = pair(tiny_base, folder)
    resident = CachedModel(base, ON_CPU)
    if is_second:
        resident.switch_to(pair(tiny_base, tiny_adapter)[1])
        resident.switch_to(base)

    with support.refused("adapter.zero" if what == "B is zero" else "adapter.without-effect", 12):
        resident.switch_to(inert)


def test_an_adapter_that_starts_elsewhere_and_stayed_there_is_refused(
    biased_base: Path, tmp_path: Path
) -> None:
    """IA3 begins with ones and not with zeros, and has no B to look at."""
    config = peft.IA3Config(
        target_modules=["k_proj"], feedforward_modules=[], task_type="CAUSAL_LM"
    )
    model = AutoModelForCausalLM.from_pretrained(biased_base, dtype=torch.float32)
    peft.get_peft_model(model, config).save_pretrained(tmp_path / "a")

    with support.refused("adapter.without-effect", 12):
        CachedModel(pair(biased_base, tmp_path / "a")[1], ON_CPU)


def test_weights_that_overflow_are_refused(tiny_base: Path, tmp_path: Path) -> None:
    """Every weight is finite, and so is none of the numbers that they make in float16."""
    folder = Path(shutil.copytree(tiny_base, tmp_path / "large"))
    weights = load_file(folder / "model.safetensors")
    large = {name: weight * 2e4 for name, weight in weights.items() if "lm_head" in name}
    save_file(weights | large, folder / "model.safetensors", metadata={"format": "pt"})
    base = find_base(str(folder), FindOptions())

    with support.refused("model.not-finite", 12, "--dtype bfloat16"):
        CachedModel(base, loading.LoadOptions(dtype="float16", device="cpu"))


def test_a_tokenizer_is_looked_through_once(
    tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its whole vocabulary, which would take its time at every shard."""
    base, adapted = pair(tiny_base, saved(tmp_path / "adapter", tiny_base, config_of("LoRA")))
    seen: list[str] = []

    def look(checkpoint: Checkpoint, model: Any, tokenizer: Any) -> None:
        seen.append(checkpoint.name)

    monkeypatch.setattr("cliffguard.engine.model_cache.refuse_missing_tokens", look)
    resident = CachedModel(base, ON_CPU)
    for side in (base, adapted, base, adapted, base):
        resident.switch_to(side)

    assert seen == [base.name]
