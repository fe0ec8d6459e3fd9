"""Every switch of the ablations can be entered, changes what the engine computes, and leaves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from lm_eval.api.instance import Instance
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from cliffguard.engine.budget import Budget
from cliffguard.engine.lm import CliffguardLM
from scripts.studies.engine.ablations import (
    GENERATING,
    SCORING,
    Switch,
    generate_with_prefix,
    our_loop,
)

BUDGET = Budget(
    row_tokens=24, batch_tokens=96, generation_rows=10, cached_tokens=8192, batch_sequences=None
)
SHOTS = "Name a letter, then say it again. " * 4  # a prefix that is worth a pass of its own
LETTERS = "abcdefgh"  # that the model may say
Calls = list[tuple[tuple[int, ...], tuple[int, ...]]]


@pytest.fixture(scope="module")
def lm() -> CliffguardLM:
    """Return the engine around a random model of two layers, with a token a byte."""
    torch.set_num_threads(1)
    vocabulary = {c: number for number, c in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    vocabulary["</s>"] = len(vocabulary)
    raw = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    raw.decoder = decoders.ByteLevel()
    config = LlamaConfig(
        vocab_size=len(vocabulary),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=512,
        initializer_range=0.5,
        eos_token_id=vocabulary["</s>"],
    )
    torch.manual_seed(0)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=raw, eos_token="</s>")
    model = LlamaForCausalLM(config).eval()
    with torch.no_grad():
        says = torch.zeros(len(vocabulary), 1)
        says[[vocabulary[letter] for letter in LETTERS]] = 1
        model.lm_head.weight.mul_(says)
    made = CliffguardLM(model, tokenizer=tokenizer, budget=BUDGET)
    assert made.fallback_reason is None
    return made


def choices() -> list[Instance]:
    """Return requests of several lengths below one prefix, and some that share nothing."""
    contexts = [f"{SHOTS}{c}{'abc' * (n * 5 % 8)}" for n, c in enumerate("qrstuvwx")]
    contexts += ["Quite another text", "x"]
    pairs = [(context, f" {choice}") for context in contexts for choice in ("yes", "no", "maybe")]
    return [Instance("loglikelihood", {}, pair, number) for number, pair in enumerate(pairs)]


def prompts() -> list[Instance]:
    """Return prompts below one prefix, some of whose answers end before the limit."""
    how = {"until": ["a", "b"], "max_gen_toks": 8, "do_sample": False}
    return [Instance("generate_until", {}, (f"{SHOTS}{n}: ", dict(how)), n) for n in range(12)]


@contextmanager
def watched(lm: CliffguardLM) -> Iterator[Calls]:
    """Note the shape of all that goes into the model, and into its LM head."""
    calls: Calls = []
    model, head = lm.model.forward, lm.model.lm_head.forward

    def forward(input_ids: Any = None, **kwargs: Any) -> Any:
        calls.append((tuple(input_ids.shape), ()))
        return model(input_ids=input_ids, **kwargs)

    def read(hidden: Any) -> Any:
        calls.append(((), tuple(hidden.shape)))
        return head(hidden)

    lm.model.forward, lm.model.lm_head.forward = forward, read
    try:
        yield calls
    finally:
        del lm.model.forward, lm.model.lm_head.forward


def answered(lm: CliffguardLM, requests: list[Instance]) -> tuple[list[Any], Calls]:
    """Return the answers to requests, and what the model was fed for them."""
    lm.engine.clear_prefix_cache()
    with watched(lm) as calls:
        answers = getattr(lm, requests[0].request_type)(requests, disable_tqdm=True)
    return answers, calls


CASES = [
    *(("loglikelihood", name) for name in SCORING),
    *(("generate_until", name) for name in GENERATING),
]


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_a_part_is_switched_off_and_on_again(kind: str, name: str, lm: CliffguardLM) -> None:
    """The model is fed otherwise within the switch and as before after it; answers stay."""
    requests = choices() if kind == "loglikelihood" else prompts()
    switches: Mapping[str, Switch] = SCORING if kind == "loglikelihood" else GENERATING
    whole, calls = answered(lm, requests)

    with switches[name](lm):
        without, other_calls = answered(lm, requests)
    again, calls_again = answered(lm, requests)

    assert other_calls != calls
    assert calls_again == calls
    assert again == whole
    if kind == "loglikelihood":
        np.testing.assert_allclose(*([a[0] for a in side] for side in (without, whole)), atol=1e-4)
    else:
        assert without == whole


def test_ways_to_decode_agree(lm: CliffguardLM) -> None:
    """Greedy continuations are the same in the engine's loop and in transformers'."""
    tokens = [lm.tok_encode(f"{SHOTS}{letter * (n + 1)}") for n, letter in enumerate("abc")]

    assert generate_with_prefix(lm, tokens, 6, lm.eot_token_id) == our_loop(
        lm, tokens, 6, lm.eot_token_id
    )
