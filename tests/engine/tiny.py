"""Builders for the engine's tests: tiny models, the two engines around one, trees of tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM

from cliffguard.engine.budget import Budget
from cliffguard.engine.lm import CliffguardLM
from cliffguard.engine.packed_rows import Ints, Scored
from tests.support import byte_tokenizer

torch.set_num_threads(1)  # models this small only lose time to more

VOCABULARY = 260
LETTERS = "abcdefgh .\n"

TIGHT = Budget(
    row_tokens=12, batch_tokens=48, generation_rows=2, cached_tokens=4096, batch_sequences=None
)
"""A budget under which prefixes get passes of their own and batches are small."""


def build(architecture: str, *, config: str | None = None, seed: int = 0, **settings: Any) -> Any:
    """Return a random float32 model; `architecture` as in LlamaForCausalLM without its ending.

    Matrices are scaled up until the answers of the model depend on all that it reads.
    """
    import transformers

    shape: dict[str, Any] = {
        "vocab_size": VOCABULARY,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "bos_token_id": 256,
        "eos_token_id": 257,
        "pad_token_id": 257,
    }
    head = next(
        getattr(transformers, architecture + ending)
        for ending in ("ForCausalLM", "LMHeadModel")
        if hasattr(transformers, architecture + ending)
    )
    wanted = getattr(transformers, config or f"{architecture}Config")
    made = wanted(**{name: value for name, value in {**shape, **settings}.items()})
    torch.manual_seed(seed)
    model = head(made).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.normal_(std=0.3)
    return model


def llama(*, seed: int = 0, max_length: int = 512, speaks: str | None = None) -> Any:
    """Return a random Llama for the byte tokenizer; `speaks` are the letters that it may say."""
    model = build(
        "Llama",
        seed=seed,
        vocab_size=len(byte_tokenizer()),
        num_key_value_heads=2,
        max_position_embeddings=max_length,
    )
    if speaks is not None:
        letters = [*byte_tokenizer().encode(speaks), 257]
        kept = torch.zeros(model.config.vocab_size, 1)
        kept[letters] = 1.0
        with torch.no_grad():
            model.lm_head.weight.mul_(kept)
    return model


def ours(model: Any, *, budget: Budget | None = TIGHT, **options: Any) -> CliffguardLM:
    """Return the engine around a model, with a small budget."""
    return CliffguardLM(model, tokenizer=byte_tokenizer(), budget=budget, **options)


def theirs(model: Any, **options: Any) -> HFLM:
    """Return lm-eval's own engine around a model."""
    return HFLM(model, tokenizer=byte_tokenizer(), **{"batch_size": 16, **options})


def instances(kind: str, arguments: Sequence[tuple[Any, ...]]) -> list[Instance]:
    """Return lm-eval requests."""
    return [
        Instance(request_type=kind, doc={}, arguments=args, idx=number)
        for number, args in enumerate(arguments)
    ]


@st.composite
def token_trees(draw: st.DrawFn, *, n_tokens: int = 3, longest: int = 120) -> list[list[int]]:
    """Draw sequences many of which begin with an earlier one, or with a part of it."""
    pieces = draw(
        st.lists(
            st.tuples(
                st.integers(0, 30),
                st.integers(1, longest),
                st.lists(st.integers(0, n_tokens - 1), max_size=6),
                st.integers(1, 12),
            ),
            min_size=1,
            max_size=24,
        )
    )
    sequences: list[list[int]] = []
    for parent, cut, new, times in pieces:
        start = [[], *sequences][parent % (len(sequences) + 1)][:cut]
        sequences.append((start + new * times)[:longest] or [0])
    return sequences


def ints(values: Sequence[int]) -> Ints:
    """Return tokens as the engine takes them."""
    return np.array(values, dtype=np.int64)


def scored(sequence: Sequence[int], n_read: int) -> Scored:
    """Return a sequence of which the last `n_read` tokens are predicted."""
    tokens = ints(sequence)
    return Scored(tokens=tokens[:-1], targets=tokens[len(tokens) - n_read :])


def branching() -> list[Ints]:
    """Return sequences of random tokens: two prefixes, one within the other, and one apart."""
    random = np.random.default_rng(0)

    def fresh(n: int) -> Ints:
        return random.integers(0, 250, n)

    prefix = fresh(40)
    longer = np.concatenate([prefix, fresh(10)])
    below = [np.concatenate([prefix, fresh(n)]) for n in (5, 9, 20, 33)]
    return [*below, *(np.concatenate([longer, fresh(n)]) for n in (3, 12, 12)), fresh(7)]


def logprobs(model: Any, tokens: Ints) -> torch.Tensor:
    """Return log-probabilities [tokens, vocabulary] from a plain forward pass."""
    with torch.inference_mode():
        logits = model(input_ids=torch.from_numpy(tokens)[None]).logits[0]
    normal: torch.Tensor = logits.float().log_softmax(-1)
    return normal
