"""Architectures: what can be packed is packed exactly, all else runs as lm-eval runs it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from cliffguard.engine import generation, packing_trial, scoring
from cliffguard.engine.packed_rows import Ints, PassLimits, RowLimits, Scored
from cliffguard.engine.passes import Model
from tests import support
from tests.engine import tiny

GROUPED = {"num_key_value_heads": 2}
GPT = {"n_positions": 256}
WINDOW = 8  # far shorter than the sequences

PACKED: dict[str, dict[str, Any]] = {
    "llama": {"architecture": "Llama", **GROUPED},
    "llama with yarn": {
        "architecture": "Llama",
        "rope_parameters": {"rope_type": "yarn", "factor": 2.0, "rope_theta": 10000.0},
    },
    "qwen2": {"architecture": "Qwen2", **GROUPED},
    "qwen2 with windows in its upper layers": {
        "architecture": "Qwen2",
        "num_hidden_layers": 4,
        "use_sliding_window": True,
        "sliding_window": WINDOW,
        "max_window_layers": 2,
        **GROUPED,
    },
    "qwen3": {"architecture": "Qwen3", "head_dim": 8, **GROUPED},
    "mistral": {"architecture": "Mistral", "sliding_window": WINDOW, "head_dim": 8, **GROUPED},
    "gemma2": {"architecture": "Gemma2", "sliding_window": WINDOW, "head_dim": 8, **GROUPED},
    "gemma3": {
        "architecture": "Gemma3",
        "config": "Gemma3TextConfig",
        "num_hidden_layers": 6,
        "sliding_window": WINDOW,
        "head_dim": 8,
        **GROUPED,
    },
    "olmo3": {"architecture": "Olmo3", "num_hidden_layers": 4, "sliding_window": WINDOW},
    "gpt-oss": {
        "architecture": "GptOss",
        "sliding_window": WINDOW,
        "head_dim": 8,
        "num_local_experts": 4,
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
        **GROUPED,
    },
    "gpt2": {"architecture": "GPT2", **GPT},
    "gptj": {"architecture": "GPTJ", "rotary_dim": 4, **GPT},
    "gpt-neox": {"architecture": "GPTNeoX"},
    "opt": {"architecture": "OPT", "word_embed_proj_dim": 32, "ffn_dim": 64},
    "phi3": {"architecture": "Phi3", "sliding_window": WINDOW, **GROUPED},
    "falcon": {"architecture": "Falcon"},
    "mixtral": {"architecture": "Mixtral", "num_local_experts": 4, **GROUPED},
    "qwen2-moe": {
        "architecture": "Qwen2Moe",
        "num_experts": 4,
        "num_experts_per_tok": 2,
        "moe_intermediate_size": 32,
        "shared_expert_intermediate_size": 32,
        **GROUPED,
    },
    "olmoe": {"architecture": "Olmoe", "num_experts": 4, "num_experts_per_tok": 2},
    "deepseek-v3": {
        "architecture": "DeepseekV3",
        "num_key_value_heads": 4,
        "q_lora_rank": 8,
        "kv_lora_rank": 8,
        "qk_rope_head_dim": 4,
        "qk_nope_head_dim": 4,
        "v_head_dim": 8,
        "n_routed_experts": 4,
        "n_group": 1,
        "topk_group": 1,
        "num_experts_per_tok": 2,
        "moe_intermediate_size": 16,
        "first_k_dense_replace": 1,
    },
}

PLAIN: dict[str, dict[str, Any]] = {
    "mamba": {"architecture": "Mamba", "state_size": 8},
    "jamba": {
        "architecture": "Jamba",
        "attn_layer_period": 2,
        "attn_layer_offset": 1,
        "num_experts": 2,
        "num_experts_per_tok": 1,
        "mamba_d_state": 4,
        "mamba_d_conv": 2,
        "use_mamba_kernels": False,  # transformers 5.0 wants them, or this
        **GROUPED,
    },
    "recurrent-gemma": {"architecture": "RecurrentGemma", "num_hidden_layers": 3, "lru_width": 32},
    "qwen3-next": {
        "architecture": "Qwen3Next",
        "num_hidden_layers": 4,
        "head_dim": 8,
        "linear_num_key_heads": 2,
        "linear_num_value_heads": 2,
        "linear_key_head_dim": 8,
        "linear_value_head_dim": 8,
        "num_experts": 4,
        "num_experts_per_tok": 2,
        "moe_intermediate_size": 32,
        "shared_expert_intermediate_size": 32,
        **GROUPED,
    },
    "lfm2": {"architecture": "Lfm2", "layer_types": ["conv", "full_attention"], **GROUPED},
    "dynamic rope": {
        "architecture": "Llama",
        "rope_parameters": {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 10000.0},
    },
    "bloom, whose alibi is built from a 2-D mask": {"architecture": "Bloom"},
    "falcon with alibi": {"architecture": "Falcon", "alibi": True},
    "mpt, whose alibi counts places, not positions": {"architecture": "Mpt", "max_seq_len": 256},
    "gpt-neo, whose windows count places": {
        "architecture": "GPTNeo",
        "num_layers": 2,
        "num_heads": 4,
        "attention_types": [[["global", "local"], 1]],
        "window_size": WINDOW,
    },
    "gpt-neo, with windows longer than the trial": {
        "architecture": "GPTNeo",
        "num_layers": 2,
        "num_heads": 4,
        "attention_types": [[["global", "local"], 1]],
        "window_size": 128,
    },
}


@pytest.mark.parametrize("name", PACKED)
def test_packed_scores_are_those_of_a_plain_pass(name: str) -> None:
    """Sequences below shared prefixes, or side by side in one row, score as each alone."""
    model = tiny.build(**PACKED[name])
    assert packing_trial.plain_reason(model) is None
    sequences = tiny.branching()
    requests = [Scored(tokens=sequence[:-1], targets=sequence[1:]) for sequence in sequences]
    below, beside = (
        scoring.score(
            Model(model), requests, PassLimits(row_tokens=n, batch_tokens=4 * n, batch_reads=n)
        )
        for n in (16, 512)
    )

    for tokens, prefixed, other in zip(sequences, below, beside, strict=True):
        plain = tiny.logprobs(model, tokens)[:-1]
        expected = plain[torch.arange(len(tokens) - 1), torch.from_numpy(tokens[1:])].tolist()
        assert prefixed.logprobs == pytest.approx(expected, abs=1e-4), "below a prefix"
        assert other.logprobs == pytest.approx(expected, abs=1e-4), "beside others in a row"


def naive(model: Any, tokens: Ints, n_new: int) -> tuple[list[int], list[float]]:
    """Return greedy tokens, each from a pass over the whole text, and their lead over others."""
    answer: list[int] = []
    leads: list[float] = []
    for _ in range(n_new):
        top = tiny.logprobs(model, np.concatenate([tokens, tiny.ints(answer)]))[-1].topk(2)
        answer.append(int(top.indices[0]))
        leads.append(float(top.values[0] - top.values[1]))
    return answer, leads


# Those of unlike attention: the scores above are of all.
TOLD_APART = (
    "llama",
    "qwen2 with windows in its upper layers",
    "gemma3",
    "gpt-oss",
    "gpt-neox",
    "deepseek-v3",
)


@pytest.mark.parametrize("name", support.mostly_slow(PACKED, *TOLD_APART))
def test_greedy_answers_are_those_of_whole_passes(name: str) -> None:
    """Prompts of unlike lengths, below a shared prefix or not, leaving to others in turn."""
    model = tiny.build(**PACKED[name])
    prompts = [
        generation.Prompt(tokens=prompt, max_new_tokens=n_new, ends_at=lambda *_: None, seed=0)
        for prompt, n_new in zip(tiny.branching()[-5:], (9, 3, 9, 5, 9), strict=True)
    ]

    by_blocks, by_tokens = (
        generation.generate(
            Model(model), prompts, RowLimits(n_rows=3, batch_tokens=40, block_tokens=block_tokens)
        )
        for block_tokens in (4, 1)
    )

    for prompt, answer, other in zip(prompts, by_blocks, by_tokens, strict=True):
        expected, leads = naive(model, prompt.tokens, prompt.max_new_tokens)
        tie = next((n for n, lead in enumerate(leads) if lead < 1e-4), len(leads))
        assert list(answer.tokens[:tie]) == list(other.tokens[:tie]) == expected[:tie]
        assert len(answer.tokens) == len(other.tokens) == prompt.max_new_tokens


@pytest.mark.parametrize("name", PLAIN)
def test_what_cannot_be_packed_runs_as_in_lm_eval(name: str) -> None:
    """The engine says why, and its scores and answers are lm-eval's own."""
    model = tiny.build(**PLAIN[name])
    lm, hf = tiny.ours(model, max_length=256), tiny.theirs(model, max_length=256)
    tokens = [sequence.tolist() for sequence in tiny.branching()]
    scores = [(None, sequence[:-4], sequence[-4:]) for sequence in tokens]
    answers = tiny.instances(
        "generate_until", [(text, {"max_gen_toks": 4}) for text in ("ab", "abc")]
    )

    assert lm.fallback_reason, "it must not be packed: the numbers would be wrong in silence"
    assert lm._loglikelihood_tokens(scores) == hf._loglikelihood_tokens(scores)
    assert lm.generate_until(answers) == hf.generate_until(answers)


def test_a_learnt_prompt_runs_as_in_lm_eval() -> None:
    """An adapter that puts its own tokens before the prompt is not packed."""
    from peft import PromptTuningConfig, get_peft_model

    torch.manual_seed(0)
    config = PromptTuningConfig(num_virtual_tokens=4, task_type="CAUSAL_LM")
    model = get_peft_model(tiny.llama(), config).eval()
    lm, hf = tiny.ours(model), tiny.theirs(model)
    scores = [
        (None, sequence[:-4].tolist(), sequence[-4:].tolist()) for sequence in tiny.branching()
    ]

    assert "before the prompt" in str(lm.fallback_reason)
    assert lm._loglikelihood_tokens(scores) == hf._loglikelihood_tokens(scores)


def test_attention_that_takes_no_mask_is_named() -> None:
    """Flash attention would ignore a tree's mask."""
    model = tiny.llama()
    model.config._attn_implementation = "flash_attention_2"

    reason = packing_trial.plain_reason(model)

    assert reason == "attention 'flash_attention_2' takes no mask of ours (use sdpa or eager)"
