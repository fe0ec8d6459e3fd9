"""Log-likelihoods: the same as lm-eval's, whatever is shared, cut off or out of memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from lm_eval.api.instance import Instance

from cliffguard.engine import passes, scoring
from cliffguard.engine.budget import Budget
from cliffguard.engine.lm import CliffguardLM
from cliffguard.engine.packed_rows import PassLimits, chain
from tests import support
from tests.engine import tiny

Answers = Sequence[tuple[float, bool]]


@pytest.fixture(scope="module")
def model() -> Any:
    """A random Llama with a byte tokenizer's vocabulary."""
    return tiny.llama()


@pytest.fixture
def lm(model: Any) -> CliffguardLM:
    """The engine around it, under a budget in which prefixes get passes of their own."""
    return tiny.ours(model)


def assert_same(measured: Answers, expected: Answers) -> None:
    """Fail where an answer is further from lm-eval's than rounding takes it."""
    assert len(measured) == len(expected)
    for number, ((ours, is_ours), (theirs, is_theirs)) in enumerate(
        zip(measured, expected, strict=True)
    ):
        tolerance = max(1e-4, 1e-6 * abs(theirs))
        assert abs(ours - theirs) <= tolerance, f"request {number}: {ours} for lm-eval's {theirs}"
        assert is_ours == is_theirs, f"request {number}: is_greedy is not lm-eval's"


def split(tokens: Sequence[int], n_target: int) -> tuple[None, list[int], list[int]]:
    """Return a sequence as a request whose last `n_target` tokens are predicted."""
    edge = max(1, len(tokens) - n_target)
    return None, list(tokens[:edge]), list(tokens[edge:])


@pytest.mark.slow
@given(
    tree=tiny.token_trees(n_tokens=4, longest=110),
    counts=st.lists(st.integers(1, 40), min_size=24, max_size=24),
    row_tokens=st.sampled_from([4, 16, 64, 256]),
)
@settings(
    max_examples=40, deadline=None, phases=[Phase.reuse, Phase.generate]
)  # no shrinking: slow
def test_trees_of_tokens_score_as_in_lm_eval(
    tree: list[list[int]], counts: list[int], row_tokens: int
) -> None:
    """Whatever requests share, each one's log-likelihood is that of the request alone."""
    model = MODELS.setdefault("llama", tiny.llama())
    lm = MODELS.setdefault("ours", tiny.ours(model))
    # Its cache of logits takes requests for one that are split in other places.
    hf = MODELS.setdefault("theirs", tiny.theirs(model, logits_cache=False))
    lm.budget = replace(tiny.TIGHT, row_tokens=row_tokens, batch_tokens=4 * row_tokens)
    requests = [split([*tokens, 9], count) for tokens, count in zip(tree, counts, strict=False)]

    assert_same(
        lm._loglikelihood_tokens(requests, disable_tqdm=True),
        hf._loglikelihood_tokens(requests, disable_tqdm=True),
    )


MODELS: dict[str, Any] = {}  # for Hypothesis, which takes no fixtures of a function's scope

SENTENCE = "the ball that Ann gave to Bob, who gave it to Carl, is now with"
CASES = {
    "an empty context": [("", " Ann"), ("", "Bob"), ("", " Carl and Dana")],
    "a context longer than the window": [
        (SENTENCE * 3, " Ann"),
        ("x" + SENTENCE * 3, " Bob"),
        (SENTENCE[:47], "!"),
        (SENTENCE[:48], "!"),
        (SENTENCE[:49], "!"),
        ("short", SENTENCE[:47]),
    ],
    "single-token choices": [(SENTENCE, choice) for choice in "ABCD"],
    "choices of unlike length": [
        (SENTENCE[:30], " " + name * n) for n, name in enumerate("abc", 1)
    ],
    "repeated requests": [(SENTENCE[:20], " Ann")] * 3 + [(SENTENCE[:20], " Bob")] * 2,
    "a context that ends in a space": [("the ball ", "is"), ("the ball", " is")],
    "a request that continues another": [("ab", "cd"), ("abcd", "ef"), ("abcdef", "g"), ("a", "b")],
}


@pytest.mark.parametrize("case", CASES)
def test_strings_score_as_in_lm_eval(model: Any, case: str) -> None:
    """Through lm-eval's own interface, in a window of 48 tokens, the answers are its own."""
    requests = tiny.instances("loglikelihood", CASES[case])

    answers = tiny.ours(model, max_length=48).loglikelihood(requests, disable_tqdm=True)

    expected = tiny.theirs(model, max_length=48).loglikelihood(requests, disable_tqdm=True)
    assert_same(answers, expected)


def test_a_text_longer_than_the_window_rolls_as_in_lm_eval(model: Any) -> None:
    """Rolling log-likelihoods of texts of one window, of several, and of one token more."""
    texts = [(SENTENCE * 4,), (SENTENCE[:48],), (SENTENCE[:49],), ("a",)]
    requests = tiny.instances("loglikelihood_rolling", texts)

    answers = tiny.ours(model, max_length=48).loglikelihood_rolling(requests, disable_tqdm=True)

    expected = tiny.theirs(model, max_length=48).loglikelihood_rolling(requests, disable_tqdm=True)
    assert answers == pytest.approx(expected, abs=1e-4, rel=1e-6)


def test_nothing_asked_nothing_answered(lm: CliffguardLM) -> None:
    """No requests, no answers, no pass."""
    assert lm.loglikelihood([], disable_tqdm=True) == []


def test_a_sequence_that_ends_with_a_prefix_is_scored(model: Any) -> None:
    """A request may ask for what a shared prefix predicts, and for nothing below it."""
    tree = [[1] * 71, *([1] * 70 + [2] * 200 + [n] * 30 for n in range(3, 40))]
    limits = PassLimits(row_tokens=256, batch_tokens=1024, batch_reads=1024)
    first, *_ = scoring.score(
        passes.Model(model), [tiny.scored(sequence, 1) for sequence in tree], limits
    )

    assert first.total == pytest.approx(
        float(tiny.logprobs(model, tiny.ints(tree[0]))[69, 1]), abs=1e-4
    )


def test_a_prefix_never_crosses_adapters() -> None:
    """Base, adapter and base again on one model object score as fresh models of each."""
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(r=4, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM")

    def tuned() -> Any:
        torch.manual_seed(1)
        model = get_peft_model(tiny.llama(), config).eval()
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if "lora_B" in name:
                    parameter.normal_(std=5.0)
        return model

    tree = [[1] * 70 + [2, 3, n] * 4 for n in range(5, 12)]
    requests = [split(tokens, 5) for tokens in tree]
    switched = tuned()
    lm = tiny.ours(switched)
    base = tiny.theirs(tiny.llama())._loglikelihood_tokens(requests, disable_tqdm=True)
    adapted = tiny.theirs(tuned())._loglikelihood_tokens(requests, disable_tqdm=True)
    assert abs(base[0][0] - adapted[0][0]) > 0.5, "the adapter of this test must change scores"

    assert lm.fallback_reason is None
    with switched.disable_adapter():
        assert_same(lm._loglikelihood_tokens(requests), base)
    assert_same(lm._loglikelihood_tokens(requests), adapted)
    with switched.disable_adapter():
        assert_same(lm._loglikelihood_tokens(requests), base)


# --- memory --------------------------------------------------------------------------------------


class Memory:
    """A model's memory that holds passes of `most_tokens` tokens, and counts what was tried."""

    def __init__(self, patch: pytest.MonkeyPatch, most_tokens: int) -> None:
        self.tried: list[int] = []
        read = passes.Model.read

        def limited(model: Any, tokens: passes.Tokens, *others: Any) -> Any:
            self.tried.append(tokens.ids.numel())
            if tokens.ids.numel() > most_tokens:
                raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 1 GiB")
            return read(model, tokens, *others)

        patch.setattr(passes.Model, "read", limited)


WIDE = Budget(
    row_tokens=64, batch_tokens=128, generation_rows=4, cached_tokens=4096, batch_sequences=None
)
SHORT = [split([n, *range(n % 25 + 2)], 3) for n in range(60)]


def test_out_of_memory_halves_the_budget_and_changes_no_number(
    lm: CliffguardLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pass that does not fit is run again in halves; the answers stay."""
    lm.budget = WIDE
    expected = lm._loglikelihood_tokens(SHORT)
    memory = Memory(monkeypatch, most_tokens=100)

    answers = lm._loglikelihood_tokens(SHORT)

    assert_same(answers, expected)
    assert lm.budget.batch_tokens == 64, "one halving suffices, and is kept"
    assert sum(tried > 100 for tried in memory.tried) == 1, "what does not fit is tried once"


def test_what_was_read_before_memory_ran_out_stays(
    lm: CliffguardLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only requests that are not answered yet are computed again."""
    lm.budget = WIDE
    memory = Memory(monkeypatch, most_tokens=10**6)
    expected = lm._loglikelihood_tokens(SHORT)
    once = sum(memory.tried)
    read, calls = passes.Model.read, iter(range(100))

    def fails_late(*args: Any) -> Any:
        if next(calls) == 3:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return read(*args)

    monkeypatch.setattr(passes.Model, "read", fails_late)
    memory.tried.clear()

    assert_same(lm._loglikelihood_tokens(SHORT), expected)
    assert sum(memory.tried) < 1.3 * once, "passes that succeeded were run again"


def test_a_budget_that_can_shrink_no_further_is_an_infrastructure_error(
    lm: CliffguardLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where not even the smallest pass fits, the error says what helps."""
    lm.budget = WIDE
    Memory(monkeypatch, most_tokens=0)

    with support.refused("memory.too-small", 20, "--device"):
        lm._loglikelihood_tokens(SHORT)


class Rows:
    """A model's memory that holds passes of `most` sequences, and counts what was tried."""

    def __init__(self, lm: CliffguardLM, patch: pytest.MonkeyPatch, most: int) -> None:
        self.tried: list[int] = []
        forward = lm.model.forward

        def limited(*args: Any, **kwargs: Any) -> Any:
            n_rows = len(kwargs["input_ids"] if "input_ids" in kwargs else args[0])
            self.tried.append(n_rows)
            if n_rows > most:
                raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 1 GiB")
            return forward(*args, **kwargs)

        patch.setattr(lm.model, "forward", limited)


ENDS = {"until": ["\n"], "max_gen_toks": 4, "do_sample": False}
TEXTS = [
    Instance("generate_until", {}, (f"{number} and so on", dict(ENDS)), number)
    for number in range(8)
]


def test_a_plain_model_that_runs_out_of_memory_halves_its_batch(
    lm: CliffguardLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model that shares no prefix goes on as a packed one does, and answers the same."""
    lm.settle("it was asked for")
    assert lm.batch_size_per_gpu == 16
    expected, texts = lm._loglikelihood_tokens(SHORT), lm.generate(TEXTS)
    memory = Rows(lm, monkeypatch, most=5)

    assert_same(lm._loglikelihood_tokens(SHORT), expected)
    assert lm.batch_size_per_gpu == 4, "two halvings suffice, and are kept"
    assert [n for n in memory.tried if n > 5] == [16, 8]

    lm.batch_size_per_gpu = 16
    assert lm.generate(TEXTS) == texts
    assert lm.batch_size_per_gpu == 4


def test_a_plain_model_that_holds_no_sequence_is_an_infrastructure_error(
    lm: CliffguardLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line says so, and what helps."""
    lm.settle("it was asked for")
    Rows(lm, monkeypatch, most=0)

    with support.refused("memory.too-small", 20, "one sequence a batch"):
        lm._loglikelihood_tokens(SHORT)
    with support.refused("memory.too-small", 20, "one sequence a batch"):
        lm.generate(TEXTS)


def test_a_mask_is_made_where_the_model_is(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is many times as large as the positions that it is made of, and would be copied."""
    engine = passes.Model(model)
    engine.device, engine._window = torch.device("meta"), 4
    sound, made = passes.tree_mask, []

    def noted(*args: Any) -> Any:
        made.append(sound(*args).device.type)
        return sound(*args)

    monkeypatch.setattr(passes, "tree_mask", noted)
    tokens = passes.stacked([chain(np.arange(6), 2), chain(np.arange(3), 2)])

    mask = engine._mask(tokens, 2)

    assert made == ["meta", "meta"], "of full layers, and of windows"
    assert mask.device.type == "meta"
    assert mask.shape == (2, 1, 6, 8)


@pytest.mark.parametrize("row_tokens", [16, 512])
def test_logits_are_made_only_where_they_are_read(model: Any, row_tokens: int) -> None:
    """The LM head sees as many positions as distinct predictions are asked for."""
    random = np.random.default_rng(0)
    prefix = [1] * 100
    tree = [[*prefix, n, *random.integers(0, 250, 4).tolist()] for n in range(2, 12)]
    sequences = [tiny.scored(sequence, 3) for sequence in [*tree, *tree]]
    rows: list[int] = []
    handle = model.lm_head.register_forward_hook(
        lambda module, args, output: rows.append(output.shape[:-1].numel())
    )
    try:
        scoring.score(
            passes.Model(model),
            sequences,
            PassLimits(row_tokens=row_tokens, batch_tokens=1024, batch_reads=64),
        )
    finally:
        handle.remove()

    assert sum(rows) == 3 * len(tree), f"LM head rows per pass: {rows}"
