"""The trial: a fault in what is packed is found in every dtype, and rounding alone is none."""

from __future__ import annotations

import copy
import itertools
import time
from typing import Any

import numpy as np
import pytest
import torch
from transformers import LlamaForCausalLM

from cliffguard.core.errors import IntegrityError
from cliffguard.engine import float32, packing_trial, passes
from cliffguard.engine.float32 import (
    ReferenceTooSlow,
    bytes_to_widen,
    can_be_had,
    in_float32,
    working_seconds,
)
from cliffguard.engine.packing_trial import LogprobError, Trial, plain_reason, sampled
from tests.engine import tiny

DTYPES = [torch.float32, torch.bfloat16, torch.float16]
each_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: str(dtype)[6:])


def prompts(n: int = 12, seed: int = 0) -> list[Any]:
    """Return token sequences in pairs that share 50 tokens."""
    source = np.random.default_rng(seed)
    shared = [source.integers(0, 256, 50) for _ in range((n + 1) // 2)]
    return [np.concatenate([shared[i // 2], source.integers(0, 256, 40)]) for i in range(n)]


# --- faults --------------------------------------------------------------------------------------


def causal(mask: Any) -> Any:
    """Return a mask of the same shape in which each token sees all that stand before it."""
    n_tokens, n_seen = mask.shape[-2:]
    hidden = torch.ones(n_tokens, n_seen).triu(1 + n_seen - n_tokens) * torch.finfo(mask.dtype).min
    return hidden.to(mask.dtype).expand_as(mask) if n_tokens > 1 else mask


def places(position: Any) -> Any:
    """Return positions that count the tokens of a row, whatever branches off where."""
    return position[:, :1] + torch.arange(position.shape[1])


class Stubborn(LlamaForCausalLM):  # type: ignore[misc]
    """A Llama that takes one of its arguments for another thing than was passed."""

    name = "position_ids"
    taken_for: Any = None

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Run as a Llama does, with one argument changed."""
        if kwargs.get(self.name) is not None:
            kwargs[self.name] = type(self).taken_for(kwargs[self.name])
        return super().forward(*args, **kwargs)


@each_dtype
@pytest.mark.parametrize(
    ("name", "taken_for"),
    [
        ("position_ids", lambda _: None),
        ("attention_mask", lambda _: None),
        ("past_key_values", lambda _: None),
        ("position_ids", places),
        ("attention_mask", causal),
    ],
    ids=["no positions", "no mask", "no cache", "positions are places", "every mask is causal"],
)
def test_a_model_that_ignores_what_it_is_passed_is_found(
    name: str, taken_for: Any, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing in its config tells such a model from another: only the trial does."""
    monkeypatch.setattr(Stubborn, "name", name)
    monkeypatch.setattr(Stubborn, "taken_for", staticmethod(taken_for))
    model = Stubborn(tiny.llama().config).eval()
    model.load_state_dict(tiny.llama().state_dict())

    assert plain_reason(model.to(dtype), prompts()), f"it would be packed: {name} is not tried"


def _mask_off_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    sound = passes.tree_mask
    monkeypatch.setattr(passes, "tree_mask", lambda *args: sound(*args).roll(1, dims=-1))


def _neighbours_leak(monkeypatch: pytest.MonkeyPatch) -> None:
    sound = passes.tree_mask

    def leaking(tokens: Any, n_past: int, window: int | None) -> Any:
        n_tokens = tokens.ids.shape[1]
        seen = sound(tokens, n_past, window)
        seen[..., n_past:] |= torch.ones(n_tokens, n_tokens, dtype=torch.bool).tril()
        return seen

    monkeypatch.setattr(passes, "tree_mask", leaking)


def _positions_off_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    sound = passes.Model._run

    def shifted(self: Any, tokens: Any, cache: Any, keep: Any, n_past: int) -> Any:
        if n_past:
            tokens = passes.Tokens(
                ids=tokens.ids, position=tokens.position + 1, end=tokens.end,
                is_chain=tokens.is_chain,
            )  # fmt: skip
        return sound(self, tokens, cache, keep, n_past)

    monkeypatch.setattr(passes.Model, "_run", shifted)


def _stale_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    sound = passes.Model.extend

    def stale(self: Any, *args: Any) -> Any:
        logits, prefix = sound(self, *args)
        return logits, tuple((keys.roll(1, dims=-2), values) for keys, values in prefix)

    monkeypatch.setattr(passes.Model, "extend", stale)


@each_dtype
@pytest.mark.parametrize(
    "plant", [_mask_off_by_one, _neighbours_leak, _positions_off_by_one, _stale_prefix]
)
def test_a_fault_of_ours_is_found(
    plant: Any, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rounding hides none of them: they are looked for in float32, whatever the model's dtype."""
    plant(monkeypatch)

    assert "moved by" in str(plain_reason(tiny.llama().to(dtype), prompts()))


def test_what_only_low_precision_does_wrong_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mask that is right in float32 and hides nothing in bfloat16 fails on the prompts."""
    sound = passes.Model._additive

    def weak(self: Any, seen: torch.Tensor) -> torch.Tensor:
        mask = sound(self, seen)
        return mask if mask.dtype is torch.float32 else mask.clamp(min=-1.0)

    monkeypatch.setattr(passes.Model, "_additive", weak)

    assert "nats from float32" in str(plain_reason(tiny.llama().bfloat16(), prompts()))


@each_dtype
def test_rounding_alone_is_no_fault(dtype: torch.dtype) -> None:
    """A sound model is packed in every dtype."""
    assert plain_reason(tiny.llama().to(dtype), prompts()) is None


# --- the rule ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mean", "p99", "passes"),
    [(0.125, 0.25, True), (0.1251, 0.2, False), (0.1, 0.2501, False), (0.0, 0.0, True)],
)
def test_packed_may_be_a_quarter_farther_from_float32(
    mean: float, p99: float, passes: bool
) -> None:
    """Both in the mean and at the 99th percentile."""
    trial = Trial(n_tokens=256, plain=LogprobError(0.1, 0.2), packed=LogprobError(mean, p99))

    assert trial.passes is passes


def test_a_model_that_overflows_in_its_dtype_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gemma 3 does in float16: no path computes numbers, and float32 alone does not show it."""
    model = tiny.llama().half()
    monkeypatch.setattr(packing_trial, "_moved", lambda *_: None)  # logits this large do move
    with torch.no_grad():
        model.lm_head.weight.mul_(torch.finfo(torch.float16).max / model.lm_head.weight.abs().max())
        model.model.norm.weight.fill_(1000.0)

    with pytest.raises(IntegrityError) as caught:
        plain_reason(model, prompts())

    assert caught.value.id == "model.not-finite"


@pytest.mark.parametrize("n", [0, 1, 3, 12, 500])
def test_a_trial_reads_256_tokens_however_many_prompts_there_are(n: int) -> None:
    """Random tokens stand in for what is lacking, and many prompts are sampled."""
    sequences = sampled(prompts(n), tiny.llama())

    n_read = sum(len(sequence.targets) for sequence in sequences)
    assert 256 <= n_read <= 700
    assert all(len(sequence.tokens) <= 160 for sequence in sequences)


def test_what_two_prompts_share_is_read_once() -> None:
    """Read twice, it would count twice among the tokens of a trial."""
    long = [np.concatenate([np.arange(100), [number, 5]]) for number in (120, 121)]

    sequences = sampled(long, tiny.llama())[:2]

    assert [len(sequence.targets) for sequence in sequences] == [101, 2]


@pytest.mark.parametrize("n_tokens", [1, 500, 1024, 2000])
def test_a_trial_that_fails_reads_more(n_tokens: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Up to four times as many tokens: of few, the 99th percentile may lie apart by chance."""
    monkeypatch.setattr(Trial, "passes", property(lambda self: self.n_tokens >= n_tokens))
    heard: list[Trial] = []

    reason = plain_reason(tiny.llama().bfloat16(), prompts(60), hear=heard.append)

    assert len(heard) == 1
    assert heard[0].n_tokens >= min(n_tokens, 1024)
    assert heard[0].n_tokens < 1200
    assert (reason is None) is (n_tokens <= 1024)


def test_many_short_prompts_are_read_before_random_tokens() -> None:
    """A trial is on the run's own prompts where these hold enough."""
    short = [np.array([5, 6, 7, number]) for number in range(200)]

    assert all(sequence.tokens[0] == 5 for sequence in sampled(short, tiny.llama()))


def test_a_small_vocabulary_and_window_are_kept_to() -> None:
    """Where random tokens stand in: beyond them a sound model fails, and would run plain."""
    model = tiny.build(
        "GPT2", vocab_size=65, n_positions=64, bos_token_id=1, eos_token_id=2, pad_token_id=2
    )

    assert plain_reason(model.bfloat16(), [np.array([3, 4])]) is None


@pytest.mark.parametrize(
    "failure", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory")]
)
def test_a_trial_without_memory_says_nothing_of_the_model(
    failure: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What came of it is kept in the store, where it would stand when memory is there again."""

    def fail(*_: Any) -> Any:
        raise failure

    monkeypatch.setattr(packing_trial, "_apart", fail)
    with pytest.raises(type(failure)):
        plain_reason(tiny.llama().bfloat16(), prompts())


def test_a_trial_has_sequences_that_share_a_beginning() -> None:
    """Else nothing would be packed in it."""
    sequences = sampled(prompts(), tiny.llama())

    assert any(
        (left.tokens[:40] == right.tokens[:40]).all()
        for left, right in itertools.pairwise(sequences)
    )


# --- the reference -------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES[1:], ids=lambda dtype: str(dtype)[6:])
def test_layer_by_layer_is_float32(dtype: torch.dtype) -> None:
    """The logits are those of a copy in float32, and afterwards no weight has another bit."""
    model = tiny.llama().to(dtype)
    copied = copy.deepcopy(model).float()
    ids = torch.from_numpy(prompts(1)[0])[None]

    with torch.inference_mode(), in_float32(model):
        logits = model(input_ids=ids).logits
    with torch.inference_mode():
        expected = copied(input_ids=ids).logits

    assert logits.dtype is torch.float32
    assert torch.equal(logits, expected)
    assert all(parameter.dtype is dtype for parameter in model.parameters())
    for left, right in zip(model.parameters(), copied.parameters(), strict=True):
        assert torch.equal(left, right.to(dtype))


@pytest.mark.parametrize("end", [RuntimeError, KeyboardInterrupt])
def test_a_model_that_fails_on_the_way_keeps_its_dtype(
    end: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also the layer that was widened when it failed, or when Ctrl-C ended it in a notebook."""
    model = tiny.llama().bfloat16()

    def fail(*_: Any, **__: Any) -> Any:
        raise end("out of paper")

    monkeypatch.setattr(model.model.layers[1].mlp, "forward", fail)
    with pytest.raises(end, match="out of paper"), in_float32(model):
        model(input_ids=torch.zeros(1, 4, dtype=torch.long))

    assert {parameter.dtype for parameter in model.parameters()} == {torch.bfloat16}


def test_what_hangs_on_a_weight_in_training_hangs_there_afterwards() -> None:
    """DistributedDataParallel sums gradients in such hooks: a model in memory goes on training."""
    model = tiny.llama().bfloat16()
    weight = model.model.layers[0].mlp.up_proj.weight
    accumulates = weight.expand_as(weight).grad_fn.next_functions[0][0]

    with torch.inference_mode(), in_float32(model):
        model(input_ids=torch.zeros(1, 4, dtype=torch.long))

    assert model.model.layers[0].mlp.up_proj.weight is weight
    assert weight.expand_as(weight).grad_fn.next_functions[0][0] is accumulates


def test_the_reference_is_float32_whatever_torch_rounds_it_to() -> None:
    """Autocast and TF32, as training scripts set them, would make it a second low precision."""
    model = tiny.llama().bfloat16()
    ids = torch.from_numpy(prompts(1)[0])[None]
    with torch.inference_mode(), in_float32(model):
        expected = model(input_ids=ids).logits
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16), in_float32(model):
            within = torch.get_float32_matmul_precision()
            logits = model(input_ids=ids).logits
        after = torch.get_float32_matmul_precision()
    finally:
        torch.set_float32_matmul_precision(before)

    assert torch.equal(logits, expected)
    assert (within, after) == ("highest", "medium")


def test_tied_weights_are_widened_once() -> None:
    """An embedding that is the head as well is the largest weight of a small model."""
    model = tiny.build("Llama", vocab_size=300, tie_word_embeddings=True).bfloat16()
    assert model.lm_head.weight is model.model.embed_tokens.weight

    with in_float32(model):
        assert model.lm_head.weight is model.model.embed_tokens.weight


def test_quantised_weights_have_no_reference() -> None:
    """Nor have those that are on a disk: such a model runs plain, and says why."""
    model = tiny.llama().bfloat16()
    model.model.layers[0].mlp.up_proj.weight = torch.nn.Parameter(
        torch.zeros(64, 32, dtype=torch.int8), requires_grad=False
    )

    assert not can_be_had(model)
    assert "float32 is not known" in str(plain_reason(model, prompts()))


class Clock:
    """A clock that each reading moves on by so many seconds."""

    def __init__(self, step: float) -> None:
        self.now, self.step = 0.0, step

    def __call__(self, _: Any) -> float:
        self.now += self.step
        return self.now


def test_a_block_that_is_reached_too_late_is_not_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time is looked up at each block: no pass of a large model goes far beyond it."""
    model = tiny.llama().bfloat16()
    monkeypatch.setattr(float32, "working_seconds", Clock(1.0))
    reached: list[int] = []
    for number, layer in enumerate(model.model.layers):
        layer.mlp.register_forward_hook(lambda *_, n=number: reached.append(n))

    with pytest.raises(ReferenceTooSlow), in_float32(model, until=1.5):
        model(input_ids=torch.zeros(1, 4, dtype=torch.long))

    assert reached == [0]
    assert {parameter.dtype for parameter in model.parameters()} == {torch.bfloat16}


@pytest.mark.parametrize(
    ("n_run", "step", "is_plain"),
    [(0, 0.001, False), (0, 4.0, True), (10_000, 4.0, False)],
    ids=["quick", "a short run", "a long run"],
)
def test_float32_may_take_thirty_seconds_or_a_tenth_of_the_run(
    n_run: int, step: float, is_plain: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How long the run takes is known by the first packed pass; beyond that it runs plain."""
    clock = Clock(step)
    monkeypatch.setattr(packing_trial, "working_seconds", clock)
    monkeypatch.setattr(float32, "working_seconds", clock)

    reason = plain_reason(tiny.llama().bfloat16(), prompts(), n_run=n_run)

    assert (reason is not None) is is_plain
    if is_plain:
        assert "takes longer than 30 s here (--packing packed" in str(reason)


def test_a_busy_machine_does_not_decide() -> None:
    """On a CPU the work of this process counts, and not what others hold it up."""
    model = tiny.llama()
    started, by_the_clock = working_seconds(model), time.monotonic()

    time.sleep(0.5)

    assert time.monotonic() - by_the_clock >= 0.5
    assert working_seconds(model) - started < 0.25


def test_a_layer_and_what_stands_around_the_layers_must_fit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not twice the model. Where they do not fit, memory ran out before anything was computed."""
    model = tiny.llama().bfloat16()
    blocks = [sum(p.numel() for p in layer.parameters()) for layer in model.model.layers]
    n_bytes = 4 * (sum(p.numel() for p in model.parameters()) - sum(blocks) + max(blocks))
    assert bytes_to_widen(model) == n_bytes

    monkeypatch.setattr(packing_trial, "free_bytes", lambda _: n_bytes)
    assert plain_reason(model, prompts()) is None
    monkeypatch.setattr(packing_trial, "free_bytes", lambda _: n_bytes - 1)
    with pytest.raises(MemoryError):
        plain_reason(model, prompts())


def test_prompts_apart_are_what_each_is_by_itself() -> None:
    """One padded pass is the reference of all: no prompt sees another, or its padding."""
    model = tiny.llama()
    sequences = sampled([*prompts(3), np.array([5, 6, 7])], model)

    together = packing_trial._apart(model, sequences, reads_only=True)

    each = np.concatenate([packing_trial._apart(model, [sequence]) for sequence in sequences])
    assert np.abs(together - each).max() < 1e-4


# --- in the engine -------------------------------------------------------------------------------


def test_the_engine_tries_the_first_prompts_that_it_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In bfloat16; in float32 the fixed trial is enough, and known beforehand."""
    tried: list[int] = []
    sound = packing_trial._packed
    monkeypatch.setattr(packing_trial, "_packed", lambda *args: tried.append(1) or sound(*args))
    requests = [(None, tokens[:-4].tolist(), tokens[-4:].tolist()) for tokens in prompts()]
    lm = tiny.ours(tiny.llama().bfloat16(), max_length=256)

    assert not tried
    lm._loglikelihood_tokens(requests)
    lm._loglikelihood_tokens(requests)

    assert (lm.fallback_reason, tried) == (None, [1])
    tiny.ours(tiny.llama(), max_length=256)._loglikelihood_tokens(requests)
    assert tried == [1]


def test_without_memory_for_a_trial_the_engine_runs_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked by lm-eval itself, it answers, and says why it takes longer."""
    monkeypatch.setattr(packing_trial, "free_bytes", lambda _: 0)
    lm = tiny.ours(tiny.llama().bfloat16(), max_length=256)
    requests = [(None, tokens[:-4].tolist(), tokens[-4:].tolist()) for tokens in prompts()]

    answers = lm._loglikelihood_tokens(requests)

    assert len(answers) == len(requests)
    assert lm.fallback_reason == "there was too little memory to try it"


def test_plain_can_be_asked_for() -> None:
    """The model runs as lm-eval's own does, to the last bit."""
    model = tiny.llama().bfloat16()
    requests = [(None, tokens[:-4].tolist(), tokens[-4:].tolist()) for tokens in prompts()]
    lm = tiny.ours(model, max_length=256, packing="plain")

    answers = lm._loglikelihood_tokens(requests)

    assert lm.fallback_reason == "it was asked for"
    assert answers == tiny.theirs(model, max_length=256)._loglikelihood_tokens(requests)
