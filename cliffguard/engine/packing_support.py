"""Whether a model can be packed: known exceptions, and a trial on the model itself.

Packing rests on three things that transformers promises of most decoders: a 4-D mask is used as
it is given, positions are those that are passed in, and a prefix's keys and values are all that
the rest needs of it. Where one fails, the numbers would be wrong in silence: so it is tried.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from cliffguard.core.errors import CliffguardError, IntegrityError
from cliffguard.core.texts import first_line
from cliffguard.engine.decoding import RowCache
from cliffguard.engine.packing import PassLimits, Scored, chain
from cliffguard.engine.passes import Model, stacked
from cliffguard.engine.scoring import score

_MASKABLE = ("sdpa", "eager")
_LAYERS = {"full_attention", "sliding_attention"}
_TOLERANCE = {torch.float32: 1e-3, torch.float64: 1e-3}
_TOLERANCE_HALF = 0.01
_TIMES_NOISE = 4.0  # packed may differ from plain by so much more than plain from itself
_N_PREFIX = 40
_N_BRANCH = 6


def plain_reason(model: Any) -> str | None:
    """Return why `model` must take the plain path, item by item as lm-eval does, or None."""
    return _known_reason(model) or _tried_reason(model)


def _known_reason(model: Any) -> str | None:
    config = model.config.get_text_config(decoder=True)
    implementation = getattr(config, "_attn_implementation", None)
    layers = sorted(set(getattr(config, "layer_types", None) or ()) - _LAYERS)
    rope = sorted(_rope_types(config) & {"dynamic", "longrope"})
    reasons = {
        "an encoder-decoder has no prefix to share": model.config.is_encoder_decoder,
        "its layers carry a state, which cannot branch": getattr(
            _inner(model), "_is_stateful", False
        ),
        "its local layers count places in a row, not positions": "local"
        in _attention_kinds(config),
        f"its layers are of kinds without a mask ({', '.join(layers)})": layers,
        f"its rotary positions ({', '.join(rope)}) depend on the length of a batch": rope,
        "its adapter begins at a cue in the prompt, once in a row": _waits_for_a_cue(model),
        "its adapter puts tokens of its own before the prompt": _learns_a_prompt(model),
        f"attention {implementation!r} takes no mask of ours (use sdpa or eager)": (
            implementation not in _MASKABLE
        ),
        "it has no LM head of its own": model.get_output_embeddings() is None,
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def _attention_kinds(config: Any) -> tuple[str, ...]:
    return tuple(getattr(config, "attention_layers", None) or ())  # GPT-Neo's name for them


def _inner(model: Any) -> Any:
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def _rope_types(config: Any) -> set[str]:
    rope = getattr(config, "rope_parameters", None) or getattr(config, "rope_scaling", None) or {}
    parts = [rope, *(value for value in rope.values() if isinstance(value, dict))]
    return {str(part.get("rope_type", part.get("type", "default"))) for part in parts}


def _waits_for_a_cue(model: Any) -> bool:
    adapters = getattr(model, "peft_config", None) or {}
    return any(getattr(one, "alora_invocation_tokens", None) for one in adapters.values())


def _learns_a_prompt(model: Any) -> bool:
    adapters = getattr(model, "peft_config", None) or {}
    return any(
        getattr(one, "is_prompt_learning", False) or getattr(one, "is_adaption_prompt", False)
        for one in adapters.values()
    )


def _tried_reason(model: Any) -> str | None:
    """Score three continuations of one prefix packed and apart, and read one step of decoding."""
    try:
        difference, noise = _difference(model)
    except (torch.cuda.OutOfMemoryError, MemoryError, CliffguardError):
        raise
    except Exception as failure:  # models raise whatever they like at inputs they do not know
        reason = first_line(failure, otherwise="", n_characters=120)
        return f"it refuses packed input ({type(failure).__name__}: {reason})"
    allowed = _TOLERANCE.get(model.dtype) or max(_TOLERANCE_HALF, _TIMES_NOISE * noise)
    if difference <= allowed:
        return None
    return f"packed, a token's log-probability moved by {difference:.2g} nats on a trial"


def _difference(model: Any) -> tuple[float, float]:
    """Return how far packed differs from plain, and plain from itself in another batch.

    Both in nats a token: the largest in float32, where the second is negligible and not measured,
    the mean below.
    """
    vocabulary = model.get_input_embeddings().weight.shape[0]
    tokens = np.random.default_rng(0).integers(0, min(vocabulary, 1000), _N_PREFIX + 2 * _N_BRANCH)
    prefix, first, second = np.split(tokens, [_N_PREFIX, _N_PREFIX + _N_BRANCH])
    # The same branch twice, in unlike surroundings: what leaks in from a neighbour shows.
    sequences = [
        np.concatenate([prefix, branch])
        for branch in (first, second, np.concatenate([second, first]))
    ]
    asked = [Scored(tokens=one[:-1], targets=one[-4:]) for one in sequences]
    packed = Model(model)
    # Room for all three in one row: a prefix, and below it a row that branches.
    limits = PassLimits(row_tokens=3 * _N_BRANCH, batch_tokens=256, batch_reads=256)
    found = [one.logprobs for one in score(packed, asked, limits)]
    alone = [_plainly(packed, one, n_rows=1) for one in sequences]
    if np.isnan(alone).any():
        raise IntegrityError(
            "the model computes no numbers: its logits on a trial are NaN", id="model.not-finite"
        )
    step = _decoded(packed, prefix, sequences[0])
    moved = np.abs(np.array(found) - np.array(alone)).ravel()
    moved = np.append(moved, abs(float(step[sequences[0][-1]]) - alone[0][-1]))
    if model.dtype in _TOLERANCE:
        return float(np.max(moved)), 0.0
    beside = [_plainly(packed, one, n_rows=3) for one in sequences]
    return float(np.mean(moved)), float(np.mean(np.abs(np.array(beside) - np.array(alone))))


@torch.inference_mode()
def _plainly(packed: Model, tokens: Any, *, n_rows: int) -> list[float]:
    """Return the log-probabilities of the last four tokens, from an ordinary pass."""
    ids = torch.from_numpy(tokens)[None].repeat(n_rows, 1).to(packed.device)
    logprobs = packed.model(input_ids=ids).logits[0].float().log_softmax(-1).cpu()
    last = range(len(tokens) - 4, len(tokens))
    return [float(logprobs[place - 1, tokens[place]]) for place in last]


def _decoded(packed: Model, prefix: Any, tokens: Any) -> torch.Tensor:
    """Return the log-probabilities after tokens[:-1], the last of them fed in on its own."""
    row = chain(tokens[len(prefix) : -2], len(prefix))
    _, kept = packed.extend(stacked([chain(prefix, 0)]), (), torch.zeros(0, dtype=torch.long))
    lengths = torch.tensor([len(tokens) - 2, len(tokens) - 2])
    cache = RowCache(kept, lengths, device=packed.device)
    packed.fill(stacked([row, row]), cache, torch.tensor([0]))
    logits = packed.step(torch.tensor([[tokens[-2]], [tokens[0]]]), cache)
    return logits[0].float().log_softmax(-1).cpu()
